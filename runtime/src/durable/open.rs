//! What happens at a start: the journal is opened, the view is brought to where the journal is, or made anew from it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use aios_journal::{
    Disk, Journal, LockError, Options, RealDisk, Recovery, Retention, system_clock,
};
use aios_memory::{SledStore, Store, StoreError};
use aios_protocols::SigningIdentity;

use super::form;
use super::form::unnumbered;
use super::overlay::Value;
use super::store::{JournalStore, MARK, mark, write};

/// In the storage folder.
const JOURNAL: &str = "journal";
const VIEW: &str = "view";
/// A view that could not be read is kept under this name and a number, for whoever wants to know why.
const BROKEN: &str = "view.broken";
/// What sled has in a folder of its own: such a storage folder is from before there was a journal.
const BEFORE: &str = "db";
/// Where that store is put once it is taken over.
const TAKEN_OVER: &str = "before-the-journal";
/// In the store, once an earlier one was taken over whole.
const TAKEN: &[u8] = b"\0taken-over";
/// A node that is stopping may hold the folder a moment longer.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);
/// Keys of the view that are looked at at once.
const STEP: usize = 2_048;
/// Bytes that are held of what the view does not have, before they are brought there.
const CAUGHT_UP_AT_ONCE: usize = 8 << 20;
/// What one of them takes beside its key and value.
const ENTRY: usize = 96;
/// Sentences about what was not in order.
const AMISS_MAX: usize = 16;
/// Entries between two lines that say how far it is: about a second's work.
const SAID: u64 = 100_000;

/// Why the storage folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or it is not its user's alone.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be gone on with.
    #[error(transparent)]
    Journal(#[from] aios_journal::OpenError),
    /// The view cannot be used, nor made anew.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view has seen more of a journal than there is.
    #[error(
        "the state in {} has been brought to entry {come} of its journal, and {there}: entries are missing; put the journal's files back, or move {VIEW} away to go on with what there is",
        folder.display()
    )]
    Behind {
        /// The storage folder.
        folder: PathBuf,
        /// How far the view had come.
        come: u64,
        /// What there is instead.
        there: String,
    },
    /// A file cannot be moved.
    #[error("{what} in {}: {source}", folder.display())]
    Folder {
        /// What was tried.
        what: &'static str,
        /// Where.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes the storage folder its user's alone, before anything is put into it.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    aios_memory::private_folder(folder).map_err(|reason| StoreError::NotPrivate {
        path: folder.to_path_buf(),
        reason,
    })
}

/// Where the journal of a storage folder lies.
pub(crate) fn journal(folder: &Path) -> PathBuf {
    folder.join(JOURNAL)
}

/// What a journal is written on, made of the disk of its folder.
pub(crate) type Over = Box<dyn FnOnce(RealDisk) -> Arc<dyn Disk> + Send>;

/// Opens the state of a node in a folder that was [prepared](prepare), and says what was not in order there. Blocks for the reading of what
/// the view does not have yet.
pub(crate) fn open(
    folder: &Path,
    identity: Arc<SigningIdentity>,
) -> Result<(JournalStore, Vec<String>), OpenError> {
    open_over(folder, identity, Box::new(|disk| Arc::new(disk)))
}

/// The same, with the journal on a disk of the caller's own.
pub(crate) fn open_over(
    folder: &Path,
    identity: Arc<SigningIdentity>,
    over: Over,
) -> Result<(JournalStore, Vec<String>), OpenError> {
    // It holds the lock for as long as it lives, so whatever is made of it has the folder for itself.
    let disk = over(patiently(&folder.join(JOURNAL))?);
    let (journal, found) = Journal::open(disk, Options::default(), identity, system_clock())?;
    let mut amiss = Vec::new();
    say(&found, &mut amiss);
    let view = viewed(folder, &journal, &mut amiss)?;
    let store = JournalStore::over(Arc::new(journal), view);
    take_over(folder, &store)?;
    Ok((store, amiss))
}

/// Lets what is old enough leave every so often, as long as anybody has the journal. Not at a start: a command that only looks at a folder knows
/// nothing of what its node is told to keep.
pub(crate) async fn retiring(store: Weak<JournalStore>, keep: Retention, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(store) = store.upgrade() else {
            return;
        };
        let turn = tokio::task::spawn_blocking(move || store.retire(&keep));
        match turn.await {
            Ok(Ok(moved)) => tracing::debug!(?moved, "what is old enough left the journal"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "nothing could leave the journal; it is tried again");
            }
            Err(error) => {
                tracing::warn!(%error, "nothing could leave the journal; it is tried again");
            }
        }
    }
}

