//! The six acts. Each is played by the node itself, over its own contract, and says step by step what was seen; nothing is said that was not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aios_control::access::Token;
use aios_control::{Ask, Client, Event, EventKind, GoalPhase, Submit};
use aios_inference::Scripts;
use aios_protocols::{Draft, PrincipalId, Sealed, Sealer, SigningIdentity};
use aios_runtime::Node;
use aios_work::PlanFile;
use aios_work::content::{AgentEvent, TaskEvent, TaskStatus, unhex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rest;
use super::stage::{self, BOOKED, Stage};
use super::{lines, till};

/// What any one step may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what does not tell by itself.
const BREATH: Duration = Duration::from_millis(50);

/// An act as it is announced.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Act {
    /// From 1 to 6.
    pub(super) act: u8,
    pub(super) title: String,
    pub(super) says: String,
    /// The same by hand.
    pub(super) commands: Vec<String>,
}

/// What became of an act, or of a part of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Played {
    /// What was seen, in order.
    pub(super) steps: Vec<String>,
    /// Whether it is as it was promised.
    pub(super) holds: bool,
    /// The goal it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<String>,
    /// The process that is to be killed next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<u32>,
    /// The question that a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<String>,
}

impl Played {
    fn step(&mut self, words: impl Into<String>) {
        self.steps.push(words.into());
    }
}

/// Why an act could not be played.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The acts, and the node they are played on once it runs.
pub(super) struct Acts {
    stage: Stage,
    node: OnceLock<Node>,
    scripts: Scripts,
    rounds: AtomicU32,
    sleepers: u32,
}

impl Acts {
    pub(super) fn new(stage: Stage, scripts: Scripts, sleepers: u32) -> Arc<Self> {
        Arc::new(Self {
            stage,
            node: OnceLock::new(),
            scripts,
            rounds: AtomicU32::default(),
            sleepers,
        })
    }

    pub(super) fn is_played_on(&self, node: &Node) {
        let _ = self.node.set(node.clone());
    }

    fn node(&self) -> Result<&Node, Failed> {
        self.node.get().ok_or_else(|| "the node is starting".into())
    }

    fn control(&self) -> Result<Client, Failed> {
        Ok(self.node()?.control())
    }

    /// What there is to see.
    pub(super) fn announced(&self) -> Vec<Act> {
        let folder = self.stage.folder().display();
        let sleepers = self.sleepers;
        let act = |act, title: &str, says: &str, commands: Vec<String>| Act {
            act,
            title: title.to_owned(),
            says: says.to_owned(),
            commands,
        };
        let submit = format!("aios goal submit --plan {folder}/bookings.json");
        vec![
            act(
                1,
                "Kill the executor",
                "A goal books three things. Its executor is killed in the middle of the second; its supervisor brings it back, its work is handed on, and the goal is answered.",
                vec![
                    submit.clone(),
                    "aios kill macro.executor.001@local".to_owned(),
                ],
            ),
            act(
                2,
                "kill -9 the node",
                "The whole process is killed while the second booking is under way, after its effect and before anybody heard of it. It starts again over its journal and finishes; each effect has still happened once.",
                vec![
                    submit,
                    format!("kill -9 {}", std::process::id()),
                    format!("cat {}", self.stage.effects().display()),
                ],
            ),
            act(
                3,
                "Flip a byte",
                "A message that its sender has signed is changed in one bit on its way. It is refused with the reason, and nobody acts on it.",
                vec!["aios tree".to_owned()],
            ),
            act(
                4,
                "Plant a wrong number",
                "An auditor adds up with a tool, and its model writes another figure into the draft. The gate names the figure and blocks; the corrected draft passes.",
                vec![format!("aios agent ask auditor \"{}\"", lines::QUESTION)],
            ),
            act(
                5,
                "Why is it waiting?",
                "A clerk is to give money back, and its tool may be called only when a person has said yes. The goal says what it waits for, and goes on at the decision.",
                vec![
                    "aios approvals".to_owned(),
                    "aios approvals accept ID".to_owned(),
                ],
            ),
            act(
                6,
                "A million asleep",
                &format!(
                    "{sleepers} micro agents are put to sleep, 64 bytes each. One of them is woken, and hears what it is told."
                ),
                vec![
                    "aios swarm show".to_owned(),
                    "aios swarm top page".to_owned(),
                ],
            ),
        ]
    }

