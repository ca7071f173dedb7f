//! The acting half of the gateway: envoys' cells, their keys, and the two queues.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aios_protocols::fipa_string::{Acl, AgentName, parse};
use aios_protocols::{AgentId, Message, Reason, ReasonKind, Sealed, TenantId, authenticate};
use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::bridge::{Bridge, not_reached};
use super::guests::Arrival;
use super::{GatewayError, GatewayOptions};
use crate::AgentSystem;
use crate::agent::{AgentOptions, Cell, SendError};

/// A string on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// For whom; its addresses say where.
    pub to: AgentName,
    /// The message, as FIPA00070 in UTF-8.
    pub text: Vec<u8>,
    /// Who hears it if it cannot be carried: the envoy says so to the sender.
    sent: Option<(AgentId, Box<Message>)>,
    /// Its bytes among those that may wait.
    _room: OwnedSemaphorePermit,
}

/// The gateway to one platform. Dropping it takes its envoys away.
pub struct Gateway(Arc<Inner>);

struct Inner {
    system: AgentSystem,
    bridge: Mutex<Bridge>,
    envoys: Mutex<HashMap<AgentId, Envoy>>,
    tenant: TenantId,
    outgoing: mpsc::Sender<Outgoing>,
    /// Bytes that may still wait, and all that may.
    room: Arc<Semaphore>,
    most: usize,
}

struct Envoy {
    cell: Arc<Cell>,
    listens: AbortHandle,
}

impl Gateway {
    /// Opens a gateway, and the queue of what goes out by it.
    pub fn open(system: &AgentSystem, options: GatewayOptions) -> (Self, mpsc::Receiver<Outgoing>) {
        let (outgoing, carried) = mpsc::channel(options.outgoing.max(1));
        let most = options.outgoing_bytes.min(Semaphore::MAX_PERMITS);
        let inner = Inner {
            tenant: options.tenant.clone(),
            room: Arc::new(Semaphore::new(most)),
            most,
            bridge: Mutex::new(Bridge::new(options, system.now())),
            system: system.clone(),
            envoys: Mutex::default(),
            outgoing,
        };
        (Self(Arc::new(inner)), carried)
    }

    /// Lets outside agents speak to an agent here, under its own name.
    pub fn export(&self, local: &AgentId) {
        self.export_as(local, local.as_str());
    }

    /// The same under another name, such as `seller1@aios`.
    pub fn export_as(&self, local: &AgentId, outside: impl Into<String>) {
        self.0.bridge.lock().export(local, outside.into());
    }

    /// Lets outside agents speak to it no longer.
    pub fn conceal(&self, local: &AgentId) {
        self.0.bridge.lock().conceal(local);
    }

    /// Makes an outside agent known before it has said anything, and returns the name under which agents here speak to
    /// it. It stays until the gateway goes.
    pub fn invite(&self, agent: AgentName) -> Result<AgentId, GatewayError> {
        let mut bridge = self.0.bridge.lock();
        let (envoy, arrival) = bridge.invite(agent, self.0.system.now())?;
        Inner::settle(&self.0, &mut bridge, &arrival)?;
        Ok(envoy)
    }

    /// Takes a string in: what it says is signed by its sender's envoy and handed to whom it names. Strings of one sender
    /// are taken up in the order of these calls.
    ///
    /// # Errors
    /// Why it was not let in. The other side is told too, where it can be: `failure` for a receiver nobody knows,
    /// `not-understood` for what makes no sense here.
    pub async fn receive(&self, text: &[u8]) -> Result<(), GatewayError> {
        self.receive_for(text, &[]).await
    }

