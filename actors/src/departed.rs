//! Parties that left: how long their keys are still known, and that not for ever.
//!
//! What somebody sent before leaving may still wait in a mailbox, to be verified when it is taken up. So a key outlives its party by a
//! while. Then it is forgotten; what is to be proven later carries its key, as an approval does.

use std::collections::HashMap;
use std::time::Duration;

use aios_protocols::{KeyId, Party, Timestamp};

/// How long the key of a party that left is known: longer than a message waits that anybody still waits for an answer to.
const GRACE: Duration = Duration::from_secs(600);
/// Parties whose keys are known that long; of more, those who left first are forgotten sooner.
const PARTIES: usize = 4_096;
/// How often it is looked whose time is over.
const LOOK: Duration = Duration::from_secs(10);

/// Who left and when.
#[derive(Debug, Default)]
pub(crate) struct Departed {
    parties: HashMap<Party, (KeyId, Timestamp)>,
    looked: Timestamp,
}

impl Departed {
    /// Somebody left; whose keys are to be forgotten now.
    pub(crate) fn leave(
        &mut self,
        party: Party,
        key: KeyId,
        now: Timestamp,
    ) -> Vec<(Party, KeyId)> {
        self.parties.insert(party, (key, now));
        if self.parties.len() > PARTIES {
            // A quarter at once, so that the next thousands need no look.
            let mut times: Vec<Timestamp> = self.parties.values().map(|(_, left)| *left).collect();
            times.sort_unstable();
            let until = times[PARTIES / 4];
            return self.forget(|left| left <= until);
        }
        if now.since(self.looked) < LOOK {
            return Vec::new();
        }
        self.looked = now;
        self.forget(|left| now.since(left) >= GRACE)
    }

    fn forget(&mut self, over: impl Fn(Timestamp) -> bool) -> Vec<(Party, KeyId)> {
        let gone = self.parties.extract_if(|_, (_, left)| over(*left));
        gone.map(|(party, (key, _))| (party, key)).collect()
    }

    /// Somebody who left is here again; whether there was such a one.
    pub(crate) fn back(&mut self, party: &Party) -> bool {
        self.parties.remove(party).is_some()
    }
}

/// From when on the successor of a cell may admit messages. What lies behind is one moment for all parties, so that it
/// holds even where a clock is set back.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    /// Those that are still to come: a cell admits what a clock that is ahead has signed.
    ahead: HashMap<Party, Timestamp>,
    passed: Timestamp,
}

impl Floors {
    /// Everything that a cell of this party admitted was signed before `begin`.
    pub(crate) fn keep(&mut self, party: &Party, begin: Timestamp, now: Timestamp) {
        self.pass(now);
        let floor = self.ahead.entry(party.clone()).or_default();
        *floor = (*floor).max(begin);
    }

    /// From when on a new cell of this party may admit messages.
    pub(crate) fn of(&mut self, party: &Party, now: Timestamp) -> Timestamp {
        self.pass(now);
        let ahead = self.ahead.get(party).copied().unwrap_or_default();
        ahead.max(self.passed)
    }

    /// A cell begins a microsecond before its own moment, so a floor of this very moment still counts.
    fn pass(&mut self, now: Timestamp) {
        let passed = self.ahead.extract_if(|_, floor| *floor < now);
        self.passed = passed.map(|(_, floor)| floor).fold(self.passed, Ord::max);
    }
}

#[cfg(test)]
mod tests {
    use aios_protocols::{PrincipalId, SigningIdentity};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000_000 + seconds))
    }

    fn party(number: u64) -> (Party, KeyId) {
        let id: PrincipalId = format!("user:p{number}@local").parse().unwrap();
        let identity = SigningIdentity::from_seed(id, [7; 32]);
        (identity.party().clone(), identity.key_id())
    }

    fn leave(departed: &mut Departed, number: u64, second: u64) -> Vec<Party> {
        let (party, key) = party(number);
        let gone = departed.leave(party, key, at(second));
        gone.into_iter().map(|(party, _)| party).collect()
    }

    #[test]
    fn a_key_outlives_its_party_by_its_grace_unless_the_party_is_back() {
        let mut departed = Departed::default();
        let grace = GRACE.as_secs();
        assert!(leave(&mut departed, 1, 0).is_empty());
        assert!(leave(&mut departed, 2, 0).is_empty());
        assert!(departed.back(&party(2).0));
        assert!(!departed.back(&party(2).0));
        assert!(leave(&mut departed, 3, grace - 1).is_empty());
        // Back and gone again: it is the last time that counts.
        assert!(departed.back(&party(3).0));
        assert!(leave(&mut departed, 3, grace - 1).is_empty());
        assert_eq!(leave(&mut departed, 4, grace + 20), [party(1).0]);
        assert_eq!(leave(&mut departed, 5, 2 * grace), [party(3).0]);
    }

    #[test]
    fn however_many_leave_at_once_there_is_a_bound() {
        let mut departed = Departed::default();
        let mut forgotten = 0;
        for number in 0..3 * PARTIES as u64 {
            forgotten += leave(&mut departed, number, number / 1_000).len();
            assert!(departed.parties.len() <= PARTIES);
        }
        assert_eq!(forgotten + departed.parties.len(), 3 * PARTIES);
    }

    #[test]
    fn a_floor_is_its_partys_until_it_has_passed_and_then_everybodys() {
        let (one, other) = (party(1).0, party(2).0);
        let mut floors = Floors::default();
        floors.keep(&one, at(30), at(10));
        floors.keep(&one, at(20), at(10));
        let rows = [(10, 30, 0), (30, 30, 0), (31, 30, 30), (5, 30, 30)];
        for (now, of_one, of_other) in rows {
            assert_eq!(floors.of(&one, at(now)), at(of_one), "{now}");
            let expected = if of_other == 0 {
                Timestamp::ZERO
            } else {
                at(of_other)
            };
            assert_eq!(floors.of(&other, at(now)), expected, "{now}");
        }
        assert!(floors.ahead.is_empty());
    }
}
