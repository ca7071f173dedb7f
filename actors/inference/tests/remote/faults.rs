//! What a server may do to an answer: break it off, stall, flood, lie, refuse, send away; and what its caller may do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::remote::{Form, RemoteEngine};
use aios_inference::{
    ChatTurn, Embed, EmbedRequest, EngineError, Finish, Generate, InferRequest, Prompt, ToolCall,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::wire::{Act, Heard, Wire, answer, chunk, last, said, stream, stream_head};
use crate::{ask, config, engine, within};

async fn outcome(script: Vec<Act>) -> Result<(String, Finish), EngineError> {
    let wire = Wire::play(vec![script]).await;
    let inference = within(engine(Form::OpenAi, &wire.address).infer(ask())).await?;
    Ok((inference.text, inference.finish))
}

#[tokio::test]
async fn a_stream_that_ends_without_a_reason_is_lost_and_one_with_a_reason_is_whole() {
    let whole = |text: &str, finish| Ok::<_, &str>((text.to_owned(), finish));
    for (events, expected) in [
        (
            vec![chunk("a"), chunk("b"), last("stop"), "[DONE]".into()],
            whole("ab", Finish::Stop),
        ),
        (
            vec![chunk("a"), last("length"), "[DONE]".into()],
            whole("a", Finish::Length),
        ),
        (vec![chunk("a"), last("stop")], whole("a", Finish::Stop)),
        (vec![chunk("a"), chunk("b")], Err("lost")),
        (vec![chunk("a"), "[DONE]".into()], Err("lost")),
        (vec![], Err("lost")),
        (vec!["[DONE]".into()], Err("lost")),
        (vec![chunk("a"), "{ not json".into()], Err("server")),
        (
            vec![
                chunk("a"),
                json!({"error": {"message": "out of memory", "type": "server_error"}}).to_string(),
            ],
            Err("server"),
        ),
        (vec![chunk("a"), last("content_filter")], Err("refused")),
        (
            vec![
                json!({"choices": [{"delta": {"refusal": "I will not."}}]}).to_string(),
                last("stop"),
            ],
            Err("refused"),
        ),
    ] {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let got = outcome(stream(&events)).await;
        let got = got.map_err(|error| error.label());
        assert_eq!(got, expected, "{events:?}");
    }
}

#[tokio::test]
async fn what_a_server_says_is_told_in_its_words_and_ours() {
    for (status, headers, body, expected) in [
        (
            400,
            "",
            r#"{"error":{"message":"unknown field 'foo'"}}"#,
            "refuses the request (status 400): unknown field 'foo'; change",
        ),
        (
            401,
            "",
            r#"{"error":{"message":"bad key"}}"#,
            "is not let in: bad key; check its key_env or key_file",
        ),
        (
            404,
            "",
            r#"{"error":"model 'a-model' not found"}"#,
            "model 'a-model' not found",
        ),
        (
            429,
            "retry-after: 7\r\n",
            r#"{"error":{"message":"slow down"}}"#,
            "slow down; ask again in 7000 ms",
        ),
        (500, "", "\u{1b}[31mpanic\u{1b}[0m", "\\u{1b}[31mpanic"),
        (503, "", "", "it says nothing"),
        (
            302,
            "location: https://elsewhere.example/v1/chat?key=sk-1\r\n",
            "",
            "sends its callers on to https://elsewhere.example/v1/chat;",
        ),
    ] {
        let error = outcome(answer(status, headers, body))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && error.contains("there"),
            "{error}"
        );
        assert!(
            !error.contains("sk-1") && !error.contains('\u{1b}'),
            "{error}"
        );
    }
    let huge = "x".repeat(3 << 20);
    let error = outcome(answer(500, "", &huge)).await.unwrap_err();
    assert!(error.to_string().len() < 1_000, "what is shown is bounded");
}

