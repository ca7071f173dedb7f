//! Which device computes: the choice, and the test an adapter must pass before it is trusted.
//!
//! Drivers have returned wrong numbers without any error, so an adapter's results are compared with those of the processor
//! once at start. `auto` takes a real adapter that passes and otherwise the processor; `wgpu` insists on an adapter, even a
//! software one, but not on wrong results.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::OnceLock;

use aios_inference::{EngineError, Platform};
use burn::tensor::{Device, Tensor, TensorData, activation};
use burn_wgpu::{WgpuBackend, WgpuDevice, WgpuInitError};

/// Results may differ from the processor's by this share of the largest value.
const TOLERANCE: f32 = 1e-3;

/// How adapters are reached. Left to itself the library tries OpenGL after Vulkan, which on a machine without a GPU writes
/// complaints about the missing display to standard error and can abort the process when it is let go.
const API: WgpuBackend = if cfg!(target_os = "linux") {
    WgpuBackend::Vulkan
} else {
    WgpuBackend::Auto
};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real adapter if one is there and passes its test, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An adapter, or an error.
    Wgpu,
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
        })
    }
}

impl DeviceChoice {
    /// Opens and tests the device as [`BurnEngine::new`](crate::BurnEngine::new) will, for which it then costs little.
    ///
    /// Drivers write to standard error as they please when they are opened, once for a process. A program that shows
    /// something there calls this first, with standard error turned elsewhere.
    pub fn open(self) {
        // What is wrong with it the engine will say.
        let _ = choose(self, "");
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            _ => Err(format!("unknown device {text:?}; use auto, cpu or wgpu")),
        }
    }
}

/// The device in use.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) device: Device,
    pub(crate) is_cpu: bool,
    pub(crate) name: String,
    pub(crate) platform: Platform,
    /// Why an adapter that is there is not used.
    pub(crate) refused: Option<String>,
}

impl Chosen {
    fn cpu(isa: &str, refused: Option<String>) -> Self {
        let name = format!("cpu ({}, {isa})", std::env::consts::ARCH);
        Self {
            device: Device::flex(),
            is_cpu: true,
            name,
            platform: Platform::Cpu,
            refused,
        }
    }
}

/// The adapter of this process. Burn registers one for a process and for ever, so a second engine shares it, and asking
/// the drivers anew would only make them talk again.
static ADAPTER: OnceLock<Result<Adapter, String>> = OnceLock::new();

/// An adapter that was opened.
#[derive(Clone)]
pub(crate) struct Adapter {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) is_software: bool,
}

pub(crate) fn choose(choice: DeviceChoice, isa: &str) -> Result<Chosen, EngineError> {
    if choice == DeviceChoice::Cpu {
        return Ok(Chosen::cpu(isa, None));
    }
    let insists = choice == DeviceChoice::Wgpu;
    let adapter = match adapter() {
        Ok(adapter) => adapter,
        Err(reason) if insists => return Err(EngineError::Device { reason }),
        Err(reason) => {
            tracing::debug!(reason, "no graphics adapter, the processor computes");
            return Ok(Chosen::cpu(isa, None));
        }
    };
    if adapter.is_software && !insists {
        tracing::debug!(
            adapter = adapter.name,
            "software adapter passed over, the processor computes"
        );
        return Ok(Chosen::cpu(isa, None));
    }
    if let Err(reason) = self_test(&adapter.device) {
        let reason = format!("adapter {:?} failed its test: {reason}", adapter.name);
        if insists {
            return Err(EngineError::Device { reason });
        }
        tracing::warn!(reason, "the processor computes");
        return Ok(Chosen::cpu(isa, Some(reason)));
    }
    let platform = match () {
        () if adapter.is_software => Platform::Cpu,
        () if cfg!(all(target_os = "macos", target_arch = "aarch64")) => Platform::AppleSilicon,
        () => Platform::Gpu,
    };
    Ok(Chosen {
        name: format!("wgpu ({})", adapter.name),
        device: adapter.device,
        is_cpu: false,
        platform,
        refused: None,
    })
}

/// The best adapter.
pub(crate) fn adapter() -> Result<Adapter, String> {
    ADAPTER.get_or_init(open_adapter).clone()
}

