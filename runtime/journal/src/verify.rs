//! Everything looked at: each byte, each link, each signature, the archive, and that nothing is missing.

use std::fmt;
use std::sync::Arc;

use aios_protocols::PublicKey;

use crate::chain::{self, Chain, SegmentInfo, Step};
use crate::damage::{Damage, Flaw};
use crate::disk::{Disk, DiskError};
use crate::entry;
use crate::frame::Kind;
use crate::segment::{self, ARCHIVE};
use crate::statement::{Left, Signed, Statement};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// The first entry that is there, the archive included; 0 if there is none.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Entries behind the last signature: chained, and not signed yet.
    pub unsigned: u64,
    /// The openings that were seen, the oldest first.
    pub epochs: Vec<Epoch>,
    /// What is wrong, in the order of the entries.
    pub damage: Vec<Damage>,
}

/// One opening of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number.
    pub epoch: u64,
    /// Microseconds since 1970.
    pub opened_us: u64,
    /// The process.
    pub process: u32,
    /// The key that signed it.
    pub key: PublicKey,
    /// Whether it was closed in order.
    pub closed: bool,
}

impl Verification {
    /// The first bad entry.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Damage> {
        self.damage.first()
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.damage.as_slice() {
            [] => write!(
                f,
                "entries {} to {} are whole and in order; {} openings, {} entries behind the last signature",
                self.first,
                self.last,
                self.epochs.len(),
                self.unsigned
            ),
            [first, others @ ..] => {
                write!(f, "the first bad one is {first}")?;
                if !others.is_empty() {
                    write!(f, "; {} more are bad", others.len())?;
                }
                Ok(())
            }
        }
    }
}

/// Looks at everything on this disk. Changes nothing, and may be done while a process writes: what it has not synced yet then looks torn.
///
/// # Errors
/// The disk does not say what is there.
pub fn verify(
    disk: &Arc<dyn Disk>,
    trusted: &dyn Fn(&PublicKey) -> bool,
) -> Result<Verification, DiskError> {
    let main = chain::segments(&**disk, "")?;
    let archived = chain::segments(&**disk, ARCHIVE)?;
    let mut seen = Seen {
        out: Verification::default(),
        left: Vec::new(),
        deleted: Vec::new(),
        trusted,
    };
    // Where a segment is archived and compacted, both are looked at: each is a chain of its own.
    let mut ranges = Vec::new();
    for segment in &archived {
        let mut chain = Chain::new(Arc::clone(disk), [segment.clone()]);
        let mut head = None;
        for step in chain.by_ref() {
            if let Step::Frame { whole, .. } = &step {
                head = Some(whole.digest);
            }
            seen.look(step);
        }
        if let (Some(due), Some(head)) = (chain.due(), head) {
            let last = due.saturating_sub(1);
            ranges.push((
                Left {
                    first: segment.first,
                    last,
                    head,
                },
                segment.name.clone(),
            ));
        }
    }
    seen.out.unsigned = 0;
    for step in Chain::new(Arc::clone(disk), main.iter().cloned()) {
        seen.look(step);
    }
    seen.archive_fits(&ranges, &main);
    seen.nothing_missing(main.first().map_or(0, |segment| segment.first), &ranges);
    let mut out = seen.out;
    out.damage.sort_by_key(|damage| damage.sequence);
    out.epochs.sort_by_key(|epoch| epoch.epoch);
    out.epochs.dedup_by_key(|epoch| epoch.epoch);
    Ok(out)
}

struct Seen<'t> {
    out: Verification,
    /// What is said to have left for the archive, and what is said to be deleted there.
    left: Vec<Left>,
    deleted: Vec<Left>,
    trusted: &'t dyn Fn(&PublicKey) -> bool,
}

