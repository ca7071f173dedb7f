//! Agents of charters on a node: a hundred at once, killed in the middle, running away, handing work on, asking a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_control::{Ask, ErrorKind, Spawn};
use aios_inference::{ScriptedEngine, Scripts};
use aios_runtime::{Config, Node, NodeBuilder};
use aios_tools::function;
use aios_work::content::NoAnswer;
use aios_work::{Charter, Decision, Effect, Ended, ToolCall, ToolError};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::house::{Chance, soon, sturdy};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the tool of these tests did.
#[derive(Default)]
pub(crate) struct Book {
    /// What was done, under which keys.
    done: Mutex<BTreeMap<String, BTreeSet<String>>>,
    pub(crate) calls: AtomicUsize,
    /// Rung when a call has begun.
    pub(crate) begun: Notify,
    /// Held by whoever lets calls wait.
    gate: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Tally {
    /// What is counted.
    of: String,
}

impl Book {
    pub(crate) fn effects(&self) -> BTreeMap<String, usize> {
        let done = self.done.lock().unwrap();
        done.iter()
            .map(|(what, keys)| (what.clone(), keys.len()))
            .collect()
    }

    pub(crate) fn shut(&self) -> Arc<Semaphore> {
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
pub(crate) fn lead_and_clerk(prompt: &str) -> String {
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
