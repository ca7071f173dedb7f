//! A node as a value: two of them share nothing, agents are spawned by name, and a stop leaves nothing running.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_runtime::{Goal, GoalError, Node, SpawnError, SpawnOptions};
use aios_supervisor::Restart;
use aios_tools::{Blocking, BlockingTool, Workspace, Workspaces};
use aios_work::content::GoalStatus;
use aios_work::{Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};

use crate::house::{example, node, pursue, soon};

struct Greeter;

#[async_trait]
impl Agent for Greeter {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let name = incoming.content.as_str().unwrap_or("stranger");
        incoming.inform(format!("hello, {name}, says {}", ctx.me()))?;
        Ok(())
    }
}

/// Asks the greeter as soon as it is there, and tells the test.
struct Visitor(UnboundedSender<String>);

#[async_trait]
impl Agent for Visitor {
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let said = match ctx
            .ask("macro.greeter", "Ada", Duration::from_secs(20))
            .await
        {
            Ok(reply) => reply.content.as_str().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        };
        let _ = self.0.send(said);
        Ok(())
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

async fn house_with_greeter() -> (Node, UnboundedReceiver<String>) {
    let (said, heard) = unbounded_channel();
    let node = Node::builder()
        .factory("macro.greeter", |_| Ok(Greeter))
        .factory("macro.visitor", move |_| Ok(Visitor(said.clone())))
        .start()
        .await
        .unwrap();
    (node, heard)
}

fn sales() -> Goal {
    Goal::new("Analyze Q3 sales").data([example("q3_sales.csv")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_in_one_process_share_nothing() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (one, _said) = house_with_greeter().await;
    let two = node().await;
    let quiet = two.messages();

    // The same id on both: were anything shared, the second would be handed the first one's answer.
    let first = soon(
        "the first",
        pursue(&one, sales().id("g-1").out(folders[0].path())),
    )
    .await
    .unwrap();
    assert_eq!(
        two.messages(),
        quiet,
        "nobody in the second node heard of it"
    );
    let goal = Goal::new("What is 6 * 7?").id("g-1").out(folders[1].path());
    let second = soon("the second", pursue(&two, goal)).await.unwrap();
    assert_eq!(
        (first.status, second.status),
        (GoalStatus::Approved, GoalStatus::Approved)
    );
    assert_ne!(first.answer, second.answer);
    assert!(
        second.answer.contains("42") && !second.answer.contains("revenue"),
        "{}",
        second.answer
    );

    let greeter = one
        .spawn("macro.greeter", SpawnOptions::default())
        .await
        .unwrap();
    assert!(
        one.view()
            .agents
            .iter()
            .any(|agent| agent.id == greeter.to_string())
    );
    assert!(
        !two.view()
            .agents
            .iter()
            .any(|agent| agent.id == greeter.to_string())
    );
    assert!(
        two.spawn("macro.greeter", SpawnOptions::default())
            .await
            .is_err(),
        "its factory belongs to the first"
    );

    // The same identity in both, and only one of them falls.
    one.kill("macro.executor.001@local").await.unwrap();
    one.stop().await;
    assert_eq!(two.view().restarts, 0);
    let again = soon(
        "after the other is gone",
        pursue(&two, sales().out(folders[1].path())),
    )
    .await
    .unwrap();
    assert_eq!((again.status, again.restarts), (GoalStatus::Approved, 0));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_spawned_by_the_name_of_its_role_and_answers() {
    let (node, mut said) = house_with_greeter().await;
    for (number, under) in [(1, "spawned"), (2, "macro"), (3, "meso")] {
        let options = SpawnOptions {
            under: under.to_owned(),
            ..SpawnOptions::default()
        };
        let id = node
            .spawn("macro.greeter", options)
            .await
            .unwrap()
            .to_string();
        assert_eq!(id, format!("macro.greeter.{number:03}@local"));
        let seen = node
            .view()
            .agents
            .into_iter()
            .find(|agent| agent.id == id)
            .unwrap();
        assert_eq!(
            (seen.supervisor.as_str(), seen.state.as_str()),
            (under, "running")
        );
        if number > 1 {
            node.stop_agent(&id).await.unwrap();
        }
    }
    node.spawn("macro.visitor", SpawnOptions::default())
        .await
        .unwrap();
    assert_eq!(
        soon("the greeting", said.recv()).await.unwrap(),
        "hello, Ada, says macro.greeter.001@local"
    );

    // A fall is not the end of it.
    node.kill("macro.greeter.001@local").await.unwrap();
    node.spawn("macro.visitor", SpawnOptions::default())
        .await
        .unwrap();
    assert_eq!(
        soon("the greeting", said.recv()).await.unwrap(),
        "hello, Ada, says macro.greeter.001@local"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawn_that_cannot_be_names_what_could() {
    let (node, _said) = house_with_greeter().await;
    let before = node.view();
    let roles = "known are: macro.critic, macro.executor, macro.greeter, macro.interface, macro.memory, macro.planner, macro.visitor, \
                 meso.consensus, meso.monitor, meso.registry, meso.router, meso.security, meso.state";
    for (role, under, says) in [
        ("macro.gardener", "spawned", roles),
        ("meso.executor", "spawned", roles),
        (
            "macro.greeter",
            "nowhere",
            "no supervisor is called \"nowhere\"; there are engine, meso, macro, spawned",
        ),
        ("greeter", "spawned", "greeter"),
        (
            "",
            "spawned",
            "is not an agent identifier; write {tier}.{type}.{instance}@{zone}",
        ),
        ("giant.greeter", "spawned", "giant"),
        (
            "macro.Gree ter",
            "spawned",
            "'G' is not allowed in the type of an identifier",
        ),
    ] {
        let options = SpawnOptions {
            under: under.to_owned(),
            ..SpawnOptions::default()
        };
        let told = node.spawn(role, options).await.unwrap_err().to_string();
        assert!(told.contains(says), "{role:?} under {under}: {told}");
        assert!(!told.contains('\n') && told.len() < 400, "{role:?}: {told}");
    }
    for order in [
        node.kill("macro.greeter.009@local").await,
        node.stop_agent("nobody").await,
    ] {
        assert!(
            matches!(&order, Err(SpawnError::UnknownAgent(_))),
            "{order:?}"
        );
    }
    assert_eq!(
        node.view().agents,
        before.agents,
        "nothing is left of an attempt"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_agent_that_falls_stays_down() {
    let (node, mut said) = house_with_greeter().await;
    let options = SpawnOptions {
        restart: Restart::Temporary,
        ..SpawnOptions::default()
    };
    let id = node
        .spawn("macro.greeter", options)
        .await
        .unwrap()
        .to_string();
    node.kill(&id).await.unwrap();
    // Whoever asks hears at once that nobody is there, instead of waiting for somebody who will not come.
    node.spawn("macro.visitor", SpawnOptions::default())
        .await
        .unwrap();
    let told = soon("the news", said.recv()).await.unwrap();
    assert!(
        !told.starts_with("hello") && told.contains("macro.greeter"),
        "{told}"
    );
    assert!(
        !node
            .view()
            .agents
            .iter()
            .any(|agent| agent.id == id && agent.state == "running")
    );
    node.stop().await;
}

/// Writes down its own farewell.
struct Farewell {
    name: String,
    said: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Agent for Farewell {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }

    async fn stop(&mut self, _: &Context) {
        self.said.lock().unwrap().push(self.name.clone());
    }
}

/// Tasks on this test's runtime, once they have had the chance to end.
async fn tasks_left(most: usize) -> usize {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let left = Handle::current().metrics().num_alive_tasks();
        if left <= most || Instant::now() > until {
            return left;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_orderly_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let said = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&said);
    let node = Node::builder()
        .factory("macro.guest", move |blueprint| {
            Ok(Farewell {
                name: blueprint.id.instance().to_owned(),
                said: Arc::clone(&told),
            })
        })
        .start()
        .await
        .unwrap();
    for _ in 0..3 {
        node.spawn("macro.guest", SpawnOptions::default())
            .await
            .unwrap();
    }
    soon("a goal", pursue(&node, sales().out(folder.path())))
        .await
        .unwrap();
    soon("the stop", node.stop()).await;
    assert_eq!(
        *said.lock().unwrap(),
        ["003", "002", "001"],
        "the last to come is the first to go"
    );
    assert!(
        !node
            .view()
            .agents
            .iter()
            .any(|agent| agent.state == "running"),
        "{:?}",
        node.view().agents
    );
    soon("a second stop", node.stop()).await;

    let refused = node.run(sales().out(folder.path())).await;
    let told = refused.err().unwrap().to_string();
    assert!(told.starts_with("the node is stopping"), "{told}");
    assert!(
        node.spawn("macro.guest", SpawnOptions::default())
            .await
            .is_err()
    );
    drop(node);
    assert_eq!(
        tasks_left(before).await,
        before,
        "no task survives its node"
    );
}

/// A tool that tells when it is called and then works until it is told to stop.
struct Endless {
    begun: UnboundedSender<()>,
    ended: UnboundedSender<String>,
}

impl BlockingTool for Endless {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "profile_table".to_owned(),
            description: "Never ends by itself.".to_owned(),
            input: serde_json::json!({ "type": "object" }),
            output: serde_json::json!({}),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
        }
    }

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        let _ = self.begun.send(());
        loop {
            if let Err(error) = call.check() {
                let _ = self.ended.send(error.to_string());
                return Err(error.into());
            }
            std::thread::yield_now();
        }
    }
}

async fn endless() -> (Node, UnboundedReceiver<()>, UnboundedReceiver<String>) {
    let ((begun, has_begun), (ended, has_ended)) = (unbounded_channel(), unbounded_channel());
    let node = Node::builder()
        .tool(Blocking::shared(
            Endless { begun, ended },
            &Workspaces::default(),
        ))
        .start()
        .await
        .unwrap();
    (node, has_begun, has_ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_of_a_goal_ends_the_goal_and_its_tool() {
    let folder = tempfile::tempdir().unwrap();
    let (node, mut begun, mut ended) = endless().await;
    let run = node.run(sales().out(folder.path())).await.unwrap();
    soon("the tool", begun.recv()).await.unwrap();
    soon("the stop", node.stop()).await;
    assert_eq!(
        soon("the tool's end", ended.recv()).await.unwrap(),
        "cancelled"
    );
    let told = match soon("the goal's end", run.answer()).await {
        Err(error) => error.to_string(),
        Ok(answer) => answer.reason.unwrap(),
    };
    assert!(!told.is_empty() && !told.contains('\n'), "{told}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is left half-written"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_is_called_off_takes_its_tool_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (node, mut begun, mut ended) = endless().await;
    let run = node.run(sales().out(folder.path())).await.unwrap();
    soon("the tool", begun.recv()).await.unwrap();
    soon("calling off", run.cancel()).await;
    assert_eq!(
        soon("the tool's end", ended.recv()).await.unwrap(),
        "cancelled"
    );
    assert_eq!(node.view().restarts, 0, "nobody had to fall for it");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is left half-written"
    );
    node.stop().await;
}

/// Holds up the stop until it is let go.
struct Slow {
    stopping: Arc<Notify>,
    go: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

#[async_trait]
impl Agent for Slow {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }

    async fn stop(&mut self, _: &Context) {
        self.stopping.notify_one();
        let go = self.go.lock().unwrap().take();
        if let Some(go) = go {
            let _ = go.await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_comes_while_the_node_stops_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (let_go, go) = oneshot::channel();
    let (stopping, go) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Some(go))));
    let told = Arc::clone(&stopping);
    let node = Node::builder()
        .factory("macro.slow", move |_| {
            Ok(Slow {
                stopping: Arc::clone(&told),
                go: Arc::clone(&go),
            })
        })
        .start()
        .await
        .unwrap();
    node.spawn("macro.slow", SpawnOptions::default())
        .await
        .unwrap();
    let stopped = tokio::spawn({
        let node = node.clone();
        async move { node.stop().await }
    });
    soon("the stop to begin", stopping.notified()).await;
    let refused = soon("the refusal", node.run(sales().out(folder.path()))).await;
    assert!(
        matches!(refused.as_ref().err(), Some(GoalError::Stopping)),
        "{:?}",
        refused.err()
    );
    let_go.send(()).unwrap();
    soon("the stop", stopped).await.unwrap();
}
