//! What a human is asked: the question waits in the store, a signed decision moves the goal on, and nothing else does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_actors::agent::{Clock, ManualClock};
use aios_actors::recovery::{ApprovalError, ApprovalStatus, Decision, decision_frame};
use aios_protocols::{PrincipalId, Sealed, SigningIdentity, Timestamp};
use aios_runtime::{Answer, Config, Goal, GoalEvent, Node};
use aios_supervisor::Recourse;
use aios_work::content::{GoalStatus, TaskStatus};

use crate::faulty::{Effects, Fault, faulty, impatient, late};
use crate::house::{example, pursue, soon};

/// A goal may wait this long, less what is kept back for its delivery.
const DEADLINE_MS: u64 = 10_000;

struct House {
    node: Node,
    effects: Effects,
    broken: Arc<AtomicBool>,
}

fn goal(out: &Path) -> Goal {
    Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .id("q3")
        .out(out)
}

/// A node that asks a human about queries, and whose growth query is broken.
async fn house(storage: Option<&Path>, deadline_ms: u64, clock: Option<Arc<ManualClock>>) -> House {
    let mut config: Config = impatient();
    config.recovery.of_mut("sql").then = Recourse::Human;
    config.goal.deadline_ms = deadline_ms;
    // A plan must fit its goal; four tasks of this one follow each other.
    config.goal.task_deadline_ms = 1_200;
    if let Some(folder) = storage {
        config.storage.folder = folder.to_str().unwrap().to_owned();
    }
    let broken = Arc::new(AtomicBool::new(true));
    let fault: Fault = {
        let broken = Arc::clone(&broken);
        Arc::new(move |asked| {
            (asked == "growth" && broken.load(Ordering::SeqCst))
                .then(late)
                .flatten()
        })
    };
    let (mut builder, effects) = faulty(config, fault);
    if let Some(clock) = clock {
        builder = builder.clock(clock as Arc<dyn Clock>);
    }
    House {
        node: builder.start().await.unwrap(),
        effects,
        broken,
    }
}

async fn undecided(house: &House, out: &Path) -> (Answer, String) {
    let answer = soon("the goal", pursue(&house.node, goal(out)))
        .await
        .unwrap();
    assert_eq!(answer.status, GoalStatus::Partial, "{answer:?}");
    let [id] = answer.waits_for.as_slice() else {
        panic!("{:?}", answer.waits_for)
    };
    assert!(
        answer.gaps.iter().any(|gap| gap.contains(id.as_str())),
        "the gap names the approval: {:?}",
        answer.gaps
    );
    (answer.clone(), id.clone())
}

