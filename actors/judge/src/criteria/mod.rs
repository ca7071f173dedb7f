//! What a good answer is. A file says it (`file`): `criteria/NAME.toml`.

mod file;

use std::sync::Arc;

use aios_schema::Schema;
use aios_work::{Category, Dimensions, PASS, WorkKind};

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// What they are called.
    pub name: String,
    /// The mean that passes; at least 0.85.
    pub pass: f64,
    /// What each dimension weighs; together 1.
    pub weights: Dimensions,
    /// Checks that are wanted beside those that always run; all of them if the file names none.
    pub(crate) wanted: Option<Vec<String>>,
    pub(crate) form: Vec<Shape>,
    pub(crate) language: Option<String>,
    pub(crate) json: bool,
    pub(crate) columns: Vec<String>,
    /// Points that must be answered beside those of the goal.
    pub(crate) covers: Vec<String>,
    /// What must not be said, in no line of it.
    pub(crate) forbidden: Vec<String>,
    /// A JSON schema that the answer must keep to, compiled once for all answers.
    pub(crate) schema: Option<Kept>,
    /// What is asked of others: commands, tools, models.
    pub outside: Vec<Outside>,
    /// Checks that run whatever the file names: what they find is wrong in every work of its kind.
    pub(crate) always: &'static [&'static str],
}

/// What is wrong in every text.
pub(crate) const IN_TEXTS: &[&str] = &["markup", "truncation", "injection", "forbidden"];
/// What is wrong in every work, one that is no prose included.
pub(crate) const IN_ALL: &[&str] = &["injection", "forbidden"];

/// A check that somebody outside carries out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outside {
    /// A command whose exit code says whether the work is good.
    Command {
        /// The program and its arguments.
        run: Vec<String>,
        /// How long it may take, in milliseconds.
        timeout_ms: u64,
    },
    /// A tool that must give a result.
    Tool {
        /// Its name.
        tool: String,
        /// What it is called with; the answer is put in as `text` where an object has no such field.
        args: serde_json::Value,
    },
    /// A model that reads the answer by a rubric.
    Model(Rubric),
}

/// By what a model judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rubric {
    /// The questions it answers.
    pub text: String,
    /// The rubric's version; a judgement names it.
    pub version: String,
    /// The dimension it speaks of.
    pub dimension: Category,
    /// How many judgements the median is of.
    pub n: u32,
}

/// A schema that answers are compared with. Two are the same if they were written the same.
#[derive(Debug, Clone)]
pub(crate) struct Kept(pub Arc<Schema>);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0.source() == other.0.source()
    }
}

/// How many of something there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub what: String,
    least: Option<usize>,
    most: Option<usize>,
}

impl Shape {
    pub(crate) fn of(what: &str, least: Option<usize>, most: Option<usize>) -> Self {
        Self {
            what: what.to_owned(),
            least,
            most,
        }
    }

    pub(crate) fn least(&self) -> Option<usize> {
        self.least
    }

    pub(crate) fn most(&self) -> Option<usize> {
        self.most
    }
}

/// Why a file holds no criteria.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CriteriaError {
    /// It is no TOML, or has a key that there is not.
    #[error("the criteria cannot be read: {0}")]
    Unreadable(String),
    /// The mean that passes is below the contract's.
    #[error("`pass` is {0}; it may be raised above 0.85 and never lowered")]
    Lowered(String),
    /// Weights are no weights.
    #[error("`weights` must be 0 or more each and not all 0")]
    Weights,
    /// There is no such check.
    #[error("there is no check of kind {kind:?}; did you mean {nearest:?}?")]
    Unknown {
        /// As written.
        kind: String,
        /// The nearest one.
        nearest: String,
    },
    /// Something is forbidden that is in every text, or that no line holds.
    #[error("`forbidden` holds {0:?}; each is a text of one line that is not empty")]
    Forbidden(String),
    /// A check lacks what it needs.
    #[error("a check of kind {kind:?} needs `{field}`")]
    Lacks {
        /// The kind.
        kind: String,
        /// What is missing.
        field: &'static str,
    },
}

/// The weights of the contract.
const WEIGHTS: Dimensions = Dimensions {
    relevance: 0.25,
    clarity: 0.25,
    accuracy: 0.25,
    completeness: 0.15,
    tone: 0.10,
};

impl Default for Criteria {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            pass: PASS,
            weights: WEIGHTS,
            wanted: None,
            form: Vec::new(),
            language: None,
            json: false,
            columns: Vec::new(),
            covers: Vec::new(),
            forbidden: Vec::new(),
            schema: None,
            outside: Vec::new(),
            always: IN_TEXTS,
        }
    }
}

impl Criteria {
    /// The same for another kind of work: JSON is judged by its form, a patch by what the criteria ask of others. Neither is prose.
    #[must_use]
    pub fn of_kind(mut self, kind: WorkKind) -> Self {
        if kind == WorkKind::Text {
            return self;
        }
        self.always = IN_ALL;
        self.json |= kind == WorkKind::Json;
        let mut wanted = self.wanted.take().unwrap_or_default();
        if kind == WorkKind::Json {
            wanted.push("form".to_owned());
        }
        self.wanted = Some(wanted);
        self
    }
}

impl Outside {
    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Command { run, .. } => {
                format!("command {}", run.first().map_or("", String::as_str))
            }
            Self::Tool { tool, .. } => format!("tool {tool}"),
            Self::Model(rubric) => format!("model {}", rubric.version),
        }
    }
}
