//! What is held of every decoder, whatever bytes it is given: one plain function for each, panicking where a rule is broken.
//!
//! The functions are called by the fuzz targets in this folder and, over the kept seeds, by the workspace's own tests
//! (`tests/fast/seeds.rs`), so that what a fuzzer once found is looked at on every run. Decoders that are private to their crate have
//! theirs beside them, in a module `fuzzing` of that crate.

pub mod messages;
pub mod plans;
pub mod tables;
pub mod wire;
pub mod words;

/// A target: its name, which is the name of its folder of seeds too, and what it calls.
pub type Target = (&'static str, fn(&[u8]));

/// All targets of this crate.
pub const TARGETS: &[Target] = &[
    ("open_frame", messages::open_frame),
    ("parse_fipa_string", messages::parse_fipa_string),
    ("parse_identity", messages::parse_identity),
    ("conversation", messages::conversation),
    ("tensor_header", messages::tensor_header),
    ("table", tables::table),
    ("document", tables::document),
    ("query", tables::query),
    ("contract", words::contract),
    ("plan_file", plans::plan_file),
    ("config", words::config),
    ("goal", words::goal),
    ("prose", words::prose),
    ("wire", wire::wire),
];
