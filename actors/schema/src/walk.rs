//! The schemas within a schema, and what each of them is about.

use serde_json::{Map, Value};

/// What a schema within another is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About<'s> {
    /// The same value.
    Itself,
    /// The field of this name.
    Field(&'s str),
    /// The fields that no other schema names.
    OtherFields,
    /// Fields by a pattern, or whichever were not compared: any of them.
    AnyField,
    /// The names of the fields.
    Names,
    /// The item at this place.
    Item(usize),
    /// All items from this place on.
    ItemsFrom(usize),
}

/// Calls `each` for every schema that lies directly within these keywords; what a reference leads to is not among them.
pub(super) fn within<'s>(
    keywords: &'s Map<String, Value>,
    each: &mut dyn FnMut(About<'s>, &'s Value),
) {
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas
                    .iter()
                    .for_each(|schema| each(About::Itself, schema));
            }
            ("not" | "if" | "then" | "else", schema) => each(About::Itself, schema),
            ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                let schemas = schemas.values().filter(|schema| !schema.is_array());
                schemas.for_each(|schema| each(About::Itself, schema));
            }
            ("properties", Value::Object(fields)) => {
                fields
                    .iter()
                    .for_each(|(name, schema)| each(About::Field(name), schema));
            }
            ("patternProperties", Value::Object(fields)) => {
                fields
                    .values()
                    .for_each(|schema| each(About::AnyField, schema));
            }
            ("additionalProperties", schema) => each(About::OtherFields, schema),
            ("unevaluatedProperties", schema) => each(About::AnyField, schema),
            ("propertyNames", schema) => each(About::Names, schema),
            ("items" | "prefixItems", Value::Array(schemas)) => {
                let schemas = schemas.iter().enumerate();
                schemas.for_each(|(at, schema)| each(About::Item(at), schema));
            }
            ("items" | "additionalItems", schema) => {
                let listed = ["prefixItems", "items"]
                    .iter()
                    .filter(|other| **other != keyword.as_str())
                    .find_map(|other| keywords.get(*other)?.as_array())
                    .map_or(0, Vec::len);
                each(About::ItemsFrom(listed), schema);
            }
            ("contains" | "unevaluatedItems", schema) => each(About::ItemsFrom(0), schema),
            _ => {}
        }
    }
}

/// The schemas that are only there to be referred to.
pub(super) fn defined(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    ["$defs", "definitions"]
        .iter()
        .filter_map(|word| keywords.get(*word)?.as_object())
        .flat_map(|schemas| schemas.values())
}

/// What a reference within `root` leads to; none if it leads nowhere or elsewhere.
pub(super) fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let fragment = reference.strip_prefix('#')?;
    if !fragment.contains('%') {
        return root.pointer(fragment);
    }
    root.pointer(&unescaped(fragment)?)
}

/// A fragment of a URI as the text it stands for.
fn unescaped(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}
