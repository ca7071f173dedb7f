//! kameo's supervision in the twelve cases, used as its documentation shows: children are spawned in their supervisor's
//! `on_start`, and an actor's reference stays good across its restarts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kameo::{
    Actor,
    actor::{ActorRef, Spawn, WeakActorRef},
    error::{ActorStopReason, Infallible},
    message::{Context, Message},
    supervision::{RestartPolicy, SupervisionStrategy},
};

use super::{
    Fault, Observation,
    diary::{Diary, Life},
    stopped,
    worker::{Manner, Order},
};

const LONG: Duration = Duration::from_secs(60);

pub(super) async fn answer(case: &str, expected: &str) -> Result<Observation, Fault> {
    let diary = Diary::default();
    let seen = match case {
        "group_order" => group_order(&diary, expected).await?,
        "window" => window(&diary, expected).await?,
        "escalation" => escalation(&diary, expected).await?,
        "kill_is_abnormal" => kill_is_abnormal(&diary, expected).await?,
        "mailbox_kept" => mailbox_kept(&diary, expected).await?,
        "links" => links(&diary, expected).await?,
        "failed_restart" => failed_restart(&diary, expected).await?,
        "orphan" => orphan(&diary).await?,
        "hung_child" => hung_child(&diary).await?,
        "no_stale_timer" => {
            return not_offered("no wait before a restart, and no order that keeps a child down");
        }
        "significant_child" => {
            return not_offered("a supervisor's end cannot be tied to a child's");
        }
        "backoff_reset" => return not_offered("a restart is made at once; there are no waits"),
        unknown => return Err(format!("no program for the case {unknown}").into()),
    };
    Ok(Observation::Seen(seen))
}

fn not_offered(why: &str) -> Result<Observation, Fault> {
    Ok(Observation::NotOffered(why.into()))
}

struct Worker {
    manner: Manner,
    _life: Life,
}

impl Actor for Worker {
    type Args = Manner;
    type Error = String;

    async fn on_start(manner: Manner, _: ActorRef<Self>) -> Result<Self, String> {
        manner.start()?;
        let _life = manner.live();
        Ok(Self { manner, _life })
    }

    async fn on_stop(
        &mut self,
        _: WeakActorRef<Self>,
        reason: ActorStopReason,
    ) -> Result<(), String> {
        if matches!(
            reason,
            ActorStopReason::Normal | ActorStopReason::SupervisorRestart
        ) {
            self.manner.leave();
        }
        Ok(())
    }
}

impl Message<Order> for Worker {
    type Reply = Result<(), String>;

    async fn handle(
        &mut self,
        order: Order,
        context: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        match order {
            Order::Fail => return Err("told to fail".into()),
            Order::Leave => context.stop(),
            Order::Hang => std::future::pending().await,
            Order::Say(word) => self.manner.say(word),
        }
        Ok(())
    }
}

/// The workers that run, by id.
#[derive(Clone, Default)]
struct Workers(Arc<Mutex<HashMap<&'static str, ActorRef<Worker>>>>);

impl Workers {
    fn put(&self, id: &'static str, worker: ActorRef<Worker>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, worker);
    }

    fn get(&self, id: &str) -> Result<ActorRef<Worker>, Fault> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id)
            .cloned()
            .ok_or_else(|| format!("no worker {id}").into())
    }

    async fn tell(&self, id: &str, order: Order) -> Result<(), Fault> {
        let worker = self.get(id)?;
        worker
            .tell(order)
            .await
            .map_err(|error| error.to_string().into())
    }
}

/// The children of one supervisor.
#[derive(Clone)]
struct Plan {
    children: Vec<(&'static str, Manner)>,
    workers: Workers,
    policy: RestartPolicy,
    limit: (u32, Duration),
}

impl Plan {
    fn new(ids: &[&'static str], diary: &Diary, workers: &Workers) -> Self {
        let manner = |id: &&'static str| (*id, Manner::new(id, diary));
        Self {
            children: ids.iter().map(manner).collect(),
            workers: workers.clone(),
            policy: RestartPolicy::Permanent,
            limit: (5, LONG),
        }
    }
}

/// Restarts one, or all, of its children.
struct Overseer<const ALL: bool>;

impl<const ALL: bool> Actor for Overseer<ALL> {
    type Args = Plan;
    type Error = Infallible;

    fn supervision_strategy() -> SupervisionStrategy {
        if ALL {
            SupervisionStrategy::OneForAll
        } else {
            SupervisionStrategy::OneForOne
        }
    }

