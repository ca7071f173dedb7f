//! A goal carried out without agents, step by step as they do it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use aios_documents::{DocumentsPack, tools};
use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{
    Assessment, Bench, Check, Claim, Domain, Evidence, Goal, GoalLimits, InputFile, Judged, Missed,
    Plan, PlanLimits, PlanSource, Question, SoFar, Statistic, Task, ToolCall, ToolOutput, Written,
};
use async_trait::async_trait;
use serde_json::{Value, json};

/// A goal's files and the tools over them.
struct Desk {
    tools: Toolbox,
    inputs: Vec<InputFile>,
    names: Vec<String>,
    /// What the model says to each question, if there is one.
    says: Option<fn(&Question) -> String>,
}

impl Desk {
    async fn call(&self, tool: &str, args: &Value) -> Result<ToolOutput, String> {
        let call = ToolCall {
            inputs: self.inputs.clone(),
            ..ToolCall::new(args.clone(), Instant::now() + Duration::from_secs(120))
        };
        let granted = self.tools.needs();
        self.tools
            .call(tool, &granted, call)
            .await
            .map_err(|error| error.to_string())
    }

    /// Does a task, asks again as the Critic does, and judges.
    async fn done(&self, task: &Task) -> Result<Value, String> {
        let output = self.call(&task.tool, &task.args).await?;
        let again = match &task.recheck {
            Some(args) => Some(self.call(&task.tool, args).await?.value),
            None => None,
        };
        let judged = Judged::Result {
            task,
            output: &output,
            again: again.as_ref(),
            files: &[],
        };
        let drawn = Assessment::of(DocumentsPack.check(&judged));
        assert!(drawn.verdict.passes(), "{task:?}: {:?}", drawn.issues);
        Ok(output.value)
    }
}

#[async_trait]
impl Bench for Desk {
    fn tools(&self) -> &[String] {
        &self.names
    }

    fn left(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn look(&self, task: &Task) -> Result<Value, Missed> {
        self.done(task).await.map_err(|reason| Missed {
            reason,
            tolerable: true,
        })
    }

    async fn think(&self, question: &Question) -> Option<String> {
        Some(self.says.map_or_else(String::new, |says| says(question)))
    }
}

pub(crate) struct Walked {
    pub(crate) plan: Plan,
    pub(crate) results: BTreeMap<String, Value>,
    pub(crate) written: Written,
    pub(crate) prose: Option<Evidence>,
}

/// Carries a goal out. `prose` is what the model writes.
pub(crate) async fn walk(text: &str, files: &[(&str, &[u8])], prose: Option<&str>) -> Walked {
    walk_with(text, files, prose, None).await
}

pub(crate) async fn walk_with(
    text: &str,
    files: &[(&str, &[u8])],
    prose: Option<&str>,
    says: Option<fn(&Question) -> String>,
) -> Walked {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = files
        .iter()
        .map(|(name, content)| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        })
        .collect();
    let goal = Goal::new("g", "t", text, paths.clone(), &GoalLimits::default()).unwrap();
    assert!(DocumentsPack.claims(&goal) > Claim::Not, "{text}");
    let workspaces = Workspaces::default();
    let tools = Toolbox::standard(&workspaces, None).with(tools(&workspaces, None));
    let mut names: Vec<String> = tools.specs().map(|spec| spec.name.clone()).collect();
    names.extend(prose.map(|_| "write_text".to_owned()));
    let inputs = InputFile::all(&paths.iter().map(Path::new).collect::<Vec<_>>()).unwrap();
    let desk = Desk {
        tools,
        inputs,
        names,
        says,
    };
    let plan = DocumentsPack.plan(&goal, &desk).await.unwrap();
    plan.check(Some(&desk.names), &PlanLimits::default())
        .unwrap();
    // As it comes to the Critic.
    let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    let case = DocumentsPack.open(&goal, &plan).unwrap();
    let (mut results, mut told) = (BTreeMap::new(), BTreeSet::new());
    let mut gaps = plan.gaps.clone();
    let mut asked = None;
    for task in &plan.tasks {
        let (shown, none) = (results.clone(), BTreeSet::new());
        let so_far = SoFar {
            plan: &plan,
            results: &shown,
            artifacts: &[],
            recalled: &[],
            notes: &[],
            gaps: &gaps,
            told: &none,
        };
        if task.prose {
            let evidence = case.prose(task, &so_far);
            let args = case.args(task, &so_far, None);
            if let (Some(prose), Some(args)) = (prose, args) {
                assert!(args["instruction"].as_str().unwrap().len() < 16 << 10);
                let text = case.tidy(prose);
                let judged = Judged::Text {
                    text: &text,
                    evidence: &evidence,
                };
                let drawn = Assessment::of(DocumentsPack.check(&judged));
                if drawn.verdict.passes() {
                    results.insert(task.id.clone(), json!(text));
                }
            }
            asked = Some(evidence);
            continue;
        }
        match desk.done(task).await {
            Ok(value) => {
                results.insert(task.id.clone(), value);
            }
            Err(why) => {
                gaps.push(why);
                told.insert(task.id.clone());
            }
        }
    }
    let so_far = SoFar {
        plan: &plan,
        results: &results,
        artifacts: &[],
        recalled: &[],
        notes: &[],
        gaps: &gaps,
        told: &told,
    };
    let written = case.write(&so_far);
    assert_eq!(case.write(&so_far), written, "the same twice");
    let evidence = Evidence {
        domain: "documents".to_owned(),
        ..written.evidence.clone()
    };
    let judged = Judged::Text {
        text: &written.answer,
        evidence: &evidence,
    };
    let drawn = Assessment::of(DocumentsPack.check(&judged));
    assert!(
        drawn.verdict.passes() && drawn.checked,
        "{}\n{:?}",
        written.answer,
        drawn.issues
    );
    Walked {
        plan,
        results,
        written,
        prose: asked,
    }
}

impl Walked {
    pub(crate) fn quotes(&self) -> Vec<(String, String)> {
        let quoted = self
            .written
            .facts
            .iter()
            .filter(|fact| fact.statistic == Statistic::Quoted);
        quoted
            .map(|fact| (fact.value.to_string(), fact.source.text.clone()))
            .collect()
    }

    pub(crate) fn json(&self) -> Value {
        let (_, rest) = self.written.answer.split_once("```json\n").unwrap();
        let (object, _) = rest.split_once("\n```").unwrap();
        serde_json::from_str(object).unwrap()
    }
}
