//! One file per verb.

pub(crate) mod agent;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod engine;
pub(crate) mod goal;
pub(crate) mod goal_again;
pub(crate) mod judge;
pub(crate) mod key;
pub(crate) mod mcp;
pub(crate) mod model;
pub(crate) mod nats;
pub(crate) mod node;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod route;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod swarm;
pub(crate) mod team;
pub(crate) mod tool;
pub(crate) mod top;
pub(crate) mod tree;
