//! Goals in a small world with the real planner, executor and critic: what ends a budget, what a yes is for, what is kept of a result.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aios_actors::agent::{AgentOptions, AgentState, AskError, Context};
use aios_actors::recovery::approvals::Owner;
use aios_actors::recovery::{ApprovalStatus, Budget, Decision, NoBudget, Policies, decision_frame};
use aios_actors::{AgentSystem, meso_tier};
use aios_memory::{InMemoryStore, Store, StoreError, Swap};
use aios_orchestrator::{Packs, Ports, Services, Settings, team};
use aios_protocols::{
    AgentId, Content, Draft, Performative, PrincipalId, ProtocolName, SigningIdentity,
};
use aios_supervisor::Recourse;
use aios_tools::{
    Blocking, BlockingTool, Toolbox, Workspace, Workspaces, WriteError, WriteRequest, Writer,
};
use aios_work::content::{Answer, GoalRequest, GoalStatus, ontology};
use aios_work::{Goal, GoalLimits, Stopped, ToolCall, ToolError, ToolOutput, ToolSpec};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::house::House;

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done before a tool of an executor runs.
pub type Before = Arc<dyn Fn() -> Result<(), ToolError> + Send + Sync>;

/// A real tool behind what the test does before it. The Critic's own use of it, which has no operation, is left alone.
struct Behind {
    spec: ToolSpec,
    tools: Arc<Toolbox>,
    before: Before,
}

impl BlockingTool for Behind {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        if call.idempotency_key.ends_with("/t0") {
            (self.before)()?;
        }
        Handle::current().block_on(
            self.tools
                .call(&self.spec.name, &self.spec.needs, call.clone()),
        )
    }
}

/// Prose that needs no model.
struct Plain;

impl Writer for Plain {
    fn write(&self, _: &WriteRequest<'_>) -> Result<String, WriteError> {
        Ok("The notes say so.".to_owned())
    }
}

pub struct Team {
    pub house: House,
    /// A `macro.interface` that does what the test says: planners are asked by no others.
    interface: Context,
    planner: AgentId,
    owner: Arc<SigningIdentity>,
    folder: TempDir,
    services: Arc<Services>,
}

impl Team {
    /// Those a goal about a document needs; reading it has no second try, and then this is done.
    pub async fn new(then: Recourse, before: Before) -> Self {
        Self::over(Arc::new(InMemoryStore::default()), then, before).await
    }

    pub async fn over(store: Arc<dyn Store>, then: Recourse, before: Before) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("notes.md"),
            "# Notes\n\nThe depot in Bremen moves in May. The rent falls by 200 euros.\n",
        )
        .unwrap();
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        let owner = Arc::new(SigningIdentity::from_seed(owner, [9; 32]));
        let mut policies = Policies::default();
        policies.of_mut("read_document").retries = 0;
        policies.of_mut("read_document").then = then;
        let house = House::with(store, |world| world.owner(Owner::of(&owner))).await;
        let workspaces = Workspaces::default();
        let tools = Arc::new(
            Toolbox::standard(&workspaces, Some(Arc::new(Plain)))
                .with(aios_documents::tools(&workspaces, None))
                .with(aios_tables::tools(&workspaces)),
        );
        let behind = Toolbox::default();
        for spec in tools.specs().map(Arc::unwrap_or_clone) {
            let one = Behind {
                spec,
                tools: Arc::clone(&tools),
                before: Arc::clone(&before),
            };
            behind.register(Blocking::shared(one, &workspaces));
        }
        meso_tier::team::enlist(house.system.factories());
        let packs = Packs::none()
            .with(aios_documents::pack())
            .with(aios_tables::pack());
        let settings = Settings {
            policies,
            ..Settings::default()
        };
        let services = Services::new(
            &house.system,
            packs,
            Arc::new(behind),
            settings,
            Ports::of(&house.system),
        );
        team::enlist(house.system.factories(), &services);
        let mut planner = None;
        for role in [
            "meso.registry",
            "meso.consensus",
            "meso.state",
            "macro.executor",
            "macro.critic",
            "macro.planner",
        ] {
            let spawned = house
                .system
                .spawn(role, &house.supervisor, AgentOptions::default())
                .await
                .unwrap();
            planner = Some(spawned.0);
        }
        let interface = house.another_driver("macro.interface").await;
        Self {
            house,
            interface,
            planner: planner.unwrap(),
            owner,
            services,
            folder,
        }
    }

    /// Writes a file of the team's; gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes.md")
    }

    fn ask(&self, goal: &str, deadline: Duration) -> JoinHandle<Result<Answer, AskError>> {
        self.ask_with(goal, deadline, |_| {})
    }

    /// Asks under other terms than the usual ones.
    pub fn ask_with(
        &self,
        goal: &str,
        deadline: Duration,
        change: impl FnOnce(&mut GoalRequest),
    ) -> JoinHandle<Result<Answer, AskError>> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let tenant = self.house.system.tenant().as_str();
        let files = vec![text(self.notes())];
        let limits = GoalLimits::default();
        let mut request = GoalRequest {
            goal: Goal::new(goal, tenant, "Summarise the notes", files, &limits).unwrap(),
            out_dir: text(self.folder.path().join("out")),
            deadline_ms: deadline.as_millis() as u64,
            task_deadline_ms: deadline.as_millis() as u64,
            tokens: 10_000,
            tasks: 16,
            money_micros: 0,
            forked: false,
            plan: None,
        };
        change(&mut request);
        let draft = Draft::new(Performative::Request, Content::json(&request).unwrap())
            .protocol(ProtocolName::FipaRequest)
            .ontology(ontology::GOAL);
        let (asker, planner) = (self.interface.clone(), self.planner.clone());
        tokio::spawn(async move {
            let reply = asker.ask(&planner, draft, PATIENCE).await?;
            Ok(reply.content.read_json().unwrap())
        })
    }

    fn budget(&self, goal: &str) -> Result<Budget, NoBudget> {
        let system = &self.house.system;
        self.services.budgets().of(system.tenant(), goal)
    }

    /// The goal's budget once it is under way, with seven tokens gone.
    async fn spends(&self, goal: &str) {
        until("the goal is under way", || self.budget(goal).is_ok()).await;
        let budget = self.budget(goal).unwrap();
        let now = self.house.system.now();
        budget.reserve(7, now).unwrap().settle(7);
    }
}

