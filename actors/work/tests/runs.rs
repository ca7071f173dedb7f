//! Records of runs: their golden bytes, what they fold into, and what follows after a crash.
#![allow(clippy::unwrap_used)]

#[path = "runs/after.rs"]
mod after;
#[path = "runs/folding.rs"]
mod folding;
#[path = "runs/golden.rs"]
mod golden;

use aios_work::run::{Blob, Cost, Held, Inquiry, Outcome, Record, Restart, RunId, Told};
use aios_work::{ContentHash, Decision, Effect, Verdict};

pub(crate) fn run() -> RunId {
    RunId {
        tenant: "local".to_owned(),
        goal: "g-1".to_owned(),
    }
}

pub(crate) fn hash(of: &str) -> ContentHash {
    ContentHash::of(of.as_bytes())
}

pub(crate) fn here(text: &str) -> Held {
    Held::Here(Blob::from(text))
}

pub(crate) fn accepted() -> Record {
    Record::GoalAccepted {
        run: run(),
        idempotency_key: Some("request-7".to_owned()),
        content: hash("goal"),
        goal: Blob::from(r#"{"text":"add up"}"#),
        principal: "user:ann@local".to_owned(),
    }
}

pub(crate) fn intended(operation: &str, effect: Effect, attempt: u32) -> Record {
    Record::Intended {
        run: run(),
        task: "send".to_owned(),
        revision: 0,
        attempt,
        operation: operation.to_owned(),
        tool: "post".to_owned(),
        effect,
        arguments: hash("arguments"),
    }
}

pub(crate) fn resulted(operation: &str, outcome: Outcome) -> Record {
    Record::Resulted {
        run: run(),
        operation: operation.to_owned(),
        outcome,
    }
}

pub(crate) fn committed(operation: &str) -> Record {
    Record::Committed {
        run: run(),
        operation: operation.to_owned(),
    }
}

pub(crate) fn inquired(operation: &str, found: Inquiry) -> Record {
    Record::Inquired {
        run: run(),
        operation: operation.to_owned(),
        found,
    }
}

pub(crate) fn asked(approval: &str, operation: &str) -> Record {
    Record::ApprovalAsked {
        run: run(),
        approval: approval.to_owned(),
        operation: operation.to_owned(),
        question: "May it be sent again?".to_owned(),
        deadline_us: 1_790_000_000_000_000,
    }
}

pub(crate) fn decided(approval: &str, decision: Decision) -> Record {
    Record::ApprovalDecided {
        run: run(),
        approval: approval.to_owned(),
        decision,
        by: "user:ann@local".to_owned(),
        signed: Blob(vec![0, 159, 1]),
    }
}

pub(crate) fn spent(approval: &str) -> Record {
    Record::ApprovalSpent {
        run: run(),
        approval: approval.to_owned(),
    }
}

pub(crate) fn fell(operation: &str, epoch: u64) -> Record {
    Record::NodeFell {
        run: run(),
        operation: operation.to_owned(),
        epoch,
        evidence: "killed by SIGABRT".to_owned(),
    }
}

/// One of every kind of record, with a name for its golden file.
pub(crate) fn every() -> Vec<(&'static str, Record)> {
    let (tenant, agent) = ("local".to_owned(), "macro.planner".to_owned());
    vec![
        ("goal_accepted", accepted()),
        (
            "planned",
            Record::Planned {
                run: run(),
                version: 2,
                hash: hash("plan"),
                plan: Blob::from(r#"{"tasks":[]}"#),
                made_under: vec![("tables".to_owned(), "0.1.0".to_owned())],
            },
        ),
        ("intended", intended("g-1/send", Effect::Query, 1)),
        (
            "resulted",
            resulted("g-1/send", Outcome::Done(here("sent"))),
        ),
        (
            "resulted_apart",
            resulted(
                "g-1/send",
                Outcome::Done(Held::Apart {
                    hash: hash("large"),
                    bytes: 70_000,
                }),
            ),
        ),
        (
            "resulted_failed",
            resulted(
                "g-1/send",
                Outcome::Failed {
                    why: "no route".to_owned(),
                },
            ),
        ),
        (
            "resulted_cancelled",
            resulted("g-1/send", Outcome::Cancelled),
        ),
        ("committed", committed("g-1/send")),
        (
            "judged",
            Record::Judged {
                run: run(),
                task: None,
                of: hash("answer"),
                verdict: Verdict::ApprovedWithWarnings,
                by: "macro.critic".to_owned(),
            },
        ),
        ("approval_asked", asked("a-1", "g-1/send")),
        ("approval_decided", decided("a-1", Decision::Accept)),
        ("approval_spent", spent("a-1")),
        (
            "budget_reserved",
            Record::BudgetReserved {
                run: run(),
                reservation: "r-1".to_owned(),
                cost: Cost {
                    tokens: 1000,
                    money_micros: 5,
                    time_ms: 30_000,
                },
            },
        ),
        (
            "budget_spent",
            Record::BudgetSpent {
                run: run(),
                reservation: "r-1".to_owned(),
                cost: Cost {
                    tokens: 812,
                    money_micros: 4,
                    time_ms: 2_000,
                },
            },
        ),
        (
            "agent_spawned",
            Record::AgentSpawned {
                tenant: tenant.clone(),
                agent: agent.clone(),
                charter: hash("charter"),
                by: None,
            },
        ),
        (
            "agent_stopped",
            Record::AgentStopped {
                tenant: tenant.clone(),
                agent: agent.clone(),
                why: "it was told to".to_owned(),
            },
        ),
        (
            "message_accepted",
            Record::MessageAccepted {
                tenant: tenant.clone(),
                agent: agent.clone(),
                message: "01930e3c-7a5b-7c4d-8e9f-001122334455".to_owned(),
                frame: Held::Here(Blob(vec![65, 73, 77, 1, 255])),
            },
        ),
        (
            "message_handled",
            Record::MessageHandled {
                tenant: tenant.clone(),
                agent: agent.clone(),
                message: "01930e3c-7a5b-7c4d-8e9f-001122334455".to_owned(),
            },
        ),
        (
            "restarted",
            Record::Restarted {
                tenant: tenant.clone(),
                agent: agent.clone(),
                restart: Restart {
                    incarnation: 3,
                    why: "panicked".to_owned(),
                    from: Some(hash("state")),
                },
            },
        ),
        (
            "escalated",
            Record::Escalated {
                tenant: tenant.clone(),
                agent: agent.clone(),
                to: "macro".to_owned(),
                why: "three restarts in a second".to_owned(),
            },
        ),
        (
            "checkpoint_saved",
            Record::CheckpointSaved {
                tenant: tenant.clone(),
                agent: agent.clone(),
                hash: hash("state"),
                superstep: 12,
            },
        ),
        (
            "goal_paused",
            Record::GoalPaused {
                run: run(),
                by: "user:ann@local".to_owned(),
            },
        ),
        (
            "goal_resumed",
            Record::GoalResumed {
                run: run(),
                by: "user:ann@local".to_owned(),
            },
        ),
        (
            "goal_cancelled",
            Record::GoalCancelled {
                run: run(),
                by: "user:ann@local".to_owned(),
            },
        ),
        (
            "goal_parked",
            Record::GoalParked {
                run: run(),
                why: "the node fell 3 times".to_owned(),
                evidence: vec!["epoch 4".to_owned()],
            },
        ),
        (
            "goal_delivered",
            Record::GoalDelivered {
                run: run(),
                status: "approved".to_owned(),
                answer: here("45"),
            },
        ),
        (
            "inquired_happened",
            inquired("g-1/send", Inquiry::Happened(Told::Result(here("sent")))),
        ),
        (
            "inquired_happened_only",
            inquired("g-1/send", Inquiry::Happened(Told::Nothing)),
        ),
        ("inquired_not", inquired("g-1/send", Inquiry::NotHappened)),
        (
            "inquired_inconclusive",
            inquired(
                "g-1/send",
                Inquiry::Inconclusive {
                    why: "it keeps keys for a day".to_owned(),
                },
            ),
        ),
        ("node_fell", fell("g-1/send", 4)),
        (
            "timer_set",
            Record::TimerSet {
                tenant: tenant.clone(),
                agent: agent.clone(),
                timer: "look again".to_owned(),
                at_us: 1_790_000_000_000_000,
            },
        ),
        (
            "timer_done",
            Record::TimerDone {
                tenant,
                agent,
                timer: "look again".to_owned(),
            },
        ),
    ]
}
