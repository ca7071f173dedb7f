//! What can be asked here, as an OpenAPI document made from the types and the table of paths, and as a page for people.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value, json};

use super::pages::LIMIT_MAX;
use super::problem::PROBLEM;
use super::routes::{ROWS, Row, Verb, schema_of};
use crate::{ControlError, Request};

/// Written once: it is the same for every node of this version.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document.
pub(super) async fn openapi() -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, DOCUMENT.as_str()).into_response()
}

/// The paths, as a page.
pub(super) fn page() -> Html<String> {
    let rows = ROWS.iter().map(|row| {
        let verb = verb(row).to_uppercase();
        let (path, says) = (escaped(row.path), escaped(row.says));
        format!("<tr><td>{verb}</td><td><code>{path}</code></td><td>{says}</td></tr>")
    });
    let rows: String = rows.collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>AI OS</title>\
         <style>body{{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         td,th{{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}}</style>\
         <h1>AI OS</h1><p>This node is asked by HTTP. The whole of it, with every field: \
         <a href=\"/v1/openapi.json\">/v1/openapi.json</a>. Programs written for OpenAI's API take \
         <code>/v1</code> of this address as their base.</p>\
         <table><thead><tr><th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">What it is</th></tr></thead>\
         <tbody>{rows}</tbody></table></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn verb(row: &Row) -> &'static str {
    match row.verb {
        Verb::Get => "get",
        Verb::Post => "post",
    }
}

/// What can be asked, as an OpenAPI document: what is served as `/v1/openapi.json`.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings
        .transforms
        .push(Box::new(RecursiveTransform(bounded)));
    let mut generator = settings.into_generator();
    let problem = schema_of::<ControlError>(&mut generator);
    let request = schema_of::<Request>(&mut generator);
    let answers: Vec<Value> = ROWS
        .iter()
        .map(|row| {
            row.gives
                .map_or_else(|| json!({}), |gives| gives(&mut generator))
        })
        .collect();
    let schemas: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    let mut paths = Map::new();
    for (row, answer) in ROWS.iter().zip(answers) {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        path[verb(row)] = operation(row, answer, &request, &problem, &schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AI OS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a node can be told and asked. Durations are numbers with their unit in the name, times are RFC 3339, \
                            an error says its kind, what is wrong and what to do; a request that is refused has changed nothing. \
                            Beside these paths the OpenAI form is spoken: /v1/models, /v1/chat/completions, /v1/embeddings.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Refused": refusal("Why not.", &problem),
                "Away": away(&problem),
            },
        },
    })
}

/// Says of an integer how large it may be, where that is no more than what its type holds.
fn bounded(schema: &mut Schema) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64" | "uint") => u64::MAX,
        _ => return,
    };
    if schema.get("maximum").is_none() {
        schema.insert("maximum".to_owned(), most.into());
    }
}

fn refusal(when: &str, problem: &Value) -> Value {
    json!({"description": when, "content": {PROBLEM: {"schema": problem}}})
}

/// Every path may say so.
fn away(problem: &Value) -> Value {
    let mut away = refusal(
        "The node starts or stops, or whoever would do this is not there now; `what_to_do` says what helps.",
        problem,
    );
    away["headers"] = json!({"Retry-After": {
        "description": "After how many seconds to ask again.",
        "schema": {"type": "integer", "minimum": 0},
    }});
    away
}

