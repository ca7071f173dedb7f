//! Where model files are kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::ModelSource;
use crate::models::{PinnedFile, PinnedModel};

/// No folder to keep models in can be derived from the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no cache folder: neither AIOS_CACHE nor a home folder is set; set AIOS_CACHE to a folder with 300 MB of room"
)]
pub struct NoCacheFolder;

/// The folder that holds fetched models; it can be deleted at any time at the price of fetching again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// A cache in a given folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The user's cache: `AIOS_CACHE`, else `aios` in the XDG cache folder (`Library/Caches` on macOS).
    pub fn of_user() -> Result<Self, NoCacheFolder> {
        Self::from_env(&|name| std::env::var_os(name), cfg!(target_os = "macos"))
    }

    /// The same rule over a given environment.
    pub fn from_env(
        env: &dyn Fn(&str) -> Option<OsString>,
        macos: bool,
    ) -> Result<Self, NoCacheFolder> {
        let folder = |name| {
            env(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = folder("AIOS_CACHE")
            // XDG: a relative path is to be ignored.
            .or_else(|| {
                folder("XDG_CACHE_HOME")
                    .filter(|path| !macos && path.is_absolute())
                    .map(|path| path.join("aios"))
            })
            .or_else(|| {
                let below = if macos {
                    "Library/Caches/aios"
                } else {
                    ".cache/aios"
                };
                folder("HOME").map(|home| home.join(below))
            })
            .ok_or(NoCacheFolder)?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file lies, or would.
    pub fn file(&self, file: &PinnedFile) -> PathBuf {
        self.root.join(file.path)
    }

    /// What an engine opens for a model, whether or not it is there yet.
    pub fn source(&self, model: &PinnedModel) -> ModelSource {
        ModelSource {
            name: model.name.to_owned(),
            role: model.role,
            path: self.root.join(model.path),
        }
    }

    /// Whether all files are there with the right length. The hash is checked by fetching.
    pub fn holds(&self, model: &PinnedModel) -> bool {
        model.files.iter().all(|file| {
            self.file(file)
                .metadata()
                .is_ok_and(|found| found.len() == file.bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_the_environment_and_the_system() {
        for (set, macos, expected) in [
            (
                &[
                    ("AIOS_CACHE", "/a"),
                    ("XDG_CACHE_HOME", "/x"),
                    ("HOME", "/h"),
                ][..],
                false,
                Some("/a"),
            ),
            (&[("AIOS_CACHE", "/a"), ("HOME", "/h")], true, Some("/a")),
            (
                &[("AIOS_CACHE", ""), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")],
                false,
                Some("/x/aios"),
            ),
            (
                &[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")],
                false,
                Some("/h/.cache/aios"),
            ),
            (
                &[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")],
                true,
                Some("/h/Library/Caches/aios"),
            ),
            (&[("HOME", "/h")], false, Some("/h/.cache/aios")),
            (&[("HOME", "")], false, None),
            (&[], true, None),
        ] {
            let env = |name: &str| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| OsString::from(value))
            };
            let cache = Cache::from_env(&env, macos);
            assert_eq!(
                cache,
                expected.map(Cache::at).ok_or(NoCacheFolder),
                "{set:?}"
            );
        }
    }
}
