//! A pack of a stranger: its goals, its tools and its rules pass through a node that knows nothing of them.

use std::sync::Arc;

use aios_languages::english::name;
use aios_runtime::{Goal, Node};
use aios_work::content::{GoalStatus, TaskStatus};
use aios_work::{
    Bench, Capabilities, Case, Category, Check, Claim, Domain, Effect, Evidence, Fact,
    Goal as Checked, Issue, Judged, Opinion, Pack, Plan, PlanSource, Point, Severity, SoFar,
    Source, Statistic, Task, TextKind, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, Value,
    Written,
};
use async_trait::async_trait;
use serde_json::json;

use crate::house::pursue;

const LETTERS: &str = "letters";

/// `letters__count` and `letters__double`.
struct Calc {
    spec: ToolSpec,
    work: fn(&serde_json::Value) -> Option<u64>,
}

fn tools(count: fn(&serde_json::Value) -> Option<u64>) -> [Arc<dyn Tool>; 2] {
    let tool = |name: &str, takes: &str, kind: &str, work| {
        let properties = json!({ takes: { "type": kind } });
        Arc::new(Calc {
            spec: ToolSpec {
                name: name.to_owned(),
                description: format!("Takes {takes}, gives a number."),
                input: json!({ "type": "object", "properties": properties, "required": [takes], "additionalProperties": false }),
                output: json!({ "type": "object", "properties": { "number": { "type": "integer" } } }),
                needs: Capabilities::none(),
                effect: Effect::Pure,
            },
            work,
        }) as Arc<dyn Tool>
    };
    [
        tool("letters__count", "text", "string", count),
        tool("letters__double", "number", "integer", |args| {
            args["number"].as_u64()?.checked_mul(2)
        }),
    ]
}

fn honest(args: &serde_json::Value) -> Option<u64> {
    let letters = args["text"].as_str()?.chars().filter(|c| c.is_alphabetic());
    u64::try_from(letters.count()).ok()
}

#[async_trait]
impl Tool for Calc {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let number = (self.work)(&call.args)
            .ok_or_else(|| ToolError::invalid_arguments(&self.spec.name, "it cannot be counted"))?;
        Ok(ToolOutput {
            value: json!({ "number": number }),
            ..ToolOutput::default()
        })
    }
}

/// Goals such as "letters of some words": how many there are, and twice as many.
struct Letters;

fn words(goal: &Checked) -> Option<&str> {
    goal.text().strip_prefix("letters of ")
}

#[async_trait]
impl PlanSource for Letters {
    fn name(&self) -> &str {
        LETTERS
    }

    fn claims(&self, goal: &Checked) -> Claim {
        match words(goal) {
            Some(_) => Claim::Asked,
            None => Claim::Not,
        }
    }

    async fn plan(&self, goal: &Checked, bench: &dyn Bench) -> Result<Plan, String> {
        assert!(bench.tools().iter().any(|tool| tool == "letters__count"));
        let text = words(goal).ok_or("not a goal about letters")?;
        let mut double = Task::new(
            "double",
            "letters__double",
            json!({ "number": { "$from": "count", "at": "/number" } }),
        );
        double.needs = vec!["count".to_owned()];
        double.point = Some("double".to_owned());
        let count = Task::new("count", "letters__count", json!({ "text": text }));
        Ok(Plan {
            goal: goal.id().to_owned(),
            source: LETTERS.to_owned(),
            tasks: vec![count, double],
            points: vec![Point {
                id: "double".to_owned(),
                asks: "twice the letters".to_owned(),
                facts: Vec::new(),
                words: Vec::new(),
            }],
            gaps: Vec::new(),
            meaning: serde_json::Value::Null,
        })
    }
}

impl Domain for Letters {
    fn name(&self) -> &str {
        LETTERS
    }

    fn open(&self, goal: &Checked, _: &Plan) -> Result<Box<dyn Case>, String> {
        Ok(Box::new(Opened(goal.text().to_owned())))
    }
}

struct Opened(String);

impl Case for Opened {
    fn prose(&self, _: &Task, _: &SoFar<'_>) -> Evidence {
        Evidence::default()
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        let mut facts = Vec::new();
        let mut gaps: Vec<String> = so_far.gaps.to_vec();
        for task in &so_far.plan.tasks {
            match so_far
                .results
                .get(&task.id)
                .and_then(|it| it["number"].as_i64())
            {
                Some(number) => facts.push(Fact {
                    subject: vec![],
                    measure: None,
                    statistic: Statistic::Other(task.id.clone()),
                    period: None,
                    value: Value::Integer(number),
                    unit: None,
                    source: Source::from(task.tool.clone()),
                }),
                None if gaps.is_empty() => gaps.push(format!("{}: no number", task.id)),
                None => {}
            }
        }
        let said: Vec<String> = facts.iter().map(line).collect();
        Written {
            answer: said.join("\n"),
            evidence: Evidence {
                kind: TextKind::Report,
                goal: self.0.clone(),
                facts: facts.clone(),
                ..Evidence::default()
            },
            facts,
            gaps,
        }
    }
}