    /// The same for a transport whose envelope names the receivers it is meant for (FIPA00067's intended-receiver):
    /// JADE sends a message to several agents once for each, and each copy names all of them.
    pub async fn receive_for(&self, text: &[u8], intended: &[&str]) -> Result<(), GatewayError> {
        let acl = parse(text)?;
        let taken = self.take(&acl, intended).await;
        if let Err(error) = &taken {
            tracing::debug!(%error, %acl, "a string from outside was not let in");
            let objection = self.0.bridge.lock().objection(&acl, error);
            if let Some((to, answer)) = objection
                && let Err(full) = self.0.carry(to, &answer, None)
            {
                tracing::debug!(error = %full, "the objection was not let out");
            }
        }
        taken
    }

    async fn take(&self, acl: &Acl, intended: &[&str]) -> Result<(), GatewayError> {
        let messages = {
            let mut bridge = self.0.bridge.lock();
            let (messages, arrival) = bridge.inbound(acl, intended, self.0.system.now())?;
            // Envoys enter under the lock: nobody finds one that is known and has no cell.
            Inner::settle(&self.0, &mut bridge, &arrival)?;
            messages
        };
        let mut result = Ok(());
        for said in messages {
            let sent = self
                .0
                .say(&said.envoy, &said.local, said.draft, said.opens)
                .await;
            // The others hear it all the same.
            result = result.and(sent);
        }
        result
    }

    /// What was carried out did not reach its receiver: its sender hears so at once, by the act that its protocol has
    /// for that.
    pub async fn undelivered(&self, what: Outgoing, why: &str) {
        self.0.report(what.sent, why).await;
    }

    /// The envoys now, by their names.
    pub fn envoys(&self) -> Vec<AgentId> {
        let mut names: Vec<AgentId> = self.0.envoys.lock().keys().cloned().collect();
        names.sort();
        names
    }
}

impl Inner {
    /// Lets envoys enter and leave. Whoever finds no place is known no longer; the others enter all the same.
    fn settle(
        this: &Arc<Self>,
        bridge: &mut Bridge,
        arrival: &Arrival,
    ) -> Result<(), GatewayError> {
        for envoy in &arrival.leave {
            this.dismiss(envoy);
        }
        let mut result = Ok(());
        for envoy in &arrival.enter {
            let options = AgentOptions {
                tenant: Some(this.tenant.clone()),
                ..AgentOptions::default()
            };
            let cell = match this.system.enrol(envoy, options) {
                Ok(cell) => cell,
                Err(error) => {
                    bridge.dismiss(envoy);
                    result = result.and(Err(error.into()));
                    continue;
                }
            };
            cell.open_without_host();
            let listening = listen(Arc::downgrade(this), envoy.clone(), Arc::clone(&cell));
            let listens = tokio::spawn(listening).abort_handle();
            this.envoys
                .lock()
                .insert(envoy.clone(), Envoy { cell, listens });
        }
        result
    }

    fn dismiss(&self, envoy: &AgentId) {
        if let Some(gone) = self.envoys.lock().remove(envoy) {
            gone.listens.abort();
            gone.cell.go_offline();
            self.system.take_leave_of(&gone.cell);
        }
    }

    fn cell(&self, envoy: &AgentId) -> Option<Arc<Cell>> {
        let envoys = self.envoys.lock();
        envoys.get(envoy).map(|envoy| Arc::clone(&envoy.cell))
    }

    /// Signs as an envoy and hands over.
    async fn say(
        &self,
        envoy: &AgentId,
        local: &AgentId,
        draft: aios_protocols::Draft,
        opens: bool,
    ) -> Result<(), GatewayError> {
        let nobody = || SendError::NoReceiver {
            address: local.to_string(),
        };
        let cell = self.cell(envoy).ok_or(SendError::Over)?;
        let to = self
            .system
            .directory()
            .get(&local.into())
            .ok_or_else(nobody)?;
        let (message, identity) = cell
            .stamp(draft, self.system.now())
            .map_err(SendError::from)?;
        let frame = identity
            .seal(&message, cell.limits)
            .map_err(|error| SendError::from(aios_protocols::SealError::from(error)))?;
        to.post(frame, opens).await?;
        cell.tally.sent();
        Ok(())
    }

