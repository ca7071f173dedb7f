//! What happens on a node, told to whoever watches all of it: agents, messages, goals, questions to people, letters nobody took.
//!
//! A watch is a number behind which it goes on, and a few words that choose. Messages are noted only while somebody watches; everything
//! else is rare and is noted always. What is not kept any more is told as one event of kind `reset`, what a slow watcher was too late for
//! as one of kind `gap`: nothing is left out in silence.

use aios_work::content::TaskEvent;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{AuditLine, EventKind, GoalPhase, LetterLine};

/// What of a node's events is wanted.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The last event the watcher has seen; zero for all that are kept.
    #[serde(default, deserialize_with = "crate::integer::integer")]
    pub after_seq: u64,
    /// Whether only what happens from now on is told; then `after_seq` says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// Only what concerns this goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<String>,
    /// Only what concerns this agent, by its whole name or by its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Only what belongs to this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Only these kinds; in a link names with commas between them. Empty for all.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "kinds"
    )]
    #[cfg_attr(feature = "http", schemars(schema_with = "known_kinds"))]
    pub kinds: Vec<EventKind>,
}

impl Watch {
    /// Whether messages are among what is wanted.
    pub fn wants(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether it looks for something in particular: a goal, an agent, a conversation.
    pub fn is_particular(&self) -> bool {
        self.goal_id.is_some() || self.agent.is_some() || self.conversation.is_some()
    }

    /// Whether what concerns these agents is wanted: one of them is the one that is looked for, or none in particular is.
    pub fn wants_any_of<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let wanted = |agent: &str| names.into_iter().any(|name| is_called(name, agent));
        self.agent.as_deref().is_none_or(wanted)
    }
}

/// Whether an agent's name is this one, or one of this role.
fn is_called(name: &str, agent: &str) -> bool {
    let rest = name.strip_prefix(agent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '@']))
}

/// Of a later version's kinds nothing could be told.
#[cfg(feature = "http")]
fn known_kinds(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let known = EventKind::KNOWN.map(EventKind::as_str);
    schemars::json_schema!({"type": "array", "items": {"type": "string", "enum": known}})
}

/// A kind of a later version is told, and is not asked for.
fn kinds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EventKind>, D::Error> {
    let list = Vec::<EventKind>::deserialize(deserializer)?;
    match list.contains(&EventKind::Other) {
        true => Err(serde::de::Error::custom(
            "a kind of event that there is not; there are agent, message, task, goal, approval, dead_letter, breaker, budget, audit",
        )),
        false => Ok(list),
    }
}

/// An agent began, ended or changed how it stands; the body of an event of kind `agent`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHappened {
    /// When, RFC 3339.
    pub at: String,
    /// Which agent, or another child of a supervisor.
    pub agent: String,
    /// The path of its supervisor, names joined by `/`.
    pub supervisor: String,
    /// What happened: `started`, `start_failed`, `exited`, `restarting`, `stopping`, `killed_at_deadline`, `stuck`, `killed_by_link`,
    /// `removed`, `gave_up`, `auto_shutdown`, `suspended`, `resumed`.
    pub kind: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which of its incarnations it is about; they only grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    /// Of `restarting`: restarts in a row without a stable run, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Of `restarting`: how long it waits before, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Of `started` after a fall: what became of the messages that the last incarnation had in its hands. None when it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_hand: Option<InHand>,
}

/// What became of the messages that an incarnation had in its hands when it fell.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InHand {
    /// Handed to the next incarnation.
    pub again: Vec<Held>,
    /// Handed over as often as allowed: dead letters now, and whoever sent them was told.
    pub given_up: Vec<Held>,
    /// How many there are that are not listed.
    pub more: u64,
}

/// A message in an agent's hands.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its name.
    pub message: String,
    /// The act, such as `request`.
    pub act: String,
    /// Who said it.
    pub sender: String,
    /// The conversation.
    pub conversation: String,
    /// How many incarnations were handed it.
    pub deliveries: u32,
}

