//! Values against a JSON schema: a tool's arguments and its result, a model's answer, what criteria or a goal ask for.
//!
//! A schema may come from anywhere, a server that nobody here wrote included. So it is looked at before it is compiled: how large and how
//! deep it is, and that it refers to nothing outside itself; nothing is ever fetched. And before a value is compared with it, the
//! comparisons are counted ([`cost`]): a small schema can ask for more of them than anybody has time for.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cost;
mod told;
mod walk;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Bytes of a schema; a tool with a hundred documented fields has some twenty thousand.
const BYTES: usize = 256 << 10;
/// Objects within objects of a schema.
const SCHEMA_DEPTH: usize = 64;
/// Arrays and objects within each other of a value that is compared.
const VALUE_DEPTH: usize = 64;
/// Bytes of a compiled pattern: some hundred characters with classes and repetitions.
const PATTERN_BYTES: usize = 256 << 10;
/// Patterns of a schema; each may take [`PATTERN_BYTES`].
const PATTERNS: usize = 64;
/// Mismatches that are told at once; whoever asked repairs them together.
const TOLD: usize = 3;

/// Mismatches of a value of which some may be excused.
const MISMATCHES: usize = 64;

/// A JSON schema that values are compared with; compiled once.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    validator: Validator,
    cost: cost::Rule,
}

/// One place where a value is not as its schema says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole.
    pub at: String,
    /// Whether it is about several ways of which one would do, so that what is missing may be what decides.
    pub of_alternatives: bool,
    /// What is wrong there.
    pub says: String,
}

/// Why a schema is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is longer than what is read.
    #[error("the schema has {asked} bytes, allowed are {allowed}")]
    TooLarge {
        /// Bytes, written as JSON.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// It goes deeper than what is followed.
    #[error("the schema is more than {allowed} levels deep")]
    TooDeep {
        /// Levels that are followed.
        allowed: usize,
    },
    /// It has more patterns than what is compiled.
    #[error("the schema has more than {allowed} patterns")]
    TooManyPatterns {
        /// Patterns that are compiled.
        allowed: usize,
    },
    /// It refers to something outside itself, or in a way that is not followed.
    #[error(
        "the schema refers to {to:?}; only places within itself such as #/$defs/name are looked up"
    )]
    Elsewhere {
        /// What it refers to.
        to: String,
    },
    /// Comparing with it would take longer than there is, whatever the value.
    #[error("the schema cannot be compared with: {0}")]
    Endless(&'static str),
    /// It is no JSON.
    #[error("the schema is no JSON: {0}")]
    NotJson(String),
    /// It is no schema.
    #[error("the schema cannot be used: {0}")]
    Invalid(String),
}

impl Schema {
    /// The schema that `source` is; without a draft of its own of 2020-12.
    ///
    /// # Errors
    /// Why it is not used.
    pub fn new(source: &Value) -> Result<Self, SchemaError> {
        if depth(source, SCHEMA_DEPTH) > SCHEMA_DEPTH {
            return Err(SchemaError::TooDeep {
                allowed: SCHEMA_DEPTH,
            });
        }
        let asked = source.to_string().len();
        if asked > BYTES {
            return Err(SchemaError::TooLarge {
                asked,
                allowed: BYTES,
            });
        }
        let cost = cost::Rule::of(source)?;
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .offline()
            // What a format means differs from one to the next; the tool knows what it takes.
            .should_validate_formats(false)
            .with_pattern_options(patterns)
            .build(source)
            .map_err(|error| SchemaError::Invalid(told::short(&error.to_string())))?;
        Ok(Self {
            source: source.clone(),
            validator,
            cost,
        })
    }

    /// The schema that is written as JSON in `text`.
    ///
    /// # Errors
    /// Why it is not used.
    pub fn read(text: &str) -> Result<Self, SchemaError> {
        let asked = text.len();
        if asked > BYTES {
            return Err(SchemaError::TooLarge {
                asked,
                allowed: BYTES,
            });
        }
        let source: Value =
            serde_json::from_str(text).map_err(|error| SchemaError::NotJson(error.to_string()))?;
        Self::new(&source)
    }

