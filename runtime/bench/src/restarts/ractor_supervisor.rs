//! The crate `ractor-supervisor` in the twelve cases: static supervisors, and the dynamic one where a child is stopped by order.
//! Names are the process's own there, so each case has names of its own.

use std::time::Duration;

use ractor::{ActorCell, ActorRef};
use ractor_supervisor::{
    ChildBackoffFn, ChildSpec, DynamicSupervisor, DynamicSupervisorOptions, Restart, SpawnFn,
    Supervisor, SupervisorArguments, SupervisorMsg, SupervisorOptions, SupervisorStrategy,
};
use tokio::task::JoinHandle;

use super::{
    Fault, Observation,
    diary::Diary,
    stopped,
    waits::Waits,
    worker::{Manner, Order, Worker},
};

const LONG: Duration = Duration::from_secs(60);

pub(super) async fn answer(case: &str, expected: &str) -> Result<Observation, Fault> {
    let play = Play {
        case: case.into(),
        expected: expected.into(),
        diary: Diary::default(),
    };
    let seen = match case {
        "group_order" => play.group_order().await?,
        "window" => play.window().await?,
        "escalation" => play.escalation().await?,
        "kill_is_abnormal" => play.kill_is_abnormal().await?,
        "mailbox_kept" => play.mailbox_kept().await?,
        "no_stale_timer" => play.no_stale_timer().await?,
        "failed_restart" => play.failed_restart().await?,
        "orphan" => play.orphan().await?,
        "hung_child" => play.hung_child().await?,
        "backoff_reset" => play.backoff_reset().await?,
        "links" => {
            return not_offered("ractor links an actor to its supervisor, not to its peers");
        }
        "significant_child" => {
            return not_offered("a supervisor's end cannot be tied to a child's");
        }
        unknown => return Err(format!("no program for the case {unknown}").into()),
    };
    Ok(Observation::Seen(seen))
}

fn not_offered(why: &str) -> Result<Observation, Fault> {
    Ok(Observation::NotOffered(why.into()))
}

struct Play {
    case: String,
    expected: String,
    diary: Diary,
}

type Root = (ActorRef<SupervisorMsg>, JoinHandle<()>);

impl Play {
    fn name(&self, id: &str) -> String {
        format!("{}-{id}", self.case)
    }

    fn worker(&self, id: &'static str) -> ChildSpec {
        self.worker_like(id, Manner::new(id, &self.diary))
    }

    fn worker_like(&self, id: &str, manner: Manner) -> ChildSpec {
        ChildSpec {
            id: self.name(id),
            restart: Restart::Permanent,
            spawn_fn: SpawnFn::new(move |supervisor, id| {
                let manner = manner.clone();
                async move {
                    let (worker, _) =
                        Supervisor::spawn_linked(id, Worker, manner, supervisor).await?;
                    Ok(worker.get_cell())
                }
            }),
            backoff_fn: None,
            reset_after: None,
        }
    }

    /// A running supervisor whose start is not part of the answer.
    async fn start(
        &self,
        strategy: SupervisorStrategy,
        limit: (usize, Duration),
        children: Vec<ChildSpec>,
    ) -> Result<Root, Fault> {
        let count = children.len();
        let root =
            Supervisor::spawn(self.name("root"), arguments(strategy, limit, children)).await?;
        self.diary.lines(count).await;
        self.diary.take();
        Ok(root)
    }

    async fn start_one(&self, child: ChildSpec) -> Result<Root, Fault> {
        self.start(SupervisorStrategy::OneForOne, (5, LONG), vec![child])
            .await
    }

