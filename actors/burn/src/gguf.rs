//! Reads GGUF files: typed metadata, then named tensors.
//!
//! The file is outside input. Each length is compared with the bytes that are left before anything is allocated, each
//! product and sum is checked, and a tensor that reaches past the end is refused. What the numbers mean is decided by
//! [`llama`](crate::llama); how blocks become weights by [`matrix`](crate::matrix).

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::LoadError;

const MAGIC: &[u8; 4] = b"GGUF";
const DIMENSIONS_MAX: usize = 4;
/// Lists of lists exist in the format but in no model; one level of nesting is plenty.
const NESTING_MAX: u32 = 2;
const ALIGNMENT_DEFAULT: u64 = 32;

/// A metadata value. Integers and floats of all widths are widened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    List(Vec<Value>),
}

/// How the weights of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    F32,
    F16,
    Q4_1,
    Q8_0,
}

impl Format {
    /// Weights in a block and bytes of a block.
    pub(crate) const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 => (1, 2),
            Self::Q4_1 => (32, 20),
            Self::Q8_0 => (32, 34),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Q4_1 => "Q4_1",
            Self::Q8_0 => "Q8_0",
        }
    }

    fn from_number(tensor: &str, number: u32) -> Result<Self, LoadError> {
        match number {
            0 => Ok(Self::F32),
            1 => Ok(Self::F16),
            3 => Ok(Self::Q4_1),
            8 => Ok(Self::Q8_0),
            _ => Err(LoadError::UnknownFormat {
                tensor: tensor.to_owned(),
                number,
            }),
        }
    }
}

/// One tensor: its shape, slowest dimension first, and its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TensorView<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) format: Format,
    pub(crate) bytes: &'a [u8],
}

#[derive(Debug)]
struct Entry {
    shape: Vec<usize>,
    format: Format,
    start: usize,
    len: usize,
}

/// A file read into memory and checked.
#[derive(Debug)]
pub(crate) struct Gguf {
    metadata: BTreeMap<String, Value>,
    entries: BTreeMap<String, Entry>,
    bytes: Vec<u8>,
}

