//! Answers that lie ready: told as they are, as they would be told the usual way, and to nobody who may not hear them.

use aios_control::Written;
use aios_control::access::Scope;

use crate::fake::{Answer, House};
use crate::keys::{bearer, key, now};

const PATH: &str = "/v1/goals/ready";

#[tokio::test]
async fn what_lies_ready_is_told_with_a_tag_until_it_is_something_else() {
    let house = House::open().await;
    let words = |text: &'static str| {
        *house.node.words.lock().unwrap() = Some(Written::new(text));
    };
    words(r#"{"phase":"running"}"#);
    let first = house.get(PATH, "").await;
    assert_eq!(
        (first.status, &*first.body),
        (200, r#"{"phase":"running"}"#)
    );
    for (name, is) in [
        ("content-type", "application/json"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(first.header(name), Some(is), "{name}");
    }
    let tag = first.header("etag").unwrap().to_owned();
    assert!(
        tag.len() == 26 && tag.starts_with('"') && tag.ends_with('"'),
        "{tag}"
    );
    let known = format!("If-None-Match: \"x\", W/{tag}\r\n");
    let again = house.get(PATH, &known).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(&*tag));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    words(r#"{"phase":"answered"}"#);
    let other = house.get(PATH, &known).await;
    assert_eq!(
        (other.status, &*other.body),
        (200, r#"{"phase":"answered"}"#)
    );
    assert_ne!(other.header("etag"), Some(&*tag));
    // Whatever else is said goes the usual way, and so does what the node has no words for.
    let unknown = house.get("/v1/goals/ready?x=1", "").await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    for path in ["/v1/goals/other", "/v1/goals/%72eady"] {
        let usual = house.get(path, "").await;
        assert_eq!(usual.json()["last_seq"], 6, "{path}");
    }
}

#[tokio::test]
async fn what_lies_ready_is_told_to_nobody_whose_key_was_taken_back_and_to_no_other_tenant() {
    let house = House::open().await;
    *house.node.words.lock().unwrap() = Some(Written::new(r#"{"phase":"answered"}"#));
    let (id, own) = key(&house, "user:ci@local", Scope::Read);
    let (_, other) = key(&house, "user:eve@acme", Scope::Read);
    let line = format!("GET {PATH}");
    let told = house.visit(&line, &bearer(&own)).await;
    assert_eq!((told.status, &*told.body), (200, r#"{"phase":"answered"}"#));
    let usual = house.visit(&line, &bearer(&other)).await;
    assert_eq!(usual.json()["last_seq"], 6, "it is looked at as always");
    house.keys.revoke(&id, now()).unwrap();
    for more in [bearer(&own), String::new()] {
        let refused = house.visit(&line, &more).await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
}

/// What somebody hears, but for what differs between any two answers.
fn heard(answer: &Answer) -> (u16, Vec<&str>, &str) {
    let same = |line: &&str| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
    let mut head: Vec<&str> = answer.head.lines().filter(same).collect();
    head.sort_unstable();
    (answer.status, head, &answer.body)
}

/// Two ways lead to one answer, whatever is said and whoever says it.
#[tokio::test]
async fn whoever_asks_cannot_tell_whether_an_answer_lay_ready() {
    let house = House::open().await;
    let usual = house.get(PATH, "").await;
    let tag = usual.header("etag").unwrap().to_owned();
    let words = Written::new(usual.body.clone());
    let host = format!("Host: {}\r\n", house.running.address());
    let port = house.running.address().port();
    let owner = bearer(&house.token);
    let (_, reader) = key(&house, "user:ci@local", Scope::Read);
    let (_, guest) = key(&house, "user:eve@acme", Scope::Admin);
    let (id, taken) = key(&house, "user:was@local", Scope::Admin);
    house.keys.revoke(&id, now()).unwrap();
    let get = format!("GET {PATH}");
    let mut asked = Vec::new();
    for line in [
        "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "BREW",
    ] {
        asked.push((format!("{line} {PATH}"), format!("{host}{owner}")));
    }
    for path in [
        "/v1/goals/ready/",
        "/v1/goals/ready?",
        "/v1/goals/ready?x=1",
        "/v1/goals/ready?goal_id=ready",
        "/v1/goals/%72eady",
        "/v1/goals/READY",
        "/v1//goals/ready",
        "/v1/goals//ready",
        "/V1/goals/ready",
        "/v1/goals/ready/explain",
        "/v1/goals/",
        "/v1/agents/ready",
    ] {
        asked.push((format!("GET {path}"), format!("{host}{owner}")));
    }
    let whole = format!("GET http://127.0.0.1:{port}{PATH}");
    asked.push((whole, format!("{host}{owner}")));
    for hosts in [
        String::new(),
        host.repeat(2),
        format!("Host: localhost:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
        format!("Host: evil.example:{port}\r\n"),
        "Host: 127.0.0.1:1\r\n".to_owned(),
        "Host: 127.0.0.1\r\n".to_owned(),
    ] {
        asked.push((get.clone(), format!("{hosts}{owner}")));
    }
    for who in [
        String::new(),
        bearer(&reader),
        bearer(&guest),
        bearer(&taken),
        owner.replace("Bearer", "bearer"),
        owner.replace("Bearer", "Basic"),
        owner.replace("Bearer ", ""),
        "Authorization: Bearer nobody\r\n".to_owned(),
        "Authorization: Bearer \u{fc}\r\n".to_owned(),
        format!("Cookie: aios_{port}=nobody\r\n"),
    ] {
        asked.push((get.clone(), format!("{host}{who}")));
    }
    for more in [
        "Accept: */*",
        "Accept: application/json",
        "Accept: text/html",
        "Accept: text/event-stream",
        "Accept: nothing",
        "Accept-Encoding: gzip, br",
        "Range: bytes=0-1",
        "Idempotency-Key: a",
        "Idempotency-Key: ",
        "Last-Event-ID: x",
        "If-Match: \"other\"",
        "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT",
        "Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        "Expect: 100-continue",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Origin: https://evil.example",
        "Origin: null",
        &format!("Origin: http://127.0.0.1:{port}"),
        "If-None-Match: *",
        "If-None-Match: ",
        "If-None-Match: \"other\"",
        "If-None-Match: \u{fc}",
        &format!("If-None-Match: {tag}"),
        &format!("If-None-Match: W/{tag}"),
        &format!("If-None-Match: \"x\",{tag} , \"y\""),
        &format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}"),
        &format!("If-None-Match: {}", tag.trim_matches('"')),
        &format!("If-None-Match: {}", tag.to_uppercase()),
    ] {
        asked.push((get.clone(), format!("{host}{owner}{more}\r\n")));
    }
    let (mut ready, mut known) = (0, 0);
    for (line, head) in &asked {
        let bytes = format!("{line} HTTP/1.1\r\nConnection: close\r\n{head}\r\n");
        *house.node.words.lock().unwrap() = None;
        let usual = house.raw(bytes.as_bytes()).await;
        *house.node.words.lock().unwrap() = Some(words.clone());
        *house.node.caller.lock().unwrap() = None;
        let answer = house.raw(bytes.as_bytes()).await;
        assert_eq!(heard(&answer), heard(&usual), "{bytes}");
        let told = [200, 304].contains(&answer.status);
        if told && house.node.caller.lock().unwrap().is_none() {
            ready += 1;
            known += usize::from(answer.status == 304);
        }
    }
    // The two ways were gone.
    assert!(
        ready >= 25 && known >= 5,
        "{ready}, {known} of {}",
        asked.len()
    );
}
