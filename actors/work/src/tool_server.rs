//! A server that tools come from, as a person sees it.

use serde::{Deserialize, Serialize};

/// A server whose tools a node calls. Foreign text in it is made harmless and short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolServer {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: ServerState,
    /// The names of its tools, as they are called.
    pub tools: Vec<String>,
    /// What it offers and nobody can call, with the reason.
    pub refused: Vec<RefusedTool>,
    /// The list that waits for an approval; none if none does.
    pub awaiting: Option<AwaitingList>,
    /// What went wrong last; empty if nothing did.
    pub trouble: String,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// There is no connection; its supervisor brings it back.
    Down,
    /// It is being started or asked for its tools.
    Starting,
    /// Its tools can be called.
    Ready,
    /// Its tools are not those that were approved, and are not called until a person approves them.
    Suspended,
}

impl ServerState {
    /// The word it is shown as.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Suspended => "suspended",
        }
    }
}

/// A tool that is not offered to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTool {
    /// What its server calls it.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A list of tools that a person has to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitingList {
    /// SHA-256 of the list, in hexadecimal. An approval names it, so that what was read is what is approved.
    pub hash: String,
    /// What is different, a line for each tool.
    pub changes: Vec<String>,
}
