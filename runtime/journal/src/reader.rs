//! Entries in order, damage in its place.

use std::fmt;
use std::sync::Arc;

use crate::chain::{self, Chain, SegmentInfo, Step};
use crate::damage::{Damage, Flaw};
use crate::disk::{Disk, DiskError};
use crate::entry::{self, Entry, Position};
use crate::frame::Kind;
use crate::segment::{self, Found, Walk, Whole};

/// Keeps segments in their places while somebody reads.
pub(crate) type Guard = Arc<()>;

/// The entries of a journal from a number on, as they are lasting when it is asked for.
pub struct Entries {
    chain: Chain,
    from: u64,
    _guard: Option<Guard>,
}

impl Entries {
    pub(crate) fn of(
        disk: Arc<dyn Disk>,
        segments: Vec<SegmentInfo>,
        from: u64,
        guard: Option<Guard>,
    ) -> Self {
        // The segment that holds the first one, and all behind it.
        let skip = segments
            .iter()
            .rposition(|segment| segment.first <= from)
            .unwrap_or(0);
        Self {
            chain: Chain::new(disk, segments.into_iter().skip(skip)),
            from,
            _guard: guard,
        }
    }
}

/// The entries that lie on a disk, whoever writes there: what a process reads that only looks. The archive is not read.
///
/// # Errors
/// The disk does not say what is there.
pub fn entries(disk: Arc<dyn Disk>, from: u64) -> Result<Entries, DiskError> {
    let segments = chain::segments(&*disk, "")?;
    Ok(Entries::of(disk, segments, from, None))
}

impl Iterator for Entries {
    type Item = Result<Entry, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.chain.next()? {
                Step::Damage(damage) if damage.sequence < self.from => {}
                Step::Damage(damage) => return Some(Err(damage)),
                Step::Frame { segment, whole, .. } => {
                    if whole.kind == Kind::Entry && whole.sequence >= self.from {
                        return Some(entry_of(&segment, whole));
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Reads the body of an entry's frame.
pub(crate) fn entry_of(segment: &SegmentInfo, whole: Whole) -> Result<Entry, Damage> {
    match entry::decode(&whole.body) {
        Ok((draft, time)) => Ok(Entry {
            sequence: whole.sequence,
            digest: whole.digest,
            position: Position {
                segment: segment.first,
                offset: whole.offset,
            },
            time,
            draft,
        }),
        Err(why) => Err(Damage {
            segment: segment.name.clone(),
            offset: whole.offset,
            until: whole.end,
            sequence: whole.sequence,
            flaw: Flaw::Unreadable { why },
        }),
    }
}

pub(crate) fn read_at(
    disk: &Arc<dyn Disk>,
    segments: &[SegmentInfo],
    position: Position,
) -> Result<Entry, Damage> {
    let damage = |segment: String, flaw: Flaw| Damage {
        segment,
        offset: position.offset,
        until: position.offset,
        sequence: 0,
        flaw,
    };
    let info = segments
        .iter()
        .find(|info| info.first == position.segment)
        .ok_or_else(|| {
            damage(
                segment::name(position.segment),
                Flaw::Disk {
                    why: "the segment has left; look for its entries in the archive".to_owned(),
                },
            )
        })?;
    let (header, _) =
        chain::header(&**disk, &info.name, None).map_err(|flaw| damage(info.name.clone(), flaw))?;
    let walk = Walk::new(Arc::clone(disk), &info.name, &header, info.bytes, true);
    match walk.at(position.offset, info.first).next() {
        Some(Found::Frame(whole)) if whole.kind == Kind::Entry => entry_of(info, whole),
        Some(Found::Flaw { flaw, .. }) => Err(damage(info.name.clone(), flaw)),
        _ => Err(damage(info.name.clone(), Flaw::NoEntry)),
    }
}
