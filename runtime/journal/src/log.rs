//! The journal as one thread writes it: batches, one sync each; segments; statements. No thread, no clock, no queue: those are around it.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{SigningIdentity, Timestamp};
use parking_lot::Mutex;
use thiserror::Error;

use crate::chain::{self, SegmentInfo};
use crate::damage::Damage;
use crate::digest::Digest;
use crate::disk::{Disk, DiskError, DiskFile, Fault};
use crate::entry;
use crate::frame::{BODY_MAX, Frame, HEADER, Kind};
use crate::recovery::{self, Recovery};
use crate::segment::{self, FRAMES, Header, JournalId};
use crate::statement::Statement;
use crate::ticket::WriteError;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// A segment that would grow beyond so many bytes is sealed and a new one begun.
    pub segment_bytes: u64,
    /// After so many entries the head is signed.
    pub sign_every: u64,
    /// Entries that may wait to be written. Who comes when it is full gets its entries back.
    pub queue_entries: usize,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
    /// The id of a journal that is made; drawn at random if none is given.
    pub journal: Option<JournalId>,
}

impl Default for Options {
    /// 64 MiB are read in about a tenth of a second when a journal is opened; 1,024 entries are a signature of some 20 us for a hundred
    /// writes or more; 4,096 entries and 64 MiB are what a disk that syncs in 1 ms takes in a few of them.
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            sign_every: 1024,
            queue_entries: 4096,
            queue_bytes: 64 * 1024 * 1024,
            journal: None,
        }
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The last segment cannot be read at all.
    #[error(
        "the journal cannot go on: {0}; restore that segment from a copy, or move it out of the folder to go on from the one before"
    )]
    Unreadable(Damage),
    /// There is an archive and no segment.
    #[error(
        "the journal has an archive with entries from {first} on and no segment; move its last segment back to go on"
    )]
    Beheaded {
        /// The first archived entry.
        first: u64,
    },
    /// No randomness for an id.
    #[error("no id can be drawn for a new journal: {0}")]
    NoId(String),
    /// A statement cannot be signed or written.
    #[error("the opening cannot be written down: {0}")]
    NotWritten(#[from] WriteError),
}

/// Entries that are there all together or not at all.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Encoded; the time is stamped when they are written.
    pub(crate) bodies: Vec<Vec<u8>>,
}

/// What readers may see.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) segments: Vec<SegmentInfo>,
    /// The last number that is lasting.
    pub(crate) last: u64,
    pub(crate) head: Digest,
    pub(crate) epoch: u64,
    pub(crate) journal: JournalId,
    pub(crate) syncs: u64,
    pub(crate) entries: u64,
    pub(crate) clock_back: Duration,
    pub(crate) stopped: Option<Arc<str>>,
}

/// Most entries of one write, and so of one unit.
pub(crate) const BATCH_MAX: usize = 8192;

/// The writer.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    identity: Arc<SigningIdentity>,
    journal: JournalId,
    salt: u32,
    epoch: u64,
    segment: SegmentInfo,
    file: Box<dyn DiskFile>,
    /// The number of the next frame, and what it follows from. Everything before it is lasting.
    next: u64,
    head: Digest,
    last_us: u64,
    /// Entries since a statement.
    unsigned: u64,
    stopped: Option<Arc<str>>,
    published: Arc<Mutex<Published>>,
}

/// Frames on their way to the disk.
struct Batch {
    bytes: Vec<u8>,
    next: u64,
    head: Digest,
    entries: u64,
    signed: bool,
}

