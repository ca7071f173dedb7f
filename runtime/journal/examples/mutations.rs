//! Takes a sync, a check, an order away and sees whether the test that was written for it fails.
//!
//! `cargo run -p aios-journal --example mutations` does all that `tests/mutations` lists, `-- WORD` those whose name holds the word. The tree
//! is copied below `target/mutations` and changed there, so nothing here is touched, whatever ends the run.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// A test that hangs because of a mutation has noticed it too.
const LIMIT: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct List {
    mutation: Vec<Mutation>,
}

/// One change that a test must notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    name: String,
    file: String,
    from: String,
    to: String,
    /// What cargo is asked: the package and the test written for it.
    test: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let word = std::env::args().nth(1).unwrap_or_default();
    let tree = root.join("target/mutations/tree");
    // A folder of its own: cargo takes what is built of two trees with the same names for the same.
    let build = root.join("target/mutations/build");
    copy(&root, &tree)?;
    let mut lists: Vec<PathBuf> = fs::read_dir(root.join("tests/mutations"))?
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<_, _>>()?;
    lists.sort();
    let (mut tried, mut left) = (0, Vec::new());
    for list in lists {
        let list: List = toml::from_str(&fs::read_to_string(list)?)?;
        for mutation in list.mutation.iter().filter(|it| it.name.contains(&word)) {
            tried += 1;
            let begun = Instant::now();
            let verdict = judge(mutation, &tree, &build)?;
            say(&format!(
                "{verdict:14} {:>4} s  {}",
                begun.elapsed().as_secs(),
                mutation.name
            ));
            if !verdict.starts_with("killed") {
                left.push(mutation.name.clone());
            }
        }
    }
    say(&format!("{} of {tried} were killed", tried - left.len()));
    for name in &left {
        say(&format!("left: {name}"));
    }
    Ok(if left.is_empty() && tried > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[allow(clippy::print_stdout)] // it is a program
fn say(line: &str) {
    println!("{line}");
}

/// What becomes of one mutation.
fn judge(mutation: &Mutation, tree: &Path, build: &Path) -> Result<&'static str, Box<dyn Error>> {
    let file = tree.join(&mutation.file);
    let whole = fs::read_to_string(&file)?;
    if whole.matches(&mutation.from).count() != 1 {
        return Ok("does not apply");
    }
    fs::write(&file, whole.replacen(&mutation.from, &mutation.to, 1))?;
    let outcome = run(mutation, tree, build);
    fs::write(&file, whole)?;
    outcome
}

fn run(mutation: &Mutation, tree: &Path, build: &Path) -> Result<&'static str, Box<dyn Error>> {
    // Building takes as long as it takes; only the test has a limit.
    if !cargo(mutation, tree, build, true)?.wait()?.success() {
        return Ok("does not build");
    }
    let mut child = cargo(mutation, tree, build, false)?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok("killed (hangs)");
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = fs::read_to_string(log(build))?;
    let ran = |line: &str| line.starts_with("running ") && !line.starts_with("running 0 ");
    Ok(if !said.lines().any(ran) {
        "runs no test"
    } else if status.success() {
        "SURVIVED"
    } else {
        "killed"
    })
}

fn log(build: &Path) -> PathBuf {
    build.with_extension("log")
}

/// Builds the test, or runs it.
fn cargo(mutation: &Mutation, tree: &Path, build: &Path, only_build: bool) -> io::Result<Child> {
    let out = fs::File::create(log(build))?;
    Command::new("cargo")
        .arg("test")
        .args(only_build.then_some("--no-run"))
        .args(mutation.test.split_whitespace())
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", build)
        .stdout(out.try_clone()?)
        .stderr(out)
        .stdin(Stdio::null())
        .spawn()
}

/// Copies what git knows of, where it differs, so that little is built anew.
fn copy(root: &Path, tree: &Path) -> Result<(), Box<dyn Error>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (root.join(name), tree.join(name));
        let Ok(bytes) = fs::read(&from) else {
            continue;
        };
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, bytes)?;
    }
    Ok(())
}
