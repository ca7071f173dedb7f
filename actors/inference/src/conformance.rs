//! What every engine must pass, whatever it runs on: [`check`] in the engine's own tests, [`check_device`] for a device.
//!
//! The engine comes with its models loaded. Rules about something that it does not claim in its capabilities are passed
//! over. Answers are kept short, so that a real model passes in seconds.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    BlockingEngine, Capabilities, ChatTurn, EmbedRequest, Engine, EngineActor, EngineConfig,
    EngineError, Finish, InferRequest, Inference, ModelRole, ModelSource, Prompt, Sampling, Token,
    ToolDefinition,
};

/// How long an engine may take to be built, and how long it may go on with what was called off.
const SOON: Duration = Duration::from_secs(120);

/// Checks a device through the adapter that puts it behind the contract; panics with the rule that is broken.
pub fn check_device(
    factory: impl Fn() -> Result<Box<dyn BlockingEngine>, EngineError> + Send + Sync + 'static,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap_or_else(|error| panic!("the test has a runtime: {error}"));
    runtime.block_on(async {
        let (handle, actor) = EngineActor::spawn(EngineConfig::default(), Arc::new(factory))
            .await
            .unwrap_or_else(|error| panic!("the engine's actor starts: {error}"));
        check(&**handle.engine()).await;
        actor.stop(None);
    });
}

/// Checks an engine; panics with the rule that is broken.
pub async fn check(engine: &dyn Engine) {
    let ready = engine.ready(SOON).await;
    assert_eq!(ready, Ok(()), "an engine that was started becomes ready");
    let capabilities = capabilities(engine).await;
    says_what_it_holds(engine, &capabilities).await;
    refuses_what_is_not_there(engine).await;
    if capabilities.context_length > 0 {
        is_reproducible(engine, &capabilities).await;
        counts_what_it_used(engine).await;
        streams_what_it_answers(engine).await;
        ends_when_told(engine).await;
        ends_at_a_stop_text(engine).await;
        answers_side_by_side(engine).await;
        refuses_a_prompt_that_does_not_fit(engine, capabilities.context_length).await;
        if capabilities.token_ids {
            returns_the_highest_logits(engine).await;
        }
        if capabilities.grammar {
            obeys_a_schema(engine).await;
        }
        takes_tools_or_says_that_it_does_not(engine, capabilities.tools).await;
    }
    if let Some(dimensions) = capabilities.embedding {
        embeds(engine, dimensions).await;
    }
}

async fn capabilities(engine: &dyn Engine) -> Capabilities {
    let capabilities = engine.capabilities().await;
    capabilities.unwrap_or_else(|error| panic!("an engine says what it can do: {error}"))
}

fn prompt() -> InferRequest {
    let facts =
        "Tell me about the sales.\n- revenue in July: 1200 EUR\n- revenue in August: 900 EUR";
    InferRequest::chat("You answer in short sentences.", facts).max_tokens(12)
}

async fn infer(engine: &dyn Engine, request: &InferRequest) -> Inference {
    engine
        .infer(request.clone())
        .await
        .unwrap_or_else(|error| panic!("a sound request is answered: {error}"))
}

async fn says_what_it_holds(engine: &dyn Engine, capabilities: &Capabilities) {
    let health = health(engine).await;
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

async fn health(engine: &dyn Engine) -> crate::Health {
    let health = engine.health().await;
    health.unwrap_or_else(|error| panic!("an engine says how it is: {error}"))
}

async fn refuses_what_is_not_there(engine: &dyn Engine) {
    let before = health(engine).await.models;
    let unloaded = engine.unload("no such model").await;
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
        let loaded = engine.load_model(source).await;
        let refused = matches!(
            loaded,
            Err(EngineError::ModelMissing { .. } | EngineError::Unsupported { .. })
        );
        assert!(refused, "a model without a file is missing: {loaded:?}");
    }
    assert_eq!(
        health(engine).await.models,
        before,
        "what was refused changed nothing"
    );
}

