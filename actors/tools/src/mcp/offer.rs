//! A server's list as tools that may be shown and called: names and texts made harmless, schemas bounded and tried, what cannot be taken
//! refused with its reason.

use std::collections::BTreeSet;

use aios_work::{Effect, ToolSpec, shown};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::limits::{DESCRIPTION, FOREIGN_NAME, NAME, SCHEMA_BYTES, SCHEMA_DEPTH};
use super::listing::{Listed, Listing};
use super::server::ServerSpec;
use crate::Schema;

/// A tool that is offered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offered {
    pub(crate) spec: ToolSpec,
    /// What the server calls it.
    pub(crate) foreign: String,
    /// Whether the server says what its results look like.
    pub(crate) typed: bool,
}

/// A tool that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotOffered {
    /// What the server calls it, made harmless.
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// The tools of a list that can be called, and those that cannot.
pub(crate) fn offer(server: &ServerSpec, listing: &Listing) -> (Vec<Offered>, Vec<NotOffered>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for tool in listing.tools() {
        let offered = offered(server, tool).and_then(|offered| {
            if names.insert(offered.spec.name.clone()) {
                Ok(offered)
            } else {
                Err(format!(
                    "another of its tools is called {} too",
                    offered.spec.name
                ))
            }
        });
        match offered {
            Ok(offered) => taken.push(offered),
            Err(reason) => refused.push(NotOffered {
                name: plain(&tool.name, NAME),
                reason,
            }),
        }
    }
    (taken, refused)
}

fn offered(server: &ServerSpec, tool: &Listed) -> Result<Offered, String> {
    let input = schema("arguments", &tool.input)?;
    let kind = input.get("type");
    if kind.is_some_and(|kind| kind != "object") {
        return Err("its arguments are no object".to_owned());
    }
    let output = tool.output.as_ref();
    let output = output.map(|output| schema("result", output)).transpose()?;
    let description = match plain(&tool.description, DESCRIPTION) {
        none if none.is_empty() => "The server says nothing of it.".to_owned(),
        said => said,
    };
    Ok(Offered {
        typed: output.is_some(),
        spec: ToolSpec {
            name: full_name(&server.name, &tool.name)?,
            description,
            input,
            output: output.unwrap_or_else(|| json!({"type": "string"})),
            needs: server.all_needs(),
            effect: effect(server, tool),
        },
        foreign: tool.name.clone(),
    })
}

/// What the configuration says, then what the server says if it is believed, then what the configuration says of all its tools.
fn effect(server: &ServerSpec, tool: &Listed) -> Effect {
    let configured = server.effects.get(&tool.name).copied();
    configured.unwrap_or(match (server.hints, tool.read_only, tool.idempotent) {
        (true, Some(true), _) => Effect::Pure,
        (true, _, Some(true)) => Effect::Repeatable,
        _ => server.effect,
    })
}

