//! What every service shares: who asks, whether it may, how long it waits, and the node that is asked.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Code, Request as Asked, Status};

use super::counts::Counts;
use super::guest::{Busy, Seat};
use super::service::GrpcService;
use super::status;
use crate::access::{Known, Principals};
use crate::remote::AgentDoor;
use crate::{
    Caller, Control, ControlError, ErrorKind, EventStream, LINE_MAX, Request, Response, Told,
};

/// What a stream of answers is.
pub(super) type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Door(Arc<Inside>);

struct Inside {
    node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    principals: Principals,
    agents: Option<Arc<dyn AgentDoor>>,
    out: String,
    counts: Counts,
    going: watch::Sender<bool>,
}

/// Somebody who may ask, while it is answered.
pub(super) struct Asker {
    pub(super) caller: Caller,
    /// How long it waits, if it said so.
    deadline: Option<Duration>,
    busy: Option<Busy>,
}

impl Asker {
    /// The same, for what is left to do when it waits for nothing any more.
    pub(super) fn afterwards(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            deadline: None,
            busy: None,
        }
    }
}

impl Door {
    pub(super) fn new(service: GrpcService, counts: Counts) -> Self {
        let GrpcService {
            node,
            principals,
            agents,
            out,
        } = service;
        Self(Arc::new(Inside {
            node,
            principals,
            agents,
            out: out.to_string_lossy().into_owned(),
            counts,
            going: watch::Sender::new(false),
        }))
    }

    /// From now on no command is taken, and streams end.
    pub(super) fn goes(&self) {
        self.0.going.send_replace(true);
    }

    pub(super) fn going(&self) -> watch::Receiver<bool> {
        self.0.going.subscribe()
    }

