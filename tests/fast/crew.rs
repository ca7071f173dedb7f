//! Agents of charters on a node: a hundred at once, killed in the middle, running away, handing work on, asking a person, in a team.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_control::{Ask, ErrorKind, Spawn};
use aios_inference::{ScriptedEngine, Scripts};
use aios_runtime::team::Team;
use aios_runtime::{Config, Goal, Node, NodeBuilder};
use aios_tools::function;
use aios_work::content::{NoAnswer, TaskStatus};
use aios_work::{Charter, Decision, Effect, Ended, PlanFile, ToolCall, ToolError};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::house::{Chance, example, pursue, soon, sturdy};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the tool of these tests did.
#[derive(Default)]
pub(crate) struct Book {
    /// What was done, under which keys.
    done: Mutex<BTreeMap<String, BTreeSet<String>>>,
    pub(crate) calls: AtomicUsize,
    /// Rung when a call has begun.
    begun: Notify,
    /// Held by whoever lets calls wait.
    gate: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Tally {
    /// What is counted.
    of: String,
}

impl Book {
    fn effects(&self) -> BTreeMap<String, usize> {
        let done = self.done.lock().unwrap();
        done.iter()
            .map(|(what, keys)| (what.clone(), keys.len()))
            .collect()
    }

    fn shut(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }
}

/// A tool that writes down each key it was called with.
pub(crate) fn tally(book: &Arc<Book>, effect: Effect) -> aios_tools::Function {
    let book = Arc::clone(book);
    let work = move |tally: Tally, call: ToolCall| {
        let book = Arc::clone(&book);
        async move {
            book.calls.fetch_add(1, Ordering::SeqCst);
            book.begun.notify_one();
            let gate = book.gate.lock().unwrap().clone();
            if let Some(gate) = gate {
                drop(gate.acquire().await);
            }
            let mut done = book.done.lock().unwrap();
            done.entry(tally.of.clone())
                .or_default()
                .insert(call.idempotency_key);
            Ok::<_, ToolError>(format!("counted {}", tally.of))
        }
    };
    function("tally", "Counts.", work).effect(effect)
}

pub(crate) fn node(config: Config, scripts: &Scripts) -> NodeBuilder {
    let scripts = scripts.clone();
    Node::builder().config(config).engine(Arc::new(move || {
        Ok(Box::new(ScriptedEngine::scripted_by(scripts.clone())))
    }))
}

pub(crate) fn charter(name: &str, lines: &str) -> Charter {
    let text =
        format!("---\nname: {name}\ndescription: For a test.\n{lines}\n---\nYou are {name}.\n");
    Charter::parse(&text).unwrap()
}

/// What follows a mark in a prompt, up to the next blank or quote.
fn after<'p>(prompt: &'p str, mark: &str) -> &'p str {
    let rest = prompt.split_once(mark).map_or("", |(_, rest)| rest);
    rest.split([' ', '\n', '"', '.', '\\'])
        .next()
        .unwrap_or_default()
}

/// Calls the tool three times, each time for something else, and then answers.
fn three_times(prompt: &str) -> String {
    let task = after(prompt, "task-");
    match prompt.matches("\"result\":").count() {
        3 => json!({"answer": format!("task-{task} is done")}),
        step => json!({"tool": "tally", "args": {"of": format!("task-{task}/{step}")}}),
    }
    .to_string()
}

