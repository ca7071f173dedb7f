//! The file of a team: TOML, read whole, with the charters it names beside it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aios_supervisor::Strategy;
use aios_work::Charter;
use aios_work::charter::CHARTER_BYTES;
use serde::Deserialize;

use super::{Bounds, Child, Group, Seat, Team};

/// Bytes of a team's file.
const TEAM_BYTES: usize = 256 << 10;
/// Where the charters lie unless the file says otherwise, beside it.
const CHARTERS: &str = "agents";

/// Why a file is no team.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// It cannot be read.
    #[error("cannot read the team's file {path}: {source}")]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML, or holds what no team has.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// It is read, and cannot be started.
    #[error("the team cannot start: {}", .0.join("; "))]
    Problems(Vec<String>),
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    charters: Option<String>,
    #[serde(default)]
    strategy: Strategy,
    restarts: Option<u32>,
    within_ms: Option<u64>,
    #[serde(default)]
    bounds: Bounds,
    #[serde(default)]
    children: Vec<Place>,
}

/// A group or a seat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    charter: Option<String>,
    instances: Option<u32>,
    group: Option<String>,
    strategy: Option<Strategy>,
    restarts: Option<u32>,
    within_ms: Option<u64>,
    #[serde(default)]
    bounds: Bounds,
    children: Option<Vec<Place>>,
}

impl Team {
    /// Reads a team's file and its charters. What is wrong with a charter is no error yet: [`Team::problems`] names it beside the rest.
    ///
    /// # Errors
    /// When the file itself is none.
    pub fn load(path: &Path) -> Result<Self, TeamError> {
        let text = read(path, TEAM_BYTES).map_err(|source| TeamError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let invalid = |message: String| TeamError::Invalid {
            path: path.to_owned(),
            message,
        };
        let written: Written = toml::from_str(&text)
            .map_err(|error| invalid(error.to_string().trim_end().to_owned()))?;
        let folder = path
            .parent()
            .unwrap_or(Path::new("."))
            .join(written.charters.as_deref().unwrap_or(CHARTERS));
        let group = Group {
            strategy: written.strategy,
            restarts: written.restarts.unwrap_or_else(restarts),
            within_ms: written.within_ms.unwrap_or_else(within_ms),
            bounds: written.bounds,
            children: children(written.children, 1).map_err(invalid)?,
            name: written.name,
        };
        let (mut charters, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for (seat, _) in group.seats() {
            match charter(&folder, &seat.charter) {
                Ok(charter) => drop(charters.insert(seat.charter.clone(), charter)),
                Err(why) => drop(missing.insert(seat.charter.clone(), why)),
            }
        }
        Ok(Self {
            file: path.to_owned(),
            group,
            charters,
            missing,
        })
    }
}

/// As a node's own groups.
fn restarts() -> u32 {
    10
}

fn within_ms() -> u64 {
    10_000
}

fn children(places: Vec<Place>, depth: usize) -> Result<Vec<Child>, String> {
    if depth > super::DEPTH_MAX {
        return Err(format!(
            "groups stand in groups more than {} deep",
            super::DEPTH_MAX
        ));
    }
    places
        .into_iter()
        .map(|place| child(place, depth))
        .collect()
}

fn child(place: Place, depth: usize) -> Result<Child, String> {
    match (place.charter, place.group) {
        (Some(charter), None) => {
            let of_groups = [
                place.strategy.is_some(),
                place.restarts.is_some(),
                place.within_ms.is_some(),
                place.children.is_some(),
            ];
            if of_groups.contains(&true) {
                return Err(format!(
                    "the place of charter {charter:?} has strategy, restarts, within_ms or children, which groups have; put a group around it"
                ));
            }
            Ok(Child::Seat(Seat {
                charter,
                instances: place.instances.unwrap_or(1),
                bounds: place.bounds,
            }))
        }
        (None, Some(name)) => {
            if place.instances.is_some() {
                return Err(format!("group {name:?} has instances, which charters have"));
            }
            Ok(Child::Group(Group {
                name,
                strategy: place.strategy.unwrap_or_default(),
                restarts: place.restarts.unwrap_or_else(restarts),
                within_ms: place.within_ms.unwrap_or_else(within_ms),
                bounds: place.bounds,
                children: children(place.children.unwrap_or_default(), depth + 1)?,
            }))
        }
        (Some(charter), Some(group)) => Err(format!(
            "a place has the charter {charter:?} and the group {group:?}; it is one of them"
        )),
        (None, None) => Err("a place has neither a charter nor a group".to_owned()),
    }
}

fn charter(folder: &Path, name: &str) -> Result<Charter, String> {
    // A name that could lead out of the folder is none of a charter either.
    let sound = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !sound {
        return Err("it is no name of a charter".to_owned());
    }
    let path = folder.join(format!("{name}.md"));
    let text = read(&path, CHARTER_BYTES)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let charter = Charter::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if charter.name != name {
        let there = charter.name;
        return Err(format!("{} is the charter of {there}", path.display()));
    }
    Ok(charter)
}

/// A file's text, if it is a regular file of at most so many bytes.
fn read(path: &Path, most: usize) -> io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(most as u64 + 1).read_to_string(&mut text)?;
    if text.len() > most {
        return Err(io::Error::other(format!(
            "it has more than the {most} bytes that are allowed"
        )));
    }
    Ok(text)
}
