//! What leaves: the answer with everything that came of the tasks, judged by the Critic as it will leave; and how it is remembered.

use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_protocols::{Limits, Performative};
use aios_work::content::{
    Answer, CriticReport, GoalStatus, ISSUES_TOLD, Judgement, RememberRequest, Remembered,
    Submission, TaskReport, hex, ontology,
};
use aios_work::{Case, Goal, Plan};

use crate::excerpt::start;
use crate::goal::progress::{Progress, Seen};
use crate::goal::tasks::{GoalTasks, draft};
use crate::roles;

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
        ..run.answer()
    };
    let submitted = |answer: &Answer| {
        let work = Submission::Answer {
            answer: Box::new(answer.clone()),
            grounds: seen.grounds(run),
        };
        run.written("", work)
    };
    // The critic is asked in one message, and the answer leaves in one.
    let asked = submitted(&answer)?;
    let bytes = asked.len();
    if bytes > MESSAGE {
        let reason = format!(
            "the answer and its figures have {bytes} bytes, a message carries {MESSAGE}; ask for less at once"
        );
        return Ok(withheld(answer, reason));
    }
    let mut judged = run.answer_judged(asked).await;
    if let Ok((judgement, _)) = &judged
        && let Some(humbler) = humbler(&answer, judgement)
    {
        judged = run.answer_judged(submitted(&humbler)?).await;
        answer = humbler;
    }
    let (judgement, proof) = judged.map_err(AgentError::failure)?;
    answer.critic = CriticReport {
        score: judgement.score,
        dimensions: judgement.dimensions.by_name(),
        issues: judgement.issues.iter().take(ISSUES_TOLD).cloned().collect(),
    };
    if !judgement.deliverable {
        let reason = format!(
            "the critic holds the answer back: {}",
            judgement.feedback.replace('\n', " ")
        );
        return Ok(withheld(answer, reason));
    }
    answer.verdict = hex(proof.sealed().as_bytes());
    Ok(answer)
}

/// What an answer may still leave as, where the critic does not let it leave as what it claims to be.
fn humbler(answer: &Answer, judgement: &Judgement) -> Option<Answer> {
    if judgement.deliverable {
        return None;
    }
    if judgement.verdict.passes() && !judgement.checked {
        // Nothing is wrong with it as far as anybody can tell, and that is what it says.
        return Some(Answer {
            status: GoalStatus::Unverified,
            ..answer.clone()
        });
    }
    // A partial answer that names what the critic misses.
    let missed = judgement.issues.iter().take(3);
    let missed = missed.map(|issue| issue.description.clone());
    (answer.status == GoalStatus::Approved).then(|| Answer {
        status: GoalStatus::Partial,
        gaps: answer.gaps.iter().cloned().chain(missed).collect(),
        ..answer.clone()
    })
}

/// The same without what must not leave.
fn withheld(answer: Answer, reason: String) -> Answer {
    Answer {
        status: GoalStatus::Failed,
        answer: String::new(),
        facts: Vec::new(),
        reason: Some(reason),
        ..answer
    }
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
        result: Some(Remembered {
            goal_id: answer.goal_id.clone(),
            status: answer.status,
            answer: answer.answer.clone(),
            score: answer.critic.score,
        }),
    };
    let told = async {
        let draft = draft(Performative::Request, ontology::REMEMBER, &kept)?;
        let patience = RECALL_DEADLINE.min(within);
        ctx.ask(roles::MEMORY, draft, patience).await?;
        Ok::<(), AgentError>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, "the answer was not remembered");
    }
}
