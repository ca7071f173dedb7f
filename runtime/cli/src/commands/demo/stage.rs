//! The folder that the demo plays in: a table, two charters, criteria, a server of tools, and the node's settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aios_work::PlanFile;
use serde_json::{Value, json};

/// The table of the documentation, so that nothing has to be fetched.
const TABLE: &str = include_str!("../../../../../docs/examples/q3_sales.csv");

/// Adds up, and is judged: no figure leaves that follows from nothing.
pub(super) const AUDITOR: &str = "---
name: auditor
description: Adds up amounts; its answers are held against what its tool gave.
tools: [calc]
criteria: figures
budget: {tokens: 20000, time: 60s, turns: 6}
---

You are the auditor. Add up with `calc`, and say the total.
";

/// Gives money back, and a person is asked first.
pub(super) const CLERK: &str = "---
name: clerk
description: Gives money back; each time a person is asked first.
tools: [till__refund]
budget: {tokens: 20000, time: 30m, turns: 6}
---

You are the clerk. Give back what you are told to with `till__refund`, and say that it is done.
";

const CRITERIA: &str = "name = \"figures\"\n[[checks]]\nkind = \"numbers\"\n";

/// What is booked, one after the other.
pub(super) const BOOKED: [&str; 3] = ["room", "train", "lunch"];

/// Where things lie in the folder.
#[derive(Debug, Clone)]
pub(super) struct Stage(PathBuf);

impl Stage {
    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.0.join("aios.toml")
    }

    pub(super) fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// Every effect of the server of tools, a line each.
    pub(super) fn effects(&self) -> PathBuf {
        self.0.join("effects.jsonl")
    }

    pub(super) fn table(&self) -> PathBuf {
        self.0.join("q3_sales.csv")
    }

    pub(super) fn out(&self) -> PathBuf {
        self.0.join("out")
    }

    pub(super) fn notes(&self) -> PathBuf {
        self.0.join("notes")
    }

    /// Writes it all down. `own` is the program that is the server of tools too.
    pub(super) fn build(&self, own: &Path, sleepers: u32) -> io::Result<()> {
        let Self(folder) = self;
        fs::create_dir_all(folder.join("criteria"))?;
        fs::create_dir_all(self.out())?;
        fs::write(self.table(), TABLE)?;
        fs::write(folder.join("auditor.md"), AUDITOR)?;
        fs::write(folder.join("clerk.md"), CLERK)?;
        fs::write(folder.join("bookings.json"), bookings().to_string())?;
        fs::write(folder.join("criteria/figures.toml"), CRITERIA)?;
        fs::write(self.effects(), "")?;
        let (state, criteria) = (folder.join("state"), folder.join("criteria"));
        fs::write(
            self.settings(),
            format!(
                "[storage]\nfolder = {state:?}\n\n[door]\nopen = true\n\n[agents]\ncriteria = {criteria:?}\n\n[swarm]\npages = {sleepers}\n\n\
                 [goal]\ndeadline_ms = 1800000\n\n\
                 [tools.till]\ncommand = [{own:?}, \"demo\", \"--part\", \"till\", \"--folder\", {folder:?}]\n\
                 effect = \"repeatable\"\neffects.refund = \"ask\"\n",
            ),
        )
    }
}

fn bookings() -> Value {
    let prices = [120.5, 59.9, 18.25];
    let tasks = BOOKED
        .iter()
        .zip(prices)
        .enumerate()
        .map(|(at, (item, price))| {
            let after: Vec<&str> = at
                .checked_sub(1)
                .map(|before| BOOKED[before])
                .into_iter()
                .collect();
            json!({"id": item, "title": format!("Book the {item}"), "tool": "till__book",
            "args": {"item": item, "price": price}, "after": after})
        });
    json!({"goal": "Book the room, the train and the lunch, one after the other.", "tasks": tasks.collect::<Vec<_>>()})
}

/// The plan of the first two acts.
pub(super) fn bookings_plan() -> Option<Box<PlanFile>> {
    PlanFile::read(bookings().to_string().as_bytes())
        .ok()
        .map(Box::new)
}

/// The plan of the fifth: the clerk gives money back.
pub(super) fn refund_plan(order: &str) -> Option<Box<PlanFile>> {
    let plan = json!({
        "goal": "Give the money for the lunch back.",
        "tasks": [{"id": "refund", "title": "Give the money back", "agent": "clerk", "args": {"text": format!("Refund order {order}.")}}]
    });
    PlanFile::read(plan.to_string().as_bytes())
        .ok()
        .map(Box::new)
}

#[cfg(test)]
mod tests {
    use aios_runtime::Config;
    use aios_runtime::config::Sources;
    use aios_work::Charter;

    use super::*;

    #[test]
    fn what_is_written_down_reads() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::at(folder.path());
        stage.build(Path::new("/bin/aios"), 1_000).unwrap();
        let config = Config::load(&Sources {
            file: Some(stage.settings()),
            ..Sources::default()
        });
        let config = config.unwrap();
        assert_eq!(config.swarm.pages, 1_000);
        assert!(config.tools.servers.contains_key("till"));
        for charter in [AUDITOR, CLERK] {
            Charter::parse(charter).unwrap();
        }
        assert!(bookings_plan().is_some() && refund_plan("7").is_some());
    }
}
