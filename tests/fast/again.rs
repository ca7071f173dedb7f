//! What can be done with a goal that was carried out: gone through again, forked, compared, taken elsewhere, tried again, undone.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aios_control::{
    Client, Compared, Fork, Forked, GoalPhase, Replayed, Request, Submit, Submitted, UndoOutcome,
    Undone,
};
use aios_runtime::{Config, Node};
use aios_work::content::GoalStatus;
use aios_work::{
    Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::house::{example, soon};

/// A shop that charges, and takes charges back; what it was called with is known outside.
#[derive(Clone)]
struct Shop {
    name: &'static str,
    effect: Effect,
    undo: Option<&'static str>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    closed: Arc<AtomicBool>,
}

impl Shop {
    fn new(name: &'static str, effect: Effect, undo: Option<&'static str>) -> Self {
        Self {
            name,
            effect,
            undo,
            calls: Arc::default(),
            closed: Arc::default(),
        }
    }

    fn keys(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(key, _)| key.clone()).collect()
    }
}

#[async_trait]
impl Tool for Shop {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_owned(),
            description: "Charges an amount, or takes a charge back.".to_owned(),
            input: json!({"type": "object"}),
            output: json!({"type": "object", "properties": {"charged": {"type": "integer"}}, "required": ["charged"]}),
            needs: Capabilities::none(),
            effect: self.effect,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(ToolError::new(
                ToolErrorKind::NotFound,
                "the shop is closed",
            ));
        }
        let amount = call.args["amount"].as_i64().unwrap_or_default();
        let mut calls = self.calls.lock().unwrap();
        calls.push((call.idempotency_key, call.args));
        Ok(ToolOutput {
            value: json!({ "charged": amount }),
            ..ToolOutput::default()
        })
    }

    fn undo(&self) -> Option<String> {
        self.undo.map(str::to_owned)
    }
}

/// The tools of these tests, and a node over a folder.
struct Rig {
    charge: Shop,
    refund: Shop,
    send: Shop,
    node: Node,
    control: Client,
}

impl Rig {
    async fn over(folder: &Path) -> Self {
        let charge = Shop::new("shop__charge", Effect::Repeatable, Some("shop__refund"));
        let refund = Shop::new("shop__refund", Effect::Repeatable, None);
        let send = Shop::new("post__send", Effect::Ask, None);
        let mut config = Config::default();
        config.storage.folder = folder.join("state").display().to_string();
        config.swarm.pages = 0;
        let node = Node::builder()
            .config(config)
            .tool(charge.clone())
            .tool(refund.clone())
            .tool(send.clone())
            .start()
            .await
            .unwrap();
        let control = node.control();
        Self {
            charge,
            refund,
            send,
            node,
            control,
        }
    }

    async fn submit(&mut self, id: &str, out: &Path, tasks: Value) -> GoalPhase {
        let plan = plan(tasks);
        let goal = Submit {
            goal_id: Some(id.to_owned()),
            text: plan.goal.clone(),
            data: Vec::new(),
            files: Vec::new(),
            out: out.display().to_string(),
            private: false,
            plan: Some(Box::new(plan)),
        };
        self.control.submit(goal).await.unwrap();
        self.ended(id).await
    }

    /// Where a goal stands when it is not under way any more.
    async fn ended(&mut self, id: &str) -> GoalPhase {
        self.control.watch(id, 0).await.unwrap();
        soon("the end of a goal", async {
            while self.control.next_event().await.unwrap().is_some() {}
        })
        .await;
        self.control.goal(id).await.unwrap().phase
    }

    async fn replay(&mut self, id: &str) -> Replayed {
        let goal_id = id.to_owned();
        let replay = Request::Replay { goal_id };
        soon("a replay", self.control.ask(&replay)).await.unwrap()
    }

