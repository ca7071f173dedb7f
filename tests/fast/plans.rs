//! Plans that no pack made: from files, and of a model that is replayed. What is wrong with one is found before anything runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aios_control::{Request, Submit};
use aios_inference::{Script, ScriptedEngine, Scripts};
use aios_runtime::config::ModelPlans;
use aios_runtime::{Answer, Config, Goal, Node};
use aios_work::content::{GoalStatus, TaskStatus};
use aios_work::{
    Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::house::{example, pursue, soon};

type Work = fn(&Value) -> Result<Value, String>;

/// How often each tool was called, by tool and idempotency key.
type Calls = Arc<Mutex<BTreeMap<(String, String), u32>>>;

/// A tool of a shop, which counts its calls and may be held up.
struct Shop {
    spec: ToolSpec,
    work: Work,
    calls: Calls,
    held: Option<Arc<Semaphore>>,
}

#[async_trait]
impl Tool for Shop {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let key = (self.spec.name.clone(), call.idempotency_key.clone());
        *self.calls.lock().unwrap().entry(key).or_default() += 1;
        if let Some(held) = &self.held {
            drop(held.acquire().await);
        }
        let value = (self.work)(&call.args);
        let value = value.map_err(|why| ToolError::new(ToolErrorKind::Other, why))?;
        Ok(ToolOutput {
            value,
            ..ToolOutput::default()
        })
    }
}

const ITEMS: [(&str, f64); 3] = [("spade", 12.5), ("rake", 8.25), ("hose", 30.0)];

fn list(args: &Value) -> Result<Value, String> {
    let extra = args["extra"].as_u64().unwrap_or(0);
    let known = ITEMS.iter().map(|(name, _)| (*name).to_owned());
    let names: Vec<String> = known
        .chain((0..extra).map(|at| format!("weed {at}")))
        .collect();
    let items: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    Ok(json!({ "items": items, "count": items.len() }))
}

fn price(args: &Value) -> Result<Value, String> {
    let name = args["name"].as_str().unwrap_or_default();
    let found = ITEMS.iter().find(|(known, _)| *known == name);
    let (_, price) = found.ok_or_else(|| format!("nobody sells {name:?}"))?;
    Ok(json!({ "price": price, "unit": "EUR" }))
}

fn sum(args: &Value) -> Result<Value, String> {
    let prices = args["prices"].as_array().into_iter().flatten();
    let sum: f64 = prices.filter_map(|one| one["price"].as_f64()).sum();
    Ok(json!({ "sum": sum, "unit": "EUR" }))
}

/// The shop's tools: a list, the price of one thing, the sum of prices.
fn shop(calls: &Calls, held: Option<Arc<Semaphore>>) -> Vec<Arc<dyn Tool>> {
    let priced = json!({"type": "object", "properties": {"price": {"type": "number"}, "unit": {"type": "string"}}, "required": ["price"]});
    let tool = |name: &str, description: &str, input: Value, output: Value, work: Work| {
        Arc::new(Shop {
            spec: ToolSpec {
                name: format!("shop__{name}"),
                description: description.to_owned(),
                input: json!({"type": "object", "properties": input, "additionalProperties": false,
                    "required": if name == "list" { json!([]) } else { json!(input.as_object().unwrap().keys().collect::<Vec<_>>()) }}),
                output,
                needs: Capabilities::none(),
                effect: Effect::Repeatable,
            },
            work,
            calls: Arc::clone(calls),
            held: held.clone().filter(|_| name == "price"),
        }) as Arc<dyn Tool>
    };
    vec![
        tool(
            "list",
            "Lists everything that the shop sells.",
            json!({"extra": {"type": "integer"}}),
            json!({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}, "count": {"type": "integer"}}}),
            list,
        ),
        tool(
            "price",
            "Says what one thing costs, by its name.",
            json!({"name": {"type": "string"}}),
            priced.clone(),
            price,
        ),
        tool(
            "sum",
            "Adds prices up.",
            json!({"prices": {"type": "array", "items": {"anyOf": [priced, {"type": "null"}]}}}),
            json!({"type": "object", "properties": {"sum": {"type": "number"}, "unit": {"type": "string"}}}),
            sum,
        ),
    ]
}

