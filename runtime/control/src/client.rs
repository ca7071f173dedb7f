//! The asker's side of the contract, whatever lies between it and the node.

use std::fmt;
use std::io;

use aios_work::PlanFile;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    AgentLine, AgentShown, Approval, Ask, Asked, CallTool, ControlError, Decision, Event, Events,
    Explained, GoalLine, GoalState, Judge, JudgeMore, PlanShown, Report, Request, Spawn, Spawned,
    StreamReply, Submit, Submitted, Told, ToolCalled, ToolLine, TreeAsked, Watch,
};

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The folder in which nodes are looked for cannot be used.
    #[cfg(feature = "socket")]
    #[error(transparent)]
    Folder(#[from] crate::socket::FolderError),
    /// The address is none that can be gone to.
    #[cfg(any(feature = "http", feature = "grpc"))]
    #[error(transparent)]
    Address(#[from] crate::AddressError),
    /// What is shown beyond this machine cannot be used.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// There is nothing to show to come in.
    #[cfg(feature = "access")]
    #[error(transparent)]
    Token(#[from] crate::access::TokenError),
    /// No node of this user runs.
    #[error("no node of yours is running; start one")]
    NoNode,
    /// Several run.
    #[error("{} nodes are running: {}; say which", .0.len(), .0.join(", "))]
    SeveralNodes(Vec<String>),
    /// The one asked for does not.
    #[error("no node {asked} is running; running are: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    UnknownNode {
        /// The one asked for.
        asked: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The node went away.
    #[error("node {name} is gone: {source}")]
    Gone {
        /// The node.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It does not answer.
    #[error("node {name} did not answer within {waited_s}s; it may be overloaded or stopping")]
    Silent {
        /// The node.
        name: String,
        /// How long was waited, in seconds.
        waited_s: u64,
    },
    /// It says no.
    #[error(transparent)]
    Refused(ControlError),
    /// Its answer is not what this version expects.
    #[error(
        "node {name} answers in a way this version does not know: {error}; use the same version on both sides"
    )]
    Strange {
        /// The node.
        name: String,
        /// What was not understood.
        error: String,
    },
}

impl ClientError {
    /// What the node refused with, if it was the node.
    pub fn refusal(&self) -> Option<&ControlError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

/// A way to a node. It carries one request at a time; a request ends a watch that is under way.
#[async_trait]
pub trait Transport: Send + fmt::Debug {
    /// What the node goes by, for whoever reads an error.
    fn node(&self) -> &str;

    /// Carries a command or a query there and its answer back.
    ///
    /// # Errors
    /// The node's refusal, or why it was not reached.
    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError>;

    /// Begins a watch; the request is one that is answered by a watch.
    ///
    /// # Errors
    /// As for [`Transport::ask`].
    async fn watch(&mut self, request: &Request) -> Result<(), ClientError>;

    /// The next event of the watch; `None` when it is over, or none was begun. Dropped while it waits, it has taken none.
    ///
    /// # Errors
    /// When the node went away or let the watcher go.
    async fn next_event(&mut self) -> Result<Option<Told>, ClientError>;
}

/// A conversation with a node.
#[derive(Debug)]
pub struct Client(Box<dyn Transport>);

impl Client {
    /// Over a transport.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self(Box::new(transport))
    }

    /// What the node goes by.
    pub fn node(&self) -> &str {
        self.0.node()
    }

    /// Carries out a command or answers a query; the answer is read as what the asker knows it to be.
    ///
    /// # Errors
    /// The node's refusal, or why it was not reached or not understood.
    pub async fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        let value = self.0.ask(request).await?;
        serde_json::from_value(value).map_err(|error| ClientError::Strange {
            name: self.node().to_owned(),
            error: error.to_string(),
        })
    }

    /// Begins a goal.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn submit(&mut self, goal: Submit) -> Result<Submitted, ClientError> {
        self.ask(&Request::Submit(goal)).await
    }

    /// What would be done for a goal.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn plan(&mut self, goal: Submit) -> Result<PlanFile, ClientError> {
        self.ask(&Request::Plan(goal)).await
    }

    /// What the Critic says of a text.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn judge(&mut self, text: Judge) -> Result<Report, ClientError> {
        self.ask(&Request::Judge(text)).await
    }

    /// What the Critic says of a piece of a text that grows.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn judge_more(&mut self, piece: JudgeMore) -> Result<StreamReply, ClientError> {
        self.ask(&Request::JudgeMore(piece)).await
    }

    /// Calls a goal off.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn cancel(&mut self, goal_id: &str) -> Result<(), ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::Cancel { goal_id }).await
    }

    /// Lets a goal rest until it is resumed.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn pause(&mut self, goal_id: &str) -> Result<(), ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::Pause { goal_id }).await
    }

    /// Goes on with a goal from where it was.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn resume(&mut self, goal_id: &str) -> Result<(), ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::Resume { goal_id }).await
    }

    /// How a goal stands.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn goal(&mut self, goal_id: &str) -> Result<GoalState, ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::Goal { goal_id }).await
    }

    /// What has happened with a goal after an event.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn history(
        &mut self,
        goal_id: &str,
        after_seq: u64,
    ) -> Result<Vec<Event>, ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::History(Events { goal_id, after_seq }))
            .await
    }

    /// Why a goal is where it is, and what can be done about it.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn explain(&mut self, goal_id: &str) -> Result<Explained, ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::Explain { goal_id }).await
    }

    /// The plan of a goal and how far it has come.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn goal_plan(&mut self, goal_id: &str) -> Result<PlanShown, ClientError> {
        let goal_id = goal_id.to_owned();
        self.ask(&Request::GoalPlan { goal_id }).await
    }

    /// The goals that came by the contract, newest first.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn goals(&mut self) -> Result<Vec<GoalLine>, ClientError> {
        self.ask(&Request::Goals {}).await
    }

    /// Begins to watch a goal; [`Client::next_event`] tells what happens.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn watch(&mut self, goal_id: &str, after_seq: u64) -> Result<(), ClientError> {
        let goal_id = goal_id.to_owned();
        let events = Events { goal_id, after_seq };
        self.0.watch(&Request::Events(events)).await
    }

    /// Begins to watch the node; [`Client::next_event`] tells what happens.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn watch_node(&mut self, watch: Watch) -> Result<(), ClientError> {
        self.0.watch(&Request::Watch(watch)).await
    }

    /// Begins to watch a part of the tree; each event is a [`TreePage`](crate::TreePage).
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn watch_tree(&mut self, asked: TreeAsked) -> Result<(), ClientError> {
        self.0.watch(&Request::WatchTree(asked)).await
    }

    /// The next event of the watch; `None` when it is over. Dropped while it waits, it has taken none.
    ///
    /// # Errors
    /// When the node went away or let the watcher go; a new watch goes on after the last event that was seen.
    pub async fn next_event(&mut self) -> Result<Option<Told>, ClientError> {
        self.0.next_event().await
    }

    /// Spawns an agent.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn spawn(&mut self, agent: Spawn) -> Result<Spawned, ClientError> {
        self.ask(&Request::Spawn(agent)).await
    }

    /// The agents there are.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn agents(&mut self) -> Result<Vec<AgentLine>, ClientError> {
        self.ask(&Request::Agents {}).await
    }

    /// One agent closely, by its name, its role, or the name of its charter.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn agent(&mut self, agent: &str) -> Result<AgentShown, ClientError> {
        let agent = agent.to_owned();
        self.ask(&Request::Agent { agent }).await
    }

    /// Asks an agent, by its name or role, and waits for what it says.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn ask_agent(&mut self, question: Ask) -> Result<Asked, ClientError> {
        self.ask(&Request::Ask(question)).await
    }

    /// The tools there are, by name.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn tools(&mut self) -> Result<Vec<ToolLine>, ClientError> {
        self.ask(&Request::Tools {}).await
    }

    /// Calls a tool, and waits for what it gives.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn call_tool(&mut self, call: CallTool) -> Result<ToolCalled, ClientError> {
        self.ask(&Request::CallTool(call)).await
    }

    /// Kills an agent as a fault would.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn kill(&mut self, agent: &str) -> Result<(), ClientError> {
        let agent = agent.to_owned();
        self.ask(&Request::Kill { agent }).await
    }

    /// Stops an agent and keeps it down.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn stop(&mut self, agent: &str) -> Result<(), ClientError> {
        let agent = agent.to_owned();
        self.ask(&Request::Stop { agent }).await
    }

    /// What humans are asked.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn approvals(&mut self) -> Result<Vec<Approval>, ClientError> {
        self.ask(&Request::Approvals {}).await
    }

    /// Decides what a human was asked.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn decide(
        &mut self,
        id: &str,
        decision: Decision,
        reason: &str,
    ) -> Result<Approval, ClientError> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.ask(&Request::Decide {
            id,
            decision,
            reason,
        })
        .await
    }
}
