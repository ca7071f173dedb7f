//! Answers that lie ready: told as they are, and to nobody who may not hear them.

use aios_control::Written;
use aios_control::access::Scope;

use crate::fake::House;
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
