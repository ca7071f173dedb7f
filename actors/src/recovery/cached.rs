//! Results that were accepted before, found again by what was asked: the action, its arguments and the state of the files it reads.
//!
//! A fixed number of places, one per hash: a new result takes the place of an older one. So the cache never grows, and a miss costs no
//! more than the work itself.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aios_memory::Store;
use aios_protocols::{TenantId, Timestamp};
use aios_tools::ToolOutput;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::agent::AgentError;
use crate::content::hex;

/// Places for results in one store.
const PLACES: u16 = 1_024;
/// A larger result is not kept: with all places full this bounds the cache at 256 MB.
const RESULT_BYTES: usize = 256 << 10;

/// One result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    key: String,
    at: Timestamp,
    /// The critic's score of it.
    pub(crate) score: Option<f64>,
    /// What the tool gave.
    pub(crate) output: ToolOutput,
}

impl Kept {
    /// How old it is.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.at)
    }
}

/// What was asked, as one name.
pub(crate) fn key(tenant: &TenantId, action: &str, args: &Value, files: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), action, &args.to_string()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    for file in files {
        hash.update(state_of(file));
    }
    hex(&hash.finalize())
}

/// A file's name, length and time of change; a file that is not there has a state too.
pub(crate) fn state_of(file: &str) -> Vec<u8> {
    let state = std::fs::metadata(file).ok();
    let modified = state
        .as_ref()
        .and_then(|state| state.modified().ok()?.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_nanos());
    let mut bytes = file.as_bytes().to_vec();
    bytes.push(0);
    bytes.extend(state.map_or(0, |state| state.len()).to_le_bytes());
    bytes.extend(modified.to_le_bytes());
    bytes
}

fn place(key: &str) -> Vec<u8> {
    // The key is hexadecimal; its first four digits choose the place.
    let number = u16::from_str_radix(key.get(..4).unwrap_or("0"), 16).unwrap_or(0) % PLACES;
    format!("result/{number:04}").into_bytes()
}

/// Keeps an accepted result. One that is too large is not kept.
pub(crate) fn keep(
    store: &Arc<dyn Store>,
    key: String,
    output: &ToolOutput,
    score: Option<f64>,
    at: Timestamp,
) -> Result<(), AgentError> {
    let at_place = place(&key);
    let kept = Kept {
        key,
        at,
        score,
        output: output.clone(),
    };
    let bytes = serde_json::to_vec(&kept)?;
    if bytes.len() <= RESULT_BYTES {
        store.put(&at_place, &bytes)?;
    }
    Ok(())
}

/// The result that was accepted for this, if it is still there.
pub(crate) fn find(store: &Arc<dyn Store>, key: &str) -> Option<Kept> {
    let bytes = store.get(&place(key)).ok()??;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (kept.key == key).then_some(kept)
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

    #[test]
    fn a_result_is_found_by_what_was_asked_of_the_same_file_and_by_nothing_else() {
        let folder = std::env::temp_dir().join(format!("aios-cached-{}", std::process::id()));
        std::fs::write(&folder, "a,b\n1,2\n").unwrap();
        let file = folder.to_str().unwrap().to_owned();
        let tenant = |name| TenantId::new(name).unwrap();
        let (ours, args) = (tenant("local"), json!({"query": "SELECT 1"}));
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let asked = key(&ours, "sql", &args, std::slice::from_ref(&file));
        let now = Timestamp::since_epoch(Duration::from_secs(1_000));
        let output = ToolOutput {
            value: json!(7),
            ..ToolOutput::default()
        };
        keep(&store, asked.clone(), &output, Some(0.9), now).unwrap();
        let found = find(&store, &asked).unwrap();
        assert_eq!((found.output.value, found.score), (json!(7), Some(0.9)));
        for other in [
            key(&tenant("other"), "sql", &args, std::slice::from_ref(&file)),
            key(&ours, "chart", &args, std::slice::from_ref(&file)),
            key(
                &ours,
                "sql",
                &json!({"query": "SELECT 2"}),
                std::slice::from_ref(&file),
            ),
            key(&ours, "sql", &args, &[]),
        ] {
            assert!(find(&store, &other).is_none());
        }
        std::fs::write(&folder, "a,b\n1,2\n3,4\n").unwrap();
        let changed = key(&ours, "sql", &args, std::slice::from_ref(&file));
        assert!(find(&store, &changed).is_none(), "the file has changed");
        std::fs::remove_file(&folder).unwrap();
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
