//! Flows, tables and rules that hold over the whole workspace.
#![allow(clippy::unwrap_used)]

mod again;
mod approvals;
mod ask;
mod buses;
mod charters;
mod circles;
mod control;
mod crash;
mod crew;
mod damaged;
mod far;
mod faulty;
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub)]
mod fuzz;
mod goals;
#[path = "../../actors/tools/tests/mcp/hostile_server.rs"]
mod hostile_server;
mod house;
#[path = "../../actors/tools/tests/mcp/installed.rs"]
mod installed;
mod layering;
mod made_up;
mod nodes;
mod packs;
mod pages;
mod places;
mod plans;
mod private;
mod records;
mod recourse;
mod recovery;
#[path = "../fuzz/src/replay.rs"]
mod replay;
mod replayed;
mod resting;
mod retries;
#[path = "../../runtime/bus/tests/nats/rig.rs"]
#[allow(dead_code)]
mod rig;
mod room;
mod seeds;
mod servers;
mod shop;
mod shown;
mod storm;
mod strangers;
mod suspects;
mod swarm;
mod tables;
mod teams;
mod till;
mod told;
mod upgraded;
mod verdict;

/// A few clients; two hundred are in the slow suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_goals_are_handed_in_while_the_node_is_killed_and_each_is_begun_once() {
    retries::retries(20).await;
}

/// Three kills; ten are in the slow suite.
#[test]
fn a_node_on_a_nats_server_that_is_killed_tells_each_answer_once() {
    rig::run(told::kills(3));
}

/// A slice of the storm; the whole of it is in the slow suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_random_kills_lose_no_goal_and_double_no_effect() {
    storm::storm(200, storm::seed(), std::time::Duration::from_secs(120)).await;
}

/// Thirty places; each is in the slow suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_operations_of_its_disk_loses_no_goal_and_doubles_no_effect() {
    places::places(Some(30)).await;
}
