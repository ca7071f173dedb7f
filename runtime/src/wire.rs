//! What processes of one user say to each other over a socket that nobody else has an end of: lengths of four bytes, little-endian, and
//! JSON.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the longest message: more than any prompt that a model of this machine can read.
const BYTES_MAX: usize = 16 << 20;
const LENGTH: usize = 4;
/// Bytes that are read at once.
const PART: usize = 64 * 1024;

/// Why nothing more is said.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other end is closed.
    #[error("the other end of the socket is closed")]
    Closed,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(#[from] io::Error),
    /// A message is too long.
    #[error("a message of {asked} bytes, {BYTES_MAX} are allowed; ask for less at once")]
    TooLong {
        /// Its bytes.
        asked: usize,
    },
    /// A message means nothing.
    #[error("a message means nothing here: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Says a message.
pub(crate) fn say(mut socket: &UnixStream, message: &impl Serialize) -> Result<(), WireError> {
    let mut bytes = vec![0; LENGTH];
    serde_json::to_writer(&mut bytes, message)?;
    let asked = bytes.len() - LENGTH;
    if asked > BYTES_MAX {
        return Err(WireError::TooLong { asked });
    }
    bytes[..LENGTH].copy_from_slice(&(asked as u32).to_le_bytes());
    socket.write_all(&bytes)?;
    Ok(())
}

/// Hears messages.
pub(crate) struct Ear {
    socket: UnixStream,
    heard: Vec<u8>,
}

impl Ear {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// The next message; none if nothing more came within the socket's read timeout.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let before = self.heard.len();
            self.heard.resize(before + PART, 0);
            let read = (&self.socket).read(&mut self.heard[before..]);
            self.heard
                .truncate(before + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(0) => return Err(WireError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(WireError::Closed);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn whole<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        let Some(length) = self.heard.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let asked = u32::from_le_bytes(*length) as usize;
        if asked > BYTES_MAX {
            return Err(WireError::TooLong { asked });
        }
        let Some(bytes) = self.heard.get(LENGTH..LENGTH + asked) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(bytes)?;
        self.heard.drain(..LENGTH + asked);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Number {
        number: u64,
    }

    fn pair() -> (UnixStream, Ear) {
        let (here, there) = UnixStream::pair().unwrap();
        there
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        (here, Ear::new(there))
    }

    #[test]
    fn a_message_comes_whole_however_it_is_cut() {
        let (mut here, mut ear) = pair();
        let (sender, mut bytes) = UnixStream::pair().unwrap();
        for number in [1, 2] {
            say(&sender, &Number { number }).unwrap();
        }
        drop(sender);
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).unwrap();
        for byte in &all[..all.len() - 1] {
            here.write_all(&[*byte]).unwrap();
        }
        assert_eq!(ear.next().unwrap(), Some(Number { number: 1 }));
        assert_eq!(ear.next::<Number>().unwrap(), None, "a byte is missing");
        here.write_all(&all[all.len() - 1..]).unwrap();
        assert_eq!(ear.next().unwrap(), Some(Number { number: 2 }));
        drop(here);
        assert!(matches!(ear.next::<Number>(), Err(WireError::Closed)));
    }

    #[test]
    fn what_is_too_long_or_means_nothing_ends_the_talk() {
        let (mut here, mut ear) = pair();
        here.write_all(&u32::MAX.to_le_bytes()).unwrap();
        assert!(matches!(
            ear.next::<Number>(),
            Err(WireError::TooLong { .. })
        ));
        let (mut here, mut ear) = pair();
        here.write_all(&[2, 0, 0, 0, b'{', b'}']).unwrap();
        assert!(matches!(ear.next::<Number>(), Err(WireError::Malformed(_))));
        let long = "x".repeat(BYTES_MAX);
        assert!(matches!(say(&here, &long), Err(WireError::TooLong { .. })));
    }
}
