//! Goals carried through the pure cores with the real tools, and their figures compared with figures computed here, row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::TableProfile;
use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{Artifact, InputFile, ToolCall, ToolOutput};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::dag::{Filling, is_table};
use super::findings::Findings;
use super::{Analysis, Intent, TOOLS, analyse, build, fill, merge, question, writing};
use crate::report::{Author, Report, answer, closing};
use crate::results::{ResultEvidence, check_result};
use aios_judge::{Ground, judge_text};
use aios_languages::english::name as called;
use aios_work::{
    Assessment, Check, Evidence, Goal, GoalLimits, Judged, Material, Plan, PlanLimits, Reader,
    TextKind,
};

mod chance;
mod hostile;
mod traced;

struct Walked {
    analysis: Analysis,
    plan: Plan,
    findings: Findings,
    answer: Report,
    paragraph: Assessment,
    report: Assessment,
}

impl Walked {
    fn fact(&self, name: &str) -> Option<f64> {
        self.findings
            .facts
            .iter()
            .find(|fact| called(fact) == name)
            .and_then(|fact| fact.value.as_f64())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.findings
            .facts
            .iter()
            .find(|fact| called(fact) == name)
            .and_then(|fact| fact.value.as_str())
    }

    fn note(&self, part: &str) -> bool {
        self.analysis.notes.iter().any(|note| note.contains(part))
    }
}

/// A folder of this test's own, gone when the test is over.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("aios-planner-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn call(tools: &Toolbox, space: &Space, action: &str, key: &str, args: &Value) -> ToolOutput {
    let call = ToolCall {
        idempotency_key: key.to_owned(),
        inputs: space.inputs.clone(),
        out_dir: space.out_dir.clone(),
        ..ToolCall::new(args.clone(), Instant::now() + Duration::from_secs(20))
    };
    let granted = tools.needs();
    let called = tools.call(action, &granted, call);
    RUNTIME
        .block_on(called)
        .unwrap_or_else(|error| panic!("{action} {args}: {error}"))
}

/// Where tools are awaited.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What a tool may read, and where it may write.
struct Space {
    inputs: Vec<InputFile>,
    out_dir: String,
}

impl Space {
    fn of(path: &std::path::Path, out_dir: &std::path::Path) -> Self {
        Self {
            inputs: InputFile::all(&[path]).unwrap(),
            out_dir: out_dir.display().to_string(),
        }
    }
}

fn toolbox() -> Toolbox {
    let workspaces = Workspaces::default();
    Toolbox::standard(&workspaces, None).with(crate::tools(&workspaces))
}

/// What a text is judged by: this pack's check, and the judge with its own reading of the file. That the judge reads a goal otherwise makes
/// an answer unverified and not wrong, so of made-up tables its figures alone must be right.
fn assess(text: &str, evidence: &Evidence, ground: &Ground) -> Assessment {
    let own = crate::pack::TablesPack.check(&Judged::Text { text, evidence });
    let mut second = judge_text(text, ground, evidence);
    if evidence.kind == TextKind::Report {
        let read =
            |check: &Option<String>| matches!(check.as_deref(), Some("coverage" | "contradiction"));
        let parted = second.issues.iter().any(|issue| read(&issue.check));
        second.issues.retain(|issue| !read(&issue.check));
        if parted && second.issues.is_empty() {
            second.scores.clear();
        }
    }
    Assessment::of(own.into_iter().chain([second]))
}

/// The file as the judge reads it.
fn ground(goal: &Goal, file: &str, content: &str) -> Ground {
    let read = crate::TableReader.read(file, content.as_bytes());
    let material: Option<Material> = read.and_then(Result::ok);
    Ground::new(goal.text(), material.as_slice(), Vec::new())
}

