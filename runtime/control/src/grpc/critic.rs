//! `aios.critic`: what was said of an answer.

use aios_wire::generated::critic as wire;
use tonic::{Request as Asked, Response as Answered, Status, Streaming};

use super::door::{Door, Told, not_here};
use super::translate;
use crate::GoalState;

const WITHIN: &str = "the Critic of a node judges what its goals give, from the evidence of their tasks, and nothing that is brought to it alone";
const INSTEAD: &str = "submit a goal, and read what was said of its answer by GetValidationHistory; to judge a text by criteria, `aios judge`";

#[tonic::async_trait]
impl wire::critic_service_server::CriticService for Door {
    async fn validate(
        &self,
        asked: Asked<wire::ValidationRequest>,
    ) -> Result<Answered<wire::ValidationResult>, Status> {
        self.asker(&asked)?;
        Err(not_here(WITHIN, INSTEAD))
    }

    type ValidateStreamStream = Told<wire::ValidationResult>;

    async fn validate_stream(
        &self,
        asked: Asked<Streaming<wire::ValidationRequest>>,
    ) -> Result<Answered<Self::ValidateStreamStream>, Status> {
        self.asker(&asked)?;
        Err(not_here(WITHIN, INSTEAD))
    }

    async fn get_validation_history(
        &self,
        asked: Asked<wire::ValidationHistoryRequest>,
    ) -> Result<Answered<wire::ValidationHistoryResponse>, Status> {
        let asker = self.asker(&asked)?;
        let goal = translate::goal(asked.into_inner().task_id);
        let state: GoalState = self.typed(&asker, goal).await?;
        let results = translate::judged(&state).into_iter().collect();
        Ok(Answered::new(wire::ValidationHistoryResponse { results }))
    }
}
