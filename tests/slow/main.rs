//! What takes minutes: `cargo test -p aios-tests --features heavy --test slow`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod clients;
#[path = "../fast/crash.rs"]
#[allow(dead_code)]
mod crash;
mod fuzzing;
mod hostile;
#[path = "../fast/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "../../runtime/journal/tests/kill.rs"]
mod journal;
#[path = "../../runtime/bus/tests/nats/kills.rs"]
mod kills;
mod mcp;
#[path = "../../actors/tests/agents/mid_turn.rs"]
mod mid_turn;
#[path = "../fast/places.rs"]
mod places;
#[path = "../fast/records.rs"]
mod records;
#[path = "../fast/retries.rs"]
mod retries;
#[path = "../../runtime/bus/tests/nats/rig.rs"]
#[allow(dead_code)]
mod rig;
mod schema;
mod servers;
#[path = "../fast/shop.rs"]
mod shop;
mod soak;
#[path = "../fast/storm.rs"]
mod storm;
#[path = "../fast/told.rs"]
mod told;

/// That of the command, whose memory is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_goals_are_handed_in_while_the_node_is_killed_and_each_is_begun_once() {
    retries::retries(200).await;
}

/// `AIOS_SEED` repeats a run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_random_kills_lose_no_goal_and_double_no_effect() {
    storm::storm(10_000, storm::seed(), std::time::Duration::from_secs(3_600)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_kills_in_the_middle_of_a_turn_submit_nothing_twice() {
    mid_turn::storm(10_000, std::time::Duration::from_secs(1_800)).await;
}

/// Ten kills of the NATS server under load.
#[test]
fn ten_kills_of_the_server_lose_nothing_and_double_nothing() {
    kills::of_the_server(10);
}

/// Ten kills of the process that publishes and follows.
#[test]
fn ten_kills_of_the_process_lose_nothing_and_double_nothing() {
    kills::of_the_process(10, "kills::the_process_that_is_killed");
}

/// Ten kills of a node on a NATS server while goals run.
#[test]
fn a_node_on_a_nats_server_that_is_killed_tells_each_answer_once() {
    rig::run(told::kills(10));
}

/// A day's worth of lost connections.
#[test]
fn a_day_of_lost_connections_loses_nothing() {
    kills::of_connections(288);
}

/// Before each operation, behind each, and within each that appends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_each_operation_of_its_disk_loses_no_goal_and_doubles_no_effect() {
    places::places(None).await;
}

/// Kills in the first milliseconds of a process and seconds later, until a million writes were acknowledged.
#[test]
fn of_a_million_acknowledged_writes_none_is_lost_and_none_doubled() {
    let bounds = journal::Bounds {
        segment: 8 << 20,
        // Short ones, since it is their number that is asked for.
        length: 300,
        kills: 100..=2_000,
        acknowledged: 1_000_000,
    };
    journal::kills(&bounds, |kill| {
        std::time::Duration::from_millis(20 + 331 * kill % 1_500)
    });
}
