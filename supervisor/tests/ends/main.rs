//! Ten thousand random ends, each heard exactly once by everybody who waited for it, with its reason.
//!
//! Every actor keeps its own account of how it ended: what it was told, whether its `post_stop` ran. What the monitors
//! heard is compared with these accounts when all is over. The seed is printed; `AIOS_SEED` plays a run again.

#![allow(clippy::unwrap_used)]

mod hands;
mod ledger;
mod subject;

use std::{io::Write, sync::Arc, time::Duration};

use aios_supervisor::{
    ChildSpec, Options, Restart, Strategy, Supervisor, SupervisorSpec, Template,
};

use hands::Hands;
use ledger::Ledger;

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

/// Three children of each restart type and, where it says so, a group of its own below. Few restarts are allowed, so that
/// groups give up all the time.
fn group(ledger: &Arc<Ledger>, path: &str, name: &str, strategy: Strategy) -> SupervisorSpec {
    let path = if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}/{name}")
    };
    let children = RESTARTS.iter().flat_map(|restart| {
        let (ledger, path) = (Arc::clone(ledger), path.clone());
        ["a", "b", "c"].map(move |id| {
            let id = format!("{id}-{restart:?}").to_lowercase();
            subject::spec(&ledger, &path, &id).restart(*restart)
        })
    });
    SupervisorSpec::new(name)
        .strategy(strategy)
        .intensity(2, Duration::from_secs(3))
        .children(children)
}

fn tree(ledger: &Arc<Ledger>) -> SupervisorSpec {
    let pool = |path: &'static str, restart| {
        let ledger = Arc::clone(ledger);
        let template = Template::from_fn("pool", move |_: &(), context| {
            subject::start(&ledger, path, context)
        });
        SupervisorSpec::dynamic(path, template.restart(restart))
            .intensity(2, Duration::from_secs(3))
    };
    let one = group(ledger, "", "one", Strategy::OneForOne);
    let all = group(ledger, "", "all", Strategy::OneForAll).child(ChildSpec::supervisor(group(
        ledger,
        "all",
        "below",
        Strategy::RestForOne,
    )));
    let rest = group(ledger, "", "rest", Strategy::RestForOne).child(ChildSpec::supervisor(group(
        ledger,
        "rest",
        "below",
        Strategy::OneForOne,
    )));
    SupervisorSpec::new("root")
        .intensity(u32::MAX, Duration::from_secs(1))
        .children([one, all, rest].map(ChildSpec::supervisor))
        .child(ChildSpec::supervisor(pool("lasting", Restart::Permanent)))
        .child(ChildSpec::supervisor(pool("passing", Restart::Temporary)))
}

async fn hear_all(ends: usize, seed: u64, settle: Duration) {
    subject::only_unexpected_panics();
    let seed = std::env::var("AIOS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(seed);
    let mut told = std::io::stderr();
    writeln!(told, "{ends} ends, AIOS_SEED={seed}").unwrap();
    let ledger = Ledger::new(seed);
    let options = Options {
        seed,
        event_capacity: 1 << 16,
        ..Options::default()
    };
    let root = Supervisor::start_with(tree(&ledger), options)
        .await
        .unwrap();
    ledger.open(&root);
    let mut hands = Hands::new(root.clone(), Arc::clone(&ledger), seed);
    while ledger.ended() < ends {
        hands.act().await;
        tokio::time::sleep(settle).await;
    }
    hands.rest().await;
    root.stop().await;
    ledger.close(settle).await;
    let summary = ledger.assert_sound(&format!("seed {seed}"));
    writeln!(told, "{summary}").unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_end_of_10_000_is_heard_once_with_its_reason() {
    hear_all(10_000, 1, Duration::from_millis(400)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_end_is_heard_once_when_all_happens_at_once() {
    hear_all(1_000, 2, Duration::from_micros(500)).await;
}
