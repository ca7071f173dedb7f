//! The form that OpenAI's clients speak, word for word.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{House, until};

async fn chat(house: &House, body: Value) -> crate::fake::Answer {
    house
        .post(
            "/v1/chat/completions",
            "Content-Type: application/json\r\n",
            &body.to_string(),
        )
        .await
}

fn asks(model: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The lines of a stream: comments as they are, data with what differs from run to run taken out.
fn lines(body: &str) -> Vec<String> {
    let lines = body.lines().filter(|line| !line.is_empty()).map(|line| {
        let Some(data) = line
            .strip_prefix("data: ")
            .filter(|data| data.starts_with('{'))
        else {
            return line.to_owned();
        };
        let mut data: Value = serde_json::from_str(data).unwrap();
        if let Some(id) = data["id"].as_str() {
            assert!(
                id.starts_with("chatcmpl-") && data["created"].as_u64().unwrap() > 1_700_000_000,
                "{data}"
            );
            data["id"] = "ID".into();
            data["created"] = 0.into();
        }
        data.to_string()
    });
    lines.collect()
}

fn chunk(model: &str, delta: &str, finish: &str, more: &str) -> String {
    format!(
        r#"{{"id":"ID","object":"chat.completion.chunk","created":0,"model":"{model}","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]{more}}}"#
    )
}

#[tokio::test]
async fn an_engine_is_heard_as_it_writes() {
    let house = House::open().await;
    let told = chat(&house, asks("small", json!({"stream": true, "unknown": 1}))).await;
    assert_eq!(
        (told.status, told.header("content-type")),
        (200, Some("text/event-stream"))
    );
    assert!(told.header("x-request-id").unwrap().starts_with("req_"));
    let more = r#","aios":{"engine":"local","model":"small"}"#;
    assert_eq!(
        lines(&told.body),
        [
            chunk("small", r#"{"role":"assistant","content":""}"#, "null", ""),
            chunk("small", r#"{"content":"Hel"}"#, "null", ""),
            chunk("small", r#"{"content":"lo"}"#, "null", ""),
            chunk("small", "{}", r#""stop""#, more),
            "data: [DONE]".to_owned(),
        ]
    );
    let counted =
        json!({"stream": true, "stream_options": {"include_usage": true}, "max_tokens": 2});
    let told = lines(&chat(&house, asks("local", counted)).await.body);
    let finish = chunk(
        "local",
        "{}",
        r#""length""#,
        r#","usage":null,"aios":{"engine":"local","model":"small"}"#,
    );
    assert_eq!(told[told.len() - 3], finish);
    let usage: Value = serde_json::from_str(&told[told.len() - 2]).unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(
        usage["usage"],
        json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    );
    assert_eq!(told.last().unwrap(), "data: [DONE]");
}

#[tokio::test]
async fn a_goal_tells_of_itself_in_comments_and_answers_with_its_verdict() {
    let house = House::open().await;
    let whole = chat(&house, asks("aios", json!({}))).await.json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(
        whole["choices"][0]["message"],
        json!({"role": "assistant", "content": "# It is so\n", "refusal": null})
    );
    assert_eq!(
        (
            &whole["choices"][0]["finish_reason"],
            &whole["choices"].as_array().unwrap().len()
        ),
        (&"stop".into(), &1)
    );
    assert_eq!(
        (
            &whole["aios"]["status"],
            &whole["aios"]["verdict"],
            &whole["usage"]["total_tokens"]
        ),
        (&"approved".into(), &"ab".into(), &7.into())
    );
    let told = lines(
        &chat(&house, asks("aios", json!({"stream": true})))
            .await
            .body,
    );
    let comments: Vec<&String> = told.iter().filter(|line| line.starts_with(": ")).collect();
    assert_eq!(comments.len(), 3, "{told:?}");
    assert_eq!(
        comments[0],
        r#": {"seq":4,"kind":"task","body":{"task":"a\nb"}}"#
    );
    assert!(
        told.contains(&chunk(
            "aios",
            r##"{"content":"# It is so\n"}"##,
            "null",
            ""
        )),
        "{told:?}"
    );
    assert_eq!(
        house.node.cancels.load(Relaxed),
        0,
        "a goal that is over is not called off"
    );
    // It fails when it has begun: nobody is told to try again, and in a stream it is a line like any other.
    let failing = json!({"aios": {"goal_id": "fails"}});
    let failed = chat(&house, asks("aios", failing.clone())).await;
    assert_eq!(
        (failed.status, failed.header("x-should-retry")),
        (500, Some("false"))
    );
    assert!(
        failed.json()["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("it could not be")
    );
    let mut streamed = failing;
    streamed["stream"] = true.into();
    let told = lines(&chat(&house, asks("aios", streamed)).await.body);
    let last: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    assert_eq!(last["error"]["type"], "server_error");
}

#[tokio::test]
async fn a_goal_or_a_question_whose_asker_has_left_is_called_off() {
    let house = House::open().await;
    house.node.endless.store(true, Relaxed);
    for (at, stream) in [true, false].into_iter().enumerate() {
        let body = asks("aios", json!({"stream": stream})).to_string();
        let head = house.head(
            "POST /v1/chat/completions",
            &format!("Content-Length: {}\r\n", body.len()),
        );
        let mut asker = house.connect().await;
        asker
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .await
            .unwrap();
        until("the goal", || house.node.submits.load(Relaxed) == at + 1).await;
        if stream {
            let mut some = [0; 64];
            assert!(asker.read(&mut some).await.unwrap() > 0);
        }
        drop(asker);
        until("its end", || house.node.cancels.load(Relaxed) == at + 1).await;
    }
    for stream in [true, false] {
        let mut body = asks("macro.clerk", json!({"stream": stream}));
        body["messages"][0]["content"] = "hush".into();
        let body = body.to_string();
        let head = house.head(
            "POST /v1/chat/completions",
            &format!("Content-Length: {}\r\n", body.len()),
        );
        let mut asker = house.connect().await;
        asker
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .await
            .unwrap();
        until("the question", || house.node.thinking.load(Relaxed) == 1).await;
        drop(asker);
        until("its end", || house.node.thinking.load(Relaxed) == 0).await;
    }
}

#[tokio::test]
async fn refusals_are_in_this_form_and_say_whether_to_try_again() {
    let house = House::open().await;
    let asked = chat(&house, asks("macro.clerk", json!({}))).await.json();
    assert_eq!(
        (
            &asked["choices"][0]["message"]["content"],
            &asked["aios"]["agent"]
        ),
        (&"hello".into(), &"macro.clerk".into())
    );
    let unknown = chat(&house, asks("nobody", json!({}))).await;
    let error = &unknown.json()["error"];
    assert_eq!(
        (unknown.status, &error["code"], &error["param"]),
        (404, &"model_not_found".into(), &"model".into())
    );
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"tools": [{}]}), "tools"),
        (
            json!({"response_format": {"type": "json_object"}}),
            "response_format",
        ),
    ] {
        let refused = chat(&house, asks("aios", more)).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status, &error["type"], &error["param"]),
            (400, &"invalid_request_error".into(), &param.into())
        );
        assert_eq!(refused.header("x-should-retry"), Some("false"));
    }
    assert_eq!(house.node.submits.load(Relaxed), 0, "nothing was begun");
    let fell = chat(
        &house,
        json!({"model": "macro.clerk", "messages": [{"role": "user", "content": "fall"}]}),
    )
    .await;
    assert_eq!(
        (fell.status, fell.header("x-should-retry")),
        (500, Some("false"))
    );
    house.node.refuses.store(true, Relaxed);
    let busy = chat(&house, asks("aios", json!({}))).await;
    assert_eq!(
        (
            busy.status,
            busy.header("x-should-retry"),
            busy.header("retry-after")
        ),
        (429, None, Some("1")),
        "nothing was begun"
    );
    let address = house.running.address();
    let strange = house
        .raw(
            format!("GET /v1/models HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await;
    assert_eq!(
        (strange.status, &strange.json()["error"]["type"]),
        (401, &"authentication_error".into())
    );
}

#[tokio::test]
async fn models_are_listed_and_texts_become_vectors() {
    let house = House::open().await;
    let models = house.get("/v1/models", "").await.json();
    let ids: Vec<&str> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        (&models["object"], ids),
        (&"list".into(), vec!["aios", "local"])
    );
    assert_eq!(
        house.get("/v1/models/small", "").await.json()["object"],
        "model"
    );
    let embed = |more: Value| {
        let house = &house;
        async move {
            let mut body = json!({"model": "local", "input": ["a", "b"]});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            house.post("/v1/embeddings", "", &body.to_string()).await
        }
    };
    let plain = embed(json!({})).await.json();
    assert_eq!(
        plain["data"][1],
        json!({"object": "embedding", "index": 1, "embedding": [1.0, -2.0]})
    );
    let bytes = embed(json!({"encoding_format": "base64"})).await.json();
    assert_eq!(bytes["data"][0]["embedding"], "AACAPwAAAMA=");
    for (wrong, param) in [
        (json!({"input": [1, 2]}), "input"),
        (json!({"dimensions": 3}), "dimensions"),
        (json!({"model": "aios"}), "model"),
    ] {
        let refused = embed(wrong).await;
        assert_eq!(refused.json()["error"]["param"], param);
        assert!(refused.status == 400 || refused.status == 404);
    }
}

/// Also where nothing is asked by that method, or nothing is there: whoever speaks this form reads no other.
#[tokio::test]
async fn every_refusal_under_these_paths_is_in_their_form() {
    let house = House::open().await;
    for (path, status) in [
        ("/v1/chat/completions", 405),
        ("/v1/embeddings", 405),
        ("/v1/chat/nothing", 404),
    ] {
        let refused = house.get(path, "").await;
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert_eq!(refused.header("content-type"), Some("application/json"));
        let error = &refused.json()["error"];
        assert_eq!(error["type"], "invalid_request_error", "{path}: {error}");
        assert!(error["message"].is_string(), "{path}: {error}");
        if status == 405 {
            assert_eq!(refused.header("allow"), Some("post"), "{path}");
        }
    }
    let elsewhere = house.get("/v1/agents/a/kill", "").await;
    assert_eq!(
        elsewhere.header("content-type"),
        Some("application/problem+json")
    );
}
