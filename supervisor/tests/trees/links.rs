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
