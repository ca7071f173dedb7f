//! The Burn engine: language model and embeddings on WGPU or CPU.
