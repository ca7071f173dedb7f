//! A command of an owner's, run to its end: its exit code and the last thing it said.
//!
//! It starts in a folder that is its own, with no environment but the search path, in a process group of its own that is killed when its
//! time is over. What it may reach beyond its folder is for the system to say: whoever lets commands be run has granted that.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use aios_work::CancelFlag;
use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes that are kept of what a command says.
const SAID: usize = 64 << 10;
/// How often a waiting caller is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// How long what a command said is waited for once it has ended: somebody else may hold its pipe.
const LAST: Duration = Duration::from_millis(500);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandEnd {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The end of what it printed, errors included, in bounds.
    pub said: String,
}

impl CommandEnd {
    /// Whether it says that all is well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// The last line that it said.
    #[must_use]
    pub fn last_line(&self) -> &str {
        let mut lines = self.said.lines().rev();
        lines.find(|line| !line.trim().is_empty()).unwrap_or("")
    }
}

/// Why a command gave no exit code.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is none.
    #[error("the command is empty")]
    Empty,
    /// It could not be started.
    #[error("{program} cannot be started: {error}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// It went on for too long.
    #[error("{program} was not done after {allowed_ms} ms")]
    Late {
        /// The program.
        program: String,
        /// What it was given.
        allowed_ms: u128,
    },
    /// Nobody waits for it any more.
    #[error("nobody waits for {program} any more")]
    Cancelled {
        /// The program.
        program: String,
    },
}

/// Runs a command in a folder. Blocks until it has ended, its time is over, or nobody waits for it any more.
///
/// # Errors
/// Why there is no exit code.
pub fn run_command(
    command: &[String],
    folder: &Path,
    allowed: Duration,
    cancel: &CancelFlag,
) -> Result<CommandEnd, CommandError> {
    let (program, arguments) = command.split_first().ok_or(CommandError::Empty)?;
    let start = |error| CommandError::Start {
        program: program.clone(),
        error,
    };
    let (reader, writer) = io::pipe().map_err(start)?;
    let errors = writer.try_clone().map_err(start)?;
    let mut child = Command::new(program);
    child
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .process_group(0);
    if let Some(path) = std::env::var_os("PATH") {
        child.env("PATH", path);
    }
    let started = child.spawn().map_err(start);
    // It holds this side's copies of the pipe's end.
    drop(child);
    let mut running = Running::of(started?);
    let said = listen(reader);
    let until = Instant::now() + allowed;
    let status = loop {
        match running.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if cancel.is_cancelled() => {
                let program = program.clone();
                return Err(CommandError::Cancelled { program });
            }
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
            Ok(None) => {
                return Err(CommandError::Late {
                    program: program.clone(),
                    allowed_ms: allowed.as_millis(),
                });
            }
            Err(error) => return Err(start(error)),
        }
    };
    running.end();
    Ok(end(status, &said))
}

fn end(status: ExitStatus, said: &Receiver<Vec<u8>>) -> CommandEnd {
    let said = match said.recv_timeout(LAST) {
        Ok(said) => String::from_utf8_lossy(&said).into_owned(),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => String::new(),
    };
    CommandEnd {
        code: status.code(),
        said,
    }
}

/// Reads to the end beside the command, so that a full pipe does not stop it; the last bytes are kept.
fn listen(mut reader: io::PipeReader) -> Receiver<Vec<u8>> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut said: Vec<u8> = Vec::new();
        let mut some = [0; 8 << 10];
        while let Ok(read @ 1..) = reader.read(&mut some) {
            said.extend(&some[..read]);
            if said.len() > 2 * SAID {
                said.drain(..said.len() - SAID);
            }
        }
        let from = said.len().saturating_sub(SAID);
        // Whoever does not hear it any more does not need it.
        let _ = tell.send(said.split_off(from));
    });
    told
}

/// A started command. Dropped, it and all that it started are killed.
struct Running(Child);

impl Running {
    fn of(child: Child) -> Self {
        Self(child)
    }

    /// It has ended; what it left behind in its group ends too.
    fn end(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = pid {
            // One without anybody left has nothing to be told.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.end();
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, allowed: Duration) -> Result<CommandEnd, CommandError> {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", script].map(str::to_owned);
        run_command(&command, folder.path(), allowed, &CancelFlag::new())
    }

    #[test]
    fn a_command_ends_by_itself_or_is_ended_and_says_how() {
        let patience = Duration::from_secs(20);
        let good = run("echo fine; echo last >&2", patience).unwrap();
        assert!(good.is_success());
        assert_eq!(good.last_line(), "last");
        let bad = run("echo wrong; exit 3", patience).unwrap();
        assert_eq!((bad.code, bad.last_line()), (Some(3), "wrong"));
        let killed = run("kill -9 $$", patience).unwrap();
        assert_eq!(killed.code, None);
        let begun = Instant::now();
        let late = run("sleep 600 & sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(matches!(late, CommandError::Late { .. }), "{late}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        let none = run_command(
            &["/no/such/program".to_owned()],
            Path::new("/"),
            patience,
            &CancelFlag::new(),
        );
        assert!(matches!(none, Err(CommandError::Start { .. })));
    }

    #[test]
    fn it_sees_its_folder_and_no_environment_and_what_it_says_is_bounded() {
        let patience = Duration::from_secs(20);
        let seen = run("env | grep -c -v -e ^PATH= -e ^HOME= -e ^TMPDIR= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; pwd; ls -A", patience).unwrap();
        assert!(seen.said.starts_with("0\n"), "{}", seen.said);
        let much = run("yes 0123456789 | head -c 3000000; echo; echo end", patience).unwrap();
        assert!(much.said.len() <= SAID, "{}", much.said.len());
        assert_eq!(much.last_line(), "end");
    }

    #[test]
    fn nobody_waiting_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", "sleep 600"].map(str::to_owned);
        let cancel = CancelFlag::new();
        cancel.cancel();
        let ended = run_command(&command, folder.path(), Duration::from_secs(60), &cancel);
        assert!(matches!(ended, Err(CommandError::Cancelled { .. })));
    }
}
