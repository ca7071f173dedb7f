//! Agents in a small world: what falls, what is refused, what waits, and what is said in longer conversations.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)]

mod door;
mod house;
mod jade;
mod late;
mod life;
mod mail;
mod mail_refused;
mod mid_turn;
mod protocols;
mod recovery;
mod saved;
mod sleep;
mod storm;
