//! The memory agent keeps a bounded number of earlier results, over its own restarts.

use std::sync::Arc;

use aios_actors::agent::AgentOptions;
use aios_memory::{GoalResults, InMemoryStore, Store};
use aios_orchestrator::{Packs, Ports, Services, Settings, team};
use aios_protocols::{AgentId, Content, Draft, Performative, ProtocolName};
use aios_tools::Toolbox;
use aios_work::content::{GoalStatus, RememberRequest, Remembered, ontology};

use crate::house::{House, PATIENCE};

async fn remembered(house: &House, keeper: &AgentId, goal: &str) {
    let wanted = RememberRequest {
        source: format!("goal/{goal}"),
        text: format!("what came of {goal}"),
        result: Some(Remembered {
            goal_id: goal.to_owned(),
            status: GoalStatus::Approved,
            answer: "42".to_owned(),
            score: 0.9,
        }),
    };
    let draft = Draft::new(Performative::Request, Content::json(&wanted).unwrap())
        .protocol(ProtocolName::FipaRequest)
        .ontology(ontology::REMEMBER);
    house.driver.ask(keeper, draft, PATIENCE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn results_of_earlier_goals_are_bounded_and_one_that_left_is_kept_when_it_comes_again() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let house = House::with_store(Arc::clone(&store)).await;
    let settings = Settings {
        results: 2,
        ..Settings::default()
    };
    let tools = Arc::new(Toolbox::default());
    let services = Services::new(
        &house.system,
        Packs::none(),
        tools,
        settings,
        Ports::of(&house.system),
    );
    team::enlist(house.system.factories(), &services);
    let (keeper, _) = house
        .system
        .spawn("macro.memory", &house.supervisor, AgentOptions::default())
        .await
        .unwrap();
    let ids = || GoalResults::new(Arc::clone(&store)).ids("local").unwrap();
    for goal in ["a", "b", "c", "d"] {
        remembered(&house, &keeper, goal).await;
        assert!(ids().len() <= 2);
        assert!(ids().contains(&goal.to_owned()), "what has just come stays");
    }
    house.kill(&keeper).await;
    assert_eq!(ids().len(), 2);
    let gone = ["a", "b", "c", "d"].map(str::to_owned);
    let gone = gone.iter().find(|goal| !ids().contains(goal)).unwrap();
    remembered(&house, &keeper, gone).await;
    assert_eq!(ids().len(), 2);
    assert!(ids().contains(gone));
}
