//! The node's swarm: what ties zones of micro agents to the tensor bus.

pub mod buffers;
pub mod link;
