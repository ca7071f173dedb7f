//! Breakers, waits and depth on a running node: what is refused at once, what is used instead, what is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Clock, Context, Incoming, ManualClock, TimerClock};
use aios_actors::async_trait;
use aios_actors::meso_tier::monitor::{HEALTH, Health};
use aios_actors::recovery::breakers::BreakerEvent;
use aios_actors::recovery::{BreakerView, service};
use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineError, EngineFactory,
    InferRequest, Inference, ModelInfo, ModelSource, ScriptedEngine, TokenSink,
};
use aios_protocols::ports::Subscription;
use aios_protocols::subject::EventTopic;
use aios_protocols::{Content, Draft, Performative, ProtocolName, SubjectPattern, Timestamp};
use aios_runtime::{Goal, Node, NodeBuilder, SpawnOptions};
use aios_work::content::{GoalStatus, TaskStatus};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::faulty::{faulty, impatient, late};
use crate::house::{example, pursue, soon};

const PATIENCE: Duration = Duration::from_secs(20);

/// An engine whose device fails while it is sick.
struct Moody {
    inner: ScriptedEngine,
    sick: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Moody {
    fn mood(&self) -> Result<(), EngineError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.sick.load(Ordering::SeqCst) {
            return Err(EngineError::Device {
                reason: "it is sick".to_owned(),
            });
        }
        Ok(())
    }
}

impl BlockingEngine for Moody {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.inner.load_model(source)
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.mood()?;
        self.inner.stream(request, sink)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.mood()?;
        self.inner.embed(request)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.inner.unload(model)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn health(&mut self) -> aios_inference::Health {
        self.inner.health()
    }
}

/// Lends the test its side of the world: agents speak to agents, people only to interfaces.
struct Driver(UnboundedSender<Context>);

#[async_trait]
impl Agent for Driver {
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let _ = self.0.send(ctx.clone());
        Ok(())
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

/// A node with a driver among its agents.
async fn driven(builder: NodeBuilder) -> (Node, Context) {
    let (lent, mut borrowed) = unbounded_channel();
    let builder = builder.factory("macro.driver", move |_| Ok(Driver(lent.clone())));
    let node = builder.start().await.unwrap();
    node.spawn("macro.driver", SpawnOptions::default())
        .await
        .unwrap();
    let driver = borrowed.recv().await.unwrap();
    (node, driver)
}

/// Lets the model think once for each request.
struct Thinker;

#[async_trait]
impl Agent for Thinker {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let asked = incoming.content.as_str().unwrap_or_default().to_owned();
        let thought = ctx.think(InferRequest::raw(asked).max_tokens(8)).await?;
        incoming.inform(thought.text)?;
        Ok(())
    }
}

fn breaker(node: &Node, service: &str) -> BreakerView {
    let all = node.view().breakers;
    let found = all.iter().find(|breaker| breaker.service == service);
    found
        .cloned()
        .unwrap_or_else(|| panic!("no breaker of {service}: {all:?}"))
}

