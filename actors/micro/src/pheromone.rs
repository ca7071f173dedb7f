//! Trails that agents leave and others follow: the ant colony's memory.
//!
//! Whoever finishes a piece of work deposits pheromone on the way it took, more if the way was good; everything deposited
//! evaporates with a half-life. Whoever must choose a way follows the stronger trail more often, but not always, so that a
//! way that has become better is found again. Nothing here reads a clock or a random source: both are handed in.
//!
//! Why the choice is weighted by `level ^ sensitivity` with a sensitivity below one: a way that is chosen with probability
//! `p` and earns reward `r` holds a level in proportion to `p * r`. With sensitivity 1 the strongest way takes everything,
//! whatever its lead; with `s < 1` there is one stable point, `p` in proportion to `r ^ (s / (1 - s))`. The default 0.75
//! gives `r` cubed: twice as good is chosen eight times as often, and nobody starves.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use rand::{Rng, RngCore};

/// How strongly trails hold and how boldly they are followed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrailConfig {
    /// Time in which an untouched trail loses half its level.
    pub half_life: Duration,
    /// Level of a way nobody has used; also the level below which no trail falls. Above zero.
    pub floor: f64,
    /// Level above which no trail rises, so that one flood of deposits can be outlived.
    pub ceiling: f64,
    /// Exponent of the level in the choice; below 1 keeps several ways alive (see the module's text).
    pub sensitivity: f64,
    /// Share of choices made without looking at the trails, from 0 to 1.
    pub exploration: f64,
    /// Trails remembered at once; a new one above that displaces the weakest.
    pub capacity: usize,
}

impl Default for TrailConfig {
    fn default() -> Self {
        Self {
            half_life: Duration::from_secs(10),
            floor: 1.0,
            ceiling: 1e9,
            sensitivity: 0.75,
            exploration: 0.02,
            capacity: 4096,
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrailError {
    /// Nothing would ever evaporate, or everything at once.
    #[error("half-life is zero; give the time in which a trail halves, such as 10 s")]
    NoHalfLife,
    /// Levels must satisfy `0 < floor < ceiling`, both finite.
    #[error(
        "floor {floor} and ceiling {ceiling} do not satisfy 0 < floor < ceiling; both must be finite"
    )]
    Levels {
        /// The floor that was asked for.
        floor: f64,
        /// The ceiling that was asked for.
        ceiling: f64,
    },
    /// The exponent is negative or not a number.
    #[error("sensitivity is {0}; give a finite number of at least 0")]
    Sensitivity(f64),
    /// The share is not a share.
    #[error("exploration is {0}; give a share from 0 to 1")]
    Exploration(f64),
    /// No trail could be remembered.
    #[error("capacity is 0; give the number of trails to remember")]
    NoCapacity,
}

impl TrailConfig {
    /// Says what is wrong with this configuration, if anything.
    ///
    /// # Errors
    /// The first field that cannot work.
    pub fn check(&self) -> Result<(), TrailError> {
        if self.half_life.is_zero() {
            return Err(TrailError::NoHalfLife);
        }
        let levels = self.floor > 0.0 && self.floor < self.ceiling && self.ceiling.is_finite();
        if !levels {
            return Err(TrailError::Levels {
                floor: self.floor,
                ceiling: self.ceiling,
            });
        }
        if !(self.sensitivity.is_finite() && self.sensitivity >= 0.0) {
            return Err(TrailError::Sensitivity(self.sensitivity));
        }
        if !(0.0..=1.0).contains(&self.exploration) {
            return Err(TrailError::Exploration(self.exploration));
        }
        if self.capacity == 0 {
            return Err(TrailError::NoCapacity);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Trail {
    level: f64,
    at: Duration,
}

/// Trails to keys of any small type: executors, engines, next hops.
///
/// `now` is the time since an epoch of the caller's choice; only differences matter, and a `now` before the last one counts
/// as no time passed.
#[derive(Debug, Clone)]
pub struct Trails<K> {
    config: TrailConfig,
    trails: HashMap<K, Trail>,
    displaced: u64,
}

impl<K: Eq + Hash + Clone> Trails<K> {
    /// No trail yet: every key is at the floor.
    ///
    /// # Errors
    /// What [`TrailConfig::check`] finds.
    pub fn new(config: TrailConfig) -> Result<Self, TrailError> {
        config.check()?;
        Ok(Self {
            config,
            trails: HashMap::new(),
            displaced: 0,
        })
    }

    /// Adds to the trail of `key`. A deposit that is not a positive number leaves everything as it was.
    pub fn deposit(&mut self, key: K, amount: f64, now: Duration) {
        if !(amount.is_finite() && amount > 0.0) {
            return;
        }
        if !self.trails.contains_key(&key) && self.trails.len() >= self.config.capacity {
            self.displace_weakest(now);
        }
        let level = (self.level(&key, now) + amount).min(self.config.ceiling);
        let at = self.trails.get(&key).map_or(now, |trail| trail.at.max(now));
        self.trails.insert(key, Trail { level, at });
    }

    /// Keeps only a share of the trail of `key` (0 wipes it, 1 changes nothing): the answer to a failure on that way.
    pub fn weaken(&mut self, key: &K, keep: f64, now: Duration) {
        let level = self.level(key, now) * keep.clamp(0.0, 1.0);
        if let Some(trail) = self.trails.get_mut(key) {
            *trail = Trail {
                level: level.max(self.config.floor),
                at: trail.at.max(now),
            };
        }
    }

    /// Forgets a way that no longer exists.
    pub fn forget(&mut self, key: &K) {
        self.trails.remove(key);
    }

    /// What is left of the trail of `key`.
    pub fn level(&self, key: &K, now: Duration) -> f64 {
        self.trails
            .get(key)
            .map_or(self.config.floor, |trail| self.evaporated(trail, now))
    }

    /// Picks one of `ways`, the stronger trail more often; `None` only if there is no way.
    pub fn choose<'a, R: RngCore + ?Sized>(
        &self,
        ways: &'a [K],
        rng: &mut R,
        now: Duration,
    ) -> Option<&'a K> {
        if ways.len() < 2 || rng.random::<f64>() < self.config.exploration {
            return (!ways.is_empty()).then(|| &ways[rng.random_range(0..ways.len())]);
        }
        let weights: Vec<f64> = ways
            .iter()
            .map(|way| self.level(way, now).powf(self.config.sensitivity))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut mark = rng.random::<f64>() * total;
        for (way, weight) in ways.iter().zip(&weights) {
            mark -= weight;
            if mark < 0.0 {
                return Some(way);
            }
        }
        ways.last() // rounding left the mark at the very end
    }

    /// All trails with their present level, in no order.
    pub fn iter(&self, now: Duration) -> impl Iterator<Item = (&K, f64)> + '_ {
        self.trails
            .iter()
            .map(move |(key, trail)| (key, self.evaporated(trail, now)))
    }

