//! Every way out of a failed task, end to end on a node: what is done, what the answer says of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use aios_actors::recovery::{Decision, Ended, OverBudget};
use aios_languages::english::name;
use aios_runtime::{Answer, Config, Goal, GoalEvent, Node};
use aios_supervisor::Recourse;
use aios_work::content::{GoalStatus, TaskReport, TaskStatus};
use aios_work::{ToolError, ToolErrorKind, Value};

use crate::faulty::{Fault, Spoil, faulty, faulty_or_wrong, impatient, late};
use crate::house::{example, pursue, soon};

fn goal(out: &Path) -> Goal {
    Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .out(out)
}

fn report<'a>(answer: &'a Answer, task: &str) -> &'a TaskReport {
    answer
        .tasks
        .iter()
        .find(|report| report.id == task)
        .unwrap()
}

/// Fails one operation for good.
fn always(operation: &'static str) -> Fault {
    Arc::new(move |asked| (asked == operation).then(late).flatten())
}

async fn answer(config: Config, fault: Fault) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = faulty(config, fault);
    let node = builder.start().await.unwrap();
    let answer = soon("the goal", pursue(&node, goal(folder.path())))
        .await
        .unwrap();
    node.stop().await;
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_follow_the_policy_and_a_passing_fault_passes() {
    let mut config = impatient();
    config.recovery.of_mut("sql").retries = 2;
    config.recovery.of_mut("sql").first_ms = 1;
    let failures = Arc::new(AtomicU32::new(2));
    let left = Arc::clone(&failures);
    let answer = answer(
        config,
        Arc::new(move |asked| {
            let more = asked == "totals"
                && left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok();
            more.then(late).flatten()
        }),
    )
    .await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    let totals = report(&answer, "totals");
    assert_eq!((totals.attempts, &totals.recovered), (3, &None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_fails_is_answered_without_groups_and_the_answer_says_so() {
    let answer = answer(impatient(), always("by_period")).await;
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:?}");
    let periods = report(&answer, "by_period");
    assert_eq!(periods.status, TaskStatus::Completed);
    assert_eq!(
        periods.recovered.as_deref(),
        Some("simpler: answered without groups, by the total alone")
    );
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.contains("answered without groups") && gap.contains("deadline")),
        "{:?}",
        answer.gaps
    );
    let totals: Vec<_> = answer
        .facts
        .iter()
        .filter(|fact| name(fact) == "total revenue")
        .collect();
    assert_eq!(totals.len(), 1, "said once: {totals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_fails_is_drawn_simpler() {
    let answer = answer(impatient(), always("chart")).await;
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:?}");
    assert!(
        report(&answer, "chart")
            .recovered
            .as_ref()
            .is_some_and(|how| how.contains("drawn with")),
        "{answer:?}"
    );
    assert!(
        answer
            .artifacts
            .iter()
            .any(|file| file.media_type == "image/svg+xml")
    );
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.starts_with("draw the chart: drawn with")),
        "{:?}",
        answer.gaps
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arithmetic_needs_nobody_at_the_bottom() {
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = faulty(impatient(), always("compute"));
    let node = builder.start().await.unwrap();
    let goal = Goal::new("What is 17 * 3?").out(folder.path());
    let answer = soon("the goal", pursue(&node, goal)).await.unwrap();
    node.stop().await;
    assert!(
        answer
            .facts
            .iter()
            .any(|fact| fact.value == Value::Integer(51)),
        "{answer:?}"
    );
    assert_eq!(
        report(&answer, "compute").recovered.as_deref(),
        Some("simpler: computed by the planner alone")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_cannot_be_seen_leaves_the_plan_that_needs_nothing() {
    let mut config = impatient();
    config.recovery.of_mut("profile_table").then = Recourse::ReplanAndSimplify;
    let answer = answer(config, always("t0")).await;
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:?}");
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.starts_with("look at q3_sales.csv")),
        "{:?}",
        answer.gaps
    );
    assert!(answer.facts.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_names_the_gap_at_once() {
    let mut config = impatient();
    config.recovery.of_mut("sql").then = Recourse::Partial;
    let answer = answer(config, always("growth")).await;
    assert_eq!(answer.status, GoalStatus::Partial);
    assert_eq!(report(&answer, "growth").status, TaskStatus::Failed);
    assert_eq!(report(&answer, "growth").attempts, 1);
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.contains("growth") && gap.contains("deadline")),
        "{:?}",
        answer.gaps
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_not_tried_again() {
    let mut config = impatient();
    config.recovery.of_mut("sql").retries = 5;
    config.recovery.of_mut("sql").then = Recourse::Partial;
    let answer = answer(
        config,
        Arc::new(|asked| {
            (asked == "growth")
                .then(|| ToolError::new(ToolErrorKind::InvalidArguments, "sql: no such column"))
        }),
    )
    .await;
    assert_eq!(report(&answer, "growth").attempts, 1, "{answer:?}");
    assert!(
        answer.gaps.iter().any(|gap| gap.contains("no such column")),
        "{:?}",
        answer.gaps
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_is_used_again_and_marked_with_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = impatient();
    config.recovery.of_mut("sql").then = Recourse::Cached;
    config.recovery.of_mut("chart").then = Recourse::Cached;
    let broken = Arc::new(AtomicBool::new(false));
    let fault: Fault = {
        let broken = Arc::clone(&broken);
        Arc::new(move |asked| {
            let hit = ["totals", "growth", "chart"].contains(&asked);
            (hit && broken.load(Ordering::SeqCst)).then(late).flatten()
        })
    };
    let (builder, _) = faulty(config, fault);
    let node = builder.start().await.unwrap();
    let first = soon("first", pursue(&node, goal(folder.path()).id("first")))
        .await
        .unwrap();
    assert_eq!(first.status, GoalStatus::Approved, "{first:?}");
    broken.store(true, Ordering::SeqCst);
    let second = soon("second", pursue(&node, goal(folder.path()).id("second")))
        .await
        .unwrap();
    assert_eq!(second.status, GoalStatus::Approved, "{:?}", second.gaps);
    for task in ["totals", "growth", "chart"] {
        let how = report(&second, task).recovered.clone().unwrap_or_default();
        assert!(
            how.starts_with("cached: an earlier result, "),
            "{task}: {how}"
        );
        assert!(report(&second, task).score.is_some(), "{task}");
    }
    assert!(report(&second, "by_period").recovered.is_none());
    assert!(
        second.answer.contains("taken from an earlier result, "),
        "{}",
        second.answer
    );
    assert_eq!(first.facts, second.facts);
    let chart = second
        .artifacts
        .iter()
        .find(|file| file.media_type == "image/svg+xml")
        .unwrap();
    assert!(chart.path.starts_with(folder.path().join("second")) && chart.path.exists());
    // Other rows have no earlier result.
    let rows = std::fs::read_to_string(example("q3_sales.csv")).unwrap();
    let rows: Vec<&str> = rows.lines().take(200).collect();
    let fewer = folder.path().join("q3_sales.csv");
    std::fs::write(&fewer, rows.join("\n")).unwrap();
    let other = Goal::new("Analyze Q3 sales")
        .data([&fewer])
        .out(folder.path());
    let other = soon("other", pursue(&node, other)).await.unwrap();
    assert!(
        other
            .gaps
            .iter()
            .chain(&other.reason)
            .any(|gap| gap.contains("no earlier result is kept")),
        "{other:?}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delegated_is_done_by_another_executor_than_the_one_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = impatient();
    config.recovery.of_mut("sql").then = Recourse::Delegate;
    let failed = Arc::new(AtomicBool::new(false));
    let (builder, effects) = faulty(
        config,
        Arc::new(move |asked| {
            (asked == "totals" && !failed.swap(true, Ordering::SeqCst))
                .then(late)
                .flatten()
        }),
    );
    let node = builder.start().await.unwrap();
    let mut run = node.run(goal(folder.path())).await.unwrap();
    let mut held = Vec::new();
    while let Some(event) = soon("an event", run.next()).await {
        if let GoalEvent::Task(event) = event
            && event.task_id == "totals"
            && event.status == TaskStatus::Running
        {
            held.extend(event.agent);
        }
    }
    let answer = run.answer().await.unwrap();
    node.stop().await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    assert!(held.len() == 2 && held[0] != held[1], "{held:?}");
    assert_eq!(
        report(&answer, "totals").recovered,
        Some(format!("delegated: done by {}", held[1]))
    );
    assert!(effects.lock().unwrap().values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_critic_rejected_is_done_anew_and_not_given_again() {
    for (then, name) in [(Recourse::Delegate, "delegated"), (Recourse::Human, "ap-")] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = impatient();
        config.recovery.of_mut("sql").then = then;
        // Three attempts are made before somebody else is looked for.
        config.agents.executors = 4;
        // Wrong as long as it is asked for under the first name; the Critic recomputes and sees it.
        let spoil: Spoil = Arc::new(|asked, output| {
            if asked == "totals" || asked.starts_with("totals/r") {
                output.value["rows"] = serde_json::json!([]);
            }
        });
        let (builder, effects) = faulty_or_wrong(config, Arc::new(|_| None), spoil);
        let node = builder.start().await.unwrap();
        let mut run = node.run(goal(folder.path())).await.unwrap();
        while let Some(event) = soon("an event", run.next()).await {
            if let GoalEvent::Task(event) = event
                && event.status == TaskStatus::Pending
                && let Some(open) = node.approvals().unwrap().first()
            {
                node.decide(&open.id, Decision::Accept, "", node.owner())
                    .unwrap();
            }
        }
        let answer = run.answer().await.unwrap();
        node.stop().await;
        assert_eq!(answer.status, GoalStatus::Approved, "{then:?}: {answer:?}");
        let how = report(&answer, "totals").recovered.clone();
        assert!(how.is_some(), "{then:?}: {answer:?}");
        let effects = effects.lock().unwrap();
        // The name of an approval ends the operation's.
        let times = |part: &str| {
            let found = effects.iter().find(|(key, _)| {
                let at = key.find(part).map(|at| &key[at + part.len()..]);
                at.is_some_and(|rest| !rest.contains('/') && (rest.is_empty() || name == "ap-"))
            });
            found.map(|(_, times)| *times)
        };
        let first = effects.iter().find(|(key, _)| key.ends_with("/totals"));
        assert_eq!(first.map(|(_, times)| *times), Some(1));
        assert_eq!(
            times(&format!("/totals/{name}")),
            Some(1),
            "{then:?}: {effects:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_round_in_circles_ends_with_a_reason_that_can_be_matched() {
    let mut config = impatient();
    // The Critic rejects every executor's result, so the same query is made again and again.
    config.recovery.of_mut("sql").then = Recourse::Delegate;
    config.agents.executors = 24;
    let spoil: Spoil = Arc::new(|asked, output| {
        if asked.starts_with("totals") {
            output.value["rows"] = serde_json::json!([]);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = faulty_or_wrong(config, Arc::new(|_| None), spoil);
    let node = builder.start().await.unwrap();
    let answer = soon("the goal", pursue(&node, goal(folder.path())))
        .await
        .unwrap();
    node.stop().await;
    let Some(Ended::Looping(looping)) = &answer.ended_by else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (looping.act.as_str(), looping.times, looping.allowed),
        ("sql", 25, 24)
    );
    assert_eq!(answer.status, GoalStatus::Partial);
    let totals = report(&answer, "totals");
    assert_eq!(
        (totals.status, &totals.recovered),
        (TaskStatus::Failed, &None)
    );
    assert!(
        answer.gaps.iter().any(|gap| gap.contains("in circles")),
        "{:?}",
        answer.gaps
    );
}

/// Routes are learned from these events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_names_its_agent_once_and_what_nobody_made_names_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = impatient();
    // Nothing is kept yet, so this way out fails too.
    config.recovery.of_mut("sql").then = Recourse::Cached;
    let (builder, _) = faulty(config, always("growth"));
    let node = builder.start().await.unwrap();
    let mut named = 0;
    let mut run = node.run(goal(folder.path())).await.unwrap();
    let mut took = None;
    while let Some(event) = soon("an event", run.next()).await {
        let GoalEvent::Task(event) = event else {
            continue;
        };
        let failed = [TaskStatus::Retrying, TaskStatus::Failed].contains(&event.status);
        named += usize::from(failed && event.task_id == "growth" && event.agent.is_some());
        if event.status == TaskStatus::Completed && event.task_id == "totals" {
            assert!(event.agent.is_some());
            took = event.duration_ms;
        }
    }
    let answer = run.answer().await.unwrap();
    assert_eq!(named, 1, "one attempt, one failure");
    let whole = report(&answer, "totals").duration_ms;
    assert!(took.is_some_and(|took| took < whole), "{took:?} of {whole}");

    node.stop().await;
    let (builder, _) = faulty(impatient(), always("compute"));
    let node = builder.start().await.unwrap();
    let sum = Goal::new("What is 17 * 3?").out(folder.path());
    let mut run = node.run(sum).await.unwrap();
    let mut completed = Vec::new();
    while let Some(event) = soon("an event", run.next()).await {
        if let GoalEvent::Task(event) = event
            && event.task_id == "compute"
            && event.status == TaskStatus::Completed
        {
            completed.push((event.agent, event.duration_ms));
        }
    }
    let answer = run.answer().await.unwrap();
    node.stop().await;
    assert_eq!(completed, [(None, None)]);
    assert_eq!(report(&answer, "compute").agent, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_sleeps_past_the_goals_deadline_costs_its_own_result_alone() {
    let mut config = impatient();
    config.goal.deadline_ms = 8_000;
    // Four tasks of this plan follow each other; retries would go on for hours.
    config.goal.task_deadline_ms = 1_500;
    config.recovery.of_mut("sql").retries = 20;
    config.recovery.of_mut("sql").first_ms = 1;
    let awake = Arc::new(AtomicBool::new(false));
    let fault: Fault = {
        let awake = Arc::clone(&awake);
        Arc::new(move |asked| {
            while asked == "growth" && !awake.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            None
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = faulty(config, fault);
    let node = builder.start().await.unwrap();
    let answer = soon("the goal", pursue(&node, goal(folder.path()))).await;
    awake.store(true, Ordering::SeqCst);
    node.stop().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:?}");
    assert!(answer.duration_ms < 8_000.0, "{}", answer.duration_ms);
    assert!(
        answer.gaps.iter().any(|gap| gap.contains("growth")),
        "{:?}",
        answer.gaps
    );
    assert_eq!(report(&answer, "totals").status, TaskStatus::Completed);
    assert!(!answer.facts.is_empty());
    assert!(
        matches!(
            answer.ended_by,
            Some(Ended::OverBudget(OverBudget::Time { allowed: 8_000, .. }))
        ),
        "{:?}",
        answer.ended_by
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_takes_is_reserved_paid_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.model.price_micros = 2_000;
    let node = Node::builder()
        .config(config.clone())
        .start()
        .await
        .unwrap();
    let answer = soon("rich", pursue(&node, goal(folder.path())))
        .await
        .unwrap();
    node.stop().await;
    let spent = answer.spent;
    assert!(spent.calls >= 1 && spent.tokens > 0, "{spent:?}");
    assert!(
        spent.tokens < config.goal.tokens.into(),
        "what was reserved and not used is given back: {spent:?}"
    );
    assert_eq!(spent.money_micros, (spent.tokens * 2_000).div_ceil(1_000));

    // Without money the model is not called, and the rules and the template answer.
    config.goal.money_micros = 1;
    let node = Node::builder().config(config).start().await.unwrap();
    let answer = soon("poor", pursue(&node, goal(folder.path())))
        .await
        .unwrap();
    node.stop().await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    assert_eq!(
        (
            answer.spent.calls,
            answer.spent.tokens,
            answer.spent.money_micros
        ),
        (0, 0, 0)
    );
    assert_eq!(report(&answer, "closing").status, TaskStatus::Failed);
    assert!(
        matches!(
            answer.ended_by,
            Some(Ended::OverBudget(OverBudget::Money {
                left: 1,
                allowed: 1,
                ..
            }))
        ),
        "{:?}",
        answer.ended_by
    );
}
