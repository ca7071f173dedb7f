//! Texts that are judged while they are written: a writer that goes wrong is told so before it has paid for the rest.
//!
//! Each finished piece is looked at once, for what no later word can mend. With the last piece the whole is judged like any other work.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentError, Context, Incoming};
use aios_judge::{Criteria, Watch};
use aios_protocols::{Content, Party, ReasonKind, Timestamp};
use aios_work::{CancelFlag, JudgeRequest, StreamReply, StreamRequest};
use parking_lot::Mutex;

use super::judging::{confined, criteria_of, ground, left, whole};
use crate::Services;

/// Texts of one asker that grow at once; of more than these the one that was heard of longest ago is forgotten.
const OF_ONE: usize = 8;
/// Texts of all that grow at once; of more than these whoever has most loses one.
const GROWING: usize = 64;
/// A text of which nothing was heard for so long is forgotten.
const IDLE: Duration = Duration::from_secs(600);
/// Bytes of one text, its sources aside.
const TEXT: usize = 1 << 20;

/// Nothing is to be said of it.
const GOES_ON: StreamReply = StreamReply {
    stop: false,
    report: None,
};

/// Who writes a text, and what he calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    asker: String,
    stream: String,
}

impl Name {
    /// The front speaks for many, and says before the name for whom.
    fn of(sender: &Party, stream: String, front: Option<&Party>) -> Self {
        match stream.rsplit_once('/') {
            Some((whom, own)) if front == Some(sender) => Self {
                asker: format!("{sender}/{whom}"),
                stream: own.to_owned(),
            },
            _ => Self {
                asker: sender.to_string(),
                stream,
            },
        }
    }
}

/// A text so far.
struct Growing {
    request: JudgeRequest,
    watch: Watch,
}

/// A text of which more is to come.
struct Kept {
    text: Growing,
    /// When a piece of it came last, and which piece of all it was.
    heard: (Timestamp, u64),
}

/// The texts that grow.
#[derive(Default)]
pub(super) struct Streams(Mutex<All>);

#[derive(Default)]
struct All {
    growing: HashMap<Name, Kept>,
    pieces: u64,
}

impl Streams {
    /// A text that goes on; none if there is none of this name.
    fn take(self: &Arc<Self>, name: &Name, now: Timestamp) -> Option<Taken> {
        let mut all = self.0.lock();
        all.forget_idle(now);
        let kept = all.growing.remove(name)?;
        Some(Taken {
            kept: Some(kept),
            home: Some((Arc::clone(self), name.clone())),
        })
    }

    fn keep(&self, name: Name, text: Growing, now: Timestamp) {
        let mut all = self.0.lock();
        all.pieces += 1;
        let heard = (now, all.pieces);
        let asker = name.asker.clone();
        all.growing.insert(name, Kept { text, heard });
        all.forget_idle(now);
        all.make_room(&asker);
    }

    /// Nothing of it was looked at: it is as if it had not been taken, unless another one has its name by now.
    fn put_back(&self, name: Name, kept: Kept) {
        let mut all = self.0.lock();
        let asker = name.asker.clone();
        all.growing.entry(name).or_insert(kept);
        all.make_room(&asker);
    }

    fn forget(&self, name: &Name) {
        self.0.lock().growing.remove(name);
    }
}

impl All {
    fn forget_idle(&mut self, now: Timestamp) {
        self.growing
            .retain(|_, kept| now.since(kept.heard.0) < IDLE);
    }

    /// Forgets one if this asker, or all of them together, have too many.
    fn make_room(&mut self, asker: &str) {
        let of = |asker: &str| self.growing.keys().filter(|it| it.asker == asker).count();
        let only = of(asker) > OF_ONE;
        if !only && self.growing.len() <= GROWING {
            return;
        }
        let may_go = self.growing.iter();
        let may_go = may_go.filter(|(name, _)| !only || name.asker == asker);
        let goes = may_go.max_by_key(|(name, kept)| (of(&name.asker), Reverse(kept.heard.1)));
        if let Some(name) = goes.map(|(name, _)| name.clone()) {
            self.growing.remove(&name);
        }
    }
}

/// A text that a piece is put to. Dropped before it is [looked at](Self::looked_at), it goes back where it was: whoever brought the piece
/// was told why it was not taken, and can bring it again.
struct Taken {
    kept: Option<Kept>,
    home: Option<(Arc<Streams>, Name)>,
}

impl Taken {
    /// One that begins, and was nowhere yet.
    fn new(text: Growing) -> Self {
        let heard = (Timestamp::ZERO, 0);
        Self {
            kept: Some(Kept { text, heard }),
            home: None,
        }
    }

    fn bytes(&self) -> usize {
        let text = self.kept.as_ref().map(|kept| &kept.text.request.text);
        text.map_or(0, String::len)
    }

    /// From now on it is another text.
    fn looked_at(mut self) -> Growing {
        let kept = self.kept.take();
        kept.expect("it is taken out once, by whoever consumes it")
            .text
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let (Some(kept), Some((streams, name))) = (self.kept.take(), self.home.take()) {
            streams.put_back(name, kept);
        }
    }
}

