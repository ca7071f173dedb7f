//! The engine contract, the actor that owns a device thread, and the scripted engine.
//!
//! A model is reached through one trait of seven methods ([`Engine`]). It is blocking and `&mut self` on purpose: an
//! engine owns a device, and a device does one thing at a time. [`EngineActor`] gives it a thread, a bounded queue and
//! deadlines; [`EngineHandle`] is what everybody else holds, and it keeps working when a supervisor replaces a crashed
//! engine by a new one. [`ScriptedEngine`] answers without weights; [`conformance`] is what every engine must pass.
//!
//! What is deliberately absent: the name of any agent, Burn, and the choice between engines.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conformance;
pub mod metric;
pub mod models;

mod actor;
mod cancel;
mod device;
mod engine;
mod error;
mod handle;
mod queue;
mod request;
mod scripted;

pub use actor::{EngineActor, EngineConfig, EngineFactory, EngineMessage, EngineState};
pub use cancel::CancelFlag;
pub use engine::{
    Capabilities, Engine, Health, HealthState, ModelInfo, ModelRole, ModelSource, Platform,
    TokenSink,
};
pub use error::EngineError;
pub use handle::{EngineHandle, EngineStatus, TokenStream};
pub use queue::EnginePhase;
pub use request::{
    ChatRole, ChatTurn, EmbedRequest, Embedding, Finish, Grammar, InferRequest, Inference, Prompt,
    Sampling, SessionId, Timings, Token,
};
pub use scripted::{Gate, Script, ScriptedEngine, Scripts};
