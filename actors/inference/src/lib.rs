//! The engine contract, engines near and far, and the scripted engine.
//!
//! A model is reached through one async contract ([`Engine`]: [`Generate`], [`Embed`] and their life). [`EngineHandle`] is
//! what everybody holds, and it keeps working when an engine is replaced. [`LocalEngine`] puts a device that blocks and does
//! one thing at a time ([`BlockingEngine`]) behind the contract; `remote` (a feature) holds engines behind somebody's HTTP server;
//! [`ScriptedEngine`] answers without weights; [`conformance`] is what every engine must pass.
//!
//! What is deliberately absent: the name of any agent, and Burn.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conformance;
pub mod metric;
pub mod models;
#[cfg(feature = "remote")]
pub mod remote;
pub mod router;

mod cancel;
mod chat;
mod engine;
mod error;
mod handle;
mod local;
mod meter;
mod request;
mod scripted;
mod status;

pub use cancel::CancelFlag;
pub use chat::{ChatRole, ChatTurn, Prompt, ToolCall, ToolDefinition};
pub use engine::{
    BlockingEngine, Capabilities, Embed, Engine, EngineFactory, Generate, Health, HealthState,
    ModelInfo, ModelRole, ModelSource, Platform, TokenSink,
};
pub use error::EngineError;
pub use handle::{CallLimits, EngineHandle, TokenStream};
pub use local::{EngineActor, EngineConfig, EngineMessage, EngineState, LocalEngine};
pub use request::{
    EmbedRequest, Embedding, Finish, Grammar, InferRequest, Inference, Purpose, Routed, Sampling,
    Served, SessionId, Timings, Token, Usage,
};
pub use scripted::{Gate, Script, ScriptedEngine, Scripts};
pub use status::{EnginePhase, EngineStatus};
