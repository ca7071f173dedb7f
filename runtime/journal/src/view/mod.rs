//! What is worked out from the journal and kept elsewhere, so that it need not be worked out at each start. A view may always be thrown
//! away: it is rebuilt from the journal when it is missing, damaged, or not this journal's.

mod file;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use file::{FileView, Fold};

use crate::damage::Damage;
use crate::digest::Digest;
use crate::entry::{Entry, Position};
use crate::journal::Journal;
use crate::segment::JournalId;

/// After so many entries the progress is told, and a long rebuild is saved now and then.
const TELL_EVERY: u64 = 10_000;
const SAVE_EVERY: u64 = 1_000_000;

/// How far a view has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Of which journal.
    pub journal: JournalId,
    /// The last entry that it has applied.
    pub sequence: u64,
    /// The digest of that entry: another one means another past.
    pub digest: Digest,
    /// Where it lies.
    pub position: Position,
}

/// Something worked out from entries. What it keeps is its own business, a table of a database for example; each value should carry a
/// checksum, and a value that fails it is told by [`View::mark`] as damage.
pub trait View {
    /// What it is called, for whoever watches.
    fn name(&self) -> &str;

    /// How far it has come; nothing if it is empty.
    ///
    /// # Errors
    /// It is damaged; the sentence says how. It is then rebuilt.
    fn mark(&self) -> Result<Option<Mark>, String>;

    /// Forgets everything.
    ///
    /// # Errors
    /// It cannot be emptied.
    fn reset(&mut self) -> Result<(), String>;

    /// Takes one entry in. Entries come in order, each once between two resets; after a crash those behind the last saved mark come again.
    ///
    /// # Errors
    /// The entry cannot be taken in. It is named as damage, and the next one is applied.
    fn apply(&mut self, entry: &Entry) -> Result<(), String>;

    /// Keeps what was applied, lasting or not, together with how far that is.
    ///
    /// # Errors
    /// It cannot be kept.
    fn save(&mut self, mark: Mark) -> Result<(), String>;
}

/// How far a view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Which view.
    pub view: &'a str,
    /// The entry it has come to.
    pub applied: u64,
    /// The entry it goes to.
    pub last: u64,
}

/// Why a view was made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    /// There was none.
    Missing,
    /// It was damaged.
    Damaged(String),
    /// It was of another journal, or of another past of this one, or the entry that it came to is damaged.
    Foreign,
    /// It knows entries that the journal has lost: the journal's last file was cut, or an older copy of it was put back.
    Ahead {
        /// The last entry that the view knows.
        view: u64,
        /// The last entry of the journal.
        journal: u64,
    },
}

/// What catching up did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    /// The view's name.
    pub view: String,
    /// Why it was made anew, if it was.
    pub rebuilt: Option<Rebuilt>,
    /// Entries that were applied.
    pub applied: u64,
    /// Entries that could not be read, or that the view could not take in.
    pub damage: Vec<Damage>,
}

impl fmt::Display for CaughtUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "view {}: {} entries applied", self.view, self.applied)?;
        match &self.rebuilt {
            None => {}
            Some(Rebuilt::Missing) => f.write_str(", made anew because there was none")?,
            Some(Rebuilt::Damaged(why)) => write!(f, ", made anew because it was damaged: {why}")?,
            Some(Rebuilt::Foreign) => {
                f.write_str(", made anew because its last entry is not this journal's")?;
            }
            Some(Rebuilt::Ahead { view, journal }) => write!(
                f,
                ", made anew because it knows entries up to {view} and the journal ends at {journal}: entries {} to {view} are lost, see whether an old copy was put back",
                journal + 1
            )?,
        }
        for damage in &self.damage {
            write!(f, "; left out: {damage}")?;
        }
        Ok(())
    }
}

/// A view cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("view {view} cannot be kept: {why}")]
pub struct ViewError {
    /// Which.
    pub view: String,
    /// Why.
    pub why: String,
}

/// Brings a view up to what is lasting in the journal; makes it anew if it must.
///
/// # Errors
/// The view cannot be emptied or kept. Damage in the journal is no error: it is named in what is given back.
pub fn catch_up(
    view: &mut dyn View,
    journal: &Journal,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<CaughtUp, ViewError> {
    let name = view.name().to_owned();
    let failed = |why: String| ViewError {
        view: name.clone(),
        why,
    };
    let state = journal.state();
    let (from, rebuilt) = match judge(view, journal, state.last) {
        Ok(mark) => (mark.sequence + 1, None),
        Err(why) => {
            view.reset().map_err(failed)?;
            (0, Some(why))
        }
    };
    let mut done = CaughtUp {
        view: name.clone(),
        rebuilt,
        applied: 0,
        damage: Vec::new(),
    };
    let id = journal.id();
    let mut mark = None;
    for entry in journal.read(from) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(damage) => {
                done.damage.push(damage);
                continue;
            }
        };
        if let Err(why) = view.apply(&entry) {
            done.damage.push(Damage {
                segment: crate::segment::name(entry.position.segment),
                offset: entry.position.offset,
                until: entry.position.offset,
                sequence: entry.sequence,
                flaw: crate::Flaw::Unreadable { why },
            });
        }
        done.applied += 1;
        let new = Mark {
            journal: id,
            sequence: entry.sequence,
            digest: entry.digest,
            position: entry.position,
        };
        mark = Some(new);
        if done.applied.is_multiple_of(TELL_EVERY) {
            progress(Progress {
                view: &name,
                applied: entry.sequence,
                last: state.last,
            });
        }
        if done.applied.is_multiple_of(SAVE_EVERY) {
            view.save(new).map_err(failed)?;
        }
    }
    if let Some(mark) = mark {
        view.save(mark).map_err(failed)?;
    }
    Ok(done)
}

/// Whether the view can go on from where it is.
fn judge(view: &dyn View, journal: &Journal, last: u64) -> Result<Mark, Rebuilt> {
    let mark = view
        .mark()
        .map_err(Rebuilt::Damaged)?
        .ok_or(Rebuilt::Missing)?;
    if mark.journal != journal.id() {
        return Err(Rebuilt::Foreign);
    }
    if mark.sequence > last {
        return Err(Rebuilt::Ahead {
            view: mark.sequence,
            journal: last,
        });
    }
    if !journal.holds(mark.position) {
        // The segment has left or was compacted: nobody can compare any more.
        return Ok(mark);
    }
    match journal.read_at(mark.position) {
        Ok(entry) if entry.digest == mark.digest => Ok(mark),
        _ => Err(Rebuilt::Foreign),
    }
}
