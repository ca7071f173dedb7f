//! What every way to every node has in common: one suite, run with a client over each transport.
//!
//! The suite speaks of a node that runs: it needs an agent that comes back when it is killed, a role that can be spawned, and goals of
//! which one ends by itself and one does not. It says nothing about how the agents carry them out.
//!
//! A case that fails panics with its name, as a test does.

mod granted;
mod judged;
mod loaded;
mod watched;

use std::collections::BTreeSet;
use std::time::Duration;

use aios_work::content::TaskStatus;
use serde_json::Value;

use crate::{
    Ask, AuditAsked, CallTool, Client, ClientError, ConversationsAsked, Decision, EmbedTexts,
    Embedded, EngineLine, ErrorKind, Generate, Generated, GivenFile, GoalPhase, Judge, PlanTask,
    Request, RestartRule, Spawn, Speaker, Submit, SwarmQuestion, Told, TreeAsked, Turn,
    UnloadModel, Watch,
};

pub use loaded::Shelf;

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks.
const BEAT: Duration = Duration::from_millis(5);

/// A node and ways to it.
pub struct Stage {
    /// A client in the owner's name, over the transport that is tried.
    pub owner: Client,
    /// Another one, to look with.
    pub other: Client,
    /// A client over the same transport in the name of somebody who may do nothing.
    pub stranger: Client,
    /// An agent of the node's own that comes back when it is killed.
    pub agent: String,
    /// An agent that is open to the node and says what is said to it, but says nothing to `hush`.
    pub echo: String,
    /// An agent that is not open to the node.
    pub closed: String,
    /// A role that can be spawned.
    pub role: String,
    /// A goal that ends with an answer and is told of by at least two events. It has no name of its own.
    pub goal: Submit,
    /// A goal that runs until it is called off. It has no name of its own.
    pub endless: Submit,
    /// Model files, and what the node's own engine begins with.
    pub shelf: Shelf,
    /// A call of a tool, and its result.
    pub tool: (CallTool, Value),
}

/// Tries all of it.
///
/// # Panics
/// With the name of the case that fails.
pub async fn conforms(stage: &mut Stage) {
    agents_are_seen_killed_stopped_and_spawned(stage).await;
    what_is_not_there_is_refused_and_nothing_changes(stage).await;
    an_agent_is_asked_or_the_asker_hears_why_not(stage).await;
    a_goal_is_watched_to_its_answer_and_again_from_any_event(stage).await;
    a_goal_that_cannot_be_worked_on_leaves_no_trace(stage).await;
    files_come_with_a_goal(stage).await;
    a_name_is_one_goal_and_a_goal_is_called_off_once(stage).await;
    a_goal_rests_and_goes_on_and_says_why_it_waits(stage).await;
    whoever_stops_watching_asks_on(stage).await;
    watched::a_node_is_watched(stage).await;
    a_stranger_is_refused_everything(stage).await;
    settings_and_swarm_are_shown(stage).await;
    tools_are_listed_and_called(stage).await;
    granted::tools_are_given_to_an_agent_and_taken_from_it(stage).await;
    an_engine_writes_and_makes_vectors(stage).await;
    judged::a_text_is_judged_as_a_whole_and_while_it_grows(stage).await;
    // The engine is another one from here on.
    loaded::models_are_loaded_exchanged_and_freed_by_command(stage).await;
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work)
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {SOON:?}"))
}

fn refused<T>(what: &str, outcome: Result<T, ClientError>, kind: ErrorKind) -> String {
    match outcome {
        Err(ClientError::Refused(error)) => {
            assert_eq!(error.kind, kind, "{what}: {error:?}");
            assert!(
                !error.message.is_empty() && !error.what_to_do.is_empty(),
                "{what}: it says what is wrong and what to do: {error:?}"
            );
            error.message
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what}: it was done"),
    }
}

fn done<T>(what: &str, outcome: Result<T, ClientError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{what}: {error}"))
}

async fn view(client: &mut Client) -> Value {
    done("the view", client.ask(&Request::View {}).await)
}

