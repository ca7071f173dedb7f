//! Which engine a node thinks with.
//!
//! A factory, not an engine: the supervisor calls it again whenever the engine falls.

use std::sync::Arc;

use aios_inference::{EngineFactory, ScriptedEngine};

/// The deterministic engine that needs no weights: figures are the same, prose is plainer.
pub fn scripted() -> EngineFactory {
    Arc::new(|| Ok(Box::new(ScriptedEngine::new())))
}

/// The Burn engine with the language model and the embedder from the cache.
#[cfg(feature = "burn")]
pub fn burn(device: crate::config::Device, cache: &aios_inference::models::Cache) -> EngineFactory {
    use aios_burn::{BurnConfig, BurnEngine};
    use aios_inference::BlockingEngine;
    use aios_inference::models::{ALL_MINILM_L6_V2, SMOLLM2_135M_INSTRUCT};

    let device = self::device(device);
    let models = [
        cache.source(&SMOLLM2_135M_INSTRUCT),
        cache.source(&ALL_MINILM_L6_V2),
    ];
    Arc::new(move || {
        let mut engine = BurnEngine::new(BurnConfig {
            device,
            ..BurnConfig::default()
        })?;
        for model in &models {
            engine.load_model(model)?;
        }
        Ok(Box::new(engine))
    })
}

/// Opens the device that the Burn engines of this process will share. Drivers may write to standard error meanwhile, so a
/// program that shows something there does this first.
#[cfg(feature = "burn")]
pub fn open_device(device: crate::config::Device) {
    self::device(device).open();
}

/// A configured device in Burn's words.
#[cfg(feature = "burn")]
pub fn device(device: crate::config::Device) -> aios_burn::DeviceChoice {
    use aios_burn::DeviceChoice;

    match device {
        crate::config::Device::Auto => DeviceChoice::Auto,
        crate::config::Device::Cpu => DeviceChoice::Cpu,
        crate::config::Device::Wgpu => DeviceChoice::Wgpu,
    }
}
