//! Engines behind somebody's server, and the choice between engines: against servers of this test that do as they are told.
#![allow(clippy::unwrap_used, missing_docs)]

mod conformance;
mod faults;
mod recorded;
mod routes;
mod scripted;
mod secrets;
mod wire;

use std::time::Duration;

use aios_inference::InferRequest;
use aios_inference::remote::{Address, Form, RemoteConfig, RemoteEngine};

/// Nothing in here takes that long; a test that does is broken.
const SOON: Duration = Duration::from_secs(30);

/// An engine for a server of this test.
fn engine(form: Form, address: &str) -> RemoteEngine {
    RemoteEngine::new(config(form, address))
}

fn config(form: Form, address: &str) -> RemoteConfig {
    let mut config = RemoteConfig::new("there", form, Address::new(address).unwrap());
    config.model = "a-model".into();
    config.retries = 0;
    config
}

fn ask() -> InferRequest {
    InferRequest::chat("Be brief.", "Say something.")
        .max_tokens(64)
        .within(SOON)
}

async fn within<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, call)
        .await
        .expect("it ends soon")
}
