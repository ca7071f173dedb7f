//! Flows, tables and rules that hold over the whole workspace.
