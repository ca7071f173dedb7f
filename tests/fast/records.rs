//! Every record has an end: after many goals of all kinds a node holds no more of anything than after some.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_actors::agent::{
    Agent, AgentError, AgentView, Clock, Context, Incoming, Snapshot, SystemClock,
};
use aios_actors::async_trait;
use aios_protocols::{Content, Draft, Performative, PrincipalId, ProtocolName, Timestamp};
use aios_runtime::{Config, Goal, Node, SpawnOptions};
use aios_supervisor::Restart;
use aios_work::GoalLimits;
use aios_work::content::{Answer, GoalRequest, GoalStatus, ontology};
use tokio::task::JoinSet;

use crate::house::{example, soon};

/// Goals under way at any time.
const RUNNERS: usize = 4;
const ALONE: u64 = 8;
/// One principal may ask for a hundred goals a minute; so the clock goes on by this for each.
const APART: Duration = Duration::from_millis(700);
/// Up to this goal other tenants ask too.
const OTHERS_UNTIL: u64 = 300;
/// Longest that one goal may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The machine's clock, and so far ahead of it.
#[derive(Default)]
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A node over a folder, and its goals so far.
pub(crate) struct Rig {
    pub(crate) node: Node,
    clock: Arc<Ahead>,
    goals: u64,
    out: std::path::PathBuf,
}

/// Results of tasks: a fixed number of places, which fill up and stay full.
const PLACES: &str = "result by place";

/// What a node holds, by kind.
pub(crate) type Held = BTreeMap<String, usize>;

impl Rig {
    /// Keeps so many results, in `state` below the folder.
    pub(crate) async fn new(folder: &Path, results: Option<u32>) -> Self {
        let mut config = Config::default();
        config.storage.folder = folder.join("state").to_str().unwrap().to_owned();
        if let Some(results) = results {
            config.storage.results = results;
        }
        let clock = Arc::new(Ahead::default());
        let node = Node::builder()
            .config(config)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .start()
            .await
            .unwrap();
        Self {
            node,
            clock,
            goals: 0,
            out: folder.join("out"),
        }
    }

    /// So many goals more: answered, failed, called off, asked for again, of other tenants and of people who leave.
    pub(crate) async fn run(&mut self, goals: u64) {
        let mut under_way = JoinSet::new();
        for left in (0..goals).rev() {
            // The last ones one after the other: they are what is kept, and it must not hang on who was quicker.
            let runners = if left < ALONE { 1 } else { RUNNERS };
            while under_way.len() >= runners {
                under_way.join_next().await.unwrap().unwrap();
            }
            if left < ALONE && under_way.is_empty() {
                self.rest().await;
            }
            self.goals += 1;
            let millis = u64::try_from(APART.as_millis()).unwrap();
            self.clock.0.fetch_add(millis, Ordering::SeqCst);
            under_way.spawn(one(self.node.clone(), self.goals, self.out.clone()));
        }
        while let Some(ended) = under_way.join_next().await {
            ended.unwrap();
        }
        self.rest().await;
    }

