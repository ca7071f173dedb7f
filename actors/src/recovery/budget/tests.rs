use aios_memory::Store;
use aios_protocols::TenantId;

use super::*;

fn at(ms: u64) -> Timestamp {
    Timestamp::since_epoch(Duration::from_millis(1_000_000 + ms))
}

fn budget(tokens: u64, money_micros: u64, price_micros: u64) -> Budget {
    let allowance = Allowance {
        tokens,
        money_micros,
        time: Duration::from_secs(1),
        price_micros,
    };
    Budget::new(allowance, at(0))
}

#[test]
fn a_goal_goes_on_with_what_a_process_that_ended_has_left_and_begins_full_otherwise() {
    use aios_memory::InMemoryStore;
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
    let tenant = TenantId::new("local").unwrap();
    let allowance = Allowance {
        tokens: 100,
        money_micros: 1_000,
        time: Duration::from_secs(1),
        price_micros: 500,
    };
    let begin = |budgets: &Budgets| budgets.begin(&tenant, "g", allowance, at(0));
    let first = Budgets::over(Arc::clone(&store));
    let budget = begin(&first);
    budget.reserve(40, at(0)).unwrap().settle(10);
    // Under way when the process ends: nobody knows what it took.
    let lost = budget.reserve(20, at(0)).unwrap();
    std::mem::forget(lost);
    let spent = budget.spent();
    assert_eq!((spent.calls, spent.tokens), (2, 30));

    let second = Budgets::over(Arc::clone(&store));
    let budget = begin(&second);
    assert_eq!(budget.spent(), spent);
    assert!(budget.reserve(71, at(0)).is_err());
    // Begun again in the same process it is another run.
    assert_eq!(begin(&second).spent(), Spent::default());
    let budget = begin(&second);
    budget.reserve(40, at(0)).unwrap().settle(40);
    second.close(&tenant, "g", &budget);
    assert!(store.scan_prefix(b"budget/", None, 9).unwrap().is_empty());
    assert_eq!(begin(&Budgets::over(store)).spent(), Spent::default());
}

#[test]
fn what_is_not_used_goes_back_and_what_nobody_settles_is_spent() {
    let budget = budget(100, 0, 0);
    let hold = budget.reserve(80, at(0)).unwrap();
    assert_eq!(
        budget.reserve(30, at(0)).unwrap_err(),
        OverBudget::Tokens {
            asked: 30,
            left: 20,
            allowed: 100
        }
    );
    hold.settle(10);
    let lost = budget.reserve(60, at(0)).unwrap();
    drop(lost);
    budget.reserve(5, at(0)).unwrap().unused();
    assert_eq!(
        budget.spent(),
        Spent {
            calls: 2,
            tokens: 70,
            money_micros: 0
        }
    );
    let (before, first) = (budget.spent(), budget.refused());
    assert!(budget.affords(30, at(0)).is_ok());
    assert!(budget.affords(31, at(0)).is_err());
    assert_eq!(budget.spent(), before, "looking sets nothing aside");
    assert!(matches!(first, Some(OverBudget::Tokens { asked: 30, .. })));
    assert_eq!(budget.refused(), first, "the first refusal is the one kept");
}

#[test]
fn a_call_is_held_at_the_dearest_price_and_paid_at_the_one_of_who_answered() {
    let budget = budget(1_000_000, 500, 0);
    let hold = budget.reserve_at(400, Some([0, 1_000]), at(0)).unwrap();
    assert_eq!((hold.money_micros, budget.spent().money_micros), (400, 400));
    // Enough for the cheapest, not for the dearest: what is left is all that it may cost.
    let second = budget.reserve_at(400, Some([0, 1_000]), at(0)).unwrap();
    assert_eq!(
        (second.money_micros, budget.spent().money_micros),
        (100, 500)
    );
    second.settle_at(400, Some(0));
    hold.settle_at(300, Some(1_000));
    assert_eq!(budget.spent().money_micros, 300);
    assert_eq!(
        budget
            .reserve_at(400, Some([700, 1_000]), at(0))
            .unwrap_err(),
        OverBudget::Money {
            asked: 280,
            left: 200,
            allowed: 500
        }
    );
    let part = Budget::below(
        [budget.clone()],
        Allowance {
            money_micros: u64::MAX,
            ..budget.0.allowance
        },
        at(0),
    );
    let hold = part.reserve_at(200, Some([0, 2_000]), at(0)).unwrap();
    assert_eq!(
        hold.money_micros, 200,
        "the part has no more than the whole has left"
    );
    hold.unused();
    assert_eq!(budget.spent().money_micros, 300);
}

