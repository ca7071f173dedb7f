//! From outside to an interface agent and back: a goal is checked, signed in the gateway's name, watched and answered.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aios_actors::agent::{AskError, Client, keep_private};
use aios_control::Submit;
use aios_orchestrator::roles;
use aios_protocols::ports::{BusError, DataBus, Subscription};
use aios_protocols::subject::EventTopic;
use aios_protocols::{
    Content, ContentError, Draft, Performative, PrincipalId, PrincipalKind, Printable,
    ProtocolName, Reason, ReasonKind, Subject, SubjectPattern, TenantId, TraceContext, Trusted,
};
use aios_tools::{OnDisk, Workspace, WorkspaceError};
use aios_work::content::{
    AgentEvent, Answer, GoalRequest, GoalStatus, ModelReport, TaskEvent, hex, ontology,
};
use aios_work::{
    Artifact, Goal as CheckedGoal, GoalError as GoalRefused, GoalLimits, InputFile, PlanFile,
};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::events::GoalEvent;
use crate::metric;
use crate::names;
use crate::node::Node;
use crate::rights::leads_to;

/// Events of one goal that may wait to be read; a watcher slower than that misses some and loses nothing else.
const EVENTS: usize = 1_024;
/// What the way from planner to gateway may take beyond the goal's own deadline.
const GRACE: Duration = Duration::from_secs(5);
/// How soon a goal is asked for again that found no room: the first time, and at the longest.
const ROOM_AGAIN: Range<Duration> = Duration::from_millis(100)..Duration::from_secs(2);
/// How long the name of somebody who asks for one goal is.
const NAME: usize = 24;
/// The report's file name, beside the chart.
const REPORT: &str = "report.md";

/// Something wanted: a text, files it is about, a folder for what is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    asked: Submit,
    /// Whose it is; the node's own tenant's if it is not said.
    tenant: Option<String>,
    /// The first path that is not Unicode, for whoever checks the goal.
    strange: Option<PathBuf>,
    /// It goes on from where another goal was.
    forked: bool,
    /// Its files are named where they really lie.
    in_place: bool,
    /// The trace that it was asked for in.
    trace: Option<TraceContext>,
}

/// As it came by the contract.
impl From<Submit> for Goal {
    fn from(asked: Submit) -> Self {
        Self {
            asked,
            tenant: None,
            strange: None,
            forked: false,
            in_place: false,
            trace: None,
        }
    }
}

/// As the contract has it; of one that was checked nothing is lost.
impl From<Goal> for Submit {
    fn from(goal: Goal) -> Self {
        goal.asked
    }
}

/// Why a goal was not taken, or has no answer.
#[derive(Debug, thiserror::Error)]
pub enum GoalError {
    /// The goal itself cannot be worked on.
    #[error(transparent)]
    Goal(#[from] GoalRefused),
    /// A file cannot be worked on.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// A path that is not Unicode cannot travel in a message.
    #[error("the path {} is not Unicode; rename it", .0.display())]
    Path(PathBuf),
    /// It cannot be written as a message.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The node is going down.
    #[error("the node is stopping and takes no more goals; start it again")]
    Stopping,
    /// Nobody could watch it.
    #[error("the goal cannot be watched: {0}")]
    Unwatched(BusError),
    /// An agent refused it or failed at it.
    #[error("{}", Printable(words(.0)))]
    Refused(Reason),
    /// No answer in time, or nobody to answer.
    #[error(transparent)]
    Unanswered(AskError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers, so the goal cannot be named; name it with an id")]
    NoRandomness,
    /// The watcher called it off.
    #[error("the goal was called off")]
    Cancelled,
}

impl GoalError {
    /// Whether nobody has begun with it for want of room, so that it may be asked for again.
    fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Refused(reason) => reason.kind == ReasonKind::Overloaded,
            Self::Unanswered(error) => error.is_for_want_of_room(),
            _ => false,
        }
    }
}

fn words(reason: &Reason) -> &str {
    if reason.detail.is_empty() {
        reason.kind.as_str()
    } else {
        &reason.detail
    }
}

impl Goal {
    /// A goal in the asker's words.
    pub fn new(text: impl Into<String>) -> Self {
        Self::from(Submit {
            goal_id: None,
            text: text.into(),
            data: Vec::new(),
            files: Vec::new(),
            out: "aios-out".to_owned(),
            private: false,
            plan: None,
        })
    }

