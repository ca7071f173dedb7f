//! How far a goal has come: the plan carried out task by task, and what came of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aios_work::content::{Answer, Exhibit, GoalStatus, Grounds, TaskReport, TaskStatus};
use aios_work::{
    Artifact, Case, EACH_AT_ONCE, EachError, Plan, SoFar, Task, ToolOutput, gathered, references,
};
use futures::stream::{self, FuturesUnordered, StreamExt};
use serde_json::Value;

use crate::goal::tasks::{Conducted, GoalTasks};

/// What has come of the tasks so far.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) done: BTreeSet<String>,
    pub(crate) lost: BTreeSet<String>,
    /// Shared with whatever is written from it meanwhile.
    pub(crate) results: Arc<BTreeMap<String, Value>>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) reports: Vec<TaskReport>,
    pub(crate) gaps: Vec<String>,
    /// Where each result can be seen in the words of who gave it, in the order in which they came.
    exhibits: Vec<Exhibit>,
    /// Tasks that were done in the place of others, by their id.
    instead: BTreeMap<String, Task>,
    /// What was done, as it was asked for.
    looks: BTreeMap<String, Task>,
    /// How results were come by that did not come the usual way.
    notes: Vec<String>,
    /// Tasks for each of a list that came to nothing for all of it; why is among the gaps.
    told: BTreeSet<String>,
}

/// Passages from memory, and the memory's word for them.
#[derive(Clone, Default)]
pub(crate) struct Passages {
    pub(crate) passages: Arc<[String]>,
    pub(crate) exhibit: Option<Exhibit>,
}

/// Progress as it was at one moment.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) plan: Plan,
    pub(crate) results: Arc<BTreeMap<String, Value>>,
    pub(crate) artifacts: Vec<Artifact>,
    exhibits: Vec<Exhibit>,
    recalled: Passages,
    notes: Vec<String>,
    gaps: Vec<String>,
    told: BTreeSet<String>,
}

impl Seen {
    /// The same, for a domain to look at.
    pub(crate) fn so_far(&self) -> SoFar<'_> {
        SoFar {
            plan: &self.plan,
            results: &self.results,
            artifacts: &self.artifacts,
            recalled: &self.recalled.passages,
            notes: &self.notes,
            gaps: &self.gaps,
            told: &self.told,
        }
    }

    /// The same, for the Critic to see for itself.
    pub(crate) fn grounds(&self, run: &GoalTasks<'_>) -> Box<Grounds> {
        Box::new(Grounds {
            goal: run.goal().clone(),
            plan: self.plan.clone(),
            inputs: run.files.files().to_vec(),
            folder: run.folder.number(),
            exhibits: self.exhibits.clone(),
            recalled: self.recalled.exhibit.clone(),
            gaps: self.gaps.clone(),
            told: self.told.iter().cloned().collect(),
        })
    }
}

impl Progress {
    /// Takes what came of a task.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub(crate) fn take(&mut self, task: &Task, conducted: Conducted) -> Result<(), String> {
        self.reports.push(conducted.report);
        self.notes.extend(conducted.note);
        self.gaps.extend(conducted.gap);
        self.instead
            .extend(conducted.instead.map(|other| (task.id.clone(), other)));
        match conducted.outcome {
            Ok(ToolOutput {
                value, artifacts, ..
            }) => {
                self.done.insert(task.id.clone());
                self.exhibits.extend(conducted.origin.map(|origin| Exhibit {
                    task_id: task.id.clone(),
                    task: None,
                    origin,
                    frame: None,
                }));
                self.looks.insert(task.id.clone(), task.clone());
                self.artifacts.extend(artifacts);
                Arc::make_mut(&mut self.results).insert(task.id.clone(), value);
                Ok(())
            }
            Err(reason) => {
                self.lost.insert(task.id.clone());
                Err(reason)
            }
        }
    }

    /// Takes what came of a task for each element of its list, in their order. What is missing of it is a gap each; the task itself is lost
    /// only when nothing came of any.
    fn take_each(&mut self, task: &Task, each: Vec<Element>) {
        let mut results = Vec::with_capacity(each.len());
        for Element {
            task,
            title,
            conducted,
        } in each
        {
            self.reports.push(conducted.report);
            self.notes.extend(conducted.note);
            self.gaps.extend(conducted.gap);
            results.push(match conducted.outcome {
                Ok(output) => {
                    self.exhibits.extend(conducted.origin.map(|origin| Exhibit {
                        task_id: task.id,
                        task: None,
                        origin,
                        frame: None,
                    }));
                    self.artifacts.extend(output.artifacts);
                    Some(output.value)
                }
                Err(reason) => {
                    self.gaps.push(format!("{title}: {reason}"));
                    None
                }
            });
        }
        if !results.is_empty() && results.iter().all(Option::is_none) {
            self.lost.insert(task.id.clone());
            self.told.insert(task.id.clone());
            return;
        }
        self.done.insert(task.id.clone());
        Arc::make_mut(&mut self.results).insert(task.id.clone(), gathered(results));
    }

    /// All of it now.
    pub(crate) fn seen(&self, plan: &Plan, recalled: &Passages) -> Seen {
        let done = |task: &Task| self.instead.get(&task.id).unwrap_or(task).clone();
        let failed = |report: &&TaskReport| report.status == TaskStatus::Failed;
        Seen {
            plan: Plan {
                tasks: plan.tasks.iter().map(done).collect(),
                ..plan.clone()
            },
            results: Arc::clone(&self.results),
            artifacts: self.artifacts.clone(),
            exhibits: self.exhibits_of(plan),
            recalled: recalled.clone(),
            notes: self.notes.clone(),
            gaps: self.gaps.clone(),
            told: self
                .reports
                .iter()
                .filter(failed)
                .map(|report| report.id.clone())
                .chain(self.told.iter().cloned())
                .collect(),
        }
    }

    /// What a plan does not hold travels with its task.
    fn exhibits_of(&self, plan: &Plan) -> Vec<Exhibit> {
        let planned: BTreeSet<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
        let look = |exhibit: &Exhibit| self.looks.get(&exhibit.task_id).cloned().map(Box::new);
        let mut exhibits = self.exhibits.clone();
        for exhibit in &mut exhibits {
            if !planned.contains(exhibit.task_id.as_str()) {
                exhibit.task = look(exhibit);
            }
        }
        exhibits
    }

    /// The goal has no answer.
    pub(crate) fn failed(self, run: &GoalTasks<'_>, reason: String) -> Answer {
        Answer {
            status: GoalStatus::Failed,
            tasks: self.reports,
            reason: Some(reason),
            ..run.answer()
        }
    }
}

