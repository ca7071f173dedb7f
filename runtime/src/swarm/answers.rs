//! What the node says about its swarm when somebody asks: numbers for the whole, the strongest of a kind, one agent closely.

use std::time::Duration;

use aios_control::SwarmQuestion;
use aios_micro::{DoorError, Population};
use serde_json::Value;

use crate::node::Node;

/// How long shards may take over a look at all their agents; 4 M take a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the swarm gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwarmError {
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error("the answer cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl Node {
    /// The micro agents of this node: the only door to them.
    pub fn population(&self) -> &Population {
        &self.parts.population
    }

    pub(crate) async fn swarm_answer(&self, about: SwarmQuestion) -> Result<Value, SwarmError> {
        let population = self.population();
        Ok(match about {
            SwarmQuestion::Show {} => serde_json::to_value(population.show())?,
            SwarmQuestion::Top { kind, most } => {
                serde_json::to_value(population.top(&kind, most, PATIENCE).await?)?
            }
            SwarmQuestion::Agent { id } => {
                serde_json::to_value(population.agent(&id, PATIENCE).await?)?
            }
        })
    }
}
