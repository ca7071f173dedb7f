//! A word with any agent of the node, without a goal: one question, one answer, one deadline.

use std::collections::BTreeSet;
use std::time::Duration;

use aios_actors::agent::{self, Client, IntoDraft, SendError};
use aios_protocols::access::Denied;
use aios_protocols::{Printable, Trusted};

use crate::node::Node;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No agent of the node has this name or role.
    #[error("no agent answers to `{}`; there are agents of {}", Printable(.asked), roles.join(", "))]
    NoSuchAgent {
        /// The name or role asked for.
        asked: String,
        /// The roles there are agents of.
        roles: Vec<String>,
    },
    /// Its card does not let the asker open a conversation with it.
    #[error(transparent)]
    NotOpen(Denied),
    /// It was asked and gave no answer. An agent that was still starting when it was asked, and is not open to the asker, refuses.
    #[error(transparent)]
    Unanswered(agent::AskError),
    /// The node is going down.
    #[error("the node is stopping and asks nobody any more; start it again")]
    Stopping,
}

impl Node {
    /// Asks an agent of the node, by its name or by its role, under the node's own principal, and waits for the answer;
    /// a bare content is sent as `request`. An agent is asked if its card is open to `service`.
    ///
    /// # Errors
    /// Why there is no answer: nobody of that name, an agent that is not open to it, its own no, or the deadline.
    pub async fn ask(
        &self,
        agent: &str,
        what: impl IntoDraft,
        deadline: Duration,
    ) -> Result<Trusted, AskError> {
        self.ask_as(&self.parts.client, agent, what, deadline).await
    }

    /// The same under somebody else's principal, whose client [`AgentSystem::client`](aios_actors::AgentSystem::client) opens.
    ///
    /// # Errors
    /// As [`Node::ask`].
    pub async fn ask_as(
        &self,
        client: &Client,
        agent: &str,
        what: impl IntoDraft,
        deadline: Duration,
    ) -> Result<Trusted, AskError> {
        if self.is_stopping() {
            return Err(AskError::Stopping);
        }
        let answer = tokio::select! {
            answer = client.ask(agent, what, deadline) => answer,
            () = self.stops() => return Err(AskError::Stopping),
        };
        answer.map_err(|error| self.not_answered(agent, error))
    }

    fn not_answered(&self, agent: &str, error: agent::AskError) -> AskError {
        match error {
            agent::AskError::NotSent(SendError::NoReceiver { .. }) => AskError::NoSuchAgent {
                asked: agent.to_owned(),
                roles: self.roles(),
            },
            agent::AskError::NotSent(SendError::Denied(denied)) => AskError::NotOpen(denied),
            agent::AskError::AskerStopped { .. } => AskError::Stopping,
            other => AskError::Unanswered(other),
        }
    }

    /// The roles of the agents that are here.
    fn roles(&self) -> Vec<String> {
        let here = self.system().directory().view();
        let roles: BTreeSet<String> = here
            .iter()
            .filter_map(|seen| seen.id.agent())
            .map(|id| id.role().to_owned())
            .collect();
        roles.into_iter().collect()
    }
}
