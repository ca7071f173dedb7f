//! The loop of one shard on its own thread: take what waits, step, carry out orders, hand on, publish, sleep.
//!
//! Long looks over all agents (surveys, sweeps, searches) are jobs that advance one slice per round, so events never wait
//! for them longer than a slice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::handle::Handle;
use crate::kind::Kind;
use crate::port::{AgentView, Gauges, Order, Port, Reply};
use crate::refusal::Refusal;
use crate::step::Stepper;
use crate::survey::{Looking, Survey};

/// Time since the zone began, as the embedder's clock tells it.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// An asker that has gone away is no reason to stop: its answer is simply not taken.
fn answer<T>(reply: Reply<T>, found: T) {
    let _ = reply.send(found);
}

/// Slots a job passes per round: a quarter of a megabyte of page agents, some 50 us.
const SLICE: u32 = 4096;

enum Job {
    Sweep {
        event: Event,
        from: u32,
        reply: Reply<()>,
    },
    Survey {
        looking: Box<Looking>,
        reply: Reply<Survey>,
    },
    Find {
        resource: u64,
        from: u32,
        reply: Reply<Option<Handle>>,
    },
    SpawnRange {
        next: u64,
        end: u64,
        born: u64,
        reply: Reply<Result<u64, Refusal>>,
    },
    SpawnMany {
        resources: Vec<u64>,
        born: Vec<Result<Handle, Refusal>>,
        reply: Reply<Vec<Result<Handle, Refusal>>>,
    },
    FreeMany {
        handles: Vec<Handle>,
        done: usize,
        refused: Vec<Refusal>,
        reply: Reply<Vec<Refusal>>,
    },
}

/// What a shard's thread works with.
pub(crate) struct Worker<K: Kind> {
    pub(crate) port: Arc<Port>,
    pub(crate) peers: Arc<[Arc<Port>]>,
    pub(crate) clock: Clock,
    pub(crate) incarnation: u64,
    pub(crate) stepper: Stepper<K>,
}

impl<K: Kind> Worker<K> {
    /// Works until the port says that it is time to go.
    pub(crate) fn run(mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(self.port.allowed());
        let mut orders = VecDeque::new();
        let mut jobs: VecDeque<Job> = VecDeque::new();
        loop {
            let idle = !self.stepper.has_more() && self.stepper.far.is_empty() && jobs.is_empty();
            if !self
                .port
                .take(self.incarnation, &mut events, &mut orders, idle)
            {
                return;
            }
            let now_ms = (self.clock)().as_millis() as u64;
            self.stepper.set_time(now_ms);
            if !events.is_empty() || self.stepper.has_more() {
                self.stepper.step(now_ms, &events);
                events.clear();
            }
            // After the events, so that an order sees what was told before it.
            for order in orders.drain(..) {
                jobs.extend(self.carry_out(order));
            }
            if let Some(job) = jobs.pop_front() {
                jobs.extend(self.advance(job));
            }
            self.hand_on();
            self.publish();
        }
    }

    /// Brings the zone's resources to life before the shard is announced.
    pub(crate) fn bear(&mut self, resources: impl Iterator<Item = u64>) {
        self.stepper.set_time((self.clock)().as_millis() as u64);
        for resource in resources {
            // A refusal is counted as exhausted; the agents that fit are born.
            let _ = self.stepper.spawn(resource);
        }
        self.port.reserve(self.stepper.arena.next_generation());
        self.publish();
    }

    fn carry_out(&mut self, order: Order) -> Option<Job> {
        let stepper = &mut self.stepper;
        match order {
            Order::Spawn(resource, reply) => {
                let born = stepper.spawn(resource);
                self.port.reserve(stepper.arena.next_generation());
                answer(reply, born);
            }
            Order::Free(handle, reply) => answer(reply, stepper.free(handle)),
            Order::Suspend(handle, asleep, reply) => answer(reply, stepper.suspend(handle, asleep)),
            Order::Look(handle, reply) => answer(reply, self.look(handle)),
            Order::LastPanic(reply) => answer(reply, stepper.last_panic.clone()),
            Order::SpawnRange(range, reply) => {
                return Some(Job::SpawnRange {
                    next: range.start,
                    end: range.end,
                    born: 0,
                    reply,
                });
            }
            Order::SpawnMany(resources, reply) => {
                return Some(Job::SpawnMany {
                    born: Vec::with_capacity(resources.len()),
                    resources,
                    reply,
                });
            }
            Order::FreeMany(handles, reply) => {
                return Some(Job::FreeMany {
                    handles,
                    done: 0,
                    refused: Vec::new(),
                    reply,
                });
            }
            Order::Find(resource, reply) => {
                return Some(Job::Find {
                    resource,
                    from: 0,
                    reply,
                });
            }
            Order::Sweep(event, reply) => {
                return Some(Job::Sweep {
                    event,
                    from: 0,
                    reply,
                });
            }
            Order::Survey(request, reply) => {
                return Some(Job::Survey {
                    looking: Box::new(Looking::new(request)),
                    reply,
                });
            }
            #[cfg(test)]
            Order::Fall => panic!("shard told to fall"),
        }
        None
    }

