//! What is done when a task cannot be done as it was planned. Which way is taken was decided before; here it is gone.

use aios_actors::agent::AgentError;
use aios_actors::recovery::{ApprovalError, Decision, FailureKind, Next, Question};
use aios_protocols::{Sealed, Timestamp};
use aios_supervisor::Recourse;
use aios_tools::Workspace;
use aios_work::content::{Origin, TaskStatus, hex};
use aios_work::{Artifact, Case, Simpler, Task, ToolOutput};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cached::{self, Kept, Miss};
use crate::evidence;
use crate::task_run::{Attempt, Failed, Outcome, TaskRun};

/// An earlier result with its proof.
struct Brought {
    kept: Kept,
    frame: Sealed,
    /// When it was signed.
    at: Timestamp,
    artifacts: Vec<Artifact>,
}

impl TaskRun<'_> {
    /// Goes the ways out in turn until there is a result, or only the gap is left to be named.
    pub(crate) async fn recover(
        &self,
        attempt: &mut Attempt<'_>,
        args: &Value,
        mut lost: Failed,
        case: Option<&dyn Case>,
    ) -> Result<Outcome, String> {
        loop {
            let (then, reason) = (lost.then, lost.reason);
            metrics::counter!(RECOURSES_TOTAL, "action" => attempt.task.tool.clone(), "recourse" => name(then))
                .increment(1);
            if then != Recourse::Partial {
                let told = format!("{reason}; {}", words(then));
                self.moved(attempt, TaskStatus::Retrying, Some(told)).await;
            }
            let gone = match then {
                Recourse::Partial => return Err(reason),
                Recourse::Cached => self.earlier_result(attempt, args, reason),
                Recourse::Delegate => self.by_another(attempt, args, reason).await,
                Recourse::ReplanAndSimplify => self.by_less(attempt, args, reason, case).await,
                Recourse::Human => self.if_allowed(attempt, args, reason).await,
            };
            match gone {
                Ok(found) => return Ok(found),
                Err(next) => lost = next,
            }
        }
    }

    /// The way led nowhere; the retry says what is left.
    fn next(&self, attempt: &mut Attempt<'_>, reason: String) -> Failed {
        let then = match attempt.retry.failed(FailureKind::Broken, None) {
            Next::Take(then) => then,
            Next::Again { .. } => Recourse::Partial,
        };
        Failed { then, reason }
    }

    /// An earlier accepted result of the same question over the same files.
    fn earlier_result(
        &self,
        attempt: &mut Attempt<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Outcome, Failed> {
        let brought = match self.brought(attempt.task, args) {
            Ok(brought) => brought,
            Err(error) => return Err(self.next(attempt, format!("{reason}; {error}"))),
        };
        let (kept, found) = (brought.kept, self.ctx.now());
        attempt.by_nobody();
        attempt.report.score = kept.score;
        let age = cached::spoken(found.since(brought.at));
        attempt.report.recovered = Some(format!("cached: an earlier result, {age} old"));
        let operation = self.operation(attempt.task, "earlier", 0);
        self.folder.keep(&operation, &brought.frame);
        Ok(Outcome {
            output: ToolOutput {
                artifacts: brought.artifacts.clone(),
                ..kept.output
            },
            origin: Some(Origin::Earlier {
                operation,
                found_us: found.as_micros(),
                artifacts: brought.artifacts,
            }),
            note: Some(evidence::earlier(attempt.title, brought.at, found)),
            ..Outcome::default()
        })
    }

    /// An earlier result whose executor can still be named, and its files copied into this goal's folder.
    fn brought(&self, task: &Task, args: &Value) -> Result<Brought, Miss> {
        let (kept, frame) = self.kept(task, args)?;
        let (_, at) = evidence::result_of(&frame, self.ctx).map_err(Miss::Unproven)?;
        let artifacts = self
            .bring_here(kept.files()?)
            .map_err(|error| Miss::NotBrought(error.to_string()))?;
        Ok(Brought {
            kept,
            frame,
            at,
            artifacts,
        })
    }

    fn bring_here(&self, files: Vec<(&Artifact, Vec<u8>)>) -> Result<Vec<Artifact>, AgentError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let workspace = Workspace::of(self.files.files().to_vec(), &self.request.out_dir);
        files
            .into_iter()
            .map(|(artifact, bytes)| {
                let name = artifact
                    .path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .ok_or_else(|| AgentError::failure("the earlier file has no name"))?;
                let path = workspace.write(name, &bytes)?;
                Ok(Artifact {
                    path,
                    ..artifact.clone()
                })
            })
            .collect()
    }

    /// Every executor that has not had it yet, once each.
    async fn by_another(
        &self,
        attempt: &mut Attempt<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Outcome, Failed> {
        let others: Vec<_> = self
            .ctx
            .system()
            .directory()
            .of_role("macro.executor")
            .into_iter()
            .filter(|cell| cell.is_taking() && !attempt.tried.contains(cell.party()))
            .map(|cell| cell.party().clone())
            .collect();
        if others.is_empty() {
            return Err(self.next(attempt, format!("{reason}; no other executor is there")));
        }
        let mut last = reason;
        for other in others {
            let variant = attempt.anew("delegated");
            let (task, to) = (attempt.task, Some(&other));
            match self.judged(attempt, task, args, &variant, to).await {
                Ok(found) => {
                    attempt.report.recovered = Some(format!("delegated: done by {other}"));
                    return Ok(found);
                }
                Err(lost) => last = lost.reason,
            }
        }
        Err(Failed {
            then: Recourse::Partial,
            reason: last,
        })
    }

    /// Less, by rules.
    async fn by_less(
        &self,
        attempt: &mut Attempt<'_>,
        args: &Value,
        reason: String,
        case: Option<&dyn Case>,
    ) -> Result<Outcome, Failed> {
        match case.and_then(|case| case.simpler(attempt.task, args)) {
            None => Err(self.next(attempt, reason)),
            Some(Simpler::Known { output, says }) => {
                attempt.by_nobody();
                attempt.report.recovered = Some(format!("simpler: {says}"));
                Ok(Outcome {
                    output,
                    origin: Some(Origin::Known),
                    note: Some(evidence::known(attempt.title, &says)),
                    ..Outcome::default()
                })
            }
            Some(Simpler::Task { task, says }) => {
                let done = self
                    .judged(attempt, &task, &task.args, "simple", None)
                    .await;
                let found = done.map_err(|lost| Failed {
                    reason: format!("{reason}; nor simpler: {}", lost.reason),
                    ..lost
                })?;
                attempt.report.recovered = Some(format!("simpler: {says}"));
                Ok(Outcome {
                    instead: Some(*task),
                    gap: Some(format!("{}: {says}, because: {reason}", attempt.title)),
                    ..found
                })
            }
        }
    }

    /// Once more, if a human says so before the goal must be delivered.
    async fn if_allowed(
        &self,
        attempt: &mut Attempt<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Outcome, Failed> {
        let gap = |reason: String| Failed {
            then: Recourse::Partial,
            reason,
        };
        let id = match self.propose(attempt, args, &reason) {
            Ok(id) => id,
            Err(error) => return Err(gap(format!("{reason}; nobody was asked: {error}"))),
        };
        let waiting = format!("waits for a human's decision about approval {id}");
        self.moved(
            attempt,
            TaskStatus::Pending,
            Some(format!("{reason}; {waiting}")),
        )
        .await;
        let queue = self.ctx.system().approvals();
        match queue.wait(&id, self.left()).await {
            Ok(Some((Decision::Accept, _))) if self.left().is_zero() => {
                // Decided too late for this time: asked again, the goal goes on with the decision, which is not used yet.
                self.waits_for.lock().push(id.clone());
                Err(gap(format!("{reason}; approval {id} came too late")))
            }
            Ok(Some((Decision::Accept, _))) => {
                // On record before anything is done: whatever falls from here on, it is not done a second time.
                if let Err(error) = queue.spend(&id) {
                    return Err(gap(format!("{reason}; {error}")));
                }
                attempt.retry.approved();
                // Each yes has a try of its own, whatever became of the try of the last one.
                let variant = attempt.anew(&id);
                let done = self
                    .judged(attempt, attempt.task, args, &variant, None)
                    .await;
                if done.is_err() && self.left().is_zero() {
                    // Cut short by the goal's time: asked again, the goal goes on from here and asks anew.
                    self.waits_for.lock().push(id.clone());
                }
                let found = done?;
                attempt.report.recovered = Some(format!("human: tried once more, approval {id}"));
                Ok(found)
            }
            Ok(Some((Decision::Reject, why))) => {
                let why = if why.is_empty() {
                    String::new()
                } else {
                    format!(": {why}")
                };
                Err(gap(format!(
                    "{reason}; a human rejected approval {id}{why}"
                )))
            }
            Ok(None) => {
                self.waits_for.lock().push(id);
                Err(gap(format!("{reason}; {waiting}")))
            }
            Err(error) => Err(gap(format!("{reason}; {error}"))),
        }
    }

    fn propose(
        &self,
        attempt: &Attempt<'_>,
        args: &Value,
        reason: &str,
    ) -> Result<String, ApprovalError> {
        let question = Question {
            goal: self.request.goal_id.clone(),
            task: attempt.task.id.clone(),
            action: attempt.task.tool.clone(),
            arguments: hex(&Sha256::digest(args.to_string())),
            round: 0,
            text: format!(
                "\"{}\" failed: {reason}. Shall it be tried once more?",
                attempt.title
            ),
        };
        let approval = self.ctx.system().approvals().propose(
            question,
            self.ctx.tenant(),
            self.ctx.public_key(),
            |draft| self.ctx.sign(draft).map_err(|error| error.to_string()),
            self.ctx.me(),
        )?;
        Ok(approval.id)
    }
}

/// Ways out that were taken; labels `action` and `recourse`.
pub(crate) const RECOURSES_TOTAL: &str = "aios_orchestrator_recourses_total";

fn name(recourse: Recourse) -> &'static str {
    match recourse {
        Recourse::ReplanAndSimplify => "replan_and_simplify",
        Recourse::Cached => "cached",
        Recourse::Delegate => "delegate",
        Recourse::Partial => "partial",
        Recourse::Human => "human",
    }
}

fn words(recourse: Recourse) -> &'static str {
    match recourse {
        Recourse::ReplanAndSimplify => "something simpler is tried",
        Recourse::Cached => "an earlier result is looked for",
        Recourse::Delegate => "another executor is asked",
        Recourse::Partial => "the gap is named",
        Recourse::Human => "a human is asked",
    }
}
