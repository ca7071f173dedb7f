//! What a client of this form says, read: the fields that mean something here, and refusals of those that would be left undone.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::Refused;
use crate::{Speaker, Turn, form};

/// A conversation that is to be gone on with. Fields that are not here are let pass.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Chat {
    pub(super) model: String,
    pub(super) messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: Option<bool>,
    #[serde(default)]
    pub(super) stream_options: Option<StreamOptions>,
    #[serde(default)]
    n: Option<Value>,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    pub(super) max_tokens: Option<u32>,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    pub(super) max_completion_tokens: Option<u32>,
    #[serde(default)]
    pub(super) temperature: Option<Number>,
    #[serde(default)]
    pub(super) top_p: Option<Number>,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    pub(super) seed: Option<u64>,
    #[serde(default)]
    stop: Option<OneOrMore>,
    #[serde(default)]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    response_format: Option<Value>,
    /// What this form has no words for.
    #[serde(default)]
    pub(super) aios: Option<More>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// What is said to a goal or an agent beyond words. A field that is misspelt is refused: it would be left undone.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct More {
    #[serde(default)]
    pub(super) goal_id: Option<String>,
    #[serde(default)]
    pub(super) data: Vec<String>,
    #[serde(default)]
    pub(super) out: Option<String>,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    pub(super) deadline_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message {
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

impl Chat {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refused> {
        form::read(bytes).map_err(|error| {
            Refused::invalid(
                format!("the body is no chat completion request: {error}"),
                "body",
            )
        })
    }

    /// What would be left undone is refused instead.
    pub(super) fn check(&self) -> Result<(), Refused> {
        if self.n.as_ref().is_some_and(|n| *n != 1) {
            return Err(Refused::invalid("one answer is given: n is 1", "n"));
        }
        if self.tools.as_ref().is_some_and(|tools| !tools.is_empty()) {
            return Err(Refused::invalid(
                "tools of the asker are not called here; agents and goals have tools of the node",
                "tools",
            ));
        }
        Ok(())
    }

    pub(super) fn stop(&self) -> Vec<String> {
        match &self.stop {
            None => Vec::new(),
            Some(OneOrMore::One(text)) => vec![text.clone()],
            Some(OneOrMore::More(texts)) => texts.clone(),
        }
    }

    /// The schema that what is written must follow, if there is to be one.
    pub(super) fn schema(&self) -> Result<Option<Value>, Refused> {
        let Some(format) = &self.response_format else {
            return Ok(None);
        };
        match format["type"].as_str() {
            Some("text") => Ok(None),
            Some("json_schema") if format["json_schema"]["schema"].is_object() => {
                Ok(Some(format["json_schema"]["schema"].clone()))
            }
            Some("json_object") => Ok(Some(serde_json::json!({"type": "object"}))),
            _ => Err(Refused::invalid(
                "a response format is text, json_object, or json_schema with a schema",
                "response_format",
            )),
        }
    }

    /// What was said, turn by turn.
    pub(super) fn turns(&self) -> Result<Vec<Turn>, Refused> {
        if self.messages.is_empty() {
            return Err(Refused::invalid(
                "nothing was said: messages is empty",
                "messages",
            ));
        }
        self.messages
            .iter()
            .enumerate()
            .map(|(at, message)| message.turn(at))
            .collect()
    }
}

impl Message {
    fn turn(&self, at: usize) -> Result<Turn, Refused> {
        let who = match self.role.as_str() {
            "developer" | "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            "tool" => Speaker::Tool,
            other => {
                let other: String = other.chars().take(50).collect();
                let message = format!(
                    "nobody here is {other:?}; a role is developer, system, user, assistant or tool"
                );
                return Err(Refused::invalid(message, format!("messages[{at}].role")));
            }
        };
        let text = match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                let texts = parts
                    .iter()
                    .enumerate()
                    .map(|(place, part)| part.text(at, place));
                texts.collect::<Result<Vec<_>, _>>()?.join("\n")
            }
        };
        Ok(Turn { who, text })
    }
}

impl Part {
    fn text(&self, at: usize, place: usize) -> Result<&str, Refused> {
        let text = match self.kind.as_str() {
            "text" => self.text.as_deref(),
            "refusal" => self.refusal.as_deref(),
            _ => None,
        };
        text.ok_or_else(|| {
            let kind: String = self.kind.chars().take(50).collect();
            let message = format!("a part of kind {kind:?} is not read here; say it as text");
            Refused::invalid(message, format!("messages[{at}].content[{place}]"))
        })
    }
}

/// A conversation as one text, for whoever takes one: what is asked last, and before what it stands on.
pub(super) fn as_text(turns: &[Turn]) -> Result<String, Refused> {
    let Some((last, before)) = turns
        .split_last()
        .filter(|(last, _)| last.who == Speaker::User)
    else {
        return Err(Refused::invalid(
            "the last message is to be the user's: it is what is asked",
            "messages",
        ));
    };
    let before: Vec<String> = before
        .iter()
        .filter(|turn| !turn.text.is_empty())
        .map(|turn| {
            let who = match turn.who {
                Speaker::System => "Instructions",
                Speaker::User => "User",
                Speaker::Assistant => "Answer",
                Speaker::Tool => "Tool",
            };
            format!("{who}: {}", turn.text)
        })
        .collect();
    Ok(match before.is_empty() {
        true => last.text.clone(),
        false => format!(
            "{}\n\nWhat was said before:\n\n{}",
            last.text,
            before.join("\n\n")
        ),
    })
}

