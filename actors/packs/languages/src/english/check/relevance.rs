//! Relevance: whether a text is about what was asked, by shared words and, when embeddings are given, by their cosine.

use std::collections::BTreeSet;

use crate::english::naming::figure;
use crate::english::prose::{content_stems, sentences};
use aios_work::{Category, Evidence, Issue, Severity, Vectors};

/// Sentence embeddings of unrelated English texts lie around 0.1, of a question and its answer around 0.5 and more.
const FAR: f64 = 0.10;
const NEAR: f64 = 0.50;

/// Relevance between 0 and 1.
#[must_use]
pub(super) fn check(
    text: &str,
    evidence: &Evidence,
    vectors: Option<Vectors<'_>>,
    supported: usize,
) -> (f64, Vec<Issue>) {
    let overlap = overlap(text, evidence, supported);
    let score = match vectors.and_then(|(goal, text)| cosine(goal, text)) {
        // Words can be shared while wording differs, and the other way round: the cosine may lift, and weighs half.
        Some(cosine) => {
            let near = ((cosine - FAR) / (NEAR - FAR)).clamp(0.0, 1.0);
            overlap.max((overlap + near) / 2.0)
        }
        None => overlap,
    };
    let mut issues = Vec::new();
    if score < 0.5 {
        issues.push(Issue::new(
            Category::Relevance,
            Severity::Error,
            "the text is not about what was asked",
            format!("Write about: {}", aios_work::quoted(&evidence.goal, 120)),
        ));
    }
    (score, issues)
}

/// Cosine of two vectors; none for vectors that differ in length, are empty or have no direction.
#[must_use]
pub(super) fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let dot = |x: &[f32], y: &[f32]| {
        x.iter()
            .zip(y)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum::<f64>()
    };
    let size = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / size;
    (size > 0.0 && cosine.is_finite()).then(|| cosine.clamp(-1.0, 1.0))
}

/// Two halves: how many sentences speak of the matter, and whether the matter is named at all. The matter is what the goal, the
/// measures, the subjects and the passages name.
fn overlap(text: &str, evidence: &Evidence, supported: usize) -> f64 {
    // What a goal does with its matter says nothing of the matter.
    const DOING: [&str; 22] = [
        "analyze",
        "analyse",
        "analysis",
        "summarize",
        "summarise",
        "summary",
        "report",
        "show",
        "give",
        "tell",
        "make",
        "explain",
        "describe",
        "find",
        "write",
        "calculate",
        "compute",
        "document",
        "file",
        "data",
        "please",
        "trend",
    ];
    let goal: BTreeSet<String> = content_stems(&evidence.goal)
        .into_iter()
        .filter(|stem| !DOING.contains(&stem.as_str()))
        .collect();
    let mut matter = goal.clone();
    for name in evidence.measures.iter().chain(
        evidence
            .subjects
            .iter()
            .flat_map(|subject| [&subject.name, &subject.kind]),
    ) {
        matter.extend(content_stems(name));
    }
    // What the figures are: "total revenue", "rows".
    for fact in &evidence.facts {
        matter.extend(content_stems(&figure(fact)).into_iter().take(2));
    }
    for passage in &evidence.passages {
        matter.extend(content_stems(passage));
    }
    if matter.is_empty() {
        return 1.0;
    }
    let mut speaking = 0.0;
    let mut all = 0.0;
    let mut named = BTreeSet::new();
    for sentence in sentences(text) {
        let stems = content_stems(sentence.of(text));
        if stems.is_empty() {
            continue;
        }
        all += 1.0;
        let hits: Vec<_> = stems.iter().filter(|stem| matter.contains(*stem)).collect();
        if !hits.is_empty() {
            speaking += 1.0;
        }
        named.extend(hits.into_iter().cloned());
    }
    let share = if all == 0.0 { 0.0 } else { speaking / all };
    // Three words of the matter (or as many as there are) name it; a figure that a fact bears out is worth one.
    let enough = matter.len().min(3) as f64;
    let naming = ((named.len() + supported.min(2)) as f64 / enough).min(1.0);
    if named.is_empty() && supported == 0 {
        0.0
    } else {
        0.5 * share + 0.5 * naming
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_is_defined_only_for_vectors_with_a_common_length_and_direction() {
        assert_eq!(cosine(&[1.0, 0.0], &[1.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), Some(0.0));
        assert_eq!(cosine(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(cosine(&[], &[]), None);
        assert_eq!(cosine(&[0.0], &[0.0]), None);
        assert_eq!(cosine(&[f32::NAN], &[1.0]), None);
    }
}
