//! The `aios` command: the one place where everything is switched on.
//!
//! Results go to standard output, everything a person watches to standard error; see [`console`]. Each command is a file below
//! [`commands`].

mod arguments;
mod commands;
mod console;
mod failure;
mod logging;
mod picture;
mod quiet;
mod settings;
mod tree_picture;
mod visit;
mod weights;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command, Model, Swarm};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Exit code 2 means a partial answer, so a mistake on the command line is 1 and a request for help is 0.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    logging::start();
    let outcome = match arguments.command {
        Command::Run(run) => commands::run::run(&run),
        Command::Model(Model::Pull(pull)) => commands::model::pull::run(&pull),
        Command::Model(Model::List(list)) => commands::model::list::run(&list),
        Command::Model(Model::Run(run)) => commands::model::run::run(&run),
        Command::Model(Model::Embed(embed)) => commands::model::embed::run(&embed),
        Command::Bench(bench) => commands::bench::run(&bench),
        Command::Node(node) => commands::node::run(&node),
        Command::Tree(tree) => commands::tree::run(&tree),
        Command::Kill(order) => commands::order::kill(&order),
        Command::Stop(order) => commands::order::stop(&order),
        Command::Approvals(approvals) => commands::approvals::run(&approvals),
        Command::Swarm(Swarm::Show(show)) => commands::swarm::show::run(&show),
        Command::Swarm(Swarm::Top(top)) => commands::swarm::top::run(&top),
        Command::Swarm(Swarm::Agent(agent)) => commands::swarm::agent::run(&agent),
        Command::Config(settings) => commands::config::run(&settings),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            console::note(&format!("aios: {}", failure.sentence()));
            failure.code()
        }
    }
}