    /// The same, if no value at all is compared with it for ever: for whoever would learn it only from an answer that was paid for.
    ///
    /// # Errors
    /// When comparing does not end even where nothing of a value is looked at.
    pub fn that_ends(self) -> Result<Self, SchemaError> {
        cost::ends(&self.source).map_err(SchemaError::Endless)?;
        Ok(self)
    }

    /// The schema as it was given.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether a value is as the schema says, for whoever does not ask why not.
    #[must_use]
    pub fn is_valid(&self, value: &Value) -> bool {
        depth(value, VALUE_DEPTH) <= VALUE_DEPTH
            && self.cost.check(&self.source, value).is_ok()
            && self.validator.is_valid(value)
    }

    /// Whether a value is as the schema says.
    ///
    /// # Errors
    /// The first few places where it is not, as JSON pointers (RFC 6901), and what was expected there. Nothing of what the value holds is
    /// repeated.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if depth(value, VALUE_DEPTH) > VALUE_DEPTH {
            return Err(format!("it is more than {VALUE_DEPTH} levels deep"));
        }
        self.cost.check(&self.source, value)?;
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let mut wrong: Vec<String> = Vec::new();
        for error in self.validator.iter_errors(value) {
            let words = told::words(&error, &self.source);
            if wrong.len() < TOLD && !wrong.contains(&words) {
                wrong.push(words);
            }
        }
        Err(wrong.join("; "))
    }

    /// Everything that is wrong with a value, each with its place: for whoever knows that some of it is not there yet.
    #[must_use]
    pub fn mismatches(&self, value: &Value) -> Vec<Mismatch> {
        let whole = |says: String| Mismatch {
            at: String::new(),
            of_alternatives: false,
            says,
        };
        if depth(value, VALUE_DEPTH) > VALUE_DEPTH {
            return vec![whole(format!("it is more than {VALUE_DEPTH} levels deep"))];
        }
        if let Err(too_much) = self.cost.check(&self.source, value) {
            return vec![whole(too_much)];
        }
        let mismatch = |error: jsonschema::ValidationError<'_>| Mismatch {
            at: error.instance_path().as_str().to_owned(),
            of_alternatives: matches!(
                error.kind(),
                Kind::AnyOf { .. }
                    | Kind::OneOfNotValid { .. }
                    | Kind::OneOfMultipleValid { .. }
                    | Kind::Not { .. }
                    | Kind::Contains
                    | Kind::UniqueItems
            ),
            says: told::words(&error, &self.source),
        };
        let errors = self.validator.iter_errors(value);
        errors.take(MISMATCHES).map(mismatch).collect()
    }

    /// The same for the arguments of a call, which are an object. Whoever leaves a field out may also write that it is null; such a field
    /// is taken out where the schema has no null for it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_args(&self, args: &mut Value) -> Result<(), String> {
        if !args.is_object() {
            return Err(format!("they are {}, not an object", told::kind(args)));
        }
        let Err(wrong) = self.check(args) else {
            return Ok(());
        };
        let (Some(fields), Some(known)) = (
            args.as_object_mut(),
            self.source.get("properties").and_then(Value::as_object),
        ) else {
            return Err(wrong);
        };
        let required = |name: &str| {
            let names = self.source.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let before = fields.len();
        fields
            .retain(|name, given| !given.is_null() || required(name) || !known.contains_key(name));
        if fields.len() == before {
            return Err(wrong);
        }
        self.check(args)
    }
}

/// How many arrays and objects lie within each other, counted no further than one above `most`: a scalar has none.
fn depth(value: &Value, most: usize) -> usize {
    let mut left: Vec<(&Value, usize)> = vec![(value, 0)];
    let mut deepest = 0;
    while let Some((value, above)) = left.pop() {
        let here = match value {
            Value::Array(_) | Value::Object(_) => above + 1,
            _ => above,
        };
        deepest = deepest.max(here);
        if deepest > most {
            break;
        }
        match value {
            Value::Array(items) => left.extend(items.iter().map(|item| (item, here))),
            Value::Object(fields) => left.extend(fields.values().map(|field| (field, here))),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
