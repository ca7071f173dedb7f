//! The audit trail on record: what of it is kept in memory lies in the store too, so that a node that starts again goes on with the same
//! chains, and shows whether somebody changed them meanwhile.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use aios_control::AuditLine;
use aios_memory::{Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Lookout;
use super::ledger::{FORBIDDEN, KEPT, REFUSALS};

/// Commands by their numbers, those that were forbidden, messages that were refused, and how many ever were.
const DONE_AT: &str = "audit/done/";
const FORBIDDEN_AT: &str = "audit/forbidden/";
const REFUSALS_AT: &str = "audit/refusals/";
const REFUSED_AT: &[u8] = b"audit/refused";
/// How long entries wait for others to be written with.
const WAIT: Duration = Duration::from_millis(250);
/// Entries written at once: a flood of forged messages costs the disk no more than this so often. What is forgotten before it was its turn
/// is not written at all.
const WRITTEN: usize = 512;
/// Records read at once.
const PAGE: usize = 256;

/// Where the trail is written down.
pub(super) struct Recorded {
    /// Not held: a node that has ended lets go of its store.
    store: OnceLock<Weak<dyn Store>>,
    news: watch::Sender<()>,
    stored: Mutex<Stored>,
}

/// Numbers of the entries that lie in the store, of each chain.
#[derive(Default)]
struct Stored {
    done: VecDeque<u64>,
    forbidden: VecDeque<u64>,
    refusals: VecDeque<u64>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            store: OnceLock::new(),
            news: watch::Sender::new(()),
            stored: Mutex::default(),
        }
    }
}

fn key(place: &str, seq: u64) -> Vec<u8> {
    format!("{place}{seq:020}").into_bytes()
}

/// All entries of a chain that lie in a store. One that cannot be read is left out, and the chain shows it.
fn read(store: &dyn Store, place: &str) -> Result<Vec<AuditLine>, StoreError> {
    let (mut lines, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.scan_prefix(place.as_bytes(), after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(lines);
        };
        after = Some(last.clone());
        for (key, bytes) in page {
            match serde_json::from_slice(&bytes) {
                Ok(line) => lines.push(line),
                Err(error) => {
                    let key = String::from_utf8_lossy(&key).into_owned();
                    tracing::error!(%error, key, "an entry of the audit trail cannot be read");
                }
            }
        }
    }
}

/// Brings what is stored of a chain to what is kept of it: what was forgotten goes, and `fresh` comes.
fn bring(
    store: &dyn Store,
    place: &str,
    stored: &mut VecDeque<u64>,
    first: Option<u64>,
    fresh: &[AuditLine],
) -> Result<(), StoreError> {
    while let Some(oldest) = stored.front().copied()
        && first.is_none_or(|first| oldest < first)
    {
        store.delete(&key(place, oldest))?;
        stored.pop_front();
    }
    for line in fresh {
        // Texts and numbers always have a JSON form.
        let bytes = serde_json::to_vec(line).unwrap_or_default();
        store.put(&key(place, line.seq), &bytes)?;
        stored.push_back(line.seq);
    }
    Ok(())
}

impl Lookout {
    /// Goes on with the trail that lies in a store, and from now on writes it down there.
    pub(crate) fn remember(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let (done, forbidden, refusals) = (
            read(store.as_ref(), DONE_AT)?,
            read(store.as_ref(), FORBIDDEN_AT)?,
            read(store.as_ref(), REFUSALS_AT)?,
        );
        let refused = store.get(REFUSED_AT)?;
        let refused = refused.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let seqs = |lines: &[AuditLine]| lines.iter().map(|line| line.seq).collect();
        *self.recorded.stored.lock() = Stored {
            done: seqs(&done),
            forbidden: seqs(&forbidden),
            refusals: seqs(&refusals),
        };
        let refused = refused.unwrap_or_default();
        self.trail.lock().go_on(done, forbidden, refusals, refused);
        // Said once: a lookout is of one node.
        let _ = self.recorded.store.set(Arc::downgrade(store));
        Ok(())
    }

    /// Something was entered.
    pub(super) fn entered(&self) {
        self.recorded.news.send_replace(());
    }

    /// Writes down what was entered since; says whether there is more. Blocking.
    fn write_down(&self) -> Result<bool, StoreError> {
        let Some(store) = self.recorded.store.get().and_then(Weak::upgrade) else {
            return Ok(false);
        };
        let mut stored = self.recorded.stored.lock();
        let last = |seqs: &VecDeque<u64>| seqs.back().copied().unwrap_or(0);
        let (done, forbidden, refusals, refused) = {
            let trail = self.trail.lock();
            (
                trail.done.since(last(&stored.done), WRITTEN),
                trail.forbidden.since(last(&stored.forbidden), WRITTEN),
                trail.refusals.since(last(&stored.refusals), WRITTEN),
                serde_json::to_vec(trail.refused()).unwrap_or_default(),
            )
        };
        let store = store.as_ref();
        let Stored {
            done: kept,
            forbidden: held,
            refusals: shut,
        } = &mut *stored;
        bring(store, DONE_AT, kept, done.first, &done.lines)?;
        bring(store, FORBIDDEN_AT, held, forbidden.first, &forbidden.lines)?;
        bring(store, REFUSALS_AT, shut, refusals.first, &refusals.lines)?;
        store.put(REFUSED_AT, &refused)?;
        store.flush()?;
        let chains = [&done, &forbidden, &refusals];
        Ok(chains.iter().any(|chain| chain.lines.len() == WRITTEN))
    }

