//! The promises of the engine actor and its handle, with an engine that does as it is told.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineActor, EngineConfig, EngineError,
    EngineFactory, EngineHandle, EngineMessage, EnginePhase, Finish, Gate, Health, InferRequest,
    Inference, LocalEngine, ModelInfo, ModelSource, Script, ScriptedEngine, Scripts, TokenSink,
};
use ractor::{Actor, ActorRef};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing in here takes that long; a test that does is broken.
const SOON: Duration = Duration::from_secs(20);

/// A scripted engine whose end can be heard.
struct Watched(ScriptedEngine, #[allow(dead_code)] mpsc::Sender<()>);

impl BlockingEngine for Watched {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.0.load_model(source)
    }
    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.0.stream(request, sink)
    }
    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.0.embed(request)
    }
    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.0.unload(model)
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    fn health(&mut self) -> Health {
        self.0.health()
    }
}

struct Rig {
    engine: LocalEngine,
    handle: EngineHandle,
    scripts: Scripts,
    factory: EngineFactory,
    /// Disconnected once every engine that was built, and the factory, are gone.
    gone: mpsc::Receiver<()>,
}

impl Rig {
    fn new(config: EngineConfig) -> Self {
        let (scripts, (alive, gone)) = (Scripts::default(), mpsc::channel());
        let lead = scripts.clone();
        let factory: EngineFactory = Arc::new(move || {
            Ok(Box::new(Watched(
                ScriptedEngine::scripted_by(lead.clone()),
                alive.clone(),
            )))
        });
        let engine = LocalEngine::new(config);
        Self {
            handle: engine.handle(),
            engine,
            scripts,
            factory,
            gone,
        }
    }

    async fn start(&self) -> (ActorRef<EngineMessage>, JoinHandle<()>) {
        let arguments = (self.engine.clone(), self.factory.clone());
        Actor::spawn(None, EngineActor, arguments)
            .await
            .expect("the actor starts")
    }

    /// A call that stands before a gate on the device thread.
    async fn occupy(&self) -> (Gate, JoinHandle<Result<Inference, EngineError>>) {
        let gate = Gate::new();
        self.scripts.push(Script::Hang(gate.clone()));
        let handle = self.handle.clone();
        let call = tokio::spawn(async move { handle.infer(ask("occupied")).await });
        let reached = gate.clone();
        tokio::task::spawn_blocking(move || reached.reached())
            .await
            .expect("the gate is reached");
        (gate, call)
    }

    fn waits(&self, prompt: &str) -> JoinHandle<Result<Inference, EngineError>> {
        let (handle, request) = (self.handle.clone(), ask(prompt));
        tokio::spawn(async move { handle.infer(request).await })
    }

