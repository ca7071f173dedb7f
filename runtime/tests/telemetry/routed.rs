//! A decision between engines as it is told: on the bus, among the figures, in the trace, and in the record of the goal.

use aios_inference::Purpose;
use aios_inference::router::{Decision, Policy};
use aios_protocols::SubjectPattern;
use aios_protocols::subject::EventTopic;
use aios_runtime::config::engines::{EngineKind, EngineSettings};
use aios_work::content::SamplingReport;

use super::*;

#[path = "../../../actors/inference/tests/remote/scripted.rs"]
mod scripted;

fn behind(address: &str) -> EngineSettings {
    let text =
        format!("kind = \"openai\"\naddress = {address:?}\nmodel = \"a-model\"\nretries = 0");
    toml::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_between_engines_is_an_event_a_figure_and_a_part_of_the_trace_and_the_record() {
    let (sink, address) = sink().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.telemetry.otlp = address;
    config.telemetry.otlp_interval_ms = 200;
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let there = behind(&scripted::serve().await);
    assert_eq!(there.kind, EngineKind::OpenAi);
    config.engines = [
        ("gone".to_owned(), behind(&gone)),
        ("there".to_owned(), there),
    ]
    .into();
    config.routes.policy = Policy::FallbackChain;
    config.routes.write = vec!["gone".to_owned(), "there".to_owned()];
    let node = Node::builder().config(config).start().await.unwrap();
    let bus = Arc::clone(node.system().bus().unwrap());
    let model_events = SubjectPattern::events(EventTopic::Model);
    let mut events = bus.subscribe(model_events, 256).await.unwrap();
    let goal = Goal::new("Analyze Q3 sales")
        .data([root().join("docs/examples/q3_sales.csv")])
        .out(folder.path());
    let answer = node.run(goal).await.unwrap().answer();
    let answer = tokio::time::timeout(SOON, answer).await.unwrap().unwrap();

    // The event, for each that was asked.
    let heard = async {
        let mut heard = Vec::new();
        loop {
            let event = events.next().await.unwrap();
            let decision: Decision = serde_json::from_slice(&event.payload).unwrap();
            let engine = decision.engine.clone().unwrap();
            assert_eq!(
                event.subject.to_string(),
                format!("aios.events.model.{engine}")
            );
            assert_eq!(decision.policy, Policy::FallbackChain, "{decision:?}");
            if decision.purpose != Purpose::Write {
                continue;
            }
            heard.push((engine, decision.outcome, decision.attempt));
            if heard.last().unwrap().0 == "there" {
                return heard;
            }
        }
    };
    let heard = tokio::time::timeout(SOON, heard).await.unwrap();
    let expected = [("gone", "down", 0), ("there", "answered", 1)];
    assert_eq!(
        heard,
        expected.map(|(who, how, at)| (who.to_owned(), how.to_owned(), at))
    );

    // The figure.
    let caller = Caller::named(node.owner_name().clone(), Place::Here);
    let figures = node.metrics(&caller).unwrap().unwrap();
    for (engine, outcome) in [("gone", "down"), ("there", "answered")] {
        let labels = [
            "purpose=\"write\"".to_owned(),
            "policy=\"fallback-chain\"".to_owned(),
            format!("engine={engine:?}"),
            format!("outcome={outcome:?}"),
        ];
        let line = figures.lines().find(|line| {
            line.starts_with("aios_inference_routes_total{")
                && labels.iter().all(|label| line.contains(label))
        });
        let count = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        assert!(
            count.is_some_and(|count| count >= 1),
            "{labels:?}: {figures}"
        );
    }

    // The record of the goal: who thought, and not only who would have been asked first.
    let mut thoughts = answer.model.thoughts.iter();
    let thought = thoughts.find(|one| one.purpose == "write").unwrap();
    assert_eq!(
        (
            &*thought.purpose,
            &*thought.engine,
            &*thought.model,
            thought.version.as_deref()
        ),
        ("write", "there", "a-model", Some("fp_1")),
        "{thought:?}"
    );
    assert!(thought.settings.max_tokens > 0, "{thought:?}");
    assert_eq!(thought.settings.sampling, SamplingReport::Greedy);
    let all = &answer.model.thoughts;
    assert_eq!(
        all.iter().map(|one| one.tokens).sum::<u64>(),
        answer.spent.tokens
    );
    assert_eq!(
        all.iter().map(|one| one.calls).sum::<u64>(),
        answer.spent.calls
    );

    // The trace.
    tokio::time::timeout(SOON, node.stop()).await.unwrap();
    let spans = sink.spans.lock();
    let root = spans
        .iter()
        .find(|span| span.name == "user_request")
        .unwrap();
    let chat: Vec<&Span> = { spans.iter() }
        .filter(|span| span.trace_id == root.trace_id && span.name.starts_with("chat"))
        .collect();
    assert!(
        !chat.is_empty(),
        "{:?}",
        names(&spans.iter().collect::<Vec<_>>())
    );
    let policy = |span: &&Span| said(span, "aios.route.policy");
    let policies: BTreeSet<_> = chat.iter().map(policy).collect();
    assert_eq!(policies, [Some("fallback-chain".to_owned())].into());
    // What an agent thinks itself, here the plan, and what a tool has written, which went to the second of its chain.
    let told = |span: &&Span| {
        let by = [
            "aios.route.engine",
            "aios.route.attempt",
            "gen_ai.provider.name",
        ];
        let above = { spans.iter() }.find(|above| above.span_id == span.parent_span_id);
        let written = above.is_some_and(|above| above.name == "execute_tool write_text");
        let [engine, attempt, provider] = by.map(|name| said(span, name).unwrap());
        (written, engine, attempt, provider)
    };
    let told: BTreeSet<_> = chat.iter().map(told).collect();
    let expected = [
        (false, "local", "0", "scripted"),
        (true, "there", "1", "there"),
    ];
    let expected = expected
        .map(|(tool, engine, at, by)| (tool, engine.to_owned(), at.to_owned(), by.to_owned()));
    assert_eq!(told, expected.into());
}
