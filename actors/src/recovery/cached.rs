//! Results that were accepted before, found again by what was asked: the action, its arguments and the state of the files it reads.
//!
//! The state is taken before the work begins, and a result is kept only if it is the same when the work is done: what is filed under a
//! state was made from it. The files a result names are hashed before they are judged, and what is served is what was hashed.
//!
//! A fixed number of places, one per hash: a new result takes the place of an older one. So the cache never grows, and a miss costs no
//! more than the work itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aios_memory::{Store, StoreError};
use aios_protocols::{TenantId, Timestamp};
use aios_tools::{Artifact, ToolOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::content::hex;

/// Places for results in one store: it is for a time when a tool rests, not for ever.
const PLACES: u16 = 256;
/// A larger result is not kept: with all places full this bounds the cache at 64 MB.
const RESULT_BYTES: usize = 256 << 10;

/// Why no earlier result is served, or a new one not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Miss {
    /// Nothing was accepted for this, or something newer has its place.
    #[error("no earlier result is kept")]
    Nothing,
    /// Something else is in the goal's files by now.
    #[error("its files have changed since the goal began")]
    FilesChanged,
    /// A file that the result names cannot be read.
    #[error("the file of the earlier result is gone: {}: {source}", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that the result names holds something else.
    #[error("the file of the earlier result is not what was accepted: {}", .0.display())]
    Altered(PathBuf),
    /// The record is none.
    #[error("the earlier result cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not fit into a place.
    #[error("it has {asked} bytes, {allowed} are kept")]
    TooLarge {
        /// Its size.
        asked: usize,
        /// The largest that is kept.
        allowed: usize,
    },
}

/// One result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    key: String,
    at: Timestamp,
    /// The critic's score of it.
    pub(crate) score: Option<f64>,
    /// What the tool gave.
    pub(crate) output: ToolOutput,
    /// SHA-256 of each file it names, in their order.
    seals: Vec<String>,
}

impl Kept {
    /// How old it is.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.at)
    }

    /// The files it names, as they were accepted.
    pub(crate) fn files(&self) -> Result<Vec<(&Artifact, Vec<u8>)>, Miss> {
        let artifacts = &self.output.artifacts;
        let mut files = Vec::new();
        for (index, artifact) in artifacts.iter().enumerate() {
            let bytes = read(artifact)?;
            if self.seals.get(index) != Some(&seal(&bytes)) {
                return Err(Miss::Altered(artifact.path.clone()));
            }
            files.push((artifact, bytes));
        }
        Ok(files)
    }
}

fn read(artifact: &Artifact) -> Result<Vec<u8>, Miss> {
    std::fs::read(&artifact.path).map_err(|source| Miss::Gone {
        path: artifact.path.clone(),
        source,
    })
}

fn seal(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The hash of each file that a result names: taken before it is judged, so that these bytes are what is accepted.
pub(crate) fn seals(output: &ToolOutput) -> Result<Vec<String>, Miss> {
    output
        .artifacts
        .iter()
        .map(|artifact| Ok(seal(&read(artifact)?)))
        .collect()
}

/// Each file's name, length and time of change at one moment; a file that is not there has a state too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilesState(Vec<u8>);

impl FilesState {
    /// Now.
    pub(crate) fn of(files: &[String]) -> Self {
        let mut bytes = Vec::new();
        for file in files {
            let state = std::fs::metadata(file).ok();
            let modified = state
                .as_ref()
                .and_then(|state| state.modified().ok()?.duration_since(UNIX_EPOCH).ok())
                .map_or(0, |time| time.as_nanos());
            bytes.extend((file.len() as u64).to_le_bytes());
            bytes.extend(file.as_bytes());
            bytes.extend(state.map_or(0, |state| state.len()).to_le_bytes());
            bytes.extend(modified.to_le_bytes());
        }
        Self(bytes)
    }

    /// What of it goes into a hash.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What was asked, as one name; of files too, if it reads any.
pub(crate) fn key(
    tenant: &TenantId,
    action: &str,
    args: &Value,
    files: Option<&FilesState>,
) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), action, &args.to_string()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    if let Some(files) = files {
        hash.update(files.as_bytes());
    }
    hex(&hash.finalize())
}

fn place(key: &str) -> Vec<u8> {
    // The key is hexadecimal; its first four digits choose the place.
    let number = u16::from_str_radix(key.get(..4).unwrap_or("0"), 16).unwrap_or(0) % PLACES;
    format!("result/{number:04}").into_bytes()
}

