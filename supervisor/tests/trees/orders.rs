//! Orders.

use super::*;

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

/// Whoever remembers a generation by its path must never meet a younger one.
#[tokio::test(start_paused = true)]
async fn below_a_supervisor_added_again_under_its_old_name_generations_go_on() {
    let diary = Diary::default();
    let nested = || {
        let inner = SupervisorSpec::new("inner")
            .intensity(9, Duration::from_secs(1))
            .child(puppet("a", &diary));
        let middle = SupervisorSpec::new("middle").child(ChildSpec::supervisor(inner));
        ChildSpec::supervisor(middle)
    };
    let spec = SupervisorSpec::new("root").child(nested());
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let a = |root: &aios_supervisor::SupervisorRef| {
        root.supervisor("middle/inner").unwrap().child("a").unwrap()
    };
    let within = Duration::from_secs(1);
    for generation in 1..=3 {
        a(&root)
            .newer_than(generation - 1, within)
            .await
            .unwrap()
            .kill();
        a(&root).newer_than(generation, within).await.unwrap();
    }
    root.terminate_child("middle").await.unwrap();
    root.delete_child("middle").await.unwrap();
    root.start_child(nested()).await.unwrap();
    assert_eq!(a(&root).incarnation(), Some(5));
    root.stop().await;
}
