//! One trace over all three buses: handed in by gRPC, told on NATS, and carried into the engine's process.

use aios_bus::data::nats::frame::header;
use aios_control::access::{Principals, Token};
use aios_control::grpc::{GrpcClient, GrpcServer, GrpcService};
use aios_control::{Client, GoalPhase, Submit};
use aios_protocols::TraceContext;
use aios_runtime::engine_process::EngineProcess;

use super::one_trace::{Look, command, plan};
use super::*;
use crate::rig;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// Figures of the node's end of the server that an operator looks at.
const FIGURES: [&str; 6] = [
    "aios_bus_connected 1",
    "aios_bus_slow_consumers_total 0",
    "aios_bus_outbox_full_total 0",
    "aios_bus_outbox_waiting",
    "aios_bus_outbox_accepted_total",
    "aios_bus_outbox_delivered_total{how=\"stored\"}",
];

fn submit(id: &str, out: &Path) -> Submit {
    let plan = plan();
    Submit {
        goal_id: Some(id.to_owned()),
        text: plan.goal.clone(),
        data: Vec::new(),
        files: Vec::new(),
        out: out.to_str().unwrap().to_owned(),
        private: false,
        plan: Some(Box::new(plan)),
    }
}

async fn answered(client: &mut Client, id: &str) {
    let over = async {
        while client.goal(id).await.unwrap().phase != GoalPhase::Answered {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, over).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_whoever_hands_a_goal_in_is_that_of_all_three_buses() {
    let folder = tempfile::tempdir().unwrap();
    let server = rig::server(&folder.path().join("nats"));
    let notes = folder.path().join("notes");
    let mut config = Config::default();
    config.bus.data.nats = server.url();
    config.storage.folder = folder.path().join("state").to_str().unwrap().to_owned();
    let look = Look::default();
    let node = Node::builder()
        .config(config)
        .engine_process(&EngineProcess::new(command(&notes)))
        .tool(look.clone())
        .start()
        .await
        .unwrap();
    let token = Token::fresh().unwrap();
    let own = (token.clone(), node.owner_name().clone());
    let listens = GrpcServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let running = listens.unwrap().serve(GrpcService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([own], None),
        agents: None,
        out: folder.path().join("out"),
    });
    let running = running.unwrap();
    let trace: TraceContext = format!("00-{TRACE}-b7ad6b7169203331-01").parse().unwrap();
    let client = || GrpcClient::new(&running.url(), &token).unwrap();
    let mut traced = Client::over(client().within(trace));
    traced
        .submit(submit("traced", folder.path()))
        .await
        .unwrap();
    answered(&mut traced, "traced").await;

    // What was asked of the engine's process, and of the tool.
    let within = |traceparent: &str| traceparent.starts_with(&format!("00-{TRACE}-"));
    let noted = std::fs::read_to_string(&notes).unwrap();
    assert!(noted.lines().count() > 0);
    for line in noted.lines() {
        assert!(within(line.split(' ').nth(1).unwrap()), "{line}");
    }
    for traceparent in look.0.lock().drain(..) {
        assert!(within(&traceparent.unwrap()));
    }

    // Another goal in the same trace would be taken for the first one's: it has its own.
    traced
        .submit(submit("another", folder.path()))
        .await
        .unwrap();
    answered(&mut traced, "another").await;
    let over = async {
        while node.nats().unwrap().outbox.waiting > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, over).await.unwrap();

    // What was told of it.
    let link = rig::link(&rig::settings(&server)).await;
    let mut seen = BTreeMap::new();
    for stream in ["AIOS_EVENTS", "AIOS_RESULTS"] {
        let stream = link.context().get_stream(stream).await.unwrap();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let subject = message.subject.to_string();
            let (kind, about) = subject.rsplit_once('.').unwrap();
            if kind == "aios.events.agent" {
                continue;
            }
            let told_in = message.headers.get(header::TRACE).unwrap().to_string();
            assert_eq!(within(&told_in), about == "traced", "{subject}: {told_in}");
            *seen.entry(subject).or_insert(0) += 1;
        }
    }
    for subject in ["aios.events.task.traced", "aios.data.results.traced"] {
        assert!(seen.contains_key(subject), "{seen:?}");
    }

    let caller = Caller::named(node.owner_name().clone(), Place::Here);
    let figures = node.metrics(&caller).unwrap().unwrap();
    for figure in FIGURES {
        assert!(
            figures.lines().any(|line| line.starts_with(figure)),
            "{figure} of {figures}"
        );
    }
    running.drain().await;
    tokio::time::timeout(SOON, node.stop()).await.unwrap();
}
