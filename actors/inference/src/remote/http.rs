//! The wire: one call, its key, its refusals, its bounds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;

use super::backoff::retry_after_ms;
use super::key::Key;
use super::{RemoteConfig, words};
use crate::EngineError;

/// Bytes that are read of a refusal.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// The way to one server.
pub(super) struct Server {
    client: Client,
}

impl Server {
    /// Connects to nothing yet.
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, EngineError> {
        // Once for the process: the second one is told that there is one already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(config.patience.connect)
            .pool_idle_timeout(Duration::from_secs(30))
            // The key goes to the server that was named and to no other.
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("aios/", env!("CARGO_PKG_VERSION")));
        if config.address.is_loopback() {
            // What stays on this machine takes no way around over a proxy, and "localhost" is what it says.
            let port = config.address.port();
            let here = [
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
                SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port),
            ];
            builder = builder.no_proxy().resolve_to_addrs("localhost", &here);
        }
        if !config.address.is_encrypted() {
            // Small servers hang up on a connection that is kept just as it is used again, and a new one costs nothing without TLS.
            builder = builder.pool_max_idle_per_host(0);
        }
        let client = builder.build().map_err(|error| EngineError::Down {
            reason: format!("{}: {}", config.name, chain(&error)),
        })?;
        Ok(Self { client })
    }

    /// Makes one call; an answer that is no success becomes an error in the server's words and ours. The key that was sent comes back with
    /// the answer, to be taken out of what it says.
    pub(super) async fn call(
        &self,
        config: &RemoteConfig,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Response, Option<Key>), EngineError> {
        let key = config
            .key
            .read()
            .map_err(|said| EngineError::Unauthorised {
                engine: config.name.clone(),
                said,
            })?;
        if key.is_some() && !config.address.is_encrypted() && !config.address.is_loopback() {
            return Err(EngineError::Unauthorised {
                engine: config.name.clone(),
                said: "its key would travel where others can read it; use an https address".into(),
            });
        }
        let mut request = self
            .client
            .request(method, config.address.join(path))
            .headers(headers(config, key.as_ref()));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| unreached(config, error))?;
        if response.status().is_success() {
            return Ok((response, key));
        }
        Err(refused(config, key.as_ref(), response).await)
    }
}

