//! Texts that are judged while they are written: a writer that goes wrong is told so before it has paid for the rest.
//!
//! Each finished piece is looked at once, for what no later word can mend. With the last piece the whole is judged like any other work.

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
/// Texts that grow at once; one more is not begun. Nobody's text gives way to somebody else's, who would have paid for it by then. Those that
/// are being looked at stand beside these, as many as the Critic works on at once.
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

    /// Whose asker it is; an asker without a tenant is one of its own.
    fn tenant(&self) -> &str {
        self.asker
            .rsplit_once('@')
            .map_or(&*self.asker, |(_, tenant)| tenant)
    }
}

/// A text so far.
#[derive(Clone)]
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

    /// Whether a text of this name can be begun.
    fn has_room(&self, name: &Name, now: Timestamp) -> bool {
        let mut all = self.0.lock();
        all.forget_idle(now);
        all.has_room(name)
    }

    /// Keeps a text that begins, if there is still room for it; one that had this name before is over.
    fn begin(&self, name: Name, text: Growing, now: Timestamp) -> bool {
        let mut all = self.0.lock();
        all.forget_idle(now);
        if !all.has_room(&name) {
            return false;
        }
        all.keep(name, text, now);
        true
    }

    /// Keeps a text that goes on: it had its place.
    fn keep(&self, name: Name, text: Growing, now: Timestamp) {
        let mut all = self.0.lock();
        all.forget_idle(now);
        all.keep(name, text, now);
    }

    /// Nothing of it was looked at: it is as if it had not been taken, unless another one has its name by now.
    fn put_back(&self, name: Name, kept: Kept) {
        let mut all = self.0.lock();
        let asker = name.asker.clone();
        all.growing.entry(name).or_insert(kept);
        all.forget_oldest_of(&asker);
    }

    fn forget(&self, name: &Name) {
        self.0.lock().growing.remove(name);
    }
}

/// How many of the places the askers of one tenant may have together while those of other tenants have so many: half of what is left, so that
/// however many names a tenant has, as many places as it takes stay for those who come after it.
fn share(of_others: usize) -> usize {
    GROWING.saturating_sub(of_others) / 2
}

impl All {
    fn forget_idle(&mut self, now: Timestamp) {
        self.growing
            .retain(|_, kept| now.since(kept.heard.0) < IDLE);
    }

    /// Whether another text finds a place without pushing out anybody else's. One that begins anew under a name that is there has its place, and
    /// whoever has as many as one may have gives up one of its own.
    fn has_room(&self, name: &Name) -> bool {
        if self.growing.contains_key(name) {
            return true;
        }
        let others = || self.growing.keys();
        let own = others().filter(|it| it.asker == name.asker).count();
        let of_tenant = others().filter(|it| it.tenant() == name.tenant()).count();
        own >= OF_ONE || of_tenant < share(others().count() - of_tenant)
    }

    fn keep(&mut self, name: Name, text: Growing, now: Timestamp) {
        self.pieces += 1;
        let heard = (now, self.pieces);
        let asker = name.asker.clone();
        self.growing.insert(name, Kept { text, heard });
        self.forget_oldest_of(&asker);
    }

    /// Forgets one of an asker's that has too many: the one that was heard of longest ago.
    fn forget_oldest_of(&mut self, asker: &str) {
        let own = self.growing.iter().filter(|(name, _)| name.asker == asker);
        if own.clone().count() <= OF_ONE {
            return;
        }
        let oldest = own.min_by_key(|(_, kept)| kept.heard.1);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
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

    /// The text as it is, which goes back to where it was if nothing comes of what is done with the one that is taken.
    fn spare(&self) -> Option<Self> {
        let (kept, home) = (self.kept.as_ref()?, self.home.clone()?);
        Some(Self {
            kept: Some(Kept {
                text: kept.text.clone(),
                heard: kept.heard,
            }),
            home: Some(home),
        })
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
        // Of one whose first piece is its last nothing is kept.
        Some(_) if !piece.last && !streams.has_room(&name, ctx.now()) => return Err(no_room()),
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
    // With its last piece it is judged as a whole, which may come to nothing, because others are being judged say: brought again, that piece
    // must find the text as it was.
    let spare = match piece.last {
        true => taken.spare(),
        false => None,
    };
    let more = piece.more;
    let look = move |flag: &CancelFlag| {
        let mut text = taken.looked_at();
        text.request.text.push_str(&more);
        text.watch.until(flag.clone());
        let wrong = text.watch.push(&more);
        (text, wrong)
    };
    let (text, wrong) = services.bench.judges(allowed, look).await?;
    if begins && (wrong.is_some() || piece.last) {
        // One that had this name before is over. One that goes on takes its place, and if there is no room the old one stays.
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
        (None, false) if begins => match streams.begin(name, text, ctx.now()) {
            true => GOES_ON,
            false => return Err(no_room()),
        },
        (None, false) => {
            streams.keep(name, text, ctx.now());
            GOES_ON
        }
    };
    if let Some(spare) = spare {
        spare.looked_at();
    }
    Ok(Content::json(&reply)?)
}

fn no_room() -> AgentError {
    let why = "as many texts grow as there is room for; begin it in a moment, or have it judged as a whole";
    AgentError::refuse(ReasonKind::Overloaded, why)
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
    }

    /// However many names somebody has, and however few texts each of them.
    #[test]
    fn nobody_loses_a_text_to_somebody_else_and_no_tenants_have_all_places() {
        let streams = Arc::new(Streams::default());
        let begin = |asker: &str, stream| streams.begin(name(asker, stream), text(), at(1));
        for stream in 0..3 {
            assert!(begin("user:quiet@house", stream));
        }
        let mut left = GROWING - 3;
        for (tenant, has) in [("loud", 30), ("other", 15), ("third", 8), ("late", 4)] {
            let begun = (0..70).filter(|it| begin(&format!("user:n{it}@{tenant}"), 0));
            assert_eq!(begun.count(), has, "{tenant}");
            left -= has;
            assert!(left >= has, "as many are left as it has");
        }
        assert_eq!(there(&streams, "user:quiet@house"), [0, 1, 2]);
        // What grows goes on, and what begins anew under its name has its place.
        assert!(streams.take(&name("user:n0@loud", 0), at(1)).is_some());
        assert!(begin("user:n1@loud", 0));
        assert!(!streams.has_room(&name("user:n1@loud", 1), at(1)));
        assert!(streams.has_room(&name("user:n1@loud", 1), at(601)));
    }

    #[test]
    fn a_text_whose_last_piece_comes_to_nothing_is_there_as_it_was() {
        let streams = Arc::new(Streams::default());
        streams.keep(name("a", 0), text(), at(0));
        let taken = streams.take(&name("a", 0), at(1)).unwrap();
        let spare = taken.spare().unwrap();
        taken.looked_at().request.text.push_str("more");
        drop(spare);
        let taken = streams.take(&name("a", 0), at(1)).unwrap();
        assert_eq!(taken.bytes(), 0);
        let spare = taken.spare().unwrap();
        taken.looked_at();
        spare.looked_at();
        assert!(there(&streams, "a").is_empty(), "it has come to its end");
        assert!(Taken::new(text()).spare().is_none(), "it was nowhere yet");
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
