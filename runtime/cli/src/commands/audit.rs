//! `aios audit`: the journal of a storage folder, read where it lies.

use std::path::PathBuf;
use std::process::ExitCode;

use aios_runtime::{AuditError, audit, trail};
use aios_work::shown;

use crate::arguments::{Audit, AuditFolder, AuditShow};
use crate::console;
use crate::failure::{Failure, Kind};
use crate::settings;

pub(crate) fn run(arguments: &Audit) -> Result<ExitCode, Failure> {
    match arguments {
        Audit::Verify(place) => verify(place),
        Audit::Show(show) => self::show(show),
    }
}

/// The folder, and the tenant whose owner signs there.
pub(super) fn place(place: &AuditFolder) -> Result<(PathBuf, String), Failure> {
    let config = settings::load(&place.settings, &[])?;
    let folder = place.folder.clone().or_else(|| config.storage.path());
    let folder = folder.ok_or_else(|| {
        Failure::usage(
            "no folder is named; say --folder FOLDER, or set storage.folder in the configuration",
        )
    })?;
    Ok((folder, config.node.tenant))
}

fn verify(arguments: &AuditFolder) -> Result<ExitCode, Failure> {
    let (folder, tenant) = place(arguments)?;
    let audited = audit(&folder, &tenant).map_err(failed)?;
    if arguments.json {
        console::json(&audited)?;
    } else {
        let mut lines = vec![audited.says.clone()];
        lines.extend(
            audited
                .damage
                .iter()
                .skip(1)
                .map(|damage| format!("  {damage}")),
        );
        let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(if audited.whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(arguments: &AuditShow) -> Result<ExitCode, Failure> {
    let (folder, _) = place(&arguments.place)?;
    let lines =
        trail(&folder, &arguments.about, arguments.after, arguments.most).map_err(failed)?;
    if arguments.place.json {
        console::json(&lines)?;
    } else if lines.is_empty() {
        console::note("no such entry is there");
    } else {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| {
                shown::terminal(&format!(
                    "{:>8}  {}  {:<14}  {:<7}  {}  {}",
                    line.sequence, line.at, line.agent, line.operation, line.key, line.value
                ))
            })
            .collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: AuditError) -> Failure {
    let kind = match &error {
        AuditError::None(_) => Kind::Input,
        AuditError::Disk(_) | AuditError::Owner(_) => Kind::Failed,
    };
    Failure::new(kind, error.to_string())
}
