//! Evaporation inside the swarm: `2^(-ticks / half-life)` by two table look-ups, because it happens on nearly every event.

/// Milliseconds since the zone started; wraps after 49 days, and differences wrap with it.
pub type Tick = u32;

const STEPS: usize = 256;

/// The factor that is left of a pheromone level after some ticks.
#[derive(Debug, Clone)]
pub struct Decay {
    fine: Box<[f32; STEPS]>,
    coarse: Box<[f32; STEPS]>,
    half_life: f32,
}

impl Decay {
    /// `half_life` in ticks; 0 is taken as 1.
    pub fn new(half_life: Tick) -> Self {
        let half_life = half_life.max(1) as f32;
        let table = |stride: f32| {
            Box::new(std::array::from_fn(|i| {
                (-(i as f32) * stride / half_life).exp2()
            }))
        };
        Self {
            fine: table(1.0),
            coarse: table(STEPS as f32),
            half_life,
        }
    }

    /// What is left after `ticks`.
    #[inline]
    pub fn factor(&self, ticks: Tick) -> f32 {
        match self.coarse.get((ticks >> 8) as usize) {
            Some(coarse) => coarse * self.fine[(ticks & 0xFF) as usize],
            None => (-(ticks as f32) / self.half_life).exp2(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_formula() {
        for half_life in [1, 10, 1_000, 10_000, 3_600_000] {
            let decay = Decay::new(half_life);
            for ticks in [0, 1, 255, 256, 9_999, 65_535, 65_536, 1_000_000] {
                let expected = (-(f64::from(ticks)) / f64::from(half_life)).exp2();
                let found = f64::from(decay.factor(ticks));
                assert!(
                    (found - expected).abs() <= 1e-5 * expected + 1e-38,
                    "{ticks} of {half_life}: {found}"
                );
            }
        }
    }
}
