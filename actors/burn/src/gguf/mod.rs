//! Reads GGUF files: typed metadata, then named tensors.
//!
//! The file is outside input, and it must say one thing only: a key or a tensor that comes twice, tensors that share bytes,
//! that lie off their alignment or past the end are refused by name, because a reader that takes one of two readings
//! computes rubbish quietly. Lists stay in the head's bytes until somebody wants them, and tensors stay in the file until
//! somebody [reads](TensorView::read) them to their last place, so memory is what is used of a file and once. What the
//! numbers mean is decided by [`decoder`](crate::decoder); how blocks become weights by [`matrix`](crate::matrix).

mod assembly;
mod format;
mod reader;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::Path;

pub(crate) use self::assembly::Assembly;
pub(crate) use self::format::Format;
pub(crate) use self::reader::{List, Value};
use self::reader::{NESTING_MAX, Reader};
use crate::error::LoadError;
use crate::store::Store;

const MAGIC: &[u8; 4] = b"GGUF";
const DIMENSIONS_MAX: usize = 4;
const ALIGNMENT_DEFAULT: u64 = 32;
/// Far above every model (some fifty keys; nine tensors for each of at most 1024 layers), and few enough to keep a map of.
const KEYS_MAX: usize = 1 << 16;
const TENSORS_MAX: usize = 1 << 16;
/// As the format has it.
const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// The first bytes of a file that are read on the way to its tensors; as many again as long as they are too few.
const HEAD_BYTES: usize = 1 << 20;

/// One tensor: its shape, slowest dimension first, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TensorView<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) format: Format,
    pub(crate) len: usize,
    at: u64,
    store: &'a Store,
}

impl<'a> TensorView<'a> {
    /// `len` bytes from `at`, which lie in the store.
    pub(crate) fn new(
        shape: &'a [usize],
        format: Format,
        at: u64,
        len: usize,
        store: &'a Store,
    ) -> Self {
        Self {
            shape,
            format,
            len,
            at,
            store,
        }
    }

    /// Reads all its bytes; `out` has `len` places.
    pub(crate) fn read(&self, out: &mut [u8]) -> Result<(), LoadError> {
        self.store.read(self.at, out)
    }
}

/// Where a tensor lies in its file.
#[derive(Debug)]
struct Entry {
    shape: Vec<usize>,
    format: Format,
    /// Which of the files, by its number; of one there is only the first.
    store: usize,
    start: u64,
    len: usize,
}

/// In what weights are kept otherwise than this format keeps them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    /// Rows of each query and key head come with first halves before second halves, also where a family interleaves them here.
    pub(crate) halves_first: bool,
    /// Scales of norms are what is added to one.
    pub(crate) norms_beyond_one: bool,
}

/// Where a metadata value lies in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: u32,
    at: usize,
}

/// A file whose head was read and checked.
#[derive(Debug)]
pub(crate) struct Gguf {
    metadata: BTreeMap<String, Place>,
    entries: BTreeMap<String, Entry>,
    /// Everything before the tensors.
    head: Vec<u8>,
    stores: Vec<Store>,
    kept: Kept,
}

/// What a head says: metadata, tensors as `(name, shape, format, offset)`, and where it ends.
struct Head {
    metadata: BTreeMap<String, Place>,
    tensors: Vec<(String, Vec<usize>, Format, u64)>,
    end: usize,
}