#[test]
fn money_and_time_end_it_with_what_was_asked_left_and_allowed() {
    let budget = budget(1_000_000, 500, 1_000);
    budget.reserve(400, at(0)).unwrap().settle(400);
    assert_eq!(
        budget.reserve(200, at(0)).unwrap_err(),
        OverBudget::Money {
            asked: 200,
            left: 100,
            allowed: 500
        }
    );
    assert_eq!(
        budget.reserve(1, at(995)).unwrap_err(),
        OverBudget::Time {
            asked: 10,
            left: 5,
            allowed: 1_000
        }
    );
    assert_eq!(budget.spent().money_micros, 400);
    assert_eq!(
        budget.reserve(100, at(400)).unwrap().time,
        Duration::from_millis(600)
    );
}

#[test]
fn a_part_of_a_budget_spends_what_the_whole_has_and_never_more() {
    let allowance = |tokens| Allowance {
        tokens,
        ..budget(0, u64::MAX, 0).0.allowance
    };
    let team = Budget::new(allowance(100), at(0));
    let goal = Budget::below([team.clone()], allowance(80), at(0));
    // Named twice, the whole pays once.
    let run = Budget::below([goal.clone(), team.clone()], allowance(50), at(0));
    run.reserve(40, at(0)).unwrap().settle(30);
    let tokens = |one: &Budget| one.spent().tokens;
    assert_eq!([tokens(&run), tokens(&goal), tokens(&team)], [30, 30, 30]);
    assert_eq!(run.tokens_left(), 20);
    let over = run.reserve(21, at(0)).unwrap_err();
    assert!(
        matches!(over, OverBudget::Tokens { allowed: 50, .. }),
        "{over}"
    );
    // Another part of the whole has what this one left.
    let other = Budget::below([team.clone()], allowance(1_000), at(0));
    assert_eq!(other.tokens_left(), 70);
    other.reserve(70, at(0)).unwrap().settle(65);
    let before = [run.spent(), goal.spent(), team.spent()];
    let over = run.reserve(10, at(0)).unwrap_err();
    assert!(
        matches!(
            over,
            OverBudget::Tokens {
                left: 5,
                allowed: 100,
                ..
            }
        ),
        "{over}"
    );
    assert_eq!(
        before,
        [run.spent(), goal.spent(), team.spent()],
        "nothing is set aside"
    );
    assert_eq!(
        run.refused().map(|first| first.to_string().contains("50")),
        Some(true)
    );
    assert!(run.affords(6, at(0)).is_err() && run.affords(5, at(0)).is_ok());
    run.reserve(5, at(0)).unwrap().unused();
    run.charge(3);
    assert_eq!((run.spent().tokens, team.spent().tokens), (33, 95));
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

#[test]
fn two_tenants_that_choose_the_same_name_pay_each_for_its_own() {
    let budgets = Budgets::default();
    let allowance = budget(10, 0, 0).0.allowance;
    let (us, them) = (tenant("acme"), tenant("rival"));
    let ours = budgets.begin(&us, "g", allowance, at(0));
    let theirs = budgets.begin(&them, "g", allowance, at(0));
    let key = |tenant| tool_key("g/t1/r2", tenant, &us);
    assert_eq!([key(&us), key(&them)], ["g/t1/r2", "g@rival/t1/r2"]);
    budgets
        .of_key(&key(&them), &us)
        .unwrap()
        .reserve(7, at(0))
        .unwrap()
        .settle(7);
    assert_eq!((ours.spent().tokens, theirs.spent().tokens), (0, 7));
    budgets.close(&us, "g", &ours);
    assert!(budgets.of_key("g@rival/t1", &us).is_ok());
    for nobody in [
        "",
        "g",
        "g/t1",
        "/g",
        "g@acme/t1",
        "g@No Name/t1",
        "g@/t1",
        "@rival/t1",
    ] {
        assert!(budgets.of_key(nobody, &us).is_err(), "{nobody:?}");
    }
    budgets.close(&them, "g", &theirs);
    assert!(budgets.is_empty());
}

#[test]
fn a_part_of_a_goal_pays_from_its_own_budget_and_the_rest_from_the_goals() {
    let (budgets, us, them) = (Budgets::default(), tenant("acme"), tenant("rival"));
    let allowance = budget(10, 0, 0).0.allowance;
    let goal = budgets.begin(&us, "g", allowance, at(0));
    let part = Budget::below([goal], allowance, at(0));
    budgets.enter(&us, "g/t1", &part, at(0));
    budgets.enter(&them, "g/t1", &Budget::new(allowance, at(0)), at(0));
    part.charge(4);
    let spent = |key: &str| budgets.of_key(key, &us).map(|budget| budget.spent().tokens);
    let rows = [
        ("g/t1", 4),
        ("g/t1/3", 4),
        ("g/t1/3/2", 4),
        ("g/t2", 0),
        ("g", 0),
        ("g@rival/t1/1", 0),
    ];
    for (key, tokens) in rows {
        assert_eq!(spent(key), Ok(tokens), "{key}");
    }
    assert!(spent("g@rival/t2").is_err());
    let around = |operation| {
        budgets
            .around(&us, operation)
            .map(|budget| budget.spent().tokens)
    };
    assert_eq!(
        [around("g"), around("g/t1"), around("g/t1/2")],
        [None, Some(0), Some(4)]
    );
    budgets.close(&us, "g/t1", &part);
    assert_eq!(spent("g/t1/3"), Ok(0));
}

#[test]
fn a_purse_outlives_its_planner_and_ends_with_its_goal() {
    let (budgets, us) = (Budgets::default(), tenant("acme"));
    let allowance = budget(10, 0, 0).0.allowance;
    let first = budgets.begin(&us, "g", allowance, at(0));
    first.reserve(4, at(0)).unwrap().settle(4);
    assert_eq!(budgets.resume(&us, "g", allowance, at(1)).spent().tokens, 4);
    // Asked for anew, nothing of what the run before it spent is missing, and that run closes its own budget alone.
    let second = budgets.begin(&us, "g", allowance, at(2));
    assert_eq!(second.spent(), Spent::default());
    budgets.close(&us, "g", &first);
    assert!(budgets.of(&us, "g").is_ok());
    budgets.close(&us, "g", &second);
    let none = budgets.of(&us, "g").unwrap_err();
    assert_eq!(none.goal, "g");
    assert!(none.to_string().contains("has no budget under way"));
    let forgotten = budgets.resume(&us, "f", allowance, at(3));
    budgets.begin(&us, "h", allowance, at(700_000));
    assert!(budgets.of(&us, "f").is_err());
    drop(forgotten);
}

/// As a model of another machine's would be asked, with so many tokens allowed.
fn thought(max_tokens: u32) -> ThoughtReport {
    use aios_work::content::{SamplingReport, ThoughtSettings};
    ThoughtReport {
        purpose: "write".into(),
        engine: "there".into(),
        model: "m".into(),
        version: Some("fp_1".into()),
        settings: ThoughtSettings {
            max_tokens,
            sampling: SamplingReport::Greedy,
            schema: false,
        },
        calls: 1,
        tokens: 7,
    }
}

#[test]
fn what_thought_is_told_to_all_that_pay_and_outlives_the_process() {
    use aios_memory::InMemoryStore;
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
    let tenant = TenantId::new("local").unwrap();
    let allowance = budget(100, 1_000, 500).allowance();
    let begin = |store| Budgets::over(store).begin(&tenant, "g", allowance, at(0));
    let whole = begin(Arc::clone(&store));
    let part = Budget::below([whole.clone()], allowance, at(0));
    for max_tokens in [8, 9, 8] {
        let hold = part.reserve(10, at(0)).unwrap();
        hold.thought(thought(max_tokens), Some(1_000));
    }
    let told = [(8, 2, 14), (9, 1, 7)];
    let of = |budget: &Budget| -> Vec<_> {
        let thoughts = budget.thoughts().into_iter();
        thoughts
            .map(|one| (one.settings.max_tokens, one.calls, one.tokens))
            .collect()
    };
    for budget in [&part, &whole, &begin(Arc::clone(&store))] {
        assert_eq!(of(budget), told);
        let spent = budget.spent();
        assert_eq!((spent.calls, spent.tokens, spent.money_micros), (3, 21, 21));
    }
    // What an earlier version has kept says nothing of thoughts.
    let key = budget_record("local", "g");
    store
        .put(&key, br#"{"calls":1,"tokens":2,"cost":"3000"}"#)
        .unwrap();
    let old = begin(store);
    assert_eq!((of(&old), old.spent().tokens), (Vec::new(), 2));
}
