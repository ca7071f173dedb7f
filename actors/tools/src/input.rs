//! Reading an input file in the state that is meant.
//!
//! A goal is about one state of its files. [`OnDisk::all`] finds them, [`OnDisk::pin`] reads each once and keeps what was in it, and
//! from there on the file travels with its [`FileState`]: whoever reads it again gets these bytes or is refused.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use aios_work::{ContentHash, FileState, InputFile};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::{Check, WorkspaceError};

/// Bytes read between two looks at the clock and the cancel flag.
const CHUNK: usize = 1 << 18;

/// The state that the system tells, without what is in the file.
pub(crate) fn told(metadata: &fs::Metadata) -> FileState {
    FileState {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified_ns: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        content: None,
    }
}

/// What can be done with an input file where it lies.
pub trait OnDisk: Sized {
    /// The files at `paths`, each once, with the state that the system tells now. Links are followed here and never again.
    ///
    /// # Errors
    /// Says which one is no regular file or cannot be read.
    fn all(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, WorkspaceError>;

    /// Reads the file once, at most `most` bytes, and keeps what is in it: from here on these bytes are meant.
    ///
    /// # Errors
    /// When it is too large, cannot be read, or changes meanwhile.
    fn pin(&mut self, most: u64) -> Result<(), WorkspaceError>;

    /// Whether the file still lies there as it was found.
    fn is_unchanged(&self) -> bool;
}

impl OnDisk for InputFile {
    fn all(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, WorkspaceError> {
        let mut files: Vec<Self> = Vec::with_capacity(paths.len());
        for given in paths.iter().map(AsRef::as_ref) {
            let shown = given.display().to_string();
            let path = fs::canonicalize(given).map_err(|error| unreadable(&shown, &error))?;
            let (_, state) = open(&path).map_err(|error| error.told(&shown))?;
            let name = file_name(given)
                .or_else(|| file_name(&path))
                .unwrap_or_else(|| shown.clone());
            let name = if files.iter().any(|file| file.name == name) {
                shown
            } else {
                name
            };
            if !files.iter().any(|file| file.path == path) {
                let place = place(given).unwrap_or_else(|| path.clone());
                files.push(Self {
                    name,
                    path,
                    place,
                    state,
                });
            }
        }
        Ok(files)
    }

    fn pin(&mut self, most: u64) -> Result<(), WorkspaceError> {
        let mut hash = Sha256::new();
        chunks(self, most, &|| Ok(()), |chunk| hash.update(chunk))?;
        self.state.content = Some(ContentHash::from_digest(hash.finalize().into()));
        Ok(())
    }

    fn is_unchanged(&self) -> bool {
        open(&self.path).is_ok_and(|(_, now)| now.is_told_as(&self.state))
    }
}

/// All its bytes in the state that is meant; `held` is room for them.
pub(crate) fn read(
    input: &InputFile,
    most: u64,
    check: Check<'_>,
    held: &mut Vec<u8>,
) -> Result<(), WorkspaceError> {
    chunks(input, most, check, |chunk| held.extend_from_slice(chunk))
}

/// Gives its bytes piece by piece. An error at the end means that they were not those of the state.
fn chunks(
    input: &InputFile,
    most: u64,
    check: Check<'_>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), WorkspaceError> {
    let (mut file, now) = open(&input.path).map_err(|error| error.told(&input.name))?;
    let changed = |how: &str| WorkspaceError::Changed {
        file: input.name.clone(),
        problem: how.to_owned(),
    };
    let known = input.state.content;
    if known.is_none() && !now.is_told_as(&input.state) {
        return Err(changed("is not the file that it was when the goal began"));
    }
    if now.length != input.state.length {
        return Err(changed("has another length than when the goal began"));
    }
    if now.length > most {
        return Err(WorkspaceError::TooLarge {
            file: input.name.clone(),
            asked: now.length,
            allowed: most,
        });
    }
    let mut hash = known.map(|_| Sha256::new());
    let mut chunk = vec![0; CHUNK.min(usize::try_from(now.length).unwrap_or(CHUNK) + 1)];
    let mut read = 0_u64;
    loop {
        check()?;
        let part = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(part) => chunk.get(..part).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&input.name, &error)),
        };
        read += part.len() as u64;
        // A file that grows is not followed.
        if read > now.length {
            return Err(changed("has grown while it was read"));
        }
        if let Some(hash) = &mut hash {
            hash.update(part);
        }
        take(part);
    }
    if read < now.length {
        return Err(changed("has shrunk while it was read"));
    }
    let found = hash.map(|hash| ContentHash::from_digest(hash.finalize().into()));
    let still = match known {
        Some(_) => found == known,
        None => file
            .metadata()
            .is_ok_and(|metadata| told(&metadata).is_told_as(&input.state)),
    };
    if still {
        Ok(())
    } else {
        Err(changed("holds something else than when the goal began"))
    }
}

/// The bytes of a regular file that is expected to be there: links are not followed, and neither a pipe nor a device is waited for.
///
/// # Errors
/// Whatever the system says; `InvalidData` for what is no file or has more than `most` bytes.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, state) = open(path).map_err(|error| match error {
        Unopened::Irregular(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
        Unopened::System(error) => error,
    })?;
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, "it is too large");
    if state.length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Why a file was not opened.
