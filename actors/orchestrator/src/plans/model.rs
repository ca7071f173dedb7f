//! Has a model make a plan for a goal that no rules claim.
//!
//! The model writes one JSON document under a schema made from the granted tools, never a call: it proposes, and the plan's own rules
//! decide. What they refuse the model may mend twice, with the exact error before it. A small model does not hold a whole plan in its head,
//! so it is led by the hand: the tools are ranked by meaning, it picks one of the nearest, which must be the nearest, fills in that tool's form,
//! and whatever it writes there must stand in the goal, and not in another field's place.

use aios_work::{
    Bench, Claim, Goal, MadeBy, Plan, PlanFile, PlanSource, Question, Task, Thinks, ToolSpec,
    quoted,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::schema;
use crate::excerpt::start;

/// How often a model may mend a plan that was refused.
const REPAIRS: usize = 2;
/// Tools that a large model is told of. With their schemas they are a few thousand tokens.
const TOLD: usize = 24;
/// Bytes of one tool as it is told, its schema included.
const TOOL_BYTES: usize = 2_400;
/// Bytes of all tools together.
const TOOLS_BYTES: usize = 24 << 10;
/// Tools that a small model picks from.
const PICKED_FROM: usize = 8;
/// Most tokens of a whole plan, of a pick, of a form.
const PLAN_TOKENS: u32 = 900;
const PICK_TOKENS: u32 = 24;
const FORM_TOKENS: u32 = 200;
/// The word by which a small model says that no tool fits.
const NONE: &str = "none";

const ROLE: &str = "You plan work. You answer with one JSON document and nothing else.";

/// Plans of the node's model.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelPlans;

#[async_trait]
impl PlanSource for ModelPlans {
    fn name(&self) -> &str {
        MadeBy::MODEL
    }

    /// Whatever no rules claim: it stands last.
    fn claims(&self, _: &Goal) -> Claim {
        Claim::Can
    }

    async fn plan(&self, goal: &Goal, bench: &dyn Bench) -> Result<Plan, String> {
        let tools = bench.specs();
        match bench.thinks() {
            _ if tools.is_empty() => Err(no_plan(&tools, "there is no tool to plan with")),
            Thinks::Nothing => Err(no_plan(
                &tools,
                "and no model is configured that could make one",
            )),
            Thinks::InSteps => in_steps(goal, bench, &tools).await,
            Thinks::WholePlans => whole(goal, bench, &tools).await,
        }
    }
}

/// What there would have to be for a plan.
fn no_plan(tools: &[ToolSpec], why: &str) -> String {
    let named: Vec<&str> = tools
        .iter()
        .map(|tool| tool.name.as_str())
        .take(TOLD)
        .collect();
    let more = if tools.len() > named.len() {
        ", ..."
    } else {
        ""
    };
    let known = match named.as_slice() {
        [] => "tools: none".to_owned(),
        named => format!("tools: {}{more}", named.join(", ")),
    };
    format!(
        "no plan: no pack here has rules for this goal, {why}. What would do: a plan file (`aios run --plan plan.json`; {known}), a pack that knows such goals, or a language model ([model] engine, or [engines])"
    )
}

fn refused(why: &str) -> String {
    format!(
        "the model's plan was refused: {why}. What would do: a plan file (`aios run --plan plan.json`), or a larger model"
    )
}

/// A whole plan at once.
async fn whole(goal: &Goal, bench: &dyn Bench, tools: &[ToolSpec]) -> Result<Plan, String> {
    let tools = told(&nearest(goal, bench, tools, TOLD).await);
    let schema = schema::of_plan(&tools, bench.limits().each);
    let mut prompt = instruction(goal, &tools);
    for repair in 0..=REPAIRS {
        let question = Question {
            role: ROLE.to_owned(),
            prompt: prompt.clone(),
            schema: schema.clone(),
            max_tokens: PLAN_TOKENS,
        };
        let written = thought(bench, &question).await?;
        let why = match read(goal, &written).and_then(|plan| {
            bench.check(&plan)?;
            Ok(plan)
        }) {
            Ok(plan) => return Ok(plan),
            Err(why) => why,
        };
        if repair == REPAIRS {
            return Err(refused(&why));
        }
        prompt = format!(
            "{}\n\nYou wrote:\n{}\n\nIt was refused: {why}\nWrite the whole plan again, mended.",
            instruction(goal, &tools),
            quoted(&written, 4_000)
        );
    }
    Err(refused("it was not mended"))
}

async fn thought(bench: &dyn Bench, question: &Question) -> Result<String, String> {
    match bench.think(question).await {
        None => Err("no plan: the goal cannot pay for the model's thinking; raise goal.tokens, or give a plan file with --plan".to_owned()),
        Some(text) if text.trim().is_empty() => Err(no_plan(&bench.specs(), "and the model did not answer")),
        Some(text) => Ok(text),
    }
}

/// A plan as a model writes it: a plan file without the goal.
fn read(goal: &Goal, written: &str) -> Result<Plan, String> {
    let start = written.find('{').unwrap_or(0);
    let mut document: Value = serde_json::Deserializer::from_str(&written[start..])
        .into_iter()
        .next()
        .unwrap_or(Ok(Value::Null))
        .map_err(|error| format!("it is no JSON: {error}"))?;
    let Some(fields) = document.as_object_mut() else {
        return Err("it is no JSON object".to_owned());
    };
    let cannot = fields.remove("cannot");
    let no_tasks = fields
        .get("tasks")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty);
    if no_tasks && let Some(why) = cannot.as_ref().and_then(Value::as_str) {
        return Err(format!(
            "the model says that it cannot be done: {}",
            quoted(why, 200)
        ));
    }
    fields.insert("goal".to_owned(), goal.text().into());
    let file =
        PlanFile::read(document.to_string().as_bytes()).map_err(|error| error.to_string())?;
    // Who it is by and how a pack reads it is not for the model to say.
    let file = PlanFile {
        made_by: MadeBy::Model,
        domain: None,
        meaning: Value::Null,
        gaps: Vec::new(),
        tasks: file.tasks.into_iter().map(plain).collect(),
        ..file
    };
    Ok(file.plan(goal.id()))
}