/// `server__tool`, of letters, digits, underscores and hyphens alone. One that is too long ends in a piece of its hash.
pub(super) fn full_name(server: &str, tool: &str) -> Result<String, String> {
    if tool.is_empty() || tool.len() > FOREIGN_NAME {
        return Err(format!(
            "its name has {} bytes, allowed are 1 to {FOREIGN_NAME}",
            tool.len()
        ));
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = tool
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    let room = NAME.saturating_sub(server.len() + 2);
    if name.len() <= room {
        return Ok(format!("{server}__{name}"));
    }
    let digest = aios_work::content::hex(&Sha256::digest(tool)[..4]);
    let kept = room.saturating_sub(digest.len() + 1);
    Ok(format!("{server}__{}_{digest}", &name[..kept]))
}

/// Text on one line, without anything that does something where it is shown, and not longer than `most` characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    // So much is looked at: what does nothing may stand between the words.
    let words = text.chars().take(most.saturating_mul(4));
    let words: String = words
        .map(|c| if shown::is_harmful(c) { ' ' } else { c })
        .collect();
    let mut out = String::new();
    for word in words.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.chars().count() <= most && text.chars().nth(most.saturating_mul(4)).is_none() {
        return out;
    }
    let mut short: String = out.chars().take(most.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short
}

/// A schema that is bounded, holds no text that does something, and can be checked against.
fn schema(of: &str, schema: &Value) -> Result<Value, String> {
    let bytes = schema.to_string().len();
    if bytes > SCHEMA_BYTES {
        return Err(format!(
            "the schema of its {of} has {bytes} bytes, allowed are {SCHEMA_BYTES}"
        ));
    }
    let clean = cleaned(schema, SCHEMA_DEPTH)
        .map_err(|reason| format!("the schema of its {of} {reason}"))?;
    Schema::new(&clean).map_err(|reason| {
        let reason = plain(&reason.to_string(), DESCRIPTION);
        format!("the schema of its {of} is none: {reason}")
    })?;
    Ok(clean)
}

fn cleaned(value: &Value, depth: usize) -> Result<Value, String> {
    if depth == 0 {
        return Err(format!("is nested deeper than {SCHEMA_DEPTH}"));
    }
    match value {
        Value::Array(items) => items.iter().map(|item| cleaned(item, depth - 1)).collect(),
        Value::Object(fields) => {
            let mut out = Map::new();
            for (name, value) in fields {
                if name.chars().any(shown::is_harmful) {
                    return Err(format!(
                        "names {:?}, which cannot be seen as it is",
                        plain(name, NAME)
                    ));
                }
                let value = match (name.as_str(), value) {
                    ("$comment", Value::String(_)) => continue,
                    ("description" | "title", Value::String(text)) => {
                        Value::String(plain(text, DESCRIPTION))
                    }
                    _ => cleaned(value, depth - 1)?,
                };
                out.insert(name.clone(), value);
            }
            Ok(Value::Object(out))
        }
        plain => Ok(plain.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn server() -> ServerSpec {
        ServerSpec::command("files", ["server"])
    }

    fn listed(name: &str) -> Listed {
        Listed {
            name: name.to_owned(),
            description: String::new(),
            input: json!({"type": "object"}),
            output: None,
            read_only: None,
            idempotent: None,
        }
    }

    fn of(tool: Listed) -> Result<Offered, String> {
        offered(&server(), &tool)
    }

    #[test]
    fn a_name_is_what_a_model_takes_as_one_and_never_two_tools() {
        let long = "x".repeat(200);
        for (foreign, full) in [
            ("read", "files__read"),
            ("read.file/v1 \u{202e}", "files__read_file_v1__"),
            ("Lesen-\u{e4}", "files__Lesen-_"),
        ] {
            assert_eq!(of(listed(foreign)).unwrap().spec.name, full);
        }
        let cut = of(listed(&long)).unwrap();
        assert_eq!((cut.spec.name.len(), cut.foreign), (NAME, long.clone()));
        for bad in ["", &"x".repeat(257)] {
            assert!(of(listed(bad)).unwrap_err().contains("its name has"));
        }
        let twice = Listing::new(vec![listed("a.b"), listed("a/b"), listed("a.b")]).unwrap();
        let (taken, refused) = offer(&server(), &twice);
        assert_eq!((taken.len(), refused.len()), (1, 2));
        assert!(refused[0].reason.contains("files__a_b too"), "{refused:?}");
    }

    #[test]
    fn foreign_text_is_one_bounded_line_that_does_nothing() {
        for (said, kept) in [
            ("Reads\n\n  a \u{1b}[31mfile\u{202e}.", "Reads a [31mfile ."),
            ("\u{200b}\u{200b}", ""),
        ] {
            assert_eq!(plain(said, 100), kept);
        }
        let long = plain(&"word ".repeat(10_000), 50);
        assert_eq!(long.chars().count(), 50);
        assert!(long.ends_with('\u{2026}'));
        let hidden = plain(&"\u{200b}".repeat(1_000_000), 50);
        assert!(hidden.chars().count() <= 50);
        let said = of(Listed {
            description: "\u{7}".to_owned(),
            ..listed("a")
        });
        assert_eq!(
            said.unwrap().spec.description,
            "The server says nothing of it."
        );
        let schema = json!({"type": "object", "properties": {
            "description": {"type": "string", "description": "a\u{1b}b", "$comment": "ignore all"}}});
        let clean = of(Listed {
            input: schema,
            ..listed("a")
        })
        .unwrap()
        .spec
        .input;
        assert_eq!(
            clean["properties"]["description"],
            json!({"type": "string", "description": "a b"})
        );
    }

    #[test]
    fn a_schema_that_cannot_be_checked_against_is_refused_with_its_reason() {
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({"properties": {"a": deep}});
        }
        let long = json!({"enum": ["x".repeat(SCHEMA_BYTES)]});
        for (input, reason) in [
            (json!({"type": "nonsense"}), "is none"),
            (json!({"type": "string"}), "are no object"),
            (json!({"$ref": "http://127.0.0.1/schema.json"}), "is none"),
            (json!({"$ref": "file:///etc/hostname"}), "is none"),
            (json!({"pattern": "("}), "is none"),
            (json!({"$dynamicRef": "#a"}), "is none"),
            (deep, "is nested deeper than 32"),
            (long, "allowed are 65536"),
            (json!({"properties": {"a\u{200b}": {}}}), "cannot be seen"),
        ] {
            let refused = of(Listed {
                input: input.clone(),
                ..listed("a")
            })
            .unwrap_err();
            assert!(refused.contains(reason), "{refused}: {input}");
            let output = Some(input);
            if reason != "are no object" {
                assert!(
                    of(Listed {
                        output,
                        ..listed("a")
                    })
                    .is_err()
                );
            }
        }
        let typed = of(Listed {
            output: Some(json!({"type": "array"})),
            ..listed("a")
        })
        .unwrap();
        assert!(typed.typed && typed.spec.output == json!({"type": "array"}));
        assert_eq!(
            of(listed("a")).unwrap().spec.output,
            json!({"type": "string"})
        );
    }

    #[test]
    fn a_pattern_does_not_take_for_ever() {
        let with =
            |pattern: &str| json!({"type": "object", "properties": {"a": {"pattern": pattern}}});
        let begun = Instant::now();
        let looks_ahead = of(Listed {
            output: Some(with("^(?=(a|a)*b)(a+)+$")),
            ..listed("a")
        });
        assert!(looks_ahead.unwrap_err().contains("is none"));
        let schema = Schema::new(&with("^((a|a)*b|(a+)+)$")).unwrap();
        let long = json!({"a": format!("{}!", "a".repeat(5_000))});
        assert!(schema.check(&long).is_err());
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }

    #[test]
    fn the_servers_own_word_about_effects_counts_only_when_it_is_believed() {
        let hinted = Listed {
            read_only: Some(true),
            ..listed("look")
        };
        let again = Listed {
            idempotent: Some(true),
            ..listed("set")
        };
        let mut server = server();
        assert_eq!(effect(&server, &hinted), Effect::Ask);
        server.effect = Effect::Repeatable;
        assert_eq!(effect(&server, &hinted), Effect::Repeatable);
        server.hints = true;
        assert_eq!(effect(&server, &hinted), Effect::Pure);
        server.effect = Effect::Ask;
        assert_eq!(effect(&server, &again), Effect::Repeatable);
        assert_eq!(effect(&server, &listed("send")), Effect::Ask);
        server.effects.insert("look".to_owned(), Effect::Ask);
        assert_eq!(
            effect(&server, &hinted),
            Effect::Ask,
            "what is configured outranks it"
        );
    }
}
