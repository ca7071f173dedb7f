//! What an executor calls: reading, searching, extracting, and looking a quotation up. All of it only reads the goal's files.

mod check_quotes;
mod extract_fields;
mod find_passages;
mod read_document;

use std::sync::Arc;
use std::time::Instant;

use aios_tools::{Blocking, Workspace, Workspaces};
use aios_work::{CancelFlag, Tool, ToolCall, ToolError};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::place::Place;
use crate::read::read_input;

pub(crate) use check_quotes::{Checked, PLACES, QUOTES};
pub(crate) use extract_fields::Extraction;
pub(crate) use find_passages::{Passage, Passages};
pub(crate) use read_document::Outline;

/// The names of the pack's tools.
pub const TOOLS: [&str; 4] = [READ, FIND, EXTRACT, CHECK];
/// Those that only look at files: what was seen in the same files before is as good.
pub const LOOKS: [&str; 4] = TOOLS;

pub(crate) const READ: &str = "read_document";
pub(crate) const FIND: &str = "find_passages";
pub(crate) const EXTRACT: &str = "extract_fields";
pub(crate) const CHECK: &str = "check_quotes";

/// Files that one call looks at.
pub(crate) const FILES: usize = 16;

/// Turns texts into vectors whose direction is what they mean. Whoever has a model implements it; it blocks until they are there.
pub trait Embedder: Send + Sync {
    /// One vector for each text, in their order; none when no model answers in time.
    fn embed(
        &self,
        texts: &[String],
        cancel: &CancelFlag,
        deadline: Instant,
    ) -> Option<Vec<Vec<f32>>>;
}

/// The pack's tools, working within these walls. With an embedder passages are ranked by what they mean as well, else by their words.
#[must_use]
pub fn tools(workspaces: &Workspaces, embedder: Option<Arc<dyn Embedder>>) -> Vec<Arc<dyn Tool>> {
    vec![
        Blocking::shared(read_document::ReadDocument, workspaces),
        Blocking::shared(find_passages::FindPassages { embedder }, workspaces),
        Blocking::shared(extract_fields::ExtractFields, workspaces),
        Blocking::shared(check_quotes::CheckQuotes, workspaces),
    ]
}

/// Words as they stand in a file, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// The words, with one blank between two.
    pub text: String,
    /// Where they stand.
    pub place: Place,
}

/// The documents that a call names: those, or all the goal has.
fn open(
    tool: &str,
    files: &[String],
    workspace: &Workspace,
    call: &ToolCall,
) -> Result<Vec<Document>, ToolError> {
    let inputs = match files {
        [] => workspace.inputs().iter().collect(),
        named => named
            .iter()
            .map(|file| workspace.input(file))
            .collect::<Result<Vec<_>, _>>()?,
    };
    if inputs.is_empty() || inputs.len() > FILES {
        return Err(ToolError::invalid_arguments(
            tool,
            format!(
                "there are {} files to read, 1 to {FILES} are read at once",
                inputs.len()
            ),
        ));
    }
    inputs
        .into_iter()
        .map(|input| read_input(input, workspace, call))
        .collect()
}