impl Gguf {
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        Self::read(Store::open(path)?)
    }

    /// A file that is in memory.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, LoadError> {
        Self::read(Store::Memory(bytes))
    }

    fn read(store: Store) -> Result<Self, LoadError> {
        // How long a head is nobody says before it was read.
        let mut room = HEAD_BYTES as u64;
        let (head, bytes) = loop {
            let bytes = store.start(room)?;
            match Head::read(&bytes) {
                Err(LoadError::Truncated { .. }) if (bytes.len() as u64) < store.len() => room *= 2,
                outcome => break (outcome?, bytes),
            }
        };
        let alignment = match head.metadata.get("general.alignment") {
            None => ALIGNMENT_DEFAULT,
            Some(place) => match place.value(&bytes) {
                Some(Value::Unsigned(n)) if n.is_power_of_two() && (8..=1 << 20).contains(&n) => n,
                _ => return Err(bad("general.alignment", "a power of two from 8 to 1048576")),
            },
        };
        let data_start = (head.end as u64).next_multiple_of(alignment);
        let mut entries = BTreeMap::new();
        for (name, shape, format, offset) in head.tensors {
            if !offset.is_multiple_of(alignment) {
                return Err(LoadError::TensorUnaligned {
                    tensor: name,
                    offset,
                    alignment,
                });
            }
            let too_long = || LoadError::TensorTooLong {
                tensor: name.clone(),
            };
            let start = data_start.checked_add(offset).ok_or_else(too_long)?;
            let entry = place(&name, shape, format, start, store.len())?;
            enter(&mut entries, name, entry)?;
        }
        let file = Self {
            metadata: head.metadata,
            entries,
            head: bytes[..head.end].to_vec(),
            stores: vec![store],
            kept: Kept::default(),
        };
        file.check_overlaps()?;
        Ok(file)
    }

    /// Each byte belongs to one tensor at most.
    fn check_overlaps(&self) -> Result<(), LoadError> {
        let mut order: Vec<(&String, &Entry)> = self.entries.iter().collect();
        order.sort_by_key(|(_, entry)| (entry.store, entry.start));
        for pair in order.windows(2) {
            let [(first, one), (second, other)] = [pair[0], pair[1]];
            if other.store == one.store && other.start < one.start + one.len as u64 {
                return Err(LoadError::TensorsOverlap {
                    first: first.clone(),
                    second: second.clone(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<TensorView<'_>, LoadError> {
        self.find_tensor(name)
            .ok_or_else(|| LoadError::TensorMissing {
                tensor: name.to_owned(),
            })
    }

    pub(crate) fn find_tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let entry = self.entries.get(name)?;
        Some(TensorView::new(
            &entry.shape,
            entry.format,
            entry.start,
            entry.len,
            self.stores.get(entry.store)?,
        ))
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept
    }

    pub(crate) fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Bytes of all tensors together.
    pub(crate) fn weight_bytes(&self) -> usize {
        let all = self.entries.values().map(|entry| entry.len);
        all.fold(0, usize::saturating_add)
    }

    /// Number of weights in each format, the most frequent first.
    pub(crate) fn formats(&self) -> Vec<(Format, u64)> {
        let mut count = BTreeMap::new();
        for entry in self.entries.values() {
            *count.entry(entry.format).or_insert(0) += entry.shape.iter().product::<usize>() as u64;
        }
        let mut count: Vec<_> = count.into_iter().collect();
        count.sort_by_key(|(_, weights)| std::cmp::Reverse(*weights));
        count
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value<'_>> {
        self.metadata.get(key)?.value(&self.head)
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str, LoadError> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(bad(key, "a text")),
        }
    }

    /// A whole number of 1 or more that fits 31 bits.
    pub(crate) fn size(&self, key: &str) -> Result<usize, LoadError> {
        let number = match self.get(key) {
            Some(Value::Unsigned(n)) => i64::try_from(n).unwrap_or(i64::MAX),
            Some(Value::Signed(n)) => n,
            _ => return Err(bad(key, "a whole number")),
        };
        match number {
            1..=0x7FFF_FFFF => usize::try_from(number).map_err(|_| bad(key, "a whole number")),
            _ => Err(bad(key, "a whole number from 1 to 2147483647")),
        }
    }

    /// The same, where the key is there.
    pub(crate) fn find_size(&self, key: &str) -> Result<Option<usize>, LoadError> {
        self.get(key).map(|_| self.size(key)).transpose()
    }

    pub(crate) fn float(&self, key: &str) -> Result<f64, LoadError> {
        match self.get(key) {
            Some(Value::Float(n)) if n.is_finite() => Ok(n),
            _ => Err(bad(key, "a finite number")),
        }
    }

    /// True or false, where the key is there.
    pub(crate) fn find_flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(bad(key, "true or false")),
        }
    }

    /// A list of texts of at most `most` items; how many texts and list items there may be is the caller's knowledge.
    pub(crate) fn texts(&self, key: &str, most: usize) -> Result<Vec<&str>, LoadError> {
        let wanted = "a list of texts";
        let list = self.list(key, wanted, most)?;
        let mut texts = Vec::with_capacity(list.len());
        for item in list.items() {
            match item {
                Value::Text(text) => texts.push(text),
                _ => return Err(bad(key, wanted)),
            }
        }
        Ok(texts)
    }

    pub(crate) fn numbers(&self, key: &str, most: usize) -> Result<Vec<i64>, LoadError> {
        let wanted = "a list of whole numbers";
        let list = self.list(key, wanted, most)?;
        let mut numbers = Vec::with_capacity(list.len());
        for item in list.items() {
            numbers.push(match item {
                Value::Signed(n) => n,
                Value::Unsigned(n) => i64::try_from(n).map_err(|_| bad(key, wanted))?,
                _ => return Err(bad(key, wanted)),
            });
        }
        Ok(numbers)
    }

    /// A list of finite numbers.
    pub(crate) fn floats(&self, key: &str, most: usize) -> Result<Vec<f32>, LoadError> {
        let wanted = "a list of finite numbers";
        let list = self.list(key, wanted, most)?;
        let mut numbers = Vec::with_capacity(list.len());
        for item in list.items() {
            match item {
                Value::Float(n) if n.is_finite() => numbers.push(n as f32),
                _ => return Err(bad(key, wanted)),
            }
        }
        Ok(numbers)
    }

    fn list(&self, key: &str, wanted: &'static str, most: usize) -> Result<List<'_>, LoadError> {
        let Some(Value::List(list)) = self.get(key) else {
            return Err(bad(key, wanted));
        };
        if list.is_nested() {
            return Err(bad(key, wanted));
        }
        if list.len() > most {
            return Err(LoadError::ListTooLong {
                key: key.to_owned(),
                found: list.len(),
                allowed: most,
            });
        }
        Ok(list)
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut reader = Reader::new(bytes);
        if reader.take(4, "the header")? != MAGIC {
            return Err(LoadError::NotGguf);
        }
        let version = reader.u32("the header")?;
        if !(2..=3).contains(&version) {
            return Err(LoadError::UnknownVersion { version });
        }
        let tensor_count = reader.count(24, "the list of tensors")?;
        let metadata_count = reader.count(13, "the metadata")?;
        for (what, found, allowed) in [
            ("tensors", tensor_count, TENSORS_MAX),
            ("metadata keys", metadata_count, KEYS_MAX),
        ] {
            if found > allowed {
                return Err(LoadError::TooMany {
                    what,
                    found,
                    allowed,
                });
            }
        }
        let metadata = read_metadata(&mut reader, metadata_count)?;
        let mut tensors = Vec::with_capacity(tensor_count);
        for _ in 0..tensor_count {
            tensors.push(tensor_info(&mut reader)?);
        }
        Ok(Self {
            metadata,
            tensors,
            end: reader.at(),
        })
    }
}

impl Place {
    /// The value in the file's bytes, which were read through when the place was found.
    fn value<'a>(&self, bytes: &'a [u8]) -> Option<Value<'a>> {
        let mut reader = Reader::new(bytes);
        reader.skip_to(self.at);
        reader.value(self.kind, NESTING_MAX, "metadata").ok()
    }
}

