//! The forms of the contract, walked: at each place of each request stands what the document says, and whatever else may stand in JSON is
//! refused there.

use serde_json::{Value, json};

use super::document::{Fields, document};

/// What a schema is about, where it refers to another.
fn resolved<'d>(schema: &'d Value, document: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(target) => document.pointer(&target[1..]).unwrap(),
        None => schema,
    }
}

/// The forms that are one thing among others.
fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["oneOf", "anyOf"].map(|word| schema[word].as_array());
    lists.into_iter().flatten().flatten()
}

/// Something of this form with all of its fields.
pub(super) fn filled(schema: &Value, document: &Value) -> Value {
    let schema = resolved(schema, document);
    let kinds = [&schema["type"], &schema["type"][0]];
    let is = |kind: &str| kinds.contains(&&json!(kind));
    if let Some(first) = schema.get("const").or(schema["enum"].get(0)) {
        first.clone()
    } else if is("object") {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let mut fields: serde_json::Map<String, Value> = fields
            .map(|(name, of)| (name.clone(), filled(of, document)))
            .collect();
        if fields.contains_key("tool") && fields.contains_key("args") {
            // A task is a tool's or an agent's.
            fields.remove("agent");
        }
        fields.into()
    } else if is("array") {
        let items = resolved(&schema["items"], document);
        match items["type"] == "object" && items["properties"].is_null() {
            true => json!([]),
            false => json!([filled(items, document)]),
        }
    } else if is("integer") || is("number") {
        json!(1)
    } else if is("boolean") {
        json!(true)
    } else if let Some(form) = forms(schema).find(|form| form["type"] != "null") {
        filled(form, document)
    } else {
        json!("x")
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The kinds of JSON that may stand where this schema is; none where all may.
fn kinds(schema: &Value, document: &Value) -> Option<Vec<&'static str>> {
    let schema = resolved(schema, document);
    if let Some(value) = schema.get("const") {
        return Some(vec![kind(value)]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return Some(values.iter().map(kind).collect());
    }
    let named = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => {
            let all: Vec<_> = forms(schema).map(|form| kinds(form, document)).collect();
            return match all.is_empty() {
                true => None,
                false => all
                    .into_iter()
                    .collect::<Option<Vec<_>>>()
                    .map(|all| all.concat()),
            };
        }
    };
    let known = ["null", "boolean", "number", "string", "array", "object"];
    let kind = |name: &str| match name {
        "integer" => "number",
        name => known.into_iter().find(|known| *known == name).unwrap(),
    };
    Some(named.into_iter().map(kind).collect())
}

/// What may be written there instead, of each kind of JSON and as near to the form as it can be.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![
        Value::Null,
        json!(false),
        json!(0),
        json!("zz"),
        json!([]),
        json!({}),
        json!([value]),
    ];
    if let Value::String(name) = value {
        others.push(json!({ name: null }));
    }
    if let Value::Object(fields) = value {
        // The values of its fields, in their order and with what says which it is before all others.
        others.push(fields.values().cloned().collect());
        let mut values: Vec<&Value> = fields.values().collect();
        values.rotate_right(1.min(fields.len()));
        others.push(json!(values));
        for tag in ["ask", "view"] {
            if let Some(tag) = fields.get(tag) {
                let rest = fields.values().filter(|value| *value != tag);
                others.push([tag].into_iter().chain(rest).cloned().collect());
            }
        }
    }
    others
}

/// Every place of a request, with its schema.
fn places<'d>(
    schema: &'d Value,
    value: &Value,
    at: &str,
    document: &'d Value,
    found: &mut Vec<(String, &'d Value)>,
) {
    let schema = resolved(schema, document);
    found.push((at.to_owned(), schema));
    match value {
        Value::Object(fields) => {
            // Of several forms the one that was filled in.
            let own = |form: &&Value| {
                let form = resolved(form, document);
                fields
                    .keys()
                    .all(|name| form["properties"].get(name).is_some())
            };
            let schema = match schema["properties"].is_object() {
                true => schema,
                false => forms(schema)
                    .find(own)
                    .map_or(schema, |form| resolved(form, document)),
            };
            for (name, value) in fields {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                places(
                    &schema["properties"][name.as_str()],
                    value,
                    &at,
                    document,
                    found,
                );
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                places(
                    &schema["items"],
                    item,
                    &format!("{at}/{number}"),
                    document,
                    found,
                );
            }
        }
        _ => {}
    }
}

/// Whether a form is closed: a field that it does not have is a slip of the pen.
fn is_closed(schema: &Value) -> bool {
    schema["additionalProperties"] == false
}

#[test]
fn at_each_place_of_a_request_stands_what_the_document_says_and_nothing_else() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let (mut refused, mut unknown) = (0, 0);
    let mut wrong = Vec::new();
    for variant in schemas["Request"]["oneOf"].as_array().unwrap() {
        let ask = variant["properties"]["ask"]["const"].as_str().unwrap();
        let mut form = Fields::of(ask, schemas).object();
        form["properties"]["ask"] = json!({ "const": ask });
        let mut requests = vec![filled(&form, &document)];
        let about = resolved(&form["properties"]["about"], &document);
        // One of several forms is filled in by itself; here are the others.
        for about in forms(about).skip(1) {
            requests.push(json!({ "ask": ask, "about": filled(about, &document) }));
        }
        for mut request in requests {
            if ask == "import" {
                // A file of a run is read by whoever takes it in, and its sum says whether it was changed.
                request["run"] = json!({});
            }
            let said = request.to_string();
            let read = crate::read(said.as_bytes());
            assert!(read.is_ok(), "{said}: {read:?}");
            let mut all = Vec::new();
            places(&form, &request, "", &document, &mut all);
            for (at, schema) in all {
                // What a schema says is read by whoever writes by it.
                let is_others = (ask == "import" && at.starts_with("/run"))
                    || (ask == "generate" && at.starts_with("/schema"));
                if is_others {
                    continue;
                }
                let here = request.pointer(&at).unwrap();
                let mut reads = |other: Value| {
                    let mut changed = request.clone();
                    *changed.pointer_mut(&at).unwrap() = other;
                    let said = changed.to_string();
                    if crate::read(said.as_bytes()).is_ok() {
                        wrong.push(format!("{at} of {said}"));
                    }
                };
                if let Some(kinds) = kinds(schema, &document) {
                    for other in others(here) {
                        if !kinds.contains(&kind(&other)) {
                            reads(other);
                            refused += 1;
                        }
                    }
                }
                if is_closed(schema) {
                    let mut more = here.clone();
                    more["no_field"] = json!(1);
                    reads(more);
                    unknown += 1;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these are read: {wrong:#?}");
    assert!(refused > 1_000 && unknown > 60, "{refused} and {unknown}");
}
