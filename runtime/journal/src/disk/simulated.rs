//! A disk that keeps only what it must, by seed.
//!
//! It is as unkind as the contract of [`Disk`] allows: after a loss of power, bytes that were not synced are there by blocks, as zeros or
//! not at all; names that were not synced are as before; of a rename between two folders each folder remembers its own half. A sync that
//! fails drops what it should have written, so a second one that succeeds has saved nothing of it. An operation can be the last of its
//! process, before it was carried out or after, when only the answer is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskError, DiskFile, Fault, Listed, folder_of};

/// What a disk writes at once; a block is there or it is not.
const BLOCK: usize = 512;

/// What becomes of the operation at which the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is not carried out, an append in part.
    Before,
    /// It is carried out and nobody hears of it.
    After,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process alone: the system keeps what was written, synced or not.
    Kill,
    /// The machine: what was not synced may be gone.
    PowerLoss,
}

/// The disk; cheap to clone, all clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimulatedDisk(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    inodes: Vec<Inode>,
    folders: BTreeMap<String, Folder>,
    random: u64,
    operations: u64,
    syncs: u64,
    dead: bool,
    /// Grows with each restart, so that handles of the process before are dead.
    generation: u64,
    crash_at: Option<(u64, Fate)>,
    fail_sync_from: Option<u64>,
    capacity: u64,
    ignore_syncs: bool,
    refuses: Option<Fault>,
}

#[derive(Debug, Default)]
struct Inode {
    /// What is on the disk for sure.
    durable: Vec<u8>,
    /// What a reader sees.
    current: Vec<u8>,
    /// Up to here both are the same bytes, whatever happens.
    stable: usize,
    /// Parts that a failed sync has dropped: no later sync writes them.
    dropped: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Default)]
struct Folder {
    /// Whether the folder itself would still be there.
    durable_itself: bool,
    durable: BTreeMap<String, usize>,
    current: BTreeMap<String, usize>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String, usize),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

impl SimulatedDisk {
    /// An empty disk; the seed decides what survives each loss of power.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let root = Folder {
            durable_itself: true,
            ..Folder::default()
        };
        Self(Arc::new(Mutex::new(World {
            inodes: Vec::new(),
            folders: BTreeMap::from([(String::new(), root)]),
            random: seed,
            operations: 0,
            syncs: 0,
            dead: false,
            generation: 0,
            crash_at: None,
            fail_sync_from: None,
            capacity: u64::MAX,
            ignore_syncs: false,
            refuses: None,
        })))
    }

    /// Ends the process at the operation with this number, counted from 0 since the disk was made.
    pub fn crash_at(&self, operation: u64, fate: Fate) {
        self.0.lock().crash_at = Some((operation, fate));
    }

    /// Lets the first sync from this operation on fail.
    pub fn fail_sync_from(&self, operation: u64) {
        self.0.lock().fail_sync_from = Some(operation);
    }

    /// How many bytes all files together may have.
    pub fn set_capacity(&self, bytes: u64) {
        self.0.lock().capacity = bytes;
    }

    /// Lets every sync say yes and do nothing: what a lying disk does, and what code that forgets its syncs would see. A test that does
    /// not fail with it has proved nothing.
    pub fn ignore_syncs(&self) {
        self.0.lock().ignore_syncs = true;
    }

    /// Lets everything that would change the disk fail so from now on, as a file system does that was mounted anew for reading only
    /// ([`Fault::ReadOnly`]) or whose folder was taken away from this user ([`Fault::Denied`]); with none it may be written again.
    pub fn refuse_writes(&self, fault: Option<Fault>) {
        self.0.lock().refuses = fault;
    }

    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Syncs of data so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Whether the process on this disk is over.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.lock().dead
    }

    /// Ends the process that used the disk and gives the disk to the next one. Its plans are forgotten.
    pub fn restart(&self, crash: Crash) {
        let mut world = self.0.lock();
        if crash == Crash::PowerLoss {
            world.lose_power();
        }
        world.dead = false;
        world.generation += 1;
        world.crash_at = None;
        world.fail_sync_from = None;
    }

    /// What a reader would see of a file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.0.lock();
        let inode = world.find(name)?;
        Some(world.inodes[inode].current.clone())
    }

    /// Puts a file there, lasting, whatever was there before.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut world = self.0.lock();
        let inode = world.inodes.len();
        world.inodes.push(Inode {
            durable: bytes.to_vec(),
            current: bytes.to_vec(),
            stable: bytes.len(),
            dropped: Vec::new(),
        });
        let folder = world.folders.entry(folder_of(name).to_owned()).or_default();
        folder.durable_itself = true;
        folder.current.insert(base(name).to_owned(), inode);
        folder.durable.insert(base(name).to_owned(), inode);
    }

    /// The same disk a second time, on its own from here on.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let world = self.0.lock();
        let inodes = world.inodes.iter().map(|inode| Inode {
            durable: inode.durable.clone(),
            current: inode.current.clone(),
            stable: inode.stable,
            dropped: inode.dropped.clone(),
        });
        Self(Arc::new(Mutex::new(World {
            inodes: inodes.collect(),
            folders: world.folders.clone(),
            random: seed,
            operations: 0,
            syncs: 0,
            dead: world.dead,
            generation: 0,
            crash_at: None,
            fail_sync_from: None,
            capacity: world.capacity,
            ignore_syncs: world.ignore_syncs,
            refuses: world.refuses,
        })))
    }
}

