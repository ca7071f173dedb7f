//! What could compute on this machine: each device with its self-test and the speed at which it reads memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::device::{adapter, noise, self_test};
use crate::kernel::Isa;

/// Width of the matrix that is read: 64 MiB of numbers, more than any cache near a processor and less than the smallest binding of an
/// adapter.
const WIDTH: usize = 4_096;
/// Times it is read; the median counts.
const ROUNDS: usize = 5;

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// As it calls itself.
    pub name: String,
    /// `cpu`, `adapter`, or `software adapter`, which computes on the processor.
    pub kind: &'static str,
    /// Why it is not to be trusted, if its test failed.
    pub fault: Option<String>,
    /// Thousand million bytes a second that a product of a matrix with a vector reads; none if it could not be measured.
    pub gigabytes_per_s: Option<f64>,
}

/// Every device, the processor first. Opens drivers, which may write to standard error, and takes some seconds.
///
/// The error says why there is no adapter.
pub fn devices() -> (Vec<DeviceReport>, Option<String>) {
    let cpu = Device::flex();
    let mut found = vec![DeviceReport {
        name: format!("{} ({})", std::env::consts::ARCH, Isa::detect().name()),
        kind: "cpu",
        fault: None,
        gigabytes_per_s: speed(&cpu),
    }];
    let none = match adapter() {
        Ok(adapter) => {
            let fault = self_test(&adapter.device).err();
            found.push(DeviceReport {
                kind: if adapter.is_software {
                    "software adapter"
                } else {
                    "adapter"
                },
                gigabytes_per_s: fault.is_none().then(|| speed(&adapter.device)).flatten(),
                name: adapter.name,
                fault,
            });
            None
        }
        Err(reason) => Some(reason),
    };
    (found, none)
}

fn speed(device: &Device) -> Option<f64> {
    let measured = catch_unwind(AssertUnwindSafe(|| {
        let matrix = noise([WIDTH, WIDTH], 7, device);
        let vector = noise([1, WIDTH], 8, device);
        let read = || -> Option<f64> {
            let begun = Instant::now();
            let product: Tensor<2> = vector.clone().matmul(matrix.clone());
            product.try_into_vec_as::<f32>().ok()?;
            Some(begun.elapsed().as_secs_f64())
        };
        // The first one compiles kernels and fills pools.
        read()?;
        let mut times: Vec<f64> = (0..ROUNDS).filter_map(|_| read()).collect();
        times.sort_by(f64::total_cmp);
        let median = *times.get(times.len() / 2)?;
        let bytes = (WIDTH * WIDTH * size_of::<f32>()) as f64;
        (median > 0.0).then(|| bytes / median / 1e9)
    }));
    measured.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_measured_and_sound() {
        let speed = speed(&Device::flex()).unwrap();
        assert!(speed.is_finite() && speed > 0.01, "{speed} GB/s");
    }
}
