//! Figures that are taken when somebody reads them, and those that follow from what is told.

use aios_actors::recovery::ApprovalStatus;
use aios_protocols::{Party, Tier};
use aios_supervisor::{ChildState, TreeView};
use aios_work::content::{TaskEvent, TaskStatus};
use metrics::{Counter, Histogram, counter, gauge, histogram};

use crate::lookout::memory_bytes;
use crate::metric;
use crate::node::Node;

/// What is counted whenever a task moves, found once.
pub(crate) struct Tasks {
    pending: Counter,
    running: Counter,
    completed: Counter,
    failed: Counter,
    cancelled: Counter,
    retrying: Counter,
    retries: Counter,
    seconds: Histogram,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let of = |status: &'static str| counter!(metric::TASKS_TOTAL, "status" => status);
        Self {
            pending: of("pending"),
            running: of("running"),
            completed: of("completed"),
            failed: of("failed"),
            cancelled: of("cancelled"),
            retrying: of("retrying"),
            retries: counter!(metric::RETRIES_TOTAL),
            seconds: histogram!(metric::TASK_SECONDS),
        }
    }

    /// A task moved.
    pub(crate) fn moved(&self, event: &TaskEvent) {
        let moved = match event.status {
            TaskStatus::Pending => &self.pending,
            TaskStatus::Running => &self.running,
            TaskStatus::Completed => &self.completed,
            TaskStatus::Failed => &self.failed,
            TaskStatus::Cancelled => &self.cancelled,
            TaskStatus::Retrying => &self.retrying,
        };
        moved.increment(1);
        if event.status == TaskStatus::Retrying {
            self.retries.increment(1);
        }
        if let Some(ms) = event
            .duration_ms
            .filter(|_| event.status == TaskStatus::Completed)
        {
            self.seconds.record(ms / 1_000.0);
        }
    }
}

/// Children that are down and are to come back. Who was stopped by order, or has ended and stays so, is not missed.
fn down(tree: &TreeView) -> usize {
    let children = tree.children.iter();
    let of = |child: &aios_supervisor::ChildView| {
        let missing = matches!(child.state, ChildState::Waiting | ChildState::Backoff);
        usize::from(missing) + child.supervisor.as_ref().map_or(0, down)
    };
    children.map(of).sum()
}

/// Takes what is only looked at: called when the figures are read.
pub(crate) fn look(node: &Node) {
    let parts = &node.parts;
    gauge!(metric::CHILDREN_DOWN).set(down(&parts.tree.view()) as f64);
    let mut tiers = [(Tier::Macro, 0_u32), (Tier::Meso, 0), (Tier::Micro, 0)];
    for cell in parts.system.directory().cells() {
        let Party::Agent(id) = cell.party() else {
            continue;
        };
        for (tier, count) in &mut tiers {
            *count += u32::from(*tier == id.tier());
        }
    }
    for (tier, count) in tiers {
        gauge!(metric::REGISTRY_AGENTS, "tier" => tier.as_str()).set(f64::from(count));
    }
    for breaker in parts.system.breakers().view() {
        let state = match breaker.state.as_str() {
            "closed" => 0.0,
            "half-open" => 1.0,
            "open" => 2.0,
            _ => 3.0,
        };
        gauge!(metric::BREAKER_STATE, "service" => breaker.service).set(state);
    }
    let (working, limit) = (parts.working.held() as f64, parts.working.allowed() as f64);
    gauge!(metric::WORKING_BYTES).set(working);
    gauge!(metric::WORKING_LIMIT_BYTES).set(limit);
    gauge!(metric::MEMORY_TIER_BYTES, "tier" => "l1").set(working);
    for tier in ["l2", "l3"] {
        // Vectors and graph lie in the store with everything else; what they take of it is not told apart.
        gauge!(metric::MEMORY_TIER_BYTES, "tier" => tier).set(0.0);
    }
    let on_disk = parts
        .config
        .storage
        .path()
        .map_or(0, |folder| folder_bytes(&folder, 0));
    gauge!(metric::MEMORY_TIER_BYTES, "tier" => "l4").set(on_disk as f64);
    if let Some(bytes) = memory_bytes() {
        gauge!(metric::PROCESS_BYTES).set(bytes as f64);
    }
    if let Ok(approvals) = node.approvals() {
        let open = approvals
            .iter()
            .filter(|it| it.status == ApprovalStatus::Open);
        gauge!(metric::APPROVALS_OPEN).set(open.count() as f64);
    }
    let running = parts.goals.under_way_now();
    gauge!(metric::GOALS_RUNNING).set(running as f64);
    let handed_on = parts.tensors.keeper.totals().leases;
    counter!(aios_bus::data::METRIC_MESSAGES, "bus" => "tensor").absolute(handed_on);
    aios_micro::metric::record(&parts.population.totals());
}

/// Bytes of the files below a folder, no deeper than a store goes.
fn folder_bytes(folder: &std::path::Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_file() => data.len(),
        Ok(data) if data.is_dir() && depth < 4 => folder_bytes(&entry.path(), depth + 1),
        _ => 0,
    };
    entries.take(100_000).flatten().map(of).sum()
}
