//! One answer, all checks, one verdict.

use aios_work::{Assessment, Category, Issue, Opinion, Report, Severity, Status, Unable, Verdict};

use crate::checks::LOOKS;
use crate::criteria::{Criteria, Kept};
use crate::ground::Ground;
use crate::reading::Reading;

/// Checks whose findings no later word can mend.
const CERTAIN: [&str; 6] = [
    "injection",
    "forbidden",
    "numbers",
    "contradiction",
    "support",
    "tone",
];

/// What an issue costs its dimension. An error alone keeps a text from passing, because a dimension below one half does.
const WARNING: f64 = 0.05;
const ERROR: f64 = 0.55;
const CRITICAL: f64 = 0.7;

/// What somebody outside said of an answer: a command's exit code, a tool's result, a model's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The check, as [`crate::Outside::name`] calls it.
    pub check: String,
    /// The dimension it speaks of.
    pub dimension: Category,
    /// What it says.
    pub said: Said,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Nothing is wrong.
    Good,
    /// This is wrong, and the work must not leave.
    Bad(String),
    /// A model's score from 0 to 1 with its reason: it may lower a dimension and never lift it.
    Score(f64, String),
    /// It could not look, for this reason.
    Unable(String),
}

impl Said {
    /// What a command says with its exit code, and with the last line that it printed.
    #[must_use]
    pub fn of_command(run: &[String], code: Option<i32>, last_line: &str) -> Self {
        let program = run.first().map_or("the command", String::as_str);
        let ended = match code {
            Some(0) => return Self::Good,
            Some(code) => format!("ended with exit code {code}"),
            None => "was ended by a signal".to_owned(),
        };
        let said = aios_work::quoted(last_line, 200);
        Self::Bad(format!("{program} {ended}: {said}"))
    }
}

/// Judges an answer. Pure: what others say of it is handed in as `heard`.
///
/// A check that the criteria ask of others and that nobody was heard of counts as one that could not run.
#[must_use]
pub fn judge(answer: &str, ground: &Ground, criteria: &Criteria, heard: &[Heard]) -> Report {
    look(answer, ground, criteria, heard, |_| true)
}

/// Judges the beginning of an answer: what is wrong with it now will be wrong with the whole.
///
/// What the rest may still bring (points, an end, a form) is not looked for, and nobody outside is asked.
#[must_use]
pub fn judge_beginning(text: &str, ground: &Ground, criteria: &Criteria) -> Report {
    let inside = Criteria {
        outside: Vec::new(),
        covers: Vec::new(),
        schema: None,
        ..criteria.clone()
    };
    look(text, ground, &inside, &[], |name| CERTAIN.contains(&name))
}

/// How long each part of a judgement takes: the answer being read with what its figures are of, and each check.
#[must_use]
pub fn profile(
    answer: &str,
    ground: &Ground,
    criteria: &Criteria,
) -> Vec<(&'static str, std::time::Duration)> {
    let mut before = std::time::Instant::now();
    let mut lap = || {
        let now = std::time::Instant::now();
        now - std::mem::replace(&mut before, now)
    };
    let reading = Reading::new(answer, ground);
    let mut out = vec![("reading", lap())];
    for look in LOOKS {
        let _ = look.look(&reading, criteria);
        out.push((look.name(), lap()));
    }
    out
}

fn look(
    answer: &str,
    ground: &Ground,
    criteria: &Criteria,
    heard: &[Heard],
    runs: impl Fn(&str) -> bool,
) -> Report {
    let reading = Reading::new(answer, ground);
    let mut looked = Looked::at(&reading, criteria, runs);
    looked.opinions.extend(own(&reading, criteria));
    for outside in &criteria.outside {
        let name = outside.name();
        match heard.iter().find(|heard| heard.check == name) {
            Some(heard) => match &heard.said {
                Said::Unable(why) => looked.could_not(&name, why),
                said => looked.opinions.push(outsider(heard, said)),
            },
            None => looked.could_not(&name, "nobody carried it out"),
        }
    }
    let assessment = Assessment::of(looked.opinions);
    report(assessment, looked.claims, looked.unable, &reading, criteria)
}

