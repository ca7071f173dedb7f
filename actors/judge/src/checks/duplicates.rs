//! Nothing is said again and again.

use std::collections::HashMap;

use aios_work::{Category, Severity};

use super::{Finding, Look, at};
use crate::answer::Kind;
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Duplicates;

impl Look for Duplicates {
    fn name(&self) -> &'static str {
        "duplicates"
    }

    fn dimension(&self) -> Category {
        Category::Clarity
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut all, mut again) = (0, 0);
        for (piece, text) in reading.texts.iter().enumerate() {
            let kind = reading.answer.pieces[piece].kind;
            if !matches!(
                kind,
                Kind::Sentence | Kind::Item | Kind::Heading | Kind::Label
            ) || text.words.len() < 4
            {
                continue;
            }
            let key: Vec<&str> = text.words.iter().map(|word| word.text.as_str()).collect();
            let pieces = seen.entry(key.join(" ")).or_default();
            all += text.words.len();
            if !pieces.is_empty() {
                again += text.words.len();
            }
            pieces.push(piece);
        }
        let most = seen.values().max_by_key(|pieces| pieces.len());
        let Some(most) = most.filter(|pieces| pieces.len() > 1) else {
            return Finding::default();
        };
        let severe = most.len() > 2 || again * 10 >= all * 3;
        let severity = if severe {
            Severity::Error
        } else {
            Severity::Warning
        };
        let what = format!("the same is said {} times", most.len());
        Finding::of([at(
            reading,
            most[1],
            Category::Clarity,
            severity,
            what,
            "Say it once",
        )])
    }
}
