//! What is wrong with a tree before it starts, and why a child of one did not start.

use std::sync::Arc;

use thiserror::Error;

/// Why a tree is unsound.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SpecError {
    /// A supervisor's name cannot be part of a path.
    #[error(
        "supervisor name `{name}` must be 1 to 256 characters without `/` and control characters"
    )]
    Name {
        /// The name.
        name: Arc<str>,
    },
    /// Restarts are allowed within no time.
    #[error(
        "supervisor `{supervisor}` allows {restarts} restarts within a window of zero; give it a length"
    )]
    Window {
        /// The supervisor.
        supervisor: Arc<str>,
        /// Restarts allowed.
        restarts: u32,
    },
    /// Two children with one id.
    #[error(
        "supervisor `{supervisor}` has two children with the id `{id}`; ids are unique among siblings"
    )]
    DuplicateChild {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The id.
        id: Arc<str>,
    },
    /// A template without the dynamic strategy, or the other way round.
    #[error("supervisor `{supervisor}` {what}")]
    Template {
        /// The supervisor.
        supervisor: Arc<str>,
        /// What is missing.
        what: &'static str,
    },
    /// A dynamic supervisor with children of its own.
    #[error(
        "dynamic supervisor `{supervisor}` lists {children} children; they are started at run time only"
    )]
    DynamicWithChildren {
        /// The supervisor.
        supervisor: Arc<str>,
        /// Children listed.
        children: usize,
    },
    /// A child's spec contradicts itself or its supervisor.
    #[error("child `{id}` of `{supervisor}`: {what}")]
    Child {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The child.
        id: Arc<str>,
        /// What is wrong and what to do.
        what: &'static str,
    },
}

/// Why a child did not start.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum StartError {
    /// The actor's own start failed or panicked.
    #[error("start failed: {0}")]
    Failed(String),
    /// The child has nothing to do; it counts as started and finished (OTP's `ignore`).
    #[error("the child asked not to run")]
    Ignored,
    /// The start was called off because the child or its supervisor was told to stop.
    #[error("start called off by a stop order")]
    Cancelled,
    /// The spec is unsound; nothing was started.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A child of the supervisor did not start; those started before it have been stopped in reverse order.
    #[error("child `{id}` of `{supervisor}` did not start: {error}")]
    Child {
        /// Path of the supervisor.
        supervisor: Arc<str>,
        /// The child.
        id: Arc<str>,
        /// Why, in words.
        error: String,
    },
    /// A child failed too often while the supervisor was still starting.
    #[error("gave up while starting: {0}")]
    GaveUp(String),
}

impl From<ractor::SpawnErr> for StartError {
    fn from(error: ractor::SpawnErr) -> Self {
        match error {
            ractor::SpawnErr::StartupFailed(inner) => Self::Failed(inner.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}
