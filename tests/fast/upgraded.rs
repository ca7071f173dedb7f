//! A goal that one version began and another one goes on with, which plans the same otherwise.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_control::{GoalPhase, Submit};
use aios_memory::StepLog;
use aios_runtime::{Config, Node};
use aios_work::{
    Capabilities, Effect, Pack, Task, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput,
    ToolSpec,
};
use async_trait::async_trait;
use serde_json::json;

use crate::crash::PATIENCE;
use crate::servers::{Errands, Told};
use crate::suspects::left;

/// `test__pay`, which nobody but a person could know about, and `test__wait`, which changes nothing and comes back when it may.
struct Does {
    name: &'static str,
    effect: Effect,
    paid: Arc<Mutex<Vec<String>>>,
    waiting: Waiting,
}

/// What becomes of a call of `test__wait`.
#[derive(Clone, Copy, PartialEq)]
enum Waiting {
    Lasts,
    Fails,
    Ends,
}

#[async_trait]
impl Tool for Does {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_owned(),
            description: "Does what it is called.".to_owned(),
            input: json!({"type": "object", "properties": {"to": {"type": "string"}}, "additionalProperties": false}),
            output: json!({"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"]}),
            needs: Capabilities::none(),
            effect: self.effect,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        if self.effect == Effect::Ask {
            self.paid.lock().unwrap().push(call.idempotency_key);
        } else if self.waiting == Waiting::Lasts {
            std::future::pending::<()>().await;
        } else if self.waiting == Waiting::Fails {
            return Err(ToolError::new(ToolErrorKind::Other, "it is not there"));
        }
        Ok(ToolOutput {
            value: json!({ "done": true }),
            ..ToolOutput::default()
        })
    }
}

/// What of the tools a version has.
struct Version<'a> {
    pays: bool,
    waiting: Waiting,
    /// What it calls the payment in its plan.
    payment: &'a str,
}

async fn node(folder: &Path, paid: &Arc<Mutex<Vec<String>>>, version: Version<'_>) -> Node {
    let mut config = Config::default();
    config.storage.folder = folder.join("state").display().to_string();
    config.door.open = false;
    config.swarm.pages = 0;
    let mut wait = Task::new("wait", "test__wait", json!({}));
    wait.after = vec![version.payment.to_owned()];
    let tasks = vec![
        Task::new(version.payment, "test__pay", json!({"to": "somebody"})),
        wait,
    ];
    let does = |name, effect| Does {
        name,
        effect,
        paid: Arc::clone(paid),
        waiting: version.waiting,
    };
    let mut node = Node::builder().config(config).without_packs().pack(Pack {
        sources: vec![Arc::new(Errands(tasks))],
        domains: vec![Arc::new(Told)],
        ..Pack::default()
    });
    if version.pays {
        node = node.tool(does("test__pay", Effect::Ask));
    }
    let node = node.tool(does("test__wait", Effect::Pure));
    node.start().await.unwrap()
}

fn goal(place: &Path) -> Submit {
    Submit {
        goal_id: Some("g".to_owned()),
        text: "Pay somebody".to_owned(),
        data: Vec::new(),
        files: Vec::new(),
        out: place.display().to_string(),
        private: false,
        plan: None,
    }
}

/// A goal that the first version has paid for, in a folder as a process leaves it that is killed while the rest is under way.
async fn begun(place: &Path, paid: &Arc<Mutex<Vec<String>>>) {
    begun_under(place, paid, None).await;
}

/// The same, and in the place of its plan stands something else.
async fn begun_under(place: &Path, paid: &Arc<Mutex<Vec<String>>>, spoilt: Option<&[u8]>) {
    let waiting = Waiting::Lasts;
    let version = Version {
        pays: true,
        waiting,
        payment: "pay",
    };
    let first = node(&place.join("first"), paid, version).await;
    first.control().submit(goal(place)).await.unwrap();
    let begun = Instant::now();
    loop {
        let shown = first.control().goal_plan("g").await.unwrap();
        let mut of_wait = shown.tasks.iter().filter(|task| task.id == "wait");
        if of_wait.any(|task| !task.work.attempts.is_empty()) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{shown:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let steps = StepLog::new(Arc::clone(first.system().store()));
    for mut step in steps.kept("").unwrap() {
        if step.operation.ends_with("/g/plan") {
            step.result = spoilt.map(<[u8]>::to_vec).or(step.result);
            steps.keep(&step).unwrap();
        }
    }
    first.system().store().flush().unwrap();
    // What it has done lasts before the next thing is begun.
    left(&place.join("first/state"), &place.join("second/state"));
    first.stop().await;
    assert_eq!(paid.lock().unwrap().len(), 1);
}

async fn ended(node: &Node) -> GoalPhase {
    let begun = Instant::now();
    loop {
        let phase = node.control().goal("g").await.unwrap().phase;
        if phase != GoalPhase::Running {
            return phase;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Why a goal came to nothing.
async fn failed(node: &Node) -> String {
    assert_eq!(ended(node).await, GoalPhase::Failed);
    let state = node.control().goal("g").await.unwrap();
    state.error.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_by_another_name_is_not_done_again() {
    let place = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    begun(place.path(), &paid).await;
    let version = Version {
        pays: true,
        waiting: Waiting::Ends,
        payment: "payment",
    };
    let second = node(&place.path().join("second"), &paid, version).await;
    assert_eq!(ended(&second).await, GoalPhase::Answered);
    assert_eq!(paid.lock().unwrap().len(), 1, "{paid:?}");
    let shown = second.control().goal_plan("g").await.unwrap();
    let tasks: Vec<&str> = shown.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(tasks, ["pay", "wait"], "the plan it was begun with");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_gone_on_with_here_says_what_differs() {
    let place = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    begun(place.path(), &paid).await;
    let version = Version {
        pays: false,
        waiting: Waiting::Ends,
        payment: "payment",
    };
    let second = node(&place.path().join("second"), &paid, version).await;
    // Nothing is answered, so it can be gone on with where it can be carried out.
    let said = failed(&second).await;
    assert!(
        said.contains("begun with a plan made by version") && said.contains("test__pay"),
        "{said}"
    );
    assert_eq!(paid.lock().unwrap().len(), 1, "{paid:?}");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_plan_cannot_be_read_is_not_begun_by_other_names() {
    let place = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    begun_under(place.path(), &paid, Some(br#"{"another":"form"}"#)).await;
    let version = Version {
        pays: true,
        waiting: Waiting::Ends,
        payment: "payment",
    };
    let second = node(&place.path().join("second"), &paid, version).await;
    let said = failed(&second).await;
    assert!(said.contains("cannot be read here"), "{said}");
    assert_eq!(paid.lock().unwrap().len(), 1, "{paid:?}");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_came_to_nothing_halfway_is_not_begun_by_other_names() {
    let place = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    for (waiting, payment) in [(Waiting::Fails, "pay"), (Waiting::Ends, "payment")] {
        let version = Version {
            pays: true,
            waiting,
            payment,
        };
        let node = node(&place.path().join("node"), &paid, version).await;
        node.control().submit(goal(place.path())).await.unwrap();
        ended(&node).await;
        assert_eq!(paid.lock().unwrap().len(), 1, "{payment}: {paid:?}");
        if waiting == Waiting::Ends {
            let shown = node.control().goal_plan("g").await.unwrap();
            assert_eq!(shown.tasks[0].id, "pay");
        }
        node.stop().await;
    }
}
