//! An agent that never asks to be saved is saved all the same, by its tier: a crash costs no more than that.

use std::time::Duration;

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, Context, Incoming, Snapshot, SnapshotError,
};
use aios_actors::async_trait;
use aios_protocols::AgentId;

use crate::house::House;
use crate::mail::Mortal;

/// Counts what it was asked, and asks for no checkpoint but at `save`.
struct Counter(u32);

#[async_trait]
impl Agent for Counter {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        self.0 += 1;
        if incoming.content.as_str() == Some("save") {
            ctx.checkpoint();
        }
        incoming.inform(self.0.to_string())?;
        Ok(())
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.0).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.0 = snapshot.read_json(1)?;
        Ok(())
    }
}

async fn counter(house: &House, role: &str) -> AgentId {
    house.system.factories().register(role, |_| Ok(Counter(0)));
    let spawned = house
        .system
        .spawn(role, &house.supervisor, AgentOptions::default());
    spawned.await.unwrap().0
}

async fn asked(house: &House, agent: &AgentId, times: u32) -> u32 {
    let mut said = String::new();
    for _ in 0..times {
        said = house.ask(agent, "one more").await.unwrap().unwrap();
    }
    said.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_tier_may_lose_is_lost_at_most() {
    // Role, how often it is asked, how long it rests then, and what its successor knows of it.
    for (role, asks, rest_s, known) in [
        ("macro.executor", 9, 1, 0),
        ("macro.executor", 10, 1, 10),
        ("macro.executor", 27, 1, 20),
        ("macro.executor", 3, 61, 3),
        ("meso.state", 100, 200, 0),
        ("meso.state", 100, 301, 100),
    ] {
        let house = House::new().await;
        let agent = counter(&house, role).await;
        assert_eq!(asked(&house, &agent, asks).await, asks);
        tokio::time::sleep(Duration::from_secs(rest_s)).await;
        house.settle().await;
        house.kill(&agent).await;
        let again = asked(&house, &agent, 1).await;
        assert_eq!(again, known + 1, "{role}: {asks} asks, {rest_s} s");
    }
}

/// The mailbox is never empty, and the checkpoint that it asks for is taken all the same.
#[tokio::test(start_paused = true)]
async fn one_that_always_has_something_to_do_is_saved_when_it_asks_for_it() {
    let house = House::new().await;
    let agent = counter(&house, "macro.executor").await;
    let asks: Vec<_> = (0..6)
        .map(|at| house.ask(&agent, if at == 0 { "save" } else { "one more" }))
        .collect();
    for ask in asks {
        ask.await.unwrap().unwrap();
    }
    house.kill(&agent).await;
    // It was saved behind the first, when the others were waiting already.
    assert_eq!(asked(&house, &agent, 1).await, 2);
}

/// What it did is not taken for saved because it should have been.
#[tokio::test(start_paused = true)]
async fn one_that_could_not_be_saved_is_saved_when_the_disk_takes_it_again() {
    let store = Mortal::fresh();
    let house = House::with_store(store.clone()).await;
    let agent = counter(&house, "macro.executor").await;
    asked(&house, &agent, 3).await;
    store.end_within(0);
    house.ask(&agent, "save").await.unwrap().unwrap();
    house.settle().await;
    store.end_within(1_000_000);
    tokio::time::sleep(Duration::from_secs(61)).await;
    house.settle().await;
    house.kill(&agent).await;
    assert_eq!(asked(&house, &agent, 1).await, 5);
}