impl Log {
    /// Opens the journal on this disk, or makes one: finishes what was begun, cuts a torn write, and writes the opening down.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        identity: Arc<SigningIdentity>,
        now: Timestamp,
    ) -> Result<(Self, Recovery), OpenError> {
        let mut finished = recovery::sweep(&*disk)?;
        finished.extend(recovery::finish(&*disk)?);
        let mut segments = chain::segments(&*disk, "")?;
        let new = segments.is_empty();
        if new {
            if let Some(archived) = chain::segments(&*disk, segment::ARCHIVE)?.first() {
                return Err(OpenError::Beheaded {
                    first: archived.first,
                });
            }
            let header = Header {
                journal: match options.journal {
                    Some(journal) => journal,
                    None => draw()?,
                },
                first: 1,
                previous: Digest::ZERO,
                epoch: 1,
                made_us: now.as_micros(),
            };
            let info = create(&*disk, &header)?.0;
            segments.push(info);
        }
        let tail = recovery::tail(&disk, &segments).map_err(OpenError::Unreadable)?;
        let Some(mut tail) = tail else {
            return Err(OpenError::NoId("the new segment is not listed".to_owned()));
        };
        let torn = match tail.torn {
            Some(sequence) => Some(recovery::cut(&*disk, &tail, sequence)?),
            None => None,
        };
        tail.segment.bytes = tail.offset;
        let before = tail.next.saturating_sub(1);
        let epoch = if new { 1 } else { tail.epoch.saturating_add(1) };
        let clock_back = Duration::from_micros(tail.last_us.saturating_sub(now.as_micros()));
        let report = Recovery {
            new,
            journal: tail.header.journal,
            epoch,
            first: segments.first().map_or(1, |segment| segment.first),
            last: before,
            segments: segments.len(),
            closed: tail.closed || new,
            process: tail.process,
            torn,
            damage: tail.damage.clone(),
            clock_back: (clock_back > Duration::ZERO).then_some(clock_back),
            finished,
        };
        // What a process wrote or named and did not sync may be in the system's memory only, and it is about to be believed. Of the bytes
        // it is the sync of the opening's own entry, at the end, that makes them lasting before anybody hears of them.
        let compacted = tail.segment.compacted;
        let file = disk.open(&tail.segment.name)?;
        disk.sync_folder("")?;
        if let Some(last) = segments.last_mut() {
            last.bytes = tail.offset;
        }
        let published = Arc::new(Mutex::new(Published {
            segments,
            last: before,
            head: tail.head,
            epoch,
            journal: tail.header.journal,
            syncs: 0,
            entries: 0,
            clock_back,
            stopped: None,
        }));
        let mut log = Self {
            disk,
            options,
            identity,
            journal: tail.header.journal,
            salt: segment::salt(&tail.header.journal),
            epoch,
            segment: tail.segment,
            file,
            next: tail.next,
            head: tail.head,
            last_us: tail.last_us,
            unsigned: 0,
            stopped: None,
            published,
        };
        let time = log.tick(now);
        if compacted {
            // A compacted segment is never written to.
            log.begin_segment(time)?;
        }
        log.state(
            &Statement::Opened {
                epoch,
                time_us: time.as_micros(),
                process: std::process::id(),
            },
            time,
        )?;
        Ok((log, report))
    }

    pub(crate) fn published(&self) -> Arc<Mutex<Published>> {
        Arc::clone(&self.published)
    }

    /// Writes units down, all in one sync. After [`WriteError::Refused`] nothing of them is there.
    pub(crate) fn append(
        &mut self,
        units: &mut [Unit],
        now: Timestamp,
    ) -> Result<Vec<u64>, WriteError> {
        self.alive()?;
        let time = self.tick(now);
        let bodies = units.iter().flat_map(|unit| &unit.bodies);
        let size: usize = bodies.map(|body| HEADER + body.len()).sum();
        self.make_room(size, time)?;
        let mut batch = self.batch();
        let mut last = Vec::with_capacity(units.len());
        for unit in units {
            let count = unit.bodies.len();
            for (at, body) in unit.bodies.iter_mut().enumerate() {
                entry::stamp(body, time);
                batch.push(self, Kind::Entry, at + 1 < count, body);
            }
            last.push(batch.next.saturating_sub(1));
        }
        if self.unsigned + batch.entries >= self.options.sign_every {
            let epoch = self.epoch;
            let time_us = time.as_micros();
            self.sign_into(&mut batch, &Statement::Head { epoch, time_us })?;
        }
        self.write(batch)?;
        Ok(last)
    }

    /// Writes a statement down and syncs it.
    pub(crate) fn state(
        &mut self,
        statement: &Statement,
        time: Timestamp,
    ) -> Result<(), WriteError> {
        self.alive()?;
        self.make_room(HEADER + 256, time)?;
        let mut batch = self.batch();
        self.sign_into(&mut batch, statement)?;
        self.write(batch)
    }

    /// Writes down that nothing of this epoch follows.
    pub(crate) fn close(&mut self, now: Timestamp) -> Result<(), WriteError> {
        let time = self.tick(now);
        let statement = Statement::Closed {
            epoch: self.epoch,
            time_us: time.as_micros(),
        };
        self.state(&statement, time)
    }

    /// Seals the segment that is being written and begins another.
    pub(crate) fn rotate(&mut self, now: Timestamp) -> Result<(), WriteError> {
        self.alive()?;
        let time = self.tick(now);
        if self.segment.bytes > FRAMES {
            self.begin_segment(time)?;
        }
        Ok(())
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn identity(&self) -> &SigningIdentity {
        &self.identity
    }

    /// The segments that are sealed, the oldest first.
    pub(crate) fn sealed(&self) -> Vec<SegmentInfo> {
        let mut segments = self.published.lock().segments.clone();
        segments.pop();
        segments
    }

    /// The segment that is being written.
    pub(crate) fn current(&self) -> SegmentInfo {
        self.segment.clone()
    }

    /// Forgets sealed segments that have left, or takes the new form of one.
    pub(crate) fn set_sealed(&mut self, sealed: Vec<SegmentInfo>) {
        let mut published = self.published.lock();
        let current = published.segments.pop();
        published.segments = sealed;
        published.segments.extend(current);
    }

    /// A time that is never before the last one.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Timestamp {
        let back = Duration::from_micros(self.last_us.saturating_sub(now.as_micros()));
        self.published.lock().clock_back = back;
        self.last_us = self.last_us.max(now.as_micros());
        now + back
    }

    /// Stops the journal for good: whoever cannot know what is on the disk must not say that it is there.
    pub(crate) fn stop(&mut self, error: &DiskError) -> WriteError {
        let why: Arc<str> = error.to_string().into();
        self.published.lock().stopped = Some(Arc::clone(&why));
        self.stopped = Some(Arc::clone(&why));
        WriteError::Stopped(why)
    }

    fn alive(&self) -> Result<(), WriteError> {
        match &self.stopped {
            Some(why) => Err(WriteError::Stopped(Arc::clone(why))),
            None => Ok(()),
        }
    }

    fn batch(&self) -> Batch {
        Batch {
            bytes: Vec::new(),
            next: self.next,
            head: self.head,
            entries: 0,
            signed: false,
        }
    }

    fn sign_into(&self, batch: &mut Batch, statement: &Statement) -> Result<(), WriteError> {
        let signed = statement.sign(&self.identity, &self.journal, batch.next, &batch.head);
        let body = signed.map_err(|why| {
            WriteError::Refused(DiskError::new("sign", "a statement", Fault::Failed, why))
        })?;
        batch.push(self, Kind::Statement, false, &body);
        batch.signed = true;
        Ok(())
    }

    fn make_room(&mut self, size: usize, time: Timestamp) -> Result<(), WriteError> {
        let full = self.segment.bytes + size as u64 > self.options.segment_bytes;
        if full && self.segment.bytes > FRAMES {
            self.begin_segment(time)?;
        }
        Ok(())
    }

    /// One write, one sync. Only after it does the journal know of the batch.
    fn write(&mut self, batch: Batch) -> Result<(), WriteError> {
        if let Err(error) = self.file.append(&batch.bytes) {
            // Any part of it may be there; without the cut the next frame would stand behind half of one.
            return Err(match self.file.truncate(self.segment.bytes) {
                Ok(()) => WriteError::Refused(error),
                Err(_) => self.stop(&error),
            });
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.stop(&error));
        }
        self.next = batch.next;
        self.head = batch.head;
        self.segment.bytes += batch.bytes.len() as u64;
        self.unsigned = if batch.signed {
            0
        } else {
            self.unsigned + batch.entries
        };
        let mut published = self.published.lock();
        published.last = self.next - 1;
        published.head = self.head;
        published.syncs += 1;
        published.entries += batch.entries;
        if let Some(last) = published.segments.last_mut() {
            last.bytes = self.segment.bytes;
        }
        Ok(())
    }

    /// Signs the head of the segment and goes on in a new one. The old one is lasting before the new one is there.
    fn begin_segment(&mut self, time: Timestamp) -> Result<(), WriteError> {
        if !self.segment.compacted {
            let mut batch = self.batch();
            let (epoch, time_us) = (self.epoch, time.as_micros());
            self.sign_into(&mut batch, &Statement::Head { epoch, time_us })?;
            self.write(batch)?;
        }
        let header = Header {
            journal: self.journal,
            first: self.next,
            previous: self.head,
            epoch: self.epoch,
            made_us: time.as_micros(),
        };
        let (info, file) = match create(&*self.disk, &header) {
            Ok(created) => created,
            // Nobody has heard of the new segment, and the old one is as it was. Of a sync that failed that cannot be said.
            Err(error) if error.fault == Fault::Full && !error.act.starts_with("sync") => {
                return Err(WriteError::Refused(error));
            }
            Err(error) => return Err(self.stop(&error)),
        };
        self.segment = info.clone();
        self.file = file;
        self.published.lock().segments.push(info);
        Ok(())
    }
}

