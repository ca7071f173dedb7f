//! One stretch of memory for all weights of a model: in large pages where the system has them, because writing reads every weight for every
//! token, and each small page has to be found anew.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use memmap2::MmapMut;

use crate::error::LoadError;

/// Where weights are put, one after the other. Nothing of it can be read before it is [`finish`](Self::finish)ed.
pub(crate) struct Arena {
    map: MmapMut,
    taken: usize,
    finished: Arc<OnceLock<MmapMut>>,
}

/// Some bytes of an arena. None before it is finished.
pub(crate) struct Stretch {
    arena: Arc<OnceLock<MmapMut>>,
    range: Range<usize>,
}

impl Arena {
    /// Room for so many bytes, which are zeros and take no memory before they are written.
    pub(crate) fn of(bytes: usize) -> Result<Self, LoadError> {
        let map = MmapMut::map_anon(bytes.max(1)).map_err(|error| LoadError::Unsupported {
            what: "the memory for its weights",
            found: format!("{bytes} bytes: {error}"),
            wanted: "free some, or take a smaller model",
        })?;
        // A kernel without large pages has small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self {
            map,
            taken: 0,
            finished: Arc::default(),
        })
    }

    /// The next bytes, to be written now.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(Stretch, &mut [u8]), LoadError> {
        let range = self.taken..self.taken.saturating_add(bytes);
        let place = self.map.get_mut(range.clone());
        let place = place.ok_or_else(|| LoadError::Unsupported {
            what: "tensors that are used twice",
            found: format!("{bytes} bytes more than all of them have"),
            wanted: "take a file with a tensor for each part",
        })?;
        self.taken = range.end;
        let arena = Arc::clone(&self.finished);
        Ok((Stretch { arena, range }, place))
    }

    /// Lets what was taken be read.
    pub(crate) fn finish(self) {
        // It is set nowhere else.
        let _ = self.finished.set(self.map);
    }
}

impl Deref for Stretch {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let map = self.arena.get();
        map.and_then(|map| map.get(self.range.clone()))
            .unwrap_or_default()
    }
}

impl fmt::Debug for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.range.len())
    }
}
