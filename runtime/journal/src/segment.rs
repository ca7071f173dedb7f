//! A segment: a file of frames behind a header, named after its first entry. What is walked here is bytes; what it means is told elsewhere.

use std::sync::Arc;

use crate::digest::Digest;
use crate::disk::{Disk, DiskError};
use crate::frame::{self, Flaw, Frame, HEADER, Kind, VERSION};

/// How a segment begins.
const MAGIC: [u8; 8] = *b"AIOSJRNL";
/// Bytes of one header; it stands there twice, so that a damaged one does not make the segment unreadable.
const ONE: usize = 96;
/// Where frames begin.
pub(crate) const FRAMES: u64 = 2 * ONE as u64;
/// How much is read at once.
const WINDOW: usize = 1024 * 1024;

/// Where segments go that are not needed to go on.
pub(crate) const ARCHIVE: &str = "archive";
/// Where views that are files lie.
pub(crate) const VIEWS: &str = "views";
/// Where blobs lie.
pub(crate) const BLOBS: &str = "blobs";
const SEALED: &str = ".seg";
const COMPACTED: &str = ".kept";
const UNFINISHED: &str = ".new";

/// Names a journal; drawn when it is made.
pub type JournalId = [u8; 16];

/// What stands at the start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) journal: JournalId,
    /// The number of the first frame.
    pub(crate) first: u64,
    /// The digest of the frame before the first one.
    pub(crate) previous: Digest,
    /// The opening of the journal in which it was begun.
    pub(crate) epoch: u64,
    /// Microseconds since 1970.
    pub(crate) made_us: u64,
}

/// What a file in the journal's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Segment(u64),
    Compacted(u64),
    Unfinished,
    Other,
}

impl File {
    pub(crate) fn of(name: &str) -> Self {
        let number = |stem: &str| {
            let plain = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| stem.parse().ok()).flatten()
        };
        if name.ends_with(UNFINISHED) {
            return Self::Unfinished;
        }
        let segment = name.strip_suffix(SEALED).and_then(number);
        let compacted = name.strip_suffix(COMPACTED).and_then(number);
        match (segment, compacted) {
            (Some(first), _) => Self::Segment(first),
            (_, Some(first)) => Self::Compacted(first),
            _ => Self::Other,
        }
    }
}

pub(crate) fn name(first: u64) -> String {
    format!("{first:020}{SEALED}")
}

pub(crate) fn compacted_name(first: u64) -> String {
    format!("{first:020}{COMPACTED}")
}

/// The name under which a file is written before it has its own.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

/// What checksums of a journal begin with.
pub(crate) fn salt(journal: &JournalId) -> u32 {
    frame::u32_at(Digest::of(journal).as_bytes(), 0)
}

impl Header {
    /// Both copies.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut one = Vec::with_capacity(ONE);
        one.extend_from_slice(&MAGIC);
        one.extend_from_slice(&VERSION.to_le_bytes());
        one.extend_from_slice(&[0; 2]);
        one.extend_from_slice(&self.journal);
        one.extend_from_slice(&self.first.to_le_bytes());
        one.extend_from_slice(self.previous.as_bytes());
        one.extend_from_slice(&self.epoch.to_le_bytes());
        one.extend_from_slice(&self.made_us.to_le_bytes());
        one.resize(ONE - 4, 0);
        let sum = frame::checksum(0, &one);
        one.extend_from_slice(&sum.to_le_bytes());
        let mut both = one.clone();
        both.extend_from_slice(&one);
        both
    }

    /// The header, and whether one of its copies is damaged.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, bool), Flaw> {
        let copies = [bytes.get(..ONE), bytes.get(ONE..2 * ONE)];
        let [first, second] = copies.map(|copy| copy.map_or(Err(Flaw::SegmentHeaders), one));
        match (first, second) {
            (Ok(first), Ok(second)) => Ok((first, first != second)),
            (Ok(header), Err(_)) | (Err(_), Ok(header)) => Ok((header, true)),
            (Err(flaw), Err(_)) => Err(flaw),
        }
    }
}

