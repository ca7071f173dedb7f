//! Labelled texts: what the critic must let pass and what it must stop, and how often it is right.

mod evidence;

use self::evidence::{sales, shops};
use super::assess;
use aios_work::Evidence;

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
    (
        "wrong number",
        "Total revenue was 135,430.50 EUR. North earned 52,000 EUR.",
    ),
    (
        "wrong number",
        "Total revenue was 125,430.50 EUR. Revenue rose by 25.3% from July to August.",
    ),
    (
        "wrong rounding",
        "Total revenue was 125,430.50 EUR. Revenue rose by 21% from July to August.",
    ),
    (
        "wrong number",
        "Total revenue was 125,430.50 EUR. The median revenue was 1,409.33 EUR. North led.",
    ),
    (
        "wrong number",
        "Total revenue was 125,430.50 EUR. August brought 45,390.50 EUR.",
    ),
    (
        "wrong magnitude",
        "Total revenue was 125.4 million EUR. North earned 52,000 EUR.",
    ),
    (
        "wrong magnitude",
        "Total revenue was 12,543.05 EUR. North earned 52,000 EUR.",
    ),
    (
        "wrong unit",
        "Total revenue was $125,430.50. North earned $52,000.",
    ),
    (
        "wrong unit",
        "Total revenue was 125,430.50 EUR. North earned 52,000 kg.",
    ),
    (
        "wrong unit",
        "Total revenue was 125,430.50 EUR. Revenue rose by 20.2 EUR from July to August.",
    ),
    (
        "wrong unit",
        "Total revenue was 125,430.50 EUR. North earned 52,000%.",
    ),
    (
        "swapped category",
        "Total revenue was 125,430.50 EUR. North earned 43,430.50 EUR and South 52,000 EUR.",
    ),
    (
        "swapped category",
        "Total revenue was 125,430.50 EUR. East (52,000 EUR) was ahead of North (30,000 EUR).",
    ),
    (
        "swapped category",
        "South, North and East earned 52,000, 43,430.50 and 30,000 EUR respectively. Total revenue was 125,430.50 EUR.",
    ),
    (
        "swapped category",
        "Total revenue was 125,430.50 EUR. 30,000 EUR came from North.",
    ),
    (
        "swapped period",
        "Total revenue was 125,430.50 EUR. July was at 45,930.50 EUR and August at 38,200 EUR.",
    ),
    (
        "swapped period",
        "Total revenue was 125,430.50 EUR. Revenue rose by 20.2% from August to September.",
    ),
    (
        "part for the whole",
        "Total revenue was 52,000 EUR. North led the regions.",
    ),
    (
        "whole for a part",
        "Total revenue was 125,430.50 EUR. North earned 125,430.50 EUR.",
    ),
    (
        "wrong leader",
        "Total revenue was 125,430.50 EUR. East was the strongest region.",
    ),
    (
        "wrong leader",
        "Total revenue was 125,430.50 EUR with 45,930.50 EUR in August. July was the best month.",
    ),
    (
        "wrong direction",
        "Total revenue was 125,430.50 EUR. Revenue fell by 20.2% from July to August.",
    ),
    (
        "wrong direction",
        "Total revenue was 125,430.50 EUR. Revenue rose by 10.1% from August to September.",
    ),
    (
        "wrong direction",
        "Total revenue was 125,430.50 EUR. Revenue fell in August, then recovered to 41,300 EUR in September.",
    ),
    (
        "wrong direction",
        "Total revenue was 125,430.50 EUR. Growth was 10.1% in September.",
    ),
    (
        "invented number",
        "Total revenue was 125,430.50 EUR. Profit was 18,250 EUR, and North earned 52,000 EUR.",
    ),
    (
        "invented number",
        "Total revenue was 125,430.50 EUR. North earned 52,000 EUR, and 1,250 customers bought twice.",
    ),
    (
        "invented ratio",
        "Total revenue was 125,430.50 EUR. Revenue doubled in August.",
    ),
    (
        "invented in words",
        "Total revenue was 125,430.50 EUR. Around forty-five percent of it came from South.",
    ),
    (
        "invented period",
        "Total revenue was 125,430.50 EUR. In October 2025 North earned 52,000 EUR.",
    ),
    (
        "invented year",
        "Total revenue was 125,430.50 EUR in 2023. North earned 52,000 EUR.",
    ),
    (
        "off topic",
        "The capital of France is Paris, a city on the Seine that is known for its museums and its food.",
    ),
    (
        "off topic",
        "Machine learning is a field of computer science. It studies how programs improve with experience.",
    ),
    (
        "truncated",
        "Total revenue was 125,430.50 EUR. North earned 52,000 EUR, while the South region and the",
    ),
    (
        "truncated",
        "Total revenue was 125,430.50 EUR. Revenue rose by 20.2% from July to August because (as",
    ),
    ("empty", ""),
    ("empty", "  ...  "),
    (
        "repetitive",
        "Total revenue was 125,430.50 EUR. North earned 52,000 EUR. North earned 52,000 EUR. North earned 52,000 EUR.",
    ),
    (
        "repetitive",
        "Total revenue was 125,430.50 EUR EUR EUR EUR EUR EUR. North earned 52,000 EUR.",
    ),
    (
        "hype",
        "Total revenue skyrocketed to an incredible 125,430.50 EUR! North absolutely crushed it with 52,000 EUR!",
    ),
    (
        "chatter",
        "Sure! Here is the summary you asked for. I think total revenue was 125,430.50 EUR and North earned 52,000 EUR. I hope this helps!",
    ),
    (
        "apology",
        "I am sorry, but as an AI language model I cannot analyse the sales. Total revenue was 125,430.50 EUR and North earned 52,000 EUR.",
    ),
];

