//! What a bus does not believe, told to whoever keeps a trail of it: one entry a refusal, on whichever bus it was.

use std::fmt;
use std::sync::Arc;

use aios_protocols::Party;

/// A frame that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusRefusal {
    /// `data` or `tensor`.
    pub bus: &'static str,
    /// Who made it, or claims to have.
    pub from: Option<Party>,
    /// A word from a fixed list, the one it is counted by.
    pub label: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// Hears of refusals. Called from within the bus, so it must not block and must not call the bus.
pub trait RefusalSink: Send + Sync {
    /// A frame was refused.
    fn refused(&self, refusal: BusRefusal);
}

/// Where refusals are told; nowhere unless somebody says where.
#[derive(Clone, Default)]
pub struct Refusals(Option<Arc<dyn RefusalSink>>);

impl Refusals {
    /// To a sink.
    pub fn to(sink: Arc<dyn RefusalSink>) -> Self {
        Self(Some(sink))
    }

    /// Tells of one. Nothing is made of a refusal that nobody hears.
    pub fn tell(&self, refusal: impl FnOnce() -> BusRefusal) {
        if let Some(sink) = &self.0 {
            sink.refused(refusal());
        }
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusals").field(&self.0.is_some()).finish()
    }
}