    /// An id of one's own; asking again with the same id continues the same goal.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.asked.goal_id = Some(id.into());
        self
    }

    /// Files it is about.
    #[must_use]
    pub fn data(mut self, files: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        for file in files {
            let file = self.path(file.as_ref());
            self.asked.data.push(file);
        }
        self
    }

    /// The folder below which the goal gets one of its own.
    #[must_use]
    pub fn out(mut self, folder: impl AsRef<Path>) -> Self {
        self.asked.out = self.path(folder.as_ref());
        self
    }

    /// Nothing of the goal may leave this machine: no engine that is elsewhere is asked about it, and its answer is not remembered for other
    /// goals.
    #[must_use]
    pub fn private(mut self, private: bool) -> Self {
        self.asked.private = private;
        self
    }

    /// How it is done, instead of a plan by whoever knows such goals.
    #[must_use]
    pub fn plan(mut self, plan: PlanFile) -> Self {
        self.asked.plan = Some(Box::new(plan));
        self
    }

    /// Whose it is, where that is not the tenant of the node.
    #[must_use]
    pub(crate) fn of_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// It goes on from where another goal was, which may have done already what nobody can take back.
    #[must_use]
    pub(crate) fn forked(mut self) -> Self {
        self.forked = true;
        self
    }

    /// Its files and its folder were looked at where they lie, for somebody who may name some alone: no link is followed on the way.
    #[must_use]
    pub(crate) fn in_place(mut self, in_place: bool) -> Self {
        self.in_place = in_place;
        self
    }

    /// All that is done for it belongs to this trace, if to any.
    #[must_use]
    pub(crate) fn traced(mut self, trace: Option<TraceContext>) -> Self {
        self.trace = trace;
        self
    }

    /// Where what is made is written, without a link in it.
    fn without_links(mut self) -> Self {
        if let Some(out) = leads_to(Path::new(&self.asked.out))
            .as_deref()
            .and_then(Path::to_str)
        {
            self.asked.out = out.to_owned();
        }
        self
    }

    /// What is wanted.
    pub fn text(&self) -> &str {
        &self.asked.text
    }

    /// A path as text, in which paths travel.
    fn path(&mut self, path: &Path) -> String {
        if path.to_str().is_none() {
            self.strange.get_or_insert_with(|| path.to_owned());
        }
        path.to_string_lossy().into_owned()
    }

    /// Whether it can be worked on at all; nothing is started and nothing written.
    ///
    /// # Errors
    /// One sentence that says what to mend.
    pub fn check(&self, config: &Config) -> Result<(), GoalError> {
        self.request(config, "check").map(drop)
    }

    /// The goal as it is asked, and its walls: what is an input stays one to the end.
    fn request(&self, config: &Config, fresh: &str) -> Result<(GoalRequest, Workspace), GoalError> {
        let request = self.requested(config, fresh)?;
        let data = &self.asked.data;
        let inputs = match self.in_place {
            true => InputFile::all_in_place(data)?,
            false => InputFile::all(data)?,
        };
        let workspace = Workspace::of(inputs, Path::new(&request.out_dir)).in_place();
        workspace.check_writable()?;
        workspace.spares_inputs(REPORT)?;
        Ok((request, workspace))
    }

    /// The goal as it was asked, for whoever goes through it again: its files and its folder need not be there.
    pub(crate) fn recorded(&self, config: &Config) -> Result<GoalRequest, GoalError> {
        self.requested(config, "")
    }

    fn requested(&self, config: &Config, fresh: &str) -> Result<GoalRequest, GoalError> {
        if let Some(strange) = &self.strange {
            return Err(GoalError::Path(strange.clone()));
        }
        let asked = &self.asked;
        let goal_id = asked.goal_id.clone().unwrap_or_else(|| fresh.to_owned());
        let goal = CheckedGoal::new(
            &goal_id,
            self.tenant.as_ref().unwrap_or(&config.node.tenant),
            &asked.text,
            asked.data.clone(),
            &GoalLimits::default(),
        )?
        .in_place(self.in_place);
        let out_dir = Path::new(&asked.out).join(&goal_id);
        // `.` and `..` are made of characters that an id may have, and are no folder of the goal's own.
        if out_dir.file_name().and_then(|name| name.to_str()) != Some(&*goal_id) {
            return Err(GoalRefused::BadId {
                what: "goal id",
                given: goal_id,
            }
            .into());
        }
        Ok(GoalRequest {
            goal,
            out_dir: out_dir.to_string_lossy().into_owned(),
            deadline_ms: config.goal.deadline_ms,
            task_deadline_ms: config.goal.task_deadline_ms,
            tokens: config.goal.tokens,
            tasks: config.goal.tasks,
            money_micros: config.goal.money_micros,
            plan: asked.plan.clone(),
            forked: self.forked,
        })
    }
}

