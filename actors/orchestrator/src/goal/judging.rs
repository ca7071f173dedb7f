//! What the critic is asked about one goal: results in waves, texts and the answer each by itself.
//!
//! A result is judged before anything rests on it, so whoever made it waits for the critic's word. Results that come at about the same
//! time travel together: while one question is on its way, those that came meanwhile wait for the next, as writes do for one flush. Only
//! results that were had quickly travel so, because one that is asked for a second time takes as long again, and nobody is to wait for that
//! but whoever needs it.

use std::time::Duration;

use aios_actors::agent::AgentError;
use aios_actors::recovery::{FailureKind, Next, RetryState, service};
use aios_protocols::{Content, Draft, Performative, ProtocolName, Trusted};
use aios_work::content::{Candidate, Judgement, Submission, ValidationRequest, ontology};
use futures::future::join_all;
use tokio::sync::oneshot;

use crate::goal::tasks::{GoalTasks, settle, words};
use crate::goal::waves::Waiting;
use crate::roles;

/// How long one judgement may take.
const VALIDATE_DEADLINE: Duration = Duration::from_secs(45);
/// A critic that was given less, because the goal must end, is not to blame for having no answer yet.
const VALIDATE_FAIR: Duration = Duration::from_secs(5);
/// A result that took its tool no longer travels with others.
const QUICK: Duration = Duration::from_millis(20);
/// How long a wave keeps the next from leaving: the way there and back is over sooner, and a judgement that takes longer keeps nobody.
const APART: Duration = Duration::from_millis(5);

impl GoalTasks<'_> {
    /// Has the critic judge a result that took its tool so long.
    pub(crate) async fn judged(
        &self,
        candidate: Candidate,
        took: Duration,
    ) -> Result<Judgement, String> {
        if took > QUICK {
            return self.judged_alone(candidate).await;
        }
        let (tell, mut told) = oneshot::channel();
        self.waves.waiting.lock().push(Waiting { candidate, tell });
        let turn = tokio::select! {
            biased;
            said = &mut told => return said.unwrap_or_else(|_| unsaid()),
            turn = self.waves.turn.lock() => turn,
        };
        // Whoever had the turn before may have taken it along and be on the way with it.
        let wave = std::mem::take(&mut *self.waves.waiting.lock());
        if !wave.is_empty() {
            let judged = self.judge(wave);
            tokio::pin!(judged);
            let back = tokio::time::timeout(APART, &mut judged).await;
            drop(turn);
            if back.is_err() {
                judged.await;
            }
        }
        told.await.unwrap_or_else(|_| unsaid())
    }

    /// Has a wave judged and tells each what was said of it.
    async fn judge(&self, wave: Vec<Waiting>) {
        let (candidates, tells): (Vec<Candidate>, Vec<_>) = wave
            .into_iter()
            .map(|one| (one.candidate, one.tell))
            .unzip();
        let said = match self.results(candidates.clone()).await {
            Ok(said) if said.len() == candidates.len() => said.into_iter().map(Ok).collect(),
            Err(reason) if candidates.len() == 1 => vec![Err(reason)],
            // What is wrong with one of them is not the others' fault.
            _ => join_all(candidates.into_iter().map(|one| self.judged_alone(one))).await,
        };
        for (tell, said) in tells.into_iter().zip(said) {
            // Whoever does not hear it any more does not need it.
            let _ = tell.send(said);
        }
    }

    async fn judged_alone(&self, candidate: Candidate) -> Result<Judgement, String> {
        let mut said = self.results(vec![candidate]).await?;
        match (said.pop(), said.is_empty()) {
            (Some(judgement), true) => Ok(judgement),
            _ => Err("the critic did not judge: its answer is about other results".to_owned()),
        }
    }

    async fn results(&self, results: Vec<Candidate>) -> Result<Vec<Judgement>, String> {
        let work = Submission::Results {
            goal: Box::new(self.goal().clone()),
            results,
            folder: self.folder.number(),
            inputs: self.files.files().to_vec(),
            out_dir: self.request.out_dir.clone(),
        };
        let asked = self.written("", work).map_err(|error| error.to_string())?;
        let reply = self.asked(asked, || self.left()).await?;
        reply.content.read_json().map_err(|error| error.to_string())
    }

    /// Has the critic judge a task's text.
    pub(crate) async fn text_judged(
        &self,
        task_id: &str,
        work: Submission,
    ) -> Result<Judgement, String> {
        let asked = self
            .written(task_id, work)
            .map_err(|error| error.to_string())?;
        let reply = self.asked(asked, || self.left()).await?;
        reply.content.read_json().map_err(|error| error.to_string())
    }

    /// Has the critic judge the answer, in the time that was kept back for it; the reply is kept, because its frame is the proof.
    pub(crate) async fn answer_judged(
        &self,
        asked: Content,
    ) -> Result<(Judgement, Trusted), String> {
        let reply = self.asked(asked, || self.until_due()).await?;
        let judgement = reply
            .content
            .read_json()
            .map_err(|error| error.to_string())?;
        Ok((judgement, reply))
    }

    /// What the critic is asked, once and for all tries.
    pub(crate) fn written(&self, task_id: &str, work: Submission) -> Result<Content, AgentError> {
        Ok(Content::json(&ValidationRequest {
            goal_id: self.goal().id().to_owned(),
            task_id: task_id.to_owned(),
            work,
        })?)
    }

    /// Asks the critic, again where that may help, as long as there is time.
    async fn asked(&self, asked: Content, left: impl Fn() -> Duration) -> Result<Trusted, String> {
        let mut retry = RetryState::new(self.services.settings.policies.of("validate").retry());
        loop {
            let left = left();
            if left.is_zero() {
                return Err("the critic did not judge: the goal's time is over".to_owned());
            }
            let patience = VALIDATE_DEADLINE.min(left);
            let pass = self
                .services
                .breakers()
                .admit(service::CRITIC)
                .map_err(|resting| format!("nothing leaves unjudged: {resting}"))?;
            let draft = Draft::new(Performative::Request, asked.clone())
                .ontology(ontology::VALIDATE)
                .protocol(ProtocolName::FipaRequest);
            let error = match self.ctx.ask(roles::CRITIC, draft, patience).await {
                Ok(reply) => {
                    pass.succeeded();
                    return Ok(reply);
                }
                Err(error) => error,
            };
            self.ctx.unless_over().await;
            let reason = words(&error);
            settle(pass, &error, &reason, patience >= VALIDATE_FAIR);
            match retry.failed(FailureKind::of(&error), Some(left)) {
                Next::Again { after } => tokio::time::sleep(after).await,
                Next::Take(_) => return Err(format!("the critic did not judge: {reason}")),
            }
        }
    }
}

/// Whoever led the wave was called off, and so is whoever reads this.
fn unsaid() -> Result<Judgement, String> {
    Err("the critic was not asked".to_owned())
}
