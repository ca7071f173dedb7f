//! Agents of charters: what stays on this machine, what is not done twice, what a person is shown.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aios_actors::agent::{AgentOptions, AskError};
use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineActor, EngineConfig, EngineError,
    InferRequest, Inference, ModelInfo, ModelSource, ScriptedEngine, Scripts, SessionId, TokenSink,
};
use aios_memory::InMemoryStore;
use aios_orchestrator::crew::{CharterAgent, Crew, Member};
use aios_orchestrator::{Packs, Ports, Services, Settings};
use aios_protocols::{AgentId, Draft, Performative, ProtocolName, TraceContext};
use aios_tools::{Toolbox, function};
use aios_work::{Capability, Charter, Effect, ToolCall, ToolError, ToolErrorKind};
use serde_json::json;

use crate::house::{House, PATIENCE};

/// Whether each request was private, in order.
type Marks = Arc<Mutex<Vec<bool>>>;

/// The trace that each request came in, in order.
type Traces = Arc<Mutex<Vec<Option<String>>>>;

/// Which session each request was of, and which was ended, in order.
type Sessions = Arc<Mutex<Vec<(&'static str, SessionId)>>>;

/// An engine that writes down which requests were private, their traces and their sessions.
struct Noting {
    inner: ScriptedEngine,
    marks: Marks,
    traces: Traces,
    sessions: Sessions,
}

impl BlockingEngine for Noting {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.inner.load_model(source)
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.marks.lock().unwrap().push(request.private);
        self.traces
            .lock()
            .unwrap()
            .push(request.traceparent.clone());
        if let Some(session) = &request.session {
            let asked = ("asked", session.clone());
            self.sessions.lock().unwrap().push(asked);
        }
        self.inner.stream(request, sink)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.inner.embed(request)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.inner.unload(model)
    }

    fn close_session(&mut self, session: &SessionId) {
        let ended = ("ended", session.clone());
        self.sessions.lock().unwrap().push(ended);
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn health(&mut self) -> aios_inference::Health {
        self.inner.health()
    }
}

struct Bench {
    house: House,
    services: Arc<Services>,
    marks: Marks,
    traces: Traces,
    sessions: Sessions,
}

impl Bench {
    async fn new(scripts: Scripts, tools: Toolbox) -> Self {
        let (marks, traces) = (Marks::default(), Traces::default());
        let sessions = Sessions::default();
        let noted = (
            Arc::clone(&marks),
            Arc::clone(&traces),
            Arc::clone(&sessions),
        );
        let factory = Arc::new(move || {
            Ok(Box::new(Noting {
                inner: ScriptedEngine::scripted_by(scripts.clone()),
                marks: Arc::clone(&noted.0),
                traces: Arc::clone(&noted.1),
                sessions: Arc::clone(&noted.2),
            }) as Box<dyn BlockingEngine>)
        });
        let (engine, _) = EngineActor::spawn(EngineConfig::default(), factory)
            .await
            .unwrap();
        let store = Arc::new(InMemoryStore::default());
        let house = House::with(store, |world| world.engine(engine)).await;
        let services = Services::new(
            &house.system,
            Packs::none(),
            Arc::new(tools),
            Settings::default(),
            Ports::of(&house.system),
        );
        Self {
            house,
            services,
            marks,
            traces,
            sessions,
        }
    }

    async fn charter(&self, name: &str, lines: &str) -> AgentId {
        let text =
            format!("---\nname: {name}\ndescription: For a test.\n{lines}\n---\nYou are {name}.\n");
        let charter = Charter::parse(&text).unwrap();
        let role = charter.role.to_string();
        let member = Arc::new(Member::new(charter, self.services.tools(), Vec::new()).unwrap());
        self.services.crew().enlist(Arc::clone(&member));
        let services = Arc::clone(&self.services);
        let factories = self.house.system.factories();
        factories.register(role.as_str(), move |_| {
            Ok(CharterAgent::new(
                Arc::clone(&member),
                Arc::clone(&services),
            ))
        });
        let options = AgentOptions::default();
        let (system, supervisor) = (&self.house.system, &self.house.supervisor);
        system.spawn(&role, supervisor, options).await.unwrap().0
    }

    async fn ask(&self, agent: &AgentId) -> Result<String, AskError> {
        let said = self.house.driver.ask(agent, "Begin.", PATIENCE).await?;
        Ok(said.content.as_str().unwrap_or_default().to_owned())
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Words {
    /// What is sent.
    words: String,
}

/// A tool that counts its calls, after which nobody knows whether they were carried out.
fn send(calls: &Arc<AtomicUsize>, effect: Effect) -> aios_tools::Function {
    let calls = Arc::clone(calls);
    let work = move |_: Words, _: ToolCall| {
        let calls = Arc::clone(&calls);
        async move {
            calls.fetch_add(1, Ordering::SeqCst);
            Err::<String, _>(ToolError::new(ToolErrorKind::Network, "no answer came").in_doubt())
        }
    };
    function("send", "Sends.", work).effect(effect)
}

fn sends(words: String) -> impl Fn(&str) -> String + Send + Sync + 'static {
    move |prompt| {
        match prompt.split_once("\"error\":") {
            Some((_, why)) => json!({"answer": why.chars().take(200).collect::<String>()}),
            None => json!({"tool": "send", "args": {"words": words.clone()}}),
        }
        .to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_of_privacy_local_thinks_and_hands_on_is_private() {
    for (privacy, expected) in [("local", true), ("any", false)] {
        let scripts = Scripts::answering(|prompt| {
            if prompt.contains("You are lead") && !prompt.contains("\"result\":") {
                json!({"tool": "agent__clerk", "args": {"text": "Go on."}}).to_string()
            } else {
                json!({"answer": "done"}).to_string()
            }
        });
        // One clerk is asked; of two a contract net chooses.
        for clerks in [1, 2] {
            let bench = Bench::new(scripts.clone(), Toolbox::default()).await;
            for _ in 0..clerks {
                bench.charter("clerk", "privacy: any").await;
            }
            let lines = format!("privacy: {privacy}\ndelegates: [clerk]");
            let lead = bench.charter("lead", &lines).await;
            assert_eq!(bench.ask(&lead).await.unwrap(), "done");
            let marks = bench.marks.lock().unwrap().clone();
            assert_eq!(marks, [expected; 3], "{privacy}, {clerks}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_turns_of_a_question_are_one_session_and_it_ends_with_the_answer() {
    let scripts = Scripts::answering(|prompt| {
        let said = if prompt.contains("\"result\":") {
            json!({"answer": "done"})
        } else {
            json!({"tool": "send", "args": {"words": "hello"}})
        };
        said.to_string()
    });
    let send = function("send", "Sends.", |_: Words, _: ToolCall| async {
        Ok::<_, ToolError>("sent".to_owned())
    });
    let tools = Toolbox::default().with([send.effect(Effect::Pure).shared()]);
    let bench = Bench::new(scripts, tools).await;
    let clerk = bench.charter("clerk", "privacy: any\ntools: [send]").await;
    for _ in 0..2 {
        bench.ask(&clerk).await.unwrap();
    }
    // The engine hears of an end when it is through with what it does.
    let begun = std::time::Instant::now();
    let ended = |sessions: &[(&str, SessionId)]| {
        let ended: BTreeSet<_> = { sessions.iter() }
            .filter(|(what, _)| *what == "ended")
            .map(|(_, session)| session.clone())
            .collect();
        ended
    };
    while ended(&bench.sessions.lock().unwrap()).len() < 2 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let sessions = bench.sessions.lock().unwrap().clone();
    let ended = ended(&sessions);
    for session in &ended {
        let of: Vec<_> = { sessions.iter() }
            .filter(|(_, other)| other == session)
            .map(|(what, _)| *what)
            .collect();
        let asked = of.iter().take_while(|what| **what == "asked").count();
        assert!(
            asked >= 2,
            "a call and an answer are two turns: {sessions:?}"
        );
        assert!(of[asked..].iter().all(|what| *what == "ended"), "{of:?}");
    }
    assert_eq!(ended.len(), 2, "each question is a session of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_is_told_the_trace_of_whoever_asks_and_none_where_there_is_none() {
    let scripts = Scripts::answering(|_| json!({"answer": "done"}).to_string());
    let bench = Bench::new(scripts, Toolbox::default()).await;
    let clerk = bench.charter("clerk", "privacy: any").await;
    let trace = TraceContext::new([7; 16], [9; 8], 1).unwrap();
    // Of a draft that names its tenant the trace is its own, too, and not that of what the driver is at.
    let tenant = bench.house.system.tenant().clone();
    let asked = Draft::new(Performative::Request, "Begin.").protocol(ProtocolName::FipaRequest);
    let asked = asked.tenant(tenant).trace(trace);
    let answer = bench.house.driver.ask(&clerk, asked, PATIENCE).await;
    answer.unwrap();
    bench.ask(&clerk).await.unwrap();
    let traces = bench.traces.lock().unwrap().clone();
    assert_eq!(traces, [Some(trace.to_string()), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_may_have_been_carried_out_ends_the_run() {
    let calls = Arc::new(AtomicUsize::new(0));
    let tools = Toolbox::default().with([send(&calls, Effect::Query).shared()]);
    let bench = Bench::new(Scripts::answering(sends("hello".to_owned())), tools).await;
    let clerk = bench.charter("clerk", "tools: [send]").await;
    let told = bench.ask(&clerk).await.unwrap_err().to_string();
    assert!(told.contains("nobody knows whether"), "{told}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_not_asked_about_arguments_too_long_to_be_shown() {
    let calls = Arc::new(AtomicUsize::new(0));
    let tools = Toolbox::default().with([send(&calls, Effect::Ask).shared()]);
    let bench = Bench::new(Scripts::answering(sends("x".repeat(4_000))), tools).await;
    let clerk = bench.charter("clerk", "tools: [send]").await;
    let told = bench.ask(&clerk).await.unwrap();
    assert!(told.contains("4000 characters"), "{told}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_asks_elsewhere_is_not_called_for_what_is_private() {
    let calls = Arc::new(AtomicUsize::new(0));
    let tool = send(&calls, Effect::Pure).needs([Capability::NET_HTTP]);
    let tools = Toolbox::default().granting([Capability::NET_HTTP].into());
    let tools = tools.with([tool.shared()]);
    let bench = Bench::new(Scripts::answering(sends("hello".to_owned())), tools).await;
    let clerk = bench
        .charter("clerk", "privacy: local\ntools: [send]")
        .await;
    let told = bench.ask(&clerk).await.unwrap();
    assert!(told.contains("leave this machine"), "{told}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_member_of_another_role_takes_nobodys_name() {
    let (crew, tools) = (Crew::default(), Toolbox::default());
    for (lines, description, held) in [
        ("role: macro.one\n", "First.", "First."),
        ("role: macro.two\n", "Second.", "First."),
        ("role: macro.one\n", "Third.", "Third."),
    ] {
        let text = format!("---\nname: clerk\ndescription: {description}\n{lines}---\nDo it.\n");
        let charter = Charter::parse(&text).unwrap();
        crew.enlist(Arc::new(Member::new(charter, &tools, Vec::new()).unwrap()));
        let member = crew.member("clerk").unwrap();
        assert_eq!(member.charter().description, held, "{description}");
        assert_eq!(member.charter().role, "macro.one");
    }
}
