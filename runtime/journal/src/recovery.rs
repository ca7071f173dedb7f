//! What was found when a journal was opened: what is kept, what was cut, what is damaged.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chain::{self, SegmentInfo};
use crate::damage::Damage;
use crate::digest::Digest;
use crate::disk::{Disk, DiskError};
use crate::entry;
use crate::frame::{Flaw, Kind};
use crate::segment::{FRAMES, File, Found, Header, JournalId, Walk};
use crate::statement::{Signed, Statement};

/// Where the cut ends of torn writes are kept.
pub(crate) const TORN: &str = "torn";
/// Most bytes kept of a torn write, and most torn writes kept.
const TORN_BYTES: usize = 1024 * 1024;
const TORN_FILES: usize = 8;

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the journal was made just now.
    pub new: bool,
    /// The journal's id.
    pub journal: JournalId,
    /// The epoch that begins.
    pub epoch: u64,
    /// The first entry that is there, in the oldest segment.
    pub first: u64,
    /// The last entry that was kept; 0 if there is none.
    pub last: u64,
    /// Segments.
    pub segments: usize,
    /// Whether the process before closed the journal in order.
    pub closed: bool,
    /// The process that had it before.
    pub process: Option<u32>,
    /// The last write, if it was torn: it is cut off.
    pub torn: Option<Torn>,
    /// What is damaged in the segment that was read, the last one. The others are read when they are asked for, and by `verify`.
    pub damage: Vec<Damage>,
    /// By how much the clock is behind the last entry.
    pub clock_back: Option<Duration>,
    /// What an earlier process had begun and was finished or taken away now.
    pub finished: Vec<String>,
}

/// A write that was not carried out whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub segment: String,
    /// Where it was cut.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// The entry that was due there.
    pub sequence: u64,
    /// Where the cut bytes are kept.
    pub kept_in: String,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the last write was torn: {} bytes from entry {} on (segment {}, byte {}) are cut off and kept in {}",
            self.bytes, self.sequence, self.segment, self.offset, self.kept_in
        )
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.new {
            return write!(f, "a new journal was made (epoch {})", self.epoch);
        }
        write!(
            f,
            "journal opened (epoch {}): entries {} to {} in {} segments",
            self.epoch, self.first, self.last, self.segments
        )?;
        if !self.closed {
            f.write_str("; the process before")?;
            if let Some(process) = self.process {
                write!(f, " ({process})")?;
            }
            f.write_str(" ended without closing it")?;
        }
        if let Some(torn) = &self.torn {
            write!(f, "; {torn}")?;
        }
        for damage in &self.damage {
            write!(f, "; damaged: {damage}")?;
        }
        if let Some(back) = self.clock_back {
            write!(
                f,
                "; the clock is {back:?} behind the last entry: entries get its time until the clock has caught up"
            )?;
        }
        for step in &self.finished {
            write!(f, "; {step}")?;
        }
        Ok(())
    }
}

/// Where a journal goes on.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    pub(crate) header: Header,
    pub(crate) segment: SegmentInfo,
    /// Where the next frame goes.
    pub(crate) offset: u64,
    /// Its number.
    pub(crate) next: u64,
    /// What it follows from.
    pub(crate) head: Digest,
    pub(crate) epoch: u64,
    pub(crate) last_us: u64,
    pub(crate) closed: bool,
    pub(crate) process: Option<u32>,
    pub(crate) damage: Vec<Damage>,
    /// The number where a torn write begins.
    pub(crate) torn: Option<u64>,
}

/// Reads the last segment and says where the journal goes on. Changes nothing.
///
/// A frame that cannot be read is a torn write if nothing behind it says that it was lasting: then nobody was told that it is. Otherwise
/// it is damage, which is named and left where it is.
pub(crate) fn tail(disk: &Arc<dyn Disk>, segments: &[SegmentInfo]) -> Result<Option<Tail>, Damage> {
    let Some(segment) = segments.last() else {
        return Ok(None);
    };
    // The id, from any segment that can say it, and the newest epoch that is written in a header.
    let mut journal = None;
    let mut epoch = 0;
    for info in segments.iter().rev().take(2) {
        if let Ok((header, _)) = chain::header(&**disk, &info.name, None) {
            journal = Some(header.journal);
            epoch = epoch.max(header.epoch);
        }
    }
    let named = |flaw: Flaw| Damage {
        segment: segment.name.clone(),
        offset: 0,
        until: segment.bytes,
        sequence: segment.first,
        flaw,
    };
    let (header, flaw) = chain::header(&**disk, &segment.name, journal).map_err(named)?;
    let mut tail = Tail {
        header,
        segment: segment.clone(),
        offset: FRAMES,
        next: segment.first,
        head: header.previous,
        epoch,
        last_us: header.made_us,
        closed: false,
        process: None,
        damage: Vec::new(),
        torn: None,
    };
    if let Some(flaw) = flaw {
        tail.damage.push(Damage {
            until: FRAMES,
            ..named(flaw)
        });
    }
    let mut walk = Walk::new(
        Arc::clone(disk),
        &segment.name,
        &header,
        segment.bytes,
        segment.compacted,
    );
    if header.epoch == 0 {
        walk = walk.at(FRAMES, segment.first);
    }
    read(walk, segment, tail).map(Some)
}

