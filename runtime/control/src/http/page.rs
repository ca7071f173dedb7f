//! The files of a page that somebody else brings. What it shows it asks under `/v1` like anybody, with the cookie of the link that it was
//! opened by.

use std::sync::Arc;

use bytes::Bytes;

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
