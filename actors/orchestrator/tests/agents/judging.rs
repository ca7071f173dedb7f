//! Any agent has its own work judged by the Critic; the works of a goal are for who plans it.

use std::sync::Arc;

use aios_actors::agent::{AgentOptions, AgentState};
use aios_orchestrator::{Packs, Ports, Services, Settings, team};
use aios_protocols::{AgentId, Content, Draft, Performative, ProtocolName};
use aios_tools::Toolbox;
use aios_work::content::ontology;
use aios_work::{
    Document, HistoryRequest, JudgeRequest, JudgedWork, Material, Report, Status, WorkKind,
};

use crate::house::{House, PATIENCE};

async fn critic(house: &House) -> AgentId {
    let services = Services::new(
        &house.system,
        Packs::none(),
        Arc::new(Toolbox::default()),
        Settings::default(),
        Ports::of(&house.system),
    );
    team::enlist(house.system.factories(), &services);
    let options = AgentOptions::default();
    let spawned = house
        .system
        .spawn("macro.critic", &house.supervisor, options)
        .await;
    let (critic, _) = spawned.unwrap();
    house.wait_for_state(&critic, AgentState::Active).await;
    critic
}

fn draft(ontology: &str, what: &impl serde::Serialize) -> Draft {
    Draft::new(Performative::Request, Content::json(what).unwrap())
        .protocol(ProtocolName::FipaRequest)
        .ontology(ontology)
}

#[tokio::test]
async fn an_agent_has_a_text_an_object_and_a_beginning_judged_and_sees_what_was_refused() {
    let house = House::new().await;
    let critic = critic(&house).await;
    let clerk = house.another_driver("macro.clerk").await;
    let terms = Material::Document(Document {
        name: "terms.md".to_owned(),
        text: "# Terms\n\nThe contract runs for 12 months. It ends by notice in writing."
            .to_owned(),
    });
    let ask = |text: &str| JudgeRequest {
        goal: "How long does the contract run?".to_owned(),
        text: text.to_owned(),
        materials: vec![terms.clone()],
        ..JudgeRequest::default()
    };
    let object = JudgeRequest {
        kind: WorkKind::Json,
        goal: "Give the term as JSON.".to_owned(),
        text: "{\"months\": 12}".to_owned(),
        criteria: Some("[[checks]]\nkind = \"schema\"\nschema = '{\"type\":\"object\",\"required\":[\"months\"]}'".to_owned()),
        ..JudgeRequest::default()
    };
    let broken = JudgeRequest {
        text: "{\"weeks\": 12}".to_owned(),
        ..object.clone()
    };
    let beginning = JudgeRequest {
        growing: true,
        ..ask("The contract runs for 15 months, and")
    };
    let patch = JudgeRequest {
        kind: WorkKind::Patch,
        goal: "Mend the sum.".to_owned(),
        text: "--- a/sum\n+++ b/sum\n-1\n+2\n".to_owned(),
        criteria: Some("[[checks]]\nkind = \"command\"\nrun = [\"true\"]".to_owned()),
        ..JudgeRequest::default()
    };
    let rows = [
        (ask("The contract runs for 12 months."), Status::Approved),
        (ask("The contract runs for 18 months."), Status::Rejected),
        (object, Status::Approved),
        (broken, Status::Rejected),
        (beginning, Status::Rejected),
        // Nobody ran the command, so nothing is known.
        (patch, Status::Unverified),
    ];
    for (row, (request, status)) in rows.into_iter().enumerate() {
        let asked = clerk.ask(&critic, draft(ontology::JUDGE, &request), PATIENCE);
        let report: Report = asked.await.unwrap().content.read_json().unwrap();
        assert_eq!(report.status, status, "row {row}: {report:?}");
    }
    let request = HistoryRequest {
        kind: Some(WorkKind::Text),
        ..HistoryRequest::default()
    };
    let asked = clerk.ask(&critic, draft(ontology::HISTORY, &request), PATIENCE);
    let works: Vec<JudgedWork> = asked.await.unwrap().content.read_json().unwrap();
    let refused = works.iter().filter(|work| work.status == Status::Rejected);
    let refused: Vec<&JudgedWork> = refused.collect();
    assert_eq!((works.len(), refused.len()), (2, 1), "{works:?}");
    assert!(
        refused[0].why[0].starts_with("numbers: 18 months"),
        "{works:?}"
    );
}

#[tokio::test]
async fn the_works_of_a_goal_are_judged_for_its_planner_alone() {
    let house = House::new().await;
    let critic = critic(&house).await;
    let clerk = house.another_driver("macro.clerk").await;
    let request = draft(ontology::VALIDATE, &serde_json::json!({}));
    let error = clerk.ask(&critic, request, PATIENCE).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("for who plans it: macro.planner"), "{told}");
}
