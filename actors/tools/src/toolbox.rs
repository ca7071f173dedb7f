//! All tools under one roof, each behind what it needs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aios_work::{
    Artifact, Capabilities, Capability, FILLED_BYTES, Tool, ToolCall, ToolError, ToolErrorKind,
    ToolOutput, ToolSpec,
};

use serde::Serialize;

use crate::calc::Calc;
use crate::list_files::ListFiles;
use crate::read_file::ReadFile;
use crate::write_file::WriteFile;
use crate::write_text::WriteText;
use crate::{Blocking, Schema, SchemaError, Witness, Workspaces, Writer, size};

/// Files that one call may hand over.
const ARTIFACTS: usize = 64;
/// Bytes of what a file is said to show. A picture is described value by value, and the longest names make this much of it.
const DESCRIPTION: usize = 40 << 10;
/// Characters of an unknown name that are repeated, and known names that are listed beside it.
const NAME_TOLD: usize = 100;
const NAMES_TOLD: usize = 50;

/// The tools an executor has. Cheap to share behind an `Arc`; what a tool caches belongs to it, so two nodes never share data.
///
/// Tools come and go while it is used: servers list theirs when they are there. Clones are the same box.
#[derive(Clone)]
pub struct Toolbox {
    tools: Arc<RwLock<BTreeMap<String, Arc<Entry>>>>,
    /// Bytes of what a call gives back.
    result_bytes: u64,
    /// The most that any caller may be granted; without it whatever callers say they were.
    ceiling: Option<Capabilities>,
    /// Who writes down whose call is being worked on.
    witness: Option<Arc<Witness>>,
}

struct Entry {
    spec: Arc<ToolSpec>,
    tool: Arc<dyn Tool>,
    schemas: Result<Schemas, SchemaError>,
    /// Whether naming it granted it what it needs.
    configured: bool,
}

/// What a call and its result are compared with, compiled when the tool is registered.
struct Schemas {
    input: Schema,
    output: Schema,
}

impl Schemas {
    fn of(spec: &ToolSpec) -> Result<Self, SchemaError> {
        Ok(Self {
            input: Schema::new(&spec.input)?,
            output: Schema::new(&spec.output)?,
        })
    }
}

/// Why a call did not reach its tool, or its result not the caller.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no tool called {asked:?}; there are: {known}")]
    UnknownTool { asked: String, known: String },
    #[error(
        "tool {tool} needs the capability {needs}, which was not granted; whoever gave the order can grant it"
    )]
    NotGranted { tool: String, needs: String },
    #[error(
        "tool {tool} needs the capability {needs}, which this node grants to nobody; add {add} to tools.grants in the configuration"
    )]
    AboveCeiling {
        tool: String,
        needs: String,
        add: String,
    },
    #[error("tool {tool} cannot be called: {error}")]
    Unusable { tool: String, error: SchemaError },
    #[error("tool {tool} gives something else than it says: {wrong}")]
    NotAsSaid { tool: String, wrong: String },
    #[error("tool {tool} gives {}, a message carries {}; ask for less at once", size(*.asked), size(*.allowed))]
    TooMuch {
        tool: String,
        asked: u64,
        allowed: u64,
    },
    #[error("tool {tool} hands over {asked} files, allowed are {ARTIFACTS}")]
    TooManyFiles { tool: String, asked: usize },
    #[error("tool {tool} hands over {file}, which {why}")]
    NotItsFile {
        tool: String,
        file: String,
        why: String,
    },
}

impl From<Refused> for ToolError {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::UnknownTool { .. } => ToolErrorKind::NotFound,
            Refused::NotGranted { .. } | Refused::AboveCeiling { .. } => ToolErrorKind::Permission,
            Refused::TooMuch { .. } => ToolErrorKind::InvalidArguments,
            // The tool is wrong, and no other arguments make it right.
            Refused::TooManyFiles { .. }
            | Refused::NotItsFile { .. }
            | Refused::Unusable { .. }
            | Refused::NotAsSaid { .. } => ToolErrorKind::Other,
        };
        // The tool was called, and what came of it is not to be had.
        let done = matches!(
            refused,
            Refused::TooMuch { .. }
                | Refused::TooManyFiles { .. }
                | Refused::NotItsFile { .. }
                | Refused::NotAsSaid { .. }
        );
        let error = Self::new(kind, refused.to_string());
        if done { error.in_doubt() } else { error }
    }
}

