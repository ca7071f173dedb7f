//! Agents of charters on a node: how they are taken in, spawned, found by name and looked at.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentOptions, AgentView};
use aios_actors::recovery::Budget;
use aios_actors::{AgentSystem, AgentSystemError};
use aios_control::{AgentLine, AgentShown, ControlError, Question};
use aios_inference::Platform;
use aios_orchestrator::Services;
use aios_orchestrator::crew::{AgentSkill, CharterAgent, EnlistError, Member, Outcome, RunRecord};
use aios_protocols::{AgentCard, AgentId, Party, Tier};
use aios_supervisor::{ChildSpec, EventKind, Restart, SupervisionEvent, SupervisorRef};
use aios_work::content::ontology;
use aios_work::{Charter, Privacy, RestartRule};
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

use crate::boot::SPAWNED;
use crate::config::Config;
use crate::node::{Node, SpawnError};
use crate::remote::RemoteAgents;
use crate::view;

/// Bytes of a file of criteria.
const CRITERIA_BYTES: u64 = 256 << 10;
/// How much longer than a question the job that works on it may last.
const JOB_GRACE: Duration = Duration::from_secs(30);

/// Why a charter cannot be followed on this node, beside what [`EnlistError`] says.
#[derive(Debug, thiserror::Error)]
pub enum CharterRefused {
    /// A word of it cannot be followed.
    #[error(transparent)]
    Enlist(#[from] EnlistError),
    /// Its role is that of agents of another kind.
    #[error(
        "charter {charter} has the role {role}, which agents of this node have that follow no charter; give it another `role`"
    )]
    Role {
        /// Whose charter.
        charter: String,
        /// The role.
        role: String,
    },
    /// Other agents have its name.
    #[error(
        "the name {charter} is that of agents with the role {role}, which would no longer be found by it; give the charter another `name`, or stop them first"
    )]
    Taken {
        /// The name.
        charter: String,
        /// The role of those who have it.
        role: String,
    },
    /// It thinks with a model that is not loaded.
    #[error(
        "charter {charter} thinks with {asked:?}, and this node with {there:?}; leave `model` out for whatever the node has"
    )]
    Model {
        /// Whose charter.
        charter: String,
        /// The model it names.
        asked: String,
        /// The model there is.
        there: String,
    },
    /// Its answers are to be judged by what is not there.
    #[error(
        "charter {charter} has its answers judged by the criteria {criteria:?}: {file} {why}; write the file, let agents.criteria name its folder, or leave `criteria` out"
    )]
    Criteria {
        /// Whose charter.
        charter: String,
        /// The criteria it names.
        criteria: String,
        /// Where they would lie.
        file: String,
        /// Why they cannot be had.
        why: String,
    },
    /// Its words must not leave this machine.
    #[error(
        "charter {charter} keeps its words on this machine, and this node thinks with {there} on another's; start a node with a local model"
    )]
    Privacy {
        /// Whose charter.
        charter: String,
        /// What thinks.
        there: String,
    },
}

/// What thinks, as far as a charter has to do with it.
pub(crate) struct Thinker {
    pub(crate) names: Vec<String>,
    pub(crate) elsewhere: bool,
}

impl Thinker {
    /// What a node's engine says of itself; an engine that says nothing is taken to be another's machine.
    pub(crate) async fn of(system: &AgentSystem, model: &str) -> Self {
        let can = match system.engine() {
            Some(engine) => engine.capabilities().await.ok(),
            None => None,
        };
        let elsewhere = can
            .as_ref()
            .is_none_or(|can| can.platform == Platform::Cloud);
        let names = can
            .map(|can| can.name)
            .into_iter()
            .chain([model.to_owned()]);
        Self {
            names: names.filter(|name| !name.is_empty()).collect(),
            elsewhere,
        }
    }

    /// What is not known yet, and so refuses nothing.
    pub(crate) fn unknown() -> Self {
        Self {
            names: Vec::new(),
            elsewhere: false,
        }
    }

    /// Whether it may think for these charters.
    pub(crate) fn follow<'c>(
        &self,
        charters: impl IntoIterator<Item = &'c Charter>,
    ) -> Result<(), CharterRefused> {
        charters
            .into_iter()
            .try_for_each(|charter| self.follows(charter))
    }

    fn follows(&self, charter: &Charter) -> Result<(), CharterRefused> {
        let there = || self.names.join(" or ");
        if let Some(asked) = &charter.model
            && !self.names.is_empty()
            && !self.names.contains(asked)
        {
            return Err(CharterRefused::Model {
                charter: charter.name.clone(),
                asked: asked.clone(),
                there: there(),
            });
        }
        if charter.privacy == Privacy::Local && self.elsewhere {
            return Err(CharterRefused::Privacy {
                charter: charter.name.clone(),
                there: there(),
            });
        }
        Ok(())
    }
}

