//! The vocabulary of an embedding model, from its `tokenizer.json`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::IgnoredAny;
use tokenizers::{Tokenizer, TruncationParams};

use crate::error::LoadError;

/// Reads a file; texts are cut to so many tokens and not padded.
pub(crate) fn read(bytes: &[u8], longest: usize) -> Result<Tokenizer, LoadError> {
    let broken = |reason: String| LoadError::Tokenizer { reason };
    // The library expects JSON where it has read some, and panics where it ends; so it is shown none that is not whole.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|e| broken(e.to_string()))?;
    let read = catch_unwind(AssertUnwindSafe(|| Tokenizer::from_bytes(bytes)));
    let read = read.unwrap_or_else(|_| Err("it does not hold together".into()));
    let mut tokenizer = read.map_err(|e| broken(e.to_string()))?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams {
        max_length: longest,
        ..TruncationParams::default()
    };
    tokenizer
        .with_truncation(Some(truncation))
        .map_err(|e| broken(e.to_string()))?;
    // What does not fit together in it is not found while it is read but at the first text.
    ids(&tokenizer, "a").map_err(broken)?;
    Ok(tokenizer)
}

/// Ids of a text.
pub(crate) fn ids(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, String> {
    // The library panics where a file names a token that it does not define.
    let encoding = catch_unwind(AssertUnwindSafe(|| tokenizer.encode_fast(text, true)))
        .map_err(|_| "the tokenizer file does not hold together".to_owned())?;
    Ok(encoding.map_err(|e| e.to_string())?.get_ids().to_vec())
}
