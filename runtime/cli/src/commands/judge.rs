//! `aios judge`: an answer, or a batch of them, held against goal and sources, here or by the Critic of a running node.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_control::{GivenFile, Judge as ToJudge, Request};
use aios_judge::{Case, Criteria, Ground, Heard, Judged, Outside, Report, Said, Status, judge};
use aios_tools::{read_regular, run_command};
use aios_work::{CancelFlag, Category, Material, Reader, shown};

use crate::arguments::Judge;
use crate::client;
use crate::console;
use crate::failure::{Failure, Kind};

/// A file of an answer, of criteria or of a goal that is larger is refused.
const FILE_BYTES: u64 = 64 << 20;
/// A line of a batch that is longer is refused.
const LINE_BYTES: u64 = 8 << 20;
/// Goals of a batch whose sources are held at once.
const GROUNDS: usize = 64;

/// Judges. Exit code 0: approved, or unverified, which the report says; 1: rejected.
pub(crate) fn run(arguments: &Judge) -> Result<ExitCode, Failure> {
    if let Some(file) = &arguments.batch {
        return batch(file, &criteria(arguments)?);
    }
    let (Some(goal), Some(file)) = (&arguments.goal, &arguments.answer) else {
        return Err(Failure::usage(
            "--goal TEXT and a file with the answer are needed, or --batch FILE",
        ));
    };
    let report = match arguments.which.node {
        Some(_) => by_node(arguments, goal, file)?,
        None => here(arguments, goal, file)?,
    };
    if arguments.json {
        console::json(&report)?;
    } else {
        console::result(&told(&report))?;
    }
    Ok(match report.status {
        Status::Rejected => ExitCode::FAILURE,
        Status::Approved | Status::Unverified => ExitCode::SUCCESS,
    })
}

fn criteria(arguments: &Judge) -> Result<Criteria, Failure> {
    match &arguments.criteria {
        Some(file) => Criteria::read(&text_of(file)?)
            .map_err(|error| input(format!("{}: {error}", file.display()))),
        None => Ok(Criteria::default()),
    }
}

fn here(arguments: &Judge, goal: &str, file: &Path) -> Result<Report, Failure> {
    let criteria = criteria(arguments)?;
    let answer = text_of(file)?;
    let ground = ground(goal, &arguments.data)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let heard = outside(&criteria, folder);
    Ok(judge(&answer, &ground, &criteria, &heard))
}

/// The same by the Critic of a running node: everything travels by content, so the node may be anywhere.
fn by_node(arguments: &Judge, goal: &str, file: &Path) -> Result<Report, Failure> {
    let source = |file: &PathBuf| {
        let (name, bytes) = source(file)?;
        Ok(GivenFile::new(name, bytes))
    };
    let asked = ToJudge {
        criteria: arguments.criteria.as_deref().map(text_of).transpose()?,
        files: arguments
            .data
            .iter()
            .map(source)
            .collect::<Result<_, Failure>>()?,
        ..ToJudge::new(goal, text_of(file)?)
    };
    client::once(&arguments.which, &Request::Judge(asked))
}

/// A source by its name and what is in it.
fn source(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let bytes = read_regular(file, FILE_BYTES)
        .map_err(|error| input(format!("{}: {error}", file.display())))?;
    let name = file.file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), bytes))
}

/// Judges one case a line; a line that cannot be judged ends the batch with its number.
fn batch(file: &Path, criteria: &Criteria) -> Result<ExitCode, Failure> {
    if !criteria.outside.is_empty() {
        return Err(input("a batch is judged by what is pure: leave commands, tools and models out of its criteria".to_owned()));
    }
    let mut bench = Bench::new(file);
    for case in cases(file)? {
        let case = case?;
        let report = bench.judge(&case, criteria)?;
        console::json_line(
            &serde_json::to_value(Judged {
                id: case.id,
                report,
            })
            .map_err(|error| Failure::plain(error.to_string()))?,
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The cases of a file, one a line.
pub(crate) fn cases(file: &Path) -> Result<impl Iterator<Item = Result<Case, Failure>>, Failure> {
    let name = file.display().to_string();
    let opened = std::fs::File::open(file)
        .map_err(|error| input(format!("{name} cannot be read: {error}")))?;
    let mut lines = BufReader::new(opened);
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        loop {
            number += 1;
            let mut line = Vec::new();
            let wrong = |what: String| Some(Err(input(format!("{name}, line {number}: {what}"))));
            match lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(read) if read as u64 == LINE_BYTES && line.last() != Some(&b'\n') => {
                    return wrong("it is longer than 8 MB".to_owned());
                }
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => match serde_json::from_slice(&line) {
                    Ok(case) => return Some(Ok(case)),
                    Err(error) => return wrong(error.to_string()),
                },
                Err(error) => return wrong(error.to_string()),
            }
        }
    }))
}

/// Judges cases of one folder: what a goal rests on is read once.
pub(crate) struct Bench {
    folder: PathBuf,
    grounds: HashMap<(String, Option<String>), Arc<Ground>>,
    /// Time spent judging, sources and goal being read.
    pub(crate) spent: Duration,
}

