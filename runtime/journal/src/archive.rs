//! What leaves the journal: sealed segments that are old enough go to the archive as they are, and what is still needed of them stays
//! behind in a compacted segment.
//!
//! Each step leaves a journal that opens. A segment that leaves is written down, copied into the archive, replaced by what is kept of
//! it, and only then removed; a file gets its name when it is whole and lasting. A rename between two folders is not used: a disk may
//! remember only half of it.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::{self, Chain, SegmentInfo, Step};
use crate::damage::Damage;
use crate::digest::Digest;
use crate::disk::{Disk, DiskError, Fault};
use crate::entry::Entry;
use crate::frame::{Frame, Kind};
use crate::log::Log;
use crate::reader;
use crate::recovery::write_new;
use crate::segment::{self, ARCHIVE, Header, Whole};
use crate::statement::{Left, Signed, Statement};
use crate::ticket::WriteError;

/// How much of something is kept. Whatever is reached first counts; what is not said is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// So many days.
    pub days: Option<u32>,
    /// So many entries.
    pub entries: Option<u64>,
    /// So many bytes.
    pub bytes: Option<u64>,
}

/// What stays in the journal, and what stays in its archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Segments beyond it leave for the archive, the oldest first.
    pub journal: Limit,
    /// Archived segments beyond it are deleted, the oldest first.
    pub archive: Limit,
}

impl Default for Retention {
    /// 30 days at hand, everything in the archive.
    fn default() -> Self {
        Self {
            journal: Limit {
                days: Some(30),
                ..Limit::default()
            },
            archive: Limit::default(),
        }
    }
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// Segments that went to the archive.
    pub archived: usize,
    /// Segments that were compacted; some of them went to the archive, some had been compacted before.
    pub compacted: usize,
    /// Entries that stayed behind in compacted segments.
    pub kept: u64,
    /// Entries that are in the archive only.
    pub left: u64,
    /// Archived segments that were deleted.
    pub deleted: usize,
    /// Damage because of which a segment stays where it is.
    pub damage: Vec<Damage>,
}

/// Why nothing, or not all, was moved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchiveError {
    /// Somebody reads the segments. What was begun is kept, and gone on with next time.
    #[error("{reading} readers are at work; try again when they are done")]
    Reading {
        /// How many.
        reading: usize,
    },
    /// Somebody else moves segments.
    #[error("segments are being moved already; wait for that to end")]
    Busy,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What was to leave cannot be written down.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Limit {
    /// How many of the oldest are beyond it. Each has its age, its entries and its bytes.
    fn beyond(&self, oldest_first: &[(Duration, u64, u64)]) -> usize {
        let total = |of: fn(&(Duration, u64, u64)) -> u64| oldest_first.iter().map(of).sum::<u64>();
        let (mut entries, mut bytes) = (total(|it| it.1), total(|it| it.2));
        let mut count = 0;
        for (age, its_entries, its_bytes) in oldest_first {
            let day = Duration::from_secs(24 * 3600);
            let old = self.days.is_some_and(|days| *age > day * days);
            let many = self.entries.is_some_and(|most| entries > most);
            let large = self.bytes.is_some_and(|most| bytes > most);
            if !(old || many || large) {
                break;
            }
            count += 1;
            entries -= its_entries;
            bytes -= its_bytes;
        }
        count
    }
}

/// A segment with what the limits ask of it.
fn weighed(
    disk: &dyn Disk,
    segments: &[SegmentInfo],
    next_first: u64,
    next_made: Timestamp,
    now: Timestamp,
) -> Vec<(Duration, u64, u64)> {
    (0..segments.len())
        .map(|at| {
            // It was sealed when the next one was begun.
            let (end, sealed) = match segments.get(at + 1) {
                Some(next) => (next.first, made(disk, next).unwrap_or(now)),
                None => (next_first, next_made),
            };
            let entries = end.saturating_sub(segments[at].first);
            (now.since(sealed), entries, segments[at].bytes)
        })
        .collect()
}

fn made(disk: &dyn Disk, segment: &SegmentInfo) -> Option<Timestamp> {
    let (header, _) = chain::header(disk, &segment.name, None).ok()?;
    Timestamp::from_micros(header.made_us).ok()
}

/// Whoever has the writer. Reading, copying and compacting take long and need it not at all, so it is borrowed for moments.
pub(crate) trait Holder {
    /// Does something with the writer.
    fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T;

    /// The same while nobody reads; refused if somebody does.
    fn alone<T>(&self, work: impl FnOnce(&mut Log) -> T) -> Result<T, ArchiveError>;
}