impl Default for Toolbox {
    fn default() -> Self {
        Self::new(&Workspaces::default())
    }
}

impl Toolbox {
    /// A box without tools, whose results are as large as the walls allow.
    #[must_use]
    pub fn new(workspaces: &Workspaces) -> Self {
        Self {
            tools: Arc::default(),
            result_bytes: workspaces.limits().result_bytes as u64,
            ceiling: None,
            witness: None,
        }
    }

    /// Whether the owner of this node grants this to whoever may have it. Where nobody said what is granted, nothing is.
    #[must_use]
    pub fn allows(&self, what: &Capability) -> bool {
        let mut ceiling = self.ceiling.iter();
        ceiling.any(|ceiling| ceiling.covers(what))
    }

    /// The same box, whose callers are granted nothing beyond `ceiling`, whatever they say they were.
    #[must_use]
    pub fn granting(mut self, ceiling: Capabilities) -> Self {
        self.ceiling = Some(ceiling);
        self
    }

    /// The same box, whose calls are written down while they are worked on.
    #[must_use]
    pub fn witnessed(mut self, witness: Arc<Witness>) -> Self {
        self.witness = Some(witness);
        self
    }

    /// The general tools, and `write_text` if there is somebody who writes. A pack's tools are registered beside them.
    #[must_use]
    pub fn standard(workspaces: &Workspaces, writer: Option<Arc<dyn Writer>>) -> Self {
        let tools = Self::new(workspaces);
        tools.register(Arc::new(Calc));
        tools.register(Blocking::shared(ListFiles, workspaces));
        tools.register(Blocking::shared(ReadFile, workspaces));
        tools.register(Blocking::shared(WriteFile, workspaces));
        #[cfg(feature = "http")]
        tools.register(Arc::new(crate::http::HttpGet::new(workspaces)));
        if let Some(writer) = writer {
            tools.register(Blocking::shared(WriteText { writer }, workspaces));
        }
        tools
    }

    /// Adds a tool; one of the same name is replaced.
    ///
    /// One whose schemas cannot be used is known and says so when it is called.
    pub fn register(&self, tool: Arc<dyn Tool>) {
        self.enter(tool, false);
    }

    /// The same for a tool that the owner of this node has named, such as those of a server: what it says it needs is granted by that, to it
    /// and to no other tool. Whoever calls it must have been granted the same.
    pub fn register_configured(&self, tool: Arc<dyn Tool>) {
        self.enter(tool, true);
    }

    fn enter(&self, tool: Arc<dyn Tool>, configured: bool) {
        let spec = Arc::new(tool.spec());
        let name = spec.name.clone();
        let schemas = Schemas::of(&spec);
        let entry = Entry {
            spec,
            tool,
            schemas,
            configured,
        };
        self.write().insert(name, Arc::new(entry));
    }

    /// Takes a tool out. Calls of it that are under way end as they would have.
    pub fn remove(&self, name: &str) {
        self.write().remove(name);
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.tools.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.tools.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.read().get(name).cloned()
    }

    /// The same box with these tools in it.
    #[must_use]
    pub fn with(self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        for tool in tools {
            self.register(tool);
        }
        self
    }

    /// What each tool says of itself, by name.
    pub fn specs(&self) -> impl Iterator<Item = Arc<ToolSpec>> {
        let tools = self.read();
        let specs: Vec<_> = tools
            .values()
            .map(|entry| Arc::clone(&entry.spec))
            .collect();
        specs.into_iter()
    }

