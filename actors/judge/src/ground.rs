//! What an answer is judged against: the goal and everything that is known, read once for any number of answers.

use std::sync::Arc;

use aios_languages::{Lexicon, language_of, lexicon, lexicons};
use aios_work::{Fact, Material};

use crate::goal::Asked;
use crate::grid::Grid;
use crate::paper::Paper;
use crate::text::{Names, Text};
use crate::vocabulary::Vocabulary;

/// A goal with its sources, ready to judge answers by.
pub struct Ground {
    pub(crate) goal: String,
    /// The language of the goal, if one of those known.
    pub(crate) language: Option<Arc<Lexicon>>,
    pub(crate) grids: Vec<Grid>,
    pub(crate) papers: Vec<Paper>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) names: Names,
    pub(crate) asked: Asked,
    pub(crate) vocabulary: Vocabulary,
    /// Sources that could not be read, each with the reason.
    pub(crate) unread: Vec<String>,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground")
            .field("goal", &self.goal)
            .finish_non_exhaustive()
    }
}

impl Ground {
    /// A goal with sources that were read for it and facts that were signed for it.
    #[must_use]
    pub fn new(goal: &str, materials: &[Material], facts: Vec<Fact>) -> Self {
        let language = language_of(goal).and_then(lexicon);
        let reading = reading(language.as_ref());
        let mut grids = Vec::new();
        let mut papers = Vec::new();
        for material in materials {
            match material {
                Material::Table(table) => grids.push(Grid::new(table)),
                Material::Document(document) => {
                    let own = language_of(&document.text).and_then(lexicon);
                    let own = own.unwrap_or_else(|| Arc::clone(&reading));
                    papers.push(Paper::read(&document.name, &document.text, &own));
                }
            }
        }
        let names = Names::of(&grids, &reading);
        let asked = Asked::read(goal, &reading, &names, &grids);
        let vocabulary = Vocabulary::of(&asked, &grids, &papers, &reading);
        Self {
            goal: goal.to_owned(),
            language,
            grids,
            papers,
            facts,
            names,
            asked,
            vocabulary,
            unread: Vec::new(),
        }
    }

    /// Notes that a source could not be read: what rests on it cannot be checked.
    #[must_use]
    pub fn without(mut self, why: impl Into<String>) -> Self {
        self.unread.push(why.into());
        self
    }

    /// Whether there is anything to judge by.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.grids.is_empty() && self.papers.is_empty() && self.facts.is_empty()
    }

    /// Reads a text of the answer as one about these sources.
    pub(crate) fn read(&self, text: &str, lexicon: &Lexicon) -> Text {
        Text::read(text, lexicon, &self.names, &self.grids)
    }
}

/// The words by which a text is read where nothing tells its language.
pub(crate) fn reading(language: Option<&Arc<Lexicon>>) -> Arc<Lexicon> {
    match language.or_else(|| lexicons().first()) {
        Some(lexicon) => Arc::clone(lexicon),
        // The build always has one; a file without words reads nothing.
        None => Arc::new(Lexicon::none()),
    }
}