const SHOPS_GOOD: [&str; 18] = [
    "The shops had a total turnover of $2.48 million in 2024. Half of it was earned on Main Street.",
    "Turnover grew by 60% from Q1 to Q4 and reached $800,000 in the fourth quarter.",
    "Turnover was $500,000 in Q1, $620,000 in Q2, $560,000 in Q3 and $800,000 in Q4.",
    "Main Street brought in $1,240,000, Mall 12 brought in $740,000 and Harbour $500,000.",
    "After a dip of 9.7% in Q3, turnover rose by 42.9% in Q4. The year closed at $2,480,000.",
    "In total, 310,400 visitors came to the shops, and turnover was $2.48M.",
    "The best quarter was Q4 with a turnover of $800,000, while the weakest was Q1 with $500,000.",
    "The shop on Main Street is the largest, with a turnover of $1.24 million and a share of 50%.",
    "Turnover rose in the second quarter, fell in the third and rose again in the fourth. The total was $2,480,000.",
    "Total turnover was $2,480,000. Nearly 30% of the turnover came from Mall 12. Harbour had the smallest share at 20.2%.",
    "Total turnover was $2,480,000. A single day stands out as an outlier: turnover of $41,250 on December 23.",
    "The average turnover per row was $1,698.63 and the median $1,540. The total turnover was $2,480,000.",
    "Total turnover for 2024 was about $2.5 million, of which Main Street earned $1.24 million.",
    "Turnover increased from $500,000 in the first quarter to $800,000 in the fourth quarter, up 60%.",
    "The turnover of the shops totalled $2,480,000 in 2024. Between Q1 and Q4 it rose by $300,000.",
    "Harbour had the lowest turnover of the shops, $500,000. Main Street had the highest, $1,240,000.",
    "Turnover totalled 2,480,000 dollars. Q2 was 24% above Q1 with a turnover of 620,000 dollars.",
    "Compared with Q2, turnover dropped by 9.7% in Q3. It then climbed 42.9% to $800,000 in Q4.",
];

