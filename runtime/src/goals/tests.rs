//! What the goals of a node keep, and for whom.

use aios_memory::{InMemoryStore, Store};

use super::register::{Register, State};
use super::runs::Origin;
use super::*;

/// A goal as it is handed in, without a name.
fn asked() -> Submit {
    Submit {
        goal_id: None,
        text: "x".to_owned(),
        data: Vec::new(),
        files: Vec::new(),
        out: "/out".to_owned(),
        private: false,
        plan: None,
    }
}

#[test]
fn what_is_over_makes_way_and_what_is_under_way_does_not() {
    let goals = Goals::over(
        Arc::new(InMemoryStore::new()),
        "local",
        500,
        Arc::new(|_, _, _| {}),
    )
    .unwrap();
    let asked = |id: &str| Submit {
        goal_id: Some(id.to_owned()),
        text: "x".to_owned(),
        data: Vec::new(),
        files: Vec::new(),
        out: "/out".to_owned(),
        private: false,
        plan: None,
    };
    let enter_of = |tenant: &str, id: &str, phase| {
        let register = goals.register.clone();
        let progress = Arc::new(Progress::new(
            register,
            id.to_owned(),
            tenant.to_owned(),
            asked(id),
            Vec::new(),
        ));
        if phase != GoalPhase::Running {
            progress.end(phase, None, None);
        }
        goals.enter(progress);
    };
    let enter = |id: &str, phase| enter_of("local", id, phase);
    enter("first", GoalPhase::Running);
    for at in 0..OVER_KEPT + 10 {
        enter(&format!("over-{at}"), GoalPhase::Answered);
    }
    let listed: Vec<_> = {
        let known = goals.known.lock();
        known
            .iter()
            .rev()
            .map(|goal| goal.goal_id.clone())
            .collect()
    };
    assert_eq!(listed.len(), OVER_KEPT + 1);
    assert_eq!(listed[OVER_KEPT], "first", "the oldest is kept");
    assert_eq!(listed[OVER_KEPT - 1], "over-10");
    for at in 1..RUNNING_MAX {
        enter(&format!("running-{at}"), GoalPhase::Running);
    }
    let refused = |tenant: &str| {
        let room = goals.under_way(tenant, "another");
        room.err().map(|error| error.kind)
    };
    assert_eq!(refused("local"), Some(ErrorKind::Busy));
    assert!(goals.under_way("local", "first").unwrap().is_some());
    // Guests have places of their own, and none of them has all.
    for at in 0..RUNNING_OF_GUEST_MAX {
        assert_eq!(refused("acme"), None, "{at}");
        enter_of("acme", &format!("acme-{at}"), GoalPhase::Running);
    }
    assert_eq!(refused("acme"), Some(ErrorKind::Busy));
    assert_eq!(refused("other"), None);
}

#[test]
fn guests_take_no_place_of_the_nodes_own_tenant_and_push_nothing_of_others_off_the_record() {
    let goals = Goals::over(
        Arc::new(InMemoryStore::new()),
        "local",
        4,
        Arc::new(|_, _, _| {}),
    )
    .unwrap();
    let asked = asked();
    let accept = |tenant: &str, goal_id: &str, at| {
        goals
            .accept_as(goal_id, &asked, tenant, at, Origin::Asked, false)
            .unwrap();
        let state = State::ended(GoalPhase::Answered, None);
        goals.register.settle(goal_id, &state, None).unwrap();
    };
    accept("local", "mine", 1);
    for at in 2..12 {
        accept("acme", &format!("acme-{at}"), at);
    }
    assert_eq!(goals.list("local").unwrap().len(), 1);
    assert_eq!(goals.list("acme").unwrap().len(), 4);
    for at in 0..RUNNING_MAX {
        let progress = Progress::new(
            goals.register.clone(),
            format!("running-{at}"),
            format!("guest-{}", at / RUNNING_OF_GUEST_MAX),
            asked.clone(),
            Vec::new(),
        );
        goals.enter(Arc::new(progress));
    }
    let room = |tenant: &str| goals.under_way(tenant, "another").is_ok();
    assert!(!room("guest-4"), "the guests are many enough");
    assert!(room("local"));
}

/// Its name says whose it is, so nothing needs to be known of it any more; of one that an earlier version named otherwise it is kept in mind.
#[test]
fn what_is_told_of_a_guests_goal_that_has_left_the_record_falls_to_nobody_else() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
    let open = || Goals::over(Arc::clone(&store), "local", 1, Arc::new(|_, _, _| {})).unwrap();
    let asked = asked();
    let accept = |goals: &Goals, goal_id: &str, at| {
        goals
            .accept_as(goal_id, &asked, "acme", at, Origin::Asked, false)
            .unwrap();
        let state = State::ended(GoalPhase::Answered, None);
        goals.register.settle(goal_id, &state, None).unwrap();
    };
    let earlier = format!("g-{}", "0".repeat(32));
    accept(&open(), &earlier, 1);
    let goals = open();
    let drawn = names::of_drawn("local", "acme", format!("g-{}", "1".repeat(32)));
    for (at, goal_id) in [(2, "acme..q3"), (3, &*drawn), (4, "acme..last")] {
        accept(&goals, goal_id, at);
    }
    assert_eq!(goals.list("acme").unwrap().len(), 1, "the others have left");
    for goal_id in [&*earlier, "acme..q3", &drawn, "acme..last"] {
        assert!(goals.concerns("acme", goal_id), "{goal_id}");
        for other in ["local", "globex", "ac"] {
            assert!(!goals.concerns(other, goal_id), "{goal_id} of {other}");
        }
    }
    assert!(goals.concerns("local", "g-1") && !goals.concerns("acme", "g-1"));
}