    /// A frame that an agent here sent to an envoy.
    async fn heard(&self, envoy: &AgentId, cell: &Cell, frame: Sealed) {
        let now = self.system.now();
        let admitted = authenticate(&frame, self.system.keys(), cell.limits, now)
            .and_then(|authentic| cell.verifier.lock().admit(authentic, cell.party(), now));
        let message = match admitted {
            Ok(message) => message,
            Err(refusal) => {
                cell.tally.refused(refusal.label());
                tracing::warn!(%envoy, %refusal, "a message to an outside agent was not admitted");
                self.system
                    .dead_letter(frame, aios_supervisor::Reason::Expired, None);
                return;
            }
        };
        cell.tally.verified(now.since(message.envelope.timestamp));
        let written = self.bridge.lock().outbound(envoy, &message);
        // Nobody waits for an answer to the others.
        let sent = (message.performative.expects_reply())
            .then(|| (envoy.clone(), Box::new(Message::clone(&message))));
        let carried = match written {
            Ok((to, acl)) => self.carry(to, &acl, sent.clone()),
            Err(error) => Err(error),
        };
        if let Err(error) = carried {
            tracing::debug!(%envoy, %error, "a message was not let out");
            self.system
                .dead_letter(frame, aios_supervisor::Reason::Closed, Some(cell.label()));
            if !matches!(error, GatewayError::Gone) {
                self.report(sent, &error.to_string()).await;
            }
        }
    }

    fn carry(
        &self,
        to: AgentName,
        acl: &Acl,
        sent: Option<(AgentId, Box<Message>)>,
    ) -> Result<(), GatewayError> {
        let text = acl.encode()?;
        let full = GatewayError::FullOfBytes { allowed: self.most };
        let Ok(bytes) = u32::try_from(text.len()) else {
            return Err(full);
        };
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) else {
            return Err(full);
        };
        let outgoing = Outgoing {
            to,
            text,
            sent,
            _room: room,
        };
        let allowed = self.outgoing.max_capacity();
        self.outgoing
            .try_send(outgoing)
            .map_err(|error| match error {
                TrySendError::Full(_) => GatewayError::Full { allowed },
                TrySendError::Closed(_) => GatewayError::Closed,
            })
    }

    /// Says in the envoy's name that a message did not get through.
    async fn report(&self, sent: Option<(AgentId, Box<Message>)>, why: &str) {
        let Some((envoy, message)) = sent else { return };
        let Some(local) = message.sender.agent() else {
            return;
        };
        let act = not_reached(message.performative);
        let reason = Reason::new(ReasonKind::InternalError, why);
        if let Err(error) = self
            .say(&envoy, local, message.reply(act, reason), false)
            .await
        {
            tracing::debug!(%envoy, %error, "nobody hears that a message did not get through");
        }
    }
}

/// Hears what agents here say to an envoy, until the gateway is gone.
async fn listen(gateway: std::sync::Weak<Inner>, envoy: AgentId, cell: Arc<Cell>) {
    loop {
        cell.notifier.answer();
        while let Some(frame) = cell.next_reply().or_else(|| cell.next_request()) {
            let Some(gateway) = gateway.upgrade() else {
                return;
            };
            let heard = AssertUnwindSafe(gateway.heard(&envoy, &cell, frame.clone()));
            if heard.catch_unwind().await.is_err() {
                // One message that cannot be written must not make an agent outside deaf to all others.
                tracing::error!(%envoy, "a message to an outside agent made the gateway panic");
                let sender = Some(cell.label());
                gateway
                    .system
                    .dead_letter(frame, aios_supervisor::Reason::Closed, sender);
            }
        }
        cell.notifier.rung().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for (_, gone) in self.envoys.get_mut().drain() {
            gone.listens.abort();
            gone.cell.go_offline();
            self.system.take_leave_of(&gone.cell);
        }
    }
}
