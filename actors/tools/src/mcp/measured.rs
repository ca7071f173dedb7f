//! The client over HTTP, bearing only so much of what nobody asked for. It stands below rmcp, which reads the stream of an answer by itself
//! until the answer comes: a server that floods before the connection stands would never be seen above it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    StreamableHttpResponseLimits,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sse_stream::Sse;
use tokio::sync::Notify;

use super::last_word::{FLOODS, LastWord};
use super::tolerance::Tolerance;

/// What is borne on all streams of one connection together.
#[derive(Clone)]
pub(crate) struct Measure(Arc<Inner>);

struct Inner {
    borne: Mutex<Borne>,
    last_word: LastWord,
    /// Told when it was too much.
    flooded: Notify,
}

struct Borne {
    tolerance: Tolerance,
    /// Answers that are waited for.
    due: usize,
}

impl Measure {
    pub(crate) fn new(last_word: LastWord) -> Self {
        Self(Arc::new(Inner {
            borne: Mutex::new(Borne {
                tolerance: Tolerance::new(Instant::now()),
                due: 0,
            }),
            last_word,
            flooded: Notify::new(),
        }))
    }

    /// Returns when it was too much.
    pub(crate) async fn flooded(&self) {
        self.0.flooded.notified().await;
    }

    fn sends(&self, message: &ClientJsonRpcMessage) {
        if matches!(message, JsonRpcMessage::Request(_)) {
            self.0.borne().due += 1;
        }
    }

    /// Whether a message of a stream may come in. An answer that is waited for costs nothing, everything else does.
    fn lets_in(&self, data: &str) -> bool {
        let mut borne = self.0.borne();
        if borne.due > 0 && is_answer(data) {
            borne.due -= 1;
            return true;
        }
        let lets_in = borne.tolerance.bears(data.len(), Instant::now());
        if !lets_in {
            self.0.last_word.say(FLOODS);
            self.0.flooded.notify_one();
        }
        lets_in
    }
}

impl Inner {
    fn borne(&self) -> std::sync::MutexGuard<'_, Borne> {
        self.borne.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a message is no question and no news.
fn is_answer(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Head {
        method: Option<IgnoredAny>,
    }
    serde_json::from_str::<Head>(data).is_ok_and(|head| head.method.is_none())
}

/// The client.
#[derive(Clone)]
pub(crate) struct Measured<C> {
    inner: C,
    measure: Measure,
}

type Events = BoxStream<'static, Result<Sse, SseError>>;

impl<C> Measured<C> {
    pub(crate) fn new(inner: C, measure: Measure) -> Self {
        Self { inner, measure }
    }

    /// The same stream, until it is too much.
    fn measured(&self, events: Events) -> Events {
        let measure = self.measure.clone();
        let borne = move |event: &Result<Sse, SseError>| {
            let lets_in = match event {
                Ok(event) => measure.lets_in(event.data.as_deref().unwrap_or_default()),
                Err(_) => true,
            };
            std::future::ready(lets_in)
        };
        events.take_while(borne).boxed()
    }
}

impl<C: StreamableHttpClient + Sync> StreamableHttpClient for Measured<C> {
    type Error = C::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, StreamableHttpError<C::Error>> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(
            uri,
            message,
            session_id,
            auth_header,
            custom_headers,
            limits,
        )
        .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, StreamableHttpError<C::Error>> {
        self.measure.sends(&message);
        let answer = self.inner.post_message_with_response_limits(
            uri,
            message,
            session_id,
            auth_header,
            custom_headers,
            limits,
        );
        Ok(match answer.await? {
            StreamableHttpPostResponse::Sse(events, session) => {
                StreamableHttpPostResponse::Sse(self.measured(events), session)
            }
            whole => whole,
        })
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), StreamableHttpError<C::Error>> {
        let deleted = self
            .inner
            .delete_session(uri, session_id, auth_header, custom_headers);
        deleted.await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, StreamableHttpError<C::Error>> {
        let most = StreamableHttpResponseLimits::default().max_sse_event_size;
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            most,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<Events, StreamableHttpError<C::Error>> {
        let events = self.inner.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            max_sse_event_size,
        );
        Ok(self.measured(events.await?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_that_are_waited_for_are_free_and_everything_else_is_measured() {
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        let ping: ClientJsonRpcMessage = serde_json::from_value(ping).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"text": "x".repeat(4 << 20)}});
        let answer = answer.to_string();
        let last_word = LastWord::default();
        let measure = Measure::new(last_word.clone());
        for _ in 0..40 {
            measure.sends(&ping);
            assert!(measure.lets_in(&answer));
        }
        // The same unasked, and what is none.
        let borne = (0..100).take_while(|_| measure.lets_in(&answer)).count();
        assert!((3..=4).contains(&borne), "{borne}");
        assert_eq!(last_word.get().as_deref(), Some(FLOODS));
        for (data, answers) in [
            ("{\"id\": 1, \"result\": {}}", true),
            ("{\"id\": 1, \"error\": {}}", true),
            ("{\"id\": 1, \"method\": \"ping\"}", false),
            ("{\"method\": \"notifications/message\"}", false),
            ("no message", false),
            ("", false),
        ] {
            assert_eq!(is_answer(data), answers, "{data}");
        }
    }
}
