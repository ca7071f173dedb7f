//! Agent files of other systems, made into charters: what can be kept is kept, and what cannot is said, field by field.
//!
//! Such a file has a front matter with a name, a description, perhaps tools and a model, and much else that means something where it comes
//! from. Here nothing is granted unless it is named, so what a missing list of tools grants elsewhere is not granted here, and said.

use serde_json::{Map, Value, json};

use super::fields::{listed, short, shown, what};
use super::front_matter;
use super::parse::{DESCRIPTION_BYTES, NAME_BYTES, check_name};
use super::{CHARTER_BYTES, Charter, CharterBudget, CharterError};

/// A charter made from another system's file, and what of the file is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The charter.
    pub charter: Charter,
    /// One for each field that is not honoured as it stands, in the order of the file.
    pub notes: Vec<Note>,
}

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The field, as the file calls it.
    pub field: String,
    /// Whether something of it was kept.
    pub kept: bool,
    /// What was not honoured, and what can be done about it.
    pub why: String,
}

/// The tools that charters here can name.
#[derive(Debug, Clone, Copy)]
pub struct KnownTools<'a> {
    /// Their names.
    pub names: &'a [String],
    /// What tools of the same use are called elsewhere, with their names here.
    pub elsewhere: &'a [(&'a str, &'a str)],
}

/// What fields of other systems say that a charter does not, and why. A field that is in no list is not known here at all.
const NOT_HONOURED: &[(&[&str], &str)] = &[
    (
        &[
            "color",
            "colour",
            "emoji",
            "icon",
            "vibe",
            "title",
            "category",
            "tags",
            "hidden",
            "user-invocable",
            "argument-hint",
        ],
        "it says how the agent is shown there; nothing here is shown by it",
    ),
    (
        &[
            "author",
            "authors",
            "version",
            "license",
            "lastUpdated",
            "metadata",
            "compatibility",
        ],
        "it says where the file comes from; keep it in the file it comes from",
    ),
    (
        &[
            "permissionMode",
            "permission",
            "permissions",
            "approval",
            "sandbox",
        ],
        "what may be done without asking is said by each tool's effect and by the configuration, never by an agent's own file",
    ),
    (
        &[
            "skills",
            "inheritSkills",
            "defaultReads",
            "inheritProjectContext",
            "initialPrompt",
            "context",
            "defaultContext",
        ],
        "texts that are put before the agent there are not found here; put them into the instructions",
    ),
    (
        &["mcpServers", "mcp-servers", "services"],
        "servers are children of the node; configure each under [tools.NAME] and name its tools as NAME__TOOL",
    ),
    (
        &["hooks", "handoffs"],
        "nothing is run before or after a turn; a check of the answer belongs into criteria, a next agent into delegates",
    ),
    (
        &[
            "memory",
            "isolation",
            "background",
            "effort",
            "thinking",
            "mode",
            "target",
            "applyTo",
            "disable-model-invocation",
            "systemPromptMode",
            "defaultProgress",
            "aliases",
        ],
        "it steers the program it was written for; there is no such thing here",
    ),
    (
        &["temperature", "top_p", "reasoningEffort", "max_tokens"],
        "a charter does not set how a model samples; answers are reproducible",
    ),
];
/// Fields that are read, ours under our own names included.
const READ: &[&str] = &[
    "name",
    "description",
    "tools",
    "allowed-tools",
    "allowedTools",
    "disallowedTools",
    "disallowed-tools",
    "model",
    "maxTurns",
    "max_turns",
    "maxSteps",
    "agents",
    "role",
    "domains",
    "input",
    "output",
    "budget",
    "restart",
    "durable",
    "delegates",
    "criteria",
    "privacy",
];

