//! Models that are loaded, freed and exchanged by command while the node runs.
//!
//! Its own engine alone does that: it holds one model that writes, and what a server holds is the server's to decide. The model that embeds
//! stays the configured one, because what the node's memory keeps is found by its vectors. What was loaded by command is loaded again whenever
//! the engine's supervisor builds it anew, up to the end of the node.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aios_control::socket::own_user;
use aios_control::{
    ControlError, ErrorKind, LoadModel, ModelFreed, ModelLine, ModelSwapped, SwapModel, UnloadModel,
};
use aios_inference::models::{self, Cache};
use aios_inference::{
    BlockingEngine, EngineError, EngineFactory, EngineHandle, ModelInfo, ModelRole, ModelSource,
};
use aios_work::content::ModelReport;
use parking_lot::Mutex;

use crate::config::engines::LOCAL;
use crate::generate::refused;
use crate::node::{Node, model_report};
use crate::rights::leads_to;

/// Characters of a model's name.
const NAME_MAX: usize = 64;
/// Files that a model's folder may hold.
const FILES_MAX: usize = 1_024;
/// How often a model is loaded by one command, where the engine is built anew meanwhile.
const TRIES: usize = 2;

/// Which model is to write.
#[derive(Debug, Clone, Default)]
enum Wanted {
    /// The one that the engine is built with.
    #[default]
    Configured,
    /// None.
    Nothing,
    /// This one, which may have to lie below a folder still.
    This(ModelSource, Option<String>),
}

/// What was commanded. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Models(Arc<Inside>);

#[derive(Default)]
struct Inside {
    wanted: Mutex<Wanted>,
    /// What thinks now, for reports.
    report: Mutex<ModelReport>,
    /// Held while a command is carried out: one after the other.
    turn: tokio::sync::Mutex<()>,
}

impl Models {
    /// The same engine, with the model that was last commanded. One that cannot be loaded any more leaves it as it was configured: an engine
    /// that thinks otherwise is better than none.
    pub(crate) fn over(&self, factory: EngineFactory) -> EngineFactory {
        let inside = Arc::clone(&self.0);
        Arc::new(move || {
            let mut engine = factory()?;
            let wanted = inside.wanted.lock().clone();
            match wanted {
                Wanted::Configured => {}
                Wanted::Nothing => {
                    if let Some(held) = writer(&engine.health().models) {
                        engine.unload(&held.name)?;
                    }
                }
                Wanted::This(source, folder) => again(&mut *engine, &source, folder.as_deref()),
            }
            Ok(engine)
        })
    }

    pub(crate) fn report(&self) -> ModelReport {
        self.0.report.lock().clone()
    }

    pub(crate) fn reports(&self, report: ModelReport) {
        *self.0.report.lock() = report;
    }
}

fn again(engine: &mut dyn BlockingEngine, source: &ModelSource, folder: Option<&str>) {
    // It may lead elsewhere by now, or be others' to write.
    let asked = source.path.to_string_lossy();
    match folder.map(|folder| file(folder, &asked)).transpose() {
        Ok(path) if path.as_ref().is_none_or(|path| *path == source.path) => {}
        refused => {
            let why = refused.err().map(|error| error.to_string());
            tracing::error!(model = %source.name, why, "what was loaded by command is not loaded again");
            return;
        }
    }
    match engine.load_model(source) {
        Ok(model) => {
            tracing::info!(model = %model.name, "what was loaded by command is loaded again")
        }
        Err(error) => {
            tracing::error!(model = %source.name, %error, "what was loaded by command cannot be loaded again");
        }
    }
}

/// The model that writes.
pub(crate) fn writer(models: &[ModelInfo]) -> Option<&ModelInfo> {
    models
        .iter()
        .find(|model| model.role == ModelRole::Generate)
}

