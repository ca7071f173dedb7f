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
