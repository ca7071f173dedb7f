//! What is shown to people at paths outside `/v1`: the files of a page that somebody else brings, and without one a list of the paths.
//!
//! A page is files alone. What it shows it asks under `/v1` like anybody, with the cookie of the link that it was opened by.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};

use super::document;
use super::problem::Problem;
use super::service::{Door, nothing_there, refused as refused_there, tagged};

/// Gives the file at a path, such as `/` or `/app.js`; none where there is nothing.
pub type Page = Arc<dyn Fn(&str) -> Option<PageFile> + Send + Sync>;

/// A file of a page.
#[derive(Debug, Clone)]
pub struct PageFile {
    /// Its media type, with the character set of a text.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: Bytes,
    /// Headers of its own, such as a content security policy.
    pub headers: Vec<(&'static str, String)>,
}

/// Whatever is asked outside the contract's paths.
pub(super) async fn outside(
    State(door): State<Door>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    if path.starts_with("/v1/") || !matches!(method, Method::GET | Method::HEAD) {
        return refused_there(nothing_there(&door, path), path);
    }
    let Some(page) = door.page() else {
        return match path {
            "/" => document::page().into_response(),
            _ => nothing_there(&door, path).into_response(),
        };
    };
    let Some(file) = page(path) else {
        return nothing_there(&door, path).into_response();
    };
    let mut response = tagged(file.bytes, &headers);
    let own = response.headers_mut();
    own.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    for (name, value) in file.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            own.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Whether somebody looks who reads pages rather than problems.
fn reads_pages(headers: &HeaderMap) -> bool {
    let accepts = headers
        .get(ACCEPT)
        .and_then(|accepts| accepts.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// A refusal, for a person as a page that says what to do.
pub(super) fn refused(problem: Problem, path: &str, headers: &HeaderMap) -> Response {
    if problem.status != StatusCode::UNAUTHORIZED
        || path.starts_with("/v1/")
        || !reads_pages(headers)
    {
        return problem.into_response();
    }
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>AI OS</title>\
        <style>body{font:1rem/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>\
        <h1>This page is opened by a link</h1><p>A link opens once, in the browser that it is opened in first, and is good for a day. \
        <code>aios serve</code> prints one when it starts, and <code>aios key link</code> gives another.</p></html>";
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = problem.status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
