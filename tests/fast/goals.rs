//! What people ask, good and bad: each goal ends in the right status, and what cannot be done is told in one sentence.

use std::fs;
use std::path::Path;

use aios_runtime::{Goal, Node};
use aios_work::content::GoalStatus;

use crate::house::{example, node, pursue, soon};

/// One line, not a word too many, and no machinery showing.
fn is_a_sentence(text: &str) -> bool {
    let inside = ["Err(", "Some(", "panicked", "::", "\n", "{ ", "unwrap"];
    (15..400).contains(&text.chars().count()) && !inside.iter().any(|part| text.contains(part))
}

/// Everything below a folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path)
            } else {
                vec![path.display().to_string()]
            }
        })
        .collect();
    found.sort();
    found
}

/// Why a goal came to nothing, whichever way it was told.
async fn refusal(node: &Node, goal: Goal) -> String {
    match pursue(node, goal).await {
        Err(error) => error.to_string(),
        Ok(answer) => {
            assert_eq!(answer.status, GoalStatus::Failed, "{}", answer.answer);
            assert!(
                answer.answer.is_empty() && answer.facts.is_empty(),
                "nothing is delivered: {answer:?}"
            );
            answer.reason.unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_cannot_be_worked_on_says_why_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let file = |name: &str, bytes: &[u8]| {
        fs::write(place(name), bytes).unwrap();
        place(name)
    };
    let binary: Vec<u8> = (0..4_096_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let good = example("q3_sales.csv");
    let out = place("out");
    let goals = [
        (
            "an empty goal",
            Goal::new(""),
            "the goal is empty: say in a sentence what is wanted",
        ),
        ("blanks", Goal::new(" \n\t "), "the goal is empty"),
        (
            "10 MB of goal",
            Goal::new("a ".repeat(5 << 20)),
            "the goal has 10485760 characters, allowed are 8192",
        ),
        (
            "a control character",
            Goal::new("Analyse \u{1b}[2J sales"),
            "control character U+001B at byte 8",
        ),
        (
            "no such file",
            Goal::new("Analyse sales").data([place("none.csv")]),
            "none.csv does not exist",
        ),
        (
            "a folder",
            Goal::new("Analyse sales").data([folder.path()]),
            "is a folder; name the files in it",
        ),
        (
            "a device",
            Goal::new("Analyse sales").data(["/dev/zero"]),
            "/dev/zero is a device or pipe, not a file",
        ),
        (
            "a binary file",
            Goal::new("Summarise this").data([file("photo.bin", &binary)]),
            "photo.bin",
        ),
        (
            "a binary table",
            Goal::new("Analyse sales").data([file("photo.csv", &binary)]),
            "photo.csv",
        ),
        (
            "an empty file",
            Goal::new("Analyse sales").data([file("empty.csv", b"")]),
            "empty.csv is empty",
        ),
        (
            "a header alone",
            Goal::new("Analyse sales").data([file("head.csv", b"a,b\n")]),
            "head.csv has a header line but no rows",
        ),
        (
            "an empty document",
            Goal::new("Summarise this").data([file("empty.md", b"")]),
            "empty.md",
        ),
        (
            "an id that is no name",
            Goal::new("Analyse sales").id("../../etc"),
            "is not usable",
        ),
        (
            "a file where the folder should be",
            Goal::new("Analyse sales")
                .data([&good])
                .out(file("taken", b"")),
            "a file is where the output folder should be",
        ),
    ];
    let node = node().await;
    let before = files(folder.path());
    for (what, goal, says) in goals {
        let goal = if what.starts_with("a file where") {
            goal
        } else {
            goal.out(&out)
        };
        let told = soon(what, refusal(&node, goal)).await;
        assert!(told.contains(says), "{what}: {told}");
        assert!(is_a_sentence(&told), "{what}: {told}");
        assert_eq!(files(folder.path()), before, "{what} leaves nothing behind");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arithmetic_is_computed_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    for (asked, value) in [
        ("What is 17 * 23?", 391.0),
        ("compute (1250 - 275) / 3", 325.0),
        ("what is 15% of 240", 36.0),
    ] {
        let answer = soon(asked, pursue(&node, Goal::new(asked).out(folder.path())))
            .await
            .unwrap();
        assert_eq!(answer.status, GoalStatus::Approved, "{asked}: {answer:?}");
        let found: Vec<f64> = answer
            .facts
            .iter()
            .filter_map(|fact| fact.value.as_f64())
            .collect();
        assert_eq!(found, [value], "{asked}");
        assert!(
            answer.answer.contains(&format!("{value}")),
            "{asked}: {}",
            answer.answer
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_summarised_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    let goal = Goal::new("Summarise this document")
        .data([example("notes.md")])
        .out(folder.path());
    let answer = soon("the summary", pursue(&node, goal)).await.unwrap();
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    let source = fs::read_to_string(example("notes.md")).unwrap();
    let figures = |text: &str| -> Vec<String> {
        let cut = text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','));
        cut.map(|word| word.trim_matches(['.', ',']).to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    };
    let known = figures(&source);
    let document = fs::metadata(example("notes.md")).unwrap().len();
    // Where a sentence stands is no figure of what it says.
    let is_place = |line: &&str| line.starts_with("> \\[");
    let said: Vec<&str> = answer
        .answer
        .lines()
        .filter(|line| !is_place(line))
        .collect();
    let stated = figures(&said.join("\n"));
    assert!(
        stated.iter().any(|figure| known.contains(figure)),
        "a summary states what matters: {}",
        answer.answer
    );
    let counted: Vec<String> = answer
        .facts
        .iter()
        .filter(|fact| fact.value.as_str().is_none())
        .map(|fact| fact.value.to_string())
        .collect();
    for figure in &stated {
        let plain = figure.replace(',', "");
        assert!(
            known.contains(figure) || counted.contains(&plain),
            "{figure} is nowhere in {document} bytes of text: {}",
            answer.answer
        );
    }
    assert!(answer.answer.contains("Bristol"), "{}", answer.answer);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_without_data_is_not_answered_out_of_thin_air() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    let goal = Goal::new("Who is the president of the moon?").out(folder.path());
    let answer = soon("the question", pursue(&node, goal)).await.unwrap();
    // No rule is made for it and nothing that was remembered is about it: what would be needed is said, and nothing else.
    assert_eq!(answer.status, GoalStatus::Failed, "{answer:?}");
    assert!(answer.facts.is_empty(), "{:?}", answer.facts);
    assert_eq!(answer.answer, "");
    let reason = answer.reason.unwrap_or_default();
    assert!(
        reason.starts_with("no plan: ") && reason.contains("a plan file"),
        "{reason}"
    );
    node.stop().await;
}

/// The node counts what a goal costs; the bench of the same goal says what that takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_goal_costs_few_messages() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    let goal = || {
        Goal::new("Analyze Q3 sales")
            .data([example("q3_sales.csv")])
            .out(folder.path())
    };
    let mut counted = Vec::new();
    for _ in 0..3 {
        let answer = soon("the example", pursue(&node, goal())).await.unwrap();
        assert_eq!(answer.status, GoalStatus::Approved, "{:?}", answer.gaps);
        assert_eq!(answer.tasks.len(), 11);
        // What the pack asks to be rewritten is what the engine without weights gives, and it passes.
        let tries: Vec<u32> = answer.tasks.iter().map(|task| task.attempts).collect();
        assert_eq!(tries, [1; 11], "{answer:#?}");
        // Every two seconds the swarm's speaker says something, which counts with whatever goal is under way.
        let spoken = (answer.duration_ms / 2_000.0) as u64;
        counted.push(answer.messages.sent.saturating_sub(spoken));
    }
    assert!(
        counted.iter().any(|sent| *sent <= 62),
        "{counted:?} messages for 11 tasks"
    );
    node.stop().await;
}
