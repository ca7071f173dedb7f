//! The Critic's side: every result seen in the words of whoever gave it, and what follows from them together.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use aios_actors::agent::Context;
use aios_protocols::{Sealed, Timestamp};
use aios_work::content::{Exhibit, Grounds, Origin, Recalled, asked, unhex};
use aios_work::{
    Artifact, Case, Evidence, Goal, InputFile, Plan, PlanError, PlanLimits, Simpler, SoFar, Task,
    gathered,
};
use serde_json::Value;

use super::folder::{PASSAGES, Room};
use super::proofs::{Proofs, Witnessed};
use super::{earlier, known, result_of, said_by, text_of};
use crate::Packs;
use crate::task::cached::{self, GoalFiles};

/// What a plan may have that the Critic looks at: in tasks the most that a node may allow, in bytes what it does allow. Tokens and time are
/// spent when there is something to judge.
const LIMITS: PlanLimits = PlanLimits {
    tasks: 1_000,
    tokens: u64::MAX,
    time_ms: u64::MAX,
    ..PlanLimits::USUAL
};

/// The Critic's side: what it looks with.
pub(crate) struct Prover<'a> {
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
    /// The goal's files, if they are those that the planner means.
    pub(crate) inputs: Vec<InputFile>,
    results: BTreeMap<String, Value>,
    /// What tasks for each of a list were to do, element by element, and what came of it.
    elements: BTreeMap<String, Elements>,
    recalled: Vec<String>,
    notes: Vec<String>,
    gaps: Vec<String>,
    told: BTreeSet<String>,
}

/// A task for each element of a list.
struct Elements {
    tasks: Vec<Task>,
    taken: BTreeSet<usize>,
}

impl Proven {
    /// The texts that models wrote for it, each with what it may say. That the Critic passed them is the planner's word, so they are judged
    /// with the answer once more.
    pub(crate) fn prose(&self) -> Vec<(String, Evidence)> {
        let so_far = self.so_far();
        let tasks = self.plan.tasks.iter().filter(|task| task.prose);
        tasks
            .filter_map(|task| {
                let text = self.results.get(&task.id)?.as_str()?;
                Some((text.to_owned(), self.case.prose(task, &so_far)))
            })
            .collect()
    }

    /// What the memory recalled, in its signed words.
    pub(crate) fn recalled(&self) -> &[String] {
        &self.recalled
    }

    /// The task for one element, as it follows from what gave the list.
    fn element(&mut self, id: &str) -> Option<Task> {
        let (base, index) = self.plan.element(id)?;
        let elements = match self.elements.entry(base.id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Elements {
                tasks: base.elements(&self.results).ok()?,
                taken: BTreeSet::new(),
            }),
        };
        let task = elements.tasks.get(index)?.clone();
        elements.taken.insert(index).then_some(task)
    }

    /// One element's result, in its place among the others.
    fn insert_element(&mut self, id: &str, value: Value) {
        let Some((base, index)) = self.plan.element(id) else {
            return;
        };
        let many = self.elements.get(&base.id).map_or(0, |all| all.tasks.len());
        let nothing = || gathered(vec![None; many]);
        let list = self.results.entry(base.id.clone()).or_insert_with(nothing);
        if let Some(place) = list.get_mut(index) {
            *place = value;
        }
    }

    /// Tasks for each of nothing are done without anybody's word.
    fn settle_empty(&mut self) {
        for task in self.plan.tasks.iter().filter(|task| task.each.is_some()) {
            let due = task
                .needs
                .iter()
                .all(|need| self.results.contains_key(need));
            if due
                && !self.results.contains_key(&task.id)
                && task.elements(&self.results).is_ok_and(|all| all.is_empty())
            {
                self.results.insert(task.id.clone(), gathered(Vec::new()));
            }
        }
    }

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

impl Prover<'_> {
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
        let any = !exhibits.is_empty();
        if any {
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
            inputs: Vec::new(),
            results: BTreeMap::new(),
            elements: BTreeMap::new(),
            recalled,
            notes: Vec::new(),
            gaps,
            told: BTreeSet::new(),
        };
        for exhibit in exhibits {
            let id = exhibit.task_id.clone();
            proven.settle_empty();
            self.take(&mut proven, folder, exhibit, &inputs)
                .map_err(|why| format!("the result of {id:?} {why}"))?;
        }
        proven.settle_empty();
        if any {
            proven.inputs = inputs;
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
        let known = self.proofs.files(name);
        let mut known = known.lock().await;
        if known.as_deref().is_some_and(|read| are_these(inputs, read)) {
            return Ok(());
        }
        let (data, in_place) = (goal.data().to_vec(), goal.is_in_place());
        let most = aios_tools::Limits::default().file_bytes;
        let read = move || GoalFiles::of(&data, in_place, most);
        let read = tokio::task::spawn_blocking(read).await;
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
        let element = proven.element(id);
        let is_element = element.is_some();
        let planned = proven.plan.task(id).cloned();
        let task = match planned.filter(|task| task.each.is_none()).or(element) {
            Some(task) => task,
            None => match exhibit.task.as_deref() {
                Some(task) if task.id == *id && proven.plan.task(id).is_none() => {
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
        if is_element {
            proven.insert_element(id, value);
        } else {
            proven.results.insert(exhibit.task_id, value);
        }
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
        if let Some(known) = self.proofs.find(&name, &frame) {
            return Ok(known);
        }
        let (result, at) = result_of(&frame, self.ctx)?;
        let one = Witnessed::new(frame, result, at);
        self.proofs.keep(name, one.clone());
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
