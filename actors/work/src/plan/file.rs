//! The plan file: what a person or a program writes, and what `aios plan --json` prints.
//!
//! A file says less than a plan: only what is wanted and, of each task, its name, who does it and with what. The rest has defaults, and what
//! a task's arguments refer to it also needs. Nothing is guessed: a key that is not known is refused with the nearest that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Each, Plan, Point, Task};
use crate::reference::{EACH, FROM, Reference, of_element};
use crate::{FactKind, Hole, holes};

/// Most bytes of a plan file. The largest plan that a node takes, with the largest arguments of every task, would not fit; one that a person
/// or a model writes is a hundredth of it.
const BYTES: usize = 256 << 10;
/// What the name of an agent's tool begins with: a task for an agent is carried out by the tool of this name.
const AGENT: &str = "agent__";
/// A task's time where the file says nothing, in milliseconds.
const DEADLINE_MS: u64 = 30_000;

/// Who made a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// A pack's rules.
    Rules,
    /// A model.
    Model,
    /// Whoever wrote the file.
    #[default]
    File,
}

/// A plan as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPlan", into = "RawPlan")]
pub struct PlanFile {
    /// What is wanted, in words.
    pub goal: String,
    /// Who made it.
    pub made_by: MadeBy,
    /// The pack whose rules made it and read its results; none for results that speak for themselves.
    pub domain: Option<String>,
    /// The work.
    pub tasks: Vec<Task>,
    /// What the answer must cover.
    pub points: Vec<Point>,
    /// What was asked for and is not in the plan.
    pub gaps: Vec<String>,
    /// How the pack understands the goal.
    pub meaning: Value,
}

/// Why a text is no plan file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanFileError {
    /// It is too large.
    #[error(
        "the plan file has {asked} bytes, allowed are {allowed}: give large data as files, not in the plan"
    )]
    TooLarge {
        /// Its bytes.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// It is no JSON, or something in it is of another type.
    #[error("the plan file cannot be read: {0}")]
    Unreadable(String),
    /// A key that means nothing.
    #[error("{place} has an unknown key {key:?}, the nearest known is {nearest:?}")]
    UnknownKey {
        /// Where.
        place: String,
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: &'static str,
    },
    /// Nobody or two do a task.
    #[error("task {task:?} must name either a `tool` or an `agent`, and not both")]
    Who {
        /// The task.
        task: String,
    },
    /// An agent's name that is none.
    #[error(
        "task {task:?} is for the agent {agent:?}: a name is 1 to 48 letters, digits, dashes or underscores"
    )]
    Agent {
        /// The task.
        task: String,
        /// The name.
        agent: String,
    },
    /// Arguments that are no object.
    #[error("the arguments of task {task:?} must be an object with a field for each")]
    Arguments {
        /// The task.
        task: String,
    },
    /// Something that looks like a reference and is none.
    #[error(
        "the arguments of task {task:?} hold {found} at {at:?}, which is no reference: write {{\"$from\": \"TASK\", \"at\": \"/json/pointer\"}} or {{\"$each\": \"/json/pointer\"}} with nothing beside"
    )]
    Reference {
        /// The task.
        task: String,
        /// Where in the arguments, as a JSON pointer.
        at: String,
        /// What stands there, cut short.
        found: String,
    },
}

impl PlanFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn read(bytes: &[u8]) -> Result<Self, PlanFileError> {
        if bytes.len() > BYTES {
            return Err(PlanFileError::TooLarge {
                asked: bytes.len(),
                allowed: BYTES,
            });
        }
        let raw: RawPlan = serde_json::from_slice(bytes)
            .map_err(|error| PlanFileError::Unreadable(error.to_string()))?;
        raw.try_into()
    }

    /// A plan as a file, with the goal's words.
    #[must_use]
    pub fn of(plan: &Plan, goal: &str) -> Self {
        let (made_by, domain) = match plan.source.as_str() {
            MadeBy::FILE => (MadeBy::File, None),
            MadeBy::MODEL => (MadeBy::Model, None),
            pack => (MadeBy::Rules, Some(pack.to_owned())),
        };
        Self {
            goal: goal.to_owned(),
            made_by,
            domain,
            tasks: plan.tasks.clone(),
            points: plan.points.clone(),
            gaps: plan.gaps.clone(),
            meaning: plan.meaning.clone(),
        }
    }

    /// The plan for a goal of this id.
    #[must_use]
    pub fn plan(&self, goal_id: &str) -> Plan {
        let generic = match self.made_by {
            MadeBy::Model => MadeBy::MODEL,
            MadeBy::Rules | MadeBy::File => MadeBy::FILE,
        };
        Plan {
            source: self.domain.clone().unwrap_or_else(|| generic.to_owned()),
            points: self.points.clone(),
            gaps: self.gaps.clone(),
            meaning: self.meaning.clone(),
            ..Plan::of(goal_id, "", self.tasks.clone())
        }
    }

    /// The file's text, for people and for [`PlanFile::read`].
    #[must_use]
    pub fn written(&self) -> String {
        // Texts, numbers and lists always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl MadeBy {
    /// What plans from a file are called in [`Plan::source`](Plan).
    pub const FILE: &str = "file";
    /// What plans of a model are called there.
    pub const MODEL: &str = "model";

    /// Whether a plan of this source is one that no pack made.
    #[must_use]
    pub fn is_open(source: &str) -> bool {
        [Self::FILE, Self::MODEL].contains(&source)
    }
}

