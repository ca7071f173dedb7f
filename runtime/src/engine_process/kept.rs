//! Sessions that the node keeps for its engine's process, so that the next one goes on where a killed one was.
//!
//! In this process's memory alone, within a number of bytes; the one unused for longest makes room. What leaves is overwritten.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use aios_inference::SessionId;
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// Sessions that were handed over, given back, or refused when they were; label `what` is one of these three words.
pub const METRIC_SESSIONS: &str = "aios_engine_process_sessions_total";

/// Processes in a row that may end over handing a session over; more of them would end over it again and again.
const ENDED: u32 = 2;

/// The sessions that are kept, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptView {
    /// Sessions.
    pub sessions: usize,
    /// Their bytes together.
    pub bytes: usize,
    /// Times that one was handed over.
    pub saved: u64,
    /// Times that one was given back and taken up.
    pub given_back: u64,
    /// Times that one was given back and refused.
    pub refused: u64,
}

#[derive(Default)]
struct Inner {
    /// The one unused for longest first.
    sessions: Vec<(SessionId, Zeroizing<Vec<u8>>)>,
    view: KeptView,
}

pub(super) struct Kept {
    /// Bytes at most.
    most: usize,
    /// Times in a row that a process ended over handing one over.
    ended: AtomicU32,
    inner: Mutex<Inner>,
}

impl Kept {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            ended: AtomicU32::new(0),
            inner: Mutex::default(),
        }
    }

    /// Whether nothing is asked for any more, because processes end over it.
    pub(super) fn gave_up(&self) -> bool {
        self.ended.load(Relaxed) >= ENDED
    }

    /// A process ended over handing one over, or did not.
    pub(super) fn handed_over(&self, ended: bool) {
        if !ended {
            self.ended.store(0, Relaxed);
        } else if self.ended.fetch_add(1, Relaxed) + 1 == ENDED {
            tracing::warn!(
                "sessions are not kept any more: the engine's process ended over it {ENDED} times in a row"
            );
        }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn view(&self) -> KeptView {
        let inner = self.inner.lock();
        KeptView {
            sessions: inner.sessions.len(),
            bytes: inner.bytes(),
            ..inner.view
        }
    }

    /// Keeps what was handed over; not what alone is more than may be kept.
    pub(super) fn save(&self, session: SessionId, bytes: Zeroizing<Vec<u8>>) {
        let mut inner = self.inner.lock();
        inner.sessions.retain(|(kept, _)| *kept != session);
        if bytes.len() > self.most {
            return;
        }
        inner.view.saved += 1;
        metrics::counter!(METRIC_SESSIONS, "what" => "saved").increment(1);
        inner.put(session, bytes, self.most);
    }

    /// Takes one out, to be given back. What comes of that is told by [`taken_up`](Self::taken_up) or [`refused`](Self::refused).
    pub(super) fn take(&self, session: &SessionId) -> Option<Zeroizing<Vec<u8>>> {
        let mut inner = self.inner.lock();
        let at = inner.sessions.iter().position(|(kept, _)| kept == session);
        at.map(|at| inner.sessions.remove(at).1)
    }

    /// It was taken up, and is kept for the next time.
    pub(super) fn taken_up(&self, session: SessionId, bytes: Zeroizing<Vec<u8>>) {
        let mut inner = self.inner.lock();
        inner.view.given_back += 1;
        metrics::counter!(METRIC_SESSIONS, "what" => "given-back").increment(1);
        inner.put(session, bytes, self.most);
    }

    pub(super) fn refused(&self) {
        self.inner.lock().view.refused += 1;
        metrics::counter!(METRIC_SESSIONS, "what" => "refused").increment(1);
    }

    pub(super) fn close(&self, session: &SessionId) {
        self.inner
            .lock()
            .sessions
            .retain(|(kept, _)| kept != session);
    }

    #[cfg(test)]
    pub(super) fn change(&self, session: &SessionId, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner.lock();
        let kept = inner.sessions.iter_mut().find(|(kept, _)| kept == session);
        change(&mut kept.expect("it is kept").1);
    }
}

impl Inner {
    fn bytes(&self) -> usize {
        self.sessions.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    fn put(&mut self, session: SessionId, bytes: Zeroizing<Vec<u8>>, most: usize) {
        while !self.sessions.is_empty() && self.bytes() + bytes.len() > most {
            self.sessions.remove(0);
        }
        self.sessions.push((session, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_process_after_process_is_not_asked_for_again() {
        let kept = Kept::new(100);
        for (ended, gave_up) in [(true, false), (false, false), (true, false), (true, true)] {
            kept.handed_over(ended);
            assert_eq!(kept.gave_up(), gave_up);
        }
    }

    #[test]
    fn the_session_unused_for_longest_makes_room_and_bytes_stay_within_bounds() {
        let kept = Kept::new(100);
        let id = |name: &str| SessionId(name.to_owned());
        let save = |name: &str, bytes| kept.save(id(name), Zeroizing::new(vec![1; bytes]));
        save("a", 40);
        save("b", 40);
        let a = kept.take(&id("a")).unwrap();
        kept.taken_up(id("a"), a);
        save("c", 40);
        let view = kept.view();
        assert_eq!((view.sessions, view.bytes), (2, 80));
        assert!(kept.take(&id("b")).is_none(), "the oldest went");
        save("a", 100);
        assert_eq!((kept.view().sessions, kept.view().bytes), (1, 100));
        save("a", 101);
        assert_eq!(kept.view().sessions, 0, "more than may be kept");
        save("d", 1);
        kept.close(&id("d"));
        let view = kept.view();
        assert_eq!((view.sessions, view.saved, view.given_back), (0, 5, 1));
    }
}
