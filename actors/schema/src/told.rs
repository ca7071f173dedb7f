//! What is wrong with a value, in words that name the place and what was expected there.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// Characters of one mismatch.
const CHARACTERS: usize = 400;
/// Words of an enumeration that are listed.
const LISTED: usize = 20;

/// One mismatch. `schema` is the whole schema, in which the known fields are looked up.
pub(super) fn words(error: &ValidationError<'_>, schema: &Value) -> String {
    short(&unbounded(error, schema))
}

fn unbounded(error: &ValidationError<'_>, schema: &Value) -> String {
    let path = error.instance_path().as_str();
    let within = if path.is_empty() {
        String::new()
    } else {
        format!(" in `{path}`")
    };
    let it = if path.is_empty() {
        "it".to_owned()
    } else {
        format!("`{path}`")
    };
    match error.kind() {
        Kind::Type { kind: expected } => {
            let expected = match expected {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
                    kinds.join(" or ")
                }
            };
            format!("{it} is {}, expected {expected}", kind(error.instance()))
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            format!("missing field `{name}`{within}")
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> = unexpected
                .iter()
                .take(3)
                .map(|name| format!("`{name}`"))
                .collect();
            let fields = if names.len() == 1 { "field" } else { "fields" };
            format!(
                "unknown {fields} {}{within}, {}",
                names.join(", "),
                known(error, schema)
            )
        }
        Kind::Enum { options } => format!("{it} must be {}", listed(options)),
        Kind::Constant { expected_value } => format!("{it} must be {expected_value}"),
        Kind::Minimum { limit } => format!("{it} must be at least {limit}"),
        Kind::Maximum { limit } => format!("{it} must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("{it} must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{it} must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{it} must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("{it} must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("{it} must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("{it} must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("{it} must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("{it} must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("{it} must have at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("{it} must have at most {limit} fields"),
        Kind::Pattern { pattern } => format!("{it} must match the pattern {pattern}"),
        Kind::UniqueItems => format!("{it} must not have the same item twice"),
        Kind::Contains => format!("{it} lacks an item that must be there"),
        Kind::FalseSchema => format!("{it} must not be there"),
        Kind::Not { .. } => format!("{it} is what it must not be"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let fits = format!("{it} fits none of the {} forms it may have", context.len());
            match nearest(context) {
                Some(nearest) => format!("{fits}; for the nearest, {}", words(nearest, schema)),
                None => fits,
            }
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("{it} fits several forms that exclude each other")
        }
        Kind::PropertyNames { error } => {
            format!(
                "a field{within} may not be called so: {}",
                error.masked_with("the name")
            )
        }
        _ => format!(
            "{it} is not as expected: {}",
            error.masked_with("the value")
        ),
    }
}

/// What is wrong with the form that is least wrong: that there is a field too much says more than that it is no text.
fn nearest<'e>(forms: &'e [Vec<ValidationError<'static>>]) -> Option<&'e ValidationError<'static>> {
    let distance = |errors: &&Vec<ValidationError<'static>>| {
        let first = errors.first().map(ValidationError::kind);
        let other = matches!(first, Some(Kind::Type { .. } | Kind::Constant { .. }));
        (other, errors.len())
    };
    forms.iter().min_by_key(distance)?.first()
}

/// The fields that there are where an unknown one is.
fn known(error: &ValidationError<'_>, schema: &Value) -> String {
    let path = error.schema_path().as_str();
    let names = path
        .rsplit_once('/')
        .and_then(|(above, _)| schema.pointer(above)?.get("properties")?.as_object())
        .map(|fields| {
            fields
                .keys()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
        });
    match names.as_deref() {
        None | Some([]) => "there are no others".to_owned(),
        Some([only]) => format!("expected {only}"),
        Some([one, other]) => format!("expected {one} or {other}"),
        Some(many) => format!("expected one of {}", many.join(", ")),
    }
}

fn listed(options: &Value) -> String {
    let Some(options) = options.as_array() else {
        return "one of those listed".to_owned();
    };
    let mut words: Vec<String> = options.iter().take(LISTED).map(Value::to_string).collect();
    if options.len() > LISTED {
        words.push("...".to_owned());
    }
    words.join(" or ")
}

/// What a value is, without what it holds.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The beginning of a text of any length.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}
