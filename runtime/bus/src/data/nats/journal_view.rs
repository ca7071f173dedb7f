//! A view of a stream that lies in a journal: what follows from a message and the sequence of that message are one unit there, so after a
//! crash both are there or neither.

use std::path::Path;
use std::sync::Arc;

use aios_journal::{Disk, Draft, Journal, Options, Payload, RealDisk, system_clock};
use aios_protocols::SigningIdentity;

use super::follow::{ApplyError, StreamView};
use super::frame::Proven;

/// What says how far the view has come.
const APPLIED: &str = "applied";
const FORM: u16 = 1;

/// What is written for a message: any entries but ones of the key `applied`. None means that it concerns nobody here.
pub type Write = Box<dyn FnMut(u64, &Proven) -> Result<Vec<Draft>, ApplyError> + Send>;

/// A view in a journal.
pub struct JournalView {
    journal: Journal,
    applied: u64,
    write: Write,
}

impl JournalView {
    /// Opens the view in this folder, or makes one there that has seen nothing.
    ///
    /// # Errors
    /// The folder cannot be used, or what lies there is damaged: then the view may be thrown away, for it is made from the stream.
    pub fn open(
        folder: &Path,
        identity: Arc<SigningIdentity>,
        write: Write,
    ) -> Result<Self, ApplyError> {
        let failed = |error: &dyn std::fmt::Display| ApplyError::NotNow(error.to_string());
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder).map_err(|error| failed(&error))?);
        let (journal, _) = Journal::open(disk, Options::default(), identity, system_clock())
            .map_err(|error| failed(&error))?;
        let mut applied = 0;
        for entry in journal.read(1) {
            let entry = entry.map_err(|damage| failed(&damage))?;
            if entry.draft.key == APPLIED
                && let Some(reached) = entry.draft.after.as_ref().and_then(sequence)
            {
                applied = reached;
            }
        }
        Ok(Self {
            journal,
            applied,
            write,
        })
    }

    /// The journal, to be read.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn commit(&mut self, sequence: u64, mut drafts: Vec<Draft>) -> Result<(), ApplyError> {
        let mark = Payload::new(APPLIED, FORM, sequence.to_le_bytes());
        drafts.push(Draft::set(
            format!("applied-{sequence}"),
            "view",
            APPLIED,
            mark,
        ));
        self.journal
            .commit(drafts)
            .map_err(|error| ApplyError::NotNow(error.to_string()))?;
        self.applied = sequence;
        Ok(())
    }
}

fn sequence(payload: &Payload) -> Option<u64> {
    let bytes = payload.of_kind(APPLIED, FORM).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl StreamView for JournalView {
    fn applied(&self) -> Result<u64, ApplyError> {
        Ok(self.applied)
    }

    fn apply(&mut self, sequence: u64, message: &Proven) -> Result<(), ApplyError> {
        let drafts = (self.write)(sequence, message)?;
        self.commit(sequence, drafts)
    }

    fn pass_over(&mut self, sequence: u64) -> Result<(), ApplyError> {
        self.commit(sequence, Vec::new())
    }
}
