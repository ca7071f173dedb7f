//! The rules of the message layer, one file a subject, most of them tables.

#![allow(clippy::unwrap_used)]

mod world;

mod access;
mod admission;
mod bus;
mod conversation;
mod conversations;
mod cost;
mod fipa_string;
mod forged;
mod golden;
mod identity;
mod keys;
mod places;
mod printed;
mod properties;
mod replay;
mod several;
mod tensor;
mod verification;
