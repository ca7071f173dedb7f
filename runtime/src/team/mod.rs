//! A team in one file: who stands under whom, what follows whose fall, which charters, and what all of them together may use and spend.
//!
//! The file is data, checked before anything starts ([`Team::problems`]) and drawn without a node (`aios team show`). `grow` makes of it the
//! supervisors and agents of a node's tree.

mod check;
mod file;
mod grow;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aios_supervisor::Strategy;
use aios_work::Charter;
use serde::{Deserialize, Serialize};

pub use check::Problem;
pub use file::TeamError;

pub(crate) use grow::Grown;

/// Agents of one team.
pub const AGENTS_MAX: u32 = 256;
/// Groups within groups.
pub const DEPTH_MAX: usize = 8;

/// A team, with the charters it names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Team {
    /// Where it stands in the file system.
    pub file: PathBuf,
    /// The outermost group.
    pub group: Group,
    /// The charters that were found, by name.
    pub charters: BTreeMap<String, Charter>,
    /// What is wrong with charters that were not, by name.
    pub missing: BTreeMap<String, String>,
}

/// A supervisor and what stands under it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// What the supervisor is called.
    pub name: String,
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// How many restarts it allows within [`Group::within_ms`] before it gives up.
    pub restarts: u32,
    /// That time, in milliseconds.
    pub within_ms: u64,
    /// What everything below may use and spend.
    pub bounds: Bounds,
    /// What stands under it, in start order.
    pub children: Vec<Child>,
}

/// What stands under a supervisor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Child {
    /// Another supervisor.
    Group(Group),
    /// Agents of a charter.
    Seat(Seat),
}

/// Agents of one charter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seat {
    /// The charter's name.
    pub charter: String,
    /// How many there are of them.
    pub instances: u32,
    /// What they may use and spend together.
    pub bounds: Bounds,
}

/// What everything below a place may use and spend, from the start of the node on. It only takes away: a charter holds beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The only tools, by name; none for those of the charters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Model tokens together; none for as many as the charters allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money together, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_micros: Option<u64>,
}

impl Group {
    /// The seats below it, each with the bounds of everything above it, the outermost first.
    pub(crate) fn seats(&self) -> Vec<(&Seat, Vec<&Bounds>)> {
        let mut seats = Vec::new();
        for child in &self.children {
            let below = match child {
                Child::Seat(seat) => vec![(seat, vec![&seat.bounds])],
                Child::Group(group) => group.seats(),
            };
            for (seat, mut bounds) in below {
                bounds.insert(0, &self.bounds);
                seats.push((seat, bounds));
            }
        }
        seats
    }

    /// Every group, itself first.
    pub(crate) fn groups(&self) -> Vec<&Group> {
        let mut groups = vec![self];
        for child in &self.children {
            if let Child::Group(group) = child {
                groups.extend(group.groups());
            }
        }
        groups
    }
}
