//! How much one agent may hold at once, how long it may take, and what happens to its backlog when it stops.

use std::time::Duration;

use aios_protocols::{TenantId, Verifier};
use aios_supervisor::{Admission, Backlog};

/// The numbers of one agent. Every table is bounded, and a full one refuses with a reason.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentOptions {
    /// Requests that may wait. At about 1 KiB a frame the default keeps a flooded agent below 256 KiB.
    pub mailbox: usize,
    /// What happens to a request when the mailbox is full.
    pub admission: Admission,
    /// Jobs that may run beside the handler; the next request waits in the mailbox until one ends.
    pub jobs: usize,
    /// Messages taken but not settled: the running handler, the jobs, and what the agent keeps to answer later.
    pub in_flight: usize,
    /// Conversations open at once, on either side; nobody else gets more than a share of them
    /// ([`aios_protocols::conversation::Share`]).
    pub conversations: usize,
    /// How old a message may be when it is taken up.
    pub max_age: Duration,
    /// Own asks that wait for an answer.
    pub asks: usize,
    /// Answers that may wait to be taken up: each ask can have two at once (`agree`, then the result).
    pub replies: usize,
    /// How many incarnations may fall with a message in their hands before it is a dead letter.
    pub deliveries: u32,
    /// How long `start` may take.
    pub start_deadline: Duration,
    /// How long one `handle` may take before the agent counts as hung and is restarted.
    pub handler_deadline: Duration,
    /// The same for a job.
    pub job_deadline: Duration,
    /// What becomes of waiting requests at a stop: finished while the shutdown deadline lasts, returned to their
    /// senders as `refuse`, or dead-lettered unanswered.
    pub backlog: Backlog,
    /// What opens a conversation with it is on record before it is acknowledged, is handed over again by the process that comes after, and has
    /// one outcome on record. A full mailbox then refuses, whatever `admission` says: what was taken gives way to nothing. Its world needs
    /// keys that outlast the process ([`crate::AgentSystemBuilder::durable_keys`]).
    pub durable: bool,
    /// The tenant of messages that the agent sends on its own account; the world's if `None`.
    pub tenant: Option<TenantId>,
    /// Settings for the constructor, such as a model's name.
    pub config: serde_json::Value,
}

impl Default for AgentOptions {
    fn default() -> Self {
        let asks = 256;
        Self {
            mailbox: 256,
            admission: Admission::Fail,
            jobs: 16,
            in_flight: 1024,
            conversations: 4096,
            max_age: Verifier::MAX_AGE,
            asks,
            replies: 2 * asks,
            deliveries: 3,
            start_deadline: Duration::from_secs(30),
            handler_deadline: Duration::from_secs(30),
            job_deadline: Duration::from_secs(300),
            backlog: Backlog::Return,
            durable: false,
            tenant: None,
            config: serde_json::Value::Null,
        }
    }
}
