//! What is done with a request of somebody who came in ([`entrance`](super::entrance)): it is read, the node is asked, and its answer is written.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request as Incoming, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LINK,
};
use hyper::{StatusCode, Uri};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::access::Access;
use super::body::{self, Brought, Places};
use super::counts::{Counts, Refusal};
use super::keys::{self, Keys, Meant, Outcome};
use super::page::{self, Page};
use super::pages::Piece;
use super::parts::Parts;
use super::problem::Problem;
use super::rate::{Bucket, Buckets};
use super::routes::{ROWS, Row, Verb};
use super::{browser, document, health, openai, told};
use crate::access::{Known, Rights, Scope, TokenError};
use crate::{Caller, Control, ControlError, ErrorKind, LINE_MAX, Request, Written, form};

/// Requests of one principal: so many a second, and so many at once after a pause.
const RATE: (u32, u32) = (1_000, 2_000);
/// Of those who show no token that is known, together.
const STRANGERS: (u32, u32) = (10, 50);
/// The key of a command.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The last event that a watcher has.
const LAST: HeaderName = HeaderName::from_static("last-event-id");

/// What every request of a server shares. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Door(Arc<Inside>);

pub(super) struct Inside {
    node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    pub(super) access: Access,
    keys: Keys,
    counts: Arc<Counts>,
    out: String,
    page: Option<Page>,
    pub(super) known: Buckets,
    pub(super) anybody: Bucket,
    pub(super) strangers: Bucket,
    large: Places,
    going: watch::Sender<bool>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door(..)")
    }
}

impl Door {
    pub(super) fn new(
        node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
        access: Access,
        out: String,
        page: Option<Page>,
        counts: Arc<Counts>,
    ) -> Self {
        Self(Arc::new(Inside {
            node,
            access,
            keys: Keys::default(),
            counts,
            out,
            page,
            known: Buckets::new(RATE.0, RATE.1),
            anybody: Bucket::new(RATE.0, RATE.1),
            strangers: Bucket::new(STRANGERS.0, STRANGERS.1),
            large: Places::default(),
            going: watch::Sender::new(false),
        }))
    }

    /// From now on no command is taken, and watches end.
    pub(super) fn goes(&self) {
        self.0.going.send_replace(true);
    }

    pub(super) fn going(&self) -> watch::Receiver<bool> {
        self.0.going.subscribe()
    }

    pub(super) fn count(&self, why: Refusal) {
        self.0.counts.add(why);
    }

    /// Where what is made is put, when nobody says.
    pub(super) fn out(&self, caller: &Caller) -> String {
        caller.home(&self.0.out)
    }

    /// A goal that leaves it to the server where what is made is put.
    fn filled(&self, caller: &Caller, mut request: Request) -> Request {
        if let Request::Submit(goal) | Request::Plan(goal) = &mut request
            && goal.out.is_empty()
        {
            goal.out = self.out(caller);
        }
        request
    }

    /// What the entrance looks at.
    pub(super) fn inside(&self) -> &Inside {
        &self.0
    }

    /// Whoever asks, as the node hears of it.
    pub(super) fn caller(&self, known: &Known) -> Caller {
        known.caller().at_home(&self.0.out)
    }

    /// Whether the key is still good that somebody came in by.
    pub(super) fn holds(&self, caller: &Caller) -> bool {
        self.0.access.principals.holds(caller.rights.as_deref())
    }

    /// Refuses whoever came in by a key that is no longer good.
    pub(super) fn still(&self, caller: &Caller) -> Result<(), ControlError> {
        match self.holds(caller) {
            true => Ok(()),
            false => Err(ControlError::new(
                ErrorKind::Forbidden,
                "the key was taken back or has expired",
            )),
        }
    }

    pub(super) fn page(&self) -> Option<&Page> {
        self.0.page.as_ref()
    }

    /// A link's token, which opens once in somebody's name.
    pub(super) fn link(&self, known: Known) -> Result<String, TokenError> {
        let link = self.0.access.sessions.link(known, Instant::now())?;
        Ok(link.reveal().to_owned())
    }

    /// The node, while there is one.
    pub(super) fn node(&self) -> Option<Arc<dyn Control>> {
        (self.0.node)()
    }

    /// Whether the node can work now.
    pub(super) fn ready(&self) -> Result<(), ControlError> {
        if *self.0.going.borrow() {
            return Err(unavailable());
        }
        self.node().ok_or_else(unavailable)?.ready()
    }

    /// All paths, for those who were let in.
    pub(super) fn router(&self) -> Router {
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
            .merge(self.mcp())
            .fallback(page::outside)
            .method_not_allowed_fallback(not_so)
            .with_state(self.clone())
    }

    #[cfg(feature = "mcp")]
    fn mcp(&self) -> Router<Self> {
        super::mcp::router(self)
    }

