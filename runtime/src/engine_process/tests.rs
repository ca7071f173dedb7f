//! Sessions of the real model over the end of its process: what was read is not read again, and nothing that is not whole is taken up.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_bus::{BusRefusal, RefusalSink};
use aios_inference::models::{Cache, FetchOptions, SMOLLM2_135M_INSTRUCT, fetch};
use aios_inference::{
    BlockingEngine, ChatRole, ChatTurn, EngineActor, EngineConfig, EngineHandle, InferRequest,
    Inference, LocalEngine, ModelSource, Prompt, SessionId,
};
use aios_supervisor::{ChildSpec, Supervisor, SupervisorRef, SupervisorSpec};

use super::*;

const SOON: Duration = Duration::from_secs(120);
const ROLE: &str = "AIOS_TEST_SESSIONS";

/// From the cache, else fetched. A test that cannot get it fails.
fn model() -> ModelSource {
    let cache = Cache::of_user().expect("a cache folder");
    if cache.holds(&SMOLLM2_135M_INSTRUCT) {
        return cache.source(&SMOLLM2_135M_INSTRUCT);
    }
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    match fetch(&SMOLLM2_135M_INSTRUCT, &cache, &options, &mut |_| {}) {
        Ok(fetched) => fetched.model,
        Err(error) => panic!("this test needs the small model: {error}"),
    }
}

fn device() -> BurnEngine {
    let config = BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(2),
    };
    let mut engine = BurnEngine::new(config).unwrap();
    engine.load_model(&model()).unwrap();
    engine
}

/// What the process does; nothing when the tests are run as usual.
#[test]
fn the_engine_process() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let factory: EngineFactory = Arc::new(|| Ok(Box::new(device())));
    serve(standard_input().unwrap(), &factory, || {
        std::process::exit(0)
    })
    .unwrap();
}

#[derive(Default)]
struct Trail(Mutex<Vec<BusRefusal>>);

impl RefusalSink for Trail {
    fn refused(&self, refusal: BusRefusal) {
        self.0.lock().push(refusal);
    }
}

/// An engine under a supervisor, as a node has it.
struct Rig {
    process: EngineProcess,
    engine: EngineHandle,
    trail: Arc<Trail>,
    tree: SupervisorRef,
}

impl Rig {
    async fn start() -> Self {
        model();
        let this = std::env::current_exe().unwrap();
        let test = "engine_process::tests::the_engine_process";
        let mut command = HostCommand::new(this, ["--exact", test, "--nocapture"]);
        command.variables = vec![(ROLE.into(), "1".into())];
        let process = EngineProcess::new(command);
        let trail = Arc::new(Trail::default());
        process.telling(Refusals::to(Arc::clone(&trail) as _));
        let local = LocalEngine::new(EngineConfig::default());
        let child = EngineActor::child_spec("engine.0", &local, process.factory());
        let spec = SupervisorSpec::new("engine")
            .intensity(1_000, Duration::from_secs(1))
            .child(child);
        let node = SupervisorSpec::new("node").child(ChildSpec::supervisor(spec));
        let rig = Self {
            process,
            engine: local.handle(),
            trail,
            tree: Supervisor::start(node).await.unwrap(),
        };
        rig.engine.ready(SOON).await.unwrap();
        rig
    }

