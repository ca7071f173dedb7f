//! What comes in as text: the contracts between agents and what is asked of a node as JSON, configuration as TOML, goals and a model's prose.

use std::collections::BTreeSet;
use std::fmt::Debug;

use aios_control::Request;
use aios_judge::{Ground, judge_text};
use aios_runtime::Config;
use aios_runtime::config::Sources;
use aios_tables::plan::{TOOLS, analyse, build, question};
use aios_work::content::{
    Answer, GoalRequest, Judgement, LeaseRequest, LookupRequest, RecallRequest, RememberRequest,
    TaskEvent, TaskOrder, TaskResult, ValidationRequest,
};
use aios_work::{Assessment, Evidence, Goal, GoalLimits, Plan, PlanLimits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables;

/// What reads as a `T` is written and reads as the same.
fn same_again<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let text = serde_json::to_vec(&value).expect("what was JSON is JSON");
    match serde_json::from_slice::<T>(&text) {
        Ok(again) => assert_eq!(again, value),
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&text)),
    }
    Some(value)
}

/// Every contract, tried on the same bytes.
pub fn contract(data: &[u8]) {
    if let Some(goal) = same_again::<Goal>(data) {
        assert!(goal.text().len() <= 8 * 1024 && goal.data().len() <= 16);
        assert!(!goal.text().chars().any(char::is_control));
    }
    if let Some(plan) = same_again::<Plan>(data)
        && plan.check(Some(&TOOLS), &PlanLimits::default()).is_ok()
    {
        gone_through(&plan);
    }
    if let Some(answer) = same_again::<Answer>(data) {
        assert_eq!(answer.digest(), answer.digest());
    }
    same_again::<GoalRequest>(data);
    same_again::<TaskOrder>(data);
    same_again::<TaskResult>(data);
    same_again::<ValidationRequest>(data);
    same_again::<Judgement>(data);
    same_again::<LeaseRequest>(data);
    same_again::<LookupRequest>(data);
    same_again::<RecallRequest>(data);
    same_again::<RememberRequest>(data);
    same_again::<TaskEvent>(data);
    same_again::<Request>(data);
}

/// A plan that passes its check can be carried out to its end.
fn gone_through(plan: &Plan) {
    let mut done = BTreeSet::new();
    while done.len() < plan.tasks.len() {
        let ready: Vec<String> = plan
            .ready(&done, &BTreeSet::new())
            .into_iter()
            .filter(|task| !done.contains(&task.id))
            .map(|task| task.id.clone())
            .collect();
        assert!(!ready.is_empty(), "a checked plan gets stuck");
        done.extend(ready);
    }
}

/// A goal in any words over a small table and over nothing: it becomes a plan that passes its own check.
pub fn goal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let files = vec!["sales.csv".to_owned()];
    let made = Goal::new("g", "local", text, files, &GoalLimits::default());
    let goal = match made {
        Ok(goal) => goal,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let table = tables::profile();
    for table in [Some(&table), None] {
        let analysis = analyse(&goal, table);
        let plan = build(&goal, &analysis);
        if let Err(error) = plan.check(Some(&TOOLS), &PlanLimits::default()) {
            panic!("the planner's own plan is refused: {error}");
        }
        gone_through(&plan);
        if let Some(table) = table
            && let Some(asked) = question(&goal, table, &analysis)
        {
            assert!(asked.prompt.len() <= 64 * 1024);
        }
    }
}

const EVIDENCE: &str = r#"{"kind": "paragraph", "goal": "What is the total revenue, and which region sells most?",
    "facts": [{"measure": "revenue", "statistic": "total", "value": 45, "unit": "EUR", "source": {"text": "sales.csv: SELECT"}},
        {"subject": [{"kind": "region", "name": "North"}], "measure": "revenue", "statistic": "total", "value": 25.5, "unit": "EUR",
            "source": {"text": "sales.csv: SELECT"}},
        {"measure": "revenue", "statistic": "total", "period": {"during": {"month": "2025-03"}}, "value": -1234567.25, "unit": "EUR",
            "source": {"text": "sales.csv: SELECT"}},
        {"measure": "revenue", "statistic": "growth", "period": {"between": {"from": {"month": "2025-02"}, "to": {"month": "2025-03"}}},
            "value": -12.5, "unit": "%", "source": {"text": "sales.csv: SELECT"}}],
    "measures": ["revenue"], "passages": ["The depot in Bremen moves in May."],
    "points": [{"id": "total", "asks": "total revenue", "facts": [{"statistic": "total", "measure": "revenue"}], "words": []}]}"#;

/// Prose of a model: it is judged, whatever it is, and every mark lies between 0 and 1.
pub fn prose(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let evidence: Evidence = serde_json::from_str(EVIDENCE).expect("it is evidence");
    let ground = Ground::new(&evidence.goal, &[], Vec::new());
    let judged = Assessment::of([judge_text(text, &ground, &evidence)]);
    let dimensions = judged.score.dimensions;
    for mark in [
        dimensions.relevance,
        dimensions.clarity,
        dimensions.accuracy,
        dimensions.completeness,
        dimensions.tone,
    ] {
        assert!((0.0..=1.0).contains(&mark), "{dimensions:?}");
    }
    assert!(judged.supported <= judged.claims);
}

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// A configuration file: what is accepted prints as a file that reads the same; what is not is refused in words.
pub fn config(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("aios.toml");
        let sources = Sources {
            file: Some(path.clone()),
            ..Sources::default()
        };
        std::fs::write(&path, data).expect("the temporary folder takes a file");
        match Config::load(&sources) {
            Ok(config) => {
                let shown = config.to_string();
                std::fs::write(&path, &shown).expect("the temporary folder takes a file");
                let again = Config::load(&sources).expect("its own words");
                assert_eq!(again.to_string(), shown);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
