//! The rules of OTP's `supervisor` (its `supervisor_SUITE`, group by group) and of Pekko's typed supervision, each a
//! test named after the rule, on the pure core. `tests/` repeats the ones that depend on real actors.
//!
//! Where we decide otherwise than OTP on purpose, and why, stands in `docs/supervision-rules.md`.

use std::time::Duration;

use super::{
    Input, Mode, Order, Outcome, Settings,
    rig::{Habit, World, ms, policy, settings},
};
use crate::{
    backoff::Backoff,
    exit::ExitReason,
    fault::StartError,
    intensity::Intensity,
    policy::Policy,
    strategy::{AutoShutdown, Restart, Shutdown, Strategy},
};

const SECOND: Duration = Duration::from_secs(1);

fn permanent() -> Policy {
    policy(Restart::Permanent)
}

fn transient() -> Policy {
    policy(Restart::Transient)
}

fn temporary() -> Policy {
    policy(Restart::Temporary)
}

/// Three children under a strategy, at most two restarts in a second.
fn three(strategy: Strategy, policy: &Policy) -> World {
    let children = [
        ("a", policy.clone()),
        ("b", policy.clone()),
        ("c", policy.clone()),
    ];
    World::booted(settings(strategy, 2, SECOND), &children)
}

fn dynamic(policy: &Policy) -> World {
    let mut world = World::booted(settings(Strategy::Dynamic, 2, SECOND), &[]);
    for id in ["a", "b", "c"] {
        world.start(id, policy.clone());
    }
    world.log.clear();
    world
}

mod backoffs;
mod dynamic_children;
mod exits;
mod one_for_all;
mod one_for_one;
mod orders;
mod rest_for_one;
mod restart_failures;
mod shutdown;
mod significant;
mod start;
