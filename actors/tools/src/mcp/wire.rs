//! The two ways to a server, as transports of rmcp: lines through a process's pipes, and messages over HTTP. Both let in what is bounded and
//! asked for, and end the connection when a server sends anything else without end; why is left in [`LastWord`].

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::last_word::{FLOODS, LastWord};
use super::limits::{ASKED, MESSAGE_BYTES, WRITE};
use super::measured::Measure;
use super::tolerance::Tolerance;

/// What is said of a server that ended the connection itself.
pub(crate) const CLOSED: &str = "it closed its output";

/// Tells answers from what nobody asked for, and bears only so much of the latter.
#[derive(Debug)]
struct Watched {
    /// What is waited for, the oldest first.
    asked: VecDeque<RequestId>,
    tolerance: Tolerance,
    last_word: LastWord,
}

impl Watched {
    fn new(last_word: LastWord) -> Self {
        Self {
            asked: VecDeque::new(),
            tolerance: Tolerance::new(Instant::now()),
            last_word,
        }
    }

    fn sends(&mut self, message: &ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => {
                // What was never answered is forgotten before what may be yet.
                if self.asked.len() >= ASKED {
                    self.asked.pop_front();
                }
                self.asked.push_back(request.id.clone());
            }
            // Nobody waits for its answer any more.
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.answered(id);
                }
            }
            _ => {}
        }
    }

    /// Whether the message may come in; if not, the connection is over.
    fn lets_in(&mut self, message: &ServerJsonRpcMessage, bytes: usize) -> bool {
        let answered = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        answered.is_some_and(|id| self.answered(id)) || self.bears(bytes)
    }

    /// Whether this was waited for; it no longer is.
    fn answered(&mut self, id: &RequestId) -> bool {
        let place = self.asked.iter().position(|asked| asked == id);
        place.and_then(|at| self.asked.remove(at)).is_some()
    }

    fn bears(&mut self, bytes: usize) -> bool {
        let borne = self.tolerance.bears(bytes, Instant::now());
        if !borne {
            self.last_word.say(FLOODS);
        }
        borne
    }
}

/// Messages as lines. `R` is what the server writes, `W` what it reads.
pub(crate) struct Lines<R, W> {
    reads: R,
    /// What has come of the next line; kept here, because whoever waits for it is called away and comes back.
    line: Vec<u8>,
    writes: Arc<tokio::sync::Mutex<Option<W>>>,
    /// Told when nothing can be written any more.
    stuck: Arc<Notify>,
    watched: Watched,
}

impl<R, W> Lines<R, W> {
    pub(crate) fn new(reads: R, writes: W, last_word: LastWord) -> Self {
        Self {
            reads,
            line: Vec::new(),
            writes: Arc::new(tokio::sync::Mutex::new(Some(writes))),
            stuck: Arc::default(),
            watched: Watched::new(last_word),
        }
    }
}

impl<R: AsyncBufRead + Send + Unpin, W> Lines<R, W> {
    /// The next whole line, in `line`; false when there is none. Called away in the middle, it goes on where it was.
    async fn read(&mut self) -> bool {
        loop {
            let (used, whole) = match self.reads.fill_buf().await {
                Ok([]) => {
                    self.watched.last_word.say(CLOSED);
                    return false;
                }
                Ok(bytes) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let text = &bytes[..end.unwrap_or(bytes.len())];
                    if self.line.len() + text.len() > MESSAGE_BYTES {
                        self.watched.last_word.say(format!(
                            "it sent more than {} at once",
                            crate::size(MESSAGE_BYTES as u64)
                        ));
                        return false;
                    }
                    self.line.extend_from_slice(text);
                    (end.map_or(bytes.len(), |end| end + 1), end.is_some())
                }
                Err(error) => {
                    self.watched
                        .last_word
                        .say(format!("its output cannot be read: {error}"));
                    return false;
                }
            };
            self.reads.consume(used);
            if whole {
                return true;
            }
        }
    }

    /// The next message; none when there will be no more.
    async fn next(&mut self) -> Option<ServerJsonRpcMessage> {
        while self.read().await {
            let line = std::mem::take(&mut self.line);
            let message: Result<ServerJsonRpcMessage, _> = serde_json::from_slice(&line);
            let goes_on = match &message {
                Ok(message) => self.watched.lets_in(message, line.len()),
                // Programs print to their output what is no message, and there are messages that are newer than we are.
                Err(_) => self.watched.bears(line.len()),
            };
            match (goes_on, message) {
                (false, _) => return None,
                (true, Ok(message)) => return Some(message),
                (true, Err(error)) => {
                    tracing::debug!(%error, bytes = line.len(), "a line that is no message")
                }
            }
        }
        None
    }
}

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncBufRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.watched.sends(&message);
        let (writes, stuck, last_word) = (
            Arc::clone(&self.writes),
            Arc::clone(&self.stuck),
            self.watched.last_word.clone(),
        );
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let written = timeout(WRITE, async {
                let mut writes = writes.lock().await;
                let Some(writes) = writes.as_mut() else {
                    return Err(io::Error::from(io::ErrorKind::NotConnected));
                };
                writes.write_all(&line).await?;
                writes.flush().await
            });
            let outcome = written.await.unwrap_or_else(|_| {
                last_word.say("it does not read what it is sent");
                Err(io::ErrorKind::TimedOut.into())
            });
            if outcome.is_err() {
                // Half a line may have been written: nothing that follows could be understood.
                stuck.notify_one();
            }
            outcome
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let stuck = Arc::clone(&self.stuck);
        tokio::select! {
            () = stuck.notified() => None,
            message = self.next() => message,
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // A write that is stuck holds the lock and the pipe; then the process is ended by other means.
        if let Ok(mut writes) = self.writes.try_lock() {
            writes.take();
        }
        Ok(())
    }
}

/// Messages over HTTP, whose size the client below bounds.
pub(crate) struct Counted<T> {
    inner: T,
    watched: Watched,
    measure: Measure,
}

impl<T> Counted<T> {
    pub(crate) fn new(inner: T, measure: Measure, last_word: LastWord) -> Self {
        Self {
            inner,
            watched: Watched::new(last_word),
            measure,
        }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Counted<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.watched.sends(&message);
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let message = tokio::select! {
            () = self.measure.flooded() => None,
            message = self.inner.receive() => message,
        };
        let Some(message) = message else {
            self.watched.last_word.say("the connection was closed");
            return None;
        };
        self.watched.lets_in(&message, 0).then_some(message)
    }

    fn close(&mut self) -> impl Future<Output = Result<(), T::Error>> + Send {
        self.inner.close()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_never_answered_is_not_remembered_for_ever() {
        let mut watched = Watched::new(LastWord::default());
        let ping = |id: usize| {
            let ping = json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
            serde_json::from_value::<ClientJsonRpcMessage>(ping).unwrap()
        };
        for id in 0..10 * ASKED {
            watched.sends(&ping(id));
        }
        assert_eq!(watched.asked.len(), ASKED);
        let last = RequestId::Number(10 * ASKED as i64 - 1);
        assert!(watched.answered(&last) && !watched.answered(&last));
        assert!(!watched.answered(&RequestId::Number(0)));
    }
}
