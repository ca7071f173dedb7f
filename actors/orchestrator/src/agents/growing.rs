//! Texts that are judged while they are written: a writer that goes wrong is told so before it has paid for the rest.
//!
//! Each finished piece is looked at once, for what no later word can mend. With the last piece the whole is judged like any other work.

use std::collections::HashMap;

use aios_actors::agent::{AgentError, Context, Incoming};
use aios_judge::{Ground, Watch};
use aios_protocols::Content;
use aios_tools::Toolbox;
use aios_work::{JudgeRequest, StreamReply, StreamRequest};
use parking_lot::Mutex;

use super::history::History;
use super::judging::{criteria_of, whole};

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
    tools: &Toolbox,
    history: &History,
    ctx: &Context,
) -> Result<Content, AgentError> {
    let piece: StreamRequest = incoming.json()?;
    let sender = incoming.sender.to_string();
    let key = (sender.clone(), piece.stream);
    let mut text = match (piece.begin, streams.take(&key)) {
        (Some(request), _) => begun(*request)?,
        (None, Some(text)) => text,
        (None, None) => {
            let why = "no such text grows: begin it with what it is judged by; one that was stopped or has come to its end is over";
            return Err(AgentError::failure(why));
        }
    };
    if text.request.text.len() + piece.more.len() > TEXT {
        let why = format!("the text has more than {TEXT} bytes; have it judged in parts");
        return Err(AgentError::failure(why));
    }
    text.request.text.push_str(&piece.more);
    let more = piece.more;
    let looked = tokio::task::spawn_blocking(move || {
        let wrong = text.watch.push(&more);
        (text, wrong)
    });
    let (text, wrong) = looked
        .await
        .map_err(|panic| AgentError::broken(format!("the judgement panicked: {panic}")))?;
    let reply = match (wrong, piece.last) {
        (Some(report), _) => StreamReply {
            stop: true,
            report: Some(report),
        },
        (None, true) => StreamReply {
            stop: false,
            report: Some(whole(text.request, &sender, tools, history, ctx).await?),
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

fn begun(mut request: JudgeRequest) -> Result<Growing, AgentError> {
    let criteria = criteria_of(&request)?;
    let ground = Ground::new(&request.goal, &request.materials, request.facts.clone());
    request.growing = false;
    let begun = std::mem::take(&mut request.text);
    if !begun.is_empty() {
        let why = "the text of a stream comes in its pieces";
        return Err(AgentError::failure(why));
    }
    Ok(Growing {
        request,
        watch: Watch::new(ground, criteria),
        heard: 0,
    })
}