    /// The tool that takes back what a call of the one called `name` did, if it names one.
    #[must_use]
    pub fn undo_of(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|entry| entry.tool.undo())
    }

    /// What the tool called `name` says of itself.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<Arc<ToolSpec>> {
        self.get(name).map(|entry| Arc::clone(&entry.spec))
    }

    /// What the tool called `name` needs and no caller can be granted here.
    #[must_use]
    pub fn missing(&self, name: &str) -> Capabilities {
        let Some((ceiling, entry)) = self.ceiling.as_ref().zip(self.get(name)) else {
            return Capabilities::none();
        };
        if entry.configured {
            return Capabilities::none();
        }
        let needs = entry.spec.needs.iter().cloned();
        needs
            .filter(|need| ceiling.missing(&[need.clone()].into()).is_some())
            .collect()
    }

    /// Why the tool called `name` cannot be called by anybody: its schemas cannot be used.
    #[must_use]
    pub fn problem(&self, name: &str) -> Option<SchemaError> {
        self.get(name)?.schemas.as_ref().err().cloned()
    }

    /// All that the tools need, for a caller who may use each of them.
    #[must_use]
    pub fn needs(&self) -> Capabilities {
        self.specs().flat_map(|spec| spec.needs.clone()).collect()
    }

    /// What a call of the tool called `name` may touch for a caller who was granted `granted`: what both the caller and the node allow.
    ///
    /// # Errors
    /// When there is no such tool, or which capability is missing and where it can be granted.
    pub fn granted(&self, name: &str, granted: &Capabilities) -> Result<Capabilities, ToolError> {
        let entry = self.entry(name)?;
        Ok(self.grants(&entry, granted)?)
    }

    /// Calls the tool called `name`, if `granted` covers what it needs and the arguments fit its schema; the result fits the other.
    ///
    /// A tool's panic is the caller's, and so is a tool that does not listen; [`call_apart`](Self::call_apart) contains both.
    ///
    /// # Errors
    /// What the tool says, or that it was not called or gave too much or something else than it says.
    pub async fn call(
        &self,
        name: &str,
        granted: &Capabilities,
        mut call: ToolCall,
    ) -> Result<ToolOutput, ToolError> {
        let entry = self.entry(name)?;
        call.granted = self.grants(&entry, granted)?;
        call.check()?;
        let schemas = entry.schemas().map_err(ToolError::from)?;
        let asked = written(&call.args);
        if asked > FILLED_BYTES as u64 {
            let reason = format!(
                "they have {}, at most {} are read",
                size(asked),
                size(FILLED_BYTES as u64)
            );
            return Err(ToolError::invalid_arguments(name, reason));
        }
        schemas
            .input
            .check_args(&mut call.args)
            .map_err(|reason| ToolError::invalid_arguments(name, reason))?;
        let out_dir = call.out_dir.clone();
        let output = match &self.witness {
            Some(witness) if !call.goal.is_empty() => {
                let goal = call.goal.clone();
                witness.during(&goal, entry.tool.call(call)).await?
            }
            _ => entry.tool.call(call).await?,
        };
        let (asked, allowed) = (written(&output), self.result_bytes);
        if asked > allowed {
            return Err(Refused::TooMuch {
                tool: name.to_owned(),
                asked,
                allowed,
            }
            .into());
        }
        if let Err(wrong) = schemas.output.check(&output.value) {
            return Err(Refused::NotAsSaid {
                tool: name.to_owned(),
                wrong,
            }
            .into());
        }
        handed_over(name, &out_dir, &output.artifacts)?;
        Ok(output)
    }

    fn entry(&self, name: &str) -> Result<Arc<Entry>, Refused> {
        self.get(name).ok_or_else(|| Refused::UnknownTool {
            asked: name.chars().take(NAME_TOLD).collect(),
            known: self.known(),
        })
    }

    fn known(&self) -> String {
        let mut names: Vec<String> = self.read().keys().cloned().collect();
        let left_out = names.len().saturating_sub(NAMES_TOLD);
        names.truncate(NAMES_TOLD);
        let names = names.join(", ");
        match left_out {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }

    fn grants(&self, entry: &Entry, granted: &Capabilities) -> Result<Capabilities, Refused> {
        let needs = &entry.spec.needs;
        let tool = || entry.spec.name.clone();
        let ceiling = match entry.configured {
            true => Some(needs),
            false => self.ceiling.as_ref(),
        };
        if let Some(ceiling) = ceiling
            && let Some(missing) = ceiling.missing(needs)
        {
            return Err(Refused::AboveCeiling {
                tool: tool(),
                needs: missing.to_string(),
                add: match missing.open() {
                    Some(wider) => format!("{wider}/NAME, with the name that is meant,"),
                    None => "it".to_owned(),
                },
            });
        }
        let granted = match ceiling {
            Some(ceiling) => granted.within(ceiling),
            None => granted.clone(),
        };
        match granted.missing(needs) {
            None => Ok(granted),
            Some(missing) => Err(Refused::NotGranted {
                tool: tool(),
                needs: missing.to_string(),
            }),
        }
    }
}

