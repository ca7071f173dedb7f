//! `aios.orchestration`: goals with their tasks, and agents in other processes.

use std::time::{SystemTime, UNIX_EPOCH};

use aios_protocols::Timestamp;
use aios_wire::generated::orchestration as wire;
use tonic::{Request as Asked, Response as Answered, Status, Streaming};

use super::door::{Door, Streamed};
use super::{agents, translate};
use crate::{ControlError, Events, GoalState, Request, Submitted};

#[tonic::async_trait]
impl wire::orchestrator_service_server::OrchestratorService for Door {
    async fn submit_dag(
        &self,
        asked: Asked<wire::TaskDag>,
    ) -> Result<Answered<wire::SubmitDagResponse>, Status> {
        let asker = self.asker(&asked)?;
        let dag = asked.into_inner();
        let tasks = u32::try_from(dag.tasks.len()).unwrap_or(u32::MAX);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let goal = translate::submit(dag, self.out(&asker.caller), Timestamp::since_epoch(now))
            .map_err(|error| self.invalid(&error))?;
        let submitted: Submitted = self.typed(&asker, Request::Submit(goal)).await?;
        Ok(Answered::new(wire::SubmitDagResponse {
            dag_id: submitted.goal_id,
            estimated_tasks: tasks,
            estimated_total_time: None,
        }))
    }

    type ExecuteTaskStream = Streamed<wire::TaskExecutionMessage>;

    async fn execute_task(
        &self,
        asked: Asked<Streaming<wire::TaskExecutionMessage>>,
    ) -> Result<Answered<Self::ExecuteTaskStream>, Status> {
        Ok(Answered::new(agents::attended(self, asked)?))
    }

    async fn get_task_status(
        &self,
        asked: Asked<wire::TaskStatusRequest>,
    ) -> Result<Answered<wire::TaskResult>, Status> {
        let asker = self.asker(&asked)?;
        let goal = translate::goal(asked.into_inner().task_id);
        let state: GoalState = self.typed(&asker, goal).await?;
        Ok(Answered::new(translate::task_result(&state)))
    }

    type SubscribeEventsStream = Streamed<wire::OrchestratorEvent>;

    async fn subscribe_events(
        &self,
        asked: Asked<wire::EventSubscription>,
    ) -> Result<Answered<Self::SubscribeEventsStream>, Status> {
        let asker = self.asker(&asked)?;
        let wire::EventSubscription {
            event_types,
            dag_id,
            after_seq,
            ..
        } = asked.into_inner();
        if dag_id.is_empty() {
            let error = ControlError::invalid("dag_id is missing: events are those of a goal");
            return Err(self.invalid(&error));
        }
        let events = Events {
            goal_id: dag_id,
            after_seq,
        };
        let events = self.watch(&asker, Request::Events(events)).await?;
        let told = self.told(asker, events, move |event| {
            translate::orchestrator_event(&event, &event_types)
        });
        Ok(Answered::new(told))
    }

    async fn replan_dag(
        &self,
        asked: Asked<wire::ReplanRequest>,
    ) -> Result<Answered<wire::TaskDag>, Status> {
        let asker = self.asker(&asked)?;
        let asked = asked.into_inner();
        let goal_id = asked.original_dag_id;
        let request = match asked.failed_task_id {
            task if task.is_empty() => Request::Resume {
                goal_id: goal_id.clone(),
            },
            task => Request::Retry {
                goal_id: goal_id.clone(),
                task,
            },
        };
        self.value(&asker, request).await?;
        Ok(Answered::new(wire::TaskDag {
            dag_id: goal_id,
            ..Default::default()
        }))
    }
}