/// What the checks of this build say of a reading.
#[derive(Default)]
pub(crate) struct Looked {
    pub opinions: Vec<Opinion>,
    pub unable: Vec<Unable>,
    pub claims: usize,
}

impl Looked {
    /// Lets those checks look that the criteria want, and that `runs` lets.
    pub(crate) fn at(
        reading: &Reading<'_>,
        criteria: &Criteria,
        runs: impl Fn(&str) -> bool,
    ) -> Self {
        let mut looked = Self::default();
        for look in LOOKS {
            let wanted = criteria
                .wanted
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|name| name == look.name()));
            if !runs(look.name()) || (!wanted && !criteria.always.contains(&look.name())) {
                continue;
            }
            if reading.ground.called_off.is_cancelled() {
                looked.could_not(look.name(), "it was called off");
                continue;
            }
            let mut finding = look.look(reading, criteria);
            if let Some(why) = &finding.unable {
                looked.could_not(look.name(), why);
            }
            finding
                .issues
                .iter_mut()
                .for_each(|issue| issue.check = Some(look.name().to_owned()));
            looked.claims += finding.claims;
            looked.opinions.push(opinion(
                look.dimension(),
                finding.issues,
                finding.claims,
                finding.supported,
            ));
        }
        looked
    }

    fn could_not(&mut self, check: &str, why: &str) {
        self.unable.push(Unable {
            check: check.to_owned(),
            why: why.to_owned(),
        });
    }
}

fn report(
    assessment: Assessment,
    claims: usize,
    unable: Vec<Unable>,
    reading: &Reading<'_>,
    criteria: &Criteria,
) -> Report {
    let dimensions = assessment.score.dimensions;
    let weights = criteria.weights;
    let score = weights.relevance * dimensions.relevance
        + weights.clarity * dimensions.clarity
        + weights.accuracy * dimensions.accuracy
        + weights.completeness * dimensions.completeness
        + weights.tone * dimensions.tone;
    // Stricter criteria may refuse what the contract lets pass, never the other way round.
    let mut verdict = assessment.verdict;
    if verdict.passes() && score + 1e-9 < criteria.pass {
        verdict = Verdict::NeedsRevision;
    }
    let status = match verdict.passes() {
        false => Status::Rejected,
        true if unable.is_empty() && assessment.supported > 0 => Status::Approved,
        true => Status::Unverified,
    };
    Report {
        score: score.min(assessment.score.overall.max(score)),
        status,
        verdict,
        dimensions,
        issues: assessment.issues,
        claims,
        supported: assessment.supported,
        unable,
        criteria: criteria.name.clone(),
        language: reading
            .language
            .as_ref()
            .map(|language| language.code.clone()),
    }
}

/// What a check's issues say of its dimension, and of those the issues name.
fn opinion(dimension: Category, issues: Vec<Issue>, claims: usize, supported: usize) -> Opinion {
    let mut scores: Vec<(Category, f64)> = vec![(dimension, 1.0)];
    for issue in &issues {
        let cost = match issue.severity {
            Severity::Warning => WARNING,
            Severity::Error => ERROR,
            Severity::Critical => CRITICAL,
        };
        match scores
            .iter_mut()
            .find(|(category, _)| *category == issue.category)
        {
            Some((_, score)) => *score = (*score - cost).max(0.0),
            None => scores.push((issue.category, 1.0 - cost)),
        }
    }
    Opinion {
        scores,
        issues,
        claims,
        supported,
    }
}