impl Seen<'_> {
    fn look(&mut self, step: Step) {
        let (segment, journal, whole) = match step {
            Step::Damage(damage) => {
                self.out.damage.push(damage);
                return;
            }
            Step::Frame {
                segment,
                journal,
                whole,
            } => (segment, journal, whole),
        };
        let out = &mut self.out;
        if out.first == 0 {
            out.first = whole.sequence;
        }
        out.first = out.first.min(whole.sequence);
        out.last = out.last.max(whole.sequence);
        let mut bad = |flaw: Flaw| {
            out.damage.push(Damage {
                segment: segment.name.clone(),
                offset: whole.offset,
                until: whole.end,
                sequence: whole.sequence,
                flaw,
            });
        };
        if whole.kind == Kind::Entry {
            if let Err(why) = entry::decode(&whole.body) {
                bad(Flaw::Unreadable { why });
            }
            out.entries += 1;
            out.unsigned += 1;
            return;
        }
        let signed = Signed::read(&whole.body, &journal, whole.sequence, &whole.previous);
        let signed = match signed {
            Ok(signed) => signed,
            Err(flaw) => return bad(flaw),
        };
        if !(self.trusted)(&signed.key) {
            return bad(Flaw::Key);
        }
        out.unsigned = 0;
        match signed.statement {
            Statement::Opened {
                epoch,
                time_us,
                process,
            } => out.epochs.push(Epoch {
                epoch,
                opened_us: time_us,
                process,
                key: signed.key,
                closed: false,
            }),
            Statement::Closed { epoch, .. } => {
                let open = out.epochs.iter_mut().rev();
                for opened in open.filter(|opened| opened.epoch == epoch) {
                    opened.closed = true;
                }
            }
            Statement::Archived { segments, .. } => self.left.extend(segments),
            Statement::Deleted { segments, .. } => self.deleted.extend(segments),
            Statement::Compacted { of, .. } => self.left.push(of),
            Statement::Head { .. } => {}
        }
    }

    /// What lies in the archive is what is said to have left, and what left lies there, unless it is said to be deleted.
    fn archive_fits(&mut self, ranges: &[(Left, String)], main: &[SegmentInfo]) {
        let mut damage = |sequence: u64, segment: String, flaw: Flaw| {
            self.out.damage.push(Damage {
                segment,
                offset: 0,
                until: 0,
                sequence,
                flaw,
            });
        };
        self.left.sort_by_key(|left| left.first);
        self.left.dedup_by_key(|left| left.first);
        for said in &self.left {
            match ranges.iter().find(|(found, _)| found.first == said.first) {
                Some((found, _)) if found.head == said.head => {}
                Some((_, name)) => damage(said.first, name.clone(), Flaw::Unlinked),
                None => {
                    let deleted = self.deleted.iter().any(|it| it.last >= said.last);
                    // It was written down that it leaves, and it has not left yet.
                    let here = main
                        .iter()
                        .any(|it| it.first == said.first && !it.compacted);
                    if !deleted && !here {
                        let name = format!("{ARCHIVE}/{}", segment::name(said.first));
                        damage(said.first, name, Flaw::Missing { until: said.last });
                    }
                }
            }
        }
    }

    /// Every number before the journal's first is in the archive, or a signed statement says that it left.
    fn nothing_missing(&mut self, first: u64, ranges: &[(Left, String)]) {
        let mut covered: Vec<(u64, u64)> = self
            .left
            .iter()
            .chain(ranges.iter().map(|(left, _)| left))
            .map(|left| (left.first, left.last))
            // The oldest are deleted first, so with one all before it are: what said so of them may be deleted itself.
            .chain(self.deleted.iter().map(|left| (1, left.last)))
            .collect();
        covered.sort_unstable();
        let mut due = 1;
        for (from, until) in covered {
            if from > due {
                break;
            }
            due = due.max(until.saturating_add(1));
        }
        if due < first {
            self.out.damage.push(Damage {
                segment: ARCHIVE.to_owned(),
                offset: 0,
                until: 0,
                sequence: due,
                flaw: Flaw::Missing { until: first - 1 },
            });
        }
    }
}
