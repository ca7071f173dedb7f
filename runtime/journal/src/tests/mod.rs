//! The writer on a disk that keeps only what it must. What is asserted everywhere: what was acknowledged is there, once, as it was; what
//! was not is there whole or not at all; damage is named; nothing panics.

mod crash;
mod damage;
mod full;
mod golden;
mod reading;
mod retire;
mod smuggle;
mod spoilt;

use std::sync::Arc;

use parking_lot::Mutex;

use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId, Timestamp};

use crate::archive::Holder;
use crate::log::{Log, OpenError, Options, Unit};
use crate::ticket::WriteError;
use crate::{ArchiveError, Moved, Retention};
use crate::{Damage, Disk, Draft, Entry, Payload, Recovery, SimulatedDisk, entries, entry};

/// A microsecond of 2026.
pub(super) const NOW: u64 = 1_790_000_000_000_000;

pub(super) fn at(us: u64) -> Timestamp {
    Timestamp::from_micros(NOW + us).unwrap()
}

pub(super) fn identity() -> Arc<SigningIdentity> {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    Arc::new(SigningIdentity::from_seed(party, [7; 32]))
}

pub(super) fn options() -> Options {
    Options {
        segment_bytes: 4096,
        sign_every: 8,
        journal: Some(*b"a test's journal"),
        ..Options::default()
    }
}

pub(super) fn open(disk: &SimulatedDisk) -> Result<(Log, Recovery), OpenError> {
    Log::open(Arc::new(disk.clone()), options(), identity(), at(0))
}

/// An entry that says what it is in its key, with content that follows from it.
pub(super) fn draft(key: &str, bytes: usize) -> Draft {
    Draft::set(
        format!("op/{key}"),
        "somebody",
        key,
        Payload::new("bytes", 1, content(key, bytes)),
    )
}

pub(super) fn content(key: &str, bytes: usize) -> Vec<u8> {
    key.bytes().cycle().take(bytes).collect()
}

pub(super) fn unit(drafts: &[Draft]) -> Unit {
    Unit {
        bodies: drafts
            .iter()
            .map(|draft| entry::encode(draft).unwrap())
            .collect(),
    }
}

pub(super) fn append(log: &mut Log, drafts: &[Draft]) -> Result<u64, WriteError> {
    let last = log.append(&mut [unit(drafts)], at(0))?;
    Ok(last[0])
}

/// A writer that nobody else wants.
struct Only<'l>(Mutex<&'l mut Log>);

impl Holder for Only<'_> {
    fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut self.0.lock())
    }

    fn alone<T>(&self, work: impl FnOnce(&mut Log) -> T) -> Result<T, ArchiveError> {
        Ok(self.with(work))
    }
}

pub(super) fn retire(
    log: &mut Log,
    retention: &Retention,
    now: Timestamp,
    keep: impl FnMut(&Entry) -> bool,
) -> Result<Moved, ArchiveError> {
    crate::archive::retire(&Only(Mutex::new(log)), retention, now, keep)
}

/// Everything that can be read, and everything that cannot.
pub(super) fn read(disk: &SimulatedDisk) -> (Vec<Entry>, Vec<Damage>) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    for entry in entries(disk, 0).unwrap() {
        match entry {
            Ok(entry) => whole.push(entry),
            Err(damage) => damaged.push(damage),
        }
    }
    (whole, damaged)
}

/// Numbers from a seed; a few lines, the same on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// How many seeds a test takes; `AIOS_SEEDS` asks for more.
pub(super) fn seeds(usual: u64) -> u64 {
    let asked = std::env::var("AIOS_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}
