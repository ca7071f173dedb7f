//! What leaves: the answer with everything that came of the tasks, judged by the Critic as it will leave, and remembered.

use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_protocols::{Limits, Performative};
use aios_work::content::{
    Answer, CriticReport, GoalStatus, RememberRequest, Submission, TaskReport, hex, ontology,
};
use aios_work::{Case, Goal, Plan};

use crate::critic::start;
use crate::progress::{Progress, Seen};
use crate::task_run::{TaskRun, draft};

/// How long recalling or remembering may take; without it a goal goes on.
pub(crate) const RECALL_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of an answer and its grounds that a message carries, its own fields aside.
const MESSAGE: usize = Limits::CONTROL.frame - (32 << 10);

/// Has the domain write the answer, has it judged as it will leave, and keeps it.
pub(crate) async fn deliver(
    case: &dyn Case,
    seen: &Seen,
    progress: Progress,
    run: &TaskRun<'_>,
) -> Result<Answer, AgentError> {
    let goal = &run.goal;
    let written = case.write(&seen.so_far());
    let status = if written.gaps.is_empty() {
        GoalStatus::Approved
    } else {
        GoalStatus::Partial
    };
    let mut answer = Answer {
        status,
        answer: written.answer,
        facts: written.facts,
        artifacts: seen.artifacts.clone(),
        tasks: in_order(&seen.plan, progress.reports),
        gaps: written.gaps,
        ..run.answer(goal.id())
    };
    let judge = |answer: &Answer| Submission::Answer {
        answer: Box::new(answer.clone()),
        grounds: seen.grounds(run),
    };
    // The critic is asked in one message, and the answer leaves in one.
    let asked = serde_json::to_vec(&judge(&answer)).map_or(usize::MAX, |written| written.len());
    if asked > MESSAGE {
        let reason = format!(
            "the answer and its figures have {asked} bytes, a message carries {MESSAGE}; ask for fewer groups or a shorter period"
        );
        return Ok(Answer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    let (mut judgement, mut proof) = run
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
        (judgement, proof) = run
            .validate("", judge(&answer))
            .await
            .map_err(AgentError::failure)?;
    }
    if !judgement.deliverable {
        let reason = format!(
            "the critic holds the answer back: {}",
            judgement.feedback.replace('\n', " ")
        );
        return Ok(Answer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    answer.critic = CriticReport {
        score: judgement.score,
        dimensions: judgement.dimensions.by_name(),
    };
    answer.verdict = hex(proof.sealed().as_bytes());
    remember(&answer, goal, run.until_due() / 2, run.ctx).await;
    Ok(answer)
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

async fn remember(answer: &Answer, goal: &Goal, within: Duration, ctx: &Context) {
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
