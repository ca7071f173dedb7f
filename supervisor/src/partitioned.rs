//! One dynamic supervisor split into several of the same template, so that starts and exits do not queue behind one
//! another. Which one a child lands in follows from its key, so it is found again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    child_spec::ChildSpec,
    dynamic::{DynamicRef, Template},
    order::OrderError,
    reference::{ChildHandle, SupervisorRef},
    snapshot::ChildCounts,
    spec::SupervisorSpec,
};

impl SupervisorSpec {
    /// A supervisor over `partitions` (at least one) dynamic supervisors of one template, named `p0`, `p1`, ... Its own
    /// strategy and intensity are those for the partitions; `partition` adjusts the spec of each.
    pub fn partitioned<T: Send + Sync + 'static>(
        name: impl Into<Arc<str>>,
        partitions: usize,
        template: &Template<T>,
        partition: impl Fn(SupervisorSpec) -> SupervisorSpec,
    ) -> Self {
        let specs = (0..partitions.max(1)).map(|n| {
            ChildSpec::supervisor(partition(Self::dynamic(format!("p{n}"), template.clone())))
        });
        Self::new(name).children(specs)
    }
}

/// The typed door to a partitioned supervisor.
#[derive(Debug)]
pub struct PartitionedRef<T> {
    partitions: Vec<DynamicRef<T>>,
}

impl<T> Clone for PartitionedRef<T> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
        }
    }
}

impl SupervisorRef {
    /// The typed door to a supervisor made by [`SupervisorSpec::partitioned`]; `None` when this is none, or of another
    /// type.
    pub fn partitioned<T: Send + Sync + 'static>(&self) -> Option<PartitionedRef<T>> {
        let partitions: Vec<DynamicRef<T>> = (0..self.count_children().specs)
            .map(|n| self.supervisor(&format!("p{n}"))?.dynamic::<T>())
            .collect::<Option<_>>()?;
        (!partitions.is_empty()).then_some(PartitionedRef { partitions })
    }
}

impl<T: Send + Sync + 'static> PartitionedRef<T> {
    fn of(&self, key: &str) -> Option<&DynamicRef<T>> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % self.partitions.len() as u64).ok()?;
        self.partitions.get(at)
    }

    /// Starts a child under this id, in the partition that follows from it.
    pub async fn start_child(&self, id: &str, argument: T) -> Result<ChildHandle, OrderError> {
        match self.of(id) {
            Some(partition) => partition.start_child_as(id, argument).await,
            None => Err(OrderError::NotFound { id: id.into() }),
        }
    }

    /// A handle to a child; `None` when there is no such child now.
    pub fn child(&self, id: &str) -> Option<ChildHandle> {
        self.of(id)?.supervisor().child(id)
    }

    /// Stops and forgets a child.
    pub async fn terminate_child(&self, id: &str) -> Result<(), OrderError> {
        match self.of(id) {
            Some(partition) => partition.supervisor().terminate_child(id).await,
            None => Err(OrderError::NotFound { id: id.into() }),
        }
    }

    /// All partitions' children together.
    pub fn count_children(&self) -> ChildCounts {
        let all = self
            .partitions
            .iter()
            .map(|partition| partition.supervisor().count_children());
        all.fold(ChildCounts::default(), |sum, counts| ChildCounts {
            specs: sum.specs + counts.specs,
            active: sum.active + counts.active,
            supervisors: sum.supervisors + counts.supervisors,
            workers: sum.workers + counts.workers,
        })
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> &[DynamicRef<T>] {
        &self.partitions
    }
}
