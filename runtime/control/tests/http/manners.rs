//! What is said to those who mean well.

use std::sync::atomic::Ordering::Relaxed;

use aios_control::access::Token;
use aios_control::http::{HttpServer, Refusal};

use crate::fake::{House, until};

/// Of a query too, which is the same however often it is asked.
#[tokio::test]
async fn a_key_that_is_none_is_refused_whatever_it_comes_with() {
    let house = House::open().await;
    for (key, status) in [("k-1", 200), ("two words", 400), ("", 400)] {
        let key = format!("Idempotency-Key: {key}\r\n");
        let asked = house.post("/v1/ask", &key, r#"{"ask": "view"}"#).await;
        assert_eq!(asked.status, status, "{key}: {asked:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_its_kind_what_is_wrong_and_what_to_do() {
    let house = House::open().await;
    for (answer, status, kind) in [
        (
            house.post("/v1/agents/nobody/kill", "", "").await,
            404,
            "unknown",
        ),
        (
            house
                .post("/v1/agents/a/kill", "", "{\"force\": true}")
                .await,
            400,
            "invalid",
        ),
        (house.get("/v2/everything", "").await, 404, "unknown"),
        (house.get("/v1/agents/a/kill", "").await, 405, "invalid"),
        (
            house.get("/v1/goals/g/events?after=x", "").await,
            400,
            "invalid",
        ),
        (
            house
                .get("/v1/goals/g/events", "Last-Event-ID: x\r\n")
                .await,
            400,
            "invalid",
        ),
    ] {
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["kind"]),
            (status, &kind.into()),
            "{problem}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(problem["status"], status);
        assert!(
            !problem["message"].as_str().unwrap().is_empty()
                && !problem["what_to_do"].as_str().unwrap().is_empty()
        );
    }
    assert_eq!(house.running.refused(Refusal::Node), 6);
    house.node.refuses.store(true, Relaxed);
    let busy = house.post("/v1/agents/a/kill", "", "").await;
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")));
}

#[tokio::test]
async fn only_whoever_shows_the_token_comes_in_and_a_browser_is_given_a_cookie_by_the_link() {
    let house = House::open().await;
    let address = house.running.address();
    let other = Token::fresh().unwrap();
    for (authorization, host) in [
        (String::new(), address.to_string()),
        (
            format!("Authorization: Bearer {}\r\n", other.reveal()),
            address.to_string(),
        ),
    ] {
        let raw = format!(
            "GET /v1/view HTTP/1.1\r\nHost: {host}\r\n{authorization}Connection: close\r\n\r\n"
        );
        let answer = house.raw(raw.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("bearer"))
        );
        assert!(
            answer.json()["what_to_do"]
                .as_str()
                .unwrap()
                .contains("Authorization")
        );
    }
    assert_eq!(house.running.refused(Refusal::Token), 2);
    let rebound = house
        .head("GET /v1/view", "")
        .replace(&address.to_string(), "evil.example");
    assert_eq!(
        house.raw(format!("{rebound}\r\n").as_bytes()).await.status,
        403
    );
    assert_eq!(
        house
            .get("/v1/view", "Origin: http://evil.example\r\n")
            .await
            .status,
        403
    );
    assert_eq!(
        (
            house.running.refused(Refusal::Host),
            house.running.refused(Refusal::Origin)
        ),
        (1, 1)
    );
    assert!(
        house
            .get("/v1/view", "")
            .await
            .header("access-control-allow-origin")
            .is_none()
    );

    let visit = |path: String, more: String| {
        let house = &house;
        async move {
            let raw = format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}Connection: close\r\n\r\n"
            );
            house.raw(raw.as_bytes()).await
        }
    };
    let linked = visit(format!("/?token={}", house.token.reveal()), String::new()).await;
    assert_eq!((linked.status, linked.header("location")), (303, Some("/")));
    let cookie = linked.header("set-cookie").unwrap();
    assert!(
        cookie.contains("httponly") && cookie.contains("samesite=strict"),
        "{cookie}"
    );
    assert!(!cookie.contains(house.token.reveal()));
    let pair = cookie.split(';').next().unwrap();
    let page = visit("/".to_owned(), format!("Cookie: {pair}\r\n")).await;
    assert!(
        page.status == 200 && page.body.contains("/v1/goals/{goal_id}/events"),
        "{page:?}"
    );
    assert_eq!(
        visit(format!("/?token={}", other.reveal()), String::new())
            .await
            .status,
        401
    );
    assert_eq!(visit("/".to_owned(), String::new()).await.status, 401);
}

