//! Models that are loaded, freed and exchanged by the messages of `aios.inference`.

use aios_wire::generated::inference::inference_service_client::InferenceServiceClient;
use aios_wire::generated::inference::{HotSwapRequest, LoadModelRequest, UnloadModelRequest};
use aios_wire::problem_of;
use tonic::Code;

use crate::fake::{House, known};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_are_loaded_freed_and_exchanged_and_refused_with_a_reason() {
    let house = House::open().await;
    let mut engines = InferenceServiceClient::new(house.channel().await);
    let load = |model: &str, config: &[(&str, &str)]| {
        known(LoadModelRequest {
            model_id: model.to_owned(),
            config: config
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        })
    };
    let loaded = engines
        .load_model(load("/models/a.gguf", &[("name", "mine")]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (loaded.model_id.as_str(), loaded.backend.as_str()),
        ("mine", "local")
    );
    assert_eq!((loaded.parameter_count, loaded.max_context_length), (7, 8));
    assert!(loaded.health.is_some_and(|health| health.is_loaded));
    assert_eq!(house.node.last_done(), "load /models/a.gguf");

    let swapped = engines
        .hot_swap(known(HotSwapRequest {
            current_model: "mine".to_owned(),
            new_adapter: "/models/b.gguf".to_owned(),
            engine: "local".to_owned(),
            ..HotSwapRequest::default()
        }))
        .await
        .unwrap()
        .into_inner();
    assert!(swapped.success);
    assert_eq!(
        (swapped.active_model.as_str(), swapped.swap_time_ms),
        ("other", 5)
    );
    assert_eq!(
        house.node.last_done(),
        "swap mine for /models/b.gguf in local"
    );

    let freed = engines
        .unload_model(known(UnloadModelRequest {
            model_id: "other".to_owned(),
            ..UnloadModelRequest::default()
        }))
        .await
        .unwrap()
        .into_inner();
    assert!(freed.success);
    assert_eq!(freed.freed_bytes, 9);

    // One that cannot says so, and says why.
    let refused = engines.load_model(load("remote", &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let problem = problem_of(refused.details()).unwrap();
    assert_eq!(problem.message, "it holds what it holds");
    for (what, outcome) in [
        (
            "an unknown word",
            engines.load_model(load("a", &[("gpu", "1")])).await.err(),
        ),
        (
            "what was read",
            engines
                .hot_swap(known(HotSwapRequest {
                    preserve_state: true,
                    ..HotSwapRequest::default()
                }))
                .await
                .err(),
        ),
    ] {
        let status = outcome.unwrap();
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status}");
    }
}
