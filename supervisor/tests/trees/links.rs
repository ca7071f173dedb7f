//! Links and monitors.

use super::*;

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

#[tokio::test(start_paused = true)]
async fn a_child_that_cut_its_link_leaves_with_the_others() {
    for way in ["terminate", "stop", "kill the supervisor"] {
        let diary = Diary::default();
        let nested = spec("n", &diary, &["a", "b", "c"]);
        let root = SupervisorSpec::new("root")
            .intensity(9, LONG)
            .child(ChildSpec::supervisor(nested));
        let root = Supervisor::start_with(root, options()).await.unwrap();
        let nested = root.supervisor("n").unwrap();
        let b = child(&nested, "b");
        b.cell().unwrap().unlink(nested.cell().unwrap());
        match way {
            "terminate" => {
                nested.terminate_child("b").await.unwrap();
                assert_eq!(diary.take(), "+a +b +c -b");
                nested.restart_child("b").await.unwrap();
            }
            "stop" => {
                root.terminate_child("n").await.unwrap();
                assert_eq!(diary.take(), "+a +b +c -c -b -a");
            }
            _ => {
                root.kill_child("n").await.unwrap();
                b.newer_than(1, LONG).await.unwrap();
            }
        }
        root.stop().await;
        assert_eq!((diary.alive(), diary.most_alive()), (0, 1), "{way}");
    }
}

/// What becomes of a child that somebody is linked to, and how its end is told.
struct Fate {
    what: &'static str,
    child: fn(ChildSpec) -> ChildSpec,
    /// Restarts its supervisor allows.
    restarts: u32,
    befalls: fn(&SupervisorRef, &ChildHandle),
    ends: ExitReason,
}

fn fates() -> Vec<Fate> {
    let failed = || ExitReason::Failed("told to panic".into());
    let fate = |what, child, restarts, befalls, ends| Fate {
        what,
        child,
        restarts,
        befalls,
        ends,
    };
    vec![
        fate(
            "is restarted at once",
            |a| a,
            9,
            |_, a| tell(a, Do::Panic),
            failed(),
        ),
        fate(
            "is temporary",
            ChildSpec::temporary,
            9,
            |_, a| tell(a, Do::Panic),
            failed(),
        ),
        fate(
            "is temporary and killed",
            ChildSpec::temporary,
            9,
            |_, a| a.cell().unwrap().kill(),
            ExitReason::Killed,
        ),
        fate(
            "ends for good",
            ChildSpec::transient,
            9,
            |_, a| tell(a, Do::Stop(Some("enough".into()))),
            ExitReason::Shutdown("enough".into()),
        ),
        fate(
            "makes its group give up",
            |a| a,
            0,
            |_, a| tell(a, Do::Panic),
            failed(),
        ),
        fate(
            "falls with a group that gives up",
            |a| a,
            0,
            |group, _| tell(&child(group, "b"), Do::Panic),
            ExitReason::Shutdown("shutdown".into()),
        ),
        fate(
            "is killed with its supervisor",
            |a| a,
            9,
            |group, _| group.cell().unwrap().kill(),
            ExitReason::Killed,
        ),
        fate(
            "has a supervisor that is stopped by ractor's own means",
            |a| a,
            9,
            |group, _| group.cell().unwrap().stop(None),
            ExitReason::Shutdown("shutdown".into()),
        ),
    ]
}

/// Rounds of each; nothing in them depends on luck.
const ROUNDS: usize = 50;

