//! What every engine must pass, whatever it runs on: `conformance::check(&mut engine)` in the engine's own tests.
//!
//! The engine comes with its models loaded. Rules about something that it does not claim in its capabilities are passed
//! over. Answers are kept short, so that a real model passes in seconds.

use std::ops::ControlFlow;
use std::time::Instant;

use serde_json::Value;

use crate::{
    EmbedRequest, Engine, EngineError, Finish, InferRequest, Inference, ModelRole, ModelSource,
    Sampling, Token,
};

/// Checks an engine; panics with the rule that is broken.
pub fn check(engine: &mut dyn Engine) {
    says_what_it_holds(engine);
    refuses_what_is_not_there(engine);
    let capabilities = engine.capabilities();
    if capabilities.context_length > 0 {
        is_reproducible(engine);
        streams_what_it_answers(engine);
        ends_when_told(engine);
        ends_at_a_stop_text(engine);
        returns_the_highest_logits(engine);
        refuses_a_prompt_that_does_not_fit(engine, capabilities.context_length);
        if capabilities.grammar {
            obeys_a_schema(engine);
        }
    }
    if let Some(dimensions) = capabilities.embedding {
        embeds(engine, dimensions);
    }
}

fn prompt() -> InferRequest {
    let facts =
        "Tell me about the sales.\n- revenue in July: 1200 EUR\n- revenue in August: 900 EUR";
    InferRequest::chat("You answer in short sentences.", facts).max_tokens(12)
}

fn infer(engine: &mut dyn Engine, request: &InferRequest) -> Inference {
    engine
        .infer(request)
        .unwrap_or_else(|error| panic!("a sound request is answered: {error}"))
}

fn says_what_it_holds(engine: &mut dyn Engine) {
    let (capabilities, health) = (engine.capabilities(), engine.health());
    let of = |role| health.models.iter().find(move |model| model.role == role);
    let context = of(ModelRole::Generate).map_or(0, |model| model.context_length);
    assert_eq!(
        capabilities.context_length, context,
        "the context is that of the model that writes, or 0"
    );
    let dimensions = of(ModelRole::Embed).map(|model| model.dimensions);
    assert_eq!(
        capabilities.embedding, dimensions,
        "the embedding is that of the model that embeds, or none"
    );
    assert!(
        !capabilities.name.is_empty() && capabilities.batch_size > 0,
        "an engine has a name and a batch size"
    );
    let held: u64 = health.models.iter().map(|model| model.memory_bytes).sum();
    assert!(
        capabilities.memory_bytes >= held,
        "an engine holds at least the memory of its models"
    );
}

fn refuses_what_is_not_there(engine: &mut dyn Engine) {
    let before = engine.health().models;
    let unloaded = engine.unload("no such model");
    assert!(
        matches!(unloaded, Err(EngineError::NotLoaded { .. })),
        "an unknown model is not unloaded: {unloaded:?}"
    );
    for role in [ModelRole::Generate, ModelRole::Embed] {
        let source = ModelSource {
            name: "absent".into(),
            role,
            path: "no/such/model".into(),
        };
        let loaded = engine.load_model(&source);
        let refused = matches!(
            loaded,
            Err(EngineError::ModelMissing { .. } | EngineError::Unsupported { .. })
        );
        assert!(refused, "a model without a file is missing: {loaded:?}");
    }
    assert_eq!(
        engine.health().models,
        before,
        "what was refused changed nothing"
    );
}