const SHOPS_BAD: [(&str, &str); 24] = [
    (
        "wrong number",
        "The shops had a total turnover of $2.84 million in 2024.",
    ),
    (
        "wrong number",
        "Turnover was $500,000 in Q1, $620,000 in Q2, $650,000 in Q3 and $800,000 in Q4.",
    ),
    (
        "wrong number",
        "Turnover grew by 62% from Q1 to Q4 and reached $800,000 in the fourth quarter.",
    ),
    (
        "swapped category",
        "Main Street brought in $740,000, while Mall 12 brought in $1,240,000.",
    ),
    (
        "swapped category",
        "Harbour has a share of 50% of the turnover, and the total was $2,480,000.",
    ),
    (
        "swapped period",
        "Turnover was $620,000 in Q1 and $500,000 in Q2.",
    ),
    (
        "swapped period",
        "Turnover rose by 42.9% in Q2 and the total was $2,480,000.",
    ),
    (
        "wrong measure",
        "In total, 2,480,000 visitors came to the shops in 2024.",
    ),
    ("wrong measure", "Turnover was 310,400 in 2024."),
    (
        "wrong unit",
        "The shops had a total turnover of 2,480,000 euros in 2024.",
    ),
    (
        "wrong unit",
        "The shops had a total turnover of 2.48 billion dollars in 2024.",
    ),
    (
        "wrong statistic",
        "The average turnover per row was $1,540 in 2024.",
    ),
    ("wrong direction", "Turnover fell by 60% from Q1 to Q4."),
    (
        "wrong direction",
        "Turnover grew in Q3, for a total of $2,480,000.",
    ),
    (
        "wrong leader",
        "Harbour was the best shop, and the total turnover was $2,480,000.",
    ),
    (
        "wrong leader",
        "The best quarter was Q2. Total turnover was $2,480,000.",
    ),
    (
        "invented",
        "Turnover was $2,480,000 in 2024, and 85% of customers were satisfied.",
    ),
    (
        "invented",
        "Total turnover was $2,480,000. Turnover will reach $3,000,000 next year.",
    ),
    (
        "invented",
        "Total turnover was $2,480,000. Turnover tripled from Q1 to Q4.",
    ),
    (
        "invented",
        "Total turnover was $2,480,000, against $2,100,000 in 2022.",
    ),
    (
        "part for the whole",
        "The total turnover was $800,000 in 2024.",
    ),
    ("whole for a part", "Mall 12 had a turnover of $2,480,000."),
    (
        "truncated",
        "The shops had a total turnover of $2.48 million in 2024, with",
    ),
    (
        "hype",
        "The shops delivered a phenomenal, mind-blowing total turnover of $2.48 million in 2024.",
    ),
];

/// Texts of the kind a small model writes, once the rules above stood.
const MORE_GOOD: [&str; 12] = [
    "The total revenue is 125,430.50 EUR. The lowest month is 2025-07 with 38,200 EUR and the highest month is 2025-08 with 45,930.50 EUR.",
    "In Q3 2025, the total revenue was 125,430.50 EUR, with the highest month being August at 45,930.50 EUR.",
    "The data shows a total revenue of 125,430.50 EUR. The region with the highest total revenue is North with 52,000 EUR, which is 41.5% of the total.",
    "Revenue rose by 8.1% from 2025-07 to 2025-09. The total revenue is 125,430.50 EUR, and the North region has the highest total revenue of 52,000 EUR.",
    "Total revenue is 125,430.50 EUR. August 2025 had the highest revenue of 45,930.50 EUR, while July 2025 had the lowest revenue of 38,200 EUR.",
    "The summary of the sales is as follows: total revenue is 125,430.50 EUR, revenue rose by 8.1% from July to September, and North leads with 52,000 EUR.",
    "The largest outlier is 9,800 EUR on 2025-08-14. Total revenue is 125,430.50 EUR.",
    "The sales of the quarter are led by the North region. It accounts for 52,000 EUR of the total revenue of 125,430.50 EUR.",
    "Total revenue amounts to 125,430.50 EUR. East is the smallest region with 30,000 EUR, 23.9% of the revenue.",
    "The quarter's revenue of 125,430.50 EUR is spread over three regions: North (41.5%), South (34.6%) and East (23.9%).",
    "July's revenue was 38,200 EUR. August's revenue was 45,930.50 EUR. September's revenue was 41,300 EUR. The total is 125,430.50 EUR.",
    "Revenue increased by 7,730.50 EUR between July and August, then decreased by 4,630.50 EUR. The total revenue is 125,430.50 EUR.",
];

const MORE_BAD: [(&str, &str); 14] = [
    (
        "wrong number",
        "In Q3 2025, the total revenue was 125,430.50 EUR, with the highest month being August at 45,930.05 EUR.",
    ),
    (
        "wrong leader",
        "The total revenue is 125,430.50 EUR. The region with the highest total revenue is South with 43,430.50 EUR.",
    ),
    (
        "swapped period",
        "Total revenue is 125,430.50 EUR. July 2025 had the highest revenue of 45,930.50 EUR.",
    ),
    (
        "wrong direction",
        "Revenue decreased by 8.1% from 2025-07 to 2025-09. The total revenue is 125,430.50 EUR.",
    ),
    (
        "invented",
        "The total revenue is 125,430.50 EUR, which is 15% above the target.",
    ),
    (
        "invented",
        "The total revenue is 125,430.50 EUR. The average order value is 45.20 EUR.",
    ),
    (
        "swapped category",
        "The quarter's revenue of 125,430.50 EUR is spread over three regions: North (34.6%), South (41.5%) and East (23.9%).",
    ),
    (
        "wrong sum",
        "North and South together earned 95,430.50 EUR more than East. The total revenue is 125,430.50 EUR.",
    ),
    (
        "wrong period",
        "The largest outlier is 9,800 EUR on 2025-07-14. Total revenue is 125,430.50 EUR.",
    ),
    (
        "wrong measure",
        "Total units is 125,430.50. North has the highest total revenue with 52,000 EUR.",
    ),
    (
        "prompt echoed",
        "Facts: - Total revenue is 125,430.50 EUR. Task: Analyze Q3 sales <|im_end|>",
    ),
    (
        "other language",
        "Der Umsatz betrug im dritten Quartal insgesamt 125,430.50 EUR und Norden war die stärkste Region von allen.",
    ),
    (
        "loop",
        "The total revenue is 125,430.50 EUR and the total revenue is 125,430.50 EUR and the total revenue is 125,430.50 EUR and the total revenue is 125,430.50 EUR.",
    ),
    (
        "refusal",
        "I cannot help with the analysis of sales because I have no access to the total revenue data.",
    ),
];