/// An id nobody has used and nobody can guess: asking again under a used one continues that goal and gets its answer.
pub(crate) fn fresh_id() -> Result<String, GoalError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| GoalError::NoRandomness)?;
    Ok(format!("g-{}", hex(&bytes)))
}

/// The trace of all that is done for a goal; it travels in every envelope that the goal leads to.
fn fresh_trace() -> Result<TraceContext, GoalError> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|_| GoalError::NoRandomness)?;
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&bytes[..16]);
    span.copy_from_slice(&bytes[16..]);
    // Zeros alone are no name.
    trace[0] |= 1;
    span[0] |= 1;
    TraceContext::new(trace, span, 1).map_err(|_| GoalError::NoRandomness)
}

/// Every event of the node.
fn all_events() -> SubjectPattern {
    // The pattern is a constant of this file and its form is checked by a test.
    "aios.events.>"
        .parse()
        .unwrap_or_else(|_| SubjectPattern::events(EventTopic::Task))
}

/// A goal under way: what happens, and in the end the answer.
pub struct GoalRun {
    goal_id: String,
    events: Option<Box<dyn Subscription>>,
    work: RunState,
}

enum RunState {
    Running(JoinHandle<Result<Answer, GoalError>>),
    Over(Box<Result<Answer, GoalError>>),
}

impl Node {
    /// Gives the node a goal. Returns as soon as it is under way.
    ///
    /// # Errors
    /// When it cannot be worked on; see [`Goal::check`].
    pub async fn run(&self, goal: Goal) -> Result<GoalRun, GoalError> {
        Ok(self.prepare(goal.without_links()).await?.begin())
    }

    /// Checks a goal and makes everything ready for it; nothing of it is begun.
    pub(crate) async fn prepare(&self, goal: Goal) -> Result<Ready, GoalError> {
        if self.is_stopping() {
            return Err(GoalError::Stopping);
        }
        let (request, workspace) = goal.request(self.config(), &fresh_id()?)?;
        self.keeps_to_itself(request.goal.id(), goal.asked.private);
        // One queue for both kinds keeps their order; the goal's own are picked out when they are read.
        let events = self
            .parts
            .bus
            .subscribe(all_events(), EVENTS)
            .await
            .map_err(|error| match error {
                BusError::Closed => GoalError::Stopping,
                other => GoalError::Unwatched(other),
            })?;
        Ok(Ready {
            node: self.clone(),
            request,
            private: goal.asked.private,
            workspace,
            events,
            trace: goal.trace,
            accepted_us: None,
        })
    }
}

/// A goal that can be begun.
pub(crate) struct Ready {
    node: Node,
    request: GoalRequest,
    private: bool,
    workspace: Workspace,
    events: Box<dyn Subscription>,
    trace: Option<TraceContext>,
    /// When it was put on record, of one that is: however often it is taken up again, it is that goal, and its answer is told once.
    accepted_us: Option<u64>,
}

impl Ready {
    /// The same, of a goal that was put on record then.
    pub(crate) fn accepted(mut self, at_us: Option<u64>) -> Self {
        self.accepted_us = at_us;
        self
    }

    pub(crate) fn begin(self) -> GoalRun {
        let Self {
            node,
            request,
            private,
            workspace,
            events,
            trace,
            accepted_us,
        } = self;
        let goal_id = request.goal.id().to_owned();
        let what = (request, private, trace, accepted_us);
        GoalRun {
            goal_id,
            events: Some(events),
            work: RunState::Running(tokio::spawn(work(node, what, workspace))),
        }
    }
}

impl Node {
    /// What would be done for a goal: planned and checked as for [`run`](Self::run), and nothing of it done. To plan, files may be looked
    /// into and the model may be asked.
    ///
    /// # Errors
    /// When it cannot be worked on, or why there is no plan.
    pub async fn plan(&self, goal: Goal) -> Result<PlanFile, GoalError> {
        if self.is_stopping() {
            return Err(GoalError::Stopping);
        }
        let own = &self.config().node.tenant;
        let tenant = goal.tenant.as_deref().unwrap_or(own);
        let drawn = names::of_drawn(own, tenant, fresh_id()?);
        let goal = goal.id(drawn);
        let (request, _) = goal.request(self.config(), "")?;
        let reply = self
            .asked(&request, ontology::PLAN, goal.asked.private, goal.trace)
            .await?;
        Ok(reply.content.read_json()?)
    }

