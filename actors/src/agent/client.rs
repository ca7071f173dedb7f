//! A principal's client: how somebody outside speaks to agents with a key of its own.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{Party, Performative, PrincipalId, SigningIdentity, Trusted};
use ractor::{Actor, ActorRef};

use super::cell::Cell;
use super::incarnation::Incarnation;
use super::notifier::Wake;
use super::outbox::Outbox;
use super::{Address, AskError, Host, HostArguments, IntoDraft, MessageCounts};
use crate::{AgentSystem, AgentSystemError};

/// Signs and sends for one principal, and hears the answers. It takes no requests. Dropping it closes it.
pub struct Client {
    outbox: Arc<Outbox>,
    host: ActorRef<Wake>,
}

impl Client {
    pub(crate) async fn open(
        system: &AgentSystem,
        cell: Arc<Cell>,
    ) -> Result<Self, AgentSystemError> {
        let arguments = HostArguments {
            system: system.clone(),
            cell: Arc::clone(&cell),
            maker: None,
        };
        let (host, _) = Host::spawn(None, Host, arguments)
            .await
            .map_err(|error| AgentSystemError::Client(error.to_string()))?;
        let incarnation: Arc<Incarnation> = cell
            .incarnation()
            .ok_or_else(|| AgentSystemError::Client("it closed".into()))?;
        Ok(Self {
            outbox: Arc::new(Outbox {
                system: system.clone(),
                cell,
                incarnation,
            }),
            host,
        })
    }

    /// Who speaks.
    #[must_use]
    pub fn party(&self) -> &Party {
        self.outbox.cell.party()
    }

    /// What was sent, verified and refused at this client.
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        self.outbox.cell.messages()
    }

    /// Asks and waits for the answer, as [`Context::ask`](super::Context::ask).
    pub async fn ask(
        &self,
        to: impl Into<Address>,
        what: impl IntoDraft,
        deadline: Duration,
    ) -> Result<Trusted, AskError> {
        self.outbox
            .ask(
                &to.into(),
                what.into_draft(Performative::Request),
                deadline,
                None,
            )
            .await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.host.stop(None);
        self.outbox.system.take_leave_of(&self.outbox.cell);
    }
}

/// Whose client it is: a name alone, for which the world makes a key, or a key of one's own.
pub enum Principal {
    /// The world makes a key that lives as long as the client.
    Named(PrincipalId),
    /// A key of its own.
    WithKey(Arc<SigningIdentity>),
}

impl From<PrincipalId> for Principal {
    fn from(id: PrincipalId) -> Self {
        Self::Named(id)
    }
}

impl From<Arc<SigningIdentity>> for Principal {
    fn from(identity: Arc<SigningIdentity>) -> Self {
        Self::WithKey(identity)
    }
}
