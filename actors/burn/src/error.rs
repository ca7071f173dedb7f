//! Why a model cannot be loaded.

use std::path::{Path, PathBuf};

use aios_inference::EngineError;

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
    #[error("the file ends early: {needed} bytes needed, {present} present; fetch the model again")]
    Truncated { needed: u64, present: u64 },
    #[error("a text in the file is not UTF-8; fetch the model again")]
    NotText,
    #[error("metadata value of unknown kind {number}")]
    UnknownValue { number: u32 },
    #[error("metadata {key:?} is missing or not {wanted}")]
    BadMetadata { key: String, wanted: &'static str },
    #[error("tensor {tensor:?} is stored in format {number}; F32, F16, Q4_1 and Q8_0 are read")]
    UnknownFormat { tensor: String, number: u32 },
    #[error("tensor {tensor:?} has {found} dimensions, 1 to {allowed} allowed")]
    TooManyDimensions {
        tensor: String,
        found: usize,
        allowed: usize,
    },
    #[error("tensor {tensor:?} is longer than any file")]
    TensorTooLong { tensor: String },
    #[error("tensor {tensor:?} occurs twice")]
    TensorTwice { tensor: String },
    #[error("tensor {tensor:?} is missing")]
    TensorMissing { tensor: String },
    #[error("tensor {tensor:?} has shape {found:?}, wanted {wanted:?} (or a multiple of it)")]
    BadShape {
        tensor: String,
        found: Vec<usize>,
        wanted: Vec<usize>,
    },
    #[error("tensor {tensor:?} holds a number that is not finite; fetch the model again")]
    NotFinite { tensor: String },
    #[error("architecture {found:?} is not supported; {wanted:?} is")]
    Architecture { found: String, wanted: &'static str },
    #[error("{what} is {found}, {wanted}")]
    Unsupported {
        what: &'static str,
        found: String,
        wanted: &'static str,
    },
    #[error("tokenizer: {reason}")]
    Tokenizer { reason: String },
    #[error("chat template: {reason}")]
    Template { reason: String },
    #[error("safetensors: {reason}; fetch the model again")]
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

/// Reads a whole file; one that is not there is told apart from one that cannot be read.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::Missing {
            path: path.to_owned(),
        },
        _ => LoadError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    })
}
