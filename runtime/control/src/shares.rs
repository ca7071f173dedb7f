//! Shares of what there is little of: nobody takes all of it, in how many names ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aios_protocols::PrincipalId;

use crate::{ControlError, ErrorKind};

/// How many there are at a time.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Of all together.
    pub all: usize,
    /// Of one tenant, in whichever names.
    pub of_tenant: usize,
    /// Of one principal.
    pub each: usize,
}

/// Who has how many. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Shares {
    /// What there is little of, in the plural.
    what: &'static str,
    most: Most,
    taken: Arc<Mutex<HashMap<PrincipalId, usize>>>,
}

/// One that somebody has; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Shares,
    whose: PrincipalId,
}

impl Shares {
    /// All of them, which nobody has yet.
    #[must_use]
    pub fn new(what: &'static str, most: Most) -> Self {
        Self {
            what,
            most,
            taken: Arc::default(),
        }
    }

    /// One more of somebody's.
    ///
    /// # Errors
    /// At once, when somebody, their tenant or all together have as many as they may.
    pub fn take(&self, whose: &PrincipalId) -> Result<Share, ControlError> {
        let mut taken = self.taken();
        let own = taken.get(whose).copied().unwrap_or(0);
        let of_tenant = taken
            .iter()
            .filter(|(other, _)| other.tenant() == whose.tenant())
            .map(|(_, count)| count)
            .sum::<usize>();
        let all = taken.values().sum::<usize>();
        for (has, most, who) in [
            (own, self.most.each, format!(" of {whose}")),
            (
                of_tenant,
                self.most.of_tenant,
                format!(" of tenant {}", whose.tenant()),
            ),
            (all, self.most.all, String::new()),
        ] {
            if has >= most {
                let what = self.what;
                let message =
                    format!("{has} {what}{who} are in hand, {most} are allowed at a time");
                let error = ControlError::new(ErrorKind::Busy, message);
                return Err(error.advise("ask again when one is through"));
            }
        }
        taken.insert(whose.clone(), own + 1);
        Ok(Share {
            of: self.clone(),
            whose: whose.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A share that goes with what it is for, and is given back with the last of it. It is no part of what that says.
#[derive(Debug, Clone, Default)]
pub struct Tied(#[expect(dead_code, reason = "it is held and never looked at")] Option<Arc<Share>>);

impl From<Share> for Tied {
    fn from(share: Share) -> Self {
        Self(Some(Arc::new(share)))
    }
}

impl PartialEq for Tied {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Tied {}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if let Some(own) = taken.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> PrincipalId {
        format!("user:{name}").parse().unwrap()
    }

    #[test]
    fn nobody_takes_everything_in_one_name_or_in_many() {
        let most = Most {
            all: 8,
            of_tenant: 4,
            each: 2,
        };
        let shares = Shares::new("large bodies", most);
        let mut held = Vec::new();
        for name in ["a@acme", "b@acme", "a@other", "b@other"] {
            for _ in 0..most.each {
                held.push(shares.take(&who(name)).unwrap());
            }
            let refused = shares.take(&who(name)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Busy);
            assert!(
                refused.message.contains(&who(name).to_string()),
                "{refused}"
            );
            let more = shares.take(&who("c@acme"));
            match name {
                "a@acme" => drop(more.unwrap()),
                _ => {
                    let refused = more.unwrap_err().message;
                    assert!(refused.contains("tenant acme"), "{refused}");
                }
            }
        }
        assert_eq!(held.len(), most.all);
        assert!(shares.take(&who("a@third")).is_err(), "there are no more");
        held.remove(0);
        held.push(shares.take(&who("a@third")).unwrap());
        assert!(shares.take(&who("a@acme")).is_err());
        drop(held);
        assert!(shares.taken().is_empty(), "nobody is remembered");
    }
}
