//! `aios doctor`: looks at what a node needs here, and says of each thing that is missing what to do. Nothing is started and nothing is
//! changed, but for a small file that is written, synced and taken away again.

mod here;
mod there;

use std::fmt::Write;
use std::process::ExitCode;

use aios_runtime::Config;
use aios_work::shown;
use serde::Serialize;
use serde_json::json;

use crate::arguments::Doctor;
use crate::failure::Failure;
use crate::{console, settings};

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// A node runs, and something of it is less than it could be.
    Warn,
    /// A node does not start, or not as it is configured.
    Fail,
    /// Not configured, so nothing to look at.
    Skip,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Found {
    /// What.
    check: String,
    state: State,
    /// How it was found, in a sentence.
    says: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<String>,
}

impl Found {
    fn new(check: &str, state: State, says: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            state,
            says: says.into(),
            what_to_do: None,
        }
    }

    fn ok(check: &str, says: impl Into<String>) -> Self {
        Self::new(check, State::Ok, says)
    }

    fn skip(check: &str, says: impl Into<String>) -> Self {
        Self::new(check, State::Skip, says)
    }

    fn warn(check: &str, says: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self {
            what_to_do: Some(what_to_do.into()),
            ..Self::new(check, State::Warn, says)
        }
    }

    fn fail(check: &str, says: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self {
            what_to_do: Some(what_to_do.into()),
            ..Self::new(check, State::Fail, says)
        }
    }
}

pub(crate) fn run(arguments: &Doctor) -> Result<ExitCode, Failure> {
    let found = match settings::load(&arguments.settings, &[]) {
        Ok(config) => {
            let mut found = vec![Found::ok(
                "configuration",
                "every setting is known and inside its range",
            )];
            found.extend(looked(&config, arguments));
            found
        }
        // The rest is looked at as if nothing were configured: what is wrong with the machine is wrong all the same.
        Err(failure) => {
            let what_to_do = "mend it; `aios config` prints every setting with its value";
            let mut found = vec![Found::fail("configuration", failure.sentence(), what_to_do)];
            found.extend(looked(&Config::default(), arguments));
            found
        }
    };
    let well = found.iter().all(|one| one.state != State::Fail);
    if arguments.json {
        console::json(&json!({"ok": well, "checks": found}))?;
    } else {
        console::text(&shown::terminal_text(&table(&found)))?;
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn looked(config: &Config, arguments: &Doctor) -> Vec<Found> {
    let mut found = vec![
        here::keys(config),
        here::disk(config),
        here::clock(),
        here::memory(config),
        here::port("port", "--http", arguments.http),
        here::port("gRPC port", "--grpc", arguments.grpc),
        here::certificates(config),
    ];
    found.extend(here::engine_keys(config));
    found.extend(here::models(config));
    found.push(here::devices(config));
    found.extend(there::servers(config));
    found.extend(there::engines(config));
    found.push(there::otlp(config));
    found.extend(there::nats(config));
    found
}

fn table(found: &[Found]) -> String {
    let mut table = String::new();
    let width = found
        .iter()
        .map(|one| one.check.chars().count())
        .max()
        .unwrap_or(0);
    for one in found {
        let state = match one.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
            State::Skip => "-",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:width$}  {state:4}  {}", one.check, one.says);
        if let Some(what_to_do) = &one.what_to_do {
            let _ = writeln!(table, "{:width$}        {what_to_do}", "");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_stands_below_what_was_found() {
        let found = [
            Found::ok("disk", "it syncs"),
            Found::fail("nats", "nobody answers", "start it"),
        ];
        assert_eq!(
            table(&found),
            "disk  ok    it syncs\nnats  FAIL  nobody answers\n            start it\n"
        );
    }
}
