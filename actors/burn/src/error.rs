//! Why a model cannot be loaded.

use std::path::PathBuf;

use aios_inference::EngineError;

/// Longest stretch of a file's own words in an error.
const SHOWN_CHARS: usize = 200;

/// Why a model file is refused. Numbers come in pairs: found and wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{} is missing", path.display())]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("this is not a GGUF file; fetch the model again")]
    NotGguf,
    #[error("GGUF version {version} is unknown; versions 2 and 3 are read")]
    UnknownVersion { version: u32 },
    #[error(
        "the file ends early, in {}: {needed} bytes needed, {present} present; fetch the model again",
        shown(what)
    )]
    Truncated {
        what: String,
        needed: u64,
        present: u64,
    },
    #[error("{} is not UTF-8; fetch the model again", shown(what))]
    NotText { what: String },
    #[error(
        "{} holds a value of unknown kind {number}; fetch the model again",
        shown(what)
    )]
    UnknownValue { what: String, number: u32 },
    #[error(
        "{} is {number} where only true (1) and false (0) can stand",
        shown(what)
    )]
    BadBool { what: String, number: u8 },
    #[error(
        "{} is {found} bytes long, 1 to {allowed} allowed; fetch the model again",
        shown(what)
    )]
    BadName {
        what: String,
        found: usize,
        allowed: usize,
    },
    #[error("the file has {found} {what}, at most {allowed} are read")]
    TooMany {
        what: &'static str,
        found: usize,
        allowed: usize,
    },
    #[error(
        "metadata {} comes twice; the file contradicts itself, take another",
        named(key)
    )]
    KeyTwice { key: String },
    #[error("metadata {} is missing or not {wanted}", named(key))]
    BadMetadata { key: String, wanted: &'static str },
    #[error("metadata {} is {found}, but {other} says {wanted}", named(key))]
    Contradiction {
        key: String,
        found: usize,
        other: &'static str,
        wanted: usize,
    },
    #[error(
        "metadata {} is a list of {found} items, at most {allowed} are read",
        named(key)
    )]
    ListTooLong {
        key: String,
        found: usize,
        allowed: usize,
    },
    #[error(
        "tensor {} is stored in format {number}{name}, which is not read; take the model in one of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K, such as a file named Q4_K_M or Q8_0",
        named(tensor)
    )]
    UnknownFormat {
        tensor: String,
        number: u32,
        name: &'static str,
    },
    #[error(
        "tensor {} has {found} dimensions, 1 to {allowed} allowed",
        named(tensor)
    )]
    TooManyDimensions {
        tensor: String,
        found: usize,
        allowed: usize,
    },
    #[error("tensor {} has a dimension of 0", named(tensor))]
    TensorEmpty { tensor: String },
    #[error(
        "tensor {} has rows of {row} weights, no multiple of its blocks of {block}",
        named(tensor)
    )]
    RowNotWhole {
        tensor: String,
        row: usize,
        block: usize,
    },
    #[error("tensor {} is longer than any file", named(tensor))]
    TensorTooLong { tensor: String },
    #[error(
        "tensor {} lies at offset {offset}, no multiple of the alignment {alignment}; fetch the model again",
        named(tensor)
    )]
    TensorUnaligned {
        tensor: String,
        offset: u64,
        alignment: u64,
    },
    #[error(
        "tensor {} occurs twice; the file contradicts itself, take another",
        named(tensor)
    )]
    TensorTwice { tensor: String },
    #[error(
        "tensors {} and {} share bytes; the file contradicts itself, take another",
        named(first),
        named(second)
    )]
    TensorsOverlap { first: String, second: String },
    #[error("tensor {} is missing", named(tensor))]
    TensorMissing { tensor: String },
    #[error(
        "tensor {} is not used by this model, so its answers would be others; take another file",
        named(tensor)
    )]
    TensorUnused { tensor: String },
    #[error(
        "tensor {} has shape {found:?}, wanted {wanted:?} (rows in whole blocks of 32)",
        named(tensor)
    )]
    BadShape {
        tensor: String,
        found: Vec<usize>,
        wanted: Vec<usize>,
    },
    #[error(
        "tensor {} holds a number that is not finite; fetch the model again",
        named(tensor)
    )]
    NotFinite { tensor: String },
    #[error(
        "architecture {} is not supported; llama, qwen2, qwen3 and gemma3 are. Take a model of one of these, or run this one in a server and name that in [engines]",
        named(found)
    )]
    Architecture { found: String },
    #[error("{what} is {}, {wanted}", shown(found))]
    Unsupported {
        what: &'static str,
        found: String,
        wanted: &'static str,
    },
    #[error("metadata {} is {}; {wanted}", named(key), shown(found))]
    UnsupportedKey {
        key: String,
        found: String,
        wanted: &'static str,
    },
    #[error("tokenizer: {}", shown(reason))]
    Tokenizer { reason: String },
    #[error("chat template: {}", shown(reason))]
    Template { reason: String },
    /// A part of a model in a folder.
    #[error("{}: {}", shown(file), shown(reason))]
    Part { file: String, reason: String },
    #[error("safetensors: {}; fetch the model again", shown(reason))]
    Safetensors { reason: String },
}

impl LoadError {
    /// What the asker of the model `name` is told.
    pub(crate) fn of_model(self, name: &str) -> EngineError {
        match self {
            Self::Missing { path } => EngineError::ModelMissing { path },
            other => EngineError::ModelBroken {
                name: name.to_owned(),
                reason: other.to_string(),
            },
        }
    }
}

/// A file's own words as they may be printed: not for ever, and nothing in them moves a cursor or turns a line round.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN_CHARS) {
        // What the language prints as an escape in its own notation is what a terminal would obey.
        match c {
            '"' | '\'' | '\\' => out.push(c),
            '\n' => out.push(' '),
            _ => out.extend(c.escape_debug()),
        }
    }
    if chars.next().is_some() {
        out.push_str("...");
    }
    out
}

/// A name from a file, in quotes.
fn named(name: &str) -> String {
    format!("\"{}\"", shown(name))
}
