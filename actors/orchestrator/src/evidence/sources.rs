//! The Critic's own reading of a goal's files: what an answer is held against beside the results, and not by the planner's path.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use aios_judge::Ground;
use aios_tools::read_regular;
use aios_work::{ContentHash, Document, Goal, InputFile, Material};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::Packs;

/// Goals whose files are held, read.
const HELD: usize = 8;
/// Bytes of the files of all goals that are held beside the latest; once read they take about as much again.
const HELD_BYTES: u64 = 16 << 20;
/// Bytes of all files of a goal above which they are not looked at a second time, because all of them is held while an answer is judged:
/// results are then asked for twice, and that is all. How often their rows are looked at is bounded by the judge.
const MOST: u64 = 16 << 20;

/// What was read of a goal's files, once for all of its texts.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) ground: Arc<Ground>,
    /// Why a file was not looked at, if one was not.
    pub(crate) unread: Option<String>,
}

type Cell = Arc<OnceCell<Source>>;

/// A goal with its files: its name, their bytes, what was read.
type Held = (String, u64, Cell);

/// The latest goals with their files as they were read.
#[derive(Default)]
pub(crate) struct Sources(Mutex<VecDeque<Held>>);

impl Sources {
    /// What this goal's files hold, or the passages that were recalled for one without files. Whoever asks first reads them; the others
    /// wait for it.
    pub(crate) async fn of(
        &self,
        tenant: &str,
        goal: &Goal,
        files: &[InputFile],
        recalled: &[String],
        packs: &Packs,
    ) -> Source {
        let mut name = DefaultHasher::new();
        recalled.hash(&mut name);
        let length = bytes(files);
        let name = format!("{tenant}\0{}\0{}", goal.digest(), name.finish());
        let cell = self.cell(name, length);
        let read = || {
            let (packs, files) = (packs.clone(), files.to_vec());
            let (text, recalled) = (goal.text().to_owned(), recalled.to_vec());
            async move {
                let reading = {
                    let text = text.clone();
                    tokio::task::spawn_blocking(move || read(&text, &files, recalled, &packs))
                };
                reading.await.unwrap_or_else(|panic| {
                    tracing::error!(%panic, "the files of a goal were not looked at a second time");
                    Source {
                        ground: Arc::new(Ground::new(&text, &[], Vec::new())),
                        unread: Some("its files could not be read a second time".to_owned()),
                    }
                })
            }
        };
        cell.get_or_init(read).await.clone()
    }

    fn cell(&self, name: String, length: u64) -> Cell {
        let mut all = self.0.lock();
        let known = all.iter().position(|(other, ..)| *other == name);
        let entry = known
            .and_then(|at| all.remove(at))
            .unwrap_or_else(|| (name, length, Cell::default()));
        let cell = Arc::clone(&entry.2);
        let mut before = 0;
        let fits = all.iter().take(HELD - 1).take_while(|(_, length, _)| {
            before += length;
            before <= HELD_BYTES
        });
        let fits = fits.count();
        all.truncate(fits);
        all.push_front(entry);
        cell
    }
}

/// How long the files of a goal are in all.
fn bytes(files: &[InputFile]) -> u64 {
    files.iter().map(|file| file.state.length).sum()
}

/// Reads files for a second look. One that is another than the goal means is not looked at: what was proven of it was proven of the other.
fn read(goal: &str, files: &[InputFile], recalled: Vec<String>, packs: &Packs) -> Source {
    let length = bytes(files);
    let (mut materials, mut unread) = (Vec::new(), None);
    if length > MOST {
        let why = format!("its files have {length} bytes; {MOST} are looked at a second time");
        unread = Some(why);
    }
    let looked: &[InputFile] = if unread.is_none() { files } else { &[] };
    for file in looked {
        let read = read_regular(&file.path, MOST)
            .map_err(|error| error.to_string())
            .and_then(|bytes| match file.state.content {
                Some(content) if ContentHash::of(&bytes) == content => Ok(bytes),
                _ => Err(format!("{} has changed since", file.name)),
            })
            .and_then(|bytes| packs.material(&file.name, bytes));
        match read {
            Ok(material) => materials.push(material),
            Err(why) => unread = Some(why),
        }
    }
    if files.is_empty() {
        materials.extend((1..).zip(recalled).map(|(at, text)| {
            Material::Document(Document {
                name: format!("recalled passage {at}"),
                text,
            })
        }));
    }
    Source {
        ground: Arc::new(Ground::new(goal, &materials, Vec::new())),
        unread,
    }
}

#[cfg(test)]
mod tests {
    use aios_tools::OnDisk;
    use aios_work::GoalLimits;

    use super::*;

    fn goal(text: &str, file: &str) -> Goal {
        Goal::new(
            "g",
            "t",
            text,
            vec![file.to_owned()],
            &GoalLimits::default(),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn a_goals_files_are_read_once_in_the_state_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "town,units\nBremen,5\nJena,7\n").unwrap();
        let name = path.display().to_string();
        let mut files = InputFile::all(std::slice::from_ref(&name)).unwrap();
        files[0].pin(1_000).unwrap();
        let packs = Packs::none().with(aios_tables::pack());
        let sources = Sources::default();
        let asked = goal("How many units?", &name);
        let first = sources.of("t", &asked, &files, &[], &packs).await;
        assert!(first.unread.is_none() && first.ground.has_sources());
        std::fs::write(&path, "town,units\nBremen,6\nJena,7\n").unwrap();
        let again = sources.of("t", &asked, &files, &[], &packs).await;
        assert!(Arc::ptr_eq(&first.ground, &again.ground), "read once");
        // What lies there now is not what the other goal means either.
        let other = sources
            .of("t", &goal("Units?", &name), &files, &[], &packs)
            .await;
        assert!(!other.ground.has_sources(), "another state");
        assert!(other.unread.unwrap().contains("has changed"));
        for at in 0..HELD {
            sources.cell(at.to_string(), 1);
        }
        let held = || -> Vec<String> {
            let all = sources.0.lock();
            all.iter().map(|(name, ..)| name.clone()).collect()
        };
        assert_eq!(held().len(), HELD);
        assert!(!held().iter().any(|name| name.starts_with("t\0")));
        // What is large leaves no room for others.
        sources.cell("large".to_owned(), MOST);
        sources.cell("next".to_owned(), 1);
        assert_eq!(held(), ["next", "large"]);
    }
}
