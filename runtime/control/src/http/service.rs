//! What is done with a request that came: who asks is looked at first, then what; then the node is asked, and its answer is written.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawPathParams, Request as Incoming, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, SET_COOKIE};
use hyper::{Method, StatusCode, Uri};
use tokio::time::Instant;

use super::access::Entered;
use super::counts::Refusal;
use super::door::{Door, written};
use super::pieces::Piece;
use super::problem::Problem;
use super::reply::{json, tagged};
use super::routes::{Parts, ROWS, Row, Verb};
use super::{browser, document, front, health, openai, told};
use crate::access::{Known, NotKnown, Rights, Scope};
use crate::{Caller, ControlError, ErrorKind, Request};

/// The key of a command.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The last event that a watcher has.
const LAST: HeaderName = HeaderName::from_static("last-event-id");

/// All paths.
pub(super) fn router(door: &Door) -> Router {
    let mut router = Router::new();
    for row in ROWS {
        router = router.route(row.path, of(row));
    }
    router
        .route("/v1/openapi.json", get(document::openapi))
        .route("/v1/links", post(linked))
        .route("/v1/whoami", get(browser::whoami))
        .route(
            "/v1/goals/{goal_id}/artifacts/{name}",
            get(browser::artifact),
        )
        .merge(health::router())
        .merge(openai::router())
        .merge(mcp(door))
        .fallback(front::outside)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(door.clone(), entrance))
        .with_state(door.clone())
}

#[cfg(feature = "mcp")]
fn mcp(door: &Door) -> Router<Door> {
    super::mcp::router(door)
}

#[cfg(not(feature = "mcp"))]
fn mcp(_: &Door) -> Router<Door> {
    Router::new()
}

