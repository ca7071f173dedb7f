//! The one contract through which a model is reached: [`Generate`] and [`Embed`], and the life around them, [`Engine`].
//!
//! It is async and takes calls side by side. What can do one thing at a time, and blocks while it does, is a
//! [`BlockingEngine`], which [`LocalEngine`](crate::LocalEngine) puts behind the contract with a thread and a bounded
//! queue.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    EmbedRequest, Embedding, EngineError, EngineStatus, InferRequest, Inference, SessionId, Token,
};

/// Receives tokens as they are made; `Break` ends the generation as [`Finish::Cancelled`](crate::Finish::Cancelled).
pub type TokenSink<'a> = dyn FnMut(&Token) -> ControlFlow<()> + Send + 'a;

/// Writes text. Calls may be made side by side; an engine that runs fewer at once lets the others wait in a bounded
/// queue of its own.
///
/// An engine answers by [`InferRequest::deadline`] and soon after [`InferRequest::cancel`] is raised. A call that is
/// dropped is called off.
#[async_trait]
pub trait Generate: Send + Sync {
    /// Generates an answer. The same request with greedy sampling gives the same answer, as far as the engine can
    /// promise it.
    async fn infer(&self, request: InferRequest) -> Result<Inference, EngineError> {
        self.stream(request, &mut |_| ControlFlow::Continue(()))
            .await
    }

