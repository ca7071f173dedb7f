//! What a supervisor's record tells those who wait for an end, and when: in the step that takes the end in, when it gives
//! a child up, when it falls, and when there will be no further word.

use std::time::Duration;

use super::{Ended, Run, Seen, known};
use crate::{
    decision::{Action, Input, Key, Mode},
    exit::{ExitReason, SHUTDOWN},
    fault::StartError,
    links::Watcher,
    shared::{Book, Live, Shared},
};

impl Book {
    /// What is known of the end of a generation; `None` when it is still to come.
    pub(crate) fn how_ended(&self, id: &str, incarnation: u64) -> Option<Ended> {
        let child = self
            .tree
            .key_of(id)
            .and_then(|key| self.tree.children.get(&key));
        let seen = child.map(|child| Seen {
            incarnation: child.incarnation,
            run: match (child.phase.is_alive(), &self.tree.mode) {
                (false, _) => Run::Over,
                (true, Mode::Closed) => Run::Fell,
                (true, _) => Run::Lives,
            },
            last: child.past().and_then(|past| past.last_end()),
        });
        known(seen.as_ref(), incarnation, self.last_word)
    }

    /// The generation that runs, and its actor.
    pub(crate) fn running(&self, id: &str) -> Option<(u64, ractor::ActorCell)> {
        let child = self.tree.children.get(&self.tree.key_of(id)?)?;
        Some((child.incarnation, child.live.cell.clone()?))
    }
}

impl Shared {
    /// Lets the core decide on what was heard; whoever waited for an end that it is hears it.
    pub(crate) fn step(&self, input: Input<Live>, now: Duration, out: &mut Vec<Action<Live>>) {
        let mut book = self.book.lock();
        let heard = self.waited_for(&book, &input);
        book.tree.step(input, now, out);
        drop(book);
        if let Some((watchers, exit)) = heard {
            Watcher::all_hear(watchers, &Ended::With(exit));
        }
    }

    /// Who waited for the end that this input is. Taken out under the book's lock, so that nobody can begin to wait
    /// between that and the core's step.
    fn waited_for(&self, book: &Book, input: &Input<Live>) -> Option<(Vec<Watcher>, ExitReason)> {
        let (Input::Exited {
            key, incarnation, ..
        }
        | Input::StartFailed {
            key, incarnation, ..
        }) = input
        else {
            return None;
        };
        let mut ends = self.ends.lock();
        if ends.is_empty() {
            return None;
        }
        let watchers = ends.end(&book.tree.children.get(key)?.id, *incarnation);
        Some((watchers, exit_in(input)?))
    }

    /// The core has given this child up: it will not leave, and nobody is to wait for that.
    pub(crate) fn abandoned(&self, key: Key) {
        let book = self.book.lock();
        let Some(child) = book.tree.children.get(&key) else {
            return;
        };
        let watchers = self.ends.lock().end(&child.id, child.incarnation);
        drop(book);
        Watcher::all_hear(watchers, &Ended::With(ExitReason::Abandoned));
    }

    /// A child's record is gone.
    pub(crate) fn removed(&self, id: &str) {
        let watchers = self.ends.lock().forget(id);
        Watcher::all_hear(watchers, &Ended::Unknown);
    }

    /// This supervisor will not run again: its parent has forgotten it, or it was the root. What is still alive in it has
    /// its end told when it falls; nothing else is to come, here or below.
    pub(crate) fn speak_last(&self) {
        let mut book = self.book.lock();
        book.last_word = true;
        let watchers = if book.tree.mode == Mode::Closed {
            self.ends.lock().close()
        } else {
            Vec::new()
        };
        let below = book.subtrees();
        drop(book);
        Watcher::all_hear(watchers, &Ended::Unknown);
        for below in below {
            below.speak_last();
        }
    }

    /// The supervisor's actor is gone while these children were alive: each is killed with it. What is returned is to be
    /// told once the book is free.
    pub(crate) fn fall(&self, book: &Book) -> Vec<(Watcher, Ended)> {
        if book.tree.mode == Mode::Closed {
            return Vec::new();
        }
        let mut ends = self.ends.lock();
        let mut told = Vec::new();
        for child in book.tree.children.values() {
            if !child.phase.is_alive() {
                continue;
            }
            let watchers = ends.end(&child.id, child.incarnation);
            let killed = |watcher| (watcher, Ended::With(ExitReason::Killed));
            told.extend(watchers.into_iter().map(killed));
        }
        told
    }
}

/// How the generation ended that this input tells of.
fn exit_in(input: &Input<Live>) -> Option<ExitReason> {
    match input {
        Input::Exited { exit, .. } => Some(exit.clone()),
        Input::StartFailed { error, .. } => Some(match error {
            StartError::Ignored => ExitReason::Normal,
            StartError::Cancelled => ExitReason::Shutdown(SHUTDOWN.into()),
            other => ExitReason::Failed(other.to_string()),
        }),
        _ => None,
    }
}
