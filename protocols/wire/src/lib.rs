//! The control bus in protobuf: the `.proto` files, the code that is made from them, and the way to and from our own types.
//!
//! The files lie in `proto/` and are the contract for programs in other languages; [`generated`] is made from them and checked in, and a
//! test makes it again and compares. What a signed message is, is not said here a second time: it travels as the frame that its sender
//! signed, in a field of bytes. No service is implemented here and no connection is made.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod convert;
mod problem;

pub use convert::{ConvertError, seconds, text_any, time};
pub use prost;
pub use prost_types::{Any, Duration, Timestamp};

pub use problem::{problem_of, status_details};

/// All files with their comments, as gRPC's reflection hands them out.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/aios.descriptors");

/// What the `.proto` files give, in modules named after their packages.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod generated {
    pub mod common {
        include!("generated/aios.common.rs");
    }
    pub mod orchestration {
        include!("generated/aios.orchestration.rs");
    }
    pub mod inference {
        include!("generated/aios.inference.rs");
    }
    pub mod registry {
        include!("generated/aios.registry.rs");
    }
    pub mod critic {
        include!("generated/aios.critic.rs");
    }
    pub mod supervision {
        pub mod v1 {
            include!("generated/aios.supervision.v1.rs");
        }
    }
    pub mod control {
        pub mod v1 {
            include!("generated/aios.control.v1.rs");
        }
    }
}
