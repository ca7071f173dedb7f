//! The plan of a goal and how far it has come: pure, from the plan that was kept and what happened.

use std::collections::BTreeMap;

use aios_control::{
    Event, EventKind, GoalPhase, PlanAttempt, PlanPart, PlanShown, PlanTask, PlanWork,
};
use aios_protocols::Timestamp;
use aios_work::content::{Answer, TaskEvent, TaskJudged, TaskStatus};
use aios_work::{Plan, Task, references};

/// What the Critic found that is named where an attempt says why it was made.
const NAMED: usize = 3;

/// What is known of a goal.
pub(super) struct Case<'a> {
    pub(super) goal_id: &'a str,
    pub(super) phase: GoalPhase,
    /// The plan that is carried out; none as long as there is none.
    pub(super) plan: Option<Plan>,
    /// What happened, oldest first.
    pub(super) events: &'a [Event],
    pub(super) answer: Option<&'a Answer>,
    pub(super) now: Timestamp,
}

pub(super) fn shown(case: Case<'_>) -> PlanShown {
    let Case {
        goal_id,
        phase,
        plan,
        events,
        answer,
        now,
    } = case;
    let of_tasks = events.iter().filter(|event| event.kind == EventKind::Task);
    let mut works: BTreeMap<String, Told> = BTreeMap::new();
    let mut order = Vec::new();
    for event in of_tasks.filter_map(|event| event.read::<TaskEvent>().ok()) {
        let told = works.entry(event.task_id.clone()).or_insert_with(|| {
            order.push(event.task_id.clone());
            Told::default()
        });
        told.take(event);
    }
    let live = (phase == GoalPhase::Running).then_some(now);
    let mut parts: BTreeMap<String, PlanPart> = works
        .into_iter()
        .map(|(id, told)| (id.clone(), told.part(id, live, answer)))
        .collect();
    let mut tasks = Vec::new();
    let (mut source, mut gaps) = (None, Vec::new());
    if let Some(plan) = plan {
        for task in &plan.tasks {
            let title = task.title(&plan.points);
            tasks.push(planned(task, title, &mut parts));
        }
        (source, gaps) = (Some(plan.source), plan.gaps);
    }
    let looks = order.iter().filter_map(|id| parts.remove(id)).collect();
    let (critical_path, critical_path_ms) = critical(&tasks);
    PlanShown {
        goal_id: goal_id.to_owned(),
        phase,
        source,
        tasks,
        looks,
        gaps,
        critical_path,
        critical_path_ms,
        judged: answer
            .map(|answer| answer.critic.clone())
            .filter(|critic| !critic.dimensions.is_empty()),
        spent: answer.map(|answer| answer.spent),
    }
}

/// A task of the plan with what came of it, which is taken out of what is known.
fn planned(task: &Task, title: String, known: &mut BTreeMap<String, PlanPart>) -> PlanTask {
    let mut needs = task.needs.clone();
    let referred = references(&task.args).into_iter().map(|it| it.task);
    let listed = task.each.iter().map(|each| each.from.as_str());
    for need in referred.chain(listed) {
        if !needs.iter().any(|known| known == need) {
            needs.push(need.to_owned());
        }
    }
    let own = known.remove(&task.id).map(|part| part.work);
    let parts: Vec<PlanPart> = match task.each {
        None => Vec::new(),
        Some(_) => {
            let element = format!("{}[", task.id);
            let of_it: Vec<String> = known
                .range(element.clone()..)
                .take_while(|(id, _)| id.starts_with(&element))
                .map(|(id, _)| id.clone())
                .collect();
            let mut parts: Vec<PlanPart> = of_it.iter().filter_map(|id| known.remove(id)).collect();
            parts.sort_by_key(|part| place(&part.id));
            parts
        }
    };
    let work = match (own, parts.is_empty()) {
        (own, true) => own.unwrap_or_default(),
        (own, false) => together(own, &parts),
    };
    PlanTask {
        id: task.id.clone(),
        tool: task.tool.clone(),
        title,
        args: task.args.clone(),
        needs,
        after: task.after.clone(),
        each: task
            .each
            .as_ref()
            .and_then(|each| serde_json::to_value(each).ok()),
        deadline_ms: task.deadline_ms,
        tokens_max: task.tokens,
        work,
        parts,
    }
}

