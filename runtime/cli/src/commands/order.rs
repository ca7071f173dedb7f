//! `aios kill`, `aios stop` and `aios agent kill|stop|suspend|resume`: an order about one agent of a running node.

use std::process::ExitCode;

use aios_control::Request;
use serde_json::json;

use crate::arguments::Order;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn kill(order: &Order) -> Result<ExitCode, Failure> {
    given(order, |agent| Request::Kill { agent }, "was killed")
}

pub(crate) fn stop(order: &Order) -> Result<ExitCode, Failure> {
    given(order, |agent| Request::Stop { agent }, "is stopped")
}

pub(crate) fn suspend(order: &Order) -> Result<ExitCode, Failure> {
    given(order, |agent| Request::Suspend { agent }, "pauses")
}

pub(crate) fn resume(order: &Order) -> Result<ExitCode, Failure> {
    given(order, |agent| Request::ResumeAgent { agent }, "goes on")
}

fn given(
    order: &Order,
    request: impl FnOnce(String) -> Request,
    done: &str,
) -> Result<ExitCode, Failure> {
    let agent = &order.agent;
    client::once::<()>(&order.asked.which, &request(agent.clone()))?;
    if order.asked.json {
        console::json(&json!({ "agent": agent, "done": done }))?;
    } else {
        console::note(&format!("{agent} {done}"));
    }
    Ok(ExitCode::SUCCESS)
}