#[derive(Serialize, Deserialize)]
struct RawPlan {
    goal: String,
    #[serde(default)]
    source: MadeBy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(default)]
    tasks: Vec<RawTask>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    points: Vec<RawPoint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    meaning: Value,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct RawTask {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    args: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    after: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    each: Option<RawEach>,
    #[serde(default = "usual_deadline")]
    deadline_ms: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    tokens: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    point: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    prose: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recheck: Option<Value>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    meaning: Value,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct RawEach {
    #[serde(rename = "$from")]
    from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    at: String,
    most: usize,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct RawPoint {
    id: String,
    asks: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    facts: Vec<FactKind>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    words: Vec<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// Keys that mean nothing, each with what stands under it.
type Unknown = BTreeMap<String, Value>;

fn usual_deadline() -> u64 {
    DEADLINE_MS
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Refuses the first key that is not known.
fn known(
    place: impl FnOnce() -> String,
    unknown: &Unknown,
    names: &[&'static str],
) -> Result<(), PlanFileError> {
    let Some(key) = unknown.keys().next() else {
        return Ok(());
    };
    Err(PlanFileError::UnknownKey {
        place: place(),
        nearest: crate::nearest(key, names.iter().copied()).unwrap_or_default(),
        key: key.chars().take(80).collect(),
    })
}

impl TryFrom<RawPlan> for PlanFile {
    type Error = PlanFileError;

    fn try_from(raw: RawPlan) -> Result<Self, PlanFileError> {
        let names = [
            "goal", "source", "domain", "tasks", "points", "gaps", "meaning",
        ];
        known(|| "the plan file".to_owned(), &raw.unknown, &names)?;
        let tasks = raw.tasks.into_iter().map(task);
        let points = raw.points.into_iter().map(point);
        Ok(Self {
            goal: raw.goal,
            made_by: raw.source,
            domain: raw.domain,
            tasks: tasks.collect::<Result<_, _>>()?,
            points: points.collect::<Result<_, _>>()?,
            gaps: raw.gaps,
            meaning: raw.meaning,
        })
    }
}

fn point(raw: RawPoint) -> Result<Point, PlanFileError> {
    let place = || format!("point {:?}", short(&raw.id));
    known(place, &raw.unknown, &["id", "asks", "facts", "words"])?;
    Ok(Point {
        id: raw.id,
        asks: raw.asks,
        facts: raw.facts,
        words: raw.words,
    })
}

fn task(raw: RawTask) -> Result<Task, PlanFileError> {
    let name = short(&raw.id);
    let names = [
        "id",
        "tool",
        "agent",
        "args",
        "needs",
        "after",
        "each",
        "deadline_ms",
        "tokens",
        "point",
        "title",
        "prose",
        "recheck",
        "meaning",
    ];
    known(|| format!("task {name:?}"), &raw.unknown, &names)?;
    let tool = match (raw.tool, raw.agent) {
        (Some(tool), None) => tool,
        (None, Some(agent)) => agents_tool(&name, &agent)?,
        _ => return Err(PlanFileError::Who { task: name }),
    };
    if !raw.args.is_object() {
        return Err(PlanFileError::Arguments { task: name });
    }
    no_broken_references(&name, &raw.args)?;
    let each = match raw.each {
        None => None,
        Some(raw) => {
            let place = || format!("`each` of task {name:?}");
            known(place, &raw.unknown, &["$from", "at", "most"])?;
            Some(Each {
                from: raw.from,
                at: raw.at,
                most: raw.most,
            })
        }
    };
    let mut needs = raw.needs;
    let refers = holes(&raw.args)
        .into_iter()
        .filter_map(|(_, hole)| match hole {
            Hole::Task(reference) => Some(reference.task.to_owned()),
            Hole::Element(_) => None,
        });
    // Whoever takes something from a task waits for it.
    let listed = each.iter().map(|each| each.from.clone());
    for need in listed.chain(refers) {
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    Ok(Task {
        id: raw.id,
        tool,
        args: raw.args,
        needs,
        after: raw.after,
        each,
        deadline_ms: raw.deadline_ms,
        tokens: raw.tokens,
        point: raw.point,
        title: raw.title,
        prose: raw.prose,
        recheck: raw.recheck,
        meaning: raw.meaning,
    })
}

/// The tool by which an agent is asked.
fn agents_tool(task: &str, agent: &str) -> Result<String, PlanFileError> {
    let is_name = (1..=48).contains(&agent.len())
        && agent
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        return Err(PlanFileError::Agent {
            task: task.to_owned(),
            agent: short(agent),
        });
    }
    Ok(format!("{AGENT}{agent}"))
}

/// In a plan an object that only resembles a reference is itself; in a file it is a slip of the pen.
fn no_broken_references(task: &str, args: &Value) -> Result<(), PlanFileError> {
    let mut left = vec![(String::new(), args)];
    while let Some((at, value)) = left.pop() {
        match value {
            Value::Object(fields) => {
                let is_hole = Reference::read(value).is_some() || of_element(value).is_some();
                if !is_hole && [FROM, EACH].iter().any(|key| fields.contains_key(*key)) {
                    return Err(PlanFileError::Reference {
                        task: task.to_owned(),
                        at,
                        found: short(&value.to_string()),
                    });
                }
                let below = fields.iter();
                left.extend(
                    below.map(|(name, value)| {
                        (format!("{at}/{}", crate::schema::step(name)), value)
                    }),
                );
            }
            Value::Array(items) => {
                let below = items.iter().enumerate();
                left.extend(below.map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The beginning of a text that may have any length.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

impl From<PlanFile> for RawPlan {
    fn from(file: PlanFile) -> Self {
        let point = |point: Point| RawPoint {
            id: point.id,
            asks: point.asks,
            facts: point.facts,
            words: point.words,
            unknown: Unknown::new(),
        };
        Self {
            goal: file.goal,
            source: file.made_by,
            domain: file.domain,
            tasks: file.tasks.into_iter().map(RawTask::from).collect(),
            points: file.points.into_iter().map(point).collect(),
            gaps: file.gaps,
            meaning: file.meaning,
            unknown: Unknown::new(),
        }
    }
}

impl From<Task> for RawTask {
    fn from(task: Task) -> Self {
        let agent = task.tool.strip_prefix(AGENT).map(str::to_owned);
        Self {
            id: task.id,
            tool: agent.is_none().then_some(task.tool),
            agent,
            args: match task.args {
                // What is called without arguments is called with none.
                Value::Null => Value::Object(serde_json::Map::new()),
                args => args,
            },
            needs: task.needs,
            after: task.after,
            each: task.each.map(|each| RawEach {
                from: each.from,
                at: each.at,
                most: each.most,
                unknown: Unknown::new(),
            }),
            deadline_ms: task.deadline_ms,
            tokens: task.tokens,
            point: task.point,
            title: task.title,
            prose: task.prose,
            recheck: task.recheck,
            meaning: task.meaning,
            unknown: Unknown::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<PlanFile, PlanFileError> {
        PlanFile::read(value.to_string().as_bytes())
    }

    #[test]
    fn a_file_says_what_is_wanted_who_does_it_and_with_what_and_the_rest_is_usual() {
        let file = read(&json!({
            "goal": "What time is it?",
            "tasks": [
                {"id": "now", "tool": "time__now", "args": {"zone": "UTC"}},
                {"id": "say", "agent": "speaker", "args": {"task": {"$from": "now", "at": "/time"}}},
                {"id": "all", "tool": "t", "args": {"a": {"$each": "/x"}},
                 "each": {"$from": "now", "at": "/list", "most": 5}}
            ]
        }))
        .unwrap();
        assert_eq!(file.made_by, MadeBy::File);
        let plan = file.plan("g-1");
        assert_eq!((plan.goal.as_str(), plan.source.as_str()), ("g-1", "file"));
        assert_eq!(
            plan.tasks[0],
            Task::new("now", "time__now", json!({"zone": "UTC"}))
        );
        assert_eq!(plan.tasks[1].tool, "agent__speaker");
        assert_eq!(plan.tasks[1].needs, ["now"], "what it refers to it needs");
        assert_eq!(plan.tasks[2].needs, ["now"], "and so does the list");
        assert_eq!(plan.tasks[2].each.as_ref().map(|each| each.most), Some(5));
        // What is written reads as it was, with who made it.
        assert_eq!(PlanFile::read(file.written().as_bytes()), Ok(file.clone()));
        let again = PlanFile::of(&plan, "What time is it?");
        assert_eq!(again, file);
        let ruled = PlanFile::of(
            &Plan {
                source: "pack".into(),
                meaning: json!({"x": 1}),
                ..plan
            },
            "y",
        );
        assert_eq!(
            (ruled.made_by, ruled.domain.as_deref()),
            (MadeBy::Rules, Some("pack"))
        );
        assert_eq!(
            PlanFile::read(ruled.written().as_bytes())
                .unwrap()
                .plan("g")
                .source,
            "pack"
        );
    }

    #[test]
    fn what_is_no_plan_file_is_refused_in_a_sentence() {
        let with = |task: Value| json!({"goal": "x", "tasks": [task]});
        let cases = [
            (json!([]), "cannot be read"),
            (json!({}), "missing field `goal`"),
            (json!({"goal": 7}), "invalid type"),
            (
                json!({"goal": "x", "task": []}),
                "the plan file has an unknown key \"task\", the nearest known is \"tasks\"",
            ),
            (
                json!({"goal": "x", "source": "magic"}),
                "unknown variant `magic`",
            ),
            (
                with(json!({"id": "a", "tool": "t"})),
                "missing field `args`",
            ),
            (
                with(json!({"id": "a", "tool": "t", "arguments": {}, "args": {}})),
                "task \"a\" has an unknown key \"arguments\", the nearest known is \"args\"",
            ),
            (
                with(json!({"id": "a", "tool": "t", "args": {}, "need": []})),
                "the nearest known is \"needs\"",
            ),
            (
                with(json!({"id": "a", "args": {}})),
                "either a `tool` or an `agent`",
            ),
            (
                with(json!({"id": "a", "tool": "t", "agent": "b", "args": {}})),
                "and not both",
            ),
            (
                with(json!({"id": "a", "agent": "../b", "args": {}})),
                "a name is 1 to 48",
            ),
            (
                with(json!({"id": "a", "tool": "t", "args": []})),
                "must be an object",
            ),
            (
                with(json!({"id": "a", "tool": "t", "args": {"x": [{"$from": "b", "att": "/y"}]}})),
                "at \"/x/0\", which is no reference",
            ),
            (
                with(json!({"id": "a", "tool": "t", "args": {"x": {"$each": 3}}})),
                "at \"/x\", which is no reference",
            ),
            (
                with(json!({"id": "a", "tool": "t", "args": {}, "each": {"$from": "b"}})),
                "missing field `most`",
            ),
            (
                with(
                    json!({"id": "a", "tool": "t", "args": {}, "each": {"$from": "b", "most": 3, "max": 4}}),
                ),
                "unknown key \"max\"",
            ),
            (
                with(
                    json!({"id": "a", "tool": "t", "args": {}, "each": {"$from": "b", "most": -3}}),
                ),
                "cannot be read",
            ),
            (
                json!({"goal": "x", "points": [{"id": "p", "asks": "y", "word": []}]}),
                "point \"p\" has an unknown key \"word\", the nearest known is \"words\"",
            ),
        ];
        for (value, expected) in cases {
            let refused = read(&value).unwrap_err().to_string();
            assert!(refused.contains(expected), "{value}: {refused}");
            assert!(
                !refused.contains('\n') && !refused.ends_with('.'),
                "{refused}"
            );
        }
        for text in [
            "",
            "{",
            "\u{feff}{}",
            r#"{"goal":"x","goal":"y"}"#,
            r#"{"goal":"x","tasks":[{"id":"a","id":"b","tool":"t","args":{}}]}"#,
            &"[".repeat(10_000),
            &format!("{{\"goal\":\"x\",\"meaning\":{}", "[".repeat(100_000)),
        ] {
            let refused = PlanFile::read(text.as_bytes()).unwrap_err().to_string();
            assert!(
                refused.starts_with("the plan file cannot be read"),
                "{refused}"
            );
        }
        let large = format!("{{\"goal\":\"{}\"}}", "x".repeat(BYTES));
        let refused = PlanFile::read(large.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("allowed are 262144"), "{refused}");
        let key = "k".repeat(1_000);
        let refused = read(&json!({"goal": "x", key.as_str(): 1})).unwrap_err();
        assert!(refused.to_string().len() < 300, "{refused}");
    }
}
