//! The walls of a goal: which files may be read, which folder may be written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use aios_work::{FileState, InputFile};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::input::{self, file_name, place, told};
use crate::{Check, Memory, OnDisk, Reserved, WorkspaceError};

/// What a tool may touch: the goal's input files and one output folder, and how much it may hold meanwhile.
///
/// An input is read in the state it had when the goal began, or not at all. Writing goes through a file of a temporary name that is
/// renamed when it is whole and, unless it can be made again, on disk: whoever looks finds the old file, the new one, or none. The folder is opened once and never
/// through a link, and nothing that is written takes the place of an input.
#[derive(Clone, Debug)]
pub struct Workspace {
    inputs: Vec<InputFile>,
    out_dir: PathBuf,
    limits: Limits,
    memory: Memory,
    /// See [`Workspace::in_place`].
    in_place: bool,
}

/// How much is read, held and returned. Each number is the most one call may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an input file.
    pub file_bytes: u64,
    /// Bytes of a text file that is read as a whole.
    pub text_bytes: u64,
    /// Bytes of what a call gives back, written as JSON: it travels in one message, beside what is said of it.
    pub result_bytes: usize,
    /// Bytes that the calls of one goal may hold together, whichever of them hold it.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 128 << 20,
            text_bytes: 16 << 20,
            result_bytes: 400 << 10,
            memory_bytes: 1 << 30,
        }
    }
}

impl Workspace {
    /// Walls around `inputs` and `out_dir`. Every input must be a regular file; the folder is made when first written to.
    pub fn new(
        inputs: &[impl AsRef<Path>],
        out_dir: impl AsRef<Path>,
    ) -> Result<Self, WorkspaceError> {
        Ok(Self::of(InputFile::all(inputs)?, out_dir))
    }

    /// Walls around files in a state that is known already.
    pub fn of(inputs: Vec<InputFile>, out_dir: impl AsRef<Path>) -> Self {
        let limits = Limits::default();
        Self {
            inputs,
            out_dir: out_dir.as_ref().to_path_buf(),
            memory: Memory::of(limits.memory_bytes),
            limits,
            in_place: false,
        }
    }

