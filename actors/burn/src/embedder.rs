//! A loaded embedding model: from texts to vectors, in batches.

use std::time::Instant;

use aios_inference::{EmbedRequest, Embedding, EngineError, ModelInfo, ModelRole, ModelSource};

use crate::bert::{CONTEXT, MiniLm};
use crate::device::Chosen;

/// Places (texts times longest text) computed together; bounds memory to some 60 MB.
const PLACES_MAX: usize = 2048;

pub(crate) struct Embedder {
    pub(crate) info: ModelInfo,
    model: MiniLm,
}

impl Embedder {
    pub(crate) fn load(source: &ModelSource, device: &Chosen) -> Result<Self, EngineError> {
        let (folder, weights) = if source.path.is_dir() {
            (source.path.as_path(), source.path.join("model.safetensors"))
        } else {
            (
                source.path.parent().unwrap_or(&source.path),
                source.path.clone(),
            )
        };
        let model = MiniLm::load(
            &weights,
            &folder.join("tokenizer.json"),
            device.device.clone(),
        )
        .map_err(|error| error.of_model(&source.name))?;
        let info = ModelInfo {
            name: source.name.clone(),
            role: ModelRole::Embed,
            quantisation: "F32".to_owned(),
            parameters: model.parameters(),
            context_length: CONTEXT as u32,
            dimensions: MiniLm::dimensions() as u32,
            memory_bytes: model.parameters() * size_of::<f32>() as u64,
        };
        Ok(Self { info, model })
    }

    pub(crate) fn embed(&self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let started = Instant::now();
        let mut texts = Vec::with_capacity(request.texts.len());
        for text in &request.texts {
            check(request, started)?;
            texts.push(
                self.model
                    .encode(text)
                    .map_err(|reason| EngineError::BadRequest { reason })?,
            );
        }
        // Texts of like length go together, so that little is computed for empty places.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|i| texts[*i].ids.len());
        let mut embeddings: Vec<Embedding> = texts
            .iter()
            .zip(&request.texts)
            .map(|(encoded, text)| Embedding {
                vector: Vec::new(),
                bytes_read: encoded.bytes_read,
                bytes: text.len(),
            })
            .collect();
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            check(request, started)?;
            let fits = |count: &usize| {
                *count == 1 || count * texts[rest[count - 1]].ids.len() <= PLACES_MAX
            };
            let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (batch, later) = rest.split_at(count);
            let ids: Vec<&[u32]> = batch.iter().map(|i| texts[*i].ids.as_slice()).collect();
            let computed = self
                .model
                .embed(&ids)
                .map_err(|reason| EngineError::Device { reason })?;
            for (i, vector) in batch.iter().zip(computed) {
                embeddings[*i].vector = vector;
            }
            rest = later;
        }
        Ok(embeddings)
    }
}

fn check(request: &EmbedRequest, started: Instant) -> Result<(), EngineError> {
    if request.cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    match request.deadline {
        Some(deadline) if Instant::now() >= deadline => Err(EngineError::Deadline {
            waited_ms: started.elapsed().as_millis() as u64,
            allowed_ms: deadline.saturating_duration_since(started).as_millis() as u64,
        }),
        _ => Ok(()),
    }
}