/// Texts to be turned into vectors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Embeddings {
    pub(super) model: String,
    input: Value,
    #[serde(default)]
    encoding_format: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    pub(super) dimensions: Option<u32>,
}

impl Embeddings {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refused> {
        form::read(bytes).map_err(|error| {
            Refused::invalid(
                format!("the body is no embeddings request: {error}"),
                "body",
            )
        })
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, Refused> {
        let none = |message: &str| Refused::invalid(message, "input");
        let texts: Vec<String> = match &self.input {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => {
                if items.iter().any(|item| item.is_number() || item.is_array()) {
                    return Err(none(
                        "token numbers say nothing to this engine, which has tokens of its own; send text (LangChain: check_embedding_ctx_length=False)",
                    ));
                }
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts
                    .collect::<Option<_>>()
                    .ok_or_else(|| none("the input is a text or a list of texts"))?
            }
            _ => return Err(none("the input is a text or a list of texts")),
        };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(none(
                "there is an empty text or none at all, which has no vector",
            ));
        }
        Ok(texts)
    }

    /// Whether the vectors travel as bytes instead of as numbers.
    pub(super) fn as_bytes(&self) -> Result<bool, Refused> {
        match self.encoding_format.as_deref() {
            None | Some("float") => Ok(false),
            Some("base64") => Ok(true),
            Some(_) => Err(Refused::invalid(
                "an encoding is float or base64",
                "encoding_format",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat(more: Value) -> Result<(Vec<Turn>, Vec<String>), Refused> {
        let mut body = json!({"model": "aios", "messages": [{"role": "user", "content": "hello"}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let chat = Chat::read(body.to_string().as_bytes())?;
        chat.check()?;
        chat.schema()?;
        Ok((chat.turns()?, chat.stop()))
    }

    #[test]
    fn what_means_nothing_here_passes_and_what_would_be_left_undone_does_not() {
        let (turns, stop) = chat(json!({
            "n": 1, "user": "me", "logit_bias": {}, "frequency_penalty": 0, "tools": [], "store": false, "stop": "END",
            "messages": [
                {"role": "developer", "content": "be brief", "name": "x"},
                {"role": "assistant", "content": null, "tool_calls": []},
                {"role": "tool", "content": "7", "tool_call_id": "a"},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ],
        }))
        .unwrap();
        let said: Vec<(Speaker, &str)> = turns
            .iter()
            .map(|turn| (turn.who, turn.text.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (Speaker::System, "be brief"),
                (Speaker::Assistant, ""),
                (Speaker::Tool, "7"),
                (Speaker::User, "a\nb")
            ]
        );
        assert_eq!(stop, ["END"]);
        for (wrong, param) in [
            (json!({"n": 2}), "n"),
            (json!({"tools": [{}]}), "tools"),
            (json!({"messages": []}), "messages"),
            (
                json!({"messages": [{"role": "robot", "content": "x"}]}),
                "messages[0].role",
            ),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
                "messages[0].content[0]",
            ),
            (json!({"messages": "hello"}), "body"),
            (json!({"aios": {"dat": []}}), "body"),
            (
                json!({"response_format": {"type": "yaml"}}),
                "response_format",
            ),
        ] {
            let refused = chat(wrong.clone()).unwrap_err().object();
            assert_eq!(refused["error"]["param"], param, "{wrong}: {refused}");
            assert_eq!(refused["error"]["type"], "invalid_request_error");
        }
    }

    #[test]
    fn a_conversation_is_what_is_asked_and_what_it_stands_on() {
        let turn = |who, text: &str| Turn {
            who,
            text: text.to_owned(),
        };
        let one = [turn(Speaker::User, "why?")];
        assert_eq!(as_text(&one).unwrap(), "why?");
        let more = [
            turn(Speaker::System, "be brief"),
            turn(Speaker::User, "what?"),
            turn(Speaker::Assistant, "that"),
            turn(Speaker::User, "why?"),
        ];
        assert_eq!(
            as_text(&more).unwrap(),
            "why?\n\nWhat was said before:\n\nInstructions: be brief\n\nUser: what?\n\nAnswer: that"
        );
        assert!(as_text(&more[..3]).is_err() && as_text(&[]).is_err());
    }

    #[test]
    fn texts_are_taken_and_token_numbers_are_not() {
        let texts = |input: Value| {
            Embeddings::read(json!({"model": "m", "input": input}).to_string().as_bytes())
                .unwrap()
                .texts()
        };
        assert_eq!(texts(json!("a")).unwrap(), ["a"]);
        assert_eq!(texts(json!(["a", "b"])).unwrap(), ["a", "b"]);
        for tokens in [json!([1, 2]), json!([[1, 2], [3]])] {
            let refused = texts(tokens).unwrap_err().object().to_string();
            assert!(
                refused.contains("check_embedding_ctx_length=False"),
                "{refused}"
            );
        }
        for wrong in [
            json!([]),
            json!(""),
            json!(["a", ""]),
            json!(7),
            json!([null]),
        ] {
            assert!(texts(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