/// Does all that agents do for a goal, without agents: scout, analyse, plan, run and recheck each task, write, judge.
fn walk(text: &str, file: &str, content: &str) -> Walked {
    let folder = Folder::new();
    let path = folder.0.join(file);
    std::fs::write(&path, content).unwrap();
    let goal = Goal::new(
        "g-1",
        "acme",
        text,
        vec![path.display().to_string()],
        &GoalLimits::default(),
    )
    .unwrap();
    let space = Space::of(&path, &folder.0.join("out"));
    let tools = toolbox();

    let mut outputs = BTreeMap::new();
    for task in super::scout(&goal) {
        outputs.insert(
            task.id.clone(),
            call(
                &tools,
                &space,
                &task.tool,
                &format!("g-1/{}", task.id),
                &task.args,
            )
            .value,
        );
    }
    let table: Option<TableProfile> =
        is_table(file).then(|| serde_json::from_value(outputs["t0"].clone()).unwrap());
    let analysis = analyse(&goal, table.as_ref());
    let plan = build(&goal, &analysis);
    plan.check(Some(&TOOLS), &PlanLimits::default()).unwrap();

    let mut done: BTreeSet<String> = outputs.keys().cloned().collect();
    let none = BTreeSet::new();
    let mut artifacts: Vec<Artifact> = Vec::new();
    while !plan.is_settled(&done, &none) {
        let wave: Vec<_> = plan.ready(&done, &none).into_iter().cloned().collect();
        assert!(!wave.is_empty(), "the plan is stuck");
        for task in wave {
            let findings = Findings::read(&plan, &analysis, &outputs);
            let filling = Filling {
                goal: &goal,
                analysis: &analysis,
                findings: &findings,
                results: &outputs,
                recalled: &[],
                feedback: None,
            };
            done.insert(task.id.clone());
            let Some(args) = fill(&task, &filling) else {
                continue;
            };
            if task.tool == "write_text" {
                assert!(
                    args["instruction"]
                        .as_str()
                        .is_some_and(|prompt| prompt.len() < 4000)
                );
                continue;
            }
            let key = format!("{}/{}", plan.goal, task.id);
            let output = call(&tools, &space, &task.tool, &key, &args);
            if let Some(again) = &task.recheck {
                let again = call(&tools, &space, &task.tool, &format!("{key}-again"), again).value;
                let judged = Assessment::of([check_result(
                    &output.value,
                    &ResultEvidence::Recomputed { again },
                )]);
                assert!(
                    judged.verdict.passes(),
                    "{}: {:?}\n{}",
                    task.id,
                    judged.issues,
                    output.value
                );
            }
            artifacts.extend(output.artifacts);
            outputs.insert(task.id.clone(), output.value);
        }
    }
    let findings = Findings::read(&plan, &analysis, &outputs);
    traced::assert_traced(&findings.facts, &outputs);
    let paragraph = closing(&goal, &analysis, &findings, None);
    assert_eq!(paragraph.author, Author::Template);
    let points = writing::paragraph_points(&analysis, &findings);
    // The template's words are the pack's own, as those of the report are.
    let evidence = findings.evidence(&goal, &analysis, TextKind::Report, points);
    let ground = ground(&goal, file, content);
    let judged = assess(&paragraph.text, &evidence, &ground);
    let answer = answer(&goal, &analysis, &findings, &paragraph, &artifacts, &[]);
    let evidence = findings.evidence(&goal, &analysis, TextKind::Report, plan.points.clone());
    let report = assess(&answer.answer, &evidence, &ground);
    Walked {
        analysis,
        plan,
        findings,
        answer,
        paragraph: judged,
        report,
    }
}

fn assert_passed(walked: &Walked) {
    let Walked {
        paragraph,
        report,
        answer,
        ..
    } = walked;
    assert!(
        paragraph.score.dimensions.accuracy == 1.0 && paragraph.verdict.passes(),
        "{:#?}\n{}",
        paragraph,
        answer.answer
    );
    assert!(
        report.score.dimensions.accuracy == 1.0 && report.verdict.passes(),
        "{:#?}\n{}",
        report,
        answer.answer
    );
}

const SALES: &str = "order_id,date,region,product,units,unit_price,revenue\n\
    1,2025-07-03,North,Widget,10,9.90,99.00\n2,2025-07-09,South,Widget,5,9.90,49.50\n3,2025-07-20,North,Gadget,2,25.00,50.00\n\
    4,2025-08-02,South,Gadget,4,25.00,100.00\n5,2025-08-11,East,Widget,1,9.90,9.90\n6,2025-08-14,North,Gadget,200,25.00,5000.00\n\
    7,2025-08-30,South,Widget,7,9.90,69.30\n8,2025-09-05,East,Gadget,3,25.00,75.00\n9,2025-09-18,North,Widget,8,9.90,\n\
    10,2025-09-27,South,Gadget,2,25.00,50.00\n";