async fn heard(events: &mut Box<dyn Subscription>) -> BreakerEvent {
    let delivery = soon("a breaker event", events.next()).await.unwrap();
    serde_json::from_slice(&delivery.payload).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sick_engine_rests_the_template_answers_and_it_comes_back_by_the_ramp() {
    let folder = tempfile::tempdir().unwrap();
    let (sick, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let engine: EngineFactory = {
        let (sick, calls) = (Arc::clone(&sick), Arc::clone(&calls));
        Arc::new(move || {
            Ok(Box::new(Moody {
                inner: ScriptedEngine::new(),
                sick: Arc::clone(&sick),
                calls: Arc::clone(&calls),
            }))
        })
    };
    let start = Timestamp::since_epoch(Duration::from_secs(1_800_000_000));
    let clock = Arc::new(ManualClock::at(start));
    let builder = Node::builder()
        .engine(engine)
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .config(impatient())
        .factory("macro.thinker", |_| Ok(Thinker));
    let (node, driver) = driven(builder).await;
    let bus = Arc::clone(node.system().bus().unwrap());
    let mut events = bus
        .subscribe(SubjectPattern::events(EventTopic::Breaker), 64)
        .await
        .unwrap();
    node.spawn("macro.thinker", SpawnOptions::default())
        .await
        .unwrap();
    let think = || driver.ask("macro.thinker", "say something", PATIENCE);

    for _ in 0..3 {
        let error = soon("a sick answer", think())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("it is sick"), "{error}");
    }
    let event = heard(&mut events).await;
    assert_eq!(
        (event.service.as_str(), event.state.as_str()),
        (service::GENERATE, "open")
    );
    let before = calls.load(Ordering::SeqCst);
    let refused = soon("a refusal", think()).await.unwrap_err().to_string();
    assert!(
        refused.contains("try again in 15000 ms") && refused.contains("it is sick"),
        "{refused}"
    );
    assert_eq!(
        calls.load(Ordering::SeqCst),
        before,
        "the engine was not asked"
    );

    // The goal goes its way by rules, words and the template.
    let goal = Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .out(folder.path());
    let answer = soon("the goal", pursue(&node, goal)).await.unwrap();
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    let closing = answer
        .tasks
        .iter()
        .find(|task| task.id == "closing")
        .unwrap();
    assert_eq!(
        (closing.status, closing.attempts),
        (TaskStatus::Failed, 0),
        "it was not even ordered"
    );
    let alerts = health(&driver).await.alerts;
    assert!(
        alerts
            .iter()
            .any(|alert| alert.contains("engine.generate is open")),
        "{alerts:?}"
    );

    // Well again: after its rest a growing share goes through, and then everything.
    sick.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(15));
    let mut shares = Vec::new();
    let mut asked = 0;
    while breaker(&node, service::GENERATE).state != "closed" {
        asked += 1;
        assert!(asked < 400, "{shares:?}");
        let _ = soon("a probe", think()).await;
        let share = breaker(&node, service::GENERATE).share;
        if shares.last() != Some(&share) {
            shares.push(share);
        }
    }
    assert_eq!(
        shares,
        [0.1, 0.5, 1.0],
        "half-open by its ramp, then closed"
    );
    assert!(
        asked > 100,
        "most calls at the first step were refused: {asked}"
    );
    soon("an answer", think()).await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_keeps_failing_is_refused_at_once_and_bad_input_does_not_trip_it() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Arc::new(AtomicBool::new(true));
    let count = Arc::new(AtomicU32::new(0));
    let (builder, _) = faulty(impatient(), {
        let (bad, count) = (Arc::clone(&bad), Arc::clone(&count));
        Arc::new(move |asked| {
            if !asked.starts_with("chart") {
                return None;
            }
            count.fetch_add(1, Ordering::SeqCst);
            if bad.load(Ordering::SeqCst) {
                return Some(aios_work::ToolError::new(
                    aios_work::ToolErrorKind::InvalidArguments,
                    "sql: no such figure",
                ));
            }
            late()
        })
    });
    let node = builder.start().await.unwrap();
    let goal = || {
        Goal::new("Analyze Q3 sales")
            .data([example("q3_sales.csv")])
            .out(folder.path())
    };
    for _ in 0..4 {
        soon("a goal", pursue(&node, goal())).await.unwrap();
    }
    assert!(count.load(Ordering::SeqCst) >= 8);
    assert_eq!(
        breaker(&node, "tool.chart").state,
        "closed",
        "the tool had every right to refuse"
    );
    bad.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        soon("a goal", pursue(&node, goal())).await.unwrap();
    }
    assert_eq!(breaker(&node, "tool.chart").state, "open");
    let before = count.load(Ordering::SeqCst);
    let answer = soon("a goal", pursue(&node, goal())).await.unwrap();
    assert_eq!(
        count.load(Ordering::SeqCst),
        before,
        "the tool was not called"
    );
    assert_eq!(answer.status, GoalStatus::Partial);
    assert!(
        answer
            .gaps
            .iter()
            .any(|gap| gap.contains("tool chart is unavailable") && gap.contains("try again in")),
        "{:?}",
        answer.gaps
    );
    node.stop().await;
}

/// How long a circle lasts by itself: long enough to be seen on a busy machine.
const CIRCLE: Duration = Duration::from_secs(20);

/// Asks the other one, from its handler or from a job.
struct Mirror {
    from_handler: bool,
}