impl Node {
    /// Loads a model into the node's own engine, which has none that writes.
    pub(crate) async fn load_model(&self, asked: LoadModel) -> Result<ModelLine, ControlError> {
        let node = self.clone();
        undisturbed(async move {
            let engine = node.loads(asked.engine.as_deref(), None)?;
            let _turn = node.parts.models.0.turn.lock().await;
            if let Some(held) = held(engine).await? {
                let message = format!(
                    "engine {LOCAL} holds {} already, and one at a time",
                    held.name
                );
                let swap = format!("swap it, or unload {} first", held.name);
                return Err(ControlError::new(ErrorKind::Conflict, message).advise(swap));
            }
            let source = node.source(asked.model, asked.name).await?;
            Ok(line(node.takes_up(engine, source).await?))
        })
        .await
    }

    /// Frees a model of the node's own engine.
    pub(crate) async fn unload_model(
        &self,
        asked: UnloadModel,
    ) -> Result<ModelFreed, ControlError> {
        let node = self.clone();
        undisturbed(async move {
            let engine = node.loads(asked.engine.as_deref(), Some(&asked.model))?;
            let _turn = node.parts.models.0.turn.lock().await;
            let held = holding(engine, &asked.model).await?;
            let name = held.name.clone();
            engine.unload(&name).await.map_err(refused)?;
            *node.parts.models.0.wanted.lock() = Wanted::Nothing;
            node.looks_anew(engine).await;
            tracing::info!(model = %name, "a model was unloaded by command");
            Ok(ModelFreed {
                name,
                engine: LOCAL.to_owned(),
                freed_bytes: held.memory_bytes,
            })
        })
        .await
    }

    /// Loads a model into the node's own engine in the place of another.
    pub(crate) async fn swap_model(&self, asked: SwapModel) -> Result<ModelSwapped, ControlError> {
        let node = self.clone();
        undisturbed(async move {
            let engine = node.loads(asked.engine.as_deref(), Some(&asked.current))?;
            let _turn = node.parts.models.0.turn.lock().await;
            let began = Instant::now();
            let before = holding(engine, &asked.current).await?.name;
            let source = node.source(asked.model, asked.name).await?;
            // The engine frees the old one when the new one stands, and not before.
            let now = line(node.takes_up(engine, source).await?);
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(ModelSwapped {
                before,
                now,
                took_ms,
            })
        })
        .await
    }

    /// The engine that is meant, if it is one that loads models: the node's own, which the others are not.
    fn loads(
        &self,
        engine: Option<&str>,
        model: Option<&str>,
    ) -> Result<&EngineHandle, ControlError> {
        let engines = &self.parts.engines;
        let named = engine.unwrap_or(LOCAL);
        if !engines.iter().any(|(name, _)| name == named) {
            let known: Vec<&str> = engines.iter().map(|(name, _)| name.as_str()).collect();
            let shown: String = named.chars().take(NAME_MAX).collect();
            let message = format!(
                "no engine is called {shown:?}; there are {}",
                known.join(", ")
            );
            return Err(ControlError::unknown(message));
        }
        let of_server = |name: &str| self.config().engines.contains_key(name);
        let served = self.config().engines.iter().find(|(_, settings)| {
            let has = |model: &str| settings.model == model || settings.embed_model == model;
            engine.is_none() && model.is_some_and(has)
        });
        if let Some(name) = Some(named)
            .filter(|name| of_server(name))
            .or_else(|| served.map(|(name, _)| name.as_str()))
        {
            let message = format!("engine {name} is a server, which decides itself what it holds");
            let advice = format!("change its models there, or `model` in [engines.{name}]");
            return Err(ControlError::new(ErrorKind::Conflict, message).advise(advice));
        }
        let own = engines.iter().find(|(name, _)| name == LOCAL);
        own.map(|(_, handle)| handle)
            .ok_or_else(|| ControlError::failed("the node has no engine of its own"))
    }

