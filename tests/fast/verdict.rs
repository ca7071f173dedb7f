//! Nothing leaves without the Critic's word: a planner that cheats is found out at the interface.
//!
//! The planner of these nodes is the test's own. It asks the real Critic, and then hands over what each row says.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_protocols::{Content, Draft, Performative, ProtocolName, Trusted};
use aios_runtime::{Goal, Node, SpawnOptions};
use aios_work::Evidence;
use aios_work::content::{
    Answer, GoalRequest, GoalStatus, Submission, ValidationRequest, hex, ontology, unhex,
};
use aios_work::{Fact, Source, Statistic, Value};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::house::{pursue, soon};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the cheat hands over, by the goal's text; the first row is honest.
const ROWS: [(&str, &str); 12] = [
    ("an honest answer", ""),
    ("no verdict", "it carries no verdict"),
    ("a verdict that is no frame", "its verdict is refused"),
    ("a verdict with one bit changed", "its verdict is refused"),
    ("a verdict cut short", "its verdict is refused"),
    (
        "a verdict by another agent",
        "its verdict comes from macro.forger.001@local, not from a critic",
    ),
    ("a request that was sent to the critic", "not from a critic"),
    (
        "a verdict of another house's critic",
        "its verdict is refused",
    ),
    (
        "a verdict about another answer",
        "its verdict is about another answer",
    ),
    (
        "a verdict about another goal",
        "its verdict is about another answer",
    ),
    (
        "a figure changed after the verdict",
        "its verdict is about another answer",
    ),
    (
        "an answer that is dressed up as a failure",
        "it carries no verdict",
    ),
];

struct Cheat {
    /// Where a verdict of this house can be had from outside.
    verdicts: UnboundedSender<String>,
    /// A verdict of another house over the same answer.
    foreign: Arc<std::sync::Mutex<String>>,
}

fn answer(goal_id: &str, text: &str) -> Answer {
    Answer {
        status: GoalStatus::Partial,
        answer: text.to_owned(),
        facts: vec![Fact {
            subject: vec![],
            measure: Some("revenue".to_owned()),
            statistic: Statistic::Total,
            period: None,
            value: Value::Integer(120),
            unit: None,
            source: Source::from("sales.csv: SELECT sum(revenue) FROM data".to_owned()),
        }],
        gaps: vec!["the regions are missing".to_owned()],
        ..Answer::none(goal_id)
    }
}

/// The critic's reply: its frame is the proof.
async fn judged(answer: &Answer, ctx: &Context) -> Result<Trusted, AgentError> {
    let evidence = serde_json::json!({ "goal": "What is the total revenue?", "facts": answer.facts, "measures": ["revenue"] });
    let evidence: Evidence = serde_json::from_value(evidence)?;
    let work = Submission::Answer {
        answer: Box::new(answer.clone()),
        evidence: Box::new(evidence),
    };
    let request = ValidationRequest {
        goal_id: answer.goal_id.clone(),
        task_id: String::new(),
        work,
    };
    let draft = Draft::new(Performative::Request, Content::json(&request)?)
        .protocol(ProtocolName::FipaRequest)
        .ontology(ontology::VALIDATE);
    Ok(ctx.ask("macro.critic", draft, PATIENCE).await?)
}

#[async_trait]
impl Agent for Cheat {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let request: GoalRequest = incoming.json()?;
        let honest = answer(&request.goal_id, "The total revenue is 120.");
        let verdict = judged(&honest, ctx).await?;
        let frame = hex(verdict.sealed().as_bytes());
        let _ = self.verdicts.send(frame.clone());
        let mut given = Answer {
            verdict: frame,
            ..honest
        };
        match request.text.as_str() {
            "an honest answer" => {}
            "no verdict" => given.verdict.clear(),
            "a verdict that is no frame" => given.verdict = "c0ffee".repeat(100),
            "a verdict with one bit changed" => {
                let mut bytes = unhex(&given.verdict).unwrap_or_default();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                given.verdict = hex(&bytes);
            }
            "a verdict cut short" => given.verdict.truncate(200),
            "a verdict by another agent" => {
                let copied = ctx
                    .ask("macro.forger", verdict.content.clone(), PATIENCE)
                    .await?;
                given.verdict = hex(copied.sealed().as_bytes());
            }
            // The planner's own message to the forger is a genuine frame too, signed by a planner.
            "a request that was sent to the critic" => {
                given.verdict = hex(incoming.sealed().as_bytes())
            }
            "a verdict of another house's critic" => {
                given.verdict.clone_from(&self.foreign.lock().unwrap())
            }
            "a verdict about another answer" => {
                let other = answer(&request.goal_id, "The total revenue was 120 in all.");
                given.verdict = hex(judged(&other, ctx).await?.sealed().as_bytes());
            }
            "a verdict about another goal" => {
                let other = answer("another", "The total revenue is 120.");
                given.verdict = hex(judged(&other, ctx).await?.sealed().as_bytes());
            }
            "a figure changed after the verdict" => given.facts[0].value = Value::Integer(121),
            "an answer that is dressed up as a failure" => {
                given.status = GoalStatus::Failed;
                given.verdict.clear();
            }
            other => return Err(AgentError::failure(format!("the test knows no {other:?}"))),
        }
        incoming.inform(Content::json(&given)?)?;
        Ok(())
    }
}

/// Signs whatever it is given.
struct Forger;

#[async_trait]
impl Agent for Forger {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        let content = incoming.content.clone();
        incoming.inform(content)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_leaves_only_with_the_critics_verdict_over_exactly_this_answer() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = Arc::new(std::sync::Mutex::new(String::new()));
    let (verdicts, mut heard) = unbounded_channel();
    let house = || async {
        let (verdicts, foreign) = (verdicts.clone(), Arc::clone(&foreign));
        Node::builder()
            .factory("macro.planner", move |_| {
                Ok(Cheat {
                    verdicts: verdicts.clone(),
                    foreign: Arc::clone(&foreign),
                })
            })
            .factory("macro.forger", |_| Ok(Forger))
            .start()
            .await
            .unwrap()
    };
    let (node, elsewhere) = (house().await, house().await);
    node.spawn("macro.forger", SpawnOptions::default())
        .await
        .unwrap();

    let goal = |text: &str| Goal::new(text).id("g-1").out(folder.path());
    soon(
        "the other house",
        pursue(&elsewhere, goal("an honest answer")),
    )
    .await
    .unwrap();
    *foreign.lock().unwrap() = heard.recv().await.unwrap();

    for (row, held_back) in ROWS {
        let outcome = soon(row, pursue(&node, goal(row))).await;
        match outcome {
            Ok(answer) => {
                assert_eq!(held_back, "", "{row} was delivered: {answer:?}");
                assert_eq!(answer.answer, "The total revenue is 120.");
            }
            Err(error) => {
                let told = error.to_string();
                assert!(
                    told.starts_with("the answer is held back: "),
                    "{row}: {told}"
                );
                assert!(
                    !held_back.is_empty() && told.contains(held_back),
                    "{row}: {told}"
                );
            }
        }
    }
    elsewhere.stop().await;
    node.stop().await;
}
