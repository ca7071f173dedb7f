//! Anthropic's form: messages as a stream of blocks.
//!
//! A schema is asked for as the arguments of a tool that must be called, which every model of the form takes; one whose
//! document is no object is asked for as an output format.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::gathered::{BadEvent, Gathered};
use super::quirks::{Quirks, refuse};
use super::sse::Event;
use super::{RemoteConfig, schema};
use crate::{
    ChatRole, ChatTurn, EngineError, Finish, InferRequest, Prompt, Sampling, ToolCall, Usage,
};

/// The tool whose arguments are the answer.
const ANSWER: &str = "answer";

/// A call of `messages`.
pub(super) fn body(
    config: &RemoteConfig,
    request: &InferRequest,
    quirks: Quirks,
) -> Result<Value, EngineError> {
    refuse(request)?;
    let turns = match &request.prompt {
        Prompt::Chat(turns) => turns.as_slice(),
        Prompt::Raw(_) => &[],
    };
    let system: Vec<&str> = turns
        .iter()
        .filter(|turn| turn.role == ChatRole::System && !turn.content.is_empty())
        .map(|turn| turn.content.as_str())
        .collect();
    let mut body = json!({
        "model": config.model,
        "max_tokens": request.max_tokens,
        "messages": messages(turns)?,
        "stream": true,
    });
    if !system.is_empty() {
        body["system"] = json!(system.join("\n\n"));
    }
    if !quirks.no_sampling {
        match request.sampling {
            Sampling::Greedy => body["temperature"] = json!(0),
            // Newer models take one of temperature and top_p.
            Sampling::Seeded { temperature, .. } => {
                body["temperature"] = json!(temperature.clamp(0.0, 1.0));
            }
        }
    }
    let stops: Vec<&String> = request
        .stop
        .iter()
        .filter(|stop| !stop.trim().is_empty())
        .collect();
    if !stops.is_empty() {
        body["stop_sequences"] = json!(stops);
    }
    if let Some(grammar) = &request.grammar {
        let schema = schema::read(grammar)?;
        let schema = schema.source();
        if as_tool(schema) {
            body["tools"] = json!([{
                "name": ANSWER,
                "description": "Gives the answer.",
                "input_schema": schema,
            }]);
            body["tool_choice"] = json!({"type": "tool", "name": ANSWER});
        } else {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
        }
    } else if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"name": tool.name, "description": tool.description, "input_schema": tool.input})
        });
        body["tools"] = tools.collect();
    }
    Ok(body)
}

/// Whether a schema's document can be the arguments of a tool.
fn as_tool(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object")
}

/// Turns of the same side are one message: what tools answered belongs to the user's side.
fn messages(turns: &[ChatTurn]) -> Result<Vec<Value>, EngineError> {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    for turn in turns.iter().filter(|turn| turn.role != ChatRole::System) {
        let side = match turn.role {
            ChatRole::Assistant => "assistant",
            _ => "user",
        };
        let blocks = blocks(turn)?;
        match messages.last_mut() {
            Some((last, said)) if *last == side => said.extend(blocks),
            _ => messages.push((side, blocks)),
        }
    }
    messages.retain(|(_, blocks)| !blocks.is_empty());
    Ok(messages
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect())
}

