//! The recovery table: what falls, and what the asker sees of it.

use std::future::pending;
use std::sync::Arc;

use aios_actors::agent::{AgentError, AgentOptions, AskError, Context, Incoming};

use crate::house::{Book, House, SECOND};

type Handled = Result<(), AgentError>;

fn done(incoming: &Incoming, ctx: &Context) -> Handled {
    Ok(incoming.inform(format!("done by {}", ctx.incarnation()))?)
}

/// Falls in the way the message says, in its first incarnation; the second does the work.
async fn fall_once(incoming: Incoming, ctx: Context, _: Arc<Book>) -> Handled {
    if ctx.incarnation() > 1 {
        return done(&incoming, &ctx);
    }
    match incoming.content.as_str() {
        Some("hang") => pending().await,
        Some("panic") => panic!("as the message says"),
        Some("break") => Err(AgentError::broken("as the message says")),
        Some("panic in job") => {
            ctx.spawn(incoming, |_, _| async { panic!("in a job") });
            Ok(())
        }
        Some("hang in job") => {
            ctx.spawn(incoming, |incoming, _| async move {
                let _held = incoming;
                pending().await
            });
            Ok(())
        }
        Some("agree and panic") => {
            incoming.agree()?;
            panic!("after a promise")
        }
        _ => done(&incoming, &ctx),
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_an_agent_in_the_middle_of_a_request_the_next_incarnation_answers_it() {
    let options = || AgentOptions {
        handler_deadline: 5 * SECOND,
        job_deadline: 5 * SECOND,
        ..AgentOptions::default()
    };
    for (how, said) in [
        ("hang", "hangs"),
        ("panic", "panicked"),
        ("break", "broken"),
        ("panic in job", "panicked"),
        ("hang in job", "hangs"),
        ("agree and panic", "panicked"),
    ] {
        let house = House::new().await;
        let worker = house
            .agent_with("macro.executor", options(), fall_once)
            .await;
        assert_eq!(
            house.ask(&worker, how).await.unwrap().unwrap(),
            "done by 2",
            "{how}"
        );
        let view = house.view(&worker);
        assert!(
            view.last_failure.as_ref().unwrap().contains(said),
            "{how}: {view:?}"
        );
        assert_eq!((view.incarnation, view.in_flight), (2, 0), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_the_hands_of_a_killed_agent_is_answered_after_the_restart() {
    for how in ["hang", "hang in job"] {
        let house = House::new().await;
        let worker = house.agent(fall_once).await;
        let asking = house.ask(&worker, how);
        house.book.wait(how, 1).await;
        house.kill(&worker).await;
        assert_eq!(asking.await.unwrap().unwrap(), "done by 2", "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_message_is_given_up_after_three_deliveries_and_its_asker_hears_at_once() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, ctx, _| async move {
            assert_ne!(incoming.content.as_str(), Some("poison"), "poisoned");
            done(&incoming, &ctx)
        })
        .await;
    let error = house.ask(&worker, "poison").await.unwrap().unwrap_err();
    let AskError::Failed { reason, .. } = error else {
        panic!("{error}")
    };
    assert!(reason.detail.contains("3 deliveries"), "{reason}");
    assert_eq!(
        (
            house.buried("too_many_deliveries"),
            house.book.times("poison")
        ),
        (1, 3)
    );
    assert_eq!(
        house.ask(&worker, "work").await.unwrap().unwrap(),
        "done by 4",
        "and the agent is well"
    );
}

/// A supervisor's view shows its first thousand children; who stands behind them is restarted, and so its messages are not given back.
#[tokio::test(start_paused = true)]
async fn in_a_crowd_of_more_than_a_thousand_an_agent_that_fell_comes_back_to_its_messages() {
    let house = House::new().await;
    let _following = house.system.follow(&house.supervisor);
    let mut last = house.agent(fall_once).await;
    for _ in 0..1_010 {
        let options = AgentOptions::default();
        let spawned = house
            .system
            .spawn("macro.executor", &house.supervisor, options);
        last = spawned.await.unwrap().0;
    }
    let asking = house.ask(&last, "hang");
    house.book.wait("hang", 1).await;
    house.kill(&last).await;
    assert_eq!(asking.await.unwrap().unwrap(), "done by 2");
    assert_eq!(
        house.ask(&last, "work").await.unwrap().unwrap(),
        "done by 2"
    );
}
