//! Our own supervisor in the twelve cases.

use std::time::Duration;

use aios_supervisor::{
    Admission, AutoShutdown, Backlog, Backoff, ChildHandle, ChildSpec, Mailbox, Shutdown, Strategy,
    Supervisor, SupervisorRef, SupervisorSpec,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::{
    Fault, Observation,
    diary::Diary,
    waits::Waits,
    worker::{Manner, Order, Worker},
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
        "no_stale_timer" => no_stale_timer(&diary).await?,
        "links" => links(&diary, expected).await?,
        "failed_restart" => failed_restart(&diary, expected).await?,
        "orphan" => orphan(&diary).await?,
        "significant_child" => significant_child(&diary, expected).await?,
        "hung_child" => hung_child(&diary).await?,
        "backoff_reset" => backoff_reset(&diary).await?,
        unknown => return Err(format!("no program for the case {unknown}").into()),
    };
    Ok(Observation::Seen(seen))
}

fn worker(id: &'static str, diary: &Diary) -> ChildSpec {
    let manner = Manner::new(id, diary);
    ChildSpec::worker(id, move || (Worker, manner.clone()))
}

/// A running tree whose start is not part of the answer.
async fn start(spec: SupervisorSpec, diary: &Diary) -> Result<SupervisorRef, Fault> {
    let root = Supervisor::start(spec).await?;
    diary.take();
    Ok(root)
}

fn child(supervisor: &SupervisorRef, id: &str) -> Result<ChildHandle, Fault> {
    supervisor
        .child(id)
        .ok_or_else(|| format!("no child {id}").into())
}

fn below(root: &SupervisorRef, path: &str) -> Result<SupervisorRef, Fault> {
    root.supervisor(path)
        .ok_or_else(|| format!("no supervisor {path}").into())
}

async fn tell(child: &ChildHandle, order: Order) -> Result<(), Fault> {
    let actor: ActorRef<Order> = child.running(LONG).await?.into();
    Ok(actor.send_message(order)?)
}