/// Opens the best adapter. A driver that panics counts as no adapter.
fn open_adapter() -> Result<Adapter, String> {
    let opened = catch_unwind(|| match Device::wgpu_options().graphics_api(API).init() {
        Ok(device) => Ok(device),
        // Somebody else in this process uses Burn too.
        Err(WgpuInitError::Registration { .. }) => Ok(Device::from(WgpuDevice {
            backend: API,
            ..WgpuDevice::default()
        })),
        Err(error) => Err(error.to_string()),
    });
    let device = opened.map_err(|_| "the graphics driver failed on opening".to_owned())??;
    let identity = device
        .identity()
        .ok_or("the adapter does not say what it is")?;
    Ok(Adapter {
        device,
        is_software: identity.physical.is_none(),
        name: identity.name,
    })
}

/// Compares matrix products and an attention block with the processor's.
pub(crate) fn self_test(device: &Device) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| {
        for [rows, inner, cols] in [[1, 576, 192], [37, 64, 129], [64, 256, 96]] {
            let product = |device: &Device| {
                noise([rows, inner], 1, device).matmul(noise([cols, inner], 2, device).transpose())
            };
            compare(
                &format!("a {rows}x{inner}x{cols} product"),
                product(device),
                product(&Device::flex()),
            )?;
        }
        compare(
            "an attention block",
            attention_block(device),
            attention_block(&Device::flex()),
        )
    }))
    .unwrap_or_else(|_| Err("it crashed".to_owned()))
}

/// Normalisation, attention and a gated product, as the models use them.
fn attention_block(device: &Device) -> Tensor<2> {
    let (tokens, width, heads) = (19, 64, 4);
    let x = noise([tokens, width], 3, device);
    let x = x.clone() / ((x.clone() * x).mean_dim(1) + 1e-5).sqrt();
    let split = |seed| {
        let part = x.clone().matmul(noise([width, width], seed, device));
        part.reshape([tokens, heads, width / heads]).swap_dims(0, 1)
    };
    let scores = split(4).matmul(split(5).swap_dims(1, 2)) * 0.25;
    let seen = activation::softmax(scores, 2)
        .matmul(split(6))
        .swap_dims(0, 1)
        .reshape([tokens, width]);
    activation::silu(seen.clone()) * activation::gelu(seen) + x
}

/// Numbers from -0.5 to 0.5, the same on each device.
pub(crate) fn noise(shape: [usize; 2], seed: u32, device: &Device) -> Tensor<2> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let values = (0..shape[0] * shape[1]).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    });
    Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), shape), device)
}

fn compare(what: &str, found: Tensor<2>, wanted: Tensor<2>) -> Result<(), String> {
    let values = |tensor: Tensor<2>| tensor.try_into_vec_as::<f32>().map_err(|e| e.to_string());
    let (found, wanted) = (values(found)?, values(wanted)?);
    let largest = wanted.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let apart =
        found.iter().zip(&wanted).fold(
            0.0f32,
            |m, (a, b)| if (a - b).abs() <= m { m } else { (a - b).abs() },
        );
    if found.len() == wanted.len() && apart <= TOLERANCE * largest {
        Ok(())
    } else {
        Err(format!(
            "{what} is off by {apart:.2e}, {:.2e} allowed",
            TOLERANCE * largest
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_passes_its_own_test() {
        self_test(&Device::flex()).unwrap();
    }

    #[test]
    fn a_wrong_result_is_refused() {
        let flex = Device::flex();
        let good = || noise([3, 4], 1, &flex);
        for (name, found) in [
            ("zeros", good() * 0.0),
            ("slightly off", good() + 0.01),
            ("not a number", good() / 0.0 * 0.0),
        ] {
            assert!(compare(name, found, good()).is_err(), "{name}");
        }
    }

    #[test]
    fn choices_are_read_as_they_are_written() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Wgpu] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!(
            "cuda"
                .parse::<DeviceChoice>()
                .unwrap_err()
                .contains("auto, cpu or wgpu")
        );
    }

    #[test]
    fn an_adapter_is_used_when_insisted_on_and_a_software_one_only_then() {
        match choose(DeviceChoice::Wgpu, "portable") {
            Ok(chosen) => {
                assert!(!chosen.is_cpu && chosen.name.starts_with("wgpu"));
                let is_software = chosen.platform == Platform::Cpu;
                assert_eq!(
                    choose(DeviceChoice::Auto, "portable").unwrap().is_cpu,
                    is_software
                );
            }
            Err(error) => assert_eq!(error.label(), "device", "{error}"),
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        let chosen = choose(DeviceChoice::Cpu, "portable").unwrap();
        assert!(chosen.is_cpu && chosen.name.starts_with("cpu"));
        assert!(choose(DeviceChoice::Auto, "portable").is_ok());
    }
}
