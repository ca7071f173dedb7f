//! `aios tree`: the supervision tree of a running node.

use std::process::ExitCode;

use aios_runtime::NodeView;
use aios_runtime::door::Request;

use crate::arguments::Tree;
use crate::failure::Failure;
use crate::{tree_picture, visit};

pub(crate) fn run(arguments: &Tree) -> Result<ExitCode, Failure> {
    visit::show(
        &arguments.show,
        &Request::View {},
        |view: &NodeView, width, colour| tree_picture::lines(view, width, colour),
    )
}
