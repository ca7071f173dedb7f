//! Asks the language model a question: `cargo run --release -p aios-burn --example ask -- MODEL.gguf "What is rain?"`

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;

use aios_burn::{BurnConfig, BurnEngine};
use aios_inference::{BlockingEngine, InferRequest, ModelRole, ModelSource};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(question)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ask MODEL.gguf QUESTION".into());
    };
    let mut engine = BurnEngine::new(BurnConfig::default())?;
    engine.load_model(&ModelSource {
        name: "example".into(),
        role: ModelRole::Generate,
        path: path.into(),
    })?;

    let request =
        InferRequest::chat("Answer in one or two short sentences.", question).max_tokens(96);
    let mut out = std::io::stdout();
    let answer = engine.stream(&request, &mut |token| match write!(out, "{}", token.text)
        .and_then(|()| out.flush())
    {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    })?;
    let speed = answer.timings.tokens_per_second;
    writeln!(
        out,
        "\n({} tokens, {speed:.0} a second, on {})",
        answer.ids.len(),
        engine.device()
    )?;
    Ok(())
}
