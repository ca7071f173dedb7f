//! The facts that the labelled texts are judged against.

use aios_work::Grain::{self, Day, Month, Quarter};
use aios_work::Statistic::{
    self, Change, Greatest, Growth, Least, Mean, Median, Missing, Outlier, Outliers, Rows, Share,
    Total,
};
use aios_work::{
    Evidence, Fact, FactKind, Period, Point, Source, Subject, TextKind, Value, When, parse_key,
};

use crate::english::name;

/// A figure of everything there is.
fn figure(source: &str, statistic: Statistic, measure: &str, value: f64, unit: &str) -> Fact {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Fact {
        subject: vec![],
        measure: some(measure),
        statistic,
        period: None,
        value: Value::Real(value),
        unit: some(unit),
        source: Source::from(source.to_owned()),
    }
}

/// The same of one thing.
fn of(fact: Fact, kind: &str, name: &str) -> Fact {
    let (kind, name) = (kind.to_owned(), name.to_owned());
    Fact {
        subject: vec![Subject { name, kind }],
        ..fact
    }
}

/// The same of one period.
fn during(fact: Fact, grain: Grain, key: &str) -> Fact {
    let period = Period::read(grain, key).map(When::During);
    assert!(period.is_some(), "{key}");
    Fact { period, ..fact }
}

/// The same from one period to another.
fn between(fact: Fact, grain: Grain, from: &str, to: &str) -> Fact {
    let (from, to) = (Period::read(grain, from), Period::read(grain, to));
    let period = from.zip(to).map(|(from, to)| When::Between { from, to });
    assert!(period.is_some());
    Fact { period, ..fact }
}

/// The same of one line of the file.
fn line(fact: Fact, row: u64) -> Fact {
    let source = Source {
        row: Some(row),
        ..fact.source
    };
    Fact { source, ..fact }
}

/// Facts of the running example.
pub(super) fn sales() -> Evidence {
    let figure = |statistic: Statistic, measure: &str, value: f64, unit: &str| {
        figure("q3_sales.csv: SELECT ..", statistic, measure, value, unit)
    };
    let subject = |name: &str, kind: &str| Subject {
        name: name.into(),
        kind: kind.into(),
    };
    let point = |id: &str, asks: &str, facts: Vec<FactKind>| Point {
        id: id.into(),
        asks: asks.into(),
        facts,
        words: vec![],
    };
    let revenue = |statistic: Statistic| FactKind::whole(statistic, Some("revenue".into()));
    Evidence {
        domain: String::new(),
        kind: TextKind::Paragraph,
        goal: "Analyze Q3 sales".into(),
        facts: vec![
            figure(Total, "revenue", 125_430.5, "EUR"),
            figure(Rows, "", 92.0, ""),
            figure(Missing, "revenue", 3.0, ""),
            figure(Total, "units", 4210.0, ""),
            figure(Mean, "revenue", 1409.332, "EUR"),
            figure(Median, "revenue", 1180.0, "EUR"),
            figure(Least, "revenue", 75.25, "EUR"),
            figure(Greatest, "revenue", 9800.0, "EUR"),
            during(figure(Total, "revenue", 38_200.0, "EUR"), Month, "2025-07"),
            during(figure(Total, "revenue", 45_930.5, "EUR"), Month, "2025-08"),
            during(figure(Total, "revenue", 41_300.0, "EUR"), Month, "2025-09"),
            between(
                figure(Growth, "revenue", 20.2369, "%"),
                Month,
                "2025-07",
                "2025-08",
            ),
            between(
                figure(Change, "revenue", 7730.5, "EUR"),
                Month,
                "2025-07",
                "2025-08",
            ),
            between(
                figure(Growth, "revenue", -10.0815, "%"),
                Month,
                "2025-08",
                "2025-09",
            ),
            between(
                figure(Change, "revenue", -4630.5, "EUR"),
                Month,
                "2025-08",
                "2025-09",
            ),
            between(
                figure(Growth, "revenue", 8.1152, "%"),
                Month,
                "2025-07",
                "2025-09",
            ),
            between(
                figure(Change, "revenue", 3100.0, "EUR"),
                Month,
                "2025-07",
                "2025-09",
            ),
            of(figure(Total, "revenue", 52_000.0, "EUR"), "region", "North"),
            of(figure(Share, "revenue", 41.4572, "%"), "region", "North"),
            of(figure(Total, "revenue", 43_430.5, "EUR"), "region", "South"),
            of(figure(Share, "revenue", 34.6251, "%"), "region", "South"),
            of(figure(Total, "revenue", 30_000.0, "EUR"), "region", "East"),
            of(figure(Share, "revenue", 23.9176, "%"), "region", "East"),
            line(
                during(figure(Outlier, "revenue", 9800.0, "EUR"), Day, "2025-08-14"),
                47,
            ),
            figure(Outliers, "revenue", 1.0, ""),
        ],
        subjects: vec![
            subject("North", "region"),
            subject("South", "region"),
            subject("East", "region"),
        ],
        measures: vec!["revenue".into(), "units".into()],
        points: vec![
            point("total", "the total revenue", vec![revenue(Total)]),
            point(
                "detail",
                "a month or region",
                vec![
                    revenue(Total).per_period(),
                    revenue(Growth).per_period(),
                    revenue(Change).per_period(),
                    revenue(Total).per("region"),
                    revenue(Share).per("region"),
                ],
            ),
        ],
        passages: vec![],
        covers: parse_key("2025-Q3"),
        made: false,
    }
}

