//! `aios approvals`: what agents ask a human, and what the human says.
//!
//! A running node is asked at its control socket. Where none runs, the questions still lie in the storage folder: a node is started over it for
//! the moment of the answer, without a model.

use std::process::ExitCode;

use aios_control::{Approval, ApprovalStatus, Decision, Request};
use aios_work::shown;

use crate::arguments::{Approvals, ApprovalsCommand, Decide, Which};
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(arguments: &Approvals) -> Result<ExitCode, Failure> {
    match &arguments.command {
        None => list(arguments.asked.json, &arguments.asked.which),
        Some(ApprovalsCommand::Accept(decide)) => decided(decide, Decision::Accept),
        Some(ApprovalsCommand::Reject(decide)) => decided(decide, Decision::Reject),
    }
}

fn list(json: bool, which: &Which) -> Result<ExitCode, Failure> {
    let approvals: Vec<Approval> = client::once_or_stored(which, &Request::Approvals {})?;
    if json {
        console::json(&approvals)?;
    } else if approvals.is_empty() {
        console::note("nothing waits for a decision");
    } else {
        let lines: Vec<String> = approvals.iter().map(told).collect();
        console::result(&lines.join("\n\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn decided(decide: &Decide, decision: Decision) -> Result<ExitCode, Failure> {
    let request = Request::Decide {
        id: decide.id.clone(),
        decision,
        reason: decide.reason.clone(),
    };
    let approval: Approval = client::once_or_stored(&decide.asked.which, &request)?;
    if decide.asked.json {
        console::json(&approval)?;
    } else {
        console::result(&told(&approval))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One question as a person reads it.
fn told(approval: &Approval) -> String {
    let Approval {
        id,
        goal,
        task,
        question,
        asked_by,
        asked_at,
        deadline,
        status,
        decided_by,
        reason,
        spent_at,
        ..
    } = approval;
    let mut lines = vec![
        format!("{id}  {}", status.as_str()),
        format!("  {question}"),
        format!("  asked by {asked_by} at {asked_at} for task {task} of goal {goal}"),
    ];
    let why = reason
        .as_ref()
        .filter(|reason| !reason.is_empty())
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    match (status, decided_by) {
        (ApprovalStatus::Open, _) => lines.push(format!(
            "  until {deadline}: aios approvals accept {id}, or reject {id}{why}"
        )),
        (_, Some(by)) => lines.push(format!("  decided by {by}{why}")),
        _ if !why.is_empty() => lines.push(format!("  decided{why}")),
        _ => {}
    }
    lines.extend(spent_at.as_ref().map(|at| format!("  used at {at}")));
    // Each is one line, whatever it holds: a question must not look like another's decision.
    let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
    lines.join("\n")
}
