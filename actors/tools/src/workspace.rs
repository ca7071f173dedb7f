//! The walls of a goal: which files may be read, which folder may be written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::ToolError;
use crate::table::Check;

/// What a tool may touch: the goal's input files and one output folder.
///
/// Input paths are canonical and looked at again before each read, so a symbolic link leads nowhere else. Writing goes through a file of
/// a temporary name that is renamed when it is whole and on disk: whoever looks finds the old file, the new one, or none.
#[derive(Clone, Debug)]
pub struct Workspace {
    inputs: Vec<InputFile>,
    out_dir: PathBuf,
    limits: Limits,
}

/// One file that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// What it is called in arguments, facts and messages: the file's name, or the path as given where two files share a name.
    pub name: String,
    /// Where it really lies.
    pub path: PathBuf,
}

/// How much is read, held and returned. Each number is the most one call may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a table file. Reading one holds about five times its size for a moment: bytes, places of cells, values, database.
    pub table_bytes: u64,
    /// Bytes of a text file.
    pub text_bytes: u64,
    /// Rows a query may return.
    pub rows: usize,
    /// Bytes of text and numbers a query may return.
    pub result_bytes: usize,
    /// Bytes of an SQL statement.
    pub statement_bytes: usize,
    /// Milliseconds a query may run, if the call's deadline does not come first.
    pub query_ms: u64,
    /// Bytes that SQLite may hold. SQLite counts per process, not per connection: the lowest limit that any toolbox of the process has
    /// set holds for all.
    pub sqlite_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            table_bytes: 128 << 20,
            text_bytes: 16 << 20,
            rows: 10_000,
            result_bytes: 8 << 20,
            statement_bytes: 16 << 10,
            query_ms: 20_000,
            sqlite_bytes: 1 << 30,
        }
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileState {
    pub(crate) path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

impl Workspace {
    /// Walls around `inputs` and `out_dir`. Every input must be a regular file; the folder is made when first written to.
    pub fn new(inputs: &[impl AsRef<Path>], out_dir: impl AsRef<Path>) -> Result<Self, ToolError> {
        let mut files: Vec<InputFile> = Vec::with_capacity(inputs.len());
        for given in inputs.iter().map(AsRef::as_ref) {
            let shown = given.display().to_string();
            let path = fs::canonicalize(given).map_err(|error| unreadable(&shown, &error))?;
            let kind = fs::metadata(&path).map_err(|error| unreadable(&shown, &error))?;
            refuse_irregular(&shown, &kind)?;
            let name = path_name(given)
                .or_else(|| path_name(&path))
                .unwrap_or_else(|| shown.clone());
            let name = if files.iter().any(|file| file.name == name) {
                shown
            } else {
                name
            };
            if !files.iter().any(|file| file.path == path) {
                files.push(InputFile { name, path });
            }
        }
        Ok(Self {
            inputs: files,
            out_dir: out_dir.as_ref().to_path_buf(),
            limits: Limits::default(),
        })
    }

    /// The same walls with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
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

    /// The input file that `asked` names: by its name, or by a path that leads to it.
    pub fn input(&self, asked: &str) -> Result<&InputFile, ToolError> {
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
            ToolError::NotAnInput {
                file: asked.to_owned(),
                allowed,
            }
        })
    }

    /// The state of an input file now; refuses one that has become a link, a folder or too large.
    pub(crate) fn state(&self, input: &InputFile, most: u64) -> Result<FileState, ToolError> {
        let path =
            fs::canonicalize(&input.path).map_err(|error| unreadable(&input.name, &error))?;
        if path != input.path {
            let problem = "has become a link to another place since the goal began".to_owned();
            return Err(ToolError::Unreadable {
                file: input.name.clone(),
                problem,
            });
        }
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&input.name, &error))?;
        refuse_irregular(&input.name, &metadata)?;
        if metadata.len() > most {
            return Err(ToolError::TooLarge {
                file: input.name.clone(),
                asked: metadata.len(),
                allowed: most,
            });
        }
        Ok(FileState {
            path,
            length: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// The whole content of an input file of at most `most` bytes.
    pub(crate) fn read(
        &self,
        input: &InputFile,
        most: u64,
        check: Check<'_>,
    ) -> Result<Vec<u8>, ToolError> {
        let state = self.state(input, most)?;
        let fail = |error: io::Error| unreadable(&input.name, &error);
        // One byte more than allowed shows a file that grows while it is read.
        let mut file = File::open(&state.path)
            .map_err(fail)?
            .take(most.saturating_add(1));
        let mut bytes = Vec::with_capacity(usize::try_from(state.length).unwrap_or(0));
        let mut chunk = vec![0; 1 << 20];
        loop {
            check()?;
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fail(error)),
            }
        }
        let asked = bytes.len() as u64;
        if asked > most {
            return Err(ToolError::TooLarge {
                file: input.name.clone(),
                asked,
                allowed: most,
            });
        }
        Ok(bytes)
    }

    /// Whether the output folder can come into being and take a file, asked before work is done that would be lost. Leaves nothing behind.
    pub fn check_writable(&self) -> Result<(), ToolError> {
        let fail = |error: io::Error| ToolError::Unwritable {
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

    /// Writes `content` as the file `name` in the output folder, all or nothing; an older file of that name is replaced.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, ToolError> {
        let target = self.out_dir.join(name);
        let fail = |error: io::Error| ToolError::Unwritable {
            path: target.clone(),
            problem: problem(&error),
        };
        let inside = target.parent() == Some(self.out_dir.as_path())
            && path_name(&target).as_deref() == Some(name);
        if !inside {
            return Err(ToolError::Unwritable {
                path: target,
                problem: "it is not directly in the output folder".to_owned(),
            });
        }
        fs::create_dir_all(&self.out_dir).map_err(fail)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Temporary files are private by default; an artefact is as readable as the user's umask allows.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        // Dropped on any error, which removes it.
        let mut file = builder.tempfile_in(&self.out_dir).map_err(fail)?;
        file.write_all(content).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&target).map_err(|error| fail(error.error))?;
        #[cfg(unix)]
        File::open(&self.out_dir)
            .and_then(|folder| folder.sync_all())
            .map_err(fail)?;
        Ok(target)
    }
}

fn path_name(path: &Path) -> Option<String> {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
}

fn refuse_irregular(shown: &str, metadata: &fs::Metadata) -> Result<(), ToolError> {
    let problem = match metadata.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "is a folder; name the files in it",
        _ => "is a device or pipe, not a file",
    };
    Err(ToolError::Unreadable {
        file: shown.to_owned(),
        problem: problem.to_owned(),
    })
}

fn unreadable(shown: &str, error: &io::Error) -> ToolError {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read: permission denied".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    ToolError::Unreadable {
        file: shown.to_owned(),
        problem,
    }
}

fn problem(error: &io::Error) -> String {
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
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn go_on() -> Result<(), ToolError> {
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
            .read(&workspace.inputs()[0], 10, &go_on)
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
            .read(&workspace.inputs()[0], 4, &go_on)
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
        assert_eq!(
            fs::read_dir(&out).unwrap().count(),
            1,
            "nothing is left beside the file"
        );
        for name in ["../b", "/tmp/b", "c/d", "..", ".", ""] {
            assert!(workspace.write(name, b"x").is_err(), "{name:?}");
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
