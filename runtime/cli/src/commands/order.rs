//! `aios kill` and `aios stop`: an order about one agent of a running node.

use std::process::ExitCode;

use aios_control::Request;

use crate::arguments::Order;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn kill(order: &Order) -> Result<ExitCode, Failure> {
    let agent = order.agent.clone();
    client::once::<()>(&order.which, &Request::Kill { agent })?;
    console::note(&format!("{} was killed", order.agent));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn stop(order: &Order) -> Result<ExitCode, Failure> {
    let agent = order.agent.clone();
    client::once::<()>(&order.which, &Request::Stop { agent })?;
    console::note(&format!("{} is stopped", order.agent));
    Ok(ExitCode::SUCCESS)
}