/// The place of an element in its list, by the name of its task.
fn place(id: &str) -> usize {
    let number = id.rsplit('[').next().unwrap_or_default();
    number.trim_end_matches(']').parse().unwrap_or(usize::MAX)
}

/// A task that is done for each of a list, as its elements stand together.
fn together(own: Option<PlanWork>, parts: &[PlanPart]) -> PlanWork {
    let statuses = || parts.iter().map(|part| part.work.status);
    let is = |wanted: TaskStatus| statuses().any(|status| status == wanted);
    let over = |status: TaskStatus| {
        matches!(
            status,
            TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Cancelled
        )
    };
    let status = if statuses().all(over) {
        match is(TaskStatus::Completed) {
            true => TaskStatus::Completed,
            false => TaskStatus::Failed,
        }
    } else {
        TaskStatus::Running
    };
    let sum = |of: fn(&PlanWork) -> Option<f64>| {
        let known = parts.iter().filter_map(|part| of(&part.work));
        known.reduce(|one, other| one + other)
    };
    let tokens = parts.iter().filter_map(|part| part.work.tokens);
    let scores = parts.iter().filter_map(|part| part.work.score);
    PlanWork {
        status,
        score: scores.reduce(f64::min),
        tool_ms: sum(|work| work.tool_ms),
        took_ms: sum(|work| work.took_ms),
        tokens: tokens.reduce(u64::saturating_add),
        ..own.unwrap_or_default()
    }
}

/// What was told of one task so far.
#[derive(Default)]
struct Told {
    tool: String,
    title: String,
    work: PlanWork,
    /// When each attempt began and when the next thing was told of it, as far as that is known.
    times: Vec<(Option<Timestamp>, Option<Timestamp>)>,
}

impl Told {
    fn take(&mut self, event: TaskEvent) {
        let TaskEvent {
            tool,
            title,
            status,
            agent,
            score,
            duration_ms,
            reason,
            at,
            judged,
            tokens,
            ..
        } = event;
        (self.tool, self.title) = (tool, title);
        let moment = at.as_deref().and_then(|at| at.parse().ok());
        let begins = status == TaskStatus::Running;
        // Told as soon as an attempt begins, the Critic's word is about the one before.
        if let (Some(judged), Some(last)) = (judged, self.work.attempts.last_mut()) {
            self.work.score = Some(judged.score);
            last.judged = Some(judged);
        }
        if let Some((_, ended @ None)) = self.times.last_mut() {
            *ended = moment;
        }
        if begins {
            let changed = match self.work.attempts.last() {
                Some(before) => changed(before, agent.as_deref()),
                None => Vec::new(),
            };
            // What was judged wrong, or cut short by the end of a node, is told of by what follows alone.
            if let Some(before) = self.work.attempts.last_mut()
                && before.status == TaskStatus::Running
            {
                before.status = TaskStatus::Retrying;
            }
            self.times.push((moment, None));
            self.work.attempts.push(PlanAttempt {
                number: u32::try_from(self.work.attempts.len() + 1).unwrap_or(u32::MAX),
                status,
                agent: agent.clone(),
                began: at,
                took_ms: None,
                judged: None,
                reason: None,
                changed,
            });
        } else if let Some(last) = self.work.attempts.last_mut()
            && last.status == TaskStatus::Running
        {
            last.status = status;
            last.reason.clone_from(&reason);
            if agent.is_some() {
                last.agent.clone_from(&agent);
            }
        }
        let work = &mut self.work;
        work.status = status;
        work.reason = reason;
        work.agent = agent.or_else(|| work.agent.take());
        work.score = score.or(work.score);
        work.tool_ms = duration_ms.or(work.tool_ms);
        work.tokens = tokens.or(work.tokens);
    }