impl Entry {
    fn schemas(&self) -> Result<&Schemas, Refused> {
        self.schemas.as_ref().map_err(|error| Refused::Unusable {
            tool: self.spec.name.clone(),
            error: error.clone(),
        })
    }
}

/// Whether these are files that a tool may hand over. Whoever gets the answer opens them by the names they have here, and an earlier result's
/// files are copied into other goals' folders: a tool must not be able to name a file that it could not have read or written itself.
fn handed_over(tool: &str, out_dir: &str, artifacts: &[Artifact]) -> Result<(), Refused> {
    if artifacts.len() > ARTIFACTS {
        return Err(Refused::TooManyFiles {
            tool: tool.to_owned(),
            asked: artifacts.len(),
        });
    }
    for artifact in artifacts {
        misplaced(out_dir, artifact).map_or(Ok(()), |why| {
            Err(Refused::NotItsFile {
                tool: tool.to_owned(),
                file: artifact.path.display().to_string(),
                why,
            })
        })?;
    }
    Ok(())
}

/// Why a file is none of a call's output folder, by the same rule by which the workspace writes into it.
fn misplaced(out_dir: &str, artifact: &Artifact) -> Option<String> {
    let path = &artifact.path;
    let folder = Path::new(out_dir);
    if out_dir.is_empty() {
        return Some("is none of this call's: it has no output folder".to_owned());
    }
    if path.parent() != Some(folder) || path.file_name().is_none() {
        return Some(format!("is not directly in the output folder {out_dir}"));
    }
    // A link in its place, or in the folder's, leads anywhere; so neither is followed.
    let is = |path: &Path, kind: fn(&fs::Metadata) -> bool| {
        fs::symlink_metadata(path).is_ok_and(|metadata| kind(&metadata))
    };
    if !is(folder, fs::Metadata::is_dir) {
        return Some("lies behind a link: the output folder is no folder".to_owned());
    }
    if !is(path, fs::Metadata::is_file) {
        return Some("is no regular file".to_owned());
    }
    let asked = artifact.description.len();
    (asked > DESCRIPTION).then(|| {
        format!("is described in {asked} bytes, allowed are {DESCRIPTION}; say less of it")
    })
}

