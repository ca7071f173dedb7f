//! `aios.inference`: engines, asked without any agent.

use std::time::Instant;

use aios_wire::generated::inference as wire;
use tonic::{Request as Asked, Response as Answered, Status};
use wire::inference_response::Result as Outcome;

use super::door::{Door, Streamed};
use super::translate;
use crate::{
    ControlError, Embedded, EngineLine, EventKind, Generated, ModelFreed, ModelLine, ModelSwapped,
    Request,
};

impl Door {
    async fn models(&self, asker: &super::door::Asker) -> Result<Vec<wire::ModelInfo>, Status> {
        let engines: Vec<EngineLine> = self.typed(asker, Request::Engines {}).await?;
        Ok(engines.iter().flat_map(translate::models).collect())
    }
}

#[tonic::async_trait]
impl wire::inference_service_server::InferenceService for Door {
    async fn infer(
        &self,
        asked: Asked<wire::InferenceRequest>,
    ) -> Result<Answered<wire::InferenceResponse>, Status> {
        let asker = self.asker(&asked)?;
        let asked = asked.into_inner();
        let generate = translate::generate(&asked, false).map_err(|error| self.invalid(&error))?;
        let begun = Instant::now();
        let wrote: Generated = self.typed(&asker, Request::Generate(generate)).await?;
        Ok(Answered::new(translate::written(
            &asked.request_id,
            &wrote,
            begun.elapsed(),
        )))
    }

    type InferStreamStream = Streamed<wire::TokenStreamChunk>;

    async fn infer_stream(
        &self,
        asked: Asked<wire::InferenceRequest>,
    ) -> Result<Answered<Self::InferStreamStream>, Status> {
        let asker = self.asker(&asked)?;
        let asked = asked.into_inner();
        let generate = translate::generate(&asked, true).map_err(|error| self.invalid(&error))?;
        let begun = Instant::now();
        let events = self.watch(&asker, Request::Generate(generate)).await?;
        let mut index = 0;
        let told = self.told(asker, events, move |event| {
            let chunk = wire::TokenStreamChunk {
                request_id: asked.request_id.clone(),
                token_index: index,
                ..Default::default()
            };
            index += 1;
            match event.kind {
                EventKind::Text => Some(wire::TokenStreamChunk {
                    token: event.body["text"].as_str().unwrap_or_default().to_owned(),
                    ..chunk
                }),
                EventKind::Answer => {
                    let wrote: Generated = event.read().ok()?;
                    Some(wire::TokenStreamChunk {
                        is_final: true,
                        metrics: Some(translate::metrics(&wrote, begun.elapsed())),
                        ..chunk
                    })
                }
                // The watch ends behind it; that it was not the answer is seen by the last chunk that is missing.
                _ => None,
            }
        });
        Ok(Answered::new(told))
    }

    async fn embed(
        &self,
        asked: Asked<wire::InferenceRequest>,
    ) -> Result<Answered<wire::InferenceResponse>, Status> {
        let asker = self.asker(&asked)?;
        let asked = asked.into_inner();
        let texts = translate::embed(&asked).map_err(|error| self.invalid(&error))?;
        let mut embedded: Embedded = self.typed(&asker, Request::Embed(texts)).await?;
        let Some(vector) = embedded.vectors.pop() else {
            let error = ControlError::failed("the engine made no vector");
            return Err(self.invalid(&error));
        };
        let output = wire::EmbeddingOutput {
            dimensions: u32::try_from(vector.len()).unwrap_or(u32::MAX),
            vector,
            model_used: embedded.engine,
        };
        Ok(Answered::new(wire::InferenceResponse {
            request_id: asked.request_id,
            result: Some(Outcome::Embedding(output)),
            metrics: None,
        }))
    }

    async fn list_models(
        &self,
        asked: Asked<wire::ListModelsRequest>,
    ) -> Result<Answered<wire::ListModelsResponse>, Status> {
        let asker = self.asker(&asked)?;
        let models = self.models(&asker).await?;
        Ok(Answered::new(wire::ListModelsResponse { models }))
    }

    async fn load_model(
        &self,
        asked: Asked<wire::LoadModelRequest>,
    ) -> Result<Answered<wire::ModelInfo>, Status> {
        let asker = self.asker(&asked)?;
        let asked = translate::load(asked.into_inner()).map_err(|error| self.invalid(&error))?;
        let loaded: ModelLine = self.typed(&asker, Request::LoadModel(asked)).await?;
        Ok(Answered::new(translate::model(&loaded)))
    }

    async fn unload_model(
        &self,
        asked: Asked<wire::UnloadModelRequest>,
    ) -> Result<Answered<wire::UnloadModelResponse>, Status> {
        let asker = self.asker(&asked)?;
        let asked = Request::UnloadModel(translate::unload(asked.into_inner()));
        let freed: ModelFreed = self.typed(&asker, asked).await?;
        Ok(Answered::new(wire::UnloadModelResponse {
            success: true,
            freed_bytes: freed.freed_bytes,
        }))
    }

    async fn hot_swap(
        &self,
        asked: Asked<wire::HotSwapRequest>,
    ) -> Result<Answered<wire::HotSwapResponse>, Status> {
        let asker = self.asker(&asked)?;
        let asked = translate::swap(asked.into_inner()).map_err(|error| self.invalid(&error))?;
        let swapped: ModelSwapped = self.typed(&asker, Request::SwapModel(asked)).await?;
        Ok(Answered::new(wire::HotSwapResponse {
            success: true,
            swap_time_ms: u32::try_from(swapped.took_ms).unwrap_or(u32::MAX),
            active_model: swapped.now.name,
        }))
    }

    async fn health_check(
        &self,
        asked: Asked<wire::HealthCheckRequest>,
    ) -> Result<Answered<wire::ModelHealth>, Status> {
        let asker = self.asker(&asked)?;
        let wanted = asked.into_inner().model_id;
        let models = self.models(&asker).await?;
        let found = models
            .into_iter()
            .find(|model| model.model_id == wanted || model.backend == wanted);
        match found.and_then(|model| model.health) {
            Some(health) => Ok(Answered::new(health)),
            None => {
                let shown: String = wanted.chars().take(100).collect();
                let error = ControlError::unknown(format!("no engine has a model {shown:?}"));
                Err(self.invalid(&error))
            }
        }
    }
}
