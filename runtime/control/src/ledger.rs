//! What services rest, what agents and goals have spent, what was commanded and refused.

use std::collections::BTreeMap;

use aios_work::Spent;
use serde::{Deserialize, Serialize};

/// The circuit breaker of a service.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerLine {
    /// Which service, such as `engine.generate` or `tool.NAME`.
    pub service: String,
    /// `closed`, `open`, `half-open` or `safe-mode`.
    pub state: String,
    /// The share of calls that are let through, 0 to 1.
    pub share: f64,
    /// Openings since it was last closed.
    pub trips: u32,
    /// How long it still rests, in milliseconds.
    pub retry_after_ms: u64,
    /// Calls that were not let through, since the node began.
    pub rejected: u64,
    /// The failure that was seen last; empty if there was none.
    pub last_error: String,
}

/// What somebody may spend and has spent.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// Whose: `agent` or `goal`.
    pub of: String,
    /// Its name.
    pub name: String,
    /// What it may spend: a goal in all, an agent for one question.
    pub ceiling: Ceiling,
    /// What it has spent: a goal in all, an agent over all its questions since the node began.
    #[cfg_attr(feature = "http", schemars(with = "serde_json::Value"))]
    pub spent: Spent,
    /// Tokens that are left: of a goal, or of the question that an agent is at work on. None when it is at work on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_left: Option<u64>,
    /// Money that is left in the same sense, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_micros_left: Option<u64>,
    /// Questions of an agent that were begun since the node began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<u64>,
    /// Why the first call was refused that could not be paid; none if all could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The most that may be spent.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Model tokens, prompts included.
    pub tokens: u64,
    /// Money, in millionths of the currency of the configuration; none for no ceiling of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_micros: Option<u64>,
    /// Wall time, in milliseconds.
    pub time_ms: u64,
}

/// Which part of the audit trail is wanted.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditAsked {
    /// The last entry that is known already; zero for all that are kept.
    #[serde(default, deserialize_with = "crate::integer::integer")]
    pub after_seq: u64,
}

/// The audit trail, as far as it is kept.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditTrail {
    /// Entries, oldest first.
    pub entries: Vec<AuditLine>,
    /// How many were ever refused, by the word for why.
    pub refused: BTreeMap<String, u64>,
    /// Whether every entry that is kept names the digest of the one before it in its chain: commands that were forbidden and messages that
    /// were refused have chains of their own, so that they push nothing else out.
    pub chain_holds: bool,
    /// The digest of the last command that was not forbidden, SHA-256 in hexadecimal: whoever writes it down elsewhere can tell later whether the commands before it were changed.
    pub head: String,
}

/// Something that was commanded, or refused.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its number, from 1.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// What sort: `command` (somebody told the node to do something) or `refusal` (an agent refused a message).
    pub sort: String,
    /// Who commanded, or who refused.
    pub by: String,
    /// Who sent what was refused, or claims to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `done` or the kind of refusal of a command; a word from a closed list, such as `bad-signature`, of a message.
    pub label: String,
    /// The command, without what it says; or why the message was refused.
    pub what: String,
    /// The digest of the entry before it in its chain, SHA-256 in hexadecimal; of the first, zeros.
    pub before: String,
}

/// A figure of the node whose latest value does not fit the last five minutes.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unusual {
    /// Its name, as `/metrics` has it. Of one that only grows it is the growth that is told.
    pub metric: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The latest value.
    pub value: f64,
    /// The median of those before it.
    pub median: f64,
    /// Their usual distance from the median: 1.4826 times the median distance, and no less than a twentieth of the median.
    pub spread: f64,
    /// How many such distances the latest value lies off, upwards or downwards; 5 and more are told.
    pub distance: f64,
    /// The evidence: the values of the last five minutes, the latest last.
    pub values: Vec<f64>,
    /// How far they lie apart in time, in milliseconds.
    pub every_ms: u64,
}

/// Which figures are wanted.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiguresAsked {
    /// Only those whose name begins so, such as `aios_inference`; empty for all.
    #[serde(default)]
    pub prefix: String,
}

/// A figure of the node, as `/metrics` has it.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name; the parts of a distribution end with `_bucket` (with a label `le`), `_sum` and `_count`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How it stands now.
    pub value: f64,
    /// Whether it only grows; then what counts is the difference between two looks.
    pub grows: bool,
}
