//! How far a goal has come: the plan carried out task by task, and what came of each.

use std::collections::{BTreeMap, BTreeSet};

use aios_work::{Artifact, ToolOutput};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::conduct::{Conduct, Conducted, Prose};
use super::dag::{self, Filling};
use super::delivery::expression;
use super::findings::{Findings, Reading};
use super::{Analysis, writing};
use crate::content::{CriticReport, GoalAnswer, GoalRequest, GoalStatus, TaskReport, TaskStatus};
use crate::macro_tier::critic::TextKind;
use crate::macro_tier::goal::Goal;
use crate::macro_tier::plan::{Plan, Task};

/// What has come of the tasks so far.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) done: BTreeSet<String>,
    pub(super) lost: BTreeSet<String>,
    pub(super) outputs: BTreeMap<String, Value>,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) reports: Vec<TaskReport>,
    pub(super) gaps: Vec<String>,
    /// The model's paragraph, if it passed.
    pub(super) paragraph: Option<String>,
    /// Tasks that were done in the place of others, by their id.
    pub(super) instead: BTreeMap<String, Task>,
    /// How results were come by that did not come the usual way.
    pub(super) notes: Vec<String>,
}

impl Progress {
    pub(super) fn take(&mut self, task: &Task, conducted: Conducted) -> Result<(), String> {
        self.reports.push(conducted.report);
        self.notes.extend(conducted.note);
        self.gaps.extend(conducted.gap);
        self.instead
            .extend(conducted.instead.map(|other| (task.id.clone(), other)));
        match conducted.outcome {
            Ok(ToolOutput {
                value, artifacts, ..
            }) => {
                self.done.insert(task.id.clone());
                self.artifacts.extend(artifacts);
                if task.reading == Some(Reading::Paragraph) {
                    self.paragraph = value.as_str().map(str::to_owned);
                } else {
                    self.outputs.insert(task.id.clone(), value);
                }
                Ok(())
            }
            Err(reason) => {
                self.lost.insert(task.id.clone());
                Err(reason)
            }
        }
    }

    /// The plan as it was carried out.
    pub(super) fn plan(&self, plan: &Plan) -> Plan {
        let done = |task: &Task| self.instead.get(&task.id).unwrap_or(task).clone();
        Plan {
            tasks: plan.tasks.iter().map(done).collect(),
            ..plan.clone()
        }
    }

    /// The goal has no answer.
    pub(super) fn failed(
        self,
        request: &GoalRequest,
        conduct: &Conduct<'_>,
        reason: String,
    ) -> GoalAnswer {
        GoalAnswer {
            goal_id: request.goal_id.clone(),
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            artifacts: Vec::new(),
            tasks: self.reports,
            critic: CriticReport::default(),
            gaps: Vec::new(),
            waits_for: conduct.waits_for.lock().clone(),
            spent: conduct.budget.spent(),
            ended_by: conduct.ended_by(),
            reason: Some(reason),
            verdict: String::new(),
        }
    }
}

/// Runs the plan: whatever is ready runs at once, and each result may make more ready.
pub(super) async fn carry_out(
    goal: &Goal,
    plan: &Plan,
    analysis: &Analysis,
    recalled: &[String],
    conduct: &Conduct<'_>,
    progress: &mut Progress,
) {
    let mut running = FuturesUnordered::new();
    let mut begun = progress.done.clone();
    loop {
        for task in plan.ready(&progress.done, &progress.lost) {
            if !begun.insert(task.id.clone()) {
                continue;
            }
            // What a task is filled with is what was found when it became due.
            let findings = Findings::read(&progress.plan(plan), analysis, &progress.outputs);
            let title = title(Some(plan), task);
            running.push(async move {
                let filling = Filling {
                    goal,
                    analysis,
                    findings: &findings,
                    recalled,
                    feedback: None,
                };
                let conducted = if task.reading == Some(Reading::Paragraph) {
                    let points = writing::paragraph_points(analysis, &findings);
                    let mut evidence =
                        findings.evidence(goal, plan, analysis, TextKind::Paragraph, points);
                    evidence
                        .passages
                        .extend(recalled.iter().cloned().chain(expression(analysis)));
                    Some(
                        conduct
                            .prose(task, &title, Prose { filling, evidence })
                            .await,
                    )
                } else {
                    match dag::fill(task, &filling) {
                        Some(args) => {
                            Some(conduct.figures(task, args, &title, Some(analysis)).await)
                        }
                        None => None,
                    }
                };
                if conducted.is_none() {
                    conduct
                        .tell(conduct.event(task, &title, TaskStatus::Cancelled))
                        .await;
                }
                (task, title, conducted)
            });
        }
        let Some((task, title, conducted)) = running.next().await else {
            break;
        };
        let Some(conducted) = conducted else {
            progress.lost.insert(task.id.clone());
            continue;
        };
        if let Err(reason) = progress.take(task, conducted)
            // Prose that did not pass is replaced by the report's own paragraph, which says so.
            && task.reading != Some(Reading::Paragraph)
        {
            progress.gaps.push(format!("{title}: {reason}"));
        }
        // What needed a lost task is lost too, and named once.
        progress.lost = plan.lost(&progress.lost);
    }
}

/// What a task is for, in a few words.
pub(super) fn title(plan: Option<&Plan>, task: &Task) -> String {
    let file = || {
        let path = task
            .args
            .get("file")
            .and_then(Value::as_str)
            .unwrap_or("the file");
        path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
    };
    let point = task
        .point
        .as_ref()
        .and_then(|id| plan?.points.iter().find(|point| &point.id == id));
    match (&task.reading, point) {
        (Some(Reading::Profile | Reading::Document), _) => format!("look at {}", file()),
        (Some(Reading::Chart), _) => "draw the chart".to_owned(),
        (Some(Reading::Paragraph), _) => "write the closing paragraph".to_owned(),
        (_, Some(point)) => point.asks.clone(),
        _ => task.id.replace('_', " "),
    }
}