fn operation(
    row: &Row,
    answer: Value,
    request: &Value,
    problem: &Value,
    schemas: &Map<String, Value>,
) -> Value {
    let mut fields = match row.ask {
        "" => Fields::default(),
        ask => Fields::of(ask, schemas),
    };
    if let Some(under) = row.under {
        fields = fields.below(under, row.fixed, schemas);
    }
    for (name, _) in row.fixed {
        fields.take(name);
    }
    if row.fills_out {
        fields.required.retain(|name| name != "out");
    }
    let mut parameters: Vec<Value> = Vec::new();
    for name in names(row) {
        let mut parameter = json!({"name": name, "in": "path", "required": true});
        parameter["schema"] = fields
            .take(name)
            .map_or_else(|| json!({"type": "string"}), |(schema, _)| schema);
        parameters.push(parameter);
    }
    let mut operation = json!({
        "summary": row.says,
        "operationId": id(row),
        "responses": {
            "default": {"$ref": "#/components/responses/Refused"},
            "503": {"$ref": "#/components/responses/Away"},
        },
    });
    for (status, when) in row.refuses {
        operation["responses"][status.to_string()] = refusal(when, problem);
    }
    let stream = json!({"text/event-stream": {"schema": {"type": "object", "description": "One event of the stream.", "properties": {
        "id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string", "description": "JSON"}}}}});
    let mut whole = json!({"application/json": {"schema": answer}});
    match row.verb {
        Verb::Get => {
            let rest: Vec<String> = fields.properties.keys().cloned().collect();
            for name in rest {
                if let Some((schema, required)) = fields.take(&name) {
                    let mut parameter = json!({"name": name, "in": "query", "required": required, "schema": schema});
                    if parameter["schema"]["type"] == "array" {
                        // Names with commas between them.
                        parameter["style"] = "form".into();
                        parameter["explode"] = false.into();
                    }
                    parameters.push(parameter);
                }
            }
        }
        Verb::Post => {
            let key = json!({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
                "description": "Asked again with the same key, a command is not done again."});
            parameters.push(key);
            let schema = match row.ask {
                "" => request.clone(),
                _ => fields.object(),
            };
            let needed =
                row.ask.is_empty() || !fields.required.is_empty() || !fields.together.is_empty();
            operation["requestBody"] =
                json!({"required": needed, "content": {"application/json": {"schema": schema}}});
        }
    }
    if let Some(field) = row.pages {
        parameters.push(json!({"name": "limit", "in": "query", "description": "How many at most; where there are more, `Link` says where.",
            "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}}));
        if field != "seq" {
            let says = format!("The `{field}` of the last one that is known.");
            parameters.push(json!({"name": "after", "in": "query", "description": says, "schema": {"type": "string"}}));
        }
    }
    if matches!(row.ask, "events" | "watch") {
        parameters.push(json!({"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer", "minimum": 0, "maximum": u64::MAX}}));
    }
    match row.ask {
        "events" | "watch" | "watch_tree" => whole = stream,
        // As it is written, or at once.
        "generate" | "" => whole["text/event-stream"] = stream["text/event-stream"].clone(),
        _ => {}
    }
    operation["responses"]["200"] = json!({"description": "Done.", "content": whole});
    if let Some(field) = row.begins {
        operation["responses"]["200"]["links"] = links(field);
    }
    operation["parameters"] = parameters.into();
    operation
}

/// What the path has a place for.
fn names(row: &Row) -> Vec<&'static str> {
    row.path.split(['{', '}']).skip(1).step_by(2).collect()
}

/// Where what has come to be is asked next: every path that needs its name alone.
fn links(field: &'static str) -> Value {
    let named = ROWS.iter().filter(|row| names(row) == [field]);
    let link = |row: &Row| {
        let name = format!("$response.body#/{field}");
        json!({"operationId": id(row), "parameters": {field: name}, "description": row.says})
    };
    named
        .map(|row| (id(row), link(row)))
        .collect::<Map<_, _>>()
        .into()
}

fn id(row: &Row) -> String {
    match (row.ask, row.fixed.first()) {
        ("", _) => "any".to_owned(),
        (ask, Some((_, what))) => format!("{ask}_{what}"),
        (ask, None) => ask.to_owned(),
    }
}

/// The fields of an object.
#[derive(Default)]
pub(super) struct Fields {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// Which of them go together, in the schema's own words.
    together: Map<String, Value>,
}

impl Fields {
    /// Those of a request, without the one that says which it is.
    pub(super) fn of(ask: &str, schemas: &Map<String, Value>) -> Self {
        let is = |variant: &&Value| variant["properties"]["ask"]["const"] == ask;
        let variants = schemas
            .get("Request")
            .and_then(|request| request["oneOf"].as_array());
        let variant = variants.and_then(|variants| variants.iter().find(is));
        let mut fields = variant
            .map(|variant| Self::read(variant, schemas))
            .unwrap_or_default();
        fields.take("ask");
        fields
    }