#[test]
fn q3_sales_are_answered_right() {
    let walked = walk("Analyze Q3 sales", "q3_sales.csv", SALES);
    assert_eq!(walked.analysis.intent, Intent::AnalyseTable);
    assert_eq!(walked.analysis.measure.as_deref(), Some("revenue"));
    assert_eq!(walked.analysis.categories, ["region", "product"]);
    assert_eq!(walked.analysis.filter, None);
    assert!(
        walked.note("all rows lie in it"),
        "{:?}",
        walked.analysis.notes
    );
    for (name, value) in [
        ("total revenue", 5502.7),
        ("rows", 10.0),
        ("missing revenue", 1.0),
        ("total units", 242.0),
        ("total revenue 2025-07", 198.5),
        ("total revenue 2025-08", 5179.2),
        ("total revenue 2025-09", 125.0),
        ("total revenue region North", 5149.0),
        ("change revenue 2025-07 to 2025-08", 4980.7),
        ("highest revenue", 5000.0),
        ("median revenue", 69.3),
        ("outlier revenue 2025-08-14 line 7", 5000.0),
    ] {
        assert_eq!(
            walked.fact(name),
            Some(value),
            "{name}: {:#?}",
            walked.findings.facts.iter().map(called).collect::<Vec<_>>()
        );
    }
    assert_eq!(walked.answer.artifacts.len(), 1);
    assert_eq!(walked.answer.gaps, Vec::<String>::new());
    assert_passed(&walked);
}

#[test]
fn a_period_is_filtered_only_if_the_data_goes_beyond_it() {
    let walked = walk("Total revenue in August", "sales.csv", SALES);
    assert_eq!(walked.fact("total revenue"), Some(5179.2));
    assert!(
        walked.note("only rows of that period are used"),
        "{:?}",
        walked.analysis.notes
    );
    assert_passed(&walked);
    let walked = walk("Analyze sales in 2019", "sales.csv", SALES);
    assert_eq!(walked.fact("total revenue"), Some(5502.7));
    assert!(
        walked.answer.gaps.iter().any(|gap| gap.contains("2019")),
        "{:?}",
        walked.answer.gaps
    );
}

#[test]
fn tables_of_every_shape_are_answered() {
    let cases = [
        (
            "Analyze this",
            "no_date.csv",
            "team,points\nRed,10\nBlue,20\nRed,5\n",
            "total points",
            35.0,
        ),
        (
            "Analyze this",
            "no_category.csv",
            "day,steps\n2025-01-01,100\n2025-01-02,-50\n2025-01-03,\n",
            "total steps",
            50.0,
        ),
        (
            "Analyze this",
            "no_measure.csv",
            "date,color\n2025-01-01,red\n2025-02-01,blue\n2025-02-03,red\n",
            "rows 2025-02",
            2.0,
        ),
        (
            "Show the weather",
            "weather.csv",
            "date;station;temperature\n2025-01-01;A1;1,5\n2025-01-02;B2;2,5\n2025-02-01;A1;5,0\n",
            "average temperature",
            3.0,
        ),
        (
            "How many orders per region",
            "orders.csv",
            "order_id,region,amount\n1,North,5\n2,South,6\n3,North,7\n",
            "rows region North",
            2.0,
        ),
        (
            "Average amount by region",
            "orders.csv",
            "order_id,region,amount\n1,North,5\n2,South,6\n3,North,7\n",
            "average amount region North",
            6.0,
        ),
        (
            "Analyze emissions",
            "years.csv",
            "year,country,emissions\n2019,DE,5\n2020,DE,4\n2020,FR,3\n2021,FR,2\n",
            "total emissions 2020",
            7.0,
        ),
        (
            "Analyze",
            "quoted.csv",
            "\"the \"\"day\"\"\",amount (EUR)\n2025-01-01,1.10\n2025-03-01,2.20\n",
            "total amount",
            3.3,
        ),
    ];
    for (goal, file, content, name, value) in cases {
        let walked = walk(goal, file, content);
        assert_eq!(
            walked.fact(name),
            Some(value),
            "{file} {goal}: {:#?} {:#?}",
            walked.findings.facts,
            walked.analysis
        );
        assert_passed(&walked);
    }
}

