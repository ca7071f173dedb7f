//! Labelled texts: what the critic must let pass and what it must stop, and how often it is right.

use aios_tools::{Fact, Value};

use super::{Evidence, Subject, TextKind, assess};
use crate::macro_tier::period::parse_key;
use crate::macro_tier::plan::Point;

/// Facts of the running example.
fn sales() -> Evidence {
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
        subjects: vec![subject("North", "region"), subject("South", "region"), subject("East", "region")],
        measures: vec!["revenue".into(), "units".into()],
        points: vec![
            point("total", "the total revenue", &["total revenue"]),
            point("detail", "a month or region", &["total revenue 2*", "growth revenue *", "change revenue *", "total revenue region *", "share revenue *"]),
        ],
        passages: vec![],
        covers: parse_key("2025-Q3"),
    }
}

/// Texts that may leave.
const GOOD: [&str; 26] = [
    "Total revenue in Q3 2025 was 125,430.50 EUR. Revenue rose by 20.2% from July to August and fell by 10.1% from August to September.",
    "Total revenue is 125,430.50 EUR. The highest month is 2025-08 with 45,930.50 EUR, the lowest month is 2025-07 with 38,200 EUR.",
    "Revenue came to about 125,000 EUR in the third quarter. North was the strongest region with 52,000 EUR, a share of 41.5%.",
    "The total revenue was 125.4k EUR. North earned 52,000 EUR, South 43,430.50 EUR and East 30,000 EUR.",
    "North, South and East earned 52,000, 43,430.50 and 30,000 EUR respectively. Total revenue was 125,430.50 EUR.",
    "Total revenue was 125,430.5 EUR. In July, August and September it was 38,200, 45,930.5 and 41,300 EUR.",
    "Overall, revenue was €125,430.50. August brought €45,930.50, the best month of the quarter.",
    "Total revenue was 125,430.50 EUR with North at 52,000 EUR. East was the weakest region at 30,000 EUR.",
    "The quarter closed with total revenue of 125,430.50 EUR. Revenue grew 8.1% from July to September.",
    "Total revenue was 125,430.50 EUR over 92 rows. Three cells had no value. August was the strongest month with 45,930.50 EUR.",
    "Total revenue reached 125,430.50 EUR. The average revenue of a row was 1,409.33 EUR and the median 1,180 EUR. North contributed 41%.",
    "Total revenue was 125,430.50 EUR. One outlier stands out: 9,800 EUR on 2025-08-14 (line 47). North led with 52,000 EUR.",
    "Total revenue was 125,430.50 EUR and 4,210 units were sold. Revenue fell by 4,630.50 EUR from August to September.",
    "Revenue rose from 38,200 EUR in July to 45,930.50 EUR in August. It then fell to 41,300 EUR in September, for a total of 125,430.50 EUR.",
    "The total for the quarter is 125,431 EUR. After a rise of 20% in August, revenue declined by 10% in September.",
    "Total revenue was 125,430.50 EUR. About 24% of the revenue came from East.",
    "In total, revenue was 125,430.50 EUR. The North region had a 41.5% share, followed by the South with 34.6% and the East with 23.9%.",
    "Sales in the quarter brought a total revenue of 125,430.50 EUR. The change from July to August was +7,730.50 EUR, an increase of 20.2%.",
    "Total revenue: 125,430.50 EUR. Region North has the highest total revenue with 52,000 EUR, a share of 41.5%.",
    "Total revenue was 125,430.50 EUR. Revenue per row ranged between 75.25 EUR and 9,800 EUR. August was the best month.\nJuly was the weakest month at 38,200 EUR.",
    "The regions together earned a total of 125,430.50 EUR. South earned 43,430.50 EUR, while East earned 30,000 EUR.",
    "Total revenue was 0.125 million EUR. August was 20.2% higher than July.",
    "Total revenue was 125,430.50 euros. Growth was 20.2% in August and -10.1% in September.",
    "Total revenue was 125,430.50 EUR; North (52,000 EUR) was ahead of South (43,430.50 EUR) and East (30,000 EUR).",
    "Revenue totalled 125,430.50 EUR. From August to September it dropped by 10.1%, or 4,630.50 EUR.",
    "The total revenue is 125,430.50 EUR. 52,000 EUR came from North and 43,430.50 EUR from South.",
];

