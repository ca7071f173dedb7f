//! The conversations that are over, as many as are remembered: an act that comes after the end is known to be late.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::ConversationKey;
use crate::{ConversationId, Party};

/// What is remembered of a finished one. Thousands are, so it takes no more room than it needs.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    id: ConversationId,
    pub(super) initiator: Party,
    /// Of a conversation that this party opened, in order: another one may still be addressed.
    pub(super) participants: Box<[Party]>,
    /// The number of the one of the same id that finished before it.
    before: u64,
}

impl Finished {
    pub(super) fn has(&self, party: &Party) -> bool {
        self.participants.binary_search(party).is_ok()
    }

    pub(super) fn add(&mut self, more: impl IntoIterator<Item = Party>) {
        let all: BTreeSet<Party> = self.participants.iter().cloned().chain(more).collect();
        self.participants = all.into_iter().collect();
    }
}

/// The finished ones that are remembered, oldest first and numbered from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    all: VecDeque<Finished>,
    /// How many were forgotten: the number of the last of them.
    forgotten: u64,
    /// The number of the latest of an id.
    latest: HashMap<ConversationId, u64>,
}

impl Past {
    fn place(&self, number: u64) -> Option<usize> {
        let place = number.checked_sub(self.forgotten + 1)?;
        usize::try_from(place).ok()
    }

    /// Those of one id.
    pub(super) fn of(&self, id: ConversationId) -> impl Iterator<Item = &Finished> {
        let at = |number: u64| self.all.get(self.place(number)?);
        let latest = self.latest.get(&id).and_then(|number| at(*number));
        std::iter::successors(latest, move |finished| at(finished.before))
    }

    /// Whether one of this id is remembered.
    pub(super) fn knows(&self, id: ConversationId) -> bool {
        self.latest.contains_key(&id)
    }

    /// Those of one id alone.
    pub(super) fn copy_of(&self, id: ConversationId) -> Self {
        let mut all: Vec<Finished> = self.of(id).cloned().collect();
        all.reverse();
        let mut copy = Self::default();
        for finished in all {
            let key = ConversationKey {
                id,
                initiator: finished.initiator,
            };
            copy.push(&key, finished.participants, usize::MAX);
        }
        copy
    }

    pub(super) fn get(&self, id: ConversationId, initiator: &Party) -> Option<&Finished> {
        self.of(id).find(|it| it.initiator == *initiator)
    }

    pub(super) fn get_mut(
        &mut self,
        id: ConversationId,
        initiator: &Party,
    ) -> Option<&mut Finished> {
        let mut number = self.latest.get(&id).copied()?;
        loop {
            let place = self.place(number)?;
            if self.all.get(place)?.initiator == *initiator {
                return self.all.get_mut(place);
            }
            number = self.all[place].before;
        }
    }

    /// Remembers one more; of more than so many the oldest is forgotten.
    pub(super) fn push(&mut self, key: &ConversationKey, participants: Box<[Party]>, most: usize) {
        while self.all.len() >= most
            && let Some(oldest) = self.all.pop_front()
        {
            self.forgotten += 1;
            if self.latest.get(&oldest.id) == Some(&self.forgotten) {
                self.latest.remove(&oldest.id);
            }
        }
        let number = self.forgotten + self.all.len() as u64 + 1;
        self.all.push_back(Finished {
            id: key.id,
            initiator: key.initiator.clone(),
            participants,
            before: self.latest.insert(key.id, number).unwrap_or(0),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_so_many_are_remembered_each_under_its_id_and_initiator() {
        let parties: Vec<Party> = (0..4)
            .map(|number| format!("macro.seller.{number}@p").parse().unwrap())
            .collect();
        let mut past = Past::default();
        let mut plain: VecDeque<(ConversationKey, BTreeSet<Party>)> = VecDeque::new();
        for round in 0..2_000_usize {
            // Few ids of many initiators, in no order.
            let key = ConversationKey {
                id: ConversationId::from_bytes([(round * 7 % 11) as u8; 16]),
                initiator: parties[round * 5 / 3 % 4].clone(),
            };
            let with = parties[round % 4].clone();
            if let Some(before) = past.get_mut(key.id, &key.initiator) {
                before.add([with.clone()]);
            } else {
                past.push(&key, [with.clone()].into(), 20);
            }
            match plain.iter_mut().find(|(other, _)| *other == key) {
                Some((_, all)) => drop(all.insert(with)),
                None => {
                    plain.truncate(19);
                    plain.push_front((key, [with].into()));
                }
            }
            for id in (0..11).map(|byte| ConversationId::from_bytes([byte; 16])) {
                let found = past
                    .of(id)
                    .map(|it| (&it.initiator, it.participants.iter()));
                let there = plain.iter().filter(|(key, _)| key.id == id);
                let found: Vec<_> = found.map(|(who, all)| (who, all.collect())).collect();
                let there: Vec<_> = there
                    .map(|(key, all)| (&key.initiator, all.iter().collect::<Vec<_>>()))
                    .collect();
                assert_eq!(found, there, "{round}");
                assert_eq!(past.knows(id), !there.is_empty());
            }
        }
        assert_eq!((past.all.len(), plain.len()), (20, 20));
    }
}
