//! Who outside is known, and who gives way to whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aios_protocols::fipa_string::AgentName;
use aios_protocols::{AgentId, Timestamp};

use super::GatewayError;

/// An uninvited agent that was silent for so long may give way.
const SILENCE: Duration = Duration::from_secs(600);
/// Strangers that one string may name.
const NAMED_AT_ONCE: usize = 4;
/// Strangers that one agent has named and that have said nothing themselves.
const NAMED_BY_ONE: usize = 16;

/// Somebody outside.
#[derive(Debug)]
struct Guest {
    name: AgentName,
    invited: bool,
    heard: Timestamp,
    /// Who named it, while it has said nothing itself: such a name may be invented.
    named_by: Option<AgentId>,
}

/// Who comes and goes by a string.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// Envoys that are needed from now on.
    pub(super) enter: Vec<AgentId>,
    /// Envoys that gave way.
    pub(super) leave: Vec<AgentId>,
}

#[derive(Debug)]
pub(super) struct Guests {
    known: HashMap<AgentId, Guest>,
    places: usize,
}

impl Guests {
    pub(super) fn new(places: usize) -> Self {
        Self {
            known: HashMap::new(),
            places,
        }
    }

    pub(super) fn name(&self, envoy: &AgentId) -> Option<&AgentName> {
        self.known.get(envoy).map(|guest| &guest.name)
    }

    pub(super) fn remove(&mut self, envoy: &AgentId) {
        self.known.remove(envoy);
    }

    /// Makes an agent known that stays.
    pub(super) fn invite(
        &mut self,
        envoy: &AgentId,
        agent: AgentName,
        now: Timestamp,
    ) -> Result<Arrival, GatewayError> {
        let arrival = self.hear(envoy, &agent, &BTreeMap::new(), &BTreeSet::new(), now)?;
        if let Some(guest) = self.known.get_mut(envoy) {
            guest.invited = true;
            guest.name = agent;
        }
        Ok(arrival)
    }

    /// An agent says something, and names others that may be strangers. Either all of them are known afterwards or
    /// nothing has changed. Nobody in `talking` gives way.
    pub(super) fn hear(
        &mut self,
        speaker: &AgentId,
        agent: &AgentName,
        named: &BTreeMap<AgentId, &AgentName>,
        talking: &BTreeSet<AgentId>,
        now: Timestamp,
    ) -> Result<Arrival, GatewayError> {
        let strangers: Vec<_> = named
            .iter()
            .filter(|(envoy, _)| *envoy != speaker && !self.known.contains_key(*envoy))
            .collect();
        let stays = |envoy: &AgentId| {
            envoy == speaker || named.contains_key(envoy) || talking.contains(envoy)
        };
        let leave = self.room(speaker, strangers.len(), stays, now)?;
        for envoy in &leave {
            self.known.remove(envoy);
        }
        let mut enter = Vec::new();
        let own = self.known.entry(speaker.clone()).or_insert_with(|| {
            enter.push(speaker.clone());
            Guest {
                name: agent.clone(),
                invited: false,
                heard: now,
                named_by: None,
            }
        });
        own.heard = now;
        own.named_by = None;
        // Its latest word on where it is reached; nobody else's counts.
        if !agent.addresses.is_empty() {
            own.name = agent.clone();
        }
        for (envoy, stranger) in strangers {
            let guest = Guest {
                name: AgentName::new(&stranger.name),
                invited: false,
                heard: now,
                named_by: Some(speaker.clone()),
            };
            self.known.insert(envoy.clone(), guest);
            enter.push(envoy.clone());
        }
        Ok(Arrival { enter, leave })
    }

    /// Who gives way to a speaker and to so many strangers. A name that may be invented takes no place of an agent that
    /// spoke, and all of them together a quarter of the places.
    fn room(
        &self,
        speaker: &AgentId,
        strangers: usize,
        stays: impl Fn(&AgentId) -> bool,
        now: Timestamp,
    ) -> Result<Vec<AgentId>, GatewayError> {
        let of_speaker = |guest: &&Guest| guest.named_by.as_ref() == Some(speaker);
        let by_one = self.known.values().filter(of_speaker).count();
        if strangers > NAMED_AT_ONCE || (strangers > 0 && by_one + strangers > NAMED_BY_ONE) {
            let allowed = NAMED_AT_ONCE.min(NAMED_BY_ONE.saturating_sub(by_one));
            return Err(GatewayError::Strangers {
                asked: strangers,
                allowed,
            });
        }
        let only_named = self.known.values().filter(|it| it.named_by.is_some());
        let too_many_named = if strangers == 0 {
            0
        } else {
            (only_named.count() + strangers).saturating_sub(self.places.div_ceil(4))
        };
        let speaks_first = usize::from(!self.known.contains_key(speaker));
        let wanted = self.known.len() + strangers + speaks_first;
        let excess = wanted.saturating_sub(self.places);
        let mut silent: Vec<_> = self
            .known
            .iter()
            .filter(|(envoy, guest)| {
                !guest.invited && now.since(guest.heard) >= SILENCE && !stays(envoy)
            })
            .map(|(envoy, guest)| (guest.named_by.is_none(), guest.heard, envoy))
            .collect();
        silent.sort();
        let only_named = silent.iter().filter(|(spoke, ..)| !spoke).count();
        let leaving = too_many_named.max(excess);
        let leaving_named = too_many_named.max(excess.saturating_sub(speaks_first));
        if silent.len() < leaving || only_named < leaving_named {
            let allowed = self.places;
            return Err(GatewayError::TooManyGuests { allowed });
        }
        let leave = silent.iter().take(leaving);
        Ok(leave.map(|(.., envoy)| (*envoy).clone()).collect())
    }
}
