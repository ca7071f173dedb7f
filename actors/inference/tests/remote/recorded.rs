//! Traffic as both vendors publish it, byte for byte, in pieces of every size.

use aios_inference::remote::Form;
use aios_inference::{Finish, Generate, Inference, Usage};

use crate::wire::{Act, Wire, stream_head};
use crate::{ask, engine, within};

async fn played(
    form: Form,
    traffic: &str,
    schema: Option<&str>,
    size: usize,
) -> Result<Inference, String> {
    let mut script = vec![stream_head()];
    script.extend(
        traffic
            .as_bytes()
            .chunks(size)
            .map(|piece| Act::Send(piece.to_vec())),
    );
    let wire = Wire::play(vec![script]).await;
    let asked = match schema {
        Some(schema) => ask().json_schema(schema),
        None => ask(),
    };
    let mut told = String::new();
    let result = within(engine(form, &wire.address).stream(asked, &mut |token| {
        told.push_str(&token.text);
        std::ops::ControlFlow::Continue(())
    }))
    .await;
    if let Ok(answer) = &result {
        assert_eq!(told, answer.text, "what was told is the answer");
    }
    result.map_err(|error| error.to_string())
}

fn usage(prompt_tokens: u64, new_tokens: u64) -> Usage {
    Usage {
        prompt_tokens,
        new_tokens,
        estimated: false,
    }
}

#[tokio::test]
async fn published_traffic_reads_as_it_is_meant() {
    for size in [1, 17, 100_000] {
        let text = include_str!("recorded/anthropic_text.sse");
        let answer = played(Form::Anthropic, text, None, size).await.unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("Hello!", Finish::Stop)
        );
        assert_eq!(
            answer.usage,
            usage(35, 15),
            "what the cache held counts too"
        );
        assert_eq!(answer.by.model, "claude-sonnet-4-5-20250929");

        let tools = include_str!("recorded/anthropic_thinking_and_tool.sse");
        let answer = played(Form::Anthropic, tools, None, size).await.unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("Okay, let me look:", Finish::Tools)
        );
        let calls: Vec<(&str, &str)> = answer
            .calls
            .iter()
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .collect();
        let weather = ("get_weather", "{\"location\": \"San Francisco, CA\"}");
        assert_eq!(calls, [weather, ("get_time", "{}")]);
        assert_eq!(answer.usage, usage(472, 89));

        let by_tool = include_str!("recorded/anthropic_answer_tool.sse");
        let schema = r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#;
        let answer = played(Form::Anthropic, by_tool, Some(schema), size)
            .await
            .unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("{\"a\": 7}", Finish::Stop)
        );
        assert!(answer.calls.is_empty());

        let overloaded = include_str!("recorded/anthropic_overloaded.sse");
        let error = played(Form::Anthropic, overloaded, None, size)
            .await
            .unwrap_err();
        assert!(error.contains("Overloaded"), "{error}");

        let text = include_str!("recorded/openai_text.sse");
        let answer = played(Form::OpenAi, text, None, size).await.unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("Hello!", Finish::Stop)
        );
        assert_eq!(answer.usage, usage(18, 2));
        assert_eq!(answer.by.version.as_deref(), Some("fp_e9b8ed65d2"));

        let tools = include_str!("recorded/openai_tools.sse");
        let answer = played(Form::OpenAi, tools, None, size).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("", Finish::Tools));
        let calls: Vec<(&str, &str)> = answer
            .calls
            .iter()
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(calls, [weather, ("get_time", "{}")]);
        assert_eq!(answer.calls[0].id, "call_wkJ1Q");
    }
}

/// A stream that is cut anywhere before its end is never taken for a whole answer.
#[tokio::test]
async fn a_cut_stream_is_never_a_whole_answer() {
    for (form, traffic, end) in [
        (
            Form::Anthropic,
            include_str!("recorded/anthropic_text.sse"),
            "event: message_stop",
        ),
        (
            Form::OpenAi,
            include_str!("recorded/openai_text.sse"),
            "\"finish_reason\":\"stop\"",
        ),
    ] {
        let whole = traffic.find(end).unwrap();
        for cut in (0..whole).step_by(97) {
            let cut = played(form, &traffic[..cut], None, 1_000).await;
            assert!(cut.is_err(), "{form:?}: {cut:?}");
        }
    }
}
