//! Conversations: as their parties have them now, and as they were heard.

use std::collections::HashMap;

use aios_actors::AgentSystem;
use aios_control::{
    ControlError, ConversationLine, ConversationShown, ConversationsAsked, Happened,
    MessageHappened, Owed, Participant,
};
use aios_protocols::conversation::{Conversation, Outcome, Side, State};

use super::Lookout;
use super::observer::time;

/// Conversations of one agent that are looked at.
const OF_ONE: usize = 256;
/// Conversations that are told.
const TOLD: usize = 500;

/// A conversation's name and who opened it.
type Key = (String, String);

impl Lookout {
    /// Those that are under way or were heard of late, the latest first, as far as whoever asks may see their goals.
    pub(crate) fn conversations(
        &self,
        system: &AgentSystem,
        asked: &ConversationsAsked,
        seen: &dyn Fn(&str) -> bool,
    ) -> Vec<ConversationLine> {
        self.linger();
        let mut lines = self.heard();
        for cell in system.directory().cells() {
            for conversation in cell.conversations_under_way(OF_ONE) {
                add(&mut lines, &conversation);
            }
        }
        let concerns = |line: &ConversationLine| {
            let of_goal = asked.goal_id.is_none() || line.goal_id == asked.goal_id;
            let of_agent = asked.agent.as_deref().is_none_or(|agent| {
                let all = line.participants.iter().map(|one| one.party.as_str());
                all.chain([line.initiator.as_str()])
                    .any(|name| name == agent || name.starts_with(&format!("{agent}.")))
            });
            of_goal && of_agent && line.goal_id.as_deref().is_none_or(seen)
        };
        let mut lines: Vec<_> = lines.into_values().filter(concerns).collect();
        lines.sort_by(|a, b| (&b.last_at, &b.conversation).cmp(&(&a.last_at, &a.conversation)));
        lines.truncate(TOLD);
        lines
    }

    /// One of them.
    pub(crate) fn conversation(
        &self,
        system: &AgentSystem,
        id: &str,
        seen: &dyn Fn(&str) -> bool,
    ) -> Result<ConversationShown, ControlError> {
        let lines = self.conversations(system, &ConversationsAsked::default(), seen);
        let line = lines.into_iter().find(|line| line.conversation == id);
        let Some(line) = line else {
            let name = aios_protocols::Printable(id);
            return Err(ControlError::unknown(format!(
                "no conversation {name} is under way or was heard of late"
            ))
            .advise("one that is over is known only if somebody watched while it was held"));
        };
        let kept = self.rings.lock().messages();
        let said = kept.iter().filter_map(|noted| match noted.happened() {
            Happened::Message(message) if message.conversation.as_deref() == Some(id) => {
                Some(message.clone())
            }
            _ => None,
        });
        Ok(ConversationShown {
            line,
            said: said.collect(),
        })
    }

    /// Conversations of the messages that are on record.
    fn heard(&self) -> HashMap<Key, ConversationLine> {
        let mut lines: HashMap<Key, ConversationLine> = HashMap::new();
        // Whoever is heard first in a conversation opened it, as far as is known here.
        let mut openers: HashMap<String, String> = HashMap::new();
        // Put into words while others are noted.
        let kept = self.rings.lock().messages();
        for noted in &kept {
            let Happened::Message(message) = noted.happened() else {
                continue;
            };
            let (Some(id), Some(sender)) = (&message.conversation, &message.sender) else {
                continue;
            };
            let opener = openers.entry(id.clone()).or_insert_with(|| sender.clone());
            let key = (id.clone(), opener.clone());
            let line = lines.entry(key).or_insert_with(|| ConversationLine {
                conversation: id.clone(),
                initiator: opener.clone(),
                protocol: None,
                goal_id: None,
                open: false,
                participants: Vec::new(),
                owed: Vec::new(),
                messages: 0,
                last_at: None,
            });
            heard(line, message);
        }
        lines
    }
}

fn heard(line: &mut ConversationLine, message: &MessageHappened) {
    line.protocol = line.protocol.take().or_else(|| message.protocol.clone());
    line.goal_id = line.goal_id.take().or_else(|| message.goal_id.clone());
    line.last_at = Some(message.at.clone());
    if message.what != "verified" {
        line.messages += 1;
    }
    let both = [message.sender.as_ref(), Some(&message.receiver)];
    for party in both.into_iter().flatten() {
        let known =
            *party == line.initiator || line.participants.iter().any(|one| one.party == *party);
        if !known {
            line.participants.push(Participant {
                party: party.clone(),
                state: "unknown".to_owned(),
            });
        }
    }
}

/// A conversation as one of its parties has it. The one who opened it knows most.
fn add(lines: &mut HashMap<Key, ConversationLine>, conversation: &Conversation) {
    let (id, initiator) = (
        conversation.id().to_string(),
        conversation.initiator().to_string(),
    );
    let line = lines
        .entry((id.clone(), initiator.clone()))
        .or_insert_with(|| ConversationLine {
            conversation: id,
            initiator,
            protocol: None,
            goal_id: None,
            open: false,
            participants: Vec::new(),
            owed: Vec::new(),
            messages: 0,
            last_at: None,
        });
    let opened_it = conversation.side() == Side::Initiator;
    if line.open && !opened_it {
        return;
    }
    line.open = true;
    if let Some(protocol) = conversation.protocol() {
        line.protocol = Some(protocol.as_str().to_owned());
    }
    line.participants = conversation
        .participants()
        .map(|party| Participant {
            party: party.to_string(),
            state: conversation.state(party).map_or("unknown", word).to_owned(),
        })
        .collect();
    let owed = conversation.owed().into_iter();
    line.owed = owed
        .map(|(party, by)| Owed {
            party: party.to_string(),
            by: by.map(time),
        })
        .collect();
}

const fn word(state: State) -> &'static str {
    match state {
        State::Asked => "asked",
        State::Agreed => "agreed",
        State::Proposed => "proposed",
        State::Accepted => "accepted",
        State::Answering => "answering",
        State::Cancelling => "cancelling",
        State::Finished(outcome) => match outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Rejected => "rejected",
            Outcome::Cancelled => "cancelled",
            Outcome::Undelivered => "undelivered",
            Outcome::NotUnderstood => "not_understood",
            Outcome::Abandoned => "abandoned",
        },
    }
}
