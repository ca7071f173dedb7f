//! Texts that are judged while they are written: a writer that goes wrong is told so before it has paid for the rest.
//!
//! Each finished piece is looked at once, for what no later word can mend. With the last piece the whole is judged like any other work.

use std::collections::HashMap;

use aios_actors::agent::{AgentError, Context, Incoming};
use aios_judge::{Criteria, Watch};
use aios_protocols::{Content, ReasonKind};
use aios_work::{CancelFlag, JudgeRequest, StreamReply, StreamRequest};
use parking_lot::Mutex;

use super::judging::{criteria_of, ground, left, whole};
use crate::Services;

/// Texts that grow at once; of more than these the one that was heard of longest ago is forgotten.
const GROWING: usize = 64;
/// Bytes of one text, its sources aside.
const TEXT: usize = 1 << 20;

/// A text so far.
struct Growing {
    request: JudgeRequest,
    watch: Watch,
    /// When a piece of it came last, by a count of all pieces.
    heard: u64,
}

/// The texts that grow, by who writes them and what they call them.
#[derive(Default)]
pub(super) struct Streams(Mutex<All>);

#[derive(Default)]
struct All {
    growing: HashMap<(String, String), Growing>,
    pieces: u64,
}

impl Streams {
    fn take(&self, key: &(String, String)) -> Option<Growing> {
        self.0.lock().growing.remove(key)
    }

    fn keep(&self, key: (String, String), mut text: Growing) {
        let mut all = self.0.lock();
        all.pieces += 1;
        text.heard = all.pieces;
        all.growing.insert(key, text);
        if all.growing.len() > GROWING {
            let oldest = all.growing.iter().min_by_key(|(_, text)| text.heard);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                all.growing.remove(&key);
            }
        }
    }
}

/// Takes a piece.
pub(super) async fn grown(
    incoming: &Incoming,
    streams: &Streams,
    services: &Services,
    ctx: &Context,
) -> Result<Content, AgentError> {
    let piece: StreamRequest = incoming.json()?;
    let (sender, allowed) = (incoming.sender.to_string(), left(incoming, ctx));
    let key = (sender.clone(), piece.stream);
    let mut text = match (piece.begin, streams.take(&key)) {
        (Some(request), _) => {
            let (request, criteria) = begun(*request)?;
            let read = move |_: &CancelFlag| {
                let watch = Watch::new(ground(&request), criteria);
                (request, watch)
            };
            let (request, watch) = services.bench.judges(allowed, read).await?;
            Growing {
                request,
                watch,
                heard: 0,
            }
        }
        (None, Some(text)) => text,
        (None, None) => {
            let why = "no such text grows: begin it with what it is judged by; one that was stopped or has come to its end is over";
            return Err(AgentError::refuse(ReasonKind::NotRegistered, why));
        }
    };
    if text.request.text.len() + piece.more.len() > TEXT {
        let why = format!("the text has more than {TEXT} bytes; have it judged in parts");
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, why));
    }
    text.request.text.push_str(&piece.more);
    let more = piece.more;
    let look = move |flag: &CancelFlag| {
        text.watch.until(flag.clone());
        let wrong = text.watch.push(&more);
        (text, wrong)
    };
    let (text, wrong) = services.bench.judges(allowed, look).await?;
    let reply = match (wrong, piece.last) {
        (Some(report), _) => StreamReply {
            stop: true,
            report: Some(report),
        },
        (None, true) => StreamReply {
            stop: false,
            report: Some(whole(text.request, &sender, left(incoming, ctx), services, ctx).await?),
        },
        (None, false) => {
            streams.keep(key, text);
            StreamReply {
                stop: false,
                report: None,
            }
        }
    };
    Ok(Content::json(&reply)?)
}

/// What a text is judged by that begins.
fn begun(mut request: JudgeRequest) -> Result<(JudgeRequest, Criteria), AgentError> {
    let criteria = criteria_of(&request)?;
    request.growing = false;
    if !request.text.is_empty() {
        let why = "the text of a stream comes in its pieces";
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, why));
    }
    Ok((request, criteria))
}
