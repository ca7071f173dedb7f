//! An agent of a charter: a supervised child with keys and a mailbox like any other. It takes questions of people in plain words or as its
//! charter says, and orders of other agents; each is a job of its own, so that several are at work at once and a stop is always heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_protocols::{AgentCard, Content, Party, Performative, PrincipalKind, Reason, ReasonKind};
use aios_work::content::{AgentCall, AgentOffer, AgentOrder, AgentReply, NoAnswer, ontology};
use async_trait::async_trait;
use serde_json::Value;

use super::Member;
use super::brief::granted;
use super::ended::{Ended, told};
use super::shell;
use crate::Services;

/// What a question without a name of its own is called, before the conversation it came in.
const ASKED: &str = "ask-";
/// Questions one agent works on at once; in a contract net one with more to do refuses.
const AT_ONCE: u32 = 16;

/// An agent of a charter.
pub struct CharterAgent {
    member: Arc<Member>,
    services: Arc<Services>,
    at_work: AtWork,
}

/// How many questions are worked on.
#[derive(Clone, Default)]
struct AtWork(Arc<AtomicU32>);

/// One of them, until it is dropped.
struct Counted(AtWork);

impl AtWork {
    fn one_more(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CharterAgent {
    /// An agent of this member; all it knows of a question is in the step log.
    #[must_use]
    pub fn new(member: Arc<Member>, services: Arc<Services>) -> Self {
        Self {
            member,
            services,
            at_work: AtWork::default(),
        }
    }

    /// What a message asks, if it asks something that can be worked on.
    fn order(&self, incoming: &Incoming, ctx: &Context) -> Result<AgentOrder, AgentError> {
        if incoming.ontology.as_deref() == Some(ontology::AGENT) {
            let order: AgentOrder = incoming.json()?;
            self.member
                .takes(&order.input)
                .map_err(|why| unusable(&self.member, &why))?;
            return Ok(order);
        }
        let Some(content) = incoming.content.as_str() else {
            return Err(unusable(&self.member, "it is no text"));
        };
        let input = self
            .member
            .read(content)
            .map_err(|why| unusable(&self.member, &why))?;
        let budget = &self.member.charter().budget;
        Ok(AgentOrder {
            operation: format!("{ASKED}{}", incoming.conversation_id),
            input,
            chain: Vec::new(),
            tools: None,
            granted: granted(&self.member, ctx.me().as_str(), &self.services),
            inputs: Vec::new(),
            out_dir: String::new(),
            deadline_ms: budget.time_ms,
        })
    }

    fn begin(&self, incoming: Incoming, order: AgentOrder, ctx: &Context) {
        let (member, services) = (Arc::clone(&self.member), Arc::clone(&self.services));
        let counted = self.at_work.one_more();
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let _counted = counted;
            let ordered = incoming.ontology.as_deref() == Some(ontology::AGENT);
            let worked = tokio::select! {
                biased;
                // Nobody waits for it any more; dropping the work raises the flags of its tools.
                () = incoming.cancelled() => {
                    shell::leave(&member, &order, &services, &ctx);
                    return Ok(());
                }
                worked = shell::pursue(&member, &order, &services, &ctx) => worked,
            };
            let reply = match worked {
                Ok(answer) => AgentReply::Done(answer),
                Err(Ended::Unanswered(none)) => AgentReply::None(none),
                Err(Ended::Fault(error)) => return Err(error),
            };
            // The steps of an order end with the work it is a part of.
            let over = !ordered && !matches!(reply, AgentReply::None(NoAnswer::Waits { .. }));
            match (ordered, reply) {
                (true, reply) => incoming.inform(Content::json(&reply)?)?,
                (false, AgentReply::Done(answer)) => match answer.value {
                    Value::String(text) => incoming.inform(text)?,
                    value => incoming.inform(Content::json(&value)?)?,
                },
                (false, AgentReply::None(none)) => {
                    incoming.respond(
                        Performative::Failure,
                        Reason::new(ReasonKind::InternalError, told(&none)),
                    )?;
                }
            }
            if over {
                shell::forget(&member, &order, &services, &ctx);
            }
            Ok(())
        });
    }
}

fn unusable(member: &Member, why: &str) -> AgentError {
    let name = &member.charter().name;
    let form = match &member.charter().input {
        None => "ask it in text".to_owned(),
        Some(schema) => format!(
            "ask it as its `input` says: {}",
            super::start(&schema.to_string(), 500)
        ),
    };
    AgentError::refuse(
        ReasonKind::UnsupportedValue,
        format!("{name} cannot use what it is asked: {why}; {form}"),
    )
}

#[async_trait]
impl Agent for CharterAgent {
    fn card(&self, card: &mut AgentCard) {
        let charter = self.member.charter();
        card.description = charter.description.clone();
        card.skills = charter.skills().map(str::to_owned).collect();
        card.domains = charter.domains.iter().cloned().collect();
        card.models = charter.model.iter().cloned().collect();
        card.ontologies = [ontology::AGENT.to_owned()].into();
        card.open_to.add(PrincipalKind::User);
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let orders = incoming.ontology.as_deref() == Some(ontology::AGENT);
        // An order names what it is paid from and files: only agents give one.
        if orders && !matches!(incoming.sender, Party::Agent(_)) {
            return Err(AgentError::refuse(
                ReasonKind::Unauthorised,
                "orders come from agents; ask in plain words",
            ));
        }
        match incoming.performative {
            Performative::Request => {
                let order = self.order(&incoming, ctx)?;
                self.begin(incoming, order, ctx);
                Ok(())
            }
            Performative::Cfp if orders => {
                let call: AgentCall = incoming.json()?;
                let charter = self.member.charter();
                if !charter.skills().any(|skill| skill == call.skill) {
                    incoming.refuse(ReasonKind::UnsupportedFunction, "it is none of my skills")?;
                } else if self.at_work.count() >= AT_ONCE {
                    incoming.refuse(ReasonKind::Overloaded, "I am at work on as much as I can")?;
                } else {
                    let at_work = self.at_work.count();
                    incoming.propose(Content::json(&AgentOffer { at_work })?)?;
                }
                Ok(())
            }
            Performative::AcceptProposal if orders => {
                let order = self.order(&incoming, ctx)?;
                self.begin(incoming, order, ctx);
                Ok(())
            }
            // Another was chosen.
            Performative::RejectProposal => Ok(()),
            _ => Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedAct,
                "an agent of a charter takes requests, and calls for proposals of other agents",
            ))),
        }
    }
}
