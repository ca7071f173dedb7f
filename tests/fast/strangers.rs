//! Goals over tools that nobody here wrote: two real MCP servers and a tool of this test in one plan, from a file and of a large model that
//! is replayed by a server of OpenAI's form. Servers are killed in the middle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_control::{Request, ToolServer};
use aios_runtime::config::Sources;
use aios_runtime::{Answer, Config, Goal, Node};
use aios_tools::function;
use aios_work::content::{GoalStatus, TaskStatus};
use aios_work::{Decision, Effect, PlanFile, ServerState, ToolCall, ToolError};
use serde_json::{Value, json};

use crate::house::{pursue, soon};
use crate::installed;
use crate::replayed::Replayed;

/// The keys under which seats were booked.
type Booked = Arc<Mutex<BTreeMap<String, u32>>>;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Trip {
    /// When it begins.
    at: String,
    /// What is to be kept in mind.
    notes: String,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Seats {
    seats: u32,
    price: f64,
    unit: String,
    receipt: String,
}

/// A tool of this test: the key is the booking's, so the same key books once.
fn book(booked: &Booked) -> aios_tools::Function {
    let booked = Arc::clone(booked);
    let work = move |trip: Trip, call: ToolCall| {
        let booked = Arc::clone(&booked);
        async move {
            *booked
                .lock()
                .unwrap()
                .entry(call.idempotency_key)
                .or_default() += 1;
            let seats = u32::try_from(trip.notes.lines().count()).unwrap_or(0);
            Ok::<_, ToolError>(Seats {
                seats,
                price: 20.75 * f64::from(seats),
                unit: "EUR".to_owned(),
                receipt: format!("{seats} seats at {}", trip.at),
            })
        }
    };
    function("book", "Books a seat for each line of the notes.", work).effect(Effect::Repeatable)
}

/// A node with both servers, the tool, and a large model behind a server.
struct House {
    node: Node,
    folder: tempfile::TempDir,
    booked: Booked,
    model: Replayed,
}

impl House {
    async fn open(model: Replayed) -> Self {
        Self::with(model, "effect = \"repeatable\"").await
    }

    /// One whose file server stands so in the configuration.
    async fn with(model: Replayed, files_are: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let files = root.join("files");
        fs::create_dir(&files).unwrap();
        fs::write(
            files.join("notes.txt"),
            "Ada sits in front\nGrace likes windows\n",
        )
        .unwrap();
        let mark = format!("aios={}", root.display());
        let (python, entry) = (installed::python(), installed::node("server-filesystem"));
        let file = root.join("aios.toml");
        let text = format!(
            "[storage]\nfolder = {state:?}\n\
             [goal]\ndeadline_ms = 120000\ntokens = 100000\n\
             [model]\nengine = \"scripted\"\n\
             [engines.large]\nkind = \"openai\"\naddress = {address:?}\nmodel = \"large-1\"\nsize = \"large\"\n\
             [routes]\nplan = [\"large\"]\nwrite = [\"large\"]\n\
             [tools.time]\ncommand = [{python:?}, \"-X\", {mark:?}, \"-m\", \"mcp_server_time\", \"--local-timezone\", \"UTC\"]\neffect = \"pure\"\n\
             [tools.files]\ncommand = [\"node\", {entry:?}, {files:?}]\n{files_are}\n",
            state = root.join("state"),
            address = model.address,
        );
        fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let mut config = Config::load(&sources).unwrap();
        // What is waited for is what happens next, not the time before it is tried again.
        config.recovery.of_mut("default").first_ms = 50;
        let booked = Booked::default();
        let node = Node::builder().config(config).tool(book(&booked));
        let house = Self {
            node: node.start().await.unwrap(),
            folder,
            booked,
            model,
        };
        house.servers_are_ready().await;
        house
    }

    async fn servers_are_ready(&self) {
        let begun = Instant::now();
        loop {
            let seen: Vec<ToolServer> = self
                .node
                .control()
                .ask(&Request::ToolServers {})
                .await
                .unwrap();
            if seen.iter().all(|server| server.state == ServerState::Ready) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn file(&self, name: &str) -> String {
        let root = self.folder.path().canonicalize().unwrap();
        root.join("files").join(name).display().to_string()
    }

    fn tasks(&self) -> Value {
        json!([
            {"id": "begin", "tool": "time__convert_time", "point": "when",
             "args": {"source_timezone": "Asia/Tokyo", "time": "16:30", "target_timezone": "Africa/Lagos"}},
            {"id": "notes", "tool": "files__read_text_file", "args": {"path": self.file("notes.txt")}},
            {"id": "seats", "tool": "book", "point": "cost",
             "args": {"at": {"$from": "begin", "at": "/target/timezone"}, "notes": {"$from": "notes", "at": "/content"}}},
            {"id": "kept", "tool": "files__write_file",
             "args": {"path": self.file("receipt.txt"), "content": {"$from": "seats", "at": "/receipt"}}}
        ])
    }

    fn points(&self) -> Value {
        json!([{"id": "when", "asks": "when it begins in Lagos"}, {"id": "cost", "asks": "what the seats cost"}])
    }

    fn plan(&self) -> Value {
        json!({"goal": GOAL, "points": self.points(), "tasks": self.tasks()})
    }

    async fn carried_out(&self, file: &Value) -> Answer {
        let plan = PlanFile::read(file.to_string().as_bytes()).unwrap();
        let goal = Goal::new(&plan.goal).plan(plan);
        let goal = goal.out(self.folder.path().join("out"));
        soon("an answer", pursue(&self.node, goal)).await.unwrap()
    }

    async fn asked(&self) -> Answer {
        let goal = Goal::new(GOAL).out(self.folder.path().join("out"));
        soon("an answer", pursue(&self.node, goal)).await.unwrap()
    }

    /// How often each booking was made.
    fn bookings(&self) -> Vec<u32> {
        self.booked.lock().unwrap().values().copied().collect()
    }

    /// Every figure with the way to it, without the day, which is another tomorrow, and what names this house's folder.
    fn said(&self, answer: &Answer) -> Vec<(String, String)> {
        let days = |fact: &&aios_work::Fact| {
            let at = fact.source.at.as_deref().unwrap_or_default();
            !at.ends_with("/datetime") && fact.source.task.as_deref() != Some("kept")
        };
        let told = answer.facts.iter().filter(days);
        let told = told.map(|fact| {
            let source = &fact.source;
            let (task, at) = (source.task.as_deref(), source.at.as_deref());
            let place = format!("{}{}", task.unwrap_or(""), at.unwrap_or(""));
            (place, fact.value.to_string())
        });
        told.collect()
    }

    fn signal(&self, signal: &str) {
        let root = self.folder.path().canonicalize().unwrap();
        let running = running(&root);
        assert_eq!(running.len(), 2, "both servers run: {running:?}");
        for number in running {
            let sent = Command::new("kill")
                .args([signal, &number.to_string()])
                .status();
            assert!(sent.unwrap().success());
        }
    }
}

const GOAL: &str = "Book seats for the trip that begins at 16:30 in Tokyo. When is that in Lagos, and what do they cost?";

/// The processes of this test process whose command line names this folder: the servers, without what watches over them.
fn running(root: &Path) -> Vec<u32> {
    let root = root.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(number) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(std::process::id()) && String::from_utf8_lossy(&words).contains(&root) {
            found.push(number);
        }
    }
    found
}

fn is_whole(answer: &Answer) {
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:#?}");
    let done = |task: &aios_work::content::TaskReport| {
        task.status == TaskStatus::Completed || task.id == "answer"
    };
    assert!(answer.tasks.iter().all(done), "{answer:#?}");
    for part in ["## what the seats cost", "| price | 41.5 |", "Africa/Lagos"] {
        assert!(answer.answer.contains(part), "{part}: {}", answer.answer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_two_strangers_and_a_tool_says_the_same_when_both_are_killed_in_the_middle() {
    let house = House::open(Replayed::serve(Vec::new(), Vec::new()).await).await;
    house.model.will_say("The seats cost {seats.price}.");
    let undisturbed = house.carried_out(&house.plan()).await;
    is_whole(&undisturbed);
    assert_eq!(house.bookings(), [1]);
    let kept = fs::read_to_string(house.file("receipt.txt")).unwrap();
    assert_eq!(kept, "2 seats at Africa/Lagos");
    let undisturbed = house.said(&undisturbed);
    house.node.stop().await;
    for from_a_model in [false, true] {
        // Another node, which remembers no answer to the same question.
        let house = House::open(Replayed::serve(Vec::new(), Vec::new()).await).await;
        // Stopped, they hold whatever they are asked; killed then, they die with it in their hands.
        house.signal("-STOP");
        let disturb = async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            house.signal("-KILL");
        };
        house.model.will_say("The seats cost {seats.price}.");
        let answer = if from_a_model {
            let plan = json!({"points": house.points(), "tasks": house.tasks()});
            house.model.will_plan(&format!(
                "Here is the plan.\n```json\n{plan:#}\n```\nIt needs four calls."
            ));
            tokio::join!(house.asked(), disturb).0
        } else {
            let plan = house.plan();
            tokio::join!(house.carried_out(&plan), disturb).0
        };
        is_whole(&answer);
        assert_eq!(house.said(&answer), undisturbed);
        assert_eq!(house.bookings(), [1], "no effect is doubled");
        let kept = fs::read_to_string(house.file("receipt.txt")).unwrap();
        assert_eq!(kept, "2 seats at Africa/Lagos");
        let words = "The seats cost 41.5.";
        assert!(answer.answer.contains(words), "{}", answer.answer);
        let tree = house.node.view().tree;
        for server in ["servers/time", "servers/files"] {
            assert!(tree.find(server).unwrap().restarts >= 1, "{tree}");
        }
        house.node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_models_wrong_plans_are_mended_by_the_error_and_its_wrong_numbers_do_not_leave() {
    let house = House::open(Replayed::serve(Vec::new(), Vec::new()).await).await;
    let (tasks, points) = (house.tasks(), house.points());
    let mut misspelt = tasks.clone();
    misspelt[0]["args"]["time"] = json!(1630);
    let mut untyped = tasks.clone();
    untyped[2]["args"]["at"] = json!({"$from": "begin", "at": "/when/exactly"});
    for tasks in [misspelt, untyped, tasks] {
        let plan = json!({"points": points, "tasks": tasks});
        house.model.will_plan(&plan.to_string());
    }
    for planted in [
        "The seats cost 99.5 EUR.",
        "The seats cost {seats.price}, or 77 for children.",
        "The seats cost {seats.total}.",
    ] {
        house.model.will_say(planted);
    }
    let answer = house.asked().await;
    is_whole(&answer);
    for wrong in ["99.5", "77", "seats.total"] {
        assert!(!answer.answer.contains(wrong), "{wrong}: {}", answer.answer);
    }
    assert_eq!(house.bookings(), [1]);
    let asked = house.model.asked().join("\n\n");
    for told in [
        "time__convert_time",
        "It was refused: task \\\"begin\\\" cannot call time__convert_time",
        "there is no field \\\"when\\\"",
        "has a digit outside a slot",
    ] {
        assert!(asked.contains(told), "{told}: {asked}");
    }
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_plan_over_strangers_is_told_before_any_of_it_runs() {
    let house = House::open(Replayed::serve(Vec::new(), Vec::new()).await).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut plan = house.plan();
        change(&mut plan["tasks"]);
        plan
    };
    let rows: Vec<(Value, &str)> = vec![
        (
            with(&|tasks| tasks[0]["args"]["time"] = json!(1630)),
            "task \"begin\" cannot call time__convert_time: at /time",
        ),
        (
            with(&|tasks| tasks[1]["args"] = json!({"pth": "x"})),
            "task \"notes\" cannot call files__read_text_file",
        ),
        (
            with(&|tasks| tasks[1]["tool"] = json!("files__read_txt_file")),
            "\"files__read_txt_file\", known are",
        ),
        (
            with(&|tasks| tasks[0]["args"]["time"] = json!({"$from": "kept", "at": "/content"})),
            "waits for itself",
        ),
        (
            with(&|tasks| tasks[2]["args"]["notes"] = json!({"$from": "notes"})),
            "that is object, and string is wanted",
        ),
        (
            with(&|tasks| tasks[2]["args"]["notes"] = json!({"$from": "notes", "at": "/contents"})),
            "there is no field \"contents\", known are content",
        ),
        (
            with(&|tasks| {
                tasks[3]["each"] = json!({"$from": "notes", "at": "/content", "most": 3})
            }),
            "a list is wanted",
        ),
    ];
    for (file, expected) in rows {
        let answer = house.carried_out(&file).await;
        assert_eq!(answer.status, GoalStatus::Failed, "{file}");
        let reason = answer.reason.unwrap_or_default();
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert!(answer.tasks.is_empty(), "nothing is begun");
    }
    assert_eq!(house.bookings(), [0_u32; 0]);
    assert!(!Path::new(&house.file("receipt.txt")).exists());
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_model_wants_and_nobody_knows_the_effect_of_is_not_done_unasked() {
    for decision in [Decision::Reject, Decision::Accept] {
        let model = Replayed::serve(Vec::new(), Vec::new()).await;
        let house = House::with(model, "effect = \"ask\"\neffects.read_text_file = \"pure\"").await;
        let plan = json!({"points": house.points(), "tasks": house.tasks()});
        house.model.will_plan(&plan.to_string());
        house.model.will_say("The seats cost {seats.price}.");
        house.model.will_say("They cost {seats.price}.");
        let receipt = house.file("receipt.txt");
        let decided = async {
            let question = soon("a question", async {
                loop {
                    if let Some(question) = house.node.approvals().unwrap().into_iter().next() {
                        return question;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
            .await;
            for part in ["files__write_file", "receipt.txt", "2 seats"] {
                assert!(question.question.contains(part), "{part}: {question:?}");
            }
            assert!(!Path::new(&receipt).exists(), "nothing is done unasked");
            let owner = Arc::clone(house.node.owner());
            house
                .node
                .decide(&question.id, decision, "", &owner)
                .unwrap();
        };
        let (answer, ()) = tokio::join!(house.asked(), decided);
        let wanted = decision == Decision::Accept;
        assert_eq!(Path::new(&receipt).exists(), wanted, "{answer:#?}");
        let kept = answer.tasks.iter().find(|task| task.id == "kept").unwrap();
        assert_eq!(kept.status == TaskStatus::Completed, wanted, "{answer:#?}");
        assert!(kept.recovered.is_none(), "it was done as it was planned");
        if !wanted {
            let gaps = answer.gaps.join("; ");
            assert!(gaps.contains("a human rejected approval"), "{gaps}");
        }
        // Of the plan's own author nobody asks whether he means it.
        if wanted {
            fs::remove_file(&receipt).unwrap();
            is_whole(&house.carried_out(&house.plan()).await);
            assert!(Path::new(&receipt).exists());
        }
        house.node.stop().await;
    }
}

/// A server over HTTP, gone with this.
struct Everything(std::process::Child);

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_asked_over_http_hears_nothing_of_a_private_goal() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut server = Command::new("node");
    server.arg(installed::node("server-everything"));
    server.arg("streamableHttp").env("PORT", port.to_string());
    let quiet = std::process::Stdio::null;
    let _server = Everything(server.stdout(quiet()).stderr(quiet()).spawn().unwrap());
    soon("the server listens", async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aios.toml");
    let text = format!("[tools.web]\nurl = \"http://127.0.0.1:{port}/mcp\"\neffect = \"pure\"\n");
    fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let config = Config::load(&sources).unwrap();
    let node = Node::builder().config(config).start().await.unwrap();
    let begun = Instant::now();
    while node.services().tools().spec("web__echo").is_none() {
        let seen: Vec<ToolServer> = node.control().ask(&Request::ToolServers {}).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "{seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let plan = json!({"goal": "Say it again.", "tasks": [{"id": "said", "tool": "web__echo", "args": {"message": "our secret"}}]});
    let plan = PlanFile::read(plan.to_string().as_bytes()).unwrap();
    let goal = || Goal::new(&plan.goal).plan(plan.clone()).out(folder.path());
    let answer = soon("an answer", pursue(&node, goal())).await.unwrap();
    assert!(answer.answer.contains("Echo: our secret"), "{answer:#?}");
    let private = soon("an answer", pursue(&node, goal().private(true)))
        .await
        .unwrap();
    assert_eq!(private.status, GoalStatus::Failed, "{private:#?}");
    let reason = private.reason.unwrap_or_default();
    for part in [
        "web__echo needs net.http/127.0.0.1",
        "nothing of it may leave",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    node.stop().await;
}
