//! What came of a call, in words of ours: results into values and files, failures into errors of a kind. Pure.

use aios_work::{ToolError, ToolErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::ServiceError;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ErrorCode, ResourceContents};
use rmcp::transport::streamable_http_client::StreamableHttpError;
use serde_json::Value;

use super::environment::Environment;
use super::limits::{ERROR_WORDS, FILES};
use super::plain::plain;
use crate::Schema;

/// A result that is taken.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Taken {
    pub(crate) value: Value,
    /// Files that came with it.
    pub(crate) files: Vec<Enclosed>,
    /// What was left out of it, a line each.
    pub(crate) left_out: Vec<String>,
}

/// A file inside a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Enclosed {
    pub(crate) ending: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Files that are kept. A picture that can hold a program is none of them.
const KEPT: [(&str, &str); 8] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("audio/wav", "wav"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("application/pdf", "pdf"),
];

/// The result of a call of `tool`. With `schema`, it is what the server says its results look like, and the value must be that; without,
/// the value is the text.
pub(crate) fn taken(
    tool: &str,
    schema: Option<&Schema>,
    environment: &Environment,
    response: CallToolResponse,
) -> Result<Taken, ToolError> {
    let result = match response {
        CallToolResponse::Complete(result) => result,
        CallToolResponse::InputRequired(_) => {
            let sentence = format!(
                "tool {tool} asks for input in the middle of a call, which nobody is there to give"
            );
            return Err(ToolError::new(ToolErrorKind::Other, sentence));
        }
        _ => {
            let sentence = format!(
                "tool {tool} answered with a task to be asked about later, which was not offered to it"
            );
            return Err(ToolError::new(ToolErrorKind::Provider, sentence)
                .retryable(false)
                .in_doubt());
        }
    };
    if result.is_error == Some(true) {
        return Err(ToolError::new(
            ToolErrorKind::Other,
            format!("tool {tool} says: {}", said(&result, environment)),
        ));
    }
    let (text, files, mut left_out) = opened(result.content);
    let mut value = match (schema, result.structured_content) {
        (Some(schema), Some(value)) => {
            if let Err(wrong) = schema.check(&value) {
                let sentence = format!(
                    "tool {tool} answered with what it says its results are not: {}",
                    environment.plain(&wrong, ERROR_WORDS)
                );
                return Err(lied(sentence));
            }
            value
        }
        (Some(_), None) => {
            let sentence = format!(
                "tool {tool} says what its results look like and answered with none that does"
            );
            return Err(lied(sentence));
        }
        // What nobody described nobody can rely on; the text says the same by the protocol's rule.
        (None, Some(value)) if text.is_empty() => Value::String(value.to_string()),
        (None, _) => Value::String(text),
    };
    // From here on models, plans and logs have it.
    environment.without_secrets_in(&mut value);
    for line in &mut left_out {
        *line = environment.without_secrets(line);
    }
    Ok(Taken {
        value,
        files,
        left_out,
    })
}

/// It was carried out, and what came of it is not to be had: asked again, it would answer the same.
fn lied(sentence: String) -> ToolError {
    ToolError::new(ToolErrorKind::Provider, sentence)
        .retryable(false)
        .in_doubt()
}

/// What the tool says of its failure.
fn said(result: &CallToolResult, environment: &Environment) -> String {
    let texts = result.content.iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let text = environment.plain(&texts.collect::<Vec<_>>().join(" "), ERROR_WORDS);
    match (text.is_empty(), &result.structured_content) {
        (false, _) => text,
        (true, Some(value)) => environment.plain(&value.to_string(), ERROR_WORDS),
        (true, None) => "it failed, without saying why".to_owned(),
    }
}

