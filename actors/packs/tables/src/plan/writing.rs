//! What the model is asked to write, how its text is tidied, and the paragraph that stands in for it.
//!
//! A model of 135 million parameters follows a short prompt with the facts first, numbers already written as they are to be copied, and a
//! plain request at the end. Everything it writes is judged by the critic; the template paragraph needs no judge's mercy, it states facts.

use super::analysis::Analysis;
use super::columns::{Aggregate, label};
use super::findings::{Findings, Line, NO_VALUE, REST};
use super::intent::Intent;
use super::reading::computed;
use crate::page::capital;
use aios_languages::english::figures::readable;
use aios_languages::english::prose::{sentences, words};
use aios_languages::english::shown_name;
use aios_work::{FactKind, Goal, Point, Statistic, quoted};

/// Lines of facts in a prompt.
const LINES: usize = 3;
/// The same after a text that did not pass.
const LINES_AGAIN: usize = 2;
/// Characters of the critic's feedback in a prompt.
const FEEDBACK: usize = 200;
/// Passages from memory in a prompt.
const PASSAGES: usize = 3;

/// What the writer is told.
#[must_use]
pub fn instruction(
    goal: &Goal,
    analysis: &Analysis,
    findings: &Findings,
    recalled: &[String],
    feedback: Option<&str>,
) -> String {
    let asked = quoted(goal.text(), 400);
    let mut prompt = match analysis.intent {
        Intent::AnalyseTable | Intent::AskTable | Intent::Arithmetic => {
            // A small model rewrites a few sentences faithfully and loses its way in a list of many; a second try gets fewer.
            let most = if feedback.is_some() {
                LINES_AGAIN
            } else {
                LINES
            };
            let facts: Vec<String> = statements(analysis, findings)
                .into_iter()
                .take(most)
                .collect();
            format!(
                "Rewrite these sentences as one short paragraph. Keep every number.\n\n{}",
                facts.join(" ")
            )
        }
        Intent::PlainQuestion => {
            let known: Vec<String> = recalled
                .iter()
                .take(PASSAGES)
                .map(|passage| format!("- {}", quoted(passage, 400)))
                .collect();
            let known = if known.is_empty() {
                String::new()
            } else {
                format!("Known:\n{}\n\n", known.join("\n"))
            };
            format!(
                "{known}Question: {asked}\nAnswer in 1 or 2 short sentences. If you do not know, say so."
            )
        }
    };
    if let Some(feedback) = feedback {
        // The faults come first, so that the task is the last thing a small model has read.
        let faults: String = feedback.chars().take(FEEDBACK).collect();
        prompt =
            format!("Your last text had faults:\n{faults}\nDo it again without them.\n\n{prompt}");
    }
    prompt
}

/// The closing paragraph from the facts alone.
#[must_use]
pub fn template(goal: &Goal, analysis: &Analysis, findings: &Findings) -> String {
    match analysis.intent {
        Intent::AnalyseTable | Intent::AskTable | Intent::Arithmetic => {
            let said = statements(analysis, findings);
            if said.is_empty() {
                "No figures could be computed from the data.".to_owned()
            } else {
                said.join(" ")
            }
        }
        Intent::PlainQuestion => format!(
            "The question {:?} could not be answered from what is stored here.",
            quoted(goal.text(), 200)
        ),
    }
}

/// The main facts as sentences, most important first: each stands alone and says what its figure is about.
#[must_use]
pub fn statements(analysis: &Analysis, findings: &Findings) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(expression), Some(value)) = (&analysis.expression, findings.computed) {
        out.push(match value {
            Some(value) => format!(
                "{} is {}.",
                expression.shown,
                aios_languages::english::figures::exact(value)
            ),
            None => format!("{} is not defined.", expression.shown),
        });
        return out;
    }
    let unit = analysis.unit.as_deref();
    let figure = analysis.figure_label();
    let measure = analysis.measure_label();
    let shown = |value: f64| readable(value, unit);
    let part = |line: &Line| line.value.map(&shown).unwrap_or_default();
    if let (Some(total), true) = (findings.total, analysis.aggregate != Aggregate::Count) {
        out.push(format!("{} is {}.", capital(&figure), shown(total)));
    } else if let Some(rows) = findings
        .rows
        .filter(|_| analysis.aggregate == Aggregate::Count)
    {
        out.push(format!(
            "The data has {} rows.",
            readable(rows as f64, None)
        ));
    }
    if let (Some(high), Some(low), Some(grain)) = (
        Findings::extreme(&findings.periods, true),
        Findings::extreme(&findings.periods, false),
        analysis.grain,
    ) && high.value != low.value
    {
        let noun = grain.as_str();
        out.push(format!(
            "The highest {noun} is {} with {}, the lowest {noun} is {} with {}.",
            high.name,
            part(high),
            low.name,
            part(low)
        ));
    }
    if let Some(step) = &findings.overall {
        out.extend(movement(&measure, step));
    }
    for (column, lines) in &findings.categories {
        let kind = label(column);
        let named: Vec<Line> = lines
            .iter()
            .filter(|line| line.name != REST && line.name != NO_VALUE)
            .cloned()
            .collect();
        let ends = (
            Findings::extreme(&named, true),
            Findings::extreme(&named, false),
        );
        if let (Some(high), Some(low)) = ends
            && named.len() > 1
        {
            if high.value == low.value {
                if named.iter().all(|line| line.value.is_some()) {
                    out.push(format!("Each {kind} has the same {figure}."));
                }
                continue;
            }
            let share = high
                .share
                .map(|share| format!(", a share of {}", readable(share, Some("%"))));
            let most = if analysis.aggregate == Aggregate::Count {
                "most rows".to_owned()
            } else {
                format!("highest {figure}")
            };
            out.push(format!(
                "{} has the {most} with {}{}.",
                capital(&called(&kind, &high.name)),
                part(high),
                share.unwrap_or_default()
            ));
        }
    }
    match findings.odd.as_deref() {
        Some([odd, ..]) => {
            let place = match (odd.line, &odd.day, &odd.label) {
                (Some(line), Some(day), _) => format!("on {day} (line {line} of the file)"),
                (Some(line), None, _) => format!("in line {line} of the file"),
                (None, Some(day), _) => format!("in {day}"),
                (None, None, _) => "in the data".to_owned(),
            };
            out.push(format!(
                "The largest outlier of {measure} is {} {place}.",
                shown(odd.value)
            ));
        }
        Some([]) => out.push(format!("No value of {measure} is an outlier.")),
        None => {}
    }
    out
}

