//! What comes with a request: its body, with a time and a bound. Of those that hold files few are there at a time, and of one principal fewer,
//! so that the memory they take has its bound and nobody takes all of it.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use tokio::time::timeout;

use super::counts::{Counts, Refusal};
use super::problem::Problem;
use crate::access::Scope;
use crate::{Caller, ControlError, ErrorKind, LINE_MAX, Most, Request, Share, Shares, Tied};

/// The longest body: a goal with its plan, or a charter.
pub(super) const BODY_MAX: usize = 1024 * 1024;
/// The longest body of a goal that its files come with.
const FILES_MAX: usize = LINE_MAX;
/// Bodies that are longer than usual and are there at the same time, each until its request was carried out.
const LARGE: usize = 8;
/// Of those, how many of one principal.
const LARGE_EACH: usize = LARGE / 4;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);

/// The places for large bodies. A tenant of many names takes half of them at most.
#[derive(Debug, Clone)]
pub(super) struct Places(Shares);

impl Default for Places {
    fn default() -> Self {
        let most = Most {
            all: LARGE,
            of_tenant: LARGE / 2,
            each: LARGE_EACH,
        };
        Self(Shares::new("large bodies", most))
    }
}

impl Places {
    /// The whole of a body that may hold files: one that says that it does needs a place. Whoever may only look has nothing to bring, and takes
    /// none.
    pub(super) async fn whole(
        &self,
        caller: &Caller,
        body: Body,
        counts: &Counts,
    ) -> Result<(Bytes, Option<Share>), Problem> {
        let said = body.size_hint().exact();
        let rights = caller.rights.as_ref();
        let looks = rights.is_some_and(|rights| rights.scope < Scope::Operate);
        if looks || said.is_none_or(|length| length <= BODY_MAX as u64) {
            return Ok((whole(body, counts).await?, None));
        }
        let place = self.0.take(&caller.principal).inspect_err(|_| {
            counts.add(Refusal::Body);
        })?;
        Ok((within(body, FILES_MAX, counts).await?, Some(place)))
    }
}

/// A request, with the place that its body has among the large ones: it has it until it was carried out.
pub(super) struct Brought {
    pub(super) request: Request,
    pub(super) place: Option<Share>,
}

impl Brought {
    /// The same in the same place, with something about the request being otherwise.
    pub(super) fn map(self, otherwise: impl FnOnce(Request) -> Request) -> Self {
        Self {
            request: otherwise(self.request),
            ..self
        }
    }

    /// The same, where the place of what is only thought about is that of its files: the node writes these down first, and thinks long.
    pub(super) fn settled(mut self) -> Self {
        if let Request::Plan(asked) = &mut self.request
            && !asked.files.is_empty()
            && let Some(place) = self.place.take().map(Tied::from)
        {
            for file in &mut asked.files {
                file.tied(&place);
            }
        }
        self
    }
}

impl From<Request> for Brought {
    fn from(request: Request) -> Self {
        Self {
            request,
            place: None,
        }
    }
}

/// The whole of a body, if it is there in time and not too large.
pub(super) async fn whole(body: Body, counts: &Counts) -> Result<Bytes, Problem> {
    within(body, BODY_MAX, counts).await
}

async fn within(body: Body, most: usize, counts: &Counts) -> Result<Bytes, Problem> {
    let collected = timeout(BODY, Limited::new(body, most).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            counts.add(Refusal::Body);
            let message = format!("the body has more than the {most} bytes that are allowed");
            Err(ControlError::new(ErrorKind::TooLarge, message).into())
        }
        Ok(Err(error)) => {
            counts.add(Refusal::Head);
            Err(ControlError::invalid(format!("the body breaks off: {error}")).into())
        }
        Err(_) => {
            counts.add(Refusal::Slow);
            let message = format!("the body was not there within {} s", BODY.as_secs());
            Err(Problem::with(
                StatusCode::REQUEST_TIMEOUT,
                ControlError::invalid(message).advise("send it at once"),
            ))
        }
    }
}