/// Takes a piece.
pub(super) async fn grown(
    incoming: &Incoming,
    streams: &Arc<Streams>,
    services: &Services,
    ctx: &Context,
) -> Result<Content, AgentError> {
    let piece: StreamRequest = incoming.json()?;
    let (sender, allowed) = (incoming.sender.to_string(), left(incoming, ctx));
    let front = services.settings.front.as_ref();
    let name = Name::of(&incoming.sender, piece.stream, front);
    if piece.dropped {
        streams.forget(&name);
        return Ok(Content::json(&GOES_ON)?);
    }
    let begins = piece.begin.is_some();
    let taken = match piece.begin {
        Some(request) => {
            let (request, criteria) = begun(confined(*request, incoming, services, ctx))?;
            let read = move |_: &CancelFlag| {
                let watch = Watch::new(ground(&request), criteria);
                Growing { request, watch }
            };
            Taken::new(services.bench.judges(allowed, read).await?)
        }
        None => streams.take(&name, ctx.now()).ok_or_else(|| {
            let why = "no such text grows: begin it with what it is judged by; one that was stopped or has come to its end is over, and of one that nothing is heard of for long nothing is kept";
            AgentError::refuse(ReasonKind::NotRegistered, why)
        })?,
    };
    if taken.bytes() + piece.more.len() > TEXT {
        let why = format!("the text has more than {TEXT} bytes; have it judged in parts");
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, why));
    }
    let more = piece.more;
    let look = move |flag: &CancelFlag| {
        let mut text = taken.looked_at();
        text.request.text.push_str(&more);
        text.watch.until(flag.clone());
        let wrong = text.watch.push(&more);
        (text, wrong)
    };
    let (text, wrong) = services.bench.judges(allowed, look).await?;
    if begins {
        // One that had this name before is over.
        streams.forget(&name);
    }
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
            streams.keep(name, text, ctx.now());
            GOES_ON
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(asker: &str, stream: usize) -> Name {
        Name {
            asker: asker.to_owned(),
            stream: stream.to_string(),
        }
    }

    fn text() -> Growing {
        let request = JudgeRequest::default();
        let watch = Watch::new(ground(&request), Criteria::default());
        Growing { request, watch }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(seconds))
    }

    fn there(streams: &Streams, asker: &str) -> Vec<usize> {
        let all = streams.0.lock();
        let own = all.growing.keys().filter(|name| name.asker == asker);
        let mut own: Vec<usize> = own.map(|name| name.stream.parse().unwrap()).collect();
        own.sort_unstable();
        own
    }

    #[test]
    fn whoever_has_many_texts_loses_his_own() {
        let streams = Arc::new(Streams::default());
        streams.keep(name("quiet", 0), text(), at(0));
        for stream in 0..100 {
            streams.keep(name("loud", stream), text(), at(1));
        }
        assert_eq!(there(&streams, "quiet"), [0]);
        assert_eq!(there(&streams, "loud"), Vec::from_iter(92..100));
        // Many with one each come, until no place is left: whoever has most gives way, and who has one keeps it.
        for asker in 0..60 {
            streams.keep(name(&format!("one {asker}"), 0), text(), at(2));
        }
        assert_eq!(streams.0.lock().growing.len(), GROWING);
        assert_eq!(there(&streams, "quiet"), [0]);
        assert_eq!(there(&streams, "loud"), [97, 98, 99]);
    }

    #[test]
    fn a_text_of_which_nothing_is_heard_is_forgotten() {
        let streams = Arc::new(Streams::default());
        for (stream, seconds) in [(0, 0), (1, 1)] {
            streams.keep(name("a", stream), text(), at(seconds));
        }
        assert!(streams.take(&name("a", 0), at(600)).is_none());
        assert!(streams.take(&name("a", 1), at(600)).is_some());
        streams.keep(name("b", 0), text(), at(601));
        assert!(there(&streams, "a").is_empty());
    }

    #[test]
    fn a_text_is_put_back_unless_it_was_looked_at_or_another_has_its_name() {
        let streams = Arc::new(Streams::default());
        streams.keep(name("a", 0), text(), at(0));
        let take = || streams.take(&name("a", 0), at(1));
        let taken = take().unwrap();
        assert!(take().is_none(), "it is taken");
        drop(taken);
        assert_eq!(there(&streams, "a"), [0]);
        let taken = take().unwrap();
        let mut newer = text();
        newer.request.text.push_str("newer");
        streams.keep(name("a", 0), newer, at(1));
        drop(taken);
        let taken = take().unwrap();
        assert_eq!(taken.bytes(), "newer".len());
        taken.looked_at();
        assert!(there(&streams, "a").is_empty());
    }

    #[test]
    fn the_front_speaks_for_many_and_everybody_else_for_himself() {
        let [front, clerk] = ["service:front@local", "macro.clerk.1@local"];
        let rows = [
            (
                front,
                "user:eva@acme/a",
                "service:front@local/user:eva@acme",
                "a",
            ),
            (clerk, "user:eva@acme/a", clerk, "user:eva@acme/a"),
            (front, "a", front, "a"),
        ];
        let speaks: Party = front.parse().unwrap();
        for (sender, stream, asker, own) in rows {
            let sender: Party = sender.parse().unwrap();
            let name = Name::of(&sender, stream.to_owned(), Some(&speaks));
            assert_eq!((name.asker.as_str(), name.stream.as_str()), (asker, own));
        }
    }
}
