//! A charter whose every word was checked against what the node has and grants.

use aios_actors::recovery::Budget;
use aios_judge::Criteria;
use aios_tools::{Schema, Toolbox};
use aios_work::{AGENT_TOOLS, Capabilities, Capability, Charter, Effect, ToolSpec};
use serde_json::{Value, json};

/// What a text is called where arguments are an object.
const TEXT: &str = "text";
/// The same for anything else that is no object.
const INPUT: &str = "input";

/// A member of a crew.
#[derive(Debug)]
pub struct Member {
    charter: Charter,
    granted: Capabilities,
    input: Option<Schema>,
    output: Option<Schema>,
    /// What its answers are judged by, as a criteria file has it.
    criteria: Option<String>,
    /// What all its agents together may spend, with whoever else is below the same ceilings.
    ceilings: Vec<Budget>,
}

/// Why a charter cannot be followed on this node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnlistError {
    /// A tool that nobody has.
    #[error("charter {charter} names a tool {tool:?}, which this node does not have; {}", match nearest { Some(nearest) => format!("nearest is {nearest}"), None => "it has none".to_owned() })]
    UnknownTool {
        /// Whose charter.
        charter: String,
        /// The tool.
        tool: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// A tool that needs more than this node grants.
    #[error("charter {charter} cannot have its tools: {why}")]
    NotGranted {
        /// Whose charter.
        charter: String,
        /// What the tool needs, and where it can be granted.
        why: String,
    },
    /// Criteria that are none.
    #[error("the criteria {criteria:?} of charter {charter} cannot be used: {why}")]
    Criteria {
        /// Whose charter.
        charter: String,
        /// What it calls them.
        criteria: String,
        /// Why not.
        why: String,
    },
    /// A schema that cannot be used.
    #[error("the `{key}` of charter {charter} cannot be used: {why}")]
    Schema {
        /// Whose charter.
        charter: String,
        /// Which.
        key: &'static str,
        /// Why not.
        why: String,
    },
}

impl Member {
    /// A charter as it can be followed with these tools, within what their box grants at all. `ceilings` are spent from by all agents of the charter.
    ///
    /// # Errors
    /// The first word of it that cannot be followed.
    pub fn new(
        charter: Charter,
        tools: &Toolbox,
        ceilings: Vec<Budget>,
    ) -> Result<Self, EnlistError> {
        let mut needs: Vec<Capability> = Vec::new();
        for name in &charter.tools {
            let Some(spec) = tools.spec(name).filter(|_| !name.starts_with(AGENT_TOOLS)) else {
                return Err(EnlistError::UnknownTool {
                    charter: charter.name.clone(),
                    tool: name.clone(),
                    nearest: nearest(name, tools),
                });
            };
            let granted = tools.granted(name, &spec.needs);
            let granted = granted.map_err(|error| EnlistError::NotGranted {
                charter: charter.name.clone(),
                why: error.to_string(),
            })?;
            needs.extend(granted.iter().cloned());
        }
        let schema = |key: &'static str, source: &Option<Value>| {
            let compiled = source.as_ref().map(Schema::new).transpose();
            compiled.map_err(|error| EnlistError::Schema {
                charter: charter.name.clone(),
                key,
                why: error.to_string(),
            })
        };
        Ok(Self {
            input: schema("input", &charter.input)?,
            output: schema("output", &charter.output)?,
            granted: needs.into_iter().collect(),
            criteria: None,
            ceilings,
            charter,
        })
    }

    /// The same with its answers judged by these criteria, as their file has them.
    ///
    /// # Errors
    /// When they are none.
    pub fn judged_by(self, toml: String) -> Result<Self, EnlistError> {
        if let Err(error) = Criteria::read(&toml) {
            return Err(EnlistError::Criteria {
                charter: self.charter.name,
                criteria: self.charter.criteria.unwrap_or_default(),
                why: error.to_string(),
            });
        }
        Ok(Self {
            criteria: Some(toml),
            ..self
        })
    }

    pub(super) fn criteria(&self) -> Option<&str> {
        self.criteria.as_deref()
    }

    /// The charter.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// What its tools may touch: what those that it names need.
    #[must_use]
    pub fn granted(&self) -> &Capabilities {
        &self.granted
    }

    pub(super) fn ceilings(&self) -> &[Budget] {
        &self.ceilings
    }

    /// What is asked, read as the charter takes it: JSON if it has a schema for it, else text.
    pub(super) fn read(&self, content: &str) -> Result<Value, String> {
        let value = match &self.input {
            None => Value::String(content.to_owned()),
            // A schema for text takes a text that is no JSON as it stands.
            Some(schema) => match serde_json::from_str(content) {
                Ok(value) => value,
                Err(_) if schema.source().get("type") == Some(&json!("string")) => json!(content),
                Err(error) => return Err(format!("it is no JSON: {error}")),
            },
        };
        self.takes(&value)?;
        Ok(value)
    }

    /// What is wrong with something that is asked.
    pub(super) fn takes(&self, input: &Value) -> Result<(), String> {
        match &self.input {
            Some(schema) => schema.check(input),
            None if input.is_string() => Ok(()),
            None => {
                Err("it is no text, and the charter has no `input` for anything else".to_owned())
            }
        }
    }

    /// What is wrong with an answer.
    pub(super) fn gives(&self, answer: &Value) -> Result<(), String> {
        match &self.output {
            Some(schema) => schema.check(answer),
            None if answer.is_string() => Ok(()),
            None => Err("it is no text".to_owned()),
        }
    }

    /// The member as a tool.
    #[must_use]
    pub fn spec(&self) -> ToolSpec {
        skill_of(&self.charter)
    }

    /// What is asked, from the arguments of [`spec`](Self::spec).
    pub(super) fn asked(&self, mut args: Value) -> Value {
        let name = match &self.charter.input {
            None => TEXT,
            Some(schema) if is_object(schema) => return args,
            Some(_) => INPUT,
        };
        args.get_mut(name).map(Value::take).unwrap_or(args)
    }
}

