//! What humans are asked, and what they decided: a queue in the store that survives restarts.
//!
//! The asking agent's signed `propose` and the human's signed `accept-proposal` or `reject-proposal` are both kept. The human's message
//! names the SHA-256 of the question's words and of the proposal, so the human's signature covers what was read, by whom it was proposed and
//! under which key; the proof stands though agents' keys end with their process. Nothing is decided by a record without these two frames.
//!
//! An approval is for one more try: it is spent before that begins. Each tenant has a queue of its own, whatever else lies in the store.

mod port;
mod proof;
mod queue;
mod words;

pub use port::AsksPeople;
pub use proof::{Owner, decision_frame};
pub use queue::Approvals;
pub use queue::OPEN_FOR;
pub use words::{
    APPROVAL, Approval, ApprovalError, ApprovalStatus, Decision, DecisionContent, Proposal,
    Question,
};

#[cfg(test)]
mod tests;
