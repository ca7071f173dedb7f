//! `aios model run`: one prompt, one answer, nothing in between.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use aios_inference::remote::RemoteEngine;
use aios_inference::{
    BlockingEngine, ChatTurn, EngineError, Generate, InferRequest, Inference, Prompt, Sampling,
    Token,
};
use aios_work::shown;
use serde_json::{Value, json};

use crate::arguments::ModelRun;
use crate::commands::model::{self, Named};
use crate::failure::Failure;
use crate::{console, own_node, settings};

pub(crate) fn run(arguments: &ModelRun) -> Result<ExitCode, Failure> {
    if arguments.prompt.trim().is_empty() {
        return Err(Failure::usage(
            "the prompt is empty; say what the model shall answer",
        ));
    }
    let config = settings::load(&arguments.settings, &[])?;
    let named = model::named(arguments.model.as_deref(), &config)?;
    let request = request(arguments);
    let show = !arguments.json;
    let (inference, device) = match named {
        Named::Pinned(pinned) => here(model::engine(pinned, &arguments.device)?, &request, show)?,
        Named::File(source) => {
            let device = model::device_choice(&arguments.device)?;
            here(model::loaded(&source, device)?, &request, show)?
        }
        Named::Server(server) => {
            let device = server.address.to_string();
            let engine = RemoteEngine::new(*server);
            let runtime = own_node::threads()?;
            let mut tell = telling(show);
            let answer = runtime.block_on(engine.stream(request.clone(), &mut tell));
            runtime.shutdown_background();
            (answer.map_err(failed)?, device)
        }
    };
    if !show {
        console::json(&recorded(&inference, &request, &device))?;
        return Ok(ExitCode::SUCCESS);
    }
    console::result("\n")?;
    for (id, logit) in &inference.top_logits {
        console::note(&format!("{id:>6}  {logit:.5}"));
    }
    console::note(&format!(
        "{} tokens read in {:.0} ms, {} written at {:.1} tokens/s",
        inference.usage.prompt_tokens,
        inference.timings.prefill_ms,
        inference.usage.new_tokens,
        inference.timings.tokens_per_second
    ));
    Ok(ExitCode::SUCCESS)
}

fn request(arguments: &ModelRun) -> InferRequest {
    let prompt = if arguments.raw {
        Prompt::Raw(arguments.prompt.clone())
    } else {
        Prompt::Chat(vec![ChatTurn::user(arguments.prompt.as_str())])
    };
    let sampling = if arguments.greedy {
        Sampling::Greedy
    } else {
        let seed = arguments.seed.unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |time| time.as_nanos() as u64 & 0xffff_ffff)
        });
        if !arguments.json {
            console::note(&format!("seed {seed}"));
        }
        Sampling::Seeded {
            seed,
            temperature: arguments.temperature,
            top_p: 0.95,
            top_k: 40,
        }
    };
    let mut request = InferRequest::new(prompt)
        .max_tokens(arguments.max_tokens)
        .sampling(sampling);
    request.top_logits = arguments.top_logits;
    request
}

fn here(
    mut engine: impl BlockingEngine,
    request: &InferRequest,
    show: bool,
) -> Result<(Inference, String), Failure> {
    let answer = engine.stream(request, &mut telling(show)).map_err(failed)?;
    Ok((answer, engine.capabilities().device))
}

/// Writes what comes to standard output. Without a reader there is nobody left to compute for.
fn telling(show: bool) -> impl FnMut(&Token) -> ControlFlow<()> + Send {
    move |token| {
        let mut out = std::io::stdout();
        let text = shown::terminal_text(&token.text);
        if show && (out.write_all(text.as_bytes()).and_then(|()| out.flush())).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn failed(error: EngineError) -> Failure {
    Failure::plain(error.to_string())
}

/// The answer with all that is needed to get it again: engine, model, version, settings.
fn recorded(inference: &Inference, request: &InferRequest, device: &str) -> Value {
    let seed = match request.sampling {
        Sampling::Greedy => None,
        Sampling::Seeded { seed, .. } => Some(seed),
    };
    let sampling = match request.sampling {
        Sampling::Greedy => json!("greedy"),
        Sampling::Seeded {
            temperature,
            top_p,
            top_k,
            ..
        } => json!({"temperature": temperature, "top_p": top_p, "top_k": top_k}),
    };
    json!({
        "engine": inference.by.engine,
        "model": inference.by.model,
        "version": inference.by.version,
        "device": device,
        "settings": {"max_tokens": request.max_tokens, "sampling": sampling},
        "prompt_ids": inference.prompt_ids,
        "ids": inference.ids,
        "text": inference.text,
        "finish": inference.finish,
        "usage": inference.usage,
        "top_logits": inference.top_logits,
        "seed": seed,
        "timings": inference.timings,
    })
}