    /// Number of trails remembered.
    pub fn len(&self) -> usize {
        self.trails.len()
    }

    /// Whether nothing was deposited yet.
    pub fn is_empty(&self) -> bool {
        self.trails.is_empty()
    }

    /// Trails given up because the capacity was reached.
    pub fn displaced(&self) -> u64 {
        self.displaced
    }

    fn evaporated(&self, trail: &Trail, now: Duration) -> f64 {
        let halvings =
            now.saturating_sub(trail.at).as_secs_f64() / self.config.half_life.as_secs_f64();
        (trail.level * (-halvings).exp2()).max(self.config.floor)
    }

    fn displace_weakest(&mut self, now: Duration) {
        let weakest = self
            .trails
            .iter()
            .min_by(|a, b| {
                self.evaporated(a.1, now)
                    .total_cmp(&self.evaporated(b.1, now))
            })
            .map(|(key, _)| key.clone());
        if let Some(key) = weakest {
            self.trails.remove(&key);
            self.displaced += 1;
        }
    }
}

/// The deposit earned by work that took `took` where `usual` is normal: 1 at the usual time, 2 at half of it, at most 100.
pub fn reward(took: Duration, usual: Duration) -> f64 {
    (usual.as_secs_f64() / took.as_secs_f64().max(1e-9)).min(100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn trails() -> Trails<u8> {
        Trails::new(TrailConfig {
            floor: 0.01,
            ..TrailConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn a_trail_halves_every_half_life_down_to_the_floor() {
        let mut trails = trails();
        trails.deposit(1, 8.0, secs(0));
        for (now, expected) in [(0, 8.01), (10, 4.005), (20, 2.0025), (10_000, 0.01)] {
            assert!(
                (trails.level(&1, secs(now)) - expected).abs() < 1e-9,
                "at {now} s"
            );
        }
        assert_eq!(
            trails.level(&2, secs(0)),
            0.01,
            "a way nobody used is at the floor"
        );
    }

    #[test]
    fn time_running_backwards_evaporates_nothing_and_adds_nothing() {
        let mut trails = trails();
        trails.deposit(1, 4.0, secs(100));
        let before = trails.level(&1, secs(100));
        assert_eq!(trails.level(&1, secs(50)), before);
        trails.deposit(1, 1.0, secs(50));
        assert!((trails.level(&1, secs(100)) - before - 1.0).abs() < 1e-9);
    }

    #[test]
    fn deposits_that_are_no_positive_number_change_nothing() {
        for amount in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut trails = trails();
            trails.deposit(1, amount, secs(0));
            assert!(trails.is_empty(), "{amount}");
        }
    }

    #[test]
    fn choice_follows_the_level_raised_to_the_sensitivity() {
        let config = TrailConfig {
            sensitivity: 0.5,
            exploration: 0.0,
            floor: 1e-6,
            ..TrailConfig::default()
        };
        let mut trails = Trails::new(config).unwrap();
        trails.deposit('a', 9.0, secs(0));
        trails.deposit('b', 1.0, secs(0));
        let mut rng = SmallRng::seed_from_u64(7);
        let rounds = 20_000;
        let a = (0..rounds)
            .filter(|_| trails.choose(&['a', 'b'], &mut rng, secs(0)) == Some(&'a'))
            .count();
        let share = a as f64 / f64::from(rounds);
        assert!(
            (share - 0.75).abs() < 0.02,
            "sqrt(9) : sqrt(1) is three to one, found {share}"
        );
    }

    #[test]
    fn exploration_keeps_a_forgotten_way_alive_and_no_way_gives_none() {
        let mut trails = Trails::new(TrailConfig {
            exploration: 0.1,
            ..TrailConfig::default()
        })
        .unwrap();
        trails.deposit('a', 1e8, secs(0));
        let mut rng = SmallRng::seed_from_u64(1);
        let b = (0..10_000)
            .filter(|_| trails.choose(&['a', 'b'], &mut rng, secs(0)) == Some(&'b'))
            .count();
        assert!((400..=600).contains(&b), "half of a tenth, found {b}");
        assert_eq!(trails.choose(&[], &mut rng, secs(0)), None);
        assert_eq!(trails.choose(&['z'], &mut rng, secs(0)), Some(&'z'));
    }

    #[test]
    fn a_full_memory_gives_up_its_weakest_trail_and_counts_it() {
        let mut trails = Trails::new(TrailConfig {
            capacity: 2,
            ..TrailConfig::default()
        })
        .unwrap();
        trails.deposit('a', 5.0, secs(0));
        trails.deposit('b', 1.0, secs(0));
        trails.deposit('c', 2.0, secs(1));
        assert_eq!((trails.len(), trails.displaced()), (2, 1));
        assert_eq!(trails.level(&'b', secs(1)), 1.0, "back at the floor");
    }

    #[test]
    fn a_failure_weakens_a_trail_and_never_below_the_floor() {
        let mut trails = trails();
        trails.deposit(1, 10.0, secs(0));
        trails.weaken(&1, 0.5, secs(0));
        assert!((trails.level(&1, secs(0)) - 5.005).abs() < 1e-9);
        trails.weaken(&1, 0.0, secs(0));
        assert_eq!(trails.level(&1, secs(0)), 0.01);
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        let good = TrailConfig::default();
        let bad = [
            TrailConfig {
                half_life: Duration::ZERO,
                ..good.clone()
            },
            TrailConfig {
                floor: 0.0,
                ..good.clone()
            },
            TrailConfig {
                ceiling: f64::INFINITY,
                ..good.clone()
            },
            TrailConfig {
                floor: f64::NAN,
                ..good.clone()
            },
            TrailConfig {
                sensitivity: -1.0,
                ..good.clone()
            },
            TrailConfig {
                exploration: 1.5,
                ..good.clone()
            },
            TrailConfig {
                capacity: 0,
                ..good.clone()
            },
        ];
        assert!(good.check().is_ok());
        for config in bad {
            assert!(Trails::<u8>::new(config.clone()).is_err(), "{config:?}");
        }
    }

    proptest! {
        #[test]
        fn levels_stay_between_floor_and_ceiling_and_memory_within_capacity(
            steps in prop::collection::vec((0u8..40, 0.0f64..1e12, 0u64..1_000), 1..200)
        ) {
            let config = TrailConfig { capacity: 16, ..TrailConfig::default() };
            let mut trails = Trails::new(config.clone()).unwrap();
            for (key, amount, now) in steps {
                trails.deposit(key, amount, secs(now));
                prop_assert!(trails.len() <= config.capacity);
                for (_, level) in trails.iter(secs(now)) {
                    prop_assert!((config.floor..=config.ceiling).contains(&level));
                }
            }
        }
    }
}
