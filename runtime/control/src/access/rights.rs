//! How much a key allows, and how much each request needs: one table over the contract.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Request;

/// How much somebody may; whoever may more may all that is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Looks and watches.
    Read,
    /// Has work done: goals, agents, tools, engines.
    Operate,
    /// Decides in the owner's place and sees the settings.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        named.ok_or_else(|| format!("{text:?} is no scope; there are read, operate and admin"))
    }
}

/// What a key allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// How much.
    pub scope: Scope,
    /// The folders whose files may be named, from the root on. An admin of the node's own tenant may name any.
    pub folders: Vec<String>,
    /// The key's name, for the record; none for a link that was given out.
    pub key: Option<String>,
}

/// Whose a thing is that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// A tenant's own: its goals, and what any tenant may use. Nobody sees another tenant's.
    Tenant,
    /// The node itself: its agents, its settings, what its owner decides. It concerns the tenant alone that the node belongs to.
    Node,
}

impl Request {
    /// How much whoever asks must be allowed, and whose it is. What is asked for in the owner's own name (a decision is signed with the
    /// owner's key) needs as much as the owner has.
    pub const fn needs(&self) -> (Scope, Concern) {
        match self {
            Self::Submit(_)
            | Self::Plan(_)
            | Self::Cancel { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Retry { .. }
            | Self::Fork(_)
            | Self::Replay { .. }
            | Self::Generate(_)
            | Self::Embed(_)
            | Self::Judge(_)
            | Self::JudgeMore(_) => (Scope::Operate, Concern::Tenant),
            Self::Spawn(_)
            | Self::Ask(_)
            | Self::CallTool(_)
            | Self::Kill { .. }
            | Self::Stop { .. }
            | Self::Suspend { .. }
            | Self::ResumeAgent { .. }
            | Self::Resend { .. }
            | Self::Discard { .. }
            // It shows what somebody said to somebody else.
            | Self::DeadLetter { .. } => (Scope::Operate, Concern::Node),
            // Which model a node thinks with concerns everybody on it.
            Self::LoadModel(_)
            | Self::UnloadModel(_)
            | Self::SwapModel(_)
            // What the node has done to the world is its owner's to take back, and a file says of a goal whatever whoever wrote it wants.
            | Self::Undo { .. }
            | Self::Import { .. }
            | Self::Decide { .. }
            // What an agent may touch.
            | Self::GrantTool { .. }
            | Self::RevokeTool { .. }
            | Self::ApproveTools { .. }
            | Self::Config {} => (Scope::Admin, Concern::Node),
            Self::Approvals {}
            | Self::Goals {}
            | Self::Goal { .. }
            | Self::History(_)
            | Self::Explain { .. }
            | Self::GoalPlan { .. }
            | Self::Diff { .. }
            | Self::Export { .. }
            | Self::Events(_)
            | Self::Tools {}
            | Self::Engines {} => (Scope::Read, Concern::Tenant),
            Self::ToolServers {}
            | Self::View {}
            | Self::Swarm { .. }
            | Self::Agents {}
            | Self::Agent { .. }
            | Self::Tree(_)
            | Self::Ended {}
            | Self::Conversations(_)
            | Self::Conversation { .. }
            | Self::DeadLetters {}
            | Self::Breakers {}
            | Self::Budgets {}
            | Self::Figures(_)
            | Self::Unusual {}
            | Self::Audit(_)
            | Self::Watch(_)
            | Self::WatchTree(_) => (Scope::Read, Concern::Node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ask, Decision, Events};

    #[test]
    fn whoever_may_more_may_what_is_less() {
        assert!(Scope::Read < Scope::Operate && Scope::Operate < Scope::Admin);
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("root".parse::<Scope>().unwrap_err().contains("admin"));
    }

    #[test]
    fn a_query_is_read_a_command_operated_and_what_is_the_owners_administered() {
        let goal_id = "g".to_owned();
        for (request, needs) in [
            (Request::View {}, (Scope::Read, Concern::Node)),
            (Request::Goals {}, (Scope::Read, Concern::Tenant)),
            (
                Request::Events(Events {
                    goal_id: goal_id.clone(),
                    after_seq: 0,
                }),
                (Scope::Read, Concern::Tenant),
            ),
            (
                Request::Cancel { goal_id },
                (Scope::Operate, Concern::Tenant),
            ),
            (
                Request::Ask(Ask {
                    agent: "a".to_owned(),
                    content: String::new(),
                    deadline_ms: 1,
                }),
                (Scope::Operate, Concern::Node),
            ),
            (
                Request::Decide {
                    id: "a".to_owned(),
                    decision: Decision::Accept,
                    reason: String::new(),
                },
                (Scope::Admin, Concern::Node),
            ),
            (Request::Config {}, (Scope::Admin, Concern::Node)),
            (
                Request::GrantTool {
                    agent: "a".to_owned(),
                    tool: "calc".to_owned(),
                },
                (Scope::Admin, Concern::Node),
            ),
            (
                Request::Import {
                    run: serde_json::Value::Null,
                    new_id: None,
                },
                (Scope::Admin, Concern::Node),
            ),
            (
                Request::Undo {
                    goal_id: "g".to_owned(),
                },
                (Scope::Admin, Concern::Node),
            ),
        ] {
            assert_eq!(request.needs(), needs, "{request:?}");
            // No command is done by somebody who only reads.
            assert!(!request.is_command() || request.needs().0 > Scope::Read);
        }
    }
}