fn one(bytes: &[u8]) -> Result<Header, Flaw> {
    if bytes[..8] != MAGIC || frame::u32_at(bytes, ONE - 4) != frame::checksum(0, &bytes[..ONE - 4])
    {
        return Err(Flaw::SegmentHeaders);
    }
    let version = u16::from_le_bytes([bytes[8], bytes[9]]);
    if version != VERSION {
        return Err(Flaw::SegmentVersion { found: version });
    }
    let mut journal = JournalId::default();
    journal.copy_from_slice(&bytes[12..28]);
    let mut previous = [0; Digest::LENGTH];
    previous.copy_from_slice(&bytes[36..68]);
    Ok(Header {
        journal,
        first: frame::u64_at(bytes, 28),
        previous: Digest::from_bytes(previous),
        epoch: frame::u64_at(bytes, 68),
        made_us: frame::u64_at(bytes, 76),
    })
}

/// What stands at a place of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Frame(Whole),
    /// Nothing that could be read, up to the next frame or the end.
    Flaw {
        offset: u64,
        until: u64,
        /// The number that was due here.
        sequence: u64,
        flaw: Flaw,
    },
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) sequence: u64,
    pub(crate) previous: Digest,
    pub(crate) behind: u16,
    pub(crate) kind: Kind,
    pub(crate) more: bool,
    pub(crate) digest: Digest,
    pub(crate) body: Vec<u8>,
}

/// Walks the frames of a segment from its first on. It never stops at damage: it names it and goes on at the next whole frame.
pub(crate) struct Walk {
    disk: Arc<dyn Disk>,
    name: String,
    salt: u32,
    /// Where frames may reach; bytes behind it are not looked at.
    length: u64,
    offset: u64,
    /// The number that is due.
    due: u64,
    /// What the next frame must follow from; none where that is not known.
    previous: Option<Digest>,
    /// Whether numbers may be left out, as in a compacted segment.
    gaps: bool,
    window: Vec<u8>,
    window_at: u64,
    /// A frame that is whole and comes behind a flaw that was told first.
    held: Option<Whole>,
}

