//! The actor that ends, and knows how.

use std::sync::Arc;

use aios_supervisor::{ChildSpec, ExitReason, StartContext, StartError, Started};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::ledger::{Generation, Ledger};

pub(crate) enum Do {
    Panic,
    Fail,
    Stop(Option<String>),
}

const PANIC: &str = "told to panic";
const ERROR: &str = "told to err";
pub(crate) const NO_START: &str = "told not to start";

/// Panics that were asked for by the thousand are no news.
pub(crate) fn only_unexpected_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&PANIC) {
            usual(panic);
        }
    }));
}

pub(crate) fn spec(ledger: &Arc<Ledger>, path: &str, id: &str) -> ChildSpec {
    let (ledger, path) = (Arc::clone(ledger), path.to_string());
    ChildSpec::from_fn(id, move |context| start(&ledger, &path, context))
}

/// The generation is waited for before it begins.
pub(crate) fn start(
    ledger: &Arc<Ledger>,
    path: &str,
    context: StartContext,
) -> impl Future<Output = Result<Started, StartError>> + Send + use<> {
    let generation = Generation {
        child: format!("{path}/{}", context.id).into(),
        incarnation: context.incarnation,
    };
    ledger.arm(&generation);
    let fails = ledger.start_fails(&generation);
    let body = Body {
        ledger: Arc::clone(ledger),
        generation,
        said: None,
        left: false,
    };
    async move {
        if fails {
            std::mem::forget(body);
            return Err(StartError::Failed(NO_START.into()));
        }
        Ok(Actor::spawn_linked(None, Subject, body, context.supervisor)
            .await?
            .into())
    }
}

struct Subject;

pub(crate) struct Body {
    ledger: Arc<Ledger>,
    generation: Generation,
    /// How it is going to end by its own doing.
    said: Option<ExitReason>,
    /// Its `post_stop` ran.
    left: bool,
}

impl Drop for Body {
    fn drop(&mut self) {
        let how = match (self.said.take(), self.left) {
            (Some(failed @ ExitReason::Failed(_)), _) => failed,
            (Some(own), true) => own,
            (None, true) => ExitReason::Shutdown("shutdown".into()),
            (_, false) => ExitReason::Killed,
        };
        self.ledger.ended_by_own_account(&self.generation, how);
    }
}

impl Actor for Subject {
    type Msg = Do;
    type State = Body;
    type Arguments = Body;

    async fn pre_start(&self, _: ActorRef<Do>, body: Body) -> Result<Body, ActorProcessingErr> {
        Ok(body)
    }

    async fn handle(
        &self,
        me: ActorRef<Do>,
        message: Do,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Do::Panic => {
                body.said = Some(ExitReason::Failed(PANIC.into()));
                panic!("{}", PANIC);
            }
            Do::Fail => {
                body.said = Some(ExitReason::Failed(ERROR.into()));
                return Err(ERROR.into());
            }
            Do::Stop(reason) => {
                body.said = Some(
                    reason
                        .clone()
                        .map_or(ExitReason::Normal, ExitReason::Shutdown),
                );
                me.stop(reason);
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Do>, body: &mut Body) -> Result<(), ActorProcessingErr> {
        body.left = true;
        Ok(())
    }
}
