use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn checked(schema: &Value, args: &Value) -> Option<String> {
    Schema::new(schema)
        .unwrap()
        .check_args(&mut args.clone())
        .err()
}

#[test]
fn a_field_is_known_of_its_type_and_there_when_it_must_be() {
    let schema = json!({
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "from": {"type": "integer"},
            "rate": {"type": ["number", "null"]},
            "facts": {"description": "anything"},
            "files": {"type": "array"}
        },
        "required": ["query"],
        "additionalProperties": false
    });
    let table = [
        (json!({"query": "q"}), None),
        (
            json!({"query": "q", "from": null, "facts": 1, "files": [1]}),
            None,
        ),
        (json!({"query": "q", "rate": 1.5}), None),
        (json!({}), Some("missing field `query`")),
        (
            json!({"query": null}),
            Some("`/query` is null, expected string"),
        ),
        (
            json!({"query": "q", "from": 1.5}),
            Some("`/from` is a number with decimals, expected integer"),
        ),
        (
            json!({"query": "q", "rate": "x"}),
            Some("`/rate` is a string, expected null or number"),
        ),
        (
            json!({"query": "q", "quer": "q"}),
            Some("unknown field `quer`, expected one of `query`, `from`, `rate`, `facts`, `files`"),
        ),
        (
            json!({"query": 1, "from": "x"}),
            Some("`/query` is an integer, expected string; `/from` is a string, expected integer"),
        ),
        (json!(["q"]), Some("they are an array, not an object")),
    ];
    for (args, wrong) in table {
        assert_eq!(checked(&schema, &args).as_deref(), wrong, "{args}");
    }
    let open = json!({"properties": {"a": {}, "b": {}}});
    assert_eq!(checked(&open, &json!({"c": 1})), None);
    assert_eq!(checked(&json!({}), &json!({"c": 1})), None);
    let two = json!({"properties": {"a": {}, "b": {}}, "additionalProperties": false});
    let says = checked(&two, &json!({"c": 1})).unwrap();
    assert_eq!(says, "unknown field `c`, expected `a` or `b`");
}

