//! What must hold whenever the tree has come to rest.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aios_supervisor::{
    ChildCounts, ChildState, ChildView, Kind, Restart, Shutdown, Strategy, SupervisorRef,
    SupervisorState, TreeView,
};

use crate::{diary::Diary, plan::Plan, steps::Orders};

/// Tasks alive in the runtime; every actor is one.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Whether nothing is starting, stopping or waiting anywhere.
pub(crate) fn at_rest(tree: &TreeView) -> bool {
    tree.state == SupervisorState::Running
        && tree.children.iter().all(|child| {
            let calm = match child.state {
                ChildState::Running => child.pid.is_some(),
                ChildState::Stopped | ChildState::Finished => true,
                _ => false,
            };
            // What is below a supervisor that is down is a record of the past.
            let below = child.supervisor.as_ref();
            calm && (child.state != ChildState::Running || below.is_none_or(at_rest))
        })
}

/// The look. `beside` are the tasks that are no actors of the tree.
pub(crate) async fn look(
    root: &SupervisorRef,
    orders: &Orders,
    plan: &Plan,
    diary: &Diary,
    beside: usize,
    place: &str,
) {
    diary.assert_sound(place);
    let tree = root.view();
    let mut actors = Actors::default();
    check(&tree, orders, plan, diary, place, &mut actors);
    assert_eq!(
        diary.alive(),
        actors.workers,
        "{place}: nobody is alive outside the tree"
    );
    // Timers that went stale and tasks that reported are over soon; actors are not.
    let expected = actors.workers + actors.supervisors + 1 + beside;
    for _ in 0..10_000 {
        if tasks() == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(tasks(), expected, "{place}: the runtime's tasks");
}

#[derive(Default)]
struct Actors {
    workers: usize,
    supervisors: usize,
}

fn check(
    tree: &TreeView,
    orders: &Orders,
    plan: &Plan,
    diary: &Diary,
    place: &str,
    actors: &mut Actors,
) {
    let path = &*tree.path;
    let place = format!("{place}: {path}");
    shape(tree, orders, plan, &place);
    let mut counts = ChildCounts::default();
    for child in &tree.children {
        counts.specs += 1;
        counts.active += usize::from(child.state == ChildState::Running);
        match child.kind {
            Kind::Supervisor => counts.supervisors += 1,
            Kind::Worker => counts.workers += 1,
        }
        let runs = child.state == ChildState::Running;
        match (&child.supervisor, runs) {
            (Some(below), true) => {
                actors.supervisors += 1;
                check(below, orders, plan, diary, &place, actors);
            }
            (None, true) => {
                actors.workers += 1;
                let alive = diary.alive_at(&format!("{path}/{}", child.id));
                assert_eq!(alive, [child.incarnation], "{place}: one of {}", child.id);
            }
            (_, false) => {
                let alive = diary.alive_at(&format!("{path}/{}", child.id));
                assert!(alive.is_empty(), "{place}: {} is down", child.id);
            }
        }
        why_down(child, orders, path, &place);
    }
    if tree.strategy == Strategy::Dynamic {
        counts.specs = 1;
    }
    assert_eq!(counts, tree.counts, "{place}: counts");
}

/// The children are those declared, in their order, less what was removed; those added by order, again or for the first
/// time, come after them.
fn shape(tree: &TreeView, orders: &Orders, plan: &Plan, place: &str) {
    let declared = &plan.supervisors[&*tree.path];
    assert_eq!(tree.strategy, declared.strategy, "{place}");
    if declared.strategy == Strategy::Dynamic {
        assert!(
            tree.children.iter().all(|child| child.id.starts_with("p-")),
            "{place}"
        );
        return;
    }
    let mut listed = tree.children.iter().map(|child| &child.id).peekable();
    for (id, restart, _) in &declared.children {
        if listed.next_if_eq(&id).is_some() {
            continue;
        }
        assert!(
            *restart == Restart::Temporary
                || orders.removed(&tree.path, id)
                || orders.added(&tree.path, id),
            "{place}: {id} is missing, or out of order: {:?}",
            tree.children
                .iter()
                .map(|child| &child.id)
                .collect::<Vec<_>>()
        );
    }
    for id in listed {
        assert!(
            id.starts_with('x') || orders.added(&tree.path, id),
            "{place}: {id} was not declared"
        );
    }
}

/// A child that is down has a reason to be.
fn why_down(child: &ChildView, orders: &Orders, path: &str, place: &str) {
    let (id, held_down) = (&child.id, orders.held_down(path, &child.id));
    match child.state {
        ChildState::Running => assert!(!held_down, "{place}: {id} came back by itself"),
        ChildState::Stopped => assert!(
            held_down || orders.loose(path, id),
            "{place}: {id} is down and nobody asked"
        ),
        ChildState::Finished => {
            assert_eq!(child.restart, Restart::Transient, "{place}: {id}");
            assert!(
                child
                    .last_exit
                    .as_ref()
                    .is_some_and(|exit| !exit.is_abnormal()),
                "{place}: {id} {:?}",
                child.last_exit
            );
        }
        other => panic!("{place}: {id} is {other:?}"),
    }
}

/// A worker that runs, when a stop of the tree reaches it, and whether its `post_stop` must have run then.
#[derive(Debug)]
pub(crate) struct Leaving {
    rank: usize,
    must: bool,
}

/// The workers below, in start order. Those of a pool share a rank, since they are all asked at once.
pub(crate) fn in_order(
    above: &SupervisorRef,
    tree: &TreeView,
    diary: &Diary,
) -> HashMap<Arc<str>, Leaving> {
    let mut leaving = HashMap::new();
    let mut rank = 0;
    rank_all(above, tree, diary, &mut rank, &mut leaving);
    leaving
}

fn rank_all(
    above: &SupervisorRef,
    tree: &TreeView,
    diary: &Diary,
    rank: &mut usize,
    leaving: &mut HashMap<Arc<str>, Leaving>,
) {
    for child in &tree.children {
        if child.state != ChildState::Running {
            continue;
        }
        if let Some(below) = &child.supervisor {
            let nested = above.supervisor(&child.id).unwrap();
            rank_all(&nested, below, diary, rank, leaving);
        } else {
            *rank += usize::from(tree.strategy != Strategy::Dynamic);
            let path = Arc::<str>::from(format!("{}/{}", tree.path, child.id));
            let patience = match above.child(&child.id).unwrap().policy().unwrap().shutdown {
                Shutdown::BrutalKill => None,
                Shutdown::Timeout(limit) => Some(limit),
                Shutdown::Infinity => Some(Duration::MAX),
            };
            let takes = diary.stop_takes(&path, child.incarnation);
            let must = patience.is_some_and(|limit| takes < limit);
            leaving.insert(path, Leaving { rank: *rank, must });
        }
    }
    *rank += 1;
}

/// Who had to say goodbye did, and all who did went in reverse start order.
pub(crate) fn left_in_reverse(
    expected: &HashMap<Arc<str>, Leaving>,
    goodbyes: &[Arc<str>],
    place: &str,
) {
    let ranks: Vec<usize> = goodbyes
        .iter()
        .map(|path| {
            expected
                .get(path)
                .unwrap_or_else(|| panic!("{place}: {path}"))
                .rank
        })
        .collect();
    assert!(
        ranks.iter().rev().is_sorted(),
        "{place}: not in reverse: {goodbyes:?}"
    );
    for (path, leaving) in expected {
        assert!(
            !leaving.must || goodbyes.contains(path),
            "{place}: {path} left without its post_stop"
        );
    }
}
