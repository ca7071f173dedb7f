//! Trees that start, fail to, or are called off.

use super::*;

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