struct House {
    node: Node,
    calls: Calls,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        Self::with(Config::default(), Scripts::default(), None).await
    }

    /// One whose model writes what the script says, and is asked for this.
    async fn thinking(plans: ModelPlans, says: impl IntoIterator<Item = &str>) -> (Self, Scripts) {
        let mut config = Config::default();
        config.goal.plans = plans;
        config.goal.tokens = 100_000;
        let replies = says.into_iter().map(|said| Script::Reply(said.to_owned()));
        let scripts = Scripts::new(replies);
        (Self::with(config, scripts.clone(), None).await, scripts)
    }

    async fn with(config: Config, scripts: Scripts, held: Option<Arc<Semaphore>>) -> Self {
        let calls = Calls::default();
        let mut builder = Node::builder().config(config).engine(Arc::new(move || {
            Ok(Box::new(ScriptedEngine::scripted_by(scripts.clone())))
        }));
        for tool in shop(&calls, held) {
            builder = builder.tool(tool);
        }
        Self {
            node: builder.start().await.unwrap(),
            calls,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn carried_out(&self, file: &Value) -> Answer {
        let plan = PlanFile::read(file.to_string().as_bytes()).unwrap();
        let goal = Goal::new(&plan.goal).plan(plan).out(self.folder.path());
        pursue(&self.node, goal).await.unwrap()
    }

    async fn asked(&self, words: &str) -> Answer {
        let goal = Goal::new(words).out(self.folder.path());
        pursue(&self.node, goal).await.unwrap()
    }

    fn called(&self) -> u32 {
        self.calls.lock().unwrap().values().sum()
    }
}

/// List, the price of each, their sum.
fn priced(most: usize, extra: u64) -> Value {
    json!({
        "goal": "What does everything cost?",
        "points": [{"id": "sum", "asks": "the cost of everything"}],
        "tasks": [
            {"id": "list", "tool": "shop__list", "args": {"extra": extra}},
            {"id": "price", "tool": "shop__price", "args": {"name": {"$each": "/name"}},
             "each": {"$from": "list", "at": "/items", "most": most}, "title": "the price of each"},
            {"id": "sum", "tool": "shop__sum", "args": {"prices": {"$from": "price"}}, "point": "sum"}
        ]
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_file_is_carried_out_and_every_number_of_its_results_is_a_fact() {
    let house = House::new().await;
    let answer = house.carried_out(&priced(10, 0)).await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:#?}");
    assert!(
        answer.answer.contains("## the cost of everything"),
        "{}",
        answer.answer
    );
    assert!(
        answer.answer.contains("| sum | 50.75 |"),
        "{}",
        answer.answer
    );
    let stated: Vec<(String, String)> = answer
        .facts
        .iter()
        .map(|fact| {
            let source = &fact.source;
            let place = format!(
                "{}{}",
                source.task.as_deref().unwrap(),
                source.at.as_deref().unwrap()
            );
            (place, fact.value.to_string())
        })
        .collect();
    let fact = |place: &str, value: &str| (place.to_owned(), value.to_owned());
    assert_eq!(
        stated,
        [
            fact("list/count", "3"),
            fact("price/0/price", "12.5"),
            fact("price/1/price", "8.25"),
            fact("price/2/price", "30"),
            fact("sum/sum", "50.75"),
        ]
    );
    assert_eq!(answer.facts[4].unit.as_deref(), Some("EUR"));
    let reports: Vec<&str> = answer.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(reports, ["list", "sum", "price[0]", "price[1]", "price[2]"]);
    // Each element under a key of its own, and each once.
    let calls = house.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls.values().all(|times| *times == 1), "{calls:?}");
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_of_the_guide_is_carried_out() {
    let house = House::new().await;
    let file = std::fs::read_to_string(example("plan.json")).unwrap();
    let answer = house
        .carried_out(&serde_json::from_str(&file).unwrap())
        .await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:#?}");
    let days = answer.answer.find("## the days of the summer").unwrap();
    let weeks = answer.answer.find("## the weeks of the summer").unwrap();
    assert!(
        answer.answer[days..weeks].contains("| 92 |"),
        "{}",
        answer.answer
    );
    assert!(
        answer.answer[weeks..].contains("| 13.142857"),
        "{}",
        answer.answer
    );
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_to_nothing_of_a_list_is_a_gap_each_and_a_list_too_long_is_refused() {
    let house = House::new().await;
    let answer = house.carried_out(&priced(10, 2)).await;
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:#?}");
    assert_eq!(answer.gaps.len(), 2, "{:?}", answer.gaps);
    for (gap, name) in answer.gaps.iter().zip(["weed 0", "weed 1"]) {
        assert!(gap.starts_with("the price of each ["), "{gap}");
        assert!(gap.contains(&format!("nobody sells {name:?}")), "{gap}");
    }
    assert!(
        answer.answer.contains("| sum | 50.75 |"),
        "the rest is there: {}",
        answer.answer
    );
    let before = house.called();
    let answer = house.carried_out(&priced(4, 2)).await;
    let gaps = answer.gaps.join("; ");
    assert!(
        gaps.contains("has 5 elements, the plan allows 4"),
        "{answer:#?}"
    );
    assert_eq!(house.called(), before + 1, "nothing is done for any of it");
    // Of nothing nothing is done, and that is no gap.
    let mut none = priced(5, 0);
    none["tasks"][1]["each"] = json!({"$from": "none", "at": "/items", "most": 5});
    none["tasks"][0] = json!({"id": "none", "tool": "shop__none", "args": {}});
    let refused = house.carried_out(&none).await;
    assert!(
        refused
            .reason
            .unwrap()
            .contains("\"shop__none\", known are")
    );
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_plan_is_told_before_anything_runs() {
    let house = House::new().await;
    let task = |task: Value| json!({"goal": "x", "tasks": [{"id": "list", "tool": "shop__list", "args": {}}, task]});
    let price = |args: Value| task(json!({"id": "p", "tool": "shop__price", "args": args}));
    let each = |from: &str, at: &str, most: u64| {
        task(
            json!({"id": "p", "tool": "shop__price", "args": {"name": "x"}, "each": {"$from": from, "at": at, "most": most}}),
        )
    };
    let rows = [
        (json!({"goal": "x"}), "the plan has no tasks"),
        (
            task(json!({"id": "p", "tool": "shop__prise", "args": {}})),
            "known are",
        ),
        (
            task(json!({"id": "p", "agent": "nobody", "args": {"task": "y"}})),
            "\"agent__nobody\", known are",
        ),
        (price(json!({})), "task \"p\" cannot call shop__price"),
        (
            price(json!({"name": 7})),
            "task \"p\" cannot call shop__price: at /name",
        ),
        (
            price(json!({"name": "x", "nam": "y"})),
            "cannot call shop__price",
        ),
        (
            price(json!({"name": {"$from": "list", "at": "/count"}})),
            "that is integer, and string is wanted",
        ),
        (
            price(json!({"name": {"$from": "list", "at": "/items/0/nme"}})),
            "there is no field \"nme\", known are name",
        ),
        (
            price(json!({"name": {"$from": "list"}})),
            "that is object, and string is wanted",
        ),
        (
            price(json!({"name": {"$from": "lost", "at": "/x"}})),
            "needs \"lost\", which is not in the plan",
        ),
        (
            price(json!({"name": {"$from": "p", "at": "/unit"}})),
            "waits for itself",
        ),
        (
            price(json!({"name": {"$each": "/name"}})),
            "it has no `each`",
        ),
        (each("list", "/count", 3), "a list is wanted"),
        (each("list", "/items", 65), "allowed are 1 to 64"),
        (each("list", "/items", 0), "allowed are 1 to 64"),
        (
            task(
                json!({"id": "p", "tool": "shop__price", "args": {"name": "x"}, "recheck": {"name": "x"}}),
            ),
            "it changes something",
        ),
        (
            task(json!({"id": "p", "tool": "shop__price", "args": {"name": "x"}, "tokens": 5_000})),
            "5000 model tokens, allowed are 4000",
        ),
        (
            task(json!({"id": "p q", "tool": "shop__price", "args": {"name": "x"}})),
            "is not usable",
        ),
        (
            task(json!({"id": "list", "tool": "shop__price", "args": {"name": "x"}})),
            "two tasks are called",
        ),
        (
            json!({"goal": "x", "domain": "nobody", "tasks": [{"id": "a", "tool": "shop__list", "args": {}}]}),
            "nobody reads the results",
        ),
    ];
    for (file, expected) in rows {
        let answer = house.carried_out(&file).await;
        assert_eq!(answer.status, GoalStatus::Failed, "{file}");
        let reason = answer.reason.unwrap_or_default();
        assert!(reason.contains(expected), "{file}: {reason}");
    }
    assert_eq!(house.called(), 0);
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_shown_before_anything_runs_and_what_is_shown_can_be_run() {
    let house = House::new().await;
    let mut client = house.node.control();
    let submit = |text: &str, data: Vec<String>, plan: Option<PlanFile>| Submit {
        goal_id: None,
        text: text.to_owned(),
        data,
        files: Vec::new(),
        out: house.folder.path().to_string_lossy().into_owned(),
        private: false,
        plan: plan.map(Box::new),
    };
    let file = PlanFile::read(priced(5, 0).to_string().as_bytes()).unwrap();
    let shown = client
        .plan(submit(&file.goal, vec![], Some(file.clone())))
        .await
        .unwrap();
    assert_eq!(shown.tasks.len(), 3);
    assert_eq!(house.called(), 0);
    // A pack's plan too: run from the file it says the same as without.
    let data = vec![example("q3_sales.csv").to_string_lossy().into_owned()];
    let words = "Analyze Q3 sales";
    let shown = client
        .plan(submit(words, data.clone(), None))
        .await
        .unwrap();
    assert_eq!(shown.domain.as_deref(), Some("tables"), "{shown:?}");
    assert_eq!(
        client
            .ask::<Vec<Value>>(&Request::Goals {})
            .await
            .unwrap()
            .len(),
        0,
        "nothing is begun"
    );
    let shown = PlanFile::read(shown.written().as_bytes()).unwrap();
    let goal = |text: &str| Goal::new(text).data(&data).out(house.folder.path());
    let without = pursue(&house.node, goal(words)).await.unwrap();
    let with = pursue(&house.node, goal(words).plan(shown)).await.unwrap();
    assert_eq!(without.status, GoalStatus::Approved, "{without:#?}");
    assert_eq!(
        with.status,
        GoalStatus::Approved,
        "{:?} {:?}",
        with.reason,
        with.gaps
    );
    assert_eq!(with.facts, without.facts);
    // What nobody can plan is refused with what would do.
    let refused = client
        .plan(submit("Plan the release of version 2", vec![], None))
        .await
        .unwrap_err();
    let said = refused.to_string();
    for part in [
        "no plan",
        "shop__list",
        "--plan",
        "a pack",
        "a language model",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let failed = house.asked("Plan the release of version 2").await;
    assert_eq!(failed.status, GoalStatus::Failed);
    assert!(
        failed
            .reason
            .unwrap()
            .contains("no plan: no pack here has rules for this goal")
    );
    house.node.stop().await;
}

/// A plan as a large model writes it.
fn models_plan(name: &str) -> String {
    json!({
        "points": [{"id": "p", "asks": "the price of the spade"}],
        "tasks": [{"id": "cost", "tool": "shop__price", "args": {"name": name}, "point": "p"}]
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_proposes_a_plan_and_mends_it_by_the_exact_error_twice_at_most() {
    let wrong = r#"{"tasks": [{"id": "cost", "tool": "shop__price", "args": {"nam": "spade"}}]}"#;
    let astray = r#"{"tasks": [{"id": "cost", "tool": "shop__price", "args": {"name": {"$from": "list"}}}]}"#;
    let good = models_plan("spade");
    let (house, scripts) = House::thinking(
        ModelPlans::WholePlans,
        [wrong, astray, good.as_str(), "It costs {cost.price} today."],
    )
    .await;
    let answer = house.asked("How expensive is the spade?").await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:#?}");
    assert!(
        answer.answer.contains("It costs 12.5 EUR today."),
        "{}",
        answer.answer
    );
    let prompts = scripts.prompts();
    for (prompt, part) in prompts.iter().zip([
        "Says what one thing costs",
        "It was refused: task \"cost\" cannot call shop__price",
        "needs \"list\", which is not in the plan",
    ]) {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    house.node.stop().await;

    let (house, scripts) = House::thinking(
        ModelPlans::WholePlans,
        [wrong, "no JSON", astray, good.as_str()],
    )
    .await;
    let answer = house.asked("How expensive is the spade?").await;
    assert_eq!(answer.status, GoalStatus::Failed);
    let reason = answer.reason.unwrap();
    assert!(
        reason.starts_with("the model's plan was refused: task \"cost\" needs \"list\""),
        "{reason}"
    );
    assert_eq!(scripts.left(), 1, "it was not asked a fourth time");
    assert_eq!(house.called(), 0);
    house.node.stop().await;

    let (house, _) = House::thinking(
        ModelPlans::WholePlans,
        [r#"{"tasks": [], "cannot": "there is no tool for the weather"}"#; 3],
    )
    .await;
    let reason = house.asked("Will it rain?").await.reason.unwrap();
    assert!(
        reason.contains("the model says that it cannot be done: there is no tool for the weather"),
        "{reason}"
    );
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_number_of_the_models_does_not_reach_the_answer() {
    let good = models_plan("spade");
    let planted = [
        "It costs 13.5 EUR.",
        "It costs {cost.price}, or 14.",
        "It costs {cost.prise}.",
    ];
    let says = [good.as_str()].into_iter().chain(planted);
    let (house, scripts) = House::thinking(ModelPlans::WholePlans, says).await;
    let answer = house.asked("How expensive is the spade?").await;
    for wrong in ["13.5", "14", "prise"] {
        assert!(!answer.answer.contains(wrong), "{}", answer.answer);
    }
    assert!(
        answer.answer.contains("| price | 12.5 |"),
        "{}",
        answer.answer
    );
    assert_eq!(
        answer.status,
        GoalStatus::Approved,
        "the figures stand without words: {answer:#?}"
    );
    let prompts = scripts.prompts().join("\n");
    for told in ["has a digit outside a slot", "{cost.price} is 12.5 EUR"] {
        assert!(prompts.contains(told), "{told}: {prompts}");
    }
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_model_picks_a_tool_and_fills_in_its_form_with_what_was_asked() {
    let pick = r#"{"tool": "shop__price"}"#;
    let rows = [
        (vec![pick, r#"{"name": "spade"}"#], Ok("12.5")),
        (
            vec![pick, r#"{"name": "shovel"}"#, r#"{"name": "spade"}"#],
            Ok("12.5"),
        ),
        (
            vec![
                pick,
                r#"{"name": "a"}"#,
                r#"{"name": "shovel"}"#,
                r#"{"name": "hoe"}"#,
            ],
            Err("the model's plan was refused: hoe does not stand in the goal"),
        ),
        (
            vec![r#"{"tool": "none"}"#],
            Err("the model finds no tool that fits"),
        ),
        (
            vec![r#"{"tool": "shop__list"}"#],
            Err("the model picks shop__list, and shop__price is nearer in meaning"),
        ),
        (vec!["spade"], Err("it names no tool")),
    ];
    for (says, expected) in rows {
        let (house, _) = House::thinking(ModelPlans::InSteps, says.clone()).await;
        let goal = "Say what the thing called spade costs in this shop, by its name";
        let answer = house.asked(goal).await;
        match expected {
            Ok(figure) => assert!(answer.answer.contains(figure), "{says:?}: {answer:#?}"),
            Err(why) => {
                let reason = answer.reason.unwrap_or_default();
                assert!(reason.contains(why), "{says:?}: {reason}");
                assert_eq!(house.called(), 0);
            }
        }
        house.node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planner_that_falls_in_the_middle_of_a_list_goes_on_and_doubles_no_effect() {
    let held = Arc::new(Semaphore::new(0));
    let mut config = Config::default();
    config.goal.plans = ModelPlans::WholePlans;
    config.goal.tokens = 100_000;
    let mut plan = priced(5, 0);
    plan.as_object_mut().unwrap().remove("goal");
    let scripts = Scripts::new([Script::Reply(plan.to_string())]);
    let house = House::with(config, scripts.clone(), Some(Arc::clone(&held))).await;
    let goal = Goal::new("What does everything cost?").out(house.folder.path());
    let run = house.node.run(goal).await.unwrap();
    soon("all elements under way", async {
        while house.called() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.node.kill("macro.planner.001@local").await.unwrap();
    held.add_permits(1_000);
    let answer = soon("the answer", run.answer()).await.unwrap();
    assert_ne!(answer.status, GoalStatus::Failed, "{answer:#?}");
    assert!(
        answer.answer.contains("| sum | 50.75 |"),
        "{}",
        answer.answer
    );
    let calls = house.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls.values().all(|times| *times == 1), "{calls:?}");
    let asked = scripts.prompts();
    let planning = asked
        .iter()
        .filter(|prompt| prompt.contains("Plan how to reach"));
    assert_eq!(planning.count(), 1, "it goes on by the plan it has begun");
    assert!(
        answer
            .tasks
            .iter()
            .all(|task| task.status == TaskStatus::Completed || task.id == "answer")
    );
    house.node.stop().await;
}