fn blocks(turn: &ChatTurn) -> Result<Vec<Value>, EngineError> {
    if turn.role == ChatRole::Tool {
        return Ok(vec![json!({
            "type": "tool_result",
            "tool_use_id": turn.answers.as_deref().unwrap_or_default(),
            "content": turn.content,
        })]);
    }
    let mut blocks = Vec::new();
    // An empty block is refused.
    if !turn.content.trim().is_empty() {
        let text = match turn.role {
            // White space at the end of what the model said is refused too.
            ChatRole::Assistant => turn.content.trim_end(),
            _ => &turn.content,
        };
        blocks.push(json!({"type": "text", "text": text}));
    }
    for call in &turn.calls {
        let input: Map<String, Value> =
            serde_json::from_str(&call.arguments).map_err(|error| EngineError::BadRequest {
                reason: format!("the arguments of call {:?} are no object: {error}", call.id),
            })?;
        blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    Ok(blocks)
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        index: usize,
        content_block: Block,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta,
    },
    MessageDelta {
        delta: Ending,
        #[serde(default)]
        usage: Option<Counted>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// Pings, ends of blocks, and what is yet to be invented.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Deserialize, Default)]
struct Counted {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Ending {
    #[serde(default)]
    stop_reason: Option<String>,
}

/// What a block of the stream is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// The arguments are the answer.
    Answer,
    /// A call, by its place.
    Call(usize),
    Hidden,
}

/// Blocks that one answer may have.
const BLOCKS_MAX: usize = 256;

/// Where in a stream a reader is.
pub(super) struct Reading {
    /// The answer comes as the arguments of a tool.
    by_tool: bool,
    blocks: Vec<Kind>,
    counted: Usage,
}

impl Reading {
    pub(super) fn new(request: &InferRequest) -> Self {
        let schema = request
            .grammar
            .as_ref()
            .and_then(|grammar| schema::read(grammar).ok());
        Self {
            by_tool: schema.is_some_and(|schema| as_tool(schema.source())),
            blocks: Vec::new(),
            counted: Usage::default(),
        }
    }

    /// Takes one event of the stream.
    pub(super) fn event(&mut self, event: &Event, answer: &mut Gathered) -> Result<(), BadEvent> {
        if event.data.trim().is_empty() {
            return Ok(());
        }
        let said: Said = serde_json::from_str(&event.data)
            .map_err(|error| BadEvent::Unreadable(error.to_string()))?;
        match said {
            Said::MessageStart { message } => {
                answer.model = message.model;
                self.count(message.usage, answer);
            }
            Said::ContentBlockStart {
                index,
                content_block,
            } => self.begin(index, content_block, answer)?,
            Said::ContentBlockDelta { index, delta } => {
                let kind = self.blocks.get(index).copied().unwrap_or(Kind::Hidden);
                match (kind, delta) {
                    (Kind::Text, Delta::Text { text }) if !self.by_tool => answer.say(&text)?,
                    (Kind::Answer, Delta::InputJson { partial_json }) => {
                        answer.say(&partial_json)?;
                    }
                    (Kind::Call(at), Delta::InputJson { partial_json }) => {
                        answer.weigh(partial_json.len())?;
                        answer.call(at)?.arguments.push_str(&partial_json);
                    }
                    _ => {}
                }
            }
            Said::MessageDelta { delta, usage } => {
                self.count(usage, answer);
                if let Some(reason) = delta.stop_reason {
                    answer.finish = Some(self.finish(&reason)?);
                }
            }
            Said::MessageStop => answer.whole = answer.finish.is_some(),
            Said::Error { error } => {
                let said = super::words::sentence(&error).unwrap_or_else(|| error.to_string());
                return Err(BadEvent::Failed(said));
            }
            Said::Other => {}
        }
        Ok(())
    }

    fn begin(&mut self, index: usize, block: Block, answer: &mut Gathered) -> Result<(), BadEvent> {
        if index >= BLOCKS_MAX {
            return Err(BadEvent::TooMuch);
        }
        if self.blocks.len() <= index {
            self.blocks.resize(index + 1, Kind::Hidden);
        }
        let kind = match block {
            Block::Text { text } => {
                if !self.by_tool {
                    answer.say(&text)?;
                }
                Kind::Text
            }
            Block::ToolUse { name, .. } if self.by_tool && name == ANSWER => Kind::Answer,
            Block::ToolUse { id, name } => {
                let at = answer.calls.len();
                answer.weigh(id.len() + name.len())?;
                *answer.call(at)? = ToolCall {
                    id,
                    name,
                    arguments: String::new(),
                };
                Kind::Call(at)
            }
            Block::Other => Kind::Hidden,
        };
        if let Some(place) = self.blocks.get_mut(index) {
            *place = kind;
        }
        Ok(())
    }

    fn finish(&self, reason: &str) -> Result<Finish, BadEvent> {
        match reason {
            "max_tokens" | "model_context_window_exceeded" => Ok(Finish::Length),
            "tool_use" if self.by_tool => Ok(Finish::Stop),
            "tool_use" => Ok(Finish::Tools),
            "refusal" => Err(BadEvent::Withheld("the model refuses to answer".to_owned())),
            _ => Ok(Finish::Stop),
        }
    }

    /// Counts are totals so far; what an event leaves out stays.
    fn count(&mut self, counted: Option<Counted>, answer: &mut Gathered) {
        let Some(counted) = counted else { return };
        if let Some(input) = counted.input_tokens {
            self.counted.prompt_tokens = input
                .saturating_add(counted.cache_creation_input_tokens.unwrap_or(0))
                .saturating_add(counted.cache_read_input_tokens.unwrap_or(0));
        }
        if let Some(output) = counted.output_tokens {
            self.counted.new_tokens = output;
        }
        answer.usage = Some(self.counted);
    }
}
