//! A decoder-only transformer as model files hold it: sizes, weights, and two ways to compute them.
//!
//! [`Config`] says in what the families differ, so that nothing behind it knows their names. [`Fused`] runs on the processor,
//! straight from quantised weights. [`Tensors`] runs on any Burn device. Both are a [`Decoder`], and tests hold them to the
//! same figures.

mod cache;
mod config;
mod fused;
mod rotation;
#[cfg(feature = "device")]
mod tensors;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use self::cache::HostCache;
pub(crate) use self::config::{Config, Gate};
pub(crate) use self::fused::Fused;
use self::rotation::Rotations;
#[cfg(feature = "device")]
pub(crate) use self::tensors::Tensors;
use self::weights::Layer;
pub(crate) use self::weights::Weights;

/// What the engine asks of a language model: token ids in, logits out, one cache for each slot.
pub(crate) trait Decoder: Send {
    fn config(&self) -> &Config;
    /// Tokens to hand over at once while a prompt is read into a slot; between two hand-overs a request can be called off.
    fn chunk(&self, slot: usize) -> usize;
    /// Makes room for this many positions in a slot, keeping what it holds.
    fn reserve(&mut self, slot: usize, positions: usize);
    /// Positions a slot holds.
    fn len(&self, slot: usize) -> usize;
    /// Forgets all but the first positions of a slot.
    fn truncate(&mut self, slot: usize, positions: usize);
    /// Overwrites what a slot holds with zeros and gives large memory back.
    fn wipe(&mut self, slot: usize);
    /// Appends tokens to a slot. With `logits`, writes those of the last token, one for each vocabulary entry.
    ///
    /// The caller has reserved room and checked that ids are below the vocabulary's size.
    fn forward(
        &mut self,
        slot: usize,
        tokens: &[u32],
        logits: Option<&mut Vec<f32>>,
    ) -> Result<(), String>;
    /// Appends the keys and values of the first positions of a slot; whether they can be taken off the device.
    fn give(&self, _slot: usize, _positions: usize, _into: &mut Vec<u8>) -> bool {
        false
    }
    /// Puts so many positions into a wiped slot, as [`give`](Self::give) wrote them; whether they fit.
    fn take(&mut self, _slot: usize, _positions: usize, _from: &[u8]) -> bool {
        false
    }
    /// Whether keys and values can be taken off the device.
    fn gives(&self) -> bool {
        false
    }
    /// Bytes held by the weights.
    fn weight_bytes(&self) -> usize;
}

/// Room for at least so many positions: a little more, so that growing token by token copies each position seldom, and
/// never more than the context.
fn room(capacity: usize, positions: usize, step: usize, context: usize) -> usize {
    positions
        .max(capacity + capacity / 2)
        .next_multiple_of(step)
        .min(context.max(positions))
}
