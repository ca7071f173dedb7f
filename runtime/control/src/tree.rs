//! The supervision tree as whoever draws it asks for it: the part that is seen, a page of it at a time, and those that are gone.

use serde::{Deserialize, Serialize};

use crate::InHand;

/// What of the tree is wanted.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeAsked {
    /// Only what stands below this supervisor, by its path from the root on; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// How many levels below it; zero for it alone.
    #[serde(default = "all_levels", deserialize_with = "crate::integer::integer")]
    pub levels: u32,
    /// Only children whose id, role or description holds these letters, whatever their case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Only children that are in this state, as a child (`running`, `backoff`) or as an agent (`suspended`, `waiting`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Lines that are passed over; for the next page.
    #[serde(default, deserialize_with = "crate::integer::integer")]
    pub skip: u64,
    /// Lines that are told: 1 to [`TreeAsked::MOST`].
    #[serde(default = "usual_lines", deserialize_with = "crate::integer::integer")]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Self::MOST)))]
    pub most: u64,
}

const fn all_levels() -> u32 {
    u32::MAX
}

const fn usual_lines() -> u64 {
    500
}

impl Default for TreeAsked {
    fn default() -> Self {
        Self {
            under: None,
            levels: all_levels(),
            search: None,
            state: None,
            skip: 0,
            most: usual_lines(),
        }
    }
}

impl TreeAsked {
    /// The most lines of a page.
    pub const MOST: u64 = 2_000;
}

/// A page of the tree.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreePage {
    /// When it stood so, RFC 3339.
    pub at: String,
    /// Memory of the whole process that is in use, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Agents that sleep until somebody wants them, as counts: they stand nowhere in the tree. None on a node whose agents do not sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleepers: Option<Sleepers>,
    /// Lines there are, those of other pages included.
    pub total: u64,
    /// From the root down, each child behind its supervisor, in start order.
    pub lines: Vec<TreeLine>,
}

/// Agents that sleep, and those of them that were woken.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleepers {
    /// Asleep now: neither an actor nor a mailbox, only a name.
    pub asleep: u64,
    /// Awake now, or on the way; these stand in the tree.
    pub awake: u64,
    /// How often one was woken since the node began.
    pub woken: u64,
    /// How often one fell asleep since then.
    pub slept: u64,
}

/// A supervisor or a child of one.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeLine {
    /// Its path from the root on, names joined by `/`. It is unique.
    pub path: String,
    /// Its own name: the last part of the path.
    pub id: String,
    /// How deep it stands; the root at zero.
    pub level: u32,
    /// What its supervisor has it as: `waiting`, `starting`, `running`, `backoff`, `stopping`, `stopped` or `finished`. The root:
    /// `starting`, `running`, `stopping` or `down`.
    pub state: String,
    /// When it comes back: `permanent`, `transient` or `temporary`. None of the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// How often it began; 0 before the first start.
    pub incarnation: u64,
    /// How long it has been in its state, in milliseconds.
    pub since_ms: u64,
    /// Automatic restarts so far.
    pub restarts: u32,
    /// How long it still waits before it is started again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_left_ms: Option<u64>,
    /// How it ended last, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<String>,
    /// Of a supervisor: whom it restarts with whom, and how much it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<SupervisorPart>,
    /// Of an agent: what it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentPart>,
    /// How full its mailbox is, and how much goes in, if it shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<MailboxPart>,
    /// Memory that it holds by itself, where that is known: of a zone of the swarm, its arenas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a line has because it is a supervisor.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorPart {
    /// `one_for_one`, `one_for_all`, `rest_for_one` or `dynamic`.
    pub strategy: String,
    /// Restarts within the window that runs now.
    pub restarts_counted: u32,
    /// Restarts allowed within a window; one more and it gives up.
    pub restarts_allowed: u32,
    /// How long the window is, in milliseconds.
    pub window_ms: u64,
    /// Children there are.
    pub children: u64,
    /// Children that run.
    pub active: u64,
}

/// What a line has because it is an agent.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentPart {
    /// Its role, such as `macro.planner`.
    pub role: String,
    /// Where it is in its life: `initiated`, `active`, `suspended`, `waiting`, `draining`, `failed` or `offline`.
    pub state: String,
    /// Messages taken and not settled.
    pub in_hand: u64,
    /// Handlers and jobs that run now.
    pub running: u64,
    /// Conversations that are open.
    pub conversations: u64,
    /// Its own questions that wait for an answer.
    pub asks: u64,
    /// Messages it sent since it began.
    pub sent: u64,
    /// Messages it took in and verified.
    pub verified: u64,
    /// Messages it refused.
    pub refused: u64,
    /// Messages it verified in a second, since somebody looked last; none at the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Why its last incarnation fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// How full a mailbox is.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxPart {
    /// What waits.
    pub queued: u64,
    /// Places there are.
    pub capacity: u64,
}

/// A child of a supervisor that ended.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAgent {
    /// When, RFC 3339.
    pub at: String,
    /// Which.
    pub agent: String,
    /// The path of its supervisor.
    pub supervisor: String,
    /// Which of its incarnations.
    pub incarnation: u64,
    /// How: `normal`, `shutdown`, `failed`, `killed`, `cancelled` or `abandoned`.
    pub how: String,
    /// The same in words, with what was said.
    pub reason: String,
    /// What followed: `restarted` once it runs again, else none (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// What became of the messages that it had in its hands; none while that is not decided, or when it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_hand: Option<InHand>,
}