#[test]
fn the_critic_is_measured_on_labelled_texts() {
    measure("sales", &sales(), &GOOD, &BAD);
    measure("shops", &shops(), &SHOPS_GOOD, &SHOPS_BAD);
    measure("more sales", &sales(), &MORE_GOOD, &MORE_BAD);
}

fn measure(name: &str, evidence: &Evidence, good: &[&str], bad: &[(&str, &str)]) {
    let (mut caught, mut missed, mut held, mut passed) = (0u32, Vec::new(), Vec::new(), 0u32);
    for (label, text) in bad {
        if assess(text, evidence, None).verdict.passes() {
            missed.push(format!("{label}: {text}"));
        } else {
            caught += 1;
        }
    }
    for text in good {
        let judged = assess(text, evidence, None);
        if judged.verdict.passes() {
            passed += 1;
        } else {
            held.push(format!(
                "{text}\n    {:?} {:?}",
                judged.score, judged.issues
            ));
        }
    }
    let held_count = u32::try_from(held.len()).unwrap();
    let precision = f64::from(caught) / f64::from(caught + held_count);
    let recall = f64::from(caught) / f64::from(u32::try_from(bad.len()).unwrap());
    // The floor: nothing on this list may slip through, and no sound text may be held.
    assert!(
        precision >= 1.0 && recall >= 1.0,
        "{name}: precision {precision:.3}, recall {recall:.3}, passed {passed} of {}\nmissed:\n  {}\nheld:\n  {}",
        good.len(),
        missed.join("\n  "),
        held.join("\n  ")
    );
}

#[test]
fn a_contradicted_number_is_never_approved_whatever_the_mean() {
    let judged = assess(
        "Total revenue was 125,430.50 EUR. North earned 52,000 EUR, South 43,430.50 EUR and East 30,001 EUR.",
        &sales(),
        None,
    );
    assert!(judged.score.overall > aios_work::PASS, "{judged:?}");
    assert_eq!(judged.verdict, aios_work::Verdict::NeedsRevision);
    assert!(
        judged
            .feedback()
            .contains("total revenue region East is 30,000 EUR"),
        "{}",
        judged.feedback()
    );
}

#[test]
fn an_issue_says_where_and_what_to_do() {
    let judged = assess(
        "Total revenue was 125,430.50 EUR. South earned 52,000 EUR.",
        &sales(),
        None,
    );
    let issue = &judged.issues[0];
    assert_eq!(issue.location.as_deref(), Some("South earned 52,000 EUR."));
    assert_eq!(issue.description, "52,000 EUR contradicts the data");
    assert_eq!(
        issue.suggestion,
        "total revenue region South is 43,430.50 EUR (52,000 EUR is total revenue region North)"
    );
}

#[test]
fn embeddings_lift_relevance_but_a_stray_text_stays_low() {
    let evidence = sales();
    let astray = "Paris lies on the Seine and has many museums.";
    let far = assess(astray, &evidence, Some((&[1.0, 0.0], &[0.0, 1.0])));
    let near = assess(astray, &evidence, Some((&[1.0, 0.0], &[1.0, 0.0])));
    assert!(
        far.score.dimensions.relevance < 0.2
            && near.score.dimensions.relevance <= 0.5
            && !near.verdict.passes()
    );
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
            let round: aios_work::Assessment = serde_json::from_str(&serde_json::to_string(&judged).unwrap()).unwrap();
            prop_assert_eq!(round.verdict, judged.verdict);
        }
    }
}
