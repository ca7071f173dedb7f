//! Asks tables a question by the pack alone, without agents, and prints one JSON object with the status, the answer and how the goal was
//! read: `cargo run -p aios-tables --example ask_table -- "Total revenue in North" --data docs/examples/q3_sales.csv`
//!
//! It takes `run GOAL --data FILE ..` too, as the command does, so that `tests/tables/run.py` can measure the pack by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{
    Assessment, Bench, Category, Goal, GoalLimits, InputFile, Judged, Missed, Opinion, Question,
    SoFar, Task, ToolCall, ToolOutput,
};
use async_trait::async_trait;
use serde_json::{Value, json};

struct Looks {
    tools: Toolbox,
    inputs: Vec<InputFile>,
}

impl Looks {
    async fn call(&self, tool: &str, args: &Value) -> Result<ToolOutput, String> {
        let call = ToolCall {
            idempotency_key: format!("{tool}-{args}"),
            inputs: self.inputs.clone(),
            out_dir: std::env::temp_dir()
                .join(format!("aios-ask-{}", std::process::id()))
                .display()
                .to_string(),
            ..ToolCall::new(args.clone(), Instant::now() + Duration::from_secs(60))
        };
        let called = self.tools.call(tool, &self.tools.needs(), call).await;
        called.map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Bench for Looks {
    fn tools(&self) -> &[String] {
        &[]
    }

    fn left(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn look(&self, task: &Task) -> Result<Value, Missed> {
        let seen = self.call(&task.tool, &task.args).await;
        seen.map(|output| output.value).map_err(|reason| Missed {
            reason,
            tolerable: false,
        })
    }

    async fn think(&self, _: &Question) -> Option<String> {
        None
    }
}

async fn answer(text: &str, files: Vec<String>) -> Result<Value, Box<dyn Error>> {
    let goal = Goal::new("ask", "local", text, files.clone(), &GoalLimits::default())
        .map_err(|error| error.to_string())?;
    let workspaces = Workspaces::default();
    let bench = Looks {
        tools: Toolbox::standard(&workspaces, None).with(aios_tables::tools(&workspaces)),
        inputs: InputFile::all(&files)?,
    };
    let pack = aios_tables::pack();
    let (Some(source), Some(domain)) = (pack.sources.first(), pack.domains.first()) else {
        return Err("the pack has no source".into());
    };
    let plan = source.plan(&goal, &bench).await?;
    let case = domain.open(&goal, &plan)?;
    let (mut results, mut gaps, mut opinions) = (BTreeMap::new(), Vec::new(), Vec::new());
    let told = BTreeSet::new();
    for task in &plan.tasks {
        let so_far = SoFar {
            plan: &plan,
            results: &results,
            artifacts: &[],
            recalled: &[],
            notes: &[],
            gaps: &[],
            told: &told,
        };
        // Drawings and prose need a folder and a model.
        if !matches!(task.tool.as_str(), "sql" | "profile_table") {
            continue;
        }
        let Some(args) = case.args(task, &so_far, None) else {
            continue;
        };
        match bench.call(&task.tool, &args).await {
            Ok(output) => {
                let again = match &task.recheck {
                    Some(again) => Some(bench.call(&task.tool, again).await?.value),
                    None => None,
                };
                let judged = Judged::Result {
                    task,
                    output: &output,
                    again: again.as_ref(),
                    files: &[],
                };
                opinions.extend(pack.checks.iter().filter_map(|check| check.check(&judged)));
                results.insert(task.id.clone(), output.value);
            }
            Err(reason) => gaps.push(reason),
        }
    }
    let written = case.write(&SoFar {
        plan: &plan,
        results: &results,
        artifacts: &[],
        recalled: &[],
        notes: &[],
        gaps: &gaps,
        told: &told,
    });
    let judged = Judged::Text {
        text: &written.answer,
        evidence: &written.evidence,
    };
    let of_text: Vec<Opinion> = pack
        .checks
        .iter()
        .filter_map(|check| check.check(&judged))
        .collect();
    // What no check of the text can bear out is not known to be right.
    let borne_out = of_text
        .iter()
        .flat_map(|opinion| &opinion.scores)
        .any(|(category, _)| *category == Category::Accuracy);
    opinions.extend(of_text);
    let checked = Assessment::of(opinions);
    let status = match (written.gaps.is_empty(), checked.verdict.passes()) {
        (true, true) if borne_out => "approved",
        (true, true) => "unverified",
        (false, _) => "partial",
        (true, false) => "failed",
    };
    Ok(json!({
        "status": status,
        "answer": written.answer,
        "gaps": written.gaps,
        "issues": checked.issues,
        "meaning": plan.meaning.get("asked"),
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut goal, mut files) = (None, Vec::new());
    let mut words = std::env::args().skip(1).filter(|word| word != "run");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--data" => files.extend(words.next()),
            "--engine" => drop(words.next()),
            "--json" => {}
            _ if goal.is_none() => goal = Some(word),
            other => return Err(format!("{other} is not known").into()),
        }
    }
    let goal = goal.ok_or("a question is missing")?;
    let said = match answer(&goal, files).await {
        Ok(said) => said,
        Err(error) => json!({ "status": "failed", "error": error.to_string() }),
    };
    writeln!(io::stdout().lock(), "{said:#}")?;
    Ok(())
}
