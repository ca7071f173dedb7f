//! A slot between allocation and publication. What is written goes into the checksum and the MAC as it is copied, so that
//! nothing is ever read back from memory that another process may have changed meanwhile.
//!
//! Whatever takes time comes before the frame is signalled: [`TensorSlot::seal`] ends the checksum and the MAC and puts them
//! into the memory, and signalling is one compare-and-swap of the state word.

use aios_protocols::ports::{FrameNote, SealedSlot, TensorBus as _, TensorBusError, TensorSlot};
use aios_protocols::tensor::{FrameKey, TensorGrant, TensorHandle, TensorHeader};

use super::pool::TensorPool;
use super::proof::{PIECE, Proof};
use super::segment::{Layout, WORD, store};
use super::state::{Phase, State};

/// A slot in the hands of its writer, and given back with this unless it was published.
struct Lease<'a> {
    pool: &'a TensorPool,
    slot: usize,
    state: State,
}

impl Lease<'_> {
    /// Moves the slot on, if it is as its writer left it.
    fn change(&self, to: State) -> Result<(), TensorBusError> {
        if self.pool.change(self.slot, self.state, to) {
            return Ok(());
        }
        Err(TensorBusError::Damaged("the slot that was written"))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.free(self.slot, self.state);
    }
}

/// A slot that is being written.
pub(super) struct OpenSlot<'a> {
    lease: Lease<'a>,
    length: usize,
    written: usize,
    /// What the last word holds if it is not full.
    tail: [u8; WORD],
    proof: Proof,
    crc: crc32fast::Hasher,
    key: FrameKey,
}

impl<'a> OpenSlot<'a> {
    pub(super) fn of(
        pool: &'a TensorPool,
        slot: usize,
        state: State,
        length: usize,
        key: FrameKey,
    ) -> Self {
        Self {
            lease: Lease { pool, slot, state },
            length,
            written: 0,
            tail: [0; WORD],
            proof: Proof::with(&key),
            crc: crc32fast::Hasher::new(),
            key,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.proof.content(bytes);
        self.crc.update(bytes);
        let content = Layout::content(self.lease.pool.words(self.lease.slot));
        let used = self.written % WORD;
        let begun = if used == 0 {
            0
        } else {
            bytes.len().min(WORD - used)
        };
        if begun > 0 {
            self.tail[used..used + begun].copy_from_slice(&bytes[..begun]);
            store(&content[self.written / WORD..], &self.tail);
        }
        let rest = &bytes[begun..];
        if !rest.is_empty() {
            store(&content[(self.written + begun) / WORD..], rest);
            let last = rest.len() % WORD;
            self.tail[..last].copy_from_slice(&rest[rest.len() - last..]);
            self.tail[last..].fill(0);
        }
        self.written += bytes.len();
    }
}

impl TensorSlot for OpenSlot<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorBusError> {
        if bytes.len() > self.length - self.written {
            return Err(TensorBusError::TooLarge {
                what: "bytes of the frame",
                asked: (self.written + bytes.len()) as u64,
                allowed: self.length as u64,
            });
        }
        for piece in bytes.chunks(PIECE) {
            self.put(piece);
        }
        Ok(())
    }

    fn grant(&self, note: &FrameNote) -> Result<TensorGrant, TensorBusError> {
        let Lease { pool, slot, state } = &self.lease;
        let grant = TensorGrant {
            pool: pool.address().clone(),
            handle: TensorHandle {
                pool: pool.address().id,
                offset: pool.offset(*slot),
                length: self.length as u64,
                shape: note.shape.clone(),
                dtype: note.content_type,
                generation: state.generation,
            },
            key: self.key.clone(),
            sender: note.sender,
            receiver: note.receiver,
        };
        grant.check()?;
        Ok(grant)
    }

    fn seal<'a>(
        mut self: Box<Self>,
        note: &FrameNote,
    ) -> Result<Box<dyn SealedSlot + 'a>, TensorBusError>
    where
        Self: 'a,
    {
        if self.written < self.length {
            return Err(TensorBusError::Incomplete {
                written: self.written,
                allocated: self.length,
            });
        }
        let grant = self.grant(note)?;
        let mut header = TensorHeader::of(
            &[],
            note.kind,
            note.content_type,
            note.sender,
            note.receiver,
        );
        header.flags = note.flags;
        header.crc32 = self.crc.clone().finalize();
        header.content_length = self.length as u64;
        header.conversation = note.conversation;
        header.sequence = note.sequence;
        header.timestamp_ns = note.timestamp_ns;
        let header = header.encode();
        let mac = self.proof.close(&header, &grant.handle.place());
        let lease = self.lease;
        let words = lease.pool.words(lease.slot);
        store(Layout::header(words), &header);
        store(Layout::mac(words), &mac);
        // Whether it is still its writer's. Asked as it will be signalled, so that whatever that needs has come back to this core's
        // caches, however large the content was that passed through them.
        lease.change(lease.state)?;
        Ok(Box::new(Sealed { lease, grant }))
    }
}

/// A slot that is complete.
struct Sealed<'a> {
    lease: Lease<'a>,
    grant: TensorGrant,
}

impl SealedSlot for Sealed<'_> {
    fn grant(&self) -> &TensorGrant {
        &self.grant
    }

    fn publish(self: Box<Self>) -> Result<TensorGrant, TensorBusError> {
        let Self { lease, grant } = *self;
        let Lease { pool, slot, state } = lease;
        let ready = state.in_phase(Phase::Ready);
        lease.change(ready)?;
        // It is the reader's now. Even trying to give it back would take the state word's line away from whoever is just looking at it.
        std::mem::forget(lease);
        pool.note(slot, ready, false);
        pool.rouse(slot);
        Ok(grant)
    }
}
