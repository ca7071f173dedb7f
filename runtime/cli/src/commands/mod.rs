//! One file per verb.

pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod model;
pub(crate) mod run;
