//! The life table: mailboxes, stops, pauses, steps and snapshots.

use std::future::pending;
use std::sync::Arc;

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, AgentState, AskError, Context, Incoming, SendError, Snapshot,
    SnapshotError,
};
use aios_actors::async_trait;
use aios_memory::Store;
use aios_protocols::{AgentId, ReasonKind};
use aios_supervisor::{Admission, Backlog};

use crate::house::{Book, House, PATIENCE, SECOND};

type Handled = Result<(), AgentError>;

async fn done(incoming: Incoming, _: Context, _: Arc<Book>) -> Handled {
    Ok(incoming.inform("done")?)
}

/// Works for a second on each message.
async fn slowly(incoming: Incoming, _: Context, _: Arc<Book>) -> Handled {
    tokio::time::sleep(SECOND).await;
    Ok(incoming.inform("done")?)
}

fn options(admission: Admission, backlog: Backlog) -> AgentOptions {
    AgentOptions {
        mailbox: 2,
        admission,
        backlog,
        ..AgentOptions::default()
    }
}

/// One request is in the handler, two wait: the mailbox is full.
async fn full(
    house: &House,
    admission: Admission,
) -> (
    AgentId,
    Vec<tokio::task::JoinHandle<Result<String, AskError>>>,
) {
    let worker = house
        .agent_with(
            "macro.executor",
            options(admission, Backlog::Return),
            slowly,
        )
        .await;
    let mut asking = vec![house.ask(&worker, "first")];
    house.book.wait("first", 1).await;
    for what in ["second", "third"] {
        asking.push(house.ask(&worker, what));
        house.settle().await;
    }
    assert_eq!(house.view(&worker).mailbox.queued, 2);
    (worker, asking)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_the_mailbox_full_comes_back_with_the_reason() {
    for (admission, buried) in [
        (Admission::Fail, 0),
        (Admission::DropNewest, 1),
        (Admission::DeadLetter, 1),
        (Admission::Wait(SECOND / 2), 0),
    ] {
        let house = House::new().await;
        let (worker, asking) = full(&house, admission).await;
        let error = house.ask(&worker, "fourth").await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::NotSent(SendError::MailboxFull { .. })),
            "{admission:?}: {error}"
        );
        for asking in asking {
            assert_eq!(asking.await.unwrap().unwrap(), "done", "{admission:?}");
        }
        let there = house.buried("full") + house.buried("waited_too_long");
        assert_eq!(
            (there, house.book.times("fourth")),
            (buried, 0),
            "{admission:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_told_to_wait_gets_the_next_place() {
    let house = House::new().await;
    let (worker, _asking) = full(&house, Admission::Wait(2 * SECOND)).await;
    assert_eq!(house.ask(&worker, "fourth").await.unwrap().unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_gives_way_to_a_newer_one_is_refused_to_its_sender() {
    let house = House::new().await;
    let (worker, asking) = full(&house, Admission::DropOldest).await;
    let newest = house.ask(&worker, "fourth");
    let mut heard = Vec::new();
    for asking in asking {
        heard.push(asking.await.unwrap());
    }
    assert_eq!(heard[0].as_deref(), Ok("done"));
    let Err(AskError::Refused { reason, .. }) = &heard[1] else {
        panic!("{heard:?}")
    };
    assert_eq!(
        (reason.kind, house.buried("displaced")),
        (ReasonKind::Overloaded, 1)
    );
    assert_eq!(heard[2].as_deref(), Ok("done"));
    assert_eq!(newest.await.unwrap().unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn at_a_stop_the_running_request_is_finished_and_the_backlog_goes_where_the_agent_declared() {
    for (backlog, fate) in [
        (Backlog::Finish, "done"),
        (Backlog::Return, "refused"),
        (Backlog::DeadLetter, "silence"),
    ] {
        let house = House::new().await;
        let worker = house
            .agent_with("macro.executor", options(Admission::Fail, backlog), slowly)
            .await;
        let first = house.ask(&worker, "first");
        house.book.wait("first", 1).await;
        let second = house.ask_within(&worker, "second", 4 * SECOND);
        house.settle().await;
        let stopping = tokio::spawn({
            let (supervisor, worker) = (house.supervisor.clone(), worker.clone());
            async move { supervisor.terminate_child(worker.as_str()).await }
        });
        house.wait_for_state(&worker, AgentState::Draining).await;
        let error = house.ask(&worker, "too late").await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::NotSent(SendError::NotTaking { .. })),
            "{backlog:?}: {error}"
        );
        stopping.await.unwrap().unwrap();
        assert_eq!(first.await.unwrap().unwrap(), "done", "{backlog:?}");
        let heard = match second.await.unwrap() {
            Ok(answer) => answer,
            Err(AskError::Refused { .. }) => "refused".to_owned(),
            Err(AskError::Deadline { .. }) => "silence".to_owned(),
            Err(other) => panic!("{backlog:?}: {other}"),
        };
        assert_eq!(heard, fate, "{backlog:?}");
        assert_eq!(
            house.buried("left_over"),
            u64::from(backlog == Backlog::DeadLetter),
            "{backlog:?}"
        );
        assert_eq!(
            (house.view(&worker).state, house.view(&worker).in_flight),
            (AgentState::Offline, 0)
        );
        let error = house.ask(&worker, "gone").await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::NotSent(SendError::NotTaking { .. })),
            "{backlog:?}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_agent_takes_nothing_up_and_loses_nothing_even_across_a_restart() {
    let house = House::new().await;
    let worker = house.agent(done).await;
    house.cell(&worker).suspend();
    let asking = house.ask(&worker, "work");
    house.settle().await;
    assert_eq!(
        (house.view(&worker).state, house.book.lines().len()),
        (AgentState::Suspended, 0)
    );
    house.kill(&worker).await;
    house.settle().await;
    assert_eq!(house.book.lines().len(), 0, "still suspended");
    house.cell(&worker).resume();
    assert_eq!(asking.await.unwrap().unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_an_agent_is_down_is_answered_by_its_successor() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, ctx, _| async move {
            match incoming.content.as_str() {
                Some("fall") if ctx.incarnation() == 1 => pending().await,
                _ => Ok(incoming.inform("done")?),
            }
        })
        .await;
    let fallen = house.ask(&worker, "fall");
    house.book.wait("fall", 1).await;
    let waiting = house.ask(&worker, "work");
    house.settle().await;
    house.kill(&worker).await;
    assert_eq!(
        (
            fallen.await.unwrap().unwrap(),
            waiting.await.unwrap().unwrap()
        ),
        ("done".into(), "done".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_let_go_of_without_an_answer_is_answered_failure() {
    for what in [
        "in the handler",
        "in a job",
        "after the handler",
        "by an error",
    ] {
        let house = House::new().await;
        let kept = Arc::new(Slot::default());
        let keep = Arc::clone(&kept);
        let worker = house
            .agent(move |incoming, ctx, _| {
                let keep = Arc::clone(&keep);
                async move {
                    match incoming.content.as_str() {
                        Some("in a job") => ctx.spawn(incoming, |_, _| async { Ok(()) }),
                        Some("after the handler") => keep.put(incoming),
                        Some("by an error") => return Err(AgentError::failure("it failed")),
                        _ => drop(incoming),
                    }
                    Ok(())
                }
            })
            .await;
        let asking = house.ask(&worker, what);
        house.book.wait(what, 1).await;
        house.settle().await;
        drop(kept.take());
        let error = asking.await.unwrap().unwrap_err();
        assert!(matches!(error, AskError::Failed { .. }), "{what}: {error}");
        assert_eq!(house.view(&worker).in_flight, 0, "{what}");
    }
}

/// Keeps a message outside of its handler, as an agent's struct would.
#[derive(Default)]
struct Slot(std::sync::Mutex<Option<Incoming>>);

impl Slot {
    fn put(&self, incoming: Incoming) {
        *self.0.lock().unwrap() = Some(incoming);
    }

    fn take(&self) -> Option<Incoming> {
        self.0.lock().unwrap().take()
    }
}

#[tokio::test(start_paused = true)]
async fn an_ask_has_a_deadline_and_an_agent_that_waits_can_be_stopped() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, _, _| async move {
            let _held = incoming;
            pending().await
        })
        .await;
    let error = house
        .ask_within(&worker, "work", SECOND)
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, AskError::Deadline { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_hears_answers_to_its_own_asks_while_it_handles_a_request() {
    let house = House::new().await;
    let helper = house
        .agent_with("macro.memory", AgentOptions::default(), done)
        .await;
    let worker = house
        .agent(move |incoming, ctx, _| {
            let helper = helper.clone();
            async move {
                let heard = ctx.ask(&helper, "help", SECOND).await?;
                Ok(incoming.inform(heard.content.clone())?)
            }
        })
        .await;
    assert_eq!(house.ask(&worker, "work").await.unwrap().unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_committed_step_is_not_run_again_after_a_crash() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, ctx, book| async move {
            let effect = ctx
                .once("goal/effect", || async {
                    book.write("effect");
                    Ok::<_, AgentError>("made once".to_owned())
                })
                .await?;
            assert!(ctx.incarnation() > 1, "falls after its effect");
            Ok(incoming.inform(effect)?)
        })
        .await;
    assert_eq!(
        house.ask(&worker, "work").await.unwrap().unwrap(),
        "made once"
    );
    assert_eq!(
        (house.book.times("work"), house.book.times("effect")),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_asked_for_twice_at_once_runs_once() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, ctx, _| async move {
            ctx.spawn(incoming, |incoming, ctx| async move {
                let book = ctx
                    .once("goal/effect", || async {
                        tokio::time::sleep(SECOND).await;
                        Ok::<_, AgentError>(ctx.now().as_micros())
                    })
                    .await?;
                Ok(incoming.inform(book.to_string())?)
            });
            Ok(())
        })
        .await;
    let (one, other) = (house.ask(&worker, "one"), house.ask(&worker, "other"));
    assert_eq!(one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
}

/// Counts what it was asked; panics at `fall`.
struct Counter(u32);

#[async_trait]
impl Agent for Counter {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Handled {
        assert!(
            incoming.content.as_str() != Some("fall") || incoming.deliveries() > 1,
            "falls"
        );
        self.0 += 1;
        ctx.checkpoint();
        Ok(incoming.inform(self.0.to_string())?)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.0).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.0 = snapshot.read_json(1)?;
        Ok(())
    }
}

async fn counter(house: &House) -> AgentId {
    house
        .system
        .factories()
        .register("macro.executor", |_| Ok(Counter(0)));
    house
        .system
        .spawn("macro.executor", &house.supervisor, AgentOptions::default())
        .await
        .unwrap()
        .0
}

#[tokio::test(start_paused = true)]
async fn the_next_incarnation_begins_where_the_last_snapshot_stands() {
    let house = House::new().await;
    let worker = counter(&house).await;
    for (what, count) in [("a", "1"), ("b", "2"), ("fall", "3"), ("c", "4")] {
        assert_eq!(
            house.ask(&worker, what).await.unwrap().unwrap(),
            count,
            "{what}"
        );
    }
    assert_eq!(house.view(&worker).incarnation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_snapshot_is_not_no_snapshot() {
    type Spoil = fn(&dyn Store, &[u8]);
    let spoils: [Spoil; 3] = [
        |store, key| store.put(key, b"no snapshot").unwrap(),
        |store, key| {
            let mut bytes = store.get(key).unwrap().unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            store.put(key, &bytes).unwrap();
        },
        |store, key| {
            let mut bytes = store.get(key).unwrap().unwrap();
            bytes[4] = 9;
            store.put(key, &bytes).unwrap();
        },
    ];
    for spoil in spoils {
        let house = House::new().await;
        let worker = counter(&house).await;
        assert_eq!(house.ask(&worker, "a").await.unwrap().unwrap(), "1");
        house.settle().await;
        let key = format!("snapshot/{worker}").into_bytes();
        spoil(house.store.as_ref(), &key);
        let spoilt = house.store.get(&key).unwrap();
        house.kill(&worker).await;
        // It is parked, and says so to whoever asks and whoever looks.
        let said = house.ask(&worker, "b").await.unwrap().unwrap_err();
        assert!(said.to_string().contains("is parked"), "{said}");
        let view = house.view(&worker);
        assert_eq!(view.state, AgentState::Failed);
        assert!(view.last_failure.unwrap().contains("checkpoint"));
        assert_eq!(
            house.store.get(&key).unwrap(),
            spoilt,
            "nothing wrote over it"
        );
        // Somebody has decided that it is to begin anew.
        house.system.discard_checkpoints(&worker).unwrap();
        house.kill(&worker).await;
        assert_eq!(house.ask(&worker, "c").await.unwrap().unwrap(), "1");
    }
}

#[tokio::test(start_paused = true)]
async fn of_three_checkpoints_the_newest_that_can_be_read_is_taken_up() {
    let house = House::new().await;
    let worker = counter(&house).await;
    for count in 1..=5 {
        let said = house.ask(&worker, "a").await.unwrap().unwrap();
        assert_eq!(said, count.to_string());
        house.settle().await;
    }
    let prefix = format!("snapshot/{worker}");
    let kept = |house: &House| {
        house
            .store
            .scan_prefix(prefix.as_bytes(), None, 10)
            .unwrap()
    };
    assert_eq!(kept(&house).len(), 3);
    for (spoilt, next) in [("", "5"), ("~1", "6")] {
        let key = format!("{prefix}{spoilt}");
        house.store.put(key.as_bytes(), b"no snapshot").unwrap();
        house.kill(&worker).await;
        assert_eq!(house.ask(&worker, "b").await.unwrap().unwrap(), next);
        house.settle().await;
    }
    assert_eq!(kept(&house).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_desk_of_a_principal_asks_only_who_is_open_to_it_and_takes_no_requests() {
    let house = House::new().await;
    let door = house
        .agent_open_to("macro.interface", "macro, user", done)
        .await;
    let worker = house.agent(done).await;
    let alice = house
        .system
        .client(
            "user:alice@local"
                .parse::<aios_protocols::PrincipalId>()
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(
        alice
            .ask(&door, "goal", PATIENCE)
            .await
            .unwrap()
            .content
            .as_str(),
        Some("done")
    );
    assert!(matches!(
        alice.ask(&worker, "work", PATIENCE).await,
        Err(AskError::NotSent(SendError::Denied(_)))
    ));
    let error = house
        .driver
        .ask(alice.party(), "work", PATIENCE)
        .await
        .unwrap_err();
    assert!(
        matches!(error, AskError::NotSent(SendError::Denied(_))),
        "{error}"
    );
}

/// Never gets ready.
struct Stuck;

#[async_trait]
impl Agent for Stuck {
    async fn start(&mut self, _: &Context) -> Result<(), AgentError> {
        pending().await
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Handled {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_not_ready_within_its_start_deadline_does_not_start() {
    let house = House::new().await;
    house
        .system
        .factories()
        .register("macro.critic", |_| Ok(Stuck));
    let starting = house.system.spawn(
        "macro.critic",
        &house.supervisor,
        AgentOptions {
            start_deadline: SECOND,
            ..AgentOptions::default()
        },
    );
    let started = tokio::time::timeout(PATIENCE, starting).await;
    let error = started.expect("nobody looked at the deadline").unwrap_err();
    assert!(error.to_string().contains("hangs"), "{error}");
}
