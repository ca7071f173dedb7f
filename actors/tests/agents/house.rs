//! A small world for tests: agents made of closures, a driver whose context the test holds, a record of what was begun.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, AgentState, AgentView, AskError, Cell, Context, Incoming,
    IntoDraft, TimerClock,
};
use aios_actors::{AgentSystem, AgentSystemBuilder, async_trait};
use aios_memory::{InMemoryStore, Store};
use aios_protocols::{AgentCard, AgentId, OpenTo, Party, Timestamp};
use aios_supervisor::{Supervisor, SupervisorRef, SupervisorSpec};
use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything in a test should take, on the paused clock.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// What the agents of a house have begun, in order.
pub struct Book {
    pages: watch::Sender<Vec<String>>,
}

impl Book {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pages: watch::Sender::new(Vec::new()),
        })
    }

    pub fn write(&self, line: impl Into<String>) {
        self.pages.send_modify(|pages| pages.push(line.into()));
    }

    pub fn lines(&self) -> Vec<String> {
        self.pages.borrow().clone()
    }

    pub fn times(&self, line: &str) -> usize {
        self.pages.borrow().iter().filter(|it| *it == line).count()
    }

    /// Waits until `line` stands there `times` times.
    pub async fn wait(&self, line: &str, times: usize) {
        let mut pages = self.pages.subscribe();
        let there = pages.wait_for(|pages| pages.iter().filter(|it| *it == line).count() >= times);
        tokio::time::timeout(PATIENCE, there)
            .await
            .unwrap_or_else(|_| panic!("`{line}` never came"))
            .unwrap();
    }
}

pub type Handler = Arc<
    dyn Fn(Incoming, Context, Arc<Book>) -> BoxFuture<'static, Result<(), AgentError>>
        + Send
        + Sync,
>;

struct Closure {
    handler: Handler,
    book: Arc<Book>,
    open_to: OpenTo,
}

#[async_trait]
impl Agent for Closure {
    fn card(&self, card: &mut AgentCard) {
        card.open_to = self.open_to.clone();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        self.book.write(incoming.content.as_str().unwrap_or("?"));
        (self.handler)(incoming, ctx.clone(), Arc::clone(&self.book)).await
    }
}

/// Hands its context out to the test.
struct Driver(mpsc::UnboundedSender<Context>);

#[async_trait]
impl Agent for Driver {
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        self.0
            .send(ctx.clone())
            .map_err(|_| AgentError::failure("the test is over"))
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

pub struct House {
    pub system: AgentSystem,
    pub supervisor: SupervisorRef,
    pub book: Arc<Book>,
    pub store: Arc<dyn Store>,
    /// A `macro.planner` that does what the test says.
    pub driver: Context,
}

impl House {
    pub async fn new() -> Self {
        Self::with_store(Arc::new(InMemoryStore::default())).await
    }

    pub async fn with_store(store: Arc<dyn Store>) -> Self {
        Self::with(store, |world| world).await
    }

    /// A house whose world is as the test says.
    pub async fn with(
        store: Arc<dyn Store>,
        world: impl FnOnce(AgentSystemBuilder) -> AgentSystemBuilder,
    ) -> Self {
        let builder = AgentSystem::builder()
            .seed(7)
            .clock(Arc::new(TimerClock::starting_at(Timestamp::since_epoch(
                Duration::from_secs(1_000_000),
            ))))
            .store(Arc::clone(&store));
        let system = world(builder).build();
        let spec = SupervisorSpec::new("house").intensity(1_000, SECOND);
        let supervisor = Supervisor::start(spec).await.unwrap();
        let mut house = None;
        let driver = driver(&system, &supervisor, "macro.planner").await;
        house.get_or_insert(Self {
            system,
            supervisor,
            book: Book::new(),
            store,
            driver,
        });
        house.unwrap()
    }

    /// Another agent that does what the test says.
    pub async fn another_driver(&self, role: &str) -> Context {
        driver(&self.system, &self.supervisor, role).await
    }

