//! A node that ended twice while some goals came no further: they go on one at a time, and when it is known which one it was, the others go
//! on together. Where it is known over whose tool it ended, the others are not held up at all.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_control::socket::SocketFolder;
use aios_control::{Client, GoalPhase, Submit};
use aios_runtime::{Config, Node};
use aios_work::{Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::watch;

use crate::crash::PATIENCE;

/// Calls wait at it until theirs is let through.
#[derive(Clone, Default)]
struct Gate {
    waiting: Arc<Mutex<BTreeSet<String>>>,
    open: Arc<watch::Sender<BTreeSet<String>>>,
}

#[async_trait]
impl Tool for Gate {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "test__gate".to_owned(),
            description: "Waits until it is let through.".to_owned(),
            input: json!({"type": "object", "properties": {"step": {"type": "string"}}, "required": ["step"], "additionalProperties": false}),
            output: json!({"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"]}),
            needs: Capabilities::none(),
            effect: Effect::Repeatable,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let step = call.args["step"].as_str().unwrap_or_default().to_owned();
        self.waiting.lock().unwrap().insert(step.clone());
        let mut open = self.open.subscribe();
        let through = open.wait_for(|open| open.contains(&step)).await;
        through.map_err(|_| ToolError::new(aios_work::ToolErrorKind::Network, "no gate"))?;
        Ok(ToolOutput {
            value: json!({ "done": true }),
            ..ToolOutput::default()
        })
    }
}

impl Gate {
    fn let_through(&self, step: &str) {
        self.open.send_modify(|open| {
            open.insert(step.to_owned());
        });
    }

    fn waiting(&self) -> Vec<String> {
        self.waiting.lock().unwrap().iter().cloned().collect()
    }

    /// Returns when just these wait, and no other has come within half a second.
    async fn just(&self, steps: &[&str]) {
        let begun = Instant::now();
        while self.waiting() != steps {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.waiting());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(self.waiting(), steps);
    }
}

impl Gate {
    /// Which goal comes beside these, each as often as it has come: just one, and no other within half a second.
    async fn one_more(&self, there: &[&str]) -> String {
        let begun = Instant::now();
        while self.waiting().len() <= there.len() {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.waiting());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut names: Vec<String> = self
            .waiting()
            .iter()
            .map(|step| step[..1].to_owned())
            .collect();
        for name in there {
            let at = names.iter().position(|known| known == name).unwrap();
            names.remove(at);
        }
        assert_eq!(names.len(), 1, "{names:?}");
        names.remove(0)
    }
}

async fn node(folder: &Path, gate: &Gate) -> (Node, Client) {
    let mut config = Config::default();
    config.storage.folder = folder.join("state").display().to_string();
    config.door.folder = folder.join("door").display().to_string();
    config.door.open = true;
    config.swarm.pages = 0;
    let node = Node::builder().config(config).tool(gate.clone());
    let node = node.start().await.unwrap();
    let door = SocketFolder::of(&folder.join("door").display().to_string());
    (node, Client::connect(&door, None).await.unwrap())
}

fn goal(name: &str, out: &Path) -> Submit {
    let task = |step: u32, after: &[&str]| json!({"id": format!("t{step}"), "tool": "test__gate", "args": {"step": format!("{name}{step}")}, "after": after, "deadline_ms": 120_000});
    let plan = json!({"goal": format!("Go {name}"), "tasks": [task(1, &[]), task(2, &["t1"])]});
    Submit {
        goal_id: Some(name.to_owned()),
        text: format!("Go {name}"),
        data: Vec::new(),
        files: Vec::new(),
        out: out.display().to_string(),
        private: false,
        plan: Some(Box::new(
            PlanFile::read(plan.to_string().as_bytes()).unwrap(),
        )),
    }
}

