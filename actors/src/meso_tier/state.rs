//! The state agent: what is stored, made durable, and cleared away when it has served.

use aios_memory::StepLog;
use aios_protocols::{AgentCard, Content, Performative, ReasonKind};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::agent::{Agent, AgentError, Context, Incoming};

/// Asks to forget the steps of a goal whose answer is kept: a [`Settle`].
pub const SETTLE: &str = "aios.settle";
/// Asks to make everything written so far durable.
pub const FLUSH: &str = "aios.flush";

/// A goal that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Which goal.
    pub goal_id: String,
    /// The role whose steps are done with, such as `macro.executor`.
    pub role: String,
}

/// Looks after the store.
#[derive(Debug, Default)]
pub struct State;

#[async_trait]
impl Agent for State {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["flush".to_owned(), "settle".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::Request, Some(FLUSH)) => {
                ctx.store().flush()?;
                incoming.inform(Content::empty())?;
                Ok(())
            }
            (Performative::Request, Some(SETTLE)) => {
                let over: Settle = incoming.json()?;
                if over.goal_id.is_empty() || over.role.is_empty() {
                    return Err(AgentError::refuse(
                        ReasonKind::MissingArgument,
                        "settling takes a goal_id and a role",
                    ));
                }
                let steps = format!("{}/{}/{}/", ctx.tenant(), over.role, over.goal_id);
                let forgotten = StepLog::new(Arc::clone(ctx.store())).forget(&steps)?;
                incoming.inform(Content::json(
                    &serde_json::json!({ "forgotten": forgotten }),
                )?)?;
                Ok(())
            }
            _ => Err(super::not_mine(
                &incoming,
                "requests of aios.settle and aios.flush",
            )),
        }
    }
}
