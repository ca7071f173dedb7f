//! What an answer rests on, as whoever must not trust the planner sees it.
//!
//! An executor signs its result with the name of the question it was asked. The planner leaves that frame in its folder as it came, and
//! names it to the Critic; nothing is written anew on the way. The Critic proves each frame, opens the plan in its domain as the planner
//! did, and sees for itself which facts follow. So a figure that was changed, a result that was invented, and one of another question are
//! found out, and one that was left out takes its facts with it.
//!
//! What no executor signed for this goal:
//!
//! - An earlier result is proven by the frame that was kept beside it. The keys of agents live as long as their process, so a result of an
//!   earlier process can be proven by nobody any more, and the planner does not use it.
//! - What the domain knows by itself is not believed but asked of the domain once more.
//! - Passages come in the memory's signed reply.
//! - The goal's files are read by the Critic itself and compared with those the planner means.
//! - The plan (its questions, how it reads their results, its notes), the gaps and which tasks failed are the planner's word, within limits
//!   of size. A plan names its own questions and they stand in the answer as the facts' sources; what is said to have failed makes the
//!   answer partial.
//!
//! Folders are in memory and end with the run: a frame outlives neither its keys nor its goal, so none is worth a write to a disk. A
//! planner on another node puts the frames into its exhibits.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aios_actors::agent::Context;
use aios_protocols::{Authentic, Limits, Party, Performative, Sealed, Timestamp, authenticate};
use aios_work::content::{Exhibit, Grounds, Origin, Recalled, TaskResult, asked, ontology, unhex};
use aios_work::{
    Artifact, Case, Goal, InputFile, Plan, PlanError, PlanLimits, Simpler, SoFar, Task,
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::cached::GoalFiles;
use crate::{Packs, cached};

/// Results that one Critic remembers to have proven. A goal has at most 32 tasks, so this is a few goals at once.
const PROVEN: usize = 256;
/// Bytes of memory that it gives to them, frames and what was read from them: some of the largest, thousands of the usual.
const PROVEN_BYTES: usize = 64 << 20;
/// Bytes of frames in the folder of one run: of each task of the usual plan one of the largest.
const FOLDER_BYTES: usize = 32 << 20;
/// Goals whose files it remembers to have read; those of one that is forgotten meanwhile are read again.
const GOALS: usize = 256;
/// What a plan may have that the Critic looks at: in tasks the most that a node may allow, in bytes what it does allow. Tokens and time are
/// spent when there is something to judge.
const LIMITS: PlanLimits = PlanLimits {
    tasks: 1_000,
    tokens: u64::MAX,
    time_ms: u64::MAX,
    ..PlanLimits::USUAL
};
/// What the memory's reply is called in a folder; no task has an empty name.
const PASSAGES: &str = "";

/// The folders of one node, each with the frames of one run. Cheap to clone; clones are the same room.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<Shelves>);

#[derive(Default)]
struct Shelves {
    folders: Mutex<HashMap<u64, Frames>>,
    opened: AtomicU64,
}

/// The newest frame of each task, with its operation.
#[derive(Default)]
struct Frames {
    by_task: HashMap<String, (String, Sealed)>,
    bytes: usize,
}

/// The frames of one run; they are gone when it is dropped.
pub(crate) struct Folder {
    room: Room,
    number: u64,
}

impl Room {
    pub(crate) fn open(&self) -> Folder {
        let number = self.0.opened.fetch_add(1, Ordering::Relaxed);
        self.0.folders.lock().insert(number, Frames::default());
        Folder {
            room: self.clone(),
            number,
        }
    }

    fn find(&self, folder: u64, name: &str) -> Option<Sealed> {
        let folders = self.0.folders.lock();
        let mut frames = folders.get(&folder)?.by_task.values();
        let (_, frame) = frames.find(|(operation, _)| operation == name)?;
        Some(frame.clone())
    }
}

impl Folder {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Leaves the frame of a task's result; that of an attempt before it is of no use any more and leaves.
    ///
    /// # Errors
    /// When the folder is full, in a sentence.
    pub(crate) fn keep(&self, task: &str, operation: &str, frame: &Sealed) -> Result<(), String> {
        let mut folders = self.room.0.folders.lock();
        let Some(frames) = folders.get_mut(&self.number) else {
            return Ok(());
        };
        let before = frames.by_task.remove(task);
        frames.bytes -= before.map_or(0, |(_, before)| before.len());
        let bytes = frames.bytes + frame.len();
        if bytes > FOLDER_BYTES {
            return Err(format!(
                "the goal's results have {bytes} bytes, allowed are {FOLDER_BYTES}: ask for less at once"
            ));
        }
        frames.bytes = bytes;
        let kept = (operation.to_owned(), frame.clone());
        frames.by_task.insert(task.to_owned(), kept);
        Ok(())
    }

    /// The frame that was left under this name.
    pub(crate) fn find(&self, operation: &str) -> Option<Sealed> {
        self.room.find(self.number, operation)
    }

    /// Leaves the memory's reply.
    ///
    /// # Errors
    /// When the folder is full, in a sentence.
    pub(crate) fn keep_passages(&self, frame: &Sealed) -> Result<Exhibit, String> {
        self.keep(PASSAGES, PASSAGES, frame)?;
        Ok(Exhibit {
            task_id: String::new(),
            task: None,
            origin: Origin::Signed {
                operation: PASSAGES.to_owned(),
            },
            frame: None,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.room.0.folders.lock().remove(&self.number);
    }
}

/// A result with its proof.
#[derive(Clone)]
pub(crate) struct Witnessed {
    pub(crate) frame: Sealed,
    pub(crate) result: Arc<TaskResult>,
    at: Timestamp,
    /// Memory that it takes.
    bytes: usize,
}

impl Witnessed {
    fn new(frame: Sealed, result: TaskResult, at: Timestamp) -> Self {
        let files = result.output.artifacts.iter();
        let bytes = frame.len()
            + held(&result.output.value)
            + result.output.log.len()
            + files
                .map(|file| {
                    size_of_val(file) + file.path.as_os_str().len() + file.description.len()
                })
                .sum::<usize>();
        Self {
            frame,
            result: Arc::new(result),
            at,
            bytes,
        }
    }
}

/// Memory that a value takes, at most: a list or an object may have room for twice what is in it.
fn held(value: &Value) -> usize {
    /// An object's field beside its name and its value: the name's place, its hash and its place in the index.
    const FIELD: usize = size_of::<String>() + 4 * size_of::<usize>();
    let (mut bytes, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        bytes += 2 * size_of::<Value>();
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                bytes += fields
                    .keys()
                    .map(|name| name.len() + 2 * FIELD)
                    .sum::<usize>();
                left.extend(fields.values());
            }
            _ => {}
        }
    }
    bytes
}

/// What one Critic has proven. A result is judged before its answer is, so its frame is proven and read once; and an executor that has
/// left since was there when it signed.
#[derive(Default)]
pub(crate) struct Proofs(Mutex<Remembered>);

/// The files of a goal once they have been read. Whoever looks holds it, so that works judged at the same time do not each read them.
type ReadFiles = Arc<tokio::sync::Mutex<Option<Vec<InputFile>>>>;

#[derive(Default)]
struct Remembered {
    by_name: HashMap<String, Witnessed>,
    /// The oldest first.
    order: VecDeque<String>,
    bytes: usize,
    /// The files of goals as they were read, and of which goal first.
    files: HashMap<String, ReadFiles>,
    files_order: VecDeque<String>,
}

impl Remembered {
    fn files(&mut self, goal: String) -> ReadFiles {
        if let Some(read) = self.files.get(&goal) {
            return Arc::clone(read);
        }
        let read = ReadFiles::default();
        self.files.insert(goal.clone(), Arc::clone(&read));
        self.files_order.push_back(goal);
        while self.files_order.len() > GOALS {
            let Some(oldest) = self.files_order.pop_front() else {
                break;
            };
            self.files.remove(&oldest);
        }
        read
    }

    fn keep(&mut self, name: String, one: Witnessed) {
        self.bytes += one.bytes;
        match self.by_name.insert(name.clone(), one) {
            Some(before) => self.bytes -= before.bytes,
            None => self.order.push_back(name),
        }
        while self.order.len() > PROVEN || self.bytes > PROVEN_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(gone) = self.by_name.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

/// Who said something, if that can be proven now.
///
/// # Errors
/// In the words that follow "the result of ...".
pub(crate) fn said_by(role: &str, frame: &Sealed, ctx: &Context) -> Result<Authentic, String> {
    let keys = ctx.system().key_registry();
    let said = authenticate(frame, keys.as_ref(), &Limits::CONTROL, ctx.now())
        .map_err(|refusal| format!("is not proven: its frame is refused: {refusal}"))?;
    let by_role = matches!(&said.sender, Party::Agent(id) if id.role() == role);
    if !by_role || said.performative != Performative::Inform {
        return Err(format!("comes from {}, not from {role}", said.sender));
    }
    if said.envelope.tenant != *ctx.tenant() {
        return Err("belongs to another tenant".to_owned());
    }
    Ok(said)
}

/// A result of an executor and when it was given.
pub(crate) fn result_of(frame: &Sealed, ctx: &Context) -> Result<(TaskResult, Timestamp), String> {
    let said = said_by("macro.executor", frame, ctx)?;
    if said.ontology.as_deref() != Some(ontology::TASK) {
        return Err("is no result of a task".to_owned());
    }
    let result = said.content.read_json();
    let result = result.map_err(|error| format!("cannot be read: {error}"))?;
    Ok((result, said.envelope.timestamp))
}

/// The Critic's side: what it looks with.
pub(crate) struct Bench<'a> {
    pub(crate) packs: &'a Packs,
    pub(crate) room: &'a Room,
    pub(crate) proofs: &'a Proofs,
    pub(crate) ctx: &'a Context,
}

/// What was proven of a goal's results.
pub(crate) struct Proven {
    pub(crate) case: Box<dyn Case>,
    pub(crate) goal: Goal,
    pub(crate) plan: Plan,
    pub(crate) artifacts: Vec<Artifact>,
    results: BTreeMap<String, Value>,
    recalled: Vec<String>,
    notes: Vec<String>,
    gaps: Vec<String>,
    told: BTreeSet<String>,
}

impl Proven {
    /// The same, for a domain to look at.
    pub(crate) fn so_far(&self) -> SoFar<'_> {
        SoFar {
            plan: &self.plan,
            results: &self.results,
            artifacts: &self.artifacts,
            recalled: &self.recalled,
            notes: &self.notes,
            gaps: &self.gaps,
            told: &self.told,
        }
    }

    /// Whether a task's result answers what the plan asks: with the arguments as they stand there, or as the domain fills them in from
    /// what the task needs.
    fn asks(&self, task: &Task, named: &str, inputs: &[InputFile]) -> bool {
        if asked(&task.tool, &task.args, inputs) == named {
            return true;
        }
        let filled = |results: &BTreeMap<String, Value>| {
            let so_far = SoFar {
                results,
                ..self.so_far()
            };
            self.case
                .args(task, &so_far, None)
                .is_some_and(|args| asked(&task.tool, &args, inputs) == named)
        };
        let needed = self
            .results
            .iter()
            .filter(|(id, _)| task.needs.contains(id))
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect();
        filled(&needed) || filled(&self.results)
    }
}

impl Bench<'_> {
    /// Sees for itself what the results are.
    ///
    /// # Errors
    /// In a sentence which of them is not what the planner says.
    pub(crate) async fn prove(&self, goal_id: &str, grounds: Grounds) -> Result<Proven, String> {
        let Grounds {
            goal,
            plan,
            inputs,
            folder,
            exhibits,
            recalled,
            gaps,
            told,
        } = grounds;
        if !self.is_of(&goal, goal_id) || plan.goal != goal_id {
            return Err("the plan or the goal is another one".to_owned());
        }
        // Before anything is filled in or worked out.
        match plan.check::<&str>(None, &LIMITS) {
            // A goal that nothing was planned for may still say why.
            Ok(()) | Err(PlanError::Empty) => {}
            Err(error) => return Err(error.to_string()),
        }
        // Without results nothing was read from them: a planner whose files changed before the first may still say so.
        if !exhibits.is_empty() {
            self.files(&goal, &inputs).await?;
        }
        let case = self.packs.domain(&plan)?.open(&goal, &plan)?;
        let recalled = match recalled {
            Some(exhibit) => self.passages(folder, &exhibit)?,
            None => Vec::new(),
        };
        let mut proven = Proven {
            case,
            goal,
            plan,
            artifacts: Vec::new(),
            results: BTreeMap::new(),
            recalled,
            notes: Vec::new(),
            gaps,
            told: BTreeSet::new(),
        };
        for exhibit in exhibits {
            let id = exhibit.task_id.clone();
            self.take(&mut proven, folder, exhibit, &inputs)
                .map_err(|why| format!("the result of {id:?} {why}"))?;
        }
        // What has a result has not failed, and what is not in the plan was never to be done.
        let failed = told.into_iter().filter(|id| {
            let known = proven.plan.tasks.iter().any(|task| task.id == *id);
            known && !proven.results.contains_key(id)
        });
        proven.told = failed.collect();
        Ok(proven)
    }

    /// Whether this is the goal that the Critic was asked about, by the tenant that asked.
    pub(crate) fn is_of(&self, goal: &Goal, goal_id: &str) -> bool {
        goal.id() == goal_id && goal.tenant() == self.ctx.tenant().as_str()
    }

    /// Sees for itself that these are the goal's files. It reads them when it first judges something of the goal and knows them from then
    /// on, so that one which changes under the work is still the one that was meant; what it has not seen it reads once more.
    ///
    /// # Errors
    /// When they are others, hold other bytes, or cannot be read.
    pub(crate) async fn files(&self, goal: &Goal, inputs: &[InputFile]) -> Result<(), String> {
        let others = || "the files are not those of the goal".to_owned();
        if goal.data().is_empty() {
            return if inputs.is_empty() {
                Ok(())
            } else {
                Err(others())
            };
        }
        let name = format!("{}\0{}", self.ctx.tenant(), goal.digest());
        let known = self.proofs.0.lock().files(name);
        let mut known = known.lock().await;
        if known.as_deref().is_some_and(|read| are_these(inputs, read)) {
            return Ok(());
        }
        let data = goal.data().to_vec();
        let most = aios_tools::Limits::default().file_bytes;
        let read = tokio::task::spawn_blocking(move || GoalFiles::of(&data, most)).await;
        let read = read.map_err(|error| format!("the files of the goal were not read: {error}"))?;
        if let Some(why) = read.unreadable() {
            return Err(format!("the files of the goal cannot be read: {why}"));
        }
        let as_meant = are_these(inputs, read.files());
        *known = Some(read.files().to_vec());
        as_meant.then_some(()).ok_or_else(others)
    }

    /// A result that an executor gave for this goal.
    pub(crate) fn result(
        &self,
        goal: &str,
        folder: u64,
        exhibit: &Exhibit,
    ) -> Result<Witnessed, String> {
        let Origin::Signed { operation } = &exhibit.origin else {
            return Err("was not given by an executor".to_owned());
        };
        let witnessed = self.witnessed(folder, operation, exhibit)?;
        let result = &witnessed.result;
        let rest = operation
            .strip_prefix(goal)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.strip_prefix(exhibit.task_id.as_str()));
        let is_of_task = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !is_of_task || result.operation != *operation || result.task_id != exhibit.task_id {
            return Err(format!("is one of operation {:?}", result.operation));
        }
        Ok(witnessed)
    }

    fn take(
        &self,
        proven: &mut Proven,
        folder: u64,
        exhibit: Exhibit,
        inputs: &[InputFile],
    ) -> Result<(), String> {
        let id = &exhibit.task_id;
        if proven.results.contains_key(id) {
            return Err("is there twice".to_owned());
        }
        let task = match proven.plan.tasks.iter().find(|task| task.id == *id) {
            Some(task) => task.clone(),
            None => match exhibit.task.as_deref() {
                Some(task) if task.id == *id => {
                    task.check_args(&LIMITS)
                        .map_err(|error| format!("is too large: {error}"))?;
                    task.clone()
                }
                _ => return Err("belongs to no task".to_owned()),
            },
        };
        let title = || task.title(&proven.plan.points);
        let of_another_question = || "is the answer to another question".to_owned();
        let value = match &exhibit.origin {
            Origin::Signed { .. } => {
                let result = self.result(proven.goal.id(), folder, &exhibit)?.result;
                // Prose is asked for again and again in other words; its text is judged, whatever it was asked by.
                if !task.prose && !proven.asks(&task, &result.asked, inputs) {
                    return Err(of_another_question());
                }
                proven
                    .artifacts
                    .extend(result.output.artifacts.iter().cloned());
                result.output.value.clone()
            }
            Origin::Earlier {
                operation,
                found_us,
                artifacts,
            } => {
                let Witnessed { result, at, .. } = self.witnessed(folder, operation, &exhibit)?;
                if !task.prose && !proven.asks(&task, &result.asked, inputs) {
                    return Err(of_another_question());
                }
                let found = Timestamp::from_micros(*found_us).map_err(|error| error.to_string())?;
                if found < at || found > self.ctx.now() {
                    return Err("was taken up again at a time that cannot be".to_owned());
                }
                if !are_copies(artifacts, &result.output.artifacts) {
                    return Err("names other files than it was given with".to_owned());
                }
                let age = cached::spoken(found.since(at));
                proven.notes.push(earlier(&title(), &age));
                proven.artifacts.extend(artifacts.iter().cloned());
                result.output.value.clone()
            }
            Origin::Known => {
                let args = proven.case.args(&task, &proven.so_far(), None);
                let simpler = args.and_then(|args| proven.case.simpler(&task, &args));
                let Some(Simpler::Known { output, says }) = simpler else {
                    return Err("is nothing its domain knows".to_owned());
                };
                proven.notes.push(known(&title(), &says));
                proven.artifacts.extend(output.artifacts);
                output.value
            }
        };
        let value = match task.prose {
            true => Value::String(proven.case.tidy(text_of(&value))),
            false => value,
        };
        proven.results.insert(exhibit.task_id, value);
        Ok(())
    }

    /// A proven result: remembered, or proven now.
    fn witnessed(
        &self,
        folder: u64,
        operation: &str,
        exhibit: &Exhibit,
    ) -> Result<Witnessed, String> {
        let frame = self.frame(folder, operation, exhibit)?;
        let name = format!("{}\0{operation}", self.ctx.tenant());
        let known = self.proofs.0.lock().by_name.get(&name).cloned();
        if let Some(known) = known.filter(|known| known.frame == frame) {
            return Ok(known);
        }
        let (result, at) = result_of(&frame, self.ctx)?;
        let one = Witnessed::new(frame, result, at);
        self.proofs.0.lock().keep(name, one.clone());
        Ok(one)
    }

    fn passages(&self, folder: u64, exhibit: &Exhibit) -> Result<Vec<String>, String> {
        let told = |why: String| format!("what was recalled {why}");
        let frame = self.frame(folder, PASSAGES, exhibit).map_err(told)?;
        let said = said_by("macro.memory", &frame, self.ctx).map_err(told)?;
        let found = said.content.read_json::<Vec<Recalled>>();
        let found = found.map_err(|error| told(format!("cannot be read: {error}")))?;
        Ok(found.into_iter().map(|one| one.text).collect())
    }

    fn frame(&self, folder: u64, operation: &str, exhibit: &Exhibit) -> Result<Sealed, String> {
        match &exhibit.frame {
            Some(text) => unhex(text)
                .map(Sealed::from_bytes)
                .ok_or_else(|| "is not proven: its frame is not hexadecimal".to_owned()),
            None => self
                .room
                .find(folder, operation)
                .ok_or_else(|| "is not proven: its frame is not there".to_owned()),
        }
    }
}

