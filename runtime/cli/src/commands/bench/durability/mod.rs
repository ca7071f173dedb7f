//! What lasting costs: the journal's own figures ([`aios_bench::durability`]), and those that need a whole node: one with ten thousand agents
//! that is killed and serves again ([`crowd`]), and one that a goal ends again and again ([`neighbours`]).
//!
//! The nodes are processes of their own: this program, started anew with the same arguments and told by its environment what to be.

mod crowd;
mod neighbours;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use aios_bench::{BenchError, Report};

use super::failed;

/// Tells a copy of this program what to be, and where its state lies.
const SUBJECT: &str = "AIOS_BENCH_DURABILITY_SUBJECT";
const FOLDER: &str = "AIOS_BENCH_DURABILITY_FOLDER";

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    if let Ok(subject) = std::env::var(SUBJECT) {
        let folder = std::env::var(FOLDER).map_err(failed)?;
        be(&subject, Path::new(&folder))?;
        // Whoever started it has heard what it wanted.
        std::process::exit(0)
    }
    let mut report = aios_bench::durability(rounds)?;
    crowd::measure(&mut report, rounds)?;
    neighbours::measure(&mut report, rounds)?;
    Ok(report)
}

fn be(subject: &str, folder: &Path) -> Result<(), BenchError> {
    match subject {
        crowd::FILLS => crowd::fills(folder),
        crowd::SERVES => crowd::serves(folder),
        neighbours::WORKS => neighbours::works(folder),
        other => Err(BenchError(format!("nobody is called {other:?}"))),
    }
}

/// A node in a process of its own, which is killed when this is dropped.
struct Subject(Child);

impl Subject {
    fn start(subject: &str, folder: &Path) -> Result<Self, BenchError> {
        let child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(std::env::args_os().skip(1))
            .env(SUBJECT, subject)
            .env(FOLDER, folder)
            .env_remove("AIOS_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Ok(Self(child.map_err(failed)?))
    }

    /// The next line that it says; it ended before if there is none.
    fn says(&mut self) -> Result<String, BenchError> {
        use std::io::{BufRead, BufReader};
        let out = self.0.stdout.as_mut();
        let out = out.ok_or_else(|| BenchError("it says nothing".to_owned()))?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
        if line.is_empty() {
            return Err(BenchError(
                "it ended before it said anything; what it complained of stands above".to_owned(),
            ));
        }
        Ok(line.trim().to_owned())
    }

    /// Whether it has ended by itself, or does so presently: its connection goes before it does.
    fn ended(&mut self) -> bool {
        let ended = || matches!(self.0.try_wait(), Ok(Some(_)));
        let mut looks = std::iter::repeat_with(ended).take(50);
        looks.any(|ended| {
            if !ended {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            ended
        })
    }

    fn kill(mut self) -> Result<(), BenchError> {
        self.0.kill().map_err(failed)?;
        self.0.wait().map_err(failed)?;
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says a line to whoever started this process.
fn say(line: &str) -> Result<(), BenchError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").map_err(failed)?;
    out.flush().map_err(failed)
}

/// A folder for a node's state, where the command is run: a memory file system would make it free.
fn place() -> Result<tempfile::TempDir, BenchError> {
    let mut place = tempfile::Builder::new();
    place.prefix(".aios-bench-").tempdir_in(".").map_err(failed)
}
