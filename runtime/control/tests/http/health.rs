//! What machines ask: whether it lives, whether it can work, what rests, the figures.

use serde_json::json;

use crate::fake::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_that_it_lives_and_nobody_else_anything_more() {
    let house = House::open().await;
    let address = house.running.address();
    let without = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").into_bytes()
    };
    let live = house.raw(&without("/health/live")).await;
    assert_eq!((live.status, live.json()), (200, json!({"live": true})));
    let ready = house.raw(&without("/health/ready")).await;
    assert_eq!((ready.status, ready.json()), (200, json!({"ready": true})));
    for path in [
        "/health/breakers",
        "/metrics",
        "/health/other",
        "/health/live/",
        "/health",
    ] {
        let refused = house.raw(&without(path)).await;
        assert_eq!(refused.status, 401, "{path}: {refused:?}");
    }
    // A name that was made to lead here is none of ours, whatever is asked.
    let strange = b"GET /health/live HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let strange = house.raw(strange).await;
    assert!(strange.status >= 400, "{strange:?}");
    let breakers = house.get("/health/breakers", "").await;
    assert_eq!(breakers.status, 503, "one is open: {breakers:?}");
    assert_eq!(breakers.json()["resting"], json!(["tool.sql"]));
    let metrics = house.get("/metrics", "").await;
    assert_eq!((metrics.status, metrics.body.as_str()), (200, "aios_x 1\n"));
    let kind = metrics.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_the_node_is_told_as_lines_and_goes_on_after_the_last_one() {
    let house = House::open().await;
    let told = house.get("/v1/events?kinds=agent,goal&agent=007", "").await;
    assert_eq!(told.status, 200, "{told:?}");
    for part in ["id: 4", "event: goal", "event: reset", "event: end"] {
        assert!(told.body.contains(part), "{part} in {told:?}");
    }
    let rest = house.get("/v1/events", "Last-Event-ID: 4\r\n").await;
    assert!(!rest.body.contains("id: 4\n"), "{rest:?}");
    for wrong in [
        "/v1/events?kinds=unicorn",
        "/v1/events?after=x",
        "/v1/events?more=1",
    ] {
        let refused = house.get(wrong, "").await;
        assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
    }
    let letter = house.get("/v1/dead-letters/7", "").await;
    assert_eq!((letter.status, letter.body.as_str()), (200, "7"));
    for wrong in ["/v1/dead-letters/x", "/v1/dead-letters/-1"] {
        assert_eq!(house.get(wrong, "").await.status, 400, "{wrong}");
    }
}
