//! The router with engines that fall, lie or are far away.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_inference::remote::{Form, RemoteEngine};
use aios_inference::router::{Ask, Decision, EngineSlot, Policy, Router, RouterConfig, Size};
use aios_inference::{
    Embed, EmbedRequest, Engine, EngineActor, EngineConfig, EngineError, Generate, InferRequest,
    Purpose, Script, ScriptedEngine, Scripts,
};

use crate::wire::{Wire, answer, chunk, last, said, stream, stream_head};
use crate::{ask, config, within};

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Decision>>>);

impl Told {
    fn lines(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let line = |one: &Decision| {
            format!(
                "{} {}",
                one.engine.as_deref().unwrap_or("nobody"),
                one.outcome
            )
        };
        told.iter().map(line).collect()
    }
}

async fn local(scripts: &Scripts) -> EngineSlot {
    let lead = scripts.clone();
    let factory = Arc::new(move || Ok(Box::new(ScriptedEngine::scripted_by(lead.clone())) as _));
    let (handle, _) = EngineActor::spawn(EngineConfig::default(), factory)
        .await
        .unwrap();
    EngineSlot {
        name: "local".into(),
        engine: Arc::clone(handle.engine()),
        local: true,
        private: true,
        size: Size::Small,
        price_micros: 0,
    }
}

fn far(name: &str, address: &str) -> EngineSlot {
    let mut settings = config(Form::OpenAi, address);
    settings.name = name.into();
    // Its vectors' length is unknown, so that it would have to be asked.
    settings.embed_model = "an-embedder".into();
    EngineSlot {
        name: name.into(),
        engine: Arc::new(RemoteEngine::new(settings)),
        local: false,
        private: false,
        size: Size::Large,
        price_micros: 500,
    }
}

fn router(engines: Vec<EngineSlot>, policy: Policy) -> (Router, Told) {
    let told = Told::default();
    let tell = told.clone();
    let config = RouterConfig {
        policies: Purpose::ALL.map(|purpose| (purpose, policy)).into(),
        chains: BTreeMap::new(),
    };
    let observer =
        Arc::new(move |decision: &Decision| tell.0.lock().unwrap().push(decision.clone()));
    (
        Router::new(engines, config, Arc::new(|| None), observer),
        told,
    )
}

async fn streamed(router: &Router, request: InferRequest) -> (String, Result<String, EngineError>) {
    let mut told = String::new();
    let mut index = 0;
    let result = within(router.stream(request, &mut |token| {
        assert_eq!(token.index, index, "tokens are counted over all engines");
        index += 1;
        told.push_str(&token.text);
        ControlFlow::Continue(())
    }))
    .await;
    (told, result.map(|answer| answer.text))
}

#[tokio::test]
async fn another_engine_goes_on_where_one_fell_and_no_token_is_told_twice() {
    let broken = || stream(&[&chunk("The capital"), &chunk(" of France is")]);
    for rest in [
        " Paris, on the Seine.",
        "The capital of France is Paris, on the Seine.",
        "France is Paris, on the Seine.",
    ] {
        let one = Wire::play(vec![broken()]).await;
        let pieces: Vec<String> = rest.split_inclusive(' ').map(chunk).collect();
        let mut script = vec![stream_head()];
        script.extend(pieces.iter().map(|piece| said(piece)));
        script.push(said(&last("stop")));
        let mut two = Wire::play(vec![script]).await;
        let (router, told) = router(
            vec![far("one", &one.address), far("two", &two.address)],
            Policy::FallbackChain,
        );
        let (read, answer) = streamed(&router, ask()).await;
        assert_eq!(
            read, "The capital of France is Paris, on the Seine.",
            "{rest}"
        );
        assert_eq!(answer.unwrap(), read);
        assert_eq!(told.lines(), ["one lost", "two answered"]);
        assert!(
            two.request().await.contains("The capital of France is"),
            "it is told how far the other came"
        );
    }
}

#[tokio::test]
async fn without_a_reader_and_for_a_document_the_next_engine_begins_anew() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}"#;
    let half = || stream(&[&chunk("{\"a\":")]);
    let whole = || stream(&[&chunk("{\"a\":"), &chunk("2}"), &last("stop")]);
    let one = Wire::play(vec![half(), half()]).await;
    let two = Wire::play(vec![whole(), whole()]).await;
    let (router, _) = router(
        vec![far("one", &one.address), far("two", &two.address)],
        Policy::FallbackChain,
    );
    let (read, answer) = streamed(&router, ask().json_schema(schema)).await;
    assert_eq!(
        (read.as_str(), answer.unwrap().as_str()),
        ("{\"a\":2}", "{\"a\":2}")
    );
    let answer = within(router.infer(ask().json_schema(schema)))
        .await
        .unwrap();
    assert_eq!(answer.text, "{\"a\":2}");
    assert_eq!(answer.by.engine, "two");
}

