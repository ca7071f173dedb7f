//! Who waits for the end of which generation. An end is an event: it is handed to those who wait in the moment the record
//! takes it in, under the record's own lock, and is never looked for afterwards. So neither a quick restart, nor a record
//! that is forgotten, nor a supervisor that goes down can swallow it.
//!
//! Generations of a name only grow, across restarts of its supervisor too, so a name and a generation say once and for
//! all which run is meant. Nothing here is kept for a child that nobody waits for.

mod record;

use std::{collections::BTreeMap, sync::Arc};

use crate::exit::ExitReason;

/// What a monitor learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This generation ended so.
    With(ExitReason),
    /// It will not be seen to end, and how it ended is not known: it had ended before it was asked about and something
    /// else has happened to the child since, or it will never run because the child is forgotten for good.
    Unknown,
}

/// A name and a generation.
type Generation = (Arc<str>, u64);

/// One who waits, and the ticket it holds.
type Ticketed<W> = (u64, W);

/// Those who wait, by name and generation. `W` is told by whoever takes it out of here; each is handed out once.
#[derive(Debug)]
pub(crate) struct Ends<W> {
    waiting: BTreeMap<Generation, Vec<Ticketed<W>>>,
    next_ticket: u64,
}

impl<W> Default for Ends<W> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next_ticket: 0,
        }
    }
}

impl<W> Ends<W> {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds one who waits; the ticket takes it out again.
    pub(crate) fn arm(&mut self, id: &Arc<str>, incarnation: u64, who: W) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting
            .entry((Arc::clone(id), incarnation))
            .or_default()
            .push((ticket, who));
        ticket
    }

    /// One does not wait any more. `None` when it has been handed out.
    pub(crate) fn disarm(&mut self, id: &Arc<str>, incarnation: u64, ticket: u64) -> Option<W> {
        let place = (Arc::clone(id), incarnation);
        let those = self.waiting.get_mut(&place)?;
        let at = those.iter().position(|(known, _)| *known == ticket)?;
        let (_, who) = those.remove(at);
        if those.is_empty() {
            self.waiting.remove(&place);
        }
        Some(who)
    }

    /// This generation has ended: all who waited for it, in the order they came.
    pub(crate) fn end(&mut self, id: &Arc<str>, incarnation: u64) -> Vec<W> {
        self.waiting
            .remove(&(Arc::clone(id), incarnation))
            .map(in_order)
            .unwrap_or_default()
    }

    /// Nobody of that name runs any more: all who waited for a generation of it.
    pub(crate) fn forget(&mut self, id: &str) -> Vec<W> {
        self.take_where(|known, _| known == id)
    }

    /// A new incarnation of the supervisor begins, in which generations after `floor` run of the names that it `knows`:
    /// all who waited for any other.
    pub(crate) fn reopen(&mut self, floor: u64, knows: impl Fn(&str) -> bool) -> Vec<W> {
        self.take_where(|id, incarnation| incarnation <= floor || !knows(id))
    }

    /// Nothing runs here any more, ever.
    pub(crate) fn close(&mut self) -> Vec<W> {
        self.take_where(|_, _| true)
    }

    fn take_where(&mut self, over: impl Fn(&str, u64) -> bool) -> Vec<W> {
        self.waiting
            .extract_if(.., |(id, incarnation), _| over(id, *incarnation))
            .flat_map(|(_, those)| in_order(those))
            .collect()
    }
}

fn in_order<W>(those: Vec<Ticketed<W>>) -> Vec<W> {
    those.into_iter().map(|(_, who)| who).collect()
}

/// What a record can say about a child at one moment.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// The generation that runs, or ran last.
    pub(crate) incarnation: u64,
    pub(crate) run: Run,
    /// The last end that is on record, and the generation it was.
    pub(crate) last: Option<(u64, &'a ExitReason)>,
}

/// How far a child's latest generation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Starting, running or leaving: its end is still to come.
    Lives,
    /// Its end has been heard, or it never began.
    Over,
    /// It lived when its supervisor was killed, and was killed with it.
    Fell,
}

