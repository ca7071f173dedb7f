//! Results that were accepted before, found again by what was asked: the tool, its arguments and the state of the files it reads.
//!
//! The state is taken before the work begins, and a result is kept only if it is the same when the work is done: what is filed under a
//! state was made from it. The files a result names are hashed before they are judged, and what is served is what was hashed.
//!
//! Beside each lies the frame in which the executor signed it, which proves it to the Critic as long as the executor's key is known: until
//! the process ends. After that it is not served any more, because nobody could say that it was not made up.
//!
//! A fixed number of places, two of them open to each hash: a new result takes the free one, else that of an older result. So the cache
//! never grows, a miss costs no more than the work itself, and two results of one goal do not put each other out by chance.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aios_memory::{Store, StoreError};
use aios_protocols::{Sealed, TenantId};
use aios_tools::{OnDisk, read_regular};
use aios_work::{Artifact, InputFile, ToolOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use aios_work::content::hex;

/// Places for results in one store: it is for a time when a tool rests, not for ever.
const PLACES: u16 = 256;
/// The largest file of a result that is read again.
const FILE_BYTES: u64 = 64 << 20;
/// A larger result is not kept: with all places full, and its frame beside it, this bounds the cache at 128 MB.
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
    /// Whoever made it cannot be asked for its key any more, or the frame is none.
    #[error("the earlier result {0}")]
    Unproven(String),
    /// Its files could not be copied.
    #[error("{0}")]
    NotBrought(String),
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
    /// The critic's score of it.
    pub(crate) score: Option<f64>,
    /// What the tool gave.
    pub(crate) output: ToolOutput,
    /// SHA-256 of each file it names, in their order.
    seals: Vec<String>,
}

impl Kept {
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
    // Whatever lies there by now is neither followed nor waited for.
    read_regular(&artifact.path, FILE_BYTES).map_err(|source| Miss::Gone {
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

/// A goal's files in the state they had when it began, or why they cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoalFiles(Result<Vec<InputFile>, String>);

impl GoalFiles {
    /// Now: each file is read once, and its content is part of its state; `in_place`, no link is followed on the way. Blocks.
    pub(crate) fn of(paths: &[String], in_place: bool, most: u64) -> Self {
        let found = match in_place {
            true => InputFile::all_in_place(paths),
            false => InputFile::all(paths),
        };
        let pinned = found.and_then(|mut files| {
            files.iter_mut().try_for_each(|file| file.pin(most))?;
            Ok(files)
        });
        Self(pinned.map_err(|error| error.to_string()))
    }

    /// As they were found when the goal began first.
    pub(crate) fn known(files: Vec<InputFile>) -> Self {
        Self(Ok(files))
    }

    /// The files; none if one of them cannot be read.
    pub(crate) fn files(&self) -> &[InputFile] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Why they cannot be read.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// Whether all still lie there as they were found.
    pub(crate) fn are_unchanged(&self) -> bool {
        self.files().iter().all(InputFile::is_unchanged)
    }

    /// What of it goes into a hash: names and contents, because the same bytes under the same name are the same question.
    pub(crate) fn as_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut part = |text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        match &self.0 {
            Err(why) => part(why),
            Ok(files) => {
                for file in files {
                    part(&file.name);
                    part(&file.path.to_string_lossy());
                    part(&file.state.content.map(String::from).unwrap_or_default());
                }
            }
        }
        bytes
    }
}

/// What was asked, as one name; of files too, if it reads any.
pub(crate) fn key(
    tenant: &TenantId,
    tool: &str,
    args: &Value,
    files: Option<&GoalFiles>,
) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), tool, &args.to_string()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    if let Some(files) = files {
        hash.update(files.as_bytes());
    }
    hex(&hash.finalize())
}

/// Where the result of a key may lie.
fn places(key: &str) -> [Vec<u8>; 2] {
    // The key is hexadecimal; its first eight digits choose.
    [0..4, 4..8].map(|digits| {
        let digits = key.get(digits).unwrap_or("0");
        let number = u16::from_str_radix(digits, 16).unwrap_or(0) % PLACES;
        format!("result/{number:04}").into_bytes()
    })
}

/// Keeps an accepted result, with the hashes that the files it names had before they were judged.
pub(crate) fn keep(
    store: &Arc<dyn Store>,
    key: String,
    output: &ToolOutput,
    frame: &Sealed,
    seals: Vec<String>,
    score: Option<f64>,
) -> Result<(), Miss> {
    let mut place = None;
    for open in places(&key) {
        match lying(store, &open)? {
            // Of the same question: it is answered anew.
            Some((earlier, _)) if earlier.key == key => place = Some(open),
            None if place.is_none() => place = Some(open),
            _ => {}
        }
    }
    let [first, _] = places(&key);
    let place = place.unwrap_or(first);
    let kept = Kept {
        key,
        score,
        output: output.clone(),
        seals,
    };
    let bytes = serde_json::to_vec(&kept)?;
    let asked = bytes.len().max(frame.len());
    if asked > RESULT_BYTES {
        return Err(Miss::TooLarge {
            asked,
            allowed: RESULT_BYTES,
        });
    }
    // One record, so that a result is never read with the frame of another: the length of the text, the text, the frame.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let record = [length.as_slice(), &bytes, frame.as_bytes()].concat();
    Ok(store.put(&place, &record)?)
}

