//! `aios tree`: the supervision tree of a running node.

use std::process::ExitCode;

use aios_control::Request;
use aios_runtime::NodeView;

use crate::arguments::Tree;
use crate::failure::Failure;
use crate::{client, tree_picture};

pub(crate) fn run(arguments: &Tree) -> Result<ExitCode, Failure> {
    client::show(
        &arguments.show,
        &Request::View {},
        |view: &NodeView, width, colour| tree_picture::lines(view, width, colour),
    )
}
