//! `http_get`: a page of a web server that was granted, as text.
//!
//! Every step of the way is checked before it is gone: the server by its name, the addresses that name has now, and again for each
//! redirection. The address that was checked is the one that is connected to, so a name that means something else a moment later gains
//! nothing. No proxy is used, no cookie kept, nothing of the environment sent along.

mod address;
mod target;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_work::{
    Capability, Effect, Stopped, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value, json};

use self::target::Target;
use crate::{Workspaces, args};

const NAME: &str = "http_get";
/// Bytes of an answer that are read.
const BODY_BYTES: usize = 1 << 20;
/// Characters of text that are given back.
const CHARACTERS: usize = 100_000;
/// Redirections that are followed.
const REDIRECTS: usize = 5;
/// The longest a page may take, whatever the call's deadline.
const TIME: Duration = Duration::from_secs(60);
/// The longest until a server is connected to.
const CONNECT: Duration = Duration::from_secs(10);
/// Shares of what a message carries: for the text, and for what it holds if it is JSON.
const TEXT_SHARE: usize = 2;
const JSON_SHARE: usize = 4;
/// Levels of JSON that are given back as such; deeper it is text alone.
const JSON_DEPTH: usize = 48;

/// Who says which addresses a name has.
type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Asks web servers.
pub(crate) struct HttpGet {
    workspaces: Workspaces,
    lookup: Arc<Lookup>,
}

impl HttpGet {
    /// The tool, with the system's names.
    pub(crate) fn new(workspaces: &Workspaces) -> Self {
        Self {
            workspaces: workspaces.clone(),
            lookup: Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    url: String,
    max_chars: Option<usize>,
}

#[async_trait]
impl Tool for HttpGet {
    fn spec(&self) -> ToolSpec {
        // Which server is meant is known when the tool is called.
        let needs = Capability::new(format!("{}/{{host}}", Capability::NET_HTTP));
        ToolSpec {
            name: NAME.to_owned(),
            description: "Gets a page from a web server by its URL, as text; JSON also as such. Only servers that were granted are asked."
                .to_owned(),
            needs: needs.into_iter().collect(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "an http or https URL"},
                    "max_chars": {"type": "integer", "minimum": 1, "maximum": CHARACTERS, "description": "how much of the text is given back"}
                },
                "required": ["url"],
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "where the page was in the end"},
                    "status": {"type": "integer"},
                    "content_type": {"type": ["string", "null"]},
                    "text": {"type": "string"},
                    "truncated": {"type": "boolean"},
                    "json": {"description": "what the text holds, if it is JSON; otherwise null"}
                },
                "required": ["url", "status", "content_type", "text", "truncated", "json"]
            }),
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, &call)?;
        let until = call.deadline.min(Instant::now() + TIME);
        let workspace = self.workspaces.of_call(&call);
        // The bytes, and the text they become.
        let _held = workspace.memory().reserve(NAME, 4 * BODY_BYTES as u64)?;
        let left = until.saturating_duration_since(Instant::now());
        let room = self.workspaces.limits().result_bytes;
        match tokio::time::timeout(left, self.page(&args, &call, room)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(match call.check() {
                Err(stopped) => stopped.into(),
                Ok(()) => ToolError::new(
                    ToolErrorKind::Timeout,
                    format!("the page was not there within {} s", TIME.as_secs()),
                ),
            }),
        }
    }
}

impl HttpGet {
    async fn page(
        &self,
        args: &Args,
        call: &ToolCall,
        room: usize,
    ) -> Result<ToolOutput, ToolError> {
        let mut target = Target::new(&args.url)?;
        for _ in 0..=REDIRECTS {
            call.check()?;
            let response = self.step(&target, call).await?;
            match redirected(&target, &response)? {
                Some(next) => target = next,
                None => return read(&target, response, args, room).await,
            }
        }
        Err(ToolError::new(
            ToolErrorKind::Provider,
            format!("{} redirects more than {REDIRECTS} times", target.host),
        )
        .retryable(false))
    }