    /// An agent made of a closure, as a `macro.executor`.
    pub async fn agent<F, Fut>(&self, handler: F) -> AgentId
    where
        F: Fn(Incoming, Context, Arc<Book>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        self.agent_with("macro.executor", AgentOptions::default(), handler)
            .await
    }

    pub async fn agent_with<F, Fut>(&self, role: &str, options: AgentOptions, handler: F) -> AgentId
    where
        F: Fn(Incoming, Context, Arc<Book>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        self.spawn(role, options, OpenTo::default(), handler).await
    }

    /// An agent made of a closure, whose card is open to these and nobody else.
    pub async fn agent_open_to<F, Fut>(&self, role: &str, open_to: &str, handler: F) -> AgentId
    where
        F: Fn(Incoming, Context, Arc<Book>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        let open_to = open_to.parse().unwrap();
        self.spawn(role, AgentOptions::default(), open_to, handler)
            .await
    }

    async fn spawn<F, Fut>(
        &self,
        role: &str,
        options: AgentOptions,
        open_to: OpenTo,
        handler: F,
    ) -> AgentId
    where
        F: Fn(Incoming, Context, Arc<Book>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        let handler: Handler =
            Arc::new(move |incoming, ctx, book| Box::pin(handler(incoming, ctx, book)));
        let book = Arc::clone(&self.book);
        self.system.factories().register(role, move |_| {
            Ok(Closure {
                handler: Arc::clone(&handler),
                book: Arc::clone(&book),
                open_to: open_to.clone(),
            })
        });
        self.system
            .spawn(role, &self.supervisor, options)
            .await
            .unwrap()
            .0
    }

    /// Asks as the driver, in a task of its own.
    pub fn ask(
        &self,
        to: &AgentId,
        what: impl IntoDraft + Send + 'static,
    ) -> JoinHandle<Result<String, AskError>> {
        self.ask_within(to, what, PATIENCE)
    }

    pub fn ask_within(
        &self,
        to: &AgentId,
        what: impl IntoDraft + Send + 'static,
        deadline: Duration,
    ) -> JoinHandle<Result<String, AskError>> {
        let (driver, to) = (self.driver.clone(), to.clone());
        tokio::spawn(async move {
            let answer = driver.ask(&to, what, deadline).await?;
            Ok(answer.content.as_str().unwrap().to_owned())
        })
    }

    pub fn cell(&self, id: &AgentId) -> Arc<Cell> {
        self.system.directory().get(&id.into()).unwrap()
    }

    pub fn view(&self, id: &AgentId) -> AgentView {
        self.cell(id).view()
    }

    pub fn refusals(&self, label: &str) -> u64 {
        self.system
            .audit()
            .counts()
            .get(label)
            .copied()
            .unwrap_or(0)
    }

    pub fn buried(&self, reason: &str) -> u64 {
        self.system
            .dead_letters()
            .counts()
            .by_reason
            .get(reason)
            .copied()
            .unwrap_or(0)
    }

    /// Kills the host of an agent where it stands, and waits for its successor.
    pub async fn kill(&self, id: &AgentId) {
        let child = self.supervisor.child(id.as_str()).unwrap();
        let now = child.incarnation().unwrap();
        child.cell().unwrap().kill();
        child.newer_than(now, PATIENCE).await.unwrap();
    }

    /// Lets everything that can run come to rest.
    pub async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn wait_for_state(&self, id: &AgentId, state: AgentState) {
        for _ in 0..10_000 {
            if self.cell(id).state() == state {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{id} is {}, not {state}", self.cell(id).state());
    }
}

async fn driver(system: &AgentSystem, supervisor: &SupervisorRef, role: &str) -> Context {
    let (tell, mut told) = mpsc::unbounded_channel();
    system
        .factories()
        .register(role, move |_| Ok(Driver(tell.clone())));
    system
        .spawn(role, supervisor, AgentOptions::default())
        .await
        .unwrap();
    told.recv().await.unwrap()
}

pub fn party(text: &str) -> Party {
    text.parse().unwrap()
}
