//! How a child's record goes: with its spec, or, when something of the child is still alive, after that.

use std::sync::Arc;

use super::{Action, Child, Key, Phase, Step};
use crate::{events::EventKind, strategy::Kind};

impl<L> Step<'_, L> {
    /// Its spec is forgotten, and the record with it as soon as nothing is left of the child.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(child) = self.set_phase(key, Phase::Going) else {
            return;
        };
        let (id, leaving) = (Arc::clone(&child.id), child.leaving);
        let (kind, incarnation) = (child.policy.kind, child.incarnation);
        self.tree.ids.remove(&id);
        self.tree.supervisors -= usize::from(kind == Kind::Supervisor);
        // A later child of the same name gets generations of its own.
        self.tree.settings.floor = self.tree.settings.floor.max(incarnation);
        if leaving {
            self.tree.going.insert(Arc::clone(&id));
            self.set_timer(key, self.tree.settings.kill_grace);
        } else {
            self.forget(key);
        }
        self.emit(Some(id), EventKind::Removed);
    }

    /// What was left of a child whose spec is forgotten is gone: whoever has its name now may start.
    pub(super) fn departed(&mut self, key: Key) {
        self.set_phase(key, Phase::Going);
        let Some(id) = self.forget(key) else {
            return;
        };
        self.tree.going.remove(&id);
        let heir = self.tree.key_of(&id);
        if let Some(heir) = heir.filter(|heir| self.phase_of(*heir) == Some(Phase::Clearing)) {
            self.cleared(heir);
        }
        self.advance_closing();
    }

    fn forget(&mut self, key: Key) -> Option<Arc<str>> {
        let Child { id, live, .. } = *self.tree.children.remove(&key)?;
        self.out.push(Action::Forget { key, live });
        Some(id)
    }
}