#[tokio::test(start_paused = true)]
async fn whoever_is_linked_hears_how_a_child_ended_whatever_became_of_it() {
    for fate in fates() {
        for round in 0..ROUNDS {
            let place = format!("{}, round {round}", fate.what);
            let diary = Diary::default();
            // In every other round no restart comes off and the group is forgotten when it gives up: two more ways to lose
            // sight of it.
            let fails = round % 2 == 1;
            let manner = Manner {
                fails_from: if fails { 2 } else { 0 },
                ..Manner::default()
            };
            let group = SupervisorSpec::new("group")
                .intensity(fate.restarts, LONG)
                .child((fate.child)(puppet_like("a", &diary, manner)))
                .child(puppet("b", &diary));
            let group = ChildSpec::supervisor(group).restart(if fails {
                Restart::Temporary
            } else {
                Restart::Permanent
            });
            let others = spec("others", &diary, &["x", "y"]);
            let root = SupervisorSpec::new("root")
                .intensity(1_000, LONG)
                .children([group, ChildSpec::supervisor(others)]);
            let root = Supervisor::start_with(root, options()).await.unwrap();
            let mut events = root.events();
            let [group, others] = ["group", "others"].map(|path| root.supervisor(path).unwrap());
            let (a, x, y) = (child(&group, "a"), child(&others, "x"), child(&others, "y"));
            let monitor = a.ended(1);
            let (link, cut) = (a.link(&x).unwrap(), a.link(&y).unwrap());
            let killed = x.ended(1);
            drop(cut);
            (fate.befalls)(&group, &a);
            let within = |monitor| tokio::time::timeout(LONG, monitor);
            assert_eq!(
                within(monitor).await,
                Ok(Ended::With(fate.ends.clone())),
                "{place}"
            );
            assert_eq!(
                link.ended().await,
                LinkEnd {
                    child: "root/group/a".into(),
                    incarnation: 1,
                    how: Ended::With(fate.ends.clone()),
                },
                "{place}"
            );
            let falls = fate.ends.is_abnormal();
            if falls {
                assert_eq!(
                    within(killed).await,
                    Ok(Ended::With(ExitReason::Killed)),
                    "{place}"
                );
                x.newer_than(1, LONG).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(x.incarnation(), Some(1 + u64::from(falls)), "{place}: once");
            assert_eq!(y.incarnation(), Some(1), "{place}: its link had been cut");
            let mut told = Vec::new();
            while let Ok(event) = events.try_recv() {
                if let EventKind::KilledByLink { .. } = event.kind {
                    told.push((event.child.unwrap(), event.kind));
                }
            }
            let expected = EventKind::KilledByLink {
                incarnation: 1,
                with: "root/group/a".into(),
                reason: Some(fate.ends.clone()),
            };
            let expected = falls.then(|| ("x".into(), expected));
            assert_eq!(told, Vec::from_iter(expected), "{place}");
            root.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_generation_that_never_ran_is_told_too() {
    let diary = Diary::default();
    let manner = Manner {
        fails_from: 2,
        ..Manner::default()
    };
    let spec = SupervisorSpec::new("root").intensity(1, LONG).children([
        puppet_like("a", &diary, manner),
        puppet("b", &diary).transient(),
    ]);
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let (a, b) = (child(&root, "a"), child(&root, "b"));
    let [first, second, third] = [1, 2, 3].map(|generation| a.ended(generation));
    let to_come = b.ended(2);
    tell(&a, Do::Fail);
    assert_eq!(
        first.await,
        Ended::With(ExitReason::Failed("told to err".into()))
    );
    assert_eq!(
        second.await,
        Ended::With(ExitReason::Failed("start failed: told to fail".into()))
    );
    root.gone().await;
    assert_eq!(third.await, Ended::Unknown, "the root gave up");
    assert_eq!(to_come.await, Ended::Unknown);
    assert_eq!(a.ended(4).await, Ended::Unknown);
    assert_eq!(
        a.ended(1).await,
        Ended::With(ExitReason::Failed("told to err".into())),
        "still the last end on record"
    );
    assert_eq!(
        a.ended(2).await,
        Ended::Unknown,
        "of a start nothing is kept"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_child_that_is_forgotten_is_told_so() {
    let diary = Diary::default();
    let nested = spec("n", &diary, &["w"]);
    let root = Supervisor::start_with(
        spec("root", &diary, &["a"]).child(ChildSpec::supervisor(nested)),
        options(),
    )
    .await
    .unwrap();
    let a = child(&root, "a");
    let w = child(&root.supervisor("n").unwrap(), "w");
    let (to_come, below, below_to_come) = (a.ended(2), w.ended(1), w.ended(2));
    for id in ["a", "n"] {
        root.terminate_child(id).await.unwrap();
    }
    assert_eq!(
        below.await,
        Ended::With(ExitReason::Shutdown("shutdown".into()))
    );
    let mut waits = [to_come, below_to_come];
    for monitor in &mut waits {
        let early = tokio::time::timeout(LONG, monitor).await;
        assert!(early.is_err(), "it may be started again");
    }
    for id in ["a", "n"] {
        root.delete_child(id).await.unwrap();
    }
    for monitor in waits {
        assert_eq!(monitor.await, Ended::Unknown);
    }
    // A namesake is another child.
    let again = root.start_child(puppet("a", &diary)).await.unwrap();
    let generation = again.incarnation().unwrap();
    assert!(generation > 1);
    assert_eq!(a.ended(1).await, Ended::Unknown);
    let monitor = a.ended(generation);
    root.terminate_child("a").await.unwrap();
    assert_eq!(
        monitor.await,
        Ended::With(ExitReason::Shutdown("shutdown".into()))
    );
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_link_is_of_two_generations_and_kills_no_other() {
    let diary = Diary::default();
    let root = Supervisor::start_with(spec("root", &diary, &["a", "b"]), options())
        .await
        .unwrap();
    let (a, b) = (child(&root, "a"), child(&root, "b"));
    let mut events = root.events();
    let link = a.link(&b).unwrap();
    // Both at once: the first that is heard is the link's end, and nobody is killed a second time.
    tell(&a, Do::Panic);
    tell(&b, Do::Panic);
    for handle in [&a, &b] {
        handle.newer_than(1, LONG).await.unwrap();
    }
    let end = link.ended().await;
    assert_eq!(
        end.how,
        Ended::With(ExitReason::Failed("told to panic".into()))
    );
    b.cell().unwrap().kill();
    b.newer_than(2, LONG).await.unwrap();
    assert_eq!(a.incarnation(), Some(2), "the link was of the first two");
    assert_eq!(link.ended().await, end);
    let mut exits = 0;
    while let Ok(event) = events.try_recv() {
        exits += usize::from(matches!(event.kind, EventKind::Exited { .. }));
    }
    assert_eq!(exits, 3);
    root.stop().await;
}

/// The actor is dead and its supervisor does not know it yet, which is where a look and an event can miss each other.
#[tokio::test(start_paused = true)]
async fn a_child_that_died_before_it_was_linked_takes_the_other_along() {
    let diary = Diary::default();
    let root = Supervisor::start_with(spec("root", &diary, &["a", "b"]), options())
        .await
        .unwrap();
    let (a, b) = (child(&root, "a"), child(&root, "b"));
    let cell = a.cell().unwrap();
    cell.unlink(root.cell().unwrap());
    cell.kill();
    cell.wait(None).await.unwrap();
    let monitor = a.ended(1);
    let link = a.link(&b).expect("its end has not been heard of");
    root.kill_child("a").await.unwrap();
    assert_eq!(monitor.await, Ended::With(ExitReason::Killed));
    b.newer_than(1, LONG).await.unwrap();
    assert_eq!(link.ended().await.incarnation, 1);
    root.stop().await;
}

/// Its actor is gone, what is below it is not: its end is still to be told, with the reason that has been heard.
#[tokio::test(start_paused = true)]
async fn a_killed_supervisors_end_is_heard_and_so_is_that_of_what_was_below_it() {
    let diary = Diary::default();
    let manner = Manner {
        slow_drop: Duration::from_millis(50),
        ..Manner::default()
    };
    let root = SupervisorSpec::new("root")
        .intensity(9, LONG)
        .child(ChildSpec::supervisor(
            SupervisorSpec::new("n").child(puppet_like("w", &diary, manner)),
        ))
        .child(puppet("b", &diary));
    let root = Supervisor::start_with(root, options()).await.unwrap();
    let (n, b) = (child(&root, "n"), child(&root, "b"));
    let w = child(&root.supervisor("n").unwrap(), "w");
    let (of_n, of_w) = (n.ended(1), w.ended(1));
    let link = n.link(&b).unwrap();
    n.cell().unwrap().kill();
    assert_eq!(of_w.await, Ended::With(ExitReason::Killed));
    assert_eq!(of_n.await, Ended::With(ExitReason::Killed));
    assert_eq!(&*link.ended().await.child, "root/n");
    b.newer_than(1, LONG).await.unwrap();
    root.stop().await;
    assert_eq!((diary.alive(), diary.most_alive()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_monitor_that_is_dropped_or_asked_twice_disturbs_nobody() {
    let diary = Diary::default();
    let root = Supervisor::start_with(spec("root", &diary, &["a"]), options())
        .await
        .unwrap();
    let a = child(&root, "a");
    let monitors: Vec<_> = (0..100).map(|_| a.ended(1)).collect();
    drop(a.ended(1));
    let mut kept = Vec::new();
    for (at, monitor) in monitors.into_iter().enumerate() {
        if at % 2 == 0 {
            kept.push(monitor);
        }
    }
    tell(&a, Do::Panic);
    for monitor in kept {
        assert_eq!(
            monitor.await,
            Ended::With(ExitReason::Failed("told to panic".into()))
        );
    }
    root.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_is_given_up_has_ended_for_whoever_waits() {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("root")
        .child(puppet("a", &diary).shutdown(Shutdown::BrutalKill))
        .child(puppet("b", &diary).shutdown(Shutdown::Infinity));
    let options = Options {
        kill_grace: Duration::from_millis(50),
        ..options()
    };
    let root = Supervisor::start_with(spec, options).await.unwrap();
    let a = child(&root, "a");
    let monitor = a.ended(1);
    tell(&a, Do::Block(Duration::from_secs(2)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = std::time::Instant::now();
    root.stop().await;
    assert_eq!(monitor.await, Ended::With(ExitReason::Abandoned));
    assert_eq!(a.ended(1).await, Ended::With(ExitReason::Abandoned), "late");
    assert!(before.elapsed() < Duration::from_secs(2), "nobody waited");
}
