//! What the flows share: a node, a goal and where its files lie.

use std::path::PathBuf;
use std::time::Duration;

use aios_runtime::{Answer, Config, Goal, GoalError, Node};

/// A node that thinks with the scripted engine.
pub(crate) async fn node() -> Node {
    Node::builder().start().await.unwrap()
}

/// Settings under which a test may fell as many agents as it likes.
pub(crate) fn sturdy() -> Config {
    let mut config = Config::default();
    config.agents.restarts = 10_000;
    config
}

/// One goal, from the request to its end.
pub(crate) async fn pursue(node: &Node, goal: Goal) -> Result<Answer, GoalError> {
    node.run(goal).await?.answer().await
}

/// A file that the documentation shows.
pub(crate) fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/examples")
        .join(name)
}

/// Fails instead of hanging; nothing is measured by it.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {patience:?}"))
}

/// Small, fast and repeatable: a failing test prints the seed it ran under.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `0` to `below - 1`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    pub(crate) fn one_of<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len() as u64) as usize]
    }
}
