//! The journal of a storage folder, looked at by whoever audits it: no node need run, one that runs is not disturbed, and nothing is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_journal::{Disk, DiskError, Operation, RealDisk, entries, verify};
use serde::Serialize;

use crate::durable;
use crate::falls;
use crate::owner::{self, OwnerError};

/// Bytes of a value that are shown.
const SHOWN: usize = 400;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// No journal lies there.
    #[error(
        "no journal lies in {}; name a storage folder with --set storage.folder=FOLDER",
        .0.display()
    )]
    None(PathBuf),
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key that signed it cannot be read.
    #[error(transparent)]
    Owner(#[from] OwnerError),
}

/// What was seen of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Whether everything is whole, in order and signed by the owner's key.
    pub whole: bool,
    /// The first entry that is there, the archive included.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Entries behind the last signature.
    pub unsigned: u64,
    /// How often it was opened.
    pub openings: usize,
    /// The number of the first bad entry.
    pub first_bad: Option<u64>,
    /// What is wrong, in the order of the entries.
    pub damage: Vec<String>,
    /// All of it in a sentence.
    pub says: String,
}

/// One entry as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// Its number.
    pub sequence: u64,
    /// When; RFC 3339.
    pub at: String,
    /// Who wrote it.
    pub agent: String,
    /// What was done: `set`, `delete`, or a step of a checkpoint. `damaged` for an entry that cannot be read.
    pub operation: String,
    /// To which key.
    pub key: String,
    /// What it is after, its beginning; or what is wrong with it.
    pub value: String,
}

fn disk(folder: &Path) -> Result<Arc<dyn Disk>, AuditError> {
    let journal = durable::journal(folder);
    if !journal.is_dir() {
        return Err(AuditError::None(folder.to_path_buf()));
    }
    Ok(Arc::new(RealDisk::read_only(journal)))
}

/// Looks at every byte, link and signature of the journal in a storage folder.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn audit(folder: &Path, tenant: &str) -> Result<Audited, AuditError> {
    let disk = disk(folder)?;
    let owner = owner::known(folder, tenant)?.map(|owner| owner.public_key());
    // Without the key it can be said that the chain holds, not who made it.
    let trusted = |key: &_| owner.as_ref().is_none_or(|owner| owner == key);
    let seen = verify(&disk, &trusted)?;
    let mut says = seen.to_string();
    if owner.is_none() {
        says.push_str("; there is no owner.key, so nobody can say whose signatures these are");
    }
    Ok(Audited {
        whole: seen.damage.is_empty(),
        first: seen.first,
        last: seen.last,
        entries: seen.entries,
        unsigned: seen.unsigned,
        openings: seen.epochs.len(),
        first_bad: seen.first_bad().map(|damage| damage.sequence),
        damage: seen.damage.iter().map(ToString::to_string).collect(),
        says,
    })
}

/// The last entries of the journal in a storage folder whose keys hold a word, oldest first, at most so many. Damage stands in its place.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn trail(
    folder: &Path,
    word: &str,
    after: u64,
    most: usize,
) -> Result<Vec<AuditLine>, AuditError> {
    let mut lines = std::collections::VecDeque::new();
    for entry in entries(disk(folder)?, after.saturating_add(1))? {
        let line = match entry {
            Ok(entry) if !entry.draft.key.contains(word) => continue,
            Ok(entry) => AuditLine {
                sequence: entry.sequence,
                at: entry.time.to_string(),
                agent: entry.draft.agent,
                operation: named(entry.draft.operation).to_owned(),
                value: entry
                    .draft
                    .after
                    .map_or(String::new(), |after| told(&entry.draft.key, &after.bytes)),
                key: entry.draft.key,
            },
            Err(damage) => AuditLine {
                sequence: damage.sequence,
                at: String::new(),
                agent: String::new(),
                operation: "damaged".to_owned(),
                key: damage.segment.clone(),
                value: damage.to_string(),
            },
        };
        lines.push_back(line);
        if lines.len() > most {
            lines.pop_front();
        }
    }
    Ok(lines.into())
}

fn named(operation: Operation) -> &'static str {
    match operation {
        Operation::Set => "set",
        Operation::Delete => "delete",
        Operation::CheckpointStart => "checkpoint start",
        Operation::CheckpointCommit => "checkpoint commit",
        Operation::CheckpointAbort => "checkpoint abort",
    }
}

/// A value as a person reads it: what fell as a sentence, everything else by its beginning.
fn told(key: &str, bytes: &[u8]) -> String {
    let fell = durable::key_is(key, falls::PREFIX);
    let said = fell.then(|| falls::said(bytes)).flatten();
    said.unwrap_or_else(|| shown(bytes))
}

/// The beginning of a value: its text, or how many bytes it has.
fn shown(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return format!("{} bytes", bytes.len());
    };
    let mut until = SHOWN.min(text.len());
    while !text.is_char_boundary(until) {
        until -= 1;
    }
    if until < text.len() {
        format!("{}... ({} bytes)", &text[..until], text.len())
    } else {
        text.to_owned()
    }
}