/// A charter as a member of a node's crew, checked to the last word.
pub(crate) fn member(
    charter: Charter,
    system: &AgentSystem,
    services: &Services,
    thinker: &Thinker,
    criteria: &Path,
    ceilings: Vec<Budget>,
) -> Result<Arc<Member>, CharterRefused> {
    thinker.follows(&charter)?;
    if system.factories().roles().contains(&charter.role) {
        return Err(CharterRefused::Role {
            charter: charter.name,
            role: charter.role,
        });
    }
    if let Some(held) = services.crew().member(&charter.name)
        && held.charter().role != charter.role
    {
        return Err(CharterRefused::Taken {
            charter: charter.name,
            role: held.charter().role.clone(),
        });
    }
    let named = criteria_of(&charter, criteria)?;
    let member = Member::new(charter, services.tools(), ceilings)?;
    Ok(Arc::new(match named {
        Some(toml) => member.judged_by(toml)?,
        None => member,
    }))
}

/// Agents on the other side, in this process or in others, have the charter's name.
pub(crate) fn taken(charter: &Charter) -> CharterRefused {
    CharterRefused::Taken {
        charter: charter.name.clone(),
        role: charter.role.clone(),
    }
}

/// The criteria that a charter names, from the folder of this node's. What cannot be judged is not left unjudged.
fn criteria_of(charter: &Charter, folder: &Path) -> Result<Option<String>, CharterRefused> {
    let Some(name) = &charter.criteria else {
        return Ok(None);
    };
    let file = folder.join(format!("{name}.toml"));
    let read = aios_tools::read_regular(&file, CRITERIA_BYTES);
    let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    text.map(Some).map_err(|error| CharterRefused::Criteria {
        charter: charter.name.clone(),
        criteria: name.clone(),
        file: file.display().to_string(),
        why: format!("cannot be read: {error}"),
    })
}

/// An agent of a member as a child of any supervisor.
pub(crate) fn child(
    id: &AgentId,
    member: &Arc<Member>,
    system: &AgentSystem,
    services: &Arc<Services>,
    config: &Config,
) -> Result<ChildSpec, AgentSystemError> {
    let charter = member.charter();
    let options = AgentOptions {
        mailbox: config.agents.mailbox as usize,
        deliveries: config.agents.deliveries,
        job_deadline: charter.budget.time() + JOB_GRACE,
        durable: charter.durable,
        ..AgentOptions::default()
    };
    let cell = system.enrol(id, options)?;
    let restart = restart(charter.restart);
    let (member, services) = (Arc::clone(member), Arc::clone(services));
    let maker = Arc::new(move || {
        let agent = CharterAgent::new(Arc::clone(&member), Arc::clone(&services));
        Ok(Box::new(agent) as Box<dyn aios_actors::agent::Agent>)
    });
    Ok(system.agent_child_spec(&cell, maker).restart(restart))
}

/// The same in the words of a charter.
pub(crate) fn rule(restart: Restart) -> RestartRule {
    match restart {
        Restart::Permanent => RestartRule::Permanent,
        Restart::Transient => RestartRule::Transient,
        Restart::Temporary => RestartRule::Temporary,
    }
}

pub(crate) fn restart(rule: RestartRule) -> Restart {
    match rule {
        RestartRule::Permanent => Restart::Permanent,
        RestartRule::Transient => Restart::Transient,
        RestartRule::Temporary => Restart::Temporary,
    }
}

impl Node {
    /// Spawns an agent of a charter, as the next free instance of its role. Its skill is a tool of the node from then on: `agent__NAME`.
    ///
    /// # Errors
    /// What of the charter cannot be followed here, before anything has changed; or why the supervisor did not start it.
    pub async fn spawn_charter(
        &self,
        charter: Charter,
        under: Option<&str>,
    ) -> Result<AgentId, SpawnError> {
        let under = under.unwrap_or(SPAWNED);
        let id = self.spawn_charter_as(charter.clone(), under, None).await?;
        self.spawned_by(&id, &charter, under)?;
        Ok(id)
    }

