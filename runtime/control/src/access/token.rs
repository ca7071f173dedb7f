//! What a client shows to come in: 32 random bytes, in a file that only its user can read.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::socket::own_user;

/// More than this is no token.
const TEXT_MAX: u64 = 1_024;
/// The digits of 32 bytes.
const DIGITS: usize = 64;

/// A token. It is shown to nobody but whom it is handed to: neither a log nor an error holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers, so there is no token")]
    NoRandomness,
    /// It is no token.
    #[error(
        "a token is {DIGITS} hexadecimal digits, and this is none; take the one that `aios serve` wrote"
    )]
    NotAToken,
    /// Nobody has left one there.
    #[error(
        "there is no token's file {0}: no `aios serve` of yours listens there; start one, or set AIOS_TOKEN or AIOS_TOKEN_FILE"
    )]
    Missing(PathBuf),
    /// The file cannot be read or made.
    #[error("the token's file {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else owns it or can read it.
    #[error("the token's file {path} {what}; set its mode to 600, or remove it to get a new one")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Token {
    /// One that nobody has.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn fresh() -> Result<Self, TokenError> {
        let mut bytes = [0; DIGITS / 2];
        getrandom::fill(&mut bytes).map_err(|_| TokenError::NoRandomness)?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// One that somebody was handed.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let sound = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(TokenError::NotAToken)
    }

    /// From a file that only this user can read.
    ///
    /// # Errors
    /// When there is none, it is no token, or others can read it: then it is nobody's secret.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File {
            path: path.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TokenError::Missing(path.to_owned()),
            _ => failed(error),
        })?;
        let found = file.metadata().map_err(failed)?;
        let what = if !found.is_file() {
            Some("is no file")
        } else if found.uid() != own_user() {
            Some("belongs to another user")
        } else if found.mode() & 0o077 != 0 {
            Some("can be read by others")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(TokenError::Foreign {
                path: path.to_owned(),
                what,
            });
        }
        let mut text = String::new();
        file.take(TEXT_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text)
    }

    /// Writes it into a new file that only this user can read. A file of that name is replaced, not written into: it may be read by
    /// somebody who has it open.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn write(&self, path: &Path) -> Result<(), TokenError> {
        let draft = path.with_extension("new");
        let made = fs::remove_file(&draft)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| {
                let mut options = fs::OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                options.open(&draft)
            })
            .and_then(|mut file| {
                writeln!(file, "{}", self.0)?;
                // Before its name: an empty file of that name would keep the node from starting after a power cut.
                file.sync_all()
            })
            .and_then(|()| fs::rename(&draft, path));
        made.map_err(|source| TokenError::File {
            path: path.to_owned(),
            source,
        })
    }

    /// The token in words, for a header or a link.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it where it is checked: whoever reads that cannot come in by it.
    pub(crate) fn digest(text: &str) -> [u8; 32] {
        Sha256::digest(text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_read_back_from_a_file_that_nobody_else_reads_and_from_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::fresh().unwrap();
        assert_ne!(token, Token::fresh().unwrap());
        assert!(!format!("{token:?}").contains(token.reveal()));
        for _ in 0..2 {
            token.write(&path).unwrap();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(Token::read(&path).unwrap(), token);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Token::read(&path).unwrap_err().to_string();
        assert!(refused.contains("can be read by others"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in [
            "",
            "0123",
            "zz".repeat(32).as_str(),
            "0".repeat(66).as_str(),
        ] {
            fs::write(&path, text).unwrap();
            let refused = Token::read(&path);
            assert!(matches!(refused, Err(TokenError::NotAToken)), "{text:?}");
        }
    }
}
