//! What an answer rests on, as whoever must not trust the planner sees it.
//!
//! An executor signs its result with the name of the question it was asked. The planner leaves that frame in its folder as it came, and
//! names it to the Critic; nothing is written anew on the way. The Critic proves each frame, opens the plan in its domain as the planner
//! did, and sees for itself which facts follow. So a figure that was changed, a result that was invented, and one of another question are
//! found out, and one that was left out takes its facts with it.
//!
//! What no executor signed for this goal:
//!
//! - An earlier result is proven by the frame that was kept beside it. The keys of agents live as long as their process, so a result of an
//!   earlier process can be proven by nobody any more, and the planner does not use it.
//! - What the domain knows by itself is not believed but asked of the domain once more.
//! - Passages come in the memory's signed reply.
//! - The goal's files are read by the Critic itself and compared with those the planner means.
//! - The plan (its questions, how it reads their results, its notes), the gaps and which tasks failed are the planner's word, within limits
//!   of size. A plan names its own questions and they stand in the answer as the facts' sources; what is said to have failed makes the
//!   answer partial.
//!
//! Folders are in memory and end with the run: a frame outlives neither its keys nor its goal, so none is worth a write to a disk. A
//! planner on another node puts the frames into its exhibits.

mod folder;
mod proofs;
mod prover;
mod sources;

use aios_actors::agent::Context;
use aios_protocols::{Authentic, Limits, Party, Performative, Sealed, Timestamp, authenticate};
use aios_work::content::{TaskResult, ontology};
use serde_json::Value;

pub(crate) use folder::{Folder, Room};
pub(crate) use proofs::{Proofs, Witnessed};
pub(crate) use prover::{Proven, Prover};
pub(crate) use sources::{Source, Sources};

/// Who said something, if that can be proven now.
///
/// # Errors
/// In the words that follow "the result of ...".
pub(crate) fn said_by(role: &str, frame: &Sealed, ctx: &Context) -> Result<Authentic, String> {
    let keys = ctx.system().key_registry();
    let said = authenticate(frame, keys.as_ref(), &Limits::CONTROL, ctx.now())
        .map_err(|refusal| format!("is not proven: its frame is refused: {refusal}"))?;
    let by_role = matches!(&said.sender, Party::Agent(id) if id.role() == role);
    if !by_role || said.performative != Performative::Inform {
        return Err(format!("comes from {}, not from {role}", said.sender));
    }
    if said.envelope.tenant != *ctx.tenant() {
        return Err("belongs to another tenant".to_owned());
    }
    Ok(said)
}

/// A result of an executor and when it was given.
pub(crate) fn result_of(frame: &Sealed, ctx: &Context) -> Result<(TaskResult, Timestamp), String> {
    let said = said_by("macro.executor", frame, ctx)?;
    if said.ontology.as_deref() != Some(ontology::TASK) {
        return Err("is no result of a task".to_owned());
    }
    let result = said.content.read_json();
    let result = result.map_err(|error| format!("cannot be read: {error}"))?;
    Ok((result, said.envelope.timestamp))
}

/// How an earlier result is marked, by the planner and by the Critic alike.
pub(crate) fn earlier(title: &str, age: &str) -> String {
    format!("{title}: taken from an earlier result, {age} old")
}

/// How a result is marked that nobody was asked for.
pub(crate) fn known(title: &str, says: &str) -> String {
    format!("{title}: {says}")
}

/// The text a writing tool gave, as a value of its own or in a field.
pub(crate) fn text_of(value: &Value) -> &str {
    value
        .as_str()
        .or_else(|| value.get("text").and_then(Value::as_str))
        .unwrap_or_default()
}
