//! The pack as the orchestrator knows it: where plans come from, who writes the answers, and by what these are judged.

use std::sync::Arc;

use aios_work::{
    Bench, Case, Category, Check, Claim, Domain, Evidence, Goal, Issue, Judged, Opinion, Pack,
    Plan, PlanSource, Severity, SoFar, Task, TextKind, Value as FactValue, Written,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::findings::Findings;
use crate::intent;
use crate::plan::{self, CLOSING, Meaning, NAME, Wants};
use crate::report;
use crate::support::{self, Borne};
use crate::tools::{CHECK, Checked, EXTRACT, Extraction, FIND, Outline, PLACES, Passages, READ};
use crate::words::{normal, sentences};

/// Characters of a passage that a model is shown.
const SHOWN: usize = 300;
/// Characters of what the critic said.
const FEEDBACK: usize = 600;
/// The part of a text's sentences that must be borne out.
const BORNE: f64 = 0.5;

/// Goals about documents: summaries, answers with the place quoted, fields by a schema.
#[derive(Debug, Clone, Copy, Default)]
pub struct DocumentsPack;

/// All of the pack but its tools.
#[must_use]
pub fn pack() -> Pack {
    Pack {
        sources: vec![Arc::new(DocumentsPack)],
        domains: vec![Arc::new(DocumentsPack)],
        checks: vec![Arc::new(DocumentsPack)],
        readers: vec![Arc::new(crate::DocumentReader)],
    }
}

#[async_trait]
impl PlanSource for DocumentsPack {
    fn name(&self) -> &str {
        NAME
    }

    fn claims(&self, goal: &Goal) -> Claim {
        intent::claims(goal)
    }

    async fn plan(&self, goal: &Goal, bench: &dyn Bench) -> Result<Plan, String> {
        plan::plan(goal, bench).await
    }
}

impl Domain for DocumentsPack {
    fn name(&self) -> &str {
        NAME
    }

    fn open(&self, goal: &Goal, plan: &Plan) -> Result<Box<dyn Case>, String> {
        let meaning = Meaning::deserialize(&plan.meaning)
            .map_err(|error| format!("the plan is not one for documents: {error}"))?;
        if meaning.wants == Wants::Fields && meaning.schema.is_none() {
            return Err("the plan looks for fields and names none".to_owned());
        }
        Ok(Box::new(Opened {
            goal: goal.clone(),
            meaning,
        }))
    }
}

/// A goal with what was understood of it.
struct Opened {
    goal: Goal,
    meaning: Meaning,
}

impl Opened {
    fn findings(&self, so_far: &SoFar<'_>) -> Findings {
        Findings::read(&self.meaning, so_far)
    }

    /// What the prose may be written from: the quotations, and where they stand.
    fn evidence(&self, findings: &Findings, so_far: &SoFar<'_>, kind: TextKind) -> Evidence {
        let quotes = findings.quotes.iter().enumerate();
        let mut passages: Vec<String> = quotes
            .map(|(at, (quote, source))| {
                format!("{} [{}] {}", quote.text, support::mark(at), source.text)
            })
            .collect();
        // What stands beside the quotations: notes with their places, the object with its values.
        passages.extend(findings.notes());
        passages.extend(so_far.notes.iter().cloned());
        if self.meaning.wants == Wants::Fields {
            passages.push(report::json_text(&findings.object()));
            passages.extend(
                findings
                    .fields
                    .iter()
                    .filter_map(|(field, _)| field.why.clone()),
            );
        }
        Evidence {
            kind,
            goal: self.goal.text().to_owned(),
            facts: findings.facts(so_far.plan),
            passages,
            ..Evidence::default()
        }
    }

    fn instruction(&self, findings: &Findings, feedback: Option<&str>) -> String {
        let says = &findings.language.says;
        let lines: Vec<String> = findings
            .quotes
            .iter()
            .map(|(quote, _)| format!("- {}", aios_work::quoted(&quote.text, SHOWN)))
            .collect();
        let asked = aios_work::quoted(self.goal.text(), 400);
        let task = if self.meaning.wants == Wants::Answer {
            says.answer_it
        } else {
            says.sum_up
        };
        let prompt = format!("Text:\n{}\n\n{asked}\n{task}", lines.join("\n"));
        match feedback {
            // The faults come first, so that the task is the last thing a small model has read.
            Some(feedback) => {
                let faults: String = feedback.chars().take(FEEDBACK).collect();
                format!(
                    "Your last text had faults:\n{faults}\nDo it again without them.\n\n{prompt}"
                )
            }
            None => prompt,
        }
    }
}

impl Case for Opened {
    fn args(&self, task: &Task, so_far: &SoFar<'_>, feedback: Option<&str>) -> Option<Value> {
        if task.id != CLOSING {
            return Some(task.args.clone());
        }
        let findings = self.findings(so_far);
        if findings.quotes.is_empty() || !findings.answered {
            return None;
        }
        Some(json!({
            "instruction": self.instruction(&findings, feedback),
            "max_words": task.args["max_words"],
        }))
    }

    fn tidy(&self, text: &str) -> String {
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches(['-', '*', '>', '#', ' ']));
        let kept: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with("```"))
            .collect();
        let joined = normal(&kept.join(" "));
        let joined = joined.trim_matches('"').trim();
        // A sentence that the limit of words cut off says nothing.
        let cut = sentences(joined);
        let ends = |text: &str| {
            text.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}', '\u{ab}', '\u{201c}'])
                .ends_with(['.', '!', '?', '\u{3002}'])
        };
        match cut.last() {
            Some(last) if cut.len() > 1 && !ends(joined) => {
                joined.get(..last.start).unwrap_or(joined).trim().to_owned()
            }
            _ => joined.to_owned(),
        }
    }

    fn prose(&self, _: &Task, so_far: &SoFar<'_>) -> Evidence {
        self.evidence(&self.findings(so_far), so_far, TextKind::Paragraph)
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        let findings = self.findings(so_far);
        let passed = so_far.results.get(CLOSING).and_then(Value::as_str);
        let mut gaps = so_far.gaps.to_vec();
        gaps.extend(findings.unread());
        let says = &findings.language.says;
        match self.meaning.wants {
            Wants::Fields => gaps.extend(findings.missing().map(|field| {
                let why = field.why.as_deref().unwrap_or(says.not_found);
                format!(
                    "{}: {why}",
                    aios_work::quoted(field.pointer.trim_start_matches('/'), 80)
                )
            })),
            // Why nothing was read is told already.
            _ if findings.outlines.is_empty() => {}
            _ if findings.quotes.is_empty() => gaps.push(says.nothing.to_owned()),
            _ if !findings.answered => gaps.push(says.nearest.trim_end_matches(':').to_owned()),
            _ => {}
        }
        Written {
            answer: report::answer(&self.goal, &findings, passed, &gaps),
            facts: findings.facts(so_far.plan),
            evidence: self.evidence(&findings, so_far, TextKind::Report),
            gaps,
        }
    }
}

