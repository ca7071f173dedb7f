//! Windows into a tree.

use super::*;

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

/// A view shows the first thousand children of each supervisor; what is asked for by name is found behind them, too.
#[tokio::test(start_paused = true)]
async fn a_child_is_found_by_its_name_however_many_there_are_and_is_meant_while_it_may_come_back() {
    let diary = Diary::default();
    let names: Vec<String> = (0..1_100).map(|at| format!("a{at}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    let inner = SupervisorSpec::new("inner").child(puppet("x", &diary));
    let crowd = spec("crowd", &diary, &ids).child(ChildSpec::supervisor(inner));
    let root = SupervisorSpec::new("root").child(ChildSpec::supervisor(crowd));
    let root = Supervisor::start_with(root, options()).await.unwrap();
    let above = |id: &str| root.find(id).map(|child| child.above().path().to_string());
    for (id, place) in [
        ("crowd", Some("root")),
        ("a0", Some("root/crowd")),
        ("a1099", Some("root/crowd")),
        ("x", Some("root/crowd/inner")),
        ("a1100", None),
    ] {
        assert_eq!(above(id).as_deref(), place, "{id}");
        assert_eq!(root.means_to_have(id), place.is_some(), "{id}");
    }
    let crowd = root.supervisor("crowd").unwrap();
    crowd.terminate_child("a1099").await.unwrap();
    assert!(!root.means_to_have("a1099"), "it was told to stay down");
    assert!(above("a1099").is_some(), "and can be started again");
    crowd.restart_child("a1099").await.unwrap();
    assert!(root.means_to_have("a1099"));
    // Whoever stands below one that is to stay down is not meant, whatever its last state was.
    crowd.terminate_child("inner").await.unwrap();
    assert!(!root.means_to_have("x"));
    root.stop().await;
}