    /// Has the engine load a model, and remembers it for whenever the engine is built anew.
    async fn takes_up(
        &self,
        engine: &EngineHandle,
        (source, folder): (ModelSource, Option<String>),
    ) -> Result<ModelInfo, ControlError> {
        let mut tries = 0;
        let loaded = loop {
            tries += 1;
            let incarnation = engine.status().incarnation;
            let loaded = engine
                .load_model(source.clone())
                .await
                .map_err(unloadable)?;
            *self.parts.models.0.wanted.lock() = Wanted::This(source.clone(), folder.clone());
            // One that was built in between did not know of it yet.
            if engine.status().incarnation == incarnation || tries == TRIES {
                break loaded;
            }
        };
        self.looks_anew(engine).await;
        tracing::info!(model = %loaded.name, "a model was loaded by command");
        Ok(loaded)
    }

    async fn looks_anew(&self, engine: &EngineHandle) {
        let report = match self.config().engines.is_empty() {
            true => model_report(engine).await,
            false => model_report(&self.parts.thinks).await,
        };
        self.parts.models.reports(report);
    }

    /// Where a model comes from, and what it is called; and the folder that it must lie below, if it is none of the catalogue.
    async fn source(
        &self,
        model: String,
        name: Option<String>,
    ) -> Result<(ModelSource, Option<String>), ControlError> {
        let known = models::all().into_iter().find(|known| known.name == model);
        if let Some(pinned) = known {
            if name.as_deref().is_some_and(|name| name != pinned.name) {
                let message = format!("{model} is in the catalogue, and keeps its name");
                return Err(ControlError::invalid(message).advise("leave `name` out"));
            }
            if pinned.role != ModelRole::Generate {
                let message =
                    format!("{model} embeds, and the model that embeds stays the configured one");
                return Err(
                    ControlError::new(ErrorKind::Conflict, message).advise("load one that writes")
                );
            }
            let cache =
                Cache::of_user().map_err(|error| ControlError::failed(error.to_string()))?;
            if !cache.holds(pinned) {
                let message = format!("the files of {model} are not on the node's machine");
                return Err(ControlError::unknown(message)
                    .advise(format!("run `aios model pull {model}` there")));
            }
            return Ok((cache.source(pinned), None));
        }
        let folder = self.config().model.folder.clone();
        let below = folder.clone();
        let found = tokio::task::spawn_blocking(move || file(&below, &model)).await;
        let path = found
            .map_err(|_| ControlError::new(ErrorKind::Unavailable, "the node is stopping"))??;
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.or(stem.map(str::to_owned)).unwrap_or_default();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=NAME_MAX).contains(&name.len()) || !name.bytes().all(known) {
            let message = format!(
                "a model is called by 1 to {NAME_MAX} letters, digits, dots, lines and underscores"
            );
            return Err(ControlError::invalid(message).advise("say in `name` what it is called"));
        }
        let taken = self.parts.engines.iter().any(|(engine, _)| *engine == name);
        if taken || models::all().iter().any(|known| known.name == name) {
            let message = format!("{name} is what something else is called");
            return Err(ControlError::new(ErrorKind::Conflict, message)
                .advise("say in `name` what it is called instead"));
        }
        let source = ModelSource {
            name,
            role: ModelRole::Generate,
            path,
        };
        Ok((source, Some(folder)))
    }
}

/// The model that writes, of an engine that loads models at all.
async fn held(engine: &EngineHandle) -> Result<Option<ModelInfo>, ControlError> {
    let can = engine.capabilities().await.map_err(refused)?;
    if can.quantisations.is_empty() {
        let message = format!("engine {LOCAL} is {}, which loads no weights", can.name);
        return Err(ControlError::new(ErrorKind::Conflict, message)
            .advise("start the node with model.engine = \"burn\""));
    }
    let health = engine.health().await.map_err(refused)?;
    Ok(writer(&health.models).cloned())
}

/// The same, which is to have this name.
async fn holding(engine: &EngineHandle, asked: &str) -> Result<ModelInfo, ControlError> {
    let held = held(engine).await?;
    let writes = held.as_ref().map(|model| model.name.clone());
    if let Some(held) = held.filter(|model| model.name == asked) {
        return Ok(held);
    }
    let health = engine.health().await.map_err(refused)?;
    if health.models.iter().any(|model| model.name == asked) {
        let message =
            format!("{asked} embeds, and what the node's memory keeps is found by its vectors");
        return Err(ControlError::new(ErrorKind::Conflict, message)
            .advise("change it in the configuration, and start the node anew"));
    }
    let shown: String = asked.chars().take(NAME_MAX).collect();
    let writes = writes.map_or("none that writes".to_owned(), |name| name);
    let message = format!("engine {LOCAL} holds no model {shown:?}; it holds {writes}");
    Err(ControlError::unknown(message))
}