#[tokio::test]
async fn a_server_that_stalls_is_left_at_each_of_its_limits() {
    let patient = Duration::from_millis(150);
    let head = || vec![stream_head()];
    let mut told = head();
    told.push(said(&chunk("a")));
    let mut pinging = head();
    pinging.extend((0..100).flat_map(|_| {
        [
            Act::Send(b": ping\n\n".to_vec()),
            Act::Wait(Duration::from_millis(20)),
        ]
    }));
    for (what, mut script, limit) in [
        ("no answer", vec![], "first"),
        ("no first token", head(), "first"),
        ("pings alone", pinging, "first"),
        ("no second token", told, "further token"),
    ] {
        script.push(Act::UntilHungUp);
        let mut wire = Wire::play(vec![script]).await;
        let mut settings = config(Form::OpenAi, &wire.address);
        settings.patience.first_token = patient;
        settings.patience.between_tokens = patient;
        let begun = Instant::now();
        let lost = within(RemoteEngine::new(settings).infer(ask())).await;
        let error = lost.unwrap_err();
        assert_eq!(error.label(), "lost", "{what}");
        assert!(
            error.to_string().contains(limit) || what == "no answer",
            "{what}: {error}"
        );
        assert!(begun.elapsed() >= patient, "{what}");
        wire.request().await;
        if what != "pings alone" {
            assert_eq!(wire.next().await, Heard::HungUp, "{what}");
        }
    }
}

#[tokio::test]
async fn calling_it_off_closes_the_connection_and_gives_what_there_was() {
    let script = || vec![stream_head(), said(&chunk("half")), Act::UntilHungUp];
    // By the flag: the text so far comes back.
    let mut wire = Wire::play(vec![script()]).await;
    let request = ask();
    let cancel = request.cancel.clone();
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let there = engine(Form::OpenAi, &wire.address);
    let call = tokio::spawn(async move {
        there
            .stream(request, &mut |_| {
                tell.notify_one();
                std::ops::ControlFlow::Continue(())
            })
            .await
    });
    within(told.notified()).await;
    cancel.cancel();
    let cut = within(call).await.unwrap().unwrap();
    assert_eq!((cut.text.as_str(), cut.finish), ("half", Finish::Cancelled));
    wire.request().await;
    assert_eq!(wire.next().await, Heard::HungUp);

    // By going away.
    let mut wire = Wire::play(vec![script()]).await;
    let stream = engine(Form::OpenAi, &wire.address)
        .handle()
        .stream(ask())
        .unwrap();
    wire.request().await;
    drop(stream);
    assert_eq!(wire.next().await, Heard::HungUp);

    // By a reader that has enough, and by the deadline.
    let mut wire = Wire::play(vec![script(), script()]).await;
    let there = engine(Form::OpenAi, &wire.address);
    let mut sink = |_: &_| std::ops::ControlFlow::Break(());
    let enough = within(there.stream(ask(), &mut sink)).await.unwrap();
    assert_eq!(
        (enough.text.as_str(), enough.finish),
        ("half", Finish::Cancelled)
    );
    wire.request().await;
    assert_eq!(wire.next().await, Heard::HungUp);
    let late = within(there.infer(ask().within(Duration::from_millis(200))))
        .await
        .unwrap();
    assert_eq!(
        (late.text.as_str(), late.finish),
        ("half", Finish::Deadline)
    );
    wire.request().await;
    assert_eq!(wire.next().await, Heard::HungUp);
}