/// Texts that must not leave, with what is wrong with them.
const BAD: [(&str, &str); 42] = [
    ("wrong number", "Total revenue was 135,430.50 EUR. North earned 52,000 EUR."),
    ("wrong number", "Total revenue was 125,430.50 EUR. Revenue rose by 25.3% from July to August."),
    ("wrong rounding", "Total revenue was 125,430.50 EUR. Revenue rose by 21% from July to August."),
    ("wrong number", "Total revenue was 125,430.50 EUR. The median revenue was 1,409.33 EUR. North led."),
    ("wrong number", "Total revenue was 125,430.50 EUR. August brought 45,390.50 EUR."),
    ("wrong magnitude", "Total revenue was 125.4 million EUR. North earned 52,000 EUR."),
    ("wrong magnitude", "Total revenue was 12,543.05 EUR. North earned 52,000 EUR."),
    ("wrong unit", "Total revenue was $125,430.50. North earned $52,000."),
    ("wrong unit", "Total revenue was 125,430.50 EUR. North earned 52,000 kg."),
    ("wrong unit", "Total revenue was 125,430.50 EUR. Revenue rose by 20.2 EUR from July to August."),
    ("wrong unit", "Total revenue was 125,430.50 EUR. North earned 52,000%."),
    ("swapped category", "Total revenue was 125,430.50 EUR. North earned 43,430.50 EUR and South 52,000 EUR."),
    ("swapped category", "Total revenue was 125,430.50 EUR. East (52,000 EUR) was ahead of North (30,000 EUR)."),
    ("swapped category", "South, North and East earned 52,000, 43,430.50 and 30,000 EUR respectively. Total revenue was 125,430.50 EUR."),
    ("swapped category", "Total revenue was 125,430.50 EUR. 30,000 EUR came from North."),
    ("swapped period", "Total revenue was 125,430.50 EUR. July was at 45,930.50 EUR and August at 38,200 EUR."),
    ("swapped period", "Total revenue was 125,430.50 EUR. Revenue rose by 20.2% from August to September."),
    ("part for the whole", "Total revenue was 52,000 EUR. North led the regions."),
    ("whole for a part", "Total revenue was 125,430.50 EUR. North earned 125,430.50 EUR."),
    ("wrong leader", "Total revenue was 125,430.50 EUR. East was the strongest region."),
    ("wrong leader", "Total revenue was 125,430.50 EUR with 45,930.50 EUR in August. July was the best month."),
    ("wrong direction", "Total revenue was 125,430.50 EUR. Revenue fell by 20.2% from July to August."),
    ("wrong direction", "Total revenue was 125,430.50 EUR. Revenue rose by 10.1% from August to September."),
    ("wrong direction", "Total revenue was 125,430.50 EUR. Revenue fell in August, then recovered to 41,300 EUR in September."),
    ("wrong direction", "Total revenue was 125,430.50 EUR. Growth was 10.1% in September."),
    ("invented number", "Total revenue was 125,430.50 EUR. Profit was 18,250 EUR, and North earned 52,000 EUR."),
    ("invented number", "Total revenue was 125,430.50 EUR. North earned 52,000 EUR, and 1,250 customers bought twice."),
    ("invented ratio", "Total revenue was 125,430.50 EUR. Revenue doubled in August."),
    ("invented in words", "Total revenue was 125,430.50 EUR. Around forty-five percent of it came from South."),
    ("invented period", "Total revenue was 125,430.50 EUR. In October 2025 North earned 52,000 EUR."),
    ("invented year", "Total revenue was 125,430.50 EUR in 2023. North earned 52,000 EUR."),
    ("off topic", "The capital of France is Paris, a city on the Seine that is known for its museums and its food."),
    ("off topic", "Machine learning is a field of computer science. It studies how programs improve with experience."),
    ("truncated", "Total revenue was 125,430.50 EUR. North earned 52,000 EUR, while the South region and the"),
    ("truncated", "Total revenue was 125,430.50 EUR. Revenue rose by 20.2% from July to August because (as"),
    ("empty", ""),
    ("empty", "  ...  "),
    ("repetitive", "Total revenue was 125,430.50 EUR. North earned 52,000 EUR. North earned 52,000 EUR. North earned 52,000 EUR."),
    ("repetitive", "Total revenue was 125,430.50 EUR EUR EUR EUR EUR EUR. North earned 52,000 EUR."),
    ("hype", "Total revenue skyrocketed to an incredible 125,430.50 EUR! North absolutely crushed it with 52,000 EUR!"),
    ("chatter", "Sure! Here is the summary you asked for. I think total revenue was 125,430.50 EUR and North earned 52,000 EUR. I hope this helps!"),
    ("apology", "I am sorry, but as an AI language model I cannot analyse the sales. Total revenue was 125,430.50 EUR and North earned 52,000 EUR."),
];