/// A name behind its kind, which makes even "1" or "A" a name: "store 1", but not "store Store 1".
pub(crate) fn called(kind: &str, name: &str) -> String {
    let name = shown_name(name);
    if name.to_lowercase().starts_with(&format!("{kind} ")) {
        name
    } else {
        format!("{kind} {name}")
    }
}

/// A change in words; one that is not defined in percent is given in the measure's unit by the table.
fn movement(measure: &str, step: &super::findings::Step) -> Option<String> {
    let growth = step.growth?;
    let size = readable(growth.abs(), Some("%"));
    let zero = !size.bytes().any(|b| matches!(b, b'1'..=b'9'));
    let verb = if zero {
        return Some(format!(
            "{} did not change from {} to {}.",
            capital(measure),
            step.from,
            step.to
        ));
    } else if growth > 0.0 {
        "rose"
    } else {
        "fell"
    };
    Some(format!(
        "{} {verb} by {size} from {} to {}.",
        capital(measure),
        step.from,
        step.to
    ))
}

/// What a closing paragraph must touch; less than the whole report covers.
#[must_use]
pub fn paragraph_points(analysis: &Analysis, findings: &Findings) -> Vec<Point> {
    let mut out = Vec::new();
    let mut ask = |id: &str, asks: String, facts: Vec<FactKind>, words: Vec<String>| {
        out.push(Point {
            id: id.into(),
            asks,
            facts,
            words,
        })
    };
    let figure = || analysis.figure();
    match analysis.intent {
        Intent::AnalyseTable => {
            if findings.total.is_some() || findings.rows.is_some() {
                ask("total", analysis.figure_label(), vec![figure()], vec![]);
            }
            let of = |statistic: Statistic| analysis.figure_of(statistic);
            let mut more = vec![
                figure().per_period(),
                of(Statistic::Growth).per_period(),
                of(Statistic::Change).per_period(),
            ];
            for (column, _) in &findings.categories {
                more.push(figure().per(label(column)));
                more.push(of(Statistic::Share).per(label(column)));
            }
            if findings.overall.is_some()
                || findings.periods.len() > 1
                || !findings.categories.is_empty()
            {
                ask(
                    "detail",
                    "one figure of a period or category".to_owned(),
                    more,
                    vec!["change".into(), "same".into()],
                );
            }
        }
        Intent::Arithmetic => {
            if let Some(expression) = &analysis.expression {
                ask(
                    "result",
                    format!("the value of {}", expression.shown),
                    vec![computed()],
                    vec!["defined".into()],
                );
            }
        }
        Intent::AskTable | Intent::PlainQuestion => {}
    }
    out
}

/// A model's text without what surrounds a paragraph: fences, headings, list marks, an opening like "Here is the summary:", and an
/// unfinished last sentence if finished ones remain.
#[must_use]
pub fn tidy(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches(['-', '*', '>', '#', ' ']);
        if !line.is_empty() && !line.starts_with("```") {
            lines.push(line.to_owned());
        }
    }
    if let Some(first) = lines.first()
        && lines.len() > 1
        && first.ends_with(':')
        && words(first).len() <= 12
    {
        lines.remove(0);
    }
    let joined = lines.join(" ");
    let joined = joined.trim().trim_matches('"').trim();
    let cut = sentences(joined);
    let ends = |sentence: &str| {
        sentence
            .trim_end_matches(['"', '\'', ')', '”', '’'])
            .ends_with(['.', '!', '?'])
    };
    match cut.last() {
        Some(last) if cut.len() > 1 && !ends(last.of(joined).trim()) => {
            joined.get(..last.start).unwrap_or(joined).trim().to_owned()
        }
        _ => joined.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_text_is_tidied_to_a_paragraph() {
        let cases = [
            (
                "Here is the summary:\n\nRevenue was 5. It rose.",
                "Revenue was 5. It rose.",
            ),
            ("Revenue was 5. It rose because the", "Revenue was 5."),
            ("Revenue was", "Revenue was"),
            (
                "```\n- Revenue was 1.5.\n- It fell.\n```",
                "Revenue was 1.5. It fell.",
            ),
            ("\"Revenue was 5.\"", "Revenue was 5."),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(tidy(text), expected);
        }
    }
}
