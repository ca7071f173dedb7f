//! A model in a process of its own: it keeps the engine contract, and when it is killed nothing is lost but the call in its hands.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aios_inference::{
    EmbedRequest, EngineActor, EngineConfig, EngineError, EngineHandle, Finish, Gate, InferRequest,
    LocalEngine, Script, ScriptedEngine, Scripts, conformance,
};
use aios_runtime::engine_process::{EngineProcess, HostCommand, serve, standard_input};
use aios_runtime::{Goal, Node, engines};
use aios_supervisor::{ChildSpec, Supervisor, SupervisorRef, SupervisorSpec};
use aios_work::content::GoalStatus;

/// Nothing in here takes that long; a test that does is broken.
const SOON: Duration = Duration::from_secs(60);
const ROLE: &str = "AIOS_TEST_ENGINE";
/// Several times what the pool holds at once.
const TEXTS: usize = 4_000;

/// What the process does; nothing when the tests are run as usual.
#[test]
fn the_engine_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let scripts = Scripts::default();
    match role.split_once(':') {
        // Only the first of them: it writes so slowly that it is killed over it.
        Some(("slow-at-first", flag)) if !Path::new(flag).exists() => {
            std::fs::write(flag, "").unwrap();
            scripts.push(Script::Delay(SOON));
            // Says when the call is in its hands: the step is taken then.
            let (steps, begun) = (scripts.clone(), format!("{flag}.begun"));
            std::thread::spawn(move || {
                while steps.left() > 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                std::fs::write(begun, "").unwrap();
            });
        }
        Some(("deaf-at-first", flag)) if !Path::new(flag).exists() => {
            std::fs::write(flag, "").unwrap();
            scripts.push(Script::Hang(Gate::new()));
        }
        _ => {}
    }
    let factory: aios_inference::EngineFactory =
        std::sync::Arc::new(move || Ok(Box::new(ScriptedEngine::scripted_by(scripts.clone()))));
    serve(standard_input().unwrap(), &factory, || {
        std::process::exit(0);
    })
    .unwrap();
}

fn process(role: &str) -> EngineProcess {
    let this = std::env::current_exe().unwrap();
    let arguments = ["--exact", "engine::the_engine_process", "--nocapture"];
    let mut command = HostCommand::new(this, arguments);
    command.variables = vec![(ROLE.into(), role.into())];
    command.patience = Duration::from_millis(200);
    EngineProcess::new(command)
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/examples")
        .join(name)
}

/// An engine under a supervisor, as a node has it.
struct Rig {
    process: EngineProcess,
    engine: EngineHandle,
    tree: SupervisorRef,
}

impl Rig {
    async fn start(role: &str) -> Self {
        let process = process(role);
        let local = LocalEngine::new(EngineConfig::default());
        let child = EngineActor::child_spec("engine.0", &local, process.factory());
        let spec = SupervisorSpec::new("engine")
            .intensity(1_000, Duration::from_secs(1))
            .child(child);
        let node = SupervisorSpec::new("node").child(ChildSpec::supervisor(spec));
        let rig = Self {
            process,
            engine: local.handle(),
            tree: Supervisor::start(node).await.unwrap(),
        };
        rig.engine.ready(SOON).await.unwrap();
        rig
    }

    /// SIGKILL, as a fault or the system's memory killer would.
    fn kill(&self) -> u32 {
        let number = self.process.process().unwrap();
        kill(number);
        number
    }
}

fn kill(number: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &number.to_string()])
        .status();
    assert!(killed.unwrap().success());
    // Until it is dead: only its remains are left, or not even those.
    let begun = Instant::now();
    while let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) {
        // The first thread is gone before the others are; a process can be waited for when all are.
        let threads = std::fs::read_dir(format!("/proc/{number}/task"));
        if stat.contains(") Z ") && threads.map_or(0, Iterator::count) <= 1 {
            return;
        }
        assert!(begun.elapsed() < SOON, "{stat}");
        std::thread::yield_now();
    }
}

