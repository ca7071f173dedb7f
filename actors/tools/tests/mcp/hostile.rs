//! Servers that flood, hang, lie or die: each is contained, says so in the tree, and harms nobody beside it.

use std::time::{Duration, Instant};

use aios_work::{ServerState, ToolErrorKind};
use serde_json::json;

use crate::rig::{Rig, behaving, eventually, is_there, processes};

#[tokio::test]
async fn what_a_server_does_wrong_ends_its_connection_and_is_told_in_the_tree() {
    for (behaviour, why) in [
        (
            "dies",
            "it ended: exit status: 3; it said: no [31mreason at all",
        ),
        (
            "flood",
            "it floods: it sends more than it is asked for without end",
        ),
        ("junk", "it floods"),
        ("line", "it sent more than 4 MiB at once"),
        ("nested", "it floods"),
        ("many", "it lists more than 256 tools"),
        ("wordy", "more than 4 MiB at once"),
        ("pages", "it lists its tools in more than 64 pages"),
        (
            "long",
            "what it says of its tools is longer than 1048576 bytes",
        ),
        ("garbled", "its tools cannot be listed"),
    ] {
        let rig = Rig::start(behaving(behaviour)).await;
        let drawn = rig.fallen().await;
        assert!(drawn.contains(why), "{behaviour}: {drawn}");
        assert!(!drawn.contains('\u{1b}'), "{behaviour}: {drawn}");
        // It is tried again, and nobody above falls with it.
        eventually("it is brought back", || {
            let tree = rig.tree.view();
            tree.find("s").is_some_and(|child| child.incarnation > 1)
        })
        .await;
        rig.tree.stop().await;
    }
}

#[tokio::test]
async fn a_flood_of_errors_is_read_and_forgotten() {
    let rig = Rig::start(behaving("errors")).await;
    rig.ready().await;
    for _ in 0..20 {
        assert_eq!(
            rig.call("s__echo", json!({"words": "a"}))
                .await
                .unwrap()
                .value,
            "a"
        );
    }
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_server_that_never_answers_costs_nobody_more_than_their_own_time() {
    let rig = Rig::start(behaving("mute")).await;
    rig.until("starting", |seen| seen.state == ServerState::Starting)
        .await;
    let begun = Instant::now();
    rig.tree.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_does_not_read_is_not_waited_for() {
    let rig = Rig::start(behaving("deaf")).await;
    rig.ready().await;
    let long = json!({"words": "x".repeat(1 << 20)});
    let tool = rig.tool("s__echo");
    let call = Rig::given(long, "k", Duration::from_secs(30));
    let error = tool.call(call).await.unwrap_err();
    assert!(error.is_in_doubt(), "{error}");
    let drawn = rig.fallen().await;
    assert!(
        drawn.contains("it does not read what it is sent"),
        "{drawn}"
    );
    rig.tree.stop().await;
}

#[tokio::test]
async fn an_answer_without_measure_ends_the_connection_and_not_the_node() {
    let rig = Rig::start(behaving("honest")).await;
    rig.ready().await;
    let error = rig
        .call("s__long", json!({"bytes": 64 << 20}))
        .await
        .unwrap_err();
    assert!(error.is_in_doubt(), "{error}");
    let drawn = rig.fallen().await;
    assert!(drawn.contains("it sent more than 4 MiB at once"), "{drawn}");
    rig.ready().await;
    assert!(rig.call("s__long", json!({"bytes": 1 << 20})).await.is_ok());
    rig.tree.stop().await;
}

#[tokio::test]
async fn what_is_not_what_the_server_says_of_its_results_is_no_result() {
    let rig = Rig::start(behaving("liar")).await;
    rig.ready().await;
    for (tool, why) in [
        ("s__wrong", "answered with what it says its results are not"),
        (
            "s__untold",
            "says what its results look like and answered with none",
        ),
    ] {
        let error = rig.call(tool, json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Provider);
        assert!(error.to_string().contains(why), "{error}");
        assert!(!error.is_retryable());
    }
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_tool_that_cannot_be_checked_is_refused_and_the_others_are_there() {
    let rig = Rig::start(behaving("schemas")).await;
    let seen = rig.ready().await;
    assert_eq!(seen.tools, ["s__good", "s__hidden__name"]);
    let refused: Vec<&str> = seen.refused.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(refused, ["deep", "fetched", "nonsense"]);
    let drawn = rig.tree.view().to_string();
    assert!(
        drawn.contains(
            "3 refused, such as deep: the schema of its arguments is nested deeper than 32"
        ),
        "{drawn}"
    );
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_server_that_will_not_leave_is_killed_with_all_it_started() {
    let rig = Rig::start(behaving("stubborn")).await;
    rig.ready().await;
    let numbers = |notes: Vec<String>| -> Vec<u32> {
        notes[0]
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect()
    };
    let first = numbers(rig.notes());
    assert!(first.iter().all(|number| is_there(*number)));
    // Killed as a fault would: the actor has no time to say farewell.
    rig.tree.kill_child("s").await.unwrap();
    eventually("the killed server is gone", || {
        !first.iter().any(|number| is_there(*number))
    })
    .await;
    eventually("another has come", || {
        let notes = rig.notes();
        notes.len() == 1 && numbers(notes) != first
    })
    .await;
    rig.ready().await;
    let second = numbers(rig.notes());
    rig.tree.stop().await;
    // What it started is its grandparent's to bury, which takes a moment.
    eventually("stopped, none is left", || {
        !second.iter().any(|number| is_there(*number))
    })
    .await;
    let path = rig.folder.path().to_str().unwrap().to_owned();
    assert_eq!(processes(&path), [0_u32; 0]);
}
