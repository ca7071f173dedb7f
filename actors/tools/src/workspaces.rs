//! The walls of every goal of a node, and what all of them together may hold.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aios_work::{InputFile, ToolCall};

use crate::memory::WeakMemory;
use crate::{Limits, Memory, Workspace};

/// Makes the walls of each call. Whoever has a clone shares the memory; what is counted belongs to it, so two nodes never share any.
#[derive(Clone, Debug)]
pub struct Workspaces {
    limits: Limits,
    /// What all goals together hold, databases that are kept for the next task included.
    memory: Memory,
    /// What each goal holds whose tools are at work.
    goals: Arc<Mutex<HashMap<(String, String), WeakMemory>>>,
    /// Whether output folders are named where they really lie.
    in_place: bool,
}

/// Bytes that all goals of a node may hold together unless it is told otherwise.
const NODE_MEMORY: u64 = 4 << 30;

impl Default for Workspaces {
    fn default() -> Self {
        Self::new(Limits::default(), NODE_MEMORY)
    }
}

impl Workspaces {
    /// Walls with these limits for each call, and so many bytes for all goals together.
    #[must_use]
    pub fn new(limits: Limits, memory_bytes: u64) -> Self {
        Self {
            limits,
            memory: Memory::of(memory_bytes),
            goals: Arc::default(),
            in_place: false,
        }
    }

    /// The same, where output folders are named where they really lie; see [`Workspace::in_place`].
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// The limits of each call.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What all goals together hold. What is set aside here is for good or for as long as it is kept.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Walls around a goal's files and folder. All calls of a goal that are under way share its memory.
    #[must_use]
    pub fn of(
        &self,
        tenant: &str,
        goal: &str,
        inputs: Vec<InputFile>,
        out_dir: impl AsRef<Path>,
    ) -> Workspace {
        let mut goals = self.goals.lock().unwrap_or_else(PoisonError::into_inner);
        goals.retain(|_, memory| memory.is_held());
        let whose = (tenant.to_owned(), goal.to_owned());
        let known = goals.get(&whose).and_then(WeakMemory::held);
        let memory = known.unwrap_or_else(|| {
            let memory = self.memory.part(self.limits.memory_bytes);
            goals.insert(whose, memory.weak());
            memory
        });
        drop(goals);
        let workspace = Workspace::of(inputs, out_dir)
            .with_limits(self.limits.clone())
            .with_memory(memory);
        match self.in_place {
            true => workspace.in_place(),
            false => workspace,
        }
    }

    /// The walls of one call.
    #[must_use]
    pub fn of_call(&self, call: &ToolCall) -> Workspace {
        self.of(&call.tenant, &call.goal, call.inputs.clone(), &call.out_dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goals' names are their askers' words: two tenants may use the same one.
    #[test]
    fn a_goals_memory_is_its_tenants() {
        let workspaces = Workspaces::default();
        let of = |tenant, goal| workspaces.of(tenant, goal, Vec::new(), "out");
        let (one, again) = (of("acme", "g"), of("acme", "g"));
        let (other, next) = (of("globex", "g"), of("acme", "h"));
        let held = one.memory().reserve("a.csv", 70).unwrap();
        let sums = [&one, &again, &other, &next].map(|it| it.memory().held());
        assert_eq!(sums, [70, 70, 0, 0]);
        drop(held);
    }
}