    async fn on_start(plan: Plan, me: ActorRef<Self>) -> Result<Self, Infallible> {
        for (id, manner) in plan.children {
            let worker = Worker::supervise(&me, manner)
                .restart_policy(plan.policy)
                .restart_limit(plan.limit.0, plan.limit.1)
                .spawn()
                .await;
            worker.wait_for_startup().await;
            plan.workers.put(id, worker);
        }
        Ok(Self)
    }
}

type OneForOne = Overseer<false>;
type OneForAll = Overseer<true>;

/// A running supervisor whose start is not part of the answer.
async fn start<const ALL: bool>(plan: Plan, diary: &Diary) -> ActorRef<Overseer<ALL>> {
    let root = Overseer::<ALL>::spawn(plan);
    root.wait_for_startup().await;
    diary.take();
    root
}

/// A supervisor with another below it.
struct Root;

impl Actor for Root {
    type Args = (Plan, Arc<Mutex<Option<ActorRef<OneForOne>>>>);
    type Error = Infallible;

    async fn on_start((plan, below): Self::Args, me: ActorRef<Self>) -> Result<Self, Infallible> {
        let sub = OneForOne::supervise(&me, plan)
            .restart_limit(5, LONG)
            .spawn()
            .await;
        sub.wait_for_startup().await;
        *below.lock().unwrap_or_else(PoisonError::into_inner) = Some(sub);
        Ok(Self)
    }
}

async fn start_nested(
    plan: Plan,
    diary: &Diary,
) -> Result<(ActorRef<Root>, ActorRef<OneForOne>), Fault> {
    let below = Arc::new(Mutex::new(None));
    let root = Root::spawn((plan, Arc::clone(&below)));
    root.wait_for_startup().await;
    diary.take();
    let sub = below.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok((root, sub.ok_or("no supervisor below")?))
}

async fn group_order(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let root: ActorRef<OneForAll> = start(
        Plan::new(&["a", "b", "c", "d", "e"], diary, &workers),
        diary,
    )
    .await;
    workers.tell("c", Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn window(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let plan = Plan {
        limit: (2, Duration::from_secs(1)),
        ..Plan::new(&["w"], diary, &workers)
    };
    let root: ActorRef<OneForOne> = start(plan, diary).await;
    for times in 1..=5 {
        if workers.tell("w", Order::Fail).await.is_err() {
            break;
        }
        if times < 5 && !diary.lines(times).await {
            break;
        }
        if times == 2 {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        }
    }
    let gone = tokio::time::timeout(Duration::from_secs(2), root.wait_for_shutdown()).await;
    if gone.is_ok() {
        diary.write("gone");
    }
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn escalation(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let plan = Plan {
        limit: (0, LONG),
        ..Plan::new(&["w", "v"], diary, &workers)
    };
    let (root, _sub) = start_nested(plan, diary).await?;
    workers.tell("w", Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn kill_is_abnormal(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let plan = Plan {
        policy: RestartPolicy::Transient,
        ..Plan::new(&["w"], diary, &workers)
    };
    let root: ActorRef<OneForOne> = start(plan, diary).await;
    workers.get("w")?.kill();
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn mailbox_kept(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let root: ActorRef<OneForOne> = start(Plan::new(&["w"], diary, &workers), diary).await;
    let orders = ["1", "2", "3"].map(Order::Say);
    for order in std::iter::once(Order::Fail).chain(orders) {
        workers.tell("w", order).await?;
    }
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn links(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let one: ActorRef<OneForOne> = start(Plan::new(&["x"], diary, &workers), diary).await;
    let two: ActorRef<OneForOne> = start(Plan::new(&["y", "z"], diary, &workers), diary).await;
    workers.get("x")?.link(&workers.get("y")?).await;
    workers.tell("x", Order::Fail).await?;
    let seen = diary.settle_sorted(expected).await;
    one.kill();
    two.kill();
    Ok(seen)
}

async fn failed_restart(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let workers = Workers::default();
    let mut plan = Plan::new(&["w"], diary, &workers);
    plan.children = vec![("w", Manner::new("w", diary).failing(2))];
    let root: ActorRef<OneForOne> = start(plan, diary).await;
    workers.tell("w", Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.kill();
    Ok(seen)
}

async fn orphan(diary: &Diary) -> Result<String, Fault> {
    let workers = Workers::default();
    let (root, sub) = start_nested(Plan::new(&["w"], diary, &workers), diary).await?;
    sub.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = diary.census();
    root.kill();
    Ok(seen)
}

async fn hung_child(diary: &Diary) -> Result<String, Fault> {
    let workers = Workers::default();
    let root: ActorRef<OneForOne> = start(Plan::new(&["w"], diary, &workers), diary).await;
    workers.tell("w", Order::Hang).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    root.stop_gracefully()
        .await
        .map_err(|error| error.to_string())?;
    let gone = tokio::time::timeout(Duration::from_secs(3), root.wait_for_shutdown()).await;
    Ok(stopped(gone.is_ok(), diary.alive()))
}
