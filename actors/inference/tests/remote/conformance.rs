//! The suite that every engine passes, and what a probe finds out.

use std::time::Instant;

use aios_inference::remote::{Form, Probe, RemoteEngine, probe};
use aios_inference::{Embed, EmbedRequest, Engine, Generate, InferRequest, conformance};

use crate::{config, engine, scripted, within};

#[tokio::test]
async fn both_forms_pass_the_conformance_suite() {
    let address = scripted::serve().await;
    for form in [Form::OpenAi, Form::Anthropic] {
        let mut settings = config(form, &address);
        if form == Form::OpenAi {
            settings.embed_model = "an-embedder".into();
        }
        let engine = RemoteEngine::new(settings);
        within(conformance::check(&engine)).await;
    }
}

#[tokio::test]
async fn vectors_are_the_same_as_floats_and_as_base64() {
    let address = scripted::serve().await;
    let mut settings = config(Form::OpenAi, &address);
    settings.embed_model = "an-embedder".into();
    let texts = || EmbedRequest::new((0..150).map(|n| format!("text number {n}")));
    let floats = within(RemoteEngine::new(settings.clone()).embed(texts()))
        .await
        .unwrap();
    settings.honours = Some(Probe {
        base64_embeddings: true,
        ..Probe::default()
    });
    let base64 = within(RemoteEngine::new(settings).embed(texts()))
        .await
        .unwrap();
    assert_eq!(floats.len(), 150, "more texts than one call takes");
    assert_eq!(floats, base64);
}

#[tokio::test]
async fn a_probe_finds_out_what_a_server_honours() {
    let address = scripted::serve().await;
    let mut settings = config(Form::OpenAi, &address);
    settings.embed_model = "an-embedder".into();
    let found = within(probe(&settings)).await.unwrap();
    assert!(
        found.chat && found.schema && found.tools && found.usage_in_stream,
        "{found:?}"
    );
    assert!(
        found.base64_embeddings && found.embedding.is_some(),
        "{found:?}"
    );
    assert_eq!(
        (found.context, found.refusals.len()),
        (Some(scripted::CONTEXT), 0)
    );
    settings.honours = Some(found);
    assert!(engine(Form::OpenAi, &address).capabilities().await.is_ok());

    let found = within(probe(&config(Form::Anthropic, &address)))
        .await
        .unwrap();
    assert!(
        found.chat && found.schema && found.tools && found.usage_in_stream,
        "{found:?}"
    );

    let nobody = within(probe(&config(Form::OpenAi, "http://127.0.0.1:9/v1"))).await;
    assert_eq!(nobody.unwrap_err().label(), "down");
}

/// 64 calls at once take hardly longer than the slowest of them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_run_side_by_side() {
    use std::time::Duration;

    use crate::wire::{Act, Wire, chunk, last, said, stream_head};
    let slowest = Duration::from_millis(3_000);
    let script = vec![
        stream_head(),
        Act::Wait(slowest),
        said(&chunk("done")),
        said(&last("stop")),
        said("[DONE]"),
    ];
    let wire = Wire::play(vec![script; 64]).await;
    let engine = engine(Form::OpenAi, &wire.address);
    let begun = Instant::now();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let asked = InferRequest::chat("", "x").within(Duration::from_secs(30));
                engine.infer(asked).await.unwrap().text
            })
        })
        .collect();
    for call in calls {
        assert_eq!(within(call).await.unwrap(), "done");
    }
    let took = begun.elapsed();
    assert!(took < slowest.mul_f64(1.1), "{took:?} for {slowest:?}");
}
