//! What is said where a message did not reach an agent in another process.

use std::sync::Arc;

use aios_protocols::{Content, Message, Party, Performative, Reason as ProtocolReason, Sealed};
use aios_supervisor::Reason;

use super::AgentSystem;
use crate::agent::{AgentOptions, Cell};

impl AgentSystem {
    /// A message did not reach an agent in another process: it is kept as a dead letter, and its sender hears so if it waits for an answer.
    pub(crate) fn not_delivered(
        &self,
        frame: &Sealed,
        message: &Message,
        unreached: &Party,
        why: ProtocolReason,
    ) {
        self.dead_letter(
            frame.clone(),
            Reason::Closed,
            Some(message.sender.as_str().into()),
        );
        let waits = message.performative.expects_reply()
            || message.performative == Performative::AcceptProposal;
        let Some(office) = waits.then(|| self.office()).flatten() else {
            return;
        };
        // Where it went to several, the content names who was not reached, as other platforms write it.
        let content = match message.receivers.len() {
            1 => Content::from(why),
            _ => Content::text(format!(
                "( (action (agent-identifier :name {unreached}) (ACLMessage) ) (MTS-error (agent-identifier :name {unreached}) {why}) )"
            )),
        };
        let draft = message.reply(Performative::Failure, content);
        let sealed = office
            .stamp(draft, self.now())
            .map_err(|error| error.to_string())
            .and_then(|(said, identity)| {
                identity
                    .seal(&said, office.limits)
                    .map_err(|error| error.to_string())
            });
        let told = sealed.and_then(|frame| {
            let sender = self.directory().get(&message.sender);
            let sender = sender.ok_or_else(|| "its sender is gone".to_owned())?;
            sender
                .offer_reply(frame, Some(office.label()))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = told {
            tracing::debug!(%unreached, %error, "nobody hears that a message did not arrive");
        }
    }

    /// Who says that something did not arrive.
    fn office(&self) -> Option<Arc<Cell>> {
        let (id, cell) = self.0.post_office.as_ref()?;
        if let Some(cell) = cell.get() {
            return Some(Arc::clone(cell));
        }
        match self.enrol(id, AgentOptions::default()) {
            Ok(fresh) => {
                fresh.open_to_nobody();
                Some(Arc::clone(cell.get_or_init(|| fresh)))
            }
            // Somebody else was a moment faster.
            Err(_) => cell.get().cloned(),
        }
    }
}
