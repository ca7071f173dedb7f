//! Agents of charters in a team: where they stand, what binds all of them, a task of a plan that one takes, orders that reach them.

use std::sync::Arc;
use std::time::Duration;

use aios_control::Ask;
use aios_inference::Scripts;
use aios_runtime::team::Team;
use aios_runtime::{Config, Goal};
use aios_work::content::TaskStatus;
use aios_work::{Charter, Effect, PlanFile};
use serde_json::json;

use crate::crew::{Book, ask, charter, lead_and_clerk, node, tally};
use crate::house::{example, pursue, soon, sturdy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_stands_in_the_tree_and_its_bounds_hold_for_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "agents/clerk.md",
        &charter("clerk", "tools: [tally]").write(),
    );
    write(
        "agents/lead.md",
        &charter("lead", "tools: [tally]\ndelegates: [clerk]").write(),
    );
    let file = |more: &str| {
        let text = format!(
            "name = \"desk\"\nstrategy = \"rest_for_one\"\n{more}\n[[children]]\ncharter = \"clerk\"\ninstances = 2\n[[children]]\ncharter = \"lead\"\n"
        );
        write("team.toml", &text);
        Team::load(&folder.path().join("team.toml")).unwrap()
    };
    let book = Arc::new(Book::default());
    let begin = |team: Team| {
        let scripts = Scripts::answering(lead_and_clerk);
        node(Config::default(), &scripts)
            .tool(tally(&book, Effect::Repeatable))
            .team(team)
            .start()
    };
    let node = begin(file("bounds = { tokens = 1500 }")).await.unwrap();
    let tree: Vec<_> = node
        .view()
        .agents
        .into_iter()
        .filter(|agent| agent.supervisor == "desk")
        .collect();
    assert_eq!(tree.len(), 3, "{tree:?}");
    let mut control = node.control();
    let asked = || Ask {
        agent: "lead".into(),
        content: "See to task-1.".into(),
        deadline_ms: 30_000,
    };
    let said = control.ask_agent(asked()).await.unwrap();
    assert_eq!(said.content, "the clerk did task-1");
    // All of them together come to an end of it, though each question has a budget of its own.
    let mut end = None;
    for _ in 0..20 {
        if let Err(refused) = control.ask_agent(asked()).await {
            end = Some(refused.to_string());
            break;
        }
    }
    assert!(
        end.as_ref().is_some_and(|why| why.contains("budget")),
        "{end:?}"
    );
    let spent: u64 = node
        .view()
        .agents
        .iter()
        .filter(|agent| agent.id.starts_with("macro.lead."))
        .flat_map(|agent| node.services().crew().runs(&agent.id))
        .map(|run| run.spent.tokens)
        .sum();
    assert!(spent <= 1_500, "{spent}");
    node.stop().await;
    // Checked before anything starts, to the last tool.
    let refused = begin(file("bounds = { tools = [] }")).await;
    drop(refused.unwrap());
    write(
        "agents/lead.md",
        &charter("lead", "tools: [abacus]\ndelegates: [ghost]").write(),
    );
    let Err(refused) = begin(file("")).await else {
        panic!("it starts")
    };
    let said = refused.to_string();
    assert!(said.contains("abacus") && said.contains("ghost"), "{said}");
}

/// A task of a plan may be for an agent: an executor hands it on, and its result is judged like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_gives_a_task_to_an_agent_of_the_team_and_goes_on_when_it_falls() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    let text = charter("clerk", "tools: [tally]").write();
    std::fs::write(folder.path().join("agents/clerk.md"), text).unwrap();
    let file = folder.path().join("team.toml");
    std::fs::write(
        &file,
        "name = \"desk\"\nrestarts = 100\n[[children]]\ncharter = \"clerk\"\n",
    )
    .unwrap();
    let book = Arc::new(Book::default());
    let scripts = Scripts::answering(lead_and_clerk);
    let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.team(Team::load(&file).unwrap()).start().await.unwrap();
    let plan = json!({
        "goal": "Have it counted.",
        "points": [{"id": "count", "asks": "what was counted"}],
        "tasks": [{"id": "count", "agent": "clerk", "args": {"text": "Do task-7 now."}, "point": "count"}]
    });
    let plan = PlanFile::read(plan.to_string().as_bytes()).unwrap();
    let goal = Goal::new(&plan.goal).plan(plan).out(folder.path());
    let gate = book.shut();
    let run = tokio::spawn({
        let node = node.clone();
        async move { pursue(&node, goal).await }
    });
    soon("the clerk at work", book.begun.notified()).await;
    let clerk = node
        .view()
        .agents
        .into_iter()
        .find(|agent| agent.id.starts_with("macro.clerk."))
        .unwrap()
        .id;
    node.kill(&clerk).await.unwrap();
    soon("the clerk at work again", book.begun.notified()).await;
    gate.add_permits(1_000);
    let answer = soon("the goal", run).await.unwrap().unwrap();
    assert!(answer.answer.contains("task-7"), "{answer:#?}");
    assert_eq!(answer.tasks.len(), 1, "{answer:#?}");
    assert_eq!(answer.tasks[0].status, TaskStatus::Completed, "{answer:#?}");
    assert_eq!(book.effects(), [("task-7".to_owned(), 1)].into());
    let run = node.services().crew().runs(&clerk).remove(0);
    assert!(
        run.operation.contains("/count"),
        "it is a part of the goal: {run:?}"
    );
    assert!(
        answer.spent.tokens >= run.spent.tokens,
        "the goal pays for it: {answer:#?}"
    );
    node.stop().await;
}

/// Stopped and killed by its name, wherever it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_of_a_group_within_a_team_hears_orders() {
    let team = Team::load(&example("team.toml")).unwrap();
    let scripts = Scripts::answering(|_| json!({"answer": "here"}).to_string());
    let node = node(sturdy(), &scripts).team(team).start().await.unwrap();
    let clerk = node
        .view()
        .agents
        .into_iter()
        .find(|agent| agent.id.starts_with("macro.clerk."));
    let clerk = clerk.unwrap().id;
    node.kill(&clerk).await.unwrap();
    soon("its return", async {
        while node.view().restarts == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(
        ask(&node, &clerk, "Are you there?".to_owned())
            .await
            .as_deref(),
        Ok("here")
    );
    node.stop_agent(&clerk).await.unwrap();
    assert!(
        ask(&node, &clerk, "Are you there?".to_owned())
            .await
            .is_err()
    );
    node.stop().await;
}

#[test]
fn the_charters_and_the_team_of_the_guide_are_sound() {
    let text = std::fs::read_to_string(example("agents/clerk.md")).unwrap();
    assert_eq!(Charter::parse(&text).unwrap().name, "clerk");
    let team = Team::load(&example("team.toml")).unwrap();
    assert_eq!(team.problems(), []);
}
