//! A model in a folder, as people publish it: `config.json`, `tokenizer.json`, and weights in safetensors, in one file or in several that
//! `model.safetensors.index.json` lists.
//!
//! Each part is said as a GGUF file would say it, and from there on read and checked as one: what a family is, and what of it is
//! computed, stands in one place. What a part says that could not be said so is refused by the name of the file and of the key. Weights
//! stay in their files until they are read to their last place.

mod config;
mod index;
#[cfg(test)]
mod tests;
mod tokens;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::LoadError;
use crate::gguf::{Assembly, Gguf};
use crate::store::{Store, read_at_most};

use self::config::Config;
use self::index::Index;
use self::tokens::Tokens;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const TEMPLATE: &str = "chat_template.jinja";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// The largest vocabulary of a known model has 33 MB; what is read costs several times its length.
const TOKENIZER_BYTES_MAX: u64 = 128 << 20;
/// Other files have some kilobytes; the list of a model of a thousand layers has a megabyte.
const BYTES_MAX: u64 = 4 << 20;

/// The parts of a model.
pub(crate) struct Parts {
    pub(crate) config: Vec<u8>,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) tokenizer_config: Option<Vec<u8>>,
    pub(crate) template: Option<Vec<u8>>,
    pub(crate) index: Option<Vec<u8>>,
    /// The files of weights by their names.
    pub(crate) weights: Vec<(String, Store)>,
}

/// The model that a path means: a GGUF file, a folder with one, or a folder of safetensors or any file of its weights.
pub(crate) fn open(path: &Path) -> Result<Gguf, LoadError> {
    let is_part = path.extension() == Some(OsStr::new("safetensors"))
        || path.file_name() == Some(OsStr::new(INDEX));
    if let Some(folder) = path.parent().filter(|_| is_part && path.is_file()) {
        return Parts::read(folder)?.model();
    }
    if !path.is_dir() {
        return Gguf::open(path);
    }
    match gguf_of(path)? {
        Some(file) => Gguf::open(&file),
        None => Parts::read(path)?.model(),
    }
}

/// The only GGUF file of a folder; none where the folder holds a model in the other form.
fn gguf_of(folder: &Path) -> Result<Option<PathBuf>, LoadError> {
    let unreadable = |e: std::io::Error| LoadError::Unreadable {
        path: folder.to_owned(),
        reason: e.to_string(),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension() == Some(OsStr::new("gguf")) {
            found.push(file);
        }
    }
    let is_other = || folder.join(CONFIG).is_file();
    match found.len() {
        1 => Ok(found.pop()),
        0 if is_other() => Ok(None),
        0 => Err(LoadError::Missing {
            path: folder.join("*.gguf"),
        }),
        n => Err(LoadError::Unsupported {
            what: "the folder",
            found: format!("{n} GGUF files"),
            wanted: "name one of them",
        }),
    }
}

impl Parts {
    /// Reads what is small and opens what is large.
    fn read(folder: &Path) -> Result<Self, LoadError> {
        let if_there = |name: &str| match read_at_most(&folder.join(name), BYTES_MAX) {
            Err(LoadError::Missing { .. }) => Ok(None),
            read => read.map(Some),
        };
        let index = if_there(INDEX)?;
        let names = Self::names(index.as_deref())?;
        let weights = names.into_iter().map(|name| {
            let store = Store::open(&folder.join(&name))?;
            Ok((name, store))
        });
        Ok(Self {
            config: read_at_most(&folder.join(CONFIG), BYTES_MAX)?,
            tokenizer: read_at_most(&folder.join(TOKENIZER), TOKENIZER_BYTES_MAX)?,
            tokenizer_config: if_there(TOKENIZER_CONFIG)?,
            template: if_there(TEMPLATE)?,
            weights: weights.collect::<Result<_, LoadError>>()?,
            index,
        })
    }

    /// The names of the files of weights that there must be.
    pub(crate) fn names(index: Option<&[u8]>) -> Result<Vec<String>, LoadError> {
        match index {
            Some(index) => Ok(Index::read(index)?.files()),
            None => Ok(vec![WEIGHTS.to_owned()]),
        }
    }

    /// The whole model.
    pub(crate) fn model(self) -> Result<Gguf, LoadError> {
        let config = Config::read(&self.config)?;
        let index = self.index.as_deref().map(Index::read).transpose()?;
        let mut made = Assembly::default();
        config.say(&mut made)?;
        let rows = index::say(self.weights, index.as_ref(), &config, &mut made)?;
        let tokens = Tokens::read(&self.tokenizer, self.tokenizer_config.as_deref())?;
        tokens.say(rows, &config, self.template.as_deref(), &mut made)?;
        made.finish(config.kept())
    }
}

/// What is wrong with a part.
fn part(file: &str, reason: impl std::fmt::Display) -> LoadError {
    LoadError::Part {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// Numbers come from JSON as what they are: whole ones as such, and no text is one.
fn read_json<'a, T: serde::Deserialize<'a>>(file: &str, bytes: &'a [u8]) -> Result<T, LoadError> {
    serde_json::from_slice(bytes).map_err(|error| part(file, error))
}