#[tokio::test]
async fn a_call_is_made_again_before_its_first_token_and_never_after() {
    let whole = || stream(&[&chunk("fine"), &last("stop"), "[DONE]"]);
    for (what, first) in [
        ("overloaded", answer(503, "", "")),
        ("limited", answer(429, "retry-after-ms: 30\r\n", "")),
        ("hung up", vec![]),
    ] {
        let mut wire = Wire::play(vec![first, whole()]).await;
        let mut settings = config(Form::OpenAi, &wire.address);
        settings.retries = 2;
        let answer = within(RemoteEngine::new(settings).infer(ask()))
            .await
            .unwrap();
        assert_eq!(answer.text, "fine", "{what}");
        assert_eq!(wire.request().await, wire.request().await, "{what}");
    }
    for (what, first) in [
        ("broken off", stream(&[&chunk("half")])),
        ("not again", answer(500, "x-should-retry: false\r\n", "")),
        ("a long rest", answer(429, "retry-after: 3600\r\n", "")),
        ("refused", answer(400, "", "")),
    ] {
        let mut wire = Wire::play(vec![first, whole()]).await;
        let mut settings = config(Form::OpenAi, &wire.address);
        settings.retries = 2;
        let there = RemoteEngine::new(settings);
        let mut told = String::new();
        let failed = within(there.stream(ask(), &mut |token| {
            told.push_str(&token.text);
            std::ops::ControlFlow::Continue(())
        }))
        .await;
        assert!(failed.is_err(), "{what}");
        wire.request().await;
        assert!(wire.heard.try_recv().is_err(), "{what}: asked once");
    }
}

