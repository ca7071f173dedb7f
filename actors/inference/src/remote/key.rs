//! A server's key: where it comes from, and that it is never shown.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// Longest key file; the longest known keys have some 200 bytes.
const KEY_BYTES_MAX: u64 = 8_192;

/// Letters of a key that are taken out where a text breaks off in it.
const PIECE_LEAST: usize = 6;

/// Where a key comes from. It is read for each call, so that a key that was changed holds at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeySource {
    /// There is none.
    #[default]
    None,
    /// An environment variable, by its name.
    Variable(String),
    /// A file that is its owner's alone.
    File(PathBuf),
}

/// A key. Wiped when dropped; shown as three stars.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<String>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

impl KeySource {
    /// The key; none where none is needed.
    ///
    /// # Errors
    /// What is missing or wrong, without a word of the key.
    pub(super) fn read(&self) -> Result<Option<Key>, String> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Variable(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
                format!("the environment variable {name} is not set, or is no text")
            })?),
            Self::File(path) => {
                private_file(path).map_err(|reason| format!("{}: {reason}", path.display()))?
            }
        };
        Key::new(&text).map(Some).ok_or_else(|| {
            format!("what {self} holds is no key: a key is one line of visible characters")
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no key"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

fn private_file(path: &PathBuf) -> Result<Zeroizing<String>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let meta = file.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("it is no file".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err("others may read it; make it yours alone with chmod 600".to_owned());
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|_| "it is no text".to_owned())?;
    if text.len() as u64 > KEY_BYTES_MAX {
        return Err(format!("it is longer than {KEY_BYTES_MAX} bytes"));
    }
    Ok(text)
}

impl Key {
    fn new(text: &str) -> Option<Self> {
        let key = text.trim();
        let sound = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(Zeroizing::new(key.to_owned())))
    }

    /// As a header, marked so that nobody who logs headers shows it.
    pub(super) fn header(&self, before: &str) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("{before}{}", *self.0));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text without the key in it: servers say it again when they refuse it.
    /// Escaped as JSON has it, and cut off at the end, it is the key as well.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if let Some(after) = self.at_the_start_of(rest) {
                out.push_str("[key]");
                rest = after;
            } else {
                out.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
        out
    }

    /// What follows the key, where a text begins with it.
    fn at_the_start_of<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        for (at, wanted) in self.0.chars().enumerate() {
            if rest.is_empty() && at >= PIECE_LEAST {
                return Some(rest);
            }
            rest = escaped(rest, wanted).or_else(|| rest.strip_prefix(wanted))?;
        }
        Some(rest)
    }
}

/// Backslashes before one letter that are looked through.
const BACKSLASHES: usize = 16;

/// What follows a letter that is written with a backslash, or with more of them where JSON lies within JSON.
fn escaped(text: &str, wanted: char) -> Option<&str> {
    // JSON within JSON within JSON has seven; a text of nothing else must not be walked to its end at each place.
    let slashes = text
        .bytes()
        .take(BACKSLASHES)
        .take_while(|byte| *byte == b'\\');
    let bare = text.get(slashes.count()..)?;
    if bare.len() == text.len() {
        return None;
    }
    let coded = bare.strip_prefix('u').and_then(|hex| {
        let code = u32::from_str_radix(hex.get(..4)?, 16).ok()?;
        (code == u32::from(wanted)).then(|| hex.get(4..))?
    });
    coded.or_else(|| bare.strip_prefix(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_a_file_of_its_owner_alone_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, mode, expected) in [
            ("sk-very-secret\n", 0o600, Ok("Key(***)")),
            ("sk-very-secret", 0o400, Ok("Key(***)")),
            ("sk-very-secret", 0o640, Err("chmod 600")),
            ("sk-very-secret", 0o604, Err("chmod 600")),
            ("sk very secret", 0o600, Err("visible characters")),
            ("", 0o600, Err("visible characters")),
            ("sk-very\nsecret", 0o600, Err("visible characters")),
        ] {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, text).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            let read = KeySource::File(path.clone()).read();
            let shown = format!("{read:?}");
            assert!(!shown.contains("secret"), "{shown}");
            match expected {
                Ok(text) => assert!(shown.contains(text), "{shown}"),
                Err(text) => assert!(read.is_err() && shown.contains(text), "{shown}"),
            }
        }
        std::fs::write(&path, "x".repeat(10_000)).unwrap();
        assert!(KeySource::File(path.clone()).read().is_err());
        assert!(KeySource::File(folder.path().to_owned()).read().is_err());
        assert!(KeySource::File(folder.path().join("none")).read().is_err());
        assert!(
            KeySource::Variable("AIOS_TEST_NO_SUCH_KEY".into())
                .read()
                .is_err()
        );
    }

    #[test]
    fn a_key_that_a_server_says_again_is_taken_out() {
        let key = Key::new("sk-123").unwrap();
        assert_eq!(key.taken_out_of("wrong key: sk-123!"), "wrong key: [key]!");
        let key = Key::new("sk-12/3\\\"4").unwrap();
        for (text, without) in [
            (r#"a sk-12/3\"4 b"#, "a [key] b"),
            (r#"a sk-12\/3\\\"4 b"#, "a [key] b"),
            (r#"a sk\u002d12\u002F3\u005c\u00224 b"#, "a [key] b"),
            (r#"a sk\\u002d12\\/3\\\\\"4 b"#, "a [key] b"),
            ("cut off: sk-12/3", "cut off: [key]"),
            ("cut off: sk\\u002d12/3", "cut off: [key]"),
            (
                "sk-12 is another, \u{e4}\\u00",
                "sk-12 is another, \u{e4}\\u00",
            ),
        ] {
            assert_eq!(key.taken_out_of(text), without, "{text}");
        }
        let key = Key::new("sk-123").unwrap();
        let header = key.header("Bearer ").unwrap();
        assert!(header.is_sensitive());
        assert!(!format!("{header:?}").contains("sk-123"));
    }
}
