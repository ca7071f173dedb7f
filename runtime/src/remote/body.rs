//! The actor of an agent in another process. It lives as long as the connection: lost, it falls, and its supervisor answers as for any
//! other child. Started again it waits for the agent to come back; when that takes too long it ends in order, and whether another one
//! waits anew is again its supervisor's to say.

use std::sync::Arc;

use aios_supervisor::{ChildSpec, StartError};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::stand::{Msg, Stand};

/// See the module.
pub(super) struct Body;

/// The life of one incarnation; dropped, also by a kill, it takes its connection along.
pub(super) struct Life {
    stand: Arc<Stand>,
    session: Option<u64>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stand
            .disembody(self.session, "the node has ended this life of the agent");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the connection to the agent's process is lost")]
struct Lost;

impl Actor for Body {
    type Msg = Msg;
    type State = Life;
    type Arguments = Arc<Stand>;

    async fn pre_start(
        &self,
        me: ActorRef<Msg>,
        stand: Arc<Stand>,
    ) -> Result<Life, ActorProcessingErr> {
        let session = stand.embody(me.clone());
        if session.is_none() {
            me.send_after(stand.window(), || Msg::Over);
        }
        Ok(Life { stand, session })
    }

    async fn handle(
        &self,
        me: ActorRef<Msg>,
        message: Msg,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Here(session) => {
                if life.session.is_none() {
                    life.stand.look();
                }
                life.session = Some(session);
            }
            Msg::Lost(session) if life.session == Some(session) => return Err(Box::new(Lost)),
            // Of a connection before this life.
            Msg::Lost(_) => {}
            Msg::Over if life.session.is_none() => {
                life.stand.give_up();
                me.stop(Some("nobody came".to_owned()));
            }
            Msg::Over => {}
        }
        Ok(())
    }
}

/// The actor as a child of any supervisor.
pub(super) fn child(stand: &Arc<Stand>) -> ChildSpec {
    let id = stand.place().id().to_string();
    let (carried, shown) = (Arc::clone(stand), Arc::clone(stand));
    ChildSpec::from_fn(id, move |start| {
        let stand = Arc::clone(&carried);
        async move {
            Actor::spawn_linked(None, Body, stand, start.supervisor)
                .await
                .map_err(StartError::from)
        }
    })
    .shows_note(move || shown.note())
}
