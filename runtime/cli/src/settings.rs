//! The configuration of a node as the command line, the environment and a file together say it.

use aios_runtime::config::{Config, Sources};

use crate::arguments::{Settings, Thinking};
use crate::failure::{Failure, Kind};

/// Loads the configuration; `extra` are options that have a flag of their own.
///
/// # Errors
/// Names the file, variable or flag at fault.
pub(crate) fn load(settings: &Settings, extra: &[(&str, Option<&str>)]) -> Result<Config, Failure> {
    let mut flags = settings.set.clone();
    flags.extend(
        extra
            .iter()
            .filter_map(|(name, value)| value.map(|value| ((*name).to_owned(), value.to_owned()))),
    );
    // A variable that is not Unicode cannot be a setting of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Config::load(&Sources {
        file: settings.config.clone(),
        environment,
        flags,
    })
    .map_err(|error| Failure::new(Kind::Settings, error.to_string()))
}

/// The configuration of a node that is about to start and can be watched; the flags speak last.
///
/// # Errors
/// As [`load`].
pub(crate) fn of_a_node(settings: &Settings, thinking: &Thinking) -> Result<Config, Failure> {
    of_a_kept_node(settings, thinking, None)
}

/// The same of one that is kept, and may be on a NATS server.
///
/// # Errors
/// As [`load`].
pub(crate) fn of_a_kept_node(
    settings: &Settings,
    thinking: &Thinking,
    nats: Option<&str>,
) -> Result<Config, Failure> {
    load(
        settings,
        &[
            ("model.device", thinking.device.as_deref()),
            ("model.engine", thinking.engine.as_deref()),
            ("door.open", Some("true")),
            ("bus.data.nats", nats),
        ],
    )
}
