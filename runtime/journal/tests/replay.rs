//! A goal's run over the journal, ended at every operation of the disk, against a ledger outside: no effect happens twice that must not,
//! nothing that was accepted is lost, and replay gives the same state.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use aios_journal::{
    AppendError, Crash, Disk, Draft, Fate, Journal, Options, Payload, SimulatedDisk,
};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId, Timestamp};
use aios_work::run::{
    Blob, Held, Inquiry, Next, Outcome, Record, RunId, RunStatus, State, Told, after_crash,
};
use aios_work::{ContentHash, Decision, Effect};

/// The world outside, which no crash undoes: how often each operation was carried out.
#[derive(Default)]
struct Ledger {
    calls: BTreeMap<String, u32>,
    effects: BTreeMap<String, u32>,
    /// Whether the provider of `query` can tell.
    tells: bool,
}

impl Ledger {
    fn call(&mut self, operation: &str, effect: Effect) {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        let effects = self.effects.entry(operation.to_owned()).or_default();
        // Only a repeatable tool knows its keys.
        if effect != Effect::Repeatable || *effects == 0 {
            *effects += 1;
        }
    }

    fn happened(&self, operation: &str) -> bool {
        self.effects.contains_key(operation)
    }
}

const TASKS: [(&str, Effect); 5] = [
    ("read", Effect::Pure),
    ("put", Effect::Repeatable),
    ("order", Effect::Query),
    ("mail", Effect::Ask),
    ("pay", Effect::Query),
];

fn run() -> RunId {
    RunId {
        tenant: "local".to_owned(),
        goal: "g-1".to_owned(),
    }
}

fn open(disk: &SimulatedDisk) -> Option<Journal> {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    let options = Options {
        segment_bytes: 3000,
        journal: Some(*b"a test's journal"),
        ..Options::default()
    };
    let now = Timestamp::from_micros(1_790_000_000_000_000).unwrap();
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, recovery) =
        Journal::open(shared, options, identity, Arc::new(move || now)).ok()?;
    assert_eq!(recovery.damage, []);
    Some(journal)
}

fn replay(journal: &Journal) -> State {
    let mut state = State::default();
    journal.replay(0, |entry| {
        let entry = entry.unwrap();
        let payload = entry.draft.after.unwrap();
        let bytes = payload.of_kind(Record::KIND, Record::VERSION).unwrap();
        let record = Record::from_bytes(payload.version, bytes).unwrap();
        state.apply(entry.sequence, &record);
    });
    assert_eq!(state.oddities, []);
    state
}

/// A process: writes records down, one unit each, and folds them when they are lasting.
struct Process<'l> {
    journal: Journal,
    state: State,
    ledger: &'l mut Ledger,
}