    #[cfg(not(feature = "mcp"))]
    fn mcp(&self) -> Router<Self> {
        Router::new()
    }

    /// Has the node carry a request out, as long as whoever asks waits and its key is good. A command that does not end with its asker goes on
    /// without it.
    pub(super) async fn carry(
        &self,
        caller: &Caller,
        brought: impl Into<Brought>,
    ) -> Result<crate::Response, ControlError> {
        let brought = brought.into();
        self.still(caller)?;
        let told = is_told_alone(&brought.request);
        let answer = self.carry_anyway(caller, brought).await?;
        if told {
            // It may have taken its time, and the key may have been taken back meanwhile.
            self.still(caller)?;
        }
        Ok(answer)
    }

    /// The same whatever has become of the key: what was begun with it is called off also when it is good no longer.
    pub(super) async fn carry_anyway(
        &self,
        caller: &Caller,
        brought: impl Into<Brought>,
    ) -> Result<crate::Response, ControlError> {
        let Brought { request, place } = brought.into().settled();
        let Some(node) = (self.0.node)() else {
            return Err(unavailable());
        };
        if *self.0.going.borrow() && request.is_command() {
            return Err(unavailable());
        }
        let (patience, caller) = (request.patience(), caller.clone());
        let ends = request.ends_with_its_asker() || !request.is_command();
        let asked = async move {
            // It was not carried out before that, whoever waits for it.
            let _place = place;
            timeout(patience, node.answer(&caller, request)).await.unwrap_or_else(|_| {
                let sentence = format!(
                    "the node did not come to it within {} s, and may do it yet; look and ask again",
                    patience.as_secs()
                );
                Err(ControlError::new(ErrorKind::Late, sentence))
            })
        };
        match ends {
            true => asked.await,
            false => tokio::spawn(asked).await.unwrap_or_else(|error| {
                Err(ControlError::failed(format!(
                    "the node fell over it: {error}"
                )))
            }),
        }
    }

    /// The same for an answer that is no watch.
    pub(super) async fn value(
        &self,
        caller: &Caller,
        brought: impl Into<Brought>,
    ) -> Result<Value, ControlError> {
        match self.carry(caller, brought).await? {
            crate::Response::Value(value) => Ok(value),
            crate::Response::Watch(_) => Err(ControlError::invalid(
                "a watch is asked for by its own path",
            )),
        }
    }

    /// A command with a key: done once, told as often as it is asked for.
    async fn keyed(
        &self,
        caller: &Caller,
        key: &str,
        brought: Brought,
    ) -> Result<(Outcome, bool), ControlError> {
        let told = is_told_alone(&brought.request);
        let outcome = self.keyed_once(caller, key, brought).await;
        if told {
            self.still(caller)?;
        }
        outcome
    }

    async fn keyed_once(
        &self,
        caller: &Caller,
        key: &str,
        brought: Brought,
    ) -> Result<(Outcome, bool), ControlError> {
        self.still(caller)?;
        let id = keys::id(&caller.principal, key)?;
        let request = &brought.request;
        let may = caller.rights.as_deref();
        if may.is_some_and(|rights| rights.scope < request.needs().0) {
            // The node refuses it and writes that down; it takes no place from what others did, and hears nothing of it.
            let value = self.value(caller, brought).await?;
            return Ok((written(&value), false));
        }
        let name = keys::name(request, || self.node()?.goal_of_key(&id));
        let keys = &self.0.keys;
        match keys.enter(id, &caller.principal, request, name.is_some())? {
            Meant::Again(heard) => {
                drop(brought);
                Ok((keys::outcome(heard).await, true))
            }
            Meant::Fresh(fresh) => {
                let heard = fresh.heard.clone();
                let (door, caller) = (self.clone(), caller.clone());
                let brought = brought.map(|request| keys::named(name, request));
                tokio::spawn(async move {
                    let outcome = match door.value(&caller, brought).await {
                        Ok(value) => written(&value),
                        Err(error) => Err(error),
                    };
                    door.0.keys.done(fresh, outcome);
                });
                Ok((keys::outcome(heard).await, false))
            }
        }
    }

    /// The whole of a body, if it is there in time and not too large.
    pub(super) async fn body(&self, body: Body) -> Result<Bytes, Problem> {
        body::whole(body, &self.0.counts).await
    }
}

/// Whether all that comes of a request is what is told: refused at the end, it has changed nothing either.
fn is_told_alone(request: &Request) -> bool {
    request.ends_with_its_asker() || !request.is_command()
}

pub(super) fn unavailable() -> ControlError {
    ControlError::new(
        ErrorKind::Unavailable,
        "the node is starting or stopping; ask again",
    )
}

/// An answer as it travels.
fn written(value: &Value) -> Outcome {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    if bytes.is_empty() || bytes.len() >= LINE_MAX {
        let sentence = format!(
            "the answer has {} bytes, {LINE_MAX} are allowed; ask for less",
            bytes.len()
        );
        return Err(ControlError::new(ErrorKind::TooLarge, sentence));
    }
    Ok(bytes.into())
}

