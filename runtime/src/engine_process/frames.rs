//! Frames between a node and its engine's process: published when a slot is free, taken when they are what was asked for.

use std::time::{Duration, Instant};

use aios_bus::tensor::TensorPool;
use aios_protocols::ports::{FrameNote, TensorBus as _, TensorBusError};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, TensorGrant};
use zeroize::Zeroizing;

/// Between two looks for a free slot.
const PAUSE: Duration = Duration::from_micros(50);
/// How long the other end may take to read a frame.
const UNREAD: Duration = Duration::from_secs(10);

/// From whom, and for whom.
pub(super) type Parties = (&'static str, &'static str);

/// One of them, as a frame names it.
pub(super) fn party(name: &str) -> Result<PartyHash, TensorBusError> {
    let party = name.parse();
    party
        .map(|party| PartyHash::of(&party))
        .map_err(|error| TensorBusError::WrongGrant(format!("{name}: {error}")))
}

/// A frame of a call in a trace.
pub(super) fn note(
    (kind, content_type, shape): (FrameKind, ContentType, Vec<u64>),
    (from, to): Parties,
    (call, trace): (u64, [u8; 16]),
) -> Result<FrameNote, TensorBusError> {
    Ok(FrameNote {
        kind,
        content_type,
        shape,
        flags: Flags::NONE,
        conversation: trace,
        sequence: call,
        timestamp_ns: 0,
        sender: party(from)?,
        receiver: party(to)?,
    })
}

/// Pieces as one frame. While every slot is full the other end has not read what it was told of yet.
pub(super) fn publish<P: AsRef<[u8]>>(
    pool: &TensorPool,
    length: usize,
    pieces: impl IntoIterator<Item = P>,
    note: &FrameNote,
) -> Result<TensorGrant, TensorBusError> {
    let begun = Instant::now();
    let mut slot = loop {
        match pool.allocate(length) {
            Err(TensorBusError::Exhausted { .. }) if begun.elapsed() < UNREAD => {
                std::thread::sleep(PAUSE);
            }
            outcome => break outcome?,
        }
    };
    for piece in pieces {
        slot.write(piece.as_ref())?;
    }
    slot.publish(note)
}

/// Some bytes of a session.
pub(super) fn publish_part(
    pool: &TensorPool,
    bytes: &[u8],
    parties: Parties,
    of: (u64, [u8; 16]),
) -> Result<TensorGrant, TensorBusError> {
    let what = (
        FrameKind::KvCache,
        ContentType::Raw,
        vec![bytes.len() as u64],
    );
    publish(pool, bytes.len(), [bytes], &note(what, parties, of)?)
}

/// The bytes of a session in a frame of this call and trace.
pub(super) fn take_part(
    pool: &TensorPool,
    grant: &TensorGrant,
    (from, to): Parties,
    (call, trace): (u64, [u8; 16]),
) -> Result<Zeroizing<Vec<u8>>, TensorBusError> {
    let other = |what: &str| TensorBusError::WrongGrant(what.to_owned());
    if grant.sender != party(from)? || grant.receiver != party(to)? {
        return Err(other("it is of other parties"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let header = pool.read(grant, &mut bytes)?;
    pool.release(grant)?;
    let ours = (header.sequence, header.conversation) == (call, trace);
    if header.kind != FrameKind::KvCache || !ours {
        return Err(other("it is no part of this session"));
    }
    Ok(bytes)
}
