//! The agent that is measured: as large as a page agent and as busy, and it panics on demand.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_micro::{
    Act, ArenaConfig, Around, Effects, Event, Handle, Intensity, Kind, KindConfig, Population,
    Restart, Source, StepConfig, Stepper, WholeLine, Zone,
};
use aios_supervisor::{Supervisor, SupervisorRef};

/// How long a shard has for an answer before the measurement is given up.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// Pause of a teller whose events found no room.
pub(crate) const WAIT: Duration = Duration::from_micros(200);

/// Counts the event.
pub(crate) const TOUCH: u8 = 0;
/// Panics by an index out of bounds, the dearest of the usual panics: its message is formatted and it comes from nine frames
/// down.
pub(crate) const PANIC: u8 = 9;
/// Panics with a fixed sentence.
pub(crate) const PANIC_PLAINLY: u8 = 11;
/// Notes how long the event was under way; `value` is when it was told, in tenths of a microsecond.
pub(crate) const TIMED: u8 = 10;

/// Latencies in classes of 10 us.
pub(crate) static LATENCIES: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];

pub(crate) fn tenth_us() -> u32 {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    (STARTED.get_or_init(Instant::now).elapsed().as_nanos() / 100) as u32
}

pub(crate) struct Probe;

const UNLIMITED: Intensity = Intensity {
    restarts: u32::MAX,
    within: Duration::from_secs(1),
};

impl Kind for Probe {
    const NAME: &'static str = "probe";
    const BYTES: usize = 64;
    type Line = WholeLine;
    type State = [u64; 5];
    const INTENSITY: Intensity = UNLIMITED;

    fn birth(_: u64) -> [u64; 5] {
        [0; 5]
    }

    fn behave(
        state: &mut [u64; 5],
        event: &Event,
        _: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            TOUCH => {
                state[0] += 1;
                state[1] += u64::from(event.value);
                effects.deposit(1.0);
            }
            TIMED => {
                let class = tenth_us().wrapping_sub(event.value) as usize / 100;
                LATENCIES[class.min(LATENCIES.len() - 1)].fetch_add(1, Relaxed);
            }
            PANIC => {
                let nothing: &[u64] = &state[5..];
                state[2] = nothing[event.value as usize];
            }
            PANIC_PLAINLY => panic!("the agent cannot go on"),
            _ => effects.not_understood(),
        }
    }
}

/// So many probes on one supervised shard.
pub(crate) struct Probes {
    pub(crate) tree: SupervisorRef,
    pub(crate) population: Population,
    /// The one that was born first.
    pub(crate) first: Handle,
}

impl Probes {
    pub(crate) async fn start(
        agents: u64,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let config = KindConfig {
            source: Source::Range(0..agents),
            ..KindConfig::of::<Probe>()
        };
        let zone = Zone::builder("numa-0").kind::<Probe>(config).build()?;
        let tree = Supervisor::start(zone.spec).await?;
        let population = zone.population;
        let first = population.find(Probe::NAME, 0, SOON).await?;
        Ok(Self {
            tree,
            first: first.ok_or("no agent was born")?,
            population,
        })
    }
}

/// Waits until the shards have dealt with so many events in all.
pub(crate) async fn settled(population: &Population, events: u64) {
    let dealt_with = || {
        let counts = population.totals().counts();
        counts.handled + counts.panics
    };
    while dealt_with() < events {
        tokio::time::sleep(WAIT).await;
    }
}

/// A stepper without agents.
pub(crate) fn stepper() -> Stepper<Probe> {
    Stepper::new(
        0,
        &StepConfig {
            arena: ArenaConfig::default(),
            near: 65_536,
            far: 16_384,
            restart: Restart::Transient,
            intensity: UNLIMITED,
        },
    )
}

/// The agent so many slots behind the first one, all of them born in order.
pub(crate) fn after(first: Handle, slots: u64) -> Handle {
    Handle::from_bits(first.bits() + slots).unwrap_or(first)
}

/// A small generator: the figures are about delivery, not about randomness.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) * limit) >> 32
    }
}

/// Events to tell, one in a hundred with the code `hundredth`, to random agents or to one after another.
pub(crate) fn events(
    first: Handle,
    agents: u64,
    dice: Option<&mut Dice>,
    hundredth: u8,
    count: usize,
) -> Vec<Event> {
    let mut next = 0;
    let mut dice = dice;
    (0..count)
        .map(|number| {
            next = match &mut dice {
                Some(dice) => dice.below(agents),
                None => (next + 1) % agents,
            };
            let code = if number % 100 == 99 { hundredth } else { TOUCH };
            Event::new(after(first, next), Act::Inform, code, 0, 1)
        })
        .collect()
}
