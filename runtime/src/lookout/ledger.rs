//! What was commanded and refused, as a chain; what rests; what was spent.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use aios_actors::agent::AuditEntry;
use aios_actors::recovery::BreakerView;
use aios_control::{
    AuditAsked, AuditLine, AuditTrail, BreakerLine, BudgetLine, Ceiling, ErrorKind, Happened,
};
use aios_orchestrator::Services;
use aios_protocols::PrincipalId;
use sha2::{Digest, Sha256};

use super::Lookout;
use super::observer::hex;

/// Commands kept.
pub(super) const KEPT: usize = 2_048;
/// Refused messages and frames kept. Whoever reaches a bus can be refused as often as it likes and pushes out none but these; counts remember
/// them.
pub(super) const REFUSALS: usize = 1_024;
/// Commands kept that were forbidden. Whoever may do nothing can be refused as often as it likes, so these are kept apart.
pub(super) const FORBIDDEN: usize = 256;
/// How often watchers are told that somebody was forbidden something.
const TOLD: Duration = Duration::from_secs(1);

/// What was commanded and refused, as far as it is kept, as three chains: commands, those that were forbidden, and messages that were refused; their numbers
/// are of one count. Each entry names the digest of the one before it in its chain, so that none can be taken out or changed without whoever wrote
/// the last digest down noticing.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) done: Chain,
    pub(super) forbidden: Chain,
    pub(super) refusals: Chain,
    refused: BTreeMap<Cow<'static, str>, u64>,
    seq: u64,
    /// Whom watchers were told of as forbidden something, and when.
    told: BTreeMap<String, Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Chain {
    lines: VecDeque<AuditLine>,
    head: [u8; 32],
}

/// The latest of a chain.
pub(super) struct Since {
    /// The number of the first that is kept.
    pub(super) first: Option<u64>,
    /// Those behind a number, the first of them.
    pub(super) lines: Vec<AuditLine>,
}

impl Chain {
    fn enter(&mut self, mut line: AuditLine, kept: usize) -> AuditLine {
        line.before = hex(&self.head);
        self.head = digest(&line);
        if self.lines.len() >= kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        line
    }

    /// One that was kept elsewhere.
    fn of(lines: Vec<AuditLine>, kept: usize) -> Self {
        let surplus = lines.len().saturating_sub(kept);
        let lines: VecDeque<AuditLine> = lines.into_iter().skip(surplus).collect();
        let head = lines.back().map_or([0; 32], digest);
        Self { lines, head }
    }

    /// Those behind a number, at most so many.
    pub(super) fn since(&self, seq: u64, most: usize) -> Since {
        let from = self.lines.partition_point(|line| line.seq <= seq);
        Since {
            first: self.lines.front().map(|line| line.seq),
            lines: self.lines.range(from..).take(most).cloned().collect(),
        }
    }

    fn holds(&self) -> bool {
        let pairs = self.lines.iter().zip(self.lines.iter().skip(1));
        let linked = { pairs }.all(|(one, next)| next.before == hex(&digest(one)));
        let head = self.lines.back().map_or([0; 32], digest);
        linked && head == self.head
    }
}

impl Trail {
    fn enter(&mut self, mut line: AuditLine) -> AuditLine {
        self.seq += 1;
        line.seq = self.seq;
        self.done.enter(line, KEPT)
    }

    fn forbid(&mut self, mut line: AuditLine) -> AuditLine {
        self.seq += 1;
        line.seq = self.seq;
        self.forbidden.enter(line, FORBIDDEN)
    }

    /// Whether watchers are told of this one, who was forbidden something.
    fn tells(&mut self, by: &str, now: Instant) -> bool {
        self.told
            .retain(|_, at| now.saturating_duration_since(*at) < TOLD);
        if self.told.contains_key(by) || self.told.len() >= FORBIDDEN {
            return false;
        }
        self.told.insert(by.to_owned(), now);
        true
    }

    /// Goes on where it was left.
    pub(super) fn go_on(
        &mut self,
        done: Vec<AuditLine>,
        forbidden: Vec<AuditLine>,
        refusals: Vec<AuditLine>,
        refused: BTreeMap<String, u64>,
    ) {
        let all = done.iter().chain(&forbidden).chain(&refusals);
        let last = all.map(|line| line.seq).max();
        self.seq = last.unwrap_or(0);
        self.done = Chain::of(done, KEPT);
        self.forbidden = Chain::of(forbidden, FORBIDDEN);
        self.refusals = Chain::of(refusals, REFUSALS);
        let refused = refused.into_iter();
        self.refused = refused.map(|(word, many)| (word.into(), many)).collect();
    }

