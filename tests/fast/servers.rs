//! Goals that use the tools of servers, over a node that reads its servers from a configuration file. Servers are killed while they are at work.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aios_control::{ClientError, Request, ToolServer};
use aios_runtime::config::Sources;
use aios_runtime::{Answer, Config, Goal, Node};
use aios_supervisor::Recourse;
use aios_work::content::{GoalStatus, TaskStatus};
use aios_work::{
    Bench, Case, Claim, Decision, Domain, Evidence, Goal as Checked, Pack, Plan, PlanFile,
    PlanSource, ServerState, SoFar, Task, TextKind, Written,
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::hostile_server;
use crate::house::{pursue, soon};

const ERRANDS: &str = "errands";

/// Whatever it was made with is the plan of every goal.
pub(crate) struct Errands(pub(crate) Vec<Task>);

#[async_trait]
impl PlanSource for Errands {
    fn name(&self) -> &str {
        ERRANDS
    }

    fn claims(&self, _: &Checked) -> Claim {
        Claim::Asked
    }

    async fn plan(&self, goal: &Checked, _: &dyn Bench) -> Result<Plan, String> {
        Ok(Plan::of(goal.id(), ERRANDS, self.0.clone()))
    }
}

/// The answer is what the tasks gave, a line each.
pub(crate) struct Told;

impl Domain for Told {
    fn name(&self) -> &str {
        ERRANDS
    }

    fn open(&self, goal: &Checked, _: &Plan) -> Result<Box<dyn Case>, String> {
        Ok(Box::new(Opened(goal.text().to_owned())))
    }
}

struct Opened(String);

impl Case for Opened {
    fn prose(&self, _: &Task, _: &SoFar<'_>) -> Evidence {
        Evidence::default()
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        let results = so_far.results.iter();
        let lines = results.map(|(task, value)| match value {
            Value::String(text) => format!("{task}: {text}"),
            other => format!("{task}: {other}"),
        });
        Written {
            answer: lines.collect::<Vec<_>>().join("\n"),
            evidence: Evidence {
                kind: TextKind::Report,
                goal: self.0.clone(),
                ..Evidence::default()
            },
            facts: Vec::new(),
            gaps: so_far.gaps.to_vec(),
        }
    }
}

/// A node with the server of this behaviour, and a plan that every goal is carried out by.
struct House {
    node: Node,
    folder: tempfile::TempDir,
}

impl House {
    async fn open(behaviour: &str, more: &str, tasks: Vec<Task>) -> Self {
        Self::over(tempfile::tempdir().unwrap(), behaviour, more, tasks).await
    }

    async fn over(
        folder: tempfile::TempDir,
        behaviour: &str,
        more: &str,
        tasks: Vec<Task>,
    ) -> Self {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../actors/tools/tests/mcp/server.py");
        let file = folder.path().join("aios.toml");
        let (state, notes) = (folder.path().join("state"), folder.path().join("notes"));
        let text = format!(
            "[storage]\nfolder = {state:?}\n[goal]\ndeadline_ms = 120000\n[tools.s]\n\
             command = [\"python3\", {script:?}, {behaviour:?}, {notes:?}]\n{more}\n"
        );
        fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let mut config = Config::load(&sources).unwrap();
        // What is waited for is what happens next, not the time before it is tried again.
        config.recovery.of_mut("default").first_ms = 50;
        let pack = Pack {
            sources: vec![Arc::new(Errands(tasks))],
            domains: vec![Arc::new(Told)],
            ..Pack::default()
        };
        let node = Node::builder()
            .config(config)
            .without_packs()
            .pack(pack)
            .start()
            .await
            .unwrap();
        Self { node, folder }
    }

    async fn goal(&self, id: &str) -> Answer {
        let goal = Goal::new("run the errand")
            .id(id)
            .out(self.folder.path().join("out"));
        soon("an answer", pursue(&self.node, goal)).await.unwrap()
    }

    fn notes(&self) -> Vec<String> {
        let notes = fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }

    async fn server(&self, state: ServerState) -> ToolServer {
        let begun = Instant::now();
        loop {
            let mut seen: Vec<ToolServer> = self
                .node
                .control()
                .ask(&Request::ToolServers {})
                .await
                .unwrap();
            let seen = seen.remove(0);
            if seen.state == state {
                return seen;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn note(then: &str) -> Vec<Task> {
    let args = json!({"line": "sent", "then": then});
    vec![
        Task::new("first", "s__echo", json!({"words": "hello"})),
        Task {
            after: vec!["first".to_owned()],
            ..Task::new("note", "s__note", args)
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_of_a_goal_changes_nothing_in_its_answer_and_doubles_no_effect()
 {
    let mut told = Vec::new();
    for (effects, then) in [
        ("repeatable", "once"),
        ("repeatable", "once, then die"),
        ("query", "die"),
    ] {
        let more = format!(
            "effect = \"repeatable\"\n[tools.s.effects]\nnote = {effects:?}\n[tools.s.lookups]\nnote = \"happened\""
        );
        let house = House::open("honest", &more, note(then)).await;
        let answer = house.goal("errand").await;
        assert_eq!(answer.status, GoalStatus::Unverified, "{answer:?}");
        assert!(
            answer
                .tasks
                .iter()
                .all(|task| task.status == TaskStatus::Completed),
            "{answer:?}"
        );
        assert_eq!(house.notes().len(), 1, "{then}: {:?}", house.notes());
        told.push(answer.answer.replace("noted before", "noted"));
        if then.ends_with("die") {
            let tree = house.node.view().tree;
            let child = tree.find("servers/s").unwrap();
            assert!(child.restarts >= 1, "{tree}");
        }
        house.node.stop().await;
    }
    assert_eq!(told[0], "first: hello\nnote: noted");
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_to_have_been_done_is_asked_of_a_person_before_it_is_done_again() {
    for (decision, notes) in [(Decision::Reject, 1), (Decision::Accept, 2)] {
        let house = House::open("honest", "", note("once, then die")).await;
        let (node, owner) = (house.node.clone(), Arc::clone(house.node.owner()));
        let decided = async {
            let question = soon("a question", async {
                loop {
                    if let Some(question) = node.approvals().unwrap().into_iter().next() {
                        return question;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
            .await;
            assert!(
                question
                    .question
                    .contains("nobody knows whether it was carried out"),
                "{question:?}"
            );
            assert_eq!(
                house.notes().len(),
                1,
                "nothing is done while nobody has decided"
            );
            // Allowed once more, it is done under another key and cut short again; and nobody is asked a second time.
            node.decide(&question.id, decision, "", &owner).unwrap();
        };
        let (answer, ()) = tokio::join!(house.goal("errand"), decided);
        let whole = answer
            .tasks
            .iter()
            .all(|task| task.status == TaskStatus::Completed);
        assert!(!whole || decision == Decision::Accept, "{answer:?}");
        assert_eq!(house.notes().len(), notes, "{answer:?}");
        house.node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_list_has_changed_serves_no_goal_until_its_list_is_approved() {
    let tasks = vec![Task::new("echo", "s__echo", json!({"words": "hello"}))];
    let house = House::open("changing", "effect = \"pure\"", tasks.clone()).await;
    assert_eq!(house.goal("one").await.answer, "echo: hello");
    let House { node, folder } = house;
    node.stop().await;
    // Whoever holds a node holds its state.
    drop(node);
    let words = json!({"type": "object", "properties": {"words": {"type": "string"}}});
    let tools = json!([{"name": "echo", "description": "new", "inputSchema": words}]);
    fs::write(folder.path().join("notes"), tools.to_string()).unwrap();

    let house = House::over(folder, "changing", "effect = \"pure\"", tasks).await;
    let waiting = house.server(ServerState::Suspended).await.awaiting.unwrap();
    assert!(
        waiting
            .changes
            .iter()
            .any(|line| line == "changed: echo: its description, which is now: new"),
        "{waiting:?}"
    );
    let refused = house.goal("two").await;
    assert!(
        refused.reason.unwrap_or_default().contains("suspended")
            || refused.gaps.iter().any(|gap| gap.contains("suspended"))
    );
    let approve = |list: &str| Request::ApproveTools {
        server: "s".to_owned(),
        list: list.to_owned(),
    };
    let stale = house.node.control().ask::<ToolServer>(&approve("0")).await;
    assert!(matches!(stale, Err(ClientError::Refused(_))), "{stale:?}");
    let seen: ToolServer = house
        .node
        .control()
        .ask(&approve(&waiting.hash))
        .await
        .unwrap();
    assert_eq!(
        (seen.state, seen.tools),
        (ServerState::Ready, vec!["s__echo".to_owned()])
    );
    assert_eq!(house.goal("three").await.answer, "echo: hello");
    house.node.stop().await;
}

/// A node with a server over HTTP that does all kinds of harm, and a tool of its own beside it.
async fn beside_a_hostile_server(url: &str) -> (Node, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aios.toml");
    let text = format!("[tools.web]\nurl = {url:?}\neffect = \"pure\"\ntimeout_ms = 2000\n");
    fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let mut config = Config::load(&sources).unwrap();
    let policy = config.recovery.of_mut("default");
    (policy.retries, policy.then) = (0, Recourse::Partial);
    let node = Node::builder().config(config).start().await.unwrap();
    soon("its tools", async {
        while node.services().tools().spec("web__good").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    (node, folder)
}

/// Two tasks: what the server does, and what has nothing to do with it.
async fn both(node: &Node, out: &Path, tool: &str) -> Answer {
    let plan = json!({"goal": "Do both.", "tasks": [
        {"id": "sum", "tool": "calc", "args": {"expression": "6 * 7"}},
        {"id": "asked", "tool": tool, "args": {}},
    ]});
    let plan = PlanFile::read(plan.to_string().as_bytes()).unwrap();
    let goal = Goal::new(&plan.goal).plan(plan).out(out);
    soon("an answer", pursue(node, goal)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_floods_hangs_and_lies_costs_a_goal_its_own_task_alone_and_then_it_rests() {
    let (url, does) = hostile_server::serve("honest").await;
    let (node, folder) = beside_a_hostile_server(&url).await;
    let breaker = || {
        let all = node.view().breakers;
        let found = all.into_iter().find(|one| one.service == "tool.web");
        found.map(|one| one.state).unwrap_or_default()
    };
    let gap = |answer: &Answer| {
        assert_eq!(answer.status, GoalStatus::Partial, "{answer:#?}");
        assert!(answer.answer.contains("42"), "{}", answer.answer);
        assert_eq!(answer.gaps.len(), 1, "{:?}", answer.gaps);
        answer.gaps[0].clone()
    };
    for (tool, why) in [
        ("web__lies", "what it says its results are not"),
        ("web__hangs", "did not answer within"),
        ("web__breaks", "502"),
        ("web__floods", ""),
        ("web__endless", ""),
    ] {
        let said = gap(&both(&node, folder.path(), tool).await);
        assert!(said.contains(why), "{tool}: {said}");
    }
    // Whatever it has done, it is itself again, and the tree tells how it fell.
    soon("it is asked again", async {
        loop {
            node.system().breakers().close("tool.web");
            let answer = both(&node, folder.path(), "web__good").await;
            if answer.status != GoalStatus::Partial {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let tree = node.view().tree;
    assert!(tree.find("servers/web").unwrap().restarts >= 1, "{tree}");

    // All its tools are one service: one that lies again and again gives the others a rest too.
    node.system().breakers().close("tool.web");
    for _ in 0..20 {
        if breaker() == "open" {
            break;
        }
        gap(&both(&node, folder.path(), "web__lies").await);
    }
    assert_eq!(breaker(), "open");
    let before = does.asked.load(Ordering::SeqCst);
    let said = gap(&both(&node, folder.path(), "web__good").await);
    assert!(said.contains("tool web__good is unavailable"), "{said}");
    assert!(
        said.contains("tool.web rests after repeated failures"),
        "{said}"
    );
    assert_eq!(does.asked.load(Ordering::SeqCst), before, "nobody asked it");
    node.stop().await;
}
