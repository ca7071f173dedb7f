//! What a shard counts, and how others read it without asking it: the shard stores its numbers after each batch, a reader
//! loads them whenever it likes. Nobody waits for anybody, and nothing is spent on readers that are not there.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counted since the zone started; a shard that falls goes on from where it was.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }

        /// The same numbers where other threads can see them.
        #[derive(Debug, Default)]
        pub(crate) struct SharedCounts { $($name: AtomicU64,)* }

        impl Counts {
            /// Name and value of each count, in the order of the struct.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            /// Name of the Prometheus counter and value of each count, in the order of the struct.
            pub fn metrics(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((concat!("aios_micro_", stringify!($name), "_total"), self.$name)),*].into_iter()
            }

            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl SharedCounts {
            pub(crate) fn store(&self, counts: &Counts) {
                $(self.$name.store(counts.$name, Relaxed);)*
            }

            pub(crate) fn load(&self) -> Counts {
                Counts { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Events an agent took up and finished.
    handled,
    /// Agents brought to life.
    spawned,
    /// Agents that left: stopped, freed by the population, or dropped.
    ended,
    /// Events whose agent panicked over them.
    panics,
    /// Agents begun anew after a panic, or after a stop if they are permanent.
    restarted,
    /// Agents that panicked and were not restarted: temporary ones, and those beyond the intensity.
    dropped,
    /// Births refused because the arena was full.
    exhausted,
    /// Events for an agent that had ended.
    stale,
    /// Events for an agent that never was.
    unknown,
    /// Events for an agent asleep.
    suspended,
    /// Events beyond what one agent takes in one tick.
    flooded,
    /// Events an agent could not send because the outbox was full.
    outbox_full,
    /// Events whose code the kind does not know.
    not_understood,
    /// Events by which somebody did with an agent's resource what it had no right to; the agent changed nothing.
    misused,
    /// Events given up because no shard of the zone has the receiver's number.
    no_such_shard,
    /// Falls of the shard itself, each followed by a rebuild.
    falls,
}

impl Counts {
    /// Events refused, whatever the reason.
    pub fn refused(&self) -> u64 {
        self.stale
            + self.unknown
            + self.suspended
            + self.flooded
            + self.outbox_full
            + self.no_such_shard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_is_loaded() {
        let counts = Counts {
            handled: 1,
            stale: 2,
            falls: 3,
            ..Counts::default()
        };
        let shared = SharedCounts::default();
        shared.store(&counts);
        assert_eq!(shared.load(), counts);
        assert_eq!(counts.entries().map(|(_, value)| value).sum::<u64>(), 6);
        assert_eq!(counts.refused(), 2);
    }
}
