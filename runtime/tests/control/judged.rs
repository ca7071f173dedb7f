//! Whom the Critic asks for whom: a command of criteria is the node's to run.

use std::path::Path;
use std::time::Duration;

use aios_actors::agent;
use aios_control::access::Scope;
use aios_control::{Client, ErrorKind, Judge, JudgeMore, WorkKind};
use aios_protocols::{Content, Draft, Performative, PrincipalId, ProtocolName, ReasonKind};
use aios_runtime::{AskError, Config, Node};
use aios_work::content::ontology;
use aios_work::{Capability, JudgeRequest, Status};

use super::{as_caller, keyed, kind};

/// Nothing in here takes that long; a test that does is broken.
const SOON: Duration = Duration::from_secs(60);

/// A work whose criteria are that a file can be made.
fn making(file: &Path) -> Judge {
    let file = file.to_str().unwrap();
    Judge {
        kind: WorkKind::Patch,
        criteria: Some(format!(
            "[[checks]]\nkind = \"command\"\nrun = [\"touch\", \"{file}\"]"
        )),
        ..Judge::new("Mend the sum.", "--- a/sum\n+++ b/sum\n-1\n+2\n")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn criteria_of_somebody_who_may_not_name_every_path_run_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.door.open = false;
    let granted = config.tools.grants.iter().cloned();
    config.tools.grants = granted.chain([Capability::PROCESS_RUN]).collect();
    let node = Node::builder().config(config).start().await.unwrap();
    let keyed = |principal: &str, scope| as_caller(&node, keyed(principal, scope, &[]));
    let mut reads = keyed("user:ann@local", Scope::Read);
    let refused = reads.judge(Judge::new("Say it.", "It is so.")).await;
    assert_eq!(kind(refused), ErrorKind::Forbidden);
    let all: [(&str, Client, Status); 4] = [
        ("owner", node.control(), Status::Approved),
        (
            "admin",
            keyed("user:ann@local", Scope::Admin),
            Status::Approved,
        ),
        (
            "operator",
            keyed("user:ann@local", Scope::Operate),
            Status::Unverified,
        ),
        (
            "guest",
            keyed("user:eve@acme", Scope::Admin),
            Status::Unverified,
        ),
    ];
    let file = folder.path().join("alone");
    let alone = Judge {
        alone: true,
        ..making(&file)
    };
    let report = node.control().judge(alone).await.unwrap();
    assert_eq!((report.status, file.exists()), (Status::Unverified, false));
    for (who, mut client, status) in all {
        let file = folder.path().join(who);
        let report = client.judge(making(&file)).await.unwrap();
        assert_eq!(report.status, status, "{who}: {report:?}");
        assert_eq!(file.exists(), status == Status::Approved, "{who}");
        assert_eq!(report.unable.is_empty(), file.exists(), "{who}: {report:?}");
        // Nor does it, piece by piece.
        let grown = folder.path().join(format!("{who}-grown"));
        let whole = making(&grown);
        let piece = JudgeMore {
            stream: "s".to_owned(),
            more: whole.answer.clone(),
            begin: Some(Box::new(Judge {
                answer: String::new(),
                ..whole
            })),
            last: true,
            dropped: false,
            deadline_ms: Judge::DEADLINE_MS,
        };
        let said = client.judge_more(piece).await.unwrap();
        assert_eq!(
            said.report.map(|report| report.status),
            Some(status),
            "{who}"
        );
        assert_eq!(grown.exists(), status == Status::Approved, "{who}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_grows_is_its_askers_alone() {
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await.unwrap();
    let piece = |begins: bool| JudgeMore {
        stream: "mine".to_owned(),
        begin: begins.then(|| Box::new(Judge::new("Say it.", ""))),
        more: "It is so. ".to_owned(),
        last: false,
        dropped: false,
        deadline_ms: Judge::DEADLINE_MS,
    };
    let mut own = as_caller(&node, keyed("user:ann@local", Scope::Operate, &[]));
    let mut other = as_caller(&node, keyed("user:eve@acme", Scope::Operate, &[]));
    own.judge_more(piece(true)).await.unwrap();
    let stolen = other.judge_more(piece(false)).await;
    assert_eq!(kind(stolen), ErrorKind::Unknown);
    own.judge_more(piece(false)).await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_critic_judges_for_nobody_else_than_agents_and_the_nodes_own_service() {
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await.unwrap();
    let request = JudgeRequest {
        goal: "Say it.".to_owned(),
        text: "It is so.".to_owned(),
        ..JudgeRequest::default()
    };
    let draft = || {
        Draft::new(Performative::Request, Content::json(&request).unwrap())
            .protocol(ProtocolName::FipaRequest)
            .ontology(ontology::JUDGE)
    };
    let other: PrincipalId = "service:other@local".parse().unwrap();
    let client = node.system().client(other).await.unwrap();
    let refused = node.ask_as(&client, "macro.critic", draft(), SOON).await;
    let Err(AskError::Unanswered(agent::AskError::Refused { reason, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(reason.kind, ReasonKind::Unauthorised, "{reason:?}");
    node.ask("macro.critic", draft(), SOON).await.unwrap();
    node.stop().await;
}
