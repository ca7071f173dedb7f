//! Takes a sync, a check, an order away and sees whether the test that was written for it fails.
//!
//! `cargo run -p aios-journal --example mutations` does all that `tests/mutations` lists; `-- --only PATTERN` those whose name, file or
//! package holds the pattern. What was killed is noted below `target/mutations`, so a run that is cut short goes on where it was: a mutation
//! is tried again when it, the file that it changes or its test's package has changed, or with `--again`. `--list` only says what there is
//! and how it stands. The tree is copied below `target/mutations` and changed there, so nothing here is touched, whatever ends the run, and
//! one mutation after the other costs a build of one package.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
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

/// What is asked for.
#[derive(Default)]
struct Asked {
    only: String,
    again: bool,
    list: bool,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--only" => {
                    asked.only = words.next().ok_or("--only needs a pattern")?;
                }
                "--again" => asked.again = true,
                "--list" => asked.list = true,
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "there is no {flag}; there are --only PATTERN, --again and --list"
                    ));
                }
                _ => asked.only = word,
            }
        }
        Ok(asked)
    }

    fn wants(&self, mutation: &Mutation) -> bool {
        [&mutation.name, &mutation.file, &mutation.test]
            .iter()
            .any(|text| text.contains(&self.only))
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let asked = Asked::read(std::env::args().skip(1))?;
    let tree = root.join("target/mutations/tree");
    // A folder of its own: cargo takes what is built of two trees with the same names for the same.
    let build = root.join("target/mutations/build");
    let noted = root.join("target/mutations/killed");
    if !asked.list {
        copy(&root, &tree)?;
    }
    let killed = killed(&noted)?;
    let (mut tried, mut left, mut before) = (0, Vec::new(), 0);
    for mutation in wanted(&root, &asked)? {
        let stamp = stamp(&root, &mutation)?;
        let known = killed.get(&mutation.name) == Some(&stamp);
        if asked.list {
            let word = if known { "killed" } else { "to be tried" };
            say(&format!("{word:14} {}", mutation.name));
            continue;
        }
        if known && !asked.again {
            before += 1;
            continue;
        }
        tried += 1;
        let begun = Instant::now();
        let verdict = judge(&mutation, &tree, &build)?;
        say(&format!(
            "{verdict:14} {:>4} s  {}",
            begun.elapsed().as_secs(),
            mutation.name
        ));
        if verdict.starts_with("killed") {
            let mut file = fs::File::options().create(true).append(true).open(&noted)?;
            writeln!(file, "{stamp:016x} {}", mutation.name)?;
        } else {
            left.push(mutation.name);
        }
    }
    if asked.list {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "{} of {tried} were killed, and {before} had been",
        tried - left.len()
    ));
    for name in &left {
        say(&format!("left: {name}"));
    }
    Ok(if left.is_empty() && tried + before > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The mutations that are asked for, those of one package and file together: each then costs the least to build.
fn wanted(root: &Path, asked: &Asked) -> Result<Vec<Mutation>, Box<dyn Error>> {
    let mut all = Vec::new();
    for list in fs::read_dir(root.join("tests/mutations"))? {
        let list: List = toml::from_str(&fs::read_to_string(list?.path())?)?;
        all.extend(list.mutation.into_iter().filter(|it| asked.wants(it)));
    }
    all.sort_by(|a, b| (&a.test, &a.file, &a.name).cmp(&(&b.test, &b.file, &b.name)));
    Ok(all)
}

/// What was killed by the runs before, by name and stamp.
fn killed(noted: &Path) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let text = match fs::read_to_string(noted) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let line = |line: &str| {
        let (stamp, name) = line.split_once(' ')?;
        Some((name.to_owned(), u64::from_str_radix(stamp, 16).ok()?))
    };
    // Of a line that was cut short nothing is believed.
    Ok(text.lines().filter_map(line).collect())
}

/// Another one when the mutation, or any source of the package that it is tested in, is another one.
fn stamp(root: &Path, mutation: &Mutation) -> Result<u64, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    let Mutation {
        name,
        file,
        from,
        to,
        test,
    } = mutation;
    (name, file, from, to, test).hash(&mut hasher);
    let folder = root.join(file);
    // The package is the folder above `src`.
    let package = folder
        .ancestors()
        .find(|folder| folder.join("Cargo.toml").is_file())
        .ok_or("a mutation of no package")?;
    for part in ["src", "tests"] {
        hash_files(&package.join(part), &mut hasher)?;
    }
    Ok(hasher.finish())
}

fn hash_files(folder: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash_files(&path, hasher)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
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
