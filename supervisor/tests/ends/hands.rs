//! What is done to the tree.

use std::{collections::HashSet, sync::Arc};

use aios_supervisor::{ChildHandle, ChildState, Link, SupervisorRef};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use crate::{
    ledger::{Generation, Ledger, running},
    subject::Do,
};

const SUPERVISORS: [&str; 7] = [
    "one",
    "all",
    "all/below",
    "rest",
    "rest/below",
    "lasting",
    "passing",
];
const POOLS: [&str; 2] = ["lasting", "passing"];
/// Links held at a time.
const LINKS: usize = 8;

pub(crate) struct Hands {
    root: SupervisorRef,
    ledger: Arc<Ledger>,
    rng: SmallRng,
    /// Links that will be cut unless one of the two ends before.
    held: Vec<(Link, Generation, Generation)>,
    linked: HashSet<(Generation, Generation)>,
}

impl Hands {
    pub(crate) fn new(root: SupervisorRef, ledger: Arc<Ledger>, seed: u64) -> Self {
        Self {
            root,
            ledger,
            rng: SmallRng::seed_from_u64(seed),
            held: Vec::new(),
            linked: HashSet::new(),
        }
    }

    /// A few things in the same moment.
    pub(crate) async fn act(&mut self) {
        self.ledger.read_events();
        for _ in 0..self.rng.random_range(1..=3) {
            let all = running(&self.root);
            let Some((generation, child)) = all.choose(&mut self.rng).cloned() else {
                return self.heal().await;
            };
            match self.rng.random_range(0..20) {
                0..=3 => tell(&child, Do::Panic),
                4 | 5 => tell(&child, Do::Fail),
                6 => tell(&child, Do::Stop(None)),
                7 => tell(&child, Do::Stop(Some("enough".into()))),
                8 | 9 => {
                    if let Some(cell) = child.cell() {
                        cell.kill();
                    }
                }
                10 | 11 => self.order(&generation).await,
                12 => self.kill_supervisor().await,
                13 | 14 => self.fill_pools().await,
                15 => self.heal().await,
                16..=18 => {
                    if let Some((other, its)) = all.choose(&mut self.rng) {
                        self.link((&generation, &child), (other, its));
                    }
                }
                _ => self.cut_one(),
            }
        }
    }

    pub(crate) async fn rest(&mut self) {
        while !self.held.is_empty() {
            self.cut_one();
        }
        self.ledger.read_events();
    }

    async fn order(&mut self, generation: &Generation) {
        let Some((path, id)) = generation.child.rsplit_once('/') else {
            return;
        };
        let Some(supervisor) = self.root.supervisor(path) else {
            return;
        };
        // Each is refused now and then; whatever they do must be heard of.
        match self.rng.random_range(0..3) {
            0 => drop(supervisor.kill_child(id).await),
            1 => drop(supervisor.terminate_child(id).await),
            _ => {
                let _ = supervisor.terminate_child(id).await;
                let _ = supervisor.delete_child(id).await;
            }
        }
    }

    async fn kill_supervisor(&mut self) {
        let path = *SUPERVISORS.choose(&mut self.rng).unwrap();
        let Some(cell) = self
            .root
            .supervisor(path)
            .and_then(|supervisor| supervisor.cell())
        else {
            return;
        };
        self.ledger.supervisor_killed(path);
        cell.kill();
    }

    async fn fill_pools(&mut self) {
        for path in POOLS {
            let Some(pool) = self.root.supervisor(path) else {
                continue;
            };
            if pool.count_children().active < 20 {
                let pool = pool.dynamic::<()>().unwrap();
                // A start may fail, or the pool be on its way down.
                drop(pool.start_many([(); 5]).await);
            }
        }
    }

    /// Whoever is down comes up again.
    async fn heal(&mut self) {
        for path in SUPERVISORS {
            let Some(supervisor) = self.root.supervisor(path) else {
                continue;
            };
            for child in supervisor.which_children() {
                if matches!(child.state, ChildState::Stopped | ChildState::Finished) {
                    // It may have come up by itself, or fail to.
                    let _ = supervisor.restart_child(&child.id).await;
                }
            }
            if supervisor.which_children().is_empty() && !POOLS.contains(&path) {
                self.ledger.supervisor_killed(path);
                supervisor.cell().inspect(|cell| cell.kill());
            }
        }
    }

    fn link(&mut self, one: (&Generation, &ChildHandle), two: (&Generation, &ChildHandle)) {
        let pair = (one.0.clone(), two.0.clone());
        let turned = (two.0.clone(), one.0.clone());
        if one.0 == two.0 || self.linked.contains(&pair) || self.linked.contains(&turned) {
            return;
        }
        let Some(link) = one.1.link(two.1) else {
            return;
        };
        // In between one of them may have come back: then it is another pair, of which nothing is kept.
        let same = |(generation, child): (&Generation, &ChildHandle)| {
            child.incarnation() == Some(generation.incarnation)
        };
        if !same(one) || !same(two) {
            return self.ledger.let_go();
        }
        self.linked.insert(pair);
        if self.rng.random_bool(0.7) || self.held.len() >= LINKS {
            self.ledger.keep(link, one.0.clone(), two.0.clone());
        } else {
            self.held.push((link, one.0.clone(), two.0.clone()));
        }
    }

    fn cut_one(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.held.len());
        let (link, one, two) = self.held.swap_remove(at);
        if futures::FutureExt::now_or_never(link.ended()).is_some() {
            return self.ledger.keep(link, one, two);
        }
        drop(link);
        // It may have killed between the look and the drop; what it has told by now was before.
        self.ledger.read_events();
        if self.ledger.fell_together(&one, &two) {
            self.ledger.let_go();
        } else {
            self.ledger.cut(one, two);
        }
    }
}

fn tell(child: &ChildHandle, what: Do) {
    if let Some(actor) = child.actor::<Do>() {
        // It may have gone since.
        let _ = actor.send_message(what);
    }
}
