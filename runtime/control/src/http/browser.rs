//! What a browser asks beside the contract's paths: in whose name it asks, and the files that a goal has made.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path as FilePath;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use rustix::fs::{Mode, OFlags};
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
    let named = |path: &FilePath| path.file_name().is_some_and(|file| *file == *name);
    let found = { made }.find(|made| named(&made.path)).cloned();
    let found = found.ok_or_else(|| {
        ControlError::unknown(format!("the goal has made no file {name:?}"))
            .advise("its answer says which there are")
    })?;
    let path = found.path.clone();
    let read = tokio::task::spawn_blocking(move || read(&path, FILE_MAX))
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

/// What a file holds, or how much that is if it is more than so many bytes. A link on the way, a pipe and a device are not what the goal has
/// made: whoever may write to its folder could have put them there.
fn read(path: &FilePath, most: u64) -> io::Result<Result<Vec<u8>, u64>> {
    let strange = || io::Error::other("it is not the file any more that was made there");
    if fs::canonicalize(path)? != path {
        return Err(strange());
    }
    // Opening a pipe would wait for somebody who writes.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    let file = File::from(descriptor);
    let told = file.metadata()?;
    if !told.is_file() {
        return Err(strange());
    }
    if told.len() > most {
        return Ok(Err(told.len()));
    }
    // It may grow meanwhile.
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    Ok(if read > most { Err(read) } else { Ok(bytes) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_read_where_it_was_made_and_nothing_that_took_its_place() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let out = root.join("out");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("report.md"), "four").unwrap();
        symlink(out.join("report.md"), out.join("link")).unwrap();
        symlink(&out, root.join("way")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            out.join("pipe"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let made = out.join("report.md");
        assert_eq!(read(&made, 4).unwrap(), Ok(b"four".to_vec()));
        assert_eq!(read(&made, 3).unwrap(), Err(4));
        for strange in ["out/link", "way/report.md", "out/pipe", "out", "out/none"] {
            assert!(read(&root.join(strange), 4).is_err(), "{strange}");
        }
        // It says that it is empty and never ends.
        assert!(read(FilePath::new("/dev/zero"), 4).is_err());
    }
}