#[test]
fn a_goal_that_was_carried_out_elsewhere_asks_first_however_it_is_taken_up() {
    let goals = Goals::over(
        Arc::new(InMemoryStore::new()),
        "local",
        4,
        Arc::new(|_, _, _| {}),
    )
    .unwrap();
    let asked = asked();
    for (at, goal_id, origin, asks) in [
        (1, "asked", Origin::Asked, false),
        (2, "forked", Origin::Forked, true),
        (3, "imported", Origin::Imported, true),
    ] {
        goals
            .accept_as(goal_id, &asked, "local", at, origin, false)
            .unwrap();
        let goal = goals.again(goal_id, "local", asked.clone(), false).unwrap();
        let request = goal.recorded(&crate::config::Config::default()).unwrap();
        assert_eq!(request.forked, asks, "{goal_id}");
    }
}

#[test]
fn of_those_that_are_over_the_oldest_leave_the_record() {
    let goals = Goals::over(
        Arc::new(InMemoryStore::new()),
        "local",
        4,
        Arc::new(|_, _, _| {}),
    )
    .unwrap();
    let asked = asked();
    for (at, phase) in [
        (1, GoalPhase::Running),
        (2, GoalPhase::Answered),
        (3, GoalPhase::Parked),
        (4, GoalPhase::Cancelled),
        (5, GoalPhase::Failed),
        (6, GoalPhase::Answered),
    ] {
        let goal_id = format!("g{at}");
        goals
            .accept_as(&goal_id, &asked, "local", at, Origin::Asked, false)
            .unwrap();
        let state = State::ended(phase, None);
        goals.register.settle(&goal_id, &state, None).unwrap();
    }
    goals
        .accept_as("g7", &asked, "local", 7, Origin::Asked, false)
        .unwrap();
    let taken = goals
        .accept_as("g7", &asked, "acme", 8, Origin::Asked, false)
        .unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Conflict, "it is another tenant's");
    assert_eq!(goals.list("acme").unwrap(), []);
    let unseen = goals.state("acme", "g7").unwrap_err();
    assert_eq!(unseen.kind, ErrorKind::Unknown);
    let listed = goals.list("local").unwrap();
    let ids: Vec<_> = listed.iter().map(|line| line.goal_id.as_str()).collect();
    assert_eq!(
        ids,
        ["g7", "g6", "g3", "g1"],
        "the newest, and whatever is not over"
    );
}

#[test]
fn every_form_of_a_goal_that_was_ever_written_is_read() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
    let register = Register::new(Arc::clone(&store), Arc::new(|_, _, _| {}));
    let put = |part: &str, bytes: &[u8]| {
        let key = format!("goals/g/{part}");
        store.put(key.as_bytes(), bytes).unwrap();
    };
    crate::golden::holds(
        "goal-asked",
        1,
        |bytes| {
            put("asked", bytes);
            register.asked("g").ok().flatten()
        },
        |asked| serde_json::to_vec(asked).unwrap(),
    );
    crate::golden::holds(
        "goal-state",
        1,
        |bytes| {
            put("state", bytes);
            register.state("g").ok().flatten()
        },
        |state| serde_json::to_vec(state).unwrap(),
    );
    crate::golden::holds(
        "goal-event",
        1,
        |bytes| {
            put("event/00000000000000000001", bytes);
            register.events("g", 0, 1).ok()?.pop()
        },
        |event| serde_json::to_vec(event).unwrap(),
    );
}

#[test]
fn a_goal_whose_record_cannot_be_read_is_listed_with_the_reason() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
    let hold: register::Hold = Arc::new(|_, _, _| {});
    let register = Register::new(Arc::clone(&store), Arc::clone(&hold));
    for (goal_id, tenant) in [
        ("whole", "local"),
        ("state", "local"),
        ("asked", "local"),
        ("guest", "acme"),
    ] {
        let accepted = register.accept(goal_id, &asked(), tenant, 1, Origin::Asked, false);
        accepted.unwrap();
    }
    store.put(b"goals/state/state", b"{").unwrap();
    store.put(b"goals/guest/state", b"{").unwrap();
    store.put(b"goals/asked/asked", br#"{"form":2}"#).unwrap();
    let goals = Goals::over(store, "local", 500, hold).unwrap();
    let listed = |tenant: &str| {
        let lines = goals.list(tenant).unwrap().into_iter();
        lines
            .map(|line| (line.goal_id, line.text, line.unreadable))
            .collect::<Vec<_>>()
    };
    let own = listed("local");
    let names: Vec<&str> = own.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["asked", "state", "whole"]);
    let told = goals.list("local").unwrap();
    assert!(told[0].words().contains("cannot be read"), "{told:?}");
    let why = |at: usize| own[at].2.as_deref().unwrap();
    assert!(
        why(0).contains("goal asked was written in form 2"),
        "{own:?}"
    );
    assert!(why(1).contains("goals/state/state"), "{own:?}");
    // What is wanted is said where the record still says it, and nothing in its place.
    let texts: Vec<&str> = own.iter().map(|(_, text, _)| text.as_str()).collect();
    assert_eq!(texts, ["", "x", "x"]);
    assert_eq!(own[2].2, None);
    // Another tenant's is nobody else's, and the other way round.
    let names: Vec<String> = listed("acme").into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["guest"]);
}
