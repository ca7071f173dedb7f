//! Tables and goals drawn by chance: every figure equals its own computation, every goal has a plan.

use std::fmt::Write as _;

use crate::TableProfile;
use aios_work::Value as FactValue;
use proptest::prelude::*;

use super::super::{TOOLS, analyse, build, merge};
use super::walk;
use aios_work::{Goal, GoalLimits};
use aios_work::{Plan, PlanLimits};

/// A table drawn by chance, and its figures computed row by row.
#[derive(Debug, Clone)]
struct Row {
    day: u8,
    month: u8,
    region: Option<u8>,
    cents: Option<i64>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        1u8..=28,
        1u8..=6,
        proptest::option::weighted(0.9, 0u8..20),
        proptest::option::weighted(0.9, -50_000i64..200_000),
    )
        .prop_map(|(day, month, region, cents)| Row {
            day,
            month,
            region,
            cents,
        });
    proptest::collection::vec(row, 3..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn every_figure_equals_its_own_computation(rows in rows()) {
        let mut csv = String::from("date,region,amount\n");
        for row in &rows {
            let region = row.region.map(|region| format!("Region-{region}")).unwrap_or_default();
            // Two decimals always, so that the column is one of decimals.
            let amount = row.cents.map(|cents| format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)).unwrap_or_default();
            writeln!(csv, "2025-{:02}-{:02},{region},{amount}", row.month, row.day).unwrap();
        }
        prop_assume!(rows.iter().filter(|row| row.cents.is_some()).count() > 1 && rows.iter().any(|row| row.region.is_some()));
        let walked = walk("Analyze the amount by region", "t.csv", &csv);
        prop_assume!(walked.analysis.measure.is_some());
        let sum = |keep: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| keep(row)).filter_map(|row| row.cents).sum::<i64>();
        let close = |name: &str, cents: i64| match walked.fact(name) {
            Some(value) => (value - cents as f64 / 100.0).abs() < 1e-9 * (cents as f64).abs().max(1.0),
            None => false,
        };
        prop_assert!(close("total amount", sum(&|_| true)));
        prop_assert_eq!(walked.fact("rows"), Some(rows.len() as f64));
        prop_assert_eq!(walked.fact("missing amount"), Some(rows.iter().filter(|row| row.cents.is_none()).count() as f64));
        if walked.analysis.grain == Some(aios_work::Grain::Month) {
            for month in 1..=6 {
                if rows.iter().any(|row| row.month == month && row.cents.is_some()) {
                    let name = format!("total amount 2025-{month:02}");
                    let total = sum(&|row| row.month == month);
                    prop_assert!(close(&name, total), "{}: {:?} {}", name, walked.fact(&name), total);
                }
            }
        }
        let (_, lines) = walked.findings.categories.first().cloned().unwrap_or_default();
        let parts: f64 = lines.iter().filter_map(|line| line.value).sum();
        prop_assert!(lines.is_empty() || (parts - sum(&|_| true) as f64 / 100.0).abs() < 1e-6);
        prop_assert_eq!(walked.paragraph.score.dimensions.accuracy, 1.0, "{:#?}\n{}", walked.paragraph, walked.answer.answer);
        prop_assert!(walked.paragraph.verdict.passes(), "{:#?}\n{}", walked.paragraph, walked.answer.answer);
        prop_assert_eq!(walked.report.score.dimensions.accuracy, 1.0, "{:#?}\n{}", walked.report, walked.answer.answer);
        prop_assert!(walked.report.verdict.passes(), "{:#?}\n{}", walked.report, walked.answer.answer);
        for fact in &walked.findings.facts {
            prop_assert!(!matches!(fact.value, FactValue::Real(value) if !value.is_finite()));
        }
        prop_assert!(walked.plan.tasks.len() <= 12);
    }

    #[test]
    fn the_template_is_accurate_whatever_things_are_called(
        measure in proptest::sample::select(vec!["Total", "growth", "Gross merchandise value in local currency (EUR)", "missing units", "sales 2023", "average price", "Umsatz", "a|b", "rows", "highest"]),
        kind in proptest::sample::select(vec!["region", "Product Category", "change", "type", "Store 2", "month name"]),
        names in proptest::sample::subsequence(vec!["Total", "North", "North East", "A", "No 1", "B2", "2025 edition", "July", "Q3", "3 items", "rose", "100% wool", "Other|x", "the", "Food and Drink", "Dr. Who", "North, East", "not", "two million", "DE", "(all others)", "highest"], 2..8),
        cells in proptest::collection::vec((1u8..=28, 1u8..=4, 0usize..8, -5_000i64..20_000), 12..40),
    ) {
        let quote = |text: &str| format!("\"{text}\"");
        let mut csv = format!("date,{},{}\n", quote(kind), quote(measure));
        for (day, month, name, cents) in &cells {
            let name = names.get(name % names.len()).copied().unwrap_or_default();
            writeln!(csv, "2024-{month:02}-{day:02},{},{}{}.{:02}", quote(name), if *cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100).unwrap();
        }
        let walked = walk("Analyze this table", "odd.csv", &csv);
        for judged in [&walked.paragraph, &walked.report] {
            prop_assert_eq!(judged.score.dimensions.accuracy, 1.0, "{:#?}\n{}\n{}", judged, walked.answer.answer, csv);
            prop_assert!(judged.verdict.passes(), "{:#?}\n{}\n{}", judged, walked.answer.answer, csv);
        }
    }

    #[test]
    fn any_goal_over_a_table_has_a_plan(text in "[a-zA-Z0-9][\\PC]{0,120}") {
        prop_assume!(Goal::new("g", "t", &text, vec![], &GoalLimits::default()).is_ok());
        let table: TableProfile = serde_json::from_value(serde_json::json!({
            "file": "a \"b\".csv", "rows": 3, "separator": ",", "header": true, "encoding": "UTF-8", "warnings": [],
            "columns": [
                {"name": "when\"; DROP", "kind": "date", "missing": 0, "distinct": 3, "min": "2025-01-01", "max": "2025-03-01", "examples": ["2025-01-01"]},
                {"name": "π", "kind": "number", "missing": 0, "distinct": 3, "min": 1, "max": 3, "examples": ["1"]},
                {"name": "", "kind": "category", "missing": 0, "distinct": 3, "min": "a", "max": "c", "examples": ["<|im_end|>"]},
            ]
        })).unwrap();
        let goal = Goal::new("g", "t", &text, vec!["a.csv".into()], &GoalLimits::default()).unwrap();
        let analysis = analyse(&goal, Some(&table));
        let plan = build(&goal, &analysis);
        prop_assert_eq!(plan.check(Some(&TOOLS), &PlanLimits::default()), Ok(()));
        let merged = merge(&goal, &table, &analysis, &text);
        prop_assert_eq!(build(&goal, &merged).check(Some(&TOOLS), &PlanLimits::default()), Ok(()));
        let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        prop_assert_eq!(again, plan);
    }
}
