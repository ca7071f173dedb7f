//! Who comes in by which key, and how a browser does.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aios_control::Written;
use aios_control::access::{NewKey, Scope, Token};
use aios_control::http::{PageFile, Refusal};
use aios_protocols::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{House, SOON, until};

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::since_epoch(since.unwrap())
}

pub(crate) fn key(house: &House, principal: &str, scope: Scope) -> (String, Token) {
    let wanted = NewKey {
        principal: principal.parse().unwrap(),
        scope,
        folders: vec!["/data".to_owned()],
        expires_at: None,
    };
    let (line, token) = house.keys.issue(wanted, now()).unwrap();
    (line.id, token)
}

pub(crate) fn bearer(token: &Token) -> String {
    format!("Authorization: Bearer {}\r\n", token.reveal())
}

#[tokio::test]
async fn a_key_says_in_whose_name_it_is_asked_how_much_it_allows_and_opens_nothing_once_it_is_revoked()
 {
    let house = House::open().await;
    let (id, token) = key(&house, "user:ci@acme", Scope::Read);
    let seen = house.visit("GET /v1/view", &bearer(&token)).await;
    assert_eq!(seen.status, 200);
    let caller = house.node.caller.lock().unwrap().clone().unwrap();
    let rights = caller.rights.unwrap();
    assert_eq!(caller.principal.to_string(), "user:ci@acme");
    assert_eq!(
        (rights.scope, rights.key.as_deref()),
        (Scope::Read, Some(id.as_str()))
    );
    assert_eq!(rights.folders, ["/data", "/out/acme"]);
    let more = format!(
        "{}Content-Length: 13\r\n\r\n{{\"text\": \"x\"}}",
        bearer(&token)
    );
    let begun = house.visit("POST /v1/goals", &more).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(*house.node.out.lock().unwrap(), "/out/acme");
    house.keys.revoke(&id, now()).unwrap();
    let refused = house.visit("GET /v1/view", &bearer(&token)).await;
    assert_eq!(refused.status, 401);
    assert_eq!(house.running.refused(Refusal::Token), 1);
    house.is_well().await;
}