#[tokio::test]
async fn a_command_with_a_key_is_done_once() {
    let house = House::open().await;
    let kill = |agent: &'static str, key: &'static str| {
        let house = &house;
        async move {
            house
                .post(
                    &format!("/v1/agents/{agent}/kill"),
                    &format!("Idempotency-Key: {key}\r\n"),
                    "",
                )
                .await
        }
    };
    // Twice at once, and once more.
    let (one, other) = tokio::join!(kill("a", "k"), kill("a", "k"));
    let third = kill("a", "k").await;
    assert_eq!((one.status, other.status, third.status), (200, 200, 200));
    assert_eq!(
        (third.body.as_str(), third.header("idempotency-replayed")),
        ("null", Some("true"))
    );
    assert_eq!(house.node.kills.load(Relaxed), 1);
    assert_eq!(kill("b", "k").await.status, 409);
    assert_eq!(kill("a", "l").await.status, 200);
    assert_eq!(house.node.kills.load(Relaxed), 2);
    // What was refused is tried anew.
    house.node.refuses.store(true, Relaxed);
    assert_eq!(kill("a", "m").await.status, 429);
    house.node.refuses.store(false, Relaxed);
    assert_eq!(kill("a", "m").await.status, 200);
    // A goal has the name of its key, so that it is found again also by a node that was started anew.
    let submit = |key: &'static str| {
        let house = &house;
        async move {
            house
                .post(
                    "/v1/goals",
                    &format!("Idempotency-Key: {key}\r\n"),
                    "{\"text\": \"x\"}",
                )
                .await
                .json()
        }
    };
    let first = submit("g").await;
    // Which one that is says the node, so that nobody computes it who does not have its secret.
    let name = first["goal_id"].as_str().unwrap();
    assert!(name.starts_with("k-of-the-node-"), "{name}");
    assert_eq!(
        (submit("g").await, house.node.submits.load(Relaxed)),
        (first, 1)
    );
}

#[tokio::test]
async fn a_command_is_done_though_its_asker_has_left_and_a_question_is_not() {
    let house = House::open().await;
    use tokio::io::AsyncWriteExt;
    let body = "{\"content\": \"hush\", \"deadline_ms\": 600000}";
    let head = house.head(
        "POST /v1/agents/a/ask",
        &format!("Content-Length: {}\r\n", body.len()),
    );
    let mut asker = house.connect().await;
    asker
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .await
        .unwrap();
    until("a question", || house.node.thinking.load(Relaxed) == 1).await;
    drop(asker);
    until("the question's end", || {
        house.node.thinking.load(Relaxed) == 0
    })
    .await;
    let mut killer = house.connect().await;
    let head = house.head("POST /v1/agents/a/kill", "Content-Length: 0\r\n");
    killer
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    // It has been read when the next one, which came later, is answered.
    house.is_well().await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    drop(killer);
    until("the kill", || house.node.kills.load(Relaxed) == 1).await;
}

