//! The terminal is ours: what a library writes to standard error by itself goes to the log.

/// Runs work that makes libraries talk, such as opening a graphics driver.
///
/// Standard error is the whole process's, so nothing else should be written there meanwhile: this is for the time before
/// anything is shown.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    let away = unix::Away::begin();
    let result = work();
    #[cfg(unix)]
    if let Ok(away) = away {
        away.end();
    }
    result
}

#[cfg(unix)]
mod unix {
    use std::io::{self, Read};
    use std::os::fd::OwnedFd;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use rustix::stdio::{dup2_stderr, stderr};

    /// The most that is kept of what was said.
    const SAID_BYTES_MAX: u64 = 16 << 10;
    /// How long the last words may take to come through.
    const LAST_WORDS: Duration = Duration::from_millis(200);

    /// Standard error while it is turned away.
    pub(super) struct Away {
        screen: OwnedFd,
        said: Receiver<Vec<u8>>,
    }

    impl Away {
        pub(super) fn begin() -> io::Result<Self> {
            let screen = stderr().try_clone_to_owned()?;
            let (mut pipe, end) = io::pipe()?;
            let (told, said) = channel();
            std::thread::Builder::new()
                .name("aios-quiet".to_owned())
                .spawn(move || {
                    let mut bytes = Vec::new();
                    let _ = pipe.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut bytes);
                    let _ = told.send(bytes);
                    // Whoever goes on writing, such as a process that a driver started, is never made to wait.
                    let _ = io::copy(&mut pipe, &mut io::sink());
                })?;
            dup2_stderr(&end)?;
            Ok(Self { screen, said })
        }

        pub(super) fn end(self) {
            if dup2_stderr(&self.screen).is_err() {
                return;
            }
            let said = self.said.recv_timeout(LAST_WORDS).unwrap_or_default();
            for line in String::from_utf8_lossy(&said).lines() {
                tracing::debug!(line, "a library said");
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::process::{Command, Stdio};

        use super::super::quietly;

        /// Set in the process that is watched.
        const WATCHED: &str = "AIOS_TEST_QUIET";

        /// Writes to the file itself, as a library in C does: what Rust's own tests capture would not do.
        fn say(word: &str) {
            let status = Command::new("sh")
                .args(["-c", "echo \"$0\" >&2", word])
                .status();
            assert!(status.is_ok_and(|status| status.success()));
        }

        #[test]
        fn what_a_library_says_meanwhile_does_not_reach_the_screen() {
            if std::env::var_os(WATCHED).is_some() {
                say("before");
                assert_eq!(quietly(|| (say("meanwhile"), 7).1), 7);
                say("after");
                return;
            }
            let name =
                "quiet::unix::tests::what_a_library_says_meanwhile_does_not_reach_the_screen";
            let watched = Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", name, "--nocapture"])
                .env(WATCHED, "1")
                .stdout(Stdio::null())
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&watched.stderr);
            assert!(watched.status.success(), "{said}");
            assert_eq!(said.lines().collect::<Vec<_>>(), ["before", "after"]);
        }
    }
}