/// Looks at whoever comes in before anything of what it asks is read, and gives every answer a name of its own.
async fn entrance(State(door): State<Door>, mut request: Incoming, next: Next) -> Response {
    let openai = openai::is_own(request.uri().path());
    let mut response = match admitted(&door, &request) {
        Ok(Admitted::As(known)) => {
            request.extensions_mut().insert(door.caller(&known));
            request.extensions_mut().insert(known);
            next.run(request).await
        }
        Ok(Admitted::ByLink(response)) => response,
        Ok(Admitted::Anybody) => next.run(request).await,
        Err((why, problem)) => {
            door.count(why);
            match openai {
                true => openai::Refused::from(problem).into_response(),
                false => front::refused(problem, request.uri().path(), request.headers()),
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    // The link's token stands in an address for a moment.
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers
        .entry("cache-control")
        .or_insert(HeaderValue::from_static("no-store"));
    let mut name = [0; 12];
    if getrandom::fill(&mut name).is_ok() {
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        if let Ok(name) = HeaderValue::try_from(format!("req_{name}")) {
            headers.insert("x-request-id", name);
        }
    }
    response
}

/// How somebody came in.
enum Admitted {
    /// With a token, or the cookie of a link.
    As(Known),
    /// For what everybody is told.
    Anybody,
    /// By a link, which is answered at once.
    ByLink(Response),
}

fn admitted(door: &Door, request: &Incoming) -> Result<Admitted, (Refusal, Problem)> {
    let access = &door.0.access;
    access
        .place(request.method(), request.headers())
        .map_err(|(why, error)| (why, error.into()))?;
    let link = (request.method() == Method::GET)
        .then(|| by_link(door, request.uri()))
        .flatten();
    if let Some(response) = link {
        return Ok(Admitted::ByLink(response));
    }
    if health::is_open(request.uri().path()) {
        door.0
            .anybody
            .take(Instant::now())
            .map_err(|wait| (Refusal::Rate, too_many(wait)))?;
        return Ok(Admitted::Anybody);
    }
    let known = match access.entered(request.headers()) {
        Ok(Entered { known }) => known,
        Err(why) => {
            door.0
                .strangers
                .take(Instant::now())
                .map_err(|wait| (Refusal::Rate, too_many(wait)))?;
            return Err((Refusal::Token, not_known(why)));
        }
    };
    door.0
        .known
        .take(&known.principal, Instant::now())
        .map_err(|wait| (Refusal::Rate, too_many(wait)))?;
    Ok(Admitted::As(known))
}

fn not_known(why: NotKnown) -> Problem {
    let advice = match why {
        NotKnown::Unknown => {
            "send `Authorization: Bearer TOKEN` with the token that `aios serve` wrote or `aios key issue` printed"
        }
        NotKnown::Expired => "get another with `aios key issue` or `aios key rotate`",
    };
    let error = ControlError::new(ErrorKind::Forbidden, why.to_string()).advise(advice);
    Problem::with(StatusCode::UNAUTHORIZED, error)
}

/// A browser that comes by a link is given a cookie and sent on to where no token stands in the address.
fn by_link(door: &Door, uri: &Uri) -> Option<Response> {
    if uri.path() != "/" {
        return None;
    }
    let query = form_urlencoded::parse(uri.query()?.as_bytes());
    let (_, token) = { query }.find(|(name, _)| name == "token")?;
    let cookie = match door.0.access.cookie(&token) {
        Ok(cookie) => HeaderValue::try_from(cookie?).ok()?,
        Err(error) => {
            return Some(Problem::from(ControlError::failed(error.to_string())).into_response());
        }
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static("/"));
    response.headers_mut().insert(SET_COOKIE, cookie);
    Some(response)
}

fn too_many(wait: Duration) -> Problem {
    let again_s = wait.as_secs() + 1;
    let error = ControlError::new(
        ErrorKind::Busy,
        "there were too many requests in too short a time",
    )
    .advise(format!("ask again in {again_s} s"));
    Problem {
        again_s: Some(again_s),
        ..Problem::from(error)
    }
}

/// What kind of link is wanted.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    read_only: bool,
}

/// Another link, for whoever may ask to open a browser with: it allows what the asker may, or less.
async fn linked(
    State(door): State<Door>,
    Extension(known): Extension<Known>,
    body: Body,
) -> Result<Response, Problem> {
    let by_link = { known.rights.as_deref() }.is_some_and(|rights| rights.key.is_none());
    if by_link {
        let error = ControlError::new(
            ErrorKind::Forbidden,
            "whoever came by a link gives out no other",
        )
        .advise("ask whoever gave you the link for another one");
        return Err(error.into());
    }
    let body = door.body(body).await?;
    let wanted: Wanted = match body.is_empty() {
        true => Wanted::default(),
        false => serde_json::from_slice(&body).map_err(|error| {
            ControlError::invalid(format!("this is no link: {error}"))
                .advise("write {} or {\"read_only\": true}")
        })?,
    };
    let known = match wanted.read_only {
        true => read_only(known),
        false => known,
    };
    let token = door
        .link(known)
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let told = serde_json::json!({ "path": format!("/?token={token}") });
    Ok(json(told.to_string().into()))
}

/// The same somebody, who looks and does nothing.
pub(super) fn read_only(known: Known) -> Known {
    let rights = match known.rights.as_deref() {
        Some(rights) => Rights {
            scope: rights.scope.min(Scope::Read),
            ..rights.clone()
        },
        None => Rights {
            scope: Scope::Read,
            folders: Vec::new(),
            key: None,
        },
    };
    Known {
        rights: Some(Arc::new(rights)),
        ..known
    }
}

async fn not_so(State(door): State<Door>) -> Problem {
    door.count(Refusal::Node);
    let error = ControlError::invalid("this path is not asked by this method")
        .advise("GET for what is looked at, POST for what is done; see /v1/openapi.json");
    Problem::with(StatusCode::METHOD_NOT_ALLOWED, error)
}

/// The way of a row.
fn of(row: &'static Row) -> MethodRouter<Door> {
    let handler =
        move |State(door): State<Door>,
              Extension(caller): Extension<Caller>,
              path: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
              request: Incoming| async move {
            let outcome = match path {
                Ok(path) => answered(&door, &caller, row, &path, request).await,
                Err(_) => Err(ControlError::invalid("the path is not UTF-8").into()),
            };
            outcome.unwrap_or_else(|problem| {
                door.count(Refusal::Node);
                problem.into_response()
            })
        };
    match row.verb {
        Verb::Get => get(handler),
        Verb::Post => post(handler),
    }
}

async fn answered(
    door: &Door,
    caller: &Caller,
    row: &Row,
    path: &RawPathParams,
    request: Incoming,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = match row.verb {
        Verb::Get => Bytes::new(),
        Verb::Post => door.body(body).await?,
    };
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let mut query = form_urlencoded::parse(query).into_owned().collect();
    let piece = row.pages.map(|field| Piece::take(field, &mut query));
    let piece = piece.transpose()?;
    let asked = row.request(&Parts {
        path: path.iter().collect(),
        query,
        body: &body,
        out: &door.out(caller),
    })?;
    let Some(piece) = piece else {
        return respond(door, caller, asked, &head.headers).await;
    };
    let (value, next) = piece.of(door.value(caller, asked).await?)?;
    let mut response = tagged(written(&value)?, &head.headers);
    if let Some(next) = next
        && let Ok(link) = HeaderValue::try_from(piece.link(head.uri.path(), &next))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Asks the node and writes its answer.
async fn respond(
    door: &Door,
    caller: &Caller,
    mut asked: Request,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if let Request::Events(crate::Events { after_seq, .. })
    | Request::Watch(crate::Watch { after_seq, .. }) = &mut asked
        && let Some(last) = headers.get(LAST)
    {
        let last = last.to_str().ok().and_then(|last| last.trim().parse().ok());
        *after_seq = last.ok_or_else(|| ControlError::invalid("the Last-Event-ID is no number"))?;
        if let Request::Watch(watch) = &mut asked {
            // Whoever comes again goes on where it was.
            watch.fresh = false;
        }
    }
    let is_command = asked.is_command();
    if is_command && let Some(key) = headers.get(KEY) {
        let key = key
            .to_str()
            .map_err(|_| ControlError::invalid("the idempotency key is no text"))?;
        let (outcome, again) = door.keyed(caller, key, asked).await?;
        let mut response = json(outcome?);
        if again {
            response
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
        }
        return Ok(response);
    }
    let watched = match &asked {
        Request::Events(events) => Some(events.clone()),
        _ => None,
    };
    match door.carry(caller, asked).await? {
        crate::Response::Watch(events) => Ok(told::response(door, caller, watched, events)),
        crate::Response::Value(value) => {
            let bytes = written(&value)?;
            Ok(if is_command {
                json(bytes)
            } else {
                tagged(bytes, headers)
            })
        }
    }
}