    /// All of it; an attempt under way has taken up to `now` if it goes on.
    fn part(self, id: String, now: Option<Timestamp>, answer: Option<&Answer>) -> PlanPart {
        let Self {
            tool,
            title,
            mut work,
            times,
        } = self;
        for (attempt, (began, ended)) in work.attempts.iter_mut().zip(times) {
            let until = match attempt.status {
                TaskStatus::Running => now,
                _ => ended,
            };
            attempt.took_ms = began
                .zip(until)
                .map(|(began, until)| until.since(began).as_secs_f64() * 1_000.0);
        }
        let took = work.attempts.iter().filter_map(|attempt| attempt.took_ms);
        work.took_ms = took.reduce(|one, other| one + other);
        let report = answer.and_then(|answer| answer.tasks.iter().find(|task| task.id == id));
        if let Some(report) = report {
            work.recovered.clone_from(&report.recovered);
            work.took_ms = work.took_ms.or(Some(report.duration_ms));
        }
        PlanPart {
            id,
            tool,
            title,
            work,
        }
    }
}

/// What is other than at an attempt before, and because of what.
fn changed(before: &PlanAttempt, agent: Option<&str>) -> Vec<String> {
    let mut changed = Vec::new();
    if let Some(judged) = before.judged.as_deref().filter(|it| !it.verdict.passes()) {
        changed.push(said(judged));
    } else if let Some(reason) = &before.reason {
        changed.push(format!("because of this: {reason}"));
    }
    if let (Some(before), Some(now)) = (before.agent.as_deref(), agent)
        && before != now
    {
        changed.push(format!("another executor: {now} in the place of {before}"));
    }
    changed
}

fn said(judged: &TaskJudged) -> String {
    let found = judged.issues.iter().take(NAMED);
    let found: Vec<&str> = found.map(|issue| issue.description.as_str()).collect();
    let found = match found.is_empty() {
        true => String::new(),
        false => format!(": {}", found.join("; ")),
    };
    format!(
        "made anew, because the Critic gave {:.2}{found}",
        judged.score
    )
}

