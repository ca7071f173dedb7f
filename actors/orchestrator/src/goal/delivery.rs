//! What leaves: the answer with everything that came of the tasks, judged by the Critic as it will leave; and how it is remembered.

use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_protocols::{Limits, Performative};
use aios_work::content::{
    Answer, CriticReport, GoalStatus, RememberRequest, Submission, TaskReport, hex, ontology,
};
use aios_work::{Case, Goal, Plan};

use crate::agents::critic::start;
use crate::goal::progress::{Progress, Seen};
use crate::goal::tasks::{GoalTasks, draft};

/// How long recalling or remembering may take; without it a goal goes on.
pub(crate) const RECALL_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of an answer and its grounds that a message carries, its own fields aside.
const MESSAGE: usize = Limits::CONTROL.frame - (32 << 10);

/// Has the domain write the answer and has it judged as it will leave.
pub(crate) async fn deliver(
    case: &dyn Case,
    seen: &Seen,
    progress: Progress,
    run: &GoalTasks<'_>,
) -> Result<Answer, AgentError> {
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
        ..run.answer(run.goal.id())
    };
    let judge = |answer: &Answer| {
        run.written(
            "",
            Submission::Answer {
                answer: Box::new(answer.clone()),
                grounds: seen.grounds(run),
            },
        )
    };
    // The critic is asked in one message, and the answer leaves in one.
    let work = judge(&answer)?;
    let asked = work.len();
    if asked > MESSAGE {
        let reason = format!(
            "the answer and its figures have {asked} bytes, a message carries {MESSAGE}; ask for less at once"
        );
        return Ok(Answer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    let (mut judgement, mut proof) = run.validate("", work).await.map_err(AgentError::failure)?;
    if !judgement.deliverable && judgement.verdict.passes() && !judgement.checked {
        // Nothing is wrong with it as far as anybody can tell, and that is what it says.
        answer.status = GoalStatus::Unverified;
        (judgement, proof) = run
            .validate("", judge(&answer)?)
            .await
            .map_err(AgentError::failure)?;
    } else if !judgement.deliverable && answer.status == GoalStatus::Approved {
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
            .validate("", judge(&answer)?)
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

/// Has an answer remembered, to be found by what was asked and said.
pub(crate) async fn remember(answer: &Answer, goal: &Goal, within: Duration, ctx: &Context) {
    let kept = RememberRequest {
        source: format!("goal/{}", answer.goal_id),
        text: format!("{}\n{}", goal.text(), start(&answer.answer, 1_500)),
        result: Some(answer),
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