    /// Nobody is at work for a goal any more: what was called off ends later than its asker goes on.
    async fn rest(&self) {
        let system = self.node.system();
        let busy = |view: &AgentView| {
            let team = view.id.as_str().contains("macro.");
            team && view.mailbox.queued + view.in_flight + view.running > 0
        };
        let at_work = || {
            !self.node.services().budgets().is_empty()
                || !system.waits().is_empty()
                || system.directory().view().iter().any(busy)
        };
        soon("the end of what was called off", async {
            while at_work() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Records by kind, in the store and beside it.
    pub(crate) fn held(&self) -> Held {
        let system = self.node.system();
        let mut held = Held::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = system.store().scan_prefix(b"", after.as_deref(), 256);
            let page = page.unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, _) in page {
                let mut parts = key.split(|byte| *byte == b'/');
                let kind = String::from_utf8_lossy(parts.next().unwrap()).into_owned();
                let name = parts.next().unwrap_or_default();
                // The trail has an end of its own, by number of entries, which nobody reaches here.
                if kind == "audit" {
                    continue;
                }
                // Results of tasks have numbered places beside those of goals.
                let numbered = kind == "result" && name.iter().all(u8::is_ascii_digit);
                let kind = if numbered { PLACES.to_owned() } else { kind };
                *held.entry(kind).or_default() += 1;
            }
        }
        for (kind, many) in [
            ("budgets", self.node.services().budgets().len()),
            ("waits", system.waits().len()),
            ("agents", system.directory().view().len()),
            ("breakers", system.breakers().view().len()),
            ("children", self.node.view().agents.len()),
        ] {
            held.insert(kind.to_owned(), many);
        }
        held
    }
}

/// The goal of this number, whose kind its last digit says.
async fn one(node: Node, number: u64, out: std::path::PathBuf) {
    let id = format!("g{number}");
    let question = |text: String| Goal::new(text).id(&id).out(&out);
    let about = |text: &str, file: &str| Goal::new(text).data([example(file)]).id(&id).out(&out);
    let answered = |goal: Goal| {
        let node = node.clone();
        async move { node.run(goal).await.unwrap().answer().await.unwrap() }
    };
    match number % 10 {
        // Answered, and asked for again: it is the same answer.
        0 => {
            let first = answered(about("Summarise the notes", "notes.md")).await;
            let again = answered(about("Summarise the notes", "notes.md")).await;
            assert_eq!(first.answer, again.answer);
        }
        1 => {
            let answer = answered(about("Analyze Q3 sales", "q3_sales.csv")).await;
            assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
        }
        // Fails: such a column is not there to be read.
        2 => {
            let file = out.with_file_name(format!("{id}.csv"));
            std::fs::write(&file, "day,sales\n2025-07-01,1\n2025-07-02,many\n").unwrap();
            let goal = Goal::new("Analyze sales").data([&file]).id(&id).out(&out);
            let _ = node.run(goal).await.unwrap().answer().await;
            std::fs::remove_file(&file).unwrap();
        }
        // Called off, before or while it is worked on.
        3 | 4 => {
            let run = node.run(about("Analyze Q3 sales", "q3_sales.csv")).await;
            tokio::time::sleep(Duration::from_millis(number / 10 % 8 * 5)).await;
            run.unwrap().cancel().await;
        }
        // Somebody comes, of another tenant too, asks under a name that others use, and leaves.
        5 | 6 => {
            // Each tenant has places of its own, which are to be full or at rest when one begins to compare.
            let tenant = match number / 10 % 3 {
                1 if number < OTHERS_UNTIL => "acme",
                2 if number < OTHERS_UNTIL => "rival",
                _ => "local",
            };
            let principal: PrincipalId = format!("user:p{number}@{tenant}").parse().unwrap();
            let client = node.system().client(principal).await.unwrap();
            let goal_id = format!("g{}", number - number % 10);
            let request = GoalRequest {
                goal: aios_work::Goal::new(
                    &format!("{goal_id}-{}", number % 10),
                    tenant,
                    &format!("What is {number} * 2?"),
                    Vec::new(),
                    &GoalLimits::default(),
                )
                .unwrap(),
                out_dir: out.join(&goal_id).to_str().unwrap().to_owned(),
                deadline_ms: 60_000,
                task_deadline_ms: 30_000,
                tokens: 4_000,
                tasks: 16,
                money_micros: 0,
                forked: false,
                plan: None,
            };
            let draft = Draft::new(Performative::Request, Content::json(&request).unwrap())
                .protocol(ProtocolName::FipaRequest)
                .ontology(ontology::GOAL);
            let reply = client
                .ask("macro.interface", draft, PATIENCE)
                .await
                .unwrap();
            let answer: Answer = reply.content.read_json().unwrap();
            assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
        }
        _ => {
            let answer = answered(question(format!("What is {number} * 3?"))).await;
            assert!(
                answer.answer.contains(&(number * 3).to_string()),
                "{answer:?}"
            );
        }
    }
    // What was made for the goal is its asker's; here nobody wants it.
    let _ = std::fs::remove_dir_all(out.join(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_many_goals_a_node_holds_as_many_records_of_each_kind_as_after_some() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), Some(3)).await;
    rig.run(100).await;
    let mut some = rig.held();
    for kind in [
        "step",
        "goal",
        "result",
        "result-time",
        "document",
        "agents",
    ] {
        assert!(some.contains_key(kind), "{kind} is looked at: {some:?}");
    }
    assert!(!some.contains_key("lease"), "each was given back: {some:?}");
    rig.run(60).await;
    let mut more = rig.held();
    for held in [&mut some, &mut more] {
        assert!(held.remove(PLACES).is_some_and(|many| many <= 256));
        // What the Critic said of the last thousand works, however many goals they were of.
        assert!(held.remove("judged").is_some_and(|many| many <= 1_000));
    }
    assert_eq!(more, some);
    rig.node.stop().await;
}

/// Remembers that it was here.
struct Guest;

#[async_trait]
impl Agent for Guest {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot::new(1, b"here".to_vec()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_come_and_go_leave_no_cell_no_child_and_no_snapshot() {
    let node = Node::builder()
        .factory("macro.guest", |_| Ok(Guest))
        .start()
        .await
        .unwrap();
    let system = node.system();
    let (residents, parties) = (node.view().agents.len(), system.directory().view().len());
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for _ in 0..200 {
            let options = SpawnOptions {
                restart,
                ..SpawnOptions::default()
            };
            let guest = node.spawn("macro.guest", options).await.unwrap();
            node.stop_agent(&guest.to_string()).await.unwrap();
        }
    }
    assert_eq!(node.view().agents.len(), residents);
    // Some are kept for a look, however many there were.
    let kept = system.directory().view().len() - parties;
    assert!(kept <= 300, "{kept} of 600 are still known");
    let snapshots = system
        .store()
        .scan_prefix(b"snapshot/", None, 1_000)
        .unwrap();
    assert!(
        (1..=300).contains(&snapshots.len()),
        "{} snapshots",
        snapshots.len()
    );
    node.stop().await;
}