/// The chain of tasks that took longest, and what it took; none as long as no time is known.
fn critical(tasks: &[PlanTask]) -> (Vec<String>, f64) {
    let at: BTreeMap<&str, usize> = tasks
        .iter()
        .enumerate()
        .map(|(at, task)| (task.id.as_str(), at))
        .collect();
    let waits_for = |task: &PlanTask| -> Vec<usize> {
        let named = task.needs.iter().chain(&task.after);
        named
            .filter_map(|id| at.get(id.as_str()).copied())
            .collect()
    };
    // A task is settled when all that it waits for is; what waits for itself never is.
    let mut longest: Vec<Option<(f64, Option<usize>)>> = vec![None; tasks.len()];
    loop {
        let mut settled = false;
        for (index, task) in tasks.iter().enumerate() {
            if longest[index].is_some() {
                continue;
            }
            let before: Option<Vec<(f64, usize)>> = waits_for(task)
                .into_iter()
                .map(|need| longest[need].map(|(ms, _)| (ms, need)))
                .collect();
            let Some(before) = before else { continue };
            let last = before
                .into_iter()
                .max_by(|one, other| one.0.total_cmp(&other.0));
            let own = task.work.took_ms.or(task.work.tool_ms).unwrap_or(0.0);
            let (ms, need) = last.map_or((0.0, None), |(ms, need)| (ms, Some(need)));
            longest[index] = Some((ms + own, need));
            settled = true;
        }
        if !settled {
            break;
        }
    }
    let ends = longest.iter().enumerate();
    let ends = ends.filter_map(|(index, it)| it.map(|(ms, _)| (ms, index)));
    let Some((ms, end)) = ends.max_by(|one, other| one.0.total_cmp(&other.0)) else {
        return (Vec::new(), 0.0);
    };
    if ms <= 0.0 {
        return (Vec::new(), 0.0);
    }
    let mut path = Vec::new();
    let mut next = Some(end);
    while let Some(index) = next {
        path.push(tasks[index].id.clone());
        next = longest[index].and_then(|(_, need)| need);
    }
    path.reverse();
    (path, ms)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aios_work::{Category, Dimensions, Issue, Severity, Verdict};
    use serde_json::json;

    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000_000 + s))
    }

    /// What is told of a task at a second.
    fn told(task: &str, s: u64, status: TaskStatus, attempt: u32) -> TaskEvent {
        TaskEvent {
            goal_id: "g".to_owned(),
            task_id: task.to_owned(),
            tool: "look".to_owned(),
            title: task.to_uppercase(),
            status,
            attempt,
            agent: None,
            score: None,
            duration_ms: None,
            reason: None,
            at: Some(at(s).to_string()),
            judged: None,
            tokens: None,
        }
    }

    fn running(task: &str, s: u64, attempt: u32, agent: &str) -> TaskEvent {
        TaskEvent {
            agent: Some(agent.to_owned()),
            ..told(task, s, TaskStatus::Running, attempt)
        }
    }

    fn judged(score: f64, verdict: Verdict) -> Option<Box<TaskJudged>> {
        let wrong = Issue::new(
            Category::Accuracy,
            Severity::Critical,
            "23.85 follows from nothing",
            "take it out",
        );
        Some(Box::new(TaskJudged {
            verdict,
            score,
            dimensions: Dimensions::FULL,
            checked: true,
            issues: if verdict.passes() {
                vec![]
            } else {
                vec![wrong]
            },
        }))
    }

    fn events(told: Vec<TaskEvent>) -> Vec<Event> {
        let event = |(seq, event): (usize, TaskEvent)| Event {
            seq: seq as u64 + 1,
            kind: EventKind::Task,
            body: serde_json::to_value(event).unwrap(),
        };
        told.into_iter().enumerate().map(event).collect()
    }

    fn plan(tasks: Vec<Task>) -> Option<Plan> {
        Some(Plan::of("g", "tables", tasks))
    }

    fn look(plan: Option<Plan>, phase: GoalPhase, events: &[Event], s: u64) -> PlanShown {
        shown(Case {
            goal_id: "g",
            phase,
            plan,
            events,
            answer: None,
            now: at(s),
        })
    }

    #[test]
    fn attempts_stand_side_by_side_with_what_changed_between_them() {
        let told = events(vec![
            told("a", 0, TaskStatus::Pending, 0),
            running("a", 1, 1, "macro.executor.001@local"),
            TaskEvent {
                judged: judged(0.2, Verdict::Rejected),
                ..running("a", 3, 2, "macro.executor.001@local")
            },
            TaskEvent {
                reason: Some("it fell".to_owned()),
                ..told("a", 4, TaskStatus::Retrying, 2)
            },
            running("a", 6, 3, "macro.executor.002@local"),
            TaskEvent {
                score: Some(0.9),
                duration_ms: Some(500.0),
                tokens: Some(70),
                judged: judged(0.9, Verdict::Approved),
                ..told("a", 9, TaskStatus::Completed, 3)
            },
        ]);
        let shown = look(
            plan(vec![Task::new("a", "look", json!({}))]),
            GoalPhase::Running,
            &told,
            50,
        );
        assert_eq!(shown.source.as_deref(), Some("tables"));
        let work = &shown.tasks[0].work;
        assert_eq!(
            (work.status, work.score, work.tool_ms, work.tokens),
            (TaskStatus::Completed, Some(0.9), Some(500.0), Some(70))
        );
        assert_eq!(work.took_ms, Some(6_000.0), "2 + 1 + 3 seconds");
        let seen: Vec<_> = work
            .attempts
            .iter()
            .map(|one| (one.number, one.status, one.took_ms, one.changed.clone()))
            .collect();
        let none: Vec<String> = Vec::new();
        assert_eq!(
            seen,
            [
                (1, TaskStatus::Retrying, Some(2_000.0), none),
                (
                    2,
                    TaskStatus::Retrying,
                    Some(1_000.0),
                    vec![
                        "made anew, because the Critic gave 0.20: 23.85 follows from nothing"
                            .to_owned()
                    ]
                ),
                (
                    3,
                    TaskStatus::Completed,
                    Some(3_000.0),
                    vec![
                        "because of this: it fell".to_owned(),
                        "another executor: macro.executor.002@local in the place of macro.executor.001@local"
                            .to_owned()
                    ]
                ),
            ]
        );
        let said = work.attempts[0].judged.as_ref().unwrap();
        assert_eq!(said.issues[0].description, "23.85 follows from nothing");
        assert!(work.attempts[1].judged.is_none());
        assert_eq!(shown.critical_path, ["a"]);
    }

    #[test]
    fn an_attempt_under_way_takes_up_to_now_as_long_as_its_goal_goes_on() {
        let told = events(vec![running("a", 1, 1, "x")]);
        let tasks = || plan(vec![Task::new("a", "look", json!({}))]);
        for (phase, took) in [
            (GoalPhase::Running, Some(4_000.0)),
            (GoalPhase::Paused, None),
        ] {
            let shown = look(tasks(), phase, &told, 5);
            assert_eq!(shown.tasks[0].work.took_ms, took, "{phase:?}");
        }
        // Gone on with, its work is given again, and counted on.
        let again = events(vec![running("a", 1, 1, "x"), running("a", 9, 1, "x")]);
        let shown = look(tasks(), GoalPhase::Running, &again, 10);
        let numbers = shown.tasks[0].work.attempts.iter().map(|one| one.number);
        assert_eq!(numbers.collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn the_chain_that_took_longest_is_named_and_references_are_needs() {
        let done = |task: &str, from: u64, until: u64| {
            [
                running(task, from, 1, "x"),
                told(task, until, TaskStatus::Completed, 1),
            ]
        };
        let told: Vec<TaskEvent> = [
            done("a", 0, 2),
            done("b", 0, 5),
            done("c", 5, 6),
            done("d", 6, 7),
        ]
        .into_iter()
        .flatten()
        .collect();
        let after = Task {
            after: vec!["c".to_owned()],
            ..Task::new("d", "look", json!({}))
        };
        let tasks = vec![
            Task::new("a", "look", json!({})),
            Task::new("b", "look", json!({})),
            Task::new(
                "c",
                "look",
                json!({"x": {"$from": "a"}, "y": [{"$from": "b", "at": "/n"}]}),
            ),
            after,
            // Who waits for itself is on no chain.
            Task {
                needs: vec!["e".to_owned()],
                ..Task::new("e", "look", json!({}))
            },
        ];
        let shown = look(plan(tasks), GoalPhase::Answered, &events(told), 9);
        assert_eq!(shown.tasks[2].needs, ["a", "b"]);
        assert_eq!(shown.critical_path, ["b", "c", "d"]);
        assert_eq!(shown.critical_path_ms, 7_000.0);
    }

    #[test]
    fn elements_stand_below_their_task_and_looks_beside_the_plan() {
        let told = events(vec![
            told("columns", 0, TaskStatus::Completed, 1),
            running("each[10]", 1, 1, "x"),
            running("each[2]", 1, 1, "x"),
            told("each[2]", 2, TaskStatus::Completed, 1),
            told("each[10]", 3, TaskStatus::Failed, 1),
        ]);
        let each = serde_json::from_value(json!({"$from": "list", "most": 20})).unwrap();
        let task = Task {
            each: Some(each),
            ..Task::new("each", "look", json!({}))
        };
        let shown = look(plan(vec![task]), GoalPhase::Running, &told, 9);
        let task = &shown.tasks[0];
        let parts: Vec<_> = task.parts.iter().map(|part| part.id.as_str()).collect();
        assert_eq!(parts, ["each[2]", "each[10]"]);
        assert_eq!(task.needs, ["list"]);
        assert_eq!(
            (task.work.status, task.work.took_ms),
            (TaskStatus::Completed, Some(3_000.0)),
            "something came of it"
        );
        assert_eq!(shown.looks[0].id, "columns");
        let none = look(None, GoalPhase::Running, &told, 9);
        assert_eq!(
            (none.source, none.tasks.len(), none.looks.len()),
            (None, 0, 3)
        );
    }
}