    /// How many were ever refused, by the word for why.
    pub(super) fn refused(&self) -> &BTreeMap<Cow<'static, str>, u64> {
        &self.refused
    }

    pub(super) fn refuse(&mut self, entry: &AuditEntry) -> AuditLine {
        *self.refused.entry(entry.label.into()).or_default() += 1;
        self.seq += 1;
        let line = AuditLine {
            seq: self.seq,
            at: entry.at.to_string(),
            sort: "refusal".to_owned(),
            by: entry.by.to_string(),
            from: entry.from.as_ref().map(ToString::to_string),
            label: entry.label.to_owned(),
            what: entry.reason.clone(),
            before: String::new(),
        };
        self.refusals.enter(line, REFUSALS)
    }

    fn holds(&self) -> bool {
        self.done.holds() && self.forbidden.holds() && self.refusals.holds()
    }
}

/// Whether this tenant may read all of a line: what others command is [`veiled`].
pub(super) fn is_open_to(line: &AuditLine, tenant: &str) -> bool {
    let by = || line.by.parse::<PrincipalId>();
    line.sort != "command" || by().is_ok_and(|by| by.tenant() == tenant)
}

/// A line without the names of goals, which stand in quotes.
pub(super) fn veiled(mut line: AuditLine) -> AuditLine {
    let named = line.what.find('"').unwrap_or(line.what.len());
    line.what.truncate(named);
    line.what.truncate(line.what.trim_end().len());
    line
}

fn digest(line: &AuditLine) -> [u8; 32] {
    // Texts and numbers always have a JSON form, and its order is that of the fields.
    let bytes = serde_json::to_vec(line).unwrap_or_default();
    Sha256::digest(bytes).into()
}

impl Lookout {
    /// Somebody told the node to do something. `what` says nothing of what only its owner should read.
    pub(crate) fn commanded(
        &self,
        principal: &PrincipalId,
        what: &str,
        refused: Option<ErrorKind>,
    ) {
        let label = match refused {
            None => "done".to_owned(),
            Some(kind) => serde_json::to_value(kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_else(|| "other".to_owned()),
        };
        let line = AuditLine {
            seq: 0,
            at: self.at(),
            sort: "command".to_owned(),
            by: principal.to_string(),
            from: None,
            label,
            what: what.to_owned(),
            before: String::new(),
        };
        let mut trail = self.trail.lock();
        let (line, tells) = match refused {
            Some(ErrorKind::Forbidden) => {
                let tells = trail.tells(&line.by, Instant::now());
                (trail.forbid(line), tells)
            }
            _ => (trail.enter(line), true),
        };
        drop(trail);
        self.entered();
        if tells {
            self.note(Happened::Audit(line));
        }
    }

    /// The trail, as whoever asks may see it: the goals of one tenant by their names, or all.
    pub(crate) fn audit(&self, asked: &AuditAsked, tenant: Option<&str>) -> AuditTrail {
        let trail = self.trail.lock();
        let commands = trail.done.lines.iter().chain(&trail.forbidden.lines);
        let lines = commands.chain(&trail.refusals.lines);
        let refused = trail.refused.iter();
        let mut entries: Vec<AuditLine> = lines
            .filter(|line| line.seq > asked.after_seq)
            .cloned()
            .map(|line| match tenant {
                Some(tenant) if !is_open_to(&line, tenant) => veiled(line),
                _ => line,
            })
            .collect();
        entries.sort_by_key(|line| line.seq);
        AuditTrail {
            entries,
            refused: refused
                .map(|(word, count)| (word.to_string(), *count))
                .collect(),
            chain_holds: trail.holds(),
            head: hex(&trail.done.head),
        }
    }
}

/// A breaker as the contract shows it.
pub(crate) fn breaker(view: BreakerView) -> BreakerLine {
    BreakerLine {
        service: view.service,
        state: view.state,
        share: view.share,
        trips: view.trips,
        retry_after_ms: view.retry_after_ms,
        rejected: view.rejected,
        last_error: view.last_error,
    }
}

/// What goals under way may spend, those of one tenant or all, and what agents of charters have cost.
pub(crate) fn budgets(services: &Services, only: Option<&str>) -> Vec<BudgetLine> {
    let mut under_way = services.budgets().under_way();
    under_way.retain(|(tenant, _, _)| only.is_none_or(|only| tenant.as_str() == only));
    let goals = under_way.iter().filter(|(_, name, _)| !name.contains('/'));
    let mut lines: Vec<BudgetLine> = goals
        .map(|(_, name, budget)| {
            let (allowance, spent) = (budget.allowance(), budget.spent());
            BudgetLine {
                of: "goal".to_owned(),
                name: name.clone(),
                ceiling: Ceiling {
                    tokens: allowance.tokens,
                    money_micros: Some(allowance.money_micros),
                    time_ms: millis(allowance.time),
                },
                spent,
                tokens_left: Some(budget.tokens_left()),
                money_micros_left: Some(allowance.money_micros.saturating_sub(spent.money_micros)),
                questions: None,
                refused: budget.refused().map(|over| over.to_string()),
            }
        })
        .collect();
    let (crew, bills) = (services.crew(), services.crew().bills());
    for member in crew.members() {
        let charter = member.charter();
        let role = format!("{}.", charter.role);
        for (agent, bill) in bills.iter().filter(|(agent, _)| agent.starts_with(&role)) {
            let at_work = crew
                .runs(agent)
                .into_iter()
                .find(|run| run.outcome.as_str() == "at_work");
            let budget = at_work.and_then(|run| {
                let named = under_way.iter().find(|(_, name, _)| *name == run.operation);
                named.map(|(_, _, budget)| budget)
            });
            lines.push(BudgetLine {
                of: "agent".to_owned(),
                name: agent.clone(),
                ceiling: Ceiling {
                    tokens: charter.budget.tokens,
                    money_micros: charter.budget.money_micros,
                    time_ms: charter.budget.time_ms,
                },
                spent: bill.spent,
                tokens_left: budget.map(|budget| budget.tokens_left()),
                money_micros_left: budget.map(|budget| {
                    let allowed = budget.allowance().money_micros;
                    allowed.saturating_sub(budget.spent().money_micros)
                }),
                questions: Some(bill.questions),
                refused: budget
                    .and_then(aios_actors::recovery::Budget::refused)
                    .map(|over| over.to_string()),
            });
        }
    }
    lines
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aios_actors::agent::SystemClock;
    use aios_protocols::{Party, Timestamp};

    use super::*;

    #[test]
    fn a_trail_is_a_chain_that_shows_what_was_changed() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        for at in 0..KEPT + 5 {
            lookout.commanded(
                &owner,
                &format!("kill {at}"),
                (at == 0).then_some(ErrorKind::Unknown),
            );
        }
        let trail = lookout.audit(&AuditAsked { after_seq: 5 }, None);
        assert_eq!((trail.entries.len(), trail.entries[0].seq), (KEPT, 6));
        assert!(trail.chain_holds);
        let rest = AuditAsked {
            after_seq: KEPT as u64 + 4,
        };
        assert_eq!(lookout.audit(&rest, None).entries.len(), 1);
        lookout.trail.lock().done.lines[7].what = "kill nobody".to_owned();
        assert!(!lookout.audit(&rest, None).chain_holds);
    }