pub(crate) fn retire(
    holder: &impl Holder,
    retention: &Retention,
    now: Timestamp,
    mut keep: impl FnMut(&Entry) -> bool,
) -> Result<Moved, ArchiveError> {
    let mut moved = Moved::default();
    let (disk, current, sealed) =
        holder.alone(|log| (Arc::clone(log.disk()), log.current(), log.sealed()))?;
    let current_made = made(&*disk, &current).unwrap_or(now);
    let leaving =
        retention
            .journal
            .beyond(&weighed(&*disk, &sealed, current.first, current_made, now));
    for segment in sealed.iter().take(leaving) {
        let outcome = leave(holder, &disk, segment, now, &mut keep, &mut moved);
        stop_if_sync(holder, outcome)?;
    }
    let outcome = delete(holder, &disk, retention, now, &mut moved);
    stop_if_sync(holder, outcome)?;
    Ok(moved)
}

/// A sync that failed says that nobody knows what is on the disk.
fn stop_if_sync(
    holder: &impl Holder,
    outcome: Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    match outcome {
        Err(ArchiveError::Disk(error)) if error.act.starts_with("sync") => {
            Err(ArchiveError::Write(holder.with(|log| log.stop(&error))))
        }
        outcome => outcome,
    }
}

/// What is in a segment.
struct Content {
    header: Header,
    of: Left,
    kept: Vec<Whole>,
    /// Entries that are not kept, those of earlier compactions included, and those of this one.
    dropped: u64,
    dropped_now: u64,
}

/// Reads a segment that leaves; the first damage, if there is any.
fn content(
    disk: &Arc<dyn Disk>,
    segment: &SegmentInfo,
    keep: &mut impl FnMut(&Entry) -> bool,
) -> Result<Content, Damage> {
    let whole_segment = |flaw| Damage {
        segment: segment.name.clone(),
        offset: 0,
        until: segment.bytes,
        sequence: segment.first,
        flaw,
    };
    let header = match chain::header(&**disk, &segment.name, None) {
        Ok((header, None)) => header,
        Ok((_, Some(flaw))) | Err(flaw) => return Err(whole_segment(flaw)),
    };
    let mut content = Content {
        header,
        of: Left {
            first: segment.first,
            last: segment.first,
            head: header.previous,
        },
        kept: Vec::new(),
        dropped: 0,
        dropped_now: 0,
    };
    for step in Chain::new(Arc::clone(disk), [segment.clone()]) {
        let whole = match step {
            Step::Damage(damage) => return Err(damage),
            Step::Frame { whole, .. } => whole,
        };
        content.of.last = whole.sequence;
        content.of.head = whole.digest;
        match whole.kind {
            Kind::Entry => {
                let entry = reader::entry_of(segment, whole.clone())?;
                if keep(&entry) {
                    content.kept.push(whole);
                } else {
                    content.dropped += 1;
                    content.dropped_now += 1;
                }
            }
            Kind::Statement => {
                // Of one that was compacted before it is told what it stands for, not what lies there.
                if let (true, Ok(Statement::Compacted { of, dropped, .. })) =
                    (segment.compacted, Signed::statement_of(&whole.body))
                {
                    content.of = of;
                    content.dropped += dropped;
                }
            }
        }
    }
    Ok(content)
}

fn leave(
    holder: &impl Holder,
    disk: &Arc<dyn Disk>,
    segment: &SegmentInfo,
    now: Timestamp,
    keep: &mut impl FnMut(&Entry) -> bool,
    moved: &mut Moved,
) -> Result<(), ArchiveError> {
    let content = match content(disk, segment, keep) {
        Ok(content) => content,
        Err(damage) => {
            moved.damage.push(damage);
            return Ok(());
        }
    };
    let sealed = holder.with(|log| log.sealed());
    let oldest = sealed
        .first()
        .is_some_and(|first| first.first == segment.first);
    // A gap in the middle would look like a loss, so something stays there.
    let stays = !content.kept.is_empty() || !oldest;
    if segment.compacted && stays && content.dropped_now == 0 {
        return Ok(());
    }
    let compacted = holder.with(|log| {
        let time = log.tick(now);
        let left = Statement::Archived {
            epoch: log.epoch(),
            time_us: time.as_micros(),
            segments: vec![content.of.clone()],
            compacted: stays,
        };
        log.state(&left, time)?;
        stays.then(|| compact(log, &content, time)).transpose()
    })?;
    if !segment.compacted {
        copy_to_archive(&**disk, segment)?;
        moved.archived += 1;
    }
    let replaced = match compacted {
        Some(bytes) => {
            let name = segment::compacted_name(segment.first);
            write_new(&**disk, &name, &bytes)?;
            moved.compacted += 1;
            moved.kept += content.kept.len() as u64;
            Some(SegmentInfo {
                first: segment.first,
                name,
                bytes: bytes.len() as u64,
                compacted: true,
            })
        }
        None => None,
    };
    holder.alone(|log| {
        let mut sealed = log.sealed();
        let place = sealed.iter().position(|info| info.first == segment.first);
        if let Some(place) = place {
            sealed.splice(place..=place, replaced);
        }
        log.set_sealed(sealed);
        if !(segment.compacted && stays) {
            disk.remove(&segment.name)?;
            disk.sync_folder("")?;
        }
        Ok::<(), DiskError>(())
    })??;
    moved.left += content.dropped_now;
    Ok(())
}

