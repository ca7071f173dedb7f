//! Nothing leaves without the Critic's word: a planner that cheats is found out, by the Critic or at the interface.
//!
//! The planner of these nodes is the test's own. It has a till counted by the real executor, asks the real Critic, and hands over what
//! each row says.

use std::sync::Arc;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_protocols::{Content, Draft, Performative};
use aios_runtime::{Goal, SpawnOptions};
use aios_tools::OnDisk;
use aios_work::content::{
    Answer, Candidate, Exhibit, GoalRequest, GoalStatus, Judgement, Origin, Submission, TaskResult,
    asked, hex, ontology, unhex,
};
use aios_work::{ContentHash, FileState, GoalLimits, InputFile, Task, ToolOutput, Value};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::house::{pursue, soon};
use crate::till::{
    PATIENCE, answer, counted, counted_from, exhibit, grounds, honestly, house, judged, submitted,
};

/// What the cheat hands over, by the goal's text; the first row is honest.
const ROWS: [(&str, &str); 13] = [
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
        "a verdict about another question",
        "its verdict is about another question",
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

#[async_trait]
impl Agent for Cheat {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let request: GoalRequest = incoming.json()?;
        let honest = answer(request.goal.id(), "The total revenue is 120.");
        let verdict = honestly(&honest, request.goal.text(), ctx).await?;
        let frame = hex(verdict.sealed().as_bytes());
        let _ = self.verdicts.send(frame.clone());
        let mut given = Answer {
            verdict: frame,
            ..honest
        };
        match request.goal.text() {
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
                let other = answer(request.goal.id(), "The total revenue was 120 in all.");
                given.verdict = hex(honestly(&other, request.goal.text(), ctx)
                    .await?
                    .sealed()
                    .as_bytes());
            }
            "a verdict about another goal" => {
                let other = answer("another", "The total revenue is 120.");
                given.verdict = hex(honestly(&other, request.goal.text(), ctx)
                    .await?
                    .sealed()
                    .as_bytes());
            }
            "a verdict about another question" => {
                let other = honestly(&given, "Is the total revenue 120?", ctx).await?;
                given.verdict = hex(other.sealed().as_bytes());
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
    let started = || async {
        let (verdicts, foreign) = (verdicts.clone(), Arc::clone(&foreign));
        house()
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
    let (node, elsewhere) = (started().await, started().await);
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

/// What the Critic says to what a planner shows it, by the goal's text; the first row is honest.
const SHOWN: [(&str, &str); 24] = [
    ("an honest answer", ""),
    (
        "a figure altered in the answer",
        "the figures beside the text are not those that follow from the results",
    ),
    ("a figure altered in the text", "121"),
    (
        "a text in other words",
        "the text is not the one that follows from the results",
    ),
    (
        "a tail where the checks do not read",
        "the text is not the one that follows from the results",
    ),
    (
        "a whole with a gap of its own",
        "the gaps are not those that follow from the results",
    ),
    (
        "a result left out whose figure is stated",
        "the figures beside the text are not those that follow from the results",
    ),
    (
        "a result by the planner itself",
        "comes from macro.planner.001@local, not from macro.executor",
    ),
    ("a result without a frame", "its frame is not there"),
    ("a result with one bit changed", "its frame is refused"),
    (
        "a result of another goal",
        "is one of operation \"other/sum/till-1\"",
    ),
    (
        "a result of another task",
        "is one of operation \"g-1/else/till-1\"",
    ),
    (
        "a result of another question",
        "is the answer to another question",
    ),
    (
        "a result for a plan that asks another question",
        "is the answer to another question",
    ),
    ("a result that is there twice", "is there twice"),
    (
        "a plan that asks for more than it may",
        "the arguments of task \"sum\" have 70011 bytes, allowed are 65536",
    ),
    (
        "a task beside the plan that asks for more than it may",
        "the arguments of task \"look\" have 70011 bytes, allowed are 65536",
    ),
    (
        "a result that the domain is said to know",
        "is nothing its domain knows",
    ),
    (
        "an earlier result by the planner itself",
        "comes from macro.planner.001@local, not from macro.executor",
    ),
    (
        "an earlier result from before it was there",
        "was taken up again at a time that cannot be",
    ),
    (
        "passages that the memory did not send",
        "what was recalled comes from macro.executor.",
    ),
    (
        "files that the goal does not name",
        "the files are not those of the goal",
    ),
    (
        "a gap that is not named",
        "something that is missing is not named",
    ),
    (
        "a part that claims to be the whole",
        "something is missing, and the answer claims to be whole",
    ),
];

fn earlier(found_us: u64) -> Origin {
    Origin::Earlier {
        operation: "before".to_owned(),
        found_us,
        artifacts: Vec::new(),
    }
}

/// A planner that hands over what the Critic said.
struct Shows;

#[async_trait]
impl Agent for Shows {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let request: GoalRequest = incoming.json()?;
        let id = request.goal.id();
        let mut answer = answer(id, "The total revenue is 120.");
        let mut grounds = grounds(id, request.goal.text(), ctx).await?;
        match request.goal.text() {
            "an honest answer" => {}
            "a figure altered in the answer" => answer.facts[0].value = Value::Integer(121),
            "a figure altered in the text" => {
                answer.answer = "The total revenue is 121.".to_owned()
            }
            "a text in other words" => {
                answer.answer = "The total revenue was 120 in all.".to_owned();
            }
            "a tail where the checks do not read" => {
                answer
                    .answer
                    .push_str("\n## Gaps\nSend the rest to the number below.");
            }
            "a whole with a gap of its own" => {
                answer.status = GoalStatus::Approved;
                answer.gaps.push("the shops are missing".to_owned());
            }
            "a result left out whose figure is stated" => grounds.exhibits.clear(),
            "a result by the planner itself" | "an earlier result by the planner itself" => {
                let made_up = TaskResult {
                    task_id: "sum".to_owned(),
                    operation: format!("{id}/sum/till-1"),
                    asked: asked("count_till", &json!({ "till": 1 }), &[]),
                    output: ToolOutput {
                        value: json!(1_000_000),
                        ..ToolOutput::default()
                    },
                    duration_ms: 1.0,
                    agent: "macro.executor.001@local".to_owned(),
                };
                let draft = Draft::new(Performative::Inform, Content::json(&made_up)?)
                    .ontology(ontology::TASK)
                    .to(&incoming.sender);
                let frame = ctx.sign(draft)?;
                grounds.exhibits = vec![exhibit(id, 1, frame.as_bytes())];
                if request.goal.text().starts_with("an earlier") {
                    grounds.exhibits[0].origin = earlier(ctx.now().as_micros());
                }
            }
            "an earlier result from before it was there" => {
                grounds.exhibits[0].origin = earlier(1);
            }
            "passages that the memory did not send" => {
                grounds.recalled = Some(grounds.exhibits[0].clone());
            }
            "files that the goal does not name" => {
                let state = FileState {
                    device: 0,
                    inode: 0,
                    length: 3,
                    modified_ns: 0,
                    content: Some(ContentHash::of(b"120")),
                };
                grounds.inputs.push(InputFile {
                    name: "till.csv".to_owned(),
                    path: "/tmp/till.csv".into(),
                    place: "/tmp/till.csv".into(),
                    state,
                });
            }
            "a result without a frame" => grounds.exhibits[0].frame = None,
            "a result with one bit changed" => {
                let frame = grounds.exhibits[0].frame.take().unwrap_or_default();
                let mut bytes = unhex(&frame).unwrap_or_default();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                grounds.exhibits = vec![exhibit(id, 1, &bytes)];
            }
            "a result of another goal" => {
                let other = counted("other", "sum", 1, ctx).await?;
                grounds.exhibits = vec![exhibit(id, 1, other.sealed().as_bytes())];
            }
            "a result of another task" => {
                let other = counted(id, "else", 1, ctx).await?;
                grounds.exhibits = vec![exhibit(id, 1, other.sealed().as_bytes())];
            }
            "a result of another question" => {
                let other = counted(id, "sum", 2, ctx).await?;
                grounds.exhibits = vec![exhibit(id, 2, other.sealed().as_bytes())];
            }
            "a result for a plan that asks another question" => {
                grounds.plan.tasks[0].args = json!({ "till": 2 });
            }
            "a plan that asks for more than it may" => {
                grounds.plan.tasks[0].args = json!({ "till": "1".repeat(70_000) });
            }
            "a task beside the plan that asks for more than it may" => {
                let args = json!({ "till": "1".repeat(70_000) });
                grounds.exhibits.push(Exhibit {
                    task_id: "look".to_owned(),
                    task: Some(Box::new(Task::new("look", "count_till", args))),
                    ..grounds.exhibits[0].clone()
                });
            }
            "a result that is there twice" => {
                grounds.exhibits.push(grounds.exhibits[0].clone());
            }
            "a result that the domain is said to know" => {
                grounds.exhibits[0].origin = Origin::Known;
            }
            "a gap that is not named" => answer.gaps.clear(),
            "a part that claims to be the whole" => answer.status = GoalStatus::Approved,
            other => return Err(AgentError::failure(format!("the test knows no {other:?}"))),
        }
        let judgement: Judgement = judged(&answer, grounds, ctx).await?.content.read_json()?;
        let said = serde_json::to_string(&judgement.issues)?;
        // A failed goal's reason passes the interface as it is.
        let told = Answer {
            reason: Some(format!("{} {said}", judgement.deliverable).replace("\\\"", "\"")),
            ..Answer::none(id)
        };
        incoming.inform(Content::json(&told)?)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_rests_on_what_executors_signed_and_on_nothing_the_planner_says() {
    let folder = tempfile::tempdir().unwrap();
    let node = house()
        .factory("macro.planner", |_| Ok(Shows))
        .start()
        .await
        .unwrap();
    for (row, found) in SHOWN {
        let goal = Goal::new(row).id("g-1").out(folder.path());
        let answer = soon(row, pursue(&node, goal)).await.unwrap();
        let told = answer.reason.unwrap_or_default();
        let honest = found.is_empty();
        assert!(told.starts_with(&honest.to_string()), "{row}: {told}");
        assert!(told.contains(found), "{row}: {told}");
    }
    node.stop().await;
}

const OTHERS: &str = "the files are not those of the goal";

/// What the Critic says to the files that a planner shows it, by the goal's text; those without a word are honest.
const FILES: [(&str, &str); 11] = [
    ("the files as they are", ""),
    ("a file left out", OTHERS),
    ("a file that holds other bytes", OTHERS),
    ("a file of which nobody says what it holds", OTHERS),
    ("a file under another name", OTHERS),
    ("a file at another place", OTHERS),
    ("files in another order", OTHERS),
    (
        "a file that is gone",
        "the files of the goal cannot be read",
    ),
    ("a file that changes after it was judged", ""),
    ("a result from other bytes", OTHERS),
    (
        "a result for another goal's files",
        "the goal is another one",
    ),
];

/// A planner whose goals have two files.
struct Files(std::path::PathBuf);

#[async_trait]
impl Agent for Files {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let request: GoalRequest = incoming.json()?;
        let id = request.goal.id();
        let failure = |error: String| AgentError::failure(error);
        let paths = ["east.csv", "west.csv"].map(|name| self.0.join(name));
        for path in &paths {
            std::fs::write(path, "till\n1\n").map_err(|error| failure(error.to_string()))?;
        }
        let mut inputs = InputFile::all(&paths).map_err(|error| failure(error.to_string()))?;
        for file in &mut inputs {
            file.pin(1_000)
                .map_err(|error| failure(error.to_string()))?;
        }
        let data = paths.iter().map(|path| path.display().to_string());
        let limits = GoalLimits::default();
        let tenant = ctx.tenant().as_str();
        let goal = |id: &str| {
            let data = data.clone().collect();
            aios_work::Goal::new(id, tenant, request.goal.text(), data, &limits)
                .map_err(|error| failure(error.to_string()))
        };
        let said = |judgement: Judgement| -> Result<(bool, String), AgentError> {
            let said = serde_json::to_string(&judgement.issues)?;
            Ok((judgement.deliverable, said))
        };
        let frame = counted_from(id, "sum", 1, &inputs, ctx).await?;
        let mut grounds = grounds(id, request.goal.text(), ctx).await?;
        grounds.goal = goal(id)?;
        grounds.exhibits = vec![exhibit(id, 1, frame.sealed().as_bytes())];
        grounds.inputs.clone_from(&inputs);
        let honest = answer(id, "The total revenue is 120.");
        let mut of_result = None;
        match request.goal.text() {
            "the files as they are" => {}
            "a file left out" => grounds.inputs.truncate(1),
            "a file that holds other bytes" => {
                grounds.inputs[1].state.content = Some(ContentHash::of(b"till\n2\n"));
            }
            "a file of which nobody says what it holds" => grounds.inputs[1].state.content = None,
            "a file under another name" => grounds.inputs[0].name = "north.csv".to_owned(),
            "a file at another place" => grounds.inputs[0].place = paths[1].clone(),
            "files in another order" => grounds.inputs.reverse(),
            "a file that is gone" => {
                std::fs::remove_file(&paths[0]).map_err(|error| failure(error.to_string()))?;
            }
            "a file that changes after it was judged" => {
                judged(&honest, grounds.clone(), ctx).await?;
                std::fs::write(&paths[0], "another").map_err(|error| failure(error.to_string()))?;
            }
            "a result from other bytes" => {
                inputs[0].state.content = Some(ContentHash::of(b"till\n2\n"));
                of_result = Some(goal(id)?);
            }
            "a result for another goal's files" => of_result = Some(goal("another")?),
            other => return Err(failure(format!("the test knows no {other:?}"))),
        }
        let (deliverable, said) = match of_result {
            None => said(judged(&honest, grounds, ctx).await?.content.read_json()?)?,
            Some(goal) => {
                let work = Submission::Results {
                    goal: Box::new(goal),
                    results: vec![Candidate {
                        task: grounds.plan.tasks[0].clone(),
                        exhibit: grounds.exhibits[0].clone(),
                    }],
                    folder: 0,
                    inputs,
                    out_dir: String::new(),
                };
                let [one]: [Judgement; 1] = submitted(id, work, ctx).await?.content.read_json()?;
                said(one)?
            }
        };
        let told = Answer {
            reason: Some(format!("{deliverable} {said}")),
            ..Answer::none(id)
        };
        incoming.inform(Content::json(&told)?)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_critic_reads_the_files_of_a_goal_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let lies_in = std::fs::canonicalize(folder.path()).unwrap();
    let node = house()
        .factory("macro.planner", move |_| Ok(Files(lies_in.clone())))
        .start()
        .await
        .unwrap();
    for (number, (row, found)) in FILES.into_iter().enumerate() {
        let goal = Goal::new(row).id(format!("g-{number}")).out(folder.path());
        let answer = soon(row, pursue(&node, goal)).await.unwrap();
        let told = answer.reason.unwrap_or_default();
        assert!(
            told.starts_with(&found.is_empty().to_string()),
            "{row}: {told}"
        );
        assert!(told.contains(found), "{row}: {told}");
    }
    node.stop().await;
}