impl Walk {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        name: &str,
        header: &Header,
        length: u64,
        gaps: bool,
    ) -> Self {
        Self {
            disk,
            name: name.to_owned(),
            salt: salt(&header.journal),
            length,
            offset: FRAMES,
            due: header.first,
            previous: Some(header.previous),
            gaps,
            window: Vec::new(),
            window_at: 0,
            held: None,
        }
    }

    /// Begins at a frame that is known, without what stands before it.
    pub(crate) fn at(mut self, offset: u64, sequence: u64) -> Self {
        self.offset = offset;
        self.due = sequence;
        self.previous = None;
        self
    }

    /// The number that is due next.
    pub(crate) fn due(&self) -> u64 {
        self.due
    }

    /// What the next frame must follow from; none behind damage.
    pub(crate) fn previous(&self) -> Option<Digest> {
        self.previous
    }

    /// The bytes from this place on, at least so many where the file has them.
    fn bytes(&mut self, offset: u64, least: usize) -> Result<&[u8], DiskError> {
        let end = self.window_at + self.window.len() as u64;
        let have = end.saturating_sub(offset);
        let there = self.length.saturating_sub(offset);
        if offset < self.window_at || (have < least as u64 && have < there) {
            let most = usize::try_from(there).unwrap_or(usize::MAX);
            let wanted = least.max(WINDOW).min(most);
            self.window = self.disk.read(&self.name, offset, wanted)?;
            self.window_at = offset;
        }
        let from = usize::try_from(offset - self.window_at).unwrap_or(usize::MAX);
        let bytes = self.window.get(from..).unwrap_or(&[]);
        let most = usize::try_from(there).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    /// The frame at this place.
    fn read_at(&mut self, offset: u64) -> Result<Result<Whole, Flaw>, DiskError> {
        let salt = self.salt;
        let header = self.bytes(offset, HEADER)?;
        let length = match frame::measure(header, salt) {
            Ok(length) => length,
            Err(flaw) => return Ok(Err(flaw)),
        };
        let bytes = self.bytes(offset, length)?;
        Ok(frame::read(bytes, salt).map(|frame| Whole::of(&frame, offset, &bytes[..length])))
    }

    /// The next place behind this one where a whole frame begins that can follow.
    fn resync(&mut self, after: u64) -> Result<Option<Whole>, DiskError> {
        let mut offset = after;
        while offset + HEADER as u64 <= self.length {
            let bytes = self.bytes(offset, HEADER)?;
            let step = bytes
                .windows(frame::MAGIC.len())
                .position(|four| four == frame::MAGIC);
            match step {
                Some(step) => {
                    offset += step as u64;
                    if let Ok(whole) = self.read_at(offset)?
                        && whole.sequence >= self.due
                    {
                        return Ok(Some(whole));
                    }
                    offset += 1;
                }
                // What could be the start of a magic at the very end is looked at again.
                None => {
                    offset += (bytes.len().saturating_sub(frame::MAGIC.len() - 1)).max(1) as u64;
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, whole: Whole) -> Found {
        self.offset = whole.end;
        self.due = whole.sequence.saturating_add(1);
        self.previous = Some(whole.digest);
        Found::Frame(whole)
    }
}

impl Whole {
    fn of(frame: &Frame<'_>, offset: u64, bytes: &[u8]) -> Self {
        Self {
            offset,
            end: offset + bytes.len() as u64,
            sequence: frame.sequence,
            previous: frame.previous,
            behind: frame.behind,
            kind: frame.kind,
            more: frame.more,
            digest: Digest::of(bytes),
            body: frame.body.to_vec(),
        }
    }

    /// The last number that was known to be lasting when this was written.
    pub(crate) fn lasting(&self) -> u64 {
        self.sequence
            .saturating_sub(1)
            .saturating_sub(self.behind.into())
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(whole) = self.held.take() {
            return Some(self.take(whole));
        }
        if self.offset >= self.length {
            return None;
        }
        let (offset, due) = (self.offset, self.due);
        let broken = |walk: &mut Self, error: DiskError| {
            walk.offset = walk.length;
            Some(Found::Flaw {
                offset,
                until: walk.length,
                sequence: due,
                flaw: Flaw::Disk {
                    why: error.to_string(),
                },
            })
        };
        let flaw = match self.read_at(offset) {
            Err(error) => return broken(self, error),
            Ok(Err(flaw)) => flaw,
            Ok(Ok(whole)) => {
                let numbered = if self.gaps {
                    whole.sequence >= due
                } else {
                    whole.sequence == due
                };
                let flaw = if !numbered {
                    Flaw::OutOfOrder {
                        found: whole.sequence,
                    }
                } else if self
                    .previous
                    .is_some_and(|previous| previous != whole.previous)
                {
                    Flaw::Unlinked
                } else {
                    return Some(self.take(whole));
                };
                if whole.sequence >= due {
                    // It is whole itself, so it is told and then given.
                    self.held = Some(whole);
                    return Some(Found::Flaw {
                        offset,
                        until: offset,
                        sequence: due,
                        flaw,
                    });
                }
                flaw
            }
        };
        match self.resync(offset + 1) {
            Err(error) => broken(self, error),
            Ok(next) => {
                let until = next.as_ref().map_or(self.length, |whole| whole.offset);
                match next {
                    Some(whole) => {
                        self.previous = None;
                        self.held = Some(whole);
                    }
                    None => self.offset = self.length,
                }
                Some(Found::Flaw {
                    offset,
                    until,
                    sequence: due,
                    flaw,
                })
            }
        }
    }
}
