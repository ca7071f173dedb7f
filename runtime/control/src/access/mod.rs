//! Who may ask a node what, the same over every transport: a key says in whose name it is asked and how much it allows, and one table says
//! how much each request needs.
//!
//! Keys lie in a file of the node's user, and only hashes of them ([`KeyFile`]); a server looks into it whenever somebody comes in
//! ([`Principals`]), so that a key that was revoked opens nothing from that moment on. What a caller may is decided by the node, never by a
//! transport: the transport only says which key was shown.

#[cfg(feature = "access")]
mod key;
#[cfg(feature = "access")]
mod key_file;
#[cfg(feature = "access")]
mod principals;
mod rights;
#[cfg(feature = "access")]
mod token;

#[cfg(feature = "access")]
pub use key::{KeyLine, NewKey};
#[cfg(feature = "access")]
pub use key_file::{KeyError, KeyFile};
#[cfg(feature = "access")]
pub use principals::{Known, NotKnown, Principals};
pub use rights::{Concern, Rights, Scope};
#[cfg(feature = "access")]
pub use token::{Token, TokenError};
