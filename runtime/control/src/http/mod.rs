//! The way to a node by HTTP: the contract as JSON under `/v1`, what happens as server-sent events, and the form that programs written
//! for OpenAI's API already speak.
//!
//! A resource's path is a row of one table ([`routes`]): it says which fields of a [`Request`](crate::Request) stand where, and nothing
//! here knows a request by name beyond that. What has no path of its own goes by `POST /v1/ask`, as it is. Who comes in shows a token
//! ([`access`](crate::access)); everything that is waited for has its time and everything that is kept has its bound ([`server`]).
//!
//! In the clear this is a way on one machine: whatever is not loopback is refused, unless it is TLS with certificates on both sides
//! ([`tls`](crate::tls), a feature).

mod access;
mod body;
mod browser;
mod client;
mod counts;
mod document;
mod entrance;
#[cfg(test)]
mod forms;
mod health;
mod keys;
#[cfg(feature = "mcp")]
mod mcp;
mod openai;
mod page;
mod pages;
mod parts;
mod problem;
mod rate;
mod routes;
mod server;
mod service;
mod sessions;
mod told;

pub use client::HttpClient;
pub use counts::Refusal;
pub use document::document as openapi;
pub use page::{Page, PageFile};
pub use server::{BindError, HttpServer, HttpService, Running};
