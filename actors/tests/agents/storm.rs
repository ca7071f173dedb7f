//! Kills at random moments, on several threads: no accepted request is lost and no committed effect happens twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aios_actors::agent::{AgentError, AgentOptions};
use aios_supervisor::{Supervisor, SupervisorSpec};

use crate::house::House;

const ASKERS: usize = 4;
const ASKS: usize = 50;
const WATCHDOG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_random_kills_every_request_is_answered_and_every_effect_happens_once() {
    let house = House::new().await;
    let storm = Supervisor::start(SupervisorSpec::new("storm").intensity(1_000_000, WATCHDOG))
        .await
        .unwrap();
    let effects: Arc<std::sync::Mutex<BTreeMap<String, usize>>> = Arc::default();
    let counted = Arc::clone(&effects);
    // Registers the constructor; a kill has nobody to blame, so strikes are not limited here.
    let options = AgentOptions {
        deliveries: u32::MAX,
        ..AgentOptions::default()
    };
    let first = house
        .agent_with(
            "macro.executor",
            options.clone(),
            move |incoming, ctx, _| {
                let counted = Arc::clone(&counted);
                async move {
                    ctx.spawn(incoming, |incoming, ctx| async move {
                        let what = incoming.content.as_str().unwrap_or_default().to_owned();
                        let made = ctx
                            .once(&what, || async {
                                tokio::task::yield_now().await;
                                // The effect and its commit are in one poll: a kill comes before both or after both.
                                *counted.lock().unwrap().entry(what.clone()).or_default() += 1;
                                Ok::<_, AgentError>(format!("made {what}"))
                            })
                            .await?;
                        tokio::task::yield_now().await;
                        Ok(incoming.inform(made)?)
                    });
                    Ok(())
                }
            },
        )
        .await;
    house
        .supervisor
        .terminate_child(first.as_str())
        .await
        .unwrap();
    let (worker, _) = house
        .system
        .spawn("macro.executor", &storm, options)
        .await
        .unwrap();

    let answered = Arc::new(AtomicUsize::new(0));
    let mut asking = tokio::task::JoinSet::new();
    for asker in 0..ASKERS {
        let (driver, worker, answered) =
            (house.driver.clone(), worker.clone(), Arc::clone(&answered));
        asking.spawn(async move {
            for ask in 0..ASKS {
                let what = format!("{asker}-{ask}");
                let answer = driver.ask(&worker, what.as_str(), WATCHDOG).await.unwrap();
                assert_eq!(
                    answer.content.as_str(),
                    Some(format!("made {what}").as_str())
                );
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut kills = 0;
    let began = std::time::Instant::now();
    while answered.load(Ordering::Relaxed) < ASKERS * ASKS && !asking.is_empty() {
        let child = storm.child(worker.as_str()).and_then(|child| child.view());
        assert!(
            began.elapsed() < WATCHDOG / 2,
            "stands still: {:?} {child:?}",
            house.view(&worker)
        );
        if let Some(host) = storm.child(worker.as_str()).and_then(|child| child.cell()) {
            host.kill();
            kills += 1;
        }
        // Lets a handful of answers through between two kills, or gives up on a storm that stands still.
        let until = answered.load(Ordering::Relaxed) + 3;
        for _ in 0..2_000 {
            if answered.load(Ordering::Relaxed) >= until {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    assert!(kills > 10, "{kills} kills");
    let effects = effects.lock().unwrap();
    assert_eq!(effects.len(), ASKERS * ASKS);
    assert!(effects.values().all(|times| *times == 1), "{effects:?}");
    assert_eq!(house.view(&worker).in_flight, 0);
}
