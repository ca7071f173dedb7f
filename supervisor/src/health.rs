//! Failure by missed deadline, never by silence: whoever is silent but owes nothing is well.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

/// What is owed, by whom, until when. Pure; ask it for the next deadline and come back then.
#[derive(Clone, Debug)]
pub struct Deadlines<K, W> {
    owed: HashMap<u64, (K, W, Duration)>,
    by_time: BTreeSet<(Duration, u64)>,
    next: u64,
}

/// Names one promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Promise(u64);

/// A promise that was not kept in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed<K, W> {
    /// Who owed it.
    pub who: K,
    /// What was owed.
    pub what: W,
    /// Since when it is overdue.
    pub since: Duration,
}

impl<K, W> Default for Deadlines<K, W> {
    fn default() -> Self {
        Self {
            owed: HashMap::new(),
            by_time: BTreeSet::new(),
            next: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, W> Deadlines<K, W> {
    /// `who` owes `what` until `by`.
    pub fn expect(&mut self, who: K, what: W, by: Duration) -> Promise {
        let number = self.next;
        self.next += 1;
        self.owed.insert(number, (who, what, by));
        self.by_time.insert((by, number));
        Promise(number)
    }

    /// It was kept; false when it had been missed already.
    pub fn kept(&mut self, promise: Promise) -> bool {
        match self.owed.remove(&promise.0) {
            Some((_, _, by)) => self.by_time.remove(&(by, promise.0)),
            None => false,
        }
    }

    /// `who` is gone; nothing is expected of it any more.
    pub fn forgive(&mut self, who: &K) {
        let by_time = &mut self.by_time;
        self.owed.retain(|number, (owes, _, by)| {
            let keep = owes != who;
            if !keep {
                by_time.remove(&(*by, *number));
            }
            keep
        });
    }

    /// Takes out what was missed by `now`, oldest first. Each miss is told once.
    pub fn missed(&mut self, now: Duration) -> Vec<Missed<K, W>> {
        let mut missed = Vec::new();
        while let Some((by, number)) = self.by_time.first().copied().filter(|(by, _)| *by <= now) {
            self.by_time.pop_first();
            if let Some((who, what, _)) = self.owed.remove(&number) {
                missed.push(Missed {
                    who,
                    what,
                    since: by,
                });
            }
        }
        missed
    }

    /// When to look again.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.by_time.first().map(|(by, _)| *by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn silence_is_no_failure_and_a_missed_deadline_is_told_once() {
        let mut deadlines = Deadlines::default();
        assert!(deadlines.missed(s(1_000_000)).is_empty());
        let kept = deadlines.expect("a", "pong", s(10));
        let late = deadlines.expect("b", "pong", s(5));
        assert_eq!(deadlines.next_deadline(), Some(s(5)));
        assert!(deadlines.kept(kept));
        assert_eq!(
            deadlines.missed(s(5)),
            [Missed {
                who: "b",
                what: "pong",
                since: s(5)
            }]
        );
        assert!(deadlines.missed(s(6)).is_empty() && !deadlines.kept(late));
    }

    #[test]
    fn nothing_is_expected_of_the_dead() {
        let mut deadlines = Deadlines::default();
        deadlines.expect("a", 1, s(1));
        deadlines.expect("b", 2, s(1));
        deadlines.forgive(&"a");
        assert_eq!(deadlines.missed(s(2)).len(), 1);
        assert_eq!(deadlines.next_deadline(), None);
    }
}
