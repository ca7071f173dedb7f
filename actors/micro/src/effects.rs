//! What an agent may do: tell others in its zone, deposit pheromone, leave or fall asleep. Nothing else can be expressed,
//! which is how the rules of the tier hold: there is no way up from here and no act beyond inform and query-if.

use crate::event::{Act, Event};
use crate::handle::Handle;

/// How an agent leaves after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Stays,
    Stops,
    Sleeps,
}

/// Collects what one agent does in answer to one event.
#[derive(Debug)]
pub struct Effects<'a> {
    pub(crate) me: Handle,
    /// Events for this shard, and for the others; both have a fixed capacity that is never grown.
    pub(crate) near: &'a mut Vec<Event>,
    pub(crate) far: &'a mut Vec<Event>,
    pub(crate) refused: u32,
    pub(crate) not_understood: bool,
    pub(crate) misused: bool,
    pub(crate) deposit: f32,
    pub(crate) ending: Ending,
}

impl Effects<'_> {
    /// Tells another agent something; false if the outbox is full, which is also counted.
    #[inline]
    pub fn inform(&mut self, to: Handle, code: u8, arg: u16, value: u32) -> bool {
        self.say(Act::Inform, to, code, arg, value)
    }

    /// Asks another agent something; it answers by inform if it wants to.
    #[inline]
    pub fn query_if(&mut self, to: Handle, code: u8, arg: u16, value: u32) -> bool {
        self.say(Act::QueryIf, to, code, arg, value)
    }

    /// Adds to the agent's own pheromone. What is not a positive number adds nothing.
    #[inline]
    pub fn deposit(&mut self, amount: f32) {
        if amount > 0.0 && amount.is_finite() {
            self.deposit += amount;
        }
    }

    /// The agent has done its work and leaves; a permanent one begins anew.
    #[inline]
    pub fn stop(&mut self) {
        self.ending = Ending::Stops;
    }

    /// The agent takes no more events until the population resumes it.
    #[inline]
    pub fn sleep(&mut self) {
        self.ending = Ending::Sleeps;
    }

    /// The event's code is not in this kind's vocabulary; it is counted and not answered.
    #[inline]
    pub fn not_understood(&mut self) {
        self.not_understood = true;
    }

    /// By this event somebody did with the agent's resource what it had no right to; it is counted and not answered.
    #[inline]
    pub fn misused(&mut self) {
        self.misused = true;
    }

    #[inline]
    fn say(&mut self, act: Act, to: Handle, code: u8, arg: u16, value: u32) -> bool {
        let event = Event {
            to,
            from: Some(self.me),
            value,
            arg,
            code,
            act,
        };
        let queue = if to.shard() == self.me.shard() {
            &mut *self.near
        } else {
            &mut *self.far
        };
        if queue.len() == queue.capacity() {
            self.refused += 1;
            return false;
        }
        queue.push(event);
        true
    }
}