impl Process<'_> {
    fn write(&mut self, records: &[Record]) -> Result<(), AppendError> {
        let drafts = records.iter().map(|record| {
            let bytes = record.to_bytes().unwrap();
            let operation = record.operation().unwrap_or_default();
            let payload = Payload::new(Record::KIND, Record::VERSION, bytes);
            Draft::set(operation, "executor", "run/local/g-1", payload)
        });
        let last = self.journal.commit(drafts.collect())?;
        let first = last + 1 - records.len() as u64;
        for (at, record) in records.iter().enumerate() {
            self.state.apply(first + at as u64, record);
        }
        Ok(())
    }

    /// Does what is left to do.
    fn go_on(&mut self) -> Result<(), AppendError> {
        if !self.state.runs.contains_key(&run()) {
            self.write(&[Record::GoalAccepted {
                run: run(),
                idempotency_key: Some("request".to_owned()),
                content: ContentHash::of(b"goal"),
                goal: Blob::from("goal"),
                principal: "user:ann@local".to_owned(),
            }])?;
        }
        for (task, effect) in TASKS {
            self.task(task, effect)?;
        }
        if self.state.runs[&run()].status == RunStatus::Running {
            self.write(&[Record::GoalDelivered {
                run: run(),
                status: "approved".to_owned(),
                answer: Held::Here(Blob::from("45")),
            }])?;
        }
        Ok(())
    }

    fn task(&mut self, task: &str, effect: Effect) -> Result<(), AppendError> {
        let operation = format!("g-1/{task}");
        loop {
            if self.state.runs[&run()].status != RunStatus::Running {
                return Ok(());
            }
            if !self.state.runs[&run()].operations.contains_key(&operation) {
                self.call(task, effect, &[])?;
                continue;
            }
            let op = operation.clone();
            match after_crash(&self.state.runs[&run()], &operation) {
                Next::Over | Next::Leave { .. } => return Ok(()),
                Next::Commit => self.write(&[Record::Committed {
                    run: run(),
                    operation: op,
                }])?,
                Next::Repeat { again } => {
                    assert!(again || effect == Effect::Pure);
                    self.call(task, effect, &[])?;
                }
                Next::AskProvider => {
                    let found = match (self.ledger.tells, self.ledger.happened(&op)) {
                        (false, _) => Inquiry::Inconclusive {
                            why: "it keeps no keys".to_owned(),
                        },
                        (true, true) => {
                            Inquiry::Happened(Told::Result(Held::Here(Blob::from("done"))))
                        }
                        (true, false) => Inquiry::NotHappened,
                    };
                    self.write(&[Record::Inquired {
                        run: run(),
                        operation: op,
                        found,
                    }])?;
                }
                Next::AskPerson { .. } => {
                    let asked = self.state.runs[&run()].approvals.len();
                    self.write(&[Record::ApprovalAsked {
                        run: run(),
                        approval: format!("a-{asked}"),
                        operation: op,
                        question: "Once more?".to_owned(),
                        deadline_us: u64::MAX,
                    }])?;
                }
                Next::AwaitPerson { approval } => {
                    // A person looks whether it happened.
                    let decision = if self.ledger.happened(&op) {
                        Decision::Reject
                    } else {
                        Decision::Accept
                    };
                    self.write(&[Record::ApprovalDecided {
                        run: run(),
                        approval,
                        decision,
                        by: "user:ann@local".to_owned(),
                        signed: Blob::default(),
                    }])?;
                }
                Next::SpendThenRepeat { approval } => {
                    let spent = Record::ApprovalSpent {
                        run: run(),
                        approval,
                    };
                    self.call(task, effect, &[spent])?;
                }
            }
        }
    }

    /// The intent is lasting before the tool is called; its result and the commit are one unit.
    fn call(&mut self, task: &str, effect: Effect, before: &[Record]) -> Result<(), AppendError> {
        let operation = format!("g-1/{task}");
        let known = self.state.runs[&run()].operations.get(&operation);
        let attempt = known.map_or(1, |it| it.attempts.len() as u32 + 1);
        let intended = Record::Intended {
            run: run(),
            task: task.to_owned(),
            revision: 0,
            attempt,
            operation: operation.clone(),
            tool: task.to_owned(),
            effect,
            arguments: ContentHash::of(task.as_bytes()),
        };
        self.write(&[before, &[intended]].concat())?;
        self.ledger.call(&operation, effect);
        let outcome = Outcome::Done(Held::Here(Blob::from("done")));
        self.write(&[
            Record::Resulted {
                run: run(),
                operation: operation.clone(),
                outcome,
            },
            Record::Committed {
                run: run(),
                operation,
            },
        ])
    }
}