#[test]
fn a_week_that_begins_before_the_data_is_one_of_its_weeks() {
    // The first of June 2025 is a Sunday.
    let first = aios_work::Day::new(2025, 6, 1).unwrap();
    let mut csv = String::from("day,amount\n");
    for at in 0..45 {
        writeln!(csv, "{},{}", first.plus_days(at), 10 + at * at % 17).unwrap();
    }
    let walked = walk("Show the amount per week", "weeks.csv", &csv);
    assert_eq!(walked.fact("total amount 2025-05-26"), Some(10.0));
    assert_passed(&walked);
}

#[test]
fn growth_from_zero_is_stated_as_not_defined() {
    let walked = walk(
        "Analyze",
        "zero.csv",
        "date,amount\n2025-01-01,0\n2025-02-01,5\n2025-03-01,-5\n2025-04-01,10\n",
    );
    assert_eq!(
        walked.text("growth amount 2025-01 to 2025-02"),
        Some("not defined: 2025-01 is zero")
    );
    assert_eq!(
        walked.fact("growth amount 2025-02 to 2025-03"),
        Some(-200.0)
    );
    assert_eq!(
        walked.text("growth amount 2025-03 to 2025-04"),
        Some("not defined: 2025-03 is negative")
    );
    assert_passed(&walked);
}

#[test]
fn many_categories_are_ranked_and_the_rest_is_put_together() {
    let mut csv = String::from("product,revenue\n");
    for at in 0..30 {
        writeln!(csv, "P-{at:02},{}", 100 - at).unwrap();
        writeln!(csv, "P-{at:02},1").unwrap();
    }
    let walked = walk("Revenue by product", "many.csv", &csv);
    let (_, lines) = &walked.findings.categories[0];
    assert_eq!(lines.len(), 13);
    let all: f64 = lines.iter().filter_map(|line| line.value).sum();
    assert_eq!(Some(all), walked.fact("total revenue"));
    assert_eq!(walked.fact("total revenue product P-00"), Some(101.0));
    assert_eq!(walked.fact("count of product (all others)"), Some(18.0));
    assert_passed(&walked);
}

#[test]
fn what_failed_is_named_as_a_gap_and_the_report_still_passes() {
    let goal = Goal::new(
        "g",
        "t",
        "Show orders above 5000 EUR",
        vec!["a.csv".into(), "b.csv".into()],
        &GoalLimits::default(),
    )
    .unwrap();
    let table: TableProfile = serde_json::from_value(serde_json::json!({
        "file": "a.csv", "rows": 3, "separator": ",", "header": true, "encoding": "UTF-8", "warnings": [],
        "columns": [{"name": "amount", "kind": "number", "missing": 0, "distinct": 3, "min": 1, "max": 3, "examples": ["1"]}]
    }))
    .unwrap();
    let analysis = analyse(&goal, Some(&table));
    let plan = build(&goal, &analysis);
    let total = serde_json::json!({"columns": ["row_count", "present", "missing", "total"], "rows": [[3, 3, 0, 6]]});
    let findings = Findings::read(
        &plan,
        &analysis,
        &BTreeMap::from([("totals".to_owned(), total)]),
    );
    let paragraph = closing(&goal, &analysis, &findings, None);
    let late = "spread: the tool did not answer within 30000 ms, 3 attempts were made".to_owned();
    let answer = answer(
        &goal,
        &analysis,
        &findings,
        &paragraph,
        &[],
        std::slice::from_ref(&late),
    );
    assert!(answer.gaps.contains(&late), "{:?}", answer.gaps);
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.starts_with("b.csv was not used"))
    );
    let evidence = findings.evidence(&goal, &analysis, TextKind::Report, plan.points.clone());
    let ground = Ground::new(goal.text(), &[], Vec::new());
    let judged = assess(&answer.answer, &evidence, &ground);
    assert_eq!(
        judged.score.dimensions.accuracy, 1.0,
        "{judged:#?}\n{}",
        answer.answer
    );
}