fn patiently(folder: &Path) -> Result<RealDisk, LockError> {
    let begin = Instant::now();
    loop {
        match RealDisk::open(folder) {
            Err(LockError::Held { .. }) if begin.elapsed() < PATIENCE => thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

/// What was found is in the log, and among what is told to whoever runs the node: something was cut off, or is damaged.
fn say(found: &Recovery, amiss: &mut Vec<String>) {
    if found.torn.is_some() || !found.damage.is_empty() || found.clock_back.is_some() {
        tracing::warn!("{found}");
        amiss.push(found.to_string());
    } else {
        tracing::debug!("{found}");
    }
}

/// The view, with all that the journal has.
fn viewed(
    folder: &Path,
    journal: &Journal,
    amiss: &mut Vec<String>,
) -> Result<Arc<dyn Store>, OpenError> {
    let path = folder.join(VIEW);
    let whole = SledStore::open(&path).and_then(|view| Ok((come(&view, journal)?, view)));
    let (view, come) = match whole {
        Ok((Come::To(come), view)) => (view, come),
        // What was lasting is not there any more: whoever went on would bury it.
        Ok((Come::Beyond(come), _)) => {
            let last = journal.state().last;
            return Err(OpenError::Behind {
                folder: folder.to_path_buf(),
                come,
                there: format!("the journal ends with entry {last}"),
            });
        }
        Ok((Come::Elsewhere(come), _)) => {
            return Err(OpenError::Behind {
                folder: folder.to_path_buf(),
                come,
                there: "the journal is another one, or a new one".to_owned(),
            });
        }
        // Another store of this process has it; nothing is wrong with it.
        Err(error @ (StoreError::InUse { .. } | StoreError::NotPrivate { .. })) => {
            return Err(error.into());
        }
        Ok((Come::FromNowhere, view)) => {
            drop(view);
            (anew(folder, "it is of no journal", amiss)?, 0)
        }
        Err(error) => (anew(folder, &error.to_string(), amiss)?, 0),
    };
    catch_up(&view, journal, come, amiss)?;
    Ok(Arc::new(view))
}

/// How far a view has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Come {
    /// To this entry of this journal.
    To(u64),
    /// To an entry that this journal does not have.
    Beyond(u64),
    /// To an entry of another journal.
    Elsewhere(u64),
    /// It holds something and says nothing of a journal.
    FromNowhere,
}

/// How far a view has come. Every value is looked at.
pub(super) fn come(view: &dyn Store, journal: &Journal) -> Result<Come, StoreError> {
    let mut after: Option<Vec<u8>> = None;
    let mut empty = true;
    loop {
        let page = view.scan_prefix(b"", after.as_deref(), STEP)?;
        let Some((last, _)) = page.last() else { break };
        empty = false;
        after = Some(last.clone());
    }
    let state = journal.state();
    let mark = view.get(MARK)?.and_then(unnumbered);
    Ok(match mark {
        Some((come, id)) if id != journal.id() => Come::Elsewhere(come),
        Some((come, _)) if come > state.last => Come::Beyond(come),
        Some((come, _)) => Come::To(come),
        None if empty => Come::To(0),
        None => Come::FromNowhere,
    })
}

/// An empty view in the place of one that cannot be used.
fn anew(folder: &Path, why: &str, amiss: &mut Vec<String>) -> Result<SledStore, OpenError> {
    tracing::warn!(
        why,
        "the view of the journal is made anew; the one there was is kept as {BROKEN}"
    );
    amiss.push(format!(
        "the view of the journal could not be used ({why}) and is made anew; nothing is lost, and the one there was is kept as {BROKEN}-N in {}",
        folder.display()
    ));
    let failed = |what| {
        move |source| OpenError::Folder {
            what,
            folder: folder.to_path_buf(),
            source,
        }
    };
    let mut names = (1..).map(|number| folder.join(format!("{BROKEN}-{number}")));
    let Some(broken) = names.find(|name| !name.exists()) else {
        return Err(failed("the broken view cannot be named")(io::Error::other(
            "no number is free",
        )));
    };
    fs::rename(folder.join(VIEW), &broken).map_err(failed("the broken view cannot be moved"))?;
    Ok(SledStore::open(folder.join(VIEW))?)
}

/// Writes on their way into the view: of each key the newest, with the number of its entry.
type Step = BTreeMap<Vec<u8>, (u64, Value)>;

/// Brings what the journal has behind an entry into the view.
pub(super) fn catch_up(
    view: &dyn Store,
    journal: &Journal,
    mut come: u64,
    amiss: &mut Vec<String>,
) -> Result<(), StoreError> {
    let all = journal.state().last.saturating_sub(come);
    let long = all > SAID;
    let (mut step, mut bytes) = (Step::new(), 0);
    let mut done = 0;
    for entry in journal.read(come + 1) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(damage) => {
                tracing::error!(%damage, "the journal is damaged; what was written there is lost, everything else is kept");
                tell(
                    amiss,
                    format!(
                        "the journal is damaged: {damage}; what was written there is lost, everything else is kept; `aios audit verify` looks at all of it"
                    ),
                );
                continue;
            }
        };
        done += 1;
        if long && done % SAID == 0 {
            tracing::info!(done, of = all, "the view is made from the journal");
        }
        let sequence = entry.sequence;
        match form::write(entry) {
            Ok(Some((key, value))) => {
                let held = |value: &Value| value.as_ref().map_or(0, Vec::len);
                bytes += key.len() + held(&value) + ENTRY;
                if let Some((key, (_, earlier))) = step.remove_entry(&key) {
                    bytes -= key.len() + held(&earlier) + ENTRY;
                }
                step.insert(key, (sequence, value));
                come = sequence;
            }
            Ok(None) => {}
            Err(why) => {
                tracing::error!(
                    sequence,
                    why,
                    "an entry of the journal cannot be read; it is left out of the view"
                );
                tell(
                    amiss,
                    format!(
                        "entry {sequence} of the journal cannot be read and is left out: {why}"
                    ),
                );
            }
        }
        if bytes >= CAUGHT_UP_AT_ONCE {
            bring(view, journal, std::mem::take(&mut step), come)?;
            bytes = 0;
        }
    }
    if !step.is_empty() {
        bring(view, journal, step, come)?;
    }
    Ok(())
}