/// Reads another system's agent file; `stem` is its name without the ending, for a file that has no name of its own.
///
/// # Errors
/// When there is no front matter, no description or no text below it: such a file describes no agent.
pub fn import(stem: &str, file: &str, tools: KnownTools<'_>) -> Result<Imported, CharterError> {
    if file.len() > CHARTER_BYTES {
        let (asked, allowed) = (file.len(), CHARTER_BYTES);
        return Err(CharterError::TooLarge { asked, allowed });
    }
    let (matter, body) = front_matter::split(file)?;
    let mut notes = Vec::new();
    let fields = match front_matter::read(matter) {
        Ok(fields) => fields,
        Err(error) => {
            notes.push(note(
                "front matter",
                true,
                format!("{error}; it was read line by line"),
            ));
            by_line(matter)
        }
    };
    let mut import = Import {
        fields,
        notes,
        tools,
    };
    let charter = import.charter(stem, body)?;
    let Import {
        fields, mut notes, ..
    } = import;
    notes.sort_by_key(|note| fields.keys().position(|key| *key == note.field));
    Ok(Imported { charter, notes })
}

fn note(field: &str, kept: bool, why: impl Into<String>) -> Note {
    Note {
        field: short(field),
        kept,
        why: why.into(),
    }
}

/// Fields of what is no YAML: descriptions with colons, quotes and lines of their own are what people write. A line begins a field if its
/// key is known; any other goes on with the field before it.
fn by_line(matter: &str) -> Map<String, Value> {
    let known =
        |key: &&str| READ.contains(key) || NOT_HONOURED.iter().any(|(keys, _)| keys.contains(key));
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in matter.lines() {
        let begun = line
            .split_once(':')
            .filter(|(key, _)| known(key) && !fields.iter().any(|(name, _)| name == key));
        match (begun, fields.last_mut()) {
            (Some((key, rest)), _) => fields.push((key.to_owned(), rest.trim().to_owned())),
            (None, Some((_, text))) => {
                text.push('\n');
                text.push_str(line);
            }
            (None, None) => {}
        }
    }
    let values = fields.into_iter().map(|(key, text)| (key, plain(&text)));
    values.collect()
}

/// A text as it was most likely meant: a list on one line, or text without the quotes around it.
fn plain(text: &str) -> Value {
    let text = text.trim();
    let inside = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(inside) = inside {
        let items = inside.split(',').map(|item| unquoted(item.trim()));
        return items
            .filter(|item| !item.is_empty())
            .map(Value::from)
            .collect();
    }
    Value::from(unquoted(text))
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inside = text
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inside) = inside {
            return inside;
        }
    }
    text
}

struct Import<'a> {
    fields: Map<String, Value>,
    notes: Vec<Note>,
    tools: KnownTools<'a>,
}

