//! What is wrong with a team, all of it at once, before anything starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aios_supervisor::Strategy;
use serde::Serialize;

use super::{AGENTS_MAX, Group, Team};

/// Supervisors that every node has.
const TAKEN: [&str; 8] = [
    "node", "engine", "meso", "macro", "spawned", "doors", "servers", "swarm",
];

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The group, charter or tool it is about.
    pub about: String,
    /// What is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.what)
    }
}

fn problem(about: impl Into<String>, what: impl Into<String>) -> Problem {
    Problem {
        about: about.into(),
        what: what.into(),
    }
}

impl Team {
    /// Everything that is wrong with it, as far as it can be seen without a node.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, why) in &self.missing {
            problems.push(problem(format!("charter {name}"), why));
        }
        self.check_groups(&mut problems);
        self.check_seats(&mut problems);
        self.check_delegates(&mut problems);
        problems
    }

    fn check_groups(&self, problems: &mut Vec<Problem>) {
        let mut names = BTreeSet::new();
        for group in self.group.groups() {
            let about = format!("group {:?}", group.name);
            let sound = !group.name.is_empty()
                && group.name.len() <= 64
                && group
                    .name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            if !sound {
                problems.push(problem(
                    &about,
                    "is called by something else than letters, digits, - and _",
                ));
            }
            if TAKEN.contains(&group.name.as_str()) {
                problems.push(problem(
                    &about,
                    "every node has a supervisor of this name; choose another",
                ));
            }
            if !names.insert(&group.name) {
                problems.push(problem(
                    &about,
                    "stands there twice; names of groups are unique in a team",
                ));
            }
            if group.children.is_empty() {
                problems.push(problem(
                    &about,
                    "nothing stands under it; add a child or leave it out",
                ));
            }
            if group.strategy == Strategy::Dynamic {
                problems.push(problem(&about, "a team's children are known before it starts; choose one_for_one, one_for_all or rest_for_one"));
            }
            if !(1..=1_000).contains(&group.restarts)
                || !(100..=3_600_000).contains(&group.within_ms)
            {
                problems.push(problem(
                    &about,
                    "restarts are 1 to 1000, within_ms is 100 to 3600000",
                ));
            }
            self.check_tools(group, &about, problems);
        }
    }

    /// A group that allows a tool which nobody below it names means another tool.
    fn check_tools(&self, group: &Group, about: &str, problems: &mut Vec<Problem>) {
        let named: BTreeSet<&str> = group
            .seats()
            .iter()
            .filter_map(|(seat, _)| self.charters.get(&seat.charter))
            .flat_map(|charter| charter.tools.iter().map(String::as_str))
            .collect();
        for tool in group.bounds.tools.iter().flatten() {
            if !named.contains(tool.as_str()) {
                problems.push(problem(
                    about,
                    format!("allows the tool {tool}, which no charter below it names"),
                ));
            }
        }
    }

    fn check_seats(&self, problems: &mut Vec<Problem>) {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let mut agents: u32 = 0;
        for (seat, _) in self.group.seats() {
            let about = format!("charter {}", seat.charter);
            *seen.entry(&seat.charter).or_default() += 1;
            agents = agents.saturating_add(seat.instances);
            if !(1..=64).contains(&seat.instances) {
                problems.push(problem(
                    &about,
                    format!("has {} instances, allowed are 1 to 64", seat.instances),
                ));
            }
            let named = self
                .charters
                .get(&seat.charter)
                .map(|charter| &charter.tools);
            for tool in seat.bounds.tools.iter().flatten() {
                if named.is_some_and(|named| !named.contains(tool)) {
                    problems.push(problem(
                        &about,
                        format!(
                            "its place allows the tool {tool}, which the charter does not name"
                        ),
                    ));
                }
            }
        }
        for (charter, times) in seen {
            if times > 1 {
                problems.push(problem(
                    format!("charter {charter}"),
                    format!("stands at {times} places; write instances at one of them"),
                ));
            }
        }
        if agents > AGENTS_MAX {
            problems.push(problem(
                format!("team {:?}", self.group.name),
                format!("has {agents} agents, allowed are {AGENTS_MAX}"),
            ));
        }
    }

    fn check_delegates(&self, problems: &mut Vec<Problem>) {
        for (name, charter) in &self.charters {
            for delegate in &charter.delegates {
                if !self.charters.contains_key(delegate) && !self.missing.contains_key(delegate) {
                    problems.push(problem(
                        format!("charter {name}"),
                        format!("hands work to {delegate}, who is not in the team"),
                    ));
                }
            }
        }
    }

    /// What holds and may surprise: a delegate that works for another has no more than that one has.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (name, charter) in &self.charters {
            for delegate in charter
                .delegates
                .iter()
                .filter_map(|name| self.charters.get(name))
            {
                let without: Vec<&str> = delegate
                    .tools
                    .iter()
                    .filter(|tool| !charter.tools.contains(tool))
                    .map(String::as_str)
                    .collect();
                if !without.is_empty() {
                    notes.push(format!(
                        "at work for {name}, {} is without {}: whoever hands work on hands on no more than it has",
                        delegate.name,
                        without.join(", ")
                    ));
                }
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::team::TeamError;

    fn team(file: &str) -> Result<Team, TeamError> {
        let folder = tempfile::tempdir().unwrap();
        let charters = folder.path().join("agents");
        fs::create_dir(&charters).unwrap();
        let charter = |name: &str, lines: &str| {
            let text = format!("---\nname: {name}\ndescription: d\n{lines}---\nDo.\n");
            fs::write(charters.join(format!("{name}.md")), text).unwrap();
        };
        charter("lead", "delegates: [clerk]\ntools: [sum]\n");
        charter("clerk", "tools: [sum, peek]\n");
        charter("stray", "delegates: [nobody]\n");
        charter("broken", "tool: x\n");
        let path = folder.path().join("team.toml");
        fs::write(&path, file).unwrap();
        Team::load(&path)
    }

    #[test]
    fn a_sound_team_has_no_problems_and_says_what_may_surprise() {
        let file = r#"
            name = "desk"
            strategy = "rest_for_one"
            bounds = { tokens = 1000 }
            [[children]]
            charter = "lead"
            [[children]]
            group = "back"
            strategy = "one_for_all"
            bounds = { tools = ["sum"] }
            [[children.children]]
            charter = "clerk"
            instances = 3
            bounds = { tokens = 500 }
        "#;
        let team = team(file).unwrap();
        assert_eq!(team.problems(), []);
        let seats = team.group.seats();
        let [(lead, above), (clerk, below)] = seats.as_slice() else {
            panic!("{seats:?}")
        };
        assert_eq!(
            (lead.instances, above.len(), clerk.instances, below.len()),
            (1, 2, 3, 3)
        );
        assert_eq!(below[0].tokens, Some(1_000));
        assert_eq!(team.notes().len(), 1);
        assert!(
            team.notes()[0].contains("clerk is without peek"),
            "{:?}",
            team.notes()
        );
    }

    /// Rows: what follows the name, and what is said of it.
    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let rows = [
            ("", "nothing stands under it"),
            ("[[children]]\ncharter = \"ghost\"", "cannot read"),
            (
                "[[children]]\ncharter = \"../lead\"",
                "no name of a charter",
            ),
            ("[[children]]\ncharter = \"broken\"", "nearest is `tools`"),
            ("[[children]]\ncharter = \"stray\"", "hands work to nobody"),
            (
                "[[children]]\ncharter = \"clerk\"\ninstances = 65",
                "65 instances",
            ),
            (
                "[[children]]\ncharter = \"clerk\"\n[[children]]\ncharter = \"clerk\"",
                "stands at 2 places",
            ),
            (
                "[[children]]\ncharter = \"clerk\"\nbounds = { tools = [\"plot\"] }",
                "the tool plot",
            ),
            (
                "strategy = \"dynamic\"\n[[children]]\ncharter = \"clerk\"",
                "known before it starts",
            ),
            (
                "restarts = 0\n[[children]]\ncharter = \"clerk\"",
                "1 to 1000",
            ),
            (
                "[[children]]\ngroup = \"macro\"\n[[children.children]]\ncharter = \"clerk\"",
                "every node has",
            ),
            (
                "[[children]]\ngroup = \"desk\"\n[[children.children]]\ncharter = \"clerk\"",
                "stands there twice",
            ),
        ];
        for (rest, said) in rows {
            let team = team(&format!("name = \"desk\"\n{rest}\n")).unwrap();
            let problems: Vec<String> = team.problems().iter().map(ToString::to_string).collect();
            assert!(
                problems.iter().any(|one| one.contains(said)),
                "{rest}: {problems:?}"
            );
        }
        let rows = [
            ("name = 7", "invalid type"),
            ("name = \"a\"\nstrateggy = \"one_for_one\"", "strateggy"),
            (
                "name = \"a\"\n[[children]]\ninstances = 2",
                "neither a charter nor a group",
            ),
            (
                "name = \"a\"\n[[children]]\ncharter = \"x\"\ngroup = \"y\"",
                "it is one of them",
            ),
            (
                "name = \"a\"\n[[children]]\ncharter = \"x\"\nstrategy = \"one_for_all\"",
                "put a group around it",
            ),
            (
                "name = \"a\"\n[[children]]\ngroup = \"x\"\ninstances = 2",
                "which charters have",
            ),
            ("name = \"a\"\nbounds = { token = 1 }", "token"),
        ];
        for (file, said) in rows {
            let error = team(file).unwrap_err().to_string();
            assert!(error.contains(said), "{file}: {error}");
        }
        let deep = (1..12).fold("name = \"a\"\n".to_owned(), |text, depth| {
            let path = vec!["children"; depth].join(".");
            format!("{text}[[{path}]]\ngroup = \"g{depth}\"\n")
        });
        assert!(
            team(&deep)
                .unwrap_err()
                .to_string()
                .contains("more than 8 deep")
        );
    }
}
