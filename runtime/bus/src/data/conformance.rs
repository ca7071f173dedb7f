//! What every data bus must do, checked against any of them. Panics with the rule that was broken.

use std::time::Duration;

use aios_protocols::Subject;
use aios_protocols::ports::{BusError, DataBus};
use bytes::Bytes;

use super::PAYLOAD_BYTES_MAX;

/// How long a delivery may be on its way.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Runs the whole suite against a bus that nobody else uses.
///
/// # Panics
/// Names the rule that does not hold.
pub async fn check(bus: &dyn DataBus) {
    only_matching_subjects_arrive_and_in_order(bus).await;
    a_slow_subscriber_misses_the_newest_and_is_told(bus).await;
    nobody_listening_is_not_an_error(bus).await;
    a_payload_over_the_limit_is_refused_with_both_numbers(bus).await;
}

fn subject(text: &str) -> Subject {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn only_matching_subjects_arrive_and_in_order(bus: &dyn DataBus) {
    let mut one = must(bus.subscribe(pattern("aios.events.task.*"), 16).await);
    let mut rest = must(bus.subscribe(pattern("aios.events.>"), 16).await);
    for (at, name) in [
        "aios.events.task.1",
        "aios.events.agent.1",
        "aios.data.logs.1",
        "aios.events.task.2",
    ]
    .into_iter()
    .enumerate()
    {
        must(
            bus.publish(subject(name), Bytes::from(vec![at as u8]))
                .await,
        );
    }
    let take = async |subscription: &mut Box<dyn aios_protocols::ports::Subscription>,
                      count: usize| {
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.extend(
                subscription
                    .next()
                    .await
                    .map(|delivery| delivery.payload[0]),
            );
        }
        seen
    };
    assert_eq!(
        take(&mut one, 2).await,
        [0, 3],
        "`*` stands for exactly one token"
    );
    assert_eq!(
        take(&mut rest, 3).await,
        [0, 1, 3],
        "`>` stands for one token or more"
    );
}

async fn a_slow_subscriber_misses_the_newest_and_is_told(bus: &dyn DataBus) {
    let mut slow = must(bus.subscribe(pattern("aios.slow.>"), 2).await);
    for at in 0..5_u8 {
        must(
            bus.publish(subject("aios.slow.x"), Bytes::from(vec![at]))
                .await,
        );
    }
    // What is on its way over a network has not been missed yet. Nobody reads meanwhile.
    let arrived = async {
        while slow.missed() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let arrived = tokio::time::timeout(ARRIVAL, arrived).await;
    assert!(arrived.is_ok(), "what did not fit is counted");
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.extend(slow.next().await.map(|delivery| delivery.payload[0]));
    }
    assert_eq!(seen, [0, 1], "what was queued first is kept");
    assert_eq!(slow.missed(), 3, "what did not fit is counted once");
    assert!(slow.try_next().is_none(), "what was missed does not come");
}

async fn nobody_listening_is_not_an_error(bus: &dyn DataBus) {
    must(
        bus.publish(subject("aios.nobody.listens"), Bytes::new())
            .await,
    );
}

async fn a_payload_over_the_limit_is_refused_with_both_numbers(bus: &dyn DataBus) {
    let outcome = bus
        .publish(
            subject("aios.too.large"),
            Bytes::from(vec![0; PAYLOAD_BYTES_MAX + 1]),
        )
        .await;
    assert_eq!(
        outcome,
        Err(BusError::TooLarge {
            asked: PAYLOAD_BYTES_MAX + 1,
            allowed: PAYLOAD_BYTES_MAX
        }),
        "a payload over the limit is refused"
    );
}

fn pattern(text: &str) -> aios_protocols::SubjectPattern {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn must<T>(outcome: Result<T, BusError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}
