//! The platform's word that an act did not arrive.
//!
//! Where an act cannot be delivered, the platform's agent management (JADE's AMS, a gateway, our own node) says `failure`
//! to its sender. It has no part in the conversation, so only parties configured as the platform may: see
//! [`super::Conversations::platform`]. In-reply-to names the act; where one act went to several, its content names who was not
//! reached, as JADE writes it: `(... (MTS-error (agent-identifier :name NAME ...) ...))`.

use super::{Conversation, OutOfProtocol, Outcome, Side, State, Why};
use crate::{Content, Message, Party, fipa_string};

impl Conversation {
    /// Ends the leg on which an act of this side did not arrive. Whoever calls has made sure that the platform speaks.
    pub(super) fn undelivered(&mut self, failure: &Message) -> Result<State, OutOfProtocol> {
        let tenant = &failure.envelope.tenant;
        if self.tenant.as_ref().is_some_and(|bound| bound != tenant) {
            return Err(self.wrong(failure, Why::OtherTenant));
        }
        let unreached = unreached(&failure.content);
        let named = failure.in_reply_to.as_ref();
        // A participant has one leg, its own, and the initiator is whom it did not reach.
        let is_it = |party: &Party| match (&unreached, self.side) {
            (None, _) => true,
            (Some(unreached), Side::Initiator) => party == unreached,
            (Some(unreached), _) => self.initiator == *unreached,
        };
        let waiting = self.legs.iter().filter(|(party, leg)| {
            let side = match self.side {
                Side::Initiator => Side::Initiator,
                _ => leg.side,
            };
            leg.waits_on(side, named) && is_it(party)
        });
        let mut waiting = waiting.map(|(party, _)| party.clone());
        let why = match (waiting.next(), waiting.next()) {
            (Some(party), None) => {
                let ended = State::Finished(Outcome::Undelivered);
                if let Some(leg) = self.legs.get_mut(&party) {
                    leg.state = ended;
                }
                return Ok(ended);
            }
            (Some(_), Some(_)) => Why::Misaddressed,
            (None, _) => Why::InReplyTo,
        };
        Err(self.wrong(failure, why))
    }
}

/// Whom the failure says was not reached, if it names one of ours.
fn unreached(content: &Content) -> Option<Party> {
    fipa_string::unreached(content.as_str()?)?.name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unreached_party_is_read_from_what_jade_writes() {
        let ams = "( (action (agent-identifier :name macro.ams.1@p :addresses (sequence http://h:7778/acc)) (ACLMessage) ) ";
        let rows = [
            (
                format!(
                    "{ams}(MTS-error (agent-identifier :name macro.seller.2@p) (internal-error \"Agent not found\")) )"
                ),
                Some("macro.seller.2@p"),
            ),
            (
                format!("{ams}(mts-ERROR ( agent-identifier :NAME \"macro.seller.2@p\" ) x))"),
                Some("macro.seller.2@p"),
            ),
            (
                format!("{ams}(MTS-error (agent-identifier :name seller@p) x))"),
                None,
            ),
            (format!("{ams}(MTS-error (agent-identifier :name "), None),
            (format!("{ams}(MTS-error "), None),
            (ams.to_owned(), None),
            (String::new(), None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|name| name.parse::<Party>().unwrap());
            assert_eq!(unreached(&Content::text(text.clone())), expected, "{text}");
        }
        assert_eq!(unreached(&Content::bytes(vec![0xff, 0xfe])), None);
    }
}
