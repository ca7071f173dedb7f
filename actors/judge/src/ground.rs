//! What an answer is judged against: the goal and everything that is known, read once for any number of answers.

use std::collections::HashSet;
use std::sync::Arc;

use aios_languages::{Folded, Lexicon, folded, language_of, lexicon, lexicons};
use aios_work::{CancelFlag, Evidence, Fact, Material, Point, TextKind, When};

use crate::column::{number_kinds, second_names};
use crate::goal::Asked;
use crate::grid::Grid;
use crate::numeral::Number;
use crate::paper::Paper;
use crate::signed::Signed;
use crate::text::{Names, Text};
use crate::vocabulary::Vocabulary;

/// A goal with its sources, ready to judge answers by. Cheap to clone: clones share what was read.
#[derive(Clone)]
pub struct Ground {
    pub(crate) goal: Arc<str>,
    /// The language of the goal, if one of those known.
    pub(crate) language: Option<Arc<Lexicon>>,
    pub(crate) grids: Arc<Vec<Grid>>,
    pub(crate) papers: Arc<Vec<Paper>>,
    pub(crate) facts: Arc<Vec<Signed>>,
    /// Numbers that a text may repeat, whatever it says with them: they were told to whoever wrote it.
    pub(crate) given: Arc<Vec<Number>>,
    /// Runs of digits in what figures are of: names that are numbers, keys of periods, and the figures themselves.
    pub(crate) marks: Arc<HashSet<String>>,
    /// What a text must say beside what the goal asks, as its plan knows it.
    pub(crate) points: Arc<Vec<Point>>,
    pub(crate) names: Arc<Names>,
    pub(crate) asked: Arc<Asked>,
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// Whether a text is one that its domain spelled from its own figures: then a figure is known by its value.
    pub(crate) spelled: bool,
    /// Sources that could not be read, each with the reason.
    pub(crate) unread: Vec<String>,
    /// Raised when nobody waits for a judgement any more.
    pub(crate) called_off: CancelFlag,
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
        let language = language_of(goal).or_else(|| as_its_sources(goal, materials));
        let language = language.and_then(lexicon);
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
        for grid in &mut grids {
            number_kinds(&mut grid.columns, goal);
            second_names(&mut grid.columns, goal);
        }
        let names = Names::of(&grids, &reading);
        let asked = Asked::read(goal, &reading, &names, &grids);
        let vocabulary = Vocabulary::of(&asked, &grids, &papers, &reading);
        Self {
            goal: goal.into(),
            language,
            grids: Arc::new(grids),
            papers: Arc::new(papers),
            facts: Arc::new(Signed::all(facts)),
            given: Arc::default(),
            points: Arc::default(),
            marks: Arc::default(),
            names: Arc::new(names),
            asked: Arc::new(asked),
            vocabulary: Arc::new(vocabulary),
            spelled: false,
            unread: Vec::new(),
            called_off: CancelFlag::new(),
        }
    }

    /// The same sources for one text of the goal: with the figures that were signed for it, the numbers that its writer was told, and the
    /// points that it must cover.
    pub(crate) fn for_text(&self, evidence: &Evidence) -> Self {
        let lexicon = reading(self.language.as_ref());
        let told = evidence.passages.iter().chain(&evidence.measures);
        let given = told.flat_map(|passage| self.read(passage, &lexicon).numbers);
        Self {
            facts: Arc::new(Signed::all(evidence.facts.iter().cloned())),
            given: Arc::new(given.collect()),
            points: Arc::new(evidence.points.clone()),
            marks: Arc::new(marks(evidence)),
            spelled: evidence.kind == TextKind::Report,
            ..self.clone()
        }
    }

    /// Notes that a source could not be read: what rests on it cannot be checked.
    #[must_use]
    pub fn without(mut self, why: impl Into<String>) -> Self {
        self.unread.push(why.into());
        self
    }

    /// The same, judged by no further than until the flag is raised. Checks that had not looked by then could not run.
    #[must_use]
    pub fn until(mut self, called_off: CancelFlag) -> Self {
        self.called_off = called_off;
        self
    }

    /// Whether anything was read that a text can be held against.
    #[must_use]
    pub fn has_sources(&self) -> bool {
        !self.grids.is_empty() || !self.papers.is_empty()
    }

    /// Whether there is anything to judge by.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        !self.has_sources() && self.facts.is_empty() && self.given.is_empty()
    }

    /// The language of an answer's own words: what tables call things is of any language.
    pub(crate) fn language_of(&self, text: &str) -> Option<&'static str> {
        let known = &self.vocabulary;
        let is_name = |word: &str| known.words.contains(word) && !known.said.contains(word);
        let own = |word: &Folded| {
            let digits = word.text.bytes().any(|byte| byte.is_ascii_digit());
            !digits && (self.grids.is_empty() || !is_name(&word.text))
        };
        let words: Vec<&str> = folded(text)
            .iter()
            .filter(|word| own(word))
            .filter_map(|word| text.get(word.start..word.end))
            .collect();
        // A word or two are of any language.
        let short = self.language.is_some() && words.len() < WORDS;
        let found = language_of(&words.join(" ")).filter(|_| !short);
        found.or_else(|| self.language.as_ref().and_then(|own| code_of(&own.code)))
    }

    /// Reads a text of the answer as one about these sources.
    pub(crate) fn read(&self, text: &str, lexicon: &Lexicon) -> Text {
        Text::read(text, lexicon, &self.names, &self.grids)
    }
}

/// The language of the documents, where a goal that tells none has small words of it: "Resume el acta".
fn as_its_sources(goal: &str, materials: &[Material]) -> Option<&'static str> {
    let words = folded(goal);
    materials.iter().find_map(|material| {
        let Material::Document(document) = material else {
            return None;
        };
        let code = language_of(&document.text)?;
        let own = lexicon(code)?;
        let small = words.iter().filter(|word| own.is_stop(&word.text)).count();
        (small > 0).then_some(code)
    })
}

/// Words below which an answer is in the language of its goal.
const WORDS: usize = 4;

/// The code of a language as it came with this build.
fn code_of(code: &str) -> Option<&'static str> {
    let mut all = lexicons().iter();
    all.find(|lexicon| lexicon.code == code)
        .map(|lexicon| lexicon.code.as_str())
}

/// The runs of digits of everything that the figures of a text are of.
fn marks(evidence: &Evidence) -> HashSet<String> {
    let mut texts: Vec<String> = Vec::new();
    for fact in &evidence.facts {
        for subject in &fact.subject {
            texts.extend([subject.name.clone(), subject.kind.clone()]);
        }
        match fact.period {
            Some(When::During(period)) => texts.push(period.key()),
            Some(When::Between { from, to }) => texts.extend([from.key(), to.key()]),
            Some(When::Undated) | None => {}
        }
        texts.extend(fact.value.as_f64().map(|value| value.to_string()));
    }
    let runs = texts.iter().flat_map(|text| digit_runs(text));
    runs.map(str::to_owned).collect()
}

/// The runs of digits of a text.
pub(crate) fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
}

/// The words by which a text is read where nothing tells its language.
pub(crate) fn reading(language: Option<&Arc<Lexicon>>) -> Arc<Lexicon> {
    match language.or_else(|| lexicons().first()) {
        Some(lexicon) => Arc::clone(lexicon),
        // The build always has one; a file without words reads nothing.
        None => Arc::new(Lexicon::none()),
    }
}