    /// The same, under a name of its own if it had one before.
    pub(crate) async fn spawn_charter_as(
        &self,
        charter: Charter,
        under: &str,
        name: Option<AgentId>,
    ) -> Result<AgentId, SpawnError> {
        let parts = &self.parts;
        let (system, services) = (&parts.system, &parts.services);
        let supervisor = self.supervisor(under)?;
        // From here until it is known by its name nobody else takes that.
        let entered = parts.spawning.lock().await;
        // Of many agents that a node has again, those of one charter are checked once.
        let held = services.crew().member(&charter.name);
        let held = held.filter(|held| name.is_some() && *held.charter() == charter);
        let is_held = held.is_some();
        let member = match held {
            Some(held) => held,
            None => {
                let thinker = Thinker::of(system, &parts.models.report().name).await;
                let criteria = Path::new(&parts.config.agents.criteria);
                member(charter, system, services, &thinker, criteria, Vec::new())?
            }
        };
        parts.remote.follow(&parts.tree);
        if parts.remote.has(&member.charter().name) {
            return Err(taken(member.charter()).into());
        }
        // It has its name and its charter is known: there is nothing that two at once could both take.
        let _entered = (name.is_none() || !is_held).then_some(entered);
        let id = match name {
            Some(name) => name,
            None => {
                let id = system.next_instance(&member.charter().role)?;
                self.has_its_charter(id.as_str())?;
                id
            }
        };
        let spec = child(&id, &member, system, services, &parts.config)?;
        if let Err(error) = supervisor.start_child(spec).await {
            system.leave(&Party::from(&id));
            return Err(error.into());
        }
        // The last one who followed it may have gone meanwhile, and its skill with it.
        if !is_held || services.crew().member(&member.charter().name).is_none() {
            let skill = AgentSkill::new(member.charter());
            services.crew().enlist(Arc::clone(&member));
            services.tools().register(Arc::new(skill));
        }
        // One that is gone already was gone before anybody looked for its skill.
        let role = &member.charter().role;
        if !parts.tree.means_to_have(id.as_str()) && !stands(&parts.tree, system, role) {
            withdraw(services, member.charter());
        }
        Ok(id)
    }

    /// What is meant by a name: that of an agent or a role as it stands; that of a charter is the least busy agent that follows it.
    pub(crate) fn meant(&self, name: &str) -> String {
        if name.contains('.') {
            return name.to_owned();
        }
        let directory = self.parts.system.directory();
        let follows = |card: &AgentCard| follows(card) && card.skills.contains(name);
        let agents = directory.cards().into_iter().filter(follows);
        let least = agents.min_by_key(|card| {
            let cell = directory.get(&Party::from(&card.id));
            cell.map_or(usize::MAX, |cell| cell.view().in_flight)
        });
        least.map_or_else(|| format!("macro.{name}"), |card| card.id.to_string())
    }

    /// The agents of the tree, in its order.
    pub(crate) fn agent_lines(&self) -> Vec<AgentLine> {
        let seen = view::agents(&self.parts.tree.view());
        let ids = seen
            .iter()
            .filter_map(|seen| seen.id.parse::<AgentId>().ok());
        ids.filter_map(|id| self.agent_line(&id)).collect()
    }

    fn agent_line(&self, id: &AgentId) -> Option<AgentLine> {
        let cell = self.parts.system.directory().get(&Party::from(id))?;
        let card = cell.card();
        let AgentView {
            state,
            mailbox,
            in_flight,
            ..
        } = cell.view();
        Some(AgentLine {
            agent: id.to_string(),
            charter: card
                .as_deref()
                .and_then(|card| self.charter_of(card))
                .map(|charter| charter.name),
            description: card
                .as_deref()
                .map(|card| card.description.clone())
                .unwrap_or_default(),
            skills: card
                .as_deref()
                .map(|card| card.skills.iter().cloned().collect())
                .unwrap_or_default(),
            state: state.to_string(),
            waiting: mailbox.queued as u64,
            at_work: in_flight as u64,
        })
    }

    /// The charter that an agent follows, if it follows one.
    fn charter_of(&self, card: &AgentCard) -> Option<Charter> {
        if !follows(card) {
            return None;
        }
        let members = self.parts.services.crew().members();
        let own = members.iter().find(|member| {
            let charter = member.charter();
            charter.role == card.role && card.skills.contains(&charter.name)
        });
        own.map(|member| member.charter().clone())
    }

