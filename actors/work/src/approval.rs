//! What humans are asked, and what they say.

use serde::{Deserialize, Serialize};

/// What a human says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Do it.
    Accept,
    /// Leave it.
    Reject,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Open,
    /// It may be done.
    Accepted,
    /// It may not.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalStatus {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// One question, as it is listed. `At` is how a moment is written: in numbers where it is kept, as RFC 3339 text in the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval<At> {
    /// Its name.
    pub id: String,
    /// Which goal it is about.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// The tool that would be called once more.
    #[serde(alias = "action")] // as records of earlier versions have it
    pub tool: String,
    /// SHA-256 of the arguments it would be called with, in hexadecimal.
    pub arguments: String,
    /// How often the same was asked before and its approval used up.
    pub round: u32,
    /// What is proposed, in one or two sentences.
    pub question: String,
    /// What a decision signs for the words.
    pub digest: String,
    /// The agent that asked.
    pub asked_by: String,
    /// When.
    pub asked_at: At,
    /// Until when it can be decided.
    pub deadline: At,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<At>,
    /// Why, in the words of whoever decided.
    pub reason: Option<String>,
    /// When what was accepted was begun; it is not begun a second time.
    pub spent_at: Option<At>,
}

impl<At> Approval<At> {
    /// The same with its moments written in another way.
    pub fn with_times<To>(self, write: impl Fn(At) -> To) -> Approval<To> {
        Approval {
            id: self.id,
            goal: self.goal,
            task: self.task,
            tool: self.tool,
            arguments: self.arguments,
            round: self.round,
            question: self.question,
            digest: self.digest,
            asked_by: self.asked_by,
            asked_at: write(self.asked_at),
            deadline: write(self.deadline),
            status: self.status,
            decided_by: self.decided_by,
            decided_at: self.decided_at.map(&write),
            reason: self.reason,
            spent_at: self.spent_at.map(write),
        }
    }
}
