//! A node on a NATS server: what happens on it is told there, and who is there can ask it.
//!
//! The node's own bus stays within the process, so nobody here waits for a server. A relay listens to it and tells all of it on the server,
//! through an outbox on this machine where it must last. What belongs to a private goal is told nowhere.
//!
//! `relay` tells; `pulse` tells what nobody publishes: metrics and dead letters; `service` answers whoever asks; `agents` lets agents of other
//! processes in.

mod agents;
mod private;
mod pulse;
mod relay;
mod service;
#[cfg(all(test, feature = "shared-memory", target_os = "linux"))]
mod tests;

use std::path::Path;
use std::sync::{Arc, Weak};

use aios_actors::AgentSystem;
use aios_bus::data::InProcessDataBus;
use aios_bus::data::nats::{
    Credentials, LinkCounts, LinkError, NatsDataBus, NatsLink, NatsSettings, Outbox, OutboxCounts,
    OutboxError, OutboxLimits, drain, streams,
};
use aios_protocols::subject::DataKind;
use aios_protocols::{Party, RegistryError, SigningIdentity, Subject, TenantId};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::lookout::Lookout;
use crate::node::Parts;
use crate::owner::{self, OwnerError};
use crate::refusals;

use private::PrivateGoals;

/// Who a node's events are signed by.
const NAME: &str = "node";
/// Its key, in the storage folder.
const KEY: &str = "node.key";
/// The outbox's folder, in the storage folder.
const OUTBOX: &str = "outbox";

/// Why a node is not on the server that it should be on. That the server is away is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The settings lead nowhere.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What is to wait cannot be kept.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The node has no key of its own.
    #[error(transparent)]
    Key(#[from] OwnerError),
    /// Its key is not entered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What a node shows of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatsView {
    /// Whether there is a connection.
    pub up: bool,
    /// Of the connection.
    pub link: LinkCounts,
    /// Of what waits.
    pub outbox: OutboxCounts,
    /// Events that the relay missed, because the server's side was slower than the node for too long.
    pub missed: u64,
}

/// A node's end of the data bus on a server.
pub(crate) struct OnNats {
    pub(crate) bus: Arc<NatsDataBus>,
    outbox: Arc<Outbox>,
    identity: Arc<SigningIdentity>,
    tenant: TenantId,
    prefixed: bool,
    pub(crate) private: PrivateGoals,
    relay: relay::Relay,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Goes onto the server that the configuration names; none if it names none.
pub(crate) async fn attach(
    config: &Config,
    system: &AgentSystem,
    within: &Arc<InProcessDataBus>,
    lookout: &Arc<Lookout>,
) -> Result<Option<OnNats>, NatsError> {
    let wanted = &config.bus.data;
    if wanted.nats.is_empty() {
        return Ok(None);
    }
    let folder = config.storage.path();
    let identity = owner::service(folder.as_deref(), KEY, NAME, &config.node.tenant)?;
    let now = system.now();
    let keys = system.key_registry();
    keys.register(&identity.claim(now.as_micros()), now)?;
    let limits = OutboxLimits {
        messages: wanted.outbox_messages as usize,
        bytes: u64::from(wanted.outbox_mb) << 20,
    };
    let outbox = match &folder {
        Some(folder) => Outbox::open(&folder.join(OUTBOX), limits, Arc::clone(&identity))?,
        None => Outbox::in_memory(limits, Arc::clone(&identity))?,
    };
    let link = NatsLink::open(&settings(config)).await?;
    let clock = system.clone();
    let own = Credentials {
        identity: Arc::clone(&identity),
        keys: Arc::clone(keys) as _,
        tenant: system.tenant().clone(),
        prefixed: wanted.tenant_prefix,
        clock: Arc::new(move || clock.now()),
        refusals: refusals::on_trail(system, identity.party().clone()),
    };
    let outbox = Arc::new(outbox);
    let private = PrivateGoals::default();
    let draining = drain(link.clone(), Arc::clone(&outbox), own.clone());
    let bus = Arc::new(NatsDataBus::new(link, own, Some(Arc::clone(&outbox))));
    let sender = identity.party().clone();
    let traces = Arc::clone(lookout);
    let relay = relay::Relay::new(Arc::clone(&bus), sender, private.clone(), traces);
    let telling = relay.clone().begin(within).await;
    Ok(Some(OnNats {
        bus,
        outbox,
        identity,
        tenant: system.tenant().clone(),
        prefixed: wanted.tenant_prefix,
        private,
        relay,
        tasks: Mutex::new(vec![draining, telling]),
    }))
}

impl OnNats {
    /// Begins what needs the whole node.
    pub(crate) fn begin(&self, node: &Weak<Parts>) {
        let pulse = tokio::spawn(pulse::tell(Weak::clone(node)));
        let service = tokio::spawn(service::serve(Weak::clone(node)));
        let agents = tokio::spawn(agents::serve(Weak::clone(node)));
        self.tasks.lock().extend([pulse, service, agents]);
    }

    /// Tells the lines of a log as they come.
    pub(crate) fn tell_logs(&self, zone: &str, mut lines: mpsc::Receiver<String>) {
        let subject = Subject::data(DataKind::Logs, zone);
        let (relay, private) = (self.relay.clone(), self.private.clone());
        self.tasks.lock().push(tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if !private.named_in(&line) {
                    relay.tell(&subject, line.as_bytes()).await;
                }
            }
        }));
    }

    /// Tells something that nobody publishes within the process.
    pub(crate) async fn tell(&self, subject: &Subject, content: &[u8]) {
        self.relay.tell(subject, content).await;
    }

    /// The same of what is said once: under a name that was told already, before a fall of the node too, nothing more is told.
    pub(crate) async fn tell_once(&self, name: &str, subject: &Subject, content: &[u8]) {
        self.relay.tell_once(name, subject, content).await;
    }

    /// A subject as it goes over the wire.
    pub(crate) fn subject(&self, plain: &str) -> String {
        streams::pattern_on_the_wire(plain, &self.tenant, self.prefixed)
    }

    pub(crate) fn view(&self) -> NatsView {
        NatsView {
            up: self.bus.link().is_up(),
            link: self.bus.link().counts(),
            outbox: self.outbox.counts(),
            missed: self.relay.missed(),
        }
    }

    /// Whoever listens elsewhere believes the node by this key.
    pub(crate) fn signer(&self) -> (Party, String) {
        let identity = &self.identity;
        (identity.party().clone(), identity.public_key().to_string())
    }

    /// What was told last is still handed to the disk; what is on the disk waits for the next start.
    pub(crate) async fn end(&self) {
        self.relay.settled().await;
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        self.bus.close();
        self.outbox.close();
    }
}

/// Whatever becomes of the node, nobody goes on in its name.
impl Drop for OnNats {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().drain(..) {
            task.abort();
        }
    }
}

fn settings(config: &Config) -> NatsSettings {
    let wanted = &config.bus.data;
    let file = |name: &str| (!name.is_empty()).then(|| Path::new(name).to_owned());
    NatsSettings {
        address: wanted.nats.clone(),
        credentials: file(&wanted.credentials),
        nkey: file(&wanted.nkey),
        token: file(&wanted.token),
        authorities: file(&wanted.authorities),
        certificate: file(&wanted.certificate),
        certificate_key: file(&wanted.certificate_key),
        name: format!("aios node {}", config.node.zone),
    }
}