    /// Plays an act; of one in parts the part that is named.
    pub(super) async fn play(&self, act: u8, part: u8, goal: &str) -> Result<Played, Failed> {
        match (act, part) {
            (1, _) => self.kill_the_executor().await,
            (2, 2) => self.finish_after_the_fall(goal).await,
            (2, _) => self.begin_the_fall().await,
            (3, _) => self.flip_a_byte().await,
            (4, _) => self.plant_a_number().await,
            (5, 2) => self.after_the_decision(goal).await,
            (5, _) => self.ask_a_person().await,
            (6, _) => rest::play(self.node()?.population(), self.sleepers).await,
            _ => Err(format!("there is no act {act}; there are 1 to 6").into()),
        }
    }

    async fn begin(&self, name: &str, plan: Option<Box<PlanFile>>) -> Result<String, Failed> {
        let plan = plan.ok_or("the plan does not read")?;
        let round = self.rounds.fetch_add(1, Ordering::Relaxed);
        // Different after a restart too, whoever plays the act again.
        let goal_id = format!("{name}-{}-{round}", std::process::id());
        let mut control = self.control()?;
        let submitted = control.submit(Submit {
            goal_id: Some(goal_id),
            text: plan.goal.clone(),
            data: Vec::new(),
            files: Vec::new(),
            out: self.stage.out().to_string_lossy().into_owned(),
            private: false,
            plan: Some(plan),
        });
        Ok(submitted.await?.goal_id)
    }

    /// Waits until the second booking is under way; who is at it.
    async fn second_under_way(&self, goal: &str) -> Result<String, Failed> {
        let mut watch = self.control()?;
        watch.watch(goal, 0).await?;
        let found = async {
            while let Some(event) = watch.next_event().await? {
                if let Some(task) = task_of(&event)
                    && task.task_id == BOOKED[1]
                    && task.status == TaskStatus::Running
                    && let Some(agent) = task.agent
                {
                    return Ok(agent);
                }
            }
            Err::<String, Failed>("the goal ended before the second booking began".into())
        };
        let agent = soon("the second booking", found).await??;
        // Its effect is there before it is killed.
        let effect = || async {
            let counts = till::counted(&self.stage.effects(), goal)?;
            Ok::<_, Failed>(counts.iter().any(|(what, _)| what == BOOKED[1]))
        };
        until("the effect of the second booking", effect).await?;
        Ok(agent)
    }

    /// What happened with the goal up to its end, and whether each booking happened once.
    async fn ended(&self, goal: &str, played: &mut Played) -> Result<(), Failed> {
        let mut watch = self.control()?;
        watch.watch(goal, 0).await?;
        // One that was under way when the node fell is told of again by the next.
        let mut tasks = BTreeSet::new();
        let over = async {
            while let Some(event) = watch.next_event().await? {
                if let Some(agent) = agent_of(&event) {
                    let why = agent
                        .reason
                        .map(|why| format!(": {why}"))
                        .unwrap_or_default();
                    played.step(format!("{} {}{why}", agent.agent, agent.kind));
                }
                if let Some(task) = task_of(&event)
                    && task.status == TaskStatus::Completed
                {
                    tasks.insert(task.task_id);
                }
            }
            Ok::<_, Failed>(())
        };
        soon("the end of the goal", over).await??;
        let state = self.control()?.goal(goal).await?;
        let status = state.answer.as_ref().map(|answer| answer.status.as_str());
        played.step(format!(
            "the goal is {}, {} tasks are done",
            status.unwrap_or("without an answer"),
            tasks.len()
        ));
        let counts = till::counted(&self.stage.effects(), goal)?;
        for (what, count) in &counts {
            played.step(format!("effect of {what}: {count}"));
        }
        played.holds = state.phase == GoalPhase::Answered
            && !matches!(status, None | Some("failed"))
            && !counts.is_empty()
            && counts.iter().all(|(_, count)| *count == 1);
        Ok(())
    }

