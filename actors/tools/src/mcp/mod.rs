//! Tools of servers that speak the Model Context Protocol, and that nobody here wrote.
//!
//! A [`ServerSpec`] says how a server is reached. [`Servers`] makes of each a supervised child (`life`), which connects (`session`, over one
//! of the transports in `wire`), lists the tools (`listing`) and fills its seat (`seat`); the tools (`tool`) hold the seat and outlive every
//! connection. What a server says is bounded (`limits`), made harmless (`offer`) and pinned (`pin`): a list that is another than the one that
//! was first seen is not believed until a person approves it. What comes of a call is put into our own words in `outcome`.
//!
//! Deliberately absent: whatever a server could ask of us. It is given no files, no model and no person to question.

mod environment;
mod last_word;
mod life;
mod limits;
mod listing;
mod measured;
mod offer;
mod outcome;
mod pin;
mod plain;
mod process;
mod seat;
mod server;
mod servers;
mod session;
mod tolerance;
mod tool;
mod wire;

pub use seat::ApproveError;
pub use server::{Reach, ServerSpec};
pub use servers::{Registrar, SUPERVISOR, Servers};
pub use tool::IDEMPOTENCY_KEY;