/// Waits until a call is in the engine's hands.
async fn running(engine: &EngineHandle, call: &str) {
    let begun = Instant::now();
    while engine.status().running.as_deref() != Some(call) {
        assert!(begun.elapsed() < SOON, "{:?}", engine.status());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn ask() -> InferRequest {
    InferRequest::chat("You answer in short sentences.", "- revenue: 1200 EUR").max_tokens(12)
}

#[test]
fn another_process_keeps_the_contract_of_an_engine() {
    let factory = process("plain").factory();
    conformance::check_device(move || factory());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_costs_the_call_in_its_hands_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    let rig = Rig::start(&format!("slow-at-first:{}", flag.display())).await;
    let engine = rig.engine.clone();
    let lost = tokio::spawn(async move { engine.infer(ask()).await });
    let begun = folder.path().join("flag.begun");
    let patience = Instant::now();
    while !begun.exists() {
        assert!(patience.elapsed() < SOON, "{:?}", rig.engine.status());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let engine = rig.engine.clone();
    let waits = tokio::spawn(async move { engine.infer(ask()).await });
    while rig.engine.status().waiting == 0 {
        tokio::task::yield_now().await;
    }
    let first = rig.kill();
    let error = lost.await.unwrap().unwrap_err();
    assert!(
        matches!(&error, EngineError::Lost { reason } if reason.contains("signal: 9")),
        "{error}"
    );
    assert!(error.is_retryable());
    let answer = waits.await.unwrap().unwrap();
    assert_eq!(answer.finish, Finish::Stop, "the next process answers");
    assert_ne!(rig.process.process(), Some(first));
    assert_eq!(rig.engine.status().incarnation, 2);
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_nobody_asks_it_costs_no_call() {
    let rig = Rig::start("plain").await;
    for _ in 0..3 {
        let number = rig.kill();
        rig.engine.infer(ask()).await.unwrap();
        assert_ne!(rig.process.process(), Some(number));
    }
    // Nor does anybody have to ask for the next one to come.
    let before = rig.engine.status().incarnation;
    rig.kill();
    let begun = Instant::now();
    while rig.engine.status().incarnation == before {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.engine.ready(SOON).await.unwrap();
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_come_through_memory_as_they_are_and_a_killed_process_leaves_no_slot_taken() {
    let rig = Rig::start("plain").await;
    let texts: Vec<String> = (0..TEXTS)
        .map(|at| format!("revenue of day {at}"))
        .collect();
    let here = engines::scripted()()
        .unwrap()
        .embed(&EmbedRequest::new(texts.clone()))
        .unwrap();
    let there = rig.engine.embed(EmbedRequest::new(texts.clone())).await;
    assert!(there.unwrap() == here, "bit for bit");
    let mut lost = 0;
    for after in 0..4 {
        let (engine, texts) = (rig.engine.clone(), texts.clone());
        let call = tokio::spawn(async move { engine.embed(EmbedRequest::new(texts)).await });
        while rig.engine.status().running.as_deref() != Some("embed") && !call.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Somewhere between its first and its last frame.
        tokio::time::sleep(Duration::from_millis(7 * after)).await;
        rig.kill();
        match call.await.unwrap() {
            Ok(vectors) => assert_eq!(vectors.len(), TEXTS),
            Err(EngineError::Lost { .. }) => lost += 1,
            Err(error) => panic!("{error}"),
        }
        let few = rig.engine.embed(EmbedRequest::new(["one", "two"])).await;
        assert_eq!(few.unwrap().len(), 2);
        assert_eq!(rig.process.slots_in_use(), 0, "all were taken back");
    }
    println!(
        "lost {lost} of 4 calls, took back {}",
        rig.process.reclaimed()
    );
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_does_not_stop_when_it_is_told_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    let rig = Rig::start(&format!("deaf-at-first:{}", flag.display())).await;
    let deaf = rig.process.process();
    let outcome = rig.engine.infer(ask().within(Duration::from_secs(2))).await;
    assert!(outcome.is_err(), "{outcome:?}");
    rig.engine.infer(ask()).await.unwrap();
    assert_ne!(rig.process.process(), deaf);
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_be_had_says_why() {
    let nowhere = EngineProcess::new(HostCommand::new("/nowhere/at/all", ["engine", "serve"]));
    let error = nowhere.factory()().err().unwrap().to_string();
    assert!(
        error.contains("/nowhere/at/all cannot be started"),
        "{error}"
    );
    let ends = EngineProcess::new(HostCommand::new("true", [""; 0]));
    let error = ends.factory()().err().unwrap().to_string();
    assert!(error.contains("its process has ended"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_ends_although_its_models_process_is_killed_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    let process = process(&format!("slow-at-first:{}", flag.display()));
    let node = Node::builder().engine(process.factory()).start().await;
    let node = node.unwrap();
    let goal = Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .out(folder.path());
    let run = node.run(goal).await.unwrap();
    running(&node.system().engine().unwrap().clone(), "infer").await;
    kill(process.process().unwrap());
    let answer = tokio::time::timeout(SOON, run.answer()).await;
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer.status, GoalStatus::Approved, "{:?}", answer.reason);
    assert_eq!(process.slots_in_use(), 0);
    node.stop().await;
}