fn is_reproducible(engine: &mut dyn Engine) {
    let drawn = Sampling::Seeded {
        seed: 7,
        temperature: 0.9,
        top_p: 0.95,
        top_k: 40,
    };
    for sampling in [Sampling::Greedy, drawn] {
        let request = prompt().sampling(sampling);
        let (one, two) = (infer(engine, &request), infer(engine, &request));
        assert_eq!(
            (&one.text, &one.ids),
            (&two.text, &two.ids),
            "the same request has the same answer: {sampling:?}"
        );
        assert!(
            !one.ids.is_empty() && one.ids.len() <= 12,
            "an answer has at least one token and at most those allowed"
        );
        assert!(!one.prompt_ids.is_empty(), "the prompt as read is returned");
        assert_eq!(
            one.prompt_ids, two.prompt_ids,
            "the same prompt is read the same"
        );
        if one.finish == Finish::Length {
            assert_eq!(
                one.ids.len(),
                12,
                "it ends by length only when all tokens are made"
            );
        }
        let timings = one.timings;
        for figure in [
            timings.prefill_ms,
            timings.decode_ms,
            timings.tokens_per_second,
        ] {
            assert!(
                figure.is_finite() && figure >= 0.0,
                "timings are figures: {timings:?}"
            );
        }
    }
}

fn collect(
    engine: &mut dyn Engine,
    request: &InferRequest,
    stop_after: usize,
) -> (Vec<Token>, Inference) {
    let mut tokens = Vec::new();
    let answer = engine.stream(request, &mut |token| {
        tokens.push(token.clone());
        if tokens.len() == stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let answer = answer.unwrap_or_else(|error| panic!("a sound request is streamed: {error}"));
    let text: String = tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(
        text, answer.text,
        "the streamed texts joined are the answer"
    );
    (tokens, answer)
}

fn streams_what_it_answers(engine: &mut dyn Engine) {
    let whole = infer(engine, &prompt());
    let (tokens, streamed) = collect(engine, &prompt(), usize::MAX);
    assert_eq!(
        (streamed.text, streamed.finish),
        (whole.text, whole.finish),
        "a streamed answer is the answer"
    );
    assert_eq!(
        streamed.ids, whole.ids,
        "a streamed answer has the same tokens"
    );
    let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
    assert_eq!(ids, whole.ids, "every token is streamed once, in order");
    assert!(
        tokens
            .iter()
            .enumerate()
            .all(|(at, token)| token.index as usize == at),
        "tokens are counted from 0"
    );
}

fn ends_when_told(engine: &mut dyn Engine) {
    let (tokens, answer) = collect(engine, &prompt(), 1);
    assert_eq!(
        (tokens.len(), answer.finish),
        (1, Finish::Cancelled),
        "a reader that has enough ends the answer"
    );

    let answer = infer(engine, &prompt().max_tokens(1));
    assert!(
        answer.ids.len() == 1 && answer.finish == Finish::Length,
        "one token allowed is one token made"
    );

    let cancelled = prompt();
    cancelled.cancel.cancel();
    match engine.infer(&cancelled) {
        Ok(answer) => assert_eq!(
            (answer.ids.len(), answer.finish),
            (0, Finish::Cancelled),
            "cancelled work is not done"
        ),
        Err(error) => assert_eq!(error, EngineError::Cancelled, "cancelled work is not done"),
    }
    match engine.infer(&prompt().deadline(Instant::now())) {
        Ok(answer) => assert_eq!(
            (answer.ids.len(), answer.finish),
            (0, Finish::Deadline),
            "late work is not done"
        ),
        Err(error) => assert!(
            matches!(error, EngineError::Deadline { .. }),
            "late work is not done: {error}"
        ),
    }
}

fn ends_at_a_stop_text(engine: &mut dyn Engine) {
    let whole = infer(engine, &prompt());
    // From the middle of the answer, so that it may well begin and end within a token.
    let letters: Vec<char> = whole.text.chars().collect();
    let stop: String = letters.iter().skip(letters.len() / 2).take(3).collect();
    if stop.trim().is_empty() {
        return;
    }
    let (_, stopped) = collect(engine, &prompt().stop(stop.clone()), usize::MAX);
    let expected = whole.text.split(&stop).next().unwrap_or_default();
    assert_eq!(
        stopped.text, expected,
        "the answer ends before the stop text {stop:?}"
    );
    assert_eq!(stopped.finish, Finish::Stop, "a stop text is a stop");
}

fn returns_the_highest_logits(engine: &mut dyn Engine) {
    let mut request = prompt();
    assert!(
        infer(engine, &request).top_logits.is_empty(),
        "no logits are returned unless asked for"
    );
    request.top_logits = 5;
    let answer = infer(engine, &request);
    assert_eq!(answer.top_logits.len(), 5, "as many logits as asked for");
    assert!(
        answer
            .top_logits
            .windows(2)
            .all(|pair| pair[0].1 >= pair[1].1),
        "the highest logits come first"
    );
    assert_eq!(
        Some(&answer.top_logits[0].0),
        answer.ids.first(),
        "greedy takes the highest logit"
    );
}

fn refuses_a_prompt_that_does_not_fit(engine: &mut dyn Engine, context: u32) {
    let result =
        engine.infer(&InferRequest::raw("word ".repeat(context as usize + 8)).max_tokens(1));
    match result {
        Err(EngineError::PromptTooLong { asked, allowed }) => {
            assert!(
                asked > allowed || asked >= context as usize,
                "the numbers say why: {asked} of {allowed}"
            );
        }
        other => panic!("a prompt beyond the context is refused: {other:?}"),
    }
}

fn obeys_a_schema(engine: &mut dyn Engine) {
    let schema = r#"{"type":"object","properties":{"intent":{"enum":["compare","trend"]},"rows":{"type":"integer",
        "minimum":1,"maximum":9},"sure":{"type":"boolean"}},"required":["intent","rows","sure"],
        "additionalProperties":false}"#;
    let mut request =
        InferRequest::chat("Answer as JSON.", "How did sales develop?").json_schema(schema);
    request.max_tokens = 64;
    let (_, answer) = collect(engine, &request, usize::MAX);
    assert_eq!(
        answer.finish,
        Finish::Stop,
        "a finished document ends the answer: {}",
        answer.text
    );
    let document: Value = serde_json::from_str(&answer.text)
        .unwrap_or_else(|error| panic!("the answer is JSON: {error}: {}", answer.text));
    let keys: Vec<&str> = document
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    let sound = keys.len() == 3
        && ["compare", "trend"]
            .iter()
            .any(|kind| document["intent"] == *kind)
        && document["rows"]
            .as_i64()
            .is_some_and(|rows| (1..=9).contains(&rows))
        && document["sure"].is_boolean();
    assert!(sound, "the answer obeys the schema: {document}");

    let broken = engine.infer(&prompt().json_schema("{ this is no schema"));
    assert!(
        matches!(broken, Err(EngineError::BadGrammar { .. })),
        "a broken schema is refused: {broken:?}"
    );
}