#[async_trait]
impl Agent for Mirror {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let other = if ctx.me().to_string().starts_with("macro.left") {
            "macro.right"
        } else {
            "macro.left"
        };
        if self.from_handler {
            let said = ctx.ask(other, "you first", CIRCLE).await;
            incoming.inform(said.map_or_else(|error| error.to_string(), |_| "done".to_owned()))?;
            return Ok(());
        }
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let said = ctx.ask(other, "you first", PATIENCE).await?;
            incoming.inform(said.content.clone())?;
            Ok(())
        });
        Ok(())
    }
}

async fn mirrors(from_handler: bool) -> (Node, Context) {
    let builder = Node::builder()
        .factory("macro.left", move |_| Ok(Mirror { from_handler }))
        .factory("macro.right", move |_| Ok(Mirror { from_handler }));
    let (node, driver) = driven(builder).await;
    for role in ["macro.left", "macro.right"] {
        node.spawn(role, SpawnOptions::default()).await.unwrap();
    }
    (node, driver)
}

async fn health(driver: &Context) -> Health {
    let draft = Draft::new(Performative::QueryRef, Content::text(""))
        .protocol(ProtocolName::FipaQuery)
        .ontology(HEALTH);
    let reply = driver.ask("meso.monitor", draft, PATIENCE).await.unwrap();
    reply.content.read_json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handlers_that_wait_for_each_other_are_reported_while_it_lasts() {
    let (node, driver) = mirrors(true).await;
    let asker = driver.clone();
    let asking = tokio::spawn(async move { asker.ask("macro.left", "begin", PATIENCE).await });
    let seen = soon("the deadlock", async {
        loop {
            let seen = node.view().deadlocks;
            if !seen.is_empty() {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut names = seen[0].agents.clone();
    names.sort();
    assert_eq!(seen.len(), 1);
    assert!(
        names[0].starts_with("macro.left.") && names[1].starts_with("macro.right."),
        "{names:?}"
    );
    let alerts = health(&driver).await.alerts;
    assert!(
        alerts
            .iter()
            .any(|alert| alert.starts_with("deadlock: macro.")),
        "{alerts:?}"
    );
    // The end of one of them breaks it before any deadline does, and with it the report ends.
    let stopped = names.iter().find(|name| name.starts_with("macro.right."));
    node.stop_agent(stopped.unwrap()).await.unwrap();
    soon("an end", asking).await.unwrap().unwrap();
    soon("silence", async {
        while !node.view().deadlocks.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_breed_orders_end_with_a_typed_error() {
    let (node, driver) = mirrors(false).await;
    let error = soon("an end", driver.ask("macro.left", "begin", PATIENCE))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("17 messages deep, 16 allowed"), "{error}");
    assert!(
        node.view().deadlocks.is_empty(),
        "jobs leave the handlers free"
    );
    node.stop().await;
}

/// Nothing happens for a day, and nothing falls.
#[tokio::test]
async fn a_day_of_idleness_restarts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let start = Timestamp::since_epoch(Duration::from_secs(1_800_000_000));
    let builder = Node::builder().clock(Arc::new(TimerClock::starting_at(start)));
    let (node, driver) = driven(builder).await;
    let goal = || {
        Goal::new("Analyze Q3 sales")
            .data([example("q3_sales.csv")])
            .out(folder.path())
    };
    soon("before", pursue(&node, goal())).await.unwrap();
    let incarnations = || -> Vec<u64> {
        node.system()
            .directory()
            .view()
            .iter()
            .map(|agent| agent.incarnation)
            .collect()
    };
    let before = incarnations();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    tokio::time::resume();
    assert!(
        node.system().now().since(start) >= Duration::from_secs(24 * 3_600),
        "a day has passed"
    );
    let view = node.view();
    assert_eq!(view.restarts, 0);
    assert_eq!(incarnations(), before);
    assert!(
        view.agents
            .iter()
            .all(|agent| agent.restarts == 0 && agent.state == "running"),
        "{:?}",
        view.agents
    );
    assert!(health(&driver).await.alerts.is_empty());
    let answer = soon("after", pursue(&node, goal())).await.unwrap();
    // Restarts are not looked at any more: the engine's thread lives by the machine's clock, which is a day behind the timers now, so
    // its deadlines have passed before they begin. What matters is that work is taken and done.
    assert_eq!(answer.status, GoalStatus::Approved, "{}", node.view().tree);
    node.stop().await;
}
