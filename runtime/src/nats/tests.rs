//! What a node refuses on its buses, as its one trail has it.
#![allow(clippy::unwrap_used)]

#[path = "../../bus/tests/nats/rig.rs"]
#[allow(dead_code)]
mod rig;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use aios_actors::agent::AuditEntry;
use aios_bus::data::nats::frame::Frame;
use aios_bus::data::nats::header_map;
use aios_bus::tensor::handed::Handed;
use aios_protocols::ports::{DataBus, StreamWriter, Subscription};
use aios_protocols::tensor::{FrameKey, StreamGrant};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::{Config, LinkConfig};
use crate::node::Node;
use crate::wire::{Ear, say};

const SUBJECT: &str = "aios.data.metrics.elsewhere";

/// Somebody of this machine who is another zone's end of the link, and does not write what it says it writes.
fn forges_a_chunk(socket: &std::path::Path) -> UnixStream {
    let socket = UnixStream::connect(socket).unwrap();
    say(&socket, &json!({"zone": "there"})).unwrap();
    let (_, thither) = (
        Handed::receive(&socket).unwrap(),
        Handed::receive(&socket).unwrap(),
    );
    let offer: Value = Ear::new(socket.try_clone().unwrap())
        .next()
        .unwrap()
        .unwrap();
    let honest: StreamGrant = serde_json::from_value(offer["thither"].clone()).unwrap();
    let forged = StreamGrant {
        key: FrameKey::from_bytes([9; 32]),
        ..honest
    };
    let ring = thither.ring(&forged).unwrap();
    let mut writer = ring.writer().unwrap();
    writer.write(b"an order that nobody gave", 0).unwrap();
    // Its end of the ring and the socket stay open.
    std::mem::forget(writer);
    socket
}

/// A frame in the name of the node, signed by somebody else.
async fn forges_a_frame(server: &aios_bus::data::nats::server::NatsServer, node: &Node) {
    let link = rig::link(&rig::settings(server)).await;
    let frame = Frame {
        subject: SUBJECT.to_owned(),
        tenant: node.system().tenant().clone(),
        id: "forged-1".to_owned(),
        time: node.system().now(),
        trace: None,
        payload: Bytes::from_static(b"{}"),
    };
    let headers = header_map(&frame, &rig::identity(9));
    let client = link.client();
    client
        .publish_with_headers(SUBJECT, headers, frame.payload)
        .await
        .unwrap();
    client.flush().await.unwrap();
}

/// Refusals of a bus, once there are so many and no more come.
async fn refused(node: &Node, bus: &str, count: usize) -> Vec<AuditEntry> {
    let of_bus = || -> Vec<AuditEntry> {
        let entries = node.system().audit().entries();
        let told = |it: &AuditEntry| it.reason.starts_with(&format!("{bus} bus: "));
        entries.into_iter().filter(told).collect()
    };
    rig::until("a refusal", || of_bus().len() >= count).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    of_bus()
}

#[test]
fn a_forged_frame_of_either_bus_is_one_entry_on_the_nodes_trail() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let socket = folder.path().join("zone.sock");
        let mut config = Config::default();
        config.bus.data.nats = server.url();
        config.node.zone = "here".to_owned();
        config.swarm.pages = 1;
        let link = LinkConfig {
            listen: socket.to_str().unwrap().to_owned(),
            ..LinkConfig::default()
        };
        config.swarm.links.insert("other".to_owned(), link);
        let node = Node::builder().config(config).start().await.unwrap();
        let nats = node.parts.nats.as_ref().unwrap();
        assert!(nats.bus.link().up_within(Duration::from_secs(20)).await);
        let pattern = "aios.data.metrics.>".parse().unwrap();
        let mut heard: Box<dyn Subscription> = nats.bus.subscribe(pattern, 16).await.unwrap();

        forges_a_frame(&server, &node).await;
        let data = refused(&node, "data", 1).await;
        assert_eq!(data.len(), 1, "{data:?}");
        assert!(data[0].reason.contains(SUBJECT), "{data:?}");

        rig::until("the link listens", || socket.exists()).await;
        let link = socket.clone();
        let open = tokio::task::spawn_blocking(move || forges_a_chunk(&link)).await;
        let tensor = refused(&node, "tensor", 1).await;
        assert_eq!(tensor.len(), 1, "{tensor:?}");
        drop(open);
        assert_eq!(node.system().audit().entries().len(), 2, "and nothing else");
        while let Some(told) = heard.try_next() {
            assert_ne!(told.subject.as_str(), SUBJECT);
        }
        node.stop().await;
    });
}