/// How an earlier result is marked, by the planner and by the Critic alike.
pub(crate) fn earlier(title: &str, age: &str) -> String {
    format!("{title}: taken from an earlier result, {age} old")
}

/// How a result is marked that nobody was asked for.
pub(crate) fn known(title: &str, says: &str) -> String {
    format!("{title}: {says}")
}

/// The text a writing tool gave, as a value of its own or in a field.
pub(crate) fn text_of(value: &Value) -> &str {
    value
        .as_str()
        .or_else(|| value.get("text").and_then(Value::as_str))
        .unwrap_or_default()
}

/// Whether the planner means these files: the same names and places, in this order, with the same bytes.
fn are_these(inputs: &[InputFile], read: &[InputFile]) -> bool {
    inputs.len() == read.len()
        && inputs.iter().zip(read).all(|(meant, read)| {
            (&meant.name, &meant.path, &meant.place) == (&read.name, &read.path, &read.place)
                && meant.state.content.is_some()
                && meant.state.content == read.state.content
        })
}

/// Whether these are the same files in another folder.
fn are_copies(copies: &[Artifact], originals: &[Artifact]) -> bool {
    copies.len() == originals.len()
        && copies.iter().zip(originals).all(|(copy, original)| {
            copy.path.file_name() == original.path.file_name()
                && copy.media_type == original.media_type
                && copy.description == original.description
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(bytes: usize) -> Sealed {
        Sealed::from_bytes(vec![0; bytes])
    }

    fn witnessed(value: Value) -> Witnessed {
        let bytes = value.to_string().len();
        let result = TaskResult {
            task_id: "t".to_owned(),
            operation: "g/t".to_owned(),
            asked: String::new(),
            output: aios_work::ToolOutput {
                value,
                ..aios_work::ToolOutput::default()
            },
            duration_ms: 0.0,
            agent: String::new(),
        };
        Witnessed::new(frame(bytes), result, Timestamp::from_micros(1).unwrap())
    }

    #[test]
    fn what_was_read_from_a_frame_counts_and_not_the_frame_alone() {
        // 300 KB of brackets take several megabytes once they are read.
        let hollow = witnessed(json!(vec![json!([]); 100_000]));
        assert!(
            hollow.bytes > 100_000 * size_of::<Value>(),
            "{}",
            hollow.bytes
        );
        let named = witnessed(json!(vec![json!({ "a": 1 }); 10_000]));
        assert!(named.bytes > 1_000_000, "{}", named.bytes);
        let mut remembered = Remembered::default();
        for number in 0..40 {
            remembered.keep(number.to_string(), hollow.clone());
            remembered.keep("again".to_owned(), named.clone());
            let held: usize = remembered.by_name.values().map(|one| one.bytes).sum();
            assert_eq!(remembered.bytes, held);
            assert!(held <= PROVEN_BYTES, "{held}");
        }
        assert!(remembered.by_name.len() < 40);
        assert!(remembered.by_name.contains_key("39"), "the newest stays");
    }

    #[test]
    fn a_folder_holds_the_newest_frame_of_each_task_and_no_more_bytes_than_it_may() {
        let folder = Room::default().open();
        let part = FOLDER_BYTES / 4;
        // A task that is tried again and again takes no more room than once.
        for attempt in 0..20 {
            let operation = format!("g/a/r{attempt}");
            folder.keep("a", &operation, &frame(part)).unwrap();
            assert!(folder.find(&operation).is_some());
        }
        assert!(folder.find("g/a/r18").is_none());
        for task in ["b", "c", "d"] {
            folder
                .keep(task, &format!("g/{task}"), &frame(part))
                .unwrap();
        }
        let full = folder.keep("e", "g/e", &frame(1)).unwrap_err();
        assert!(full.contains("allowed are"), "{full}");
        assert!(folder.find("g/e").is_none());
        folder.keep("d", "g/d/simpler", &frame(1)).unwrap();
        folder.keep("e", "g/e", &frame(1)).unwrap();
        let expected = ["g/a/r19", "g/b", "g/c", "g/d/simpler", "g/e"];
        assert!(expected.iter().all(|name| folder.find(name).is_some()));
    }
}