impl Bench {
    pub(crate) fn new(file: &Path) -> Self {
        Self {
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            grounds: HashMap::new(),
            spent: Duration::ZERO,
        }
    }

    pub(crate) fn judge(&mut self, case: &Case, criteria: &Criteria) -> Result<Report, Failure> {
        let ground = self.ground(case)?;
        let started = Instant::now();
        let report = judge(&case.answer, &ground, criteria, &[]);
        self.spent += started.elapsed();
        Ok(report)
    }

    /// What each part of a judgement takes.
    pub(crate) fn profile(
        &mut self,
        case: &Case,
        criteria: &Criteria,
    ) -> Result<Vec<(&'static str, Duration)>, Failure> {
        let ground = self.ground(case)?;
        Ok(aios_judge::profile(&case.answer, &ground, criteria))
    }

    fn ground(&mut self, case: &Case) -> Result<Arc<Ground>, Failure> {
        let key = (case.goal.clone(), case.data_file.clone());
        if self.grounds.len() >= GROUNDS && !self.grounds.contains_key(&key) {
            self.grounds.clear();
        }
        match self.grounds.get(&key) {
            Some(ground) => Ok(Arc::clone(ground)),
            None => {
                let data: Vec<PathBuf> = case
                    .data_file
                    .iter()
                    .map(|name| self.folder.join(name))
                    .collect();
                let ground = Arc::new(ground(&case.goal, &data)?);
                self.grounds.insert(key, Arc::clone(&ground));
                Ok(ground)
            }
        }
    }
}

/// A goal with the sources in these files. One that cannot be read is told to the judge, who then approves nothing that rests on it.
fn ground(goal: &str, files: &[PathBuf]) -> Result<Ground, Failure> {
    let readers: [&dyn Reader; 2] = [&aios_tables::TableReader, &aios_documents::DocumentReader];
    let (mut materials, mut unread) = (Vec::new(), Vec::new());
    for file in files {
        let (name, bytes) = source(file)?;
        match Material::read(readers, &name, bytes) {
            Ok(material) => materials.push(material),
            Err(why) => unread.push(why),
        }
    }
    let ground = Ground::new(goal, &materials, Vec::new());
    Ok(unread.into_iter().fold(ground, Ground::without))
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let bytes = read_regular(file, FILE_BYTES)
        .map_err(|error| input(format!("{}: {error}", file.display())))?;
    String::from_utf8(bytes).map_err(|_| input(format!("{} is no text in UTF-8", file.display())))
}

fn input(sentence: String) -> Failure {
    Failure::new(Kind::Input, sentence)
}

/// Carries out what the criteria ask of others and what can be had without a node: commands. Tools and models need one.
fn outside(criteria: &Criteria, folder: &Path) -> Vec<Heard> {
    let hear = |outside: &Outside| {
        let (dimension, said) = match outside {
            Outside::Command { run, timeout_ms } => {
                (Category::Accuracy, command(run, *timeout_ms, folder))
            }
            Outside::Tool { .. } => (
                Category::Accuracy,
                Said::Unable("tools are called by a node; ask its critic".to_owned()),
            ),
            Outside::Model(rubric) => (
                rubric.dimension,
                Said::Unable("there is no model here; ask the critic of a node".to_owned()),
            ),
        };
        Heard {
            check: outside.name(),
            dimension,
            said,
        }
    };
    criteria.outside.iter().map(hear).collect()
}

/// Runs a command of the criteria in the answer's folder.
fn command(run: &[String], timeout_ms: u64, folder: &Path) -> Said {
    let allowed = Duration::from_millis(timeout_ms);
    match run_command(run, folder, allowed, &CancelFlag::new()) {
        Ok(end) => Said::of_command(run, end.code, end.last_line()),
        Err(error) => Said::Unable(error.to_string()),
    }
}

/// A report for people.
fn told(report: &Report) -> String {
    let status = match report.status {
        Status::Approved => "approved",
        Status::Unverified => "unverified",
        Status::Rejected => "rejected",
    };
    let mut out = format!(
        "{status}, {:.2} ({} of {} claims borne out)",
        report.score, report.supported, report.claims
    );
    for (name, value) in report.dimensions.by_name() {
        let _ = write!(out, "\n  {name:13} {value:.2}");
    }
    for issue in &report.issues {
        let check = issue.check.as_deref().unwrap_or("");
        let line = issue
            .line
            .map(|line| format!(", line {line}"))
            .unwrap_or_default();
        let _ = write!(
            out,
            "\n- {} ({check}{line})",
            shown::terminal(&issue.description)
        );
        if let Some(words) = &issue.location {
            let _ = write!(out, "\n    in: {}", shown::terminal(words));
        }
        if let Some(evidence) = &issue.evidence {
            let _ = write!(out, "\n    known: {}", shown::terminal(evidence));
        }
    }
    for unable in &report.unable {
        let _ = write!(
            out,
            "\n- {} could not run: {}",
            unable.check,
            shown::terminal(&unable.why)
        );
    }
    out
}