    async fn kill_the_executor(&self) -> Result<Played, Failed> {
        let mut played = Played::default();
        let goal = self.begin("act-1", stage::bookings_plan()).await?;
        played.step(format!("goal {goal} books {}", BOOKED.join(", then ")));
        let agent = self.second_under_way(&goal).await?;
        self.control()?.kill(&agent).await?;
        played.step(format!(
            "{agent} is killed while it books the {}",
            BOOKED[1]
        ));
        self.ended(&goal, &mut played).await?;
        let counts = till::counted(&self.stage.effects(), &goal)?;
        played.holds &= counts.len() == BOOKED.len();
        played.goal = Some(goal);
        Ok(played)
    }

    async fn begin_the_fall(&self) -> Result<Played, Failed> {
        let mut played = Played::default();
        let goal = self.begin("act-2", stage::bookings_plan()).await?;
        let agent = self.second_under_way(&goal).await?;
        let process = std::process::id();
        played.step(format!(
            "goal {goal}: {agent} books the {}; its effect is there, and nobody has heard of it",
            BOOKED[1]
        ));
        played.step(format!("kill -9 {process}"));
        played.process = Some(process);
        played.goal = Some(goal);
        played.holds = true;
        Ok(played)
    }

    async fn finish_after_the_fall(&self, goal: &str) -> Result<Played, Failed> {
        let mut played = Played::default();
        played.step(format!(
            "process {} goes on from the journal",
            std::process::id()
        ));
        self.ended(goal, &mut played).await?;
        let counts = till::counted(&self.stage.effects(), goal)?;
        played.holds &= counts.len() == BOOKED.len();
        played.goal = Some(goal.to_owned());
        Ok(played)
    }

    async fn flip_a_byte(&self) -> Result<Played, Failed> {
        let mut played = Played::default();
        let node = self.node()?;
        let system = node.system();
        let cells = system.directory().of_role("macro.interface");
        let cell = cells.first().ok_or("no interface agent runs")?;
        let receiver = cell.party().clone();
        let now = system.now();
        // Somebody whose key the node knows, as long as it is here.
        let name: PrincipalId = "service:courier@local".parse()?;
        let drawn = unhex(Token::fresh()?.reveal()).and_then(|bytes| bytes.try_into().ok());
        let seed: [u8; 32] = drawn.ok_or("a token is not 32 bytes")?;
        let identity = Arc::new(SigningIdentity::from_seed(name, seed));
        let courier = system.client(Arc::clone(&identity)).await?;
        let mut sealer = Sealer::new(identity, system.tenant().clone(), now.as_micros());
        let draft = Draft::request(receiver.clone(), "Analyze Q3 sales");
        let (message, sealed) = sealer.seal(draft, now, [7; 10])?;
        played.step(format!(
            "{} has signed a request to {receiver}: {} bytes",
            message.sender,
            sealed.len()
        ));
        let mut bytes = sealed.as_bytes().to_vec();
        let last = bytes.len() - 1;
        let byte = bytes.last_mut().ok_or("the message is empty")?;
        *byte ^= 1;
        played.step(format!("one bit of byte {last} is flipped on its way"));
        let count = || {
            let counts = system.audit().counts();
            counts.values().sum::<u64>()
        };
        let known = count();
        cell.post(Sealed::from_bytes(bytes), true).await?;
        let refused = || {
            let entries = system.audit().entries();
            let own = entries.into_iter().rev().find(|entry| entry.by == receiver);
            let found = (count() > known).then_some(own).flatten();
            async move { Ok::<_, Failed>(found) }
        };
        let entry = until_some("the refusal", refused).await?;
        drop(courier);
        played.step(format!(
            "{} refused it ({}): {}",
            entry.by, entry.label, entry.reason
        ));
        played.holds = entry.label == "bad-signature";
        Ok(played)
    }

