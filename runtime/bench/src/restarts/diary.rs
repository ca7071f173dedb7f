//! What the actors of one case write down, whichever runtime they are of.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long is waited for what should be seen, before what was seen instead is taken for the answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long is listened for anything beyond it.
const GRACE: Duration = Duration::from_millis(150);
const STEP: Duration = Duration::from_millis(5);

/// `+a`: a has started, `!a`: a start of a has failed, `-a`: a was stopped and could clean up.
#[derive(Clone, Debug, Default)]
pub(super) struct Diary(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    lines: Vec<String>,
    alive: usize,
}

impl Diary {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A line is either written or not; a panic of another writer changes nothing about it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, line: impl Into<String>) {
        self.pages().lines.push(line.into());
    }

    /// What was written so far, which is forgotten.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.pages().lines).join(" ")
    }

    /// Waits until there is so much to read.
    pub(super) async fn lines(&self, count: usize) -> bool {
        self.wait_for(|pages| pages.lines.len() >= count).await
    }

    /// Waits until exactly this is to be read, and a little longer for anything beyond; what is there then.
    pub(super) async fn settle(&self, expected: &str) -> String {
        self.wait_for(|pages| pages.lines.join(" ") == expected)
            .await;
        tokio::time::sleep(GRACE).await;
        self.pages().lines.join(" ")
    }

    /// The same where the order means nothing.
    pub(super) async fn settle_sorted(&self, expected: &str) -> String {
        let sorted = |pages: &Pages| {
            let mut lines = pages.lines.clone();
            lines.sort();
            lines.join(" ")
        };
        self.wait_for(|pages| sorted(pages) == expected).await;
        tokio::time::sleep(GRACE).await;
        sorted(&self.pages())
    }

    async fn wait_for(&self, there: impl Fn(&Pages) -> bool) -> bool {
        let waited = async {
            while !there(&self.pages()) {
                tokio::time::sleep(STEP).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.is_ok()
    }

    pub(super) fn alive(&self) -> usize {
        self.pages().alive
    }

    /// How many starts were written down, and how many of all that were started live.
    pub(super) fn census(&self) -> String {
        let pages = self.pages();
        let started = pages.lines.iter().filter(|line| line.starts_with('+'));
        format!("{} started, {} alive", started.count(), pages.alive)
    }

    /// Counts as alive until what is returned is dropped.
    pub(super) fn live(&self) -> Life {
        self.pages().alive += 1;
        Life(self.clone())
    }
}

/// An actor's state holds one as long as it is.
#[derive(Debug)]
pub(super) struct Life(Diary);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.pages().alive -= 1;
    }
}
