//! One connection to a server, from its beginning to its list of tools. Both ages of the protocol are spoken: the one without sessions is
//! tried first, the handshake of the older ones after it.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, Implementation, InitializeRequestParams, PaginatedRequestParams,
    ProtocolVersion,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, RunningService, serve_client_with_lifecycle,
};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use rmcp::{ClientHandler, Peer, RoleClient};
use tokio::sync::Notify;

use super::environment::Environment;
use super::limits::{CALLS, ERROR_BYTES, ERROR_WORDS, LIST_BYTES, MESSAGE_BYTES, PAGES, TOOLS};
use super::listing::{Listed, Listing, TooLong};
use super::measured::{Measure, Measured};
use super::plain::plain;

/// How long a host may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection that is served.
pub(crate) type Session = RunningService<RoleClient, Listener>;

/// What a server may ask of us: nothing. It may say that its list has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    /// Told when the server says that its list is another.
    pub(crate) changed: Arc<Notify>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> InitializeRequestParams {
        // No roots, no sampling, no elicitation: a server that asks for any of them all the same is told that there is none.
        InitializeRequestParams::new(
            ClientCapabilities::default(),
            Implementation::new("aios", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// Begins to speak over `transport`.
pub(crate) async fn open<T>(
    transport: T,
    listener: Listener,
    environment: &Environment,
) -> Result<Session, String>
where
    T: Transport<RoleClient> + 'static,
{
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::LATEST],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    };
    let opened = serve_client_with_lifecycle(listener, transport, lifecycle).await;
    opened.map_err(|error| environment.plain(&error.to_string(), ERROR_WORDS))
}

/// All its tools.
pub(crate) async fn list(
    peer: &Peer<RoleClient>,
    environment: &Environment,
) -> Result<Listing, String> {
    let (mut tools, mut bytes) = (Vec::new(), 0);
    let mut cursor = None;
    for _ in 0..PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = peer.list_tools(Some(params)).await;
        let page = page.map_err(|error| {
            format!(
                "its tools cannot be listed: {}",
                environment.plain(&error.to_string(), ERROR_WORDS)
            )
        })?;
        for tool in page.tools {
            let tool = Listed::from(tool).without_secrets(environment);
            bytes += tool.bytes();
            tools.push(tool);
            if tools.len() > TOOLS {
                return Err(TooLong::Tools.to_string());
            }
            if bytes > LIST_BYTES {
                return Err(TooLong::Bytes.to_string());
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Listing::new(tools).map_err(|error| error.to_string());
        }
    }
    Err(format!("it lists its tools in more than {PAGES} pages"))
}

/// The way to a server over HTTP. It follows nobody to another address, and an address on this machine is never asked by way of another.
pub(crate) fn http(
    url: &str,
    token: Option<&str>,
    measure: Measure,
) -> Result<StreamableHttpClientTransport<Measured<reqwest::Client>>, String> {
    // One provider for the whole process; whoever came first has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let told = |error: reqwest::Error| plain(&error.to_string(), ERROR_WORDS);
    let parsed =
        reqwest::Url::parse(url).map_err(|error| format!("its address is none: {error}"))?;
    let mut client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("aios/", env!("CARGO_PKG_VERSION")))
        .referer(false);
    if is_here(&parsed) {
        client = client.no_proxy();
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .max_concurrent_requests(CALLS)
        .max_sse_event_size(MESSAGE_BYTES)
        .max_json_response_size(MESSAGE_BYTES)
        .max_error_response_size(ERROR_BYTES)
        // A new session is a new start: its list is looked at before anything is called.
        .reinit_on_expired_session(false);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let client = Measured::new(client.build().map_err(told)?, measure);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

fn is_here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
