//! An engine without weights: deterministic, instant, and honest about what it does not know.

use crate::{
    Capabilities, EmbedRequest, Engine, EngineError, Health, HealthState, InferRequest, Inference,
    ModelInfo, ModelSource, Platform, TokenSink,
};

/// What a [`ScriptedEngine`] does next, instead of following its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// Answers with this text.
    Reply(String),
    /// Fails with this error.
    Fail(EngineError),
    /// Panics with this message.
    Panic(String),
}

/// The deterministic engine.
#[derive(Debug, Default)]
pub struct ScriptedEngine {}

impl ScriptedEngine {
    /// An engine that follows its rules.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Engine for ScriptedEngine {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        Err(EngineError::ModelMissing {
            path: source.path.clone(),
        })
    }

    fn stream(
        &mut self,
        _request: &InferRequest,
        _sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        Err(EngineError::Unsupported {
            what: "inference yet".into(),
        })
    }

    fn embed(&mut self, _request: &EmbedRequest) -> Result<Vec<Vec<f32>>, EngineError> {
        Err(EngineError::Unsupported {
            what: "embedding yet".into(),
        })
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        Err(EngineError::NotLoaded {
            asked: model.to_owned(),
            loaded: Vec::new(),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "scripted".into(),
            context_length: 8192,
            streaming: true,
            embedding: Some(384),
            grammar: true,
            fine_tuning: false,
            quantisations: Vec::new(),
            batch_size: 1,
            tokens_per_second: None,
            memory_bytes: 0,
            platform: Platform::Cpu,
            device: "no weights".into(),
        }
    }

    fn health(&mut self) -> Health {
        Health {
            state: HealthState::Ready,
            reason: None,
            models: Vec::new(),
        }
    }
}
