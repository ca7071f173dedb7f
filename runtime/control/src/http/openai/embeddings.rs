//! `/v1/embeddings`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::said::Embeddings;
use super::{Model, Refused, ask};
use crate::http::service::Door;
use crate::{Caller, ControlError, EmbedTexts, Embedded, Generate, Request};

/// Bytes of a text that are about a token, where the engine does not count them.
const BYTES_A_TOKEN: usize = 4;

pub(super) async fn embeddings(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Refused> {
    let asked = Embeddings::read(&door.body(body).await?)?;
    let (texts, as_bytes) = (asked.texts()?, asked.as_bytes()?);
    let Model::Engine(engine) = Model::of(&door, &caller, &asked.model).await? else {
        let error = ControlError::unknown("only engines make vectors");
        return Err(Refused::of_model(error, &asked.model));
    };
    let tokens: usize = texts
        .iter()
        .map(|text| text.len().div_ceil(BYTES_A_TOKEN))
        .sum();
    let request = Request::Embed(EmbedTexts {
        engine,
        texts,
        deadline_ms: Generate::DEADLINE_MS,
    });
    let embedded: Embedded = ask(&door, &caller, request).await?;
    let has = embedded.vectors.first().map_or(0, Vec::len);
    if let Some(wanted) = asked.dimensions.filter(|wanted| *wanted as usize != has) {
        let message = format!("vectors of this model have {has} dimensions, not {wanted}");
        return Err(Refused::invalid(message, "dimensions"));
    }
    let vector = |vector: &Vec<f32>| match as_bytes {
        true => Value::String(encoded(vector)),
        false => json!(vector),
    };
    let data: Vec<Value> = embedded
        .vectors
        .iter()
        .enumerate()
        .map(|(index, made)| json!({"object": "embedding", "index": index, "embedding": vector(made)}))
        .collect();
    Ok(Json(json!({
        "object": "list",
        "model": asked.model,
        "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        // Guessed from lengths; and which texts were longer than the engine reads.
        "aios": {"usage_estimated": true, "cut": embedded.cut},
    }))
    .into_response())
}

/// The numbers as bytes, the lowest first.
fn encoded(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_its_numbers_bytes_the_lowest_first() {
        assert_eq!(
            encoded(&[1.0, -2.0]),
            STANDARD.encode([0, 0, 128, 63, 0, 0, 0, 192])
        );
    }
}
