//! The protocols as tables: in this state, this side may say this act, and then the leg is in that state.
//!
//! Cancel and not-understood belong to every protocol and stand in the machine itself.

use super::Outcome::{Done, Failed, Refused, Rejected};
use super::Side::{self, Initiator, Participant, Recruit};
use super::State::{self, Accepted, Agreed, Answering, Asked, Finished, Proposed};
use crate::Performative::{self, *};
use crate::ProtocolName;

type Row = (State, Side, Performative, State);

/// FIPA00026. The agree may be left out where no notice is necessary.
const REQUEST: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Agree, Agreed),
    (Asked, Participant, Failure, Finished(Failed)),
    (Asked, Participant, Inform, Finished(Done)),
    (Agreed, Participant, Failure, Finished(Failed)),
    (Agreed, Participant, Inform, Finished(Done)),
];

/// FIPA00028. The condition lies in the future, so the agree is not left out.
const REQUEST_WHEN: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Agree, Agreed),
    (Agreed, Participant, Failure, Finished(Failed)),
    (Agreed, Participant, Inform, Finished(Done)),
];

/// FIPA00029.
const CONTRACT_NET: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Propose, Proposed),
    (Proposed, Initiator, RejectProposal, Finished(Rejected)),
    (Proposed, Initiator, AcceptProposal, Accepted),
    (Accepted, Participant, Failure, Finished(Failed)),
    (Accepted, Participant, Inform, Finished(Done)),
];

/// FIPA00030: a proposal may be answered by a revised call.
const ITERATED_CONTRACT_NET: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Propose, Proposed),
    (Proposed, Initiator, Cfp, Asked),
    (Proposed, Initiator, RejectProposal, Finished(Rejected)),
    (Proposed, Initiator, AcceptProposal, Accepted),
    (Accepted, Participant, Failure, Finished(Failed)),
    (Accepted, Participant, Inform, Finished(Done)),
];

/// FIPA00036: the initiator proposes an action of its own.
const PROPOSE: &[Row] = &[
    (Proposed, Participant, AcceptProposal, Finished(Done)),
    (Proposed, Participant, RejectProposal, Finished(Rejected)),
];

/// FIPA00035: any number of informs until a failure or the initiator's cancel.
const SUBSCRIBE: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Agree, Answering),
    (Asked, Participant, Inform, Answering),
    (Asked, Participant, Failure, Finished(Failed)),
    (Answering, Participant, Inform, Answering),
    (Answering, Participant, Failure, Finished(Failed)),
];

/// FIPA00033: the broker forwards what it is answered. How many answers there are depends on the proxied act, so the
/// initiator closes the conversation when it has enough.
const BROKERING: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Agree, Agreed),
    (Agreed, Participant, Failure, Finished(Failed)),
    (Agreed, Participant, Inform, Answering),
    (Answering, Participant, Inform, Answering),
    (Answering, Participant, Failure, Finished(Failed)),
];

/// FIPA00034: as brokering, but the recruited agents answer the initiator themselves.
const RECRUITING: &[Row] = &[
    (Asked, Participant, Refuse, Finished(Refused)),
    (Asked, Participant, Agree, Agreed),
    (Agreed, Participant, Failure, Finished(Failed)),
    (Agreed, Participant, Inform, Answering),
    (Answering, Participant, Failure, Finished(Failed)),
    (Answering, Recruit, Inform, Answering),
    (Answering, Recruit, Refuse, Finished(Refused)),
    (Answering, Recruit, Failure, Finished(Failed)),
];

const fn rows(protocol: ProtocolName) -> &'static [Row] {
    match protocol {
        // FIPA00027 has the same shape as FIPA00026.
        ProtocolName::FipaRequest | ProtocolName::FipaQuery => REQUEST,
        ProtocolName::FipaRequestWhen => REQUEST_WHEN,
        ProtocolName::FipaContractNet => CONTRACT_NET,
        ProtocolName::FipaIteratedContractNet => ITERATED_CONTRACT_NET,
        ProtocolName::FipaBrokering => BROKERING,
        ProtocolName::FipaRecruiting => RECRUITING,
        ProtocolName::FipaSubscribe => SUBSCRIBE,
        ProtocolName::FipaPropose => PROPOSE,
    }
}

/// The acts that open a protocol. FIPA has no protocol for request-whenever; it runs as a subscription, being one.
pub(super) const fn openers(protocol: ProtocolName) -> &'static [Performative] {
    match protocol {
        ProtocolName::FipaRequest => &[Request],
        ProtocolName::FipaQuery => &[QueryIf, QueryRef],
        ProtocolName::FipaRequestWhen => &[RequestWhen],
        ProtocolName::FipaContractNet | ProtocolName::FipaIteratedContractNet => &[Cfp],
        ProtocolName::FipaBrokering | ProtocolName::FipaRecruiting => &[Proxy],
        ProtocolName::FipaSubscribe => &[Subscribe, RequestWhenever],
        ProtocolName::FipaPropose => &[Propose],
    }
}

/// The state after an opening act, if it opens this protocol.
pub(super) fn opening(protocol: ProtocolName, act: Performative) -> Option<State> {
    openers(protocol).contains(&act).then_some(match protocol {
        ProtocolName::FipaPropose => Proposed,
        _ => Asked,
    })
}

/// The state after an act, if it may be said.
pub(super) fn next(
    protocol: ProtocolName,
    state: State,
    side: Side,
    act: Performative,
) -> Option<State> {
    rows(protocol)
        .iter()
        .find(|row| (row.0, row.1, row.2) == (state, side, act))
        .map(|row| row.3)
}
