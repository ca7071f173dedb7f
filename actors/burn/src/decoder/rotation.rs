//! Rotary positions: by how much each pair of a head is turned at each position.

use super::Config;
use super::config::Turn;

/// The rotation of most layers, and the one of layers that see a window.
#[derive(Debug)]
pub(super) struct Rotations {
    all: Rotation,
    windowed: Option<Rotation>,
}

impl Rotations {
    pub(super) fn new(config: &Config) -> Self {
        let rotation = |turn: &Turn| Rotation::new(turn.clone(), config.dim / 2);
        Self {
            all: rotation(&config.turn),
            windowed: config.window.as_ref().map(|window| rotation(&window.turn)),
        }
    }

    /// Makes the tables as long as these positions need.
    pub(super) fn reach(&mut self, positions: usize) {
        self.all.reach(positions);
        if let Some(windowed) = &mut self.windowed {
            windowed.reach(positions);
        }
    }

    /// Cosines and sines of a layer from a position on, for as many positions; they were [reached](Self::reach) before.
    pub(super) fn of_layer(
        &self,
        is_windowed: bool,
        position: usize,
        count: usize,
    ) -> (&[f32], &[f32]) {
        match &self.windowed {
            Some(windowed) if is_windowed => windowed.from(position, count),
            _ => self.all.from(position, count),
        }
    }
}

/// Cosines and sines, `[position][pair]`, as far as positions were used.
#[derive(Debug)]
struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
    turn: Turn,
}

impl Rotation {
    fn new(turn: Turn, half: usize) -> Self {
        Self {
            cos: Vec::new(),
            sin: Vec::new(),
            half,
            turn,
        }
    }

    fn reach(&mut self, positions: usize) {
        let (half, turn) = (self.half, &self.turn);
        let angle = |i: usize| {
            let (position, pair) = ((i / half) as f64, i % half);
            let factor = turn.factors.as_ref().map_or(1.0, |f| f64::from(f[pair]));
            position / turn.slower / factor / turn.base.powf(pair as f64 / half as f64)
        };
        let fresh = self.cos.len()..(positions * half).max(self.cos.len());
        self.cos
            .extend(fresh.clone().map(|i| angle(i).cos() as f32));
        self.sin.extend(fresh.map(|i| angle(i).sin() as f32));
    }

    fn from(&self, position: usize, count: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + count) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_turns_by_the_position_over_the_base_its_factor_and_what_slows_it() {
        let turn = |slower, factors| Turn {
            base: 10_000.0,
            slower,
            factors,
        };
        let mut factors = vec![1.0; 16];
        factors[8] = 4.0;
        for (turn, first, angle) in [
            (turn(1.0, None), 3.0, 3.0 / 100.0),
            (turn(8.0, None), 3.0 / 8.0, 3.0 / 100.0 / 8.0),
            (turn(1.0, Some(factors)), 3.0, 3.0 / 100.0 / 4.0),
        ] {
            let mut rotation = Rotation::new(turn, 16);
            assert!(rotation.cos.is_empty(), "a table is as long as it was used");
            rotation.reach(4);
            let (cos, sin) = rotation.from(3, 1);
            assert!((sin[0] - f32::sin(first)).abs() < 1e-6, "{first}");
            assert!((cos[0] - f32::cos(first)).abs() < 1e-6, "{first}");
            assert!((sin[8] - f32::sin(angle)).abs() < 1e-6, "{angle}");
            assert!((cos[8] - f32::cos(angle)).abs() < 1e-6, "{angle}");
        }
    }
}
