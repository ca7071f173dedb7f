//! More goals at once than agents have places for: one that was accepted waits for room, and does not fail for want of it.

use std::sync::Arc;

use aios_runtime::{Config, Goal, Node};
use aios_work::content::GoalStatus;
use aios_work::{
    Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::house::soon;

/// Ends when whoever minds the gate lets it.
struct Gate(Arc<Semaphore>);

#[async_trait]
impl Tool for Gate {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "gate__pass".to_owned(),
            description: "Waits until it may pass.".to_owned(),
            input: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            output: json!({"type": "object"}),
            needs: Capabilities::none(),
            effect: Effect::Repeatable,
        }
    }

    async fn call(&self, _: ToolCall) -> Result<ToolOutput, ToolError> {
        let passed = self.0.acquire().await;
        drop(passed.map_err(|_| ToolError::new(ToolErrorKind::Network, "the gate is gone"))?);
        Ok(ToolOutput {
            value: json!({}),
            ..ToolOutput::default()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_finds_no_room_is_asked_for_again_until_there_is_some() {
    const GOALS: usize = 60;
    let out = tempfile::tempdir().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let mut config = Config::default();
    // The fewest there may be: with what is worked on beside them, half of the goals find none.
    config.agents.mailbox = 8;
    let node = Node::builder().config(config);
    let node = node.tool(Gate(Arc::clone(&gate))).start().await.unwrap();
    let plan = json!({"goal": "Pass", "tasks": [{"id": "pass", "tool": "gate__pass", "args": {}}]});
    let plan = PlanFile::read(plan.to_string().as_bytes()).unwrap();
    let mut answers = JoinSet::new();
    for at in 0..GOALS {
        let goal = Goal::new("Pass").id(format!("pass-{at}")).out(out.path());
        let run = node.run(goal.plan(plan.clone())).await.unwrap();
        answers.spawn(run.answer());
    }
    // Nobody has an answer before the gate opens, whether it found room or not.
    let early = tokio::time::timeout(std::time::Duration::from_millis(500), answers.join_next());
    assert!(early.await.is_err(), "a goal has ended at a shut gate");
    gate.add_permits(GOALS);
    let mut answered = 0;
    while let Some(answer) = soon("an answer", answers.join_next()).await {
        let answer = answer.unwrap().unwrap();
        assert_ne!(answer.status, GoalStatus::Failed, "{answer:?}");
        answered += 1;
    }
    assert_eq!(answered, GOALS);
    node.stop().await;
}
