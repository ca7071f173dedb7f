//! What stands where in a request that came: the fields of what is asked, gathered from the path, the query and the body.

use serde_json::{Map, Number, Value};

use super::routes::Row;
use crate::{ControlError, Request, form, read};

/// What stands where in a request that came.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// Names and values from the path.
    pub(super) path: Vec<(&'a str, &'a str)>,
    /// Names and values from the query.
    pub(super) query: Vec<(String, String)>,
    /// The body; may be empty.
    pub(super) body: &'a [u8],
    /// The folder for what is made, where none is named.
    pub(super) out: &'a str,
}

impl Row {
    /// The request that is meant.
    pub(super) fn request(&self, parts: &Parts<'_>) -> Result<Request, ControlError> {
        if self.ask.is_empty() {
            return read(parts.body);
        }
        let mut fields = body(parts.body)?;
        let mut put = |name: &str, value: Value| match fields.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(ControlError::invalid(format!(
                "{name:?} is said twice, once by the path"
            ))
            .advise("leave out of the body and the query what the path says")),
        };
        for (name, value) in &parts.path {
            // The one field of a path that is a number.
            let number = (*name == "number").then(|| number(value)).flatten();
            put(name, number.map_or_else(|| (*value).into(), Value::Number))?;
        }
        for (name, value) in self.fixed {
            put(name, (*value).into())?;
        }
        for (name, value) in &parts.query {
            // Shorter in a link than what the field is called.
            let name = if name == "after" { "after_seq" } else { name };
            put(name, said(name, value))?;
        }
        if self.fills_out && !fields.contains_key("out") {
            fields.insert("out".to_owned(), parts.out.into());
        }
        if let Some(under) = self.under {
            fields = Map::from_iter([(under.to_owned(), Value::Object(fields))]);
        }
        if fields.insert("ask".to_owned(), self.ask.into()).is_some() {
            return Err(ControlError::invalid(
                "the path says what is asked, and the body says it again",
            )
            .advise("leave `ask` out, or use /v1/ask"));
        }
        form::take(&Value::Object(fields)).map_err(|error| {
            ControlError::invalid(format!("this is no request: {error}"))
                .advise("write what /v1/openapi.json says of this path")
        })
    }
}

/// Fields of queries that are text even where they look like something else.
const TEXTS: [&str; 7] = [
    "prefix",
    "agent",
    "conversation",
    "goal_id",
    "search",
    "state",
    "under",
];
/// Fields of queries that are true or false.
const FLAGS: [&str; 1] = ["fresh"];
/// Fields of queries that are lists of names, with commas between them.
const LISTS: [&str; 1] = ["kinds"];

/// A word of the query as the value that is meant.
fn said(name: &str, value: &str) -> Value {
    if TEXTS.contains(&name) {
        return value.into();
    }
    if LISTS.contains(&name) {
        let names = value.split(',').map(str::trim);
        return names.filter(|name| !name.is_empty()).collect();
    }
    if FLAGS.contains(&name)
        && let Ok(flag) = value.parse::<bool>()
    {
        return flag.into();
    }
    number(value).map_or_else(|| value.into(), Value::Number)
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

fn body(bytes: &[u8]) -> Result<Map<String, Value>, ControlError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    form::fields(bytes).map_err(|error| {
        ControlError::invalid(format!("the body is no JSON object: {error}"))
            .advise("write one JSON object in UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::super::routes::{ROWS, Verb};
    use super::*;
    use crate::SwarmQuestion;

    fn row(verb: Verb, path: &str) -> &'static Row {
        ROWS.iter()
            .find(|row| row.verb == verb && row.path == path)
            .unwrap()
    }

    #[test]
    fn a_path_its_query_and_its_body_are_one_request() {
        let parts = Parts {
            path: vec![("agent", "macro.clerk")],
            body: br#"{"content": "hello", "deadline_ms": 5}"#,
            ..Parts::default()
        };
        let asked = row(Verb::Post, "/v1/agents/{agent}/ask")
            .request(&parts)
            .unwrap();
        assert_eq!(
            asked,
            read(br#"{"ask":"ask","agent":"macro.clerk","content":"hello","deadline_ms":5}"#)
                .unwrap()
        );
        let parts = Parts {
            body: br#"{"text": "hello"}"#,
            out: "/out",
            ..Parts::default()
        };
        let asked = row(Verb::Post, "/v1/goals").request(&parts).unwrap();
        assert_eq!(
            asked,
            read(br#"{"ask":"submit","text":"hello","out":"/out"}"#).unwrap()
        );
        let parts = Parts {
            path: vec![("kind", "page")],
            query: vec![("most".to_owned(), "3".to_owned())],
            ..Parts::default()
        };
        let asked = row(Verb::Get, "/v1/swarm/kinds/{kind}")
            .request(&parts)
            .unwrap();
        let about = SwarmQuestion::Top {
            kind: "page".to_owned(),
            most: 3,
        };
        assert_eq!(asked, Request::Swarm { about });
        let parts = Parts {
            query: vec![("kinds".to_owned(), "agent, dead_letter,".to_owned())],
            ..Parts::default()
        };
        let asked = row(Verb::Get, "/v1/events").request(&parts).unwrap();
        assert_eq!(
            asked,
            read(br#"{"ask":"watch","kinds":["agent","dead_letter"]}"#).unwrap()
        );
    }

    #[test]
    fn what_is_said_twice_or_is_no_field_is_refused() {
        let kill = row(Verb::Post, "/v1/agents/{agent}/kill");
        for body in [
            &br#"{"agent": "other"}"#[..],
            br#"{"ask": "stop"}"#,
            br#"{"force": true}"#,
            b"[]",
            b"{",
            b"\xff",
            "[".repeat(10_000).as_bytes(),
        ] {
            let parts = Parts {
                path: vec![("agent", "a")],
                body,
                ..Parts::default()
            };
            let refused = kill.request(&parts).unwrap_err();
            assert_eq!(refused.kind, crate::ErrorKind::Invalid, "{refused:?}");
        }
        let parts = Parts {
            path: vec![("agent", "a")],
            body: b" \n",
            ..Parts::default()
        };
        assert!(kill.request(&parts).is_ok(), "nothing more is to be said");
    }

    #[test]
    fn what_a_name_alone_asks_is_what_its_path_asks() {
        let mut seen = 0;
        for row in ROWS.iter().filter(|row| row.by_name.is_some()) {
            let (folder, field) = row.path.rsplit_once('/').unwrap();
            let field = field.trim_matches(['{', '}']);
            let parts = Parts {
                path: vec![(field, "q3")],
                ..Parts::default()
            };
            assert_eq!(row.whole(folder, "q3"), row.request(&parts).ok());
            assert_eq!(row.whole("/v1/others", "q3"), None);
            seen += 1;
        }
        assert_eq!(seen, 1);
    }
}