fn line(fact: &Fact) -> String {
    format!("{} = {}", name(fact), fact.value)
}

/// Every line of an answer is a fact as it is written; a count is at most as long as its text.
struct Exact;

impl Check for Exact {
    fn name(&self) -> &str {
        "letters-exact"
    }

    fn check(&self, work: &Judged<'_>) -> Option<Opinion> {
        let wrong = match work {
            Judged::Text { text, evidence, .. } => {
                let known = |line: &str| {
                    let mut facts = evidence.facts.iter();
                    facts.any(|fact| self::line(fact) == line)
                };
                !text.lines().all(known)
            }
            Judged::Result { task, output, .. } => {
                let text = task.args["text"].as_str()?;
                output.value["number"].as_u64()? > text.len() as u64
            }
        };
        let issue = || {
            Issue::new(
                Category::Accuracy,
                Severity::Critical,
                "a number is not what was counted",
                "Count again",
            )
        };
        Some(Opinion {
            scores: vec![(Category::Accuracy, if wrong { 0.0 } else { 1.0 })],
            issues: if wrong { vec![issue()] } else { Vec::new() },
            ..Opinion::default()
        })
    }
}

fn pack() -> Pack {
    Pack {
        sources: vec![Arc::new(Letters)],
        domains: vec![Arc::new(Letters)],
        checks: vec![Arc::new(Exact)],
        ..Pack::default()
    }
}

async fn node(count: fn(&serde_json::Value) -> Option<u64>, alone: bool) -> Node {
    let mut builder = Node::builder();
    if alone {
        builder = builder.without_packs();
    }
    for tool in tools(count) {
        builder = builder.tool(tool);
    }
    builder.pack(pack()).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_pack_plans_calls_checks_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let goal = |text: &str| Goal::new(text).out(folder.path());
    let node = node(honest, true).await;
    let answer = pursue(&node, goal("letters of seven words")).await.unwrap();
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    assert_eq!(answer.answer, "count = 10\ndouble = 20");
    assert!(
        answer
            .tasks
            .iter()
            .all(|task| task.status == TaskStatus::Completed)
    );
    // What it does not claim, nobody here takes.
    let other = pursue(&node, goal("Analyze Q3 sales")).await.unwrap();
    assert_eq!(other.status, GoalStatus::Failed);
    let reason = other.reason.unwrap();
    assert!(
        reason.contains("no plan: no pack here has rules for this goal"),
        "{reason}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packs_check_refuses_what_its_tool_got_wrong_and_the_answer_names_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(|_| Some(1_000_000), true).await;
    let goal = Goal::new("letters of seven words").out(folder.path());
    let answer = pursue(&node, goal).await.unwrap();
    assert_ne!(answer.status, GoalStatus::Approved, "{answer:?}");
    assert!(answer.facts.is_empty(), "{:?}", answer.facts);
    let gaps = answer.gaps.join("; ");
    assert!(
        gaps.contains("a number is not what was counted"),
        "{answer:?}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_no_check_could_judge_is_unverified_and_not_approved() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Node::builder().without_packs();
    for tool in tools(honest) {
        builder = builder.tool(tool);
    }
    let unchecked = Pack {
        checks: Vec::new(),
        ..pack()
    };
    let node = builder.pack(unchecked).start().await.unwrap();
    let goal = Goal::new("letters of seven words").out(folder.path());
    let answer = pursue(&node, goal).await.unwrap();
    assert_eq!(answer.status, GoalStatus::Unverified, "{answer:?}");
    assert_eq!(answer.answer, "count = 10\ndouble = 20");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_beside_the_standard_ones_takes_its_goals_and_leaves_them_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let goal = |text: &str| Goal::new(text).out(folder.path());
    let node = node(honest, false).await;
    let theirs = pursue(&node, goal("What is 6 * 7?")).await.unwrap();
    assert_eq!(theirs.status, GoalStatus::Approved, "{theirs:?}");
    assert!(theirs.answer.contains("42"), "{}", theirs.answer);
    let ours = pursue(&node, goal("letters of seven words")).await.unwrap();
    assert_eq!(ours.facts.len(), 2, "{ours:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_packs_runs_and_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::builder().without_packs().start().await.unwrap();
    assert!(node.view().agents.len() > 10);
    let goal = Goal::new("Analyze Q3 sales").out(folder.path());
    let answer = pursue(&node, goal).await.unwrap();
    assert_eq!(answer.status, GoalStatus::Failed);
    let reason = answer.reason.unwrap();
    assert!(
        reason.contains("no plan: no pack here has rules for this goal"),
        "{reason}"
    );
    node.stop().await;
}
