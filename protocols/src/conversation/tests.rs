//! One row per rule.
