//! What a small model can plan: twenty goals, each for one tool of twelve, ten that none of them can do, and what the node's own model makes of
//! them.
//!
//! ```text
//! aios model pull
//! cargo run --release -p aios-runtime --features burn --example small_plans
//! ```
//!
//! Prints a line for each goal (the tool that was picked and the arguments that were written, or why the plan was refused) and the sums.

use std::sync::Arc;

use aios_inference::models::Cache;
use aios_runtime::config::{Device, ModelPlans};
use aios_runtime::{Config, Goal, Node, engines};
use aios_work::{Capabilities, Effect, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use serde_json::{Value, json};

/// A tool that is never called: this is about plans.
struct Offered(ToolSpec);

#[async_trait]
impl Tool for Offered {
    fn spec(&self) -> ToolSpec {
        self.0.clone()
    }

    async fn call(&self, _: ToolCall) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::default())
    }
}

/// Name, what it does, and its fields, all of which are texts but those that begin with `#`.
const TOOLS: [(&str, &str, &[&str]); 12] = [
    (
        "time__now",
        "Says what time it is now in a city or time zone.",
        &["place"],
    ),
    (
        "time__convert",
        "Converts a time of day from one time zone to another.",
        &["time", "from", "to"],
    ),
    (
        "weather__forecast",
        "Says what the weather will be in a city.",
        &["city"],
    ),
    ("files__list", "Lists the files in a folder.", &["folder"]),
    (
        "files__search",
        "Finds files whose text contains a word.",
        &["word"],
    ),
    (
        "git__log",
        "Shows the last commits of a repository.",
        &["repository"],
    ),
    (
        "mail__send",
        "Sends an e-mail to somebody.",
        &["to", "text"],
    ),
    (
        "calendar__add",
        "Enters an appointment into the calendar on a day.",
        &["title", "day"],
    ),
    (
        "money__convert",
        "Converts an amount of money from one currency to another.",
        &["#amount", "from", "to"],
    ),
    (
        "translate__text",
        "Translates a text into another language.",
        &["text", "language"],
    ),
    (
        "map__distance",
        "Says how far it is from one place to another.",
        &["from", "to"],
    ),
    (
        "music__play",
        "Plays a song or a piece of music.",
        &["title"],
    ),
];

/// What is asked, the tool that does it, and what it must be given.
const GOALS: [(&str, &str, &[&str]); 20] = [
    ("What time is it in Tokyo?", "time__now", &["Tokyo"]),
    (
        "Tell me the current time in Berlin",
        "time__now",
        &["Berlin"],
    ),
    (
        "Convert 14:30 from UTC to EST",
        "time__convert",
        &["14:30", "UTC", "EST"],
    ),
    (
        "What will the weather be in Lisbon?",
        "weather__forecast",
        &["Lisbon"],
    ),
    (
        "Will it rain in Oslo tomorrow?",
        "weather__forecast",
        &["Oslo"],
    ),
    (
        "Show me the files in the folder reports",
        "files__list",
        &["reports"],
    ),
    (
        "What is in the folder invoices?",
        "files__list",
        &["invoices"],
    ),
    (
        "Find files that mention budget",
        "files__search",
        &["budget"],
    ),
    (
        "Which documents contain the word contract?",
        "files__search",
        &["contract"],
    ),
    ("Show the last commits of aios", "git__log", &["aios"]),
    (
        "Send an e-mail to Anna that the meeting is moved",
        "mail__send",
        &["Anna", "the meeting is moved"],
    ),
    (
        "Put dentist into my calendar on Friday",
        "calendar__add",
        &["dentist", "Friday"],
    ),
    (
        "Convert 250 USD to EUR",
        "money__convert",
        &["250", "USD", "EUR"],
    ),
    (
        "How much is 80 GBP in JPY?",
        "money__convert",
        &["80", "GBP", "JPY"],
    ),
    (
        "Translate good morning into French",
        "translate__text",
        &["good morning", "French"],
    ),
    (
        "How do you say thank you in Spanish?",
        "translate__text",
        &["thank you", "Spanish"],
    ),
    (
        "How far is it from Paris to Lyon?",
        "map__distance",
        &["Paris", "Lyon"],
    ),
    (
        "What is the distance between Rome and Milan?",
        "map__distance",
        &["Rome", "Milan"],
    ),
    ("Play Clair de Lune", "music__play", &["Clair de Lune"]),
    ("Put on some Bach", "music__play", &["Bach"]),
];

