//! The tools there are, as a table, and one more for each agent of a charter.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::calls::Call;
use crate::{AgentShown, Ask, ControlError, Judge};

/// What the name of an agent's tool begins with.
const AGENT: &str = "ask_";
/// The longest a name may be that every client takes.
const NAME_MAX: usize = 64;

/// A tool of the node's own.
pub(super) struct Row {
    pub(super) name: &'static str,
    title: &'static str,
    says: &'static str,
    /// Changes nothing.
    reads: bool,
    /// Takes something away.
    destroys: bool,
    /// Fields, each with whether it must be there and its schema.
    fields: fn() -> Vec<(&'static str, bool, Value)>,
    pub(super) call: fn(Map<String, Value>) -> Result<Call, ControlError>,
}

fn text(says: &str) -> Value {
    json!({"type": "string", "description": says})
}

fn goal_id() -> (&'static str, bool, Value) {
    (
        "goal_id",
        true,
        text("The goal's name, as submit_goal or list_goals gave it."),
    )
}

fn wait_s() -> (&'static str, bool, Value) {
    (
        "wait_s",
        false,
        json!({"type": "integer", "minimum": 0, "maximum": 600, "default": 30,
            "description": "How long to wait for the answer, in seconds; it goes on in any case."}),
    )
}

const fn query(
    name: &'static str,
    title: &'static str,
    says: &'static str,
    fields: fn() -> Vec<(&'static str, bool, Value)>,
    call: fn(Map<String, Value>) -> Result<Call, ControlError>,
) -> Row {
    Row {
        name,
        title,
        says,
        reads: true,
        destroys: false,
        fields,
        call,
    }
}

const fn command(
    name: &'static str,
    title: &'static str,
    says: &'static str,
    fields: fn() -> Vec<(&'static str, bool, Value)>,
    call: fn(Map<String, Value>) -> Result<Call, ControlError>,
) -> Row {
    Row {
        reads: false,
        ..query(name, title, says, fields, call)
    }
}

/// Every tool of the node's own.
pub(super) const ROWS: &[Row] = &[
    command(
        "submit_goal",
        "Give the node a goal",
        "Has supervised agents plan, carry out and judge a goal given in plain words, such as an analysis of a table or a summary of documents. \
         Waits up to wait_s for the answer; if it is not there by then, goal_status gives it later. Asked again with the same goal_id it is the \
         same goal and is not begun twice.",
        || {
            vec![
                ("goal", true, text("What is wanted, in plain words.")),
                (
                    "files",
                    false,
                    json!({"type": "array", "items": {"type": "string"}, "description": "Files it is about: tables or documents, by absolute path."}),
                ),
                (
                    "out",
                    false,
                    text("The folder below which results are written, absolute."),
                ),
                (
                    "goal_id",
                    false,
                    text("A name of your own; it makes it safe to ask again."),
                ),
                (
                    "private",
                    false,
                    json!({"type": "boolean", "default": false, "description": "Nothing of it may leave the node's machine."}),
                ),
                wait_s(),
            ]
        },
        Call::submit,
    ),
    query(
        "goal_status",
        "How a goal stands",
        "Says how a goal stands and gives its answer if it has one; waits up to wait_s for it.",
        || vec![goal_id(), wait_s()],
        Call::status,
    ),
    query(
        "explain_goal",
        "Why a goal is where it is",
        "Says why a goal is where it is: what it waits for, what it has, what went wrong and what can be done.",
        || vec![goal_id()],
        |fields| Call::plain("explain", fields),
    ),
    query(
        "list_goals",
        "The goals there are",
        "Lists goals, newest first, each with where it stands.",
        || {
            vec![(
                "limit",
                false,
                json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 50, "description": "How many."}),
            )]
        },
        Call::goals,
    ),
    Row {
        destroys: true,
        ..command(
            "cancel_goal",
            "Call a goal off",
            "Calls a goal off; nobody works on it any more.",
            || vec![goal_id()],
            |fields| Call::plain("cancel", fields),
        )
    },
    command(
        "resume_goal",
        "Go on with a goal",
        "Goes on with a goal that rests, was interrupted, set aside or called off, or failed, from where it was.",
        || vec![goal_id()],
        |fields| Call::plain("resume", fields),
    ),
    query(
        "tree",
        "The supervision tree",
        "Shows the node's supervision tree: each agent, what it is doing, and how often it was restarted.",
        Vec::new,
        Call::outline,
    ),
    query(
        "list_agents",
        "The agents there are",
        "Lists the node's agents with what each is for and offers.",
        Vec::new,
        |fields| Call::listed("agents", "agents", fields),
    ),
    command(
        "ask_agent",
        "Ask an agent",
        "Asks one agent by its name, its role or the name of its charter, and waits for what it says. Agents of a charter have a tool of their own.",
        || {
            vec![
                (
                    "agent",
                    true,
                    text("Its name, its role, or the name of its charter."),
                ),
                (
                    "content",
                    true,
                    text("What is said to it: text, or JSON as text, whichever it takes."),
                ),
                (
                    "deadline_ms",
                    false,
                    json!({"type": "integer", "minimum": 1, "maximum": Ask::DEADLINE_MS_MAX, "default": 120_000,
                        "description": "How long it may take, in milliseconds."}),
                ),
            ]
        },
        Call::ask,
    ),
    query(
        "judge_text",
        "Judge a text",
        "Has the Critic hold a text against what was asked and what it rests on: every figure, contradiction, gap and injected order. Says what is \
         wrong, where, and what would be right. Nothing is kept of the files.",
        || {
            vec![
                ("goal", true, text("What was asked of whoever wrote it.")),
                ("answer", true, text("The text.")),
                (
                    "files",
                    false,
                    json!({"type": "array", "maxItems": Judge::FILES_MAX, "description": "What it rests on: tables or documents, by content.",
                        "items": {"type": "object", "required": ["name", "content"], "additionalProperties": false, "properties": {
                            "name": {"type": "string"}, "content": {"type": "string"},
                            "encoding": {"type": "string", "enum": ["text", "base64"], "default": "text"}}}}),
                ),
                (
                    "criteria",
                    false,
                    text(
                        "What a good one is, as a file of criteria has it (TOML); without it all checks run. Commands, tools and models that it names are asked by nobody here.",
                    ),
                ),
            ]
        },
        Call::judge,
    ),
    query(
        "list_approvals",
        "What a human is asked",
        "Lists what agents ask a human before they go on. A person decides; decide_approval takes the decision of a person you asked.",
        Vec::new,
        |fields| Call::listed("approvals", "approvals", fields),
    ),
    Row {
        destroys: true,
        ..command(
            "decide_approval",
            "Decide what a human was asked",
            "Takes a person's decision about what an agent asked. Never decide in a person's place; it needs a key that may administer.",
            || {
                vec![
                    (
                        "id",
                        true,
                        text("Which question; list_approvals names them."),
                    ),
                    (
                        "decision",
                        true,
                        json!({"type": "string", "enum": ["accept", "reject"], "description": "What the person said."}),
                    ),
                    ("reason", false, text("Why, in the person's words.")),
                ]
            },
            Call::decide,
        )
    },
];

impl Row {
    /// As it is offered.
    pub(super) fn tool(&self) -> Tool {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (name, must, schema) in (self.fields)() {
            properties.insert(name.to_owned(), schema);
            if must {
                required.push(name);
            }
        }
        let schema = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let hints = ToolAnnotations::with_title(self.title)
            .read_only(self.reads)
            .destructive(self.destroys)
            .idempotent(self.reads)
            .open_world(false);
        tool(self.name.into(), self.says.to_owned(), schema).with_annotations(hints)
    }
}

fn tool(name: Cow<'static, str>, says: String, schema: Value) -> Tool {
    let schema = match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    Tool::new_with_raw(name, Some(says.into()), Arc::new(schema))
}

/// The tool that an agent of a charter is: its input is what the charter says, or a text.
pub(super) fn of_agent(shown: &AgentShown) -> Option<Tool> {
    let charter = shown.follows.as_ref()?;
    let name = agent_tool(&charter.name)?;
    let mut says = charter.description.clone();
    if !charter.domains.is_empty() {
        says = format!("{says} It knows about {}.", charter.domains.join(", "));
    }
    let schema = match &charter.input {
        Some(input) if input["type"] == "object" => input.clone(),
        Some(input) => {
            json!({"type": "object", "properties": {"input": input}, "required": ["input"]})
        }
        None => {
            json!({"type": "object", "properties": {"text": text("What it is asked.")}, "required": ["text"]})
        }
    };
    let hints = ToolAnnotations::with_title(format!("Ask {}", charter.name))
        .read_only(false)
        .open_world(true);
    Some(tool(name.into(), says, schema).with_annotations(hints))
}

/// The name of the tool that an agent of a charter is; none where clients would not take it.
fn agent_tool(charter: &str) -> Option<String> {
    let name = format!("{AGENT}{charter}");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let taken = ROWS.iter().any(|row| row.name == name);
    (name.len() <= NAME_MAX && name.chars().all(plain) && !taken).then_some(name)
}

/// The charter whose agent a tool is, by the tool's name.
pub(super) fn charter_of(tool: &str) -> Option<&str> {
    tool.strip_prefix(AGENT)
        .filter(|charter| !charter.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_a_name_that_clients_take_and_says_what_it_takes() {
        let mut names = Vec::new();
        for row in ROWS {
            let tool = row.tool();
            assert!(tool.name.len() <= NAME_MAX && !names.contains(&tool.name));
            let schema = tool.schema_as_json_value();
            assert_eq!(schema["type"], "object", "{}", tool.name);
            for required in schema["required"].as_array().unwrap() {
                let field = &schema["properties"][required.as_str().unwrap()];
                assert!(field["description"].is_string(), "{}", tool.name);
            }
            names.push(tool.name);
        }
        assert_eq!(agent_tool("agent"), None, "it is the node's own");
        assert_eq!(agent_tool("clerk").as_deref(), Some("ask_clerk"));
        assert_eq!(charter_of("ask_clerk"), Some("clerk"));
        assert_eq!(charter_of("tree"), None);
    }
}
