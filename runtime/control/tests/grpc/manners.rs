//! What a client may rely on: deadlines, calling off, health, description, and each service's part of the contract.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aios_control::access::{KeyFile, NewKey, Principals, Scope};
use aios_control::grpc::{GrpcServer, GrpcService};
use aios_control::{Control, Request};
use aios_protocols::Timestamp;
use aios_wire::generated::common::AgentId;
use aios_wire::generated::control::v1::AskRequest;
use aios_wire::generated::inference::inference_service_client::InferenceServiceClient;
use aios_wire::generated::inference::{
    InferenceRequest, ListModelsRequest, TextInput, inference_request::Input,
};
use aios_wire::generated::orchestration::orchestrator_service_client::OrchestratorServiceClient;
use aios_wire::generated::orchestration::{EventSubscription, ReplanRequest, TaskDag};
use aios_wire::generated::registry::registry_service_client::RegistryServiceClient;
use aios_wire::generated::registry::{
    AgentCapability, CapabilityQuery, HeartbeatRequest, WatchRequest,
};
use aios_wire::generated::supervision::v1::supervision_service_client::SupervisionServiceClient;
use aios_wire::generated::supervision::v1::{
    AgentRequest, DeadLettersRequest, SpawnAgentRequest, TreeRequest,
};
use aios_wire::problem_of;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::fake::{Fake, House, SOON, known, until};

fn ask(json: &str) -> AskRequest {
    AskRequest {
        request: json.as_bytes().to_vec(),
    }
}