impl Batch {
    fn push(&mut self, log: &Log, kind: Kind, more: bool, body: &[u8]) {
        debug_assert!(body.len() <= BODY_MAX);
        let behind = self.next - log.next;
        let frame = Frame {
            sequence: self.next,
            previous: self.head,
            // A batch is bounded by the queue to `BATCH_MAX`, far below this.
            behind: u16::try_from(behind).unwrap_or(u16::MAX),
            kind,
            more,
            body,
        };
        self.head = frame.write(log.salt, &mut self.bytes);
        self.next += 1;
        if kind == Kind::Entry {
            self.entries += 1;
        }
    }
}

/// Makes a segment: whole and lasting before it has its name.
fn create(disk: &dyn Disk, header: &Header) -> Result<(SegmentInfo, Box<dyn DiskFile>), DiskError> {
    let name = segment::name(header.first);
    recovery::write_new(disk, &name, &header.write())?;
    let file = disk.open(&name)?;
    let info = SegmentInfo {
        first: header.first,
        name,
        bytes: FRAMES,
        compacted: false,
    };
    Ok((info, file))
}

fn draw() -> Result<JournalId, OpenError> {
    let mut id = JournalId::default();
    getrandom::fill(&mut id).map_err(|error| OpenError::NoId(error.to_string()))?;
    Ok(id)
}