fn base(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, base)| base)
}

/// What `World::begin` says about an operation.
enum Step {
    Do,
    DoAndDie,
    Die,
}

impl World {
    /// SplitMix64: a few lines, the same on every machine.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.folders
            .get(folder_of(name))?
            .current
            .get(base(name))
            .copied()
    }

    fn begin(&mut self) -> Step {
        if self.dead {
            return Step::Die;
        }
        let operation = self.operations;
        self.operations += 1;
        match self.crash_at {
            Some((at, Fate::Before)) if at == operation => {
                self.dead = true;
                Step::Die
            }
            Some((at, Fate::After)) if at == operation => Step::DoAndDie,
            _ => Step::Do,
        }
    }

    /// Carries out what needs no part of it done when the process ends before it.
    fn carry_out<T>(
        &mut self,
        act: &'static str,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        match self.begin() {
            Step::Die => Err(dead(act, name)),
            Step::Do => self.writable(act, name).and_then(|()| work(self)),
            Step::DoAndDie => {
                let _ = work(self);
                self.dead = true;
                Err(dead(act, name))
            }
        }
    }

    /// Whether the disk takes what changes it. What is written already may be brought to rest by a sync.
    fn writable(&self, act: &'static str, name: &str) -> Result<(), DiskError> {
        match self.refuses {
            Some(fault) if !act.starts_with("sync") => {
                let words = match fault {
                    Fault::ReadOnly => "read-only file system",
                    _ => "permission denied",
                };
                Err(DiskError::new(act, name, fault, words))
            }
            _ => Ok(()),
        }
    }

    fn sync_fails(&mut self) -> bool {
        let planned = self
            .fail_sync_from
            .is_some_and(|from| self.operations > from);
        if planned {
            self.fail_sync_from = None;
        }
        planned
    }

    fn used(&self) -> u64 {
        let mut inodes: Vec<usize> = self
            .folders
            .values()
            .flat_map(|folder| folder.current.values().copied())
            .collect();
        inodes.sort_unstable();
        inodes.dedup();
        inodes
            .iter()
            .map(|inode| self.inodes[*inode].current.len() as u64)
            .sum()
    }

    fn append(&mut self, inode: usize, bytes: &[u8]) {
        self.inodes[inode].current.extend_from_slice(bytes);
    }

    fn lose_power(&mut self) {
        let names: Vec<String> = self.folders.keys().cloned().collect();
        for name in names {
            let luck = self.below(3);
            let Some(folder) = self.folders.get(&name) else {
                continue;
            };
            if !folder.durable_itself {
                self.folders.remove(&name);
                continue;
            }
            // Changes reach the disk in order or not at all.
            let pending = folder.pending.len();
            let kept = match luck {
                0 => 0,
                1 => pending,
                _ => self.below(pending + 1),
            };
            if let Some(folder) = self.folders.get_mut(&name) {
                let mut names = folder.durable.clone();
                for change in &folder.pending[..kept] {
                    change.apply(&mut names);
                }
                folder.durable.clone_from(&names);
                folder.current = names;
                folder.pending.clear();
            }
        }
        for inode in 0..self.inodes.len() {
            let survived = self.survivor(inode);
            self.inodes[inode] = Inode {
                stable: survived.len(),
                durable: survived.clone(),
                current: survived,
                dropped: Vec::new(),
            };
        }
    }

    /// What is left of a file.
    fn survivor(&mut self, inode: usize) -> Vec<u8> {
        let file = &self.inodes[inode];
        let (durable, current) = (file.durable.clone(), file.written());
        let stable = file.stable;
        if durable == current {
            return durable;
        }
        match self.below(4) {
            0 => return durable,
            1 => return current,
            _ => {}
        }
        let length = stable + self.below(current.len().saturating_sub(stable) + 1);
        let mut kept = current[..length].to_vec();
        let first = stable / BLOCK;
        let keeps_most = self.below(2) == 0;
        for block in first..=length / BLOCK {
            let lost = if keeps_most {
                self.below(4) == 0
            } else {
                self.below(2) == 0
            };
            if !lost {
                continue;
            }
            let from = (block * BLOCK).max(stable);
            let until = ((block + 1) * BLOCK).min(length);
            if from < until {
                // A block that was not written holds what it held before.
                let before = durable.get(from..).unwrap_or(&[]).iter().copied();
                let held = before.chain(std::iter::repeat(0));
                kept[from..until]
                    .iter_mut()
                    .zip(held)
                    .for_each(|(byte, held)| *byte = held);
            }
        }
        kept
    }
}

