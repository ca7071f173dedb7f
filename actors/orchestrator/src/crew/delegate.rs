//! Work that one agent hands to another. Among several who offer the same skill a contract net chooses: all are called, each proposes or
//! refuses, the least busy is accepted and the others are rejected.

use std::time::Duration;

use aios_actors::agent::{AgentError, AskError, Context};
use aios_protocols::{AgentId, Content, Draft, Performative, ProtocolName, Tier, Trusted};
use aios_work::content::{AgentCall, AgentOffer, AgentOrder, AgentReply, ontology};
use tokio::time::{Instant, timeout_at};

/// How long proposals are waited for; whoever has not answered by then is not chosen.
const PROPOSALS: Duration = Duration::from_secs(2);
/// Agents that are called at once.
const CALLED: usize = 32;

/// Hands an order to whoever offers the skill and waits for its answer.
///
/// # Errors
/// When nobody offers it or whoever was chosen did not answer.
pub(super) async fn delegate(
    skill: &str,
    order: &AgentOrder,
    ctx: &Context,
    within: Duration,
) -> Result<AgentReply, AgentError> {
    let offered = offered(skill, ctx);
    let reply = match offered.as_slice() {
        [] => {
            return Err(AgentError::failure(format!(
                "no agent offers {skill}; spawn one with `aios agent spawn`"
            )));
        }
        [only] => {
            let draft = draft(Performative::Request, Content::json(order)?)
                .protocol(ProtocolName::FipaRequest);
            ctx.ask(only, draft, within).await?
        }
        several => choose(skill, several, order, ctx, within).await?,
    };
    Ok(reply.content.read_json()?)
}

/// The thinking agents that offer a skill, but for the one who asks.
fn offered(skill: &str, ctx: &Context) -> Vec<AgentId> {
    let cards = ctx.system().directory().cards();
    let offers = cards.into_iter().filter(|card| {
        card.id.tier() == Tier::Macro
            && card.id != *ctx.me()
            && card.skills.contains(skill)
            && card.ontologies.contains(ontology::AGENT)
    });
    offers.map(|card| card.id).take(CALLED).collect()
}

fn draft(act: Performative, content: Content) -> Draft {
    Draft::new(act, content).ontology(ontology::AGENT)
}

/// The contract net: cfp, propose or refuse, accept or reject, inform.
async fn choose(
    skill: &str,
    several: &[AgentId],
    order: &AgentOrder,
    ctx: &Context,
    within: Duration,
) -> Result<Trusted, AgentError> {
    let ends = Instant::now() + within;
    let call = AgentCall {
        skill: skill.to_owned(),
        operation: order.operation.clone(),
    };
    let cfp = several
        .iter()
        .fold(
            draft(Performative::Cfp, Content::json(&call)?),
            |draft, agent| draft.to(agent),
        )
        .protocol(ProtocolName::FipaContractNet)
        .reply_by(ctx.now() + within);
    let mut net = ctx.open(cfp, 2 * several.len()).await?;
    let mut silent = several.len() - net.unreached().len();
    let mut proposals: Vec<(AgentOffer, Trusted)> = Vec::new();
    let until = ends.min(Instant::now() + PROPOSALS);
    while silent > 0 {
        // Whoever is still silent then is heard later, and rejected.
        let Ok(heard) = timeout_at(until, net.hear()).await else {
            break;
        };
        let Some(said) = heard else { break };
        silent -= 1;
        if said.performative == Performative::Propose
            && let Ok(offer) = said.content.read_json::<AgentOffer>()
        {
            proposals.push((offer, said));
        }
    }
    proposals
        .sort_by(|(one, by), (other, against)| (one, &by.sender).cmp(&(other, &against.sender)));
    let mut proposals = proposals.into_iter().map(|(_, said)| said);
    let Some(chosen) = proposals.next() else {
        return Err(AgentError::failure(format!(
            "{} agents offer {skill}, and none of them took the work",
            several.len()
        )));
    };
    for other in proposals {
        net.answer(&other, Performative::RejectProposal, "")?;
    }
    net.answer(&chosen, Performative::AcceptProposal, Content::json(order)?)?;
    loop {
        let late = || AskError::Deadline {
            to: chosen.sender.clone(),
            after: within,
        };
        let said = match timeout_at(ends, net.hear()).await {
            Ok(Some(said)) => said,
            Ok(None) => {
                return Err(AskError::AskerStopped {
                    to: chosen.sender.clone(),
                }
                .into());
            }
            Err(_) => {
                // Nobody works for nothing.
                let _ = net.cancel();
                return Err(late().into());
            }
        };
        match said.performative {
            // A proposal that came too late.
            Performative::Propose => net.answer(&said, Performative::RejectProposal, "")?,
            Performative::Inform if said.sender == chosen.sender => return Ok(said),
            _ if said.sender != chosen.sender => {}
            act => {
                let why = said.content.as_str().unwrap_or_default();
                return Err(AgentError::failure(format!(
                    "{} took the work and answered {act}: {}",
                    chosen.sender,
                    super::start(why, 500)
                )));
            }
        }
    }
}