/// What none of the tools can do.
const BEYOND: [&str; 10] = [
    "Who wrote Faust?",
    "Plan the release of version 2",
    "Book a table for two at an Italian restaurant",
    "What is the capital of Mongolia?",
    "Delete the folder invoices",
    "Write a poem about autumn",
    "How tall is the Eiffel Tower?",
    "Order new printer paper",
    "Call Anna on the phone",
    "Who won the match yesterday?",
];

fn tool(name: &str, description: &str, fields: &[&str]) -> Arc<dyn Tool> {
    let names: Vec<&str> = fields
        .iter()
        .map(|field| field.trim_start_matches('#'))
        .collect();
    let kind = |field: &&str| match field.starts_with('#') {
        true => "number",
        false => "string",
    };
    let properties: serde_json::Map<String, Value> = names
        .iter()
        .zip(fields.iter().map(kind))
        .map(|(name, kind)| ((*name).to_owned(), json!({ "type": kind })))
        .collect();
    Arc::new(Offered(ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        input: json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false}),
        output: json!({"type": "object"}),
        needs: Capabilities::none(),
        effect: Effect::Pure,
    }))
}

/// Whether these are the values that must be given, in their order.
fn right(args: &Value, wanted: &[&str]) -> bool {
    let said = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let given: Vec<String> = args
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, value)| said(value))
        .collect();
    let same = |(given, wanted): (&String, &&str)| {
        let number = given.parse::<f64>().ok().zip(wanted.parse::<f64>().ok());
        given.eq_ignore_ascii_case(wanted) || number.is_some_and(|(one, other)| one == other)
    };
    given.len() == wanted.len() && given.iter().zip(wanted).all(same)
}

#[allow(clippy::print_stdout)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.goal.plans = ModelPlans::InSteps;
    config.goal.tokens = 100_000;
    let cache = Cache::of_user()?;
    let mut builder = Node::builder()
        .config(config)
        .engine(engines::burn(Device::Cpu, &cache))
        .without_packs();
    for (name, description, fields) in TOOLS {
        builder = builder.tool(tool(name, description, fields));
    }
    let node = builder.start().await?;
    let (mut picked, mut filled, mut refused, mut wrong) = (0, 0, 0, 0);
    for (words, wanted, values) in GOALS {
        match node.plan(Goal::new(words)).await {
            Ok(plan) => {
                let task = &plan.tasks[0];
                let (tool, args) = (task.tool == wanted, right(&task.args, values));
                picked += usize::from(tool);
                filled += usize::from(tool && args);
                wrong += usize::from(!(tool && args));
                let mark = if tool && args {
                    "right"
                } else if tool {
                    "tool "
                } else {
                    "wrong"
                };
                println!("{mark}    {words:<52} {} {}", task.tool, task.args);
            }
            Err(why) => {
                refused += 1;
                println!("refused  {words:<52} {why}");
            }
        }
    }
    let mut faked = 0;
    for words in BEYOND {
        match node.plan(Goal::new(words)).await {
            Ok(plan) => {
                faked += 1;
                let task = &plan.tasks[0];
                println!("faked    {words:<52} {} {}", task.tool, task.args);
            }
            Err(why) => println!("refused  {words:<52} {why}"),
        }
    }
    println!(
        "{} goals: {filled} right, {} with the right tool, {wrong} wrong and not noticed, {refused} refused; of {} that no tool can do {faked} planned all the same",
        GOALS.len(),
        picked,
        BEYOND.len()
    );
    node.stop().await;
    Ok(())
}