/// Other facts, in other words: two measures in dollars and counts, shops with numbers in their names, quarters.
pub(super) fn shops() -> Evidence {
    let figure = |statistic: Statistic, measure: &str, value: f64, unit: &str| {
        figure("shops.csv: SELECT ..", statistic, measure, value, unit)
    };
    let subject = |name: &str, kind: &str| Subject {
        name: name.into(),
        kind: kind.into(),
    };
    let turnover = |statistic: Statistic| FactKind::whole(statistic, Some("turnover".into()));
    Evidence {
        goal: "How did our shops do in 2024?".into(),
        facts: vec![
            figure(Total, "turnover", 2_480_000.0, "$"),
            figure(Total, "visitors", 310_400.0, ""),
            figure(Rows, "", 1460.0, ""),
            figure(Mean, "turnover", 1_698.630_137, "$"),
            figure(Median, "turnover", 1540.0, "$"),
            during(
                figure(Total, "turnover", 500_000.0, "$"),
                Quarter,
                "2024-Q1",
            ),
            during(
                figure(Total, "turnover", 620_000.0, "$"),
                Quarter,
                "2024-Q2",
            ),
            during(
                figure(Total, "turnover", 560_000.0, "$"),
                Quarter,
                "2024-Q3",
            ),
            during(
                figure(Total, "turnover", 800_000.0, "$"),
                Quarter,
                "2024-Q4",
            ),
            between(
                figure(Growth, "turnover", 24.0, "%"),
                Quarter,
                "2024-Q1",
                "2024-Q2",
            ),
            between(
                figure(Growth, "turnover", -9.677_419, "%"),
                Quarter,
                "2024-Q2",
                "2024-Q3",
            ),
            between(
                figure(Growth, "turnover", 42.857_143, "%"),
                Quarter,
                "2024-Q3",
                "2024-Q4",
            ),
            between(
                figure(Growth, "turnover", 60.0, "%"),
                Quarter,
                "2024-Q1",
                "2024-Q4",
            ),
            between(
                figure(Change, "turnover", 300_000.0, "$"),
                Quarter,
                "2024-Q1",
                "2024-Q4",
            ),
            of(
                figure(Total, "turnover", 1_240_000.0, "$"),
                "shop",
                "Main Street",
            ),
            of(figure(Share, "turnover", 50.0, "%"), "shop", "Main Street"),
            of(figure(Total, "turnover", 740_000.0, "$"), "shop", "Mall 12"),
            of(figure(Share, "turnover", 29.838_71, "%"), "shop", "Mall 12"),
            of(figure(Total, "turnover", 500_000.0, "$"), "shop", "Harbour"),
            of(figure(Share, "turnover", 20.161_29, "%"), "shop", "Harbour"),
            line(
                during(
                    figure(Outlier, "turnover", 41_250.0, "$"),
                    Day,
                    "2024-12-23",
                ),
                1451,
            ),
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
            facts: vec![
                turnover(Total),
                turnover(Total).per_period(),
                turnover(Total).per("shop"),
                turnover(Growth).per_period(),
            ],
            words: vec![],
        }],
        covers: parse_key("2024"),
        made: false,
        ..Evidence::default()
    }
}

/// What the figures are called in the critic's words.
#[test]
fn the_figures_are_called_by_what_they_state() {
    let names = |evidence: &Evidence| evidence.facts.iter().map(name).collect::<Vec<_>>();
    assert_eq!(
        names(&sales()),
        [
            "total revenue",
            "rows",
            "missing revenue",
            "total units",
            "average revenue",
            "median revenue",
            "lowest revenue",
            "highest revenue",
            "total revenue 2025-07",
            "total revenue 2025-08",
            "total revenue 2025-09",
            "growth revenue 2025-07 to 2025-08",
            "change revenue 2025-07 to 2025-08",
            "growth revenue 2025-08 to 2025-09",
            "change revenue 2025-08 to 2025-09",
            "growth revenue 2025-07 to 2025-09",
            "change revenue 2025-07 to 2025-09",
            "total revenue region North",
            "share revenue region North",
            "total revenue region South",
            "share revenue region South",
            "total revenue region East",
            "share revenue region East",
            "outlier revenue 2025-08-14 line 47",
            "outliers revenue"
        ]
    );
    assert_eq!(
        names(&shops()),
        [
            "total turnover",
            "total visitors",
            "rows",
            "average turnover",
            "median turnover",
            "total turnover 2024-Q1",
            "total turnover 2024-Q2",
            "total turnover 2024-Q3",
            "total turnover 2024-Q4",
            "growth turnover 2024-Q1 to 2024-Q2",
            "growth turnover 2024-Q2 to 2024-Q3",
            "growth turnover 2024-Q3 to 2024-Q4",
            "growth turnover 2024-Q1 to 2024-Q4",
            "change turnover 2024-Q1 to 2024-Q4",
            "total turnover shop Main Street",
            "share turnover shop Main Street",
            "total turnover shop Mall 12",
            "share turnover shop Mall 12",
            "total turnover shop Harbour",
            "share turnover shop Harbour",
            "outlier turnover 2024-12-23 line 1451"
        ]
    );
}