async fn group_order(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let spec = SupervisorSpec::new("root")
        .strategy(Strategy::OneForAll)
        .children(["a", "b", "c", "d", "e"].map(|id| worker(id, diary)));
    let root = start(spec, diary).await?;
    tell(&child(&root, "c")?, Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.stop().await;
    Ok(seen)
}

async fn window(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let spec = SupervisorSpec::new("root")
        .intensity(2, Duration::from_secs(1))
        .child(worker("w", diary));
    let root = start(spec, diary).await?;
    let w = child(&root, "w")?;
    for times in 1..=5 {
        tell(&w, Order::Fail).await?;
        if times < 5 && !diary.lines(times).await {
            break;
        }
        if times == 2 {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        }
    }
    if tokio::time::timeout(Duration::from_secs(2), root.gone())
        .await
        .is_ok()
    {
        diary.write("gone");
    }
    Ok(diary.settle(expected).await)
}

async fn escalation(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let sub = SupervisorSpec::new("sub")
        .intensity(0, LONG)
        .children(["w", "v"].map(|id| worker(id, diary)));
    let spec = SupervisorSpec::new("root")
        .intensity(5, LONG)
        .child(ChildSpec::supervisor(sub));
    let root = start(spec, diary).await?;
    tell(&child(&below(&root, "sub")?, "w")?, Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.stop().await;
    Ok(seen)
}

async fn kill_is_abnormal(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let spec = SupervisorSpec::new("root").child(worker("w", diary).transient());
    let root = start(spec, diary).await?;
    child(&root, "w")?.running(LONG).await?.kill();
    let seen = diary.settle(expected).await;
    root.stop().await;
    Ok(seen)
}

/// Drinks from a mailbox that outlives it.
struct Drinker;

impl Actor for Drinker {
    type Msg = ();
    type State = (Manner, Mailbox<Order>);
    type Arguments = (Manner, Mailbox<Order>);

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        its: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        its.0.start()?;
        me.send_message(())?;
        Ok(its)
    }

    async fn handle(
        &self,
        me: ActorRef<()>,
        (): (),
        (manner, mailbox): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match mailbox.pop().await {
            Some(Order::Say(word)) => manner.say(word),
            Some(_) => return Err("told to fail".into()),
            None => me.stop(None),
        }
        Ok(me.send_message(())?)
    }
}

async fn mailbox_kept(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let mailbox = Mailbox::new("w", 8, Admission::Fail);
    let its = (Manner::new("w", diary), mailbox.clone());
    let spec =
        SupervisorSpec::new("root").child(ChildSpec::worker("w", move || (Drinker, its.clone())));
    let root = start(spec, diary).await?;
    let orders = ["1", "2", "3"].map(Order::Say);
    for order in std::iter::once(Order::Fail).chain(orders) {
        mailbox
            .try_push(order)
            .map_err(|refused| refused.to_string())?;
    }
    let seen = diary.settle(expected).await;
    mailbox.close(Backlog::Return);
    root.stop().await;
    Ok(seen)
}

async fn no_stale_timer(diary: &Diary) -> Result<String, Fault> {
    let wait = Duration::from_millis(300);
    let backoff = Backoff {
        first: wait,
        ..Backoff::default()
    };
    let spec = SupervisorSpec::new("root").child(worker("w", diary).backoff(backoff));
    let root = start(spec, diary).await?;
    let w = child(&root, "w")?;
    let ended = w.ended(1);
    tell(&w, Order::Fail).await?;
    ended.await;
    root.terminate_child("w").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = diary.take();
    root.stop().await;
    Ok(if seen.is_empty() {
        "stays down".into()
    } else {
        seen
    })
}

async fn links(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let one = SupervisorSpec::new("one").child(worker("x", diary));
    let two = SupervisorSpec::new("two").children(["y", "z"].map(|id| worker(id, diary)));
    let spec = SupervisorSpec::new("root").children([one, two].map(ChildSpec::supervisor));
    let root = start(spec, diary).await?;
    let x = child(&below(&root, "one")?, "x")?;
    let y = child(&below(&root, "two")?, "y")?;
    let link = x.link(&y).ok_or("x and y do not run")?;
    tell(&x, Order::Fail).await?;
    let seen = diary.settle_sorted(expected).await;
    drop(link);
    root.stop().await;
    Ok(seen)
}

async fn failed_restart(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let manner = Manner::new("w", diary).failing(2);
    let spec = SupervisorSpec::new("root")
        .intensity(5, LONG)
        .child(ChildSpec::worker("w", move || (Worker, manner.clone())));
    let root = start(spec, diary).await?;
    tell(&child(&root, "w")?, Order::Fail).await?;
    let seen = diary.settle(expected).await;
    root.stop().await;
    Ok(seen)
}

async fn orphan(diary: &Diary) -> Result<String, Fault> {
    let sub = SupervisorSpec::new("sub").child(worker("w", diary));
    let spec = SupervisorSpec::new("root").child(ChildSpec::supervisor(sub));
    let root = start(spec, diary).await?;
    child(&root, "sub")?.running(LONG).await?.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = diary.census();
    root.stop().await;
    Ok(seen)
}

async fn significant_child(diary: &Diary, expected: &str) -> Result<String, Fault> {
    let spec = SupervisorSpec::new("root")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(worker("v", diary))
        .child(worker("s", diary).transient().significant());
    let root = start(spec, diary).await?;
    tell(&child(&root, "s")?, Order::Leave).await?;
    if tokio::time::timeout(Duration::from_secs(2), root.gone())
        .await
        .is_ok()
    {
        diary.write("gone");
    }
    Ok(diary.settle(expected).await)
}

async fn hung_child(diary: &Diary) -> Result<String, Fault> {
    let limit = Duration::from_millis(300);
    let spec =
        SupervisorSpec::new("root").child(worker("w", diary).shutdown(Shutdown::Timeout(limit)));
    let root = start(spec, diary).await?;
    tell(&child(&root, "w")?, Order::Hang).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(3), root.stop()).await;
    Ok(super::stopped(stopped.is_ok(), diary.alive()))
}

async fn backoff_reset(diary: &Diary) -> Result<String, Fault> {
    let backoff = Backoff {
        first: Duration::from_millis(200),
        reset_after: Duration::from_secs(1),
        ..Backoff::default()
    };
    let spec = SupervisorSpec::new("root")
        .intensity(9, LONG)
        .child(worker("w", diary).backoff(backoff));
    let root = start(spec, diary).await?;
    let w = child(&root, "w")?;
    let mut waits = Waits::default();
    for rest in Waits::RUNS {
        tokio::time::sleep(rest).await;
        diary.take();
        tell(&w, Order::Fail).await?;
        waits.measure(diary).await;
    }
    root.stop().await;
    Ok(waits.compare())
}
