//! Links that open once, and the browsers that came by them. Nothing of it is kept beyond the server; only hashes are kept meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::access::{Known, Token, TokenError};

/// How long a link waits for whoever it was given to.
const LINK: Duration = Duration::from_secs(24 * 3_600);
/// How long a browser stays without coming again.
const SESSION: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long a guest's browser stays, however often it comes: no key of its own could be taken back.
const GUEST: Duration = Duration::from_secs(24 * 3_600);
/// Links that wait, and browsers that have come; the oldest make room.
const MOST: usize = 256;
/// Of those, how many with the same rights in the same name; its own oldest make room, so that nobody takes everybody's place.
const OWN: usize = 16;

/// The links and browsers of one server.
#[derive(Default)]
pub(super) struct Sessions {
    links: Mutex<Shelf>,
    browsers: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf(VecDeque<Kept>);

struct Kept {
    digest: [u8; 32],
    known: Known,
    until: Instant,
}

impl Shelf {
    fn put(&mut self, known: Known, until: Instant, now: Instant) -> Result<Token, TokenError> {
        let token = Token::fresh()?;
        self.0.retain(|kept| kept.until > now);
        let own = |kept: &Kept| kept.known == known;
        while self.0.iter().filter(|kept| own(kept)).count() >= OWN {
            let Some(oldest) = self.0.iter().position(own) else {
                break;
            };
            self.0.remove(oldest);
        }
        while self.0.len() >= MOST {
            self.0.pop_front();
        }
        let digest = Token::digest(token.reveal());
        self.0.push_back(Kept {
            digest,
            known,
            until,
        });
        Ok(token)
    }

    fn find(&self, shown: &str, now: Instant) -> Option<usize> {
        let digest = Token::digest(shown);
        let mut found = None;
        for (at, kept) in self.0.iter().enumerate() {
            if bool::from(kept.digest.ct_eq(&digest)) && kept.until > now {
                found = Some(at);
            }
        }
        found
    }
}

/// Whether it came by a link that allows less than whoever gave it may.
fn is_guest(known: &Known) -> bool {
    { known.rights.as_deref() }.is_some_and(|rights| rights.key.is_none())
}

impl Sessions {
    /// A link that opens once in somebody's name.
    pub(super) fn link(&self, known: Known, now: Instant) -> Result<Token, TokenError> {
        self.links.lock().put(known, now + LINK, now)
    }

    /// Who comes by this link; nobody comes by it again.
    pub(super) fn by_link(&self, shown: &str, now: Instant) -> Option<Known> {
        let mut links = self.links.lock();
        let at = links.find(shown, now)?;
        links.0.remove(at).map(|kept| kept.known)
    }

    /// A browser has come; what it shows from now on.
    pub(super) fn open(&self, known: Known, now: Instant) -> Result<Token, TokenError> {
        let time = if is_guest(&known) { GUEST } else { SESSION };
        self.browsers.lock().put(known, now + time, now)
    }

    /// Whose browser shows this.
    pub(super) fn of(&self, shown: &str, now: Instant) -> Option<Known> {
        let mut browsers = self.browsers.lock();
        let at = browsers.find(shown, now)?;
        let kept = browsers.0.get_mut(at)?;
        if !is_guest(&kept.known) {
            kept.until = now + SESSION;
        }
        Some(kept.known.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::{Rights, Scope};

    fn known() -> Known {
        Known {
            principal: "user:owner@local".parse().unwrap(),
            rights: None,
        }
    }

    #[test]
    fn a_link_and_a_browser_have_their_time_and_their_number() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let link = sessions.link(known(), now).unwrap();
        assert_eq!(sessions.by_link(link.reveal(), now + LINK), None);
        assert_eq!(sessions.by_link(link.reveal(), now), Some(known()));
        assert_eq!(sessions.by_link(link.reveal(), now), None);
        let browser = sessions.open(known(), now).unwrap();
        let later = now + SESSION - Duration::from_secs(1);
        assert_eq!(sessions.of(browser.reveal(), later), Some(known()));
        assert!(sessions.of(browser.reveal(), later + SESSION / 2).is_some());
        assert_eq!(sessions.of(browser.reveal(), later + 2 * SESSION), None);
        for at in 0..2 * MOST {
            let principal = format!("user:u{at}@local").parse().unwrap();
            let other = Known {
                principal,
                rights: None,
            };
            sessions.open(other, now).unwrap();
        }
        assert_eq!(sessions.browsers.lock().0.len(), MOST);
        assert_eq!(sessions.of(browser.reveal(), now), None);
    }

    #[test]
    fn nobody_takes_the_place_of_others_and_a_guest_stays_a_day() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let owner = sessions.open(known(), now).unwrap();
        let guest = Known {
            rights: Some(Arc::new(Rights {
                scope: Scope::Read,
                folders: Vec::new(),
                key: None,
            })),
            ..known()
        };
        let first = sessions.open(guest.clone(), now).unwrap();
        for _ in 0..2 * MOST {
            sessions.open(guest.clone(), now).unwrap();
        }
        assert_eq!(sessions.browsers.lock().0.len(), OWN + 1);
        assert_eq!(sessions.of(owner.reveal(), now), Some(known()));
        assert_eq!(sessions.of(first.reveal(), now), None);
        let last = sessions.open(guest.clone(), now).unwrap();
        let near = now + GUEST - Duration::from_secs(1);
        assert_eq!(sessions.of(last.reveal(), near), Some(guest));
        assert_eq!(sessions.of(last.reveal(), now + GUEST), None);
    }
}