/// The same request in other words, and about other files if any are given.
pub fn about(request: &mut GoalRequest, text: &str, files: Option<Vec<String>>) {
    let goal = &request.goal;
    let files = files.unwrap_or_else(|| goal.data().to_vec());
    let limits = GoalLimits::default();
    request.goal = Goal::new(goal.id(), goal.tenant(), text, files, &limits).unwrap();
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// Reading waits for this.
fn gate() -> (Arc<AtomicBool>, Before) {
    let open = Arc::new(AtomicBool::new(false));
    let before: Before = {
        let open = Arc::clone(&open);
        Arc::new(move || {
            let begin = std::time::Instant::now();
            while !open.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(())
        })
    };
    (open, before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_is_called_off_takes_its_budget_with_it_and_begins_anew_with_a_full_one() {
    let (open, before) = gate();
    let team = Team::new(Recourse::Partial, before).await;
    let asking = team.ask("g", PATIENCE);
    team.spends("g").await;
    asking.abort();
    until("its budget is closed", || team.budget("g").is_err()).await;
    open.store(true, Ordering::SeqCst);
    let answer = team.ask("g", PATIENCE).await.unwrap().unwrap();
    assert_ne!(answer.status, GoalStatus::Failed, "{answer:?}");
    assert_eq!(answer.spent.tokens, 0, "nothing is missing from before");
    assert!(team.budget("g").is_err(), "an answered goal is over too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_out_of_time_ends_its_own_budget_and_not_that_of_another_run() {
    let (open, before) = gate();
    let team = Team::new(Recourse::Partial, before).await;
    let asking = team.ask("g", PATIENCE);
    team.spends("g").await;
    // The same goal again, for which there is no time: it waits for the first run and is ended from outside.
    let late = team.ask("g", Duration::from_millis(200)).await.unwrap();
    let late = late.unwrap_err().to_string();
    assert!(late.contains("raise goal.deadline_ms"), "{late}");
    assert_eq!(team.budget("g").unwrap().spent().tokens, 7);
    open.store(true, Ordering::SeqCst);
    assert_eq!(asking.await.unwrap().unwrap().spent.tokens, 7);
    until("the budget is closed", || team.budget("g").is_err()).await;

    open.store(false, Ordering::SeqCst);
    let slow = team.ask("h", Duration::from_millis(300)).await.unwrap();
    assert!(
        slow.as_ref()
            .map_or(true, |answer| answer.status == GoalStatus::Failed),
        "{slow:?}"
    );
    until("the budget is closed", || team.budget("h").is_err()).await;
    open.store(true, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planner_that_falls_leaves_its_goals_budget_to_its_successor() {
    let (open, before) = gate();
    let team = Team::new(Recourse::Partial, before).await;
    let asking = team.ask("g", PATIENCE);
    team.spends("g").await;
    team.house.kill(&team.planner).await;
    open.store(true, Ordering::SeqCst);
    let answer = asking.await.unwrap().unwrap();
    assert_eq!(answer.spent.tokens, 7, "{answer:?}");
    until("the budget is closed", || team.budget("g").is_err()).await;
}

/// A store that holds up whoever first writes below a key, until the test lets it go on.
struct Held {
    store: InMemoryStore,
    below: &'static str,
    reached: AtomicBool,
    let_go: AtomicBool,
}

impl Store for Held {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let below = String::from_utf8_lossy(key).contains(self.below);
        if below && !self.reached.swap(true, Ordering::SeqCst) {
            let begin = std::time::Instant::now();
            while !self.let_go.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.store.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.store.delete(key)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.store.scan_prefix(prefix, after, limit)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        self.store.compare_and_swap(key, expected, new)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_planner_cannot_do_because_it_has_fallen_is_no_failure_of_its_goal() {
    let store = Arc::new(Held {
        store: InMemoryStore::default(),
        below: "/g/request",
        reached: AtomicBool::new(false),
        let_go: AtomicBool::new(false),
    });
    let kept: Arc<dyn Store> = Arc::clone(&store) as _;
    let team = Team::over(kept, Recourse::Partial, Arc::new(|| Ok(()))).await;
    let asking = team.ask("g", PATIENCE);
    until("the planner is at it", || {
        store.reached.load(Ordering::SeqCst)
    })
    .await;
    let child = team.house.supervisor.child(team.planner.as_str()).unwrap();
    child.cell().unwrap().kill();
    until("it has fallen", || {
        team.house.cell(&team.planner).state() == AgentState::Failed
    })
    .await;
    // Its thread goes on where it stood, in an incarnation that can send nothing any more.
    store.let_go.store(true, Ordering::SeqCst);
    let answer = asking.await.unwrap().unwrap();
    assert_ne!(answer.status, GoalStatus::Failed, "{answer:?}");
    assert!(
        answer.tasks.iter().all(|task| task.recovered.is_none()),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_used_up_before_what_it_allows_begins() {
    let readings = Arc::new(AtomicU32::new(0));
    let used = Arc::new(AtomicBool::new(false));
    let world = Arc::new(OnceLock::<AgentSystem>::new());
    let before: Before = {
        let (readings, used, world) = (readings.clone(), used.clone(), world.clone());
        Arc::new(move || {
            if readings.fetch_add(1, Ordering::SeqCst) == 0 {
                return Err(Stopped::DeadlinePassed.into());
            }
            let listed = world.get().unwrap().approvals().list().unwrap();
            used.store(
                listed.iter().all(|one| one.spent_at.is_some()),
                Ordering::SeqCst,
            );
            Ok(())
        })
    };
    let team = Team::new(Recourse::Human, before).await;
    assert!(world.set(team.house.system.clone()).is_ok());
    let asking = team.ask("g", PATIENCE);
    let queue = team.house.system.approvals();
    until("a human is asked", || !queue.list().unwrap().is_empty()).await;
    let asked = queue.list().unwrap().remove(0);
    assert_eq!(
        (asked.status, asked.tool.as_str()),
        (ApprovalStatus::Open, "read_document")
    );
    let proposal = queue.proposal(&asked.id).unwrap();
    let now = team.house.system.now();
    let yes = decision_frame(&proposal, Decision::Accept, "", &team.owner, now, [1; 10]);
    queue.decide(&yes.unwrap()).unwrap();
    let answer = asking.await.unwrap().unwrap();
    assert_ne!(answer.status, GoalStatus::Failed, "{answer:?}");
    assert_eq!(readings.load(Ordering::SeqCst), 2);
    assert!(used.load(Ordering::SeqCst), "it was on record before");

    // The next goal fails in the same way, and nobody has said yes to that.
    readings.store(0, Ordering::SeqCst);
    let next = team.ask("h", Duration::from_secs(3)).await.unwrap();
    let next = next.unwrap();
    let reason = next.reason.unwrap_or_default();
    assert!(reason.contains("waits for a human"), "{reason}");
    assert_ne!(next.waits_for, [asked.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_is_kept_for_the_files_it_was_made_from_and_for_no_others() {
    for changes in [false, true] {
        let broken = Arc::new(AtomicBool::new(false));
        let notes = Arc::new(OnceLock::<PathBuf>::new());
        let before: Before = {
            let (broken, notes) = (broken.clone(), notes.clone());
            Arc::new(move || {
                if broken.load(Ordering::SeqCst) {
                    return Err(Stopped::DeadlinePassed.into());
                }
                if changes {
                    // Somebody saves the file while the work is under way.
                    std::fs::write(
                        notes.get().unwrap(),
                        "# Notes\n\nThe depot stays in Bremen.\n",
                    )
                    .unwrap();
                }
                Ok(())
            })
        };
        let team = Team::new(Recourse::Cached, before).await;
        notes.set(team.notes()).unwrap();
        let first = team.ask("first", PATIENCE).await.unwrap().unwrap();
        if changes {
            // Two states of the file would be mixed.
            let reason = first.reason.unwrap_or_default();
            assert!(
                reason.contains("notes.md has another length than when the goal began"),
                "{reason}"
            );
        } else {
            assert_ne!(first.status, GoalStatus::Failed, "{first:?}");
        }
        broken.store(true, Ordering::SeqCst);
        let second = team.ask("second", PATIENCE).await.unwrap().unwrap();
        if changes {
            let reason = second.reason.unwrap_or_default();
            assert!(reason.contains("no earlier result is kept"), "{reason}");
        } else {
            let read = second
                .tasks
                .iter()
                .find(|task| task.tool == "read_document");
            let how = read.and_then(|task| task.recovered.clone());
            assert!(
                how.is_some_and(|how| how.starts_with("cached: ")),
                "{second:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_answers_nobody_who_may_do_more_and_a_success_everybody() {
    let readings = Arc::new(AtomicU32::new(0));
    let before: Before = {
        let readings = readings.clone();
        Arc::new(move || {
            readings.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    };
    let team = Team::new(Recourse::Partial, before).await;
    let ask = |tasks: u32| team.ask_with("g", PATIENCE, move |request| request.tasks = tasks);
    let little = ask(1).await.unwrap().unwrap();
    assert_eq!(little.status, GoalStatus::Failed, "{little:?}");
    let reason = little.reason.unwrap_or_default();
    assert!(reason.contains("tasks"), "{reason}");
    let enough = ask(16).await.unwrap().unwrap();
    assert_ne!(enough.status, GoalStatus::Failed, "{enough:?}");
    let read = readings.load(Ordering::SeqCst);
    for tasks in [1, 16, 32] {
        let again = ask(tasks).await.unwrap().unwrap();
        assert_eq!(again, enough, "{tasks}");
    }
    assert_eq!(
        readings.load(Ordering::SeqCst),
        read,
        "nothing is done again"
    );
    // Nor is it another goal's answer.
    let other = team.ask_with("g", PATIENCE, |request| {
        about(request, "Count the notes", None);
    });
    let other = other.await.unwrap().unwrap_err().to_string();
    assert!(other.contains("names another goal already"), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_for_a_while_is_tried_again_and_may_be_asked_in_other_words() {
    let broken = Arc::new(AtomicBool::new(true));
    let before: Before = {
        let broken = broken.clone();
        Arc::new(move || match broken.load(Ordering::SeqCst) {
            true => Err(Stopped::DeadlinePassed.into()),
            false => Ok(()),
        })
    };
    let team = Team::new(Recourse::Partial, before).await;
    for goal in ["g", "h"] {
        let failed = team.ask(goal, PATIENCE).await.unwrap().unwrap();
        assert_eq!(failed.status, GoalStatus::Failed, "{failed:?}");
    }
    broken.store(false, Ordering::SeqCst);
    let again = team.ask("g", PATIENCE).await.unwrap().unwrap();
    assert_ne!(again.status, GoalStatus::Failed, "{again:?}");
    // Nothing was delivered under the name, so nothing keeps it.
    let words = "Summarise the notes once more";
    let other = team.ask_with("h", PATIENCE, |request| about(request, words, None));
    let other = other.await.unwrap().unwrap();
    assert_ne!(other.status, GoalStatus::Failed, "{other:?}");
}

/// What is looked at before there is a plan may be in no plan: the Critic proves it all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_looked_at_and_is_in_no_plan_is_judged_by_what_was_read() {
    let team = Team::new(Recourse::Partial, Arc::new(|| Ok(()))).await;
    let long: String = (0..4_000)
        .map(|n| format!("Depot {n} in Bremen moves in May and its rent falls by {n} euros. "))
        .collect();
    std::fs::write(team.notes(), format!("# Notes\n\n{long}\n")).unwrap();
    let before = team.house.system.messages().sent;
    let answer = team.ask_with("long", Duration::from_secs(300), |request| {
        request.task_deadline_ms = 30_000;
        // No word that the pack knows: it looks for an answer first, and then for what matters.
        about(request, "Riassumi gli appunti", None);
    });
    let answer = answer.await.unwrap().unwrap();
    assert_ne!(answer.status, GoalStatus::Failed, "{answer:?}");
    assert!(!answer.verdict.is_empty());
    let looks = answer
        .tasks
        .iter()
        .filter(|task| task.tool == "find_passages");
    assert!(looks.count() > 1, "{:?} {:?}", answer.tasks, answer.gaps);
    assert!(team.house.system.messages().sent > before);
}
