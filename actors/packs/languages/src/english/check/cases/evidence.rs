//! The facts that the labelled texts are judged against.

use aios_work::{Fact, Value};

use aios_work::Point;
use aios_work::parse_key;
use aios_work::{Evidence, Subject, TextKind};

/// Facts of the running example.
pub(super) fn sales() -> Evidence {
    let fact = |name: &str, value: f64, unit: &str| Fact {
        name: name.into(),
        value: Value::Real(value),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        source: "q3_sales.csv: SELECT ..".into(),
    };
    let subject = |name: &str, kind: &str| Subject {
        name: name.into(),
        kind: kind.into(),
    };
    let point = |id: &str, asks: &str, facts: &[&str]| Point {
        id: id.into(),
        asks: asks.into(),
        facts: facts.iter().map(|fact| (*fact).to_owned()).collect(),
        words: vec![],
    };
    Evidence {
        domain: String::new(),
        kind: TextKind::Paragraph,
        goal: "Analyze Q3 sales".into(),
        facts: vec![
            fact("total revenue", 125_430.5, "EUR"),
            fact("rows", 92.0, ""),
            fact("missing revenue", 3.0, ""),
            fact("total units", 4210.0, ""),
            fact("average revenue", 1409.332, "EUR"),
            fact("median revenue", 1180.0, "EUR"),
            fact("lowest revenue", 75.25, "EUR"),
            fact("highest revenue", 9800.0, "EUR"),
            fact("total revenue 2025-07", 38_200.0, "EUR"),
            fact("total revenue 2025-08", 45_930.5, "EUR"),
            fact("total revenue 2025-09", 41_300.0, "EUR"),
            fact("growth revenue 2025-07 to 2025-08", 20.2369, "%"),
            fact("change revenue 2025-07 to 2025-08", 7730.5, "EUR"),
            fact("growth revenue 2025-08 to 2025-09", -10.0815, "%"),
            fact("change revenue 2025-08 to 2025-09", -4630.5, "EUR"),
            fact("growth revenue 2025-07 to 2025-09", 8.1152, "%"),
            fact("change revenue 2025-07 to 2025-09", 3100.0, "EUR"),
            fact("total revenue region North", 52_000.0, "EUR"),
            fact("share revenue region North", 41.4572, "%"),
            fact("total revenue region South", 43_430.5, "EUR"),
            fact("share revenue region South", 34.6251, "%"),
            fact("total revenue region East", 30_000.0, "EUR"),
            fact("share revenue region East", 23.9176, "%"),
            fact("outlier revenue 2025-08-14 line 47", 9800.0, "EUR"),
            fact("outliers revenue", 1.0, ""),
        ],
        subjects: vec![
            subject("North", "region"),
            subject("South", "region"),
            subject("East", "region"),
        ],
        measures: vec!["revenue".into(), "units".into()],
        points: vec![
            point("total", "the total revenue", &["total revenue"]),
            point(
                "detail",
                "a month or region",
                &[
                    "total revenue 2*",
                    "growth revenue *",
                    "change revenue *",
                    "total revenue region *",
                    "share revenue *",
                ],
            ),
        ],
        passages: vec![],
        covers: parse_key("2025-Q3"),
    }
}

/// Other facts, in other words: two measures in dollars and counts, shops with numbers in their names, quarters.
pub(super) fn shops() -> Evidence {
    let fact = |name: &str, value: f64, unit: &str| Fact {
        name: name.into(),
        value: Value::Real(value),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        source: "shops.csv: SELECT ..".into(),
    };
    let subject = |name: &str, kind: &str| Subject {
        name: name.into(),
        kind: kind.into(),
    };
    Evidence {
        goal: "How did our shops do in 2024?".into(),
        facts: vec![
            fact("total turnover", 2_480_000.0, "$"),
            fact("total visitors", 310_400.0, ""),
            fact("rows", 1460.0, ""),
            fact("average turnover", 1_698.630_137, "$"),
            fact("median turnover", 1540.0, "$"),
            fact("total turnover 2024-Q1", 500_000.0, "$"),
            fact("total turnover 2024-Q2", 620_000.0, "$"),
            fact("total turnover 2024-Q3", 560_000.0, "$"),
            fact("total turnover 2024-Q4", 800_000.0, "$"),
            fact("growth turnover 2024-Q1 to 2024-Q2", 24.0, "%"),
            fact("growth turnover 2024-Q2 to 2024-Q3", -9.677_419, "%"),
            fact("growth turnover 2024-Q3 to 2024-Q4", 42.857_143, "%"),
            fact("growth turnover 2024-Q1 to 2024-Q4", 60.0, "%"),
            fact("change turnover 2024-Q1 to 2024-Q4", 300_000.0, "$"),
            fact("total turnover shop Main Street", 1_240_000.0, "$"),
            fact("share turnover shop Main Street", 50.0, "%"),
            fact("total turnover shop Mall 12", 740_000.0, "$"),
            fact("share turnover shop Mall 12", 29.838_71, "%"),
            fact("total turnover shop Harbour", 500_000.0, "$"),
            fact("share turnover shop Harbour", 20.161_29, "%"),
            fact("outlier turnover 2024-12-23 line 1451", 41_250.0, "$"),
        ],
        subjects: vec![
            subject("Main Street", "shop"),
            subject("Mall 12", "shop"),
            subject("Harbour", "shop"),
        ],
        measures: vec!["turnover".into(), "visitors".into()],
        points: vec![Point {
            id: "total".into(),
            asks: "the total turnover".into(),
            facts: vec!["total turnover*".into(), "growth turnover *".into()],
            words: vec![],
        }],
        covers: parse_key("2024"),
        ..Evidence::default()
    }
}
