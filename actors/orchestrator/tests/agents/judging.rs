//! Any agent has its own work judged by the Critic; the works of a goal are for who plans it.

use std::sync::Arc;

use aios_actors::agent::{AgentOptions, AgentState};
use aios_actors::outside::StandIn;
use aios_orchestrator::{Packs, Ports, Services, Settings, team};
use aios_protocols::{
    AgentId, Content, Draft, Message, Performative, ProtocolName, Sealer, SigningIdentity, TenantId,
};
use aios_tools::Toolbox;
use aios_work::content::ontology;
use aios_work::{
    Capability, Document, HistoryRequest, JudgeRequest, JudgedWork, Material, Report, Status,
    StreamReply, StreamRequest, WorkKind,
};

use crate::house::{House, PATIENCE};

async fn critic(house: &House) -> AgentId {
    critic_with(house, Toolbox::default()).await
}

async fn critic_with(house: &House, tools: Toolbox) -> AgentId {
    let services = Services::new(
        &house.system,
        Packs::none(),
        Arc::new(tools),
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
async fn a_command_of_criteria_is_run_where_the_owner_lets_processes_be_started() {
    let house = House::new().await;
    let tools = Toolbox::default().granting([Capability::PROCESS_RUN].into());
    let critic = critic_with(&house, tools).await;
    let clerk = house.another_driver("macro.clerk").await;
    let patch = |command: &str| JudgeRequest {
        kind: WorkKind::Patch,
        goal: "Mend the sum.".to_owned(),
        text: "--- a/sum\n+++ b/sum\n-1\n+2\n".to_owned(),
        materials: vec![Material::Document(Document {
            name: "src/sum".to_owned(),
            text: "1\n".to_owned(),
        })],
        criteria: Some(format!(
            "[[checks]]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"{command}\"]\ntimeout_ms = 2000"
        )),
        ..JudgeRequest::default()
    };
    let rows = [
        (
            "grep -q +2 work.patch && grep -q 1 sum",
            Status::Approved,
            "",
        ),
        (
            "echo no such line; exit 4",
            Status::Rejected,
            "ended with exit code 4: no such line",
        ),
        (
            "sleep 600",
            Status::Unverified,
            "was not done after 2000 ms",
        ),
        (
            "test -z $AIOS_ANYTHING$USER && test $HOME = $PWD",
            Status::Approved,
            "",
        ),
    ];
    for (command, status, why) in rows {
        let request = draft(ontology::JUDGE, &patch(command));
        let asked = clerk.ask(&critic, request, PATIENCE).await;
        let report: Report = asked.unwrap().content.read_json().unwrap();
        assert_eq!(report.status, status, "{command}: {report:?}");
        let issues = report.issues.iter().map(|issue| issue.description.clone());
        let unable = report.unable.iter().map(|unable| unable.why.clone());
        let told: Vec<String> = issues.chain(unable).collect();
        assert!(told.join("; ").contains(why), "{command}: {told:?}");
    }
}

/// An agent whose code runs in another process, where it signs for itself.
struct Outsider {
    place: StandIn,
    sealer: Sealer,
    said: u8,
}

impl Outsider {
    fn let_in(house: &House, name: &str) -> Self {
        let id: AgentId = name.parse().unwrap();
        let identity = Arc::new(SigningIdentity::from_seed(id.clone(), [9; 32]));
        let (key, options) = (identity.public_key(), AgentOptions::default());
        let place = house.system.stand_in(&id, key, options).unwrap();
        let epoch = house.system.now().as_micros();
        place.prove(&identity.claim(epoch)).unwrap();
        // As a node introduces it: what a card says does not make it one of this process.
        let card = house.system.directory().cells();
        let card = card.iter().find_map(|cell| cell.card()).unwrap();
        place.introduce(card.as_ref().clone());
        place.up();
        Self {
            place,
            sealer: Sealer::new(identity, TenantId::new("local").unwrap(), epoch),
            said: 0,
        }
    }

    async fn asks(&mut self, critic: &AgentId, draft: Draft) -> Arc<Message> {
        self.said += 1;
        let draft = draft.to(critic);
        let sealed = self.sealer.seal(draft, self.place.now(), [self.said; 10]);
        let (message, frame) = sealed.unwrap();
        let unreached = self.place.hand_over(&message, &frame, true).await;
        assert!(unreached.is_empty(), "{unreached:?}");
        loop {
            while let Some(letter) = self.place.next() {
                if letter.message.performative != Performative::Agree {
                    return letter.message;
                }
            }
            self.place.rung().await;
        }
    }
}

#[tokio::test]
async fn nobody_from_outside_has_a_command_run_by_criteria_whatever_it_says_of_itself() {
    let house = House::new().await;
    let tools = Toolbox::default().granting([Capability::PROCESS_RUN].into());
    let critic = critic_with(&house, tools).await;
    let mut outsider = Outsider::let_in(&house, "macro.clerk.007@global");
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let patch = JudgeRequest {
        kind: WorkKind::Patch,
        goal: "Mend the sum.".to_owned(),
        criteria: Some(format!(
            "[[checks]]\nkind = \"command\"\nrun = [\"touch\", \"{}\"]",
            ran.display()
        )),
        alone: false,
        ..JudgeRequest::default()
    };
    let stream = StreamRequest {
        stream: "a".to_owned(),
        begin: Some(Box::new(patch.clone())),
        more: "--- a/sum\n+++ b/sum\n-1\n+2\n".to_owned(),
        last: true,
        ..StreamRequest::default()
    };
    let whole = JudgeRequest {
        text: stream.more.clone(),
        ..patch
    };
    let said = outsider.asks(&critic, draft(ontology::JUDGE, &whole)).await;
    let report: Report = said.content.read_json().unwrap();
    let said = outsider
        .asks(&critic, draft(ontology::STREAM, &stream))
        .await;
    let reply: StreamReply = said.content.read_json().unwrap();
    for report in [report, reply.report.unwrap()] {
        assert_eq!(report.status, Status::Unverified, "{report:?}");
        let why = &report.unable[0].why;
        assert!(why.contains("may have nobody else asked"), "{why}");
    }
    assert!(!ran.exists(), "it was run");
    // Of an agent that runs here it is taken.
    let clerk = house.another_driver("macro.clerk").await;
    let asked = clerk.ask(&critic, draft(ontology::JUDGE, &whole), PATIENCE);
    let report: Report = asked.await.unwrap().content.read_json().unwrap();
    assert_eq!(report.status, Status::Approved, "{report:?}");
    assert!(ran.exists());
}

#[tokio::test]
async fn a_text_is_judged_while_it_grows_and_stopped_where_it_goes_wrong() {
    let house = House::new().await;
    let critic = critic(&house).await;
    let clerk = house.another_driver("macro.clerk").await;
    let terms = Material::Document(Document {
        name: "terms.md".to_owned(),
        text: "# Terms\n\nThe contract runs for 12 months. It ends by notice in writing."
            .to_owned(),
    });
    let begin = JudgeRequest {
        goal: "How long does the contract run?".to_owned(),
        materials: vec![terms],
        ..JudgeRequest::default()
    };
    let piece = |stream: &str, first: bool, more: &str, last: bool| StreamRequest {
        stream: stream.to_owned(),
        begin: first.then(|| Box::new(begin.clone())),
        more: more.to_owned(),
        last,
        ..StreamRequest::default()
    };
    // Of each piece: whether the writer should stop, and the status of what is told.
    let rows = [
        (piece("a", true, "The contract runs", false), false, None),
        (
            piece("b", true, "The contract runs for 18 months.\n", false),
            false,
            None,
        ),
        (
            piece("a", false, " for 12 months.\n\nIt ends ", false),
            false,
            None,
        ),
        (
            piece("b", false, "\nIt ends ", false),
            true,
            Some(Status::Rejected),
        ),
        (
            piece("a", false, "by notice in writing.", true),
            false,
            Some(Status::Approved),
        ),
    ];
    for (row, (request, stop, status)) in rows.into_iter().enumerate() {
        let asked = clerk.ask(&critic, draft(ontology::STREAM, &request), PATIENCE);
        let reply: StreamReply = asked.await.unwrap().content.read_json().unwrap();
        let told = reply.report.as_ref().map(|report| report.status);
        assert_eq!((reply.stop, told), (stop, status), "row {row}: {reply:?}");
    }
    for over in ["a", "b", "never"] {
        let request = draft(ontology::STREAM, &piece(over, false, "more", false));
        let error = clerk.ask(&critic, request, PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("no such text grows"), "{error}");
    }
}

#[tokio::test]
async fn a_piece_that_is_not_taken_leaves_the_text_as_it_was_and_another_asker_does_not_push_it_out()
 {
    let house = House::new().await;
    let critic = critic(&house).await;
    let clerk = house.another_driver("macro.clerk").await;
    let other = house.another_driver("macro.reader").await;
    let begin = JudgeRequest {
        goal: "How long does the contract run?".to_owned(),
        ..JudgeRequest::default()
    };
    let piece = |stream: usize, begins: bool, more: String, last: bool| {
        let request = StreamRequest {
            stream: stream.to_string(),
            begin: begins.then(|| Box::new(begin.clone())),
            more,
            last,
            ..StreamRequest::default()
        };
        draft(ontology::STREAM, &request)
    };
    let spaces = || " ".repeat(600_000);
    let asked = clerk.ask(&critic, piece(0, true, spaces(), false), PATIENCE);
    asked.await.unwrap();
    let asked = clerk.ask(&critic, piece(0, false, spaces(), false), PATIENCE);
    let error = asked.await.unwrap_err();
    assert!(
        error.to_string().contains("have it judged in parts"),
        "{error}"
    );
    for stream in 0..70 {
        let begins = piece(stream, true, "It runs".to_owned(), false);
        other.ask(&critic, begins, PATIENCE).await.unwrap();
    }
    let last = piece(0, false, "It runs for long.".to_owned(), true);
    let said = clerk.ask(&critic, last, PATIENCE).await.unwrap();
    let reply: StreamReply = said.content.read_json().unwrap();
    assert!(reply.report.is_some(), "{reply:?}");
    // The last eight are there, and one that is broken off is not.
    let dropped = StreamRequest {
        stream: "69".to_owned(),
        dropped: true,
        ..StreamRequest::default()
    };
    let dropped = draft(ontology::STREAM, &dropped);
    other.ask(&critic, dropped, PATIENCE).await.unwrap();
    for (stream, there) in [(61, false), (62, true), (68, true), (69, false)] {
        let more = piece(stream, false, " for long.".to_owned(), true);
        let said = other.ask(&critic, more, PATIENCE).await;
        assert_eq!(said.is_ok(), there, "{stream}: {said:?}");
    }
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