/// Lives until the run is over; the first of them end as planned. How many there were.
fn live(disk: &SimulatedDisk, ledger: &mut Ledger, mut ends: Vec<(u64, Fate, Crash)>) -> u32 {
    let mut accepted = false;
    ends.reverse();
    for lives in 1.. {
        let end = ends.pop();
        if let Some((operation, fate, _)) = end {
            disk.crash_at(disk.operations() + operation, fate);
        }
        if let Some(journal) = open(disk) {
            let state = replay(&journal);
            assert_eq!(
                state,
                replay(&journal),
                "the same journal gives the same state"
            );
            assert!(
                !accepted || state.runs.contains_key(&run()),
                "the accepted goal is lost"
            );
            let mut process = Process {
                journal,
                state,
                ledger: &mut *ledger,
            };
            let done = process.go_on();
            accepted |= process.state.runs.contains_key(&run());
            if done.is_ok() {
                return lives;
            }
        }
        let (_, _, crash) = end.unwrap();
        disk.restart(crash);
    }
    unreachable!("each planned end is used up")
}

fn judge(disk: &SimulatedDisk, ledger: &Ledger, name: &str) {
    disk.restart(Crash::PowerLoss);
    let state = replay(&open(disk).unwrap());
    let run = &state.runs[&run()];
    assert!(matches!(run.status, RunStatus::Delivered { .. }), "{name}");
    for (task, effect) in TASKS {
        let operation = format!("g-1/{task}");
        let effects = ledger.effects.get(&operation).copied().unwrap_or(0);
        let asked = run.approvals.values().any(|it| it.operation == operation);
        match effect {
            Effect::Pure => assert!(effects >= 1, "{name}: {task} was lost"),
            _ => assert_eq!(effects, 1, "{name}: {task} happened {effects} times"),
        }
        // Whatever was left uncommitted is what a person said is not to be done again.
        assert!(
            run.operations[&operation].committed || asked,
            "{name}: {task}"
        );
    }
}

#[test]
fn an_end_at_every_operation_doubles_no_effect_and_loses_no_goal() {
    let quiet = SimulatedDisk::new(0);
    let mut ledger = Ledger {
        tells: true,
        ..Ledger::default()
    };
    assert_eq!(live(&quiet, &mut ledger, Vec::new()), 1);
    judge(&quiet, &ledger, "without an end");
    assert!(
        ledger.calls.values().all(|calls| *calls == 1),
        "{:?}",
        ledger.calls
    );
    let operations = quiet.operations();
    let (mut ends, mut repeated) = (0, 0);
    for operation in 0..operations {
        for fate in [Fate::Before, Fate::After] {
            for crash in [Crash::Kill, Crash::PowerLoss] {
                for tells in [true, false] {
                    let name = format!("operation {operation}, {fate:?}, {crash:?}, tells {tells}");
                    let disk = SimulatedDisk::new(operation);
                    let mut ledger = Ledger {
                        tells,
                        ..Ledger::default()
                    };
                    live(&disk, &mut ledger, vec![(operation, fate, crash)]);
                    judge(&disk, &ledger, &name);
                    repeated += ledger.calls.values().filter(|calls| **calls > 1).count();
                    ends += 1;
                }
            }
        }
    }
    assert!(
        ends > 300 && repeated > 10,
        "{ends} ends, {repeated} repeated calls"
    );
}

#[test]
fn end_upon_end_doubles_no_effect_and_loses_no_goal() {
    let seeds = std::env::var("AIOS_SEEDS").ok();
    let seeds = seeds.and_then(|text| text.parse().ok()).unwrap_or(150_u64);
    for seed in 0..seeds {
        let mut random = seed;
        let mut below = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        let ends = (0..6)
            .map(|_| {
                let fate = [Fate::Before, Fate::After][below(2) as usize];
                let crash = [Crash::Kill, Crash::PowerLoss][below(2) as usize];
                (below(28), fate, crash)
            })
            .collect();
        let disk = SimulatedDisk::new(seed);
        let mut ledger = Ledger {
            tells: below(2) == 0,
            ..Ledger::default()
        };
        live(&disk, &mut ledger, ends);
        judge(&disk, &ledger, &format!("seed {seed}"));
    }
}
