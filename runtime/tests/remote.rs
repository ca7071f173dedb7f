//! Agents in other processes, played by this one: what a node does for and against them, whatever carries it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_actors::agent::AskError as Unanswered;
use aios_control::remote::{
    AgentSession, FromAgent, Hello, NONCE, PROOF_TYPE, Reach, ToAgent, proof,
};
use aios_control::{ControlError, ErrorKind};
use aios_protocols::{
    AgentId, Content, Draft, Limits, Message, Party, Performative, PublicKey, Reason, ReasonKind,
    Sealed, Sealer, SigningIdentity, TenantId, Timestamp, authenticate,
};
use aios_runtime::{AskError, CharterRefused, Goal, Node, RemoteOptions, SpawnError};
use aios_supervisor::Restart;
use aios_work::content::{AgentAnswer, AgentOrder, AgentReply, GoalStatus};
use aios_work::{Charter, PlanFile, Spent};

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(30);

const CHARTER: &str =
    "---\nname: clerk\ndescription: Says what is said to it, in another process.\n---\nSay it.\n";

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}

fn now() -> Timestamp {
    Timestamp::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

fn nonce() -> [u8; NONCE] {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut nonce = [7; NONCE];
    nonce[..8].copy_from_slice(&DRAWN.fetch_add(1, Relaxed).to_be_bytes());
    nonce
}

/// A process with an agent in it.
struct Process {
    identity: Arc<SigningIdentity>,
    sealer: Sealer,
    epoch: u64,
    drawn: u8,
}

impl Process {
    fn key(seed: u8) -> PublicKey {
        let nobody: AgentId = "macro.nobody.001@local".parse().unwrap();
        SigningIdentity::from_seed(nobody, [seed; 32]).public_key()
    }

    fn of(agent: &AgentId, seed: u8) -> Self {
        let identity = Arc::new(SigningIdentity::from_seed(agent, [seed; 32]));
        let epoch = now().as_micros();
        Self {
            sealer: Sealer::new(
                Arc::clone(&identity),
                TenantId::new("local").unwrap(),
                epoch,
            ),
            identity,
            epoch,
            drawn: 0,
        }
    }

    fn hello(&self, nonce: &[u8; NONCE], resumes: Option<u64>) -> Hello {
        let (agent, epoch) = (self.identity.party().to_string(), self.epoch);
        Hello {
            key: self.identity.public_key().to_bytes().to_vec(),
            possession: self.identity.claim(epoch).possession().to_bytes().to_vec(),
            proof: self
                .identity
                .sign(PROOF_TYPE, &proof(nonce, epoch, &agent))
                .to_bytes()
                .to_vec(),
            agent,
            epoch,
            resumes,
            ..Hello::default()
        }
    }

    async fn comes(
        &self,
        node: &Node,
        resumes: Option<u64>,
    ) -> Result<Box<dyn AgentSession>, ControlError> {
        let nonce = nonce();
        let hello = self.hello(&nonce, resumes);
        node.agent_door().enter(&nonce, hello, Reach::Local).await
    }

    fn says(&mut self, draft: Draft) -> Sealed {
        self.drawn += 1;
        let message = self.sealer.stamp(draft, now(), [self.drawn; 10]).unwrap();
        self.identity.seal(&message, &Limits::default()).unwrap()
    }

    /// Takes the next frame and answers it with what it says.
    async fn answers(&mut self, session: &mut Box<dyn AgentSession>, node: &Node) -> u64 {
        let (number, message) = frame(session, node).await;
        let reply = message.reply(Performative::Inform, message.content.clone());
        session.hear(FromAgent::Ack(number)).await;
        let reply = self.says(reply);
        session.hear(FromAgent::Frame(reply)).await;
        number
    }
}

/// The next frame, verified as whoever gets it does: with the key that comes along.
async fn frame(session: &mut Box<dyn AgentSession>, node: &Node) -> (u64, Message) {
    loop {
        match soon("a frame", session.next()).await {
            Some(ToAgent::Frame { number, frame, key }) => {
                let keys = node.system().key_registry();
                let message =
                    authenticate(&frame, keys.as_ref(), &Limits::default(), now()).unwrap();
                assert_eq!(message.envelope.key_id, key.id());
                return (number, Message::clone(&message));
            }
            Some(ToAgent::Refused { .. }) => {}
            other => panic!("no frame: {other:?}"),
        }
    }
}

async fn refused(session: &mut Box<dyn AgentSession>) -> (String, ControlError) {
    match soon("a refusal", session.next()).await {
        Some(ToAgent::Refused { label, error }) => (label, error),
        other => panic!("no refusal: {other:?}"),
    }
}

async fn bye(session: &mut Box<dyn AgentSession>) -> ControlError {
    match soon("a bye", session.next()).await {
        Some(ToAgent::Bye(error)) => {
            assert_eq!(session.next().await, None, "nothing follows");
            error
        }
        other => panic!("no bye: {other:?}"),
    }
}

async fn node() -> Node {
    soon("a node", Node::builder().start()).await.unwrap()
}

fn options(window_ms: u64, restart: Restart) -> RemoteOptions {
    RemoteOptions {
        window: Duration::from_millis(window_ms),
        restart,
        ..RemoteOptions::default()
    }
}

async fn spawned(node: &Node, seed: u8, options: RemoteOptions) -> AgentId {
    let charter = Charter::parse(CHARTER).unwrap();
    node.spawn_remote(CHARTER, charter, Process::key(seed), options)
        .await
        .unwrap()
}

fn usual() -> RemoteOptions {
    options(20_000, Restart::Permanent)
}

/// A question under way.
fn asks(
    node: &Node,
    agent: &AgentId,
    what: &str,
) -> tokio::task::JoinHandle<Result<String, AskError>> {
    let (node, agent, what) = (node.clone(), agent.to_string(), what.to_owned());
    tokio::spawn(async move {
        let said = node.ask(&agent, what, Duration::from_secs(20)).await?;
        Ok(said.content.as_str().unwrap().to_owned())
    })
}

fn restarts(node: &Node, agent: &AgentId) -> Option<u32> {
    let seen = node.view().agents;
    let found = seen.iter().find(|seen| seen.id == agent.as_str());
    found.map(|seen| seen.restarts)
}

async fn until(what: &str, so: impl Fn() -> bool) {
    soon(what, async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_in_another_process_is_found_and_asked_by_signed_messages_as_they_are() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let question = asks(&node, &agent, "hello");
    let mut process = Process::of(&agent, 1);
    let mut session = process.comes(&node, None).await.unwrap();
    let welcome = session.welcome();
    assert_eq!(
        (welcome.agent.as_str(), welcome.tenant.as_str()),
        (agent.as_str(), "local")
    );
    assert_eq!(welcome.charter, CHARTER);
    assert_eq!(process.answers(&mut session, &node).await, 1);
    assert_eq!(
        question.await.unwrap().unwrap(),
        "hello",
        "what was asked before it came has waited"
    );
    let cards = node.system().directory().cards();
    let card = cards.iter().find(|card| card.id == agent).unwrap();
    assert!(card.skills.contains("clerk"), "{card:?}");
    // What is shown is published a moment after it is so.
    let active = async {
        loop {
            let shown = node.control().agent("clerk").await.unwrap().line;
            if (shown.agent.as_str(), shown.state.as_str()) == (agent.as_str(), "active") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("that it is shown as active", active).await;
    // Again and again, over the same connection.
    for at in 2..=5 {
        let question = asks(&node, &agent, &at.to_string());
        assert_eq!(process.answers(&mut session, &node).await, at);
        assert_eq!(question.await.unwrap().unwrap(), at.to_string());
    }
    assert_eq!(restarts(&node, &agent), Some(0));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_a_fall_and_what_was_under_way_is_handed_over_again() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let first = Process::of(&agent, 1);
    let mut session = first.comes(&node, None).await.unwrap();
    let (one, other) = (asks(&node, &agent, "one"), asks(&node, &agent, "other"));
    frame(&mut session, &node).await;
    // Killed in the middle of it.
    drop(session);
    until("its restart", || restarts(&node, &agent) == Some(1)).await;
    let mut second = Process::of(&agent, 1);
    let mut session = second.comes(&node, None).await.unwrap();
    assert_eq!(second.answers(&mut session, &node).await, 1);
    assert_eq!(second.answers(&mut session, &node).await, 2);
    let mut said = [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()];
    said.sort();
    assert_eq!(said, ["one", "other"]);
    // The same process, over another connection: what it has it is not sent again.
    let question = asks(&node, &agent, "third");
    let (number, message) = frame(&mut session, &node).await;
    session.hear(FromAgent::Ack(number)).await;
    drop(session);
    let mut session = second.comes(&node, Some(number)).await.unwrap();
    let reply = second.says(message.reply(Performative::Inform, "at last"));
    session.hear(FromAgent::Frame(reply)).await;
    assert_eq!(question.await.unwrap().unwrap(), "at last");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_one_that_does_not_come_hears_so_and_nothing_is_lost_silently() {
    let node = node().await;
    let agent = spawned(&node, 1, options(200, Restart::Transient)).await;
    let process = Process::of(&agent, 1);
    let mut session = process.comes(&node, None).await.unwrap();
    let (taken, waiting) = (asks(&node, &agent, "taken"), asks(&node, &agent, "waiting"));
    frame(&mut session, &node).await;
    drop(session);
    for question in [taken, waiting] {
        let error = soon("its answer", question).await.unwrap().unwrap_err();
        let AskError::Unanswered(Unanswered::Failed { by, reason }) = error else {
            panic!("{error}");
        };
        assert_eq!(by, "meso.post.001@local".parse::<Party>().unwrap());
        assert!(
            reason.detail.contains("not connected within 200 ms"),
            "{reason}"
        );
        assert_eq!(reason.kind, ReasonKind::Unavailable);
        let said = ControlError::from(AskError::Unanswered(Unanswered::Failed { by, reason }));
        assert_eq!(said.kind, ErrorKind::Unavailable, "{said}");
    }
    assert!(node.system().dead_letters().counts().total >= 2);
    // Its supervisor does not mean to have it any more.
    until("its leave", || {
        restarts(&node, &agent).is_none()
            || node.system().directory().get(&(&agent).into()).is_none()
    })
    .await;
    let refused = process.comes(&node, None).await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused}");
    let nobody = asks(&node, &agent, "anybody?").await.unwrap().unwrap_err();
    assert!(matches!(nobody, AskError::NoSuchAgent { .. }), "{nobody}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_one_is_gone_with_its_connection_and_a_permanent_one_is_waited_for_again() {
    let node = node().await;
    let passing = spawned(&node, 1, options(20_000, Restart::Temporary)).await;
    let process = Process::of(&passing, 1);
    let mut session = process.comes(&node, None).await.unwrap();
    let question = asks(&node, &passing, "hello");
    frame(&mut session, &node).await;
    drop(session);
    let error = soon("at once", question).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("will not come back"), "{error}");

    let staying = spawned(&node, 2, options(100, Restart::Permanent)).await;
    until("two windows", || restarts(&node, &staying) >= Some(2)).await;
    let mut process = Process::of(&staying, 2);
    let mut session = process.comes(&node, None).await.unwrap();
    let question = asks(&node, &staying, "still there?");
    process.answers(&mut session, &node).await;
    assert_eq!(question.await.unwrap().unwrap(), "still there?");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_kills_and_stops_it_as_any_other() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let mut process = Process::of(&agent, 1);
    let mut session = process.comes(&node, None).await.unwrap();
    let question = asks(&node, &agent, "one");
    let (number, message) = frame(&mut session, &node).await;
    session.hear(FromAgent::Ack(number)).await;
    node.kill(agent.as_str()).await.unwrap();
    let told = bye(&mut session).await;
    assert_eq!(told.kind, ErrorKind::Unavailable, "{told}");
    until("its restart", || restarts(&node, &agent) == Some(1)).await;
    let mut session = process.comes(&node, Some(number)).await.unwrap();
    let reply = process.says(message.reply(Performative::Inform, "one"));
    session.hear(FromAgent::Frame(reply)).await;
    assert_eq!(question.await.unwrap().unwrap(), "one");

    node.stop_agent(agent.as_str()).await.unwrap();
    bye(&mut session).await;
    until("its leave", || {
        node.system().directory().get(&(&agent).into()).is_none()
    })
    .await;
    assert!(process.comes(&node, Some(1)).await.is_err());
    assert!(
        node.services().tools().spec("agent__clerk").is_none(),
        "its skill is gone too"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_holds_the_granted_key_comes_in() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let right = Process::of(&agent, 1);
    type Change = fn(&mut Hello);
    let rows: [(&str, &str, Change); 7] = [
        ("another name", "stranger", |hello| {
            hello.agent = "macro.clerk.999@local".to_owned()
        }),
        ("no name", "stranger", |hello| {
            hello.agent = "\u{0}".to_owned()
        }),
        ("another key", "stranger", |hello| hello.key = vec![9; 32]),
        ("half a key", "stranger", |hello| hello.key.truncate(16)),
        ("no proof", "forged", |hello| hello.proof.clear()),
        ("a proof of another number", "forged", |hello| {
            hello.proof[0] ^= 1
        }),
        ("a claim of another epoch", "forged", |hello| {
            hello.epoch += 1
        }),
    ];
    let mut counted = 0;
    for (what, label, change) in rows {
        let nonce = nonce();
        let mut hello = right.hello(&nonce, None);
        change(&mut hello);
        let refused = node.agent_door().enter(&nonce, hello, Reach::Local).await;
        let error = refused.err().unwrap_or_else(|| panic!("{what}: let in"));
        assert_eq!(error.kind, ErrorKind::Forbidden, "{what}: {error}");
        counted += 1;
        let counts = node.refused_at_the_door();
        assert!(counts.contains_key(label), "{what}: {counts:?}");
        assert_eq!(counts.values().sum::<u64>(), counted, "{what}");
    }
    // Said on another connection: the number is not the one that was told there.
    let heard = right.hello(&nonce(), None);
    assert!(
        node.agent_door()
            .enter(&nonce(), heard, Reach::Local)
            .await
            .is_err()
    );
    // Signed with a key of one's own in its name.
    let wrong = Process::of(&agent, 2);
    assert!(wrong.comes(&node, None).await.is_err());
    let second = Charter::parse(CHARTER).unwrap();
    let twice = node
        .spawn_remote(CHARTER, second, Process::key(1), usual())
        .await
        .unwrap_err();
    assert!(twice.to_string().contains("this key is"), "{twice}");
    assert!(right.comes(&node, None).await.is_ok());
    // Whoever comes and goes all the time is told to wait.
    let mut waits = None;
    for _ in 0..20 {
        if let Err(error) = right.comes(&node, None).await {
            waits = Some(error);
            break;
        }
    }
    assert_eq!(waits.unwrap().kind, ErrorKind::Busy);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_says_is_proven_to_be_its_own_and_new_or_refused_and_counted() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let mut process = Process::of(&agent, 1);
    let mut session = process.comes(&node, None).await.unwrap();
    let question = asks(&node, &agent, "hello");
    let (_, message) = frame(&mut session, &node).await;
    let sound = process.says(message.reply(Performative::Inform, "hello"));
    let mut forged = Process::of(&agent, 2);
    let planner: AgentId = "macro.planner.001@local".parse().unwrap();
    let mut another = Process::of(&planner, 3);
    let altered = {
        let mut bytes = sound.as_bytes().to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        Sealed::from_bytes(bytes)
    };
    let rows = [
        (
            "unknown-key",
            forged.says(message.reply(Performative::Inform, "x")),
        ),
        (
            "unknown-key",
            another.says(message.reply(Performative::Inform, "x")),
        ),
        ("bad-signature", altered),
        (
            "malformed",
            Sealed::from_bytes(sound.as_bytes().slice(..40)),
        ),
        ("malformed", Sealed::from_bytes(vec![0; 100])),
        ("malformed", Sealed::from_bytes(Vec::new())),
        ("too-large", Sealed::from_bytes(vec![b'A'; (1 << 20) + 1])),
    ];
    for (label, frame) in rows {
        session.hear(FromAgent::Frame(frame)).await;
        let (told, error) = refused(&mut session).await;
        assert_eq!(told, label, "{error}");
    }
    session.hear(FromAgent::Ack(99)).await;
    assert_eq!(refused(&mut session).await.0, "bad-ack");
    // The asker has heard none of it.
    assert!(!question.is_finished());
    session.hear(FromAgent::Frame(sound.clone())).await;
    assert_eq!(question.await.unwrap().unwrap(), "hello");
    session.hear(FromAgent::Frame(sound)).await;
    assert_eq!(refused(&mut session).await.0, "replayed");
    let nobody: AgentId = "macro.nobody.001@local".parse().unwrap();
    let lost = process.says(Draft::request(&nobody, "hello?"));
    session.hear(FromAgent::Frame(lost)).await;
    assert_eq!(refused(&mut session).await.0, "not-delivered");
    let counts = node.system().audit().counts();
    for label in [
        "unknown-key",
        "bad-signature",
        "malformed",
        "too-large",
        "bad-ack",
        "replayed",
    ] {
        assert!(
            counts.get(label).is_some_and(|count| *count > 0),
            "{label}: {counts:?}"
        );
    }
    // And the node goes on.
    let question = asks(&node, &agent, "still?");
    loop {
        let (_, message) = frame(&mut session, &node).await;
        let reply = process.says(message.reply(Performative::Inform, message.content.clone()));
        session.hear(FromAgent::Frame(reply)).await;
        if message.content.as_str() == Some("still?") {
            break;
        }
    }
    assert_eq!(question.await.unwrap().unwrap(), "still?");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_first_to_whom_it_may_and_nobody_private_is_told_elsewhere() {
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let mut process = Process::of(&agent, 1);
    let nonce = nonce();
    let hello = process.hello(&nonce, None);
    let mut session = node
        .agent_door()
        .enter(&nonce, hello, Reach::Remote)
        .await
        .unwrap();
    // The planner takes no words from strangers of this kind, and says so in a signed message.
    let planner: AgentId = "macro.planner.001@local".parse().unwrap();
    let sent = process.says(Draft::request(&planner, "do something").reply_with("q"));
    session.hear(FromAgent::Frame(sent)).await;
    let (_, answer) = frame(&mut session, &node).await;
    assert_eq!(answer.in_reply_to.as_deref(), Some("q"));
    assert!(
        matches!(
            answer.performative,
            Performative::Refuse | Performative::NotUnderstood | Performative::Failure
        ),
        "{:?}",
        Reason::from_content(&answer.content)
    );
    let draft = aios_actors::agent::keep_private(Draft::new(Performative::Request, "a secret"));
    let name = agent.to_string();
    let asking = node.ask(&name, draft, SOON);
    // Nothing is taken up for it that nobody carries.
    let error = tokio::select! {
        asked = asking => asked.unwrap_err(),
        told = session.next() => panic!("{told:?}"),
    };
    assert!(
        error.to_string().contains("may not leave this machine"),
        "{error}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_goal_are_carried_out_elsewhere_though_the_process_falls_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    let agent = spawned(&node, 1, usual()).await;
    let plan = br#"{"goal": "Have it said", "tasks": [{"id": "say", "agent": "clerk", "args": {"text": "the words"}}]}"#;
    let goal = Goal::new("Have it said")
        .plan(PlanFile::read(plan).unwrap())
        .out(folder.path());
    let running = node.run(goal).await.unwrap();
    let first = Process::of(&agent, 1);
    let mut session = first.comes(&node, None).await.unwrap();
    let (_, order) = frame(&mut session, &node).await;
    let before: AgentOrder = order.content.read_json().unwrap();
    drop(session);
    let mut second = Process::of(&agent, 1);
    let mut session = second.comes(&node, None).await.unwrap();
    let (_, order) = frame(&mut session, &node).await;
    let order_again: AgentOrder = order.content.read_json().unwrap();
    assert_eq!(
        before.operation, order_again.operation,
        "the same work, by its name"
    );
    let reply = AgentReply::Done(AgentAnswer {
        operation: before.operation,
        value: before.input,
        facts: Vec::new(),
        artifacts: Vec::new(),
        turns: 1,
        spent: Spent::default(),
        agent: agent.to_string(),
        judged: None,
    });
    let reply = second.says(order.reply(Performative::Inform, Content::json(&reply).unwrap()));
    session.hear(FromAgent::Frame(reply)).await;
    let answer = soon("the goal", running.answer()).await.unwrap();
    assert!(
        matches!(answer.status, GoalStatus::Unverified | GoalStatus::Approved),
        "{answer:?}"
    );
    assert!(answer.answer.contains("the words"), "{}", answer.answer);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_the_name_of_agents_that_are_there() {
    let taken = |outcome: Result<AgentId, SpawnError>| {
        matches!(
            outcome,
            Err(SpawnError::Charter(CharterRefused::Taken { .. }))
        )
    };
    let clerk = || Charter::parse(CHARTER).unwrap();
    let other = CHARTER.replace("name: clerk", "name: clerk\nrole: macro.other");
    let other = || Charter::parse(&other).unwrap();
    // Of an agent of the node.
    let here = node().await;
    here.spawn_charter(clerk(), None).await.unwrap();
    here.spawn_charter(clerk(), None).await.unwrap();
    assert!(taken(here.spawn_charter(other(), None).await));
    for charter in [clerk(), other()] {
        let came = here.spawn_remote(CHARTER, charter, Process::key(1), usual());
        assert!(taken(came.await));
    }
    let held = here.services().crew().member("clerk").unwrap();
    assert_eq!(held.charter().role, clerk().role);
    here.stop().await;
    // Of an agent in another process.
    let there = node().await;
    spawned(&there, 1, usual()).await;
    spawned(&there, 2, usual()).await;
    for charter in [clerk(), other()] {
        assert!(taken(there.spawn_charter(charter, None).await));
    }
    let came = there.spawn_remote(CHARTER, other(), Process::key(3), usual());
    assert!(taken(came.await));
    there.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_are_spawned_at_once_under_one_name_or_with_one_key_one_loses() {
    let node = node().await;
    let clerk = || Charter::parse(CHARTER).unwrap();
    let other = CHARTER.replace("name: clerk", "name: clerk\nrole: macro.other");
    let other = || Charter::parse(&other).unwrap();
    let conflict = |outcome: Result<AgentId, SpawnError>| {
        let refused = outcome.err().map(ControlError::from)?;
        assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
        Some(refused)
    };
    let key = |seed| Process::key(seed);
    // One name, here and there.
    let (one, two) = tokio::join!(
        node.spawn_charter(clerk(), None),
        node.spawn_remote(CHARTER, clerk(), key(1), usual()),
    );
    let lost = [conflict(one), conflict(two)];
    assert_eq!(lost.iter().flatten().count(), 1, "{lost:?}");
    node.stop().await;
    // One name, of two roles; one key, of two agents.
    let node = self::node().await;
    let (one, two) = tokio::join!(
        node.spawn_charter(clerk(), None),
        node.spawn_charter(other(), None),
    );
    let lost = [conflict(one), conflict(two)];
    assert_eq!(lost.iter().flatten().count(), 1, "{lost:?}");
    let guest = CHARTER.replace("name: clerk", "name: guest");
    let charter = || Charter::parse(&guest).unwrap();
    let (one, two) = tokio::join!(
        node.spawn_remote(&guest, charter(), key(2), usual()),
        node.spawn_remote(&guest, charter(), key(2), usual()),
    );
    let lost = [conflict(one), conflict(two)];
    assert_eq!(lost.iter().flatten().count(), 1, "{lost:?}");
    node.stop().await;
}