    /// The actor that runs under this id now.
    async fn cell(&self, id: &str) -> Result<ActorCell, Fault> {
        let name = self.name(id);
        for _ in 0..200 {
            if let Some(cell) = ractor::registry::where_is(name.clone()) {
                return Ok(cell);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(format!("no actor {name}").into())
    }

    async fn tell(&self, id: &str, order: Order) -> Result<(), Fault> {
        let worker: ActorRef<Order> = self.cell(id).await?.into();
        Ok(worker.send_message(order)?)
    }

    async fn end(&self, (root, join): Root) -> String {
        let seen = self.diary.settle(&self.expected).await;
        root.kill();
        let _ = join.await;
        seen
    }

    async fn group_order(&self) -> Result<String, Fault> {
        let children = ["a", "b", "c", "d", "e"].map(|id| self.worker(id)).into();
        let root = self
            .start(SupervisorStrategy::OneForAll, (5, LONG), children)
            .await?;
        self.tell("c", Order::Fail).await?;
        Ok(self.end(root).await)
    }

    async fn window(&self) -> Result<String, Fault> {
        let limit = (2, Duration::from_secs(1));
        let children = vec![self.worker("w")];
        let (root, mut join) = self
            .start(SupervisorStrategy::OneForOne, limit, children)
            .await?;
        for times in 1..=5 {
            if self.tell("w", Order::Fail).await.is_err() {
                break;
            }
            if times < 5 && !self.diary.lines(times).await {
                break;
            }
            if times == 2 {
                tokio::time::sleep(Duration::from_millis(2_500)).await;
            }
        }
        let gone = tokio::time::timeout(Duration::from_secs(2), &mut join).await;
        if gone.is_ok() {
            self.diary.write("gone");
        }
        let seen = self.diary.settle(&self.expected).await;
        root.kill();
        Ok(seen)
    }

    /// A supervisor as a child.
    fn below(&self, limit: (usize, Duration), children: Vec<ChildSpec>) -> ChildSpec {
        ChildSpec {
            id: self.name("sub"),
            restart: Restart::Permanent,
            spawn_fn: SpawnFn::new(move |supervisor, id| {
                let plan = arguments(SupervisorStrategy::OneForOne, limit, children.clone());
                async move {
                    let (sub, _) =
                        Supervisor::spawn_linked(id, Supervisor, plan, supervisor).await?;
                    Ok(sub.get_cell())
                }
            }),
            backoff_fn: None,
            reset_after: None,
        }
    }

    async fn escalation(&self) -> Result<String, Fault> {
        let children = ["w", "v"].map(|id| self.worker(id)).into();
        let root = self.start_one(self.below((0, LONG), children)).await?;
        self.diary.lines(2).await;
        self.diary.take();
        self.tell("w", Order::Fail).await?;
        Ok(self.end(root).await)
    }

    async fn kill_is_abnormal(&self) -> Result<String, Fault> {
        let worker = ChildSpec {
            restart: Restart::Transient,
            ..self.worker("w")
        };
        let root = self.start_one(worker).await?;
        self.cell("w").await?.kill();
        Ok(self.end(root).await)
    }

    async fn mailbox_kept(&self) -> Result<String, Fault> {
        let root = self.start_one(self.worker("w")).await?;
        let orders = ["1", "2", "3"].map(Order::Say);
        let worker: ActorRef<Order> = self.cell("w").await?.into();
        for order in std::iter::once(Order::Fail).chain(orders) {
            worker.send_message(order)?;
        }
        Ok(self.end(root).await)
    }

    async fn no_stale_timer(&self) -> Result<String, Fault> {
        let options = DynamicSupervisorOptions {
            max_children: None,
            max_restarts: 5,
            max_window: LONG,
            reset_after: None,
        };
        let (root, _join) = DynamicSupervisor::spawn(self.name("root"), options).await?;
        let wait = ChildBackoffFn::new(|_, _, _, _| Some(Duration::from_millis(300)));
        let worker = ChildSpec {
            backoff_fn: Some(wait),
            ..self.worker("w")
        };
        DynamicSupervisor::spawn_child(root.clone(), worker).await?;
        let cell = self.cell("w").await?;
        self.diary.take();
        self.tell("w", Order::Fail).await?;
        cell.wait(None).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let order = DynamicSupervisor::terminate_child(root.clone(), self.name("w"));
        // An order that is refused may still be kept; what counts is what is seen.
        let _ = tokio::time::timeout(Duration::from_secs(1), order).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = self.diary.take();
        root.kill();
        Ok(if seen.is_empty() {
            "stays down".into()
        } else {
            seen
        })
    }

    async fn failed_restart(&self) -> Result<String, Fault> {
        let manner = Manner::new("w", &self.diary).failing(2);
        let root = self.start_one(self.worker_like("w", manner)).await?;
        self.tell("w", Order::Fail).await?;
        Ok(self.end(root).await)
    }

    async fn orphan(&self) -> Result<String, Fault> {
        let below = self.below((5, LONG), vec![self.worker("w")]);
        let root = self.start_one(below).await?;
        self.cell("sub").await?.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let seen = self.diary.census();
        root.0.kill();
        Ok(seen)
    }

    async fn hung_child(&self) -> Result<String, Fault> {
        let (root, _join) = self.start_one(self.worker("w")).await?;
        self.tell("w", Order::Hang).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stop = root.stop_and_wait(None, Some(Duration::from_secs(3)));
        let in_time = stop.await.is_ok();
        // A killed child has a moment to be gone.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(stopped(in_time, self.diary.alive()))
    }

    async fn backoff_reset(&self) -> Result<String, Fault> {
        let wait = ChildBackoffFn::new(|_, restarts, _, _| {
            let doublings = u32::try_from(restarts.saturating_sub(1)).unwrap_or(u32::MAX);
            Some(Duration::from_millis(200).saturating_mul(2_u32.saturating_pow(doublings)))
        });
        let worker = ChildSpec {
            backoff_fn: Some(wait),
            reset_after: Some(Duration::from_secs(1)),
            ..self.worker("w")
        };
        let (root, _join) = self.start_one(worker).await?;
        let mut waits = Waits::default();
        for run in Waits::RUNS {
            tokio::time::sleep(run).await;
            self.diary.take();
            self.tell("w", Order::Fail).await?;
            waits.measure(&self.diary).await;
        }
        root.kill();
        Ok(waits.compare())
    }
}

fn arguments(
    strategy: SupervisorStrategy,
    (max_restarts, max_window): (usize, Duration),
    child_specs: Vec<ChildSpec>,
) -> SupervisorArguments {
    SupervisorArguments {
        child_specs,
        options: SupervisorOptions {
            strategy,
            max_restarts,
            max_window,
            reset_after: None,
        },
    }
}