    /// One agent closely.
    pub(crate) fn agent_shown(&self, name: &str) -> Result<AgentShown, ControlError> {
        let meant = self.meant(name);
        // By its whole name it is found wherever it stands; a list shows no more than the first children of each supervisor.
        let whole = meant.parse::<AgentId>().ok();
        let here = whole.filter(|id| self.parts.tree.find(id.as_str()).is_some());
        let line = here.and_then(|id| self.agent_line(&id)).or_else(|| {
            let below = format!("{meant}.");
            let mut lines = self.agent_lines().into_iter();
            lines.find(|line| line.agent.starts_with(&below))
        });
        let Some(line) = line else {
            return Err(ControlError::unknown(format!(
                "no agent {} is here; `aios agent list` shows those there are",
                aios_protocols::Printable(name)
            )));
        };
        let cell = line
            .agent
            .parse::<AgentId>()
            .ok()
            .and_then(|id| self.parts.system.directory().get(&Party::from(&id)));
        let card = cell.and_then(|cell| cell.card());
        let questions = self.parts.services.crew().runs(&line.agent);
        let follows = card.as_deref().and_then(|card| self.charter_of(card));
        Ok(AgentShown {
            open_to: card
                .as_deref()
                .map(|card| {
                    card.open_to
                        .openers()
                        .iter()
                        .map(ToString::to_string)
                        .collect()
                })
                .unwrap_or_default(),
            tools: follows
                .as_ref()
                .map(|charter| self.parts.services.crew().tools_of(&line.agent, charter))
                .unwrap_or_default(),
            follows,
            questions: questions.into_iter().map(question).collect(),
            line,
        })
    }
}

/// Takes the skills out of the toolbox that nobody offers any more, as long as the tree runs. It is begun when the tree stands.
pub(crate) fn follow(
    tree: &SupervisorRef,
    system: &AgentSystem,
    services: Arc<Services>,
) -> impl Future<Output = ()> + Send + use<> {
    let (tree, events) = (tree.clone(), tree.events());
    let system = system.clone();
    upon_ends(events, move || withdraw_lost(&tree, &system, &services))
}

/// The same for agents in other processes: those that nobody means to have any more are taken leave of.
pub(crate) fn follow_remote(
    tree: &SupervisorRef,
    agents: RemoteAgents,
) -> impl Future<Output = ()> + Send + use<> {
    let (tree, events) = (tree.clone(), tree.events());
    upon_ends(events, move || agents.follow(&tree))
}

fn withdraw_lost(tree: &SupervisorRef, system: &AgentSystem, services: &Services) {
    for member in services.crew().members() {
        let charter = member.charter();
        if !stands(tree, system, &charter.role) {
            withdraw(services, charter);
        }
    }
}

/// Looks whenever an agent may have gone for good.
async fn upon_ends(mut events: broadcast::Receiver<SupervisionEvent>, look: impl Fn() + Send) {
    loop {
        match events.recv().await {
            Ok(event) if ends(&event.kind) => {}
            Ok(_) => continue,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        // One look for all that has ended by now.
        while !matches!(
            events.try_recv(),
            Err(TryRecvError::Empty | TryRecvError::Closed)
        ) {}
        look();
    }
}

fn withdraw(services: &Services, charter: &Charter) {
    services.tools().remove(&charter.tool_name());
    services.crew().dismiss(&charter.name);
}

/// Whether an agent may be gone for good behind this.
fn ends(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Exited { .. }
            | EventKind::Removed
            | EventKind::GaveUp { .. }
            | EventKind::AutoShutdown
            | EventKind::Stopped { .. }
    )
}

/// Whether some supervisor of the tree still means to have an agent of this role. Looked up by name: a view of the tree shows no more than the
/// first children of each supervisor.
pub(crate) fn stands(tree: &SupervisorRef, system: &AgentSystem, role: &str) -> bool {
    let agents = system.directory().of_role(role);
    let mut names = agents.iter().map(|cell| cell.party().as_str());
    names.any(|name| tree.means_to_have(name))
}

/// Whether a card is that of an agent of a charter.
fn follows(card: &AgentCard) -> bool {
    card.id.tier() == Tier::Macro && card.ontologies.contains(ontology::AGENT)
}

fn question(run: RunRecord) -> Question {
    let (status, why) = match run.outcome {
        Outcome::AtWork => ("at_work", None),
        Outcome::Answered => ("answered", None),
        Outcome::Left => ("left", None),
        Outcome::Unanswered(why) => ("unanswered", Some(why)),
    };
    Question {
        operation: run.operation,
        began: run.began.to_string(),
        turns: run.turns,
        spent: run.spent,
        status: status.to_owned(),
        why,
    }
}