#[tokio::test]
async fn what_is_watched_by_a_key_ends_when_it_is_revoked() {
    let house = House::open().await;
    house.node.endless.store(true, Relaxed);
    let (id, token) = key(&house, "user:ci@local", Scope::Read);
    let mut stream = house.connect().await;
    let address = house.running.address();
    let head = format!(
        "GET /v1/goals/g/events HTTP/1.1\r\nHost: {address}\r\n{}\r\n",
        bearer(&token)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    let mut bytes = [0; 4096];
    while !told.contains("id: 6") {
        let read = stream.read(&mut bytes).await.unwrap();
        told.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    house.keys.revoke(&id, now()).unwrap();
    let rest = async {
        while !told.contains("taken back") {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "{told}");
            told.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    tokio::time::timeout(SOON, rest).await.unwrap();
    assert!(told.contains("event: refused"), "{told}");
}

#[tokio::test]
async fn a_question_that_was_asked_before_its_key_was_revoked_is_not_answered_to_it() {
    let house = House::open().await;
    let (id, token) = key(&house, "user:ci@local", Scope::Operate);
    let body = r#"{"content": "wait", "deadline_ms": 60000}"#;
    for keyed in ["", "Idempotency-Key: k\r\n"] {
        let more = format!(
            "{}{keyed}Content-Length: {}\r\n\r\n{body}",
            bearer(&token),
            body.len()
        );
        let asked = async {
            until("it is thought about", || {
                house.node.thinking.load(Relaxed) == 1
            })
            .await;
            if keyed.is_empty() {
                // Kept, it is answered.
                house.node.told.notify_one();
                return;
            }
            house.keys.revoke(&id, now()).unwrap();
            house.node.told.notify_one();
        };
        let (heard, ()) = tokio::join!(house.visit("POST /v1/agents/a/ask", &more), asked);
        match keyed {
            "" => assert!(heard.body.contains("at last"), "{heard:?}"),
            _ => {
                assert_eq!(heard.status, 403, "{heard:?}");
                assert!(!heard.body.contains("at last"), "{heard:?}");
            }
        }
        until("it is over", || house.node.thinking.load(Relaxed) == 0).await;
    }
}

#[tokio::test]
async fn a_goal_that_is_told_of_by_a_key_is_called_off_when_it_is_revoked() {
    let house = House::open().await;
    house.node.endless.store(true, Relaxed);
    let (id, token) = key(&house, "user:ci@local", Scope::Operate);
    let mut stream = house.connect().await;
    let address = house.running.address();
    let body =
        r#"{"model": "aios", "stream": true, "messages": [{"role": "user", "content": "x"}]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
        body.len(),
        bearer(&token)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    let mut bytes = [0; 4096];
    let all = async {
        while !told.contains("\"seq\":6") {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "{told}");
            told.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        house.keys.revoke(&id, now()).unwrap();
        while !told.contains("taken back") {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "{told}");
            told.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        while house.node.cancels.load(Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, all).await.unwrap();
}

#[tokio::test]
async fn what_a_key_may_not_do_takes_no_place_among_what_others_did() {
    let house = House::open().await;
    let (_, token) = key(&house, "user:ci@local", Scope::Read);
    let more = format!("{}Idempotency-Key: k\r\n", bearer(&token));
    // The node of these tests refuses nothing, so that what comes to it is seen.
    for _ in 0..2 {
        let done = house.visit("POST /v1/agents/a/kill", &more).await;
        assert_eq!(
            (done.status, done.header("idempotency-replayed")),
            (200, None)
        );
    }
    assert_eq!(house.node.kills.load(Relaxed), 2);
}

#[tokio::test]
async fn a_link_opens_once_and_a_page_of_its_own_alone_changes_anything_by_its_cookie() {
    let house = House::open().await;
    let address = house.running.address();
    let told = house.post("/v1/links", "", "").await.json();
    let path = told["path"].as_str().unwrap().to_owned();
    let linked = house.visit(&format!("GET {path}"), "").await;
    assert_eq!((linked.status, linked.header("location")), (303, Some("/")));
    assert_eq!(linked.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(house.visit(&format!("GET {path}"), "").await.status, 401);
    let cookie = linked.header("set-cookie").unwrap().split(';').next();
    let cookie = format!("Cookie: {}\r\n", cookie.unwrap());
    assert_eq!(house.visit("GET /v1/view", &cookie).await.status, 200);
    for (origin, status) in [
        (String::new(), 403),
        ("Origin: http://evil.example\r\n".to_owned(), 403),
        ("Origin: null\r\n".to_owned(), 403),
        ("Sec-Fetch-Site: cross-site\r\n".to_owned(), 403),
        (format!("Origin: http://{address}\r\n"), 200),
        ("Sec-Fetch-Site: same-origin\r\n".to_owned(), 200),
    ] {
        let more = format!("{cookie}{origin}");
        let answer = house.visit("POST /v1/agents/a/kill", &more).await;
        assert_eq!(answer.status, status, "{origin:?}");
    }
    assert_eq!(house.node.kills.load(Relaxed), 2);
    // A link that only looks is told to the node as one.
    let told = house
        .post("/v1/links", "", "{\"read_only\": true}")
        .await
        .json();
    let linked = house
        .visit(&format!("GET {}", told["path"].as_str().unwrap()), "")
        .await;
    let cookie = linked.header("set-cookie").unwrap().split(';').next();
    let cookie = format!("Cookie: {}\r\n", cookie.unwrap());
    assert_eq!(house.visit("GET /v1/view", &cookie).await.status, 200);
    let caller = house.node.caller.lock().unwrap().clone().unwrap();
    assert_eq!(caller.rights.unwrap().scope, Scope::Read);
    let more = format!("{cookie}Sec-Fetch-Site: same-origin\r\n");
    let another = house.visit("POST /v1/links", &more).await;
    assert_eq!(another.status, 403, "a guest brings no other guests");
    let wrong = house.post("/v1/links", "", "{\"scope\": 1}").await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn a_browser_that_a_key_let_in_stays_out_once_the_key_is_revoked() {
    let house = House::open().await;
    let (id, token) = key(&house, "user:ann@local", Scope::Operate);
    let linked = house
        .visit(&format!("GET /?token={}", token.reveal()), "")
        .await;
    let cookie = linked.header("set-cookie").unwrap().split(';').next();
    let cookie = format!("Cookie: {}\r\n", cookie.unwrap());
    assert_eq!(house.visit("GET /v1/view", &cookie).await.status, 200);
    house.keys.revoke(&id, now()).unwrap();
    assert_eq!(house.visit("GET /v1/view", &cookie).await.status, 401);
    let page = house.visit("GET /", "Accept: text/html,*/*\r\n").await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("aios key link"), "{page:?}");
}

#[tokio::test]
async fn a_page_is_shown_outside_v1_to_whoever_comes_in() {
    let page = |path: &str| {
        (path == "/app.js").then(|| PageFile {
            content_type: "text/javascript; charset=utf-8",
            bytes: "alert(1)".into(),
            headers: vec![("content-security-policy", "default-src 'self'".to_owned())],
        })
    };
    let house = House::with(Some(Arc::new(page))).await;
    let file = house.get("/app.js", "").await;
    assert_eq!((file.status, file.body.as_str()), (200, "alert(1)"));
    assert_eq!(
        file.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(
        file.header("content-security-policy"),
        Some("default-src 'self'")
    );
    let tag = file.header("etag").unwrap();
    let known = house
        .get("/app.js", &format!("If-None-Match: {tag}\r\n"))
        .await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert_eq!(house.get("/", "").await.status, 404);
    assert_eq!(house.get("/v1/nothing", "").await.status, 404);
    assert_eq!(house.post("/app.js", "", "").await.status, 404);
    assert_eq!(house.visit("GET /app.js", "").await.status, 401);
}

#[tokio::test]
async fn who_may_only_look_takes_no_place_of_those_who_bring_files() {
    let house = House::open().await;
    let address = house.running.address();
    let large = " ".repeat(1024 * 1024 + 1);
    for (scope, status) in [(Scope::Read, 413), (Scope::Operate, 400)] {
        let (_, token) = key(&house, "user:ci@local", scope);
        let head = format!(
            "POST /v1/goals HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n",
            large.len(),
            bearer(&token)
        );
        let answer = house.raw(format!("{head}{large}").as_bytes()).await;
        assert_eq!(answer.status, status, "{scope:?}: {}", answer.body);
    }
    house.is_well().await;
}

/// The clock stands still meanwhile, so that it does not matter how fast the machine is: no place is filled again.
#[tokio::test]
async fn who_asks_too_often_keeps_nobody_else_out() {
    const AT_ONCE: usize = 2_000;
    const BEYOND: usize = 100;
    let house = House::open().await;
    *house.node.words.lock().unwrap() = Some(Written::new("{}"));
    // A clock that was stopped goes on by itself when nobody has anything to do, but for the time that somebody blocks.
    let (ends, ended) = std::sync::mpsc::channel::<()>();
    let blocks = tokio::task::spawn_blocking(move || ended.recv());
    tokio::time::pause();
    // What lies ready is counted as all else is.
    for (who, path) in [
        ("user:busy@local", "/v1/view"),
        ("user:eager@local", "/v1/goals/ready"),
    ] {
        let (_, token) = key(&house, who, Scope::Read);
        let asks = |more: &str| {
            let (address, token) = (house.running.address(), bearer(&token));
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{token}{more}\r\n")
        };
        let many = asks("").repeat(AT_ONCE + BEYOND - 1) + &asks("Connection: close\r\n");
        let mut stream = house.connect().await;
        let (mut read, mut write) = stream.split();
        let mut told = String::new();
        let (sent, heard) = tokio::join!(
            write.write_all(many.as_bytes()),
            read.read_to_string(&mut told)
        );
        sent.unwrap();
        heard.unwrap();
        for (says, times) in [
            ("HTTP/1.1 200 OK", AT_ONCE),
            ("HTTP/1.1 429 Too Many Requests", BEYOND),
            ("retry-after: 1", BEYOND),
        ] {
            assert_eq!(told.matches(says).count(), times, "{says} of {path}");
        }
        house.is_well().await;
    }
    tokio::time::resume();
    drop(ends);
    assert!(blocks.await.unwrap().is_err());
}
