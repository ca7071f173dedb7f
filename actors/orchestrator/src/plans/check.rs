//! Judges what is written of results that speak for themselves: a figure is one that a tool gave, or it does not leave.

use std::collections::BTreeSet;

use aios_work::{
    Category, Check, Evidence, Issue, Judged, MadeBy, Opinion, Severity, Slots, TextKind, shown,
    shown_value,
};

/// Figures without a source that are named; more would say nothing new.
const NAMED: usize = 5;

/// Looks at every digit of a text. In a paragraph there may be none outside its slots; in an answer each number is that of a fact, or stands
/// in what was asked or given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures;

impl Check for Figures {
    fn name(&self) -> &str {
        "figures"
    }

    fn check(&self, work: &Judged<'_>) -> Option<Opinion> {
        let Judged::Text { text, evidence, .. } = work else {
            return None;
        };
        if !MadeBy::is_open(&evidence.domain) {
            return None;
        }
        Some(match evidence.kind {
            TextKind::Paragraph => paragraph(text, evidence),
            TextKind::Report => answer(text, evidence),
        })
    }
}

fn paragraph(text: &str, evidence: &Evidence) -> Opinion {
    let slots = Slots::of(&evidence.facts);
    let problems = slots.problems(text);
    let issue = |problem: &aios_work::SlotProblem| {
        let suggestion = "Name the figure by its slot, such as {task.name}, and write no digit";
        Issue::new(
            Category::Accuracy,
            Severity::Critical,
            problem.to_string(),
            suggestion,
        )
    };
    opinion(
        slots.used(text),
        problems.iter().map(issue).collect::<Vec<_>>(),
    )
}

fn answer(text: &str, evidence: &Evidence) -> Opinion {
    let mut known = BTreeSet::new();
    let mut know = |text: &str| known.extend(numbers(text));
    for fact in &evidence.facts {
        know(&shown_value(fact));
        for subject in &fact.subject {
            know(&subject.name);
        }
    }
    know(&evidence.goal);
    for passage in &evidence.passages {
        know(passage);
    }
    for point in &evidence.points {
        know(&point.asks);
    }
    let said = numbers(&shown::read_markdown(text));
    let claims = said.len();
    let astray: BTreeSet<String> = said
        .into_iter()
        .filter(|number| !known.contains(number))
        .collect();
    let issue = |number: &String| {
        Issue::new(
            Category::Accuracy,
            Severity::Critical,
            format!("{number} stands in no result"),
            "State figures that tools gave, and no others",
        )
    };
    opinion(claims, astray.iter().take(NAMED).map(issue).collect())
}

fn opinion(claims: usize, issues: Vec<Issue>) -> Opinion {
    let score = if issues.is_empty() { 1.0 } else { 0.0 };
    Opinion {
        scores: vec![(Category::Accuracy, score)],
        claims,
        supported: claims.saturating_sub(issues.len()),
        issues,
    }
}

/// The numbers of a text: runs of digits, with the marks that a number has inside.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut run = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = matches!(c, '.' | ',')
            && !run.is_empty()
            && chars.peek().is_some_and(|next| next.is_numeric());
        if c.is_numeric() || inside {
            run.push(c);
        } else if !run.is_empty() {
            found.push(std::mem::take(&mut run));
        }
    }
    if !run.is_empty() {
        found.push(run);
    }
    found
}

#[cfg(test)]
mod tests {
    use aios_work::{Assessment, Fact, figures};
    use serde_json::json;

    use super::*;

    fn facts() -> Vec<Fact> {
        let result = json!({"total": {"price": 12.5, "unit": "EUR"}, "day": "2026-11-29"});
        figures("order", "shop", &result).0
    }

    fn judged(text: &str, kind: TextKind, domain: &str) -> Option<(bool, String)> {
        let evidence = Evidence {
            kind,
            domain: domain.to_owned(),
            goal: "What do 3 cost?".to_owned(),
            facts: facts(),
            passages: vec!["room 101".to_owned()],
            ..Evidence::default()
        };
        let work = Judged::Text {
            text,
            evidence: &evidence,
        };
        let opinion = Figures.check(&work)?;
        let drawn = Assessment::of([opinion]);
        Some((drawn.verdict.passes(), drawn.feedback()))
    }

    #[test]
    fn a_number_that_no_tool_gave_is_critical() {
        let rows = [
            (TextKind::Paragraph, "They cost {order.total.price}.", ""),
            (
                TextKind::Paragraph,
                "They cost {order.total.price}, 13 at most.",
                "\"13\" has a digit",
            ),
            (
                TextKind::Paragraph,
                "They cost 12.5.",
                "\"12.5.\" has a digit",
            ),
            (
                TextKind::Paragraph,
                "They cost {order.price}.",
                "nearest is {order.total.price}",
            ),
            (
                TextKind::Report,
                "# What do 3 cost?\n\n| price | 12.5 EUR |\n\n2026-11-29, room 101",
                "",
            ),
            (
                TextKind::Report,
                "| price | 12.4 EUR |",
                "12.4 stands in no result",
            ),
            (
                TextKind::Report,
                "| price | 1 2.5 |",
                "1 stands in no result",
            ),
            (TextKind::Report, "\u{663} of them", "stands in no result"),
        ];
        for (kind, text, expected) in rows {
            let (passes, feedback) = judged(text, kind, "file").unwrap();
            assert_eq!(passes, expected.is_empty(), "{text}: {feedback}");
            assert!(feedback.contains(expected), "{text}: {feedback}");
        }
        assert_eq!(
            judged("They cost 13.", TextKind::Report, "others"),
            None,
            "another domain's text"
        );
    }
}