impl Gguf {
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        Self::parse(crate::error::read_file(path)?)
    }

    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, LoadError> {
        let mut reader = Reader {
            bytes: &bytes,
            at: 0,
        };
        if reader.take(4)? != MAGIC {
            return Err(LoadError::NotGguf);
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(LoadError::UnknownVersion { version });
        }
        let tensor_count = reader.count(24)?;
        let metadata_count = reader.count(13)?;

        let mut metadata = BTreeMap::new();
        for _ in 0..metadata_count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            let value = reader.value(kind, NESTING_MAX)?;
            metadata.insert(key, value);
        }

        let mut found = Vec::with_capacity(tensor_count);
        for _ in 0..tensor_count {
            found.push(reader.tensor_info()?);
        }
        let alignment = match metadata.get("general.alignment") {
            None => ALIGNMENT_DEFAULT,
            Some(Value::Unsigned(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(_) => {
                return Err(LoadError::BadMetadata {
                    key: "general.alignment".into(),
                    wanted: "a power of two",
                });
            }
        };
        let data_start = (reader.at as u64).next_multiple_of(alignment);

        let mut entries = BTreeMap::new();
        for (name, shape, format, offset) in found {
            let entry = place(&name, shape, format, offset, data_start, bytes.len())?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(LoadError::TensorTwice { tensor: name });
            }
        }
        Ok(Self {
            metadata,
            entries,
            bytes,
        })
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<TensorView<'_>, LoadError> {
        self.find_tensor(name)
            .ok_or_else(|| LoadError::TensorMissing {
                tensor: name.to_owned(),
            })
    }

    pub(crate) fn find_tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let entry = self.entries.get(name)?;
        let bytes = self.bytes.get(entry.start..entry.start + entry.len)?;
        Some(TensorView {
            shape: &entry.shape,
            format: entry.format,
            bytes,
        })
    }

    pub(crate) fn tensor_count(&self) -> usize {
        self.entries.len()
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

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
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
            Some(Value::Unsigned(n)) => i64::try_from(*n).unwrap_or(i64::MAX),
            Some(Value::Signed(n)) => *n,
            _ => return Err(bad(key, "a whole number")),
        };
        match number {
            1..=0x7FFF_FFFF => usize::try_from(number).map_err(|_| bad(key, "a whole number")),
            _ => Err(bad(key, "a whole number from 1 to 2147483647")),
        }
    }

    /// A token id, if the key is there.
    pub(crate) fn token_id(&self, key: &str) -> Option<u32> {
        match self.get(key) {
            Some(Value::Unsigned(n)) => u32::try_from(*n).ok(),
            _ => None,
        }
    }

    pub(crate) fn float(&self, key: &str) -> Result<f64, LoadError> {
        match self.get(key) {
            Some(Value::Float(n)) if n.is_finite() => Ok(*n),
            _ => Err(bad(key, "a finite number")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>, LoadError> {
        let Some(Value::List(list)) = self.get(key) else {
            return Err(bad(key, "a list of texts"));
        };
        list.iter()
            .map(|item| match item {
                Value::Text(text) => Ok(text.as_str()),
                _ => Err(bad(key, "a list of texts")),
            })
            .collect()
    }

    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<i64>, LoadError> {
        let Some(Value::List(list)) = self.get(key) else {
            return Err(bad(key, "a list of whole numbers"));
        };
        list.iter()
            .map(|item| match item {
                Value::Signed(n) => Ok(*n),
                Value::Unsigned(n) => {
                    i64::try_from(*n).map_err(|_| bad(key, "a list of whole numbers"))
                }
                _ => Err(bad(key, "a list of whole numbers")),
            })
            .collect()
    }
}

fn bad(key: &str, wanted: &'static str) -> LoadError {
    LoadError::BadMetadata {
        key: key.to_owned(),
        wanted,
    }
}

/// Where a tensor lies in the file, or why it cannot lie there.
fn place(
    name: &str,
    shape: Vec<usize>,
    format: Format,
    offset: u64,
    data_start: u64,
    file_len: usize,
) -> Result<Entry, LoadError> {
    let too_long = || LoadError::TensorTooLong {
        tensor: name.to_owned(),
    };
    let (block_weights, block_bytes) = format.block();
    let weights = shape
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .ok_or_else(too_long)?;
    let row = shape.last().copied().unwrap_or(0);
    if weights == 0 || row % block_weights != 0 {
        return Err(LoadError::BadShape {
            tensor: name.to_owned(),
            found: shape,
            wanted: vec![block_weights],
        });
    }
    let len = (weights / block_weights)
        .checked_mul(block_bytes)
        .ok_or_else(too_long)?;
    let start = data_start
        .checked_add(offset)
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(too_long)?;
    let end = start.checked_add(len).ok_or_else(too_long)?;
    if end > file_len {
        return Err(LoadError::Truncated {
            needed: end as u64,
            present: file_len as u64,
        });
    }
    Ok(Entry {
        shape,
        format,
        start,
        len,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], LoadError> {
        let end = self
            .at
            .checked_add(len)
            .filter(|end| *end <= self.bytes.len())
            .ok_or(LoadError::Truncated {
                needed: (self.at as u64).saturating_add(len as u64),
                present: self.bytes.len() as u64,
            })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LoadError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of items of at least `item` bytes each: refused if that many cannot follow.
    fn count(&mut self, item: usize) -> Result<usize, LoadError> {
        let count = self.u64()?;
        let needed = count.saturating_mul(item as u64);
        if needed > self.left() as u64 {
            return Err(LoadError::Truncated {
                needed: needed.saturating_add(self.at as u64),
                present: self.bytes.len() as u64,
            });
        }
        Ok(count as usize)
    }

    fn text(&mut self) -> Result<String, LoadError> {
        let len = self.count(1)?;
        String::from_utf8(self.take(len)?.to_vec()).map_err(|_| LoadError::NotText)
    }

    fn value(&mut self, kind: u32, nesting: u32) -> Result<Value, LoadError> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 if nesting > 0 => {
                let inner = self.u32()?;
                let item = match inner {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    8 | 10..=12 => 8,
                    _ => 4,
                };
                let count = self.count(item)?;
                let items = (0..count).map(|_| self.value(inner, nesting - 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => return Err(LoadError::UnknownValue { number: kind }),
        })
    }

    fn tensor_info(&mut self) -> Result<(String, Vec<usize>, Format, u64), LoadError> {
        let name = self.text()?;
        let dimensions = self.u32()? as usize;
        if dimensions == 0 || dimensions > DIMENSIONS_MAX {
            return Err(LoadError::TooManyDimensions {
                tensor: name,
                found: dimensions,
                allowed: DIMENSIONS_MAX,
            });
        }
        let mut shape = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            let size = self.u64()?;
            shape.push(usize::try_from(size).map_err(|_| LoadError::TensorTooLong {
                tensor: name.clone(),
            })?);
        }
        // The file counts the fastest dimension first.
        shape.reverse();
        let format = Format::from_number(&name, self.u32()?)?;
        let offset = self.u64()?;
        Ok((name, shape, format, offset))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put_text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    /// A small file with one text, one number, one list and the given tensors.
    pub(crate) fn sample(tensors: &[(&str, &[u64], u32, Vec<u8>)]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((tensors.len() as u64).to_le_bytes());
        out.extend(3u64.to_le_bytes());
        put_text(&mut out, "general.architecture");
        out.extend(8u32.to_le_bytes());
        put_text(&mut out, "llama");
        put_text(&mut out, "llama.block_count");
        out.extend(4u32.to_le_bytes());
        out.extend(2u32.to_le_bytes());
        put_text(&mut out, "tokens");
        out.extend(9u32.to_le_bytes());
        out.extend(8u32.to_le_bytes());
        out.extend(2u64.to_le_bytes());
        put_text(&mut out, "a");
        put_text(&mut out, "b");
        let mut offset = 0u64;
        for (name, dims, kind, data) in tensors {
            put_text(&mut out, name);
            out.extend((dims.len() as u32).to_le_bytes());
            dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset = (offset + data.len() as u64).next_multiple_of(32);
        }
        for (.., data) in tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(data);
        }
        out
    }

    #[test]
    fn a_whole_file_is_read() {
        let file = sample(&[
            ("w", &[2, 1], 0, vec![0; 8]),
            ("q", &[32, 2], 3, vec![7; 40]),
        ]);
        let gguf = Gguf::parse(file).unwrap();
        assert_eq!(gguf.text("general.architecture").unwrap(), "llama");
        assert_eq!(gguf.size("llama.block_count").unwrap(), 2);
        assert_eq!(gguf.texts("tokens").unwrap(), ["a", "b"]);
        let view = gguf.tensor("q").unwrap();
        assert_eq!(
            (view.shape, view.format, view.bytes),
            (&[2, 32][..], Format::Q4_1, &[7; 40][..])
        );
        assert_eq!(gguf.formats(), [(Format::Q4_1, 64), (Format::F32, 2)]);
    }

    #[test]
    fn a_broken_file_is_refused_with_its_reason() {
        let good = sample(&[("w", &[32], 3, vec![0; 20])]);
        let mut other_magic = good.clone();
        other_magic[0] = b'X';
        let mut old = good.clone();
        old[4] = 1;
        let mut huge_count = good.clone();
        huge_count[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        let cases: [(&str, Vec<u8>, &str); 7] = [
            ("empty", vec![], "ends early"),
            ("other magic", other_magic, "not a GGUF file"),
            ("old version", old, "version 1"),
            ("count beyond the file", huge_count, "ends early"),
            (
                "one byte short",
                good[..good.len() - 1].to_vec(),
                "ends early",
            ),
            (
                "unknown format",
                sample(&[("w", &[32], 2, vec![0; 20])]),
                "format 2",
            ),
            (
                "row no multiple of the block",
                sample(&[("w", &[31, 32], 3, vec![0; 640])]),
                "shape",
            ),
        ];
        for (name, bytes, reason) in cases {
            let error = Gguf::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let good = sample(&[("w", &[32, 2], 8, vec![1; 68])]);
        for len in 0..good.len() {
            assert!(
                Gguf::parse(good[..len].to_vec()).is_err(),
                "{len} of {} bytes passed",
                good.len()
            );
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..300, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = sample(&[("w", &[32, 2], 8, vec![1; 68])]);
            let at = at % file.len();
            file[at] = byte;
            let _ = Gguf::parse(file.clone());
            file.truncate(at);
            file.extend(noise);
            let _ = Gguf::parse(file);
        }
    }
}