fn headers(config: &RemoteConfig, key: Option<&Key>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in config.form.headers() {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let (name, before) = config.form.key_header();
    if let Some(value) = key.and_then(|key| key.header(before)) {
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

/// The whole of an answer, as long as it is no longer than allowed.
pub(super) async fn whole(
    config: &RemoteConfig,
    mut response: Response,
    bytes_max: usize,
) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| unreached(config, error))?
    {
        if bytes.len() + piece.len() > bytes_max {
            return Err(EngineError::Server {
                engine: config.name.clone(),
                status: 200,
                said: format!("its answer is longer than {bytes_max} bytes"),
            });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Why no answer came, or not all of it. The address is not said: the engine's name is.
pub(super) fn unreached(config: &RemoteConfig, error: reqwest::Error) -> EngineError {
    let reason = format!("{}: {}", config.name, chain(&error.without_url()));
    // The client's own limits: a connection that does not come about, a body that breaks off.
    if reason.is_empty() || error_is_of_the_stream(&reason) {
        return EngineError::Lost { reason };
    }
    EngineError::Down { reason }
}

fn error_is_of_the_stream(reason: &str) -> bool {
    reason.contains("body") || reason.contains("decoding") || reason.contains("incomplete")
}

/// An error with what it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_said = cause.to_string();
        if !said.contains(&cause_said) {
            said.push_str(": ");
            said.push_str(&cause_said);
        }
        next = cause.source();
    }
    words::shown(&said)
}

async fn refused(config: &RemoteConfig, key: Option<&Key>, mut response: Response) -> EngineError {
    let status = response.status();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let engine = config.name.clone();
    if status.is_redirection() {
        let place = header("location").unwrap_or_default();
        return EngineError::Refused {
            engine,
            status: status.as_u16(),
            said: format!(
                "it sends its callers on to {}; if that is right, make it the engine's address",
                words::without(key, place.split('?').next().unwrap_or_default())
            ),
        };
    }
    let retry_after_ms = retry_after_ms(
        header("retry-after-ms").as_deref(),
        header("retry-after").as_deref(),
    );
    let again = header("x-should-retry");
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = REFUSAL_BYTES_MAX - body.len();
        body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if body.len() >= REFUSAL_BYTES_MAX {
            break;
        }
    }
    let body = String::from_utf8_lossy(&body);
    told(
        engine,
        key,
        status,
        &body,
        retry_after_ms,
        again.as_deref() != Some("false"),
    )
}

/// What a refusal means to the asker.
pub(super) fn told(
    engine: String,
    key: Option<&Key>,
    status: StatusCode,
    body: &str,
    retry_after_ms: Option<u64>,
    may_retry: bool,
) -> EngineError {
    let said = words::of_error(body, key);
    match status.as_u16() {
        401 | 403 => EngineError::Unauthorised { engine, said },
        429 => EngineError::RateLimited {
            engine,
            said,
            retry_after_ms,
        },
        status @ (408 | 409 | 425 | 500..) if may_retry => EngineError::Server {
            engine,
            status,
            said,
        },
        status => match too_long(body) {
            Some((asked, allowed)) => EngineError::PromptTooLong { asked, allowed },
            None => EngineError::Refused {
                engine,
                status,
                said,
            },
        },
    }
}

/// Whether a refusal says that the prompt does not fit, with the tokens there are and those that fit, where it says so; a
/// prompt that does not fit has at least one more.
fn too_long(body: &str) -> Option<(usize, usize)> {
    let value: Value = serde_json::from_str(body).ok()?;
    let error = value.get("error").unwrap_or(&value);
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = words::sentence(&value).unwrap_or_default().to_lowercase();
    let is = text("code") == "context_length_exceeded"
        || text("type") == "exceed_context_size_error"
        || [
            "context length",
            "context size",
            "context window",
            "prompt is too long",
            "maximum context",
        ]
        .iter()
        .any(|words| said.contains(words));
    if !is {
        return None;
    }
    let number = |name: &str| error.get(name).and_then(Value::as_u64);
    let mut numbers = said
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse::<u64>().ok())
        .filter(|number| *number > 16);
    let (first, second) = (numbers.next(), numbers.next());
    let allowed = number("n_ctx").or_else(|| match (first, second) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, _) => one,
    });
    let asked = number("n_prompt_tokens").or_else(|| match (first, second) {
        (Some(one), Some(two)) => Some(one.max(two)),
        _ => None,
    });
    let allowed = usize::try_from(allowed.unwrap_or(0)).unwrap_or(usize::MAX);
    let asked = asked.map_or(0, |asked| usize::try_from(asked).unwrap_or(usize::MAX));
    Some((asked.max(allowed.saturating_add(1)), allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_by_what_the_asker_can_do() {
        for (status, body, may_retry, label) in [
            (401, r#"{"error":{"message":"no"}}"#, true, "unauthorised"),
            (403, "", true, "unauthorised"),
            (429, "", true, "rate_limited"),
            (500, "", true, "server"),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                true,
                "server",
            ),
            (500, "", false, "refused"),
            (404, r#"{"error":"model not found"}"#, true, "refused"),
            (400, r#"{"error":{"message":"bad"}}"#, true, "refused"),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.","code":"context_length_exceeded"}}"#,
                true,
                "prompt_too_long",
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9001,"n_ctx":8192}}"#,
                true,
                "prompt_too_long",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9001 tokens > 8192 maximum"}}"#,
                true,
                "prompt_too_long",
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = told("e".into(), None, status, body, None, may_retry);
            assert_eq!(error.label(), label, "{status} {body}");
            if let EngineError::PromptTooLong { asked, allowed } = error {
                assert_eq!((asked, allowed), (9_001, 8_192), "{body}");
            }
        }
    }
}
