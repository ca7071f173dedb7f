//! A buffer pool ruled by its page agents: under pressure a few of them state what they are worth, the least worth leaves.
//!
//! Every page has its agent whether it is resident or not, so a page that comes back brings the memory of its heat with
//! it; LRU and CLOCK forget a page with its frame. The pager itself knows only which page lies in which frame.

use rand::{Rng, RngCore};

use crate::arena::ArenaConfig;
use crate::event::{Act, Event};
use crate::handle::Handle;
use crate::kind::Kind;
use crate::kinds::{Page, page};
use crate::refusal::Refusal;
use crate::step::{StepConfig, Stepper};

/// Page agents asked in each round; sixteen random ones contain one of the coldest eighth nearly always (88 %).
const ASKED: usize = 16;
/// Half-life of heat, in accesses per frame.
const MEMORY: u64 = 8;

/// What an access found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The page was there.
    Hit,
    /// It was not; a free frame took it.
    Loaded,
    /// It was not; it took the frame of this page.
    Evicted(u32),
}

/// Frames for some of many pages.
#[derive(Debug)]
pub struct Pager {
    swarm: Stepper<Page>,
    agents: Vec<Handle>,
    /// Page in each frame.
    frames: Vec<u32>,
    capacity: usize,
    accesses: u64,
    round: u32,
}

impl Pager {
    /// A pool of `frames` frames for pages `0..pages`, all on disk.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`] if there are more pages than one arena holds.
    pub fn new(pages: u32, frames: usize) -> Result<Self, Refusal> {
        let arena = ArenaConfig {
            capacity: pages,
            ..ArenaConfig::default()
        };
        let config = StepConfig {
            arena,
            near: 1,
            far: 1,
            restart: Page::RESTART,
            intensity: Page::INTENSITY,
        };
        let mut swarm = Stepper::new(0, &config);
        let agents = (0..u64::from(pages))
            .map(|page| swarm.spawn(page))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            swarm,
            agents,
            frames: Vec::with_capacity(frames),
            capacity: frames.max(1),
            accesses: 0,
            round: 0,
        })
    }

    /// Uses a page, making room for it if need be. A page number out of range is taken modulo the number of pages.
    pub fn access<R: RngCore + ?Sized>(&mut self, page: u32, rng: &mut R) -> Access {
        let page = page as usize % self.agents.len().max(1);
        self.accesses += 1;
        let now = self.accesses * u64::from(Page::HALF_LIFE) / (MEMORY * self.capacity as u64);
        let touch = Event::inform(self.agents[page], page::TOUCH, 0);
        self.swarm.step(now, &[touch]);
        if self.bid(page).is_some() {
            return Access::Hit;
        }
        let (frame, access) = if self.frames.len() < self.capacity {
            self.frames.push(page as u32);
            (self.frames.len() - 1, Access::Loaded)
        } else {
            let frame = self.consensus(now, rng);
            let leaving = std::mem::replace(&mut self.frames[frame], page as u32);
            self.request(now, leaving as usize, page::EVICT, 0);
            (frame, Access::Evicted(leaving))
        };
        self.request(now, page, page::LOAD, frame as u32);
        access
    }

    /// Forgets what a page that lies in no frame was worth, because its number stands for something else from now on: its agent
    /// ends and a new one comes. Says whether it did; a page in a frame is left as it is.
    pub fn forget(&mut self, page: u32) -> bool {
        let Some(agent) = self.agents.get_mut(page as usize) else {
            return false;
        };
        let gone = self.swarm.state(*agent).is_some_and(|page| !page.resident);
        if !gone || self.swarm.free(*agent).is_err() {
            return false;
        }
        match self.swarm.spawn(page.into()) {
            Ok(born) => *agent = born,
            Err(_) => return false, // there is room: one has just left
        }
        true
    }

    /// Asks some residents for their bids; the frame of the lowest.
    fn consensus<R: RngCore + ?Sized>(&mut self, now: u64, rng: &mut R) -> usize {
        self.round += 1;
        let mut asked = [0; ASKED];
        asked
            .iter_mut()
            .for_each(|frame| *frame = rng.random_range(0..self.frames.len()));
        let ballot = asked.map(|frame| {
            let agent = self.agents[self.frames[frame] as usize];
            Event::new(agent, Act::Request, page::PRESSURE, 0, self.round)
        });
        self.swarm.step(now, &ballot);
        let bid = |frame: &usize| self.bid(self.frames[*frame] as usize).unwrap_or(0.0);
        asked
            .into_iter()
            .min_by(|a, b| bid(a).total_cmp(&bid(b)))
            .unwrap_or(0)
    }

    fn request(&mut self, now: u64, page: usize, code: u8, value: u32) {
        self.swarm.step(
            now,
            &[Event::new(self.agents[page], Act::Request, code, 0, value)],
        );
    }

    /// The last bid of a page, if it is resident.
    fn bid(&self, page: usize) -> Option<f32> {
        let state = self.swarm.state(self.agents[page])?;
        state.resident.then_some(state.bid)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn pages_are_loaded_until_the_frames_are_full_and_then_the_coldest_leaves() {
        let mut pager = Pager::new(10, 3).unwrap();
        let mut rng = SmallRng::seed_from_u64(1);
        for page in [0, 1, 2] {
            assert_eq!(pager.access(page, &mut rng), Access::Loaded);
        }
        for _ in 0..5 {
            assert_eq!(pager.access(0, &mut rng), Access::Hit);
            assert_eq!(pager.access(2, &mut rng), Access::Hit);
        }
        assert_eq!(pager.access(7, &mut rng), Access::Evicted(1));
        assert_eq!(pager.access(7, &mut rng), Access::Hit);
    }

    #[test]
    fn a_number_that_is_forgotten_starts_cold_and_one_in_a_frame_stays() {
        let mut pager = Pager::new(4, 2).unwrap();
        let mut rng = SmallRng::seed_from_u64(1);
        for page in [0, 0, 0, 0, 0, 0, 1, 2, 3] {
            pager.access(page, &mut rng);
        }
        let resident: Vec<u32> = (0..4)
            .filter(|page| pager.bid(*page as usize).is_some())
            .collect();
        assert_eq!(resident.len(), 2);
        for page in 0..4 {
            let agent = pager.agents[page as usize];
            assert_eq!(pager.forget(page), !resident.contains(&page));
            assert_eq!(
                pager.agents[page as usize] == agent,
                resident.contains(&page)
            );
        }
        assert!(!pager.forget(4), "there is no such page");
        for page in 0..4 {
            pager.access(page, &mut rng);
        }
        assert_eq!(pager.access(3, &mut rng), Access::Hit);
    }

    #[test]
    fn a_page_that_comes_back_is_still_known() {
        let mut pager = Pager::new(100, 2).unwrap();
        let mut rng = SmallRng::seed_from_u64(1);
        for page in [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 0] {
            pager.access(page, &mut rng);
        }
        assert_eq!(
            pager.access(0, &mut rng),
            Access::Hit,
            "passers-by did not displace it"
        );
    }
}