    /// One slice of a job; the job, unless it is done.
    fn advance(&mut self, job: Job) -> Option<Job> {
        let stepper = &mut self.stepper;
        match job {
            Job::Sweep { event, from, reply } => match stepper.sweep(event, from, SLICE) {
                Some(from) => return Some(Job::Sweep { event, from, reply }),
                None => answer(reply, ()),
            },
            Job::Survey { mut looking, reply } => match looking.go_on(stepper, SLICE) {
                Some(found) => answer(reply, found),
                None => return Some(Job::Survey { looking, reply }),
            },
            Job::Find {
                resource,
                from,
                reply,
            } => {
                let end = from.saturating_add(SLICE).min(stepper.arena.slots());
                let stands_for = |slot: &u32| {
                    stepper
                        .arena
                        .slot(*slot)
                        .is_some_and(|slot| slot.header.resource == resource)
                };
                let found = (from..end)
                    .filter(stands_for)
                    .find_map(|slot| stepper.arena.handle_of(slot));
                if found.is_none() && end < stepper.arena.slots() {
                    return Some(Job::Find {
                        resource,
                        from: end,
                        reply,
                    });
                }
                answer(reply, found);
            }
            Job::SpawnRange {
                next,
                end,
                mut born,
                reply,
            } => {
                let stop = next.saturating_add(u64::from(SLICE)).min(end);
                let refused = (next..stop).find_map(|resource| match stepper.spawn(resource) {
                    Ok(_) => {
                        born += 1;
                        None
                    }
                    Err(refusal) => Some(refusal),
                });
                self.port.reserve(stepper.arena.next_generation());
                match refused {
                    Some(refusal) => answer(reply, Err(refusal)),
                    None if stop == end => answer(reply, Ok(born)),
                    None => {
                        return Some(Job::SpawnRange {
                            next: stop,
                            end,
                            born,
                            reply,
                        });
                    }
                }
            }
            Job::SpawnMany {
                resources,
                mut born,
                reply,
            } => {
                let slice = resources.iter().skip(born.len()).take(SLICE as usize);
                born.extend(slice.map(|resource| stepper.spawn(*resource)));
                self.port.reserve(stepper.arena.next_generation());
                if born.len() < resources.len() {
                    return Some(Job::SpawnMany {
                        resources,
                        born,
                        reply,
                    });
                }
                answer(reply, born);
            }
            Job::FreeMany {
                handles,
                done,
                mut refused,
                reply,
            } => {
                let end = handles.len().min(done + SLICE as usize);
                stepper.free_many(&handles[done..end], |refusal| refused.push(refusal));
                if end < handles.len() {
                    return Some(Job::FreeMany {
                        handles,
                        done: end,
                        refused,
                        reply,
                    });
                }
                answer(reply, refused);
            }
        }
        None
    }

    fn look(&self, handle: Handle) -> Result<AgentView, Refusal> {
        let slot = self.stepper.arena.get(handle)?;
        let header = &slot.header;
        Ok(AgentView {
            agent: handle.bits(),
            resource: header.resource,
            life: header.life,
            restarts: header.restarts,
            pheromone: self.stepper.left_of(header.pheromone, header.touched) as f32,
            idle_ms: self.stepper.now().wrapping_sub(header.touched),
            state: format!("{:?}", slot.state),
        })
    }

    /// Hands events for other shards to their ports. What finds no room stays here and is tried again; when this outbox is
    /// full too, the agents' sends are refused. Every shard keeps taking meanwhile, so none waits for another.
    fn hand_on(&mut self) {
        let far = &mut self.stepper.far;
        if far.is_empty() {
            return;
        }
        for peer in self.peers.iter() {
            peer.push_own(far);
        }
        let before = far.len();
        far.retain(|event| {
            self.peers
                .iter()
                .any(|peer| peer.number == event.to.shard())
        });
        self.stepper.counts.no_such_shard += (before - far.len()) as u64;
    }

    fn publish(&self) {
        let stepper = &self.stepper;
        let gauges = Gauges {
            live: u64::from(stepper.arena.live()),
            asleep: u64::from(stepper.asleep()),
            slots: u64::from(stepper.arena.slots()),
            bytes: stepper.arena.bytes(),
            pheromone_sum: stepper.pheromone_sum(),
            waiting: 0,
        };
        self.port.publish(&stepper.counts, &gauges);
    }
}
