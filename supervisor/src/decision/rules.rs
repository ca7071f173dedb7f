//! The rules of OTP's `supervisor` (its `supervisor_SUITE`, group by group) and of Pekko's typed supervision, each a
//! test named after the rule, on the pure core. `tests/` repeats the ones that depend on real actors.
//!
//! Where we differ on purpose:
//!
//! | OTP or Pekko | here | why |
//! |---|---|---|
//! | giving up exits with `shutdown`, so a transient supervisor stays down | giving up is a failure | an escalation that nobody answers is lost |
//! | a group restart also starts children stopped by `terminate_child` | it does not | "terminated" is somebody's decision; only `restart_child` takes it back |
//! | a failed restart is tried again at once, and no order is heard while a start is slow | the same count, but through the mailbox, or after a backoff; starts run in tasks | the mailbox is never held hostage |
//! | a start order during a group restart waits in the mailbox | it queues behind the group's starts | the same order, without blocking |
//! | Pekko restarts in place, keeping the mailbox | the actor is a new one; a `Mailbox` is kept beside it | one mechanism, and the state is surely gone |
//! | Pekko `resume` goes on with the state that failed | not offered | a state that met an error is not to be trusted |

use std::time::Duration;

use super::{
    Input, Mode, Order, Outcome, Settings,
    rig::{Habit, World, ms, policy, settings},
};
use crate::{
    backoff::Backoff,
    child_spec::{Policy, StartError},
    exit::ExitReason,
    intensity::Intensity,
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
