//! Supervision of real actors: what the core's tables promise, once more with ractor underneath.

#![allow(clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Duration};

use aios_supervisor::{
    Backoff, ChildSpec, ChildState, Ended, EventKind, ExitReason, HandleError, Options, OrderError,
    Restart, Shutdown, StartError, Stopped, Strategy, Supervisor, SupervisorSpec, SupervisorState,
    Template,
};
use ractor::Actor;
use support::*;

fn spec(name: &str, diary: &Diary, ids: &[&str]) -> SupervisorSpec {
    SupervisorSpec::new(name)
        .intensity(100, LONG)
        .children(ids.iter().map(|id| puppet(id, diary)))
}

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
async fn a_stop_by_ractors_own_means_is_in_order_too() {
    let diary = Diary::default();
    let nested = spec("n", &diary, &["x", "y"]);
    let spec = spec("root", &diary, &["a"])
        .child(ChildSpec::supervisor(nested))
        .child(puppet("z", &diary));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    diary.take();
    root.cell().unwrap().stop(None);
    root.gone().await;
    assert_eq!(diary.take(), "-z -y -x -a");
    assert_eq!(root.state(), SupervisorState::Down);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_leave_by_its_deadline_is_killed() {
    let diary = Diary::default();
    let slow = Manner {
        slow_stop: Duration::from_secs(10),
        ..Manner::default()
    };
    let spec = SupervisorSpec::new("root")
        .child(puppet("a", &diary))
        .child(puppet_like("b", &diary, slow).shutdown(Shutdown::Timeout(Duration::from_secs(1))))
        .child(puppet_like("c", &diary, slow).shutdown(Shutdown::Infinity));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let mut events = root.events();
    diary.take();
    let before = tokio::time::Instant::now();
    assert_eq!(root.stop().await, Stopped::InOrder);
    assert_eq!(before.elapsed().as_secs(), 11);
    assert_eq!(diary.take(), "-c -a", "b's post_stop was cut short");
    let killed = until(&mut events, |event| {
        event.kind == EventKind::KilledAtDeadline
    })
    .await;
    assert_eq!(killed.last().unwrap().child.as_deref(), Some("b"));
    assert_eq!(until_exit(&mut events, "b").await, ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn the_same_deadlines_hold_when_ractor_stops_the_supervisor() {
    let diary = Diary::default();
    let slow = Manner {
        slow_stop: Duration::from_secs(10),
        ..Manner::default()
    };
    let spec = SupervisorSpec::new("root")
        .child(puppet("a", &diary))
        .child(puppet_like("b", &diary, slow).shutdown(Shutdown::Timeout(Duration::from_secs(1))));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    diary.take();
    let before = tokio::time::Instant::now();
    root.cell().unwrap().stop(None);
    root.gone().await;
    assert_eq!(
        (before.elapsed().as_secs(), diary.take().as_str()),
        (1, "-a")
    );
}

#[tokio::test(start_paused = true)]
async fn stop_within_kills_what_is_left_when_time_is_up() {
    let diary = Diary::default();
    let slow = Manner {
        slow_stop: Duration::from_secs(100),
        ..Manner::default()
    };
    let nested =
        SupervisorSpec::new("n").child(puppet_like("x", &diary, slow).shutdown(Shutdown::Infinity));
    let spec = SupervisorSpec::new("root").child(ChildSpec::supervisor(nested));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    assert_eq!(
        root.stop_within(Duration::from_secs(2)).await,
        Stopped::Killed
    );
    assert_eq!(diary.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_unwinds_the_whole_tree() {
    let diary = Diary::default();
    let fails = Manner {
        fails_from: 1,
        ..Manner::default()
    };
    let nested = SupervisorSpec::new("n")
        .child(puppet("x", &diary))
        .child(puppet_like("y", &diary, fails));
    let spec = spec("root", &diary, &["a", "b"]).child(ChildSpec::supervisor(nested));
    let error = Supervisor::start_with(spec, options()).await.unwrap_err();
    assert_eq!(diary.take(), "+a +b +x -x -b -a");
    assert_eq!(diary.alive(), 0);
    let text = error.to_string();
    assert!(
        text.contains("`n` of `root`")
            && text.contains("`y` of `root/n`")
            && text.contains("told to fail"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_is_a_failed_start() {
    let spec = SupervisorSpec::new("root").child(ChildSpec::worker("a", || -> (Puppet, _) {
        panic!("no luck")
    }));
    let error = Supervisor::start_with(spec, options()).await.unwrap_err();
    assert!(error.to_string().contains("no luck"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_unsound_tree_is_refused_before_anything_starts() {
    let diary = Diary::default();
    let nested = spec("n", &diary, &["x", "x"]);
    let spec = spec("root", &diary, &["a"]).child(ChildSpec::supervisor(nested));
    assert!(matches!(
        Supervisor::start(spec).await,
        Err(StartError::Spec(_))
    ));
    assert_eq!(diary.take(), "");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_heard_while_a_start_is_slow() {
    let diary = Diary::default();
    let slow = Manner {
        slow_start: Duration::from_secs(30),
        ..Manner::default()
    };
    let root = Supervisor::start_with(spec("root", &diary, &["a"]), options())
        .await
        .unwrap();
    let asking = {
        let (root, spec) = (root.clone(), puppet_like("b", &diary, slow));
        tokio::spawn(async move { root.start_child(spec).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(root.count_children().specs, 2);
    assert_eq!(
        child(&root, "b").view().unwrap().state,
        ChildState::Starting
    );
    // Another child starts, one is stopped, and the slow start itself can be called off.
    root.start_child(puppet("c", &diary)).await.unwrap();
    root.terminate_child("a").await.unwrap();
    root.terminate_child("b").await.unwrap();
    assert_eq!(
        asking.await.unwrap().unwrap_err(),
        OrderError::Start(StartError::Cancelled)
    );
    assert_eq!(diary.take(), "+a +c -a");
    root.stop().await;
    assert_eq!(diary.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_still_starting_can_be_stopped() {
    let diary = Diary::default();
    let slow = Manner {
        slow_start: Duration::from_secs(30),
        ..Manner::default()
    };
    let nested = SupervisorSpec::new("n")
        .child(puppet("x", &diary))
        .child(puppet_like("y", &diary, slow));
    let spec = spec("root", &diary, &["a"]).child(ChildSpec::supervisor(nested));
    let (root, starting) = Supervisor::prepare(spec, options()).unwrap();
    let mut events = root.events();
    let starting = tokio::spawn(starting);
    until_started(&mut events, "x").await;
    assert_eq!(root.state(), SupervisorState::Starting);
    assert_eq!(root.stop().await, Stopped::InOrder);
    assert_eq!(starting.await.unwrap(), Err(StartError::Cancelled));
    assert_eq!(diary.take(), "+a +x -x -a");
    assert_eq!(diary.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_start_leaves_no_tree_behind() {
    let diary = Diary::default();
    let slow = Manner {
        slow_start: Duration::from_secs(30),
        ..Manner::default()
    };
    let spec = spec("root", &diary, &["a"]).child(puppet_like("b", &diary, slow));
    let (root, starting) = Supervisor::prepare(spec, options()).unwrap();
    let mut events = root.events();
    let starting = tokio::spawn(starting);
    until_started(&mut events, "a").await;
    starting.abort();
    root.gone().await;
    assert_eq!(diary.take(), "+a -a");
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
        a.newer_than(generation, LONG).await.unwrap();
        let waited = before.elapsed().as_millis();
        assert!(
            (wait_ms..wait_ms + 3).contains(&waited),
            "{waited} instead of {wait_ms} ms"
        );
    }
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_takes_longer_than_its_deadline_says_so() {
    let diary = Diary::default();
    let slow = Manner {
        slow_stop: Duration::from_secs(10),
        ..Manner::default()
    };
    let spec = SupervisorSpec::new("root")
        .child(puppet_like("a", &diary, slow).shutdown(Shutdown::Infinity));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let hasty = root.clone().with_deadline(Duration::from_secs(1));
    let error = hasty.terminate_child("a").await.unwrap_err();
    assert_eq!(
        error,
        OrderError::Deadline {
            order: "terminate_child",
            waited: Duration::from_secs(1)
        }
    );
    root.terminate_child("a").await.unwrap();
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_dies_before_its_slow_start_is_reported_is_restarted() {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("root")
        .intensity(1, LONG)
        .child(ChildSpec::from_fn("a", {
            let diary = diary.clone();
            move |context| {
                let arguments = (
                    context.id.to_string(),
                    context.incarnation,
                    diary.clone(),
                    Manner::default(),
                );
                async move {
                    let (actor, join) =
                        Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?;
                    if context.incarnation == 1 {
                        actor.send_message(Do::Panic).unwrap();
                        actor.wait(None).await.unwrap();
                    }
                    Ok((actor, join))
                }
            }
        }));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let a = child(&root, "a");
    a.newer_than(1, LONG).await.unwrap();
    assert_eq!(
        a.view().unwrap().last_exit,
        Some(ExitReason::Failed("told to panic".into()))
    );
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_spawned_without_a_link_is_adopted() {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("root").child(ChildSpec::from_fn("a", {
        let diary = diary.clone();
        move |context| {
            let arguments = (
                context.id.to_string(),
                context.incarnation,
                diary.clone(),
                Manner::default(),
            );
            async move { Ok(Actor::spawn(None, Puppet, arguments).await?.0.get_cell()) }
        }
    }));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let a = child(&root, "a");
    a.cell().unwrap().kill();
    a.newer_than(1, LONG).await.unwrap();
    root.stop().await;
    assert_eq!(diary.take(), "+a +a -a");
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_come_from_their_template() {
    let diary = Diary::default();
    let template = {
        let diary = diary.clone();
        Template::from_fn("session", move |name: &String, context| {
            let arguments = (name.clone(), context.incarnation, diary.clone(), Manner::default());
            async move { Ok(Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?) }
        })
        .restart(Restart::Transient)
    };
    let sessions = SupervisorSpec::dynamic("sessions", template).intensity(5, LONG);
    let root = Supervisor::start_with(
        SupervisorSpec::new("root").child(ChildSpec::supervisor(sessions)),
        options(),
    )
    .await
    .unwrap();
    let sessions = root.supervisor("sessions").unwrap();
    assert!(
        sessions.dynamic::<u32>().is_none(),
        "made from another type"
    );
    assert!(
        root.dynamic::<String>().is_none(),
        "not a dynamic supervisor"
    );
    assert!(matches!(
        sessions.start_child(puppet("x", &diary)).await,
        Err(OrderError::WrongKind(_))
    ));

    let door = sessions.dynamic::<String>().unwrap();
    let first = door.start_child("ann".into()).await.unwrap();
    let named = door.start_child_as("bob-1", "bob".into()).await.unwrap();
    assert_eq!((&**first.id(), &**named.id()), ("session-1", "bob-1"));
    assert!(matches!(
        door.start_child_as("bob-1", "bob".into()).await,
        Err(OrderError::AlreadyStarted { .. })
    ));
    tell(&named, Do::Panic);
    named.newer_than(1, LONG).await.unwrap();
    tell(&first, Do::Stop(None));
    let mut events = root.events();
    until(&mut events, |event| event.kind == EventKind::Removed).await;
    assert_eq!(
        first.running(LONG).await,
        Err(HandleError::Gone {
            id: "session-1".into()
        })
    );
    sessions.terminate_child("bob-1").await.unwrap();
    assert_eq!(sessions.count_children().specs, 0);
    assert_eq!(diary.take(), "+ann +bob +bob -ann -bob");
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_trees_with_the_same_names_fit_in_one_process() {
    let (one, two) = (Diary::default(), Diary::default());
    let first = Supervisor::start_with(spec("root", &one, &["a"]), options())
        .await
        .unwrap();
    let second = Supervisor::start_with(spec("root", &two, &["a"]), options())
        .await
        .unwrap();
    first.stop().await;
    assert_eq!((one.take().as_str(), two.take().as_str()), ("+a -a", "+a"));
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_learns_how_much_it_missed() {
    let diary = Diary::default();
    let options = Options {
        event_capacity: 2,
        ..options()
    };
    let root = Supervisor::start_with(spec("root", &diary, &["a"]), options)
        .await
        .unwrap();
    let mut events = root.events();
    let a = child(&root, "a");
    for generation in 1..=3 {
        tell(&a, Do::Panic);
        a.newer_than(generation, LONG).await.unwrap();
    }
    let missed = events.recv().await.unwrap_err();
    assert_eq!(missed, tokio::sync::broadcast::error::RecvError::Lagged(7));
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_view_is_plain_data() {
    let diary = Diary::default();
    let nested = spec("n", &diary, &["x"]);
    let mailbox = aios_supervisor::Mailbox::new("a", 8, aios_supervisor::Admission::Fail);
    mailbox.try_push(1).unwrap();
    let spec = SupervisorSpec::new("root")
        .child(puppet("a", &diary).shows_mailbox(&mailbox))
        .child(ChildSpec::supervisor(nested).shows_note(|| "3 hands".into()));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let view = root.view();
    assert_eq!(view.find("n").unwrap().note.as_deref(), Some("3 hands"));
    assert_eq!(view.find("a").unwrap().note, None);
    let json = serde_json::to_string(&view).unwrap();
    assert_eq!(
        serde_json::from_str::<aios_supervisor::TreeView>(&json).unwrap(),
        view
    );
    assert_eq!(
        view.find("a")
            .unwrap()
            .mailbox
            .map(|depth| (depth.queued, depth.capacity)),
        Some((1, 8))
    );
    assert_eq!(view.find("n/x").unwrap().state, ChildState::Running);
    assert_eq!(
        view.children
            .iter()
            .map(|child| Arc::clone(&child.id))
            .collect::<Vec<_>>(),
        ["a".into(), "n".into()]
    );
    let text = view.to_string();
    assert!(
        text.contains("├─ a  running")
            && text.contains("  3 hands")
            && text.contains("   └─ x  running"),
        "{text}"
    );
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn partitions_share_the_children_and_find_them_again() {
    let diary = Diary::default();
    let template = {
        let diary = diary.clone();
        Template::from_fn("session", move |name: &String, context| {
            let arguments = (
                name.clone(),
                context.incarnation,
                diary.clone(),
                Manner::default(),
            );
            async move { Ok(Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?) }
        })
    };
    let pool = SupervisorSpec::partitioned("pool", 4, &template, |spec| spec.intensity(3, LONG));
    let root = Supervisor::start_with(
        SupervisorSpec::new("root").child(ChildSpec::supervisor(pool)),
        options(),
    )
    .await
    .unwrap();
    assert!(
        root.supervisor("pool")
            .unwrap()
            .partitioned::<u8>()
            .is_none()
    );
    let pool = root
        .supervisor("pool")
        .unwrap()
        .partitioned::<String>()
        .unwrap();
    for n in 0..40 {
        pool.start_child(&format!("user-{n}"), format!("u{n}"))
            .await
            .unwrap();
    }
    assert_eq!(pool.count_children().active, 40);
    assert!(
        pool.partitions()
            .iter()
            .all(|partition| partition.supervisor().count_children().active > 0)
    );
    let handle = pool.child("user-7").unwrap();
    tell(&handle, Do::Panic);
    handle.newer_than(1, LONG).await.unwrap();
    pool.terminate_child("user-7").await.unwrap();
    assert_eq!(pool.count_children().active, 39);
    root.stop().await;
    assert_eq!(diary.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_dynamic_children_is_answered_one_by_one() {
    let diary = Diary::default();
    let template = {
        let diary = diary.clone();
        Template::from_fn("n", move |fails: &bool, context| {
            let manner = Manner {
                fails_from: u64::from(*fails),
                ..Manner::default()
            };
            let arguments = (
                context.id.to_string(),
                context.incarnation,
                diary.clone(),
                manner,
            );
            async move { Ok(Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?) }
        })
    };
    let root = Supervisor::start_with(SupervisorSpec::dynamic("root", template), options())
        .await
        .unwrap();
    let door = root.dynamic::<bool>().unwrap();
    let answers = door.start_many((0..500).map(|n| n % 10 == 3)).await;
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Ok(handle) => assert!(n % 10 != 3 && handle.cell().is_some()),
            Err(OrderError::Start(StartError::Failed(_))) => assert_eq!(n % 10, 3),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((answers.len(), root.count_children().active), (500, 450));
    root.stop().await;
    assert!(
        door.start_many([false])
            .await
            .iter()
            .all(|answer| matches!(answer, Err(OrderError::NotRunning { .. })))
    );
}

#[tokio::test(start_paused = true)]
async fn a_monitor_learns_how_a_generation_ended() {
    let diary = Diary::default();
    let root = Supervisor::start_with(spec("root", &diary, &["a", "b"]), options())
        .await
        .unwrap();
    let (a, b) = (child(&root, "a"), child(&root, "b"));
    let monitor = {
        let a = a.clone();
        tokio::spawn(async move { a.ended(1).await })
    };
    tokio::task::yield_now().await;
    tell(&a, Do::Panic);
    assert_eq!(
        monitor.await.unwrap(),
        Ended::With(ExitReason::Failed("told to panic".into()))
    );
    a.newer_than(1, LONG).await.unwrap();
    assert_eq!(
        a.ended(1).await,
        Ended::With(ExitReason::Failed("told to panic".into()))
    );
    a.cell().unwrap().kill();
    a.newer_than(2, LONG).await.unwrap();
    assert_eq!(a.ended(1).await, Ended::Unknown, "too long ago");
    let monitor = {
        let b = b.clone();
        tokio::spawn(async move { b.ended(1).await })
    };
    root.stop().await;
    assert_eq!(
        monitor.await.unwrap(),
        Ended::With(ExitReason::Shutdown("shutdown".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn linked_children_fall_together_when_one_ends_abnormally() {
    let diary = Diary::default();
    let root = Supervisor::start_with(spec("root", &diary, &["a", "b", "c"]), options())
        .await
        .unwrap();
    let (a, b, c) = (child(&root, "a"), child(&root, "b"), child(&root, "c"));
    let link = a.link(&b).unwrap();
    drop(b.link(&c).unwrap());
    tell(&b, Do::Panic);
    a.newer_than(1, LONG).await.unwrap();
    assert_eq!(a.view().unwrap().last_exit, Some(ExitReason::Killed));
    assert_eq!(c.incarnation(), Some(1), "that link was dropped");
    drop(link);

    let link = a.link(&c).unwrap();
    tell(&a, Do::Stop(None));
    a.newer_than(2, LONG).await.unwrap();
    assert_eq!(
        c.incarnation(),
        Some(1),
        "a normal end is nobody else's business"
    );
    drop(link);
    root.stop().await;
}