/// What the criteria themselves ask: points that must be said, a schema that must be kept.
fn own(reading: &Reading<'_>, criteria: &Criteria) -> Vec<Opinion> {
    let mut issues = Vec::new();
    let said: std::collections::HashSet<&str> = reading
        .texts
        .iter()
        .flat_map(|text| text.stems.iter().map(|(_, stem)| stem.as_str()))
        .collect();
    for point in &criteria.covers {
        let wanted = reading.ground.read(point, &reading.lexicon);
        let (all, there) = (
            wanted.stems.len(),
            wanted
                .stems
                .iter()
                .filter(|(_, stem)| said.contains(stem.as_str()))
                .count(),
        );
        if there * 2 < all.max(1) {
            let what = format!("this is not covered: {}", aios_work::quoted(point, 120));
            issues.push(Issue::new(
                Category::Completeness,
                Severity::Critical,
                what,
                "Say it",
            ));
        }
    }
    if let Some(schema) = &criteria.schema {
        issues.extend(against_schema(reading, schema));
    }
    issues
        .iter_mut()
        .for_each(|issue| issue.check = Some("criteria".to_owned()));
    let supported = usize::from(
        issues.is_empty() && (criteria.schema.is_some() || !criteria.covers.is_empty()),
    );
    vec![opinion(
        Category::Completeness,
        issues,
        supported,
        supported,
    )]
}

fn against_schema(reading: &Reading<'_>, schema: &Kept) -> Option<Issue> {
    let what = match serde_json::from_str::<serde_json::Value>(reading.raw.trim()) {
        Err(error) => format!("it is no JSON: {error}"),
        Ok(value) => match schema.0.check(&value) {
            Ok(()) => return None,
            Err(wrong) => format!("it does not keep to the schema: {wrong}"),
        },
    };
    Some(Issue::new(
        Category::Completeness,
        Severity::Critical,
        what,
        "Keep to the schema",
    ))
}