fn line(model: ModelInfo) -> ModelLine {
    ModelLine {
        name: model.name,
        engine: LOCAL.to_owned(),
        quantisation: model.quantisation,
        parameters: model.parameters,
        context_length: model.context_length,
        memory_bytes: model.memory_bytes,
    }
}

/// A file, or a folder of files, where models may be loaded from. Where it leads to counts, so that a link out of the folder leads nowhere;
/// and whether there is anything outside is said to nobody.
fn file(folder: &str, asked: &str) -> Result<PathBuf, ControlError> {
    let shown: String = asked.chars().take(200).collect();
    if folder.is_empty() {
        let known: Vec<&str> = models::all().iter().map(|model| model.name).collect();
        let message = format!(
            "{shown:?} is none of the catalogue ({}), and this node loads no files",
            known.join(", ")
        );
        return Err(ControlError::new(ErrorKind::Forbidden, message)
            .advise("let `model.folder` of its configuration name the folder of its models"));
    }
    let outside = || {
        let message = format!(
            "{shown:?} is neither in the catalogue nor in the folder of this node's models"
        );
        ControlError::new(ErrorKind::Forbidden, message)
            .advise("name a file below `model.folder` of its configuration by its absolute path")
    };
    let root = fs::canonicalize(folder).map_err(|_| outside())?;
    let found = leads_to(Path::new(asked)).ok_or_else(outside)?;
    if found == root || !found.starts_with(&root) {
        return Err(outside());
    }
    own_way(&root, &found)?;
    let about = fs::metadata(&found)
        .map_err(|_| ControlError::unknown(format!("there is no model {shown:?}")))?;
    if about.is_file() {
        return Ok(found);
    }
    if !about.is_dir() {
        return Err(ControlError::invalid(format!(
            "{shown:?} is neither a file nor a folder"
        )));
    }
    let entries = fs::read_dir(&found).map_err(|_| outside())?;
    for (at, entry) in entries.enumerate() {
        let inside = entry
            .ok()
            .and_then(|entry| fs::canonicalize(entry.path()).ok())
            .filter(|path| path.starts_with(&root) && at < FILES_MAX)
            .ok_or_else(outside)?;
        // A link leads elsewhere below the root, by a way of its own.
        own_way(&root, &inside)?;
    }
    Ok(found)
}

/// Every folder from the root down to a place, and what is there.
fn own_way(root: &Path, place: &Path) -> Result<(), ControlError> {
    let way = place.ancestors().take_while(|path| path.starts_with(root));
    { way }.filter(|path| path.exists()).try_for_each(own)
}

/// Refuses what others than the node's user and the system's may write: they choose what is loaded then, and may choose anew at any time.
fn own(path: &Path) -> Result<(), ControlError> {
    let about = fs::metadata(path).map_err(|error| ControlError::failed(error.to_string()))?;
    let others = about.mode() & 0o022 != 0 || ![own_user(), 0].contains(&about.uid());
    match others {
        false => Ok(()),
        true => {
            let message = format!("{} may be written by others", path.display());
            let error = ControlError::new(ErrorKind::Forbidden, message);
            Err(error.advise(
                "let it belong to the node's user and take the others' right to write (chmod go-w)",
            ))
        }
    }
}

/// Why a model was not loaded. That an engine loads none is not the asker's mistake but how it is.
fn unloadable(error: EngineError) -> ControlError {
    match &error {
        EngineError::Unsupported { .. } => {
            ControlError::new(ErrorKind::Conflict, error.to_string())
        }
        EngineError::ModelBroken { .. } => ControlError::failed(error.to_string()).advise(
            "name a whole file of a family that the engine knows; the model before is where it was",
        ),
        _ => refused(error),
    }
}