impl Import<'_> {
    fn charter(&mut self, stem: &str, body: &str) -> Result<Charter, CharterError> {
        let name = self.name(stem)?;
        let description = self.description()?;
        if body.is_empty() {
            return Err(CharterError::Missing {
                key: "instructions",
            });
        }
        let mut matter = Map::new();
        matter.insert("name".to_owned(), json!(name));
        matter.insert("description".to_owned(), json!(description));
        let mut charter = Charter::parse(&file(&matter, body))?;
        charter.tools = self.granted();
        self.model();
        charter.budget.turns = self.turns();
        charter.delegates = self.delegates(&name);
        self.own(&mut matter, body, &mut charter);
        self.others();
        Ok(charter)
    }

    fn say(&mut self, field: &str, kept: bool, why: impl Into<String>) {
        self.notes.push(note(field, kept, why));
    }

    /// The first of these fields that is there.
    fn field(&self, names: &[&'static str]) -> Option<(&'static str, Value)> {
        names.iter().find_map(|name| {
            let value = self.fields.get(*name).filter(|value| !value.is_null())?;
            Some((*name, value.clone()))
        })
    }

    fn name(&mut self, stem: &str) -> Result<String, CharterError> {
        let written = match self.fields.get("name") {
            Some(Value::String(name)) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => stem.to_owned(),
        };
        let name = as_name(&written);
        check_name(&name).map_err(|why| CharterError::Wrong {
            key: "name".to_owned(),
            why,
        })?;
        if name != written {
            self.say(
                "name",
                true,
                format!("{:?} is no name here; it is called {name}", short(&written)),
            );
        }
        Ok(name)
    }

    fn description(&mut self) -> Result<String, CharterError> {
        let text = match self.fields.get("description") {
            Some(Value::String(text)) => text.trim().to_owned(),
            _ => String::new(),
        };
        if text.is_empty() {
            return Err(CharterError::Missing { key: "description" });
        }
        if text.len() <= DESCRIPTION_BYTES {
            return Ok(text);
        }
        let mut end = DESCRIPTION_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (asked, allowed) = (text.len(), DESCRIPTION_BYTES);
        self.say(
            "description",
            true,
            format!("it has {asked} bytes, a card holds {allowed}; the rest is cut off"),
        );
        Ok(text[..end].trim_end().to_owned())
    }

    /// Tools that are named there, are not denied, and are known here.
    fn granted(&mut self) -> Vec<String> {
        let denied = self.denied();
        let Some((field, value)) = self.field(&["tools", "allowed-tools", "allowedTools"]) else {
            self.say(
                "tools",
                false,
                "none are named, which means all of them there; here it means none: name those that it needs",
            );
            return Vec::new();
        };
        let names = match &value {
            // `read: true, write: false`
            Value::Object(switches) => switches
                .iter()
                .filter(|(_, on)| **on == Value::Bool(true))
                .map(|(name, _)| name.clone())
                .collect(),
            other => listed(other).unwrap_or_default(),
        };
        let (mut granted, mut left, mut needed) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            match self.here(&name) {
                Some(here) if denied.contains(&here) => {}
                Some(here) => {
                    if here.contains("__") && !self.tools.names.contains(&here) {
                        needed.push(here.clone());
                    }
                    if !granted.contains(&here) {
                        granted.push(here);
                    }
                }
                None => left.push(short(&name)),
            }
        }
        granted.truncate(64);
        if !left.is_empty() {
            let kept = !granted.is_empty();
            self.say(
                field,
                kept,
                format!("no tool here does what these do: {}", left.join(", ")),
            );
        }
        if !needed.is_empty() {
            self.say(
                field,
                true,
                format!(
                    "kept, and granted once their server is configured: {}",
                    needed.join(", ")
                ),
            );
        }
        granted
    }

    /// What is denied is not granted. What is denied and unknown cannot be granted anyway.
    fn denied(&self) -> Vec<String> {
        let denied = self.field(&["disallowedTools", "disallowed-tools"]);
        let names = denied
            .and_then(|(_, value)| listed(&value))
            .unwrap_or_default();
        names.iter().filter_map(|name| self.here(name)).collect()
    }

    /// What a tool is called here.
    fn here(&self, there: &str) -> Option<String> {
        // `Bash(git:*)`: a tool, narrowed.
        let bare = there.split('(').next().unwrap_or_default().trim();
        if let Some(served) = bare.strip_prefix("mcp__") {
            let whole = served
                .split_once("__")
                .is_some_and(|(server, tool)| !server.is_empty() && !tool.is_empty());
            return whole.then(|| served.to_owned());
        }
        if let Some(name) = self.tools.names.iter().find(|name| *name == bare) {
            return Some(name.clone());
        }
        let same = |(there, _): &&(&str, &str)| there.eq_ignore_ascii_case(bare);
        let (_, here) = self.tools.elsewhere.iter().find(same)?;
        self.tools.names.iter().find(|name| name == here).cloned()
    }

    fn model(&mut self) {
        if let Some((field, value)) = self.field(&["model"])
            && value != "inherit"
        {
            let asked = shown(&value);
            self.say(field, false, format!("{asked} is a model of another system; it thinks with the node's own unless `model` names one of the node"));
        }
    }

    fn turns(&mut self) -> u32 {
        let usual = CharterBudget::default().turns;
        let Some((field, value)) = self.field(&["maxTurns", "max_turns", "maxSteps"]) else {
            return usual;
        };
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        };
        match number {
            Some(0) | None => {
                self.say(
                    field,
                    false,
                    format!(
                        "{} is no number of turns; {usual} are allowed",
                        shown(&value)
                    ),
                );
                usual
            }
            Some(turns) if turns > CharterBudget::TURNS_MAX.into() => {
                self.say(
                    field,
                    true,
                    format!(
                        "{turns} turns are more than the {} that are allowed",
                        CharterBudget::TURNS_MAX
                    ),
                );
                CharterBudget::TURNS_MAX
            }
            Some(turns) => turns as u32,
        }
    }

    fn delegates(&mut self, name: &str) -> Vec<String> {
        let Some((field, value)) = self.field(&["agents"]) else {
            return Vec::new();
        };
        let mut delegates = Vec::new();
        let mut left = Vec::new();
        for there in listed(&value).unwrap_or_default() {
            let here = as_name(&there);
            if check_name(&here).is_err() || here == name {
                left.push(short(&there));
            } else if !delegates.contains(&here) {
                delegates.push(here);
            }
        }
        delegates.truncate(32);
        if !left.is_empty() {
            self.say(
                field,
                !delegates.is_empty(),
                format!(
                    "no names of agents it could hand work to: {}",
                    left.join(", ")
                ),
            );
        }
        delegates
    }

    /// Fields that a charter has too. One that does not mean the same there does not read here, and is left.
    fn own(&mut self, matter: &mut Map<String, Value>, body: &str, charter: &mut Charter) {
        for key in [
            "role",
            "domains",
            "input",
            "output",
            "budget",
            "restart",
            "durable",
            "delegates",
            "criteria",
            "privacy",
        ] {
            let Some(value) = self
                .fields
                .get(key)
                .filter(|value| !value.is_null())
                .cloned()
            else {
                continue;
            };
            matter.insert(key.to_owned(), value);
            match Charter::parse(&file(matter, body)) {
                Ok(read) => {
                    let (tools, mut delegates) = (
                        std::mem::take(&mut charter.tools),
                        std::mem::take(&mut charter.delegates),
                    );
                    delegates.extend(
                        read.delegates
                            .iter()
                            .filter(|name| !delegates.contains(name))
                            .cloned()
                            .collect::<Vec<_>>(),
                    );
                    let turns = if read.budget.turns == CharterBudget::default().turns {
                        charter.budget.turns
                    } else {
                        read.budget.turns
                    };
                    *charter = Charter {
                        tools,
                        delegates,
                        ..read
                    };
                    charter.budget.turns = turns;
                }
                Err(error) => {
                    matter.remove(key);
                    let what = self.fields.get(key).map_or("nothing", what);
                    self.say(key, false, format!("it is {what} there, and here: {error}"));
                }
            }
        }
    }

    /// Fields that are read by nothing above.
    fn others(&mut self) {
        let others: Vec<String> = self
            .fields
            .keys()
            .filter(|key| !READ.contains(&key.as_str()))
            .cloned()
            .collect();
        for field in others {
            let listed = NOT_HONOURED
                .iter()
                .find(|(fields, _)| fields.contains(&field.as_str()));
            let why = listed.map_or("no such field is known here", |(_, why)| why);
            self.say(&field, false, why);
        }
    }
}

/// A charter's file with these fields.
fn file(matter: &Map<String, Value>, body: &str) -> String {
    let lines: String = matter
        .iter()
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect();
    format!("---\n{lines}---\n\n{body}\n")
}

/// A name as identities have it: lower case, hyphens for what lies between words.
fn as_name(written: &str) -> String {
    let mut name = String::new();
    for c in written.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
        } else if c == '_' && !name.ends_with(['-', '_']) && !name.is_empty() {
            name.push('_');
        } else if !name.is_empty() && !name.ends_with(['-', '_']) {
            name.push('-');
        }
    }
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_'));
    let cut: String = name.chars().take(NAME_BYTES).collect();
    cut.trim_end_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests;
