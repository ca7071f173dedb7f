//! How far a goal has come: the plan carried out task by task, and what came of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aios_protocols::Sealed;
use aios_work::content::{Answer, GoalRequest, GoalStatus, TaskReport, TaskStatus};
use aios_work::{Artifact, Case, Plan, SoFar, Task, ToolOutput};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use crate::dispatcher::{Conducted, Dispatcher};

/// What has come of the tasks so far.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) done: BTreeSet<String>,
    pub(crate) lost: BTreeSet<String>,
    /// Shared with whatever is written from it meanwhile.
    pub(crate) results: Arc<BTreeMap<String, Value>>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) reports: Vec<TaskReport>,
    pub(crate) gaps: Vec<String>,
    /// The replies in which executors gave the accepted results, by the task's id.
    proofs: BTreeMap<String, Sealed>,
    /// Tasks that were done in the place of others, by their id.
    instead: BTreeMap<String, Task>,
    /// How results were come by that did not come the usual way.
    notes: Vec<String>,
}

/// Progress as it was at one moment.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) plan: Plan,
    pub(crate) results: Arc<BTreeMap<String, Value>>,
    pub(crate) artifacts: Vec<Artifact>,
    recalled: Arc<[String]>,
    notes: Vec<String>,
    gaps: Vec<String>,
    told: BTreeSet<String>,
}

impl Seen {
    /// The same, for a domain to look at.
    pub(crate) fn so_far(&self) -> SoFar<'_> {
        SoFar {
            plan: &self.plan,
            results: &self.results,
            artifacts: &self.artifacts,
            recalled: &self.recalled,
            notes: &self.notes,
            gaps: &self.gaps,
            told: &self.told,
        }
    }
}

impl Progress {
    /// Takes what came of a task.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub(crate) fn take(&mut self, task: &Task, conducted: Conducted) -> Result<(), String> {
        self.reports.push(conducted.report);
        self.notes.extend(conducted.note);
        self.gaps.extend(conducted.gap);
        self.proofs
            .extend(conducted.proof.map(|proof| (task.id.clone(), proof)));
        self.instead
            .extend(conducted.instead.map(|other| (task.id.clone(), other)));
        match conducted.outcome {
            Ok(ToolOutput {
                value, artifacts, ..
            }) => {
                self.done.insert(task.id.clone());
                self.artifacts.extend(artifacts);
                Arc::make_mut(&mut self.results).insert(task.id.clone(), value);
                Ok(())
            }
            Err(reason) => {
                self.lost.insert(task.id.clone());
                Err(reason)
            }
        }
    }

    /// All of it now.
    pub(crate) fn seen(&self, plan: &Plan, recalled: &Arc<[String]>) -> Seen {
        let done = |task: &Task| self.instead.get(&task.id).unwrap_or(task).clone();
        let failed = |report: &&TaskReport| report.status == TaskStatus::Failed;
        Seen {
            plan: Plan {
                tasks: plan.tasks.iter().map(done).collect(),
                ..plan.clone()
            },
            results: Arc::clone(&self.results),
            artifacts: self.artifacts.clone(),
            recalled: Arc::clone(recalled),
            notes: self.notes.clone(),
            gaps: self.gaps.clone(),
            told: self
                .reports
                .iter()
                .filter(failed)
                .map(|report| report.id.clone())
                .collect(),
        }
    }

    /// The goal has no answer.
    pub(crate) fn failed(
        self,
        request: &GoalRequest,
        run: &Dispatcher<'_>,
        reason: String,
    ) -> Answer {
        Answer {
            status: GoalStatus::Failed,
            tasks: self.reports,
            reason: Some(reason),
            ..run.answer(&request.goal_id)
        }
    }
}

/// Runs the plan: whatever is ready runs at once, and each result may make more ready.
pub(crate) async fn carry_out(
    plan: &Plan,
    case: &dyn Case,
    recalled: &Arc<[String]>,
    run: &Dispatcher<'_>,
    progress: &mut Progress,
) {
    let mut running = FuturesUnordered::new();
    let mut begun = progress.done.clone();
    loop {
        let ready = plan.ready(&progress.done, &progress.lost);
        let due: Vec<&Task> = ready
            .into_iter()
            .filter(|task| begun.insert(task.id.clone()))
            .collect();
        if !due.is_empty() {
            // What a task is called with is made of what was found when it became due.
            let seen = Arc::new(progress.seen(plan, recalled));
            for task in due {
                let (seen, title) = (Arc::clone(&seen), task.title(&plan.points));
                running.push(async move {
                    let conducted = if task.prose {
                        Some(run.prose(task, &title, case, &seen).await)
                    } else {
                        match case.args(task, &seen.so_far(), None) {
                            Some(args) => Some(run.figures(task, args, &title, Some(case)).await),
                            None => None,
                        }
                    };
                    if conducted.is_none() {
                        run.tell(run.event(task, &title, TaskStatus::Cancelled))
                            .await;
                    }
                    (task, title, conducted)
                });
            }
        }
        let Some((task, title, conducted)) = running.next().await else {
            break;
        };
        let Some(conducted) = conducted else {
            progress.lost.insert(task.id.clone());
            continue;
        };
        if let Err(reason) = progress.take(task, conducted)
            // Prose that did not pass is replaced by the domain's own words, which say so.
            && !task.prose
        {
            progress.gaps.push(format!("{title}: {reason}"));
        }
        // What needed a lost task is lost too, and named once.
        progress.lost = plan.lost(&progress.lost);
    }
}