    /// The same walls, and the output folder is named where it really lies, from the root on: a link that is found on the way was not there
    /// when it was allowed, and nothing is written behind it. One that is not named from the root on is as it was.
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// The same walls with other limits, and with memory of its own.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.memory = Memory::of(limits.memory_bytes);
        self.limits = limits;
        self
    }

    /// The same walls with memory that others share.
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The files that may be read.
    pub fn inputs(&self) -> &[InputFile] {
        &self.inputs
    }

    /// The folder that may be written.
    pub fn out_dir(&self) -> &Path {
        &self.out_dir
    }

    /// The limits of one call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What may be held.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The input file that `asked` names: by its name, or by a path that leads to it.
    pub fn input(&self, asked: &str) -> Result<&InputFile, WorkspaceError> {
        let by_name = self.inputs.iter().find(|file| file.name == asked);
        let by_path = || {
            let path = fs::canonicalize(asked).ok()?;
            self.inputs.iter().find(|file| file.path == path)
        };
        by_name.or_else(by_path).ok_or_else(|| {
            let names: Vec<&str> = self.inputs.iter().map(|file| file.name.as_str()).collect();
            let allowed = if names.is_empty() {
                "it has none".to_owned()
            } else {
                names.join(", ")
            };
            WorkspaceError::NotAnInput {
                file: asked.to_owned(),
                allowed,
            }
        })
    }

    /// The regular file `name` that lies in the output folder now, as it is now; links are not followed.
    pub fn written(&self, name: &str) -> Option<InputFile> {
        let path = self.out_dir.join(name);
        if !self.is_inside(&path, name) || !is_folder(&self.out_dir) {
            return None;
        }
        let metadata = fs::symlink_metadata(&path).ok()?;
        metadata.is_file().then(|| InputFile {
            name: name.to_owned(),
            place: place(&path).unwrap_or_else(|| path.clone()),
            path,
            state: told(&metadata),
        })
    }

    /// The regular files in the output folder now, by name, at most `most` of them, and whether there are more. What is being written has
    /// no name yet, and names that are no text cannot be asked for.
    pub fn all_written(&self, most: usize) -> (Vec<InputFile>, bool) {
        let is_one = |name: &String| !name.starts_with('.');
        let names = fs::read_dir(&self.out_dir)
            .ok()
            .filter(|_| is_folder(&self.out_dir))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(is_one);
        let mut files: Vec<InputFile> = names
            .filter_map(|name| self.written(&name))
            .take(most.saturating_add(1))
            .collect();
        let more = files.len() > most;
        files.truncate(most);
        files.sort_by(|one, other| one.name.cmp(&other.name));
        (files, more)
    }

    /// Whether `path` is that of a file called `name` directly in the output folder.
    fn is_inside(&self, path: &Path, name: &str) -> bool {
        path.parent() == Some(self.out_dir.as_path()) && file_name(path).as_deref() == Some(name)
    }

    /// Whether the output folder can come into being and take a file, asked before work is done that would be lost. Leaves nothing behind.
    pub fn check_writable(&self) -> Result<(), WorkspaceError> {
        let fail = |error: io::Error| WorkspaceError::Unwritable {
            path: self.out_dir.clone(),
            problem: problem(&error),
        };
        // The nearest folder there is; what is below it is made when the first file is written.
        let relative = Path::new(".");
        let nearest = self
            .out_dir
            .ancestors()
            .map(|folder| {
                if folder.as_os_str().is_empty() {
                    relative
                } else {
                    folder
                }
            })
            .find(|folder| folder.symlink_metadata().is_ok())
            .unwrap_or(relative);
        if !fs::metadata(nearest).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        tempfile::tempfile_in(nearest).map(drop).map_err(fail)
    }

    /// The whole content of an input file of at most `most` bytes, and the room that was set aside for it before it was read.
    ///
    /// # Errors
    /// When it is too large, changed, cannot be read, or there is no room for it.
    pub fn read(
        &self,
        input: &InputFile,
        most: u64,
        memory: &Memory,
        check: Check<'_>,
    ) -> Result<(Vec<u8>, Reserved), WorkspaceError> {
        let length = input.state.length;
        if length > most {
            return Err(WorkspaceError::TooLarge {
                file: input.name.clone(),
                asked: length,
                allowed: most,
            });
        }
        let reserved = memory.reserve(&input.name, length)?;
        let mut bytes = Vec::new();
        // Refused rather than aborted where the system itself has no more.
        let room = usize::try_from(length).unwrap_or(usize::MAX);
        bytes
            .try_reserve_exact(room)
            .map_err(|_| memory.exhausted(&input.name, length))?;
        input::read(input, most, check, &mut bytes)?;
        Ok((bytes, reserved))
    }

    /// Whether the file `name` may be written without taking an input's place.
    ///
    /// # Errors
    /// Names the input that would be lost.
    pub fn spares_inputs(&self, name: &str) -> Result<(), WorkspaceError> {
        let target = self.out_dir.join(name);
        let found =
            |metadata: io::Result<fs::Metadata>| metadata.ok().map(|metadata| told(&metadata));
        // Itself, and where it leads if it is a link.
        let there: Vec<FileState> = [fs::symlink_metadata(&target), fs::metadata(&target)]
            .into_iter()
            .filter_map(found)
            .collect();
        let entry = place(&target);
        let lost = self.inputs.iter().find(|input| {
            let paths = [&input.path, &input.place];
            let by_name = paths.iter().any(|path| entry.as_ref() == Some(path));
            // As it was, and whatever lies in its places now.
            let states = paths
                .iter()
                .filter_map(|path| found(fs::symlink_metadata(path)))
                .chain([input.state]);
            by_name
                || states
                    .into_iter()
                    .any(|state| there.iter().any(|other| other.is_same_file(&state)))
        });
        match lost {
            None => Ok(()),
            Some(input) => Err(WorkspaceError::ReplacesInput {
                path: target,
                input: input.name.clone(),
            }),
        }
    }

    /// Writes `content` as the file `name` in the output folder, all or nothing; an older file of that name is replaced, unless it is an
    /// input.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, WorkspaceError> {
        let (target, folder) = self.place_for(name)?;
        let write = || {
            let mut writing = Writing::begin(&folder)?;
            writing.file.write_all(content)?;
            writing.file.sync_all()?;
            writing.finish(name)?;
            Ok(rustix::fs::fsync(&folder)?)
        };
        write().map_err(|error| unwritable(&target, &problem(&error)))?;
        Ok(target)
    }

    /// The same for a file that can be made again from what is on record: whoever looks finds the whole of it at once, and that it is on
    /// disk is for whoever waits for [`Unsynced::sync`]. A machine that loses its power before that may be left with an empty file.
    pub fn show(&self, name: &str, content: &[u8]) -> Result<Unsynced, WorkspaceError> {
        let (path, folder) = self.place_for(name)?;
        let show = || {
            let mut writing = Writing::begin(&folder)?;
            writing.file.write_all(content)?;
            let file = writing.file.try_clone()?;
            writing.finish(name)?;
            Ok(file)
        };
        match show() {
            Ok(file) => Ok(Unsynced { path, file, folder }),
            Err(error) => Err(unwritable(&path, &problem(&error))),
        }
    }

    /// Where the file `name` goes, and the folder that it goes to, which is made if it is not there.
    fn place_for(&self, name: &str) -> Result<(PathBuf, OwnedFd), WorkspaceError> {
        let target = self.out_dir.join(name);
        let refuse = |problem: &str| unwritable(&target, problem);
        let fail = |error: io::Error| refuse(&problem(&error));
        if self.out_dir.as_os_str().is_empty() {
            return Err(refuse("there is no output folder"));
        }
        if !self.is_inside(&target, name) {
            return Err(refuse("it is not directly in the output folder"));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // A way that leads back up is as its owner wrote it, and was never looked at for links.
        let is_place = self.out_dir.is_absolute()
            && self
                .out_dir
                .components()
                .all(|part| part != Component::ParentDir);
        if self.in_place && is_place {
            let folder = input::folder_in_place(&self.out_dir, true);
            let opened =
                folder.and_then(|folder| rustix::fs::openat(folder, ".", flags, Mode::empty()));
            let folder = opened.map_err(|error| match error {
                Errno::LOOP => {
                    refuse("a link lies on the way to the output folder; name where it leads to")
                }
                error => fail(error.into()),
            })?;
            self.spares_inputs(name)?;
            return Ok((target, folder));
        }
        fs::create_dir_all(&self.out_dir).map_err(fail)?;
        self.spares_inputs(name)?;
        let folder = match rustix::fs::open(&self.out_dir, flags, Mode::empty()) {
            Ok(folder) => folder,
            // What the system says of a link depends on the system.
            Err(Errno::LOOP | Errno::NOTDIR) if self.out_dir.is_symlink() => {
                return Err(refuse(
                    "the output folder is a link; remove it or name the folder it leads to",
                ));
            }
            Err(error) => return Err(fail(error.into())),
        };
        Ok((target, folder))
    }
}