#[tokio::test]
async fn a_server_that_takes_other_fields_is_asked_in_its_way_from_then_on() {
    let whole = || stream(&[&chunk("fine"), &last("stop"), "[DONE]"]);
    let no = |said: &str| answer(400, "", &json!({"error": {"message": said}}).to_string());
    let mut wire = Wire::play(vec![
        no("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        no("unknown field stream_options"),
        whole(),
        whole(),
    ])
    .await;
    let there = engine(Form::OpenAi, &wire.address);
    for _ in 0..2 {
        let answer = within(there.infer(ask())).await.unwrap();
        assert_eq!(answer.text, "fine");
        assert!(answer.usage.estimated && answer.usage.prompt_tokens > 0);
    }
    let requests = [
        wire.request().await,
        wire.request().await,
        wire.request().await,
        wire.request().await,
    ];
    let has = |what: &str| requests.clone().map(|request| request.contains(what));
    assert_eq!(has("\"max_tokens\""), [true, false, false, false]);
    assert_eq!(has("max_completion_tokens"), [false, true, true, true]);
    assert_eq!(has("stream_options"), [true, true, false, false]);
}

#[tokio::test]
async fn floods_are_cut_off() {
    let long = chunk(&"x".repeat(60_000));
    let flood: Vec<&str> = std::iter::repeat_n(long.as_str(), 200).collect();
    let error = outcome(stream(&flood)).await.unwrap_err();
    assert!(
        error.to_string().contains("more than was asked for"),
        "{error}"
    );

    let mut endless = vec![stream_head(), Act::Send(b"data: ".to_vec())];
    endless.extend(std::iter::repeat_n(Act::Send(vec![b'x'; 1 << 16]), 64));
    let error = outcome(endless).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");

    let calls: Vec<String> = (0..1_000)
        .map(|at| json!({"choices": [{"delta": {"tool_calls": [{"index": at, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}}]}).to_string())
        .collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let error = outcome(stream(&calls)).await.unwrap_err();
    assert_eq!(error.label(), "server", "{error}");

    let wire = Wire::play(vec![answer(200, "", &"[".repeat(17 << 20))]).await;
    let mut settings = config(Form::OpenAi, &wire.address);
    settings.embed_model = "e".into();
    let flooded = within(RemoteEngine::new(settings).embed(EmbedRequest::new(["a"]))).await;
    assert_eq!(flooded.unwrap_err().label(), "server");
}

#[tokio::test]
async fn vectors_that_cannot_be_are_refused() {
    for (body, what) in [
        (json!({"data": []}), "0 vectors for 1"),
        (
            json!({"data": [{"index": 0, "embedding": [0.0, 0.0]}]}),
            "without a direction",
        ),
        (
            json!({"data": [{"index": 0, "embedding": "AAA="}]}),
            "within a number",
        ),
        (
            json!({"data": [{"index": 0, "embedding": "no base64"}]}),
            "no base64",
        ),
        (
            json!({"data": [{"index": 7, "embedding": [1.0]}]}),
            "for no text",
        ),
        (json!({"data": "x"}), "cannot be read"),
    ] {
        let wire = Wire::play(vec![answer(200, "", &body.to_string())]).await;
        let mut settings = config(Form::OpenAi, &wire.address);
        settings.embed_model = "e".into();
        let error = within(RemoteEngine::new(settings).embed(EmbedRequest::new(["a"]))).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_schema_is_checked_and_never_trusted() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}"#;
    for (text, kept) in [
        (r#"{"a":1}"#, true),
        (r#"{"a":"1"}"#, false),
        ("Sure! {\"a\":1}", false),
    ] {
        let wire = Wire::play(vec![stream(&[&chunk(text), &last("stop")])]).await;
        let asked = ask().json_schema(schema);
        let result = within(engine(Form::OpenAi, &wire.address).infer(asked)).await;
        assert_eq!(result.is_ok(), kept, "{result:?}");
        if let Err(error) = result {
            assert!(
                error.to_string().contains("does not keep to the schema"),
                "{error}"
            );
        }
        // Who can have it mended gets it as it came.
        let wire = Wire::play(vec![stream(&[&chunk(text), &last("stop")])]).await;
        let asked = ask().json_schema(schema).own_check();
        let answer = within(engine(Form::OpenAi, &wire.address).infer(asked)).await;
        assert_eq!(answer.unwrap().text, text);
    }
}

#[tokio::test]
async fn what_no_server_can_do_is_refused_before_anything_is_sent() {
    let mut logits = ask();
    logits.top_logits = 5;
    let schema_and_tools = ask()
        .json_schema("{}")
        .tools([aios_inference::ToolDefinition {
            name: "f".into(),
            description: String::new(),
            input: json!({}),
        }]);
    let stops = ["a", "b", "c", "d", "e"]
        .iter()
        .fold(ask(), |request, stop| request.stop(*stop));
    let cases: [(InferRequest, &str); 4] = [
        (InferRequest::raw("x"), "unsupported"),
        (logits, "unsupported"),
        (schema_and_tools, "bad_request"),
        (stops, "unsupported"),
    ];
    let mut wire = Wire::play(vec![]).await;
    for (request, label) in cases {
        let error = within(engine(Form::OpenAi, &wire.address).infer(request)).await;
        assert_eq!(error.unwrap_err().label(), label);
    }
    assert!(wire.heard.try_recv().is_err());
}

#[tokio::test]
async fn tools_that_answered_are_told_in_each_form() {
    let call = ToolCall {
        id: "call-1".into(),
        name: "clock".into(),
        arguments: r#"{"city":"Paris"}"#.into(),
    };
    let asked = || {
        InferRequest::new(Prompt::Chat(vec![
            ChatTurn::user("What time is it?"),
            ChatTurn::assistant("", vec![call.clone()]),
            ChatTurn::tool("call-1", "12:00"),
        ]))
    };
    let body = |request: String| {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    };
    let mut wire = Wire::play(vec![stream(&[&last("stop")])]).await;
    let _ = within(engine(Form::OpenAi, &wire.address).infer(asked())).await;
    let sent = body(wire.request().await);
    assert_eq!(
        sent["messages"][1]["tool_calls"][0]["function"]["arguments"],
        call.arguments
    );
    assert_eq!(sent["messages"][2]["tool_call_id"], "call-1");

    let mut wire = Wire::play(vec![vec![]]).await;
    let _ = within(engine(Form::Anthropic, &wire.address).infer(asked())).await;
    let sent = body(wire.request().await);
    assert_eq!(sent["messages"][1]["content"][0]["input"]["city"], "Paris");
    assert_eq!(sent["messages"][2]["role"], "user");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "call-1");
}
