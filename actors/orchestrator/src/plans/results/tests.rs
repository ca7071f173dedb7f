use std::collections::BTreeMap;

use aios_work::{Artifact, Check, GoalLimits, Judged, MadeBy, PlanFile};

use super::super::check::Figures;
use super::*;

fn plan(file: Value) -> (Goal, Plan) {
    let file = PlanFile::read(file.to_string().as_bytes()).unwrap();
    let goal = Goal::new("g", "t", &file.goal, vec![], &GoalLimits::default()).unwrap();
    (goal, file.plan("g"))
}

struct Asked {
    plan: Plan,
    results: BTreeMap<String, Value>,
    artifacts: Vec<Artifact>,
    gaps: Vec<String>,
    told: BTreeSet<String>,
}

impl Asked {
    fn so_far(&self) -> SoFar<'_> {
        SoFar {
            plan: &self.plan,
            results: &self.results,
            artifacts: &self.artifacts,
            recalled: &[],
            notes: &[],
            gaps: &self.gaps,
            told: &self.told,
        }
    }
}

fn order(results: Value) -> (Box<dyn Case>, Asked) {
    let (goal, plan) = plan(json!({
        "goal": "What do 3 pens cost?",
        "points": [{"id": "cost", "asks": "the cost of 3 pens"}],
        "tasks": [
            {"id": "find", "tool": "shop__find", "args": {}, "title": "pens in the shop"},
            {"id": "sum", "tool": "shop__sum", "args": {"of": {"$from": "find", "at": "/price"}}, "point": "cost"}
        ]
    }));
    let domain = Results::new(MadeBy::FILE, Some("scribe".to_owned()));
    let case = domain.open(&goal, &plan).unwrap();
    let results = results.as_object().unwrap().clone().into_iter().collect();
    let asked = Asked {
        plan,
        results,
        artifacts: vec![],
        gaps: vec![],
        told: BTreeSet::new(),
    };
    (case, asked)
}

fn passes(written: &Written) -> bool {
    let evidence = Evidence {
        domain: MadeBy::FILE.to_owned(),
        ..written.evidence.clone()
    };
    let work = Judged::Text {
        text: &written.answer,
        evidence: &evidence,
    };
    Figures.check(&work).unwrap().issues.is_empty()
}

#[test]
fn results_are_shown_point_by_point_and_every_number_of_theirs_is_a_fact() {
    let (case, asked) = order(
        json!({"find": {"price": 4.1667, "at": ["a", 2]}, "sum": {"cost": 12.5, "unit": "EUR"}}),
    );
    let written = case.write(&asked.so_far());
    assert_eq!(
        written.answer,
        "# What do 3 pens cost?\n\n## the cost of 3 pens\n\n| | |\n| --- | --- |\n| cost | 12.5 |\n| unit | EUR |\n\n## Further results\n\n### pens in the shop\n\n| | |\n| --- | --- |\n| price | 4.1667 |\n| at | a, 2 |\n"
    );
    assert_eq!(written.gaps, Vec::<String>::new());
    let values: Vec<String> = written
        .facts
        .iter()
        .map(|fact| fact.value.to_string())
        .collect();
    assert_eq!(values, ["4.1667", "2", "12.5"]);
    assert!(passes(&written));
}

#[test]
fn what_was_not_done_and_a_point_without_a_task_are_gaps() {
    let (case, mut asked) = order(json!({"find": {"price": 3}}));
    let written = case.write(&asked.so_far());
    assert_eq!(
        written.gaps,
        ["the cost of 3 pens: it was not done, because something it needs is missing"]
    );
    assert!(written.answer.ends_with(
        "## Gaps\n\n- the cost of 3 pens: it was not done, because something it needs is missing\n"
    ));
    assert!(passes(&written));
    asked.told.insert("sum".to_owned());
    asked.gaps.push("the cost: the shop is closed".to_owned());
    asked.plan.points[0].id = "other".to_owned();
    let written = case.write(&asked.so_far());
    assert_eq!(
        written.gaps,
        [
            "the cost: the shop is closed",
            "the cost of 3 pens: no task of the plan answers it"
        ]
    );
}

