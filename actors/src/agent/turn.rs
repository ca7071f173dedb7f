//! One turn of an agent: the only place where the author's code runs.

use std::sync::Arc;

use aios_protocols::{AgentCard, AgentId};
use async_trait::async_trait;
use tokio::time::Instant;
use tracing::Instrument;

use super::in_flight::Scope;
use super::incarnation::Report;
use super::incoming::end_of_scope;
use super::outbox::Outbox;
use super::{Agent, AgentError, Context, Incoming, metric};
use crate::timers::Due;

/// Makes the author's agent, once per incarnation.
pub type Maker = Arc<dyn Fn() -> Result<Box<dyn Agent>, AgentError> + Send + Sync>;

/// What the agent is sent out for.
pub(crate) enum Turn {
    Begin { maker: Maker, me: AgentId },
    Handle(Incoming),
    Timer(Due),
    Checkpoint,
    Stop,
}

/// Runs a turn to its end; false if the agent was to be saved and is not. `agent` is filled by the first.
pub(crate) async fn take_turn(
    agent: &mut Option<Box<dyn Agent>>,
    turn: Turn,
    context: &Context,
    outbox: &Outbox,
) -> Result<bool, Report> {
    match turn {
        Turn::Begin { maker, me } => {
            *agent = Some(
                begin(&maker, me, context, outbox)
                    .await
                    .map_err(|why| Report::NotStarted(why.to_string()))?,
            );
            Ok(true)
        }
        Turn::Handle(incoming) => {
            let Some(agent) = agent else { return Ok(true) };
            let (ticket, began) = (incoming.ticket(), Instant::now());
            let context = context.because_of(incoming.message());
            let span = tracing::info_span!(
                "handle",
                agent = %context.me(),
                act = %incoming.performative,
                from = %incoming.sender,
                conversation = %incoming.conversation_id,
                delivery = incoming.deliveries(),
                trace_id = incoming.envelope.trace.map(|trace| trace.to_string()),
            );
            let result = agent.handle(incoming, &context).instrument(span).await;
            outbox.cell.tally.handled(began.elapsed());
            if let Err(error) = &result {
                tracing::debug!(agent = %context.me(), %error, "message not handled");
            }
            end_of_scope(outbox, ticket, Scope::Turn, &result);
            match result {
                Err(AgentError::Broken(message)) => Err(Report::Broken {
                    with: Some(ticket),
                    message,
                }),
                _ => Ok(true),
            }
        }
        Turn::Timer(due) => {
            let Some(agent) = agent else { return Ok(true) };
            let result = agent.timer(&due.name, context).await;
            if let Err(AgentError::Broken(message)) = result {
                // It stays due, for the next incarnation.
                return Err(Report::Broken {
                    with: None,
                    message,
                });
            }
            if let Err(error) = result {
                tracing::warn!(agent = %context.me(), timer = %due.name, %error, "timer not handled");
            }
            outbox.timer_done(context.me(), &due);
            Ok(true)
        }
        Turn::Checkpoint => {
            let agent = agent.as_ref();
            Ok(agent.is_none_or(|agent| save(agent.as_ref(), context, outbox)))
        }
        Turn::Stop => {
            let Some(agent) = agent else { return Ok(true) };
            agent.stop(context).await;
            Ok(save(agent.as_ref(), context, outbox))
        }
    }
}

async fn begin(
    maker: &Maker,
    me: AgentId,
    context: &Context,
    outbox: &Outbox,
) -> Result<Box<dyn Agent>, AgentError> {
    let mut agent = maker()?;
    // It goes on from its checkpoint and never from what it was made with; one that cannot be read is not as if there were none.
    let reading = Instant::now();
    let restored = match outbox.system.load_snapshot(&me) {
        Ok(None) => Ok(()),
        Ok(Some(snapshot)) => {
            let restored = agent.restore(snapshot);
            metrics::histogram!(metric::CHECKPOINT_RESTORE_SECONDS).record(reading.elapsed());
            restored.map_err(AgentError::from)
        }
        Err(error) => Err(error),
    };
    if restored.is_err() {
        metrics::counter!(metric::CHECKPOINT_FAILURES_TOTAL).increment(1);
    }
    let mut card = AgentCard::new(me.clone());
    card.durable = outbox.cell.is_durable();
    agent.card(&mut card);
    card.check()?;
    if card.durable != outbox.cell.is_durable() {
        // Its key and its mailbox were there before its card, and are the truth of it.
        return Err(AgentError::failure(format!(
            "the card of {me} says that it is {}durable and it was enrolled otherwise; say so in AgentOptions::durable",
            if card.durable { "" } else { "not " }
        )));
    }
    outbox.cell.set_card(outbox.system.said(card));
    let parked = restored.err().map(|error| parked(&me, &error));
    outbox.cell.park(parked.clone());
    if let Some(why) = parked {
        tracing::error!(agent = %me, why, "parked");
        return Ok(Box::new(Parked(why)));
    }
    agent.start(context).await?;
    Ok(agent)
}

fn parked(me: &AgentId, error: &AgentError) -> String {
    format!(
        "{me} is parked: its checkpoint cannot be used ({error}); put the storage folder back from a copy, run the version that wrote it, or discard the checkpoint, then kill the agent to have it started again"
    )
}

/// Stands for an agent whose checkpoint cannot be used: it answers whoever asks why nothing is done, and changes nothing.
struct Parked(String);

#[async_trait]
impl Agent for Parked {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Err(AgentError::failure(self.0.clone()))
    }
}

/// False if it has something to save and that came to nothing.
fn save(agent: &dyn Agent, context: &Context, outbox: &Outbox) -> bool {
    let Some(snapshot) = agent.snapshot() else {
        return true;
    };
    let began = Instant::now();
    let saved = outbox.system.save_snapshot(context.me(), &snapshot);
    metrics::histogram!(metric::CHECKPOINT_SAVE_SECONDS).record(began.elapsed());
    if let Err(error) = &saved {
        metrics::counter!(metric::CHECKPOINT_FAILURES_TOTAL).increment(1);
        tracing::warn!(agent = %context.me(), %error, "snapshot not saved");
    }
    saved.is_ok()
}
