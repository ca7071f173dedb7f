//! The window into a tree: plain data to print, send and compare.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    exit::ExitReason,
    intensity::Intensity,
    mailbox::Depth,
    strategy::{Kind, Restart, Strategy},
};

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Down, waiting for its turn to start.
    Waiting,
    /// Its start is under way.
    Starting,
    /// Runs.
    Running,
    /// Down, waiting for its backoff to pass.
    Backoff,
    /// Told to leave, not gone yet.
    Stopping,
    /// Down by order; only `restart_child` brings it back.
    Stopped,
    /// Ended by itself and is not due to come back.
    Finished,
}

impl ChildState {
    /// The word it is shown as.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }
}

/// What a supervisor is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisorState {
    /// Starting its children for the first time.
    Starting,
    /// Serves.
    Running,
    /// Stopping its children, then itself.
    Stopping,
    /// Does not run (now).
    #[default]
    Down,
}

/// One child as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildView {
    /// Its id.
    pub id: Arc<str>,
    /// Worker or supervisor.
    pub kind: Kind,
    /// When it comes back.
    pub restart: Restart,
    /// What it is doing.
    pub state: ChildState,
    /// Generation that runs or ran last; 0 before the first start.
    pub incarnation: u64,
    /// ractor's number of the actor that runs.
    pub pid: Option<u64>,
    /// How long it has been in this state.
    pub since: Duration,
    /// Automatic restarts so far.
    pub restarts: u32,
    /// What is left of its backoff.
    pub backoff_left: Option<Duration>,
    /// How it ended last.
    pub last_exit: Option<ExitReason>,
    /// How full the mailbox it shows is.
    pub mailbox: Option<Depth>,
    /// What it says of itself.
    pub note: Option<String>,
    /// What is below it, when it is a supervisor.
    pub supervisor: Option<TreeView>,
}

/// A supervisor and all below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeView {
    /// Names from the root down, joined by `/`.
    pub path: Arc<str>,
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// What it is doing.
    pub state: SupervisorState,
    /// ractor's number of the supervisor's actor.
    pub pid: Option<u64>,
    /// How long it has run; zero when it is down.
    pub uptime: Duration,
    /// Restarts that count now.
    pub restarts: u32,
    /// Restarts allowed.
    pub intensity: Intensity,
    /// How many children there are of each sort.
    pub counts: ChildCounts,
    /// In start order; at most as many as asked for.
    pub children: Vec<ChildView>,
    /// Children not listed.
    pub omitted: usize,
}

/// How many children there are (OTP's `count_children`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildCounts {
    /// Child specs kept; a dynamic supervisor has one, its template.
    pub specs: usize,
    /// Children that run.
    pub active: usize,
    /// Children that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// Children that are workers, whether they run or not.
    pub workers: usize,
}

impl TreeView {
    /// The child at a path of ids below this supervisor, such as `workers/w1`.
    pub fn find(&self, path: &str) -> Option<&ChildView> {
        let (id, rest) = path
            .split_once('/')
            .map_or((path, None), |(id, rest)| (id, Some(rest)));
        let child = self.children.iter().find(|child| &*child.id == id)?;
        match rest {
            None => Some(child),
            Some(rest) => child.supervisor.as_ref()?.find(rest),
        }
    }

    fn draw(&self, f: &mut fmt::Formatter<'_>, margin: &str) -> fmt::Result {
        for (index, child) in self.children.iter().enumerate() {
            let last = index + 1 == self.children.len() && self.omitted == 0;
            let (branch, below) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            write!(f, "{margin}{branch}{}  {}", child.id, child.state.label())?;
            if let Some(pid) = child.pid {
                write!(f, "  pid {pid}")?;
            }
            if child.restarts > 0 {
                write!(f, "  restarts {}", child.restarts)?;
            }
            if let Some(left) = child.backoff_left {
                write!(f, "  back in {left:.1?}")?;
            }
            if let Some(depth) = child.mailbox {
                write!(f, "  mailbox {}/{}", depth.queued, depth.capacity)?;
            }
            if let Some(note) = &child.note {
                write!(f, "  {note}")?;
            }
            if let Some(exit) = &child.last_exit {
                write!(f, "  last exit: {exit}")?;
            }
            if let Some(tree) = &child.supervisor {
                write!(f, "  ")?;
                tree.limits(f)?;
                writeln!(f)?;
                tree.draw(f, &format!("{margin}{below}"))?;
            } else {
                writeln!(f)?;
            }
        }
        if self.omitted > 0 {
            writeln!(f, "{margin}└─ and {} more", self.omitted)?;
        }
        Ok(())
    }

    fn limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = match self.strategy {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
            Strategy::Dynamic => "dynamic",
        };
        let Intensity { restarts, within } = self.intensity;
        write!(
            f,
            "[{strategy}, {}/{restarts} restarts in {within:?}]",
            self.restarts
        )
    }
}

impl fmt::Display for TreeView {
    /// The tree as text, one line a child.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.path)?;
        self.limits(f)?;
        writeln!(f)?;
        self.draw(f, "")
    }
}