    /// Generates an answer and hands out each token as it is made; returns what [`infer`](Self::infer) would. The texts
    /// that were handed out, joined, are the answer.
    async fn stream(
        &self,
        request: InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError>;
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embed: Send + Sync {
    /// One vector of length 1 for each text, all of the same dimension. Fails rather than leave a text out; of a text
    /// that is longer than it can read it takes the start, and says how much.
    async fn embed(&self, request: EmbedRequest) -> Result<Vec<Embedding>, EngineError>;
}

/// An engine: what writes and embeds, with its life. The seven methods are those of the two traits and the four here.
#[async_trait]
pub trait Engine: Generate + Embed {
    /// Loads a model, or replaces the loaded one of the same role.
    async fn load_model(&self, source: ModelSource) -> Result<ModelInfo, EngineError>;

    /// Frees a model by name. An unknown name is [`EngineError::NotLoaded`].
    async fn unload(&self, model: &str) -> Result<(), EngineError>;

    /// What this engine can do with what is loaded now; waits while it is being built for the first time.
    async fn capabilities(&self) -> Result<Capabilities, EngineError>;

    /// Whether it works, and what is loaded.
    async fn health(&self) -> Result<Health, EngineError>;

    /// What would make a plan now, and how it is. For what is private nobody elsewhere is asked, not even how it is.
    async fn planner(&self, _private: bool) -> Result<(Capabilities, Health), EngineError> {
        Ok((self.capabilities().await?, self.health().await?))
    }

    /// Ends a session: what is remembered for it is overwritten, at the latest before the next call runs. An unknown session is no error.
    /// Never waits.
    fn close_session(&self, _session: &SessionId) {}

    /// What it is doing right now; never waits.
    fn status(&self) -> EngineStatus;

    /// What a thousand tokens of a call may cost, in millionths, at least and at most, where it has prices. Never waits.
    fn prices(&self) -> Option<[u64; 2]> {
        None
    }

    /// Waits until it can take calls. Fails as soon as it is known that it cannot.
    async fn ready(&self, _within: Duration) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Builds a device with its models. Called on the device thread, once for each incarnation.
pub type EngineFactory =
    Arc<dyn Fn() -> Result<Box<dyn BlockingEngine>, EngineError> + Send + Sync>;

/// A model runner that owns a device: it does one thing at a time, on the thread that calls it.
///
/// It checks [`InferRequest::interrupted`] between two tokens. A request it cannot run is an error; a panic is a bug, and
/// costs the whole engine, as do [`EngineError::Device`] and [`EngineError::Lost`].
pub trait BlockingEngine: Send {
    /// Loads a model, or replaces the loaded one of the same role.
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError>;

    /// Generates an answer. The same request with greedy sampling gives the same answer.
    fn infer(&mut self, request: &InferRequest) -> Result<Inference, EngineError> {
        self.stream(request, &mut |_| ControlFlow::Continue(()))
    }

    /// Generates an answer and hands out each token as it is made; returns what [`infer`](Self::infer) would.
    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError>;

    /// As [`Embed::embed`].
    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError>;

    /// Frees a model by name. An unknown name is [`EngineError::NotLoaded`].
    fn unload(&mut self, model: &str) -> Result<(), EngineError>;

    /// Ends a session: what is remembered for it is overwritten. An unknown session is no error.
    fn close_session(&mut self, _session: &SessionId) {}

    /// What an engine with the same model needs to go on with a session without reading its prompt again. None where nothing is
    /// remembered of it, or where that cannot be taken off the device.
    fn save_session(&mut self, _session: &SessionId) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(None)
    }

    /// Takes up what [`save_session`](Self::save_session) gave, in another engine or in this one; how many tokens it remembers now.
    /// What is not whole, not of this model or not of these settings is refused, and then the prompt is read as if nothing had been
    /// saved.
    fn restore_session(&mut self, _session: &SessionId, _saved: &[u8]) -> Result<u64, EngineError> {
        Err(EngineError::Unsupported {
            what: "sessions that were saved".into(),
        })
    }

    /// What this engine can do with what is loaded now.
    fn capabilities(&self) -> Capabilities;

    /// Whether it works, and what is loaded.
    fn health(&mut self) -> Health;

    /// How often it is asked whether it is still there while nobody calls it; never, where it cannot go by itself.
    fn pulse(&self) -> Option<Duration> {
        None
    }

    /// Nobody has asked for anything since the last pulse. What is better done now than before a call is done here, and soon over. As
    /// for [`check`](Self::check), an error costs the engine and no call.
    fn idle(&mut self) -> Result<(), EngineError> {
        self.check()
    }

    /// Whether it is still there; asked before each call, too. An error costs the engine and no call: those that wait are
    /// the next one's.
    fn check(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelRole {
    /// It writes text.
    Generate,
    /// It turns text into vectors.
    Embed,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSource {
    /// The name it is known by from now on.
    pub name: String,
    /// What it is for.
    pub role: ModelRole,
    /// The model file, or the folder that holds its files.
    pub path: PathBuf,
}

/// A loaded model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: ModelRole,
    /// How its weights are stored, such as `Q4_1` or `F32`.
    pub quantisation: String,
    /// Number of weights.
    pub parameters: u64,
    /// Tokens it can attend to.
    pub context_length: u32,
    /// Length of its vectors: hidden size, or embedding dimension.
    pub dimensions: u32,
    /// Bytes it holds while loaded.
    pub memory_bytes: u64,
}

/// What an engine runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Metal on Apple Silicon.
    AppleSilicon,
    /// An NVIDIA GPU through CUDA.
    Cuda,
    /// An AMD GPU through ROCm.
    Rocm,
    /// Any other GPU, through Vulkan or DirectX.
    Gpu,
    /// The processor.
    Cpu,
    /// Whatever a server on this machine has.
    Server,
    /// Somebody else's machine.
    Cloud,
}

/// What an engine can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The engine's name, such as `burn` or `scripted`.
    pub name: String,
    /// Tokens its generating model can attend to; 0 without one.
    pub context_length: u32,
    /// Tokens come as they are made.
    pub streaming: bool,
    /// Dimension of its embeddings, if it embeds.
    pub embedding: Option<u32>,
    /// What embeds, where that is not the engine itself: vectors of two embedders are never compared.
    pub embedder: Option<String>,
    /// Grammars are obeyed.
    pub grammar: bool,
    /// The model can ask for tools.
    pub tools: bool,
    /// Token ids and logits are told; what runs elsewhere tells text alone.
    pub token_ids: bool,
    /// Adapters can be trained.
    pub fine_tuning: bool,
    /// Quantisations it can load.
    pub quantisations: Vec<String>,
    /// Requests it runs side by side.
    pub batch_size: u32,
    /// New tokens per second as last measured, if ever.
    pub tokens_per_second: Option<f64>,
    /// Bytes held by loaded models.
    pub memory_bytes: u64,
    /// What it runs on.
    pub platform: Platform,
    /// The device as it calls itself.
    pub device: String,
}

/// How well an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It works as promised.
    Ready,
    /// It works, but on a fallback or with a part missing.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// An engine's account of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How well it is.
    pub state: HealthState,
    /// Why, where it is not ready.
    pub reason: Option<String>,
    /// The models it holds.
    pub models: Vec<ModelInfo>,
}
