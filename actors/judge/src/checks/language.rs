//! The answer is in the language of the goal, or in the one that it asks for.

use aios_languages::{Sense, foreign, language_of};
use aios_work::{Category, Issue, Severity};

use super::{Finding, Look};
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Language;

impl Look for Language {
    fn name(&self) -> &'static str {
        "language"
    }

    fn dimension(&self) -> Category {
        Category::Relevance
    }

    fn look(&self, reading: &Reading<'_>, criteria: &Criteria) -> Finding {
        let asked = &reading.ground.asked.text;
        let said = [
            (Sense::SaidLanguageEn, "en"),
            (Sense::SaidLanguageDe, "de"),
            (Sense::SaidLanguageFr, "fr"),
            (Sense::SaidLanguageEs, "es"),
        ];
        let wanted = criteria.language.as_deref().or_else(|| {
            said.into_iter()
                .find(|(sense, _)| asked.has(*sense))
                .map(|(_, code)| code)
        });
        let own = language_of(&reading.ground.goal);
        if wanted.is_none()
            && own.is_none()
            && let Some(name) = foreign(&reading.ground.goal)
        {
            return Finding::unable(format!("there is no pack for {name}"));
        }
        let Some(wanted) = wanted.or(own) else {
            return Finding::default();
        };
        // Keys are of no language, and what stands at them are names and figures.
        if reading.answer.is_json {
            return Finding::default();
        }
        // Only words tell a language: names and figures are the same in all of them.
        let prose: Vec<&str> = reading
            .said()
            .map(|piece| reading.answer.pieces[piece].text.as_str())
            .collect();
        let prose = prose.join(" ");
        let other = match reading.ground.language_of(&prose) {
            Some(found) if found != wanted && prose.split_whitespace().count() > 5 => {
                Some(found.to_owned())
            }
            Some(_) => None,
            None => foreign(&prose).map(str::to_owned),
        };
        match other {
            Some(other) => Finding::of([Issue::new(
                Category::Relevance,
                Severity::Critical,
                format!(
                    "the answer is in another language ({other}) than was asked for ({wanted})"
                ),
                "Answer in the language of the goal",
            )]),
            None => Finding::default(),
        }
    }
}