async fn is_reproducible(engine: &dyn Engine, capabilities: &Capabilities) {
    let drawn = Sampling::Seeded {
        seed: 7,
        temperature: 0.9,
        top_p: 0.95,
        top_k: 40,
    };
    for sampling in [Sampling::Greedy, drawn] {
        let request = prompt().sampling(sampling);
        let (one, two) = (infer(engine, &request).await, infer(engine, &request).await);
        assert_eq!(
            (&one.text, &one.ids),
            (&two.text, &two.ids),
            "the same request has the same answer: {sampling:?}"
        );
        assert!(
            (1..=12).contains(&one.usage.new_tokens) && !one.text.is_empty(),
            "an answer has at least one token and at most those allowed"
        );
        if capabilities.token_ids {
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

async fn collect(
    engine: &dyn Engine,
    request: &InferRequest,
    stop_after: usize,
) -> (Vec<Token>, Inference) {
    let mut tokens = Vec::new();
    let mut sink = |token: &Token| {
        tokens.push(token.clone());
        if tokens.len() == stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let answer = engine.stream(request.clone(), &mut sink).await;
    let answer = answer.unwrap_or_else(|error| panic!("a sound request is streamed: {error}"));
    let text: String = tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(
        text, answer.text,
        "the streamed texts joined are the answer"
    );
    (tokens, answer)
}

async fn counts_what_it_used(engine: &dyn Engine) {
    let short = infer(engine, &prompt()).await;
    let twice = InferRequest::chat("You answer in short sentences.", {
        let text = prompt().prompt.text();
        format!("{text}\n{text}")
    });
    let long = infer(engine, &twice.max_tokens(1)).await;
    assert!(
        short.usage.prompt_tokens > 0 && long.usage.prompt_tokens > short.usage.prompt_tokens,
        "the engine counts the prompt: {:?}, twice as long {:?}",
        short.usage,
        long.usage
    );
    assert!(
        !short.by.engine.is_empty() && !short.by.model.is_empty(),
        "an answer says who gave it: {:?}",
        short.by
    );
}

async fn streams_what_it_answers(engine: &dyn Engine) {
    let whole = infer(engine, &prompt()).await;
    let (tokens, streamed) = collect(engine, &prompt(), usize::MAX).await;
    assert_eq!(
        (streamed.text, streamed.finish),
        (whole.text, whole.finish),
        "a streamed answer is the answer"
    );
    assert_eq!(
        streamed.ids, whole.ids,
        "a streamed answer has the same tokens"
    );
    if !whole.ids.is_empty() {
        let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        assert_eq!(ids, whole.ids, "every token is streamed once, in order");
    }
    assert!(
        tokens
            .iter()
            .enumerate()
            .all(|(at, token)| token.index as usize == at),
        "tokens are counted from 0"
    );
}

async fn ends_when_told(engine: &dyn Engine) {
    let (tokens, answer) = collect(engine, &prompt(), 1).await;
    assert_eq!(
        (tokens.len(), answer.finish),
        (1, Finish::Cancelled),
        "a reader that has enough ends the answer"
    );

    let answer = infer(engine, &prompt().max_tokens(1)).await;
    assert!(
        answer.usage.new_tokens == 1 && answer.finish == Finish::Length,
        "one token allowed is one token made"
    );

    let cancelled = prompt();
    cancelled.cancel.cancel();
    match engine.infer(cancelled).await {
        Ok(answer) => assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("", Finish::Cancelled),
            "cancelled work is not done"
        ),
        Err(error) => assert_eq!(error, EngineError::Cancelled, "cancelled work is not done"),
    }
    match engine.infer(prompt().deadline(Instant::now())).await {
        Ok(answer) => assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("", Finish::Deadline),
            "late work is not done"
        ),
        Err(error) => assert!(
            matches!(error, EngineError::Deadline { .. }),
            "late work is not done: {error}"
        ),
    }
}

async fn ends_at_a_stop_text(engine: &dyn Engine) {
    let whole = infer(engine, &prompt()).await;
    // From the middle of the answer, so that it may well begin and end within a token.
    let letters: Vec<char> = whole.text.chars().collect();
    let stop: String = letters.iter().skip(letters.len() / 2).take(3).collect();
    if stop.trim().is_empty() {
        return;
    }
    let (_, stopped) = collect(engine, &prompt().stop(stop.clone()), usize::MAX).await;
    let expected = whole.text.split(&stop).next().unwrap_or_default();
    assert_eq!(
        stopped.text, expected,
        "the answer ends before the stop text {stop:?}"
    );
    assert_eq!(stopped.finish, Finish::Stop, "a stop text is a stop");
}

/// Calls do not get into each other's way: each has its own answer, also where they wait for each other.
async fn answers_side_by_side(engine: &dyn Engine) {
    let ask =
        |fact: &str| InferRequest::chat("Be brief.", format!("- {fact}: 12 EUR")).max_tokens(8);
    let alone = [
        infer(engine, &ask("revenue")).await.text,
        infer(engine, &ask("cost")).await.text,
    ];
    let (one, two) = (ask("revenue"), ask("cost"));
    let (one, two) = tokio::join!(infer(engine, &one), infer(engine, &two));
    assert_eq!(
        [one.text, two.text],
        alone,
        "two calls at once have the answers of each alone"
    );
}

async fn takes_tools_or_says_that_it_does_not(engine: &dyn Engine, tools: bool) {
    let clock = ToolDefinition {
        name: "clock".into(),
        description: "Tells the time of a city.".into(),
        input: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    };
    let request = InferRequest::chat(
        "Use the tool clock to tell the time.",
        "What time is it in Paris?",
    )
    .max_tokens(64)
    .tools([clock]);
    match engine.infer(request).await {
        Ok(answer) if tools => {
            assert_eq!(
                answer.finish == Finish::Tools,
                !answer.calls.is_empty(),
                "who calls tools waits for them: {answer:?}"
            );
            assert!(
                answer
                    .calls
                    .iter()
                    .all(|call| call.name == "clock" && !call.id.is_empty()),
                "only tools that were offered are called, each call by its name: {answer:?}"
            );
        }
        Err(EngineError::Unsupported { .. } | EngineError::NoEngine { .. }) if !tools => {}
        other => panic!("tools are taken exactly by who says so ({tools}): {other:?}"),
    }
}

async fn returns_the_highest_logits(engine: &dyn Engine) {
    let mut request = prompt();
    assert!(
        infer(engine, &request).await.top_logits.is_empty(),
        "no logits are returned unless asked for"
    );
    request.top_logits = 5;
    let answer = infer(engine, &request).await;
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

async fn refuses_a_prompt_that_does_not_fit(engine: &dyn Engine, context: u32) {
    let long = "word ".repeat(context as usize + 8);
    let request = InferRequest::new(Prompt::Chat(vec![ChatTurn::user(long)])).max_tokens(1);
    match engine.infer(request).await {
        Err(EngineError::PromptTooLong { asked, allowed }) => {
            assert!(
                asked > allowed || asked >= context as usize,
                "the numbers say why: {asked} of {allowed}"
            );
        }
        other => panic!("a prompt beyond the context is refused: {other:?}"),
    }
}

async fn obeys_a_schema(engine: &dyn Engine) {
    let schema = r#"{"type":"object","properties":{"intent":{"enum":["compare","trend"]},"rows":{"type":"integer",
        "minimum":1,"maximum":9},"sure":{"type":"boolean"}},"required":["intent","rows","sure"],
        "additionalProperties":false}"#;
    let mut request =
        InferRequest::chat("Answer as JSON.", "How did sales develop?").json_schema(schema);
    request.max_tokens = 64;
    let (_, answer) = collect(engine, &request, usize::MAX).await;
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

    let broken = engine
        .infer(prompt().json_schema("{ this is no schema"))
        .await;
    assert!(
        matches!(broken, Err(EngineError::BadGrammar { .. })),
        "a broken schema is refused: {broken:?}"
    );
}

async fn vectors_of(engine: &dyn Engine, texts: &[&str]) -> Vec<Vec<f32>> {
    let embeddings = engine
        .embed(EmbedRequest::new(texts.iter().copied()))
        .await
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
}

async fn embeds(engine: &dyn Engine, dimensions: u32) {
    let texts = [
        "sales by region",
        "regional sales",
        "it rained in august",
        "",
    ];
    let vectors = vectors_of(engine, &texts).await;
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
        let alone = &vectors_of(engine, &[text]).await[0];
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
    assert!(
        vectors_of(engine, &[]).await.is_empty(),
        "no texts have no vectors"
    );
}