/// A file that is written and may not be on disk yet.
#[derive(Debug)]
pub struct Unsynced {
    /// Where it lies.
    pub path: PathBuf,
    file: File,
    folder: OwnedFd,
}

impl Unsynced {
    /// Waits until it is on disk, which may take milliseconds: not on an async thread.
    pub fn sync(self) -> Result<(), WorkspaceError> {
        let synced = self.file.sync_all();
        synced
            .and_then(|()| Ok(rustix::fs::fsync(&self.folder)?))
            .map_err(|error| unwritable(&self.path, &problem(&error)))
    }
}

pub(crate) fn unwritable(path: &Path, problem: &str) -> WorkspaceError {
    WorkspaceError::Unwritable {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

/// A folder itself, not a link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// A file that has no name yet. Dropped before it is finished, it is removed.
pub(crate) struct Writing<'f> {
    folder: &'f OwnedFd,
    pub(crate) file: File,
    name: Option<String>,
}

impl<'f> Writing<'f> {
    /// An artefact is as readable as the user's umask allows.
    fn begin(folder: &'f OwnedFd) -> io::Result<Self> {
        Self::begin_as(folder, Mode::from_raw_mode(0o666))
    }

    pub(crate) fn begin_as(folder: &'f OwnedFd, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let start = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.subsec_nanos());
        for attempt in 0..1_000_u32 {
            let unique = start.wrapping_add(attempt.wrapping_mul(7_919));
            let name = format!(".writing-{}-{unique:08x}.tmp", std::process::id());
            match rustix::fs::openat(folder, name.as_str(), flags, mode) {
                Ok(descriptor) => {
                    return Ok(Self {
                        folder,
                        file: File::from(descriptor),
                        name: Some(name),
                    });
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Gives it its name, and with that takes the place of an older file.
    pub(crate) fn finish(mut self, name: &str) -> io::Result<()> {
        if let Some(writing) = &self.name {
            rustix::fs::renameat(self.folder, writing.as_str(), self.folder, name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = rustix::fs::unlinkat(self.folder, name.as_str(), AtFlags::empty());
        }
    }
}

pub(crate) fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file is where the output folder should be".to_owned()
        }
        io::ErrorKind::NotFound => "the output folder cannot be made there".to_owned(),
        io::ErrorKind::IsADirectory => "a folder of that name is in the way".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use aios_work::Stopped;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn go_on() -> Result<(), Stopped> {
        Ok(())
    }

    #[test]
    fn only_the_input_files_are_readable() {
        let dir = folder();
        let (inside, secret) = (dir.path().join("in.csv"), dir.path().join("secret.csv"));
        fs::write(&inside, "a").unwrap();
        fs::write(&secret, "b").unwrap();
        let workspace = Workspace::new(&[&inside], dir.path().join("out")).unwrap();
        let path = inside.display().to_string();
        let around = dir.path().join("x/../in.csv").display().to_string();
        for (asked, found) in [
            ("in.csv", true),
            (path.as_str(), true),
            (around.as_str(), false),
            ("secret.csv", false),
            ("../in.csv", false),
            ("/etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(workspace.input(asked).is_ok(), found, "{asked}");
        }
        let says = workspace.input("/etc/passwd").unwrap_err().to_string();
        assert_eq!(
            says,
            "/etc/passwd is not one of the goal's input files (in.csv)"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_swapped_for_a_link_is_not_followed() {
        let dir = folder();
        let (inside, secret) = (dir.path().join("in.csv"), dir.path().join("secret.csv"));
        fs::write(&inside, "a").unwrap();
        fs::write(&secret, "b").unwrap();
        let workspace = Workspace::new(&[&inside], dir.path()).unwrap();
        fs::remove_file(&inside).unwrap();
        std::os::unix::fs::symlink(&secret, &inside).unwrap();
        let says = workspace
            .read(&workspace.inputs()[0], 10, workspace.memory(), &go_on)
            .unwrap_err()
            .to_string();
        assert_eq!(
            says,
            "in.csv has become a link to another place since the goal began"
        );
    }

    #[test]
    fn what_cannot_be_an_input_is_told_in_one_sentence() {
        let dir = folder();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("big"), "12345").unwrap();
        let at_start = |name: &str| {
            Workspace::new(&[path(name)], dir.path())
                .unwrap_err()
                .to_string()
        };
        assert!(at_start("none").ends_with("none does not exist"));
        assert!(at_start("").ends_with(" is a folder; name the files in it"));
        let workspace = Workspace::new(&[path("big")], dir.path()).unwrap();
        let says = workspace
            .read(&workspace.inputs()[0], 4, workspace.memory(), &go_on)
            .unwrap_err()
            .to_string();
        assert_eq!(
            says,
            "big is too large: 5 bytes, at most 4 bytes are read; split it or keep only the part that matters"
        );
        #[cfg(unix)]
        assert_eq!(
            Workspace::new(&["/dev/zero"], dir.path())
                .unwrap_err()
                .to_string(),
            "/dev/zero is a device or pipe, not a file"
        );
    }

    #[test]
    fn a_write_is_whole_inside_and_repeatable() {
        let dir = folder();
        let out = dir.path().join("deep/out");
        let workspace = Workspace::new(&[] as &[&str], &out).unwrap();
        for content in ["first", "second"] {
            let path = workspace.write("a.svg", content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), content);
        }
        for content in ["third", "fourth"] {
            let shown = workspace.show("a.svg", content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&shown.path).unwrap(), content);
            shown.sync().unwrap();
        }
        assert_eq!(
            fs::read_dir(&out).unwrap().count(),
            1,
            "nothing is left beside the file"
        );
        for name in ["../b", "/tmp/b", "c/d", "..", ".", ""] {
            assert!(workspace.write(name, b"x").is_err(), "{name:?}");
            assert!(workspace.show(name, b"x").is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_before_any_work() {
        let dir = folder();
        fs::write(dir.path().join("file"), "").unwrap();
        for (out, problem) in [
            ("new/and/deep", None),
            ("", None),
            ("file", Some("a file is where the output folder should be")),
            (
                "file/below",
                Some("a file is where the output folder should be"),
            ),
        ] {
            let workspace = Workspace::new(&[] as &[&str], dir.path().join(out)).unwrap();
            let says = workspace
                .check_writable()
                .map_err(|error| error.to_string());
            assert_eq!(says.is_err(), problem.is_some(), "{out}: {says:?}");
            assert!(
                problem.is_none_or(|problem| says.unwrap_err().ends_with(problem)),
                "{out}"
            );
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }

    /// Where an output would take the place of an input, and how the input came to lie there.
    #[test]
    fn no_output_takes_the_place_of_an_input() {
        use std::os::unix::fs::symlink;
        type Lay = fn(&Path, &Path);
        let table: [(&str, Lay, bool); 7] = [
            ("another file", |_, _| {}, true),
            (
                "itself",
                |input, out| fs::rename(input, out.join("report.md")).unwrap(),
                false,
            ),
            (
                "a hard link to it",
                |input, out| fs::hard_link(input, out.join("report.md")).unwrap(),
                false,
            ),
            (
                "a link to it",
                |input, out| symlink(input, out.join("report.md")).unwrap(),
                false,
            ),
            (
                "a link to another file",
                |input, out| {
                    fs::write(input.with_file_name("other"), "").unwrap();
                    symlink(input.with_file_name("other"), out.join("report.md")).unwrap();
                },
                true,
            ),
            (
                "an older report",
                |_, out| fs::write(out.join("report.md"), "old").unwrap(),
                true,
            ),
            (
                "itself, and then another file of its name",
                |input, out| {
                    fs::rename(input, out.join("report.md")).unwrap();
                },
                false,
            ),
        ];
        for (what, lay, writes) in table {
            let dir = folder();
            let (input, out) = (dir.path().join("in.md"), dir.path().join("out"));
            fs::write(&input, "input").unwrap();
            fs::create_dir(&out).unwrap();
            lay(&input, &out);
            let given = [input.clone(), out.join("report.md")]
                .into_iter()
                .find(|path| path.exists())
                .unwrap();
            // The folder is reached by another way than the input.
            let way = dir.path().join("way");
            symlink(dir.path(), &way).unwrap();
            let workspace = Workspace::new(&[&given], way.join("out")).unwrap();
            if what.ends_with("another file of its name") {
                fs::remove_file(&given).unwrap();
                fs::write(&given, "saved anew").unwrap();
            }
            let before = fs::read(&given).unwrap();
            let wrote = workspace.write("report.md", b"report");
            assert_eq!(wrote.is_ok(), writes, "{what}: {wrote:?}");
            assert_eq!(
                workspace.spares_inputs("report.md").is_ok(),
                writes,
                "{what}"
            );
            assert_eq!(fs::read(&given).unwrap(), before, "{what}");
            if let Err(error) = wrote {
                assert!(
                    error.to_string().contains("would replace the input file"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_written_through() {
        let dir = folder();
        let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &out).unwrap();
        let workspace = Workspace::new(&[] as &[&str], &out).unwrap();
        let says = workspace.write("a.svg", b"x").unwrap_err().to_string();
        assert!(says.contains("the output folder is a link"), "{says}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_on_the_way_that_has_become_a_link_is_not_written_through() {
        let dir = folder();
        let root = dir.path().canonicalize().unwrap();
        let (own, elsewhere) = (root.join("own"), root.join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        let workspace = Workspace::of(Vec::new(), own.join("deep/out")).in_place();
        workspace.write("a.svg", b"x").unwrap();
        let round = Workspace::of(Vec::new(), own.join("deep/../deep/out")).in_place();
        round.write("a.svg", b"x").unwrap();
        assert_eq!(fs::read(own.join("deep/out/a.svg")).unwrap(), b"x");
        fs::rename(&own, root.join("away")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &own).unwrap();
        for outcome in [
            workspace.write("a.svg", b"y").map(drop),
            workspace.show("a.svg", b"y").map(drop),
        ] {
            let says = outcome.unwrap_err().to_string();
            assert!(says.contains("a link lies on the way"), "{says}");
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn failures_to_write_are_told_in_one_sentence() {
        for (kind, says) in [
            (io::ErrorKind::StorageFull, "the disk is full"),
            (io::ErrorKind::PermissionDenied, "permission denied"),
            (io::ErrorKind::ReadOnlyFilesystem, "the disk is read-only"),
        ] {
            assert_eq!(problem(&io::Error::from(kind)), says);
        }
        let dir = folder();
        fs::write(dir.path().join("out"), "").unwrap();
        let workspace = Workspace::new(&[] as &[&str], dir.path().join("out")).unwrap();
        let says = workspace.write("a.svg", b"x").unwrap_err().to_string();
        assert!(
            says.ends_with("a.svg: a file is where the output folder should be"),
            "{says}"
        );
    }

    #[test]
    fn two_files_of_one_name_stay_apart() {
        let dir = folder();
        for sub in ["a", "b"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
            fs::write(dir.path().join(sub).join("t.csv"), sub).unwrap();
        }
        let (first, second) = (dir.path().join("a/t.csv"), dir.path().join("b/t.csv"));
        let workspace = Workspace::new(&[&first, &second, &first], dir.path()).unwrap();
        let names: Vec<&str> = workspace
            .inputs()
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        assert_eq!(names, ["t.csv", second.to_str().unwrap()]);
    }
}
