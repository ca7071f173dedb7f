//! What was said in a session: a bounded history, in process only.
//!
//! The oldest turns of a long session give way, and the session that was used least recently gives way to a new one.
//! Ending a session wipes it.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::MemoryError;

/// The numbers of a working memory: 256 sessions of 32 KiB are 8 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingLimits {
    /// Sessions held at once.
    pub sessions: usize,
    /// Turns held for one session.
    pub turns: usize,
    /// Bytes of text held for one session, and thereby the longest turn.
    pub bytes: usize,
    /// A session unused for this long is swept, in microseconds.
    pub idle_us: u64,
}

impl Default for WorkingLimits {
    fn default() -> Self {
        Self {
            sessions: 256,
            turns: 64,
            bytes: 32 << 10,
            idle_us: 3_600_000_000,
        }
    }
}

/// One thing said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who said it.
    pub speaker: String,
    /// What was said.
    pub text: String,
    /// When, in microseconds since the Unix epoch.
    pub at_us: u64,
}

/// What had to give way to a new turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Number of the session's own oldest turns.
    pub turns: usize,
    /// The session that was used least recently, if a new one needed its place.
    pub session: Option<String>,
}

/// The histories of all sessions.
#[derive(Debug)]
pub struct WorkingMemory {
    limits: WorkingLimits,
    sessions: HashMap<String, Session>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Session {
    turns: VecDeque<Turn>,
    bytes: usize,
    /// Counts up over all sessions, so that the least is the least recently used even where times are equal.
    used: u64,
    used_us: u64,
}

impl WorkingMemory {
    /// An empty memory.
    pub fn new(limits: WorkingLimits) -> Self {
        Self {
            limits,
            sessions: HashMap::new(),
            uses: 0,
        }
    }

    /// Number of sessions held.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Adds a turn to a session, which begins with its first turn; says what had to give way.
    pub fn append(&mut self, session: &str, turn: Turn) -> Result<Evicted, MemoryError> {
        let (asked, allowed) = (turn.text.len(), self.limits.bytes);
        if asked > allowed {
            return Err(MemoryError::Length {
                what: "turn",
                asked,
                allowed,
            });
        }
        let mut evicted = Evicted::default();
        if !self.sessions.contains_key(session)
            && self.sessions.len() >= self.limits.sessions.max(1)
        {
            evicted.session = self
                .sessions
                .iter()
                .min_by_key(|(_, held)| held.used)
                .map(|(name, _)| name.clone());
            evicted
                .session
                .iter()
                .for_each(|name| drop(self.sessions.remove(name)));
        }
        self.uses += 1;
        let held = self.sessions.entry(session.to_owned()).or_default();
        (held.used, held.used_us) = (self.uses, turn.at_us);
        held.bytes += asked;
        held.turns.push_back(turn);
        while held.bytes > self.limits.bytes || held.turns.len() > self.limits.turns.max(1) {
            let Some(oldest) = held.turns.pop_front() else {
                break;
            };
            held.bytes -= oldest.text.len();
            evicted.turns += 1;
        }
        Ok(evicted)
    }

    /// The newest turns of a session whose text fits into `bytes`, oldest first.
    pub fn recent(&mut self, session: &str, bytes: usize, now_us: u64) -> Vec<Turn> {
        self.uses += 1;
        let Some(held) = self.sessions.get_mut(session) else {
            return Vec::new();
        };
        (held.used, held.used_us) = (self.uses, now_us);
        let mut room = bytes;
        let fits =
            held.turns
                .iter()
                .rev()
                .take_while(|turn| match room.checked_sub(turn.text.len()) {
                    Some(rest) => {
                        room = rest;
                        true
                    }
                    None => false,
                });
        let count = fits.count();
        held.turns
            .iter()
            .skip(held.turns.len() - count)
            .cloned()
            .collect()
    }

    /// Ends a session and wipes it; says whether there was one.
    pub fn end(&mut self, session: &str) -> bool {
        self.sessions.remove(session).is_some()
    }

    /// Wipes sessions that were unused for too long; says how many.
    pub fn sweep(&mut self, now_us: u64) -> usize {
        let before = self.sessions.len();
        let idle = self.limits.idle_us;
        self.sessions
            .retain(|_, held| now_us.saturating_sub(held.used_us) < idle);
        before - self.sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WorkingLimits = WorkingLimits {
        sessions: 2,
        turns: 3,
        bytes: 10,
        idle_us: 100,
    };

    fn turn(text: &str, at_us: u64) -> Turn {
        Turn {
            speaker: "user".into(),
            text: text.into(),
            at_us,
        }
    }

    fn texts(turns: Vec<Turn>) -> Vec<String> {
        turns.into_iter().map(|turn| turn.text).collect()
    }

    #[test]
    fn the_oldest_turns_give_way_by_number_and_by_bytes() {
        for (said, kept) in [
            (vec!["a", "b", "c", "d"], vec!["b", "c", "d"]),
            (vec!["12345", "12345", "x"], vec!["12345", "x"]),
            (vec!["a", "b", "1234567890"], vec!["1234567890"]),
        ] {
            let mut memory = WorkingMemory::new(LIMITS);
            let evicted: usize = said
                .iter()
                .map(|text| memory.append("s", turn(text, 0)).unwrap().turns)
                .sum();
            assert_eq!(evicted, said.len() - kept.len(), "{said:?}");
            assert_eq!(texts(memory.recent("s", 99, 0)), kept, "{said:?}");
        }
    }

    #[test]
    fn a_turn_longer_than_a_session_is_refused_and_harms_nothing() {
        let mut memory = WorkingMemory::new(LIMITS);
        memory.append("s", turn("a", 0)).unwrap();
        let error = memory.append("s", turn("12345678901", 0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "turn of 11 bytes where 1 to 10 are allowed"
        );
        assert_eq!(texts(memory.recent("s", 99, 0)), ["a"]);
    }

    #[test]
    fn the_newest_turns_that_fit_are_recalled_oldest_first() {
        let mut memory = WorkingMemory::new(LIMITS);
        for text in ["aa", "bbb", "c"] {
            memory.append("s", turn(text, 0)).unwrap();
        }
        for (bytes, expected) in [
            (0, vec![]),
            (1, vec!["c"]),
            (3, vec!["c"]),
            (4, vec!["bbb", "c"]),
            (6, vec!["aa", "bbb", "c"]),
        ] {
            assert_eq!(texts(memory.recent("s", bytes, 0)), expected, "{bytes}");
        }
    }

    #[test]
    fn the_least_recently_used_session_gives_way_and_idle_ones_are_swept() {
        let mut memory = WorkingMemory::new(LIMITS);
        memory.append("one", turn("a", 0)).unwrap();
        memory.append("two", turn("b", 10)).unwrap();
        memory.recent("one", 9, 20);
        assert_eq!(
            memory
                .append("three", turn("c", 30))
                .unwrap()
                .session
                .as_deref(),
            Some("two")
        );
        assert_eq!(memory.sweep(119), 0);
        assert_eq!(memory.sweep(120), 1);
        assert_eq!(
            (memory.sessions(), memory.end("three"), memory.end("three")),
            (1, true, false)
        );
    }
}
