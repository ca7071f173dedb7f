//! Which file each tensor lies in, by what name, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::config::{Config, EMBEDDING, OUTPUT};
use super::{INDEX, part, read_json};
use crate::error::LoadError;
use crate::gguf::{Assembly, Format};
use crate::store::Store;
use crate::weights;

/// The largest published models have some 200 files.
const FILES_MAX: usize = 1024;
/// As many as a GGUF file may have.
const TENSORS_MAX: usize = 1 << 16;
const NAME_BYTES_MAX: usize = 255;

/// The list of tensors and files.
pub(super) struct Index(BTreeMap<String, String>);

#[derive(Deserialize)]
struct Written {
    weight_map: Index,
}

impl Index {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let Written { weight_map: index } = read_json(INDEX, bytes)?;
        let files = index.files();
        if files.is_empty() || files.len() > FILES_MAX {
            let found = files.len();
            let reason = format!("it names {found} files, 1 to {FILES_MAX} are read");
            return Err(part(INDEX, reason));
        }
        match files.iter().find(|name| !is_plain(name)) {
            None => Ok(index),
            Some(name) => Err(part(
                INDEX,
                format!(
                    "it names the file {name:?}; only files of this folder that end in .safetensors are read"
                ),
            )),
        }
    }

    /// The names of all files, each once.
    pub(super) fn files(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.values().collect();
        names.into_iter().cloned().collect()
    }
}

/// A name that leads nowhere but into the folder.
fn is_plain(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() <= NAME_BYTES_MAX
        && name.ends_with(".safetensors")
        && !name.starts_with('.')
        && name.chars().all(known)
}

/// Enters every tensor of the files; gives the rows of the embedding.
pub(super) fn say(
    files: Vec<(String, Store)>,
    index: Option<&Index>,
    config: &Config,
    made: &mut Assembly,
) -> Result<usize, LoadError> {
    let mut rows = None;
    let mut missing: BTreeSet<&str> = index
        .into_iter()
        .flat_map(|index| index.0.keys())
        .map(String::as_str)
        .collect();
    let mut has_output = false;
    for (file, store) in files {
        let (head, begin) = weights::head(&store).map_err(|error| part(&file, error))?;
        let number = made.store(store);
        // In order, so that of several faults the same one is told each time.
        let tensors: BTreeMap<_, _> = head.tensors().into_iter().collect();
        if tensors.len() > TENSORS_MAX {
            let found = tensors.len();
            let reason = format!("it has {found} tensors, at most {TENSORS_MAX} are read");
            return Err(part(&file, reason));
        }
        for (name, info) in tensors {
            if let Some(index) = index {
                match index.0.get(&name) {
                    Some(there) if *there == file => {
                        missing.remove(name.as_str());
                    }
                    Some(there) => {
                        let reason = format!("it holds {name:?}, which {INDEX} says is in {there}");
                        return Err(part(&file, reason));
                    }
                    None => {
                        let reason = format!("it holds {name:?}, which {INDEX} does not list");
                        return Err(part(&file, reason));
                    }
                }
            }
            let Some(ours) = config.tensor(&name) else {
                continue;
            };
            has_output |= ours == OUTPUT;
            if ours == EMBEDDING {
                rows = info.shape.first().copied();
            }
            let format = format(info.dtype).ok_or_else(|| {
                let found = info.dtype;
                part(
                    &file,
                    format!("{name:?} is stored as {found:?}; F32, F16 and BF16 are read, so take the weights as they were trained, or a GGUF file"),
                )
            })?;
            let start = begin.saturating_add(info.data_offsets.0 as u64);
            made.tensor(&ours, info.shape.clone(), format, number, start)?;
        }
    }
    if let Some(name) = missing.first() {
        let reason =
            format!("it lists {name:?}, which its file does not hold; fetch the model again");
        return Err(part(INDEX, reason));
    }
    if !has_output && !config.is_tied() {
        return Err(LoadError::TensorMissing {
            tensor: "lm_head.weight".to_owned(),
        });
    }
    rows.ok_or_else(|| LoadError::TensorMissing {
        tensor: "model.embed_tokens.weight".to_owned(),
    })
}

fn format(dtype: Dtype) -> Option<Format> {
    match dtype {
        Dtype::F32 => Some(Format::F32),
        Dtype::F16 => Some(Format::F16),
        Dtype::BF16 => Some(Format::Bf16),
        _ => None,
    }
}

/// Each name once, and not too many.
impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Index;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("files by the names of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Index, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, file)) = map.next_entry::<String, String>()? {
                    if all.len() == TENSORS_MAX {
                        let reason = format!("more than {TENSORS_MAX} tensors");
                        return Err(A::Error::custom(reason));
                    }
                    if all.contains_key(&name) {
                        return Err(A::Error::custom(format!("{name:?} comes twice")));
                    }
                    all.insert(name, file);
                }
                Ok(Index(all))
            }
        }

        deserializer.deserialize_map(Names)
    }
}
