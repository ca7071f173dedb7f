//! What a browser asks beside the contract's paths: in whose name it asks, and the files that a goal has made.

use std::path::Path as File;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::problem::Problem;
use super::service::{Door, json};
use crate::access::{Known, Scope};
use crate::{Caller, ControlError, ErrorKind, GoalState, Request};

/// The largest file that is handed out.
const FILE_MAX: u64 = 32 * 1024 * 1024;
/// What a browser may show by itself; everything else is saved.
const SHOWN: [&str; 5] = [
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
];
/// A picture is a picture alone: nothing in it runs or is fetched, though it is opened by itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Whoever asks, and how much is allowed.
pub(super) async fn whoami(Extension(known): Extension<Known>) -> Response {
    let scope = known
        .rights
        .as_ref()
        .map_or(Scope::Admin, |rights| rights.scope);
    let told = json!({"principal": known.principal.to_string(), "scope": scope.as_str()});
    json(told.to_string().into())
}

/// A file that a goal has made, by its name, for whoever may see the goal.
pub(super) async fn artifact(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path((goal_id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let state = door.value(&caller, Request::Goal { goal_id }).await?;
    let state: GoalState =
        serde_json::from_value(state).map_err(|error| ControlError::failed(error.to_string()))?;
    let made = state.answer.iter().flat_map(|answer| &answer.artifacts);
    let named = |path: &File| path.file_name().is_some_and(|file| *file == *name);
    let found = { made }.find(|made| named(&made.path)).cloned();
    let found = found.ok_or_else(|| {
        ControlError::unknown(format!("the goal has made no file {name:?}"))
            .advise("its answer says which there are")
    })?;
    let path = found.path.clone();
    let read = tokio::task::spawn_blocking(move || match std::fs::metadata(&path)?.len() {
        bytes if bytes > FILE_MAX => Ok(Err(bytes)),
        _ => std::fs::read(&path).map(Ok),
    });
    let read = read
        .await
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let bytes =
        read.map_err(|error| ControlError::failed(format!("{name:?} cannot be read: {error}")))?;
    let bytes = bytes.map_err(|bytes| {
        let message = format!("{name:?} has {bytes} bytes, {FILE_MAX} are handed out");
        ControlError::new(ErrorKind::TooLarge, message).advise("take it from the node's disk")
    })?;
    let shown = SHOWN.iter().find(|kind| **kind == found.media_type);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let kind = shown.copied().unwrap_or("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("content-security-policy", HeaderValue::from_static(POLICY));
    let how = if shown.is_some() {
        "inline"
    } else {
        "attachment"
    };
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(how));
    Ok(response)
}
