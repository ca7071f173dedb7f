//! A node: agents, supervisors, buses and memory assembled into one value.
