//! A watch as server-sent events. The id of an event is its number, so whoever was cut off says the last one it has and goes on there. An event
//! is the same bytes for everybody who watches: none is written a second time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::service::Door;
use crate::{Caller, ControlError, ErrorKind, EventStream, Events, LINE_MAX, Request, Told};

/// How often it is seen whether whoever watches still may.
const LOOK: Duration = Duration::from_secs(1);
/// What is said into the silence, so that either side notices when the other is gone.
const ALIVE: Duration = Duration::from_secs(15);
/// How it is said: a comment, which is no event.
const ALIVE_SAID: &[u8] = b": alive\n\n";

/// Marks an answer that goes on after it has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoesOn {
    /// Until its watcher leaves, who can go on elsewhere: its place may be another's.
    Watch,
    /// Until it is whole; who is cut off has lost it.
    Answer,
}

struct Telling {
    door: Door,
    caller: Caller,
    /// The goal that is watched, if it is one's.
    goal_id: Option<String>,
    /// The last event that was told.
    seen: u64,
    events: Box<dyn EventStream>,
    /// Raised when the server goes.
    going: watch::Receiver<bool>,
    ready: VecDeque<Bytes>,
    /// When something was said last.
    said: Instant,
    over: bool,
}

/// A watch on its way out.
pub(super) fn response(
    door: &Door,
    caller: &Caller,
    watched: Option<Events>,
    events: Box<dyn EventStream>,
) -> Response {
    let telling = Telling {
        door: door.clone(),
        caller: caller.clone(),
        seen: watched.as_ref().map_or(0, |watched| watched.after_seq),
        goal_id: watched.map(|watched| watched.goal_id),
        events,
        going: door.going(),
        ready: VecDeque::new(),
        said: Instant::now(),
        over: false,
    };
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache"),
    ];
    let body = Body::from_stream(stream(telling));
    let mut response = (headers, body).into_response();
    response.extensions_mut().insert(GoesOn::Watch);
    response
}

fn stream(telling: Telling) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(telling, |mut telling| async move {
        let line = telling.next().await?;
        Some((Ok(line), telling))
    })
}

impl Telling {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.said = Instant::now();
                return Some(line);
            }
            if self.over {
                return None;
            }
            if !self.door.holds(&self.caller) {
                let error = ControlError::new(
                    ErrorKind::Forbidden,
                    "the key was taken back or has expired",
                );
                self.ready.push_back(line("refused", &json!(error)));
                self.over = true;
                continue;
            }
            let event = tokio::select! {
                biased;
                // Whoever watches goes on elsewhere, or here when the server is back.
                _ = self.going.wait_for(|going| *going) => return None,
                event = self.events.next() => event,
                () = tokio::time::sleep(LOOK) => {
                    if self.said.elapsed() >= ALIVE {
                        self.ready.push_back(Bytes::from_static(ALIVE_SAID));
                    }
                    continue;
                }
            };
            match event {
                Some(event) => self.tell(event).await,
                None => {
                    self.over = true;
                    self.ready.push_back(line("end", &json!({})));
                }
            }
        }
    }

    async fn tell(&mut self, event: Told) {
        if let Some(goal_id) = self.goal_id.clone()
            && event.seq > self.seen.saturating_add(1)
        {
            let reset = self.reset(goal_id, event.seq).await;
            self.ready.push_back(reset);
        }
        self.seen = event.seq;
        let text = event.json();
        if text.is_empty() || text.len() >= LINE_MAX {
            let message = format!(
                "event {} has {} bytes, {LINE_MAX} are allowed",
                event.seq,
                text.len()
            );
            let refused = ControlError::new(ErrorKind::TooLarge, message).advise("go on after it");
            self.ready.push_back(line("refused", &json!(refused)));
            self.over = true;
            return;
        }
        self.ready.push_back(event.frame());
    }

    /// Events that are not kept any more are told as a whole: how the goal stands now.
    async fn reset(&mut self, goal_id: String, first: u64) -> Bytes {
        let state = self
            .door
            .carry(&self.caller, Request::Goal { goal_id })
            .await;
        let state = match state {
            Ok(crate::Response::Value(state)) => state,
            _ => Value::Null,
        };
        line(
            "reset",
            &json!({"after": self.seen, "first": first, "goal": state}),
        )
    }
}

/// What is said beside the events that the node tells. JSON has no line breaks of its own, so it is one line.
fn line(event: &str, data: &Value) -> Bytes {
    format!("event: {event}\ndata: {data}\n\n").into()
}
