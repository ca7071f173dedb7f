//! What comes at the wrong time: once more, too late, or from a time that has not come.

use std::sync::Arc;

use aios_actors::agent::{AgentOptions, AskError};
use aios_protocols::{Draft, Performative, Sealer, TenantId};

use crate::door::{Forger, inform, post};
use crate::house::{House, SECOND};

#[tokio::test(start_paused = true)]
async fn a_replayed_frame_is_refused_also_after_a_restart() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    let frame = Forger::enrolled(&house, "macro.planner.009@global", &worker).request(&house);
    post(&house, &worker, frame.clone(), true).await;
    post(&house, &worker, frame.clone(), true).await;
    house.kill(&worker).await;
    post(&house, &worker, frame, true).await;
    assert_eq!(
        (house.book.times("work"), house.refusals("replayed")),
        (1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_directive_taken_up_after_its_reply_by_is_dropped_and_reported() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    house.cell(&worker).suspend();
    let error = house
        .ask_within(&worker, "work", SECOND)
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, AskError::Deadline { .. }), "{error}");
    tokio::time::advance(SECOND).await;
    house.cell(&worker).resume();
    house.settle().await;
    assert_eq!(
        (
            house.book.times("work"),
            house.refusals("expired"),
            house.buried("expired")
        ),
        (0, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_is_a_dead_letter() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, _, _| async move {
            incoming.agree()?;
            tokio::time::sleep(2 * SECOND).await;
            incoming.inform("late")?;
            Ok(())
        })
        .await;
    let error = house
        .ask_within(&worker, "work", SECOND)
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, AskError::Deadline { .. }), "{error}");
    tokio::time::sleep(2 * SECOND).await;
    house.settle().await;
    assert_eq!(
        (house.buried("expired"), house.refusals("out-of-protocol")),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_spawned_anew_refuses_what_its_predecessor_took() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    let mut sender = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    // One frame of this very moment, and one of a clock that is ahead.
    let now = sender.request(&house);
    let ahead = house.system.now() + 20 * SECOND;
    let draft = Draft::request(&worker, "work");
    let (_, early) = sender.sealer.seal(draft, ahead, [77; 10]).unwrap();
    for frame in [&now, &early] {
        post(&house, &worker, frame.clone(), true).await;
    }
    assert_eq!(house.book.times("work"), 2);
    for round in 0..2 {
        house
            .supervisor
            .terminate_child(worker.as_str())
            .await
            .unwrap();
        house
            .supervisor
            .delete_child(worker.as_str())
            .await
            .unwrap();
        if round == 1 {
            // Gone from the directory or still in it: what it took is remembered.
            house.system.leave(&(&worker).into());
        }
        house
            .system
            .spawn_as(&worker, &house.supervisor, AgentOptions::default())
            .await
            .unwrap();
        for frame in [&now, &early, &now] {
            post(&house, &worker, frame.clone(), true).await;
        }
        assert_eq!(
            (house.book.times("work"), house.refusals("replayed")),
            (2, 3 * (round + 1)),
            "round {round}"
        );
    }
    // Its peers hear the successor, which has a later epoch and a new key.
    tokio::time::advance(21 * SECOND).await;
    assert_eq!(house.ask(&worker, "more").await.unwrap().unwrap(), "done");
    // And what is new is heard, without reopening the door for the old.
    let next = sender.request(&house);
    post(&house, &worker, next, true).await;
    for frame in [&now, &early] {
        post(&house, &worker, frame.clone(), true).await;
    }
    assert_eq!(
        (house.book.times("work"), house.refusals("replayed")),
        (3, 8)
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_too_long_is_a_dead_letter() {
    let house = House::new().await;
    let options = AgentOptions {
        max_age: 60 * SECOND,
        ..AgentOptions::default()
    };
    let worker = house.agent_with("macro.executor", options, inform).await;
    let mut sender = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    let told = |sender: &mut Forger| sender.seal(&house, Draft::new(Performative::Inform, "old"));
    let (first, second) = (told(&mut sender), told(&mut sender));
    tokio::time::advance(60 * SECOND).await;
    post(&house, &worker, first, true).await;
    tokio::time::advance(SECOND).await;
    post(&house, &worker, second, true).await;
    assert_eq!(
        (
            house.book.times("old"),
            house.refusals("too-old"),
            house.buried("expired")
        ),
        (1, 1, 1)
    );
}

/// Whoever steals a key cannot push its owner's epochs, or the world's, ahead of the time.
#[tokio::test(start_paused = true)]
async fn a_message_of_an_epoch_that_has_not_come_shuts_nobody_out() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    let mut owner = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    let thief = Arc::clone(owner.sealer.identity());
    let tenant = TenantId::new("local").unwrap();
    let mut thief = Forger {
        sealer: Sealer::new(thief, tenant, u64::MAX),
        to: (&worker).into(),
        sent: 100,
    };
    let frame = thief.request(&house);
    post(&house, &worker, frame, true).await;
    assert_eq!(
        (house.book.times("work"), house.refusals("from-the-future")),
        (0, 1)
    );
    let frame = owner.request(&house);
    post(&house, &worker, frame, true).await;
    assert_eq!(house.book.times("work"), 1);
}