impl Check for DocumentsPack {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, work: &Judged<'_>) -> Option<Opinion> {
        match work {
            Judged::Text { text, evidence, .. } => Some(match evidence.kind {
                TextKind::Report => quotes_stand(text, evidence),
                TextKind::Paragraph => is_borne(text, evidence),
            }),
            Judged::Result {
                task,
                output,
                again,
                ..
            } => match task.tool.as_str() {
                CHECK => Some(agrees(task, &output.value, *again)),
                READ => Some(sound(
                    Outline::deserialize(&output.value).is_ok(),
                    "the document's outline cannot be read",
                )),
                FIND => Some(sound(
                    Passages::deserialize(&output.value).is_ok(),
                    "the passages cannot be read",
                )),
                EXTRACT => Some(sound(
                    is_traced(&output.value),
                    "a value does not stand in the words that are quoted for it",
                )),
                _ => None,
            },
        }
    }
}

fn wrong(what: impl Into<String>, severity: Severity, suggestion: &str) -> Issue {
    Issue::new(Category::Accuracy, severity, what, suggestion)
}

/// An opinion on a result that is right or not.
fn sound(right: bool, what: &str) -> Opinion {
    Opinion {
        scores: vec![(Category::Accuracy, if right { 1.0 } else { 0.0 })],
        issues: if right {
            Vec::new()
        } else {
            vec![wrong(what, Severity::Critical, "Look again")]
        },
        claims: 1,
        supported: usize::from(right),
    }
}

/// Each value that was extracted has words of a quotation that say it.
fn is_traced(output: &Value) -> bool {
    let Ok(extraction) = Extraction::deserialize(output) else {
        return false;
    };
    extraction.fields.iter().all(|field| {
        let said = || {
            let (quote, raw) = (field.quote.as_ref()?, field.raw.as_ref()?);
            Some(quote.text.contains(raw.as_str()))
        };
        field.value.is_null() || said() == Some(true)
    })
}

