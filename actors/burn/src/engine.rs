//! The engine: one device, at most one model of each role.

use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineError, Health, HealthState,
    InferRequest, Inference, ModelInfo, ModelRole, ModelSource, SessionId, TokenSink,
};

use crate::device::{self, Chosen, DeviceChoice};
use crate::embedder::Embedder;
use crate::gguf::Format;
use crate::kernel::Isa;
use crate::language::Language;

/// How an engine is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurnConfig {
    /// What computes.
    pub device: DeviceChoice,
    /// Threads of the processor's kernels; `None` takes one for each core.
    pub threads: Option<usize>,
}

/// Runs language models of the families llama, qwen2, qwen3 and gemma3 from GGUF files, and MiniLM embeddings from safetensors.
pub struct BurnEngine {
    device: Chosen,
    threads: usize,
    exact: bool,
    language: Option<Language>,
    embedder: Option<Embedder>,
    tokens_per_second: Option<f64>,
}

impl BurnEngine {
    /// Opens the device and, for an adapter, tests it; this can take seconds. Models are loaded afterwards.
    ///
    /// # Errors
    /// [`EngineError::Device`] if an adapter is insisted on and none is there or it computes wrongly.
    pub fn new(config: BurnConfig) -> Result<Self, EngineError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            device: device::choose(config.device, Isa::detect().name())?,
            threads: config.threads.unwrap_or_else(cores).max(1),
            exact: false,
            language: None,
            embedder: None,
            tokens_per_second: None,
        })
    }

    /// Models that are loaded from now on read prompts with activations as they are. Otherwise the processor reads them at
    /// sixteen bits, which moves logits by less than a thousandth on the models of the tests and takes about a quarter less time.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// The device in use, as it calls itself.
    pub fn device(&self) -> &str {
        &self.device.name
    }

    fn models(&self) -> Vec<ModelInfo> {
        let language = self.language.iter().map(|model| &model.info);
        language
            .chain(self.embedder.iter().map(|model| &model.info))
            .cloned()
            .collect()
    }

    fn not_loaded(&self, asked: &str) -> EngineError {
        let loaded = self.models().into_iter().map(|model| model.name).collect();
        EngineError::NotLoaded {
            asked: asked.to_owned(),
            loaded,
        }
    }
}

impl BlockingEngine for BurnEngine {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        Ok(match source.role {
            ModelRole::Generate => self
                .language
                .insert(Language::load(
                    source,
                    &self.device,
                    self.threads,
                    self.exact,
                )?)
                .info
                .clone(),
            ModelRole::Embed => self
                .embedder
                .insert(Embedder::load(source, &self.device)?)
                .info
                .clone(),
        })
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let Some(language) = &mut self.language else {
            return Err(self.not_loaded("generate"));
        };
        let inference = language.stream(request, sink)?;
        if inference.timings.tokens_per_second > 0.0 {
            self.tokens_per_second = Some(inference.timings.tokens_per_second);
        }
        Ok(inference)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        match &self.embedder {
            Some(embedder) => embedder.embed(request),
            None => Err(self.not_loaded("embed")),
        }
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        if self
            .language
            .take_if(|loaded| loaded.info.name == model)
            .is_some()
            || self
                .embedder
                .take_if(|loaded| loaded.info.name == model)
                .is_some()
        {
            return Ok(());
        }
        Err(self.not_loaded(model))
    }

    fn close_session(&mut self, session: &SessionId) {
        if let Some(language) = &mut self.language {
            language.close_session(session);
        }
    }

    fn save_session(&mut self, session: &SessionId) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.language.as_mut().and_then(|it| it.save(session)))
    }

    fn restore_session(&mut self, session: &SessionId, saved: &[u8]) -> Result<u64, EngineError> {
        match &mut self.language {
            Some(language) => language.restore(session, saved),
            None => Err(self.not_loaded("generate")),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "burn".to_owned(),
            context_length: self
                .language
                .as_ref()
                .map_or(0, |model| model.info.context_length),
            streaming: true,
            embedding: self.embedder.as_ref().map(|model| model.info.dimensions),
            embedder: None,
            grammar: true,
            tools: false,
            token_ids: true,
            fine_tuning: false,
            quantisations: Format::ALL.map(|f| f.name().to_owned()).into(),
            batch_size: 1,
            tokens_per_second: self.tokens_per_second,
            memory_bytes: self.models().iter().map(|model| model.memory_bytes).sum(),
            platform: self.device.platform,
            device: self.device.name.clone(),
        }
    }

    fn health(&mut self) -> Health {
        Health {
            state: if self.device.refused.is_some() {
                HealthState::Degraded
            } else {
                HealthState::Ready
            },
            reason: self.device.refused.clone(),
            models: self.models(),
        }
    }
}