    #[test]
    fn whoever_is_forbidden_everything_pushes_nothing_out_of_the_trail() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        let reader: PrincipalId = "user:reader@local".parse().unwrap();
        lookout.commanded(&owner, "kill \"a\"", None);
        let before = lookout.rings().last();
        let began = Instant::now();
        for _ in 0..2 * KEPT {
            lookout.commanded(&reader, "kill \"b\"", Some(ErrorKind::Forbidden));
        }
        let told = lookout.rings().last() - before;
        assert!(told <= 1 + began.elapsed().as_secs(), "{told}");
        let trail = lookout.audit(&AuditAsked::default(), None);
        assert!(trail.chain_holds);
        assert_eq!(trail.entries.len(), 1 + FORBIDDEN);
        assert_eq!(
            (trail.entries[0].seq, trail.entries[0].label.as_str()),
            (1, "done")
        );
        assert!(trail.entries.is_sorted_by_key(|line| line.seq));
        lookout.trail.lock().forbidden.lines[7].by = owner.to_string();
        assert!(!lookout.audit(&AuditAsked::default(), None).chain_holds);
    }

    #[test]
    fn messages_that_are_refused_push_no_command_out_of_the_trail() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        lookout.commanded(&owner, "kill", None);
        let clerk: Party = "macro.clerk.001@local".parse().unwrap();
        let mut trail = lookout.trail.lock();
        for _ in 0..REFUSALS + KEPT {
            trail.refuse(&AuditEntry {
                at: Timestamp::ZERO,
                by: clerk.clone(),
                from: None,
                label: "forged",
                reason: "its signature does not hold".to_owned(),
                message: None,
            });
        }
        drop(trail);
        let told = lookout.audit(&AuditAsked::default(), None);
        assert!(told.chain_holds && told.entries.is_sorted_by_key(|line| line.seq));
        assert_eq!(told.entries.len(), 1 + REFUSALS);
        assert_eq!(told.entries[0].what, "kill");
        assert_eq!(told.refused["forged"], (REFUSALS + KEPT) as u64);
        lookout.trail.lock().refusals.lines[7].by = owner.to_string();
        assert!(!lookout.audit(&AuditAsked::default(), None).chain_holds);
    }

    #[test]
    fn the_goals_of_other_tenants_are_not_named_to_whoever_came_by_a_key() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        for (by, what, told) in [
            (
                "user:a@local",
                "submit goal \"q3\", 1 files",
                "submit goal \"q3\", 1 files",
            ),
            ("user:b@acme", "submit goal \"q3\", 1 files", "submit goal"),
            (
                "user:b@acme",
                "retry task \"t\" of goal \"q3\"",
                "retry task",
            ),
            (
                "user:b@acme",
                "embed with no quotes",
                "embed with no quotes",
            ),
        ] {
            lookout.commanded(&by.parse().unwrap(), what, None);
            let whole = lookout.audit(&AuditAsked::default(), None);
            assert_eq!(whole.entries.last().unwrap().what, what);
            let seen = lookout.audit(&AuditAsked::default(), Some("local"));
            assert_eq!(seen.entries.last().unwrap().what, told);
            assert!(seen.chain_holds);
        }
    }
}
