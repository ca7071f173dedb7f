//! The Burn engine: language model and embeddings on WGPU or CPU.
//!
//! [`BurnEngine`] implements the contract of `aios-inference`. A request goes `template -> tokenizer -> llama -> sampling
//! (inside a grammar) -> answer`, held together by `language`; `embedder` and `bert` turn texts into vectors. On an adapter
//! everything is Burn tensors (`llama::tensors`); on the processor the language model runs on fused kernels that read
//! quantised weights (`kernel`, `llama::fused`), and embeddings on Burn's own CPU device.
//!
//! What is deliberately absent: queues, deadlines of callers and restarts (the engine actor's), where model files come from
//! (`aios_inference::models`), and training.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod bert;
mod control;
mod device;
mod embedder;
mod engine;
mod error;
mod gguf;
mod grammar;
mod kernel;
mod language;
mod llama;
mod matrix;
mod sampling;
mod session;
mod template;
mod tokenizer;
mod weights;
mod wordpiece;

pub use device::DeviceChoice;
pub use engine::{BurnConfig, BurnEngine};