/// The result that was accepted for this, if it is still there, and the frame in which it was signed.
pub(crate) fn find(store: &Arc<dyn Store>, key: &str) -> Result<(Kept, Sealed), Miss> {
    for place in places(key) {
        if let Some((kept, frame)) = lying(store, &place)?
            && kept.key == key
        {
            return Ok((kept, frame));
        }
    }
    Err(Miss::Nothing)
}

/// What lies at a place; what cannot be read there is nothing, and is written over.
fn lying(store: &Arc<dyn Store>, place: &[u8]) -> Result<Option<(Kept, Sealed)>, Miss> {
    let Some(record) = store.get(place)? else {
        return Ok(None);
    };
    let Some((length, rest)) = record.split_first_chunk() else {
        return Ok(None);
    };
    let parts = usize::try_from(u32::from_le_bytes(*length))
        .ok()
        .and_then(|length| rest.split_at_checked(length));
    Ok(parts.and_then(|(bytes, frame)| {
        let kept = serde_json::from_slice(bytes).ok()?;
        Some((kept, Sealed::from_bytes(frame.to_vec())))
    }))
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

    fn frame() -> Sealed {
        Sealed::from_bytes(b"signed".to_vec())
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
        let before = GoalFiles::of(&files, false, 1_000);
        let asked = key(&ours, "sql", &args, Some(&before));
        let output = ToolOutput {
            value: json!(7),
            ..ToolOutput::default()
        };
        keep(&store, asked.clone(), &output, &frame(), vec![], Some(0.9)).unwrap();
        let (found, signed) = find(&store, &asked).unwrap();
        assert_eq!(signed, frame());
        assert_eq!((found.output.value, found.score), (json!(7), Some(0.9)));
        std::fs::write(&file, "a,b\n1,2\n3,4\n").unwrap();
        let after = GoalFiles::of(&files, false, 1_000);
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
        let kept = keep(&store, asked.clone(), &large, &frame(), vec![], None);
        assert!(matches!(kept, Err(Miss::TooLarge { .. })));
        // What lies there from before there were frames, or was cut short, is nothing.
        for record in [b"{\"key\":1}".as_slice(), b"", &[9, 0, 0, 0, b'{']] {
            for place in places(&asked) {
                store.put(&place, record).unwrap();
            }
            assert!(matches!(find(&store, &asked), Err(Miss::Nothing)));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn two_results_of_one_place_do_not_put_each_other_out_and_a_third_takes_one() {
        let store = store();
        let output = ToolOutput::default();
        let of = |key: &str| find(&store, key).map(|(kept, _)| kept.score.unwrap());
        for (key, score) in [("00070008", 0.1), ("00070009", 0.2), ("00070008", 0.3)] {
            keep(
                &store,
                key.to_owned(),
                &output,
                &frame(),
                vec![],
                Some(score),
            )
            .unwrap();
        }
        assert_eq!(of("00070008").unwrap(), 0.3);
        assert_eq!(of("00070009").unwrap(), 0.2);
        for key in ["00080007", "00090007"] {
            keep(&store, key.to_owned(), &output, &frame(), vec![], Some(0.4)).unwrap();
        }
        assert_eq!(of("00080007").unwrap(), 0.4);
        // As many as there are places for.
        let left = ["00070008", "00070009", "00080007", "00090007"];
        assert_eq!(left.iter().filter(|key| of(key).is_ok()).count(), 3);
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
        keep(&store, "00ff".to_owned(), &output, &frame(), hashes, None).unwrap();
        let (found, _) = find(&store, "00ff").unwrap();
        assert_eq!(found.files().unwrap()[0].1, b"<svg>7</svg>");
        // Another goal, or somebody with an editor, wrote over it: same name, same length.
        std::fs::write(&path, "<svg>8</svg>").unwrap();
        let miss = found.files().unwrap_err();
        assert!(matches!(miss, Miss::Altered(_)), "{miss}");
        assert!(miss.to_string().contains("not what was accepted"), "{miss}");
        // A record that names more files than it has hashes of proves nothing about the rest.
        keep(&store, "00ff".to_owned(), &output, &frame(), vec![], None).unwrap();
        let (unsealed, _) = find(&store, "00ff").unwrap();
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