/// A task with what a model may say of it.
fn plain(task: Task) -> Task {
    Task {
        needs: task.needs,
        after: task.after,
        each: task.each,
        point: task.point,
        title: task.title,
        ..Task::new(task.id, task.tool, task.args)
    }
}

fn instruction(goal: &Goal, tools: &[ToolSpec]) -> String {
    let mut lines = vec![
        format!("Plan how to reach this goal with the tools below: {}", quoted(goal.text(), 2_000)),
        files(goal),
        "Each task calls one tool with all arguments it needs. An argument that another task gives is written {\"$from\": \"TASK\", \"at\": \"/json/pointer\"}, where the pointer leads into that tool's output. A task done once for each element of a list has \"each\": {\"$from\": \"TASK\", \"at\": \"/pointer/to/list\", \"most\": N}, and {\"$each\": \"/pointer\"} in its arguments stands for that place of the element.".to_owned(),
        "Use no more tasks than needed. State in \"points\" what the answer must say, and in a task's \"point\" which of them it answers. If the tools cannot do it, write no tasks and say why in \"cannot\".".to_owned(),
        "Tools:".to_owned(),
    ];
    lines.retain(|line| !line.is_empty());
    lines.extend(tools.iter().map(line));
    lines.join("\n")
}

fn files(goal: &Goal) -> String {
    let names: Vec<String> = goal.data().iter().map(|path| name(path)).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!("Files of the goal: {}", names.join(", ")),
    }
}

fn name(path: &str) -> String {
    quoted(path.rsplit('/').next().unwrap_or(path), 200)
}

/// A tool as a model is told of it.
fn line(tool: &ToolSpec) -> String {
    let said = quoted(&tool.description, 400);
    let (input, output) = (tool.input.to_string(), tool.output.to_string());
    let (input, output) = (
        start(&input, TOOL_BYTES / 2),
        start(&output, TOOL_BYTES / 2),
    );
    format!("- {}: {said} input {input} output {output}", tool.name)
}