fn once_each(effects: &Effects) {
    let effects = effects.lock().unwrap();
    assert!(effects.values().all(|times| *times == 1), "{effects:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_waits_says_so_and_goes_on_at_the_decision() {
    for decision in [Decision::Accept, Decision::Reject] {
        let folder = tempfile::tempdir().unwrap();
        let house = house(None, 60_000, None).await;
        let mut run = house.node.run(goal(folder.path())).await.unwrap();
        let mut asked = false;
        while let Some(event) = soon("an event", run.next()).await {
            let GoalEvent::Task(event) = event else {
                continue;
            };
            let waits = event.status == TaskStatus::Pending
                && event
                    .reason
                    .as_ref()
                    .is_some_and(|why| why.contains("waits for a human"));
            if !waits {
                continue;
            }
            asked = true;
            let listed = house.node.approvals().unwrap();
            assert_eq!(listed.len(), 1);
            let open = &listed[0];
            assert_eq!(
                (open.goal.as_str(), open.task.as_str(), open.status),
                ("q3", "growth", ApprovalStatus::Open)
            );
            assert_eq!(open.asked_by, "macro.planner.001@local");
            assert!(event.reason.unwrap().contains(&open.id));
            house.broken.store(false, Ordering::SeqCst);
            house
                .node
                .decide(&open.id, decision, "I looked", house.node.owner())
                .unwrap();
        }
        let answer = run.answer().await.unwrap();
        assert!(asked && answer.waits_for.is_empty(), "{answer:?}");
        let decided = house.node.approvals().unwrap().remove(0);
        assert_eq!(decided.decided_by.as_deref(), Some("user:owner@local"));
        if decision == Decision::Accept {
            assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
            let how = answer
                .tasks
                .iter()
                .find_map(|task| task.recovered.clone())
                .unwrap();
            assert!(how.starts_with("human: tried once more"), "{how}");
        } else {
            assert_eq!(answer.status, GoalStatus::Partial);
            assert!(
                answer
                    .gaps
                    .iter()
                    .any(|gap| gap.contains("rejected") && gap.contains("I looked")),
                "{:?}",
                answer.gaps
            );
        }
        once_each(&house.effects);
        house.node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_decided_in_time_stays_open_and_the_same_goal_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(None, DEADLINE_MS, None).await;
    let (_, id) = undecided(&house, folder.path()).await;
    // Asked again before anybody decides, it is the same answer.
    let again = soon("again", pursue(&house.node, goal(folder.path())))
        .await
        .unwrap();
    assert_eq!(again.waits_for, std::slice::from_ref(&id));
    house.broken.store(false, Ordering::SeqCst);
    house
        .node
        .decide(&id, Decision::Accept, "", house.node.owner())
        .unwrap();
    let answer = soon("after", pursue(&house.node, goal(folder.path())))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.waits_for.len()),
        (GoalStatus::Approved, 0),
        "{answer:?}"
    );
    // What was done before was not done again.
    once_each(&house.effects);
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_survives_the_end_of_its_node() {
    let (folder, storage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = storage.path().join("state");
    let (id, owner) = {
        let house = house(Some(&storage), DEADLINE_MS, None).await;
        let (_, id) = undecided(&house, folder.path()).await;
        let owner = house.node.owner().public_key();
        house.node.stop().await;
        (id, owner)
    };
    let house = house(Some(&storage), 60_000, None).await;
    assert_eq!(
        house.node.owner().public_key(),
        owner,
        "the owner is the same"
    );
    let listed = house.node.approvals().unwrap();
    assert_eq!(
        (listed.len(), listed[0].id.as_str(), listed[0].status),
        (1, id.as_str(), ApprovalStatus::Open)
    );
    // The agent's key ended with its process; the proof of what it proposed did not.
    let decided = house
        .node
        .decide(&id, Decision::Reject, "not worth it", house.node.owner())
        .unwrap();
    assert_eq!(decided.status, ApprovalStatus::Rejected);
    let answer = soon("after", pursue(&house.node, goal(folder.path())))
        .await
        .unwrap();
    assert_eq!(answer.status, GoalStatus::Partial);
    assert!(answer.waits_for.is_empty());
    assert!(
        answer.gaps.iter().any(|gap| gap.contains("not worth it")),
        "{:?}",
        answer.gaps
    );
    house.node.stop().await;
}

fn stranger(name: &str, seed: u8) -> Arc<SigningIdentity> {
    let party: PrincipalId = name.parse().unwrap();
    Arc::new(SigningIdentity::from_seed(party, [seed; 32]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owners_own_decision_counts_and_every_refusal_is_audited() {
    let folder = tempfile::tempdir().unwrap();
    let start = Timestamp::since_epoch(Duration::from_secs(1_800_000_000));
    let clock = Arc::new(ManualClock::at(start));
    let house = house(None, DEADLINE_MS, Some(Arc::clone(&clock))).await;
    let (_, id) = undecided(&house, folder.path()).await;
    let node = &house.node;
    let queue = node.system().approvals();
    let label = |label: &str| {
        node.system()
            .audit()
            .counts()
            .get(label)
            .copied()
            .unwrap_or(0)
    };

    let by_stranger = node.decide(
        &id,
        Decision::Accept,
        "",
        &stranger("user:mallory@local", 7),
    );
    assert!(
        matches!(by_stranger, Err(ApprovalError::NotTheOwner { .. })),
        "{by_stranger:?}"
    );
    let wrong_key = node.decide(&id, Decision::Accept, "", &stranger("user:owner@local", 7));
    assert!(
        matches!(wrong_key, Err(ApprovalError::Refused(_))),
        "{wrong_key:?}"
    );
    let unknown = node.decide(
        "ap-0123456789abcdef0123456789abcdef",
        Decision::Accept,
        "",
        node.owner(),
    );
    assert!(
        matches!(unknown, Err(ApprovalError::Unknown { .. })),
        "{unknown:?}"
    );
    let proposal = queue.proposal(&id).unwrap();
    let frame =
        |decision| decision_frame(&proposal, decision, "", node.owner(), start, [3; 10]).unwrap();
    let mut bytes = frame(Decision::Accept).as_bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = node.decide_signed(&Sealed::from_bytes(bytes));
    assert!(altered.is_err(), "{altered:?}");
    let not_one = node.decide_signed(proposal.sealed());
    assert!(not_one.is_err(), "a proposal is no decision");
    assert_eq!(
        queue.get(&id).unwrap().status,
        ApprovalStatus::Open,
        "none of it counted"
    );

    // In its last second it can be decided, and a second later it could not have been.
    let (rejected, accepted) = (frame(Decision::Reject), frame(Decision::Accept));
    let deadline = queue.get(&id).unwrap().deadline;
    clock.advance(deadline.since(start));
    assert_eq!(
        node.decide_signed(&rejected).unwrap().status,
        ApprovalStatus::Rejected
    );
    let replayed = node.decide_signed(&rejected);
    assert!(
        matches!(replayed, Err(ApprovalError::Replayed { .. })),
        "{replayed:?}"
    );
    let other = node.decide_signed(&accepted);
    assert!(
        matches!(other, Err(ApprovalError::AlreadyDecided { .. })),
        "{other:?}"
    );
    assert_eq!(
        queue.decided(&id).unwrap().map(|(decision, _)| decision),
        Some(Decision::Reject)
    );
    for (kind, times) in [
        ("approval-not-owner", 2),
        ("approval-replayed", 1),
        ("approval-decided", 1),
    ] {
        assert_eq!(
            label(kind),
            times,
            "{kind}: {:?}",
            node.system().audit().counts()
        );
    }
    assert!(label("approval-bad-frame") >= 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_question_is_not_decided_and_is_asked_anew() {
    let folder = tempfile::tempdir().unwrap();
    let start = Timestamp::since_epoch(Duration::from_secs(1_800_000_000));
    let clock = Arc::new(ManualClock::at(start));
    let house = house(None, DEADLINE_MS, Some(Arc::clone(&clock))).await;
    let (_, id) = undecided(&house, folder.path()).await;
    clock.advance(Duration::from_secs(8 * 24 * 3_600));
    assert_eq!(
        house.node.approvals().unwrap()[0].status,
        ApprovalStatus::Expired
    );
    let late = house
        .node
        .decide(&id, Decision::Accept, "", house.node.owner());
    assert!(
        matches!(late, Err(ApprovalError::Expired { .. })),
        "{late:?}"
    );
    let (_, again) = undecided(&house, folder.path()).await;
    assert_eq!(again, id);
    let asked = house.node.approvals().unwrap();
    assert_eq!(
        (asked.len(), asked[0].status),
        (1, ApprovalStatus::Open),
        "{asked:?}"
    );
    house.node.stop().await;
}
