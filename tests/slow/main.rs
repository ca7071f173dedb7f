//! What takes minutes: `cargo test -p aios-tests --features heavy --test slow`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod fuzzing;
#[path = "../fast/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "../fast/records.rs"]
mod records;
mod servers;
mod soak;
#[path = "../fast/storm.rs"]
mod storm;

/// That of the command, whose memory is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `AIOS_SEED` repeats a run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_random_kills_lose_no_goal_and_double_no_effect() {
    storm::storm(10_000, storm::seed(), std::time::Duration::from_secs(3_600)).await;
}
