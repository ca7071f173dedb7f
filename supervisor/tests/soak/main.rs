//! A soak in the manner of Pekko's `SupervisorHierarchySpec`: 500 actors over five levels live through hundreds of
//! thousands of random steps, and every so often, when they have come to rest, everything that must hold is looked at.
//!
//! A fiftieth runs always; with the feature `heavy` all 500,000 steps run from a seed of the moment. The seed is
//! printed; `AIOS_SEED` and `AIOS_STEPS` play a run again. Time is paused, so no step waits for a wall clock.

#![allow(clippy::unwrap_used)]

mod diary;
mod invariants;
mod plan;
mod steps;

use std::{io::Write, time::Duration};

use aios_supervisor::{Options, Stopped, Supervisor};
use rand::{SeedableRng, rngs::SmallRng};

use diary::Diary;
use steps::Hands;

/// Steps between two looks.
const BETWEEN_LOOKS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Panics that were asked for by the ten thousand are no news.
fn only_unexpected_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>();
        if !text.is_some_and(|text| diary::EXPECTED_PANICS.contains(text)) {
            usual(panic);
        }
    }));
}

async fn soak(steps: u64, seed: u64) {
    only_unexpected_panics();
    let steps = number("AIOS_STEPS").unwrap_or(steps);
    let seed = number("AIOS_SEED").unwrap_or(seed);
    let mut told = std::io::stderr();
    writeln!(told, "soak of {steps} steps, AIOS_SEED={seed}").unwrap();
    let diary = Diary::new(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let (tree, plan) = plan::draw(&mut rng, &diary);
    assert!(plan.actors() >= 500, "{} actors", plan.actors());
    let options = Options {
        seed,
        ..Options::default()
    };
    let root = Supervisor::start_with(tree, options).await.unwrap();
    let tasks_beside_actors = invariants::tasks() - (plan.actors_at_first() + 1);
    let mut hands = Hands::new(root.clone(), plan, diary.clone(), rng);
    let mut done = 0;
    while done < steps {
        if done % (4 * BETWEEN_LOOKS) == 0 {
            hands.heal().await;
        }
        for _ in 0..BETWEEN_LOOKS {
            hands.step().await;
        }
        done += BETWEEN_LOOKS;
        hands.rest(&format!("seed {seed}, step {done}")).await;
        let place = format!("seed {seed}, step {done}");
        let beside = tasks_beside_actors;
        invariants::look(&root, hands.orders(), hands.plan(), &diary, beside, &place).await;
    }
    writeln!(told, "{:?}", hands.summary()).unwrap();
    assert!(
        hands.lively(),
        "seed {seed}: there was nobody left to do anything to"
    );
    let expected = invariants::in_order(&root, &root.view(), &diary);
    diary.take_goodbyes();
    assert_eq!(
        root.stop_within(Duration::from_secs(3_600)).await,
        Stopped::InOrder
    );
    invariants::left_in_reverse(
        &expected,
        &diary.take_goodbyes(),
        &format!("seed {seed}, stop"),
    );
    assert_eq!(diary.alive(), 0, "seed {seed}: nobody is left");
    diary.assert_sound(&format!("seed {seed}"));
}

#[tokio::test(start_paused = true)]
async fn a_tree_of_500_actors_keeps_its_promises_through_10_000_random_steps() {
    soak(10_000, 1).await;
}

#[cfg(feature = "heavy")]
#[tokio::test(start_paused = true)]
async fn a_tree_of_500_actors_keeps_its_promises_through_500_000_random_steps() {
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    soak(500_000, u64::try_from(seed).unwrap()).await;
}