impl Inode {
    /// What a sync would have on the disk: without what an earlier one has dropped.
    fn written(&self) -> Vec<u8> {
        let mut bytes = self.current.clone();
        for (from, until) in &self.dropped {
            let until = (*until).min(bytes.len());
            if let Some(part) = bytes.get_mut(*from..until) {
                part.fill(0);
            }
        }
        bytes
    }
}

fn dead(act: &'static str, name: &str) -> DiskError {
    DiskError::new(act, name, Fault::Dead, "the process is over")
}

fn missing(act: &'static str, name: &str) -> DiskError {
    DiskError::new(act, name, Fault::Missing, "no such file")
}

impl Disk for SimulatedDisk {
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut world = self.0.lock();
        let inode = world.carry_out("make", name, |world| {
            let inode = world.inodes.len();
            let folder = world
                .folders
                .get_mut(folder_of(name))
                .ok_or_else(|| missing("make", name))?;
            if folder.current.contains_key(base(name)) {
                return Err(DiskError::new("make", name, Fault::Present, "it exists"));
            }
            folder.current.insert(base(name).to_owned(), inode);
            folder
                .pending
                .push(Change::Link(base(name).to_owned(), inode));
            world.inodes.push(Inode::default());
            Ok(inode)
        })?;
        Ok(self.handle(name, inode, world.generation))
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut world = self.0.lock();
        let inode = world.carry_out("open", name, |world| {
            world.find(name).ok_or_else(|| missing("open", name))
        })?;
        Ok(self.handle(name, inode, world.generation))
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        let world = self.0.lock();
        // Reading changes nothing, so it is no operation at which a crash would be another crash.
        if world.dead {
            return Err(dead("read", name));
        }
        let inode = world.find(name).ok_or_else(|| missing("read", name))?;
        let bytes = &world.inodes[inode].current;
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let until = from.saturating_add(length).min(bytes.len());
        Ok(bytes[from..until].to_vec())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.lock().carry_out("rename", from, |world| {
            let inode = world.find(from).ok_or_else(|| missing("rename", from))?;
            if !world.folders.contains_key(folder_of(to)) {
                return Err(missing("rename", to));
            }
            let (old, new) = (base(from).to_owned(), base(to).to_owned());
            if folder_of(from) == folder_of(to) {
                world.change(folder_of(from), &Change::Rename(old, new, inode));
            } else {
                world.change(folder_of(to), &Change::Link(new, inode));
                world.change(folder_of(from), &Change::Unlink(old));
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.lock().carry_out("remove", name, |world| {
            world.find(name).ok_or_else(|| missing("remove", name))?;
            world.change(folder_of(name), &Change::Unlink(base(name).to_owned()));
            Ok(())
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, DiskError> {
        let world = self.0.lock();
        if world.dead {
            return Err(dead("list", folder));
        }
        let Some(found) = world.folders.get(folder) else {
            return Ok(Vec::new());
        };
        let listed = found.current.iter().map(|(name, inode)| Listed {
            name: name.clone(),
            bytes: world.inodes[*inode].current.len() as u64,
        });
        Ok(listed.collect())
    }

    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.0.lock().carry_out("make", folder, |world| {
            world.folders.entry(folder.to_owned()).or_default();
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.0.lock().carry_out("sync folder", folder, |world| {
            if world.sync_fails() {
                return Err(DiskError::new(
                    "sync folder",
                    folder,
                    Fault::Failed,
                    "input/output error",
                ));
            }
            if world.ignore_syncs {
                return Ok(());
            }
            let found = world
                .folders
                .get_mut(folder)
                .ok_or_else(|| missing("sync folder", folder))?;
            found.durable = found.current.clone();
            found.pending.clear();
            if folder.is_empty() {
                // The names in the root are those of the folders too.
                for inner in world.folders.values_mut() {
                    inner.durable_itself = true;
                }
            }
            Ok(())
        })
    }

    fn space(&self) -> Result<u64, DiskError> {
        let world = self.0.lock();
        Ok(world.capacity.saturating_sub(world.used()))
    }
}

impl SimulatedDisk {
    fn handle(&self, name: &str, inode: usize, generation: u64) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            world: Arc::clone(&self.0),
            name: name.to_owned(),
            inode,
            generation,
        })
    }
}

impl World {
    fn change(&mut self, folder: &str, change: &Change) {
        if let Some(found) = self.folders.get_mut(folder) {
            change.apply(&mut found.current);
            found.pending.push(change.clone());
        }
    }
}

#[derive(Debug)]
struct SimulatedFile {
    world: Arc<Mutex<World>>,
    name: String,
    inode: usize,
    generation: u64,
}

impl DiskFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let mut world = self.world.lock();
        if world.generation != self.generation || world.dead {
            return Err(dead("append to", &self.name));
        }
        match world.begin() {
            Step::Die => {
                let part = world.below(bytes.len() + 1);
                world.append(self.inode, &bytes[..part]);
                return Err(dead("append to", &self.name));
            }
            Step::DoAndDie => {
                world.append(self.inode, bytes);
                world.dead = true;
                return Err(dead("append to", &self.name));
            }
            Step::Do => {}
        }
        world.writable("append to", &self.name)?;
        let room = world.capacity.saturating_sub(world.used());
        if room < bytes.len() as u64 {
            let part = usize::try_from(room).unwrap_or(0);
            world.append(self.inode, &bytes[..part]);
            return Err(DiskError::new(
                "append to",
                &self.name,
                Fault::Full,
                "no space left on device",
            ));
        }
        world.append(self.inode, bytes);
        Ok(())
    }

    fn sync_data(&mut self) -> Result<(), DiskError> {
        let mut world = self.world.lock();
        if world.generation != self.generation {
            return Err(dead("sync", &self.name));
        }
        let (inode, name) = (self.inode, self.name.as_str());
        world.carry_out("sync", name, |world| {
            world.syncs += 1;
            if world.sync_fails() {
                let file = &mut world.inodes[inode];
                file.dropped.push((file.stable, file.current.len()));
                return Err(DiskError::new(
                    "sync",
                    name,
                    Fault::Failed,
                    "input/output error",
                ));
            }
            if world.ignore_syncs {
                return Ok(());
            }
            let file = &mut world.inodes[inode];
            file.durable = file.written();
            file.stable = file.durable.len();
            Ok(())
        })
    }

    fn truncate(&mut self, length: u64) -> Result<(), DiskError> {
        let mut world = self.world.lock();
        if world.generation != self.generation {
            return Err(dead("cut", &self.name));
        }
        let inode = self.inode;
        world.carry_out("cut", &self.name, |world| {
            let file = &mut world.inodes[inode];
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            file.current.truncate(length);
            file.stable = file.stable.min(length);
            Ok(())
        })
    }

    fn length(&self) -> Result<u64, DiskError> {
        let world = self.world.lock();
        if world.dead || world.generation != self.generation {
            return Err(dead("measure", &self.name));
        }
        Ok(world.inodes[self.inode].current.len() as u64)
    }
}
