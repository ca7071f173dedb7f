//! A node asks any of its agents, by name or by role: it is answered, or hears in one of a few ways why not.

use std::time::Duration;

use aios_actors::agent::{self, Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_protocols::{AgentCard, OpenTo, Party, PrincipalId, ReasonKind};
use aios_runtime::{AskError, Node, SpawnOptions};
use aios_supervisor::Restart;

use crate::house::soon;

const PATIENCE: Duration = Duration::from_secs(20);

/// Does what it is told in one word, for those it is open to.
struct Clerk {
    open_to: OpenTo,
}

#[async_trait]
impl Agent for Clerk {
    fn card(&self, card: &mut AgentCard) {
        card.open_to = self.open_to.clone();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match incoming.content.as_str() {
            Some("refuse") => Err(AgentError::refuse(ReasonKind::Overloaded, "not today")),
            Some("fail") => Err(AgentError::failure("the ink is dry")),
            Some("sleep") => {
                ctx.spawn(incoming, |incoming, _| async move {
                    incoming.cancelled().await;
                    Ok(incoming.inform("woken")?)
                });
                Ok(())
            }
            word => {
                let said = format!("{} to {}", word.unwrap_or("?"), incoming.sender);
                Ok(incoming.inform(said)?)
            }
        }
    }
}

/// A node with a clerk for services, one for people, and one who says nothing about whom it is open to.
async fn office() -> Node {
    let clerk = |open_to: OpenTo| {
        move |_: &aios_actors::Blueprint| {
            Ok(Clerk {
                open_to: open_to.clone(),
            })
        }
    };
    let node = Node::builder()
        .factory("macro.clerk", clerk("macro, service".parse().unwrap()))
        .factory("meso.porter", clerk("user".parse().unwrap()))
        .factory("macro.recluse", clerk(OpenTo::default()))
        .start()
        .await
        .unwrap();
    for role in ["macro.clerk", "meso.porter", "macro.recluse"] {
        let options = SpawnOptions {
            restart: Restart::Temporary,
            ..SpawnOptions::default()
        };
        node.spawn(role, options).await.unwrap();
    }
    node
}

async fn ask(node: &Node, agent: &str, word: &str) -> Result<String, AskError> {
    let answer = soon("the answer", node.ask(agent, word, PATIENCE)).await?;
    Ok(answer.content.as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asks_those_of_its_agents_that_are_open_to_it() {
    let node = office().await;
    let clerk: Party = "macro.clerk.001@local".parse().unwrap();
    for agent in ["macro.clerk", clerk.as_str()] {
        assert_eq!(
            ask(&node, agent, "hello").await.unwrap(),
            "hello to service:gateway@local"
        );
    }

    // Who says nothing is asked by agents only, the node's own as well as a guest; who is open to people is so to people.
    let refusals = node.system().audit().entries().len();
    for (agent, open_to) in [
        ("macro.recluse", "macro, meso, micro"),
        ("macro.planner", "macro.interface"),
        ("meso.registry", "macro, meso, micro"),
        ("meso.porter", "user"),
    ] {
        let error = ask(&node, agent, "hello").await.unwrap_err();
        assert!(matches!(error, AskError::NotOpen(_)), "{error:?}");
        let told = error.to_string();
        assert!(
            told.ends_with(&format!("it is open to {open_to}")),
            "{told}"
        );
    }
    assert_eq!(
        node.system().audit().entries().len(),
        refusals,
        "not even sent"
    );

    // Somebody else asks by a client of their own.
    let ada: PrincipalId = "user:ada@local".parse().unwrap();
    let client = node.system().client(ada).await.unwrap();
    let answer = node.ask_as(&client, "meso.porter", "hello", PATIENCE).await;
    assert_eq!(
        answer.unwrap().content.as_str(),
        Some("hello to user:ada@local")
    );
    let error = node
        .ask_as(&client, "macro.clerk", "hello", PATIENCE)
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::NotOpen(_)), "{error:?}");
    let error = ask(&node, client.party().as_str(), "hello")
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::NotOpen(_)), "{error:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_without_an_answer_says_why() {
    let node = office().await;
    for nobody in ["macro.clark", "macro.clerk.009@local", "", "user:eve@local"] {
        let error = ask(&node, nobody, "hello").await.unwrap_err();
        let told = error.to_string();
        let AskError::NoSuchAgent { asked, roles } = error else {
            panic!("{error:?}")
        };
        assert_eq!(asked, nobody);
        assert!(roles.contains(&"macro.clerk".to_owned()), "{roles:?}");
        assert!(told.contains("macro.clerk, macro.critic"), "{told}");
    }

    let clerk: Party = "macro.clerk.001@local".parse().unwrap();
    match ask(&node, "macro.clerk", "refuse").await.unwrap_err() {
        AskError::Unanswered(agent::AskError::Refused { by, reason }) => {
            assert_eq!((by, reason.kind), (clerk.clone(), ReasonKind::Overloaded));
        }
        other => panic!("{other:?}"),
    }
    match ask(&node, "macro.clerk", "fail").await.unwrap_err() {
        AskError::Unanswered(agent::AskError::Failed { by, reason }) => {
            assert_eq!(
                (by, reason.detail.as_str()),
                (clerk.clone(), "the ink is dry")
            );
        }
        other => panic!("{other:?}"),
    }

    let short = Duration::from_millis(50);
    let error = soon("the deadline", node.ask("macro.clerk", "sleep", short));
    match error.await.unwrap_err() {
        AskError::Unanswered(agent::AskError::Deadline { to, after }) => {
            assert_eq!((to, after), (clerk, short))
        }
        other => panic!("{other:?}"),
    }
    // It was told that nobody waits, and takes the next question.
    assert!(ask(&node, "macro.clerk", "hello").await.is_ok());

    // A stop is not waited out.
    let (asked, ()) = tokio::join!(ask(&node, "macro.clerk", "sleep"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.stop().await;
    });
    assert!(matches!(asked, Err(AskError::Stopping)), "{asked:?}");
    let error = ask(&node, "macro.clerk", "hello").await.unwrap_err();
    assert!(matches!(error, AskError::Stopping), "{error:?}");
}
