//! The answer as Markdown. What was asked for stands first, then what it rests on: every quotation with its mark and place.

use std::fmt::Write as _;

use aios_work::shown::{markdown, markdown_line};
use aios_work::{Fact, GAPS_HEADING, Goal, Statistic, Value as FactValue, quoted};
use serde_json::Value;

use crate::findings::{Findings, PASSAGE};
use crate::plan::Wants;
use crate::support::{self, mark};

/// Characters of a quotation.
const QUOTE: usize = 2_000;
/// Sentences of a paragraph that no model wrote.
const SENTENCES: usize = 3;

/// A quotation as it stands in an answer.
pub(crate) fn quotation(text: &str) -> String {
    format!(
        "> {}",
        markdown_line(&quoted(text, QUOTE).replace('|', "/"))
    )
}

/// The line that says where a quotation stands.
pub(crate) fn origin(mark: &str, place: &str) -> String {
    format!(
        "> \\[{mark}\\] {}",
        markdown(&quoted(place, QUOTE).replace('|', "/"))
    )
}

/// The lines that facts may be quoted with: whatever else stands behind a quotation's mark is no quotation.
pub(crate) fn quotable(facts: &[Fact]) -> Vec<[String; 2]> {
    facts
        .iter()
        .filter_map(
            |fact| match (&fact.statistic, &fact.value, fact.subject.as_slice()) {
                (Statistic::Quoted, FactValue::Text(text), [subject])
                    if subject.kind == PASSAGE =>
                {
                    Some([quotation(text), origin(&subject.name, &fact.source.text)])
                }
                _ => None,
            },
        )
        .collect()
}

/// A paragraph, and whether a model wrote it.
pub(crate) struct Paragraph {
    pub(crate) text: String,
    pub(crate) by_model: bool,
}

/// The paragraph: the model's that passed, its sentences marked with what bears them out; else the files' own sentences.
pub(crate) fn paragraph(findings: &Findings, passed: Option<&str>) -> Paragraph {
    let says = &findings.language.says;
    let texts: Vec<&str> = findings
        .quotes
        .iter()
        .map(|(quote, _)| quote.text.as_str())
        .collect();
    if let Some(text) = passed
        .map(str::trim)
        .filter(|text| !text.is_empty() && findings.answered)
    {
        return Paragraph {
            text: support::marked(text, &texts, says.unquoted),
            by_model: true,
        };
    }
    let text = match (texts.is_empty(), findings.answered) {
        (true, _) => says.nothing.to_owned(),
        (false, false) => says.nearest.to_owned(),
        (false, true) => {
            let most = if findings.meaning.wants == Wants::Answer {
                1
            } else {
                SENTENCES
            };
            let lines = texts.iter().enumerate().take(most);
            let lines: Vec<String> = lines
                .map(|(at, text)| format!("{} [{}]", closed(text), mark(at)))
                .collect();
            lines.join(" ")
        }
    };
    Paragraph {
        text,
        by_model: false,
    }
}

/// A sentence with its full stop.
fn closed(sentence: &str) -> String {
    let sentence = quoted(sentence, 400);
    if sentence.ends_with(['.', '!', '?', '\u{3002}', '\u{ff01}', '\u{ff1f}', '"', '\'']) {
        sentence
    } else {
        format!(
            "{}.",
            sentence.trim_end_matches([':', ';', ',', '\u{2026}'])
        )
    }
}

/// The whole answer.
pub(crate) fn answer(
    goal: &Goal,
    findings: &Findings,
    passed: Option<&str>,
    gaps: &[String],
) -> String {
    let says = &findings.language.says;
    let mut out = format!("# {}\n\n", inline(goal.text()));
    match findings.meaning.wants {
        Wants::Fields => fields(&mut out, findings),
        Wants::Summary | Wants::Answer => {
            let heading = if findings.meaning.wants == Wants::Answer {
                says.answer
            } else {
                says.summary
            };
            let paragraph = paragraph(findings, passed);
            let _ = writeln!(out, "## {heading}\n\n{}\n", begins(&paragraph.text));
            if !findings.quotes.is_empty() && findings.answered {
                let note = if paragraph.by_model {
                    says.by_model
                } else {
                    says.extractive
                };
                let _ = writeln!(out, "_{note}_\n");
            }
        }
    }
    if !findings.quotes.is_empty() {
        let heading = if findings.meaning.wants == Wants::Summary {
            says.key_sentences
        } else {
            says.quotations
        };
        let _ = writeln!(out, "## {heading}\n");
        for (at, (quote, source)) in findings.quotes.iter().enumerate() {
            let _ = writeln!(
                out,
                "{}\n>\n{}\n",
                quotation(&quote.text),
                origin(&mark(at), &source.text)
            );
        }
    }
    documents(&mut out, findings);
    list(&mut out, GAPS_HEADING, gaps);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn fields(out: &mut String, findings: &Findings) {
    let says = &findings.language.says;
    let _ = writeln!(
        out,
        "## {}\n\n```json\n{}\n```\n",
        says.fields,
        json_text(&findings.object())
    );
    let _ = writeln!(
        out,
        "| {} | {} | {} |\n|---|---|---|",
        says.field, says.value, says.place
    );
    for (field, quoted) in &findings.fields {
        let name = field.pointer.trim_start_matches('/');
        let value = match &field.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let unit = field
            .unit
            .as_deref()
            .map(|unit| format!(" {unit}"))
            .unwrap_or_default();
        let place = match (quoted, &field.why) {
            (Some(at), _) => format!("\\[{}\\]", mark(*at)),
            (None, Some(why)) => inline(why),
            (None, None) => says.not_found.to_owned(),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {place} |",
            inline(name),
            inline(&format!("{value}{unit}"))
        );
    }
    out.push('\n');
}

/// An object that no text in it can leave: a grave accent is written as an escape.
pub(crate) fn json_text(object: &Value) -> String {
    let text = serde_json::to_string_pretty(object).unwrap_or_default();
    aios_work::shown::json(&text).replace('`', "\\u0060")
}

fn documents(out: &mut String, findings: &Findings) {
    let says = &findings.language.says;
    if findings.outlines.is_empty() {
        return;
    }
    let _ = writeln!(out, "## {}\n", says.documents);
    for outline in &findings.outlines {
        let shown = |count: usize| grouped(count, findings.language.code);
        let _ = writeln!(
            out,
            "| {} | {} |\n|---|---:|\n| {} | {} |\n| {} | {} |\n| {} | {} |\n",
            says.file,
            inline(&outline.file),
            says.words,
            shown(outline.words),
            says.sentences,
            shown(outline.sentences),
            says.sections,
            shown(outline.heading_count)
        );
    }
    for note in findings.notes() {
        let _ = writeln!(out, "- {}.", begins(note.trim_end_matches('.')));
    }
    out.push('\n');
}

/// A count as English groups it; elsewhere the signs that group are others, and none is understood by all.
fn grouped(count: usize, code: &str) -> String {
    let plain = count.to_string();
    if code != "en" {
        return plain;
    }
    let mut out = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn list(out: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "{heading}\n");
    for item in items {
        let _ = writeln!(out, "- {}.", begins(item.trim_end_matches('.')));
    }
    out.push('\n');
}

/// Foreign text inside a line.
fn inline(text: &str) -> String {
    markdown(&quoted(text, QUOTE).replace('|', "/"))
}

/// Foreign text that begins a line.
fn begins(text: &str) -> String {
    markdown_line(&quoted(text, QUOTE).replace('|', "/"))
}
