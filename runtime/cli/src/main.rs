//! The aios command.
fn main() {}