pub(crate) async fn ask(node: &Node, agent: &str, text: String) -> Result<String, String> {
    let said = node.ask(agent, text, PATIENCE).await;
    said.map(|said| said.content.as_str().unwrap_or_default().to_owned())
        .map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_agents_at_once_lose_nothing_and_each_budget_is_a_ceiling() {
    let book = Arc::new(Book::default());
    let scripts = Scripts::answering(three_times);
    let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let mut agents = Vec::new();
    for at in 0..100 {
        // Every fourth cannot pay for all of it.
        let (name, tokens) = if at % 4 == 3 {
            ("poor", 320)
        } else {
            ("clerk", 5_000)
        };
        let lines = format!("tools: [tally]\nbudget: {{tokens: {tokens}, time: 60s}}");
        let agent = node
            .spawn_charter(charter(name, &lines), None)
            .await
            .unwrap();
        agents.push((agent.to_string(), tokens));
    }
    let mut asked = JoinSet::new();
    for (at, (agent, tokens)) in agents.clone().into_iter().enumerate() {
        let node = node.clone();
        asked.spawn(async move {
            let said = ask(&node, &agent, format!("Do task-{at} now.")).await;
            (at, agent, tokens, said)
        });
    }
    let mut expected = BTreeSet::new();
    while let Some(one) = soon("the hundred", asked.join_next()).await {
        let (at, agent, tokens, said) = one.unwrap();
        let run = node.services().crew().runs(&agent).remove(0);
        assert!(run.spent.tokens <= tokens, "{agent}: {run:?}");
        if tokens > 1_000 {
            assert_eq!(said, Ok(format!("task-{at} is done")), "{agent}");
            assert_eq!((run.turns, run.spent.calls), (4, 4), "{agent}: {run:?}");
            expected.extend((0..3).map(|step| format!("task-{at}/{step}")));
        } else {
            let why = said.unwrap_err();
            assert!(why.contains("token budget is used up"), "{agent}: {why}");
            assert!(run.spent.calls < 4, "{agent}: {run:?}");
        }
    }
    let effects = book.effects();
    let whole: BTreeSet<String> = effects
        .keys()
        .filter(|of| expected.contains(*of))
        .cloned()
        .collect();
    assert_eq!(whole, expected, "nothing is lost");
    assert!(
        effects.values().all(|times| *times == 1),
        "nothing is doubled"
    );
    assert!(
        node.services().budgets().is_empty(),
        "every budget has ended"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_kills_loses_no_question_and_doubles_no_effect() {
    const KILLS: usize = 150;
    let seed = crate::storm::seed();
    let mut chance = Chance::new(seed);
    let mut config = sturdy();
    config.agents.deliveries = 1_000_000;
    let book = Arc::new(Book::default());
    let thoughts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&thoughts);
    let scripts = Scripts::answering(move |prompt| {
        counted.fetch_add(1, Ordering::SeqCst);
        three_times(prompt)
    });
    let node = node(config, &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let lines = "tools: [tally]\nbudget: {tokens: 100000, time: 60s}";
    let mut agents = Vec::new();
    for _ in 0..100 {
        let agent = node
            .spawn_charter(charter("clerk", lines), None)
            .await
            .unwrap();
        agents.push(agent.to_string());
    }
    let mut asked = JoinSet::new();
    for round in 0..2 {
        for (at, agent) in agents.iter().enumerate() {
            let (node, agent) = (node.clone(), agent.clone());
            asked.spawn(async move {
                let task = format!("{round}x{at}");
                (
                    ask(&node, &agent, format!("Do task-{task} now.")).await,
                    task,
                )
            });
        }
    }
    let mut killed = 0;
    for _ in 0..KILLS {
        let victim: &String = chance.one_of(&agents);
        if node.kill(victim).await.is_ok() {
            killed += 1;
        }
        tokio::time::sleep(Duration::from_millis(chance.below(8))).await;
    }
    let mut answered = 0;
    while let Some(one) = soon("the storm", asked.join_next()).await {
        let (said, task) = one.unwrap();
        assert_eq!(said, Ok(format!("task-{task} is done")), "seed {seed}");
        answered += 1;
    }
    assert_eq!(answered, 200, "seed {seed}");
    let effects = book.effects();
    assert_eq!(effects.len(), 600, "seed {seed}: nothing is lost");
    let doubled: Vec<_> = effects.iter().filter(|(_, times)| **times != 1).collect();
    assert!(doubled.is_empty(), "seed {seed}: {doubled:?}");
    // A thought that was cut short is thought again, and no other: a kill cuts those its agent was at.
    let thoughts = thoughts.load(Ordering::SeqCst);
    assert!(
        (800..=800 + 2 * killed).contains(&thoughts),
        "seed {seed}: {thoughts} thoughts, {killed} kills"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_call_it_goes_on_where_it_was() {
    let book = Arc::new(Book::default());
    let thoughts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&thoughts);
    let scripts = Scripts::answering(move |prompt| {
        counted.fetch_add(1, Ordering::SeqCst);
        three_times(prompt)
    });
    let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let agent = node
        .spawn_charter(charter("clerk", "tools: [tally]"), None)
        .await
        .unwrap()
        .to_string();
    let gate = book.shut();
    let asked = tokio::spawn({
        let (node, agent) = (node.clone(), agent.clone());
        async move { ask(&node, &agent, "Do task-1 now.".to_owned()).await }
    });
    soon("the first call", book.begun.notified()).await;
    node.kill(&agent).await.unwrap();
    soon("the call again", book.begun.notified()).await;
    gate.add_permits(1_000);
    let said = soon("the answer", asked).await.unwrap();
    assert_eq!(said.as_deref(), Ok("task-1 is done"));
    assert_eq!(thoughts.load(Ordering::SeqCst), 4, "no thought is doubled");
    assert_eq!(
        book.calls.load(Ordering::SeqCst),
        4,
        "the call that was cut short is made again"
    );
    assert!(
        book.effects().values().all(|times| *times == 1),
        "under its own key"
    );
    assert_eq!(node.view().restarts, 1);
    node.stop().await;
}

/// What the model always says, what the charter allows, and what stops it.
type Runaway = (&'static str, &'static str, fn(&Ended) -> bool);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runaway_is_stopped_by_the_runtime_with_its_reason() {
    let rows: [Runaway; 3] = [
        (
            "same",
            "turns: 50",
            |by| matches!(by, Ended::Looping(looping) if looping.act == "tally"),
        ),
        ("other", "turns: 5", |by| {
            matches!(
                by,
                Ended::TooLong {
                    asked: 6,
                    allowed: 5
                }
            )
        }),
        ("other", "tokens: 900, turns: 400", |by| {
            matches!(by, Ended::OverBudget(_))
        }),
    ];
    for (what, budget, stopped) in rows {
        let book = Arc::new(Book::default());
        let scripts = Scripts::answering(move |prompt| {
            let step = prompt.matches("\"result\":").count();
            let of = if what == "same" {
                "x".to_owned()
            } else {
                format!("x{step}")
            };
            json!({"tool": "tally", "args": {"of": of}}).to_string()
        });
        let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
        let node = node.start().await.unwrap();
        let lines = format!("tools: [tally]\nbudget: {{{budget}}}");
        let agent = node
            .spawn_charter(charter("clerk", &lines), None)
            .await
            .unwrap()
            .to_string();
        let why = soon(what, ask(&node, &agent, "Go on.".to_owned()))
            .await
            .unwrap_err();
        let shown = node.control().agent(&agent).await.unwrap();
        let Some(NoAnswer::Stopped { by }) = &shown.questions[0].why else {
            panic!("{budget}: {shown:?}")
        };
        assert!(stopped(by), "{budget}: {by:?}");
        assert!(!why.is_empty());
        // It is the question that was stopped; its agent is there for the next.
        assert_eq!(shown.line.state, "active", "{budget}");
        node.stop().await;
    }
}

/// A lead hands each question to a clerk; a clerk counts.
fn lead_and_clerk(prompt: &str) -> String {
    let task = after(prompt, "task-");
    let seen = prompt.contains("\"result\":");
    let refused = prompt.contains("\"error\":");
    let lead = prompt.contains("You are lead.");
    match (lead, seen, refused) {
        (true, false, false) => {
            json!({"tool": "agent__clerk", "args": {"text": format!("Do task-{task} now.")}})
        }
        (false, false, false) => json!({"tool": "tally", "args": {"of": format!("task-{task}")}}),
        (true, true, _) => {
            json!({"answer": format!("the clerk did {}", after(prompt, "\"result\":\""))})
        }
        (false, true, _) => json!({"answer": format!("task-{task}")}),
        (_, false, true) => json!({"answer": "refused"}),
    }
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_handed_to_the_least_busy_of_several_who_offer_it() {
    let book = Arc::new(Book::default());
    let scripts = Scripts::answering(lead_and_clerk);
    let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let mut clerks = Vec::new();
    for _ in 0..3 {
        clerks.push(
            node.spawn_charter(charter("clerk", "tools: [tally]"), None)
                .await
                .unwrap()
                .to_string(),
        );
    }
    let lead = charter("lead", "delegates: [clerk]\ntools: [tally]");
    let lead = node.spawn_charter(lead, None).await.unwrap().to_string();
    let gate = book.shut();
    let mut asked = JoinSet::new();
    for at in 0..3 {
        let (node, lead) = (node.clone(), lead.clone());
        asked.spawn(async move { ask(&node, &lead, format!("See to task-{at}.")).await });
        soon("a clerk at work", book.begun.notified()).await;
    }
    for clerk in &clerks {
        assert_eq!(
            node.services().crew().runs(clerk).len(),
            1,
            "each clerk has one"
        );
    }
    gate.add_permits(1_000);
    let mut said = BTreeSet::new();
    while let Some(one) = soon("the leads", asked.join_next()).await {
        said.insert(one.unwrap().unwrap());
    }
    let expected = (0..3)
        .map(|at| format!("the clerk did task-{at}"))
        .collect();
    assert_eq!(said, expected);
    // What the clerks spent is paid by the lead too, and counts against both.
    let runs = node.services().crew().runs(&lead);
    let clerks_run = node.services().crew().runs(&clerks[0]).remove(0);
    assert!(
        runs.iter()
            .all(|run| run.spent.tokens > clerks_run.spent.tokens),
        "{runs:?}"
    );
    assert!(book.effects().values().all(|times| *times == 1));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_has_no_more_than_whoever_hands_it_work() {
    let book = Arc::new(Book::default());
    let scripts = Scripts::answering(lead_and_clerk);
    let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Repeatable));
    let node = node.start().await.unwrap();
    let clerk = node
        .spawn_charter(charter("clerk", "tools: [tally]"), None)
        .await
        .unwrap()
        .to_string();
    let rows = [
        // Asked by a person it has its tools; by a lead without them it has not; by a poor lead it is poor.
        ("tools: []\ndelegates: [clerk]", Ok("the clerk did refused")),
        (
            "tools: [tally]\ndelegates: [clerk]",
            Ok("the clerk did task-1"),
        ),
        (
            "tools: [tally]\ndelegates: [clerk]\nbudget: {tokens: 400}",
            Err("budget"),
        ),
    ];
    assert_eq!(
        ask(&node, &clerk, "Do task-1 now.".to_owned()).await,
        Ok("task-1".to_owned())
    );
    for (lines, expected) in rows {
        let lead = node
            .spawn_charter(charter("lead", lines), None)
            .await
            .unwrap()
            .to_string();
        let said = soon("the lead", ask(&node, &lead, "See to task-1.".to_owned())).await;
        match expected {
            Ok(words) => assert_eq!(said.as_deref(), Ok(words), "{lines}"),
            Err(part) => assert!(
                said.as_ref().is_err_and(|why| why.contains(part)),
                "{lines}: {said:?}"
            ),
        }
        node.stop_agent(&lead).await.unwrap();
    }
    // Who hands work in a circle is stopped there.
    let circle = node
        .spawn_charter(charter("clerk", "tools: [tally]\ndelegates: [lead]"), None)
        .await
        .unwrap();
    node.stop_agent(circle.to_string().as_str()).await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_hand_work_in_a_circle_are_stopped() {
    let scripts = Scripts::answering(|prompt| {
        let to = if prompt.contains("You are left.") {
            "right"
        } else {
            "left"
        };
        let seen = prompt.contains("\"error\":") || prompt.contains("\"result\":");
        match seen {
            true => json!({"answer": "It goes no further."}),
            false => json!({"tool": format!("agent__{to}"), "args": {"text": "Your turn."}}),
        }
        .to_string()
    });
    let node = node(sturdy(), &scripts).start().await.unwrap();
    node.spawn_charter(charter("left", "delegates: [right]"), None)
        .await
        .unwrap();
    node.spawn_charter(charter("right", "delegates: [left]"), None)
        .await
        .unwrap();
    let mut control = node.control();
    let left = control.ask_agent(Ask {
        agent: "left".into(),
        content: "Begin.".into(),
        deadline_ms: 30_000,
    });
    let said = soon("the circle", left).await.unwrap();
    assert_eq!(said.content, "It goes no further.");
    let left = node.control().agent("left").await.unwrap();
    let stopped = left.questions.iter().any(|question| {
        matches!(&question.why, Some(NoAnswer::Stopped { by: Ended::Looping(looping) }) if looping.act == "agent__left")
    });
    assert!(stopped, "{left:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_whose_effect_nobody_knows_waits_for_a_person() {
    for (decision, expected, calls) in [
        (Decision::Accept, "task-1", 1),
        (Decision::Reject, "refused", 0),
    ] {
        let book = Arc::new(Book::default());
        let scripts = Scripts::answering(lead_and_clerk);
        let node = node(sturdy(), &scripts).tool(tally(&book, Effect::Ask));
        let node = node.start().await.unwrap();
        let clerk = node
            .spawn_charter(charter("clerk", "tools: [tally]"), None)
            .await
            .unwrap()
            .to_string();
        let asked = tokio::spawn({
            let node = node.clone();
            async move { ask(&node, &clerk, "Do task-1 now.".to_owned()).await }
        });
        let question = soon("the question", async {
            loop {
                if let Some(question) = node.approvals().unwrap().pop() {
                    return question;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(book.calls.load(Ordering::SeqCst), 0);
        assert!(
            question.question.contains("tally") && question.question.contains("task-1"),
            "{question:?}"
        );
        node.decide(&question.id, decision, "", node.owner())
            .unwrap();
        let said = soon("the answer", asked).await.unwrap();
        assert_eq!(said.as_deref(), Ok(expected));
        assert_eq!(book.calls.load(Ordering::SeqCst), calls);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_the_contract_a_charter_is_spawned_seen_asked_and_stopped() {
    let scripts = Scripts::answering(|prompt| {
        let said = if prompt.contains("\"error\":") {
            json!({"sum": 3})
        } else {
            json!("three")
        };
        json!({"answer": said}).to_string()
    });
    let node = node(Config::default(), &scripts).start().await.unwrap();
    let mut control = node.control();
    let text = "---\nname: adder\ndescription: Adds.\ndomains: [sums]\ninput: {type: object, properties: {of: {type: array}}, required: [of]}\noutput: {type: object, properties: {sum: {type: number}}, required: [sum]}\n---\nAdd.\n";
    let spawn = |text: &str| Spawn {
        charter: Some(text.to_owned()),
        ..Spawn::default()
    };
    for (wrong, said) in [
        (text.replace("domains", "domain"), "nearest is `domains`"),
        (
            text.replace("---\nAdd", "tools: [abacus]\n---\nAdd"),
            "\"abacus\"",
        ),
        (
            text.replace("---\nAdd", "role: macro.planner\n---\nAdd"),
            "macro.planner",
        ),
        (text.replace("---\nAdd", "model: gpt\n---\nAdd"), "\"gpt\""),
        (
            text.replace("---\nAdd", "criteria: strict\n---\nAdd"),
            "\"strict\"",
        ),
        (
            text.replace("output: {type: object", "output: {type: nonsense"),
            "`output`",
        ),
    ] {
        let refused = control.spawn(spawn(&wrong)).await.unwrap_err();
        let refusal = refused.refusal().unwrap();
        assert_eq!(refusal.kind, ErrorKind::Invalid, "{refusal:?}");
        assert!(refusal.message.contains(said), "{said}: {refusal:?}");
    }
    let before = control.agents().await.unwrap();
    assert!(
        before.iter().all(|agent| agent.charter.is_none()),
        "a refused charter changes nothing"
    );
    let agent = control.spawn(spawn(text)).await.unwrap().agent;
    assert!(agent.starts_with("macro.adder."), "{agent}");
    let listed = control.agents().await.unwrap();
    let line = listed.iter().find(|line| line.agent == agent).unwrap();
    assert_eq!(
        (line.charter.as_deref(), line.skills.join(",")),
        (Some("adder"), "adder,sums".to_owned())
    );
    let asked = |content: &str| Ask {
        agent: "adder".into(),
        content: content.into(),
        deadline_ms: 20_000,
    };
    // The first answer does not fit its schema: it is told so, and mends it.
    let said = control.ask_agent(asked("{\"of\": [1, 2]}")).await.unwrap();
    assert_eq!(
        (said.agent.as_str(), said.content.as_str()),
        (agent.as_str(), "{\"sum\":3}")
    );
    let refused = control.ask_agent(asked("one and two")).await.unwrap_err();
    assert!(
        refused.to_string().contains("as its `input` says"),
        "{refused}"
    );
    let shown = control.agent("adder").await.unwrap();
    assert_eq!(shown.questions[0].status, "answered");
    assert_eq!(shown.questions[0].turns, 2);
    assert_eq!(
        shown.follows.map(|charter| charter.name).as_deref(),
        Some("adder")
    );
    control.stop(&agent).await.unwrap();
    assert!(control.agent("adder").await.is_err());
    node.stop().await;
}

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
