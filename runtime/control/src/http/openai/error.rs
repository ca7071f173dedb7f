//! A refusal in this form, and whether it is worth to ask again: the clients do so by themselves unless they are told not to.

use axum::response::{IntoResponse, Json, Response};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::http::problem::Problem;
use crate::{ControlError, ErrorKind};

/// Says whether the same may be asked again.
const AGAIN: HeaderName = HeaderName::from_static("x-should-retry");

/// Why not.
#[derive(Debug)]
pub(in crate::http) struct Refused {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
    again_s: Option<u64>,
}

impl Refused {
    /// What was asked cannot be meant so.
    pub(super) fn invalid(message: impl Into<String>, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::from(ControlError::invalid(message))
        }
        .plainly()
    }

    /// The node said what this version does not know.
    pub(super) fn strange(error: &serde_json::Error) -> Self {
        ControlError::failed(format!(
            "the node's answer is not what it is known to be: {error}"
        ))
        .into()
    }

    /// A refusal about a model of this name; there may be none.
    pub(super) fn of_model(error: ControlError, model: &str) -> Self {
        if error.kind != ErrorKind::Unknown {
            return error.into();
        }
        Self {
            message: format!(
                "The model `{model}` does not exist: {}. GET /v1/models names those there are.",
                error.message
            ),
            param: Some("model".to_owned()),
            code: Some("model_not_found"),
            ..Self::from(error)
        }
    }

    /// Something may have been done by now, so it is not asked again without a look.
    pub(super) fn after_all(mut self) -> Self {
        self.again_s = None;
        self
    }

    fn plainly(mut self) -> Self {
        // What to do stands in the message itself.
        self.message = self
            .message
            .split("; mend what")
            .next()
            .unwrap_or_default()
            .to_owned();
        self
    }

    /// The object that travels, also in the middle of a stream.
    pub(super) fn object(&self) -> Value {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}})
    }
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let Problem {
            error,
            status,
            again_s,
        } = problem;
        let code = match error.kind {
            ErrorKind::Busy => Some("rate_limit_exceeded"),
            ErrorKind::TooLarge => Some("too_large"),
            ErrorKind::Late => Some("timeout"),
            _ => None,
        };
        Self {
            status,
            message: format!("{}; {}", error.message, error.what_to_do),
            param: None,
            code,
            again_s,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.object())).into_response();
        let headers = response.headers_mut();
        match self.again_s {
            Some(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            None => {
                headers.insert(AGAIN, HeaderValue::from_static("false"));
            }
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
