//! What the node says about its swarm when somebody asks: numbers for the whole, the strongest of a kind, one agent closely.

use std::time::Duration;

use aios_micro::{DoorError, SurveyRequest};
use aios_protocols::AgentId;
use serde_json::{Value, json};

use crate::door::SwarmQuestion;
use crate::node::Node;

/// How long shards may take over a look at all their agents; 4 M take a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(5);

impl Node {
    /// The micro agents of this node: the only door to them.
    pub fn population(&self) -> &aios_micro::Population {
        &self.parts.population
    }

    pub(crate) async fn swarm_answer(&self, about: SwarmQuestion) -> Result<Value, DoorError> {
        let population = self.population();
        let answer = match about {
            SwarmQuestion::Show {} => {
                let totals = population.totals();
                json!({ "alerts": totals.alerts(), "totals": totals })
            }
            SwarmQuestion::Top { kind, most } => {
                let request = SurveyRequest {
                    top: most,
                    every: 1,
                };
                let survey = population.survey(&kind, request, PATIENCE).await?;
                let names: Vec<String> = survey
                    .top
                    .iter()
                    .filter_map(|strong| aios_micro::Handle::from_bits(strong.agent))
                    .filter_map(|agent| population.identity(agent).ok())
                    .map(|id| id.to_string())
                    .collect();
                json!({ "kind": kind, "names": names, "survey": survey })
            }
            SwarmQuestion::Agent { id } => {
                let id: AgentId = id.parse()?;
                let view = population.look(population.resolve(&id)?)?;
                json!({ "id": id.to_string(), "agent": view.within(PATIENCE).await? })
            }
        };
        Ok(answer)
    }
}