    /// One request to one server, if it may be asked, at an address that may be connected to.
    async fn step(&self, target: &Target, call: &ToolCall) -> Result<Response, ToolError> {
        target.allowed(&call.granted)?;
        let addresses = match target.literal() {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => self.addresses(target).await?,
        };
        let open = target.reachable(&addresses, &call.granted)?;
        let client = client(target, &open)?;
        let request = client.get(target.url.clone()).header(
            ACCEPT,
            "text/*, application/json, application/xml;q=0.9, */*;q=0.1",
        );
        request
            .send()
            .await
            .map_err(|error| unanswered(target, &error))
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, ToolError> {
        let (lookup, host, port) = (Arc::clone(&self.lookup), target.host.clone(), target.port);
        let found = tokio::task::spawn_blocking(move || lookup(&host, port)).await;
        match found {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) => Err(ToolError::new(
                ToolErrorKind::Network,
                format!("no address was found for {}", target.host),
            )),
            // The node is closing.
            Err(_) => Err(Stopped::Cancelled.into()),
        }
    }
}

/// A client for this one request: it knows the addresses and looks none up, follows nothing, and keeps nothing.
fn client(target: &Target, addresses: &[SocketAddr]) -> Result<Client, ToolError> {
    // The same for everybody in the process; whoever was first is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
        .user_agent(concat!("aios/", env!("CARGO_PKG_VERSION")))
        .resolve_to_addrs(target.url.host_str().unwrap_or(&target.host), addresses)
        .build()
        .map_err(|error| {
            ToolError::new(
                ToolErrorKind::Other,
                format!("no web client can be made here: {}", chain(&error)),
            )
        })
}

/// Where the answer sends its asker on to, if it does.
fn redirected(target: &Target, response: &Response) -> Result<Option<Target>, ToolError> {
    if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let refuse = |why: &str| {
        let told = format!("{} redirects {why}", target.host);
        ToolError::new(ToolErrorKind::Provider, told).retryable(false)
    };
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    let location = location.ok_or_else(|| refuse("without saying where to"))?;
    let url = target
        .url
        .join(location)
        .map_err(|_| refuse("to something that is no URL"))?;
    let next = Target::of(url)
        .map_err(|error| refuse(&format!("to a place that is not asked: {error}")))?;
    if target.url.scheme() == "https" && next.url.scheme() != "https" {
        return Err(refuse("from https to http, which is not followed"));
    }
    Ok(Some(next))
}

async fn read(
    target: &Target,
    mut response: Response,
    args: &Args,
    room: usize,
) -> Result<ToolOutput, ToolError> {
    let status = response.status();
    if !status.is_success() {
        return Err(refused(target, status));
    }
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.chars().take(200).collect::<String>());
    let media = Media::of(content_type.as_deref());
    let not_text = |what: &str| {
        ToolError::invalid_arguments(
            NAME,
            format!("{} gives {what}, which is no text", target.host),
        )
    };
    if !media.is_text {
        return Err(not_text(content_type.as_deref().unwrap_or("something")));
    }
    // Nobody asked for it to be packed, and a small package may hold anything.
    let packed = response
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|how| how != "identity");
    if packed {
        return Err(not_text("packed bytes that were not asked for"));
    }
    let mut bytes = Vec::new();
    let mut truncated = false;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unanswered(target, &error))?
    {
        let fits = chunk.len().min(BODY_BYTES - bytes.len());
        bytes.extend_from_slice(chunk.get(..fits).unwrap_or_default());
        if fits < chunk.len() {
            truncated = true;
            break;
        }
    }
    let text = decoded(&bytes, media.charset.as_deref(), truncated);
    if text.contains('\0') {
        return Err(not_text("bytes"));
    }
    // What is too long to be given back as JSON is not read as such: small pieces take many times their bytes.
    let value = (media.is_json && !truncated && text.len() <= room)
        .then(|| serde_json::from_str::<Value>(&text).ok())
        .flatten()
        .filter(|value| value.to_string().len() <= room / JSON_SHARE && depth(value) <= JSON_DEPTH);
    let shown = beginning(
        &text,
        args.max_chars.unwrap_or(CHARACTERS),
        room / TEXT_SHARE,
    );
    truncated |= shown.len() < text.len();
    let about = if truncated {
        ", of which the beginning"
    } else {
        ""
    };
    let log = format!("{NAME}: {} bytes from {}{about}", bytes.len(), target.host);
    Ok(ToolOutput {
        value: json!({
            "url": target.url.as_str(),
            "status": status.as_u16(),
            "content_type": content_type,
            "text": shown,
            "truncated": truncated,
            "json": value,
        }),
        log,
        ..ToolOutput::default()
    })
}