/// What a node that ends here leaves behind.
pub(crate) fn left(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => left(&entry.path(), &target),
            _ => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// What a node leaves that ends while it works on the tool of this goal.
fn left_working(from: &Path, to: &Path, goal: &str) {
    left(from, to);
    let mut place = format!("1{goal}").into_bytes();
    place.resize(256, 0);
    std::fs::write(to.join("witness"), place).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_tool_was_being_worked_on_is_suspected_and_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let fall = |from: &str, to: &str| {
        left_working(&at(from).join("state"), &at(to).join("state"), "b");
    };

    let gate = Gate::default();
    let (first, mut client) = node(&at("first"), &gate).await;
    for name in ["a", "b", "c"] {
        client.submit(goal(name, place.path())).await.unwrap();
    }
    gate.just(&["a1", "b1", "c1"]).await;
    fall("first", "second");
    first.stop().await;

    let gate = Gate::default();
    let (second, _client) = node(&at("second"), &gate).await;
    gate.just(&["a1", "b1", "c1"]).await;
    fall("second", "third");
    second.stop().await;

    // The others go on together, though they came no further either; it waits for them.
    let gate = Gate::default();
    let (third, _client) = node(&at("third"), &gate).await;
    gate.just(&["a1", "c1"]).await;
    for step in ["a1", "a2", "c1", "c2"] {
        gate.let_through(step);
    }
    gate.just(&["a1", "a2", "b1", "c1", "c2"]).await;
    fall("third", "fourth");
    third.stop().await;

    let gate = Gate::default();
    let (fourth, mut client) = node(&at("fourth"), &gate).await;
    let parked = client.goal("b").await.unwrap();
    assert_eq!(parked.phase, GoalPhase::Parked);
    let why = parked.error.unwrap().to_string();
    assert!(why.contains("in the middle of its tool's work"), "{why}");
    assert_eq!(gate.waiting(), Vec::<String>::new());
    fourth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspects_go_on_one_at_a_time_and_together_when_it_is_known_who_it_was() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let fall = |from: &str, to: &str| left(&at(from).join("state"), &at(to).join("state"));

    let gate = Gate::default();
    let (first, mut client) = node(&at("first"), &gate).await;
    for name in ["a", "b", "c", "d"] {
        client.submit(goal(name, place.path())).await.unwrap();
    }
    gate.just(&["a1", "b1", "c1", "d1"]).await;
    fall("first", "second");
    first.stop().await;

    // Once may happen to anybody: all go on.
    let gate = Gate::default();
    let (second, _client) = node(&at("second"), &gate).await;
    gate.just(&["a1", "b1", "c1", "d1"]).await;
    fall("second", "third");
    second.stop().await;

    // Twice is one of them: one goes on, and the next when that one is over.
    let gate = Gate::default();
    let (third, _client) = node(&at("third"), &gate).await;
    let first = gate.one_more(&[]).await;
    gate.let_through(&format!("{first}1"));
    assert_eq!(gate.one_more(&[&first]).await, first);
    gate.let_through(&format!("{first}2"));
    let second = gate.one_more(&[&first, &first]).await;
    fall("third", "fourth");
    third.stop().await;

    // It was the one that had its turn: it is set aside, and the others go on together.
    let gate = Gate::default();
    let (fourth, mut client) = node(&at("fourth"), &gate).await;
    let others: Vec<&str> = ["a", "b", "c", "d"]
        .into_iter()
        .filter(|name| *name != first && *name != second)
        .collect();
    let begin: Vec<String> = others.iter().map(|name| format!("{name}1")).collect();
    let begin: Vec<&str> = begin.iter().map(String::as_str).collect();
    gate.just(&begin).await;
    let phase = client.goal(&second).await.unwrap().phase;
    assert_eq!(phase, GoalPhase::Parked);
    for name in &others {
        gate.let_through(&format!("{name}1"));
        gate.let_through(&format!("{name}2"));
    }
    let begun = Instant::now();
    for name in others {
        while client.goal(name).await.unwrap().phase != GoalPhase::Answered {
            assert!(begun.elapsed() < PATIENCE, "{name} does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    fourth.stop().await;
}
