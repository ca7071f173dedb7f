//! Looking at every agent of a shard without stopping it: a survey goes over the slots in slices between batches, keeps
//! the strongest few and two histograms, and costs nothing while nobody asks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;

use crate::handle::Handle;
use crate::kind::Kind;
use crate::slot::Life;
use crate::step::Stepper;

/// Classes of a histogram; class `i > 0` holds values from `2^(i-1)` up to `2^i`, class 0 those below 1.
pub const CLASSES: usize = 24;
/// Most agents a survey names.
pub const TOP_MOST: usize = 1024;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyRequest {
    /// How many of the agents with most pheromone to name; at most [`TOP_MOST`].
    pub top: usize,
    /// Look at every n-th slot only: 1 sees all, 64 is a quick picture.
    pub every: u32,
}

/// An agent among the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Strong {
    /// The agent, as a number.
    pub agent: u64,
    /// Its resource.
    pub resource: u64,
    /// Its pheromone.
    pub pheromone: f32,
    /// Its restarts, at most 255 shown.
    pub restarts: u8,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Survey {
    /// Agents looked at.
    pub seen: u64,
    /// Those of them asleep.
    pub asleep: u64,
    /// The strongest, strongest first.
    pub top: Vec<Strong>,
    /// How many agents have so much pheromone, by class.
    pub pheromone: [u64; CLASSES],
    /// How many agents have been idle so many milliseconds, by class.
    pub idle_ms: [u64; CLASSES],
}

impl Survey {
    /// Adds what another shard saw.
    pub(crate) fn add(&mut self, other: Self, top: usize) {
        self.seen += other.seen;
        self.asleep += other.asleep;
        self.pheromone
            .iter_mut()
            .zip(other.pheromone)
            .for_each(|(mine, theirs)| *mine += theirs);
        self.idle_ms
            .iter_mut()
            .zip(other.idle_ms)
            .for_each(|(mine, theirs)| *mine += theirs);
        self.top.extend(other.top);
        self.top.sort_by(|a, b| b.pheromone.total_cmp(&a.pheromone));
        self.top.truncate(top);
    }
}

/// A survey under way.
#[derive(Debug)]
pub(crate) struct Looking {
    request: SurveyRequest,
    next: u32,
    found: Survey,
    top: BinaryHeap<Reverse<(u32, u32)>>, // (bits of the pheromone, which order as it does, slot)
}

impl Looking {
    pub(crate) fn new(request: SurveyRequest) -> Self {
        let request = SurveyRequest {
            top: request.top.min(TOP_MOST),
            every: request.every.max(1),
        };
        Self {
            request,
            next: 0,
            found: Survey::default(),
            top: BinaryHeap::new(),
        }
    }

    /// Looks at up to `slots` more; the survey when it is complete.
    pub(crate) fn go_on<K: Kind>(&mut self, stepper: &Stepper<K>, slots: u32) -> Option<Survey> {
        let all = stepper.arena.slots();
        let end = self
            .next
            .saturating_add(slots.saturating_mul(self.request.every))
            .min(all);
        while self.next < end {
            self.look(stepper, self.next);
            self.next = self.next.saturating_add(self.request.every);
        }
        if self.next < all {
            return None;
        }
        let mut found = std::mem::take(&mut self.found);
        found.top = self
            .top
            .drain()
            .filter_map(|Reverse((_, slot))| strong(stepper, slot))
            .collect();
        found
            .top
            .sort_by(|a, b| b.pheromone.total_cmp(&a.pheromone));
        Some(found)
    }

    fn look<K: Kind>(&mut self, stepper: &Stepper<K>, index: u32) {
        let Some(slot) = stepper.arena.slot(index) else {
            return;
        };
        if matches!(slot.header.life, Life::Free | Life::Retired) {
            return;
        }
        let pheromone = stepper.left_of(slot.header.pheromone, slot.header.touched) as f32;
        self.found.seen += 1;
        self.found.asleep += u64::from(slot.header.life == Life::Suspended);
        self.found.pheromone[class(pheromone as u32)] += 1;
        self.found.idle_ms[class(stepper.now().wrapping_sub(slot.header.touched))] += 1;
        let bits = pheromone.to_bits(); // levels are never negative, so their bits order as they do
        if self.top.len() < self.request.top {
            self.top.push(Reverse((bits, index)));
        } else if self
            .top
            .peek()
            .is_some_and(|Reverse((weakest, _))| bits > *weakest)
        {
            self.top.pop();
            self.top.push(Reverse((bits, index)));
        }
    }
}

fn class(value: u32) -> usize {
    ((u32::BITS - value.leading_zeros()) as usize).min(CLASSES - 1)
}

fn strong<K: Kind>(stepper: &Stepper<K>, index: u32) -> Option<Strong> {
    let agent = stepper.arena.handle_of(index).map(Handle::bits)?;
    let header = &stepper.arena.slot(index)?.header;
    let pheromone = stepper.left_of(header.pheromone, header.touched) as f32;
    Some(Strong {
        agent,
        resource: header.resource,
        pheromone,
        restarts: header.restarts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::testing::{DEPOSIT, small_stepper};

    #[test]
    fn a_survey_in_slices_names_the_strongest_and_sorts_all_into_classes() {
        let mut stepper = small_stepper();
        let agents: Vec<Handle> = (0..100)
            .map(|i| stepper.spawn(1_000 + i).unwrap())
            .collect();
        stepper.free(agents[50]).unwrap();
        stepper.suspend(agents[10], true).unwrap();
        let events: Vec<Event> = agents
            .iter()
            .enumerate()
            .map(|(i, agent)| Event::inform(*agent, DEPOSIT, i as u32))
            .collect();
        stepper.step(1, &events);
        let mut looking = Looking::new(SurveyRequest { top: 3, every: 1 });
        let mut slices = 1;
        let found = loop {
            match looking.go_on(&stepper, 7) {
                Some(found) => break found,
                None => slices += 1,
            }
        };
        assert_eq!(slices, 100_usize.div_ceil(7));
        assert_eq!((found.seen, found.asleep), (99, 1));
        assert_eq!(
            found
                .top
                .iter()
                .map(|strong| strong.resource)
                .collect::<Vec<_>>(),
            [1_099, 1_098, 1_097]
        );
        assert_eq!(found.pheromone[..8], [2, 1, 2, 4, 7, 16, 31, 36]);
        assert_eq!(found.pheromone.iter().sum::<u64>(), 99);
    }

    #[test]
    fn a_sampled_survey_sees_its_share() {
        let mut stepper = small_stepper();
        for i in 0..100 {
            stepper.spawn(i).unwrap();
        }
        let found = Looking::new(SurveyRequest { top: 0, every: 10 })
            .go_on(&stepper, u32::MAX)
            .unwrap();
        assert_eq!((found.seen, found.top.len()), (10, 0));
    }
}
