//! The connection to a NATS server: made with backoff, kept, counted. Everything else here uses one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use thiserror::Error;
use tokio::sync::watch;

use super::metric;

/// How often the server is asked whether it is there. The client's own minute leaves a dead server unnoticed for two.
const PING: Duration = Duration::from_secs(3);
/// The longest wait between two attempts to connect.
const DELAY_MAX: Duration = Duration::from_secs(2);
/// How long a connection may take, and an answer of the server.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a stored message may take to be acknowledged.
const ACKNOWLEDGED: Duration = Duration::from_secs(5);
/// Deliveries that the client holds for one subscription before it drops them: what a burst of a second may be.
const HELD: usize = 65_536;
/// Longest secret that is read from a file.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// How a server is reached. Nothing in it is secret: keys lie in files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NatsSettings {
    /// One or more addresses joined by commas: `nats://host:4222`, or `tls://host:4222` to insist on TLS.
    pub address: String,
    /// A credentials file, as `nsc` writes it: a signed identity and its key.
    pub credentials: Option<PathBuf>,
    /// A file that holds the seed of an nkey of a user.
    pub nkey: Option<PathBuf>,
    /// A file that holds a token.
    pub token: Option<PathBuf>,
    /// Certificate authorities to trust instead of the system's, in PEM form.
    pub authorities: Option<PathBuf>,
    /// The certificate that this side shows, in PEM form.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub certificate_key: Option<PathBuf>,
    /// What the connection is called on the server.
    pub name: String,
}

/// Why no connection will ever be made with these settings. That the server is away is no such reason: it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// The address is none.
    #[error("{address:?} is no NATS address: {reason}; write nats://host:4222, or tls://host:4222")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be used.
    #[error("the {what} file {path} cannot be used: {reason}")]
    File {
        /// Which.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Only half of a pair is named.
    #[error("a certificate needs its key, and a key its certificate: name both files or none")]
    Half,
    /// The client does not take them.
    #[error("no connection can be made with these settings: {0}")]
    Settings(String),
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Connections made, the first included.
    pub connects: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// Deliveries lost because the client's queue of a subscription was full.
    pub slow: u64,
}

#[derive(Default)]
struct Counts {
    connects: AtomicU64,
    disconnects: AtomicU64,
    slow: AtomicU64,
    /// Whether the last trouble was said; a server that is away is said once.
    said: AtomicBool,
}

/// The connection. Cheap to clone; clones are the same connection.
#[derive(Clone)]
pub struct NatsLink {
    client: Client,
    context: Context,
    counts: Arc<Counts>,
    up: watch::Receiver<bool>,
}

impl NatsLink {
    /// Begins to connect, and goes on until there is a connection, and again whenever it is lost.
    ///
    /// # Errors
    /// The settings can never lead to a connection.
    pub async fn open(settings: &NatsSettings) -> Result<Self, LinkError> {
        let addresses = addresses(&settings.address)?;
        let counts = Arc::new(Counts::default());
        metric::begin();
        let (told, up) = watch::channel(false);
        let seen = Arc::clone(&counts);
        let options = options(settings)
            .await?
            .retry_on_initial_connect()
            .ping_interval(PING)
            .connection_timeout(CONNECT)
            .request_timeout(Some(ACKNOWLEDGED))
            .subscription_capacity(HELD)
            .reconnect_delay_callback(delay)
            .event_callback(move |event| {
                hear(&event, &seen, &told);
                std::future::ready(())
            });
        let client = options
            .connect(addresses)
            .await
            .map_err(|error| LinkError::Settings(error.to_string()))?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ACKNOWLEDGED);
        Ok(Self {
            client,
            context,
            counts,
            up,
        })
    }

    /// The client below, for what is not offered here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Streams and consumers.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether there is a connection now.
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Returns when there is a connection; `false` if there never will be one again.
    pub async fn up(&self) -> bool {
        let mut up = self.up.clone();
        loop {
            if self.is_up() {
                return true;
            }
            // The event may be a moment behind or ahead of the state.
            let changed = tokio::time::timeout(Duration::from_millis(250), up.changed()).await;
            if matches!(changed, Ok(Err(_))) {
                return self.is_up();
            }
        }
    }

    /// Returns when there is a connection, or the time is over; whether there is one.
    pub async fn up_within(&self, longest: Duration) -> bool {
        tokio::time::timeout(longest, self.up())
            .await
            .unwrap_or_else(|_| self.is_up())
    }

    /// What was counted.
    pub fn counts(&self) -> LinkCounts {
        LinkCounts {
            connects: self.counts.connects.load(Ordering::Relaxed),
            disconnects: self.counts.disconnects.load(Ordering::Relaxed),
            slow: self.counts.slow.load(Ordering::Relaxed),
        }
    }
}

impl std::fmt::Debug for NatsLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsLink")
            .field("up", &self.is_up())
            .field("counts", &self.counts())
            .finish()
    }
}

/// The wait before an attempt: it doubles, and ends at two seconds, so that a server that is back is found soon.
fn delay(attempts: usize) -> Duration {
    let doubled = 1_u32 << attempts.min(8);
    (Duration::from_millis(10) * doubled).min(DELAY_MAX)
}