    async fn refused<T: serde::de::DeserializeOwned + std::fmt::Debug>(
        &mut self,
        request: Request,
    ) -> String {
        let error = self.control.ask::<T>(&request).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert!(!refusal.what_to_do.is_empty(), "{refusal:?}");
        refusal.message.clone()
    }
}

fn plan(tasks: Value) -> PlanFile {
    let plan = json!({"goal": "Charge what was ordered", "tasks": tasks});
    PlanFile::read(plan.to_string().as_bytes()).unwrap()
}

fn charges(amounts: [i64; 3]) -> Value {
    let [first, second, third] = amounts;
    json!([
        {"id": "first", "tool": "shop__charge", "args": {"amount": first}},
        {"id": "second", "tool": "shop__charge", "args": {"amount": second}, "after": ["first"]},
        {"id": "third", "tool": "shop__charge", "args": {"amount": third}, "after": ["second"]},
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_is_gone_through_again_without_a_call_also_after_a_restart_and_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    let phase = rig.submit("g", place.path(), charges([1, 2, 3])).await;
    assert_eq!(phase, GoalPhase::Answered);
    let replayed = rig.replay("g").await;
    assert!(replayed.same, "{replayed:?}");
    assert_eq!((replayed.steps, replayed.would_think), (3, 0));
    assert_eq!(rig.charge.keys().len(), 3, "nothing was called");

    // Another process over the same folder, which has no such tool any more.
    rig.node.stop().await;
    drop(rig);
    let mut rig = Rig::over(place.path()).await;
    rig.charge.closed.store(true, Ordering::SeqCst);
    assert!(rig.replay("g").await.same);
    // Handed in again it gives its answer, and does nothing twice.
    let phase = rig.submit("g", place.path(), charges([1, 2, 3])).await;
    assert_eq!(phase, GoalPhase::Answered);
    assert!(rig.charge.keys().is_empty());
    let goal_id = "g".to_owned();
    let file: Value = rig.control.ask(&Request::Export { goal_id }).await.unwrap();

    // Another machine.
    let other = tempfile::tempdir().unwrap();
    let mut elsewhere = Rig::over(other.path()).await;
    let import = |new_id: Option<&str>| Request::Import {
        run: file.clone(),
        new_id: new_id.map(str::to_owned),
    };
    for (new_id, name) in [(None, "g"), (Some("bug-7"), "bug-7")] {
        let taken: Submitted = elsewhere.control.ask(&import(new_id)).await.unwrap();
        assert_eq!(taken.goal_id, name);
        let replayed = elsewhere.replay(name).await;
        assert!(replayed.same, "{replayed:?}");
        let state = elsewhere.control.goal(name).await.unwrap();
        assert_eq!(state.phase, GoalPhase::Answered);
    }
    assert!(elsewhere.charge.keys().is_empty());
    let twice = elsewhere.refused::<Submitted>(import(None)).await;
    assert!(twice.contains("on record already"), "{twice}");
    let mut changed = file.clone();
    changed["asked"]["text"] = "Charge more".into();
    let changed = Request::Import {
        run: changed,
        new_id: Some("x".to_owned()),
    };
    let refused = elsewhere.refused::<Submitted>(changed).await;
    assert!(refused.contains("cut or changed"), "{refused}");
    let undo = Request::Undo {
        goal_id: "g".to_owned(),
    };
    let refused = elsewhere.refused::<Undone>(undo).await;
    assert!(refused.contains("carried out elsewhere"), "{refused}");
    elsewhere.node.stop().await;
    rig.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_about_a_table_is_gone_through_again() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    let goal = Submit {
        goal_id: Some("q3".to_owned()),
        text: "Analyze Q3 sales".to_owned(),
        data: vec![
            example("q3_sales.csv")
                .canonicalize()
                .unwrap()
                .display()
                .to_string(),
        ],
        files: Vec::new(),
        out: place.path().display().to_string(),
        private: false,
        plan: None,
    };
    rig.control.submit(goal).await.unwrap();
    assert_eq!(rig.ended("q3").await, GoalPhase::Answered);
    let replayed = rig.replay("q3").await;
    assert!(replayed.same, "{replayed:?}");
    assert!(
        replayed.steps > 2 && replayed.would_think == 0,
        "{replayed:?}"
    );
    rig.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_inherits_what_was_finished_and_does_the_rest_under_keys_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    rig.submit("g", place.path(), charges([1, 2, 3])).await;
    let fork = |at: &str, plan: Option<PlanFile>, id: &str| {
        Request::Fork(Fork {
            goal_id: "g".to_owned(),
            at: at.to_owned(),
            plan: plan.map(Box::new),
            new_id: Some(id.to_owned()),
        })
    };
    let forked: Forked = rig.control.ask(&fork("second", None, "f")).await.unwrap();
    assert_eq!(forked.inherited, ["first"]);
    assert_eq!(rig.ended("f").await, GoalPhase::Answered);
    assert_eq!(
        rig.charge.keys(),
        ["g/first", "g/second", "g/third", "f/second", "f/third"]
    );
    // Another way: what is asked for in other words is done anew, though it comes before.
    let other = plan(charges([9, 2, 4]));
    let forked: Forked = rig
        .control
        .ask(&fork("third", Some(other), "h"))
        .await
        .unwrap();
    assert_eq!(forked.inherited, ["second"]);
    assert_eq!(rig.ended("h").await, GoalPhase::Answered);
    assert_eq!(rig.charge.keys()[5..], ["h/first", "h/third"]);
    // A fork is a goal like any other: it is gone through again, and compared.
    assert!(rig.replay("f").await.same);
    let diff = |one: &str, other: &str| Request::Diff {
        goal_id: one.to_owned(),
        with: other.to_owned(),
    };
    let same: Compared = rig.control.ask(&diff("g", "f")).await.unwrap();
    assert!(same.is_same(), "{same:?}");
    let compared: Compared = rig.control.ask(&diff("g", "h")).await.unwrap();
    assert_eq!(compared.plan.len(), 2, "{compared:?}");
    assert_eq!(compared.results.len(), 2, "{compared:?}");
    assert!(!compared.answer.is_empty() && compared.asked.is_empty());

    for (at, id, says) in [
        ("fourth", "x", "has no task \"fourth\""),
        ("first", "f", "on record already"),
    ] {
        let refused = rig.refused::<Forked>(fork(at, None, id)).await;
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(rig.control.goals().await.unwrap().len(), 3);
    rig.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_asks_before_it_does_what_nobody_can_take_back() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    let tasks = json!([
        {"id": "first", "tool": "shop__charge", "args": {"amount": 1}},
        {"id": "send", "tool": "post__send", "args": {"amount": 2}, "after": ["first"]},
    ]);
    rig.submit("g", place.path(), tasks).await;
    assert_eq!(rig.send.keys(), ["g/send"]);
    let fork = Request::Fork(Fork {
        goal_id: "g".to_owned(),
        at: "send".to_owned(),
        plan: None,
        new_id: Some("f".to_owned()),
    });
    let _: Forked = rig.control.ask(&fork).await.unwrap();
    let question = soon("a question", async {
        loop {
            let open = rig.control.approvals().await.unwrap();
            if let Some(asked) = open.into_iter().find(|asked| asked.goal == "f") {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(rig.send.keys(), ["g/send"], "nothing was sent meanwhile");
    let decision = aios_control::Decision::Accept;
    rig.control
        .decide(&question.id, decision, "")
        .await
        .unwrap();
    assert_eq!(rig.ended("f").await, GoalPhase::Answered);
    assert_eq!(rig.send.keys(), ["g/send", "f/send"]);
    rig.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_came_to_nothing_is_tried_again_and_nothing_else_is() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    let tasks = json!([
        {"id": "first", "tool": "shop__charge", "args": {"amount": 1}},
        {"id": "refund", "tool": "shop__refund", "args": {"amount": 2}, "after": ["first"]},
    ]);
    rig.refund.closed.store(true, Ordering::SeqCst);
    rig.submit("g", place.path(), tasks).await;
    let answer = rig.control.goal("g").await.unwrap().answer.unwrap();
    assert_eq!(answer.status, GoalStatus::Partial, "{:?}", answer.reason);
    rig.refund.closed.store(false, Ordering::SeqCst);
    let retry = |task: &str| Request::Retry {
        goal_id: "g".to_owned(),
        task: task.to_owned(),
    };
    for (task, says) in [("first", "is done"), ("none", "has no task")] {
        let refused = rig.refused::<()>(retry(task)).await;
        assert!(refused.contains(says), "{refused}");
    }
    let () = rig.control.ask(&retry("refund")).await.unwrap();
    assert_eq!(rig.ended("g").await, GoalPhase::Answered);
    let answer = rig.control.goal("g").await.unwrap().answer.unwrap();
    assert_ne!(answer.status, GoalStatus::Partial, "{:?}", answer.gaps);
    assert_eq!(rig.charge.keys(), ["g/first"]);
    assert_eq!(rig.refund.keys(), ["g/refund"]);
    rig.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_goal_did_is_taken_back_the_last_thing_first_and_once() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    let tasks = json!([
        {"id": "first", "tool": "shop__charge", "args": {"amount": 1}},
        {"id": "send", "tool": "post__send", "args": {"amount": 5}, "after": ["first"]},
        {"id": "last", "tool": "shop__charge", "args": {"amount": 2}, "after": ["send"]},
    ]);
    rig.submit("g", place.path(), tasks).await;
    let undo = Request::Undo {
        goal_id: "g".to_owned(),
    };
    for _ in 0..2 {
        let undone: Undone = rig.control.ask(&undo).await.unwrap();
        let effects: Vec<_> = undone
            .effects
            .iter()
            .map(|effect| (effect.task.as_str(), effect.outcome))
            .collect();
        assert_eq!(
            effects,
            [
                ("last", UndoOutcome::Undone),
                ("send", UndoOutcome::NoUndo),
                ("first", UndoOutcome::Undone),
            ]
        );
    }
    let calls = rig.refund.calls.lock().unwrap().clone();
    let keys: Vec<_> = calls.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["g/last/~undo", "g/first/~undo"], "each once");
    assert_eq!(calls[0].1["args"]["amount"], 2);
    assert_eq!(calls[0].1["result"]["charged"], 2);
    assert_eq!(calls[0].1["key"], "g/last");
    // Nobody goes on with it as if it stood.
    let goal_id = "g".to_owned();
    let refused = rig.refused::<()>(Request::Resume { goal_id }).await;
    assert!(refused.contains("taken back"), "{refused}");
    assert_eq!(
        rig.control.goal("g").await.unwrap().phase,
        GoalPhase::Cancelled
    );
    rig.node.stop().await;
}

/// One that cannot be taken back keeps what was done before it from being taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_keeps_what_came_before_it() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = Rig::over(place.path()).await;
    rig.submit("g", place.path(), charges([1, 2, 3])).await;
    rig.refund.closed.store(true, Ordering::SeqCst);
    let undo = Request::Undo {
        goal_id: "g".to_owned(),
    };
    let undone: Undone = rig.control.ask(&undo).await.unwrap();
    let outcomes: Vec<_> = undone.effects.iter().map(|effect| effect.outcome).collect();
    use UndoOutcome::{Failed, NotTried, Undone as Back};
    assert_eq!(outcomes, [Failed, NotTried, NotTried]);
    rig.refund.closed.store(false, Ordering::SeqCst);
    let undone: Undone = rig.control.ask(&undo).await.unwrap();
    let outcomes: Vec<_> = undone.effects.iter().map(|effect| effect.outcome).collect();
    assert_eq!(outcomes, [Back, Back, Back]);
    rig.node.stop().await;
}
