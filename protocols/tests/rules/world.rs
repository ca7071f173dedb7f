//! A small world with a clock that stands still: some parties, their keys, their verifiers.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{
    Draft, KeyRegistry, Message, Party, Sealed, Sealer, SigningIdentity, TenantId, Timestamp,
    Trusted, Verifier,
};

pub(crate) const PLANNER: &str = "macro.planner.001@global";
pub(crate) const EXECUTOR: &str = "macro.executor.001@global";
pub(crate) const CRITIC: &str = "macro.critic.001@global";
pub(crate) const INTERFACE: &str = "macro.interface.001@global";
pub(crate) const REGISTRY: &str = "meso.registry.001@global";
pub(crate) const PAGE: &str = "micro.page.0x7F3A2B00@numa-0";
pub(crate) const ALICE: &str = "user:alice@acme";

pub(crate) const AMS: &str = "macro.ams.001@jade";
pub(crate) const SELLERS: [&str; 3] = [
    "macro.seller.1@jade",
    "macro.seller.2@jade",
    "macro.seller.3@jade",
];

pub(crate) fn party(text: &str) -> Party {
    text.parse().unwrap()
}

/// 2026-11-23T08:00:00Z and some microseconds.
pub(crate) fn morning() -> Timestamp {
    Timestamp::from_micros(1_795_420_800_123_456).unwrap()
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    morning() + Duration::from_secs(seconds)
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// A key that depends on the name and a number, the same in every run.
pub(crate) fn identity(name: &str, number: u8) -> SigningIdentity {
    let mut seed = [number; 32];
    for (byte, letter) in seed.iter_mut().zip(name.bytes()) {
        *byte ^= letter;
    }
    SigningIdentity::from_seed(party(name), seed)
}

pub(crate) struct World {
    pub(crate) keys: KeyRegistry,
}

impl World {
    /// Everybody is registered with key 1, an hour ago.
    pub(crate) fn new() -> Self {
        let keys = KeyRegistry::new();
        let everybody = [PLANNER, EXECUTOR, CRITIC, INTERFACE, REGISTRY, PAGE, ALICE];
        for name in everybody {
            keys.register(
                &identity(name, 1).claim(1),
                morning() - Duration::from_secs(3_600),
            )
            .unwrap();
        }
        Self { keys }
    }

    pub(crate) fn open(
        &self,
        verifier: &mut Verifier,
        sealed: &Sealed,
        receiver: &str,
    ) -> Result<Trusted, aios_protocols::Refusal> {
        verifier.open(sealed, &self.keys, &party(receiver), morning())
    }
}

pub(crate) fn sealer(name: &str) -> Sealer {
    Sealer::new(Arc::new(identity(name, 1)), tenant(), 7)
}

/// A verifier that remembers from an hour ago on.
pub(crate) fn verifier() -> Verifier {
    Verifier::new(morning() - Duration::from_secs(3_600))
}

pub(crate) fn seal(name: &str, draft: Draft) -> (Message, Sealed) {
    sealer(name).seal(draft, morning(), [5; 10]).unwrap()
}

pub(crate) fn message(from: &str, draft: Draft) -> Message {
    // Messages of different acts have different names.
    let random = [draft.performative().number() as u8; 10];
    sealer(from).stamp(draft, morning(), random).unwrap()
}