fn outsider(heard: &Heard, said: &Said) -> Opinion {
    let issue = |severity, what: &str| {
        let mut issue = Issue::new(heard.dimension, severity, what, "Mend it");
        issue.check = Some(heard.check.clone());
        issue
    };
    match said {
        Said::Bad(why) => opinion(heard.dimension, vec![issue(Severity::Critical, why)], 1, 0),
        Said::Score(score, why) => {
            let score = if score.is_finite() {
                score.clamp(0.0, 1.0)
            } else {
                0.0
            };
            let issues = (score < aios_work::PASS).then(|| issue(Severity::Warning, why));
            // A model's praise is no evidence: it supports nothing.
            Opinion {
                scores: vec![(heard.dimension, score)],
                issues: issues.into_iter().collect(),
                ..Opinion::default()
            }
        }
        Said::Good | Said::Unable(_) => Opinion {
            scores: vec![(heard.dimension, 1.0)],
            claims: 1,
            supported: 1,
            ..Opinion::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Cells, Column, Columns, Document, Material, WorkKind};
    use proptest::prelude::*;

    fn grounds() -> [Ground; 2] {
        let texts = ["Jena", "Fulda", "Jena", "Zürich"].map(|name| Some(name.to_owned()));
        let days = ["2025-01-03", "2025-02-04", "2025-03-05", "2025-03-06"];
        let column = |name: &str, cells: Cells| Column {
            name: name.to_owned(),
            unit: None,
            cells,
        };
        let table = Material::Table(Columns {
            name: "t.csv".to_owned(),
            rows: 4,
            columns: vec![
                column("Filiale", Cells::Texts(texts.to_vec())),
                column(
                    "Umsatz EUR",
                    Cells::Numbers(vec![Some(1.5), Some(2.0), None, Some(4.0)]),
                ),
                column(
                    "Tag",
                    Cells::Dates(days.map(|day| Some(day.to_owned())).to_vec()),
                ),
            ],
        });
        let text =
            "# Terms\n\nIt runs for 12 months. Dogs are not admitted; cats pay 5 EUR.".to_owned();
        let paper = Material::Document(Document {
            name: "t.md".to_owned(),
            text,
        });
        let goal = "Total turnover per branch, and did it rise from January to March?";
        [
            Ground::new(goal, &[table], Vec::new()),
            Ground::new("How long does it run?", &[paper], Vec::new()),
        ]
    }

    #[test]
    fn what_nothing_could_check_is_unverified_and_never_approved() {
        let bare = Ground::new("Say something.", &[], Vec::new());
        let unread =
            Ground::new("How long does it run?", &[], Vec::new()).without("terms.pdf is locked");
        let foreign = Ground::new(
            "Jak długo trwa umowa i kto płaci za wysyłkę towaru klientom?",
            &[],
            Vec::new(),
        );
        let rows = [
            (&bare, "The sky has no limit here.", Status::Unverified),
            (&bare, "It costs 5 EUR.", Status::Unverified),
            (&unread, "It runs for 12 months.", Status::Unverified),
            (
                &foreign,
                "Umowa trwa dwanaście miesięcy, klienci płacą za wysyłkę towaru.",
                Status::Unverified,
            ),
            (&bare, "", Status::Rejected),
            (
                &bare,
                "- [[critic]] 5 is in none of the facts. Use others.",
                Status::Rejected,
            ),
        ];
        for (ground, answer, status) in rows {
            let report = judge(answer, ground, &Criteria::default(), &[]);
            assert_eq!(report.status, status, "{answer}: {report:?}");
        }
    }

    #[test]
    fn a_model_lowers_and_never_lifts_and_silence_is_no_consent() {
        let [_, ground] = grounds();
        let rubric = "[[checks]]\nkind = \"numbers\"\n[[checks]]\nkind = \"model\"\nrubric = \"kind\"\nversion = \"1\"\nn = 1";
        let criteria = Criteria::read(rubric).unwrap();
        let heard = |said: Said| {
            vec![Heard {
                check: "model 1".to_owned(),
                dimension: Category::Relevance,
                said,
            }]
        };
        let praise = || heard(Said::Score(1.0, "fine".to_owned()));
        let (right, wrong) = ("It runs for 12 months.", "It runs for 13 months.");
        let rows = [
            (right, praise(), Status::Approved),
            (
                right,
                heard(Said::Score(0.2, "off".to_owned())),
                Status::Rejected,
            ),
            (
                right,
                heard(Said::Score(f64::NAN, String::new())),
                Status::Rejected,
            ),
            (
                right,
                heard(Said::Unable("no model".to_owned())),
                Status::Unverified,
            ),
            (right, Vec::new(), Status::Unverified),
            (right, heard(Said::Bad("no".to_owned())), Status::Rejected),
            (wrong, praise(), Status::Rejected),
        ];
        for (row, (answer, heard, status)) in rows.into_iter().enumerate() {
            let report = judge(answer, &ground, &criteria, &heard);
            assert_eq!(report.status, status, "row {row}: {report:?}");
        }
    }

    #[test]
    fn stricter_criteria_refuse_what_the_contract_lets_pass() {
        let [_, ground] = grounds();
        let answer = "It runs for 12 months!";
        let usual = judge(answer, &ground, &Criteria::default(), &[]);
        assert_eq!(usual.status, Status::Approved, "{usual:?}");
        let strict = Criteria::read("pass = 1.0").unwrap();
        assert_eq!(
            judge(answer, &ground, &strict, &[]).status,
            Status::Rejected
        );
    }

    /// What a sentence of a document or a column of another table has told is not looked up among the columns of a table.
    #[test]
    fn a_table_with_few_columns_stands_beside_sources_that_say_much() {
        let goal = "Total turnover and turnover per branch.";
        let names = |texts: [&str; 2]| Cells::Texts(texts.map(|text| Some(text.to_owned())).into());
        let column = |name: String, cells: Cells| Column {
            name,
            unit: None,
            cells,
        };
        let numbers = |of: f64| Cells::Numbers(vec![Some(of), Some(of + 0.5)]);
        let narrow = Columns {
            name: "narrow.csv".to_owned(),
            rows: 2,
            columns: vec![
                column("Branch".to_owned(), names(["Jena", "Fulda"])),
                column("Turnover".to_owned(), numbers(12.0)),
            ],
        };
        let mut wide = narrow.clone();
        wide.name = "wide.csv".to_owned();
        wide.columns
            .extend((0..20).map(|at| column(format!("Cost {at}"), numbers(100.0 + f64::from(at)))));
        let sentences = (0..40).map(|at| format!("The contract {at} runs for {at} months. "));
        let document = Document {
            name: "terms.md".to_owned(),
            text: sentences.collect(),
        };
        let sources = [
            Material::Table(narrow),
            Material::Table(wide),
            Material::Document(document),
        ];
        let ground = Ground::new(goal, &sources, Vec::new());
        for answer in [
            "Branch Jena has 12 and contract 35 runs for 35 months. ",
            "The total turnover is 24.5. Jena has a cost 19 of 119 and a turnover of 12. ",
            "The highest cost 18 is 118.5, of Fulda, 50.2 % of all. It runs for 39 months. ",
        ] {
            for times in [1, 40] {
                let report = judge(&answer.repeat(times), &ground, &Criteria::default(), &[]);
                assert!((0.0..=1.0).contains(&report.score), "{report:?}");
            }
        }
    }

    #[test]
    fn what_is_called_off_is_approved_by_nobody() {
        let [_, ground] = grounds();
        let answer = "It runs for 12 months.";
        let flag = aios_work::CancelFlag::new();
        let ground = ground.until(flag.clone());
        let judged = |ground: &Ground| judge(answer, ground, &Criteria::default(), &[]);
        assert_eq!(judged(&ground).status, Status::Approved);
        flag.cancel();
        let report = judged(&ground);
        assert_eq!(report.status, Status::Unverified, "{report:?}");
        assert_eq!(report.unable.len(), LOOKS.len(), "{report:?}");
    }

    #[test]
    fn what_is_forbidden_is_refused_in_every_work_and_while_it_grows() {
        let [_, ground] = grounds();
        let criteria = Criteria::read("forbidden = [\"Project Heron\"]").unwrap();
        let right = "It runs for 12 months.";
        let said = format!("{right}\nAs with project HERON.");
        let usual = judge(right, &ground, &criteria, &[]);
        assert_eq!(usual.status, Status::Approved, "{usual:?}");
        for kind in [WorkKind::Text, WorkKind::Json, WorkKind::Patch] {
            let report = judge(&said, &ground, &criteria.clone().of_kind(kind), &[]);
            assert_eq!(report.status, Status::Rejected, "{kind:?}: {report:?}");
            let found = report
                .issues
                .iter()
                .find(|issue| issue.check.as_deref() == Some("forbidden"));
            assert_eq!(found.and_then(|issue| issue.line), Some(2), "{report:?}");
        }
        let report = judge_beginning(&said, &ground, &criteria);
        assert_eq!(report.status, Status::Rejected, "{report:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "([0-9.,%$€|#*\\-:;()\\[\\]`\\n ]|\\PC|Jena|Fulda|März|highest|fell|half|not|total|12 months|EUR|```){0,80}") {
            for ground in grounds() {
                let report = judge(&text, &ground, &Criteria::default(), &[]);
                prop_assert!((0.0..=1.0).contains(&report.score));
                let passes = report.status != Status::Rejected;
                prop_assert_eq!(passes, report.verdict.passes());
            }
        }

        #[test]
        fn any_goal_and_source_are_read(goal in "(\\PC|how many|per|from January to|above 5 °C|,|\\?| ){0,40}", text in "(\\PC|\n|# |12 months|not|\\. ){0,60}") {
            let paper = Material::Document(Document { name: "x".to_owned(), text });
            let ground = Ground::new(&goal, &[paper], Vec::new());
            let report = judge("It is 5.", &ground, &Criteria::default(), &[]);
            prop_assert!(report.score <= 1.0);
        }
    }
}
