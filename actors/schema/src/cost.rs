//! How many comparisons a value and a schema ask for, counted before the first is made.
//!
//! Schemas that refer to each other twice, and each of those twice again, make a few hundred bytes into more comparisons than there are
//! atoms. Each step here is at least one comparison there, so what is refused here would have taken at least as long.

use std::collections::HashSet;

use serde_json::Value;

use super::walk::{About, defined, target, within};
use super::{PATTERNS, SchemaError};

/// Comparisons of one value: a full result of the largest size with small items has some hundred thousand.
const COMPARISONS: usize = 1_000_000;
/// Schemas that follow each other from the outside in, references included.
const NESTED: usize = 256;
/// Bytes of a text that count as one comparison where a pattern is looked for.
const PATTERN_BYTES: usize = 16;

/// Whether there is anything to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Each part of a value is compared once at most: nothing refers, nothing branches.
    Once,
    /// Counted for each value.
    Counted,
}

impl Rule {
    /// Looks at every schema within `root`, the ones referred to included.
    pub(super) fn of(root: &Value) -> Result<Self, SchemaError> {
        let mut rule = Self::Once;
        let mut patterns = 0;
        let mut seen: HashSet<*const Value> = HashSet::new();
        let mut left = vec![root];
        while let Some(schema) = left.pop() {
            let Some(keywords) = schema.as_object() else {
                continue;
            };
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            let elsewhere = |to: &Value| SchemaError::Elsewhere {
                to: super::told::short(to.as_str().unwrap_or("something that is no text")),
            };
            for word in ["$dynamicRef", "$recursiveRef"] {
                if let Some(to) = keywords.get(word) {
                    return Err(elsewhere(to));
                }
            }
            // A schema with a name of its own changes what the references below it mean.
            let named = ["$id", "id"].iter().find_map(|word| keywords.get(*word));
            if let Some(name) = named.filter(|name| name.is_string())
                && !std::ptr::eq(schema, root)
            {
                return Err(elsewhere(name));
            }
            if let Some(to) = keywords.get("$ref") {
                rule = Self::Counted;
                let found = to.as_str().and_then(|to| target(root, to));
                left.push(found.ok_or_else(|| elsewhere(to))?);
            }
            patterns += usize::from(keywords.contains_key("pattern"));
            let by_pattern = keywords.get("patternProperties").and_then(Value::as_object);
            patterns += by_pattern.map_or(0, serde_json::Map::len);
            if patterns > PATTERNS {
                return Err(SchemaError::TooManyPatterns { allowed: PATTERNS });
            }
            if keywords.contains_key("pattern") || keywords.contains_key("enum") {
                rule = Self::Counted;
            }
            within(keywords, &mut |about, schema| {
                let once = match about {
                    About::Field(_) | About::OtherFields | About::Item(_) => true,
                    About::ItemsFrom(_) => {
                        !keywords.contains_key("contains")
                            && !keywords.contains_key("unevaluatedItems")
                    }
                    About::Itself | About::AnyField | About::Names => false,
                };
                if !once {
                    rule = Self::Counted;
                }
                left.push(schema);
            });
            left.extend(defined(keywords));
        }
        Ok(rule)
    }

    /// Whether a value can be compared in the time there is.
    pub(super) fn check(self, root: &Value, value: &Value) -> Result<(), String> {
        if self == Self::Once {
            return Ok(());
        }
        let mut count = Count {
            root,
            left: COMPARISONS,
        };
        count.compare(root, value, NESTED).map_err(str::to_owned)
    }
}

/// Whether comparing ends wherever a value stands: each schema within `root` with a value of which nothing is looked at.
pub(super) fn ends(root: &Value) -> Result<(), &'static str> {
    let mut count = Count {
        root,
        left: COMPARISONS,
    };
    let mut seen: HashSet<*const Value> = HashSet::new();
    let mut left = vec![root];
    while let Some(schema) = left.pop() {
        let Some(keywords) = schema.as_object() else {
            continue;
        };
        if seen.insert(std::ptr::from_ref(schema)) {
            count.compare(schema, &Value::Null, NESTED)?;
            within(keywords, &mut |_, schema| left.push(schema));
            left.extend(defined(keywords));
        }
    }
    Ok(())
}

struct Count<'s> {
    root: &'s Value,
    left: usize,
}

impl Count<'_> {
    fn take(&mut self, comparisons: usize) -> Result<(), &'static str> {
        self.left = self
            .left
            .checked_sub(comparisons)
            .ok_or("its schema asks for more than a million comparisons; give less at once")?;
        Ok(())
    }

    fn compare(
        &mut self,
        schema: &Value,
        value: &Value,
        nested: usize,
    ) -> Result<(), &'static str> {
        self.take(1)?;
        let Some(keywords) = schema.as_object() else {
            return Ok(());
        };
        let Some(below) = nested.checked_sub(1) else {
            return Err("its schema leads into itself more than 256 times");
        };
        if let (Some(_), Some(text)) = (keywords.get("pattern"), value.as_str()) {
            self.take(text.len() / PATTERN_BYTES)?;
        }
        if let Some(options) = keywords.get("enum").and_then(Value::as_array) {
            self.take(options.len())?;
        }
        if let Some(to) = keywords.get("$ref").and_then(Value::as_str)
            && let Some(schema) = target(self.root, to)
        {
            self.compare(schema, value, below)?;
        }
        // Whether something was compared is found out by comparing again.
        let again = ["unevaluatedProperties", "unevaluatedItems"];
        let rounds = 1 + again
            .iter()
            .filter(|word| keywords.contains_key(**word))
            .count();
        let mut outcome = Ok(());
        within(keywords, &mut |about, schema| {
            if outcome.is_ok() {
                outcome = match about {
                    About::Itself => {
                        (0..rounds).try_for_each(|_| self.compare(schema, value, below))
                    }
                    _ => self.parts(about, keywords, schema, value, below),
                };
            }
        });
        outcome
    }

    fn parts(
        &mut self,
        about: About<'_>,
        keywords: &serde_json::Map<String, Value>,
        schema: &Value,
        value: &Value,
        below: usize,
    ) -> Result<(), &'static str> {
        match (about, value) {
            (About::Field(name), Value::Object(fields)) => match fields.get(name) {
                Some(field) => self.compare(schema, field, below),
                None => Ok(()),
            },
            (About::OtherFields, Value::Object(fields)) => {
                let named = keywords.get("properties").and_then(Value::as_object);
                let other = |name: &String| named.is_none_or(|named| !named.contains_key(name));
                fields
                    .iter()
                    .filter(|(name, _)| other(name))
                    .try_for_each(|(_, field)| self.compare(schema, field, below))
            }
            (About::AnyField, Value::Object(fields)) => {
                fields.iter().try_for_each(|(name, field)| {
                    self.take(name.len() / PATTERN_BYTES)?;
                    self.compare(schema, field, below)
                })
            }
            (About::Names, Value::Object(fields)) => fields.keys().try_for_each(|name| {
                self.take(name.len() / PATTERN_BYTES)?;
                self.compare(schema, &Value::Null, below)
            }),
            (About::Item(at), Value::Array(items)) => match items.get(at) {
                Some(item) => self.compare(schema, item, below),
                None => Ok(()),
            },
            (About::ItemsFrom(first), Value::Array(items)) => items
                .iter()
                .skip(first)
                .try_for_each(|item| self.compare(schema, item, below)),
            _ => Ok(()),
        }
    }
}