/// A message on its way; the body of an event of kind `message`. What it says is not told.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageHappened {
    /// When, RFC 3339.
    pub at: String,
    /// Where it is: `sent` (signed, and in the mailbox of its receiver), `verified` (its receiver has checked signature, freshness and
    /// order) or `refused`.
    pub what: String,
    /// Its name; none of a frame that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The act, such as `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// Who says it, or claims to; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Whom it is for.
    pub receiver: String,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The protocol it follows, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// When the next act is due, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<String>,
    /// How long what it says is.
    #[serde(default)]
    pub content_bytes: u64,
    /// The trace it belongs to, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The goal it is said for, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<String>,
    /// Of `refused`: a word from a closed list, such as `bad-signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of `refused`: why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A goal was accepted or moved on; the body of an event of kind `goal`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalHappened {
    /// When, RFC 3339.
    pub at: String,
    /// Which goal.
    pub goal_id: String,
    /// Where it stands now.
    pub phase: GoalPhase,
}

/// A task of a goal moved; the body of an event of kind `task`, as the goal's own watchers have it.
pub type TaskHappened = TaskEvent;

/// A person is asked, or has decided; the body of an event of kind `approval`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalHappened {
    /// When, RFC 3339.
    pub at: String,
    /// The question's name.
    pub approval: String,
    /// Which goal it is about.
    pub goal_id: String,
    /// What is proposed.
    pub question: String,
    /// Where it stands: `open`, `accepted`, `rejected` or `expired`.
    pub status: String,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

/// A breaker changed; the body of an event of kind `breaker`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerHappened {
    /// When, RFC 3339.
    pub at: String,
    /// Which service.
    pub service: String,
    /// What its breaker does now: `closed`, `open`, `half-open` or `safe-mode`.
    pub state: String,
    /// Openings since it was last closed.
    pub trips: u32,
    /// The failure that was seen last.
    pub last_error: String,
}

/// An agent has spent something, or may spend no more; the body of an event of kind `budget`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetHappened {
    /// When, RFC 3339.
    pub at: String,
    /// The agent.
    pub agent: String,
    /// The work it is paid for.
    pub operation: String,
    /// How the work stands: `at_work`, `answered`, `left` or `unanswered`.
    pub status: String,
    /// Tokens that this work took so far.
    pub tokens: u64,
    /// What it cost so far, in millionths of the currency of the configuration.
    pub money_micros: u64,
    /// Model calls it made so far.
    pub calls: u64,
}

/// Events that a watcher asked to go on from are not kept any more; the body of an event of kind `reset`. Whoever draws what it was told
/// asks for how it stands now.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The last event the watcher had.
    pub after_seq: u64,
    /// The first that is kept.
    pub first_seq: u64,
}

/// Events happened faster than they are told to one watcher; the body of an event of kind `gap`.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many of those that were asked for are left out here.
    pub left_out: u64,
}

/// What an event of a node's watch holds, by its kind. It is how bodies are written; read them with [`Event::read`](crate::Event::read).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Happened {
    /// Kind `agent`.
    Agent(AgentHappened),
    /// Kind `message`.
    Message(MessageHappened),
    /// Kind `goal`.
    Goal(GoalHappened),
    /// Kind `task`.
    Task(TaskHappened),
    /// Kind `approval`.
    Approval(ApprovalHappened),
    /// Kind `dead_letter`.
    DeadLetter(LetterLine),
    /// Kind `breaker`.
    Breaker(BreakerHappened),
    /// Kind `budget`.
    Budget(BudgetHappened),
    /// Kind `audit`.
    Audit(AuditLine),
    /// Kind `reset`.
    Reset(Reset),
    /// Kind `gap`.
    Gap(Gap),
}

