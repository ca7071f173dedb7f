//! What follows from a charter beyond its tools: its criteria, its skill among the tools of others, and what becomes of doubt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aios_control::{AgentShown, AgentTools, AuditAsked, AuditTrail, Request};
use aios_inference::Scripts;
use aios_runtime::{Answer, Config, Goal, Node};
use aios_tools::function;
use aios_work::content::{GoalStatus, TaskStatus};
use aios_work::{Decision, Effect, PlanFile, ToolCall, ToolError, ToolErrorKind};
use serde_json::json;

use crate::crew::{Book, ask, charter, node, tally};
use crate::house::{pursue, soon, sturdy};

/// Adds up with the tool, and then says what the script has for each time it was refused.
fn adds_up(says: &'static [&'static str]) -> Scripts {
    Scripts::answering(move |prompt| {
        let refused = prompt.matches("\"error\":").count();
        match prompt.contains("\"result\":") {
            false => json!({"tool": "calc", "args": {"expression": "2 + 2"}}),
            true => json!({"answer": says[refused.min(says.len() - 1)]}),
        }
        .to_string()
    })
}

fn with_criteria(folder: &std::path::Path, toml: &str) -> Config {
    std::fs::write(folder.join("plain.toml"), toml).unwrap();
    let mut config = sturdy();
    config.agents.criteria = folder.to_str().unwrap().to_owned();
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_judged_by_the_criteria_of_its_charter_before_it_leaves() {
    let short = "name = \"plain\"\n[[checks]]\nkind = \"form\"\nsentences = { max = 1 }\n";
    let numbers = "name = \"plain\"\n[[checks]]\nkind = \"numbers\"\n";
    let command = "name = \"plain\"\n[[checks]]\nkind = \"command\"\nrun = [\"true\"]\n";
    let rows: [(&str, &'static [&'static str], Result<&str, &str>); 5] = [
        (
            short,
            &["It is four. It is really four.", "It is 4."],
            Ok("It is 4."),
        ),
        (
            numbers,
            &["The sum is 5.", "The sum is 4."],
            Ok("The sum is 4."),
        ),
        (numbers, &["The sum is 4."], Ok("The sum is 4.")),
        (numbers, &["The sum is 5."], Err("5 follows from nothing")),
        // What cannot be looked at counts as not passed.
        (
            command,
            &["The sum is 4."],
            Err("could not be judged by the criteria"),
        ),
    ];
    for (toml, says, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        let config = with_criteria(folder.path(), toml);
        let node = node(config, &adds_up(says)).start().await.unwrap();
        let clerk = charter("clerk", "tools: [calc]\ncriteria: plain");
        let clerk = node.spawn_charter(clerk, None).await.unwrap().to_string();
        let said = ask(&node, &clerk, "What is 2 + 2?".to_owned()).await;
        match expected {
            Ok(words) => assert_eq!(said.as_deref(), Ok(words), "{says:?}"),
            Err(part) => assert!(
                said.as_ref().is_err_and(|why| why.contains(part)),
                "{says:?}: {said:?}"
            ),
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charter_whose_criteria_cannot_be_had_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_criteria(folder.path(), "[[checks]]\nkind = \"numbrs\"\n");
    let node = node(config, &Scripts::default()).start().await.unwrap();
    for (criteria, why) in [
        ("missing", "missing.toml cannot be read"),
        ("plain", "did you mean \"numbers\""),
    ] {
        let clerk = charter("clerk", &format!("criteria: {criteria}"));
        let refused = node.spawn_charter(clerk, None).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let agents = node.view().agents;
    assert!(agents.iter().all(|agent| !agent.id.contains("clerk")));
    node.stop().await;
}

async fn carried_out(node: &Node, folder: &std::path::Path) -> Answer {
    let plan = json!({
        "goal": "Have it counted.",
        "tasks": [{"id": "count", "agent": "clerk", "args": {"text": "Do task-7 now."}}]
    });
    let plan = PlanFile::read(plan.to_string().as_bytes()).unwrap();
    let goal = Goal::new(&plan.goal).plan(plan).out(folder);
    soon("the goal", pursue(node, goal)).await.unwrap()
}

/// Counts once and says so.
fn counts() -> Scripts {
    Scripts::answering(|prompt| {
        match prompt.contains("\"result\":") {
            false => json!({"tool": "tally", "args": {"of": "task-7"}}),
            true => json!({"answer": "task-7 is done"}),
        }
        .to_string()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_offers_is_a_tool_of_plans_as_long_as_one_is_there_that_offers_it() {
    let folder = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::default());
    let node = node(sturdy(), &counts()).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let refused = carried_out(&node, folder.path()).await;
    let reason = refused.reason.unwrap_or_default();
    assert!(reason.contains("\"agent__clerk\", known are"), "{reason}");
    let mut clerks = Vec::new();
    for _ in 0..2 {
        let clerk = node.spawn_charter(charter("clerk", "tools: [tally]"), None);
        clerks.push(clerk.await.unwrap().to_string());
    }
    // Whoever of them is left does it; a fall in between takes nothing away.
    node.kill(&clerks[0]).await.unwrap();
    for clerk in &clerks {
        let answer = carried_out(&node, folder.path()).await;
        assert!(answer.answer.contains("task-7 is done"), "{answer:#?}");
        node.stop_agent(clerk).await.unwrap();
    }
    soon("its skill is gone", async {
        while node.services().tools().spec("agent__clerk").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let refused = carried_out(&node, folder.path()).await;
    assert_eq!(refused.status, GoalStatus::Failed);
    // One that ends by itself takes its skill along too, and comes again with it.
    let clerk = charter("clerk", "tools: [tally]\nrestart: temporary");
    let clerk = node.spawn_charter(clerk, None).await.unwrap().to_string();
    assert!(node.services().tools().spec("agent__clerk").is_some());
    node.kill(&clerk).await.unwrap();
    soon("its skill is gone", async {
        while node.services().tools().spec("agent__clerk").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    node.stop().await;
}

/// Counts twice, and says at the end what it heard last.
fn counts_twice() -> Scripts {
    Scripts::answering(|prompt| {
        let step = prompt.matches("\"result\":").count();
        let refused = prompt.contains("\"error\":");
        match step < 2 && !refused {
            true => json!({"tool": "tally", "args": {"of": format!("step-{step}")}}),
            false => json!({"answer": format!("{step} counted, refused: {refused}")}),
        }
        .to_string()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_is_taken_is_not_called_once_more_and_one_that_is_given_is() {
    let folder = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::default());
    let begin = || {
        let mut config = sturdy();
        config.storage.folder = folder.path().join("state").to_str().unwrap().to_owned();
        node(config, &counts_twice())
            .tool(tally(&book, Effect::Repeatable))
            .start()
    };
    let calls = || book.calls.load(Ordering::SeqCst);
    let node = begin().await.unwrap();
    let clerk = node.spawn_charter(charter("clerk", "tools: [tally]"), None);
    let clerk = clerk.await.unwrap().to_string();
    let change = async |node: &Node, given: bool| {
        let (agent, tool) = (clerk.clone(), "tally".to_owned());
        let request = match given {
            true => Request::GrantTool { agent, tool },
            false => Request::RevokeTool { agent, tool },
        };
        let tools: AgentTools = node.control().ask(&request).await.unwrap();
        tools.tools
    };
    let asked = async |node: &Node| ask(node, &clerk, "Count.".to_owned()).await.unwrap();
    // It is taken in the middle of a call: that one is finished, and it is the last.
    let gate = book.shut();
    let taking = async {
        soon("a call", book.begun.notified()).await;
        assert!(change(&node, false).await.is_empty());
        gate.add_permits(100);
    };
    let (said, ()) = tokio::join!(asked(&node), taking);
    assert_eq!((said.as_str(), calls()), ("1 counted, refused: true", 1));
    assert_eq!(asked(&node).await, "0 counted, refused: true");
    assert_eq!(calls(), 1, "nor is it called for the next question");
    // A node that starts over the same store has not forgotten it.
    node.stop().await;
    drop(node);
    let node = begin().await.unwrap();
    assert_eq!(asked(&node).await, "0 counted, refused: true");
    assert_eq!(change(&node, true).await, ["tally"]);
    assert_eq!(asked(&node).await, "2 counted, refused: false");
    assert_eq!(calls(), 3);
    // One that its charter does not name is given in the same way.
    let other = charter("other", "");
    let other = node.spawn_charter(other, None).await.unwrap().to_string();
    let said = ask(&node, &other, "Count.".to_owned()).await.unwrap();
    assert_eq!((said.as_str(), calls()), ("0 counted, refused: true", 3));
    let given = Request::GrantTool {
        agent: other.clone(),
        tool: "tally".to_owned(),
    };
    let has: AgentTools = node.control().ask(&given).await.unwrap();
    assert_eq!(has.tools, ["tally"]);
    let said = ask(&node, &other, "Count.".to_owned()).await.unwrap();
    assert_eq!((said.as_str(), calls()), ("2 counted, refused: false", 5));
    // Whoever has its name next has what its own charter says.
    node.stop_agent(&other).await.unwrap();
    let next = node
        .spawn_charter(charter("other", ""), None)
        .await
        .unwrap();
    let shown: AgentShown = { node.control() }.agent(&next.to_string()).await.unwrap();
    assert!(shown.tools.is_empty(), "{shown:?}");
    let trail = Request::Audit(AuditAsked { after_seq: 0 });
    let trail: AuditTrail = node.control().ask(&trail).await.unwrap();
    let owner = node.owner_name().to_string();
    let told: Vec<&str> = { trail.entries.iter() }
        .filter(|entry| entry.by == owner && entry.what.contains("tally"))
        .filter_map(|entry| entry.what.split(' ').next())
        .collect();
    assert_eq!(told, ["revoke", "grant", "grant"]);
    node.stop().await;
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sent {
    of: String,
}

/// A letter may have left, and nobody knows: whoever planned it hears that, and asks a person before anything is done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_leaves_in_doubt_is_in_doubt_for_whoever_planned_it() {
    let folder = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::default());
    let send = {
        let book = Arc::clone(&book);
        move |sent: Sent, _: ToolCall| {
            let book = Arc::clone(&book);
            async move {
                book.calls.fetch_add(1, Ordering::SeqCst);
                let lost = format!("the line was cut while {} was sent", sent.of);
                Err::<String, _>(ToolError::new(ToolErrorKind::Network, lost).in_doubt())
            }
        }
    };
    let tally = function("tally", "Sends a letter.", send).effect(Effect::Ask);
    let node = node(sturdy(), &counts()).tool(tally).start().await.unwrap();
    let clerk = charter("clerk", "tools: [tally]");
    node.spawn_charter(clerk, None).await.unwrap();
    let owner = Arc::clone(node.owner());
    let deciding = async {
        let mut asked = Vec::new();
        while asked.len() < 2 {
            let open = node.approvals().unwrap().into_iter();
            let next = open.into_iter().find(|one| !asked.contains(&one.id));
            if let Some(question) = next {
                let (decision, part) = match asked.len() {
                    0 => (Decision::Accept, "would call tally"),
                    _ => (Decision::Reject, "nobody knows whether it was carried out"),
                };
                assert!(question.question.contains(part), "{question:?}");
                node.decide(&question.id, decision, "", &owner).unwrap();
                asked.push(question.id);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let deciding = async { soon("both questions", deciding).await };
    let (answer, ()) = tokio::join!(carried_out(&node, folder.path()), deciding);
    assert_eq!(book.calls.load(Ordering::SeqCst), 1, "{answer:#?}");
    assert_ne!(answer.tasks[0].status, TaskStatus::Completed, "{answer:#?}");
    assert_eq!(answer.tasks[0].attempts, 1, "nothing is done blindly");
    node.stop().await;
}