/// Whoever asked where a quotation stands, without being told, found the same place.
fn agrees(task: &Task, output: &Value, again: Option<&Value>) -> Opinion {
    let asked = task.args["quotes"].as_array().map_or(0, Vec::len);
    let (Ok(told), Some(Ok(again))) = (
        Checked::deserialize(output),
        again.map(Checked::deserialize),
    ) else {
        return sound(
            again.is_none() && Checked::deserialize(output).is_ok(),
            "the quotations were not looked up a second time",
        );
    };
    let mut issues = Vec::new();
    if told.quotes.len() != asked || again.quotes.len() != asked {
        issues.push(wrong(
            "not every quotation was looked up",
            Severity::Critical,
            "Look them all up",
        ));
    }
    let pairs = told.quotes.iter().zip(&again.quotes);
    let mut supported = 0;
    for (one, other) in pairs {
        // Words that stand in more places than are listed stand in this one too, as far as anybody can say.
        let full = other.places.len() >= PLACES;
        let same = one.text == other.text
            && one
                .places
                .iter()
                .all(|place| full || other.places.contains(place));
        if same && !one.places.is_empty() {
            supported += 1;
        } else {
            let what = format!(
                "{:?} does not stand where it is quoted from",
                aios_work::quoted(&one.text, 80)
            );
            issues.push(wrong(what, Severity::Critical, "Quote what the file says"));
        }
    }
    Opinion {
        scores: vec![(
            Category::Accuracy,
            if issues.is_empty() { 1.0 } else { 0.0 },
        )],
        issues,
        claims: asked,
        supported,
    }
}

/// Every line of an answer that is marked as a quotation is one that was proven, with its place below it.
fn quotes_stand(text: &str, evidence: &Evidence) -> Opinion {
    let known = report::quotable(&evidence.facts);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with('>') && line.trim() != ">")
        .collect();
    let (mut issues, mut supported) = (Vec::new(), 0);
    for pair in lines.chunks(2) {
        let stands = matches!(pair, [quote, place] if known.iter().any(|known| known[0] == *quote && known[1] == *place));
        if stands {
            supported += 1;
        } else {
            let said = pair.first().copied().unwrap_or_default();
            let what = format!(
                "{:?} is quoted and stands in no file",
                aios_work::quoted(said, 80)
            );
            issues.push(wrong(
                what,
                Severity::Critical,
                "Quote what the files say, with the place",
            ));
        }
    }
    Opinion {
        scores: vec![(
            Category::Accuracy,
            if issues.is_empty() { 1.0 } else { 0.0 },
        )],
        issues,
        claims: lines.len().div_ceil(2),
        supported,
    }
}

/// A paragraph says what the quotations say.
fn is_borne(text: &str, evidence: &Evidence) -> Opinion {
    let quotes: Vec<&str> = evidence
        .facts
        .iter()
        .filter(|fact| fact.statistic == aios_work::Statistic::Quoted)
        .filter_map(|fact| match &fact.value {
            FactValue::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let (mut issues, mut all, mut supported) = (Vec::new(), 0, 0);
    for range in sentences(text) {
        let sentence = text.get(range).unwrap_or_default();
        let shown = aios_work::quoted(sentence, 80);
        all += 1;
        match support::borne(sentence, &quotes) {
            Borne::By(_) => supported += 1,
            Borne::Not => issues.push(wrong(
                format!("no passage says: {shown}"),
                Severity::Warning,
                "Say what the text says",
            )),
            Borne::Figure(figure) => issues.push(wrong(
                format!("no passage has the figure {figure}"),
                Severity::Critical,
                "Keep to the figures of the text",
            )),
            Borne::Denied(_) => issues.push(wrong(
                format!("the text says the opposite of: {shown}"),
                Severity::Critical,
                "Say what the text says",
            )),
        }
    }
    if support::obeys(text) {
        issues.push(wrong(
            "the text gives orders",
            Severity::Critical,
            "Say what the text says",
        ));
    }
    let share = if all == 0 {
        0.0
    } else {
        f64::from(u32::try_from(supported).unwrap_or(0)) / f64::from(all)
    };
    // Below half the paragraph is somebody else's; what is left without a place above that is marked in the answer.
    let score = if share < BORNE {
        0.4
    } else {
        0.7 + 0.3 * share
    };
    Opinion {
        scores: vec![(Category::Accuracy, score)],
        issues,
        claims: usize::try_from(all).unwrap_or(0),
        supported,
    }
}