/// Carries a command to its end, whether or not whoever asked stays: half of it is no state to be in.
async fn undisturbed<T: Send + 'static>(
    work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        Err(ControlError::failed(format!(
            "the node fell over it: {error}"
        )))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn the_way_that_a_link_leads_is_looked_at_as_well() {
        use std::os::unix::fs::PermissionsExt;

        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap().join("models");
        let (whole, drop) = (root.join("whole"), root.join("drop"));
        let mode = |path: &Path, bits: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
        };
        for folder in [&root, &whole, &drop] {
            fs::create_dir_all(folder).unwrap();
            mode(folder, 0o755);
        }
        fs::write(drop.join("x"), "w").unwrap();
        mode(&drop.join("x"), 0o644);
        symlink(drop.join("x"), whole.join("model.safetensors")).unwrap();
        let found = || file(root.to_str().unwrap(), whole.to_str().unwrap());
        assert_eq!(found(), Ok(whole.clone()));
        // Whoever may write there puts another file in its place.
        mode(&drop, 0o777);
        assert_eq!(
            found().map_err(|error| error.kind),
            Err(ErrorKind::Forbidden)
        );
    }

    #[test]
    fn a_model_is_loaded_from_its_folder_and_no_path_leads_out_of_it() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let (models, other) = (root.join("models"), root.join("other"));
        for folder in [
            &models,
            &other,
            &models.join("whole"),
            &models.join("leaky"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(models.join("a.gguf"), "a").unwrap();
        fs::write(models.join("whole/model.safetensors"), "w").unwrap();
        fs::write(other.join("secret"), "s").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in ["", "whole", "leaky"] {
            mode(&models.join(path), 0o755);
        }
        for path in ["a.gguf", "whole/model.safetensors"] {
            mode(&models.join(path), 0o644);
        }
        symlink(other.join("secret"), models.join("link.gguf")).unwrap();
        symlink(other.join("secret"), models.join("leaky/model.safetensors")).unwrap();
        symlink(models.join("a.gguf"), models.join("same.gguf")).unwrap();
        let folder = models.to_str().unwrap();
        let find = |path: &Path| file(folder, path.to_str().unwrap());
        assert_eq!(find(&models.join("a.gguf")), Ok(models.join("a.gguf")));
        assert_eq!(find(&models.join("same.gguf")), Ok(models.join("a.gguf")));
        assert_eq!(find(&models.join("whole")), Ok(models.join("whole")));
        for (path, kind) in [
            (other.join("secret"), ErrorKind::Forbidden),
            (other.join("none"), ErrorKind::Forbidden),
            (models.join("link.gguf"), ErrorKind::Forbidden),
            (models.join("leaky"), ErrorKind::Forbidden),
            (models.join("../other/secret"), ErrorKind::Forbidden),
            (models.clone(), ErrorKind::Forbidden),
            (PathBuf::from("a.gguf"), ErrorKind::Forbidden),
            (PathBuf::from("/etc/passwd"), ErrorKind::Forbidden),
            (models.join("none.gguf"), ErrorKind::Unknown),
        ] {
            let refused = find(&path).map_err(|error| error.kind);
            assert_eq!(refused, Err(kind), "{}", path.display());
        }
        // Whoever may write there would choose what is loaded.
        for (path, open, closed) in [
            (models.clone(), 0o777, 0o755),
            (models.clone(), 0o775, 0o755),
            (models.join("whole"), 0o757, 0o755),
            (models.join("whole/model.safetensors"), 0o666, 0o644),
        ] {
            mode(&path, open);
            let refused = find(&models.join("whole")).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Forbidden, "{}", path.display());
            assert!(refused.what_to_do.contains("go-w"), "{refused:?}");
            mode(&path, closed);
            find(&models.join("whole")).unwrap();
        }
        let nothing = file("", models.join("a.gguf").to_str().unwrap());
        assert_eq!(
            nothing.map_err(|error| error.kind),
            Err(ErrorKind::Forbidden)
        );
    }
}
