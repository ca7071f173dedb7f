//! What comes with a request: its body, with a time and a bound. Of those that hold files few are there at a time, and of one principal fewer,
//! so that the memory they take has its bound and nobody takes all of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aios_protocols::PrincipalId;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::counts::{Counts, Refusal};
use super::problem::Problem;
use crate::access::Scope;
use crate::{Caller, ControlError, ErrorKind, LINE_MAX, Request};

/// The longest body: a goal with its plan, or a charter.
pub(super) const BODY_MAX: usize = 1024 * 1024;
/// The longest body of a goal that its files come with.
const FILES_MAX: usize = LINE_MAX;
/// Bodies that are longer than usual and are there at the same time, each until its request was carried out.
const LARGE: usize = 8;
/// Of those, how many of one principal: it takes four to keep others out.
const LARGE_EACH: usize = LARGE / 4;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);

/// Who has how many of the places for large bodies.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<PrincipalId, usize>>>);

/// A place for a large body; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    whose: PrincipalId,
}

impl Places {
    /// The whole of a body that may hold files: one that says that it does needs a place. Whoever may only look has nothing to bring, and takes
    /// none.
    pub(super) async fn whole(
        &self,
        caller: &Caller,
        body: Body,
        counts: &Counts,
    ) -> Result<(Bytes, Option<Place>), Problem> {
        let said = body.size_hint().exact();
        let rights = caller.rights.as_ref();
        let looks = rights.is_some_and(|rights| rights.scope < Scope::Operate);
        if looks || said.is_none_or(|length| length <= BODY_MAX as u64) {
            return Ok((whole(body, counts).await?, None));
        }
        let place = self.take(&caller.principal).map_err(|message| {
            counts.add(Refusal::Body);
            ControlError::new(ErrorKind::Busy, message).advise("ask again when one is through")
        })?;
        Ok((within(body, FILES_MAX, counts).await?, Some(place)))
    }

    /// A place, or why there is none.
    fn take(&self, whose: &PrincipalId) -> Result<Place, String> {
        let mut taken = self.0.lock();
        let own = taken.get(whose).copied().unwrap_or(0);
        if own >= LARGE_EACH {
            return Err(format!(
                "{own} large bodies of {whose} are being read or carried out, {LARGE_EACH} are allowed at a time"
            ));
        }
        if taken.values().sum::<usize>() >= LARGE {
            return Err(format!(
                "{LARGE} large bodies are being read or carried out, more are not allowed at a time"
            ));
        }
        taken.insert(whose.clone(), own + 1);
        Ok(Place {
            places: self.clone(),
            whose: whose.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        if let Some(own) = taken.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

/// A request, with the place that its body has among the large ones: it has it until it was carried out.
pub(super) struct Brought {
    pub(super) request: Request,
    pub(super) place: Option<Place>,
}

impl Brought {
    /// The same in the same place, with something about the request being otherwise.
    pub(super) fn map(self, otherwise: impl FnOnce(Request) -> Request) -> Self {
        Self {
            request: otherwise(self.request),
            ..self
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_principal_takes_a_part_of_the_places_and_gives_them_back() {
        let places = Places::default();
        let who =
            |number: usize| -> PrincipalId { format!("user:u{number}@acme").parse().unwrap() };
        let mut held = Vec::new();
        for number in 0..LARGE / LARGE_EACH {
            for _ in 0..LARGE_EACH {
                held.push(places.take(&who(number)).unwrap());
            }
            let refused = places.take(&who(number)).unwrap_err();
            assert!(refused.contains(&who(number).to_string()), "{refused}");
        }
        assert_eq!(held.len(), LARGE);
        assert!(places.take(&who(99)).is_err(), "there are no more");
        held.remove(0);
        held.push(places.take(&who(99)).unwrap());
        assert!(places.take(&who(0)).is_err());
        drop(held);
        assert!(places.0.lock().is_empty(), "nobody is remembered");
    }
}