#[test]
fn a_field_that_is_null_is_left_out_unless_null_says_something() {
    let schema = json!({
        "properties": {"a": {"type": "integer"}, "b": {"type": ["integer", "null"]}},
        "additionalProperties": false
    });
    let schema = Schema::new(&schema).unwrap();
    let mut args = json!({"a": null, "b": 1});
    schema.check_args(&mut args).unwrap();
    assert_eq!(args, json!({"b": 1}));
    let mut args = json!({"b": null});
    schema.check_args(&mut args).unwrap();
    assert_eq!(args, json!({"b": null}));
    assert!(schema.check_args(&mut json!({"c": null})).is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_expected() {
    let schema = json!({
        "type": "object",
        "properties": {
            "unit": {"enum": ["m", "km"]},
            "rows": {"type": "array", "maxItems": 3, "items": {
                "type": "object",
                "properties": {"n": {"type": "integer", "minimum": 1}, "name": {"pattern": "^[a-z]+$"}},
                "required": ["n"],
                "additionalProperties": false
            }},
            "shape": {"oneOf": [
                {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
                {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind", "side"]}
            ]}
        }
    });
    for (args, wrong) in [
        (json!({"unit": "mile"}), "`/unit` must be \"m\" or \"km\""),
        (
            json!({"rows": [{"n": 1}, {"n": 0}]}),
            "`/rows/1/n` must be at least 1",
        ),
        (json!({"rows": [{}]}), "missing field `n` in `/rows/0`"),
        (
            json!({"rows": [{"n": 1, "m": 2}]}),
            "unknown field `m` in `/rows/0`, expected `n` or `name`",
        ),
        (
            json!({"rows": [{"n": 1, "name": "A"}]}),
            "`/rows/0/name` must match the pattern ^[a-z]+$",
        ),
        (
            json!({"rows": [{"n": 1}, {"n": 1}, {"n": 1}, {"n": 1}]}),
            "`/rows` must have at most 3 items",
        ),
        (
            json!({"shape": {"kind": "circle"}}),
            "`/shape` fits none of the 2 forms it may have; for the nearest, missing field `r` in `/shape`",
        ),
    ] {
        assert_eq!(checked(&schema, &args).as_deref(), Some(wrong), "{args}");
    }
    // Nothing of what was given is repeated.
    let secret = "s3cret".repeat(1_000);
    let says = checked(
        &schema,
        &json!({"unit": secret, "rows": secret, "shape": {"kind": secret}}),
    )
    .unwrap();
    assert!(!says.contains("s3cret") && says.len() < 2_000, "{says}");
}

#[test]
fn a_schema_is_small_and_refers_to_itself_alone() {
    let mut deep = json!({});
    for _ in 0..70 {
        deep = json!({"items": deep});
    }
    let many: serde_json::Map<String, Value> = (0..PATTERNS + 1)
        .map(|n| (format!("f{n}"), json!({"pattern": "a"})))
        .collect();
    for (schema, wrong) in [
        (
            json!({"description": "x".repeat(BYTES)}),
            "bytes, allowed are",
        ),
        (deep, "more than 64 levels deep"),
        (json!({"properties": many}), "more than 64 patterns"),
        (
            json!({"$ref": "https://example.org/a.json"}),
            "refers to \"https://example.org/a.json\"",
        ),
        (json!({"$ref": "file:///etc/passwd"}), "refers to \"file:"),
        (
            json!({"items": {"$ref": "other.json#/a"}}),
            "refers to \"other.json#/a\"",
        ),
        (
            json!({"$ref": "#/$defs/none"}),
            "refers to \"#/$defs/none\"",
        ),
        (json!({"$dynamicRef": "#a"}), "refers to \"#a\""),
        (
            json!({"items": {"$id": "https://example.org/b"}}),
            "refers to \"https://example.org/b\"",
        ),
        (json!({"type": "objekt"}), "the schema cannot be used"),
        (json!({"pattern": "("}), "the schema cannot be used"),
        (
            json!({"pattern": "(a{1000}){1000}"}),
            "the schema cannot be used",
        ),
        (
            json!({"$schema": "https://example.org/mine"}),
            "the schema cannot be used",
        ),
        (json!(7), "the schema cannot be used"),
    ] {
        let error = Schema::new(&schema).unwrap_err().to_string();
        assert!(error.contains(wrong), "{error} / {wrong}");
        assert!(error.len() < 1_000, "{error}");
    }
    for schema in [
        json!(true),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/definitions/a"}}}),
        json!({"$defs": {"a b": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a%20b"}}}),
        json!({"$id": "https://example.org/a", "properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}}}),
    ] {
        Schema::new(&schema).unwrap();
    }
}

#[test]
fn a_value_that_would_take_for_ever_to_compare_is_refused_at_once() {
    let begun = Instant::now();
    // Each refers to the one before twice.
    let mut defs = serde_json::Map::new();
    defs.insert("d0".to_owned(), json!({"type": "integer"}));
    for n in 1..40 {
        let below = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        defs.insert(format!("d{n}"), json!({"allOf": [below.clone(), below]}));
    }
    let doubling = json!({"$defs": defs, "properties": {"x": {"$ref": "#/$defs/d39"}}});
    // A tree that is compared twice at each level.
    let branch = json!({"properties": {"x": {"$ref": "#"}}});
    let twice = json!({"allOf": [branch.clone(), branch.clone()]});
    let forms = json!({"anyOf": [branch.clone(), branch, {"type": "null"}]});
    let unevaluated = json!({"allOf": [{"properties": {"x": {"$ref": "#"}}}], "unevaluatedProperties": {"$ref": "#"}});
    let mut nested = json!({});
    for _ in 0..60 {
        nested = json!({"x": nested});
    }
    let cycle = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"});
    let cycles = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]});
    for (name, schema, value) in [
        ("doubling", doubling, json!({"x": 1})),
        ("twice", twice, nested.clone()),
        ("forms", forms, nested.clone()),
        ("unevaluated", unevaluated, nested.clone()),
        ("cycle", cycle, json!({})),
        ("cycles", cycles, json!({})),
    ] {
        let refused = match Schema::new(&schema) {
            Err(_) => continue,
            Ok(schema) => schema.check(&value).unwrap_err(),
        };
        assert!(refused.contains("its schema"), "{name}: {refused}");
    }
    // A tree of any shape is compared part by part.
    let json_value = json!({
        "$defs": {"any": {"anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"$ref": "#/$defs/any"}},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/any"}}
        ]}},
        "$ref": "#/$defs/any"
    });
    let schema = Schema::new(&json_value).unwrap();
    schema.check(&nested).unwrap();
    let wide = json!((0..20_000).map(|n| json!({"n": n})).collect::<Vec<_>>());
    schema.check(&wide).unwrap();
    let mut deeper = nested;
    for _ in 0..10 {
        deeper = json!([deeper]);
    }
    assert_eq!(
        schema.check(&deeper).unwrap_err(),
        "it is more than 64 levels deep"
    );
    // The count keeps the time short, whatever the machine is busy with.
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}
