//! The entrance: who comes in is looked at before anything of what it asks is read. What lies ready is told here, and for all else the paths
//! are gone.
//!
//! It stands before the router and is no layer of it: a layer lies around each path for itself, and costs each request a few boxes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request as Incoming;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode, Uri};
use tokio::time::Instant;
use tower::ServiceExt;

use super::access::Entered;
use super::counts::Refusal;
use super::problem::Problem;
use super::routes::ROWS;
use super::service::{Door, digits, ready};
use super::{health, openai, page};
use crate::access::{Known, NotKnown};
use crate::{ControlError, ErrorKind};

/// The name of an answer.
const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// The way in. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Entrance(Arc<Inside>);

struct Inside {
    door: Door,
    router: Router,
    names: Names,
}

/// Gives every answer a name of its own, which says nothing of how many there were.
struct Names {
    next: AtomicU64,
    scattered: [RandomState; 2],
}

impl Names {
    fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            scattered: [RandomState::new(), RandomState::new()],
        }
    }

    fn next(&self) -> Option<HeaderValue> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [first, second] = &self.scattered;
        let first = first.hash_one(number).to_be_bytes();
        let second = second.hash_one(number).to_be_bytes();
        let mut name = *b"req_000000000000000000000000";
        let bytes = first.iter().chain(&second[..4]);
        for (place, digits) in name[4..]
            .chunks_exact_mut(2)
            .zip(bytes.map(|it| digits(*it)))
        {
            place.copy_from_slice(&digits);
        }
        HeaderValue::from_bytes(&name).ok()
    }
}

impl Entrance {
    pub(super) fn new(door: Door) -> Self {
        Self(Arc::new(Inside {
            router: door.router(),
            names: Names::new(),
            door,
        }))
    }

    pub(super) fn door(&self) -> &Door {
        &self.0.door
    }

    /// Answers whoever has come.
    pub(super) async fn answer(&self, mut request: Incoming) -> Response {
        let Inside {
            door,
            router,
            names,
        } = &*self.0;
        let mut response = match admitted(door, &request) {
            Ok(Admitted::As(known)) => match lies_ready(door, &known, &request) {
                Some(response) => response,
                None => {
                    request.extensions_mut().insert(door.caller(&known));
                    request.extensions_mut().insert(known);
                    within(router, request).await
                }
            },
            Ok(Admitted::ByLink(response)) => response,
            Ok(Admitted::Anybody) => within(router, request).await,
            Err((why, problem)) => {
                door.count(why);
                match openai::is_own(request.uri().path()) {
                    true => openai::Refused::from(problem).into_response(),
                    false => page::refused(problem, request.uri().path(), request.headers()),
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // The link's token stands in an address for a moment.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if let Some(name) = names.next() {
            headers.insert(NAME, name);
        }
        response
    }
}

async fn within(router: &Router, request: Incoming) -> Response {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The answer to a path that says all of its request, where it lies ready.
fn lies_ready(door: &Door, known: &Known, request: &Incoming) -> Option<Response> {
    if request.method() != Method::GET || request.uri().query().is_some() {
        return None;
    }
    let (folder, name) = request.uri().path().rsplit_once('/')?;
    // What is written otherwise in an address than it reads goes the usual way.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    let asked = { ROWS.iter() }.find_map(|row| row.whole(folder, name))?;
    let written = door.node()?.lies_ready(&known.caller(), &asked)?;
    Some(ready(&written, request.headers()))
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
    let access = &door.inside().access;
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
        door.inside()
            .anybody
            .take(Instant::now())
            .map_err(|wait| (Refusal::Rate, too_many(wait)))?;
        return Ok(Admitted::Anybody);
    }
    let known = match access.entered(request.headers()) {
        Ok(Entered { known }) => known,
        Err(why) => {
            door.inside()
                .strangers
                .take(Instant::now())
                .map_err(|wait| (Refusal::Rate, too_many(wait)))?;
            return Err((Refusal::Token, not_known(why)));
        }
    };
    door.inside()
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
    let cookie = match door.inside().access.cookie(&token) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_answer_has_a_name_of_its_own() {
        let names = Names::new();
        let named: BTreeSet<String> = (0..1_000)
            .map(|_| names.next().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(named.len(), 1_000);
        for name in named {
            let digits = name.strip_prefix("req_").unwrap();
            assert_eq!(digits.len(), 24);
            assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        }
    }
}
