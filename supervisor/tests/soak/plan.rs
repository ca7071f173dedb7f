//! The tree as it is declared, drawn by chance.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aios_supervisor::{Backoff, ChildSpec, Restart, Shutdown, Strategy, SupervisorSpec, Template};
use rand::{Rng, rngs::SmallRng};

use crate::diary::{self, Diary, worker};

/// A supervisor as declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) strategy: Strategy,
    /// Id, restart type and whether it is a supervisor, in start order.
    pub(crate) children: Vec<(Arc<str>, Restart, bool)>,
}

/// All supervisors by their path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) supervisors: BTreeMap<String, Declared>,
    /// How to start each of them again once it was deleted.
    pub(crate) specs: BTreeMap<String, ChildSpec>,
}

/// Workers a dynamic pool is kept at.
pub(crate) const POOL: usize = 6;

impl Plan {
    /// Actors that run once the pools are filled, without the root.
    pub(crate) fn actors(&self) -> usize {
        let pools = self
            .supervisors
            .values()
            .filter(|declared| declared.strategy == Strategy::Dynamic)
            .count();
        self.actors_at_first() + pools * POOL
    }

    pub(crate) fn actors_at_first(&self) -> usize {
        self.supervisors
            .values()
            .map(|declared| declared.children.len())
            .sum()
    }
}

/// Draws a tree: a root, five regions of four sections and a pool each, a nested desk in every section.
pub(crate) fn draw(rng: &mut SmallRng, diary: &Diary) -> (SupervisorSpec, Plan) {
    let mut plan = Plan::default();
    let regions: Vec<ChildSpec> = (0..5)
        .map(|n| region(rng, diary, &mut plan, &format!("r{n}")))
        .collect();
    let children = regions
        .iter()
        .map(|child| (Arc::clone(&child.id), Restart::Permanent, true))
        .collect();
    plan.supervisors.insert(
        "root".into(),
        Declared {
            strategy: Strategy::OneForOne,
            children,
        },
    );
    // The root is to live through everything, so its limit is out of reach.
    let root = SupervisorSpec::new("root")
        .intensity(u32::MAX, Duration::from_millis(1))
        .children(regions);
    (root, plan)
}

fn region(rng: &mut SmallRng, diary: &Diary, plan: &mut Plan, id: &str) -> ChildSpec {
    let path = format!("root/{id}");
    let mut children: Vec<ChildSpec> = (0..4)
        .map(|n| section(rng, diary, plan, &path, &format!("s{n}"), 18, true))
        .collect();
    children.push(pool(diary, plan, &path));
    supervisor(rng, plan, &path, id, children, 60)
}

fn section(
    rng: &mut SmallRng,
    diary: &Diary,
    plan: &mut Plan,
    above: &str,
    id: &str,
    workers: usize,
    nests: bool,
) -> ChildSpec {
    let path = format!("{above}/{id}");
    let mut children: Vec<ChildSpec> = (0..workers)
        .map(|n| dress(rng, worker(&path, &format!("w{n}"), diary)))
        .collect();
    if nests {
        let desk = section(rng, diary, plan, &path, "desk", 3, false);
        children.insert(rng.random_range(0..workers), desk);
    }
    supervisor(rng, plan, &path, id, children, 20)
}

fn supervisor(
    rng: &mut SmallRng,
    plan: &mut Plan,
    path: &str,
    id: &str,
    children: Vec<ChildSpec>,
    restarts: u32,
) -> ChildSpec {
    let strategy = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ][rng.random_range(0..3)];
    let declared = Declared {
        strategy,
        children: children
            .iter()
            .map(|child| {
                let is_supervisor = child.nested().is_some();
                (Arc::clone(&child.id), child.policy.restart, is_supervisor)
            })
            .collect(),
    };
    plan.supervisors.insert(path.to_string(), declared);
    let spec = SupervisorSpec::new(id)
        .strategy(strategy)
        .intensity(restarts, Duration::from_millis(20))
        .children(children);
    let child = ChildSpec::supervisor(spec);
    plan.specs.insert(path.to_string(), child.clone());
    child
}

fn pool(diary: &Diary, plan: &mut Plan, above: &str) -> ChildSpec {
    let path = format!("{above}/pool");
    let diary = diary.clone();
    let template = {
        let path = path.clone();
        Template::from_fn("p", move |(): &(), context| {
            let child: Arc<str> = format!("{path}/{}", context.id).into();
            diary::start(child, context, diary.clone())
        })
    };
    plan.supervisors.insert(
        path.clone(),
        Declared {
            strategy: Strategy::Dynamic,
            children: Vec::new(),
        },
    );
    let template = template.shutdown(Shutdown::Timeout(Duration::from_millis(50)));
    let spec = SupervisorSpec::dynamic("pool", template).intensity(20, Duration::from_millis(20));
    let child = ChildSpec::supervisor(spec);
    plan.specs.insert(path, child.clone());
    child
}

/// Restart type, shutdown and backoff by chance.
pub(crate) fn dress(rng: &mut SmallRng, child: ChildSpec) -> ChildSpec {
    let child = match rng.random_range(0..20) {
        0 => child.temporary(),
        1..6 => child.transient(),
        _ => child,
    };
    let child = match rng.random_range(0..5) {
        0 => child.shutdown(Shutdown::BrutalKill),
        1 => child.shutdown(Shutdown::Infinity),
        _ => child.shutdown(Shutdown::Timeout(Duration::from_millis(50))),
    };
    if rng.random_range(0..4) > 0 {
        return child;
    }
    child.backoff(Backoff {
        first: Duration::from_millis(1),
        max: Duration::from_millis(8),
        reset_after: Duration::from_millis(50),
        ..Backoff::default()
    })
}