#[tokio::test]
async fn a_breaker_of_its_own_keeps_an_engine_that_falls_out_of_the_way() {
    let failing = vec![answer(500, "", ""); 3];
    let mut one = Wire::play(failing).await;
    let scripts = Scripts::default();
    let (router, told) = router(
        vec![far("one", &one.address), local(&scripts).await],
        Policy::FallbackChain,
    );
    for _ in 0..5 {
        within(router.infer(InferRequest::chat("", "- revenue: 1 EUR")))
            .await
            .unwrap();
    }
    let asked = ["one server", "local answered"];
    assert_eq!(
        told.lines(),
        [&asked[..], &asked, &asked, &asked[1..], &asked[1..]].concat()
    );
    let route = router
        .explain(&Ask {
            purpose: Purpose::Write,
            prompt_tokens: 1,
            max_tokens: 1,
            private: false,
            schema: false,
            tools: false,
            money_micros: None,
        })
        .await;
    assert_eq!(route.order, ["local"]);
    assert!(route.passed_over[0].1.contains("rests"), "{route:?}");
    for _ in 0..3 {
        one.request().await;
    }
    assert!(one.heard.try_recv().is_err());
}

/// The sockets are watched: a listening server sees no connection at all, not even one that asks for its models.
#[tokio::test]
async fn a_private_call_leaves_this_machine_under_no_policy() {
    for policy in [
        Policy::LocalFirst,
        Policy::TaskAdaptive,
        Policy::PowerAware,
        Policy::LoadBalanced,
        Policy::FallbackChain,
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        // The engine of this machine fails first, so that there is every reason to ask the other.
        let scripts = Scripts::new([Script::Fail(EngineError::Server {
            engine: "local".into(),
            status: 500,
            said: "it is sick".into(),
        })]);
        let (router, told) = router(vec![far("cloud", &address), local(&scripts).await], policy);
        let mut refused = within(router.infer(ask().private(true))).await.unwrap_err();
        assert!(refused.to_string().contains("private"), "{refused}");
        within(router.infer(ask().private(true))).await.unwrap();
        let mut request = EmbedRequest::new(["a secret"]);
        request.private = true;
        within(router.embed(request)).await.unwrap();

        scripts.push(Script::Fail(EngineError::Down {
            reason: "gone".into(),
        }));
        let mut streaming = ask().private(true);
        streaming.max_tokens = 2_000;
        refused = streamed(&router, streaming).await.1.unwrap_err();
        assert!(refused.to_string().contains("private"), "{refused}");
        assert!(
            told.lines().iter().all(|line| line.starts_with("local")),
            "{:?}",
            told.lines()
        );
        let none = listener.accept().unwrap_err();
        assert_eq!(
            none.kind(),
            std::io::ErrorKind::WouldBlock,
            "{policy:?}: nobody connected"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_the_request_itself_is_not_carried_from_engine_to_engine() {
    let scripts = Scripts::default();
    let mut one = Wire::play(vec![]).await;
    let (router, told) = router(
        vec![local(&scripts).await, far("one", &one.address)],
        Policy::LocalFirst,
    );
    scripts.push(Script::Fail(EngineError::BadRequest {
        reason: "odd".into(),
    }));
    let error = within(router.infer(ask())).await.unwrap_err();
    assert_eq!(error.label(), "bad_request");
    assert_eq!(told.lines(), ["local bad_request"]);
    assert!(one.heard.try_recv().is_err());
}

#[tokio::test]
async fn a_router_is_an_engine_and_passes_the_suite() {
    let scripts = Scripts::default();
    let address = crate::scripted::serve().await;
    let (router, _) = router(
        vec![local(&scripts).await, far("there", &address)],
        Policy::LocalFirst,
    );
    within(router.ready(Duration::from_secs(5))).await.unwrap();
    let can = within(router.capabilities()).await.unwrap();
    assert_eq!(
        (can.name.as_str(), can.embedder.as_deref()),
        ("scripted", Some("scripted"))
    );
    let only = vec![local(&scripts).await];
    let (router, _) = self::router(only, Policy::LocalFirst);
    within(aios_inference::conformance::check(&router)).await;
}
