//! Dynamic children and partitions.

use super::*;

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
    let counts = sessions.count_children();
    assert_eq!((counts.specs, counts.workers, counts.active), (1, 0, 0));
    sessions.terminate_child("bob-1").await.unwrap();
    assert!(matches!(
        sessions.terminate_child("session").await,
        Err(OrderError::WrongKind(_))
    ));
    assert_eq!(diary.take(), "+ann +bob +bob -ann -bob");
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

/// A child's argument whose drop looks at the tree it was part of, and then fails.
struct Curious(Arc<std::sync::Mutex<Option<aios_supervisor::SupervisorRef>>>);

impl Drop for Curious {
    fn drop(&mut self) {
        let tree = self.0.lock().unwrap().clone();
        if let Some(tree) = tree {
            tree.count_children();
            panic!("strangers do that");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_forgotten_childs_argument_does_when_dropped_harms_nobody() {
    let diary = Diary::default();
    let place = Arc::new(std::sync::Mutex::new(None));
    let template = {
        let diary = diary.clone();
        Template::from_fn("c", move |_: &Curious, context| {
            let id = context.id.to_string();
            let arguments = (id, context.incarnation, diary.clone(), Manner::default());
            async move { Ok(Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?) }
        })
    };
    let root = Supervisor::start_with(SupervisorSpec::dynamic("root", template), options())
        .await
        .unwrap();
    let door = root.dynamic::<Curious>().unwrap();
    let one = door.start_child(Curious(Arc::clone(&place))).await.unwrap();
    *place.lock().unwrap() = Some(root.clone());
    root.terminate_child(one.id()).await.unwrap();
    *place.lock().unwrap() = None;
    assert_eq!(root.state(), SupervisorState::Running);
    door.start_child(Curious(place)).await.unwrap();
    root.stop().await;
    assert_eq!(diary.alive(), 0);
}

/// Its drop panics, as one does whose lock is poisoned.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("a grudge");
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_that_panic_when_they_are_dropped_end_nobody() {
    let diary = Diary::default();
    let template = Template::worker("p", move |_: &Grudge| {
        (
            Puppet,
            ("p".to_string(), 1, diary.clone(), Manner::default()),
        )
    });
    let pool = ChildSpec::supervisor(SupervisorSpec::dynamic("pool", template));
    let root = Supervisor::start_with(SupervisorSpec::new("root").child(pool), options())
        .await
        .unwrap();
    for round in 1..=2 {
        let pool = root.child("pool").unwrap();
        let door = pool.supervisor().unwrap().dynamic::<Grudge>().unwrap();
        for answer in door.start_many([Grudge, Grudge, Grudge]).await {
            answer.unwrap();
        }
        if round == 1 {
            // The record of all three is dropped when the pool starts again.
            root.kill_child("pool").await.unwrap();
            pool.newer_than(1, LONG).await.unwrap();
        }
    }
    assert_eq!(root.stop().await, Stopped::InOrder);
}