/// Keeps an accepted result, with the hashes that the files it names had before they were judged.
pub(crate) fn keep(
    store: &Arc<dyn Store>,
    key: String,
    output: &ToolOutput,
    seals: Vec<String>,
    score: Option<f64>,
    at: Timestamp,
) -> Result<(), Miss> {
    let at_place = place(&key);
    let kept = Kept {
        key,
        at,
        score,
        output: output.clone(),
        seals,
    };
    let bytes = serde_json::to_vec(&kept)?;
    if bytes.len() > RESULT_BYTES {
        return Err(Miss::TooLarge {
            asked: bytes.len(),
            allowed: RESULT_BYTES,
        });
    }
    Ok(store.put(&at_place, &bytes)?)
}

/// The result that was accepted for this, if it is still there.
pub(crate) fn find(store: &Arc<dyn Store>, key: &str) -> Result<Kept, Miss> {
    let bytes = store.get(&place(key))?.ok_or(Miss::Nothing)?;
    let kept: Kept = serde_json::from_slice(&bytes)?;
    if kept.key == key {
        Ok(kept)
    } else {
        Err(Miss::Nothing)
    }
}

/// An age as people say it.
pub(crate) fn spoken(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;
    use serde_json::json;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = format!("aios-cached-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn now() -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000))
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(InMemoryStore::default())
    }

    #[test]
    fn a_result_is_found_by_what_was_asked_of_the_same_file_and_by_nothing_else() {
        let folder = folder("asked");
        let file = folder.join("data.csv");
        std::fs::write(&file, "a,b\n1,2\n").unwrap();
        let files = [file.to_str().unwrap().to_owned()];
        let tenant = |name| TenantId::new(name).unwrap();
        let (ours, args) = (tenant("local"), json!({"query": "SELECT 1"}));
        let store = store();
        let before = FilesState::of(&files);
        let asked = key(&ours, "sql", &args, Some(&before));
        let output = ToolOutput {
            value: json!(7),
            ..ToolOutput::default()
        };
        keep(&store, asked.clone(), &output, vec![], Some(0.9), now()).unwrap();
        let found = find(&store, &asked).unwrap();
        assert_eq!((found.output.value, found.score), (json!(7), Some(0.9)));
        std::fs::write(&file, "a,b\n1,2\n3,4\n").unwrap();
        let after = FilesState::of(&files);
        for other in [
            key(&tenant("other"), "sql", &args, Some(&before)),
            key(&ours, "chart", &args, Some(&before)),
            key(&ours, "sql", &json!({"query": "SELECT 2"}), Some(&before)),
            key(&ours, "sql", &args, None),
            key(&ours, "sql", &args, Some(&after)),
        ] {
            assert!(matches!(find(&store, &other), Err(Miss::Nothing)));
        }
        let large = ToolOutput {
            log: "x".repeat(RESULT_BYTES),
            ..output
        };
        let kept = keep(&store, asked, &large, vec![], None, now());
        assert!(matches!(kept, Err(Miss::TooLarge { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_of_a_result_is_served_as_it_was_accepted_or_not_at_all() {
        let folder = folder("sealed");
        let path = folder.join("chart.svg");
        std::fs::write(&path, "<svg>7</svg>").unwrap();
        let output = ToolOutput {
            artifacts: vec![Artifact {
                path: path.clone(),
                media_type: "image/svg+xml".to_owned(),
                description: "a chart".to_owned(),
            }],
            ..ToolOutput::default()
        };
        let store = store();
        let hashes = seals(&output).unwrap();
        keep(&store, "00ff".to_owned(), &output, hashes, None, now()).unwrap();
        let found = find(&store, "00ff").unwrap();
        assert_eq!(found.files().unwrap()[0].1, b"<svg>7</svg>");
        // Another goal, or somebody with an editor, wrote over it: same name, same length.
        std::fs::write(&path, "<svg>8</svg>").unwrap();
        let miss = found.files().unwrap_err();
        assert!(matches!(miss, Miss::Altered(_)), "{miss}");
        assert!(miss.to_string().contains("not what was accepted"), "{miss}");
        // A record that names more files than it has hashes of proves nothing about the rest.
        keep(&store, "00ff".to_owned(), &output, vec![], None, now()).unwrap();
        let unsealed = find(&store, "00ff").unwrap();
        assert!(matches!(unsealed.files(), Err(Miss::Altered(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(found.files(), Err(Miss::Gone { .. })));
        assert!(matches!(seals(&output), Err(Miss::Gone { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn ages_are_spoken() {
        let rows = [
            (0, "0 seconds"),
            (1, "1 second"),
            (150, "2 minutes"),
            (7_200, "2 hours"),
            (90_000, "1 day"),
        ];
        for (seconds, words) in rows {
            assert_eq!(spoken(Duration::from_secs(seconds)), words);
        }
    }
}
