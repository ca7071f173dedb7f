//! `aios model embed`: a text as a point in 384 dimensions.

use std::process::ExitCode;

use aios_inference::models::ALL_MINILM_L6_V2;
use aios_inference::{BlockingEngine, EmbedRequest};
use serde_json::json;

use crate::arguments::ModelEmbed;
use crate::failure::Failure;
use crate::{commands::model, console};

pub(crate) fn run(arguments: &ModelEmbed) -> Result<ExitCode, Failure> {
    let mut engine = model::engine(&ALL_MINILM_L6_V2, &arguments.device)?;
    let embedding = engine
        .embed(&EmbedRequest::new([arguments.text.as_str()]))
        .map_err(|error| Failure::plain(error.to_string()))?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::plain("the engine gave no embedding"))?;
    if arguments.json {
        console::json(&json!({
            "model": ALL_MINILM_L6_V2.name,
            "dimensions": embedding.vector.len(),
            "embedding": embedding.vector,
            "bytes": embedding.bytes,
            "bytes_read": embedding.bytes_read,
        }))?;
    } else {
        if embedding.is_cut() {
            console::note(&format!(
                "the text is longer than the model reads: the vector stands for the first {} of {} bytes; embed the rest by itself",
                embedding.bytes_read, embedding.bytes
            ));
        }
        let numbers: Vec<String> = embedding
            .vector
            .iter()
            .map(|value| format!("{value:.6}"))
            .collect();
        console::result(&numbers.join(" "))?;
    }
    Ok(ExitCode::SUCCESS)
}
