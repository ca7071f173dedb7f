//! What of the types here is kept, and read by whoever updates.

use crate::content::{Answer, KeptPlan, TaskResult};
use crate::golden::holds;

/// What is kept has no number of a form of its own: these have been added to, with a default for what was written before, and nothing else.
const FIRST: u16 = 1;

fn holds_json<T: serde::Serialize + serde::de::DeserializeOwned>(record: &str) {
    let read = |bytes: &[u8]| serde_json::from_slice::<T>(bytes).ok();
    holds(record, FIRST, read, |value| {
        serde_json::to_vec(value).unwrap()
    });
}

#[test]
fn a_plan_that_was_kept_is_read_and_written_the_same() {
    holds_json::<KeptPlan>("kept-plan");
}

#[test]
fn a_result_that_was_kept_is_read_and_written_the_same() {
    holds_json::<TaskResult>("task-result");
}

#[test]
fn an_answer_that_was_kept_is_read_and_written_the_same() {
    holds_json::<Answer>("answer");
}
