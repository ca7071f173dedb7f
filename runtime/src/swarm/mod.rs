//! The node's own swarm: one zone of micro agents that stand for what the node itself has many of.
//!
//! Every connection at the node's control socket is an agent of kind `connection` (`sockets`), every slot of its tensor pool one of kind
//! `buffer` ([`buffers`]). Page agents come by configuration (`swarm.pages`), for whoever wants to see millions of them. The zone is
//! one subtree of the node's tree; other tiers see its totals alone, through the monitor agent. Zones of two processes are tied
//! together by a [`link`] over shared memory; those that the configuration names are kept up by `links`.

mod answers;
pub mod buffers;
pub mod link;
#[cfg(feature = "shared-memory")]
mod links;
mod pool;
mod sockets;
mod speaker;

use std::sync::Arc;

use aios_micro::kinds::{Buffer, Connection, Page};
use aios_micro::{KindConfig, Source, Zone, ZoneError};

pub(crate) use answers::SwarmError;
#[cfg(feature = "shared-memory")]
pub(crate) use links::Links;
#[cfg(feature = "shared-memory")]
pub use links::{LinkError, LinkView};
pub(crate) use pool::Tensors;
pub use pool::TensorsError;
pub(crate) use sockets::{Socket, Sockets};
pub(crate) use speaker::Speaker;

use crate::config::Config;

/// Connections the node may have at once, several times what its control socket lets in.
const CONNECTIONS: u32 = 256;
/// Events that may wait at the connections' shard: a few for each.
const CONNECTION_INBOX: usize = 4_096;

/// The zone, ready to be hung into the tree, and the doors to it.
pub(crate) struct Swarm {
    pub(crate) zone: Zone,
    pub(crate) sockets: Sockets,
}

/// Describes the node's zone.
pub(crate) fn describe(config: &Config) -> Result<Swarm, ZoneError> {
    let open = sockets::Table::default();
    let listed = open.clone();
    let connections = KindConfig {
        capacity: CONNECTIONS,
        source: Source::Listed(Arc::new(move || listed.all())),
        inbox: CONNECTION_INBOX,
        near: CONNECTION_INBOX,
        far: CONNECTION_INBOX,
        ..KindConfig::of::<Connection>()
    };
    let slots = config.tensor.slots;
    let buffers = KindConfig {
        capacity: slots,
        expected: Some(slots.into()),
        inbox: pool::INBOX,
        near: pool::INBOX,
        far: pool::INBOX,
        ..KindConfig::of::<Buffer>()
    };
    let mut zone = Zone::builder(&config.node.zone)
        .kind::<Connection>(connections)
        .kind::<Buffer>(buffers);
    let pages = config.swarm.pages;
    if pages > 0 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        zone = zone.kind::<Page>(KindConfig {
            shards: u8::try_from(cores).unwrap_or(u8::MAX).min(64),
            capacity: pages,
            source: Source::Range(0..u64::from(pages)),
            // They stand for no memory of the node, so whoever is let in by a link may speak to them.
            open_to_links: !config.swarm.links.is_empty(),
            ..KindConfig::of::<Page>()
        });
    }
    let zone = zone.build()?;
    Ok(Swarm {
        sockets: Sockets::new(open, zone.population.clone()),
        zone,
    })
}
