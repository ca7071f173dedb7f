//! A pool as the bus that frames travel on.

use std::sync::atomic::Ordering::Release;
use std::sync::atomic::fence;
use std::time::Duration;

use aios_protocols::ports::{TensorBus, TensorBusError, TensorSlot, Wait};
use aios_protocols::tensor::{PoolAddress, TensorGrant, TensorHeader};

use super::super::open_slot::OpenSlot;
use super::super::process::Peer;
use super::super::proof::key_of;
use super::super::segment::Layout;
use super::super::state::Phase;
use super::super::{refuse, waiting};
use super::{TensorPool, sweep};

impl TensorBus for TensorPool {
    fn address(&self) -> &PoolAddress {
        &self.address
    }

    fn allocate(&self, length: usize) -> Result<Box<dyn TensorSlot + '_>, TensorBusError> {
        if length > self.layout.slot_bytes {
            return Err(TensorBusError::TooLarge {
                what: "bytes of a frame",
                asked: length as u64,
                allowed: self.layout.slot_bytes as u64,
            });
        }
        self.keep_seat();
        let mut found = self.lease_one();
        if found.0.is_none() && self.reclaim()? > 0 {
            found = self.lease_one();
        }
        let (slot, state) = match found {
            (Some(found), _) => found,
            (None, true) => return Err(TensorBusError::Damaged("some slots")),
            (None, false) => {
                return Err(TensorBusError::Exhausted {
                    asked: self.layout.slots + 1,
                    allowed: self.layout.slots,
                });
            }
        };
        // A reader of the slot's life before must see that it is over before it sees a byte of this one.
        fence(Release);
        self.note(slot, state, false);
        let key = key_of(&self.secret, slot, state.generation);
        Ok(Box::new(OpenSlot::of(self, slot, state, length, key)))
    }

    fn wait(
        &self,
        grant: &TensorGrant,
        how: Wait,
        longest: Duration,
    ) -> Result<(), TensorBusError> {
        let slot = self.find(grant)?;
        let at = self.layout.slot(slot);
        // Which end writes it, and who that is.
        let mut writer = (None, Peer::default());
        waiting::until(
            self.segment.as_ref(),
            at + Layout::STATE,
            at + Layout::SLEEPERS,
            how,
            longest,
            || match self.readable(slot, &grant.handle) {
                Err(TensorBusError::NotReady) => None,
                outcome => Some(outcome.map(drop)),
            },
            || {
                let writing = self
                    .state(slot)
                    .filter(|state| state.phase == Phase::Writing);
                let Some(state) = writing else {
                    return false;
                };
                if writer.0 != Some(state.lease) {
                    writer = (Some(state.lease), Peer::default());
                }
                writer.1.is_gone(self.seat(1 + usize::from(state.lease)))
            },
        )?
    }

    fn read(
        &self,
        grant: &TensorGrant,
        into: &mut Vec<u8>,
    ) -> Result<TensorHeader, TensorBusError> {
        into.clear();
        let outcome = self.copy_out(grant, into);
        if let Err(error) = &outcome {
            into.clear();
            refuse(&self.refusals, error, "a frame");
        }
        outcome
    }

    fn release(&self, grant: &TensorGrant) -> Result<(), TensorBusError> {
        let slot = self.find(grant)?;
        let state = self.state(slot).ok_or(TensorBusError::Damaged("a slot"))?;
        let over = state.generation != grant.handle.generation || state.phase == Phase::Free;
        let held = matches!(state.phase, Phase::Ready | Phase::Taken) && state.lease == self.lease;
        let outcome = if over {
            Err(TensorBusError::Stale)
        } else if !held {
            Err(TensorBusError::NotHeld)
        } else if self.free(slot, state) {
            return Ok(());
        } else {
            Err(TensorBusError::Stale)
        };
        if let Some(watch) = &self.watch {
            watch.misused(slot, self.owner());
        }
        outcome
    }

    fn reclaim(&self) -> Result<usize, TensorBusError> {
        let freed = |slot, free| self.was_freed(slot, free);
        Ok(sweep(
            self.segment.as_ref(),
            &self.seats,
            self.layout,
            freed,
        ))
    }
}