    async fn waiting(&self, calls: usize) {
        timeout(SOON, async {
            while self.handle.status().waiting != calls {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the calls wait");
    }

    /// Waits until every engine and its thread are gone.
    async fn all_gone(self) {
        drop(self.factory);
        let gone = self.gone;
        let end = tokio::task::spawn_blocking(move || gone.recv_timeout(SOON))
            .await
            .expect("no panic");
        assert_eq!(
            end,
            Err(mpsc::RecvTimeoutError::Disconnected),
            "the device thread ended"
        );
    }
}

fn ask(fact: &str) -> InferRequest {
    InferRequest::raw(format!("- {fact}: 1 EUR"))
}

fn small() -> EngineConfig {
    EngineConfig {
        queue: 2,
        deadline: SOON,
        ..EngineConfig::default()
    }
}

async fn within<T>(call: impl Future<Output = T>) -> T {
    timeout(SOON, call).await.expect("it ends soon")
}

#[tokio::test]
async fn every_method_of_the_engine_is_reached_through_the_handle() {
    let rig = Rig::new(small());
    let (actor, ended) = rig.start().await;
    let handle = &rig.handle;
    assert_eq!(
        within(handle.infer(ask("revenue")))
            .await
            .expect("an answer")
            .text,
        "Revenue is 1 EUR."
    );
    assert_eq!(
        within(handle.embed(EmbedRequest::new(["a", "b"])))
            .await
            .expect("vectors")
            .len(),
        2
    );
    assert_eq!(
        within(handle.capabilities())
            .await
            .expect("capabilities")
            .name,
        "scripted"
    );
    assert_eq!(
        within(handle.health()).await.expect("health").models.len(),
        2
    );
    within(handle.unload("scripted-embed"))
        .await
        .expect("unloads");
    let refused = within(handle.embed(EmbedRequest::new(["a"]))).await;
    assert_eq!(
        refused,
        Err(EngineError::NotLoaded {
            asked: "embed".into(),
            loaded: vec!["scripted".into()]
        })
    );
    assert_eq!(
        within(handle.capabilities())
            .await
            .expect("capabilities")
            .embedding,
        None,
        "they are kept current"
    );
    let too_many = within(handle.infer(ask("a").max_tokens(5000))).await;
    assert_eq!(
        too_many,
        Err(EngineError::TooManyTokens {
            asked: 5000,
            allowed: 4096
        })
    );
    actor.stop(None);
    within(ended).await.expect("it stops");
    rig.all_gone().await;
}

#[tokio::test]
async fn a_stream_hands_out_the_tokens_of_the_answer() {
    let rig = Rig::new(small());
    let _running = rig.start().await;
    let mut stream = rig.handle.stream(ask("revenue")).expect("admitted");
    let mut text = String::new();
    while let Some(token) = within(stream.next()).await {
        text.push_str(&token.text);
    }
    let answer = within(stream.finish()).await.expect("an answer");
    assert_eq!(
        (text.as_str(), answer.text.as_str()),
        ("Revenue is 1 EUR.", "Revenue is 1 EUR.")
    );
}

#[tokio::test]
async fn a_full_queue_refuses_and_those_who_wait_are_answered_in_order() {
    let rig = Rig::new(small());
    let _running = rig.start().await;
    let (gate, first) = rig.occupy().await;
    let second = rig.waits("second");
    rig.waiting(1).await;
    let third = rig.waits("third");
    rig.waiting(2).await;
    let refused = within(rig.handle.infer(ask("fourth"))).await;
    assert_eq!(
        refused,
        Err(EngineError::QueueFull {
            waiting: 2,
            allowed: 2
        })
    );
    assert!(matches!(
        rig.handle.stream(ask("fifth")),
        Err(EngineError::QueueFull { .. })
    ));
    gate.open();
    for (call, text) in [
        (first, "Occupied is 1 EUR."),
        (second, "Second is 1 EUR."),
        (third, "Third is 1 EUR."),
    ] {
        assert_eq!(
            within(call)
                .await
                .expect("no panic")
                .expect("an answer")
                .text,
            text
        );
    }
    assert_eq!(rig.scripts.prompts().len(), 3, "what was refused never ran");
}

#[tokio::test]
async fn a_call_that_still_waits_at_its_deadline_fails_by_it_and_is_never_run() {
    let rig = Rig::new(small());
    let _running = rig.start().await;
    let (gate, first) = rig.occupy().await;
    let late = within(
        rig.handle
            .infer(ask("late").within(Duration::from_millis(30))),
    )
    .await;
    assert!(
        matches!(
            late,
            Err(EngineError::Deadline {
                waited_ms: 30..,
                allowed_ms: 30
            })
        ),
        "{late:?}"
    );
    assert_eq!(rig.handle.status().waiting, 0, "its place is free at once");
    gate.open();
    within(first).await.expect("no panic").expect("an answer");
    within(rig.handle.infer(ask("next")))
        .await
        .expect("an answer");
    assert!(
        !rig.scripts
            .prompts()
            .iter()
            .any(|prompt| prompt.contains("late"))
    );
}

#[tokio::test]
async fn a_generation_cut_by_its_deadline_comes_back_in_time() {
    let rig = Rig::new(small());
    let _running = rig.start().await;
    within(rig.handle.ready(SOON)).await.expect("ready");
    rig.scripts.push(Script::Delay(Duration::from_secs(60)));
    let cut = within(
        rig.handle
            .infer(ask("slow").within(Duration::from_millis(500))),
    )
    .await;
    assert_eq!(cut.expect("what there was").finish, Finish::Deadline);
}

#[tokio::test]
async fn an_asker_that_goes_away_cancels_its_call_whether_it_waits_or_runs() {
    let rig = Rig::new(small());
    let _running = rig.start().await;
    let (gate, first) = rig.occupy().await;
    let waiting = rig.waits("abandoned");
    rig.waiting(1).await;
    waiting.abort();
    rig.waiting(0).await;
    gate.open();
    within(first).await.expect("no panic").expect("an answer");

    // One that runs: without a cancel it would hold the engine for an hour.
    rig.scripts.push(Script::Delay(Duration::from_secs(3600)));
    let running = rig.handle.stream(ask("running")).expect("admitted");
    within(async {
        while rig.scripts.left() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(running);
    within(rig.handle.infer(ask("next")))
        .await
        .expect("an answer");
    assert!(
        !rig.scripts
            .prompts()
            .iter()
            .any(|prompt| prompt.contains("abandoned"))
    );
}

#[tokio::test]
async fn a_panic_loses_the_running_call_fails_the_actor_and_keeps_those_who_wait() {
    let rig = Rig::new(small());
    let (_, ended) = rig.start().await;
    let (gate, lost) = rig.occupy().await;
    rig.scripts.push(Script::Panic("kernel bug".into()));
    let kept = rig.waits("kept");
    rig.waiting(1).await;
    gate.open();
    let lost = within(lost).await.expect("no panic here");
    assert_eq!(
        lost,
        Err(EngineError::Lost {
            reason: "kernel bug".into()
        })
    );
    within(ended).await.expect("the actor ends");
    assert_eq!(
        rig.handle.status().phase,
        EnginePhase::Down {
            reason: "kernel bug".into()
        }
    );

    let _running = rig.start().await;
    assert_eq!(
        within(kept)
            .await
            .expect("no panic")
            .expect("an answer")
            .text,
        "Kept is 1 EUR."
    );
    within(rig.handle.infer(ask("later")))
        .await
        .expect("the same handle works");
    assert_eq!(rig.handle.status().incarnation, 2);
}

#[tokio::test]
async fn a_lost_device_costs_the_engine_and_another_error_does_not() {
    let rig = Rig::new(small());
    let (_, ended) = rig.start().await;
    for (error, phase) in [
        (
            EngineError::BadRequest {
                reason: "odd".into(),
            },
            EnginePhase::Ready,
        ),
        (
            EngineError::Device {
                reason: "gone".into(),
            },
            EnginePhase::Down {
                reason: "gone".into(),
            },
        ),
    ] {
        rig.scripts.push(Script::Fail(error.clone()));
        assert_eq!(within(rig.handle.infer(ask("a"))).await, Err(error));
        if phase != EnginePhase::Ready {
            within(async {
                while rig.handle.status().phase == EnginePhase::Ready {
                    tokio::task::yield_now().await
                }
            })
            .await;
        }
        assert_eq!(rig.handle.status().phase, phase);
    }
    within(ended).await.expect("the actor ends");
}

#[tokio::test]
async fn an_engine_that_cannot_be_built_says_why_to_whoever_waits_for_it() {
    let missing = EngineError::ModelMissing {
        path: "models/x.gguf".into(),
    };
    let reason = missing.to_string();
    let factory: EngineFactory = Arc::new(move || Err(missing.clone()));
    let engine = LocalEngine::new(small());
    let handle = engine.handle();
    let early = handle.clone();
    let early = tokio::spawn(async move { early.ready(SOON).await });
    tokio::task::yield_now().await;
    let (_, ended) = Actor::spawn(None, EngineActor, (engine, factory))
        .await
        .expect("the actor starts");
    within(ended).await.expect("the actor ends");
    let told = within(early).await.expect("no panic");
    assert_eq!(
        told,
        Err(EngineError::Down {
            reason: reason.clone()
        }),
        "at once, not at its deadline"
    );
    let short = Duration::from_millis(20);
    assert_eq!(
        handle.ready(short).await,
        Err(EngineError::Down {
            reason: reason.clone()
        })
    );
    assert_eq!(
        handle.infer(ask("a").within(short)).await,
        Err(EngineError::Down { reason })
    );
}

#[tokio::test]
async fn a_hang_fails_the_actor_and_the_hung_thread_takes_no_further_call() {
    let grace = Duration::from_millis(20);
    let rig = Rig::new(EngineConfig {
        hang_grace: grace,
        deadline: Duration::from_millis(200),
        ..small()
    });
    let (_, ended) = rig.start().await;
    let (gate, hung) = rig.occupy().await;
    let hung = within(hung).await.expect("no panic");
    assert!(
        matches!(hung, Err(EngineError::Deadline { .. })),
        "{hung:?}"
    );
    within(ended).await.expect("the watchdog ends the actor");
    let phase = rig.handle.status().phase;
    assert!(
        matches!(&phase, EnginePhase::Down { reason } if reason.contains("infer hung")),
        "{phase:?}"
    );

    let (actor, ended) = rig.start().await;
    within(rig.handle.ready(SOON)).await.expect("a new engine");
    within(rig.handle.infer(ask("next").within(SOON)))
        .await
        .expect("an answer while the old thread hangs");
    actor.stop(None);
    within(ended).await.expect("it stops");
    gate.open();
    rig.all_gone().await;
}

#[tokio::test]
async fn a_stop_answers_those_who_wait_and_a_kill_ends_the_thread_too() {
    for kill in [false, true] {
        let rig = Rig::new(small());
        let (actor, ended) = rig.start().await;
        let (gate, running) = rig.occupy().await;
        let waiting = rig.waits("waiting");
        rig.waiting(1).await;
        if kill {
            actor.kill()
        } else {
            actor.stop(None)
        }
        within(ended).await.expect("it ends");
        gate.open();
        within(running)
            .await
            .expect("no panic")
            .expect("what ran is still answered");
        if kill {
            // A kill is a crash: those who wait do so for the next incarnation.
            assert!(matches!(
                rig.handle.status().phase,
                EnginePhase::Down { .. }
            ));
            let _running = rig.start().await;
            within(waiting).await.expect("no panic").expect("an answer");
        } else {
            let stopped = EngineError::Down {
                reason: "it was stopped".into(),
            };
            assert_eq!(
                within(waiting).await.expect("no panic"),
                Err(stopped.clone())
            );
            assert_eq!(within(rig.handle.infer(ask("later"))).await, Err(stopped));
            rig.all_gone().await;
        }
    }
}

#[tokio::test]
async fn a_supervisor_brings_a_crashed_engine_back_under_the_same_handle() {
    use aios_supervisor::{Supervisor, SupervisorSpec};
    let rig = Rig::new(small());
    let child = EngineActor::child_spec("engine", &rig.engine, rig.factory.clone());
    let spec = SupervisorSpec::new("root").intensity(5, SOON).child(child);
    let root = Supervisor::start(spec).await.expect("the tree starts");
    for crash in 1..=3 {
        rig.scripts.push(Script::Panic(format!("crash {crash}")));
        let lost = within(rig.handle.infer(ask("lost"))).await;
        assert_eq!(
            lost,
            Err(EngineError::Lost {
                reason: format!("crash {crash}")
            })
        );
        let answer = within(rig.handle.infer(ask("again")))
            .await
            .expect("the same handle works");
        assert_eq!(answer.text, "Again is 1 EUR.");
    }
    assert_eq!(rig.handle.status().incarnation, 4);
    within(root.stop()).await;
    drop(root);
    assert_eq!(rig.handle.status().phase, EnginePhase::Stopped);
    rig.all_gone().await;
}