    pub(super) fn agents(&self) -> Option<&Arc<dyn AgentDoor>> {
        self.0.agents.as_ref()
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Where what is made is put, when nobody says.
    pub(super) fn out(&self, caller: &Caller) -> String {
        caller.home(&self.0.out)
    }

    /// Who asks, by the token that is shown.
    pub(super) fn asker<T>(&self, asked: &Asked<T>) -> Result<Asker, Status> {
        let shown = asked.metadata().get("authorization");
        let token = shown
            .and_then(|shown| shown.to_str().ok())
            .and_then(|shown| shown.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let advice = "send the metadata `authorization: Bearer TOKEN` with a token of this node's";
        let known = self
            .0
            .principals
            .by_token(token.unwrap_or_default())
            .map(|known: Known| known.caller().at_home(&self.0.out))
            .map_err(|why| ControlError::new(ErrorKind::Forbidden, why.to_string()).advise(advice));
        let mut caller = known.map_err(|error| {
            self.0.counts.add("token");
            status::with(Code::Unauthenticated, &error)
        })?;
        // Another form than W3C's is none that we could go on with.
        let trace = asked.metadata().get("traceparent");
        caller.trace = trace.and_then(|trace| trace.to_str().ok()?.parse().ok());
        Ok(Asker {
            caller,
            deadline: deadline(asked),
            busy: busy(asked),
        })
    }

    /// Has the node carry a request out, as long as whoever asks waits. A command that does not end with its asker goes on without it.
    async fn carry(&self, asker: &Asker, request: Request) -> Result<Response, ControlError> {
        self.still(asker)?;
        // All that comes of it is what is told: refused at the end, it has changed nothing either.
        let told = request.ends_with_its_asker() || !request.is_command();
        let answer = self.carry_anyway(asker, request).await?;
        if told {
            // It may have taken its time, and the key may have been taken back meanwhile.
            self.still(asker)?;
        }
        Ok(answer)
    }

    /// Refuses whoever came in by a key that is no longer good.
    fn still(&self, asker: &Asker) -> Result<(), ControlError> {
        match self.0.principals.holds(asker.caller.rights.as_deref()) {
            true => Ok(()),
            false => Err(ControlError::new(
                ErrorKind::Forbidden,
                "the key was taken back or has expired",
            )),
        }
    }

    async fn carry_anyway(
        &self,
        asker: &Asker,
        mut request: Request,
    ) -> Result<Response, ControlError> {
        // A goal may leave it to the server where what is made is put.
        if let Request::Submit(goal) | Request::Plan(goal) = &mut request
            && goal.out.is_empty()
        {
            goal.out = self.out(&asker.caller);
        }
        let Some(node) = (self.0.node)() else {
            return Err(unavailable());
        };
        if *self.0.going.borrow() && request.is_command() {
            return Err(unavailable());
        }
        let (patience, caller) = (request.patience(), asker.caller.clone());
        let waits = asker.deadline.map_or(patience, |own| own.min(patience));
        let ends = request.ends_with_its_asker() || !request.is_command();
        let asked = async move { timeout(patience, node.answer(&caller, request)).await };
        let late = |waited: Duration| {
            let sentence = format!(
                "the node did not come to it within {} ms, and may do it yet; look and ask again",
                waited.as_millis()
            );
            ControlError::new(ErrorKind::Late, sentence)
        };
        let answered = async {
            let answered = match ends {
                true => asked.await,
                false => match tokio::spawn(asked).await {
                    Ok(answered) => answered,
                    Err(error) => {
                        let sentence = format!("the node fell over it: {error}");
                        return Err(ControlError::failed(sentence));
                    }
                },
            };
            answered.unwrap_or_else(|_| Err(late(patience)))
        };
        timeout(waits, answered)
            .await
            .unwrap_or_else(|_| Err(late(waits)))
    }

    fn refused(&self, error: &ControlError) -> Status {
        self.0.counts.add("node");
        status::status(error)
    }

    /// The answer to a command or a query.
    pub(super) async fn value(&self, asker: &Asker, request: Request) -> Result<Value, Status> {
        match self.carry(asker, request).await {
            Ok(Response::Value(value)) => Ok(value),
            Ok(Response::Watch(_)) => Err(self.refused(
                &ControlError::invalid("this is a watch").advise("ask for it by the call `Watch`"),
            )),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// The same as what the contract says it is.
    pub(super) async fn typed<T: DeserializeOwned>(
        &self,
        asker: &Asker,
        request: Request,
    ) -> Result<T, Status> {
        let value = self.value(asker, request).await?;
        serde_json::from_value(value).map_err(|error| {
            let sentence = format!("the node's answer is not what the contract says: {error}");
            self.refused(&ControlError::failed(sentence))
        })
    }

    /// What happens from now on.
    pub(super) async fn watch(
        &self,
        asker: &Asker,
        request: Request,
    ) -> Result<Box<dyn EventStream>, Status> {
        match self.carry(asker, request).await {
            Ok(Response::Watch(events)) => Ok(events),
            Ok(Response::Value(_)) => Err(self.refused(
                &ControlError::invalid("this is no watch").advise("ask for it by the call `Ask`"),
            )),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Events as a stream. Each is taken from the node when the one before has found its way, so whoever reads slowly is pushed back.
    pub(super) fn told<T: Send + 'static>(
        &self,
        asker: Asker,
        events: Box<dyn EventStream>,
        written: impl FnMut(Told) -> Option<T> + Send + 'static,
    ) -> Streamed<T> {
        let going = self.going();
        // A watch makes place for others: it can be gone on with.
        drop(asker.busy);
        let (door, rights) = (self.clone(), asker.caller.rights.clone());
        let begun = Some((events, going, written));
        Box::pin(unfold(begun, move |begun| {
            let (door, rights) = (door.clone(), rights.clone());
            async move {
                let (mut events, mut going, mut written) = begun?;
                loop {
                    let event = tokio::select! {
                        event = events.next() => event?,
                        () = gone(&mut going) => {
                            return Some((Err(status::status(&unavailable())), None));
                        }
                    };
                    // Its key may have been taken back meanwhile.
                    if !door.0.principals.holds(rights.as_deref()) {
                        let error = ControlError::new(
                            ErrorKind::Forbidden,
                            "the token that this was asked for with is no longer known",
                        );
                        return Some((Err(door.refused(&error)), None));
                    }
                    if let Some(item) = written(event) {
                        return Some((Ok(item), Some((events, going, written))));
                    }
                }
            }
        }))
    }

    /// A message that cannot be meant so.
    pub(super) fn invalid(&self, error: &ControlError) -> Status {
        self.refused(error)
    }
}

/// Keeps a connection's place as long as something is answered over it.
pub(super) fn busy<T>(asked: &Asked<T>) -> Option<Busy> {
    asked.extensions().get::<Seat>().map(Seat::busy)
}

/// Returns when the server goes.
pub(super) async fn gone(going: &mut watch::Receiver<bool>) {
    // A sender that is gone is a server that is gone.
    let _ = going.wait_for(|going| *going).await;
}

pub(super) fn unavailable() -> ControlError {
    ControlError::new(
        ErrorKind::Unavailable,
        "the node is starting or stopping; ask again",
    )
}

/// An answer as it travels.
pub(super) fn written(value: &Value) -> Result<Vec<u8>, ControlError> {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    if bytes.is_empty() || bytes.len() >= LINE_MAX {
        let sentence = format!(
            "the answer has {} bytes, {LINE_MAX} are allowed; ask for less",
            bytes.len()
        );
        return Err(ControlError::new(ErrorKind::TooLarge, sentence));
    }
    Ok(bytes)
}

/// How long whoever asks waits: gRPC's own header. A moment less, so that it hears the reason and not only that time is up.
fn deadline<T>(asked: &Asked<T>) -> Option<Duration> {
    let said = asked.metadata().get("grpc-timeout")?.to_str().ok()?;
    let given = timeout_of(said)?;
    Some(given.saturating_sub((given / 10).min(Duration::from_millis(20))))
}

/// At most eight digits and a unit.
fn timeout_of(said: &str) -> Option<Duration> {
    let (digits, unit) = said.split_at_checked(said.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_eight_digits_and_a_unit_and_nothing_else() {
        for (said, expected) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("1.5S", None),
            ("999999999S", None),
            ("1\u{fc}", None),
        ] {
            assert_eq!(timeout_of(said), expected, "{said:?}");
        }
    }
}