    /// Somebody of another tenant, for one goal.
    async fn guest(&self, tenant: &str) -> Result<Client, GoalError> {
        let no_asker =
            |error: String| GoalError::Refused(Reason::new(ReasonKind::Unauthorised, error));
        // Nobody else's name: each goal has an asker of its own.
        let mut name = fresh_id()?;
        name.truncate(NAME);
        let principal = TenantId::new(tenant)
            .and_then(|tenant| PrincipalId::new(PrincipalKind::Service, &name, &tenant))
            .map_err(|error| no_asker(error.to_string()))?;
        let client = self.parts.system.client(principal).await;
        client.map_err(|error| no_asker(error.to_string()))
    }

    /// What an interface agent answers to a goal. The goal was accepted, so it does not fail because there is no room for it in this moment:
    /// it is asked for again until there is some or its time is over. What was done for it by then is not done twice.
    pub(crate) async fn answered(
        &self,
        request: &GoalRequest,
        private: bool,
        trace: Option<TraceContext>,
    ) -> Result<Answer, GoalError> {
        let due = Instant::now() + Duration::from_millis(request.deadline_ms);
        let mut request = Cow::Borrowed(request);
        let mut wait = ROOM_AGAIN.start;
        loop {
            let full = match self.asked(&request, ontology::GOAL, private, trace).await {
                Err(error) if error.is_for_want_of_room() => error,
                reply => return Ok(reply?.content.read_json()?),
            };
            if Instant::now() + wait > due {
                return Err(full);
            }
            tracing::info!(goal = request.goal.id(), %full, "asked for again");
            let left = due.saturating_duration_since(Instant::now() + wait);
            request.to_mut().deadline_ms =
                u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(ROOM_AGAIN.end),
                () = self.stops() => return Err(GoalError::Stopping),
            }
        }
    }

    /// What an interface agent says to a goal.
    async fn asked(
        &self,
        request: &GoalRequest,
        ontology: &str,
        private: bool,
        within: Option<TraceContext>,
    ) -> Result<Trusted, GoalError> {
        let draft = Draft::new(Performative::Request, Content::json(request)?)
            .protocol(ProtocolName::FipaRequest)
            .ontology(ontology);
        let draft = if private { keep_private(draft) } else { draft };
        let fresh = fresh_trace()?;
        let within = within.and_then(|within| within.child(*fresh.span_id()).ok());
        let trace = match within {
            // A plan is no goal: the goal that is made of it may be carried in the same trace.
            Some(within) if ontology == ontology::PLAN => within,
            within => self.parts.lookout.carried(request.goal.id(), within, fresh),
        };
        let draft = draft.trace(trace);
        let began = self.parts.system.now();
        let deadline = Duration::from_millis(request.deadline_ms) + GRACE;
        // Who asks for a goal is of the goal's tenant, as is everybody who works on it.
        let tenant = request.goal.tenant();
        let guest = match tenant == self.config().node.tenant {
            true => None,
            false => Some(self.guest(tenant).await?),
        };
        let asker = guest.as_ref().unwrap_or(&self.parts.client);
        let reply = tokio::select! {
            reply = asker.ask(roles::INTERFACE, draft, deadline) => reply,
            () = self.stops() => return Err(GoalError::Stopping),
        };
        let error = reply.as_ref().err().map(ToString::to_string);
        let at = (trace, within.map(|within| *within.span_id()));
        self.parts
            .lookout
            .whole(request.goal.id(), at, began, error);
        reply.map_err(|error| match error {
            AskError::Refused { reason, .. } | AskError::Failed { reason, .. } => {
                GoalError::Refused(reason)
            }
            other => GoalError::Unanswered(other),
        })
    }
}

impl GoalRun {
    /// Which goal it is.
    pub fn goal_id(&self) -> &str {
        &self.goal_id
    }

