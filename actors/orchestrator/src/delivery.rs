//! What leaves: the report with everything that came of the tasks, judged by the Critic as it will leave, and remembered.

use std::collections::BTreeSet;
use std::time::Duration;

use aios_protocols::{Limits, Performative};

use super::Analysis;
use super::conduct::{Conduct, draft};
use super::findings::Findings;
use super::progress::Progress;
use crate::agent::{AgentError, Context};
use crate::content::{
    CriticReport, GoalAnswer, GoalRequest, GoalStatus, RememberRequest, TaskReport, TaskStatus,
    Work, hex, ontology,
};
use crate::macro_tier::critic::TextKind;
use crate::macro_tier::critic::agent::{by_name, start};
use crate::macro_tier::goal::Goal;
use crate::macro_tier::plan::Plan;
use crate::macro_tier::report;

/// How long recalling or remembering may take; without it a goal goes on.
pub(super) const RECALL_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of an answer and its evidence that a message carries, its own fields aside.
const MESSAGE: usize = Limits::CONTROL.frame - (32 << 10);

/// Writes the report, has it judged as it will leave, and keeps it.
#[allow(clippy::too_many_arguments)]
pub(super) async fn deliver(
    request: &GoalRequest,
    goal: &Goal,
    plan: &Plan,
    analysis: &Analysis,
    recalled: &[String],
    conduct: &Conduct<'_>,
    progress: Progress,
    ctx: &Context,
) -> Result<GoalAnswer, AgentError> {
    let plan = &progress.plan(plan);
    let mut analysis = analysis.clone();
    analysis.notes.extend(progress.notes.iter().cloned());
    let analysis = &analysis;
    let mut findings = Findings::read(plan, analysis, &progress.outputs);
    // Why something is missing says more than that it is.
    let told: BTreeSet<String> = progress
        .reports
        .iter()
        .filter_map(|report| no_result(report, plan))
        .collect();
    findings.gaps.retain(|gap| !told.contains(gap));
    let paragraph = report::closing(goal, analysis, &findings, progress.paragraph.as_deref());
    let written = report::answer(
        goal,
        analysis,
        &findings,
        &paragraph,
        &progress.artifacts,
        &progress.gaps,
    );
    let mut evidence =
        findings.evidence(goal, plan, analysis, TextKind::Report, plan.points.clone());
    evidence.passages.extend(expression(analysis));
    // What a paragraph may repeat, the answer that holds it may repeat.
    evidence.passages.extend(recalled.iter().cloned());
    // The age of an earlier result is a number that no file holds.
    evidence.passages.extend(progress.notes.iter().cloned());
    let status = if written.gaps.is_empty() {
        GoalStatus::Approved
    } else {
        GoalStatus::Partial
    };
    let mut answer = GoalAnswer {
        goal_id: request.goal_id.clone(),
        status,
        answer: written.answer,
        facts: written.facts,
        artifacts: written.artifacts,
        tasks: in_order(plan, progress.reports),
        critic: CriticReport::default(),
        gaps: written.gaps,
        waits_for: conduct.waits_for.lock().clone(),
        spent: conduct.budget.spent(),
        ended_by: conduct.ended_by(),
        reason: None,
        verdict: String::new(),
    };
    let judge = |answer: &GoalAnswer| Work::Answer {
        answer: Box::new(answer.clone()),
        evidence: Box::new(evidence.clone()),
    };
    // The critic is asked in one message, and the answer leaves in one.
    let asked = serde_json::to_vec(&judge(&answer)).map_or(usize::MAX, |written| written.len());
    if asked > MESSAGE {
        let reason = format!(
            "the answer and its figures have {asked} bytes, a message carries {MESSAGE}; ask for fewer groups or a shorter period"
        );
        return Ok(GoalAnswer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    let (mut judgement, mut proof) = conduct
        .validate("", judge(&answer))
        .await
        .map_err(AgentError::failure)?;
    if !judgement.deliverable && answer.status == GoalStatus::Approved {
        // It may still leave as what it is: a partial answer that names what the critic misses.
        answer.status = GoalStatus::Partial;
        answer.gaps.extend(
            judgement
                .issues
                .iter()
                .take(3)
                .map(|issue| issue.description.clone()),
        );
        (judgement, proof) = conduct
            .validate("", judge(&answer))
            .await
            .map_err(AgentError::failure)?;
    }
    if !judgement.deliverable {
        let reason = format!(
            "the critic holds the answer back: {}",
            judgement.feedback.replace('\n', " ")
        );
        return Ok(GoalAnswer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    answer.critic = CriticReport {
        score: judgement.score,
        dimensions: by_name(&judgement),
    };
    answer.verdict = hex(proof.sealed().as_bytes());
    remember(&answer, goal, conduct.until_due() / 2, ctx).await;
    Ok(answer)
}

/// The numbers of an expression were given and not found: whoever states the result may repeat them.
pub(super) fn expression(analysis: &Analysis) -> Option<String> {
    analysis
        .expression
        .as_ref()
        .map(|expression| expression.shown.clone())
}

/// The gap a failed task leaves in the findings, which know only that there is no result.
fn no_result(report: &TaskReport, plan: &Plan) -> Option<String> {
    let task = plan
        .tasks
        .iter()
        .find(|task| task.id == report.id && report.status == TaskStatus::Failed)?;
    let point = plan
        .points
        .iter()
        .find(|point| Some(&point.id) == task.point.as_ref());
    Some(format!(
        "{}: no result",
        point.map_or(&task.id, |point| &point.asks)
    ))
}

/// Reports in the order of the plan, whatever order they came in.
fn in_order(plan: &Plan, mut reports: Vec<TaskReport>) -> Vec<TaskReport> {
    let place = |id: &str| {
        plan.tasks
            .iter()
            .position(|task| task.id == id)
            .unwrap_or(usize::MAX)
    };
    reports.sort_by_key(|report| place(&report.id));
    reports
}

async fn remember(answer: &GoalAnswer, goal: &Goal, within: Duration, ctx: &Context) {
    let kept = RememberRequest {
        source: format!("goal/{}", answer.goal_id),
        text: format!("{}\n{}", goal.text(), start(&answer.answer, 1_500)),
        result: serde_json::to_value(answer).ok(),
    };
    let told = async {
        let draft = draft(Performative::Request, ontology::REMEMBER, &kept)?;
        let patience = RECALL_DEADLINE.min(within);
        ctx.ask("macro.memory", draft, patience).await?;
        Ok::<(), AgentError>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, "the answer was not remembered");
    }
}