/// The agents there are, each with its state and restarts.
async fn agents(client: &mut Client) -> Vec<(String, String, u64)> {
    let view = view(client).await;
    let agents = view["agents"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    agents
        .iter()
        .map(|agent| {
            let restarts = agent["restarts"].as_u64().unwrap_or_default();
            (text(&agent["id"]), text(&agent["state"]), restarts)
        })
        .collect()
}

async fn names(client: &mut Client) -> BTreeSet<String> {
    agents(client).await.into_iter().map(|one| one.0).collect()
}

async fn agents_are_seen_killed_stopped_and_spawned(stage: &mut Stage) {
    let agent = stage.agent.clone();
    let before = names(&mut stage.owner).await;
    assert!(before.contains(&agent), "{agent} is seen: {before:?}");
    done("a kill", stage.owner.kill(&agent).await);
    let other = &mut stage.other;
    soon("a killed agent's return", async {
        loop {
            let seen = agents(other).await;
            if seen
                .iter()
                .any(|one| one.0 == agent && one.1 == "running" && one.2 > 0)
            {
                break;
            }
            tokio::time::sleep(BEAT).await;
        }
    })
    .await;
    let spawn = Spawn {
        role: stage.role.clone(),
        under: None,
        restart: Some(RestartRule::Transient),
        ..Spawn::default()
    };
    let spawned = done("a spawn", stage.owner.spawn(spawn).await).agent;
    let now = names(&mut stage.other).await;
    let added: Vec<&String> = now.difference(&before).collect();
    assert_eq!(added, [&spawned], "one agent more");
    done("a stop", stage.owner.stop(&spawned).await);
    assert_eq!(names(&mut stage.other).await, before, "it is gone for good");
}

async fn what_is_not_there_is_refused_and_nothing_changes(stage: &mut Stage) {
    let before = agents(&mut stage.other).await;
    let approvals = done("approvals", stage.other.approvals().await);
    let owner = &mut stage.owner;
    let nobody = "macro.nobody.001@nowhere";
    let told = refused("a kill", owner.kill(nobody).await, ErrorKind::Unknown);
    assert!(told.contains(nobody), "{told}");
    refused("a stop", owner.stop(nobody).await, ErrorKind::Unknown);
    refused("a stop", owner.stop("").await, ErrorKind::Unknown);
    for (role, under) in [
        ("macro.nobody", None),
        (stage.role.as_str(), Some("nowhere".to_owned())),
    ] {
        let spawn = Spawn {
            role: role.to_owned(),
            under,
            restart: Some(RestartRule::Permanent),
            ..Spawn::default()
        };
        refused("a spawn", owner.spawn(spawn).await, ErrorKind::Unknown);
    }
    let decided = owner.decide("ap-none", Decision::Accept, "").await;
    let told = refused("a decision", decided, ErrorKind::Unknown);
    assert!(told.contains("ap-none"), "{told}");
    refused("a goal", owner.goal("none").await, ErrorKind::Unknown);
    refused("a watch", owner.watch("none", 0).await, ErrorKind::Unknown);
    refused("a cancel", owner.cancel("none").await, ErrorKind::Unknown);
    assert_eq!(agents(&mut stage.other).await, before);
    let now = done("approvals", stage.other.approvals().await);
    assert_eq!(now, approvals);
}

async fn an_agent_is_asked_or_the_asker_hears_why_not(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let ask = |agent: &str, content: &str, deadline_ms| Ask {
        agent: agent.to_owned(),
        content: content.to_owned(),
        deadline_ms,
    };
    let enough = 20_000;
    let echo = stage.echo.as_str();
    let question = ask(echo, "hello \u{fc} \"there\"", enough);
    let said = done("a question", owner.ask_agent(question.clone()).await);
    assert_eq!(said.content, question.content);
    assert_eq!(said.act, "inform");
    assert!(!said.agent.is_empty());
    let nobody = "macro.nobody";
    let outcome = owner.ask_agent(ask(nobody, "hello", enough)).await;
    let told = refused("a question to nobody", outcome, ErrorKind::Unknown);
    assert!(told.contains(nobody), "{told}");
    let outcome = owner.ask_agent(ask(&stage.closed, "hello", enough)).await;
    refused(
        "a question to one that is not open",
        outcome,
        ErrorKind::Forbidden,
    );
    let outcome = owner.ask_agent(ask(echo, "hush", 50)).await;
    let told = refused("a question without answer", outcome, ErrorKind::Late);
    assert!(told.contains("50"), "{told}");
    for deadline_ms in [0, Ask::DEADLINE_MS_MAX + 1, u64::MAX] {
        let outcome = owner.ask_agent(ask(echo, "hello", deadline_ms)).await;
        let told = refused("a deadline", outcome, ErrorKind::Invalid);
        assert!(told.contains(&deadline_ms.to_string()), "{told}");
    }
    let said = done("a question", owner.ask_agent(question.clone()).await);
    assert_eq!(said.content, question.content, "and it is still there");
}

/// Every event from here to the end of the watch.
async fn events(client: &mut Client) -> Vec<Told> {
    let mut events = Vec::new();
    while let Some(event) = done("an event", soon("an event", client.next_event()).await) {
        events.push(event);
    }
    events
}

async fn a_goal_is_watched_to_its_answer_and_again_from_any_event(stage: &mut Stage) {
    let goal = stage.goal.clone();
    let id = done("a goal", stage.owner.submit(goal.clone()).await).goal_id;
    done("a watch", stage.owner.watch(&id, 0).await);
    let seen = events(&mut stage.owner).await;
    assert!(seen.len() >= 2, "{seen:?}");
    for (at, event) in seen.iter().enumerate() {
        assert_eq!(event.seq, at as u64 + 1, "in order, none left out");
    }
    let state = done("the goal", stage.other.goal(&id).await);
    assert_eq!(state.phase, GoalPhase::Answered, "{:?}", state.error);
    assert_eq!(state.last_seq, seen.len() as u64);
    let answer = state.answer.expect("an answered goal has its answer");
    assert_eq!(answer.goal_id, id, "{answer:?}");
    assert_eq!(state.error, None);
    let plan = done("its plan", stage.other.goal_plan(&id).await);
    assert_eq!(
        (plan.goal_id.as_str(), plan.phase),
        (id.as_str(), GoalPhase::Answered)
    );
    assert!(plan.source.is_some(), "{plan:?}");
    let is_done = |task: &&PlanTask| task.work.status == TaskStatus::Completed;
    for task in plan.tasks.iter().filter(is_done) {
        // Of a list each element was given to somebody.
        let Some(last) = task.work.attempts.last() else {
            assert!(!task.parts.is_empty(), "somebody was given it: {task:?}");
            continue;
        };
        assert!(last.began.is_some() && last.took_ms.is_some(), "{task:?}");
        let judged = last.judged.as_ref().map(|judged| judged.score);
        assert_eq!(judged, task.work.score, "{task:?}");
    }
    let named = |id: &String| plan.tasks.iter().any(|task| task.id == *id);
    assert!(plan.critical_path.iter().all(named), "{plan:?}");
    assert!(!plan.critical_path.is_empty() && plan.critical_path_ms > 0.0);
    assert!(plan.judged.is_some(), "the answer was judged: {plan:?}");
    // Whoever comes later, or was cut off, hears the rest and no more.
    for after in [0, 1, seen.len() as u64 - 1, seen.len() as u64, u64::MAX] {
        done("a watch", stage.other.watch(&id, after).await);
        let rest = events(&mut stage.other).await;
        let skipped = usize::try_from(after).unwrap_or(usize::MAX).min(seen.len());
        assert_eq!(rest, seen[skipped..], "after {after}");
    }
    assert_eq!(
        done("no watch", stage.other.next_event().await),
        None,
        "a watch that is over stays over"
    );
    let listed = done("goals", stage.other.goals().await);
    assert_eq!(listed[0].goal_id, id, "newest first");
    assert_eq!(listed[0].text, goal.text);
    assert_eq!(listed[0].phase, GoalPhase::Answered);
    refused(
        "a cancel after the end",
        stage.owner.cancel(&id).await,
        ErrorKind::Conflict,
    );
}

/// The same goal whose files are named by path, by what is in them.
async fn files_come_with_a_goal(stage: &mut Stage) {
    let path = stage.goal.data.first().expect("the goal is about a file");
    let bytes = std::fs::read(path).expect("the goal's file is there");
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let given = |name: &str, bytes: &[u8]| Submit {
        data: Vec::new(),
        files: vec![GivenFile::new(name, bytes.to_vec())],
        ..stage.goal.clone()
    };
    let goal = given(&name, &bytes);
    let (escapes, large) = (
        given("../x.csv", &bytes),
        given("x.csv", &vec![b'x'; Submit::FILES_BYTES_MAX + 1]),
    );
    let id = done("a goal with a file", stage.owner.submit(goal).await).goal_id;
    done("a watch", stage.owner.watch(&id, 0).await);
    events(&mut stage.owner).await;
    let state = done("the goal", stage.other.goal(&id).await);
    assert_eq!(state.phase, GoalPhase::Answered, "{:?}", state.error);
    let outcome = stage.owner.submit(escapes).await;
    refused("a file in another folder", outcome, ErrorKind::Invalid);
    let outcome = stage.owner.submit(large).await;
    refused("a file that is too large", outcome, ErrorKind::TooLarge);
}

async fn a_goal_that_cannot_be_worked_on_leaves_no_trace(stage: &mut Stage) {
    let before = done("goals", stage.other.goals().await);
    let sound = stage.goal.clone();
    let wrong = [
        Submit {
            text: String::new(),
            ..sound.clone()
        },
        Submit {
            text: "x".repeat(100_000),
            ..sound.clone()
        },
        Submit {
            goal_id: Some("..".to_owned()),
            ..sound.clone()
        },
        Submit {
            goal_id: Some("a/b".to_owned()),
            ..sound.clone()
        },
        Submit {
            data: vec!["/nowhere/at/all.csv".to_owned()],
            ..sound.clone()
        },
        Submit {
            data: vec!["/nowhere".to_owned(); 1_000],
            ..sound
        },
    ];
    for goal in wrong {
        let what = format!("{:.80}", format!("{goal:?}"));
        refused(&what, stage.owner.submit(goal).await, ErrorKind::Invalid);
    }
    assert_eq!(done("goals", stage.other.goals().await), before);
}

async fn a_name_is_one_goal_and_a_goal_is_called_off_once(stage: &mut Stage) {
    let named = Submit {
        goal_id: Some("conformance-named".to_owned()),
        ..stage.endless.clone()
    };
    let first = done("a goal", stage.owner.submit(named.clone()).await);
    let again = done("the same", stage.other.submit(named.clone()).await);
    assert_eq!(first, again);
    let count = done("goals", stage.other.goals().await)
        .iter()
        .filter(|goal| goal.goal_id == first.goal_id)
        .count();
    assert_eq!(count, 1, "handed in twice it is one goal");
    let otherwise = Submit {
        text: format!("{} and more", named.text),
        ..named.clone()
    };
    refused(
        "another goal of that name",
        stage.owner.submit(otherwise).await,
        ErrorKind::Conflict,
    );
    let id = first.goal_id;
    assert_eq!(
        done("the goal", stage.owner.goal(&id).await).phase,
        GoalPhase::Running
    );
    done("a watch", stage.other.watch(&id, 0).await);
    done("a cancel", stage.owner.cancel(&id).await);
    events(&mut stage.other).await;
    let state = done("the goal", stage.other.goal(&id).await);
    assert_eq!(state.phase, GoalPhase::Cancelled);
    assert_eq!((state.answer, state.error), (None, None));
    refused(
        "a second cancel",
        stage.owner.cancel(&id).await,
        ErrorKind::Conflict,
    );
}

async fn a_goal_rests_and_goes_on_and_says_why_it_waits(stage: &mut Stage) {
    let id = done("a goal", stage.owner.submit(stage.endless.clone()).await).goal_id;
    let explained = done("why", stage.other.explain(&id).await);
    assert_eq!(
        (&explained.goal_id, explained.phase),
        (&id, GoalPhase::Running)
    );
    assert!(!explained.why.is_empty(), "{explained:?}");
    refused(
        "to go on with what goes on",
        stage.owner.resume(&id).await,
        ErrorKind::Conflict,
    );
    for _ in 0..2 {
        done("a watch", stage.other.watch(&id, 0).await);
        done("a rest", stage.owner.pause(&id).await);
        events(&mut stage.other).await;
        let state = done("the goal", stage.other.goal(&id).await);
        assert_eq!(state.phase, GoalPhase::Paused);
        let explained = done("why", stage.other.explain(&id).await);
        let can: Vec<_> = explained
            .can
            .iter()
            .map(|way| way.command.as_str())
            .collect();
        assert!(
            can.contains(&format!("aios goal resume {id}").as_str()),
            "{can:?}"
        );
        refused(
            "a second rest",
            stage.owner.pause(&id).await,
            ErrorKind::Conflict,
        );
        done("to go on", stage.owner.resume(&id).await);
        let on = done("the goal", stage.other.goal(&id).await);
        assert_eq!(on.phase, GoalPhase::Running);
        assert!(on.last_seq >= state.last_seq, "what happened stays");
    }
    done("a rest", stage.owner.pause(&id).await);
    done("a cancel of what rests", stage.owner.cancel(&id).await);
    let state = done("the goal", stage.other.goal(&id).await);
    assert_eq!(state.phase, GoalPhase::Cancelled);
    for unknown in ["nobody", ""] {
        refused(
            "why",
            stage.owner.explain(unknown).await,
            ErrorKind::Unknown,
        );
        refused(
            "a plan",
            stage.owner.goal_plan(unknown).await,
            ErrorKind::Unknown,
        );
        refused(
            "to rest",
            stage.owner.pause(unknown).await,
            ErrorKind::Unknown,
        );
        refused(
            "to go on",
            stage.owner.resume(unknown).await,
            ErrorKind::Unknown,
        );
    }
}

async fn whoever_stops_watching_asks_on(stage: &mut Stage) {
    let id = done("a goal", stage.owner.submit(stage.endless.clone()).await).goal_id;
    done("a watch", stage.owner.watch(&id, 0).await);
    let first = soon("an event", stage.owner.next_event()).await;
    assert!(done("an event", first).is_some());
    // In the middle of the watch: the answer is this request's own, also when events were on their way.
    for _ in 0..3 {
        assert_eq!(
            done("the goal", stage.owner.goal(&id).await).goal_id,
            id,
            "the answer is the request's own"
        );
        assert_eq!(done("no watch", stage.owner.next_event().await), None);
        done("a watch", stage.owner.watch(&id, 0).await);
    }
    // A wait that is given up costs no event.
    let mut seen = Vec::new();
    let last = done("the goal", stage.other.goal(&id).await).last_seq;
    while seen.last() != Some(&last) {
        let waited = tokio::time::timeout(Duration::from_micros(50), stage.owner.next_event());
        if let Ok(event) = waited.await {
            seen.extend(done("an event", event).map(|event| event.seq));
        }
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    done("a cancel", stage.owner.cancel(&id).await);
}

async fn a_stranger_is_refused_everything(stage: &mut Stage) {
    let agents_before = agents(&mut stage.other).await;
    let goals_before = done("goals", stage.other.goals().await);
    let stranger = &mut stage.stranger;
    let agent = stage.agent.clone();
    let requests = [
        Request::Submit(stage.goal.clone()),
        Request::Cancel {
            goal_id: goals_before[0].goal_id.clone(),
        },
        Request::Spawn(Spawn {
            role: stage.role.clone(),
            under: None,
            restart: Some(RestartRule::Permanent),
            ..Spawn::default()
        }),
        Request::Ask(Ask {
            agent: stage.echo.clone(),
            content: "hello".to_owned(),
            deadline_ms: 1_000,
        }),
        Request::Kill {
            agent: agent.clone(),
        },
        Request::Suspend {
            agent: agent.clone(),
        },
        Request::Stop { agent },
        Request::Discard { number: 1 },
        Request::Tree(TreeAsked::default()),
        Request::DeadLetters {},
        Request::Conversations(ConversationsAsked::default()),
        Request::Audit(AuditAsked::default()),
        Request::Watch(Watch::default()),
        Request::CallTool(CallTool::new("none", Value::Null)),
        Request::Generate(generate("none")),
        Request::Judge(Judge::new("Say it.", "It is so.")),
        Request::UnloadModel(UnloadModel {
            model: stage.shelf.first.clone(),
            engine: None,
        }),
        Request::Engines {},
        Request::View {},
        Request::Goals {},
        Request::Tools {},
        Request::Config {},
        Request::Approvals {},
        Request::Decide {
            id: "ap-none".to_owned(),
            decision: Decision::Reject,
            reason: String::new(),
        },
    ];
    for request in requests {
        let what = format!("a stranger: {request:.100?}");
        let outcome = stranger.ask::<Value>(&request).await;
        refused(&what, outcome, ErrorKind::Forbidden);
    }
    let watched = stranger.watch(&goals_before[0].goal_id, 0).await;
    refused("a stranger's watch", watched, ErrorKind::Forbidden);
    assert_eq!(agents(&mut stage.other).await, agents_before);
    assert_eq!(
        done("goals", stage.other.goals().await),
        goals_before,
        "nothing was begun or called off"
    );
}

async fn settings_and_swarm_are_shown(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let config: Value = done("settings", owner.ask(&Request::Config {}).await);
    assert!(config["node"]["tenant"].is_string(), "{config}");
    let about = |about| Request::Swarm { about };
    let shown: Value = done("swarm", owner.ask(&about(SwarmQuestion::Show {})).await);
    assert!(shown.is_object(), "{shown}");
    let top = |kind: &str| {
        about(SwarmQuestion::Top {
            kind: kind.to_owned(),
            most: 3,
        })
    };
    let buffers: Value = done("the strongest", owner.ask(&top("buffer")).await);
    let id = buffers["strongest"][0]["id"].as_str().unwrap_or_default();
    let closely = about(SwarmQuestion::Agent { id: id.to_owned() });
    let agent: Value = done("one closely", owner.ask(&closely).await);
    assert!(agent["state"].is_string(), "{agent}");
    let outcome = owner.ask::<Value>(&top("unicorn")).await;
    let told = refused("a kind", outcome, ErrorKind::Unknown);
    assert!(told.contains("unicorn"), "{told}");
}

async fn tools_are_listed_and_called(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let tools = done("the tools", owner.tools().await);
    let names: Vec<&str> = tools.iter().map(|tool| tool.spec.name.as_str()).collect();
    assert!(names.is_sorted(), "by name: {names:?}");
    let (call, result) = stage.tool.clone();
    assert!(names.contains(&call.tool.as_str()), "{names:?}");
    let called = done("a call", owner.call_tool(call.clone()).await);
    assert_eq!((called.tool, called.value), (call.tool.clone(), result));

    let with = |change: &dyn Fn(&mut CallTool)| {
        let mut call = call.clone();
        change(&mut call);
        call
    };
    let unknown = with(&|call| call.tool = "nothing_of_this_name".to_owned());
    let told = refused(
        "an unknown tool",
        owner.call_tool(unknown).await,
        ErrorKind::Unknown,
    );
    assert!(told.contains(&call.tool), "the tools there are: {told}");
    for (what, wrong) in [
        (
            "arguments that are none",
            with(&|call| call.args = Value::Null),
        ),
        ("no time", with(&|call| call.deadline_ms = 0)),
        (
            "too much time",
            with(&|call| call.deadline_ms = CallTool::DEADLINE_MS_MAX + 1),
        ),
        (
            "a file that is not there",
            with(&|call| call.data = vec!["/none/of/these".to_owned()]),
        ),
    ] {
        refused(what, owner.call_tool(wrong).await, ErrorKind::Invalid);
    }
}

fn generate(engine: &str) -> Generate {
    Generate {
        engine: engine.to_owned(),
        turns: vec![Turn {
            who: Speaker::User,
            text: "Say hello.".to_owned(),
        }],
        max_tokens: 16,
        temperature: None,
        top_p: None,
        seed: None,
        stop: Vec::new(),
        schema: None,
        deadline_ms: 30_000,
        watch: false,
    }
}

async fn an_engine_writes_and_makes_vectors(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let engines: Vec<EngineLine> = done("engines", owner.ask(&Request::Engines {}).await);
    let engine = engines[0].name.clone();
    let sound = generate(&engine);
    let written = owner
        .ask::<Generated>(&Request::Generate(sound.clone()))
        .await;
    let written = done("what is written", written);
    assert!(
        !written.text.is_empty() && written.new_tokens > 0,
        "{written:?}"
    );
    let embed = |engine: &str, texts: usize| {
        Request::Embed(EmbedTexts {
            engine: engine.to_owned(),
            texts: vec!["sales".to_owned(); texts],
            deadline_ms: 30_000,
        })
    };
    let made: Embedded = done("vectors", owner.ask(&embed(&engine, 2)).await);
    assert_eq!((made.vectors.len(), made.cut.len()), (2, 0));
    assert_eq!(
        made.vectors[0], made.vectors[1],
        "the same text is the same vector"
    );
    let length: f32 = made.vectors[0].iter().map(|part| part * part).sum();
    assert!((length - 1.0).abs() < 1e-3, "{length}");
    let unknown = owner
        .ask::<Value>(&Request::Generate(generate("nobody")))
        .await;
    let told = refused("an unknown engine", unknown, ErrorKind::Unknown);
    assert!(told.contains(&engine), "the engines there are: {told}");
    let none = Generate {
        turns: Vec::new(),
        ..sound.clone()
    };
    let late = Generate {
        deadline_ms: 0,
        ..sound
    };
    for wrong in [
        Request::Generate(none),
        Request::Generate(late),
        embed(&engine, 0),
        embed(&engine, 1_000),
    ] {
        let what = format!("{wrong:.60?}");
        refused(&what, owner.ask::<Value>(&wrong).await, ErrorKind::Invalid);
    }
}
