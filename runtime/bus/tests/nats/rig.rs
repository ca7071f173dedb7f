//! A server, and who is on it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_bus::data::nats::server::{Access, NatsServer, ServerOptions, Sync};
use aios_bus::data::nats::{
    Clock, Credentials, NatsDataBus, NatsLink, NatsSettings, Outbox, OutboxLimits,
};
use aios_inference::models::{Cache, NATS_SERVER, program};
use aios_protocols::{KeyRegistry, PrincipalId, SigningIdentity, TenantId, Timestamp};

/// The longest that any of these tests may take.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The server's program: what `NATS_SERVER_BIN` names, or the pinned one.
pub(crate) fn nats_server() -> PathBuf {
    let env = |name: &str| std::env::var_os(name);
    let cache = Cache::of_user().unwrap();
    program(&NATS_SERVER, &env, &cache, &mut |_| {})
        .unwrap_or_else(|error| panic!("these tests need a NATS server: {error}"))
}

pub(crate) fn options(folder: &Path) -> ServerOptions {
    ServerOptions {
        program: nats_server(),
        folder: folder.to_owned(),
        address: None,
        access: Access::Anybody,
        tls: None,
        sync: Sync::Soon,
    }
}

pub(crate) fn server(folder: &Path) -> NatsServer {
    NatsServer::start(options(folder)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn settings(server: &NatsServer) -> NatsSettings {
    NatsSettings {
        address: server.url(),
        ..NatsSettings::default()
    }
}

pub(crate) async fn link(settings: &NatsSettings) -> NatsLink {
    let link = NatsLink::open(settings).await.unwrap();
    let up = link.up_within(Duration::from_secs(10)).await;
    assert!(up, "no connection: {link:?}");
    link
}

pub(crate) fn identity(seed: u8) -> Arc<SigningIdentity> {
    let party: PrincipalId = format!("service:node{seed}@local").parse().unwrap();
    Arc::new(SigningIdentity::from_seed(party, [seed; 32]))
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| Timestamp::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap()))
}

/// Signs as one and believes all of these.
pub(crate) fn own(seed: u8, believed: &[u8]) -> Credentials {
    let keys = KeyRegistry::new();
    for other in believed {
        let now = clock()();
        keys.register(&identity(*other).claim(0), now).unwrap();
    }
    Credentials {
        identity: identity(seed),
        keys: Arc::new(keys),
        tenant: TenantId::new("local").unwrap(),
        prefixed: false,
        clock: clock(),
        refusals: aios_bus::Refusals::default(),
    }
}

pub(crate) fn outbox(folder: &Path) -> Arc<Outbox> {
    Arc::new(Outbox::open(folder, OutboxLimits::default(), identity(1)).unwrap())
}

/// A bus of its own over a connection of its own.
pub(crate) async fn bus(server: &NatsServer, own: Credentials) -> NatsDataBus {
    NatsDataBus::new(link(&settings(server)).await, own, None)
}

/// Runs a test; one that hangs fails.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let done = tokio::time::timeout(WATCHDOG, test).await;
        assert!(done.is_ok(), "not done within {WATCHDOG:?}");
    });
}

/// Waits until it is so; how long is bounded by the test's own watchdog.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waited = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), waited).await;
    assert!(done.is_ok(), "never came: {what}");
}

/// Publishes until the subscription hears it: a server that is back may not know of the subscription at once.
pub(crate) async fn until_heard(
    bus: &NatsDataBus,
    subject: &str,
    heard: &mut Box<dyn aios_protocols::ports::Subscription>,
) {
    use aios_protocols::ports::DataBus;

    loop {
        let subject = subject.parse().unwrap();
        let _ = bus.publish(subject, bytes::Bytes::from_static(b"x")).await;
        let delivery = tokio::time::timeout(Duration::from_millis(200), heard.next()).await;
        if matches!(delivery, Ok(Some(_))) {
            return;
        }
    }
}