fn hear(event: &Event, counts: &Counts, told: &watch::Sender<bool>) {
    let add = |count: &AtomicU64, name: &'static str| {
        count.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(name).increment(1);
    };
    match event {
        Event::Connected => {
            add(&counts.connects, metric::CONNECTS);
            metrics::gauge!(metric::CONNECTED).set(1.0);
            counts.said.store(false, Ordering::Relaxed);
            told.send_replace(true);
            tracing::info!("the NATS server is reached");
        }
        Event::Disconnected => {
            add(&counts.disconnects, metric::DISCONNECTS);
            metrics::gauge!(metric::CONNECTED).set(0.0);
            told.send_replace(false);
            tracing::warn!("the NATS server is lost; what must last waits in the outbox");
        }
        Event::SlowConsumer(_) => add(&counts.slow, metric::SLOW),
        Event::ClientError(error) => say(counts, &error.to_string()),
        Event::ServerError(error) => say(counts, &error.to_string()),
        Event::Closed | Event::Draining | Event::LameDuckMode => {}
    }
}

/// Trouble is said once until there is a connection again: it is tried several times a second.
fn say(counts: &Counts, error: &str) {
    if !counts.said.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            error,
            "the NATS server does not take the connection; it is tried again"
        );
    }
}

fn addresses(text: &str) -> Result<Vec<ServerAddr>, LinkError> {
    let each = text.split(',').map(str::trim);
    each.map(|one| {
        // What stands before an `@` may be a password, and an address is shown.
        let shown = one.rsplit_once('@').map_or(one, |(_, host)| host);
        let refused = |reason: &str| LinkError::Address {
            address: shown.to_owned(),
            reason: reason.to_owned(),
        };
        if shown.len() < one.len() {
            return Err(refused(
                "a name and a password do not stand in it; name a file of credentials, an nkey or a token",
            ));
        }
        let address = one
            .parse::<ServerAddr>()
            .map_err(|error| refused(&error.to_string()))?;
        match address.host().is_empty() {
            true => Err(refused("it names no host")),
            false => Ok(address),
        }
    })
    .collect()
}

async fn options(settings: &NatsSettings) -> Result<ConnectOptions, LinkError> {
    let mut options = ConnectOptions::new();
    if !settings.name.is_empty() {
        options = options.name(&settings.name);
    }
    if let Some(path) = &settings.credentials {
        // Whoever reads it insists on the end of its last line.
        let text = format!("{}\n", secret("credentials", path).await?);
        options = options
            .credentials(&text)
            .map_err(|error| file("credentials", path, &error.to_string()))?;
    }
    if let Some(path) = &settings.nkey {
        options = options.nkey(secret("nkey", path).await?);
    }
    if let Some(path) = &settings.token {
        options = options.token(secret("token", path).await?);
    }
    if let Some(path) = &settings.authorities {
        // Read here, so that a name that is misspelt is told and not tried again for ever.
        secret("authorities", path).await?;
        options = options.add_root_certificates(path.clone());
    }
    match (&settings.certificate, &settings.certificate_key) {
        (Some(certificate), Some(key)) => {
            secret("certificate", certificate).await?;
            secret("certificate's key", key).await?;
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        (None, None) => {}
        _ => return Err(LinkError::Half),
    }
    if settings.authorities.is_some() || settings.certificate.is_some() {
        options = options.require_tls(true);
    }
    Ok(options)
}

/// The text of a small file.
async fn secret(what: &'static str, path: &Path) -> Result<String, LinkError> {
    let named = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;

        let mut text = String::new();
        let file = std::fs::File::open(&named)?;
        file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
        std::io::Result::Ok(text.trim().to_owned())
    });
    match read.await {
        Ok(Ok(text)) if text.is_empty() => Err(file(what, path, "it is empty")),
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(file(what, path, &error.to_string())),
        Err(error) => Err(file(what, path, &error.to_string())),
    }
}

fn file(what: &'static str, path: &Path, reason: &str) -> LinkError {
    LinkError::File {
        what,
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_between_attempts_double_and_end() {
        assert_eq!(delay(0), Duration::from_millis(10));
        assert_eq!(delay(3), Duration::from_millis(80));
        assert_eq!(delay(usize::MAX), DELAY_MAX);
    }

    #[tokio::test]
    async fn settings_that_lead_nowhere_are_told_at_once() {
        let with = |change: fn(&mut NatsSettings)| {
            let mut settings = NatsSettings {
                address: "nats://127.0.0.1:1".into(),
                ..NatsSettings::default()
            };
            change(&mut settings);
            settings
        };
        for (settings, part) in [
            (with(|s| s.address = "http://x".into()), "no NATS address"),
            (
                with(|s| s.nkey = Some("/nowhere/at/all".into())),
                "the nkey file /nowhere/at/all",
            ),
            (
                with(|s| s.credentials = Some("/nowhere/at/all".into())),
                "the credentials file",
            ),
            (
                with(|s| s.certificate = Some("/nowhere/at/all".into())),
                "name both files",
            ),
        ] {
            let error = NatsLink::open(&settings).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_no_error() {
        let link = NatsLink::open(&NatsSettings {
            address: "nats://127.0.0.1:1".into(),
            ..NatsSettings::default()
        })
        .await
        .unwrap();
        assert!(!link.up_within(Duration::from_millis(50)).await);
        assert_eq!(link.counts(), LinkCounts::default());
    }

    #[test]
    fn an_address_names_a_host_and_nobody() {
        for good in [
            "nats://127.0.0.1:4222",
            "tls://bus.example",
            "nats://a,nats://b:4223",
        ] {
            assert!(addresses(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "names no host"),
            ("nats://", "names no host"),
            ("nats://a,", "names no host"),
            ("nats://ann:hunter2@host:4222", "do not stand in it"),
            ("nats://hunter2@host:4222", "do not stand in it"),
        ] {
            let error = addresses(bad).unwrap_err().to_string();
            assert!(
                error.contains(why) || error.contains("is no NATS address"),
                "{bad}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
