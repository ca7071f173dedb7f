//! Which conversation outside is which one here, for two agents: one outside, one here.

use std::collections::{HashMap, VecDeque};

use aios_protocols::fipa_string::Expression;
use aios_protocols::{AgentId, ConversationId, Performative, TenantId};

/// Conversations of one pair; more than that between two agents at once is a leak.
const PER_PAIR: usize = 256;
/// Tokens remembered per conversation and side: how far back an answer may reach.
const TOKENS: usize = 8;

/// An envoy and an agent here.
pub(super) type Pair = (AgentId, AgentId);

/// How a conversation is called outside.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outside {
    /// By our own name for it: it was begun here.
    Ours,
    /// By this name.
    Named(Expression),
    /// Not at all: answers are known by their in-reply-to alone.
    Unnamed,
}

#[derive(Debug)]
pub(super) struct Thread {
    pub(super) id: ConversationId,
    pub(super) outside: Outside,
    /// The other side was reported gone.
    pub(super) gone: bool,
    /// The last act said here that wants an answer.
    pub(super) asked_by: Option<Performative>,
    /// Whose data it is about, as soon as somebody here has said something in it.
    pub(super) tenant: Option<TenantId>,
    /// What we asked answers to name, newest last.
    ours: VecDeque<String>,
    /// What they asked for, where that is more than a short text.
    theirs: VecDeque<(String, Expression)>,
    used: u64,
}

impl Thread {
    pub(super) fn expects(&mut self, token: &str) {
        if self.ours.len() >= TOKENS {
            self.ours.pop_front();
        }
        self.ours.push_back(token.to_owned());
    }

    pub(super) fn asked(&self, token: &str) -> bool {
        self.ours.iter().any(|ours| ours == token)
    }

    /// Keeps what an answer must name in the form it was written in, where a message of ours bears another.
    pub(super) fn remember(&mut self, text: String, written: &Expression) {
        if written.as_str() != Some(&text) {
            if self.theirs.len() >= TOKENS {
                self.theirs.pop_front();
            }
            self.theirs.push_back((text, written.clone()));
        }
    }

    pub(super) fn written(&self, text: &str) -> Expression {
        let known = self.theirs.iter().rev().find(|(there, _)| there == text);
        known.map_or_else(|| text.into(), |(_, written)| written.clone())
    }

    fn is_called(&self, name: &Expression) -> bool {
        match &self.outside {
            Outside::Named(there) => there == name,
            Outside::Ours => name
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(&self.id.to_string())),
            Outside::Unnamed => false,
        }
    }
}

/// All conversations that go through the gateway.
#[derive(Debug)]
pub(super) struct Ledger {
    pairs: HashMap<Pair, Vec<Thread>>,
    len: usize,
    capacity: usize,
    clock: u64,
}