pub(super) fn nothing_there(door: &Door, path: &str) -> Problem {
    door.count(Refusal::Node);
    let path: String = path.chars().take(200).collect();
    ControlError::unknown(format!("there is nothing at {path:?}"))
        .advise("look at /v1/openapi.json for the paths there are, or ask by POST /v1/ask")
        .into()
}

/// What kind of link is wanted.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
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
        false => form::read(&body).map_err(|error| {
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

async fn not_so(State(door): State<Door>, uri: Uri) -> Response {
    door.count(Refusal::Node);
    let error = ControlError::invalid("this path is not asked by this method")
        .advise("GET for what is looked at, POST for what is done; see /v1/openapi.json");
    let problem = Problem::with(StatusCode::METHOD_NOT_ALLOWED, error);
    refused(problem, uri.path())
}

/// A refusal in the form that whoever asks this path reads.
pub(super) fn refused(problem: Problem, path: &str) -> Response {
    match openai::is_own(path) {
        true => openai::Refused::from(problem).into_response(),
        false => problem.into_response(),
    }
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
    if row.verb == Verb::Post
        && let Some(key) = head.headers.get(KEY)
    {
        // Also where it is a query, which needs none.
        keys::id(&caller.principal, said(key)?)?;
    }
    let (whole, place) = match row.verb {
        Verb::Get => (Bytes::new(), None),
        Verb::Post if row.may_hold_files() => {
            door.0.large.whole(caller, body, &door.0.counts).await?
        }
        Verb::Post => (door.body(body).await?, None),
    };
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let mut query = form_urlencoded::parse(query).into_owned().collect();
    let piece = row.pages.map(|field| Piece::take(field, &mut query));
    let piece = piece.transpose()?;
    let asked = row.request(&Parts {
        path: path.iter().collect(),
        query,
        body: &whole,
        out: &door.out(caller),
    })?;
    // The request has what it needs of it.
    drop(whole);
    let request = door.filled(caller, asked);
    let asked = Brought { request, place };
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

/// A key as text.
fn said(key: &HeaderValue) -> Result<&str, ControlError> {
    key.to_str()
        .map_err(|_| ControlError::invalid("the idempotency key is no text"))
}

/// Asks the node and writes its answer.
async fn respond(
    door: &Door,
    caller: &Caller,
    mut brought: Brought,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let asked = &mut brought.request;
    if let Request::Events(crate::Events { after_seq, .. })
    | Request::Watch(crate::Watch { after_seq, .. }) = asked
        && let Some(last) = headers.get(LAST)
    {
        let last = last.to_str().ok().and_then(|last| last.trim().parse().ok());
        *after_seq = last.ok_or_else(|| ControlError::invalid("the Last-Event-ID is no number"))?;
        if let Request::Watch(watch) = asked {
            // Whoever comes again goes on where it was.
            watch.fresh = false;
        }
    }
    let is_command = asked.is_command();
    if is_command && let Some(key) = headers.get(KEY) {
        let (outcome, again) = door.keyed(caller, said(key)?, brought).await?;
        let mut response = json(outcome?);
        if again {
            response
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
        }
        return Ok(response);
    }
    let watched = match asked {
        Request::Events(events) => Some(events.clone()),
        _ => None,
    };
    match door.carry(caller, brought).await? {
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

pub(super) fn json(bytes: Bytes) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, bytes).into_response()
}

/// An answer with a tag, or only the tag for whoever has that answer already.
pub(super) fn tagged(bytes: Bytes, headers: &HeaderMap) -> Response {
    let tag = tag(&bytes);
    told_once(bytes, tag, headers)
}

/// The same of an answer that lies ready.
pub(super) fn ready(written: &Written, headers: &HeaderMap) -> Response {
    let tag = written.tag(tag).clone();
    told_once(written.json().clone(), tag, headers)
}

/// What tells an answer from others, in quotes.
fn tag(bytes: &Bytes) -> Bytes {
    let digest = Sha256::digest(bytes);
    let mut tag = Vec::with_capacity(2 + 24);
    tag.push(b'"');
    tag.extend(digest[..12].iter().flat_map(|byte| digits(*byte)));
    tag.push(b'"');
    tag.into()
}

/// A byte as two hexadecimal digits.
pub(super) fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)])
}

fn told_once(bytes: Bytes, tag: Bytes, headers: &HeaderMap) -> Response {
    let has = headers.get_all(IF_NONE_MATCH).iter().any(|known| {
        let known = known.as_bytes().split(|byte| *byte == b',');
        { known }.any(|known| {
            let known = known.trim_ascii();
            known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag
        })
    });
    let mut response = match has {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => json(bytes),
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_maybe_shared(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
