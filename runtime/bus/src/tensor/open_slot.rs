//! A slot between allocation and publication. What is written goes into the checksum and the MAC as it is copied, so that
//! nothing is ever read back from memory that another process may have changed meanwhile.

use aios_protocols::ports::{FrameNote, TensorBus as _, TensorBusError, TensorSlot};
use aios_protocols::tensor::{FrameKey, TensorGrant, TensorHandle, TensorHeader};

use super::pool::TensorPool;
use super::proof::Proof;
use super::segment::{Layout, WORD, store};
use super::state::{Phase, State};

/// A slot in the hands of its writer.
pub(super) struct OpenSlot<'a> {
    pool: &'a TensorPool,
    slot: usize,
    state: State,
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
            pool,
            slot,
            state,
            length,
            written: 0,
            tail: [0; WORD],
            proof: Proof::with(&key),
            crc: crc32fast::Hasher::new(),
            key,
        }
    }

    fn grant_of(&self, note: &FrameNote) -> Result<TensorGrant, TensorBusError> {
        let grant = TensorGrant {
            pool: self.pool.address().clone(),
            handle: TensorHandle {
                pool: self.pool.address().id,
                offset: self.pool.offset(self.slot),
                length: self.length as u64,
                shape: note.shape.clone(),
                dtype: note.content_type,
                generation: self.state.generation,
            },
            key: self.key.clone(),
            sender: note.sender,
            receiver: note.receiver,
        };
        grant.check()?;
        Ok(grant)
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
        self.proof.content(bytes);
        self.crc.update(bytes);
        let content = Layout::content(self.pool.words(self.slot));
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
        Ok(())
    }

    fn grant(&self, note: &FrameNote) -> Result<TensorGrant, TensorBusError> {
        self.grant_of(note)
    }

    fn publish(mut self: Box<Self>, note: &FrameNote) -> Result<TensorGrant, TensorBusError> {
        if self.written < self.length {
            return Err(TensorBusError::Incomplete {
                written: self.written,
                allocated: self.length,
            });
        }
        let grant = self.grant_of(note)?;
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
        let words = self.pool.words(self.slot);
        store(Layout::header(words), &header);
        store(Layout::mac(words), &mac);
        let ready = self.state.in_phase(Phase::Ready);
        if !self.pool.change(self.slot, self.state, ready) {
            return Err(TensorBusError::Damaged("the slot that was written"));
        }
        self.pool.note(self.slot, ready, false);
        self.pool.rouse(self.slot);
        Ok(grant)
    }
}

impl Drop for OpenSlot<'_> {
    /// Gives an unpublished slot back; of a published one the state has moved on and nothing happens.
    fn drop(&mut self) {
        self.pool.free(self.slot, self.state);
    }
}
