//! Commands that came with a key: asked again with the same key they are not done again, and whoever asks again hears what the first one
//! came to.

use std::collections::{HashMap, VecDeque};

use aios_protocols::PrincipalId;
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{ControlError, ErrorKind, Request};

/// Commands that are remembered.
const KEPT: usize = 1_024;
/// Of those, how many of one principal: whoever has more forgets its own.
const KEPT_EACH: usize = KEPT / 4;
/// Bytes of answers that are remembered; one may have 4 MiB.
const KEPT_BYTES: usize = 16 * 1024 * 1024;
/// The longest key.
const KEY_MAX: usize = 256;

/// What a command came to.
pub(super) type Outcome = Result<Bytes, ControlError>;
/// Hears what a command comes to.
pub(super) type Heard = watch::Receiver<Option<Outcome>>;

/// The commands of a server that came with a key.
#[derive(Default)]
pub(super) struct Keys(Mutex<Table>);

#[derive(Default)]
struct Table {
    commands: HashMap<Id, Command>,
    /// The oldest first.
    order: VecDeque<Id>,
    bytes: usize,
}

struct Command {
    by: PrincipalId,
    /// What was asked, as a hash: files may come with it.
    request: [u8; 32],
    may_be_done_again: bool,
    heard: Heard,
}

impl Command {
    /// Bytes of its answer.
    fn bytes(&self) -> usize {
        match &*self.heard.borrow() {
            Some(Ok(bytes)) => bytes.len(),
            _ => 0,
        }
    }
}

/// A key of a principal.
pub(super) type Id = [u8; 32];

/// A command that is to be carried out now.
pub(super) struct Fresh {
    id: Id,
    tell: watch::Sender<Option<Outcome>>,
    pub(super) heard: Heard,
}

/// What a key means.
pub(super) enum Meant {
    /// It is new: this is to be done.
    Fresh(Fresh),
    /// It was asked before.
    Again(Heard),
}

/// The key of somebody.
pub(super) fn id(principal: &PrincipalId, key: &str) -> Result<Id, ControlError> {
    if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ControlError::invalid(format!(
            "the idempotency key has {} bytes; 1 to {KEY_MAX} are allowed, each a letter, a digit or a mark of ASCII, without spaces",
            key.len()
        )));
    }
    let mut hash = Sha256::new();
    hash.update(principal.to_string().as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    Ok(hash.finalize().into())
}

/// The name of a goal, of its own or of its key: asked again with the same key it is the same goal, also by a node that was started anew.
pub(super) fn name(request: &Request, of_key: impl FnOnce() -> Option<String>) -> Option<String> {
    match request {
        Request::Submit(goal) => goal.goal_id.clone().or_else(of_key),
        _ => None,
    }
}

/// The goal under its name.
pub(super) fn named(name: Option<String>, mut request: Request) -> Request {
    if let Request::Submit(goal) = &mut request {
        goal.goal_id = name;
    }
    request
}

fn fingerprint(request: &Request) -> [u8; 32] {
    // Every request is text, numbers and lists of them, which can always be written.
    let written = serde_json::to_vec(request).unwrap_or_default();
    Sha256::digest(written).into()
}

impl Keys {
    /// What is to be done about a command with this key. One that `may_be_done_again` is done once however often the node is asked: a goal has
    /// its name for that, so whoever was not waited for asks the node itself.
    pub(super) fn enter(
        &self,
        id: Id,
        by: &PrincipalId,
        request: &Request,
        may_be_done_again: bool,
    ) -> Result<Meant, ControlError> {
        let asked = fingerprint(request);
        let mut table = self.0.lock();
        if let Some(known) = table.commands.get(&id) {
            if known.request == asked {
                return Ok(Meant::Again(known.heard.clone()));
            }
            return Err(ControlError::new(
                ErrorKind::Conflict,
                "this idempotency key was used for another command",
            )
            .advise("take a key of its own for each command"));
        }
        table.make_room(by)?;
        let (tell, heard) = watch::channel(None);
        let command = Command {
            by: by.clone(),
            request: asked,
            may_be_done_again,
            heard: heard.clone(),
        };
        table.commands.insert(id, command);
        table.order.push_back(id);
        Ok(Meant::Fresh(Fresh { id, tell, heard }))
    }

