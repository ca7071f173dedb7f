//! `aios agent show`: one agent of a running node, or a charter's file as it will be followed.

use std::process::ExitCode;

use aios_control::{AgentShown, Question, Request};
use aios_work::{Charter, CharterBudget, shown};
use serde_json::Value;

use super::read;
use crate::arguments::AgentShow;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(arguments: &AgentShow) -> Result<ExitCode, Failure> {
    let path = std::path::Path::new(&arguments.agent);
    if path.is_file() {
        let charter = read(path)?.charter;
        return match arguments.asked.json {
            true => Ok(console::json(&charter).map(|()| ExitCode::SUCCESS)?),
            false => told(charter_lines(&charter)),
        };
    }
    let agent = arguments.agent.clone();
    let agent: AgentShown = client::once(&arguments.asked.which, &Request::Agent { agent })?;
    if arguments.asked.json {
        console::json(&agent)?;
        return Ok(ExitCode::SUCCESS);
    }
    let line = &agent.line;
    let mut lines = vec![
        format!(
            "{}  {}, {} waiting, {} at work",
            line.agent, line.state, line.waiting, line.at_work
        ),
        format!("  skills   {}", listed(&line.skills)),
        format!("  open to  {}", listed(&agent.open_to)),
    ];
    if let Some(charter) = &agent.follows {
        lines.extend(charter_lines(charter));
        if agent.tools != charter.tools {
            lines.push(format!("  has now  {}", listed(&agent.tools)));
        }
    }
    lines.extend(agent.questions.iter().map(question));
    told(lines)
}

fn told(lines: Vec<String>) -> Result<ExitCode, Failure> {
    let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
    console::result(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// What a charter says, but for its instructions, of which the length is told.
pub(crate) fn charter_lines(charter: &Charter) -> Vec<String> {
    let CharterBudget {
        tokens,
        money_micros,
        time_ms,
        turns,
    } = charter.budget;
    let money = money_micros
        .map(|micros| format!(", money {}", micros as f64 / 1e6))
        .unwrap_or_default();
    let schema =
        |schema: &Option<Value>| schema.as_ref().map_or("text".to_owned(), Value::to_string);
    vec![
        format!("charter {}: {}", charter.name, charter.description),
        format!("  role       {}", charter.role),
        format!("  tools      {}", listed(&charter.tools)),
        format!("  delegates  {}", listed(&charter.delegates)),
        format!("  takes      {}", schema(&charter.input)),
        format!("  gives      {}", schema(&charter.output)),
        format!(
            "  budget     {tokens} tokens, {turns} turns, {} s{money}",
            time_ms as f64 / 1e3
        ),
        format!(
            "  criteria   {}",
            charter.criteria.as_deref().unwrap_or("none")
        ),
        format!(
            "  told       {} bytes of instructions",
            charter.instructions.len()
        ),
    ]
}

fn question(question: &Question) -> String {
    let Question {
        operation,
        began,
        turns,
        spent,
        status,
        why,
    } = question;
    let why = why
        .as_ref()
        .and_then(|why| serde_json::to_string(why).ok())
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    format!(
        "  {began}  {operation}  {status} after {turns} turns, {} tokens{why}",
        spent.tokens
    )
}
