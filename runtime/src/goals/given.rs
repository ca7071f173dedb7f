//! Files that come with a goal: kept in its own folder, under the hash of what is in them, and from then on named like any other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aios_control::{ControlError, ErrorKind, GivenFile, Submit, Tied};
use aios_tools::{drop_empty, drop_given, is_plain_name, keep_given};
use aios_work::ContentHash;

/// Where they lie in the goal's folder.
const FOLDER: &str = "given";
/// Digits of the hash that tells one content from another.
const DIGITS: usize = 16;

/// Files that are to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// The goal's folder.
    own: PathBuf,
    files: Vec<(PathBuf, String, Vec<u8>)>,
    /// Where their bytes have their place until they are written.
    _place: Tied,
}

/// The files of a goal whose folder is `own`, taken out of what was asked; where they will lie is among its files then. The same files handed
/// in again lie in the same places, and others elsewhere.
pub(super) fn given(asked: &mut Submit, own: &Path) -> Result<Option<Given>, ControlError> {
    let files = std::mem::take(&mut asked.files);
    let Some(place) = files.first().map(GivenFile::place) else {
        return Ok(None);
    };
    let own = std::path::absolute(own).map_err(|error| {
        ControlError::invalid(format!("the goal's folder cannot be used: {error}"))
    })?;
    if files.len() > Submit::FILES_MAX {
        let message = format!(
            "{} files come with the goal, {} are taken",
            files.len(),
            Submit::FILES_MAX
        );
        return Err(ControlError::new(ErrorKind::TooLarge, message));
    }
    let mut kept = Vec::with_capacity(files.len());
    let (mut bytes, mut names) = (0, BTreeSet::new());
    for file in files {
        let shown: String = file.name.chars().take(255).collect();
        if !is_plain_name(&file.name) {
            let message = format!("a file that comes with a goal cannot be called {shown:?}");
            return Err(ControlError::invalid(message)
                .advise("give it one name, in no folder, that begins with no dot"));
        }
        if !names.insert(file.name.clone()) {
            let message = format!("two files that come with the goal are called {shown:?}");
            return Err(ControlError::invalid(message).advise("call them differently"));
        }
        let content = file.bytes()?;
        bytes += content.len();
        if bytes > Submit::FILES_BYTES_MAX {
            let message = format!(
                "the files that come with the goal have more than the {} bytes that are taken",
                Submit::FILES_BYTES_MAX
            );
            return Err(ControlError::new(ErrorKind::TooLarge, message)
                .advise("bring them to the node's machine, and name them by path"));
        }
        let mut hash = String::from(ContentHash::of(&content));
        hash.truncate(DIGITS);
        let folder = own.join(FOLDER).join(hash);
        let path = folder.join(&file.name);
        // Every part of it was text.
        asked.data.push(path.to_string_lossy().into_owned());
        kept.push((folder, file.name, content));
    }
    Ok(Some(Given {
        own,
        files: kept,
        _place: place,
    }))
}

impl Given {
    /// Writes them; off the async threads, because the disk may take its time.
    pub(super) async fn keep(self) -> Result<Kept, ControlError> {
        let work = move || {
            let mut kept = Kept {
                own: self.own,
                folders: Vec::new(),
                stay: false,
            };
            for (folder, name, content) in &self.files {
                // One that lies there already was kept when the goal was handed in first.
                let fresh = fs::symlink_metadata(folder.join(name)).is_err();
                keep_given(folder, name, content)
                    .map_err(|error| ControlError::invalid(error.to_string()))?;
                if fresh {
                    kept.folders.push((folder.clone(), name.clone()));
                }
            }
            Ok(kept)
        };
        let kept = tokio::task::spawn_blocking(work).await;
        kept.map_err(|_| ControlError::new(ErrorKind::Unavailable, "the node is stopping"))?
    }
}

/// Files that lie there now. Dropped before the goal is taken up, they are taken away again.
#[derive(Debug)]
pub(super) struct Kept {
    own: PathBuf,
    folders: Vec<(PathBuf, String)>,
    stay: bool,
}

impl Kept {
    /// The goal was taken up.
    pub(super) fn stay(mut self) {
        self.stay = true;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.stay {
            return;
        }
        for (folder, name) in &self.folders {
            drop_given(folder, name);
        }
        // Whatever else lies there keeps its folder.
        drop_empty(&self.own.join(FOLDER));
        drop_empty(&self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(files: &[(&str, &[u8])]) -> Submit {
        Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: vec!["/data/a.csv".to_owned()],
            files: files
                .iter()
                .map(|(name, bytes)| GivenFile::new(*name, bytes.to_vec()))
                .collect(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        }
    }

    #[tokio::test]
    async fn files_that_come_with_a_goal_are_named_by_what_is_in_them_and_leave_with_one_that_is_refused()
     {
        let place = tempfile::tempdir().unwrap();
        let own = place.path().canonicalize().unwrap().join("g");
        let mut goal = asked(&[("q3.csv", b"a\n1\n"), ("notes.bin", b"\xff")]);
        let files = given(&mut goal, &own).unwrap().unwrap();
        assert!(goal.files.is_empty() && goal.data.len() == 3);
        assert!(!own.exists(), "nothing is written yet");
        let mut same = asked(&[("q3.csv", b"a\n1\n"), ("notes.bin", b"\xff")]);
        assert_eq!(given(&mut same, &own).unwrap().as_ref(), Some(&files));
        assert_eq!(same, goal);
        let mut other = asked(&[("q3.csv", b"a\n2\n"), ("notes.bin", b"\xff")]);
        given(&mut other, &own).unwrap();
        assert_ne!(other, goal, "another content is another file");
        let kept = files.keep().await.unwrap();
        assert_eq!(fs::read(&goal.data[2]).unwrap(), b"\xff");
        drop(kept);
        assert!(!own.exists(), "it was refused");
        let files = given(&mut same.clone(), &own).unwrap();
        assert!(files.is_none());
        let mut again = asked(&[("q3.csv", b"a\n1\n")]);
        let files = given(&mut again, &own).unwrap().unwrap();
        files.keep().await.unwrap().stay();
        assert_eq!(fs::read(&again.data[1]).unwrap(), b"a\n1\n");
    }

    #[test]
    fn what_is_no_file_or_too_much_is_refused() {
        let own = Path::new("/out/g");
        let refused = |files: &[(&str, &[u8])]| given(&mut asked(files), own).unwrap_err().kind;
        for name in ["", "..", "a/b", "/etc/passwd", ".rc", "a\nb"] {
            assert_eq!(refused(&[(name, b"x")]), ErrorKind::Invalid, "{name:?}");
        }
        assert_eq!(refused(&[("a", b"x"), ("a", b"y")]), ErrorKind::Invalid);
        let large = vec![b'x'; Submit::FILES_BYTES_MAX / 2 + 1];
        assert_eq!(
            refused(&[("a", &large), ("b", &large)]),
            ErrorKind::TooLarge
        );
        let names: Vec<String> = (0..17).map(|at| format!("f{at}")).collect();
        let many: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), &b"x"[..]))
            .collect();
        assert_eq!(refused(&many), ErrorKind::TooLarge);
    }
}