fn read_metadata(
    reader: &mut Reader<'_>,
    count: usize,
) -> Result<BTreeMap<String, Place>, LoadError> {
    let mut metadata = BTreeMap::new();
    for _ in 0..count {
        let key = name(reader, "a metadata key")?;
        let what = format!("metadata {key:?}");
        let kind = reader.u32(&what)?;
        let place = Place {
            kind,
            at: reader.at(),
        };
        reader.value(kind, NESTING_MAX, &what)?;
        match metadata.entry(key.to_owned()) {
            Slot::Vacant(slot) => slot.insert(place),
            Slot::Occupied(slot) => {
                return Err(LoadError::KeyTwice {
                    key: slot.key().clone(),
                });
            }
        };
    }
    Ok(metadata)
}

fn name<'a>(reader: &mut Reader<'a>, what: &str) -> Result<&'a str, LoadError> {
    let name = reader.text(what)?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(LoadError::BadName {
            what: what.to_owned(),
            found: name.len(),
            allowed: NAME_BYTES_MAX,
        });
    }
    Ok(name)
}

fn bad(key: &str, wanted: &'static str) -> LoadError {
    LoadError::BadMetadata {
        key: key.to_owned(),
        wanted,
    }
}

fn enter(
    entries: &mut BTreeMap<String, Entry>,
    name: String,
    entry: Entry,
) -> Result<(), LoadError> {
    match entries.entry(name) {
        Slot::Vacant(slot) => {
            slot.insert(entry);
            Ok(())
        }
        Slot::Occupied(slot) => Err(LoadError::TensorTwice {
            tensor: slot.key().clone(),
        }),
    }
}

/// Where a tensor lies in the file, or why it cannot lie there.
fn place(
    name: &str,
    shape: Vec<usize>,
    format: Format,
    start: u64,
    file_len: u64,
) -> Result<Entry, LoadError> {
    let too_long = || LoadError::TensorTooLong {
        tensor: name.to_owned(),
    };
    let (block_weights, block_bytes) = format.block();
    if shape.contains(&0) {
        return Err(LoadError::TensorEmpty {
            tensor: name.to_owned(),
        });
    }
    let weights = shape
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .ok_or_else(too_long)?;
    let row = shape.last().copied().unwrap_or(0);
    if row % block_weights != 0 {
        return Err(LoadError::RowNotWhole {
            tensor: name.to_owned(),
            row,
            block: block_weights,
        });
    }
    let len = (weights / block_weights)
        .checked_mul(block_bytes)
        .ok_or_else(too_long)?;
    let end = start.checked_add(len as u64).ok_or_else(too_long)?;
    if end > file_len {
        return Err(LoadError::Truncated {
            what: format!("tensor {name:?}"),
            needed: end,
            present: file_len,
        });
    }
    Ok(Entry {
        shape,
        format,
        store: 0,
        start,
        len,
    })
}

fn tensor_info(reader: &mut Reader<'_>) -> Result<(String, Vec<usize>, Format, u64), LoadError> {
    let name = name(reader, "a tensor's name")?.to_owned();
    let what = format!("tensor {name:?}");
    let dimensions = reader.u32(&what)? as usize;
    if dimensions == 0 || dimensions > DIMENSIONS_MAX {
        return Err(LoadError::TooManyDimensions {
            tensor: name,
            found: dimensions,
            allowed: DIMENSIONS_MAX,
        });
    }
    let mut shape = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        let size = reader.u64(&what)?;
        shape.push(usize::try_from(size).map_err(|_| LoadError::TensorTooLong {
            tensor: name.clone(),
        })?);
    }
    // The file counts the fastest dimension first.
    shape.reverse();
    let format = Format::from_number(&name, reader.u32(&what)?)?;
    let offset = reader.u64(&what)?;
    Ok((name, shape, format, offset))
}

#[cfg(test)]
mod tests;
