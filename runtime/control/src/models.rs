//! Models of a node's own engine, as the contract speaks of them: loaded, freed, and one in the place of another.

use serde::{Deserialize, Serialize};

/// A model to be loaded by an engine that has none that writes.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadModel {
    /// One of the catalogue by its name, or a file by its absolute path, in the folder that `model.folder` of the configuration grants.
    #[cfg_attr(feature = "http", schemars(length(min = 1, max = 4_096)))]
    pub model: String,
    /// What a file is called from now on; without it as the file is, without its ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub name: Option<String>,
    /// Which engine, by its name; the node's own without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// A model to be freed.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnloadModel {
    /// Its name.
    pub model: String,
    /// Of which engine; of the one that has it without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// A model to be loaded in the place of another, which is freed when the new one is there. What is under way is finished by the old one, and
/// what waits is taken up by the new one. One that cannot be loaded leaves the old one where it is.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapModel {
    /// The name of the one that is there.
    pub current: String,
    /// What takes its place: see [`LoadModel::model`].
    #[cfg_attr(feature = "http", schemars(length(min = 1, max = 4_096)))]
    pub model: String,
    /// What a file is called from now on: see [`LoadModel::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub name: Option<String>,
    /// Of which engine; of the one that has it without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// A model that an engine holds.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLine {
    /// Its name.
    pub name: String,
    /// The engine.
    pub engine: String,
    /// How its weights are stored, such as `Q4_1`.
    pub quantisation: String,
    /// Number of weights.
    pub parameters: u64,
    /// Tokens it can attend to.
    pub context_length: u32,
    /// Bytes it holds while loaded.
    pub memory_bytes: u64,
}

/// A model that was freed.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFreed {
    /// Its name.
    pub name: String,
    /// The engine.
    pub engine: String,
    /// Bytes it held.
    pub freed_bytes: u64,
}

/// A model in the place of another.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSwapped {
    /// The name of the one that was freed.
    pub before: String,
    /// The one that is there now.
    pub now: ModelLine,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}
