//! The node's tensor pool, whose slots micro agents manage.

use std::sync::Arc;
use std::time::Duration;

use aios_bus::Refusals;
use aios_bus::tensor::{PoolShape, RANDOM_BYTES, TensorPool, in_process};
use aios_micro::{DoorError, Population};
use aios_protocols::ports::TensorBusError;
use tokio::task::JoinHandle;

use super::buffers::BufferKeeper;
use crate::config::TensorConfig;

/// Events that may wait at the buffers' shard: several for each slot of the largest pool.
pub(super) const INBOX: usize = 16_384;
/// How often the keeper looks after its agents: some loads, and one order a slot if an agent may have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a shard may take to bring an agent to life or to look at one.
const SOON: Duration = Duration::from_secs(2);

/// The pool, and the task that looks after its agents.
pub(crate) struct Tensors {
    pub(crate) pool: Arc<TensorPool>,
    pub(crate) keeper: Arc<BufferKeeper>,
    pub(crate) care: JoinHandle<()>,
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum TensorsError {
    /// The shape is not possible.
    #[error("the tensor pool cannot be made: {0}")]
    Pool(#[from] TensorBusError),
    /// The slots have no agents.
    #[error("the tensor pool's slots have no agents: {0}")]
    Agents(#[from] DoorError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers, so the tensor pool has no key")]
    NoRandomness,
}

impl Tensors {
    /// Makes the pool; the zone must be running.
    pub(crate) async fn begin(
        config: &TensorConfig,
        population: &Population,
        refusals: Refusals,
    ) -> Result<Self, TensorsError> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|_| TensorsError::NoRandomness)?;
        let shape = PoolShape {
            slots: config.slots,
            slot_bytes: config.slot_bytes,
        };
        let pool = in_process::pool(shape, &random)?.telling(refusals);
        let keeper = BufferKeeper::begin(population.clone(), config.slots, SOON).await?;
        let pool = Arc::new(pool.observed_by(Arc::clone(&keeper) as Arc<_>));
        let care = tokio::spawn(care(Arc::clone(&keeper), Arc::clone(&pool)));
        Ok(Self { pool, keeper, care })
    }
}

async fn care(keeper: Arc<BufferKeeper>, pool: Arc<TensorPool>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = keeper.tick(&pool, SOON).await {
            // Looked at again at the next tick; slots that were not looked at stay as they were.
            tracing::warn!(%error, "the buffers' agents were not looked after");
        }
    }
}