/// The bytes of a compacted segment: the kept entries, chained anew, and a signed end that says what it stands for.
fn compact(log: &Log, content: &Content, time: Timestamp) -> Result<Vec<u8>, WriteError> {
    let journal = &content.header.journal;
    let salt = segment::salt(journal);
    let mut bytes = content.header.write();
    let mut head = content.header.previous;
    for whole in &content.kept {
        let frame = Frame {
            sequence: whole.sequence,
            previous: head,
            behind: 0,
            kind: Kind::Entry,
            more: false,
            body: &whole.body,
        };
        head = frame.write(salt, &mut bytes);
    }
    let statement = Statement::Compacted {
        epoch: log.epoch(),
        time_us: time.as_micros(),
        of: content.of.clone(),
        kept: content.kept.len() as u64,
        dropped: content.dropped,
    };
    // A sealed segment ends with a signed head, whose number is free in the compacted one.
    let sequence = content.of.last;
    let body = statement
        .sign(log.identity(), journal, sequence, &head)
        .map_err(|why| DiskError::new("sign", "a compacted segment", Fault::Failed, why))
        .map_err(WriteError::Refused)?;
    let frame = Frame {
        sequence,
        previous: head,
        behind: 0,
        kind: Kind::Statement,
        more: false,
        body: &body,
    };
    frame.write(salt, &mut bytes);
    Ok(bytes)
}

/// How much is copied at once.
const PIECE: usize = 1024 * 1024;

fn copy_to_archive(disk: &dyn Disk, segment: &SegmentInfo) -> Result<(), DiskError> {
    disk.make_folder(ARCHIVE)?;
    disk.sync_folder("")?;
    let name = format!("{ARCHIVE}/{}", segment.name);
    let unfinished = segment::unfinished(&name);
    match disk.remove(&unfinished) {
        Err(error) if error.fault != Fault::Missing => return Err(error),
        _ => {}
    }
    let mut file = disk.create(&unfinished)?;
    let mut offset = 0;
    while offset < segment.bytes {
        let left = usize::try_from(segment.bytes - offset).unwrap_or(PIECE);
        let piece = disk.read(&segment.name, offset, left.min(PIECE))?;
        if piece.is_empty() {
            return Err(DiskError::new(
                "copy",
                &segment.name,
                Fault::Failed,
                format!("it ends at byte {offset} of {}", segment.bytes),
            ));
        }
        file.append(&piece)?;
        offset += piece.len() as u64;
    }
    file.sync_data()?;
    drop(file);
    disk.rename(&unfinished, &name)?;
    disk.sync_folder(ARCHIVE)
}

/// Deletes what the archive may not keep; that it was there is written down first.
fn delete(
    holder: &impl Holder,
    disk: &Arc<dyn Disk>,
    retention: &Retention,
    now: Timestamp,
    moved: &mut Moved,
) -> Result<(), ArchiveError> {
    let archived = chain::segments(&**disk, ARCHIVE)?;
    let next = holder.with(|log| log.current());
    let next_made = made(&**disk, &next).unwrap_or(now);
    let weights = weighed(&**disk, &archived, next.first, next_made, now);
    let beyond = retention.archive.beyond(&weights);
    if beyond == 0 {
        return Ok(());
    }
    let mut left = Vec::new();
    for (at, segment) in archived.iter().take(beyond).enumerate() {
        let last = archived.get(at + 1).unwrap_or(&next).first;
        let mut head = Digest::ZERO;
        for step in Chain::new(Arc::clone(disk), [segment.clone()]) {
            if let Step::Frame { whole, .. } = step {
                head = whole.digest;
            }
        }
        left.push(Left {
            first: segment.first,
            last: last.saturating_sub(1),
            head,
        });
    }
    holder.with(|log| {
        let time = log.tick(now);
        let statement = Statement::Deleted {
            epoch: log.epoch(),
            time_us: time.as_micros(),
            segments: left,
        };
        log.state(&statement, time)
    })?;
    for segment in archived.iter().take(beyond) {
        disk.remove(&segment.name)?;
        moved.deleted += 1;
    }
    disk.sync_folder(ARCHIVE)?;
    Ok(())
}