/// The first of many say enough.
fn tell(amiss: &mut Vec<String>, sentence: String) {
    if amiss.len() < AMISS_MAX {
        amiss.push(sentence);
    }
}

/// Each with its own number, and then how far the view has come: cut short, they are brought there again. Of several writes of a key the
/// newest is all that is wanted.
fn bring(view: &dyn Store, journal: &Journal, step: Step, come: u64) -> Result<(), StoreError> {
    for (key, (sequence, value)) in step {
        write(view, sequence, &key, value.as_deref())?;
    }
    mark(view, come, journal.id())
}

/// Takes over what lies in a storage folder from before there was a journal. Cut short, it is taken over again.
fn take_over(folder: &Path, store: &JournalStore) -> Result<(), OpenError> {
    if !folder.join(BEFORE).is_file() {
        return Ok(());
    }
    if store.get(TAKEN)?.is_none() {
        tracing::info!("the storage folder is from before there was a journal; it is taken over");
        let earlier = SledStore::open(folder)?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = earlier.scan_prefix(b"", after.as_deref(), STEP)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in page {
                store.put(&key, &value)?;
            }
        }
        store.put(TAKEN, b"")?;
        store.flush()?;
    }
    let failed = |source| OpenError::Folder {
        what: "what was taken over cannot be moved",
        folder: folder.to_path_buf(),
        source,
    };
    let aside = folder.join(TAKEN_OVER);
    fs::create_dir_all(&aside).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let of_sled = matches!(name.to_str(), Some(BEFORE | "conf" | "blobs"))
            || name.to_str().is_some_and(|name| name.starts_with("snap."));
        // The log last: as long as it is there, the others are looked for again.
        if of_sled && name.to_str() != Some(BEFORE) {
            fs::rename(entry.path(), aside.join(&name)).map_err(failed)?;
        }
    }
    fs::rename(folder.join(BEFORE), aside.join(BEFORE)).map_err(failed)
}