#[tokio::test]
async fn events_have_their_numbers_and_what_is_not_kept_is_told_as_a_whole() {
    let house = House::open().await;
    let from_the_start = house.get("/v1/goals/g/events", "").await;
    assert_eq!(
        from_the_start.header("content-type"),
        Some("text/event-stream")
    );
    let lines: Vec<&str> = from_the_start.body.lines().collect();
    assert_eq!(lines[0], "event: reset");
    assert!(
        lines[1].starts_with("data: {\"after\":0,\"first\":4,\"goal\":{\"goal_id\":\"g\""),
        "{lines:?}"
    );
    assert_eq!(
        lines[3..7],
        [
            "id: 4",
            "event: task",
            "data: {\"seq\":4,\"kind\":\"task\",\"body\":{\"task\":\"a\\nb\"}}",
            ""
        ]
    );
    assert_eq!(lines[lines.len() - 3..], ["event: end", "data: {}", ""]);
    for later in [
        house.get("/v1/goals/g/events?after=5", "").await,
        house
            .get("/v1/goals/g/events", "Last-Event-ID: 5\r\n")
            .await,
        // The browser's own word is newer than the link's.
        house
            .get("/v1/goals/g/events?after=1", "Last-Event-ID: 5\r\n")
            .await,
    ] {
        let ids: Vec<&str> = later
            .body
            .lines()
            .filter(|line| line.starts_with("id: "))
            .collect();
        assert_eq!(
            (ids, later.body.contains("reset")),
            (vec!["id: 6"], false),
            "{later:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_known_already_is_not_sent_again() {
    let house = House::open().await;
    let first = house.get("/v1/view", "").await;
    let tag = first.header("etag").unwrap();
    let again = house
        .get("/v1/view", &format!("If-None-Match: \"x\", {tag}\r\n"))
        .await;
    assert_eq!(
        (again.status, again.body.as_str(), again.header("etag")),
        (304, "", Some(tag))
    );
    assert_eq!(
        house
            .get("/v1/view", "If-None-Match: \"x\"\r\n")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_server_that_goes_ends_what_is_watched_and_finishes_what_it_answers() {
    let house = House::open().await;
    house.node.endless.store(true, Relaxed);
    let House {
        node,
        running,
        token,
        ..
    } = house;
    let address = running.address();
    let ask = move |line: &'static str| {
        let token = token.clone();
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let raw = format!(
                "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
                token.reveal()
            );
            stream.write_all(raw.as_bytes()).await.unwrap();
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
            String::from_utf8(read).unwrap()
        }
    };
    let watcher = tokio::spawn(ask("GET /v1/goals/g/events"));
    let killer = tokio::spawn(ask("POST /v1/agents/a/kill"));
    let begun = || node.begun.iter().all(|begun| begun.load(Relaxed) == 1);
    until("both are under way", begun).await;
    let begun = std::time::Instant::now();
    running.drain().await;
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(9),
        "nobody is waited for in vain"
    );
    assert!(
        killer.await.unwrap().starts_with("HTTP/1.1 200"),
        "it was being answered"
    );
    assert!(
        !watcher.await.unwrap().contains("event: end"),
        "the goal is not over"
    );
    assert_eq!(node.kills.load(Relaxed), 1);
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn nobody_listens_where_others_could_read_along() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let refused = HttpServer::bind(address.parse().unwrap())
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("listen on a loopback address"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pieces_that_say_where_the_next_is() {
    let house = House::open().await;
    let first = house.get("/v1/approvals?limit=2", "").await;
    assert_eq!(first.body, r#"[{"id":"a"},{"id":"b"}]"#);
    let link = first.header("link").unwrap();
    assert_eq!(link, "</v1/approvals?limit=2&after=b>; rel=\"next\"");
    let rest = house.get("/v1/approvals?limit=2&after=b", "").await;
    assert_eq!(
        (rest.body.as_str(), rest.header("link")),
        (r#"[{"id":"c"}]"#, None)
    );
    let tag = format!("If-None-Match: {}\r\n", first.header("etag").unwrap());
    assert_eq!(house.get("/v1/approvals?limit=2", &tag).await.status, 304);
    assert_eq!(house.get("/v1/approvals", &tag).await.status, 200);
    for (query, status) in [
        ("limit=0", 400),
        ("limit=x", 400),
        ("after=z", 404),
        ("x=1", 400),
    ] {
        let refused = house.get(&format!("/v1/approvals?{query}"), "").await;
        assert_eq!(refused.status, status, "{query}");
    }
}

#[tokio::test]
async fn whoever_comes_while_the_server_goes_is_told_to_come_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let house = House::open().await;
    let (thinking, address) = (house.node.thinking.clone(), house.running.address());
    let body = r#"{"content":"hush","deadline_ms":30000}"#;
    let length = format!("Content-Length: {}\r\n", body.len());
    let asks = house.head("POST /v1/agents/a/ask", &length);
    let mut stays = house.connect().await;
    stays
        .write_all(format!("{asks}\r\n{body}").as_bytes())
        .await
        .unwrap();
    until("it is asked", || thinking.load(Relaxed) == 1).await;
    let goes = tokio::spawn(house.running.drain());
    // The listener hears of it in a moment; whoever comes before is let in, and told the same.
    let told = loop {
        let mut late = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET /v1/view HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        late.write_all(head.as_bytes()).await.unwrap();
        let mut read = String::new();
        late.read_to_string(&mut read).await.unwrap();
        if read.starts_with("HTTP/1.1 503") {
            break read.to_lowercase();
        }
    };
    assert!(
        told.contains("retry-after: 1") && told.contains("stopping"),
        "{told}"
    );
    drop(stays);
    goes.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