fn opened(content: Vec<ContentBlock>) -> (String, Vec<Enclosed>, Vec<String>) {
    let (mut texts, mut files, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for block in content {
        let (data, media_type) = match block {
            ContentBlock::Text(text) => {
                texts.push(text.text);
                continue;
            }
            ContentBlock::Image(image) => (image.data, image.mime_type),
            ContentBlock::Audio(audio) => (audio.data, audio.mime_type),
            ContentBlock::Resource(resource) => match resource.resource {
                ResourceContents::TextResourceContents { text, .. } => {
                    texts.push(text);
                    continue;
                }
                ResourceContents::BlobResourceContents {
                    blob, mime_type, ..
                } => (blob, mime_type.unwrap_or_default()),
                _ => {
                    left_out.push("a part of a kind that is not known here".to_owned());
                    continue;
                }
            },
            ContentBlock::ResourceLink(link) => {
                left_out.push(format!(
                    "a link to {}, which is not followed",
                    plain(&link.uri, 200)
                ));
                continue;
            }
            _ => {
                left_out.push("a part of a kind that is not known here".to_owned());
                continue;
            }
        };
        match enclosed(&data, &media_type, files.len()) {
            Ok(file) => files.push(file),
            Err(reason) => left_out.push(format!(
                "a file of type {}: {reason}",
                plain(&media_type, 100)
            )),
        }
    }
    (texts.join("\n"), files, left_out)
}

fn enclosed(data: &str, media_type: &str, before: usize) -> Result<Enclosed, String> {
    let kept = KEPT.iter().find(|(known, _)| *known == media_type);
    let Some((media_type, ending)) = kept else {
        return Err("files of this type are not kept".to_owned());
    };
    if before >= FILES {
        return Err(format!("{FILES} files are kept of a call"));
    }
    let bytes = STANDARD
        .decode(data)
        .map_err(|_| "it is no base64".to_owned())?;
    Ok(Enclosed {
        ending,
        media_type,
        bytes,
    })
}

/// A call that came to nothing, and whether the connection is good for another.
pub(crate) struct Failed {
    pub(crate) error: ToolError,
    /// Why the connection is not; none if it is.
    pub(crate) lost: Option<String>,
}

/// What a failure of the protocol or of the way means.
pub(crate) fn failed(tool: &str, environment: &Environment, error: &ServiceError) -> Failed {
    let (kind, why, in_doubt, lost) = match error {
        ServiceError::McpError(data) => {
            let kind = match data.code {
                ErrorCode::INVALID_PARAMS | ErrorCode::INVALID_REQUEST | ErrorCode::PARSE_ERROR => {
                    ToolErrorKind::InvalidArguments
                }
                ErrorCode::METHOD_NOT_FOUND => ToolErrorKind::NotFound,
                _ => ToolErrorKind::Provider,
            };
            let in_doubt = kind == ToolErrorKind::Provider;
            (
                kind,
                environment.plain(&data.message, ERROR_WORDS),
                in_doubt,
                false,
            )
        }
        ServiceError::TransportSend(error) => {
            let (kind, in_doubt) = sent(error.error.as_ref());
            (
                kind,
                environment.plain(&error.error.to_string(), ERROR_WORDS),
                in_doubt,
                true,
            )
        }
        ServiceError::Cancelled { .. } => (
            ToolErrorKind::Cancelled,
            "the call was called off".to_owned(),
            true,
            false,
        ),
        ServiceError::UnexpectedResponse => (
            ToolErrorKind::Provider,
            "the answer is none to a call of a tool".to_owned(),
            true,
            false,
        ),
        _ => (
            ToolErrorKind::Network,
            "the connection ended before there was an answer".to_owned(),
            true,
            true,
        ),
    };
    let error = ToolError::new(kind, format!("tool {tool} failed: {why}"));
    Failed {
        lost: lost.then_some(why),
        error: if in_doubt { error.in_doubt() } else { error },
    }
}

/// What a call that could not be sent, or was not answered, ran into; and whether it may have arrived.
fn sent(error: &(dyn std::error::Error + Send + Sync + 'static)) -> (ToolErrorKind, bool) {
    use StreamableHttpError as Http;
    match error.downcast_ref::<Http<reqwest::Error>>() {
        Some(Http::HttpStatus(status)) if status.status == 429 => {
            (ToolErrorKind::RateLimited, false)
        }
        Some(Http::HttpStatus(_)) => (ToolErrorKind::Provider, true),
        Some(Http::AuthRequired(_) | Http::InsufficientScope(_)) => {
            (ToolErrorKind::Permission, false)
        }
        Some(Http::SessionExpired) => (ToolErrorKind::Network, false),
        Some(Http::ResponseBodyTooLarge { .. }) => (ToolErrorKind::InvalidArguments, true),
        Some(Http::Client(error)) => (ToolErrorKind::Network, !error.is_connect()),
        _ => (ToolErrorKind::Network, true),
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, ErrorData};
    use serde_json::json;

    use super::*;

    fn of(result: Value, schema: Option<Value>) -> Result<Taken, ToolError> {
        let result: CallToolResult = serde_json::from_value(result).unwrap();
        let schema = schema.map(|schema| Schema::new(&schema).unwrap());
        taken(
            "t",
            schema.as_ref(),
            &Environment::default(),
            CallToolResponse::Complete(result),
        )
    }

    fn text(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }

    #[test]
    fn what_is_described_is_a_value_and_everything_else_is_text() {
        let schema =
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let with = |result| of(result, Some(schema.clone()));
        let table = [
            (
                with(json!({"content": [text("1")], "structuredContent": {"n": 1}})),
                Ok(json!({"n": 1})),
            ),
            (
                with(json!({"content": [], "structuredContent": {"n": "1"}})),
                Err("not"),
            ),
            (
                with(json!({"content": [text("{\"n\": 1}")]})),
                Err("answered with none"),
            ),
            (
                of(json!({"content": [text("a"), text("b")]}), None),
                Ok(json!("a\nb")),
            ),
            (
                of(
                    json!({"content": [text("a")], "structuredContent": {"n": 1}}),
                    None,
                ),
                Ok(json!("a")),
            ),
            (
                of(json!({"content": [], "structuredContent": {"n": 1}}), None),
                Ok(json!("{\"n\":1}")),
            ),
            (of(json!({"content": []}), None), Ok(json!(""))),
        ];
        for (got, expected) in table {
            match (got, expected) {
                (Ok(taken), Ok(value)) => assert_eq!(taken.value, value),
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{error}");
                    // It was carried out, and the same answer would come again.
                    assert!(error.is_in_doubt() && !error.is_retryable());
                }
                (got, expected) => panic!("{got:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn a_schema_that_asks_for_more_comparisons_than_anybody_has_time_for_holds_nobody_up() {
        let mut defs = serde_json::Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            defs.insert(format!("l{level}"), json!({"allOf": [next, next]}));
        }
        defs.insert("l40".to_owned(), json!({"type": "object"}));
        let schema = json!({"type": "object", "$ref": "#/$defs/l0", "$defs": defs});
        let begun = std::time::Instant::now();
        let result = json!({"content": [], "structuredContent": {"n": 1}});
        let error = of(result, Some(schema)).unwrap_err();
        assert!(error.to_string().contains("comparisons"), "{error}");
        assert!(error.is_in_doubt() && !error.is_retryable());
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn a_failure_of_the_tool_is_told_in_one_harmless_line_and_not_tried_again() {
        let failed = |content: Value| {
            let result = json!({"content": content, "isError": true});
            of(result, Some(json!({"type": "object"}))).unwrap_err()
        };
        let error = failed(json!([text("no such\n\u{1b}[31m file"), text("at all")]));
        assert_eq!(error.to_string(), "tool t says: no such [31m file at all");
        assert_eq!(error.kind(), ToolErrorKind::Other);
        assert!(!error.is_retryable() && !error.is_in_doubt());
        assert!(
            failed(json!([text(&"x".repeat(1 << 20))]))
                .to_string()
                .len()
                < 2 * ERROR_WORDS
        );
        assert!(failed(json!([])).to_string().contains("without saying why"));
    }

    #[test]
    fn files_are_kept_when_they_are_known_and_what_is_left_out_is_said() {
        let image = |media_type: &str, data: &str| json!({"type": "image", "mimeType": media_type, "data": data});
        let blob = json!({"type": "resource", "resource": {"uri": "x:y", "mimeType": "application/pdf", "blob": "JVBE"}});
        let link = json!({"type": "resource_link", "uri": "file:///etc/passwd", "name": "p"});
        let embedded = json!({"type": "resource", "resource": {"uri": "x:y", "text": "inside"}});
        let content = json!([
            text("see"),
            image("image/png", "iVBO"),
            image("image/svg+xml", "PHN2"),
            image("image/png", "%%"),
            blob,
            link,
            embedded
        ]);
        let taken = of(json!({"content": content}), None).unwrap();
        assert_eq!(taken.value, json!("see\ninside"));
        let kinds: Vec<_> = taken
            .files
            .iter()
            .map(|file| (file.ending, file.bytes.as_slice()))
            .collect();
        assert_eq!(kinds, [("png", &b"\x89PN"[..]), ("pdf", &b"%PD"[..])]);
        assert_eq!(
            taken.left_out,
            [
                "a file of type image/svg+xml: files of this type are not kept",
                "a file of type image/png: it is no base64",
                "a link to file:///etc/passwd, which is not followed",
            ]
        );
        let many = vec![image("image/png", "iVBO"); FILES + 1];
        let taken = of(json!({"content": many}), None).unwrap();
        assert_eq!((taken.files.len(), taken.left_out.len()), (FILES, 1));
    }

    #[test]
    fn failures_of_the_way_are_of_a_kind_and_say_whether_the_call_may_have_arrived() {
        let mcp = |code: ErrorCode| ServiceError::McpError(ErrorData::new(code, "why", None));
        for (error, kind, in_doubt, lost) in [
            (
                mcp(ErrorCode::INVALID_PARAMS),
                ToolErrorKind::InvalidArguments,
                false,
                false,
            ),
            (
                mcp(ErrorCode::METHOD_NOT_FOUND),
                ToolErrorKind::NotFound,
                false,
                false,
            ),
            (
                mcp(ErrorCode::INTERNAL_ERROR),
                ToolErrorKind::Provider,
                true,
                false,
            ),
            (
                ServiceError::UnexpectedResponse,
                ToolErrorKind::Provider,
                true,
                false,
            ),
            (
                ServiceError::TransportClosed,
                ToolErrorKind::Network,
                true,
                true,
            ),
        ] {
            let failed = failed("t", &Environment::default(), &error);
            assert_eq!(failed.error.kind(), kind, "{error}");
            assert_eq!(
                (failed.error.is_in_doubt(), failed.lost.is_some()),
                (in_doubt, lost),
                "{error}"
            );
        }
    }
}