/// Runs the plan: whatever is ready runs at once, and each result may make more ready.
pub(crate) async fn carry_out(
    plan: &Plan,
    case: &dyn Case,
    recalled: &Passages,
    run: &GoalTasks<'_>,
    progress: &mut Progress,
) {
    let mut running = FuturesUnordered::new();
    let mut begun = progress.done.clone();
    loop {
        let ready = plan.ready(&progress.done, &progress.lost);
        let due: Vec<&Task> = ready
            .into_iter()
            .filter(|task| begun.insert(task.id.clone()))
            .collect();
        if !due.is_empty() {
            // What a task is called with is made of what was found when it became due.
            let seen = Arc::new(progress.seen(plan, recalled));
            for task in due {
                let (seen, title) = (Arc::clone(&seen), task.title(&plan.points));
                running.push(async move {
                    let conducted = if task.each.is_some() {
                        CarriedOut::Each(for_each(task, &seen, run).await)
                    } else if task.prose {
                        CarriedOut::Once(Box::new(run.prose(task, &title, case, &seen).await))
                    } else {
                        match case.args(task, &seen.so_far(), None) {
                            Some(args) => {
                                let conducted = run.figures(task, args, &title, Some(case)).await;
                                CarriedOut::Once(Box::new(conducted))
                            }
                            None => CarriedOut::Not,
                        }
                    };
                    if matches!(conducted, CarriedOut::Not | CarriedOut::Each(Err(_))) {
                        run.tell(run.event(task, &title, TaskStatus::Cancelled))
                            .await;
                    }
                    (task, title, conducted)
                });
            }
        }
        let Some((task, title, conducted)) = running.next().await else {
            break;
        };
        match conducted {
            CarriedOut::Once(conducted) => {
                if let Err(reason) = progress.take(task, *conducted)
                    // Prose that did not pass is replaced by the domain's own words, which say so.
                    && !task.prose
                {
                    progress.gaps.push(format!("{title}: {reason}"));
                }
            }
            CarriedOut::Each(Ok(each)) => progress.take_each(task, each),
            CarriedOut::Each(Err(none)) => {
                progress.gaps.push(format!("{title}: {none}"));
                progress.told.insert(task.id.clone());
                progress.lost.insert(task.id.clone());
            }
            CarriedOut::Not => {
                // There was nothing to do it with. What a domain leaves undone it names itself; what a plan refers to in vain it cannot know.
                let vain = in_vain(task, &title, &progress.results);
                progress
                    .told
                    .extend(vain.is_some().then(|| task.id.clone()));
                progress.gaps.extend(vain);
                progress.lost.insert(task.id.clone());
            }
        }
        give_up(plan, run, progress).await;
    }
}

/// How a task was carried out.
enum CarriedOut {
    Once(Box<Conducted>),
    /// For each element of its list; or why for none.
    Each(Result<Vec<Element>, EachError>),
    /// There was nothing to do it with.
    Not,
}

/// What came of one element of a list.
struct Element {
    task: Task,
    title: String,
    conducted: Conducted,
}

/// A task for each element of its list, a few at the same time, each like a task of its own.
async fn for_each(
    task: &Task,
    seen: &Seen,
    run: &GoalTasks<'_>,
) -> Result<Vec<Element>, EachError> {
    let elements = task.elements(&seen.results)?.into_iter();
    let each = elements.map(|task| async move {
        let title = task.title(&[]);
        let conducted = run.figures(&task, task.args.clone(), &title, None).await;
        Element {
            task,
            title,
            conducted,
        }
    });
    Ok(stream::iter(each).buffered(EACH_AT_ONCE).collect().await)
}

/// What needed a lost task is lost too; whoever watches hears that it will not be done.
async fn give_up(plan: &Plan, run: &GoalTasks<'_>, progress: &mut Progress) {
    let lost = plan.lost(&progress.lost);
    for task in plan.tasks.iter().filter(|task| lost.contains(&task.id)) {
        if !progress.lost.contains(&task.id) {
            let title = task.title(&plan.points);
            run.tell(run.event(task, &title, TaskStatus::Cancelled))
                .await;
        }
    }
    progress.lost = lost;
}

/// The first reference of a task that leads nowhere, as a gap.
fn in_vain(task: &Task, title: &str, results: &BTreeMap<String, Value>) -> Option<String> {
    let leads = |task: &str, at: &str| results.get(task)?.pointer(at).map(|_| ());
    let references = references(&task.args);
    let astray = references
        .into_iter()
        .find(|it| leads(it.task, it.at).is_none())?;
    Some(format!(
        "{title}: {:?} is not in what {:?} gave",
        astray.at, astray.task
    ))
}
