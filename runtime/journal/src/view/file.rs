//! A view that is a value in memory and a file beside the journal.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Mark, View};
use crate::digest::Digest;
use crate::disk::{Disk, Fault};
use crate::entry::Entry;
use crate::recovery::write_new;
use crate::segment::VIEWS;

/// How a file begins; the last byte is the version of this frame.
const MAGIC: [u8; 8] = *b"AIOSVIE\x01";
/// Largest file that is read.
const BYTES_MAX: usize = 1 << 30;

/// A value that entries are folded into.
pub trait Fold: Default {
    /// What it is called, and its file.
    const NAME: &'static str;
    /// The version of its bytes; a file of another version is made anew.
    const VERSION: u16;

    /// Takes one entry in.
    ///
    /// # Errors
    /// The entry cannot be taken in; the sentence says why.
    fn apply(&mut self, entry: &Entry) -> Result<(), String>;

    /// The value as bytes.
    ///
    /// # Errors
    /// It cannot be written.
    fn to_bytes(&self) -> Result<Vec<u8>, String>;

    /// The value of these bytes, which are of [`Self::VERSION`].
    ///
    /// # Errors
    /// They are none.
    fn from_bytes(bytes: &[u8]) -> Result<Self, String>;
}

/// A [`Fold`] with its file.
#[derive(Debug)]
pub struct FileView<F> {
    disk: Arc<dyn Disk>,
    /// The value.
    pub value: F,
    mark: Result<Option<Mark>, String>,
}

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    version: u16,
    mark: Mark,
    #[serde(borrow)]
    value: &'a [u8],
}

impl<F: Fold> FileView<F> {
    /// Reads the view; what is wrong with it is told when it catches up.
    #[must_use]
    pub fn load(disk: Arc<dyn Disk>) -> Self {
        let (value, mark) = match read::<F>(&*disk) {
            Ok(Some((value, mark))) => (value, Ok(Some(mark))),
            Ok(None) => (F::default(), Ok(None)),
            Err(why) => (F::default(), Err(why)),
        };
        Self { disk, value, mark }
    }
}

fn name<F: Fold>() -> String {
    format!("{VIEWS}/{}.view", F::NAME)
}

fn read<F: Fold>(disk: &dyn Disk) -> Result<Option<(F, Mark)>, String> {
    let bytes = match disk.read(&name::<F>(), 0, BYTES_MAX) {
        Err(error) if error.fault == Fault::Missing => return Ok(None),
        bytes => bytes.map_err(|error| error.to_string())?,
    };
    let rest = bytes
        .strip_prefix(&MAGIC)
        .ok_or("it does not begin as a view does")?;
    let (sum, content) = rest
        .split_first_chunk::<{ Digest::LENGTH }>()
        .ok_or("it is too short")?;
    if Digest::of(content) != Digest::from_bytes(*sum) {
        return Err("it does not fit its checksum".to_owned());
    }
    let content: Content<'_> = postcard::from_bytes(content).map_err(|error| error.to_string())?;
    if content.version != F::VERSION {
        return Err(format!(
            "it has version {}, this program keeps version {}",
            content.version,
            F::VERSION
        ));
    }
    Ok(Some((F::from_bytes(content.value)?, content.mark)))
}

impl<F: Fold> View for FileView<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn mark(&self) -> Result<Option<Mark>, String> {
        self.mark.clone()
    }

    fn reset(&mut self) -> Result<(), String> {
        self.value = F::default();
        self.mark = Ok(None);
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        self.value.apply(entry)
    }

    fn save(&mut self, mark: Mark) -> Result<(), String> {
        let value = self.value.to_bytes()?;
        let content = postcard::to_stdvec(&Content {
            version: F::VERSION,
            mark,
            value: &value,
        });
        let content = content.map_err(|error| error.to_string())?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(Digest::of(&content).as_bytes());
        bytes.extend_from_slice(&content);
        let write = || {
            self.disk.make_folder(VIEWS)?;
            self.disk.sync_folder("")?;
            write_new(&*self.disk, &name::<F>(), &bytes)
        };
        write().map_err(|error| error.to_string())?;
        self.mark = Ok(Some(mark));
        Ok(())
    }
}
