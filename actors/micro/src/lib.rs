//! The swarm: millions of supervised 64-byte agents.