/// The first tools that fit into a prompt together.
fn told(tools: &[ToolSpec]) -> Vec<ToolSpec> {
    let mut left = TOOLS_BYTES;
    let fits = |tool: &&ToolSpec| {
        let bytes = line(tool).len();
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    tools.iter().take_while(fits).cloned().collect()
}

/// The tools nearest in meaning, nearest first; in their order where there are no more than fit, or nobody can tell.
async fn nearest(goal: &Goal, bench: &dyn Bench, tools: &[ToolSpec], most: usize) -> Vec<ToolSpec> {
    if tools.len() <= most && told(tools).len() == tools.len() {
        return tools.to_vec();
    }
    match ranked(goal, bench, tools).await {
        Some(ranked) => ranked.into_iter().take(most).collect(),
        None => tools.iter().take(most).cloned().collect(),
    }
}

/// The tools in the order of their meaning, nearest first; none where nobody can tell.
async fn ranked(goal: &Goal, bench: &dyn Bench, tools: &[ToolSpec]) -> Option<Vec<ToolSpec>> {
    let said = |tool: &ToolSpec| {
        format!(
            "{}: {}",
            tool.name.replace("__", " ").replace('_', " "),
            tool.description
        )
    };
    let said: Vec<String> = tools.iter().map(said).collect();
    let order = bench.rank(goal.text(), &said).await?;
    let known = order.into_iter().filter_map(|at| tools.get(at).cloned());
    Some(known.collect())
}

#[derive(Deserialize)]
struct Picked {
    tool: String,
}

/// One tool and its form: what a small model can be led through.
async fn in_steps(goal: &Goal, bench: &dyn Bench, tools: &[ToolSpec]) -> Result<Plan, String> {
    let Some(mut near) = ranked(goal, bench, tools).await else {
        return Err(refused(
            "what a small model picks is held against what is nearest in meaning, and there is no embedder to tell (`aios model pull` brings one)",
        ));
    };
    near.truncate(PICKED_FROM);
    let names: Vec<&str> = near
        .iter()
        .map(|tool| tool.name.as_str())
        .chain([NONE])
        .collect();
    let listed = near
        .iter()
        .map(|tool| format!("{}: {}", tool.name, quoted(&tool.description, 160)));
    let listed: Vec<String> = listed.chain([format!("{NONE}: no tool fits")]).collect();
    let asked = quoted(goal.text(), 600);
    let question = Question {
        role: "You choose the tool that does what is asked.".to_owned(),
        prompt: format!(
            "{}\n\nAsked: {asked}\nWhich tool does it?",
            listed.join("\n")
        ),
        schema: json!({"type": "object", "properties": {"tool": {"enum": names}}, "required": ["tool"], "additionalProperties": false}),
        max_tokens: PICK_TOKENS,
    };
    let written = thought(bench, &question).await?;
    let picked: Picked =
        serde_json::from_str(written.trim()).map_err(|_| refused("it names no tool"))?;
    let Some(tool) = near.iter().find(|tool| tool.name == picked.tool) else {
        return Err(refused("the model finds no tool that fits"));
    };
    // Two that choose in different ways and agree are seldom both wrong; a small model by itself often is.
    if let Some(nearest) = near.first().filter(|nearest| nearest.name != tool.name) {
        return Err(refused(&format!(
            "the model picks {}, and {} is nearer in meaning to what is asked",
            tool.name, nearest.name
        )));
    }
    let question = Question {
        role: format!(
            "You fill in the form of {}: {}",
            tool.name,
            quoted(&tool.description, 300)
        ),
        prompt: [
            files(goal),
            format!("Asked: {asked}\nFill in the form with words of what is asked."),
        ]
        .join("\n"),
        schema: schema::of_args(tool),
        max_tokens: FORM_TOKENS,
    };
    let mut prompt = question.prompt.clone();
    for repair in 0..=REPAIRS {
        let written = thought(
            bench,
            &Question {
                prompt: prompt.clone(),
                ..question.clone()
            },
        )
        .await?;
        let why = match filled(goal, bench, tool, &written) {
            Ok(plan) => return Ok(plan),
            Err(why) => why,
        };
        if repair == REPAIRS {
            return Err(refused(&why));
        }
        prompt = format!("{}\nNot {}: {why}", question.prompt, quoted(&written, 300));
    }
    Err(refused("it was not mended"))
}

/// The plan that a filled-in form makes, if every word of it was asked for.
fn filled(goal: &Goal, bench: &dyn Bench, tool: &ToolSpec, written: &str) -> Result<Plan, String> {
    let args: Value =
        serde_json::from_str(written.trim()).map_err(|error| format!("it is no JSON: {error}"))?;
    if let Some(word) = made_up(goal, &tool.input, &args) {
        return Err(format!("{} does not stand in the goal", quoted(&word, 80)));
    }
    if let Some((field, word)) = mixed_up(goal, &args) {
        return Err(format!(
            "the goal says \"{field} {}\", which is written elsewhere",
            quoted(&word, 80)
        ));
    }
    let plan = Plan::of(
        goal.id(),
        MadeBy::MODEL,
        vec![Task::new("task", &tool.name, args)],
    );
    bench.check(&plan)?;
    Ok(plan)
}

/// The first text or number of some arguments that neither stands in the goal nor is one of a few that the tool names. A small model writes
/// such as if it had been asked for it.
fn made_up(goal: &Goal, schema: &Value, args: &Value) -> Option<String> {
    let mut asked = folded(goal.text());
    for path in goal.data() {
        asked.push(' ');
        asked.push_str(&folded(&name(path)));
    }
    let named = named(schema);
    let mut left = vec![args];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            Value::Null | Value::Bool(_) => {}
            value => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let said = folded(&text);
                let is_named = named.contains(&value);
                let whole = format!(" {asked} ").contains(&format!(" {said} "));
                if !(whole || is_named) || said.is_empty() {
                    return Some(text);
                }
            }
        }
    }
    None
}

