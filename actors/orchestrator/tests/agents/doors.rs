//! Whom the five thinkers let in.

use std::sync::Arc;

use aios_actors::agent::{AgentOptions, AgentState, AskError};
use aios_orchestrator::{Packs, Ports, Services, Settings, team};
use aios_protocols::OpenTo;
use aios_tools::Toolbox;

use crate::house::{House, PATIENCE};

#[tokio::test(start_paused = true)]
async fn a_thinker_is_asked_by_the_one_whose_work_it_does_and_by_nobody_else() {
    let house = House::new().await;
    let tools = Arc::new(Toolbox::default());
    let services = Services::new(
        &house.system,
        Packs::none(),
        tools,
        Settings::default(),
        Ports::of(&house.system),
    );
    team::enlist(house.system.factories(), &services);
    let mut doors = Vec::new();
    for (role, open_to) in [
        ("macro.executor", "macro.planner"),
        ("macro.critic", "macro, meso, micro"),
        ("macro.memory", "macro.planner"),
        ("macro.planner", "macro.interface"),
        ("macro.interface", "macro, meso, micro, user, service"),
    ] {
        let (agent, _) = house
            .system
            .spawn(role, &house.supervisor, AgentOptions::default())
            .await
            .unwrap();
        house.wait_for_state(&agent, AgentState::Active).await;
        let expected: OpenTo = open_to.parse().unwrap();
        assert_eq!(*house.cell(&agent).open_to().unwrap(), expected, "{role}");
        doors.push((agent, open_to));
    }
    // From here on whoever comes of these roles is the test's.
    let askers = [
        ("macro.planner", house.driver.clone()),
        (
            "macro.interface",
            house.another_driver("macro.interface").await,
        ),
        (
            "macro.executor",
            house.another_driver("macro.executor").await,
        ),
        ("macro.clerk", house.another_driver("macro.clerk").await),
    ];
    for (agent, open_to) in &doors {
        for (role, asker) in &askers {
            let error = asker.ask(agent, "hello", PATIENCE).await.unwrap_err();
            if open_to.starts_with("macro,") || role == open_to {
                // It is let in, and no thinker knows this word.
                let heard = matches!(error, AskError::NotUnderstood { .. });
                assert!(heard, "{role} to {agent}: {error}");
            } else {
                let told = error.to_string();
                let refused = told.ends_with(&format!("it is open to {open_to}"));
                assert!(refused, "{role} to {agent}: {told}");
            }
        }
    }
}
