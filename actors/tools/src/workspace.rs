//! The walls of a goal: which files may be read, which folder may be written.

use std::path::{Path, PathBuf};

use crate::ToolError;

/// What a tool may touch: the goal's input files and one output folder. Paths are canonical, so a symbolic link leads nowhere else.
#[derive(Clone, Debug)]
pub struct Workspace {
    inputs: Vec<InputFile>,
    out_dir: PathBuf,
    limits: Limits,
}

/// One file that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// What it is called in arguments, facts and messages: the file's name, made unique.
    pub name: String,
    /// Where it really lies.
    pub path: PathBuf,
}

/// How much is read, held and returned. Each number is the most one call may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a table file.
    pub table_bytes: u64,
    /// Bytes of a text file.
    pub text_bytes: u64,
    /// Rows a query may return.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            table_bytes: 256 << 20,
            text_bytes: 16 << 20,
            rows: 10_000,
        }
    }
}

impl Workspace {
    /// Walls around `inputs` and `out_dir`. Every input must be a readable regular file; the folder is made when first written to.
    pub fn new(inputs: &[impl AsRef<Path>], out_dir: impl AsRef<Path>) -> Result<Self, ToolError> {
        let inputs = inputs
            .iter()
            .map(|path| InputFile {
                name: path.as_ref().display().to_string(),
                path: path.as_ref().to_path_buf(),
            })
            .collect();
        Ok(Self {
            inputs,
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
}
