//! Has an answer judged by the criteria of its agent's charter before it leaves. The Critic does that, as it does for any agent that asks: by
//! what the agent's tools gave and by nothing that the agent says of itself.

use aios_actors::agent::AgentError;
use aios_protocols::{Content, Draft, Performative, ProtocolName};
use aios_work::content::ontology;
use aios_work::{JudgeRequest, Report, Status, WorkKind};
use serde_json::Value;

use super::ended::{Ended, failed};
use super::errand::Errand;
use crate::roles::CRITIC;

/// What the Critic's word means for a question.
pub(super) enum Word {
    /// The answer may leave. It was borne out, or nothing in it could be.
    Good(Status),
    /// It is not as the criteria want it.
    Bad(String),
}

impl Errand<'_> {
    /// The answer judged, once for each turn; without criteria there is nothing to judge it by.
    pub(super) async fn judged(
        &self,
        turn: u32,
        asked: &str,
        answer: &Value,
    ) -> Result<Option<Word>, Ended> {
        let Some(criteria) = self.member.criteria() else {
            return Ok(None);
        };
        let step = self.step("judge", turn);
        let report = match self.ctx.done::<Report>(&step)? {
            Some(report) => report,
            None => {
                let report = self.report(asked, answer, criteria);
                self.ctx.once_pure(&step, || report).await?
            }
        };
        let named = self
            .member
            .charter()
            .criteria
            .as_deref()
            .unwrap_or_default();
        // A check that could not run counts as not passed, and no other answer would make it run.
        if let Some(unable) = report.unable.first() {
            return Err(failed(format!(
                "its answer could not be judged by the criteria {named:?}: {}: {}",
                unable.check, unable.why
            )));
        }
        Ok(Some(match report.status {
            Status::Rejected => Word::Bad(format!(
                "the answer is not as the criteria {named:?} want it: {}",
                report.feedback()
            )),
            status => Word::Good(status),
        }))
    }

    async fn report(
        &self,
        asked: &str,
        answer: &Value,
        criteria: &str,
    ) -> Result<Report, AgentError> {
        let (kind, text) = match answer {
            Value::String(text) => (WorkKind::Text, text.clone()),
            value => (WorkKind::Json, value.to_string()),
        };
        let request = JudgeRequest {
            kind,
            goal: asked.to_owned(),
            text,
            materials: self.grounds.texts.clone(),
            facts: self.grounds.facts.clone(),
            criteria: Some(criteria.to_owned()),
            ..JudgeRequest::default()
        };
        let draft = Draft::new(Performative::Request, Content::json(&request)?)
            .protocol(ProtocolName::FipaRequest)
            .ontology(ontology::JUDGE);
        let said = self.ctx.ask(CRITIC, draft, self.left()).await?;
        Ok(said.content.read_json()?)
    }
}
