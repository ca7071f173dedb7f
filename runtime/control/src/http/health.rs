//! What machines ask: whether the process lives, whether it can work, what rests, and the figures.
//!
//! Whether it lives and can work is told without a token: whoever starts a process has to know it before anybody has one, and it says
//! nothing about anybody. All the rest is for those who may come in.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::problem::Problem;
use super::service::Door;
use crate::{Caller, ControlError, Request};

/// The form of what Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a path is told to everybody.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/health/live" | "/health/ready")
}

pub(super) fn router() -> Router<Door> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/breakers", get(breakers))
        .route("/metrics", get(metrics))
}

async fn live() -> Response {
    told(StatusCode::OK, &json!({"live": true}))
}

async fn ready(State(door): State<Door>) -> Response {
    match door.ready() {
        Ok(()) => told(StatusCode::OK, &json!({"ready": true})),
        Err(why) => {
            let said = json!({"ready": false, "why": why.message, "what_to_do": why.what_to_do});
            told(StatusCode::SERVICE_UNAVAILABLE, &said)
        }
    }
}

async fn breakers(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let breakers = door.value(&caller, Request::Breakers {}).await?;
    let all = breakers.as_array().into_iter().flatten();
    let resting: Vec<&Value> = all
        .filter(|breaker| breaker["state"] != "closed")
        .map(|breaker| &breaker["service"])
        .collect();
    let status = match resting.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(told(
        status,
        &json!({"resting": resting, "breakers": breakers}),
    ))
}

async fn metrics(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let node = door.node().ok_or_else(super::service::unavailable)?;
    let text = node.metrics(&caller)?.ok_or_else(|| {
        ControlError::unknown("this node keeps no figures").advise(
            "start it with telemetry.metrics = true, in a build with the feature `telemetry`",
        )
    })?;
    let kind = [(CONTENT_TYPE, HeaderValue::from_static(TEXT))];
    Ok((kind, text).into_response())
}

fn told(status: StatusCode, said: &Value) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, kind, said.to_string()).into_response()
}
