//! Where an agent is in its life, and its window: what others may see of it.

use std::fmt;

use aios_protocols::Party;
use serde::{Deserialize, Serialize};

/// The states of an agent (FIPA00023, and three of supervision).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Enrolled; its first incarnation has not begun.
    Initiated,
    /// Takes messages.
    Active,
    /// Told to pause: messages wait, answers to its own asks still arrive.
    Suspended,
    /// Active, and waiting for others to answer.
    Waiting,
    /// Told to stop: takes nothing new.
    Draining,
    /// Its incarnation fell; messages wait for the next.
    Failed,
    /// Gone.
    Offline,
}

impl AgentState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Waiting => "waiting",
            Self::Draining => "draining",
            Self::Failed => "failed",
            Self::Offline => "offline",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A small picture of one agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentView {
    /// Who.
    pub id: Party,
    /// Where in its life.
    pub state: AgentState,
    /// Incarnations so far.
    pub incarnation: u64,
    /// Requests that wait, and places there are.
    pub mailbox: aios_supervisor::Depth,
    /// Messages taken and not settled.
    pub in_flight: usize,
    /// Handlers and jobs running now.
    pub running: usize,
    /// Open conversations.
    pub conversations: usize,
    /// Own asks that wait for an answer.
    pub asks: usize,
    /// What it sent, verified and refused.
    pub messages: MessageCounts,
    /// Why its last incarnation fell.
    pub last_failure: Option<String>,
}

/// How many messages were sent, verified and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCounts {
    /// Signed and handed over.
    pub sent: u64,
    /// Received and verified.
    pub verified: u64,
    /// Received and refused.
    pub refused: u64,
}

impl std::ops::AddAssign for MessageCounts {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.verified += other.verified;
        self.refused += other.refused;
    }
}