    /// Writes down all that was entered, at a node's end.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let own = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            // As many rounds as all that is kept takes.
            for _ in 0..(KEPT + FORBIDDEN + REFUSALS) / WRITTEN + 1 {
                if !own.write_down()? {
                    break;
                }
            }
            Ok::<_, StoreError>(())
        });
        if !matches!(written.await, Ok(Ok(()))) {
            tracing::error!("the last of the audit trail is not on record");
        }
    }

    /// What follows the trail and writes it down, as long as the node is there.
    pub(crate) fn keeping(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        keep(Arc::downgrade(self), self.recorded.news.subscribe())
    }
}

async fn keep(lookout: Weak<Lookout>, mut news: watch::Receiver<()>) {
    while news.changed().await.is_ok() {
        tokio::time::sleep(WAIT).await;
        news.mark_unchanged();
        let Some(lookout) = lookout.upgrade() else {
            return;
        };
        let written = tokio::task::spawn_blocking(move || {
            let more = lookout.write_down();
            if let Ok(true) = more {
                lookout.entered();
            }
            more.err()
        });
        if let Ok(Some(error)) = written.await {
            tracing::error!(%error, "the audit trail is not on record; it is tried again with the next entry");
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_actors::agent::SystemClock;
    use aios_control::{AuditAsked, ErrorKind};
    use aios_memory::InMemoryStore;
    use aios_protocols::PrincipalId;

    use super::*;

    fn over(store: &Arc<dyn Store>) -> Arc<Lookout> {
        let lookout = Lookout::new(Arc::new(SystemClock));
        lookout.remember(store).unwrap();
        lookout
    }

    #[test]
    fn a_node_that_starts_again_goes_on_with_its_trail_and_sees_what_was_changed() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let (owner, reader): (PrincipalId, PrincipalId) = (
            "user:owner@local".parse().unwrap(),
            "user:reader@local".parse().unwrap(),
        );
        let all = |lookout: &Lookout| lookout.audit(&AuditAsked::default(), None);
        let first = over(&store);
        for at in 0..KEPT + 300 {
            first.commanded(&owner, &format!("kill {at}"), None);
            if at % 100 == 0 {
                let refused = Some(ErrorKind::Forbidden);
                first.commanded(&reader, "kill", refused);
            }
        }
        while first.write_down().unwrap() {}
        // The window moves on, and so does what is on record.
        for at in 0..300 {
            first.commanded(&owner, &format!("stop {at}"), None);
        }
        while first.write_down().unwrap() {}
        let told = all(&first);
        drop(first);
        let second = over(&store);
        assert_eq!(all(&second), told);
        assert!(told.chain_holds);
        second.commanded(&owner, "cancel", None);
        let entries = all(&second).entries;
        let last = entries.last().unwrap();
        assert_eq!(last.seq, told.entries.last().unwrap().seq + 1);
        assert!(all(&second).chain_holds, "it goes on in the same chain");
        second.write_down().unwrap();
        let many = store.scan_prefix(b"audit/", None, 10_000).unwrap().len();
        assert!(many <= KEPT + FORBIDDEN + 1, "{many} records");
        // Somebody changes one on the disk.
        let at = key(DONE_AT, entries[entries.len() / 2].seq);
        let line = String::from_utf8(store.get(&at).unwrap().unwrap()).unwrap();
        store
            .put(&at, line.replace("user:owner", "user:other").as_bytes())
            .unwrap();
        assert!(!all(&over(&store)).chain_holds);
        // Or takes one out.
        store.delete(&at).unwrap();
        assert!(!all(&over(&store)).chain_holds);
    }

    #[tokio::test]
    async fn what_is_entered_is_written_down_by_itself_and_a_store_that_is_gone_is_let_go() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let lookout = over(&store);
        let keeping = tokio::spawn(lookout.keeping());
        let owner = "user:owner@local".parse().unwrap();
        lookout.commanded(&owner, "kill", None);
        let begun = tokio::time::Instant::now();
        while store
            .scan_prefix(b"audit/done/", None, 9)
            .unwrap()
            .is_empty()
        {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lookout.settle().await;
        // Whoever has just written it down lets go of it.
        while Arc::strong_count(&store) > 1 {
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody holds it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop((store, lookout));
        keeping.await.unwrap();
    }
}