    /// A command has come to something. What was refused has changed nothing, and is tried anew when it is asked again.
    pub(super) fn done(&self, fresh: Fresh, outcome: Outcome) {
        let mut table = self.0.lock();
        let command = table.commands.get(&fresh.id);
        let again = command.is_some_and(|command| command.may_be_done_again);
        let begun = |error: &ControlError| {
            !again && matches!(error.kind, ErrorKind::Late | ErrorKind::Failed)
        };
        match &outcome {
            Ok(bytes) => table.bytes += bytes.len(),
            Err(error) if begun(error) => {}
            Err(_) => table.forget(&fresh.id),
        }
        drop(table);
        fresh.tell.send_replace(Some(outcome));
    }
}

impl Table {
    /// The oldest that are over make room; those under way do not.
    fn make_room(&mut self, by: &PrincipalId) -> Result<(), ControlError> {
        loop {
            let own = { self.commands.values() }
                .filter(|command| command.by == *by)
                .count();
            let own_bytes: usize = { self.commands.values() }
                .filter(|command| command.by == *by)
                .map(Command::bytes)
                .sum();
            let own_alone = own >= KEPT_EACH || own_bytes > KEPT_BYTES / 4;
            if !own_alone && self.order.len() < KEPT && self.bytes <= KEPT_BYTES {
                return Ok(());
            }
            let over = |id: &Id| {
                self.commands.get(id).is_none_or(|command| {
                    // Nobody will say what came of one whose teller is gone: it fell.
                    let over =
                        command.heard.borrow().is_some() || command.heard.has_changed().is_err();
                    (!own_alone || command.by == *by) && over
                })
            };
            let Some(oldest) = self.order.iter().copied().find(|id| over(id)) else {
                let under_way = if own_alone { KEPT_EACH } else { KEPT };
                let message = format!("{under_way} commands with a key are under way");
                return Err(ControlError::new(ErrorKind::Busy, message));
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, id: &Id) {
        self.order.retain(|known| known != id);
        if let Some(command) = self.commands.remove(id)
            && let Some(Ok(bytes)) = &*command.heard.borrow()
        {
            self.bytes = self.bytes.saturating_sub(bytes.len());
        }
    }
}

/// Waits for what a command comes to.
pub(super) async fn outcome(mut heard: Heard) -> Outcome {
    let told = heard.wait_for(Option::is_some).await;
    let outcome = told.ok().and_then(|outcome| outcome.clone());
    outcome.unwrap_or_else(|| {
        let message = "what this command came to is not known";
        Err(ControlError::new(ErrorKind::Late, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Submit;

    fn owner() -> PrincipalId {
        "user:owner@local".parse().unwrap()
    }

    fn kill(agent: &str) -> Request {
        let agent = agent.to_owned();
        Request::Kill { agent }
    }

    fn fresh(keys: &Keys, key: &str, request: &Request) -> Option<Fresh> {
        let id = id(&owner(), key).unwrap();
        let again = matches!(request, Request::Submit(_));
        match keys.enter(id, &owner(), request, again).unwrap() {
            Meant::Fresh(fresh) => Some(fresh),
            Meant::Again(_) => None,
        }
    }

    #[tokio::test]
    async fn what_was_done_is_told_again_and_what_was_refused_is_tried_again() {
        let keys = Keys::default();
        let first = fresh(&keys, "k", &kill("a")).unwrap();
        assert!(fresh(&keys, "k", &kill("a")).is_none(), "it is under way");
        let other = keys.enter(id(&owner(), "k").unwrap(), &owner(), &kill("b"), false);
        assert_eq!(
            other.err().map(|error| error.kind),
            Some(ErrorKind::Conflict)
        );
        assert!(
            fresh(&keys, "l", &kill("a")).is_some(),
            "another key is another command"
        );
        keys.done(first, Ok(Bytes::from_static(b"null")));
        let Meant::Again(heard) = keys
            .enter(id(&owner(), "k").unwrap(), &owner(), &kill("a"), false)
            .unwrap()
        else {
            panic!("it was done");
        };
        assert_eq!(outcome(heard).await.unwrap(), "null");
        for (kind, tried_again) in [
            (ErrorKind::Busy, true),
            (ErrorKind::Unknown, true),
            (ErrorKind::Late, false),
            (ErrorKind::Failed, false),
        ] {
            let key = format!("{kind:?}");
            let first = fresh(&keys, &key, &kill("a")).unwrap();
            keys.done(first, Err(ControlError::new(kind, "no")));
            assert_eq!(
                fresh(&keys, &key, &kill("a")).is_some(),
                tried_again,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_goal_that_nobody_came_to_in_time_is_handed_in_again_with_its_key() {
        let keys = Keys::default();
        let goal = Request::Submit(Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: Vec::new(),
            files: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        });
        for kind in [ErrorKind::Late, ErrorKind::Failed, ErrorKind::Busy] {
            let first = fresh(&keys, "k", &goal).unwrap();
            keys.done(first, Err(ControlError::new(kind, "no")));
        }
        let first = fresh(&keys, "k", &goal).unwrap();
        keys.done(first, Ok(Bytes::from_static(b"null")));
        assert!(fresh(&keys, "k", &goal).is_none(), "it is begun");
    }

    #[test]
    fn what_is_remembered_has_its_bounds() {
        let keys = Keys::default();
        let other: PrincipalId = "user:other@local".parse().unwrap();
        let others = keys.enter(id(&other, "k").unwrap(), &other, &kill("a"), false);
        let Ok(Meant::Fresh(others)) = others else {
            panic!("it is new");
        };
        keys.done(others, Ok(Bytes::from_static(b"null")));
        let under_way = fresh(&keys, "first", &kill("a")).unwrap();
        for at in 0..2 * KEPT {
            let fresh = fresh(&keys, &at.to_string(), &kill("a")).unwrap();
            keys.done(fresh, Ok(Bytes::from(vec![0; 64 * 1024])));
            let table = keys.0.lock();
            assert!(
                table.order.len() <= KEPT_EACH + 1 && table.commands.len() == table.order.len()
            );
            assert!(table.bytes <= KEPT_BYTES + 64 * 1024);
        }
        assert!(
            fresh(&keys, "first", &kill("a")).is_none(),
            "what is under way is not forgotten"
        );
        let again = keys.enter(id(&other, "k").unwrap(), &other, &kill("a"), false);
        assert!(
            matches!(again, Ok(Meant::Again(_))),
            "nobody makes others be forgotten"
        );
        // It fell, so nobody says what came of it, and it makes room as others do.
        drop(under_way);
        for at in 0..KEPT_EACH {
            let fresh = fresh(&keys, &format!("then-{at}"), &kill("a")).unwrap();
            keys.done(fresh, Ok(Bytes::from_static(b"null")));
        }
        assert!(
            fresh(&keys, "first", &kill("a")).is_some(),
            "it is forgotten"
        );
        for key in ["", "a key", "schlüssel", "x".repeat(257).as_str()] {
            assert!(id(&owner(), key).is_err());
        }
    }

    #[test]
    fn a_goal_without_a_name_has_the_name_of_its_key() {
        let goal = |goal_id: Option<&str>| {
            Request::Submit(Submit {
                goal_id: goal_id.map(str::to_owned),
                text: "x".to_owned(),
                data: Vec::new(),
                files: Vec::new(),
                out: "/out".to_owned(),
                private: false,
                plan: None,
            })
        };
        let id_of = |principal: &str, key: &str| id(&principal.parse().unwrap(), key).unwrap();
        let one = id_of("user:owner@local", "k");
        assert_eq!(one, id_of("user:owner@local", "k"));
        assert_ne!(one, id_of("user:owner@local", "l"));
        assert_ne!(one, id_of("user:other@local", "k"));
        let of_key = || Some("of-its-key".to_owned());
        let called = |request: Request| named(name(&request, of_key), request);
        assert_eq!(called(goal(None)), goal(Some("of-its-key")));
        assert_eq!(called(goal(Some("own"))), goal(Some("own")));
        assert_eq!(called(kill("a")), kill("a"));
        assert_eq!(name(&goal(None), || None), None);
    }
}