#[test]
fn the_critic_is_measured_on_labelled_texts() {
    let evidence = sales();
    let (mut caught, mut missed, mut held, mut passed) = (0u32, Vec::new(), Vec::new(), 0u32);
    for (label, text) in BAD {
        if assess(text, &evidence, None).verdict.passes() {
            missed.push(format!("{label}: {text}"));
        } else {
            caught += 1;
        }
    }
    for text in GOOD {
        let judged = assess(text, &evidence, None);
        if judged.verdict.passes() {
            passed += 1;
        } else {
            held.push(format!("{text}\n    {:?} {:?}", judged.score, judged.issues));
        }
    }
    let held_count = u32::try_from(held.len()).unwrap();
    let precision = f64::from(caught) / f64::from(caught + held_count);
    let recall = f64::from(caught) / f64::from(u32::try_from(BAD.len()).unwrap());
    // The floor: nothing on this list may slip through, and no sound text may be held.
    assert!(
        precision >= 1.0 && recall >= 1.0,
        "precision {precision:.3}, recall {recall:.3}, passed {passed} of {}\nmissed:\n  {}\nheld:\n  {}",
        GOOD.len(),
        missed.join("\n  "),
        held.join("\n  ")
    );
}

#[test]
fn a_contradicted_number_is_never_approved_whatever_the_mean() {
    let judged = assess("Total revenue was 125,430.50 EUR. North earned 52,000 EUR, South 43,430.50 EUR and East 30,001 EUR.", &sales(), None);
    assert!(judged.score.overall > super::PASS, "{judged:?}");
    assert_eq!(judged.verdict, super::Verdict::NeedsRevision);
    assert!(judged.feedback().contains("total revenue region East is 30,000 EUR"), "{}", judged.feedback());
}

#[test]
fn an_issue_says_where_and_what_to_do() {
    let judged = assess("Total revenue was 125,430.50 EUR. South earned 52,000 EUR.", &sales(), None);
    let issue = &judged.issues[0];
    assert_eq!(issue.location.as_deref(), Some("South earned 52,000 EUR."));
    assert_eq!(issue.description, "52,000 EUR contradicts the data");
    assert_eq!(issue.suggestion, "total revenue region South is 43,430.50 EUR (52,000 EUR is total revenue region North)");
}

#[test]
fn embeddings_lift_relevance_but_a_stray_text_stays_low() {
    let evidence = sales();
    let astray = "Paris lies on the Seine and has many museums.";
    let far = assess(astray, &evidence, Some((&[1.0, 0.0], &[0.0, 1.0])));
    let near = assess(astray, &evidence, Some((&[1.0, 0.0], &[1.0, 0.0])));
    assert!(far.score.dimensions.relevance < 0.2 && near.score.dimensions.relevance <= 0.5 && !near.verdict.passes());
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_text_is_judged_within_bounds(text in "(North|South|[0-9]{1,6}|rose|fell|%| EUR|July|2025|Q3|, | and |\\. |total|\\PC){0,60}") {
            let judged = assess(&text, &sales(), None);
            let d = judged.score.dimensions;
            for value in [judged.score.overall, d.relevance, d.clarity, d.accuracy, d.completeness, d.tone] {
                prop_assert!((0.0..=1.0).contains(&value), "{value}");
            }
            prop_assert!(judged.supported <= judged.claims);
            let round: super::super::Assessment = serde_json::from_str(&serde_json::to_string(&judged).unwrap()).unwrap();
            prop_assert_eq!(round.verdict, judged.verdict);
        }
    }
}
