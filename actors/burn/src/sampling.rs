//! Chooses the next token.

use aios_inference::{EngineError, Sampling};
use toktrie::SimpleVob;

/// Candidates whose logit lies this many temperatures below the best (probability below 1e-13) are not sorted.
const NEGLIGIBLE: f32 = 30.0;

/// One request's choice, with its own random numbers.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    state: u64,
    candidates: Vec<(u32, f32)>,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Result<Self, EngineError> {
        let mut state = 0;
        if let Sampling::Seeded {
            seed,
            temperature,
            top_p,
            ..
        } = sampling
        {
            let refuse = |reason: String| Err(EngineError::BadRequest { reason });
            if !(temperature > 0.0 && temperature <= 100.0) {
                return refuse(format!(
                    "temperature {temperature}, above 0 up to 100 allowed; use greedy sampling for 0"
                ));
            }
            if !(top_p > 0.0 && top_p <= 1.0) {
                return refuse(format!("top_p {top_p}, above 0 up to 1 allowed"));
            }
            state = seed;
        }
        Ok(Self {
            sampling,
            state,
            candidates: Vec::new(),
        })
    }

    /// The next token among the allowed ones; `None` if no logit is a number.
    pub(crate) fn pick(&mut self, logits: &[f32], allowed: Option<&SimpleVob>) -> Option<u32> {
        let choices = || {
            let ids = (0u32..).zip(logits.iter().copied());
            ids.filter(|(id, logit)| {
                logit.is_finite() && allowed.is_none_or(|mask| mask.is_allowed(*id))
            })
        };
        let best = choices().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let Sampling::Seeded {
            temperature,
            top_p,
            top_k,
            ..
        } = self.sampling
        else {
            return Some(best.0);
        };

        self.candidates.clear();
        self.candidates.extend(
            choices()
                .map(|(id, logit)| (id, (logit - best.1) / temperature))
                .filter(|(_, logit)| *logit > -NEGLIGIBLE),
        );
        // Ties are put in the order of ids, so that the draw is the same on each run.
        self.candidates
            .sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if top_k > 0 {
            self.candidates.truncate(top_k);
        }
        let mut total = 0.0;
        for (_, weight) in &mut self.candidates {
            *weight = weight.exp();
            total += *weight;
        }
        let mut kept = 0.0;
        let wanted = self.candidates.iter().take_while(|(_, weight)| {
            let more = kept < top_p * total;
            kept += if more { *weight } else { 0.0 };
            more
        });
        let wanted = wanted.count();
        let mut left = self.next_unit() as f32 * kept;
        for (id, weight) in &self.candidates[..wanted] {
            left -= weight;
            if left < 0.0 {
                return Some(*id);
            }
        }
        self.candidates[..wanted].last().map(|(id, _)| *id)
    }

    /// SplitMix64: short, and the same in every version of every library.
    fn next_unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The highest logits, highest first, the lower id first among equals.
pub(crate) fn top(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    if count == 0 {
        return Vec::new();
    }
    let mut all: Vec<(u32, f32)> = (0u32..).zip(logits.iter().copied()).collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if count < all.len() {
        all.select_nth_unstable_by(count, order);
        all.truncate(count);
    }
    all.sort_unstable_by(order);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded(seed: u64, temperature: f32, top_p: f32, top_k: usize) -> Sampler {
        Sampler::new(Sampling::Seeded {
            seed,
            temperature,
            top_p,
            top_k,
        })
        .unwrap()
    }

    #[test]
    fn greedy_takes_the_highest_and_the_lowest_id_among_equals() {
        let mut sampler = Sampler::new(Sampling::Greedy).unwrap();
        let mut allowed = SimpleVob::alloc(4);
        allowed.allow_token(0);
        for (logits, mask, picked) in [
            ([1.0, 3.0, 3.0, 2.0], None, Some(1)),
            ([1.0, f32::NAN, 3.0, 2.0], None, Some(2)),
            ([1.0, 3.0, 3.0, 2.0], Some(&allowed), Some(0)),
            ([f32::NAN; 4], None, None),
        ] {
            assert_eq!(sampler.pick(&logits, mask), picked, "{logits:?}");
        }
    }

    #[test]
    fn one_seed_draws_one_sequence() {
        let logits = [0.0, 0.1, 0.2, 0.3];
        let draw = |seed| {
            let mut sampler = seeded(seed, 1.0, 1.0, 0);
            (0..50)
                .map(|_| sampler.pick(&logits, None).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!((0..4).all(|id| draw(7).contains(&id)));
    }

    #[test]
    fn limits_cut_off_the_tail() {
        let logits = [5.0, 4.0, 1.0, 0.0];
        for (name, mut sampler, highest) in [
            ("top_k 1", seeded(1, 1.0, 1.0, 1), 0),
            ("top_k 2", seeded(1, 5.0, 1.0, 2), 1),
            ("top_p below the best", seeded(1, 1.0, 0.5, 0), 0),
            ("top_p of two", seeded(1, 1.0, 0.9, 0), 1),
        ] {
            assert!(
                (0..200).all(|_| sampler.pick(&logits, None).unwrap() <= highest),
                "{name}"
            );
        }
    }

    #[test]
    fn frequencies_follow_probabilities() {
        let mut sampler = seeded(3, 1.0, 1.0, 0);
        let logits = [0.0, (3.0f32).ln()];
        let ones = (0..10_000)
            .filter(|_| sampler.pick(&logits, None) == Some(1))
            .count();
        assert!(
            (7_300..7_700).contains(&ones),
            "{ones} of 10000, 7500 expected"
        );
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        for (temperature, top_p) in [
            (0.0, 1.0),
            (f32::NAN, 1.0),
            (1.0, 0.0),
            (1.0, 1.5),
            (-1.0, 1.0),
        ] {
            let sampling = Sampling::Seeded {
                seed: 0,
                temperature,
                top_p,
                top_k: 0,
            };
            assert_eq!(
                Sampler::new(sampling).unwrap_err().label(),
                "bad_request",
                "{temperature} {top_p}"
            );
        }
    }

    #[test]
    fn top_is_sorted_and_bounded() {
        assert_eq!(
            top(&[1.0, 3.0, 3.0, 2.0], 3),
            [(1, 3.0), (2, 3.0), (3, 2.0)]
        );
        assert_eq!(top(&[1.0], 5), [(0, 1.0)]);
        assert_eq!(top(&[1.0], 0), []);
    }
}
