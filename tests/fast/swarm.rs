//! The node's own swarm, and what the other tiers may know of it.

use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_actors::meso_tier::monitor::{HEALTH, POPULATION};
use aios_protocols::ports::{FrameNote, TensorBus};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash};
use aios_protocols::{Content, Draft, Performative, ProtocolName};
use aios_runtime::{Config, Node, SpawnOptions};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::house::soon;

const DEADLINE: Duration = Duration::from_secs(20);

/// A macro agent that asks what it was spawned to ask, and tells the test.
struct Curious {
    of: &'static str,
    about: &'static str,
    heard: UnboundedSender<Result<Value, String>>,
}

#[async_trait]
impl Agent for Curious {
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let question = Draft::new(Performative::QueryRef, Content::empty())
            .ontology(self.about)
            .protocol(ProtocolName::FipaQuery);
        let answer = ctx.ask(self.of, question, DEADLINE).await;
        let answer = answer.map_err(|error| error.to_string());
        let _ = self
            .heard
            .send(answer.map(|reply| reply.content.read_json().unwrap_or(Value::Null)));
        Ok(())
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

async fn house(pages: u32) -> (Node, UnboundedReceiver<Result<Value, String>>) {
    let (tell, heard) = unbounded_channel();
    let mut config = Config::default();
    config.swarm.pages = pages;
    let mut node = Node::builder().config(config);
    for (role, of, about) in [
        ("macro.proper", "meso.monitor", POPULATION),
        ("macro.forward", "micro.zone", aios_micro::report::ONTOLOGY),
        ("macro.worried", "meso.monitor", HEALTH),
    ] {
        let heard = tell.clone();
        node = node.factory(role, move |_| {
            let heard = heard.clone();
            Ok(Curious { of, about, heard })
        });
    }
    (node.start().await.unwrap(), heard)
}

async fn asked(
    node: &Node,
    role: &str,
    heard: &mut UnboundedReceiver<Result<Value, String>>,
) -> Result<Value, String> {
    node.spawn(role, SpawnOptions::default()).await.unwrap();
    soon(role, heard.recv()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_macro_agent_hears_of_the_swarm_through_the_monitor_and_no_other_way() {
    let (node, mut heard) = house(500).await;
    let totals = asked(&node, "macro.proper", &mut heard).await.unwrap();
    assert_eq!(totals["zone"], "local");
    let kinds: Vec<(&str, u64)> = totals["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| {
            (
                kind["kind"].as_str().unwrap(),
                kind["active"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(kinds, [("connection", 0), ("buffer", 64), ("page", 500)]);

    let refused = asked(&node, "macro.forward", &mut heard).await.unwrap_err();
    assert!(refused.contains("through a meso agent"), "{refused}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_population_that_becomes_too_small_is_told_by_its_zone_and_is_an_alert() {
    let (node, mut heard) = house(100).await;
    let swarm = node.population();
    for page in 0..21 {
        let agent = swarm.find("page", page, DEADLINE).await.unwrap().unwrap();
        swarm.free(agent).unwrap().within(DEADLINE).await.unwrap();
    }
    let alarmed = async {
        loop {
            let health = asked(&node, "macro.worried", &mut heard).await.unwrap();
            let alerts = health["alerts"].as_array().unwrap();
            let expected = "zone local has 79 page agents, 100 are expected";
            if alerts.iter().any(|alert| alert == expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("the alarm", alarmed).await;
    assert_eq!(
        node.messages().refused,
        0,
        "the zone's word was signed and let in"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slots_of_the_tensor_pool_are_managed_by_buffer_agents() {
    let (node, _heard) = house(0).await;
    let hash = |party: &str| PartyHash::of(&party.parse().unwrap());
    let (sender, receiver) = (
        hash("macro.planner.001@local"),
        hash("macro.critic.001@local"),
    );
    let mut slot = node.tensors().allocate(4).unwrap();
    slot.write(&1.5_f32.to_le_bytes()).unwrap();
    let note = FrameNote {
        kind: FrameKind::Tensor,
        content_type: ContentType::F32,
        shape: vec![1],
        flags: Flags::default(),
        conversation: [7; 16],
        sequence: 1,
        timestamp_ns: 1,
        sender,
        receiver,
    };
    let grant = slot.publish(&note).unwrap();
    assert_eq!(node.buffers().leases, 1);
    let told = async {
        loop {
            let totals = node.population().totals();
            if totals.kind("buffer").unwrap().counts.handled > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the buffer agents' work", told).await;
    let mut content = Vec::new();
    node.tensors().read(&grant, &mut content).unwrap();
    assert_eq!(content, 1.5_f32.to_le_bytes());
    node.tensors().release(&grant).unwrap();
    assert!(
        node.tensors().read(&grant, &mut content).is_err(),
        "a released frame is over"
    );
    assert_eq!(node.buffers().misuses, 0);
    node.stop().await;
}
