//! Who may open what: the table of tiers, and within it whom the receiver's card lets in.
//!
//! The table says what no card can lift: which tiers speak to each other, by which acts, and by which acts principals ask.
//! Whom of those it is open to an agent says itself ([`OpenTo`]). Both govern acts that open a conversation; whether a
//! reply is allowed only the conversation knows.

use std::borrow::Cow;

use thiserror::Error;

use crate::{OpenTo, Party, Performative, Tier};

/// The sender may not open a conversation with this act.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{from} may not open a conversation with {to} by {act}; {instead}")]
pub struct Denied {
    /// Who tried.
    pub from: Party,
    /// With whom.
    pub to: Party,
    /// By which act.
    pub act: Performative,
    /// What would be allowed.
    pub instead: Cow<'static, str>,
}

/// Whether this sender may open a conversation with this receiver by this act, if the receiver is open to these.
pub fn may_open(
    from: &Party,
    to: &Party,
    act: Performative,
    open_to: &OpenTo,
) -> Result<(), Denied> {
    tiers_allow(from, to, act)?;
    if open_to.admits(from) {
        return Ok(());
    }
    let instead = match open_to.is_none() {
        true => "it is open to nobody".into(),
        false => format!("it is open to {open_to}").into(),
    };
    Err(Denied {
        from: from.clone(),
        to: to.clone(),
        act,
        instead,
    })
}

/// The half of [`may_open`] that needs no card: what this refuses, no receiver can allow.
pub fn tiers_allow(from: &Party, to: &Party, act: Performative) -> Result<(), Denied> {
    use Performative::*;
    let denied = |instead: &'static str| {
        Err(Denied {
            from: from.clone(),
            to: to.clone(),
            act,
            instead: instead.into(),
        })
    };
    if !act.can_open() && act != Cancel {
        return denied("this act is an answer and needs a conversation");
    }
    let (sender, receiver) = match (from, to) {
        (_, Party::Principal(_)) => return denied("principals are only answered"),
        (Party::Principal(_), Party::Agent(receiver)) => {
            return match (receiver.tier(), act) {
                (Tier::Micro, _) => denied("principals speak to macro and meso agents"),
                (_, Request | QueryIf | QueryRef | Cancel | Subscribe) => Ok(()),
                _ => denied("principals may request, query, cancel and subscribe"),
            };
        }
        (Party::Agent(sender), Party::Agent(receiver)) => (sender, receiver),
    };
    let (allowed, instead) = match (sender.tier(), receiver.tier()) {
        (Tier::Micro, Tier::Micro) if sender.zone() != receiver.zone() => {
            (false, "micro agents speak within their zone")
        }
        (Tier::Micro, Tier::Micro) => (
            matches!(act, Inform | QueryIf),
            "micro agents may inform and query-if each other",
        ),
        (Tier::Micro, Tier::Meso) => (act == Inform, "micro agents may inform meso agents"),
        (Tier::Micro, Tier::Macro) => (
            false,
            "micro agents reach macro agents only as aggregates of a meso agent",
        ),
        (Tier::Meso, Tier::Micro) => (
            matches!(act, Request | Cancel | Inform | QueryIf | QueryRef),
            "meso agents may request, cancel, inform and query micro agents",
        ),
        (Tier::Meso, Tier::Macro) => (
            matches!(act, Inform | Propose),
            "meso agents may inform macro agents and propose to them",
        ),
        (Tier::Macro, Tier::Micro) => (
            false,
            "macro agents reach micro agents only through a meso agent",
        ),
        (Tier::Macro, Tier::Meso) => (
            matches!(act, Request | Cancel | QueryIf | QueryRef | Cfp | Subscribe),
            "macro agents may request, cancel, query, call for proposals and subscribe",
        ),
        (Tier::Meso, Tier::Meso) | (Tier::Macro, Tier::Macro) => (true, ""),
    };
    if allowed { Ok(()) } else { denied(instead) }
}
