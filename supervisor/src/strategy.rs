//! The closed choices a supervisor's author makes: who is restarted with whom, when, and how a child is stopped.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who is restarted when one child has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Only the child that ended.
    #[default]
    OneForOne,
    /// Every child: the others are stopped in reverse start order, then all start in order.
    OneForAll,
    /// The child that ended and those started after it.
    RestForOne,
    /// Many children of one kind, added at run time from a template; each is restarted alone and all are stopped at
    /// once, since none was promised an order. The counterpart of OTP's `simple_one_for_one`.
    Dynamic,
}

impl Strategy {
    /// Whether a restart touches siblings, so that starts have to keep an order.
    pub(crate) fn is_group(self) -> bool {
        matches!(self, Self::OneForAll | Self::RestForOne)
    }
}

/// When a child that ended comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only after an abnormal end: an error, a panic or a kill.
    Transient,
    /// Never; its spec is forgotten when it ends.
    Temporary,
}

/// How a child is asked to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// Killed at once; its `post_stop` does not run.
    BrutalKill,
    /// Asked to stop, killed when it has not left by then.
    Timeout(Duration),
    /// Asked to stop and waited for without limit: right for a supervisor, which has deadlines of its own below.
    Infinity,
}

impl Shutdown {
    /// What a worker gets unless its spec says otherwise (OTP's default too).
    pub const WORKER_DEFAULT: Self = Self::Timeout(Duration::from_secs(5));
}

/// Whether a child does work or supervises others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Does work.
    #[default]
    Worker,
    /// Supervises children of its own.
    Supervisor,
}

/// Whether a supervisor ends by itself when its significant children have ended by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// It does not; then no child may be significant.
    #[default]
    Never,
    /// When the first significant child ends.
    AnySignificant,
    /// When the last significant child ends.
    AllSignificant,
}
