//! Ends and restarts.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_kind_of_end_is_told_apart() {
    type Act = fn(&aios_supervisor::ChildHandle);
    let rows: [(&str, Act, ExitReason); 6] = [
        (
            "panic",
            |child| tell(child, Do::Panic),
            ExitReason::Failed("told to panic".into()),
        ),
        (
            "error",
            |child| tell(child, Do::Fail),
            ExitReason::Failed("told to err".into()),
        ),
        (
            "kill",
            |child| child.cell().unwrap().kill(),
            ExitReason::Killed,
        ),
        (
            "kill in a handler",
            |child| {
                tell(child, Do::Hang);
                child.cell().unwrap().kill();
            },
            ExitReason::Killed,
        ),
        (
            "stop",
            |child| tell(child, Do::Stop(None)),
            ExitReason::Normal,
        ),
        (
            "stop with a reason",
            |child| tell(child, Do::Stop(Some("done".into()))),
            ExitReason::Shutdown("done".into()),
        ),
    ];
    for (name, act, expected) in rows {
        let diary = Diary::default();
        let spec = SupervisorSpec::new("root").child(puppet("a", &diary).transient());
        let root = Supervisor::start_with(spec, options()).await.unwrap();
        let mut events = root.events();
        let a = child(&root, "a");
        act(&a);
        assert_eq!(until_exit(&mut events, "a").await, expected, "{name}");
        if expected.is_abnormal() {
            a.newer_than(1, LONG).await.unwrap();
            assert_eq!(a.incarnation(), Some(2), "{name}");
        } else {
            assert_eq!(a.view().unwrap().state, ChildState::Finished, "{name}");
        }
        // What has finished as it should is not meant to come back.
        assert_eq!(root.means_to_have("a"), expected.is_abnormal(), "{name}");
        root.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_for_all_and_rest_for_one_keep_their_order_with_real_actors() {
    for (strategy, expected) in [
        (Strategy::OneForOne, "+b"),
        (Strategy::OneForAll, "-c -a +a +b +c"),
        (Strategy::RestForOne, "-c +b +c"),
    ] {
        let diary = Diary::default();
        let root = Supervisor::start_with(
            spec("root", &diary, &["a", "b", "c"]).strategy(strategy),
            options(),
        )
        .await
        .unwrap();
        assert_eq!(diary.take(), "+a +b +c");
        let mut events = root.events();
        root.kill_child("b").await.unwrap();
        until_started(
            &mut events,
            if strategy == Strategy::OneForOne {
                "b"
            } else {
                "c"
            },
        )
        .await;
        assert_eq!(diary.take(), expected, "{strategy:?}");
        assert_eq!(root.stop().await, Stopped::InOrder);
        assert_eq!(diary.take(), "-c -b -a");
        assert_eq!(diary.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gives_up_is_restarted_by_its_parent() {
    let diary = Diary::default();
    let nested = spec("n", &diary, &["x", "y"]).intensity(1, LONG);
    let spec = SupervisorSpec::new("root")
        .intensity(1, LONG)
        .child(ChildSpec::supervisor(nested));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let nested = root.supervisor("n").unwrap();
    let x = child(&nested, "x");
    let mut events = root.events();

    tell(&x, Do::Panic);
    x.newer_than(1, LONG).await.unwrap();
    tell(&x, Do::Panic);
    let exit = until_exit(&mut events, "n").await;
    assert!(
        matches!(&exit, ExitReason::Failed(why) if why.contains("exceeded 1 restarts")),
        "{exit}"
    );
    // The handles of the fallen incarnation find the new one, and generations go on.
    x.newer_than(2, LONG).await.unwrap();
    assert_eq!(x.incarnation(), Some(3));
    assert_eq!(
        nested.view().restarts,
        0,
        "a new supervisor has a new window"
    );
    assert_eq!(root.view().restarts, 1);

    // Once more, and the root has had enough too.
    for generation in [3, 4] {
        tell(&x, Do::Panic);
        if generation == 3 {
            x.newer_than(3, LONG).await.unwrap();
        }
    }
    root.gone().await;
    assert_eq!(diary.alive(), 0);
    assert!(matches!(
        root.terminate_child("n").await,
        Err(OrderError::NotRunning { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_comes_back_with_all_below_it() {
    let diary = Diary::default();
    let inner = spec("inner", &diary, &["x"]);
    let outer = spec("outer", &diary, &["y"]).child(ChildSpec::supervisor(inner));
    let root = Supervisor::start_with(
        spec("root", &diary, &[]).child(ChildSpec::supervisor(outer)),
        options(),
    )
    .await
    .unwrap();
    let x = child(&root.supervisor("outer/inner").unwrap(), "x");
    let before = x.cell().unwrap().get_id();
    root.kill_child("outer").await.unwrap();
    let after = x.newer_than(1, LONG).await.unwrap().get_id();
    assert_ne!(before, after);
    assert_eq!(
        root.view().find("outer/inner/x").unwrap().pid,
        Some(after.pid())
    );
    assert_eq!(
        root.view().find("outer").unwrap().last_exit,
        Some(ExitReason::Killed)
    );
    root.stop().await;
    assert_eq!((diary.alive(), diary.most_alive()), (0, 1));
}

/// States whose drop takes thread time make every hand-over as tight as it gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_incarnations_never_overlap_whatever_is_killed() {
    let diary = Diary::default();
    let slow = Manner {
        slow_drop: Duration::from_millis(2),
        ..Manner::default()
    };
    let group = |name: &str| {
        SupervisorSpec::new(name)
            .strategy(Strategy::OneForAll)
            .intensity(1_000, LONG)
            .child(puppet_like(&format!("{name}-a"), &diary, slow))
            .child(puppet_like(&format!("{name}-b"), &diary, slow))
    };
    let middle = group("m").child(ChildSpec::supervisor(group("n")));
    let root = Supervisor::start_with(
        group("root").child(ChildSpec::supervisor(middle)),
        options(),
    )
    .await
    .unwrap();
    let victims = ["root-a", "m", "m/m-b", "m/n", "m/n/n-a", "root-b"];
    let leaf = child(&root.supervisor("m/n").unwrap(), "n-b");
    for round in 0..30 {
        let victim = victims[round % victims.len()];
        let (path, id) = victim.rsplit_once('/').unwrap_or(("", victim));
        let above = if path.is_empty() {
            root.clone()
        } else {
            root.supervisor(path).unwrap()
        };
        let generation = leaf.incarnation().unwrap_or_default();
        if above.kill_child(id).await.is_ok() {
            leaf.newer_than(generation, LONG).await.unwrap();
        }
    }
    root.stop().await;
    assert_eq!((diary.alive(), diary.most_alive()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_child_terminated_during_its_backoff_stays_down() {
    let diary = Diary::default();
    let backoff = Backoff {
        first: Duration::from_secs(5),
        jitter: 0.0,
        ..Backoff::default()
    };
    let spec = SupervisorSpec::new("root")
        .intensity(9, LONG)
        .child(puppet("a", &diary).backoff(backoff));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let mut events = root.events();
    let a = child(&root, "a");
    tell(&a, Do::Panic);
    until_exit(&mut events, "a").await;
    let view = until_backoff(&a).await;
    assert_eq!(view, Duration::from_secs(5));
    root.terminate_child("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(a.view().unwrap().state, ChildState::Stopped);
    assert_eq!(
        a.running(LONG).await,
        Err(HandleError::Gone { id: "a".into() })
    );
    // And a restart by order does bring it back.
    root.restart_child("a")
        .await
        .unwrap()
        .running(LONG)
        .await
        .unwrap();
    root.stop().await;
}

async fn until_backoff(child: &aios_supervisor::ChildHandle) -> Duration {
    while child.view().unwrap().state != ChildState::Backoff {
        tokio::task::yield_now().await;
    }
    child.view().unwrap().backoff_left.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_backoff_is_waited_for_to_the_millisecond() {
    let diary = Diary::default();
    let backoff = Backoff {
        first: Duration::from_millis(250),
        jitter: 0.0,
        ..Backoff::default()
    };
    let spec = SupervisorSpec::new("root")
        .intensity(9, LONG)
        .child(puppet("a", &diary).backoff(backoff));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let a = child(&root, "a");
    for wait_ms in [250, 500, 1_000] {
        let before = tokio::time::Instant::now();
        let generation = a.incarnation().unwrap();
        tell(&a, Do::Panic);
        while a.view().unwrap().state != ChildState::Backoff {
            tokio::task::yield_now().await;
        }
        assert!(root.means_to_have("a"), "it waits to come back");
        a.newer_than(generation, LONG).await.unwrap();
        let waited = before.elapsed().as_millis();
        assert!(
            (wait_ms..wait_ms + 3).contains(&waited),
            "{waited} instead of {wait_ms} ms"
        );
    }
    root.stop().await;
}

/// Takes numbers from a mailbox that is not its own; a three makes it fail, after it was written down.
struct Taker;

type Taken = Arc<std::sync::Mutex<Vec<u32>>>;

impl Actor for Taker {
    type Msg = ();
    type State = (aios_supervisor::Mailbox<u32>, Taken);
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        me: ractor::ActorRef<()>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ractor::ActorProcessingErr> {
        me.send_message(())?;
        Ok(arguments)
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<()>,
        (): (),
        (mailbox, taken): &mut Self::State,
    ) -> Result<(), ractor::ActorProcessingErr> {
        while let Some(number) = mailbox.pop().await {
            taken.lock().unwrap().push(number);
            if number == 3 {
                return Err("three".into());
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_restarted_takes_up_where_the_last_stopped() {
    let mailbox = aios_supervisor::Mailbox::new("a", 8, aios_supervisor::Admission::Fail);
    let taken = Taken::default();
    let arguments = (mailbox.clone(), Arc::clone(&taken));
    let spec = SupervisorSpec::new("root")
        .child(ChildSpec::worker("a", move || (Taker, arguments.clone())));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    for number in 1..=6 {
        mailbox.push(number).await.unwrap();
    }
    child(&root, "a").newer_than(1, LONG).await.unwrap();
    while !mailbox.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*taken.lock().unwrap(), [1, 2, 3, 4, 5, 6]);
    root.stop().await;
    assert!(mailbox.counts().balance());
}
