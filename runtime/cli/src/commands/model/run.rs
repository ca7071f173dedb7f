//! `aios model run`: one prompt, one answer, nothing in between.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use aios_inference::models::SMOLLM2_135M_INSTRUCT;
use aios_inference::{ChatTurn, BlockingEngine, InferRequest, Prompt, Sampling};
use aios_work::shown;
use serde_json::json;

use crate::arguments::ModelRun;
use crate::failure::Failure;
use crate::{commands::model, console};

pub(crate) fn run(arguments: &ModelRun) -> Result<ExitCode, Failure> {
    if arguments.prompt.trim().is_empty() {
        return Err(Failure::usage(
            "the prompt is empty; say what the model shall answer",
        ));
    }
    let prompt = if arguments.raw {
        Prompt::Raw(arguments.prompt.clone())
    } else {
        Prompt::Chat(vec![ChatTurn::user(arguments.prompt.as_str())])
    };
    let mut seed = None;
    let sampling = if arguments.greedy {
        Sampling::Greedy
    } else {
        let chosen = arguments.seed.unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |time| time.as_nanos() as u64 & 0xffff_ffff)
        });
        if !arguments.json {
            console::note(&format!("seed {chosen}"));
        }
        seed = Some(chosen);
        Sampling::Seeded {
            seed: chosen,
            temperature: arguments.temperature,
            top_p: 0.95,
            top_k: 40,
        }
    };
    let mut request = InferRequest::new(prompt)
        .max_tokens(arguments.max_tokens)
        .sampling(sampling);
    request.top_logits = arguments.top_logits;

    let mut engine = model::engine(&SMOLLM2_135M_INSTRUCT, &arguments.device)?;
    let show = !arguments.json;
    let mut out = std::io::stdout();
    let inference = engine
        .stream(&request, &mut |token| {
            if show
                && out
                    .write_all(shown::terminal_text(&token.text).as_bytes())
                    .and_then(|()| out.flush())
                    .is_err()
            {
                // The reader is gone; there is nobody left to compute for.
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| Failure::plain(error.to_string()))?;
    if show {
        console::result("\n")?;
        for (id, logit) in &inference.top_logits {
            console::note(&format!("{id:>6}  {logit:.5}"));
        }
        console::note(&format!(
            "{} tokens read in {:.0} ms, {} written at {:.1} tokens/s",
            inference.prompt_ids.len(),
            inference.timings.prefill_ms,
            inference.ids.len(),
            inference.timings.tokens_per_second
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let capabilities = engine.capabilities();
    console::json(&json!({
        "model": SMOLLM2_135M_INSTRUCT.name,
        "device": capabilities.device,
        "prompt_ids": inference.prompt_ids,
        "ids": inference.ids,
        "text": inference.text,
        "finish": inference.finish,
        "top_logits": inference.top_logits,
        "seed": seed,
        "timings": inference.timings,
    }))?;
    Ok(ExitCode::SUCCESS)
}
