//! A server's process: its own group, its pipes, and its end. Whatever it starts is in its group and ends with it.
//!
//! Its end is a ladder: its input is closed, then it is asked to end, then it and all it started are killed. If the node itself is killed,
//! nobody is left to climb down; so beside each server stands a shell that waits for the node's end of a pipe to close, and then kills the
//! group.

use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::environment::Environment;
use super::limits::{LAST_WORDS, RUNG};

/// What the shell does that waits: nothing comes on the pipe, so reading ends when nobody holds its other end.
const WATCH: &str = "read -r _; kill -9 \"-$1\" 2>/dev/null";

/// A running process with its pipes taken out. Dropped, its group is killed.
pub(crate) struct Process {
    child: Child,
    group: Group,
    watch: Option<Child>,
}

/// The pipes of a process.
pub(crate) struct Pipes {
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
    pub(crate) errors: ChildStderr,
}

/// A process group that is killed when this is dropped. Its number is its leader's, and is told once, right after the leader has ended: before
/// the system gives the number to anybody else.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // One that is gone has nothing left to be told.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Process {
    /// Starts a program.
    pub(crate) fn start(
        command: &[String],
        environment: &Environment,
    ) -> io::Result<(Self, Pipes)> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment.all())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Group(number.and_then(Pid::from_raw));
        let pipes = child
            .stdin
            .take()
            .zip(child.stdout.take())
            .zip(child.stderr.take());
        let Some(((input, output), errors)) = pipes else {
            return Err(io::Error::other("its pipes are not there"));
        };
        let pipes = Pipes {
            input,
            output,
            errors,
        };
        let watch = match number.map(watch).transpose() {
            Ok(watch) => watch,
            Err(error) => {
                tracing::warn!(%error, "nobody watches over a server: killed, this node would leave it behind");
                None
            }
        };
        Ok((
            Self {
                child,
                group,
                watch,
            },
            pipes,
        ))
    }

    /// Ends it, and all it started. Its input is closed already. Says how it ended if it did so before it was told to.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        let mut by_itself = None;
        for signal in [None, Some(Signal::TERM)] {
            if let Some(signal) = signal {
                self.group.signal(signal);
            }
            if let Ok(ended) = timeout(RUNG, self.child.wait()).await {
                by_itself = ended.ok().filter(|_| signal.is_none());
                break;
            }
        }
        self.over().await;
        by_itself
    }

    async fn over(&mut self) {
        self.group.signal(Signal::KILL);
        let _ = self.child.wait().await;
        self.group.0 = None;
        if let Some(mut watch) = self.watch.take() {
            let _ = watch.kill().await;
        }
    }
}

fn watch(group: i32) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", WATCH, "aios-watch", &group.to_string()])
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

/// The last line of what a process says of its errors. All of it is read, or the process would wait for ever; the rest is forgotten.
pub(crate) async fn last_words(errors: impl AsyncRead + Unpin, mut heard: impl FnMut(&str)) {
    let mut errors = BufReader::new(errors);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let (used, whole) = match errors.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let text = &bytes[..end.unwrap_or(bytes.len())];
                let room = (4 * LAST_WORDS).saturating_sub(line.len());
                line.extend_from_slice(&text[..text.len().min(room)]);
                (end.map_or(bytes.len(), |end| end + 1), end.is_some())
            }
        };
        errors.consume(used);
        if whole {
            say(&mut line, &mut heard);
        }
    }
    say(&mut line, &mut heard);
}

fn say(line: &mut Vec<u8>, heard: &mut impl FnMut(&str)) {
    let text = String::from_utf8_lossy(line);
    if !text.trim().is_empty() {
        heard(text.trim());
    }
    line.clear();
}