    fn read(schema: &Value, schemas: &Map<String, Value>) -> Self {
        let mut fields = match schema["$ref"].as_str() {
            Some(name) => {
                let name = name.rsplit('/').next().unwrap_or_default();
                schemas
                    .get(name)
                    .map(|schema| Self::read(schema, schemas))
                    .unwrap_or_default()
            }
            None => Self::default(),
        };
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            fields.properties.insert(name.clone(), schema.clone());
        }
        let required = schema["required"].as_array().into_iter().flatten();
        fields
            .required
            .extend(required.filter_map(Value::as_str).map(str::to_owned));
        for word in ["oneOf", "anyOf"] {
            if let Some(which) = schema.get(word) {
                fields.together.insert(word.to_owned(), which.clone());
            }
        }
        fields
    }

    /// The fields of the field that all stand in, as the fixed ones choose among its forms.
    fn below(mut self, under: &str, fixed: &[(&str, &str)], schemas: &Map<String, Value>) -> Self {
        let Some((schema, _)) = self.take(under) else {
            return self;
        };
        let name = schema["$ref"]
            .as_str()
            .and_then(|name| name.rsplit('/').next());
        let schema = name.and_then(|name| schemas.get(name)).unwrap_or(&schema);
        let forms = schema["oneOf"].as_array().into_iter().flatten();
        let chosen = |form: &&Value| {
            fixed
                .iter()
                .all(|(name, value)| form["properties"][*name]["const"] == *value)
        };
        { forms }
            .find(chosen)
            .map(|form| Self::read(form, schemas))
            .unwrap_or_default()
    }

    fn take(&mut self, name: &str) -> Option<(Value, bool)> {
        let required = self.required.iter().any(|required| required == name);
        self.required.retain(|required| required != name);
        Some((self.properties.remove(name)?, required))
    }

    pub(super) fn object(&self) -> Value {
        let mut object = json!({"type": "object", "properties": self.properties, "required": self.required, "additionalProperties": false});
        for (word, which) in &self.together {
            object[word] = which.clone();
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::super::forms::filled;
    use super::*;

    #[test]
    fn the_document_says_of_each_path_which_fields_stand_where() {
        let document = document();
        assert_eq!(
            document["paths"]
                .as_object()
                .unwrap()
                .values()
                .map(|path| path.as_object().unwrap().len())
                .sum::<usize>(),
            ROWS.len()
        );
        let stand = |operation: &Value, place: &str| -> Vec<String> {
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let here = parameters.filter(|parameter| parameter["in"] == place);
            here.map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let ask = &document["paths"]["/v1/agents/{agent}/ask"]["post"];
        assert_eq!(stand(ask, "path"), ["agent"]);
        let body = &ask["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["required"], json!(["content", "deadline_ms"]));
        assert!(body["properties"]["agent"].is_null(), "the path says it");
        let events = &document["paths"]["/v1/goals/{goal_id}/events"]["get"];
        assert_eq!(stand(events, "query"), ["after_seq"]);
        let top = &document["paths"]["/v1/swarm/kinds/{kind}"]["get"];
        assert_eq!(
            (stand(top, "path"), stand(top, "query")),
            (vec!["kind".to_owned()], vec!["most".to_owned()])
        );
        let submit = &document["paths"]["/v1/goals"]["post"]["requestBody"]["content"]["application/json"]
            ["schema"];
        assert_eq!(
            submit["required"],
            json!(["text"]),
            "the server has a folder"
        );
        let answer = &document["paths"]["/v1/goals/{goal_id}"]["get"]["responses"]["200"];
        assert_eq!(
            answer["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/GoalState"
        );
    }

    /// The fields of a row wherever they stand.
    fn fields(row: &Row, document: &Value) -> Fields {
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let fields = Fields::of(row.ask, schemas);
        match row.under {
            Some(under) => fields.below(under, row.fixed, schemas),
            None => fields,
        }
    }

    /// To JSON Schema they are one number, so whoever writes by the document may write either.
    #[test]
    fn an_integer_may_be_written_with_a_zero_behind_the_point_and_has_its_bounds() {
        let document = document();
        let mut integers = 0;
        for row in ROWS.iter().filter(|row| !row.ask.is_empty()) {
            for (name, schema) in fields(row, &document).properties {
                let kinds = [&schema["type"], &schema["type"][0]];
                if !kinds.contains(&&json!("integer")) {
                    continue;
                }
                integers += 1;
                let bounds = (schema["minimum"].as_u64(), schema["maximum"].as_u64());
                assert!(bounds.0.is_some() && bounds.1.is_some(), "{name}: {schema}");
                let mut asked = json!({ "ask": row.ask });
                match row.under {
                    Some(under) => {
                        asked[under] = json!({ &name: 5.0 });
                        for (fixed, value) in row.fixed {
                            asked[under][*fixed] = json!(value);
                        }
                    }
                    None => asked[&name] = json!(5.0),
                }
                if let Err(error) = crate::read(asked.to_string().as_bytes()) {
                    // Something else may be missing.
                    assert!(!error.message.contains("floating"), "{asked}: {error}");
                }
            }
        }
        assert!(integers >= 10, "{integers} were looked at");
    }

    #[test]
    fn the_bounds_of_the_document_are_those_that_the_node_keeps() {
        let document = document();
        for (ask, field, bound, keeps) in [
            ("ask", "deadline_ms", "maximum", crate::Ask::DEADLINE_MS_MAX),
            (
                "call_tool",
                "deadline_ms",
                "maximum",
                crate::CallTool::DEADLINE_MS_MAX,
            ),
            (
                "generate",
                "deadline_ms",
                "maximum",
                crate::Generate::DEADLINE_MS_MAX,
            ),
            (
                "generate",
                "turns",
                "maxItems",
                crate::Generate::TURNS_MAX as u64,
            ),
            (
                "embed",
                "texts",
                "maxItems",
                crate::EmbedTexts::TEXTS_MAX as u64,
            ),
            ("judge", "files", "maxItems", crate::Judge::FILES_MAX as u64),
            (
                "submit",
                "files",
                "maxItems",
                crate::Submit::FILES_MAX as u64,
            ),
            ("tree", "most", "maximum", crate::TreeAsked::MOST),
            ("tree", "levels", "maximum", u32::MAX.into()),
            ("events", "after_seq", "maximum", u64::MAX),
        ] {
            let row = ROWS.iter().find(|row| row.ask == ask).unwrap();
            let said = &fields(row, &document).properties[field][bound];
            assert_eq!(said.as_u64(), Some(keeps), "{bound} of {field} of {ask}");
        }
        for (ask, field) in [
            ("submit", "goal_id"),
            ("fork", "new_id"),
            ("import", "new_id"),
        ] {
            let row = ROWS.iter().find(|row| row.ask == ask).unwrap();
            let said = &fields(row, &document).properties[field]["pattern"];
            assert_eq!(said, crate::Submit::ID, "{field} of {ask}");
        }
    }

    /// Nor can a plan have a field there that the node would take for a slip of the pen.
    #[test]
    fn what_goes_together_is_said_and_a_plan_of_all_fields_reads() {
        let document = document();
        let body = |path: &str| {
            let asked = &document["paths"][path]["post"]["requestBody"];
            asked["content"]["application/json"]["schema"].clone()
        };
        let spawn = body("/v1/agents");
        assert_eq!(spawn["oneOf"].as_array().map(Vec::len), Some(2), "{spawn}");
        assert_eq!(
            document["paths"]["/v1/agents"]["post"]["requestBody"]["required"],
            true
        );
        for plan in [
            &body("/v1/goals")["properties"]["plan"],
            &body("/v1/goals/{goal_id}/fork")["properties"]["plan"],
        ] {
            let filled = filled(plan, &document);
            assert!(filled["tasks"][0]["each"].is_object(), "{filled}");
            let read = aios_work::PlanFile::read(filled.to_string().as_bytes());
            assert!(read.is_ok(), "{filled}: {read:?}");
        }
    }

    #[test]
    fn what_has_come_to_be_is_asked_next_by_its_name() {
        let document = document();
        let mut begin = 0;
        for row in ROWS.iter().filter(|row| row.begins.is_some()) {
            begin += 1;
            let done = &document["paths"][row.path][verb(row)]["responses"]["200"];
            let links = done["links"].as_object().unwrap();
            let field = row.begins.unwrap();
            for (name, link) in links {
                let row = ROWS.iter().find(|row| id(row) == *name).unwrap();
                assert_eq!(link["operationId"], **name);
                assert_eq!(names(row), [field], "{link}");
            }
            let schema = &done["content"]["application/json"]["schema"]["$ref"];
            let given = document.pointer(&schema.as_str().unwrap()[1..]).unwrap();
            assert!(given["properties"][field].is_object(), "{given}");
            let next = match field {
                "goal_id" => ["goal", "cancel", "explain", "events"],
                _ => ["agent", "ask", "kill", "stop"],
            };
            assert!(next.iter().all(|name| links.contains_key(*name)), "{done}");
        }
        assert_eq!(begin, 4);
    }

    #[test]
    fn every_path_says_when_it_is_worth_to_ask_again() {
        let document = document();
        for path in document["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                let away = &operation["responses"]["503"]["$ref"];
                assert_eq!(away, "#/components/responses/Away", "{operation}");
            }
        }
        let generate = &document["paths"]["/v1/engines/{engine}/generate"]["post"];
        let forms = generate["responses"]["200"]["content"].as_object();
        assert_eq!(forms.map(Map::len), Some(2), "{generate}");
        let says = &document["paths"]["/v1/goals"]["post"]["responses"]["400"]["description"];
        assert!(says.as_str().unwrap().contains("plan"), "{says}");
    }

    #[test]
    fn whatever_is_referred_to_is_there() {
        fn refer(value: &Value, document: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    fields.values().for_each(|value| refer(value, document));
                }
                Value::Array(items) => items.iter().for_each(|value| refer(value, document)),
                _ => {}
            }
        }
        let document = document();
        refer(&document, &document);
    }
}
