//! A refusal as RFC 9457 writes one: the contract's error with a title and a status beside it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use crate::{ControlError, ErrorKind};

/// The media type of a refusal.
pub(super) const PROBLEM: &str = "application/problem+json";

/// The status that says a kind of refusal.
pub(super) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unknown => StatusCode::NOT_FOUND,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Late => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Failed | ErrorKind::Other => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) error: ControlError,
    pub(super) status: StatusCode,
    /// When it is worth to come again, in seconds.
    pub(super) again_s: Option<u64>,
}

impl Problem {
    /// With another status than its kind has.
    pub(super) fn with(status: StatusCode, error: ControlError) -> Self {
        Self {
            status,
            ..Self::from(error)
        }
    }

    /// The object that travels.
    pub(super) fn object(&self) -> serde_json::Value {
        let ControlError {
            kind,
            message,
            what_to_do,
        } = &self.error;
        json!({
            "title": self.status.canonical_reason().unwrap_or("refused"),
            "status": self.status.as_u16(),
            "kind": kind,
            "message": message,
            "what_to_do": what_to_do,
        })
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let again = matches!(error.kind, ErrorKind::Busy | ErrorKind::Unavailable);
        Self {
            status: status(error.kind),
            again_s: again.then_some(1),
            error,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.object().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(seconds) = self.again_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
