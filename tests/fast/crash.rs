//! A node is killed with SIGKILL again and again while it works for goals: no accepted goal is lost, and no effect is made under two keys.
//!
//! The node is a process of its own: this test, started anew. What happened is known outside, by a ledger that notes every call and key.
// The counts are what the test is for.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, Context, Incoming, Snapshot, SnapshotError};
use aios_control::access::{Principals, Token};
use aios_control::http::{HttpServer, HttpService, Running};
use aios_control::socket::SocketFolder;
use aios_control::{
    Ask, Client, ClientError, Control, ErrorKind, Fork, Forked, GoalPhase, Request, Spawn, Submit,
};
use aios_protocols::{AgentCard, PrincipalKind};
use aios_runtime::{Config, Node};
use aios_work::PlanFile;
use aios_work::content::GoalStatus;
use async_trait::async_trait;
use serde_json::json;

use crate::house::Chance;
use crate::places::Fatal;
use crate::shop::{FATAL, Ledger, Shop, TASKS, book, decide, may_ask, tools_of};

const FOLDER: &str = "AIOS_TEST_CRASH_FOLDER";
const LEDGER: &str = "AIOS_TEST_CRASH_LEDGER";
const HTTP: &str = "AIOS_TEST_CRASH_HTTP";
/// The NATS server that the node is on, if any.
const NATS: &str = "AIOS_TEST_CRASH_NATS";
/// Kills, if not as many as the suite has.
const KILLS: &str = "AIOS_TEST_KILLS";
/// Kills of the fast suite and of the slow one.
const USUAL: usize = if cfg!(feature = "heavy") { 1_000 } else { 30 };
/// How long a node may take to be there, or to end what it owes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// An agent that was spawned while the node ran: it books what it is asked once, and once more when its timer comes.
struct Keeper {
    ledger: String,
    /// How many it was asked, as its checkpoint has it.
    asked: u64,
}

impl Keeper {
    async fn book(&self, key: String) -> Result<(), AgentError> {
        let ledger = self.ledger.clone();
        let booked = tokio::task::spawn_blocking(move || book(&ledger, &key)).await;
        match booked {
            Ok(Ok(())) => Ok(()),
            _ => Err(AgentError::failure("no ledger")),
        }
    }
}

#[async_trait]
impl Agent for Keeper {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let what = incoming.content.as_str().unwrap_or_default().to_owned();
        let key = format!("agent-{what}/work");
        ctx.once(&key, || self.book(key.clone())).await?;
        ctx.wake_at(&what, ctx.now() + Duration::from_millis(30))?;
        self.asked += 1;
        ctx.checkpoint();
        incoming.inform(self.asked.to_string())?;
        Ok(())
    }

    async fn timer(&mut self, name: &str, _: &Context) -> Result<(), AgentError> {
        self.book(format!("agent-{name}/timer")).await
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.asked).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.asked = snapshot.read_json(1)?;
        Ok(())
    }
}

/// Not a test of its own: the process that is killed.
#[test]
fn node_that_is_killed() {
    let (Ok(folder), Ok(ledger)) = (std::env::var(FOLDER), std::env::var(LEDGER)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = Config::default();
        config.storage.folder = Path::new(&folder).join("state").display().to_string();
        config.door.folder = Path::new(&folder).join("door").display().to_string();
        config.door.open = true;
        config.swarm.pages = 0;
        config.bus.data.nats = std::env::var(NATS).unwrap_or_default();
        // However often it is killed, all its goals are still on record when they are counted.
        config.storage.results = 10_000;
        let books = ledger.clone();
        let mut node = Node::builder().config(config);
        for tool in Shop::all(&ledger) {
            node = node.tool(tool);
        }
        if let Some(fatal) = Fatal::asked(Path::new(&folder)) {
            node = node.disk(move |disk| fatal.over(disk));
        }
        let node = node
            .factory("macro.keeper", move |_| {
                Ok(Keeper {
                    ledger: books.clone(),
                    asked: 0,
                })
            })
            .start()
            .await
            .unwrap();
        let _serves = match std::env::var_os(HTTP) {
            Some(_) => Some(serves(&node, Path::new(&folder)).await),
            None => None,
        };
        std::future::pending::<()>().await;
        node.stop().await;
    });
}

