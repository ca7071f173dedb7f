//! The data bus on a real NATS server, fetched once and started by each test for itself. Without one these tests fail.
#![cfg(feature = "nats")]
#![allow(clippy::unwrap_used)]

mod access;
mod conforms;
mod forged;
mod kills;
mod rig;
mod waits;

/// Two kills of the server under load; ten are in the slow suite.
#[test]
fn kills_of_the_server_lose_nothing_and_double_nothing() {
    kills::of_the_server(2);
}

/// Two kills of the process that publishes and follows; ten are in the slow suite.
#[test]
fn kills_of_the_process_lose_nothing_and_double_nothing() {
    kills::of_the_process(2, "kills::the_process_that_is_killed");
}

/// A few hours' worth of lost connections; a day's is in the slow suite.
#[test]
fn many_lost_connections_lose_nothing() {
    kills::of_connections(48);
}
