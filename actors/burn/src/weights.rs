//! Opens safetensors files: a header in JSON, then the tensors.
//!
//! The library checks that tensors lie in the file one after the other without a gap. What it lets pass is refused here: a
//! header that is larger than any model's, and a name that comes twice, of which it would silently take the last.

use std::collections::BTreeSet;
use std::fmt;

use safetensors::SafeTensors;
use safetensors::tensor::Metadata;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::error::LoadError;
use crate::store::Store;

/// A model of a hundred layers has some 200 KB. A header costs several times its length while it is read.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// The tensors of a file that was read into memory.
pub(crate) fn open(file: &[u8]) -> Result<SafeTensors<'_>, LoadError> {
    let header = header(file)?;
    serde_json::from_slice::<Names>(header).map_err(|e| broken(e.to_string()))?;
    SafeTensors::deserialize(file).map_err(|e| broken(e.to_string()))
}

/// What a file that stays where it is says of its tensors, and where the first of them begins.
pub(crate) fn head(file: &Store) -> Result<(Metadata, u64), LoadError> {
    let start = file.start(8 + HEADER_BYTES_MAX as u64)?;
    let header = header(&start)?;
    serde_json::from_slice::<Names>(header).map_err(|e| broken(e.to_string()))?;
    let said: Metadata = serde_json::from_slice(header).map_err(|e| broken(e.to_string()))?;
    let begin = 8 + header.len() as u64;
    let (wanted, found) = (said.data_len() as u64, file.len() - begin);
    if wanted != found {
        let reason = format!("its tensors have {wanted} bytes, the file has {found} for them");
        return Err(broken(reason));
    }
    Ok((said, begin))
}

fn broken(reason: String) -> LoadError {
    LoadError::Safetensors { reason }
}

/// The header of a file, of which this is the beginning.
fn header(file: &[u8]) -> Result<&[u8], LoadError> {
    let (len, rest) = file
        .split_first_chunk::<8>()
        .ok_or_else(|| broken("the file ends before its header".to_owned()))?;
    let len = u64::from_le_bytes(*len);
    if len > HEADER_BYTES_MAX as u64 {
        let reason = format!("its header says {len} bytes, at most {HEADER_BYTES_MAX} are read");
        return Err(broken(reason));
    }
    rest.get(..len as usize)
        .ok_or_else(|| broken("the file ends within its header".to_owned()))
}

/// The names of a header, each once.
struct Names;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Header;

        impl<'de> Visitor<'de> for Header {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if names.contains(&name) {
                        return Err(A::Error::custom(format!("tensor {name:?} comes twice")));
                    }
                    names.insert(name);
                }
                Ok(Names)
            }
        }

        deserializer.deserialize_map(Header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let len = (header.len() as u64).to_le_bytes();
        [&len[..], header.as_bytes(), &vec![0; data]].concat()
    }

    #[test]
    fn a_file_that_contradicts_itself_is_refused() {
        let tensor = |name: &str, shape: &str, from: usize, to: usize| {
            format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
        };
        let all = |tensors: &[String]| format!("{{{}}}", tensors.join(","));
        let good = file(
            &all(&[tensor("a", "[2]", 0, 8), tensor("b", "[1]", 8, 12)]),
            12,
        );
        assert_eq!(open(&good).unwrap().len(), 2);
        let (said, begin) = head(&Store::Memory(good.clone())).unwrap();
        assert_eq!((said.data_len(), begin), (12, good.len() as u64 - 12));
        for len in 0..good.len() {
            assert!(head(&Store::Memory(good[..len].to_vec())).is_err());
            assert!(
                open(&good[..len]).is_err(),
                "{len} of {} bytes passed",
                good.len()
            );
        }
        let huge = "18446744073709551615";
        for (name, bytes, says) in [
            (
                "a name twice",
                file(
                    &all(&[tensor("a", "[2]", 0, 8), tensor("a", "[1,2]", 0, 8)]),
                    8,
                ),
                r#"tensor "a" comes twice"#,
            ),
            (
                "the same bytes",
                file(
                    &all(&[tensor("a", "[2]", 0, 8), tensor("b", "[2]", 0, 8)]),
                    8,
                ),
                "invalid offset",
            ),
            (
                "half the same bytes",
                file(
                    &all(&[tensor("a", "[2]", 0, 8), tensor("b", "[2]", 4, 12)]),
                    12,
                ),
                "invalid offset",
            ),
            (
                "a gap",
                file(&all(&[tensor("a", "[2]", 4, 12)]), 12),
                "invalid offset",
            ),
            (
                "beyond the file",
                file(&all(&[tensor("a", "[2]", 0, 8)]), 4),
                "",
            ),
            (
                "more than the tensors",
                file(&all(&[tensor("a", "[2]", 0, 8)]), 16),
                "",
            ),
            (
                "another shape",
                file(&all(&[tensor("a", "[3]", 0, 8)]), 8),
                "",
            ),
            (
                "a shape beyond numbers",
                file(&all(&[tensor("a", &format!("[{huge},{huge}]"), 0, 8)]), 8),
                "",
            ),
            (
                "backwards",
                file(&all(&[tensor("a", "[2]", 8, 0)]), 8),
                "invalid offset",
            ),
            (
                "an unknown format",
                file(
                    r#"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#,
                    8,
                ),
                "F33",
            ),
            (
                "a key twice",
                file(
                    r#"{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#,
                    8,
                ),
                "duplicate",
            ),
            (
                "a header longer than the file",
                [&(1u64 << 19).to_le_bytes()[..], b"{}"].concat(),
                "within its header",
            ),
            (
                "a header longer than all",
                u64::MAX.to_le_bytes().to_vec(),
                "its header says",
            ),
            (
                "a deep header",
                file(&format!(r#"{{"a":{}"#, "[".repeat(100_000)), 0),
                "eof while parsing",
            ),
            ("no header", vec![0; 7], "before its header"),
        ] {
            let error = open(&bytes).unwrap_err().to_string().to_lowercase();
            assert!(error.contains(&says.to_lowercase()), "{name}: {error}");
            assert!(head(&Store::Memory(bytes)).is_err(), "{name}");
        }
    }
}