/// What an answer holds, by what it says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Media {
    is_text: bool,
    is_json: bool,
    charset: Option<String>,
}

impl Media {
    fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else {
            return Self {
                is_text: true,
                is_json: false,
                charset: None,
            };
        };
        let mut parts = content_type.split(';');
        let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts
            .filter_map(|part| part.trim().split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
            .map(|(_, charset)| charset.trim_matches(['"', '\'', ' ']).to_owned());
        let is_json = kind == "application/json" || kind == "text/json" || kind.ends_with("+json");
        let is_text = is_json
            || kind.starts_with("text/")
            || kind.ends_with("+xml")
            || [
                "application/xml",
                "application/javascript",
                "application/yaml",
                "application/x-yaml",
                "application/toml",
                "application/csv",
                "application/x-ndjson",
                "application/jsonl",
            ]
            .contains(&kind.as_str());
        Self {
            is_text,
            is_json,
            charset,
        }
    }
}

/// The bytes as text: by a mark at their beginning, by what the server says, as UTF-8, or in the characters of the old web.
fn decoded(bytes: &[u8], charset: Option<&str>, truncated: bool) -> String {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let told = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
    let whole = if truncated {
        // A character that was cut is no sign of another encoding.
        match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() => {
                bytes.get(..error.valid_up_to()).unwrap_or_default()
            }
            _ => bytes,
        }
    } else {
        bytes
    };
    let usual = || {
        let readable = std::str::from_utf8(whole).is_ok();
        if readable { UTF_8 } else { WINDOWS_1252 }
    };
    let encoding = marked.or(told).unwrap_or_else(usual);
    encoding.decode(whole).0.into_owned()
}

/// The beginning of a text: so many characters, and no more bytes than a message has room for.
fn beginning(text: &str, characters: usize, room: usize) -> String {
    let mut left = room;
    text.chars()
        .take(characters)
        .take_while(|c| {
            let bytes = match c {
                '"' | '\\' | '\n' | '\r' | '\t' => 2,
                '\0'..='\u{1f}' => 6,
                c => c.len_utf8(),
            };
            left = left.saturating_sub(bytes);
            left > 0
        })
        .collect()
}

fn depth(value: &Value) -> usize {
    match value {
        // What was read as JSON is no deeper than its reader goes.
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// An answer that is none: whether it is worth asking again is in its number.
fn refused(target: &Target, status: StatusCode) -> ToolError {
    let kind = if status == StatusCode::TOO_MANY_REQUESTS {
        ToolErrorKind::RateLimited
    } else {
        ToolErrorKind::Provider
    };
    let again = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    ToolError::new(kind, format!("{} answers with {status}", target.host)).retryable(again)
}

fn unanswered(target: &Target, error: &reqwest::Error) -> ToolError {
    let kind = if error.is_timeout() {
        ToolErrorKind::Timeout
    } else {
        ToolErrorKind::Network
    };
    ToolError::new(
        kind,
        format!("{} was not reached: {}", target.host, chain(error)),
    )
}

/// What was wrong, innermost last, without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let told = if std::ptr::addr_eq(cause, std::ptr::from_ref(error)) {
        "the web client gives no reason".to_owned()
    } else {
        cause.to_string()
    };
    told.chars().take(300).collect()
}

#[cfg(test)]
mod tests;
