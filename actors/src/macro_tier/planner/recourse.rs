//! What is done when a task cannot be done as it was planned. Which way is taken was decided before; here it is gone.

use aios_supervisor::Recourse;
use aios_tools::{Artifact, ToolOutput, Workspace};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::analysis::Analysis;
use super::conduct::{Conduct, Found, Lost, Way};
use super::simpler::{Simpler, simpler};
use crate::agent::AgentError;
use crate::content::{TaskStatus, hex};
use crate::macro_tier::plan::Task;
use crate::recovery::cached::{self, Kept};
use crate::recovery::{ApprovalError, Cause, Decision, Next, Question};

impl Conduct<'_> {
    /// Goes the ways out in turn until there is a result, or only the gap is left to be named.
    pub(super) async fn recover(
        &self,
        way: &mut Way<'_>,
        args: &Value,
        mut lost: Lost,
        analysis: Option<&Analysis>,
    ) -> Result<Found, String> {
        loop {
            let (then, reason) = (lost.then, lost.reason);
            metrics::counter!(RECOURSES_TOTAL, "action" => way.task.action.clone(), "recourse" => name(then))
                .increment(1);
            if then != Recourse::Partial {
                let told = format!("{reason}; {}", words(then));
                self.moved(way, TaskStatus::Retrying, Some(told)).await;
            }
            let gone = match then {
                Recourse::Partial => return Err(reason),
                Recourse::Cached => self.earlier_result(way, args, reason),
                Recourse::Delegate => self.by_another(way, args, reason).await,
                Recourse::ReplanAndSimplify => self.by_less(way, args, reason, analysis).await,
                Recourse::Human => self.if_allowed(way, args, reason).await,
            };
            match gone {
                Ok(found) => return Ok(found),
                Err(next) => lost = next,
            }
        }
    }

    /// The way led nowhere; the course says what is left.
    fn next(&self, way: &mut Way<'_>, reason: String) -> Lost {
        let then = match way.course.failed(Cause::Broken, None) {
            Next::Take(then) => then,
            Next::Again { .. } => Recourse::Partial,
        };
        Lost { then, reason }
    }

    /// An earlier accepted result of the same question over the same files.
    fn earlier_result(
        &self,
        way: &mut Way<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Found, Lost> {
        let (kept, artifacts) = match self.brought(way.task, args) {
            Ok(brought) => brought,
            Err(error) => return Err(self.next(way, format!("{reason}; {error}"))),
        };
        let age = cached::spoken(kept.age(self.ctx.now()));
        let output = ToolOutput {
            artifacts,
            ..kept.output
        };
        way.by_nobody();
        way.report.score = kept.score;
        way.report.recovered = Some(format!("cached: an earlier result, {age} old"));
        Ok(Found {
            output,
            note: Some(format!(
                "{}: taken from an earlier result, {age} old",
                way.title
            )),
            ..Found::default()
        })
    }

    /// An earlier result, and its files copied into this goal's folder.
    fn brought(&self, task: &Task, args: &Value) -> Result<(Kept, Vec<Artifact>), String> {
        let kept = self.kept(task, args).map_err(|miss| miss.to_string())?;
        let files = kept.files().map_err(|miss| miss.to_string())?;
        let artifacts = self.bring_here(files).map_err(|error| error.to_string())?;
        Ok((kept, artifacts))
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
        way: &mut Way<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Found, Lost> {
        let others: Vec<_> = self
            .ctx
            .society()
            .directory()
            .of_role("macro.executor")
            .into_iter()
            .filter(|cell| cell.is_taking() && !way.tried.contains(cell.party()))
            .map(|cell| cell.party().clone())
            .collect();
        if others.is_empty() {
            return Err(self.next(way, format!("{reason}; no other executor is there")));
        }
        let mut last = reason;
        for other in others {
            let variant = way.anew("delegated");
            let (task, to) = (way.task, Some(&other));
            match self.judged(way, task, args, &variant, to).await {
                Ok(output) => {
                    way.report.recovered = Some(format!("delegated: done by {other}"));
                    return Ok(output.into());
                }
                Err(lost) => last = lost.reason,
            }
        }
        Err(Lost {
            then: Recourse::Partial,
            reason: last,
        })
    }

    /// Less, by rules.
    async fn by_less(
        &self,
        way: &mut Way<'_>,
        args: &Value,
        reason: String,
        analysis: Option<&Analysis>,
    ) -> Result<Found, Lost> {
        match simpler(way.task, args, analysis) {
            None => Err(self.next(way, reason)),
            Some(Simpler::Known { output, says }) => {
                way.by_nobody();
                way.report.recovered = Some(format!("simpler: {says}"));
                Ok(Found {
                    output,
                    note: Some(format!("{}: {says}", way.title)),
                    ..Found::default()
                })
            }
            Some(Simpler::Task { task, says }) => {
                let done = self.judged(way, &task, &task.args, "simple", None).await;
                let output = done.map_err(|lost| Lost {
                    reason: format!("{reason}; nor simpler: {}", lost.reason),
                    ..lost
                })?;
                way.report.recovered = Some(format!("simpler: {says}"));
                Ok(Found {
                    output,
                    instead: Some(*task),
                    gap: Some(format!("{}: {says}, because: {reason}", way.title)),
                    note: None,
                })
            }
        }
    }

    /// Once more, if a human says so before the goal must be delivered.
    async fn if_allowed(
        &self,
        way: &mut Way<'_>,
        args: &Value,
        reason: String,
    ) -> Result<Found, Lost> {
        let gap = |reason: String| Lost {
            then: Recourse::Partial,
            reason,
        };
        let id = match self.propose(way, args, &reason) {
            Ok(id) => id,
            Err(error) => return Err(gap(format!("{reason}; nobody was asked: {error}"))),
        };
        let waiting = format!("waits for a human's decision about approval {id}");
        self.moved(
            way,
            TaskStatus::Pending,
            Some(format!("{reason}; {waiting}")),
        )
        .await;
        let queue = self.ctx.society().approvals();
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
                way.course.approved();
                // Each yes has a try of its own, whatever became of the try of the last one.
                let variant = way.anew(&id);
                let done = self.judged(way, way.task, args, &variant, None).await;
                if done.is_err() && self.left().is_zero() {
                    // Cut short by the goal's time: asked again, the goal goes on from here and asks anew.
                    self.waits_for.lock().push(id.clone());
                }
                let output = done?;
                way.report.recovered = Some(format!("human: tried once more, approval {id}"));
                Ok(output.into())
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

    fn propose(&self, way: &Way<'_>, args: &Value, reason: &str) -> Result<String, ApprovalError> {
        let question = Question {
            goal: self.request.goal_id.clone(),
            task: way.task.id.clone(),
            action: way.task.action.clone(),
            arguments: hex(&Sha256::digest(args.to_string())),
            round: 0,
            text: format!(
                "\"{}\" failed: {reason}. Shall it be tried once more?",
                way.title
            ),
        };
        let approval = self.ctx.society().approvals().propose(
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
