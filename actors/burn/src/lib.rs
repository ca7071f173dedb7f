//! The Burn engine: language model and embeddings on WGPU or CPU.
//!
//! [`BurnEngine`] implements the contract of `aios-inference`. A request goes `template -> tokenizer -> decoder -> sampling
//! (inside a grammar) -> answer`, held together by `language`; `embedder` and `bert` turn texts into vectors. On an adapter
//! everything is Burn tensors (`decoder::tensors`); on the processor the language model runs on fused kernels that read
//! quantised weights (`kernel`, `decoder::fused`), and embeddings on Burn's own CPU device.
//!
//! What is deliberately absent: queues, deadlines of callers and restarts (the engine actor's), where model files come from
//! (`aios_inference::models`), and training.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// Without a device files are read and checked, and the processor's own kernels compute; only the engine is missing.
#![cfg_attr(not(feature = "device"), allow(dead_code))]

#[cfg(feature = "device")]
mod answer;
#[cfg(feature = "device")]
mod bert;
mod control;
mod decoder;
#[cfg(feature = "device")]
mod device;
#[cfg(feature = "device")]
mod devices;
#[cfg(feature = "device")]
mod embedder;
#[cfg(feature = "device")]
mod engine;
mod error;
mod folder;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gguf;
#[cfg(feature = "device")]
mod grammar;
mod kernel;
#[cfg(feature = "device")]
mod language;
mod matrix;
#[cfg(feature = "device")]
mod sampling;
#[cfg(feature = "device")]
mod saved;
#[cfg(feature = "device")]
mod session;
mod store;
mod template;
mod tokenizer;
mod weights;
mod wordpiece;

#[cfg(feature = "device")]
pub use device::DeviceChoice;
#[cfg(feature = "device")]
pub use devices::{DeviceReport, devices};
#[cfg(feature = "device")]
pub use engine::{BurnConfig, BurnEngine};
