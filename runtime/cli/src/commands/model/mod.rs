//! `aios model`: the models by themselves, without agents.

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::BlockingEngine;
use aios_inference::models::PinnedModel;

use crate::failure::Failure;
use crate::{quiet, weights};

pub(crate) mod embed;
pub(crate) mod list;
pub(crate) mod pull;
pub(crate) mod run;

/// An engine with one model loaded, fetched first if need be.
fn engine(model: &'static PinnedModel, device: &str) -> Result<BurnEngine, Failure> {
    let device: DeviceChoice = device
        .parse()
        .map_err(|error| Failure::usage(format!("--device: {error}")))?;
    let fetched = weights::fetch(model, &weights::cache()?)?;
    quiet::quietly(|| device.open());
    let mut engine = BurnEngine::new(BurnConfig {
        device,
        ..BurnConfig::default()
    })
    .map_err(|error| Failure::plain(error.to_string()))?;
    engine
        .load_model(&fetched.model)
        .map_err(|error| Failure::plain(error.to_string()))?;
    Ok(engine)
}
