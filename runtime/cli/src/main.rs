//! The `aios` command: the one place where everything is switched on.
//!
//! Results go to standard output, everything a person watches to standard error; see [`console`]. Each command is a file below
//! [`commands`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod chart;
mod client;
mod commands;
mod console;
mod failure;
mod logging;
mod notify;
mod own_node;
mod page;
mod picture;
mod plan_picture;
mod quiet;
mod settings;
mod tree_picture;
mod weights;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::arguments::{
    AgentCommand, Arguments, Command, EngineCommand, Model, RouteCommand, Swarm, TeamCommand,
};
use crate::failure::Failure;

/// A store that is made anew is freed by other threads than those that filled it; the system's allocator keeps what was freed for the
/// threads it came from, and a node grows by that each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments::in_order(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return misspelt(&error),
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    logging::start();
    let outcome = match arguments.command {
        Command::Run(run) => commands::run::run(&run),
        Command::Plan(plan) => commands::plan::run(&plan),
        Command::Model(Model::Pull(pull)) => commands::model::pull::run(&pull),
        Command::Model(Model::List(list)) => commands::model::list::run(&list),
        Command::Model(Model::Run(run)) => commands::model::run::run(&run),
        Command::Model(Model::Embed(embed)) => commands::model::embed::run(&embed),
        Command::Model(Model::Probe(probe)) => commands::model::probe::run(&probe),
        Command::Model(Model::Devices(devices)) => commands::model::devices::run(&devices),
        Command::Model(Model::Load(load)) => commands::model::command::load(&load),
        Command::Model(Model::Unload(unload)) => commands::model::command::unload(&unload),
        Command::Model(Model::Swap(swap)) => commands::model::command::swap(&swap),
        Command::Route(RouteCommand::Explain(explain)) => commands::route::explain(&explain),
        Command::Engine(EngineCommand::Serve(serve)) => commands::engine::serve(&serve),
        Command::Bench(bench) => commands::bench::run(&bench),
        Command::Judge(judge) => commands::judge::run(&judge),
        Command::Node(node) => commands::node::run(&node),
        Command::Serve(serve) => commands::serve::run(&serve),
        Command::Demo(demo) => commands::demo::run(&demo),
        Command::Mcp(mcp) => commands::mcp::run(&mcp),
        Command::Key(key) => commands::key::run(&key),
        Command::Nats(nats) => commands::nats::run(&nats),
        Command::Tree(tree) => commands::tree::run(&tree),
        Command::Top(top) => commands::top::run(&top),
        Command::Kill(order) => commands::order::kill(&order),
        Command::Stop(order) => commands::order::stop(&order),
        Command::Goal(goal) => commands::goal::run(&goal),
        Command::Audit(audit) => commands::audit::run(&audit),
        Command::Approvals(approvals) => commands::approvals::run(&approvals),
        Command::Agent(AgentCommand::Check(check)) => commands::agent::check::run(&check),
        Command::Agent(AgentCommand::List(list)) => commands::agent::list::run(&list),
        Command::Agent(AgentCommand::Show(show)) => commands::agent::show::run(&show),
        Command::Agent(AgentCommand::Spawn(spawn)) => commands::agent::spawn::run(&spawn),
        Command::Agent(AgentCommand::Ask(ask)) => commands::agent::ask::run(&ask),
        Command::Agent(AgentCommand::Stop(order)) => commands::order::stop(&order),
        Command::Agent(AgentCommand::Kill(order)) => commands::order::kill(&order),
        Command::Agent(AgentCommand::Suspend(order)) => commands::order::suspend(&order),
        Command::Agent(AgentCommand::Resume(order)) => commands::order::resume(&order),
        Command::Agent(AgentCommand::Grant(tool)) => commands::agent::grant::grant(&tool),
        Command::Agent(AgentCommand::Revoke(tool)) => commands::agent::grant::revoke(&tool),
        Command::Agent(AgentCommand::Import(from)) => commands::agent::import::run(&from),
        Command::Agent(AgentCommand::Adopt(adopt)) => commands::agent::adopt::run(&adopt),
        Command::Team(TeamCommand::Show(show)) => commands::team::show(&show),
        Command::Swarm(Swarm::Show(show)) => commands::swarm::show::run(&show),
        Command::Swarm(Swarm::Top(top)) => commands::swarm::top::run(&top),
        Command::Swarm(Swarm::Agent(agent)) => commands::swarm::agent::run(&agent),
        Command::Tool(tool) => commands::tool::run(&tool),
        Command::Doctor(doctor) => commands::doctor::run(&doctor),
        Command::Config(settings) => commands::config::run(&settings),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => ended(&failure),
    }
}

/// A command line that is not understood. Exit code 2 means a partial answer, so a mistake is 1.
fn misspelt(error: &clap::Error) -> ExitCode {
    let shown = error.render().to_string();
    let (said, more) = shown.split_once("\n\n").unwrap_or((&shown, ""));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = match error.kind() {
        // Nothing was asked for: what there is stands below.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::usage("a command is missing")
        }
        _ => Failure::usage(said.strip_prefix("error: ").unwrap_or(&said)),
    };
    let code = ended(&failure);
    for line in more.lines().filter(|line| !line.is_empty()) {
        console::note(line);
    }
    code
}

/// The end of a command that failed: a sentence for whoever watches, and the object that a program waits for.
fn ended(failure: &Failure) -> ExitCode {
    if wants_json() {
        // With nobody to read it there is nobody to tell.
        let _ = console::json_line(&failure.object());
    }
    console::note(&format!("aios: {}", failure.sentence()));
    if let Some(advice) = failure.advice() {
        console::note(advice);
    }
    failure.code()
}

/// Whether JSON was asked for, also on a command line that is otherwise not understood.
fn wants_json() -> bool {
    std::env::args_os()
        .skip(1)
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json")
}
