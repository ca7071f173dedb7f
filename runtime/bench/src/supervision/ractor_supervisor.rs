//! The crate `ractor-supervisor`.

use std::time::Duration;

use ractor::Actor;
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorOptions,
    SupervisorStrategy,
};
use tokio::sync::mpsc;

use super::{
    Fault,
    actors::{Herald, restarts},
};

/// Microseconds of each restart.
pub(super) async fn restart(count: usize) -> Result<Vec<f64>, Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let herald = ChildSpec {
        // Names are the process's own there.
        id: "bench-herald".into(),
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(move |supervisor, id| {
            let started = started.clone();
            async move {
                let (child, _) = Actor::spawn_linked(Some(id), Herald, started, supervisor).await?;
                Ok(child.get_cell())
            }
        }),
        backoff_fn: None,
        reset_after: None,
    };
    let arguments = SupervisorArguments {
        child_specs: vec![herald],
        options: SupervisorOptions {
            strategy: SupervisorStrategy::OneForOne,
            max_restarts: usize::MAX,
            max_window: Duration::from_millis(1),
            reset_after: None,
        },
    };
    let (root, join) = Supervisor::spawn("bench-root".to_string(), arguments).await?;
    let times = restarts(&mut heralds, count).await?;
    root.kill();
    join.await?;
    Ok(times)
}
