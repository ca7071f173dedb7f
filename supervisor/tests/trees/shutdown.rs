//! How trees leave.

use super::*;

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
async fn an_automatic_shutdown_climbs_through_significant_supervisors() {
    let diary = Diary::default();
    let inner = SupervisorSpec::new("inner")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(puppet("x", &diary).transient().significant())
        .child(puppet("y", &diary));
    let root = SupervisorSpec::new("root")
        .auto_shutdown(AutoShutdown::AllSignificant)
        .child(puppet("a", &diary))
        .child(ChildSpec::supervisor(inner).transient().significant());
    let root = Supervisor::start_with(root, options()).await.unwrap();
    diary.take();
    let inner = root.supervisor("inner").unwrap();
    tell(&child(&inner, "x"), Do::Stop(None));
    root.gone().await;
    assert_eq!(diary.take(), "-x -y -a");
    assert_eq!(diary.alive(), 0);
}