impl Ledger {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            pairs: HashMap::new(),
            len: 0,
            capacity: capacity.max(1),
            clock: 0,
        }
    }

    /// The conversation that the other side means, the newest of that name; without a name, the one in which we asked
    /// for this answer.
    pub(super) fn find(
        &mut self,
        pair: &Pair,
        name: Option<&Expression>,
        in_reply_to: Option<&str>,
    ) -> Option<&mut Thread> {
        let asked = |thread: &Thread| in_reply_to.is_some_and(|token| thread.asked(token));
        self.pick(pair, |thread| match name {
            // Of several runs under one name the one that this answers.
            Some(name) => thread.is_called(name).then(|| asked(thread)),
            None => asked(thread).then_some(true),
        })
    }

    /// The conversation of this name of ours.
    pub(super) fn get(&mut self, pair: &Pair, id: ConversationId) -> Option<&mut Thread> {
        self.pick(pair, |thread| (thread.id == id).then_some(true))
    }

    /// The best of those that fit, and of equals the newest.
    fn pick(&mut self, pair: &Pair, fits: impl Fn(&Thread) -> Option<bool>) -> Option<&mut Thread> {
        self.clock += 1;
        let (_, found) = self
            .pairs
            .get_mut(pair)?
            .iter_mut()
            .filter_map(|thread| Some(((fits(thread)?, thread.used), thread)))
            .max_by_key(|(rank, _)| *rank)?;
        found.used = self.clock;
        Some(found)
    }

    /// Enters a conversation, or finds it.
    pub(super) fn enter(
        &mut self,
        pair: &Pair,
        id: ConversationId,
        outside: Outside,
    ) -> &mut Thread {
        self.clock += 1;
        let known = self.pairs.get(pair);
        if !known.is_some_and(|threads| threads.iter().any(|thread| thread.id == id)) {
            self.make_room(pair);
            self.len += 1;
            self.pairs.entry(pair.clone()).or_default().push(Thread {
                id,
                outside,
                gone: false,
                asked_by: None,
                tenant: None,
                ours: VecDeque::new(),
                theirs: VecDeque::new(),
                used: self.clock,
            });
        }
        let threads = self.pairs.entry(pair.clone()).or_default();
        let at = threads.iter().position(|thread| thread.id == id);
        // It was just put there, at the end, if it was not there before.
        let at = at.unwrap_or(threads.len() - 1);
        &mut threads[at]
    }

    /// Envoys other than `envoy` that this agent talks with under this name or token.
    pub(super) fn envoys_of<'a>(
        &'a self,
        local: &'a AgentId,
        name: Option<&'a Expression>,
        token: Option<&'a str>,
    ) -> impl Iterator<Item = &'a AgentId> {
        self.pairs
            .iter()
            .filter(move |((_, here), threads)| {
                here == local
                    && threads.iter().any(|thread| {
                        name.is_none_or(|name| thread.is_called(name))
                            && token.is_none_or(|token| thread.asked(token))
                    })
            })
            .map(|((envoy, _), _)| envoy)
    }

    /// Forgets all conversations of an envoy that leaves.
    pub(super) fn forget(&mut self, envoy: &AgentId) {
        let len = &mut self.len;
        self.pairs.retain(|(there, _), threads| {
            let stays = there != envoy;
            if !stays {
                *len -= threads.len();
            }
            stays
        });
    }

    /// How many conversations are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn make_room(&mut self, pair: &Pair) {
        if self
            .pairs
            .get(pair)
            .is_some_and(|threads| threads.len() >= PER_PAIR)
        {
            self.drop_oldest(&pair.clone());
        }
        if self.len >= self.capacity
            && let Some(largest) = self
                .pairs
                .iter()
                .max_by(|(a, x), (b, y)| x.len().cmp(&y.len()).then(b.cmp(a)))
                .map(|(pair, _)| pair.clone())
        {
            self.drop_oldest(&largest);
        }
    }

    fn drop_oldest(&mut self, pair: &Pair) {
        let Some(threads) = self.pairs.get_mut(pair) else {
            return;
        };
        let oldest = (0..threads.len()).min_by_key(|at| threads[*at].used);
        if let Some(oldest) = oldest {
            threads.remove(oldest);
            self.len -= 1;
        }
        if threads.is_empty() {
            self.pairs.remove(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(number: usize) -> Pair {
        (
            format!("macro.outside.a{number}@jade").parse().unwrap(),
            "macro.seller.001@global".parse().unwrap(),
        )
    }

    fn id(number: usize) -> ConversationId {
        ConversationId::from_foreign(&number.to_string())
    }

    #[test]
    fn one_pair_does_not_push_the_others_out() {
        let mut ledger = Ledger::new(100);
        ledger.enter(&pair(1), id(0), Outside::Ours);
        for number in 1..1_000 {
            ledger.enter(&pair(2), id(number), Outside::Ours);
        }
        assert_eq!(ledger.len(), 100);
        assert!(ledger.get(&pair(1), id(0)).is_some());
        assert!(ledger.get(&pair(2), id(999)).is_some());
        assert!(ledger.get(&pair(2), id(1)).is_none());
        ledger.forget(&pair(2).0);
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn the_newest_run_of_a_name_is_meant() {
        let mut ledger = Ledger::new(100);
        let name = Expression::from("book-trade");
        ledger.enter(&pair(1), id(1), Outside::Named(name.clone()));
        ledger.enter(&pair(1), id(2), Outside::Named(name.clone()));
        assert_eq!(ledger.find(&pair(1), Some(&name), None).unwrap().id, id(2));
        assert!(ledger.find(&pair(2), Some(&name), None).is_none());
        let ours = id(3).to_string().into();
        ledger.enter(&pair(1), id(3), Outside::Ours).expects("r1");
        assert_eq!(ledger.find(&pair(1), Some(&ours), None).unwrap().id, id(3));
        assert_eq!(ledger.find(&pair(1), None, Some("r1")).unwrap().id, id(3));
        assert!(ledger.find(&pair(1), None, Some("r2")).is_none());
        assert!(ledger.find(&pair(1), None, None).is_none());
    }
}