    /// What happens next; `None` once the answer is there.
    pub async fn next(&mut self) -> Option<GoalEvent> {
        let events = self.events.as_mut()?;
        loop {
            let delivery = match &mut self.work {
                RunState::Running(work) => tokio::select! {
                    biased;
                    delivery = events.next() => delivery,
                    outcome = work => {
                        self.work = RunState::Over(Box::new(over(outcome)));
                        events.try_next()
                    }
                },
                RunState::Over(_) => events.try_next(),
            };
            let Some(delivery) = delivery else {
                self.events = None;
                return None;
            };
            if let Some(event) = read(&delivery.subject, &delivery.payload, &self.goal_id) {
                return Some(event);
            }
        }
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn answer(self) -> Result<Answer, GoalError> {
        match self.work {
            RunState::Running(work) => over(work.await),
            RunState::Over(outcome) => *outcome,
        }
    }

    /// Calls it off: nobody waits for the answer any more.
    pub async fn cancel(self) {
        if let RunState::Running(work) = self.work {
            work.abort();
            let _ = work.await;
        }
    }
}

/// The work's own outcome; a task that was aborted has none.
fn over(
    outcome: Result<Result<Answer, GoalError>, tokio::task::JoinError>,
) -> Result<Answer, GoalError> {
    outcome.unwrap_or(Err(GoalError::Cancelled))
}

fn read(subject: &Subject, payload: &[u8], goal_id: &str) -> Option<GoalEvent> {
    if SubjectPattern::events(EventTopic::Task).matches(subject) {
        // Those of other goals are not read.
        if *subject != Subject::event(EventTopic::Task, goal_id) {
            return None;
        }
        let event: TaskEvent = serde_json::from_slice(payload).ok()?;
        return (event.goal_id == goal_id).then_some(GoalEvent::Task(event));
    }
    if SubjectPattern::events(EventTopic::Agent).matches(subject) {
        let event: AgentEvent = serde_json::from_slice(payload).ok()?;
        return Some(GoalEvent::Agent(event));
    }
    None
}

#[tracing::instrument(name = "goal", skip_all, fields(goal = %request.goal.id()))]
async fn work(
    node: Node,
    (request, private, trace, accepted_us): (GoalRequest, bool, Option<TraceContext>, Option<u64>),
    workspace: Workspace,
) -> Result<Answer, GoalError> {
    let begun = Instant::now();
    let messages = node.messages();
    let restarts = node.parts.restarts.count();
    let mut answer = node.answered(&request, private, trace).await?;
    answer.model = ModelReport {
        thoughts: std::mem::take(&mut answer.model.thoughts),
        ..node.model()
    };
    answer.messages = node.messages().since(messages);
    answer.restarts = node.parts.restarts.count().saturating_sub(restarts);
    answer.duration_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    if answer.status != GoalStatus::Failed {
        keep(&mut answer, &workspace)?;
    }
    #[cfg(feature = "nats")]
    if let Some(nats) = node.parts.nats.as_ref().filter(|_| !private) {
        tell(nats, &answer, accepted_us).await;
    }
    #[cfg(not(feature = "nats"))]
    let _ = accepted_us;
    let status = answer.status.as_str();
    metrics::counter!(metric::GOALS_TOTAL, "status" => status).increment(1);
    metrics::histogram!(metric::GOAL_SECONDS, "status" => status)
        .record(begun.elapsed().as_secs_f64());
    Ok(answer)
}

/// Tells the answer, and what the critic said of it, to whoever listens on the server.
#[cfg(feature = "nats")]
async fn tell(nats: &crate::nats::OnNats, answer: &Answer, accepted_us: Option<u64>) {
    use aios_protocols::subject::DataKind;
    let results = (DataKind::Results, serde_json::to_vec(answer));
    let feedback = (DataKind::Feedback, serde_json::to_vec(&answer.critic));
    for (kind, content) in [results, feedback] {
        let Ok(content) = content else { continue };
        let subject = Subject::data(kind, &answer.goal_id);
        match accepted_us {
            // A node that falls before the answer is on record answers the goal anew, and whoever listens has heard it.
            Some(at_us) => {
                let name = format!("{subject}@{at_us}");
                nats.tell_once(&name, &subject, &content).await;
            }
            None => nats.tell(&subject, &content).await,
        }
    }
}

/// Writes the report beside its chart; whoever looks finds the whole of it or nothing. The answer does not wait for the disk: asked again
/// under its id, the goal gives the same answer and the same report.
fn keep(answer: &mut Answer, workspace: &Workspace) -> Result<(), GoalError> {
    if answer.answer.is_empty() {
        return Ok(());
    }
    let report = workspace.show(REPORT, answer.answer.as_bytes())?;
    let path = report.path.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = report.sync() {
            tracing::warn!(%error, "the report may not outlive a loss of power");
        }
    });
    answer.artifacts.push(Artifact {
        path,
        media_type: "text/markdown".to_owned(),
        description: "the report".to_owned(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_has_a_folder_of_its_own() {
        for (id, own) in [
            ("q3", true),
            ("q3.2026", true),
            ("..", false),
            (".", false),
            ("a/b", false),
            ("", false),
        ] {
            let checked = Goal::new("Analyze Q3 sales")
                .id(id)
                .out("out")
                .check(&Config::default());
            assert_eq!(checked.is_ok(), own, "{id:?}: {checked:?}");
        }
    }

    #[test]
    fn fresh_ids_cannot_be_guessed() {
        assert_eq!(fresh_id().unwrap().len(), "g-".len() + 32, "128 bits");
    }
}
