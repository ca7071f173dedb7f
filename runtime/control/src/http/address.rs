//! Why an address is none of a node's.

/// Why an address is none of a node's.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It does not read.
    #[error(
        "{0:?} is no address of a node; one is http://127.0.0.1:4270, as `aios serve` prints it"
    )]
    NoAddress(String),
    /// A token would be read on its way.
    #[error(
        "{0} is not on this machine, and a token that goes there by plain HTTP is read on its way; run the command there, or forward the port (ssh -L)"
    )]
    BeyondLoopback(String),
}
