//! The streams on the server: made when they are not there, and made again when it lost them.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use super::link::NatsLink;
use super::streams::{self, StreamSpec};

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(250);

/// Makes all streams, as soon as there is a server that lets one.
pub async fn ensure(link: &NatsLink) {
    for spec in &streams::ALL {
        while !ensure_one(link, spec).await {
            tokio::time::sleep(AGAIN).await;
            if !link.up().await {
                return;
            }
        }
    }
}

/// Makes one; whether it is there now. One that somebody made otherwise is left as it is: whoever runs the server may keep more, or less.
pub(super) async fn ensure_one(link: &NatsLink, spec: &StreamSpec) -> bool {
    let made = link.context().get_or_create_stream(config(spec)).await;
    made.inspect_err(
        |error| tracing::debug!(%error, stream = spec.name, "the stream is not there yet"),
    )
    .is_ok()
}

fn config(spec: &StreamSpec) -> Config {
    Config {
        name: spec.name.to_owned(),
        subjects: spec.all_subjects(),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        max_age: spec.age_max,
        max_bytes: spec.bytes_max,
        duplicate_window: streams::DUPLICATE_WINDOW,
        allow_direct: true,
        ..Config::default()
    }
}