enum Unopened {
    Irregular(&'static str),
    System(io::Error),
}

impl Unopened {
    fn told(self, shown: &str) -> WorkspaceError {
        match self {
            Self::Irregular(problem) => WorkspaceError::Unreadable {
                file: shown.to_owned(),
                problem: problem.to_owned(),
            },
            Self::System(error) => unreadable(shown, &error),
        }
    }
}

/// Opens a regular file and says what the system tells of it. What is none is not opened, because opening alone may wait or act.
fn open(path: &Path) -> Result<(File, FileState), Unopened> {
    let before = fs::symlink_metadata(path).map_err(Unopened::System)?;
    regular(&before)?;
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::LOOP) => return Err(Unopened::Irregular(LINK)),
        Err(error) => return Err(Unopened::System(error.into())),
    };
    let metadata = file.metadata().map_err(Unopened::System)?;
    regular(&metadata)?;
    Ok((file, told(&metadata)))
}

const LINK: &str = "has become a link to another place since the goal began";

fn regular(metadata: &fs::Metadata) -> Result<(), Unopened> {
    Err(Unopened::Irregular(match metadata.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_symlink() => LINK,
        kind if kind.is_dir() => "is a folder; name the files in it",
        kind if kind.is_socket() => "is a socket, not a file",
        _ => "is a device or pipe, not a file",
    }))
}

pub(crate) fn file_name(path: &Path) -> Option<String> {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
}

/// The folder's real place and the name in it: where an entry of a folder lies, itself not followed.
pub(crate) fn place(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Some(fs::canonicalize(folder).ok()?.join(name))
}

fn unreadable(shown: &str, error: &io::Error) -> WorkspaceError {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read: permission denied".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    WorkspaceError::Unreadable {
        file: shown.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(file: &InputFile) -> Result<Vec<u8>, String> {
        let mut held = Vec::new();
        let outcome = super::read(file, 1_000, &|| Ok(()), &mut held);
        outcome.map(|()| held).map_err(|error| error.to_string())
    }

    /// What happens to a file after the goal has begun, and what a reader is told if it has become another.
    #[test]
    fn a_file_is_read_in_the_state_that_was_meant_or_not_at_all() {
        type Change = fn(&Path);
        let other = |path: &Path| path.with_file_name("other");
        let table: [(&str, Change, Option<&str>); 8] = [
            ("nothing", |_| {}, None),
            (
                "written in place, as long as before",
                |path| fs::write(path, "a,b\n1,3\n").unwrap(),
                Some("holds something else than when the goal began"),
            ),
            (
                "grown",
                |path| fs::write(path, "a,b\n1,2\n3,4\n").unwrap(),
                Some("has another length than when the goal began"),
            ),
            (
                "replaced by a rename",
                |path| fs::rename(path.with_file_name("other"), path).unwrap(),
                Some("holds something else than when the goal began"),
            ),
            (
                "replaced by the same",
                |path| {
                    fs::remove_file(path).unwrap();
                    fs::write(path, "a,b\n1,2\n").unwrap();
                },
                None,
            ),
            (
                "a link to another file",
                |path| {
                    fs::remove_file(path).unwrap();
                    symlink(path.with_file_name("other"), path).unwrap();
                },
                Some(LINK),
            ),
            (
                "gone",
                |path| fs::remove_file(path).unwrap(),
                Some("does not exist"),
            ),
            (
                "a folder",
                |path| {
                    fs::remove_file(path).unwrap();
                    fs::create_dir(path).unwrap();
                },
                Some("is a folder; name the files in it"),
            ),
        ];
        for (what, change, refused) in table {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("in.csv");
            fs::write(&path, "a,b\n1,2\n").unwrap();
            fs::write(other(&path), "a,b\n1,9\n").unwrap();
            let mut file = InputFile::all(&[&path]).unwrap().remove(0);
            file.pin(1_000).unwrap();
            change(&path);
            let found = read(&file);
            match refused {
                None => assert_eq!(found.unwrap(), b"a,b\n1,2\n", "{what}"),
                Some(says) => {
                    let told = found.unwrap_err();
                    assert!(told.contains(&format!("in.csv {says}")), "{what}: {told}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let socket = dir.path().join("socket");
        let _open = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = dir.path().join("link");
        symlink(&pipe, &link).unwrap();
        for path in [&pipe, &socket, &link, &PathBuf::from("/dev/zero")] {
            let says = InputFile::all(&[path]).unwrap_err().to_string();
            assert!(
                says.ends_with(", not a file") || says.ends_with("is a socket, not a file"),
                "{says}"
            );
            assert!(read_regular(path, 10).is_err(), "{}", path.display());
        }
        // A pipe that takes the place of a file is not waited for either.
        let path = dir.path().join("in.csv");
        fs::write(&path, "a").unwrap();
        let file = InputFile::all(&[&path]).unwrap().remove(0);
        fs::rename(&pipe, &path).unwrap();
        assert!(read(&file).unwrap_err().contains("pipe"));
    }

    #[test]
    fn a_regular_file_is_read_up_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chart.svg");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert!(read_regular(&path, 4).is_err());
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read_regular(&link, 5).is_err());
    }

    #[test]
    fn a_state_travels_as_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.csv");
        fs::write(&path, "abc").unwrap();
        let mut file = InputFile::all(&[&path]).unwrap().remove(0);
        file.pin(3).unwrap();
        let told = serde_json::to_string(&file).unwrap();
        assert!(told.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        assert_eq!(serde_json::from_str::<InputFile>(&told).unwrap(), file);
        let broken = told.replace("ba7816bf", "zz7816bf");
        assert!(serde_json::from_str::<InputFile>(&broken).is_err());
    }
}
