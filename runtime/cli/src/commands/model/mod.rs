//! `aios model`: the models by themselves, without agents.

use std::path::Path;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::models::{self, PinnedModel};
use aios_inference::remote::RemoteConfig;
use aios_inference::{BlockingEngine, ModelRole, ModelSource};
use aios_runtime::config::Config;
use aios_runtime::probes;

use crate::failure::{Failure, Kind};
use crate::{quiet, weights};

pub(crate) mod command;
pub(crate) mod devices;
pub(crate) mod embed;
pub(crate) mod list;
pub(crate) mod probe;
pub(crate) mod pull;
pub(crate) mod run;

/// What a name on the command line means.
enum Named {
    /// A model that is known by hash.
    Pinned(&'static PinnedModel),
    /// A file, or a folder with one, of the user's own.
    File(ModelSource),
    /// A server of the configuration.
    Server(Box<RemoteConfig>),
}

/// The model that is meant: a known one, an engine of the configuration, or a file.
fn named(name: Option<&str>, config: &Config) -> Result<Named, Failure> {
    let Some(name) = name else {
        return Ok(Named::Pinned(&models::SMOLLM2_135M_INSTRUCT));
    };
    if let Some(pinned) = models::all().into_iter().find(|model| model.name == name) {
        return match pinned.role {
            ModelRole::Generate => Ok(Named::Pinned(pinned)),
            ModelRole::Embed => Err(Failure::usage(format!(
                "{name} embeds and does not write; `aios model embed` uses it"
            ))),
        };
    }
    if config.engines.contains_key(name) {
        return configured(config, name).map(|server| Named::Server(Box::new(server)));
    }
    let path = Path::new(name);
    if path.exists() {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        return Ok(Named::File(ModelSource {
            name: stem.to_string_lossy().into_owned(),
            role: ModelRole::Generate,
            path: path.to_owned(),
        }));
    }
    let known = models::all().into_iter().map(|model| model.name.to_owned());
    let known: Vec<String> = known.chain(config.engines.keys().cloned()).collect();
    Err(Failure::usage(format!(
        "{name:?} is neither a model that is known ({}) nor a file",
        known.join(", ")
    )))
}

/// A server of the configuration, with what it was found to honour.
fn configured(config: &Config, name: &str) -> Result<RemoteConfig, Failure> {
    let Some(settings) = config.engines.get(name) else {
        let known: Vec<&str> = config.engines.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!(
            "no engine is called {name:?}; those of the configuration are {}",
            if known.is_empty() {
                "none: write one as [engines.NAME] with kind, address and model".to_owned()
            } else {
                known.join(", ")
            }
        )));
    };
    let mut engine = settings
        .remote(name)
        .map_err(|error| Failure::new(Kind::Settings, error))?;
    engine.honours = probes::read(&weights::probes()?, name)
        .filter(|probe| probe.address == engine.address.to_string() && probe.model == engine.model);
    Ok(engine)
}

/// An engine with one known model loaded, fetched first if need be.
fn engine(model: &'static PinnedModel, device: &str) -> Result<BurnEngine, Failure> {
    let device = device_choice(device)?;
    loaded(&weights::fetch(model, &weights::cache()?)?.model, device)
}

fn device_choice(device: &str) -> Result<DeviceChoice, Failure> {
    device
        .parse()
        .map_err(|error| Failure::usage(format!("--device: {error}")))
}

/// An engine with a model loaded.
fn loaded(model: &ModelSource, device: DeviceChoice) -> Result<BurnEngine, Failure> {
    quiet::quietly(|| device.open());
    let mut engine = BurnEngine::new(BurnConfig {
        device,
        ..BurnConfig::default()
    })
    .map_err(|error| Failure::plain(error.to_string()))?;
    engine
        .load_model(model)
        .map_err(|error| Failure::plain(error.to_string()))?;
    Ok(engine)
}
