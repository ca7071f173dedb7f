//! One task: [`run`] decides what becomes of it and [`fallback`] what follows when that fails, both pure; [`shell`] does what they order,
//! and [`cached`] keeps results for a time when they cannot be made.

pub(crate) mod cached;
pub(crate) mod fallback;
pub(crate) mod order;
pub(crate) mod run;
pub(crate) mod shell;
