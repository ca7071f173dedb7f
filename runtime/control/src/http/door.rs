//! What every request of a server shares, and how the node is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::access::Access;
use super::counts::{Counts, Refusal};
use super::page::Page;
use super::problem::Problem;
use super::rate::{Bucket, Buckets};
use super::repeats::{self, Meant, Outcome, Repeats};
use crate::access::{Known, Rights, TokenError};
use crate::{Caller, Control, ControlError, ErrorKind, LINE_MAX, Request};

/// The longest body: a goal with its plan, or a charter.
pub(super) const BODY_MAX: usize = 1024 * 1024;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);
/// Requests of one principal: so many a second, and so many at once after a pause.
const RATE: (u32, u32) = (1_000, 2_000);
/// Of those who show no token that is known, together.
const STRANGERS: (u32, u32) = (10, 50);

/// What every request of a server shares. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Door(pub(super) Arc<Inside>);

pub(super) struct Inside {
    node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    pub(super) access: Access,
    repeats: Repeats,
    counts: Arc<Counts>,
    out: String,
    page: Option<Page>,
    pub(super) known: Buckets,
    pub(super) anybody: Bucket,
    pub(super) strangers: Bucket,
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
            repeats: Repeats::default(),
            counts,
            out,
            page,
            known: Buckets::new(RATE.0, RATE.1),
            anybody: Bucket::new(RATE.0, RATE.1),
            strangers: Bucket::new(STRANGERS.0, STRANGERS.1),
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

    /// Where what is made is put, when nobody says: where the owner said, and whoever came by a key has a folder of its tenant there.
    pub(super) fn out(&self, caller: &Caller) -> String {
        match caller.rights {
            None => self.0.out.clone(),
            Some(_) => format!("{}/{}", self.0.out, caller.principal.tenant()),
        }
    }

    /// Whoever asks, as the node hears of it.
    pub(super) fn caller(&self, known: &Known) -> Caller {
        let mut caller = known.caller();
        if let Some(rights) = &known.rights {
            let mut folders = rights.folders.clone();
            folders.push(self.out(&caller));
            let rights = Rights {
                folders,
                ..Rights::clone(rights)
            };
            caller.rights = Some(Arc::new(rights));
        }
        caller
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

    /// Has the node carry a request out, as long as whoever asks waits and its key is good. A command that does not end with its asker goes on
    /// without it.
    pub(super) async fn carry(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<crate::Response, ControlError> {
        self.still(caller)?;
        self.carry_anyway(caller, request).await
    }

    /// The same whatever has become of the key: what was begun with it is called off also when it is good no longer.
    pub(super) async fn carry_anyway(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<crate::Response, ControlError> {
        let Some(node) = (self.0.node)() else {
            return Err(unavailable());
        };
        if *self.0.going.borrow() && request.is_command() {
            return Err(unavailable());
        }
        let (patience, caller) = (request.patience(), caller.clone());
        let ends = request.ends_with_its_asker() || !request.is_command();
        let asked = async move {
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
        request: Request,
    ) -> Result<Value, ControlError> {
        match self.carry(caller, request).await? {
            crate::Response::Value(value) => Ok(value),
            crate::Response::Watch(_) => Err(ControlError::invalid(
                "a watch is asked for by its own path",
            )),
        }
    }

    /// A command with a key: done once, told as often as it is asked for.
    pub(super) async fn keyed(
        &self,
        caller: &Caller,
        key: &str,
        request: Request,
    ) -> Result<(Outcome, bool), ControlError> {
        self.still(caller)?;
        let id = repeats::id(&caller.principal, key)?;
        let request = repeats::named(&id, request);
        let may = caller.rights.as_deref();
        if may.is_some_and(|rights| rights.scope < request.needs().0) {
            // The node refuses it and writes that down; it takes no place from what others did, and hears nothing of it.
            let value = self.value(caller, request).await?;
            return Ok((written(&value), false));
        }
        match self.0.repeats.enter(id, &caller.principal, &request)? {
            Meant::Again(heard) => Ok((repeats::outcome(heard).await, true)),
            Meant::Fresh(fresh) => {
                let heard = fresh.heard.clone();
                let (door, caller) = (self.clone(), caller.clone());
                tokio::spawn(async move {
                    let outcome = match door.value(&caller, request).await {
                        Ok(value) => written(&value),
                        Err(error) => Err(error),
                    };
                    door.0.repeats.done(fresh, outcome);
                });
                Ok((repeats::outcome(heard).await, false))
            }
        }
    }

    /// The whole of a body, if it is there in time and not too large.
    pub(super) async fn body(&self, body: Body) -> Result<Bytes, Problem> {
        let collected = timeout(BODY, Limited::new(body, BODY_MAX).collect()).await;
        match collected {
            Ok(Ok(whole)) => Ok(whole.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.count(Refusal::Body);
                let message =
                    format!("the body has more than the {BODY_MAX} bytes that are allowed");
                Err(ControlError::new(ErrorKind::TooLarge, message).into())
            }
            Ok(Err(error)) => {
                self.count(Refusal::Head);
                Err(ControlError::invalid(format!("the body breaks off: {error}")).into())
            }
            Err(_) => {
                self.count(Refusal::Slow);
                let message = format!("the body was not there within {} s", BODY.as_secs());
                Err(Problem::with(
                    StatusCode::REQUEST_TIMEOUT,
                    ControlError::invalid(message).advise("send it at once"),
                ))
            }
        }
    }
}

pub(super) fn unavailable() -> ControlError {
    ControlError::new(
        ErrorKind::Unavailable,
        "the node is starting or stopping; ask again",
    )
}

/// An answer as it travels.
pub(super) fn written(value: &Value) -> Outcome {
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