    async fn plant_a_number(&self) -> Result<Played, Failed> {
        let mut played = Played::default();
        let mut control = self.control()?;
        let asked = control.ask_agent(Ask {
            agent: "auditor".to_owned(),
            content: lines::QUESTION.to_owned(),
            deadline_ms: 60_000,
        });
        let asked = asked.await?;
        played.step(format!("asked: {}", lines::QUESTION));
        played.step(format!("its model drafts: {}", lines::PLANTED));
        // What the gate said stands in what the model was shown next.
        let prompts = self.scripts.prompts();
        let finding = prompts.iter().rev().find_map(|prompt| finding(prompt));
        match &finding {
            Some(finding) => played.step(format!("the gate blocks it: {finding}")),
            None => played.step("no finding of the gate was seen"),
        }
        played.step(format!("the draft that leaves: {}", asked.content));
        played.holds = finding.is_some() && asked.content.contains(lines::RIGHT);
        Ok(played)
    }

    async fn ask_a_person(&self) -> Result<Played, Failed> {
        let mut played = Played::default();
        let before: Vec<String> = self.open().await?;
        let order = format!(
            "{}-{}",
            std::process::id(),
            self.rounds.load(Ordering::Relaxed)
        );
        let goal = self.begin("act-5", stage::refund_plan(&order)).await?;
        let asked = || async {
            let open = self.open().await?;
            Ok::<_, Failed>(open.into_iter().find(|id| !before.contains(id)))
        };
        let id = until_some("the question to a person", asked).await?;
        let explained = self.control()?.explain(&goal).await?;
        played.step(format!("goal {goal}: {}", explained.why));
        for waits in &explained.waits_for {
            played.step(format!("it waits for {waits}"));
        }
        for way in &explained.can {
            played.step(format!("what can be done: {} ({})", way.does, way.command));
        }
        let effects = till::counted(&self.stage.effects(), &order)?;
        played.holds = effects.is_empty();
        played.goal = Some(goal);
        played.approval = Some(id);
        Ok(played)
    }

    async fn open(&self) -> Result<Vec<String>, Failed> {
        let all = self.control()?.approvals().await?;
        let open = all
            .into_iter()
            .filter(|approval| approval.status == aios_control::ApprovalStatus::Open);
        Ok(open.map(|approval| approval.id).collect())
    }

    async fn after_the_decision(&self, goal: &str) -> Result<Played, Failed> {
        let mut played = Played::default();
        let over = || async {
            let state = self.control()?.goal(goal).await?;
            Ok::<_, Failed>((state.phase != GoalPhase::Running).then_some(state))
        };
        let state = until_some("the end of the goal", over).await?;
        let answer = state.answer.as_ref();
        played.step(format!(
            "the goal is {}",
            answer.map_or("without an answer", |answer| answer.status.as_str())
        ));
        played.holds = state.phase == GoalPhase::Answered
            && answer.is_some_and(|answer| answer.answer.contains("given back"));
        played.goal = Some(goal.to_owned());
        Ok(played)
    }
}

/// What the gate objected to, out of what the model was shown.
fn finding(prompt: &str) -> Option<String> {
    let at = prompt.find("follows from nothing")?;
    let from = prompt[..at].rfind(['"', '\n', ':']).map_or(0, |at| at + 1);
    let until = prompt[at..]
        .find(['"', '\n', '\\'])
        .map_or(prompt.len(), |end| at + end);
    let words = prompt[from..until].trim();
    Some(words.trim_start_matches("- [[critic]]").trim().to_owned())
}

fn task_of(event: &Event) -> Option<TaskEvent> {
    (event.kind == EventKind::Task).then(|| event.read().ok())?
}

fn agent_of(event: &Event) -> Option<AgentEvent> {
    (event.kind == EventKind::Agent).then(|| event.read().ok())?
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> Result<T, Failed> {
    let late = |_| format!("{what} did not come within {} s", PATIENCE.as_secs());
    Ok(tokio::time::timeout(PATIENCE, work).await.map_err(late)?)
}

async fn until<F>(what: &str, look: impl Fn() -> F) -> Result<(), Failed>
where
    F: Future<Output = Result<bool, Failed>>,
{
    until_some(what, || async { Ok(look().await?.then_some(())) }).await
}

async fn until_some<T, F>(what: &str, look: impl Fn() -> F) -> Result<T, Failed>
where
    F: Future<Output = Result<Option<T>, Failed>>,
{
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{what} did not come within {} s", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(BREATH).await;
    }
}
