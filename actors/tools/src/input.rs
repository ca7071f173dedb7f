//! Reading an input file in the state that is meant.
//!
//! A goal is about one state of its files. [`OnDisk::all`] finds them, [`OnDisk::pin`] reads each once and keeps what was in it, and
//! from there on the file travels with its [`FileState`]: whoever reads it again gets these bytes or is refused.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use aios_work::{ContentHash, FileState, InputFile};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
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

    /// The same for files that are named where they really lie, from the root on: a link that is found on the way was not there when they
    /// were allowed, and is not followed.
    ///
    /// # Errors
    /// As [`OnDisk::all`], and which one lies behind a link.
    fn all_in_place(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, WorkspaceError>;

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
        found(paths, |given| fs::canonicalize(given))
    }

    fn all_in_place(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, WorkspaceError> {
        found(paths, |given| match given.is_absolute() {
            true => Ok(given.to_owned()),
            false => Err(io::ErrorKind::InvalidInput.into()),
        })
    }

    fn pin(&mut self, most: u64) -> Result<(), WorkspaceError> {
        let mut hash = Sha256::new();
        chunks(self, most, &|| Ok(()), |chunk| hash.update(chunk))?;
        self.state.content = Some(ContentHash::from_digest(hash.finalize().into()));
        Ok(())
    }

    fn is_unchanged(&self) -> bool {
        open_in_place(&self.path).is_ok_and(|(_, now)| now.is_told_as(&self.state))
    }
}

/// The files at these paths, each once, wherever they really lie.
fn found(
    paths: &[impl AsRef<Path>],
    lies: impl Fn(&Path) -> io::Result<PathBuf>,
) -> Result<Vec<InputFile>, WorkspaceError> {
    let mut files: Vec<InputFile> = Vec::with_capacity(paths.len());
    for given in paths.iter().map(AsRef::as_ref) {
        let shown = given.display().to_string();
        let path = lies(given).map_err(|error| unreadable(&shown, &error))?;
        let (_, state) = open_in_place(&path).map_err(|error| error.told(&shown))?;
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
            files.push(InputFile {
                name,
                path,
                place,
                state,
            });
        }
    }
    Ok(files)
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
    let (mut file, now) = open_in_place(&input.path).map_err(|error| error.told(&input.name))?;
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

/// Opens a regular file and says what the system tells of it.
fn open(path: &Path) -> Result<(File, FileState), Unopened> {
    opened(rustix::fs::CWD, path)
}

/// The same for a file at the place where it really lies, as a path from the root on: no folder on the way is a link.
fn open_in_place(path: &Path) -> Result<(File, FileState), Unopened> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return open(path);
    };
    if !path.is_absolute() {
        return open(path);
    }
    let folder = folder_in_place(folder, false).map_err(|error| match error {
        Errno::LOOP => Unopened::Irregular(LINK),
        error => Unopened::System(error.into()),
    })?;
    opened(folder.as_fd(), Path::new(name))
}

/// A folder at a path from the root on, and no link on the way: `LOOP` if there is one. Those that are not there are made, if they may be.
pub(crate) fn folder_in_place(path: &Path, makes: bool) -> Result<OwnedFd, Errno> {
    // Nothing is read of those on the way; where the system can say so, not even the right to read them is needed.
    #[cfg(target_os = "linux")]
    const PASSES: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const PASSES: OFlags = OFlags::RDONLY;
    const FOLDER: OFlags = OFlags::DIRECTORY
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC);
    let mut folder = rustix::fs::open("/", PASSES | FOLDER, Mode::empty())?;
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name,
            Component::RootDir => continue,
            // None of these is in the place where something really lies.
            Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                return Err(Errno::INVAL);
            }
        };
        let enters = || rustix::fs::openat(&folder, name, PASSES | FOLDER, Mode::empty());
        folder = match enters() {
            Err(Errno::NOENT) if makes => {
                match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                    // Somebody else may have been a moment faster.
                    Ok(()) | Err(Errno::EXIST) => enters()?,
                    Err(error) => return Err(error),
                }
            }
            // What the system says of a link depends on the system.
            Err(Errno::NOTDIR) if is_link(&folder, name) => return Err(Errno::LOOP),
            entered => entered?,
        };
    }
    Ok(folder)
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

/// What is no regular file is not opened, because opening alone may wait or act.
fn opened(folder: BorrowedFd<'_>, path: &Path) -> Result<(File, FileState), Unopened> {
    let before = rustix::fs::statat(folder, path, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| Unopened::System(error.into()))?;
    regular(FileType::from_raw_mode(before.st_mode))?;
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::LOOP) => return Err(Unopened::Irregular(LINK)),
        Err(error) => return Err(Unopened::System(error.into())),
    };
    let metadata = file.metadata().map_err(Unopened::System)?;
    regular(FileType::from_raw_mode(metadata.mode()))?;
    Ok((file, told(&metadata)))
}

const LINK: &str = "has become a link to another place since the goal began";

fn regular(kind: FileType) -> Result<(), Unopened> {
    Err(Unopened::Irregular(match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => LINK,
        FileType::Directory => "is a folder; name the files in it",
        FileType::Socket => "is a socket, not a file",
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
    fn a_folder_that_has_become_a_link_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["own", "other"] {
            fs::create_dir_all(root.join(name).join("deep")).unwrap();
            fs::write(root.join(name).join("deep/in.csv"), name).unwrap();
        }
        let path = root.join("own/deep/in.csv");
        // A link on the way is followed for whoever may name any path, and for nobody else.
        symlink(root.join("own"), root.join("way")).unwrap();
        let by_link = root.join("way/deep/in.csv");
        assert_eq!(InputFile::all(&[&by_link]).unwrap()[0].path, path);
        for refused in [
            by_link.as_path(),
            Path::new("in.csv"),
            &root.join("own/../own/deep/in.csv"),
        ] {
            assert!(
                InputFile::all_in_place(&[refused]).is_err(),
                "{}",
                refused.display()
            );
        }
        let mut file = InputFile::all_in_place(&[&path]).unwrap().remove(0);
        assert_eq!((file.name.as_str(), &file.path), ("in.csv", &path));
        file.pin(100).unwrap();
        assert_eq!(read(&file).unwrap(), b"own");
        fs::rename(root.join("own"), root.join("away")).unwrap();
        symlink(root.join("other"), root.join("own")).unwrap();
        assert!(read(&file).unwrap_err().contains("has become a link"));
        assert!(!file.is_unchanged());
        let refused = InputFile::all_in_place(&[&path]).unwrap_err().to_string();
        assert!(refused.contains("has become a link"), "{refused}");
        assert!(folder_in_place(&root.join("own/new"), true).is_err());
        assert!(!root.join("other/new").exists());
        folder_in_place(&root.join("fresh/deep"), true).unwrap();
        assert!(root.join("fresh/deep").is_dir());
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
