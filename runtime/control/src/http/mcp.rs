//! MCP on the port of HTTP: who comes in is looked at as everywhere, and each call is a request in its name.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Incoming, State};
use axum::response::IntoResponse;
use axum::routing::any;
use http_body_util::Full;
use hyper::Request;
use hyper::http::request::Parts;
use rmcp::model::Extensions;
use serde_json::Value;

use super::body::BODY_MAX;
use super::service::Door;
use crate::mcp::{Asker, over_http};
use crate::{Caller, ControlError};

/// Its path.
const PATH: &str = "/mcp";

pub(super) fn router(door: &Door) -> Router<Door> {
    let service = over_http(Arc::new(Asks(door.clone())), BODY_MAX);
    let handler = move |State(door): State<Door>, request: Incoming| async move {
        let (head, body) = request.into_parts();
        // Read here, in the time and the size that every body has.
        let body = match door.body(body).await {
            Ok(body) => Full::new(body),
            Err(problem) => return problem.into_response(),
        };
        let answered = service.handle(Request::from_parts(head, body)).await;
        answered.map(Body::new)
    };
    Router::new().route(PATH, any(handler))
}

struct Asks(Door);

impl Asks {
    /// Whoever came in; the entrance has put it there.
    fn caller(extensions: &Extensions) -> Result<Caller, ControlError> {
        let parts = extensions.get::<Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        caller
            .cloned()
            .ok_or_else(|| ControlError::failed("nobody is known to have asked this"))
    }
}

#[async_trait]
impl Asker for Asks {
    async fn ask(
        &self,
        extensions: &Extensions,
        request: crate::Request,
    ) -> Result<Value, ControlError> {
        self.0.value(&Self::caller(extensions)?, request).await
    }

    fn out(&self, extensions: &Extensions) -> String {
        match Self::caller(extensions) {
            Ok(caller) => self.0.out(&caller),
            Err(_) => String::new(),
        }
    }
}
