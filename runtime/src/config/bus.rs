//! The settings of the buses.

use serde::{Deserialize, Serialize};

/// The buses. Without a word about them they are within the process and cost nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// What is told: events, results, metrics, logs, feedback, dead letters.
    pub data: DataBusConfig,
}

/// Where it is told beside this process. What is named here is a file; nothing here is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataBusConfig {
    /// Addresses of a NATS server, joined by commas: `nats://127.0.0.1:4222`, or `tls://host:4222`. Empty: nowhere.
    pub nats: String,
    /// A credentials file, as `nsc` writes it.
    pub credentials: String,
    /// A file with the seed of an nkey.
    pub nkey: String,
    /// A file with a token.
    pub token: String,
    /// Certificate authorities to trust instead of the system's.
    pub authorities: String,
    /// The certificate that the node shows, and the file of its key.
    pub certificate: String,
    /// The key of that certificate.
    pub certificate_key: String,
    /// Whether every subject begins with `tenant.NAME.`, because several tenants share the server.
    pub tenant_prefix: bool,
    /// Messages that may wait on this machine while the server is away.
    pub outbox_messages: u32,
    /// Megabytes of them.
    pub outbox_mb: u32,
}

impl Default for DataBusConfig {
    /// An hour of 25 events a second, or 256 MB.
    fn default() -> Self {
        Self {
            nats: String::new(),
            credentials: String::new(),
            nkey: String::new(),
            token: String::new(),
            authorities: String::new(),
            certificate: String::new(),
            certificate_key: String::new(),
            tenant_prefix: false,
            outbox_messages: 100_000,
            outbox_mb: 256,
        }
    }
}