/// What can be said at once about the end of a generation; `None` when it is still to come. `last_word`: the supervisor
/// will not run again.
pub(crate) fn known(seen: Option<&Seen<'_>>, incarnation: u64, last_word: bool) -> Option<Ended> {
    let Some(seen) = seen else {
        return Some(Ended::Unknown);
    };
    if incarnation > seen.incarnation {
        return last_word.then_some(Ended::Unknown);
    }
    let latest = incarnation == seen.incarnation;
    if latest && seen.run == Run::Lives {
        return None;
    }
    let on_record = seen
        .last
        .filter(|(of, _)| *of == incarnation)
        .map(|(_, exit)| Ended::With(exit.clone()));
    Some(match on_record {
        Some(ended) => ended,
        None if latest && seen.run == Run::Fell => Ended::With(ExitReason::Killed),
        None => Ended::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> Arc<str> {
        name.into()
    }

    /// Rows: what happens, who is handed out by it, who waits afterwards.
    #[test]
    fn each_who_waits_is_handed_out_once_and_by_the_end_it_waits_for() {
        enum Do {
            End(&'static str, u64),
            Forget(&'static str),
            Reopen(u64, &'static [&'static str]),
            Close,
        }
        use Do::*;
        type Row = (&'static [Do], &'static [&'static str], usize);
        let rows: &[Row] = &[
            (&[End("a", 1)], &["a1", "a1'"], 3),
            (&[End("a", 1), End("a", 1)], &["a1", "a1'"], 3),
            (&[End("a", 3)], &[], 5),
            (&[End("c", 1)], &[], 5),
            (&[Forget("a")], &["a1", "a1'", "a2"], 2),
            (&[Forget("ab")], &[], 5),
            (&[End("a", 2), Forget("a")], &["a2", "a1", "a1'"], 2),
            (&[Reopen(1, &["a", "b"])], &["a1", "a1'", "b1"], 2),
            (&[Reopen(0, &["b"])], &["a1", "a1'", "a2"], 2),
            (&[Reopen(0, &["a", "b"])], &[], 5),
            (&[Close], &["a1", "a1'", "a2", "b1", "b2"], 0),
            (
                &[Close, End("a", 1), Close],
                &["a1", "a1'", "a2", "b1", "b2"],
                0,
            ),
        ];
        for (at, (steps, handed_out, left)) in rows.iter().enumerate() {
            let mut ends = Ends::default();
            for (name, incarnation, who) in [
                ("a", 1, "a1"),
                ("b", 1, "b1"),
                ("a", 1, "a1'"),
                ("b", 2, "b2"),
                ("a", 2, "a2"),
            ] {
                ends.arm(&id(name), incarnation, who);
            }
            let mut told = Vec::new();
            for step in *steps {
                told.extend(match step {
                    End(name, incarnation) => ends.end(&id(name), *incarnation),
                    Forget(name) => ends.forget(name),
                    Reopen(floor, known) => ends.reopen(*floor, |id| known.contains(&id)),
                    Close => ends.close(),
                });
            }
            assert_eq!(&told, handed_out, "row {at}");
            let left_over: usize = ends.waiting.values().map(Vec::len).sum();
            assert_eq!(left_over, *left, "row {at}");
            assert_eq!(ends.is_empty(), *left == 0, "row {at}");
        }
    }

    #[test]
    fn one_that_waits_no_more_leaves_nothing_behind() {
        let mut ends = Ends::default();
        let first = ends.arm(&id("a"), 1, "first");
        let second = ends.arm(&id("a"), 1, "second");
        assert_eq!(ends.disarm(&id("a"), 2, first), None, "another generation");
        assert_eq!(ends.disarm(&id("b"), 1, first), None, "another name");
        assert_eq!(ends.disarm(&id("a"), 1, first), Some("first"));
        assert_eq!(ends.disarm(&id("a"), 1, first), None, "once");
        assert_eq!(ends.end(&id("a"), 1), ["second"]);
        assert_eq!(ends.disarm(&id("a"), 1, second), None, "handed out");
        let third = ends.arm(&id("a"), 1, "third");
        ends.disarm(&id("a"), 1, third);
        assert!(ends.is_empty());
    }

    /// Rows: the record (generation, how far it is, which end it remembers), the generation asked for, the answer;
    /// `None`: the end is still to come.
    #[test]
    fn what_is_asked_late_is_told_when_it_is_on_record_and_never_guessed() {
        use Run::{Fell, Lives, Over};
        let failed = ExitReason::Failed("boom".into());
        let with = Some(Ended::With(failed.clone()));
        let killed = Some(Ended::With(ExitReason::Killed));
        let unknown = Some(Ended::Unknown);
        type Row = (u64, Run, Option<u64>, u64, Option<Ended>);
        let rows: &[Row] = &[
            // The generation that lives, and those to come.
            (3, Lives, None, 3, None),
            (3, Lives, Some(2), 3, None),
            (3, Lives, Some(2), 4, None),
            (3, Over, Some(3), 4, None),
            (3, Fell, Some(2), 4, None),
            // The one before it, when nothing happened since.
            (3, Lives, Some(2), 2, with.clone()),
            (3, Over, Some(3), 3, with.clone()),
            // What is on record is another generation's end.
            (3, Lives, Some(1), 2, unknown.clone()),
            (3, Lives, Some(2), 1, unknown.clone()),
            (3, Over, Some(2), 3, unknown.clone()),
            (3, Over, None, 3, unknown.clone()),
            // It fell with its supervisor, or its own end had been heard before that.
            (3, Fell, Some(2), 3, killed),
            (3, Fell, Some(3), 3, with.clone()),
            (3, Fell, Some(2), 2, with),
            (3, Fell, Some(2), 1, unknown.clone()),
        ];
        for (incarnation, run, last, asked, answer) in rows {
            let seen = Seen {
                incarnation: *incarnation,
                run: *run,
                last: last.map(|of| (of, &failed)),
            };
            assert_eq!(
                &known(Some(&seen), *asked, false),
                answer,
                "{seen:?}, {asked}"
            );
            // Once the supervisor will not run again, nothing is to come but the end of what lives.
            let at_last = match answer {
                None if asked > incarnation => &unknown,
                other => other,
            };
            assert_eq!(
                &known(Some(&seen), *asked, true),
                at_last,
                "{seen:?}, {asked}"
            );
        }
        assert_eq!(known(None, 1, false), unknown, "no such child");
    }
}