    async fn until(&self, what: &str, so: impl Fn(KeptView) -> bool) {
        let begun = Instant::now();
        while !so(self.process.kept()) {
            assert!(begun.elapsed() < SOON, "{what}: {:?}", self.process.kept());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL, and until another process is there.
    async fn kill(&self) {
        let number = self.process.process().unwrap();
        let before = self.engine.status().incarnation;
        let killed = std::process::Command::new("kill")
            .args(["-9", &number.to_string()])
            .status();
        assert!(killed.unwrap().success());
        let begun = Instant::now();
        while self.engine.status().incarnation == before {
            assert!(begun.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.engine.ready(SOON).await.unwrap();
        assert_ne!(self.process.process(), Some(number));
    }

    async fn ask(&self, request: InferRequest) -> Inference {
        self.engine.infer(request.within(SOON)).await.unwrap()
    }
}

fn session(name: &str) -> SessionId {
    SessionId(name.to_owned())
}

/// A conversation's first turn: some two hundred tokens to read.
fn opening() -> Vec<ChatTurn> {
    let months = ["January", "February", "March", "April", "May", "June"];
    let facts = months.iter().enumerate();
    let facts: String = facts
        .map(|(at, month)| {
            format!(
                "- revenue of {month}: {} EUR, costs {} EUR\n",
                1_200 + 37 * at,
                800 + 11 * at
            )
        })
        .collect();
    vec![
        ChatTurn::new(ChatRole::System, "You answer in one short sentence."),
        ChatTurn::user(format!("{facts}Which month had the highest revenue?")),
    ]
}

fn asked(turns: &[ChatTurn], of: &SessionId) -> InferRequest {
    InferRequest::new(Prompt::Chat(turns.to_vec()))
        .max_tokens(12)
        .session(of.clone())
}

/// The second turn, with what was answered to the first.
fn further(answer: &Inference) -> Vec<ChatTurn> {
    let mut turns = opening();
    turns.push(ChatTurn::new(ChatRole::Assistant, answer.text.clone()));
    turns.push(ChatTurn::user("And which had the lowest costs?"));
    turns
}

/// The two turns in an engine that nothing happens to.
fn unbroken() -> (Inference, Inference) {
    let (mut engine, of) = (device(), session("unbroken"));
    let first = engine.infer(&asked(&opening(), &of)).unwrap();
    let second = engine.infer(&asked(&further(&first), &of)).unwrap();
    (first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_a_kill_and_its_prompt_is_not_read_again() {
    let (first, second) = unbroken();
    assert!(second.timings.known_tokens > 150, "{:?}", second.timings);
    let (rig, of) = (Rig::start().await, session("s"));
    let answer = rig.ask(asked(&opening(), &of)).await;
    assert_eq!(answer.ids, first.ids);
    rig.until("nobody asks, so it is handed over", |kept| {
        kept.sessions == 1
    })
    .await;
    let kept = rig.process.kept();
    rig.kill().await;
    let answer = rig.ask(asked(&further(&first), &of)).await;
    assert_eq!(answer.ids, second.ids, "the tokens of an unbroken session");
    assert_eq!(
        answer.timings.known_tokens, second.timings.known_tokens,
        "what was read before the kill was not read again"
    );
    let view = rig.process.kept();
    assert_eq!((view.given_back, view.refused), (1, 0));
    println!(
        "{} bytes kept; {} of {} tokens known after the kill, prefill {:.0} ms, unbroken {:.0} ms, first {:.0} ms",
        kept.bytes,
        answer.timings.known_tokens,
        answer.prompt_ids.len(),
        answer.timings.prefill_ms,
        second.timings.prefill_ms,
        first.timings.prefill_ms,
    );
    // What it is now is handed over anew, and the next end costs nothing either.
    rig.until("handed over again", |kept| kept.saved == 2).await;
    rig.kill().await;
    let again = rig.ask(asked(&further(&first), &of)).await;
    assert_eq!(again.ids, second.ids);
    assert!(again.timings.known_tokens > answer.timings.known_tokens);
    assert!(rig.trail.0.lock().is_empty(), "nothing was refused");
    assert_eq!(rig.process.slots_in_use(), 0);
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_whole_is_refused_once_and_read_again() {
    let (first, second) = unbroken();
    let rig = Rig::start().await;
    type Harm = fn(&mut Vec<u8>);
    let rows: [(&str, Harm); 4] = [
        ("a flipped bit among the keys", |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 4;
        }),
        ("cut short", |bytes| bytes.truncate(bytes.len() / 3)),
        ("another version", |bytes| bytes[7] += 1),
        ("another model, with a checksum that fits", |bytes| {
            bytes[8] ^= 1;
            let all = bytes.len() - 32;
            let sum = blake3_of(&bytes[..all]);
            bytes[all..].copy_from_slice(&sum);
        }),
    ];
    for (at, (what, harm)) in rows.into_iter().enumerate() {
        let of = session(what);
        rig.ask(asked(&opening(), &of)).await;
        rig.until("handed over", |kept| kept.saved as usize == 2 * at + 1)
            .await;
        rig.process.0.kept.change(&of, harm);
        rig.kill().await;
        let answer = rig.ask(asked(&further(&first), &of)).await;
        assert_eq!(answer.ids, second.ids, "{what}: never other tokens");
        assert_eq!(answer.timings.known_tokens, 0, "{what}: all was read again");
        let trail = rig.trail.0.lock().clone();
        let told: Vec<String> = trail.into_iter().map(|it| it.reason).collect();
        assert_eq!(told.len(), at + 1, "one entry a refusal: {told:?}");
        println!("{what}: {}", told[at]);
        assert_eq!(rig.process.kept().refused as usize, at + 1);
        // It is kept as it is now, and the rest of the test is about another.
        rig.until("kept anew", |kept| kept.saved as usize == 2 * at + 2)
            .await;
        rig.engine.close_session(&of);
        rig.until("forgotten", |kept| kept.sessions == 0).await;
    }
    rig.tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_or_ended_session_is_not_kept() {
    let (rig, of) = (Rig::start().await, session("private"));
    rig.ask(asked(&opening(), &of).private(true)).await;
    let other = session("other");
    rig.ask(asked(&opening(), &other)).await;
    rig.until("the other is handed over", |kept| kept.sessions == 1)
        .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(rig.process.kept().saved, 1, "the private one is not");
    let again = rig.ask(asked(&opening(), &other)).await;
    assert!(again.timings.known_tokens > 0, "while it lives");
    rig.engine.close_session(&other);
    rig.until("forgotten here", |kept| kept.sessions == 0).await;
    let anew = rig.ask(asked(&opening(), &other)).await;
    assert_eq!(anew.timings.known_tokens, 0, "and there");
    rig.tree.stop().await;
}

/// As whoever could write the memory would make it fit.
fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
