//! The meso tier: services that decide by rules.
//!
//! Each is a single-node service with a real job: [`registry`] says who offers what, [`consensus`] gives out leases with fencing tokens,
//! [`router`] sends work where it went well, [`monitor`] says how everybody is, [`state`] looks after what is stored, [`security`] cuts
//! off who must not speak any more.

pub mod consensus;
pub mod monitor;
pub mod registry;
pub mod router;
pub mod security;
pub mod state;
pub mod team;

use aios_protocols::{Reason, ReasonKind};

use crate::agent::{AgentError, Incoming};

/// The answer to what a service does not do.
fn not_mine(incoming: &Incoming, does: &str) -> AgentError {
    AgentError::NotUnderstood(Reason::new(
        ReasonKind::UnsupportedFunction,
        format!(
            "{} of ontology {} is not for this agent; it takes {does}",
            incoming.performative,
            incoming.ontology.as_deref().unwrap_or("(none)")
        ),
    ))
}
