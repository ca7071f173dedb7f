//! Servers over HTTP that flood, hang, lie, send elsewhere or die: each is contained, says so in the tree, and harms nobody beside it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aios_tools::mcp::ServerSpec;
use aios_work::{Effect, ServerState, ToolErrorKind};
use serde_json::json;

use crate::hostile_server::serve;
use crate::rig::{Rig, eventually};

fn spec(url: &str) -> ServerSpec {
    ServerSpec {
        effect: Effect::Pure,
        timeout: Duration::from_secs(20),
        ..ServerSpec::url("s", url)
    }
}

#[tokio::test]
async fn what_a_server_over_http_does_wrong_is_told_in_the_tree_and_it_is_tried_again() {
    for (behaviour, why) in [
        ("page", "last exit: failed"),
        ("broken", "500"),
        ("closed", "last exit: failed"),
        (
            "floods",
            "it floods: it sends more than it is asked for without end",
        ),
        ("endless", "last exit: failed"),
        ("many", "it lists more than 256 tools"),
        ("nonsense", "its tools cannot be listed"),
    ] {
        let (url, _) = serve(behaviour).await;
        let rig = Rig::start(spec(&url)).await;
        let drawn = rig.fallen().await;
        assert!(drawn.contains(why), "{behaviour}: {drawn}");
        eventually("it is tried again", || {
            let tree = rig.tree.view();
            tree.find("s").is_some_and(|child| child.incarnation > 1)
        })
        .await;
        rig.tree.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_sends_elsewhere_is_not_followed() {
    let (elsewhere, heard) = serve("honest").await;
    let (url, _) = serve(Box::leak(elsewhere.into_boxed_str())).await;
    let rig = Rig::start(spec(&url)).await;
    rig.fallen().await;
    assert_eq!(heard.asked.load(Ordering::SeqCst), 0);
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_server_over_http_that_never_answers_holds_nobody_up() {
    let (url, _) = serve("mute").await;
    let rig = Rig::start(spec(&url)).await;
    rig.until("starting", |seen| seen.state == ServerState::Starting)
        .await;
    let begun = Instant::now();
    rig.tree.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_call_that_goes_wrong_over_http_ends_in_its_time_and_the_next_one_is_answered() {
    let (url, _) = serve("honest").await;
    let rig = Rig::start(spec(&url)).await;
    rig.ready().await;
    let rows = [
        (
            "lies",
            ToolErrorKind::Provider,
            "what it says its results are not",
        ),
        ("hangs", ToolErrorKind::Timeout, "did not answer within"),
        ("breaks", ToolErrorKind::Provider, "502"),
        ("floods", ToolErrorKind::Network, ""),
        ("endless", ToolErrorKind::InvalidArguments, ""),
    ];
    for (tool, kind, why) in rows {
        // A busy machine takes its time to hear how much is too much.
        let allowed = Duration::from_secs(if tool == "hangs" { 3 } else { 15 });
        let call = Rig::given(json!({}), "k", allowed);
        let begun = Instant::now();
        let error = rig
            .tool(&format!("s__{tool}"))
            .call(call)
            .await
            .unwrap_err();
        assert!(begun.elapsed() < allowed + Duration::from_secs(3), "{tool}");
        assert_eq!(error.kind(), kind, "{tool}: {error}");
        assert!(error.to_string().contains(why), "{tool}: {error}");
        assert!(error.is_in_doubt(), "{tool}: {error}");
        let begun = Instant::now();
        // It may have to be connected to anew.
        while let Err(error) = rig.call("s__good", json!({})).await {
            assert!(
                error.is_retryable() && begun.elapsed() < Duration::from_secs(30),
                "{tool}: {error}"
            );
        }
    }
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_connection_that_answers_none_of_several_calls_in_a_row_is_begun_anew() {
    let (url, _) = serve("honest").await;
    let own = ServerSpec {
        timeout: Duration::from_secs(1),
        ..spec(&url)
    };
    let rig = Rig::start(own).await;
    rig.ready().await;
    let hangs = async |allowed: u64| {
        let call = Rig::given(json!({}), "k", Duration::from_millis(allowed));
        let error = rig.tool("s__hangs").call(call).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Timeout, "{error}");
    };
    // Whoever is in a hurry, and several at once, say nothing about the server.
    for _ in 0..4 {
        hangs(300).await;
    }
    tokio::join!(hangs(3_000), hangs(3_000), hangs(3_000), hangs(3_000));
    assert!(!rig.tree.view().to_string().contains("restarts 1"));
    let hangs = async || hangs(3_000).await;
    let _ = rig.call("s__good", json!({})).await;
    // One that is answered, whatever with, begins the count again.
    for between in ["s__good", "s__lies"] {
        hangs().await;
        hangs().await;
        let _ = rig.call(between, json!({})).await;
    }
    assert!(!rig.tree.view().to_string().contains("restarts 1"));
    for _ in 0..3 {
        hangs().await;
    }
    eventually("that it is begun anew", || {
        let drawn = rig.tree.view().to_string();
        drawn.contains("restarts 1") && drawn.contains("last exit: failed")
    })
    .await;
    rig.ready().await;
    rig.call("s__good", json!({})).await.unwrap();
    rig.tree.stop().await;
}
