//! Golden transcripts of the form of OpenAI's API: what is sent and all that comes back, but for what differs from run to run. Stock clients
//! read these very words, so a word that changes is looked at; `AIOS_GOLDEN=write` writes them anew.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use aios_control::access::Scope;
use serde_json::{Value, json};

use crate::fake::House;
use crate::keys::{bearer, key};

const CHAT: &str = "POST /v1/chat/completions";
const EMBED: &str = "POST /v1/embeddings";

fn chat(model: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The text with whatever follows a mark, as long as it is made of these characters, written as a word.
fn as_word(text: &str, mark: &str, of: fn(char) -> bool, word: &str) -> String {
    let mut parts = text.split(mark);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(mark);
        let rest = part.trim_start_matches(of);
        if rest.len() < part.len() {
            whole.push_str(word);
        }
        whole.push_str(rest);
    }
    whole
}

#[tokio::test]
async fn what_is_said_in_this_form_is_said_word_for_word() {
    let house = House::open().await;
    let (_, guest) = key(&house, "user:eve@acme", Scope::Operate);
    let (owner, guest) = (bearer(&house.token), bearer(&guest));
    let stream = json!({"stream": true});
    let counted = json!({"stream": true, "stream_options": {"include_usage": true}});
    let fails = json!({"aios": {"goal_id": "fails"}});
    let fails_late = json!({"stream": true, "aios": {"goal_id": "fails"}});
    let parts = json!({"messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]},
    ]});
    let image = json!({"messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]},
    ]});
    let falls = json!({"messages": [{"role": "user", "content": "fall"}]});
    let texts = |more: Value| {
        let mut body = json!({"model": "local", "input": ["a", "b"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let cases: Vec<(&str, &str, &str, Option<Value>)> = vec![
        ("models", "GET /v1/models", &owner, None),
        ("models_of_a_guest", "GET /v1/models", &guest, None),
        ("model", "GET /v1/models/small", &owner, None),
        ("engine", CHAT, &owner, Some(chat("small", &json!({})))),
        ("engine_in_parts", CHAT, &owner, Some(chat("local", &parts))),
        ("engine_stream", CHAT, &owner, Some(chat("local", &stream))),
        (
            "engine_stream_counted",
            CHAT,
            &owner,
            Some(chat("local", &counted)),
        ),
        ("goal", CHAT, &owner, Some(chat("aios", &json!({})))),
        ("goal_stream", CHAT, &owner, Some(chat("aios", &counted))),
        ("goal_fails", CHAT, &owner, Some(chat("aios", &fails))),
        (
            "goal_fails_in_the_stream",
            CHAT,
            &owner,
            Some(chat("aios", &fails_late)),
        ),
        ("agent", CHAT, &owner, Some(chat("macro.clerk", &json!({})))),
        (
            "agent_stream",
            CHAT,
            &owner,
            Some(chat("macro.clerk", &stream)),
        ),
        (
            "agent_falls",
            CHAT,
            &owner,
            Some(chat("macro.clerk", &falls)),
        ),
        (
            "no_such_model",
            CHAT,
            &owner,
            Some(chat("nobody", &json!({}))),
        ),
        (
            "two_answers",
            CHAT,
            &owner,
            Some(chat("local", &json!({"n": 2}))),
        ),
        (
            "tools",
            CHAT,
            &owner,
            Some(chat("local", &json!({"tools": [{}]}))),
        ),
        ("an_image", CHAT, &owner, Some(chat("local", &image))),
        (
            "a_list_for_a_request",
            CHAT,
            &owner,
            Some(json!(["local", []])),
        ),
        ("no_messages", CHAT, &owner, Some(json!({"model": "local"}))),
        ("no_token", CHAT, "", Some(chat("local", &json!({})))),
        ("another_method", "GET /v1/chat/completions", &owner, None),
        ("vectors", EMBED, &owner, Some(texts(json!({})))),
        (
            "vectors_as_bytes",
            EMBED,
            &owner,
            Some(texts(json!({"encoding_format": "base64"}))),
        ),
        (
            "tokens_for_texts",
            EMBED,
            &owner,
            Some(texts(json!({"input": [[1, 2], [3]]}))),
        ),
        ("no_text", EMBED, &owner, Some(texts(json!({"input": ""})))),
        ("busy", CHAT, &owner, Some(chat("aios", &json!({})))),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/golden");
    let writes = std::env::var_os("AIOS_GOLDEN").is_some_and(|it| it == "write");
    let mut wrong = Vec::new();
    for (name, line, who, body) in cases {
        house.node.refuses.store(name == "busy", Relaxed);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let length = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let address = house.running.address();
        let sent = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{who}{length}\r\n{body}"
        );
        let answer = house.raw(sent.as_bytes()).await;
        let mut head: Vec<&str> = answer.head.lines().collect();
        head[1..].sort_unstable();
        let told = format!("{line}\n{body}\n\n{}\n\n{}", head.join("\n"), answer.body);
        let told = as_word(&told, "date: ", |c| c != '\n', "WHEN");
        let told = as_word(&told, "x-request-id: ", |c| c != '\n', "NAME");
        let told = as_word(&told, "\"chatcmpl-", |c| c.is_ascii_hexdigit(), "NAME");
        let told = as_word(&told, "\"created\":", |c| c.is_ascii_digit(), "WHEN");
        let golden = folder.join(format!("{name}.txt"));
        if writes {
            std::fs::write(&golden, &told).unwrap();
        } else if std::fs::read_to_string(&golden).ok().as_ref() != Some(&told) {
            wrong.push(format!("{}:\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
