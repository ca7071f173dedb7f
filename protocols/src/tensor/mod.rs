//! What travels on the tensor bus, as values: the 64-byte header of a frame, the handle that names one frame in a pool, and
//! the signed grant without which nobody is let at it.
//!
//! The bytes themselves lie in shared memory and are moved by an implementation of [`crate::ports::TensorBus`]; nothing
//! here touches memory that another process can write. The layouts are drawn in `docs/formats/tensor.md`.

mod grant;
mod handle;
mod header;
mod hex;

pub use grant::{
    GRANT_ONTOLOGY, GrantError, PoolAddress, STREAM_ONTOLOGY, StreamGrant, TensorGrant,
};
pub use handle::{
    FrameKey, HandleError, LAST_GENERATION, PoolId, SHAPE_DIMENSIONS_MAX, TensorHandle,
};
pub use header::{ContentType, Flags, FrameKind, HeaderError, PartyHash, TensorHeader};
