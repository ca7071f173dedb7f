//! Bodies that files come in: nobody takes all of their places, and each has its place until its request was carried out.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use aios_control::access::{Scope, Token};

use crate::fake::{Answer, House, until};
use crate::keys::{bearer, key};

/// A goal in a large body.
async fn goal(house: &House, token: &Token, text: &str, more: &str) -> Answer {
    let address = house.running.address();
    let body = format!("{}{{\"text\": {text:?}}}", " ".repeat(1024 * 1024));
    let head = format!(
        "POST /v1/goals HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}{more}\r\n",
        body.len(),
        bearer(token)
    );
    house.raw(format!("{head}{body}").as_bytes()).await
}

#[tokio::test]
async fn who_brings_much_keeps_nobody_else_out_and_has_its_places_until_it_is_carried_out() {
    let house = Arc::new(House::open().await);
    let (_, busy) = key(&house, "user:busy@acme", Scope::Operate);
    let (_, other) = key(&house, "user:other@acme", Scope::Operate);
    let mut askers = Vec::new();
    for (at, more) in ["", "Idempotency-Key: k\r\n"].into_iter().enumerate() {
        let (house, busy) = (Arc::clone(&house), busy.clone());
        let submits = Arc::clone(&house);
        askers.push(tokio::spawn(async move {
            goal(&house, &busy, "hold", more).await
        }));
        until("a goal", || submits.node.submits.load(Relaxed) == at + 1).await;
    }
    let refused = goal(&house, &busy, "x", "").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.body.contains("user:busy@acme"), "{}", refused.body);
    assert_eq!(goal(&house, &other, "x", "").await.status, 200);
    // The askers leave, and what they asked for is still being carried out.
    for asker in askers {
        asker.abort();
        let _ = asker.await;
    }
    house.is_well().await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(goal(&house, &busy, "x", "").await.status, 429);
    // What is no large body needs no place.
    let small = "{\"text\": \"x\"}";
    assert_eq!(house.post("/v1/goals", "", small).await.status, 200);
    house.node.told.notify_waiters();
    let again = async {
        while goal(&house, &busy, "x", "").await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::fake::SOON, again)
        .await
        .unwrap();
    assert_eq!(goal(&house, &busy, "x", "").await.status, 200);
}
