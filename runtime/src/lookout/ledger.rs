//! What was commanded and refused, as a chain; what rests; what was spent.

use std::collections::{BTreeMap, VecDeque};

use aios_actors::agent::AuditEntry;
use aios_actors::recovery::BreakerView;
use aios_control::{
    AuditAsked, AuditLine, AuditTrail, BreakerLine, BudgetLine, Ceiling, ErrorKind, Happened,
};
use aios_orchestrator::Services;
use aios_protocols::PrincipalId;
use sha2::{Digest, Sha256};

use super::Lookout;
use super::observer::{hex, time};

/// Entries kept; a node that was flooded with forged messages forgets older ones, and its counts remember them.
const KEPT: usize = 2_048;

/// What was commanded and refused since the node began. Each entry names the digest of the one before it, so that none can be taken out or
/// changed without whoever wrote the last digest down noticing.
#[derive(Debug)]
pub(super) struct Trail {
    lines: VecDeque<AuditLine>,
    refused: BTreeMap<&'static str, u64>,
    seq: u64,
    head: [u8; 32],
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            refused: BTreeMap::new(),
            seq: 0,
            head: [0; 32],
        }
    }
}

impl Trail {
    fn enter(&mut self, mut line: AuditLine) -> AuditLine {
        self.seq += 1;
        line.seq = self.seq;
        line.before = hex(&self.head);
        self.head = digest(&line);
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        line
    }

    pub(super) fn refused(&mut self, entry: &AuditEntry) -> AuditLine {
        *self.refused.entry(entry.label).or_default() += 1;
        self.enter(AuditLine {
            seq: 0,
            at: time(entry.at),
            sort: "refusal".to_owned(),
            by: entry.by.to_string(),
            from: entry.from.as_ref().map(ToString::to_string),
            label: entry.label.to_owned(),
            what: entry.reason.clone(),
            before: String::new(),
        })
    }

    fn holds(&self) -> bool {
        let pairs = self.lines.iter().zip(self.lines.iter().skip(1));
        let linked = { pairs }.all(|(one, next)| next.before == hex(&digest(one)));
        let head = self.lines.back().map_or([0; 32], digest);
        linked && head == self.head
    }
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
        let line = self.trail.lock().enter(AuditLine {
            seq: 0,
            at: self.at(),
            sort: "command".to_owned(),
            by: principal.to_string(),
            from: None,
            label,
            what: what.to_owned(),
            before: String::new(),
        });
        self.note(Happened::Audit(line));
    }

    pub(crate) fn audit(&self, asked: &AuditAsked) -> AuditTrail {
        let trail = self.trail.lock();
        let lines = trail.lines.iter();
        let refused = trail.refused.iter();
        AuditTrail {
            entries: lines
                .filter(|line| line.seq > asked.after_seq)
                .cloned()
                .collect(),
            refused: refused
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect(),
            chain_holds: trail.holds(),
            head: hex(&trail.head),
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

/// What goals under way may spend, and what agents of charters have cost.
pub(crate) fn budgets(services: &Services) -> Vec<BudgetLine> {
    let under_way = services.budgets().under_way();
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
        let trail = lookout.audit(&AuditAsked { after_seq: 5 });
        assert_eq!((trail.entries.len(), trail.entries[0].seq), (KEPT, 6));
        assert!(trail.chain_holds);
        let rest = AuditAsked {
            after_seq: KEPT as u64 + 4,
        };
        assert_eq!(lookout.audit(&rest).entries.len(), 1);
        lookout.trail.lock().lines[7].what = "kill nobody".to_owned();
        assert!(!lookout.audit(&rest).chain_holds);
    }
}