/// Over HTTP too, to whoever has the token in the folder; the address lies beside it.
async fn serves(node: &Node, folder: &Path) -> Running {
    let token = Token::read(&folder.join("token")).unwrap();
    let owner = node.owner_name().clone();
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let running = server.unwrap().serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([(token, owner)], None),
        out: folder.to_owned(),
        page: None,
    });
    let running = running.unwrap();
    let draft = folder.join("http.new");
    std::fs::write(&draft, running.address().to_string()).unwrap();
    std::fs::rename(draft, folder.join("http")).unwrap();
    running
}

pub(crate) struct Victim(Child);

impl Victim {
    pub(crate) fn start(folder: &Path, ledger: &str) -> Self {
        Self::started(folder, ledger, &[])
    }

    /// One that is asked over HTTP.
    pub(crate) fn serving(folder: &Path, ledger: &str) -> Self {
        Self::started(folder, ledger, &[(HTTP, "1")])
    }

    /// One on a NATS server.
    pub(crate) fn telling(folder: &Path, ledger: &str, server: &str) -> Self {
        Self::started(folder, ledger, &[(NATS, server)])
    }

    pub(crate) fn started(folder: &Path, ledger: &str, more: &[(&str, &str)]) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .envs(more.iter().copied())
            .args([
                "--exact",
                "crash::node_that_is_killed",
                "--quiet",
                "--nocapture",
            ])
            .env(FOLDER, folder)
            .env(LEDGER, ledger)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub(crate) fn process(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, of one that has.
    pub(crate) fn ended(mut self) -> std::process::ExitStatus {
        self.0.wait().unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A test that fails leaves nobody behind.
impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) async fn client(folder: &Path, victim: &mut Victim) -> Client {
    let reached = reached(folder, victim).await;
    reached.expect("the node ended by itself")
}

/// The node, when it is there; none if it has ended before.
pub(crate) async fn reached(folder: &Path, victim: &mut Victim) -> Option<Client> {
    let door = SocketFolder::of(&folder.join("door").display().to_string());
    let begin = Instant::now();
    loop {
        // Its door may be open before it stands.
        if let Ok(mut client) = Client::connect(&door, None).await
            && client.goals().await.is_ok()
        {
            return Some(client);
        }
        if victim.0.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(begin.elapsed() < PATIENCE, "no node");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One whose tasks may all be repeated.
pub(crate) fn goal(at: usize, out: &Path) -> Submit {
    order(at, [Shop::CHARGE; TASKS], out)
}

/// One whose tasks are done by these tools, one after the other.
pub(crate) fn order(at: usize, tools: [&str; TASKS], out: &Path) -> Submit {
    let [first, second, third] = tools;
    let task = |id: &str, tool: &str, after: &[&str]| json!({"id": id, "tool": tool, "args": {"amount": at}, "after": after});
    let plan = json!({
        "goal": format!("Charge order {at}"),
        "tasks": [task("first", first, &[]), task("second", second, &["first"]), task("third", third, &["second"])],
    });
    Submit {
        goal_id: Some(format!("order-{at}")),
        text: format!("Charge order {at}"),
        data: Vec::new(),
        files: Vec::new(),
        out: out.display().to_string(),
        private: false,
        plan: PlanFile::read(plan.to_string().as_bytes())
            .ok()
            .map(Box::new),
    }
}

pub(crate) fn keeper() -> Spawn {
    Spawn {
        role: "macro.keeper".to_owned(),
        durable: true,
        ..Spawn::default()
    }
}

/// How many messages to durable agents have their outcome in a folder. None has two, and a message with an outcome is not waiting.
pub(crate) fn one_outcome_each(state: &Path) -> usize {
    let mut outcomes: BTreeMap<String, String> = BTreeMap::new();
    for line in aios_runtime::trail(state, "store/mailed/", 0, usize::MAX).unwrap() {
        match line.operation.as_str() {
            "set" => {
                let before = outcomes.insert(line.key.clone(), line.value.clone());
                assert_eq!(before, None, "two outcomes of {}", line.key);
            }
            other => assert_eq!(other, "delete", "{line:?}"),
        }
    }
    let mut waiting = BTreeSet::new();
    for line in aios_runtime::trail(state, "store/mail/", 0, usize::MAX).unwrap() {
        let settled = line.key.replace("store/mail/", "store/mailed/");
        match line.operation.as_str() {
            "set" => waiting.insert(settled),
            _ => waiting.remove(&settled),
        };
    }
    let both = waiting.iter().find(|it| outcomes.contains_key(*it));
    assert_eq!(both, None, "settled and waiting");
    outcomes.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_fells_its_node_is_parked_with_its_evidence_and_the_others_go_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let (ledger, address) = Ledger::open();
    let mut victim = Victim::start(folder, &address);
    let mut node = client(folder, &mut victim).await;
    let _ = node
        .submit(goal(usize::try_from(FATAL).unwrap(), folder))
        .await;
    let fatal = format!("order-{FATAL}");
    // It ends each node that takes it up, until it is set aside.
    let mut falls = 0;
    loop {
        let ended = tokio::time::timeout(PATIENCE, async {
            loop {
                if victim.0.try_wait().unwrap().is_some() {
                    return true;
                }
                let parked = node.goal(&fatal).await;
                if parked.is_ok_and(|state| state.phase == GoalPhase::Parked) {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        if !ended.await.unwrap() {
            break;
        }
        falls += 1;
        assert!(falls <= 3, "it goes on felling its node");
        victim = Victim::start(folder, &address);
        node = match reached(folder, &mut victim).await {
            Some(node) => node,
            None => continue,
        };
    }
    assert_eq!(falls, 3);
    let said = node.explain(&fatal).await.unwrap();
    assert!(
        said.why.contains("the node has ended 3 times"),
        "{}",
        said.why
    );
    assert!(
        said.why.contains("in the middle of its tool's work"),
        "whose tool ended the process is known: {}",
        said.why
    );
    let at = "was begun 3 times, and nobody heard of its end";
    assert!(
        said.evidence
            .iter()
            .any(|line| line.starts_with("first") && line.ends_with(at)),
        "{:?}",
        said.evidence
    );
    // The others go on.
    node.submit(goal(1, folder)).await.unwrap();
    let begin = Instant::now();
    while node.goal("order-1").await.unwrap().phase != GoalPhase::Answered {
        assert!(begin.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    victim.kill();
    let booked = ledger.0.lock().unwrap();
    assert_eq!(booked.len(), TASKS, "{booked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_any_instant_loses_no_goal_and_doubles_no_effect() {
    let kills: usize = std::env::var(KILLS).map_or(USUAL, |kills| kills.parse().unwrap());
    let seed = crate::storm::seed();
    let mut chance = Chance::new(seed);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let (ledger, address) = Ledger::open();
    let mut accepted = BTreeMap::new();
    let mut next = 0;
    // What the agent has said yes to, and the forks that were made.
    let (mut asked, mut done_by_agent, mut forks) = (0, BTreeSet::new(), BTreeSet::new());
    let mut spawned = false;
    for _ in 0..kills {
        let mut victim = Victim::start(folder, &address);
        let mut node = client(folder, &mut victim).await;
        for _ in 0..chance.below(3) + 1 {
            let goal = order(next, tools_of(next), folder);
            let id = goal.goal_id.clone().unwrap();
            if node.submit(goal).await.is_ok() {
                accepted.insert(id, next);
            }
            next += 1;
        }
        if chance.below(2) == 0 {
            let _ = decide(&mut node, &address).await;
        }
        // Spawned once: from then on it is there again after each fall of the node.
        spawned = spawned || node.spawn(keeper()).await.is_ok();
        if chance.below(2) == 0 {
            asked += 1;
            let question = Ask {
                agent: "macro.keeper".to_owned(),
                content: asked.to_string(),
                deadline_ms: 5_000,
            };
            if node.ask_agent(question).await.is_ok() {
                done_by_agent.insert(asked);
            }
        }
        let answered = node.goals().await.unwrap_or_default();
        let asks = |id: &str| accepted.get(id).is_some_and(|order| may_ask(*order));
        // Nor of one that would ask a person before it does its last task.
        let mut answered = answered.into_iter().filter(|goal| {
            let id = goal.goal_id.as_str();
            goal.phase == GoalPhase::Answered && !id.starts_with("fork-") && !asks(id)
        });
        if let Some(goal) = answered.next()
            && chance.below(3) == 0
        {
            let id = format!("fork-{}", goal.goal_id);
            let fork = Request::Fork(Fork {
                goal_id: goal.goal_id,
                at: "second".to_owned(),
                plan: None,
                new_id: Some(id.clone()),
            });
            if node.ask::<Forked>(&fork).await.is_ok() {
                forks.insert(id);
            }
        }
        tokio::time::sleep(Duration::from_millis(chance.below(150))).await;
        victim.kill();
    }
    // Left alone, the last one ends all that is owed.
    let mut victim = Victim::start(folder, &address);
    let mut node = client(folder, &mut victim).await;
    let (mut parked, mut told_no) = (BTreeSet::new(), 0);
    for id in accepted.keys().chain(&forks) {
        let asks = accepted.get(id).is_some_and(|order| may_ask(*order));
        let begin = Instant::now();
        loop {
            // Whichever asks: one that goes on alone waits for those that wait for a person.
            let _ = decide(&mut node, &address).await;
            let state = match node.goal(id).await {
                Ok(state) => state,
                // A busy node may have taken us for gone; if it has ended itself, this ends the test.
                Err(ClientError::Gone { .. }) => {
                    node = client(folder, &mut victim).await;
                    continue;
                }
                Err(error) => panic!("seed {seed}: goal {id}: {error}"),
            };
            match state.phase {
                GoalPhase::Answered => {
                    let answer = state.answer.unwrap();
                    let status = answer.status;
                    // Of what was wired a person who looks it up does not let it be wired once more, and it has no result.
                    let expected = match status {
                        GoalStatus::Approved | GoalStatus::Unverified => true,
                        GoalStatus::Partial => asks,
                        _ => false,
                    };
                    assert!(expected, "seed {seed}: {id}: {status:?}: {:?}", answer.gaps);
                    told_no += usize::from(status == GoalStatus::Partial);
                    break;
                }
                // It was under way each time: set aside, and gone on with by order.
                GoalPhase::Parked => match node.resume(id).await {
                    Ok(()) => {
                        parked.insert(id.clone());
                    }
                    // As many as may be are under way: it has its turn when one of them has ended.
                    Err(ClientError::Refused(full)) if full.kind == ErrorKind::Busy => {}
                    Err(error) => panic!("seed {seed}: goal {id} does not go on: {error}"),
                },
                GoalPhase::Running => {}
                other => panic!("seed {seed}: goal {id} is {other:?}: {:?}", state.error),
            }
            if begin.elapsed() >= PATIENCE {
                let why = node.explain(id).await;
                panic!("seed {seed}: goal {id} does not end: {why:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // The last timers are due in a moment.
    let begin = Instant::now();
    loop {
        let missing = {
            let books = ledger.0.lock().unwrap();
            let timer = |asked: &u64| format!("agent-{asked}/timer");
            done_by_agent
                .iter()
                .find(|asked| !books.contains_key(&timer(asked)))
                .copied()
        };
        let Some(missing) = missing else { break };
        assert!(
            begin.elapsed() < PATIENCE,
            "seed {seed}: the timer of {missing} never came"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    victim.kill();
    let settled = one_outcome_each(&folder.join("state"));
    assert!(
        settled >= done_by_agent.len(),
        "seed {seed}: {settled} outcomes of {}",
        done_by_agent.len()
    );
    ledger.has_each_once(
        accepted.iter().map(|(id, order)| (*order, id.as_str())),
        seed,
    );
    let books = ledger.0.lock().unwrap();
    let mut keys_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in books.keys() {
        let (goal, _) = key.split_once('/').unwrap();
        keys_of.entry(goal).or_default().insert(key);
    }
    for id in &forks {
        let keys = keys_of.get(id.as_str()).map_or(0, BTreeSet::len);
        assert_eq!(
            keys,
            TASKS - 1,
            "seed {seed}: what fork {id} inherited is not done again: {keys_of:?}"
        );
    }
    for asked in &done_by_agent {
        assert!(
            books.contains_key(&format!("agent-{asked}/work")),
            "seed {seed}: what the agent said yes to is lost: {asked}"
        );
    }
    let repeated = books.values().filter(|calls| **calls > 1).count();
    println!(
        "kills {kills}, goals accepted {}, forks {}, turns of an agent {}, lost 0, effects {}, doubled 0, calls repeated under the same key {repeated}, parked and resumed {}, looked up and not done once more {told_no}",
        accepted.len(),
        forks.len(),
        done_by_agent.len(),
        books.len(),
        parked.len()
    );
}
