//! All segments of a journal as one chain of frames, damage named in its place.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::damage::Damage;
use crate::digest::Digest;
use crate::disk::{Disk, DiskError};
use crate::frame::{Flaw, Kind};
use crate::segment::{File, Found, Header, JournalId, Walk, Whole};
use crate::statement::{Signed, Statement};

/// A segment, as far as it may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentInfo {
    pub(crate) first: u64,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) compacted: bool,
}

/// The segments that lie in a folder, the oldest first. Where one lies there in both forms, the compacted one is whole and counts.
pub(crate) fn segments(disk: &dyn Disk, folder: &str) -> Result<Vec<SegmentInfo>, DiskError> {
    let mut found: Vec<SegmentInfo> = Vec::new();
    for listed in disk.list(folder)? {
        let (first, compacted) = match File::of(&listed.name) {
            File::Segment(first) => (first, false),
            File::Compacted(first) => (first, true),
            File::Unfinished | File::Other => continue,
        };
        let name = if folder.is_empty() {
            listed.name
        } else {
            format!("{folder}/{}", listed.name)
        };
        found.push(SegmentInfo {
            first,
            name,
            bytes: listed.bytes,
            compacted,
        });
    }
    found.sort_by_key(|segment| (segment.first, !segment.compacted));
    found.dedup_by_key(|segment| segment.first);
    Ok(found)
}

/// What comes next in the chain.
#[derive(Debug)]
pub(crate) enum Step {
    Frame {
        segment: SegmentInfo,
        journal: JournalId,
        whole: Whole,
    },
    Damage(Damage),
}

/// Walks segments one after the other.
pub(crate) struct Chain {
    disk: Arc<dyn Disk>,
    segments: VecDeque<SegmentInfo>,
    current: Option<(SegmentInfo, JournalId, Walk)>,
    journal: Option<JournalId>,
    /// The number that is due, and what the next frame must follow from; none where that is not known.
    due: Option<u64>,
    previous: Option<Digest>,
    /// Told before the walk goes on.
    told: VecDeque<Damage>,
    /// What a compacted segment said that it stands for.
    compacted: Option<(u64, Digest)>,
}

impl Chain {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        segments: impl IntoIterator<Item = SegmentInfo>,
    ) -> Self {
        Self {
            disk,
            segments: segments.into_iter().collect(),
            current: None,
            journal: None,
            due: None,
            previous: None,
            told: VecDeque::new(),
            compacted: None,
        }
    }

    /// The number that is due behind what was walked; none if nothing was.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due
    }

    fn enter(&mut self, segment: SegmentInfo) {
        let due = segment.first;
        let mut tell = |sequence: u64, until: u64, flaw: Flaw| {
            self.told.push_back(Damage {
                segment: segment.name.clone(),
                offset: 0,
                until,
                sequence,
                flaw,
            });
        };
        let header = match header(&*self.disk, &segment.name, self.journal) {
            Ok((header, None)) => Ok(header),
            Ok((header, Some(flaw))) => {
                tell(due, crate::segment::FRAMES, flaw);
                Ok(header)
            }
            Err(flaw) => Err(flaw),
        };
        let header = match header {
            Ok(header) => header,
            Err(flaw) => {
                tell(due, segment.bytes, flaw);
                // How many entries it had nobody knows.
                (self.due, self.previous) = (None, None);
                return;
            }
        };
        let known = header.journal_known();
        if header.first != segment.first {
            tell(
                due,
                0,
                Flaw::OutOfOrder {
                    found: header.first,
                },
            );
        }
        if let Some(missing) = self.due
            && missing < segment.first
        {
            let until = segment.first - 1;
            tell(missing, 0, Flaw::Missing { until });
        } else if known
            && let Some(previous) = self.previous
            && previous != header.previous
        {
            tell(due, 0, Flaw::Unlinked);
        }
        self.journal = Some(header.journal);
        let mut walk = Walk::new(
            Arc::clone(&self.disk),
            &segment.name,
            &header,
            segment.bytes,
            segment.compacted,
        );
        if !known {
            walk = walk.at(crate::segment::FRAMES, segment.first);
        }
        self.current = Some((segment, header.journal, walk));
    }
}

impl Header {
    /// Whether what stands before the first frame was read, and not made up because both headers are damaged.
    fn journal_known(&self) -> bool {
        self.epoch != 0
    }
}

/// The header of a segment and what is wrong with it. Where both copies are damaged, and the journal's id is known from elsewhere, it
/// is made up as far as reading needs it, with an epoch of 0.
pub(crate) fn header(
    disk: &dyn Disk,
    name: &str,
    journal: Option<JournalId>,
) -> Result<(Header, Option<Flaw>), Flaw> {
    let room = usize::try_from(crate::segment::FRAMES).unwrap_or(usize::MAX);
    let bytes = disk.read(name, 0, room).map_err(|error| Flaw::Disk {
        why: error.to_string(),
    })?;
    let first = match File::of(name.rsplit('/').next().unwrap_or(name)) {
        File::Segment(first) | File::Compacted(first) => first,
        File::Unfinished | File::Other => 0,
    };
    match (Header::read(&bytes), journal) {
        (Ok((header, _)), Some(known)) if header.journal != known => Err(Flaw::Foreign),
        (Ok((header, damaged)), _) => Ok((header, damaged.then_some(Flaw::SegmentHeader))),
        (Err(Flaw::SegmentHeaders), Some(journal)) => Ok((
            Header {
                journal,
                first,
                previous: Digest::ZERO,
                epoch: 0,
                made_us: 0,
            },
            Some(Flaw::SegmentHeaders),
        )),
        (Err(flaw), _) => Err(flaw),
    }
}

impl Iterator for Chain {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(damage) = self.told.pop_front() {
                return Some(Step::Damage(damage));
            }
            let Some((segment, journal, walk)) = &mut self.current else {
                let next = self.segments.pop_front()?;
                self.enter(next);
                continue;
            };
            match walk.next() {
                Some(Found::Frame(whole)) => {
                    if segment.compacted && whole.kind == Kind::Statement {
                        let said = Signed::statement_of(&whole.body);
                        if let Ok(Statement::Compacted { of, .. }) = said {
                            self.compacted = Some((of.last, of.head));
                        }
                    }
                    return Some(Step::Frame {
                        segment: segment.clone(),
                        journal: *journal,
                        whole,
                    });
                }
                Some(Found::Flaw {
                    offset,
                    until,
                    sequence,
                    flaw,
                }) => {
                    return Some(Step::Damage(Damage {
                        segment: segment.name.clone(),
                        offset,
                        until,
                        sequence,
                        flaw,
                    }));
                }
                None => {
                    self.due = Some(walk.due());
                    self.previous = walk.previous();
                    if segment.compacted {
                        match self.compacted.take() {
                            Some((last, head)) => {
                                self.due = Some(last.saturating_add(1));
                                self.previous = Some(head);
                            }
                            None => self.told.push_back(Damage {
                                segment: segment.name.clone(),
                                offset: segment.bytes,
                                until: segment.bytes,
                                sequence: walk.due(),
                                flaw: Flaw::Cut {
                                    have: segment.bytes,
                                    need: segment.bytes + 1,
                                },
                            }),
                        }
                    }
                    self.current = None;
                }
            }
        }
    }
}
