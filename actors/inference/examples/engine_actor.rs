//! An engine behind its actor, streamed: `cargo run -p aios-inference --example engine_actor`.
//!
//! The factory is what a supervisor builds the engine from again after a crash; the handle stays the same.

use std::io::Write;
use std::sync::Arc;

use aios_inference::{EmbedRequest, EngineActor, EngineConfig, InferRequest, ScriptedEngine};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let factory = Arc::new(|| Ok(Box::new(ScriptedEngine::new()) as _));
    let (engine, actor) = EngineActor::spawn(EngineConfig::default(), factory).await?;
    let mut out = std::io::stdout();

    let facts = "Report on:\n- revenue: 1,234.50 EUR\n- change: -4.1 %";
    let mut stream = engine.stream(InferRequest::chat("You are brief.", facts))?;
    while let Some(token) = stream.next().await {
        write!(out, "{}", token.text)?;
    }
    writeln!(out, "\n{:?}", stream.finish().await?.finish)?;

    let schema = r#"{"enum": ["compare", "trend", "rank"]}"#;
    let choice = engine
        .infer(InferRequest::chat("Which?", "the trends of Q3").json_schema(schema))
        .await?;
    let vectors = engine
        .embed(EmbedRequest::new(["sales by region", "regional sales"]))
        .await?;
    let near: f32 = vectors[0]
        .vector
        .iter()
        .zip(&vectors[1].vector)
        .map(|(x, y)| x * y)
        .sum();
    writeln!(out, "{}, cosine {near:.2}", choice.text)?;

    actor.stop_and_wait(None, None).await?;
    Ok(())
}