#[test]
fn questions_without_data_have_plans_too() {
    let goal = |text: &str| Goal::new("g", "t", text, vec![], &GoalLimits::default()).unwrap();
    for (text, intent, tasks) in [
        ("What is 17 * 23?", Intent::Arithmetic, 2),
        ("Who wrote Faust?", Intent::PlainQuestion, 1),
    ] {
        let goal = goal(text);
        let analysis = analyse(&goal, None);
        let plan = build(&goal, &analysis);
        assert_eq!((analysis.intent, plan.tasks.len()), (intent, tasks));
        plan.check(Some(&TOOLS), &PlanLimits::default()).unwrap();
    }
    let goal = goal("What is 17 * 23?");
    let analysis = analyse(&goal, None);
    let plan = build(&goal, &analysis);
    let outputs = BTreeMap::from([(
        "compute".to_owned(),
        serde_json::json!({"columns": ["result"], "rows": [[391.0]]}),
    )]);
    let findings = Findings::read(&plan, &analysis, &outputs);
    let paragraph = closing(&goal, &analysis, &findings, None);
    assert_eq!(paragraph.text, "17 * 23 is 391.");
    let evidence = findings.evidence(
        &goal,
        &analysis,
        TextKind::Paragraph,
        writing::paragraph_points(&analysis, &findings),
    );
    let ground = Ground::new(goal.text(), &[], Vec::new());
    let evidence = Evidence {
        passages: vec!["17 * 23".to_owned()],
        ..evidence
    };
    let judged = assess(&paragraph.text, &evidence, &ground);
    assert!(judged.verdict.passes(), "{judged:#?}");
    let wrong = assess("17 * 23 is 392.", &evidence, &ground);
    assert!(!wrong.verdict.passes());
}

#[test]
fn the_models_pick_counts_only_where_the_rules_leave_room() {
    let folder = Folder::new();
    let path = folder.0.join("data.csv");
    std::fs::write(
        &path,
        "day,shop,kind,alpha,beta\n2025-01-01,a,x,1,2\n2025-01-02,b,y,3,4\n2025-01-03,a,y,3,4\n",
    )
    .unwrap();
    let space = Space::of(&path, &folder.0.join("out"));
    let profile = call(
        &toolbox(),
        &space,
        "profile_table",
        "k",
        &serde_json::json!({}),
    );
    let table: TableProfile = serde_json::from_value(profile.value).unwrap();
    let goal = |text: &str| {
        Goal::new(
            "g",
            "t",
            text,
            vec!["data.csv".into()],
            &GoalLimits::default(),
        )
        .unwrap()
    };
    let open = goal("Look at this");
    let analysis = analyse(&open, Some(&table));
    let asked = question(&open, &table, &analysis).unwrap();
    assert_eq!(
        asked.schema["properties"]["measure"]["enum"],
        serde_json::json!(["alpha", "beta", "none"])
    );
    let cases = [
        (
            &open,
            r#"{"intent":"analyse_table","date":"day","measure":"beta","category":"kind"}"#,
            "beta",
        ),
        (&open, r#"Sure! {"measure":"beta"} "#, "beta"),
        (&open, r#"{"measure":"shop"}"#, "alpha"),
        (&open, r#"{"measure":"no such"}"#, "alpha"),
        (&open, "nonsense", "alpha"),
        (&open, "{", "alpha"),
    ];
    for (goal, model, expected) in cases {
        let merged = merge(goal, &table, &analysis, model);
        assert_eq!(merged.measure.as_deref(), Some(expected), "{model}");
        build(goal, &merged)
            .check(Some(&TOOLS), &PlanLimits::default())
            .unwrap();
    }
    let named = goal("total alpha per shop");
    let analysis = analyse(&named, Some(&table));
    let merged = merge(
        &named,
        &table,
        &analysis,
        r#"{"date":"day","measure":"beta","category":"kind"}"#,
    );
    assert_eq!(
        (
            merged.measure.as_deref(),
            merged.categories.first().map(String::as_str)
        ),
        (Some("alpha"), Some("shop"))
    );
}
