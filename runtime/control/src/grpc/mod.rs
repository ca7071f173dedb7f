//! The way to a node by gRPC: the whole contract as `aios.control.v1`, the services of the control bus as translations of parts of it, and
//! the stream by which agents in other processes come in.
//!
//! The contract travels as the JSON that it also is over HTTP and the socket, so that there is one form of it and none that lags behind.
//! What a service has typed is built into a [`Request`](crate::Request) and read out of its answer (`translate`, `verdicts`); nothing but that knows a
//! request by name. Who comes in shows a token, and an agent its key; everything that is kept has its bound ([`server`]).

mod agents;
mod client;
mod counts;
mod critic;
mod door;
mod guest;
mod inference;
mod orchestration;
mod registry;
mod server;
mod service;
mod status;
mod supervision;
mod translate;
mod verdicts;
mod whole;

pub use client::GrpcClient;
pub use server::{GrpcBindError, GrpcRunning, GrpcServer};
pub use service::GrpcService;
