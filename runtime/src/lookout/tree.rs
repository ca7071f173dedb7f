//! The supervision tree as lines, a page at a time, made of the snapshots that supervisors and agents leave.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aios_actors::SleepCounts;
use aios_actors::agent::{AgentState, AgentView};
use aios_control::{
    AgentPart, ControlError, Event, EventKind, EventStream, MailboxPart, Sleepers, SupervisorPart,
    Told, TreeAsked, TreeLine, TreePage,
};
use aios_protocols::{AgentId, Party};
use aios_supervisor::{
    ChildView, EventKind as Happening, Restart, Strategy, SupervisionEvent, SupervisorState,
    TreeView,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::node::Node;

/// How often a watcher of the tree is told at most.
const BEAT: Duration = Duration::from_millis(250);
/// How often it is looked at though no supervisor tells anything: mailboxes fill, and agents begin to wait, without that.
const LOOK: Duration = Duration::from_secs(1);
/// Looks that follow each other faster share one interval.
const SHORTEST: Duration = Duration::from_millis(900);
/// Agents whose rates are known.
const RATED: usize = 32_768;

/// How many messages each agent took, when somebody looked last.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<Party, Rate>>);

struct Rate {
    at: Instant,
    count: u64,
    per_second: Option<f64>,
}

impl Rates {
    /// Messages in a second since somebody looked last; none at the first look.
    fn of(&self, agent: &Party, count: u64, now: Instant) -> Option<f64> {
        let mut rates = self.0.lock();
        if rates.len() >= RATED && !rates.contains_key(agent) {
            rates.clear();
        }
        let rate = rates.entry(agent.clone()).or_insert(Rate {
            at: now,
            count,
            per_second: None,
        });
        let since = now.saturating_duration_since(rate.at);
        if since >= SHORTEST {
            // An agent that came again under its name begins to count anew.
            let more = count.saturating_sub(rate.count);
            rate.per_second = Some(round(more as f64 / since.as_secs_f64()));
            rate.at = now;
            rate.count = count;
        }
        rate.per_second
    }
}

fn round(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

/// The page that is asked for. `seen` is an agent's picture, and `bytes` what a child holds where that is known.
fn lines(
    tree: &TreeView,
    asked: &TreeAsked,
    mut seen: impl FnMut(&str) -> Option<AgentPart>,
    bytes: impl Fn(&str) -> Option<u64>,
) -> (u64, Vec<TreeLine>) {
    let mut all = Vec::new();
    walk(tree, None, 0, asked.levels, &mut all);
    let search = asked.search.as_deref().map(str::to_lowercase);
    let skip = usize::try_from(asked.skip).unwrap_or(usize::MAX);
    let most = usize::try_from(asked.most.clamp(1, TreeAsked::MOST)).unwrap_or(1);
    let (mut total, mut page) = (0_u64, Vec::new());
    for mut line in all {
        let found = search.as_deref().is_none_or(|search| {
            line.id.to_lowercase().contains(search)
                || line
                    .note
                    .as_deref()
                    .is_some_and(|note| note.to_lowercase().contains(search))
        });
        if !found {
            continue;
        }
        // An agent's picture is made only where it is looked at.
        let looks = asked.state.is_some() || (total >= asked.skip && page.len() < most);
        if looks && line.supervisor.is_none() {
            line.agent = seen(&line.id);
        }
        let agent = line.agent.as_ref().map(|agent| agent.state.as_str());
        let state = asked.state.as_deref();
        if !state.is_none_or(|state| line.state == state || agent == Some(state)) {
            continue;
        }
        total += 1;
        if total as usize > skip && page.len() < most {
            line.memory_bytes = bytes(&line.id);
            page.push(line);
        }
    }
    (total, page)
}

fn walk(
    tree: &TreeView,
    child: Option<&ChildView>,
    level: u32,
    levels: u32,
    out: &mut Vec<TreeLine>,
) {
    let state = match tree.state {
        SupervisorState::Starting => "starting",
        SupervisorState::Running => "running",
        SupervisorState::Stopping => "stopping",
        SupervisorState::Down => "down",
    };
    let mut line = child.map_or_else(
        || TreeLine {
            path: tree.path.to_string(),
            id: tree.path.rsplit('/').next().unwrap_or_default().to_owned(),
            level,
            state: state.to_owned(),
            restart: None,
            incarnation: 0,
            since_ms: millis(tree.uptime),
            restarts: 0,
            backoff_left_ms: None,
            last_exit: None,
            supervisor: None,
            agent: None,
            mailbox: None,
            memory_bytes: None,
            note: None,
        },
        |child| line(&tree.path, child, level),
    );
    line.path = tree.path.to_string();
    line.supervisor = Some(SupervisorPart {
        strategy: match tree.strategy {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
            Strategy::Dynamic => "dynamic",
        }
        .to_owned(),
        restarts_counted: tree.restarts,
        restarts_allowed: tree.intensity.restarts,
        window_ms: millis(tree.intensity.within),
        children: (tree.counts.supervisors + tree.counts.workers) as u64,
        active: tree.counts.active as u64,
    });
    out.push(line);
    if level >= levels {
        return;
    }
    for child in &tree.children {
        match &child.supervisor {
            Some(below) => walk(below, Some(child), level + 1, levels, out),
            None => {
                let path = format!("{}/{}", tree.path, child.id);
                out.push(self::line(&path, child, level + 1));
            }
        }
    }
}

fn line(path: &str, child: &ChildView, level: u32) -> TreeLine {
    TreeLine {
        path: path.to_owned(),
        id: child.id.to_string(),
        level,
        state: child.state.label().to_owned(),
        restart: Some(
            match child.restart {
                Restart::Permanent => "permanent",
                Restart::Transient => "transient",
                Restart::Temporary => "temporary",
            }
            .to_owned(),
        ),
        incarnation: child.incarnation,
        since_ms: millis(child.since),
        restarts: child.restarts,
        backoff_left_ms: child.backoff_left.map(millis),
        last_exit: child.last_exit.as_ref().map(ToString::to_string),
        supervisor: None,
        agent: None,
        mailbox: child.mailbox.map(|depth| MailboxPart {
            queued: depth.queued as u64,
            capacity: depth.capacity as u64,
        }),
        memory_bytes: None,
        note: child.note.clone(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn part(role: &str, view: AgentView, per_second: Option<f64>) -> AgentPart {
    let state: AgentState = view.state;
    AgentPart {
        role: role.to_owned(),
        state: state.to_string(),
        in_hand: view.in_flight as u64,
        running: view.running as u64,
        conversations: view.conversations as u64,
        asks: view.asks as u64,
        sent: view.messages.sent,
        verified: view.messages.verified,
        refused: view.messages.refused,
        per_second,
        last_failure: view.last_failure,
    }
}

/// What the system says this process holds; none where it does not say.
pub(crate) fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024)
}

impl Node {
    /// The part of the tree that is asked for.
    pub(crate) fn tree_page(&self, asked: &TreeAsked) -> Result<TreePage, ControlError> {
        if !(1..=TreeAsked::MOST).contains(&asked.most) {
            return Err(ControlError::invalid(format!(
                "most is {}, allowed is 1 to {}",
                asked.most,
                TreeAsked::MOST
            )));
        }
        let root = &self.parts.tree;
        let tree = match asked.under.as_deref() {
            None => root.view(),
            Some(under) if under == &**root.path() => root.view(),
            Some(under) => {
                let below = under.strip_prefix(&**root.path()).unwrap_or(under);
                let found = root.supervisor(below.trim_start_matches('/'));
                let found = found.ok_or_else(|| {
                    let name = aios_protocols::Printable(under);
                    ControlError::unknown(format!("no supervisor stands at {name}"))
                        .advise("ask for the whole tree, and take a path from there")
                })?;
                found.view()
            }
        };
        let (directory, rates) = (self.parts.system.directory(), &self.parts.lookout.rates);
        let now = Instant::now();
        let seen = |id: &str| {
            let id: AgentId = id.parse().ok()?;
            let party = Party::from(&id);
            let view = directory.get(&party)?.view();
            let per_second = rates.of(&party, view.messages.verified, now);
            Some(part(id.role(), view, per_second))
        };
        let zone = self.parts.population.zone();
        let arenas = std::cell::OnceCell::new();
        let bytes = |id: &str| {
            (id == zone).then(|| {
                *arenas.get_or_init(|| {
                    let totals = self.parts.population.totals();
                    totals
                        .kinds
                        .iter()
                        .map(|kind| kind.arena_bytes)
                        .sum::<u64>()
                })
            })
        };
        let (total, lines) = lines(&tree, asked, seen, bytes);
        Ok(TreePage {
            at: self.parts.system.now().to_string(),
            memory_bytes: memory_bytes(),
            sleepers: self.parts.system.sleep_counts().map(sleepers),
            total,
            lines,
        })
    }
}

fn sleepers(counts: SleepCounts) -> Sleepers {
    let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
    let SleepCounts {
        registered,
        awake,
        woken,
        slept,
    } = counts;
    Sleepers {
        asleep: count(registered.saturating_sub(awake)),
        awake: count(awake),
        woken,
        slept,
    }
}

/// A watch of the tree: the page that is asked for, told anew whenever it looks otherwise.
pub(crate) struct TreeWatcher {
    node: Node,
    asked: TreeAsked,
    events: broadcast::Receiver<SupervisionEvent>,
    seq: u64,
    told: Option<(Vec<TreeLine>, Option<Sleepers>)>,
    looked: Instant,
}

impl TreeWatcher {
    pub(crate) fn new(node: &Node, asked: TreeAsked) -> Result<Self, ControlError> {
        // What cannot be asked for is refused at once.
        node.tree_page(&asked)?;
        Ok(Self {
            events: node.parts.tree.events(),
            node: node.clone(),
            asked,
            seq: 0,
            told: None,
            looked: Instant::now(),
        })
    }

    /// Waits until a look is worth it; false when the tree is gone.
    async fn news(&mut self) -> bool {
        tokio::time::sleep(BEAT.saturating_sub(self.looked.elapsed())).await;
        let deadline = self.looked + LOOK;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.events.recv()).await {
                Err(_) | Ok(Err(RecvError::Lagged(_))) => return true,
                Ok(Err(RecvError::Closed)) => return false,
                Ok(Ok(event)) if matches!(event.kind, Happening::Ready) => {}
                Ok(Ok(_)) => return true,
            }
        }
    }
}

/// A line without what changes by itself.
fn still(lines: &[TreeLine]) -> Vec<TreeLine> {
    let mut lines = lines.to_vec();
    for line in &mut lines {
        line.since_ms = 0;
        line.backoff_left_ms = line.backoff_left_ms.map(|_| 0);
        line.memory_bytes = None;
        line.note = None;
    }
    lines
}

#[async_trait]
impl EventStream for TreeWatcher {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if self.told.is_some() && !self.news().await {
                return None;
            }
            if self.node.is_stopping() {
                return None;
            }
            self.looked = Instant::now();
            let page = self.node.tree_page(&self.asked).ok()?;
            let now = (still(&page.lines), page.sleepers);
            if self.told.as_ref() == Some(&now) {
                continue;
            }
            self.told = Some(now);
            self.seq += 1;
            let event = Event {
                seq: self.seq,
                kind: EventKind::Tree,
                body: serde_json::to_value(page).ok()?,
            };
            return Some(event.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_supervisor::{ChildState, Intensity, Kind};

    use super::*;

    fn child(id: &str, state: ChildState, supervisor: Option<TreeView>) -> ChildView {
        ChildView {
            id: id.into(),
            kind: Kind::Worker,
            restart: Restart::Permanent,
            state,
            incarnation: 2,
            pid: None,
            since: Duration::from_millis(7),
            restarts: 1,
            backoff_left: (state == ChildState::Backoff).then_some(Duration::from_millis(5)),
            last_exit: None,
            mailbox: None,
            note: None,
            supervisor,
        }
    }

    fn tree(path: &str, children: Vec<ChildView>) -> TreeView {
        TreeView {
            path: path.into(),
            strategy: Strategy::OneForOne,
            state: SupervisorState::Running,
            pid: None,
            uptime: Duration::ZERO,
            restarts: 1,
            intensity: Intensity::new(3, Duration::from_secs(5)),
            counts: aios_supervisor::ChildCounts::default(),
            children,
            omitted: 0,
        }
    }

    #[test]
    fn a_page_is_the_part_that_is_asked_for_and_nobody_else_is_looked_at() {
        let below = tree(
            "node/macro",
            vec![
                child("macro.a.001@l", ChildState::Running, None),
                child("macro.b.001@l", ChildState::Backoff, None),
                child("macro.b.002@l", ChildState::Running, None),
            ],
        );
        let whole = tree(
            "node",
            vec![
                child("engine", ChildState::Running, None),
                child("macro", ChildState::Running, Some(below)),
            ],
        );
        let page = |asked: TreeAsked| {
            let mut looked = Vec::new();
            let seen = |id: &str| {
                looked.push(id.to_owned());
                None
            };
            let (total, lines) = lines(&whole, &asked, seen, |_| None);
            let paths: Vec<String> = lines.into_iter().map(|line| line.path).collect();
            (total, paths, looked.len())
        };
        let all = TreeAsked::default();
        let (total, paths, _) = page(all.clone());
        assert_eq!(total, 6);
        assert_eq!(paths[..3], ["node", "node/engine", "node/macro"]);
        assert_eq!(paths[3], "node/macro/macro.a.001@l");
        let (total, paths, looked) = page(TreeAsked {
            skip: 1,
            most: 1,
            ..all.clone()
        });
        assert_eq!(
            (total, paths.as_slice(), looked),
            (6, &["node/engine".to_owned()][..], 1)
        );
        assert_eq!(
            page(TreeAsked {
                levels: 1,
                ..all.clone()
            })
            .0,
            3
        );
        assert_eq!(
            page(TreeAsked {
                levels: 0,
                ..all.clone()
            })
            .0,
            1
        );
        let search = TreeAsked {
            search: Some("MACRO.B".to_owned()),
            ..all.clone()
        };
        assert_eq!(page(search).0, 2);
        let down = TreeAsked {
            state: Some("backoff".to_owned()),
            ..all
        };
        assert_eq!(page(down).1, ["node/macro/macro.b.001@l"]);
    }

    #[test]
    fn a_rate_is_over_the_time_since_the_last_look() {
        let (rates, began) = (Rates::default(), Instant::now());
        let agent: Party = "macro.a.001@l".parse().unwrap();
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!(rates.of(&agent, 100, at(0)), None);
        assert_eq!(
            rates.of(&agent, 150, at(100)),
            None,
            "two who look at once share a look"
        );
        assert_eq!(rates.of(&agent, 300, at(2_000)), Some(100.0));
        assert_eq!(rates.of(&agent, 5, at(4_000)), Some(0.0), "it began anew");
    }
}