/// Bytes of arguments or a result as they travel.
fn written(output: &impl Serialize) -> u64 {
    struct Counted(u64);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Nothing that counts can fail, and what cannot be written does not travel.
    let _ = serde_json::to_writer(&mut counted, output);
    counted.0
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use aios_work::Effect;
    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::*;

    /// A tool that hands over what it was made with.
    struct Hands(Vec<Artifact>);

    #[async_trait]
    impl Tool for Hands {
        fn spec(&self) -> ToolSpec {
            ToolSpec {
                name: "hands".to_owned(),
                description: "Hands over files.".to_owned(),
                input: json!({ "type": "object" }),
                output: json!({}),
                needs: Capabilities::none(),
                effect: Effect::Repeatable,
            }
        }

        async fn call(&self, _: ToolCall) -> Result<ToolOutput, ToolError> {
            Ok(ToolOutput {
                value: Value::Null,
                artifacts: self.0.clone(),
                ..ToolOutput::default()
            })
        }
    }

    fn artifact(path: PathBuf) -> Artifact {
        Artifact {
            path,
            media_type: "text/plain".to_owned(),
            description: "a file".to_owned(),
        }
    }

    async fn called(artifacts: Vec<Artifact>, out_dir: &str) -> Result<ToolOutput, ToolError> {
        let tools = Toolbox::default().with([Arc::new(Hands(artifacts)) as Arc<dyn Tool>]);
        let call = ToolCall {
            out_dir: out_dir.to_owned(),
            ..ToolCall::new(json!({}), Instant::now() + Duration::from_secs(60))
        };
        tools.call("hands", &Capabilities::none(), call).await
    }

    #[tokio::test]
    async fn a_tool_hands_over_files_of_its_folder_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let (out, beside) = (dir.path().join("out"), dir.path().join("secret"));
        fs::create_dir_all(out.join("below")).unwrap();
        for file in [&out.join("a.svg"), &out.join("below/b.svg"), &beside] {
            fs::write(file, "x").unwrap();
        }
        let folder = out.to_str().unwrap();
        let good = vec![artifact(out.join("a.svg"))];
        assert_eq!(
            called(good.clone(), folder).await.unwrap().artifacts,
            good,
            "its own file"
        );
        // The same folder, spelt otherwise but for nothing.
        let slashed = format!("{folder}/");
        assert_eq!(
            called(good.clone(), &slashed).await.unwrap().artifacts,
            good
        );

        for (path, why) in [
            (beside.clone(), "is not directly in the output folder"),
            (
                out.join("../secret"),
                "is not directly in the output folder",
            ),
            (
                out.join("below/b.svg"),
                "is not directly in the output folder",
            ),
            (out.join(".."), "is not directly in the output folder"),
            (
                PathBuf::from("a.svg"),
                "is not directly in the output folder",
            ),
            (PathBuf::new(), "is not directly in the output folder"),
            (out.join("below"), "is no regular file"),
            (out.join("none.svg"), "is no regular file"),
        ] {
            // It is found behind a good one too.
            let files = vec![good[0].clone(), artifact(path.clone())];
            let error = called(files, folder).await.unwrap_err();
            let says = error.to_string();
            assert!(
                says.contains("tool hands hands over") && says.contains(why),
                "{path:?}: {says}"
            );
        }
        let says = called(good, "").await.unwrap_err().to_string();
        assert!(says.contains("has no output folder"), "{says}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_is_a_link_or_lies_behind_one_is_not_handed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (out, beside) = (dir.path().join("out"), dir.path().join("secret"));
        fs::create_dir(&out).unwrap();
        fs::write(&beside, "x").unwrap();
        std::os::unix::fs::symlink(&beside, out.join("a.svg")).unwrap();
        let linked = vec![artifact(out.join("a.svg"))];
        let error = called(linked, out.to_str().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("is no regular file"), "{error}");

        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&out, &link).unwrap();
        fs::write(out.join("b.svg"), "x").unwrap();
        let behind = vec![artifact(link.join("b.svg"))];
        let error = called(behind, link.to_str().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("behind a link"), "{error}");
    }

    #[tokio::test]
    async fn the_files_handed_over_are_few_and_shortly_described() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        let file = dir.path().join("a.svg");
        fs::write(&file, "x").unwrap();
        let of = |length: usize| Artifact {
            description: "d".repeat(length),
            ..artifact(file.clone())
        };
        assert!(called(vec![of(DESCRIPTION)], folder).await.is_ok());
        assert!(called(vec![of(1); ARTIFACTS], folder).await.is_ok());
        let error = called(vec![of(1); ARTIFACTS + 1], folder)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("65 files, allowed are 64"),
            "{error}"
        );
        let error = called(vec![of(DESCRIPTION + 1)], folder).await.unwrap_err();
        assert!(
            error.to_string().contains("is described in 40961 bytes"),
            "{error}"
        );
    }
}