const HUSH: &str = r#"{"ask":"ask","agent":"a","content":"hush","deadline_ms":60000}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_travels_and_what_is_called_off_is_thought_about_no_more() {
    let house = House::open().await;
    let mut raw = house.raw().await;
    let mut late = known(ask(HUSH));
    late.set_timeout(Duration::from_millis(200));
    let begun = Instant::now();
    let status = raw.ask(late).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    let problem = problem_of(status.details()).unwrap();
    assert_eq!(problem.kind, "late");
    assert!(begun.elapsed() < Duration::from_secs(10));
    until("nobody thinks", || house.node.thinking.load(Relaxed) == 0).await;

    let mut other = raw.clone();
    let asking = tokio::spawn(async move { other.ask(known(ask(HUSH))).await });
    until("it thinks", || house.node.thinking.load(Relaxed) == 1).await;
    asking.abort();
    until("nobody thinks", || house.node.thinking.load(Relaxed) == 0).await;

    // A command is done though nobody waits for it any more.
    let mut other = raw.clone();
    let kill =
        tokio::spawn(async move { other.ask(known(ask(r#"{"ask":"kill","agent":"a"}"#))).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    kill.abort();
    until("it was killed", || house.node.kills.load(Relaxed) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_says_that_it_is_well_and_what_it_serves() {
    let house = House::open().await;
    let mut health = HealthClient::new(house.channel().await);
    for service in ["", "aios.control.v1.ControlService"] {
        let asked = HealthCheckRequest {
            service: service.to_owned(),
        };
        let said = health.check(asked).await.unwrap().into_inner();
        assert_eq!(said.status, 1, "{service}");
    }
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(house.channel().await);
    let asked = tokio_stream::once(asked);
    let mut said = reflection
        .server_reflection_info(asked)
        .await
        .unwrap()
        .into_inner();
    let said = said.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(listed)) = said else {
        panic!("{said:?}");
    };
    let names: Vec<String> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for name in [
        "aios.control.v1.ControlService",
        "aios.orchestration.OrchestratorService",
        "aios.inference.InferenceService",
        "aios.registry.RegistryService",
        "aios.critic.CriticService",
        "aios.supervision.v1.SupervisionService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_is_a_part_of_the_contract() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut goals = OrchestratorServiceClient::new(channel.clone());
    let dag = TaskDag {
        dag_id: "g-7".to_owned(),
        goal_description: "Say it".to_owned(),
        ..TaskDag::default()
    };
    let submitted = goals.submit_dag(known(dag)).await.unwrap().into_inner();
    assert_eq!(submitted.dag_id, "g-7");
    let subscription = EventSubscription {
        dag_id: "g-7".to_owned(),
        event_types: vec!["task.completed".to_owned()],
        ..EventSubscription::default()
    };
    let mut events = goals
        .subscribe_events(known(subscription))
        .await
        .unwrap()
        .into_inner();
    let mut told = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        told.push(event.sequence);
    }
    assert_eq!(told, [1, 2, 3]);
    for (failed_task_id, done) in [("", "resume g-7"), ("t", "retry t of g-7")] {
        let replan = ReplanRequest {
            original_dag_id: "g-7".to_owned(),
            failed_task_id: failed_task_id.to_owned(),
            ..ReplanRequest::default()
        };
        let dag = goals.replan_dag(known(replan)).await.unwrap().into_inner();
        assert_eq!(dag.dag_id, "g-7");
        assert_eq!(house.node.last_done(), done);
    }

    let mut engines = InferenceServiceClient::new(channel.clone());
    let models = engines
        .list_models(known(ListModelsRequest {}))
        .await
        .unwrap()
        .into_inner()
        .models;
    assert_eq!(models[0].model_id, "small");
    let asked = InferenceRequest {
        request_id: "r".to_owned(),
        model_id: "small".to_owned(),
        input: Some(Input::Text(TextInput {
            prompt: "Hello?".to_owned(),
            ..TextInput::default()
        })),
        ..InferenceRequest::default()
    };
    let mut chunks = engines
        .infer_stream(known(asked))
        .await
        .unwrap()
        .into_inner();
    let mut written = String::new();
    let mut ended = false;
    while let Some(chunk) = chunks.message().await.unwrap() {
        written.push_str(&chunk.token);
        ended |= chunk.is_final;
    }
    assert_eq!((written.as_str(), ended), ("Hello", true));

    let mut registry = RegistryServiceClient::new(channel.clone());
    for (skill, found) in [("count", 1), ("sing", 0)] {
        let query = CapabilityQuery {
            required_skills: vec![skill.to_owned()],
            ..CapabilityQuery::default()
        };
        let agents = registry
            .find_agents(known(query))
            .await
            .unwrap()
            .into_inner()
            .agents;
        assert_eq!(agents.len(), found, "{skill}");
    }
    let mut watched = registry
        .watch_agents(known(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let event = tokio::time::timeout(SOON, watched.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(event.event_type, "registered");

    let place = |metadata: &[(&str, &str)]| AgentCapability {
        metadata: metadata
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        ttl_seconds: 2,
        ..AgentCapability::default()
    };
    let whole = place(&[("charter", "of a clerk"), ("key", "00")]);
    let entered = registry.register(known(whole)).await.unwrap().into_inner();
    assert_eq!(entered.assigned_id, "macro.clerk.002@local");
    assert_eq!(
        house.node.last_done(),
        "spawn of a clerk, key 00, away 2000"
    );
    let keyless = place(&[("charter", "of a clerk")]);
    let status = registry.register(known(keyless)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    for (state, is_alive) in [("active", true), ("offline", false)] {
        house.node.agent_is(state);
        let beat = HeartbeatRequest {
            agent_id: Some(AgentId {
                tier: "macro".to_owned(),
                r#type: "clerk".to_owned(),
                instance_id: "001".to_owned(),
                zone: "local".to_owned(),
            }),
            ..HeartbeatRequest::default()
        };
        let said = registry.heartbeat(known(beat)).await.unwrap().into_inner();
        assert_eq!(said.acknowledged, is_alive, "{state}");
    }

    let mut supervision = SupervisionServiceClient::new(channel);
    let nobody = AgentRequest {
        agent: "nobody".to_owned(),
    };
    let status = supervision.kill_agent(known(nobody)).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no agent nobody")
    );
    let spawn = SpawnAgentRequest {
        charter: "of a clerk".to_owned(),
        key: "00".to_owned(),
        away_ms: 5,
        durable: true,
        ..SpawnAgentRequest::default()
    };
    supervision.spawn_agent(known(spawn)).await.unwrap();
    assert_eq!(
        house.node.last_done(),
        "spawn of a clerk, key 00, away 5, durable"
    );
    let clerk = || {
        known(AgentRequest {
            agent: "clerk".to_owned(),
        })
    };
    supervision.suspend_agent(clerk()).await.unwrap();
    assert_eq!(house.node.last_done(), "suspend clerk");
    supervision.resume_agent(clerk()).await.unwrap();
    assert_eq!(house.node.last_done(), "resume clerk");
    let root = supervision
        .tree(known(TreeRequest {}))
        .await
        .unwrap()
        .into_inner()
        .root
        .unwrap();
    assert_eq!(root.children[0].id, "a");
    let total = supervision
        .dead_letters(known(DeadLettersRequest {}))
        .await
        .unwrap()
        .into_inner()
        .total;
    assert_eq!(total, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_is_watched_by_a_key_is_shown_no_longer_once_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFile::at(folder.path().join("keys.json"));
    let now = || Timestamp::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    let wanted = NewKey {
        principal: "user:ci@local".parse().unwrap(),
        scope: Scope::Read,
        folders: Vec::new(),
        expires_at: None,
    };
    let (line, token) = keys.issue(wanted, now()).unwrap();
    let node: Arc<dyn Control> = Arc::new(Fake::default());
    let server = GrpcServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let running = server
        .serve(GrpcService {
            node: Arc::new(move || Some(Arc::clone(&node))),
            principals: Principals::new([], Some(keys.clone())),
            agents: None,
            out: "/out".into(),
        })
        .unwrap();
    let address = format!("http://{}", running.address());
    let channel = tonic::transport::Endpoint::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut asked = tonic::Request::new(TreeRequest {});
    let shown = format!("Bearer {}", token.reveal()).parse().unwrap();
    asked.metadata_mut().insert("authorization", shown);
    let mut client = SupervisionServiceClient::new(channel);
    let mut trees = client.watch_tree(asked).await.unwrap().into_inner();
    assert!(trees.message().await.unwrap().is_some());
    keys.revoke(&line.id, now()).unwrap();
    let next = tokio::time::timeout(SOON, trees.message()).await.unwrap();
    assert_eq!(next.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_ends_what_is_watched_and_takes_no_more() {
    let house = House::open().await;
    let mut client = house.client();
    client.watch("endless", 0).await.unwrap();
    client.next_event().await.unwrap().unwrap();
    let House { running, .. } = house;
    let drained = tokio::spawn(running.drain());
    let error = tokio::time::timeout(SOON, async {
        loop {
            if let Err(error) = client.next_event().await {
                return error;
            }
        }
    })
    .await
    .unwrap();
    assert!(
        error.to_string().contains("stopping") || error.refusal().is_none(),
        "{error}"
    );
    tokio::time::timeout(SOON, drained).await.unwrap().unwrap();
    assert!(client.ask::<()>(&Request::View {}).await.is_err());
}