fn read(walk: Walk, segment: &SegmentInfo, mut tail: Tail) -> Result<Tail, Damage> {
    // What could be a torn write, with where the journal would go on before it.
    let mut candidates: Vec<(Damage, Tail)> = Vec::new();
    let mut lasting = 0;
    let mut open_unit = false;
    for found in walk {
        match found {
            Found::Flaw {
                offset,
                until,
                sequence,
                flaw,
            } => {
                let torn = matches!(
                    flaw,
                    Flaw::Cut { .. } | Flaw::NoEntry | Flaw::Header | Flaw::Body
                );
                let damage = Damage {
                    segment: segment.name.clone(),
                    offset,
                    until,
                    sequence,
                    flaw,
                };
                match &damage.flaw {
                    Flaw::Disk { .. } => return Err(damage),
                    _ if torn => candidates.push((damage, tail.clone())),
                    _ => tail.damage.push(damage),
                }
            }
            Found::Frame(whole) => {
                lasting = lasting.max(whole.lasting());
                open_unit = whole.more;
                if whole.more {
                    continue;
                }
                tail.offset = whole.end;
                tail.next = whole.sequence.saturating_add(1);
                tail.head = whole.digest;
                tail.closed = false;
                match whole.kind {
                    Kind::Entry => {
                        if let Ok(time) = entry::time_of(&whole.body) {
                            tail.last_us = tail.last_us.max(time.as_micros());
                        }
                    }
                    Kind::Statement => {
                        if let Ok(statement) = Signed::statement_of(&whole.body) {
                            tail.last_us = tail.last_us.max(statement.time_us());
                            tail.epoch = tail.epoch.max(statement.epoch());
                            match statement {
                                Statement::Opened { process, .. } => tail.process = Some(process),
                                Statement::Closed { .. } => tail.closed = true,
                                _ => {}
                            }
                        }
                    }
                }
            }
        }
    }
    // The frames of one write reach the disk in any order, so the earliest hole decides.
    let earliest = candidates
        .iter()
        .position(|(damage, _)| damage.sequence > lasting);
    if let Some(at) = earliest {
        let (first, before) = candidates.swap_remove(at);
        candidates.truncate(at);
        let newer = tail;
        tail = before;
        tail.torn = Some(first.sequence);
        // What was told of damage before the cut stays told; what was behind it is cut.
        tail.damage = newer.damage;
        tail.damage.retain(|damage| damage.offset < tail.offset);
    } else if open_unit {
        tail.torn = Some(tail.next);
    }
    let damaged = candidates.into_iter().map(|(damage, _)| damage);
    tail.damage.extend(damaged);
    tail.damage.sort_by_key(|damage| damage.offset);
    Ok(tail)
}

/// Cuts a torn write off, after its bytes have been put aside.
pub(crate) fn cut(disk: &dyn Disk, tail: &Tail, sequence: u64) -> Result<Torn, DiskError> {
    let segment = &tail.segment;
    let bytes = disk.read(&segment.name, tail.offset, TORN_BYTES)?;
    disk.make_folder(TORN)?;
    disk.sync_folder("")?;
    let kept_in = format!("{TORN}/{sequence:020}.bytes");
    write_new(disk, &kept_in, &bytes)?;
    let old = disk.list(TORN)?;
    for listed in old.iter().take(old.len().saturating_sub(TORN_FILES)) {
        disk.remove(&format!("{TORN}/{}", listed.name))?;
    }
    let mut file = disk.open(&segment.name)?;
    file.truncate(tail.offset)?;
    file.sync_data()?;
    Ok(Torn {
        segment: segment.name.clone(),
        offset: tail.offset,
        bytes: segment.bytes.saturating_sub(tail.offset),
        sequence,
        kept_in,
    })
}

/// Writes a file that is there whole under its name, or not at all: written beside, synced, renamed, its folder synced.
pub(crate) fn write_new(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let unfinished = crate::segment::unfinished(name);
    match disk.remove(&unfinished) {
        Err(error) if error.fault != crate::disk::Fault::Missing => return Err(error),
        _ => {}
    }
    let mut file = disk.create(&unfinished)?;
    file.append(bytes)?;
    file.sync_data()?;
    drop(file);
    disk.rename(&unfinished, name)?;
    disk.sync_folder(crate::disk::folder_of(name))
}

/// Finishes what an earlier process had begun: where a segment lies there in both forms, the archive has it and the old form is removed.
pub(crate) fn finish(disk: &dyn Disk) -> Result<Vec<String>, DiskError> {
    let listed = disk.list("")?;
    let mut finished = Vec::new();
    for file in &listed {
        if let File::Compacted(first) = File::of(&file.name) {
            let old = crate::segment::name(first);
            if listed.iter().any(|file| file.name == old) {
                disk.remove(&old)?;
                disk.sync_folder("")?;
                finished.push(format!(
                    "{old}, which is compacted and in the archive, is removed"
                ));
            }
        }
    }
    Ok(finished)
}

/// Takes away what an earlier process had begun to write and not finished; nobody was told of it.
pub(crate) fn sweep(disk: &dyn Disk) -> Result<Vec<String>, DiskError> {
    let mut finished = Vec::new();
    let (archive, views, blobs) = (
        crate::segment::ARCHIVE,
        crate::segment::VIEWS,
        crate::segment::BLOBS,
    );
    for folder in ["", archive, TORN, views, blobs] {
        for listed in disk.list(folder)? {
            if File::of(&listed.name) == File::Unfinished {
                let name = if folder.is_empty() {
                    listed.name
                } else {
                    format!("{folder}/{}", listed.name)
                };
                disk.remove(&name)?;
                finished.push(format!(
                    "{name}, which was begun and not finished, is removed"
                ));
            }
        }
    }
    Ok(finished)
}
