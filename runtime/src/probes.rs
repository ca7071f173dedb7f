//! What servers were found to honour, kept between runs: one small file for each engine.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use aios_inference::remote::Probe;

/// Bytes that are read of a file.
const BYTES_MAX: u64 = 64 << 10;

fn path(folder: &Path, engine: &str) -> PathBuf {
    folder.join(format!("{engine}.json"))
}

/// What is known of an engine; nothing where nothing was found out, or the file is none of ours.
pub fn read(folder: &Path, engine: &str) -> Option<Probe> {
    let mut text = String::new();
    let file = fs::File::open(path(folder, engine)).ok()?;
    file.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text)
        .inspect_err(|error| tracing::warn!(engine, %error, "what is known of the engine cannot be read; probe it again"))
        .ok()
}

/// Keeps what was found out; whoever looks finds the whole of it or what was there before.
///
/// # Errors
/// What the system said.
pub fn keep(folder: &Path, engine: &str, probe: &Probe) -> std::io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = path(folder, engine);
    let fresh = folder.join(format!(".{engine}.{}", std::process::id()));
    fs::write(&fresh, serde_json::to_vec_pretty(probe)?)?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_what_is_none_of_ours_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), "a"), None);
        let probe = Probe {
            at_unix_s: 7,
            model: "m".into(),
            embedding: Some(384),
            ..Probe::default()
        };
        let kept = keep(&folder.path().join("new"), "a", &probe).unwrap();
        assert_eq!(read(&folder.path().join("new"), "a"), Some(probe));
        fs::write(kept, "{").unwrap();
        assert_eq!(read(&folder.path().join("new"), "a"), None);
    }
}