/// A field and what stands right behind its name in the goal, where that was written into another field: `from Rome`, and Rome is `to`.
fn mixed_up(goal: &Goal, args: &Value) -> Option<(String, String)> {
    let asked = format!(" {} ", folded(goal.text()));
    let said = |value: &Value| match value {
        Value::String(text) => Some(folded(text)),
        Value::Number(number) => Some(folded(&number.to_string())),
        _ => None,
    };
    let fields: Vec<(String, String)> = (args.as_object()?.iter())
        .filter_map(|(name, value)| Some((folded(name), said(value)?)))
        .collect();
    let stands = |name: &str, word: &str| asked.contains(&format!(" {name} {word} "));
    let mixed = |(name, value): &(String, String)| {
        let mut others = fields.iter().map(|(_, other)| other);
        let other = others.find(|other| *other != value && stands(name, other))?;
        (!stands(name, value)).then(|| (name.clone(), other.clone()))
    };
    fields.iter().find_map(mixed)
}

/// The values that a schema names itself: choices, constants, what is usual.
fn named(schema: &Value) -> Vec<&Value> {
    let (mut found, mut left) = (Vec::new(), vec![schema]);
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                for (word, value) in fields {
                    match (word.as_str(), value) {
                        ("enum", Value::Array(choices)) => found.extend(choices),
                        ("const" | "default", value) => found.push(value),
                        (_, value) => left.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Words alone, in small letters, with one blank between.
fn folded(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use aios_work::GoalLimits;

    use super::*;

    #[test]
    fn what_stands_behind_a_fields_name_in_the_goal_is_that_fields() {
        let rows = [
            (
                "How far is it from Paris to Lyon?",
                json!({"from": "Paris", "to": "Lyon"}),
                None,
            ),
            (
                "How far is it from Paris to Lyon?",
                json!({"from": "Lyon", "to": "Paris"}),
                Some("from paris"),
            ),
            (
                "How far is it from Paris to Lyon?",
                json!({"from": "Paris", "to": "Paris"}),
                None,
            ),
            (
                "Convert 250 USD to EUR",
                json!({"amount": 250, "from": "EUR", "to": "USD"}),
                Some("to eur"),
            ),
            (
                "Convert 250 USD to EUR",
                json!({"amount": 250, "from": "USD", "to": "EUR"}),
                None,
            ),
            (
                "What is 7 in the limit 12?",
                json!({"limit": 7, "of": 12}),
                Some("limit 12"),
            ),
            ("Say it", json!({}), None),
            ("Say it", json!("it"), None),
        ];
        for (words, args, expected) in rows {
            let goal = Goal::new("g", "t", words, vec![], &GoalLimits::default()).unwrap();
            let found = mixed_up(&goal, &args).map(|(field, word)| format!("{field} {word}"));
            assert_eq!(found.as_deref(), expected, "{words}: {args}");
        }
    }
}
