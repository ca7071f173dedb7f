//! The page on which a node is watched and steered, as files: whoever serves a node hands them to a browser.
//!
//! The page is a client of the contract (`/v1`) and nothing else; no file here knows a node, and none is made while a node runs. Everything
//! is in the binary: a browser is sent to no other address, and [`POLICY`] would not let it go there. What others wrote lies in
//! `assets/vendor`, byte for byte as it was published, with its licence and its hash.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod files;
mod wiring;

use bytes::Bytes;

pub use files::{File, PATHS};

/// What a browser may do with the page: run its own files, show its own pictures, ask its own node. Nothing from elsewhere, no script or style
/// in the text, no text taken for markup, and no frame around it.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of each file beside its type.
pub const HEADERS: [(&str, &str); 4] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The file at a path such as `/` or `/page/style.css`; none where there is nothing.
pub fn file(path: &str) -> Option<File> {
    let path = if path == "/" {
        "/page/index.html"
    } else {
        path
    };
    let (_, content_type, bytes) = files::FILES.iter().find(|(name, ..)| *name == path)?;
    Some(File {
        content_type,
        bytes: wiring::wired(path, Bytes::from_static(bytes)),
    })
}

#[cfg(test)]
mod tests;