/// A charter's agents as a tool: what it takes is an object, because arguments are.
pub(super) fn skill_of(charter: &Charter) -> ToolSpec {
    let one = |name: &str, schema: Value| json!({"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": false});
    ToolSpec {
        name: charter.tool_name(),
        description: charter.description.clone(),
        input: match &charter.input {
            None => one(TEXT, json!({"type": "string"})),
            Some(schema) if is_object(schema) => schema.clone(),
            Some(schema) => one(INPUT, schema.clone()),
        },
        output: charter
            .output
            .clone()
            .unwrap_or_else(|| json!({"type": "string"})),
        needs: [Capability::MODEL_USE].into(),
        // Asked the same once more, it goes on where it was, and its own tools are called with the same keys.
        effect: Effect::Repeatable,
    }
}

fn is_object(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("object"))
}

/// The tool's name most like one that nobody has.
fn nearest(name: &str, tools: &Toolbox) -> Option<String> {
    let names: Vec<String> = tools.specs().map(|spec| spec.name.clone()).collect();
    aios_work::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charter(lines: &str) -> Charter {
        Charter::parse(&format!(
            "---\nname: clerk\ndescription: d\n{lines}\n---\nDo."
        ))
        .unwrap()
    }

    fn member(lines: &str) -> Result<Member, EnlistError> {
        Member::new(charter(lines), &Toolbox::default(), Vec::new())
    }

    #[test]
    fn what_is_asked_fits_the_charter_or_is_refused() {
        let object = "input: {type: object, properties: {of: {type: integer}}, required: [of]}";
        let rows = [
            ("", "hello", Ok(json!("hello"))),
            ("", "{\"a\":1}", Ok(json!("{\"a\":1}"))),
            (object, "{\"of\": 3}", Ok(json!({"of": 3}))),
            (object, "{\"of\": \"x\"}", Err(())),
            (object, "hello", Err(())),
            (
                "input: {type: string}",
                "hello there",
                Ok(json!("hello there")),
            ),
            ("input: {type: string, maxLength: 3}", "hello", Err(())),
        ];
        for (lines, asked, expected) in rows {
            let read = member(lines).unwrap().read(asked).map_err(|_| ());
            assert_eq!(read, expected, "{lines}: {asked}");
        }
    }

    #[test]
    fn as_a_tool_it_takes_an_object_and_is_asked_what_its_charter_takes() {
        for (lines, args, asked) in [
            ("", json!({"text": "hi"}), json!("hi")),
            ("input: {type: array}", json!({"input": [1]}), json!([1])),
            ("input: {type: object}", json!({"a": 1}), json!({"a": 1})),
        ] {
            let member = member(lines).unwrap();
            let spec = member.spec();
            assert_eq!(spec.name, "agent__clerk");
            assert!(
                Schema::new(&spec.input).unwrap().check(&args).is_ok(),
                "{lines}"
            );
            assert_eq!(member.asked(args), asked);
        }
    }

    #[test]
    fn a_charter_that_cannot_be_followed_says_by_which_word() {
        let error = member("tools: [abacus]").unwrap_err().to_string();
        assert!(
            error.contains("\"abacus\"") && error.contains("it has none"),
            "{error}"
        );
        let error = member("output: {type: nonsense}").unwrap_err().to_string();
        assert!(error.contains("`output` of charter clerk"), "{error}");
    }
}