fn embeds(engine: &mut dyn Engine, dimensions: u32) {
    let texts = [
        "sales by region",
        "regional sales",
        "it rained in august",
        "",
    ];
    let mut embed = |texts: &[&str]| -> Vec<Vec<f32>> {
        let embeddings = engine
            .embed(&EmbedRequest::new(texts.iter().copied()))
            .unwrap_or_else(|error| panic!("texts are embedded: {error}"));
        for (embedding, text) in embeddings.iter().zip(texts) {
            assert_eq!(
                (embedding.bytes_read, embedding.bytes),
                (text.len(), text.len()),
                "a short text is read whole: {text:?}"
            );
        }
        embeddings
            .into_iter()
            .map(|embedding| embedding.vector)
            .collect()
    };
    let vectors = embed(&texts);
    assert_eq!(
        vectors.len(),
        texts.len(),
        "there is a vector for each text"
    );
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_eq!(
            vector.len(),
            dimensions as usize,
            "a vector has the dimension that was claimed"
        );
        let norm = dot(vector, vector).sqrt();
        assert!(
            (norm - 1.0).abs() < 1e-3,
            "a vector has length 1: {norm} for {text:?}"
        );
        let alone = &embed(&[text])[0];
        assert!(
            dot(alone, vector) > 0.999,
            "company does not change a vector: {text:?}"
        );
    }
    let (near, far) = (dot(&vectors[0], &vectors[1]), dot(&vectors[0], &vectors[2]));
    assert!(
        near > far,
        "what means the same is nearer than what does not: {near} against {far}"
    );
    assert!(embed(&[]).is_empty(), "no texts have no vectors");
}
