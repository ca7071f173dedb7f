//! `write_file`: a text as a file in the goal's own folder.

use std::path::Path;

use aios_work::{Artifact, Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use crate::{BlockingTool, Workspace, args};

const NAME: &str = "write_file";
/// Bytes of a file's name: what file systems take.
const NAME_BYTES: usize = 255;
/// Characters of what a file is said to show.
const DESCRIPTION: usize = 500;

/// Writes a file.
pub(crate) struct WriteFile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    name: String,
    content: String,
    description: Option<String>,
}

impl BlockingTool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Writes a text as a file into the goal's own folder; one of the same name is replaced.".to_owned(),
            needs: [Capability::FILES_WRITE].into(),
            effect: Effect::Repeatable,
            input: json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "description": "the file's name, such as summary.md; no folders"},
                    "content": {"type": "string"},
                    "description": {"type": "string", "maxLength": DESCRIPTION, "description": "what the file shows, for whoever cannot see it"}
                },
                "required": ["name", "content"],
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "bytes": {"type": "integer"},
                    "lines": {"type": "integer"}
                },
                "required": ["name", "bytes", "lines"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let Args {
            name,
            content,
            description,
        } = args::parse(NAME, call)?;
        is_name(&name).map_err(|why| {
            let shown: String = name.chars().take(80).collect();
            ToolError::invalid_arguments(NAME, format!("the name {shown:?} {why}"))
        })?;
        call.check()?;
        let path = workspace.write(&name, content.as_bytes())?;
        let (bytes, lines) = (content.len(), content.lines().count());
        let artifact = Artifact {
            path,
            media_type: media_type(&name).to_owned(),
            description: description.unwrap_or_else(|| format!("{name}, {lines} lines of text")),
        };
        Ok(ToolOutput {
            value: json!({"name": name, "bytes": bytes, "lines": lines}),
            artifacts: vec![artifact],
            log: format!("{NAME}: {name}, {bytes} bytes"),
            ..ToolOutput::default()
        })
    }
}

/// Whether a file can be called so, in any folder of any system.
fn is_name(name: &str) -> Result<(), &'static str> {
    if name.len() > NAME_BYTES {
        Err("is longer than 255 bytes")
    } else if name.contains(['/', '\\']) || name == "." || name == ".." {
        Err("leads to another folder; files are written into the goal's own")
    } else if name.starts_with('.') {
        Err("begins with a dot, which hides the file")
    } else if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        Err("has blanks around it, control characters, or nothing in it")
    } else {
        Ok(())
    }
}

fn media_type(name: &str) -> &'static str {
    let kind = Path::new(name).extension().and_then(|kind| kind.to_str());
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("md" | "markdown") => "text/markdown",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("xml") => "application/xml",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use aios_work::{ToolErrorKind, ToolOutput};
    use serde_json::Value;

    use super::*;
    use crate::{OnDisk, Toolbox, Workspaces};

    async fn called(
        tool: &str,
        args: Value,
        inputs: &[&Path],
        out: &Path,
    ) -> Result<ToolOutput, ToolError> {
        let tools = Toolbox::standard(&Workspaces::default(), None);
        let call = ToolCall {
            inputs: OnDisk::all(inputs).unwrap(),
            out_dir: out.to_str().unwrap().to_owned(),
            ..ToolCall::new(args, Instant::now() + Duration::from_secs(60))
        };
        tools.call(tool, &tools.needs(), call).await
    }

    #[tokio::test]
    async fn what_was_written_is_listed_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let (input, out) = (dir.path().join("in.txt"), dir.path().join("out"));
        fs::write(&input, "given").unwrap();
        let ask = async |tool: &str, args| called(tool, args, &[&input], &out).await;
        let none = ask("list_files", json!({})).await.unwrap().value;
        assert_eq!(
            none,
            json!({"inputs": [{"name": "in.txt", "bytes": 5}], "written": [], "more": false})
        );
        let written = ask(
            "write_file",
            json!({"name": "a.md", "content": "# One\nTwo words.\n"}),
        )
        .await
        .unwrap();
        assert_eq!(
            written.value,
            json!({"name": "a.md", "bytes": 17, "lines": 2})
        );
        assert_eq!(written.artifacts[0].media_type, "text/markdown");
        assert_eq!(written.artifacts[0].path, out.join("a.md"));
        let again = json!({"name": "a.md", "content": "Only this.", "description": "what it is"});
        let written = ask("write_file", again).await.unwrap();
        assert_eq!(written.artifacts[0].description, "what it is");
        fs::write(out.join(".hidden"), "x").unwrap();
        fs::create_dir(out.join("below")).unwrap();
        std::os::unix::fs::symlink(&input, out.join("link.txt")).unwrap();
        let listed = ask("list_files", json!({})).await.unwrap().value;
        assert_eq!(listed["written"], json!([{"name": "a.md", "bytes": 10}]));
        let read = async |file: &str| ask("read_file", json!({ "file": file })).await;
        assert_eq!(read("a.md").await.unwrap().value["text"], "Only this.");
        assert_eq!(read("in.txt").await.unwrap().value["text"], "given");
        for outside in [
            "link.txt",
            "below",
            "../in.txt",
            "below/../a.md",
            "none.md",
            "/etc/passwd",
            ".",
        ] {
            let error = read(outside).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ToolErrorKind::InvalidArguments,
                "{outside}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_written_outside_the_goals_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (out, beside) = (dir.path().join("out"), dir.path().join("beside"));
        fs::create_dir_all(&out).unwrap();
        fs::create_dir_all(&beside).unwrap();
        let long = "x".repeat(256);
        for name in [
            "../beside/a",
            "/tmp/a",
            "a/b",
            "..",
            ".",
            "",
            " a",
            "a ",
            ".bashrc",
            "a\0b",
            "a\nb",
            "..\\a",
            &long,
        ] {
            let args = json!({"name": name, "content": "x"});
            let error = called("write_file", args, &[], &out).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ToolErrorKind::InvalidArguments,
                "{name:?}: {error}"
            );
        }
        let args = json!({"name": "a", "content": "x"});
        let linked = dir.path().join("linked");
        std::os::unix::fs::symlink(&beside, &linked).unwrap();
        let error = called("write_file", args.clone(), &[], &linked)
            .await
            .unwrap_err();
        assert!(error.message().contains("is a link"), "{error}");
        let error = called("write_file", args.clone(), &[], Path::new(""))
            .await
            .unwrap_err();
        assert!(error.message().contains("no output folder"), "{error}");
        // A link in the file's place is replaced, not followed.
        let kept = beside.join("kept");
        fs::write(&kept, "as it was").unwrap();
        std::os::unix::fs::symlink(&kept, out.join("a")).unwrap();
        called("write_file", args, &[], &out).await.unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "as it was");
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "x");
        assert_eq!(fs::read_dir(&beside).unwrap().count(), 1);
    }
}