#[test]
fn a_paragraph_has_its_figures_put_in_and_one_with_figures_of_its_own_is_not_used() {
    let (_, mut asked) = order(json!({"find": {"price": 3}, "sum": {"cost": 12.5, "unit": "EUR"}}));
    let domain = Results::new(MadeBy::FILE, Some("scribe".to_owned()));
    let closing = domain.closing(&asked.plan).unwrap();
    assert_eq!(
        (closing.id.as_str(), closing.tool.as_str(), closing.prose),
        ("answer", "scribe", true)
    );
    assert_eq!(closing.after, ["find", "sum"]);
    asked.plan.tasks[0].id = "answer".to_owned();
    assert_eq!(
        domain.closing(&asked.plan).unwrap().id,
        "answer-2",
        "the name is taken"
    );
    asked.plan.tasks[0].id = "find".to_owned();
    asked.plan.tasks.push(closing.clone());
    assert_eq!(domain.closing(&asked.plan), None, "there is one");
    let goal = Goal::new(
        "g",
        "t",
        "What do 3 pens cost?",
        vec![],
        &GoalLimits::default(),
    )
    .unwrap();
    let case = domain.open(&goal, &asked.plan).unwrap();
    let args = case
        .args(&closing, &asked.so_far(), Some("say more"))
        .unwrap();
    let told = args["instruction"].as_str().unwrap();
    for line in [
        "{sum.cost} is 12.5 EUR",
        "{find.price} is 3",
        "refused: say more",
    ] {
        assert!(told.contains(line), "{told}");
    }
    for (said, used) in [
        (
            "They cost {sum.cost} in all.",
            Some("They cost 12.5 EUR in all."),
        ),
        ("They cost {sum.cost}, not 13.", None),
        ("They cost {sum.price}.", None),
    ] {
        asked.results.insert("answer".to_owned(), said.into());
        let written = case.write(&asked.so_far());
        let expected = used.unwrap_or("## the cost");
        let body = written
            .answer
            .strip_prefix("# What do 3 pens cost?\n\n")
            .unwrap();
        assert!(body.starts_with(expected), "{said}: {body}");
        assert!(passes(&written), "{said}");
        let evidence = case.prose(&closing, &asked.so_far());
        assert_eq!(
            evidence.facts, written.facts,
            "it may state what the answer may"
        );
    }
    asked.results.clear();
    assert_eq!(
        case.args(&closing, &asked.so_far(), None),
        None,
        "nothing to write about"
    );
}

#[test]
fn whatever_results_hold_the_answer_is_bounded_and_states_only_what_they_hold() {
    let values = [
        json!(null),
        json!("# 1\n| 2 | ``` <b>3</b> [4](http://5)"),
        json!(vec![json!({"n": 1, "s": "x y 7"}); 500]),
        json!({"deep": [[[[[[[[[[1, "2"]]]]]]]]]]}),
        json!(vec![1.5; 3_000]),
        json!({"": {"": 3}, "a|b": "*4*", "long": "5 ".repeat(50_000)}),
        json!({"u": u64::MAX, "f": 1e300, "neg": -0.5}),
    ];
    for value in values {
        let (case, asked) = order(json!({"find": value, "sum": value}));
        let written = case.write(&asked.so_far());
        assert!(written.answer.len() < 200_000);
        assert!(written.facts.len() <= FACTS);
        assert!(passes(&written), "{}", written.answer);
        let args = case.args(
            &Task {
                prose: true,
                ..Task::new("p", "scribe", json!({}))
            },
            &asked.so_far(),
            None,
        );
        if let Some(args) = args {
            assert!(args["instruction"].as_str().unwrap().len() < 16 << 10);
        }
    }
}
