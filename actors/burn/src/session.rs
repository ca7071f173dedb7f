//! Which cache slot belongs to which session.

use aios_inference::SessionId;

/// Sessions that keep a cache; the one unused for longest makes room for a new one.
pub(crate) const SESSIONS_MAX: usize = 4;
/// Slots of a decoder: one for requests without a session, then the sessions.
pub(crate) const SLOTS: usize = SESSIONS_MAX + 1;
/// The slot of requests without a session.
pub(crate) const PASSING: usize = 0;

/// Slots, and the ids whose keys and values each holds.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    held: Vec<Held>,
    clock: u64,
}

#[derive(Debug)]
struct Held {
    id: SessionId,
    slot: usize,
    ids: Vec<u32>,
    used: u64,
}

/// What a session finds.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) slot: usize,
    /// Tokens at the start of the prompt that the slot already holds.
    pub(crate) known: usize,
    /// The slot belonged to somebody else and must be wiped first.
    pub(crate) wipe: bool,
}

impl Sessions {
    /// Finds or makes the slot of a session. At least the last token of the prompt counts as unknown, for its logits.
    pub(crate) fn enter(&mut self, id: &SessionId, prompt: &[u32]) -> Place {
        self.clock += 1;
        if let Some(held) = self.held.iter_mut().find(|held| held.id == *id) {
            held.used = self.clock;
            let same = held
                .ids
                .iter()
                .zip(prompt)
                .take_while(|(a, b)| a == b)
                .count();
            return Place {
                slot: held.slot,
                known: same.min(prompt.len().saturating_sub(1)),
                wipe: false,
            };
        }
        let slot = if self.held.len() < SESSIONS_MAX {
            (PASSING + 1..SLOTS).find(|slot| self.held.iter().all(|held| held.slot != *slot))
        } else {
            let oldest = (0..self.held.len()).min_by_key(|i| self.held[*i].used);
            oldest.map(|i| self.held.swap_remove(i).slot)
        };
        // There is a free slot whenever fewer than the most sessions are held, and an oldest one otherwise.
        let slot = slot.unwrap_or(PASSING);
        self.held.push(Held {
            id: id.clone(),
            slot,
            ids: Vec::new(),
            used: self.clock,
        });
        Place {
            slot,
            known: 0,
            wipe: true,
        }
    }

    /// Notes what the slot of a session holds after a request.
    pub(crate) fn leave(&mut self, id: &SessionId, ids: Vec<u32>) {
        if let Some(held) = self.held.iter_mut().find(|held| held.id == *id) {
            held.ids = ids;
        }
    }

    /// The slot of a session and what it holds.
    pub(crate) fn held(&self, id: &SessionId) -> Option<(usize, &[u32])> {
        let held = self.held.iter().find(|held| held.id == *id)?;
        Some((held.slot, &held.ids))
    }

    /// Ends a session; its slot must be wiped.
    pub(crate) fn close(&mut self, id: &SessionId) -> Option<usize> {
        let at = self.held.iter().position(|held| held.id == *id)?;
        Some(self.held.swap_remove(at).slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> SessionId {
        SessionId(format!("s{n}"))
    }

    #[test]
    fn a_known_start_is_not_computed_again() {
        let mut sessions = Sessions::default();
        assert_eq!(
            sessions.enter(&id(0), &[1, 2]),
            Place {
                slot: 1,
                known: 0,
                wipe: true
            }
        );
        sessions.leave(&id(0), vec![1, 2, 3, 4]);
        for (prompt, known) in [
            (&[1, 2, 3, 4, 5][..], 4),
            (&[1, 2, 9], 2),
            (&[1, 2], 1),
            (&[7], 0),
        ] {
            assert_eq!(
                sessions.enter(&id(0), prompt),
                Place {
                    slot: 1,
                    known,
                    wipe: false
                },
                "{prompt:?}"
            );
        }
    }

    #[test]
    fn the_session_unused_for_longest_makes_room() {
        let mut sessions = Sessions::default();
        let slots: Vec<usize> = (0..SESSIONS_MAX)
            .map(|n| sessions.enter(&id(n), &[1]).slot)
            .collect();
        assert_eq!(slots, [1, 2, 3, 4]);
        sessions.enter(&id(0), &[1]);
        assert_eq!(
            sessions.enter(&id(9), &[1]),
            Place {
                slot: 2,
                known: 0,
                wipe: true
            }
        );
        assert!(
            sessions.enter(&id(1), &[1]).wipe,
            "the session that made room starts anew"
        );
    }

    #[test]
    fn a_closed_session_frees_its_slot() {
        let mut sessions = Sessions::default();
        sessions.enter(&id(0), &[1]);
        assert_eq!(sessions.close(&id(0)), Some(1));
        assert_eq!(sessions.close(&id(0)), None);
        assert_eq!(sessions.enter(&id(1), &[1]).slot, 1);
    }
}