impl Happened {
    /// Its kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Agent(_) => EventKind::Agent,
            Self::Message(_) => EventKind::Message,
            Self::Goal(_) => EventKind::Goal,
            Self::Task(_) => EventKind::Task,
            Self::Approval(_) => EventKind::Approval,
            Self::DeadLetter(_) => EventKind::DeadLetter,
            Self::Breaker(_) => EventKind::Breaker,
            Self::Budget(_) => EventKind::Budget,
            Self::Audit(_) => EventKind::Audit,
            Self::Reset(_) => EventKind::Reset,
            Self::Gap(_) => EventKind::Gap,
        }
    }

    /// The goal it concerns, if it is about one.
    pub fn goal_id(&self) -> Option<&str> {
        match self {
            Self::Message(it) => it.goal_id.as_deref(),
            Self::Goal(it) => Some(&it.goal_id),
            Self::Task(it) => Some(&it.goal_id),
            Self::Approval(it) => Some(&it.goal_id),
            _ => None,
        }
    }

    /// The conversation it belongs to.
    pub fn conversation(&self) -> Option<&str> {
        match self {
            Self::Message(it) => it.conversation.as_deref(),
            Self::DeadLetter(it) => it.conversation.as_deref(),
            _ => None,
        }
    }

    /// Whether it concerns an agent, by name or role.
    pub fn concerns(&self, agent: &str) -> bool {
        let is = |name: &str| is_called(name, agent);
        let may_be = |name: &Option<String>| name.as_deref().is_some_and(is);
        match self {
            Self::Agent(it) => is(&it.agent),
            Self::Message(it) => is(&it.receiver) || may_be(&it.sender),
            Self::DeadLetter(it) => may_be(&it.sender) || it.receivers.iter().any(|name| is(name)),
            Self::Budget(it) => is(&it.agent),
            Self::Audit(it) => is(&it.by) || may_be(&it.from),
            _ => false,
        }
    }

    /// Whether a watch asks for it.
    pub fn is_wanted(&self, watch: &Watch) -> bool {
        watch.wants(self.kind())
            && watch
                .goal_id
                .as_deref()
                .is_none_or(|goal| self.goal_id() == Some(goal))
            && watch
                .conversation
                .as_deref()
                .is_none_or(|id| self.conversation() == Some(id))
            && watch
                .agent
                .as_deref()
                .is_none_or(|agent| self.concerns(agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_chooses_by_goal_agent_conversation_and_kind() {
        let message = Happened::Message(MessageHappened {
            at: String::new(),
            what: "sent".to_owned(),
            message: None,
            act: Some("request".to_owned()),
            sender: Some("macro.planner.001@local".to_owned()),
            receiver: "macro.critic.001@local".to_owned(),
            conversation: Some("c".to_owned()),
            protocol: None,
            reply_by: None,
            content_bytes: 0,
            trace_id: None,
            goal_id: Some("g".to_owned()),
            label: None,
            why: None,
        });
        let watch = Watch::default();
        let some = |text: &str| Some(text.to_owned());
        for (watch, wanted) in [
            (watch.clone(), true),
            (
                Watch {
                    goal_id: some("g"),
                    ..watch.clone()
                },
                true,
            ),
            (
                Watch {
                    goal_id: some("h"),
                    ..watch.clone()
                },
                false,
            ),
            (
                Watch {
                    agent: some("macro.planner"),
                    ..watch.clone()
                },
                true,
            ),
            (
                Watch {
                    agent: some("macro.critic.001@local"),
                    ..watch.clone()
                },
                true,
            ),
            (
                Watch {
                    agent: some("macro.plan"),
                    ..watch.clone()
                },
                false,
            ),
            (
                Watch {
                    conversation: some("c"),
                    ..watch.clone()
                },
                true,
            ),
            (
                Watch {
                    conversation: some("d"),
                    ..watch.clone()
                },
                false,
            ),
            (
                Watch {
                    kinds: vec![EventKind::Message],
                    ..watch.clone()
                },
                true,
            ),
            (
                Watch {
                    kinds: vec![EventKind::Agent, EventKind::Goal],
                    ..watch
                },
                false,
            ),
        ] {
            assert_eq!(message.is_wanted(&watch), wanted, "{watch:?}");
        }
    }

    #[test]
    fn kinds_are_a_list_and_what_is_none_is_refused() {
        let read = |text: &str| serde_json::from_str::<Watch>(text);
        let both = vec![EventKind::Agent, EventKind::DeadLetter];
        assert_eq!(
            read(r#"{"kinds":["agent","dead_letter"]}"#).unwrap().kinds,
            both
        );
        assert!(read("{}").unwrap().kinds.is_empty());
        for kind in EventKind::KNOWN {
            let named = serde_json::json!({ "kinds": [kind.as_str()] }).to_string();
            assert_eq!(read(&named).unwrap().kinds, [kind]);
        }
        for wrong in [
            r#"{"kinds":"agent, dead_letter"}"#,
            r#"{"kinds":"nothing"}"#,
            r#"{"kinds":["nothing"]}"#,
            r#"{"kinds":["other"]}"#,
            r#"{"kinds":7}"#,
            r#"{"king":"a"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
