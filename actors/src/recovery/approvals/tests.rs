use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_memory::{InMemoryStore, Store};
use aios_protocols::{
    AgentId, Authentic, Content, KeyDirectory, KeyId, KeyProblem, Party, Performative, PrincipalId,
    PublicKey, Sealed, Sealer, SigningIdentity, TenantId, Timestamp,
};
use sha2::{Digest, Sha256};

use super::queue::{Asker, KEPT, OPEN_OF_ONE};
use super::*;
use crate::agent::{Audit, Clock, ManualClock};
use aios_work::content::hex;

const PLANNER: &str = "macro.planner.001@global";

type Keys = Arc<Mutex<HashMap<Party, PublicKey>>>;

/// The key each party has now.
struct Registered(Keys);

impl KeyDirectory for Registered {
    fn key(&self, party: &Party, id: KeyId, _: Timestamp) -> Result<PublicKey, KeyProblem> {
        match self.0.lock().unwrap().get(party) {
            None => Err(KeyProblem::UnknownParty),
            Some(key) if key.id() != id => Err(KeyProblem::UnknownKey),
            Some(key) => Ok(*key),
        }
    }
}

fn identity(agent: &str, seed: u8) -> Arc<SigningIdentity> {
    let agent: AgentId = agent.parse().unwrap();
    Arc::new(SigningIdentity::from_seed(agent, [seed; 32]))
}

/// A queue, an agent that asks and the owner who decides.
struct Fixture {
    queue: Approvals,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    audit: Arc<Audit>,
    tenant: TenantId,
    agent: Arc<SigningIdentity>,
    keys: Keys,
    owner: Arc<SigningIdentity>,
    signed: Cell<u8>,
}

impl Fixture {
    fn new(store: Arc<dyn Store>, tenant: &str) -> Self {
        let agent = identity(PLANNER, 1);
        let owner: PrincipalId = format!("user:owner@{tenant}").parse().unwrap();
        let owner = Arc::new(SigningIdentity::from_seed(owner, [2; 32]));
        let start = Timestamp::since_epoch(Duration::from_secs(1_800_000_000));
        let clock = Arc::new(ManualClock::at(start));
        let audit = Arc::new(Audit::new(None, None));
        let tenant = TenantId::new(tenant).unwrap();
        let keys = Keys::default();
        let fixture = Self {
            queue: Approvals::new(
                Arc::clone(&store),
                tenant.clone(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Some(Owner::of(&owner)),
                Arc::new(Registered(keys.clone())),
                Arc::clone(&audit),
            ),
            store,
            clock,
            audit,
            tenant,
            agent,
            keys,
            owner,
            signed: Cell::default(),
        };
        fixture.register(&fixture.agent);
        fixture
    }

    /// The same after a restart: nothing is left but the store, and the agent has another key.
    fn restarted(&self) -> Self {
        let mut next = Self::new(Arc::clone(&self.store), self.tenant.as_str());
        next.agent = identity(PLANNER, 3);
        next.register(&next.agent);
        next
    }

    fn register(&self, agent: &SigningIdentity) {
        let mut keys = self.keys.lock().unwrap();
        keys.insert(agent.party().clone(), agent.public_key());
    }

    fn random(&self) -> [u8; 10] {
        self.signed.set(self.signed.get() + 1);
        [self.signed.get(); 10]
    }

    fn ask(&self, question: Question) -> Approval {
        self.asked(question, PLANNER, &self.agent, &self.tenant)
            .unwrap()
    }

    /// Asks in the name of `me` with the key of `with`, about a tenant.
    fn asked(
        &self,
        question: Question,
        me: &str,
        with: &Arc<SigningIdentity>,
        tenant: &TenantId,
    ) -> Result<Approval, ApprovalError> {
        let sign = |draft| {
            let now = self.clock.now();
            let agent = Arc::clone(with);
            let mut sealer = Sealer::new(agent, self.tenant.clone(), now.as_micros());
            let sealed = sealer.seal(draft, now, self.random());
            sealed
                .map(|(_, frame)| frame)
                .map_err(|error| error.to_string())
        };
        let asker = Asker {
            me: &me.parse().unwrap(),
            tenant,
            key: with.public_key(),
            sign: &sign,
        };
        self.queue.propose_as(question, &asker)
    }

    /// Uses one up as the planner does, for the goal it is about.
    fn spend(&self, id: &str) -> Result<(), ApprovalError> {
        let there = self.queue.get(id);
        let goal = there.map_or_else(|_| question().goal, |there| there.goal);
        self.spend_as(id, &goal, PLANNER)
    }

    fn spend_as(&self, id: &str, goal: &str, by: &str) -> Result<(), ApprovalError> {
        let by = by.parse().unwrap();
        self.queue.spend_as(id, goal, &self.tenant, &by)
    }

    fn decision(&self, id: &str, decision: Decision) -> Sealed {
        let proposal = self.queue.proposal(id).unwrap();
        let now = self.clock.now();
        decision_frame(&proposal, decision, "", &self.owner, now, self.random()).unwrap()
    }

    fn accept(&self, id: &str) {
        let yes = self.decision(id, Decision::Accept);
        self.queue.decide(&yes).unwrap();
    }

    fn audited(&self, label: &str) -> u64 {
        self.audit.counts().get(label).copied().unwrap_or(0)
    }
}

fn store() -> Arc<dyn Store> {
    Arc::new(InMemoryStore::default())
}

fn question() -> Question {
    Question {
        goal: "q3".to_owned(),
        task: "growth".to_owned(),
        tool: "sql".to_owned(),
        arguments: "00ff".to_owned(),
        round: 0,
        text: "\"growth\" failed: the file is away. Shall it be tried once more?".to_owned(),
    }
}

/// The same question but for one thing each.
fn others() -> [Question; 5] {
    let text = "\"growth\" failed: it would delete the file. Shall it be tried once more?";
    [
        Question {
            text: text.to_owned(),
            ..question()
        },
        Question {
            goal: "q4".to_owned(),
            ..question()
        },
        Question {
            task: "totals".to_owned(),
            ..question()
        },
        Question {
            tool: "chart".to_owned(),
            ..question()
        },
        Question {
            arguments: "00fe".to_owned(),
            ..question()
        },
    ]
}

#[test]
fn a_yes_is_to_the_words_that_were_read_and_to_no_others() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    fixture.accept(&asked.id);
    for other in others() {
        let other = fixture.ask(other);
        assert_eq!(other.status, ApprovalStatus::Open, "{other:?}");
        assert_ne!(other.id, asked.id);
        let used = fixture.spend(&other.id);
        assert!(
            matches!(used, Err(ApprovalError::NotAccepted { .. })),
            "{used:?}"
        );
    }
    // In the same words it is the same question, and the yes stands.
    let again = fixture.ask(question());
    assert_eq!(
        (again.id, again.status),
        (asked.id, ApprovalStatus::Accepted)
    );
}

/// A decision about `proposal` whose signer read a question of this digest.
fn having_read(fixture: &Fixture, proposal: &Authentic, digest: String) -> Sealed {
    let said: Proposal = proposal.content.read_json().unwrap();
    let verdict = DecisionContent {
        approval: said.approval,
        proposal: hex(&Sha256::digest(proposal.sealed().as_bytes())),
        question: digest,
        reason: String::new(),
    };
    let content = Content::json(&verdict).unwrap();
    let now = fixture.clock.now();
    let owner = Arc::clone(&fixture.owner);
    let mut sealer = Sealer::new(owner, fixture.tenant.clone(), now.as_micros());
    let reply = proposal.reply(Performative::AcceptProposal, content);
    sealer.seal(reply, now, fixture.random()).unwrap().1
}

#[test]
fn a_decision_signs_the_digest_of_the_question_beside_the_proposal() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    let proposal = fixture.queue.proposal(&asked.id).unwrap();
    for other in others() {
        let digest = other.digest(&fixture.tenant);
        let refused = fixture
            .queue
            .decide(&having_read(&fixture, &proposal, digest));
        let Err(ApprovalError::NotADecision { why, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains("other words"), "{why}");
    }
    assert_eq!(fixture.audited("approval-no-decision"), 5);
    assert_eq!(asked.digest, Question::from(&asked).digest(&fixture.tenant));
    let frame = having_read(&fixture, &proposal, asked.digest);
    fixture.queue.decide(&frame).unwrap();
    fixture.spend(&asked.id).unwrap();
}

#[test]
fn words_that_were_changed_in_the_store_are_not_used() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    fixture.accept(&asked.id);
    let key = format!("approval/local/{}", asked.id).into_bytes();
    let bytes = fixture.store.get(&key).unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for (was, is) in [
        ("is away", "is gone"),
        ("00ff", "00fe"),
        ("\"sql\"", "\"rm\""),
    ] {
        let altered = text.replacen(was, is, 1);
        assert_ne!(altered, text);
        fixture.store.put(&key, altered.as_bytes()).unwrap();
        let used = fixture.spend(&asked.id);
        assert!(
            matches!(used, Err(ApprovalError::NotProven { .. })),
            "{was}: {used:?}"
        );
    }
}

#[test]
fn an_approval_is_used_once_whatever_restarts() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    let early = fixture.spend(&asked.id);
    assert!(matches!(early, Err(ApprovalError::NotAccepted { .. })));
    fixture.accept(&asked.id);
    let yes = fixture.decision(&asked.id, Decision::Accept);
    fixture.spend(&asked.id).unwrap();
    let again = fixture.spend(&asked.id).unwrap_err();
    assert!(again.to_string().contains("for one more try"), "{again}");

    let fixture = fixture.restarted();
    let again = fixture.spend(&asked.id);
    assert!(
        matches!(again, Err(ApprovalError::AlreadySpent { .. })),
        "{again:?}"
    );
    assert_eq!(fixture.audited("approval-spent"), 1);
    // Asked anew it is another question, which no earlier yes answers.
    let anew = fixture.ask(question());
    assert_eq!((anew.round, anew.status), (1, ApprovalStatus::Open));
    assert_ne!(anew.id, asked.id);
    assert!(fixture.queue.decide(&yes).is_err());
    let used = fixture.spend(&anew.id);
    assert!(matches!(used, Err(ApprovalError::NotAccepted { .. })));
    fixture.accept(&anew.id);
    fixture.spend(&anew.id).unwrap();
    let listed = fixture.queue.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one.spent_at.is_some()));
}

#[test]
fn of_many_that_use_one_approval_one_may() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    fixture.accept(&asked.id);
    let used = std::thread::scope(|scope| {
        let using: Vec<_> = (0..8)
            .map(|_| {
                let (queue, id) = (fixture.queue.clone(), asked.id.clone());
                let (tenant, by) = (fixture.tenant.clone(), PLANNER.parse().unwrap());
                scope.spawn(move || queue.spend_as(&id, "q3", &tenant, &by).is_ok())
            })
            .collect();
        let used = using.into_iter().map(|one| one.join().unwrap());
        used.filter(|used| *used).count()
    });
    assert_eq!((used, fixture.audited("approval-spent")), (1, 7));
}

#[test]
fn a_no_stands_and_allows_nothing() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    let no = fixture.decision(&asked.id, Decision::Reject);
    fixture.queue.decide(&no).unwrap();
    let used = fixture.spend(&asked.id);
    let Err(ApprovalError::NotAccepted { status, .. }) = used else {
        panic!("{used:?}")
    };
    assert_eq!(status, "rejected");
    assert_eq!(fixture.ask(question()).status, ApprovalStatus::Rejected);
}

#[test]
fn a_folder_under_another_tenant_leaves_the_first_ones_questions_alone() {
    let store = store();
    let ours = Fixture::new(Arc::clone(&store), "local");
    let asked = ours.ask(question());
    // The folder brings the owner's key along, so the other's owner signs with it too, as another party.
    let other = Fixture::new(Arc::clone(&store), "acme");
    assert!(other.queue.list().unwrap().is_empty());
    let proposal = ours.queue.proposal(&asked.id).unwrap();
    let now = other.clock.now();
    let by_other =
        decision_frame(&proposal, Decision::Reject, "", &other.owner, now, [9; 10]).unwrap();
    for refused in [
        other.queue.get(&asked.id).map(drop),
        other.queue.proposal(&asked.id).map(drop),
        other.queue.decide(&by_other).map(drop),
        other.spend(&asked.id),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, ApprovalError::OtherTenant { .. }),
            "{refused:?}"
        );
        let said = refused.to_string();
        assert!(said.contains("node.tenant = \"local\""), "{said}");
    }
    // The same words are another question there.
    let theirs = other.ask(question());
    assert_ne!(theirs.id, asked.id);
    assert!(matches!(
        other.queue.get("ap-0123456789abcdef0123456789abcdef"),
        Err(ApprovalError::Unknown { .. })
    ));
    // The first one's question is as it was, and is decided and used as ever.
    assert_eq!(ours.queue.list().unwrap(), std::slice::from_ref(&asked));
    ours.accept(&asked.id);
    ours.spend(&asked.id).unwrap();
}

#[test]
fn a_yes_that_nobody_used_is_good_for_a_week() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    fixture.accept(&asked.id);
    let week = Duration::from_secs(7 * 24 * 3_600);
    fixture.clock.advance(week);
    let there = fixture.queue.get(&asked.id).unwrap();
    assert_eq!(there.status, ApprovalStatus::Accepted);
    assert!(fixture.queue.decided(&asked.id).unwrap().is_some());
    fixture.clock.advance(Duration::from_secs(1));
    let used = fixture.spend(&asked.id);
    let Err(ApprovalError::NotAccepted { status, .. }) = used else {
        panic!("{used:?}")
    };
    assert_eq!(status, "expired");
    assert_eq!(fixture.queue.decided(&asked.id).unwrap(), None);
    // In the same words it is asked anew, and the old yes is no answer to that.
    let anew = fixture.ask(question());
    assert_eq!(
        (anew.id.as_str(), anew.status),
        (asked.id.as_str(), ApprovalStatus::Open)
    );
    let used = fixture.spend(&asked.id);
    assert!(
        matches!(used, Err(ApprovalError::NotAccepted { .. })),
        "{used:?}"
    );
    fixture.accept(&anew.id);
    fixture.spend(&anew.id).unwrap();
    fixture.clock.advance(10 * week);
    let spent = fixture.queue.get(&anew.id).unwrap();
    assert_eq!(
        spent.status,
        ApprovalStatus::Accepted,
        "what was done stays told"
    );
}

#[test]
fn a_goal_that_is_over_takes_its_questions_along_and_leaves_what_was_done() {
    let fixture = Fixture::new(store(), "local");
    let of = |goal: &str, task: &str| {
        fixture.ask(Question {
            goal: goal.to_owned(),
            task: task.to_owned(),
            ..question()
        })
    };
    let (open, unused, spent, rejected) =
        (of("q3", "a"), of("q3", "b"), of("q3", "c"), of("q3", "d"));
    let (other, alike) = (of("q31", "a"), of("x", "q3"));
    fixture.accept(&unused.id);
    fixture.accept(&spent.id);
    fixture.spend(&spent.id).unwrap();
    let no = fixture.decision(&rejected.id, Decision::Reject);
    fixture.queue.decide(&no).unwrap();
    let elsewhere = TenantId::new("acme").unwrap();
    let over = |goal: &str, tenant: &TenantId, by: &str| {
        let by = by.parse().unwrap();
        fixture.queue.over_as(goal, tenant, &by).unwrap();
    };
    over("q3", &fixture.tenant, "macro.executor.001@global");
    over("q3", &elsewhere, PLANNER);
    assert_eq!(fixture.queue.list().unwrap().len(), 6);
    over("q3", &fixture.tenant, PLANNER);
    for (asked, there) in [
        (open, false),
        (unused, false),
        (spent, true),
        (rejected, true),
        (other, true),
        (alike, true),
    ] {
        assert_eq!(fixture.queue.get(&asked.id).is_ok(), there, "{asked:?}");
    }
}

#[test]
fn a_question_of_another_tenants_goal_is_refused_and_not_put_where_nobody_looks() {
    let store = store();
    let fixture = Fixture::new(Arc::clone(&store), "local");
    let elsewhere = TenantId::new("acme").unwrap();
    let asked = fixture.asked(question(), PLANNER, &fixture.agent, &elsewhere);
    assert!(
        matches!(asked, Err(ApprovalError::OtherTenant { .. })),
        "{asked:?}"
    );
    assert!(store.scan_prefix(b"approval/", None, 9).unwrap().is_empty());
}

#[test]
fn nobody_asks_in_anothers_name() {
    let store = store();
    let fixture = Fixture::new(Arc::clone(&store), "local");
    let other = identity("macro.executor.001@global", 7);
    fixture.register(&other);
    // Under its own name with a key that nobody knows as its own, and under another's with its own.
    let unknown = identity(PLANNER, 9);
    for (me, with) in [(PLANNER, &unknown), (PLANNER, &other)] {
        let asked = fixture.asked(question(), me, with, &fixture.tenant);
        assert!(
            matches!(asked, Err(ApprovalError::NotProven { .. })),
            "{asked:?}"
        );
    }
    // Another's frame beside the right key.
    let frame = fixture.ask(Question {
        task: "else".to_owned(),
        ..question()
    });
    let said = fixture.queue.proposal(&frame.id).unwrap().sealed().clone();
    let asker = Asker {
        me: &PLANNER.parse().unwrap(),
        tenant: &fixture.tenant,
        key: fixture.agent.public_key(),
        sign: &|_| Ok(said.clone()),
    };
    let asked = fixture.queue.propose_as(question(), &asker);
    assert!(
        matches!(asked, Err(ApprovalError::NotProven { .. })),
        "{asked:?}"
    );
    assert_eq!(store.scan_prefix(b"approval/", None, 9).unwrap().len(), 1);
    fixture.ask(question());
}

#[test]
fn an_approval_is_used_by_the_role_that_asked_and_for_its_goal() {
    let fixture = Fixture::new(store(), "local");
    let asked = fixture.ask(question());
    fixture.accept(&asked.id);
    for (goal, by) in [
        ("q3", "macro.executor.001@global"),
        ("q3", "meso.planner.001@global"),
        ("q4", PLANNER),
    ] {
        let used = fixture.spend_as(&asked.id, goal, by);
        assert!(
            matches!(used, Err(ApprovalError::NotTheAsker { .. })),
            "{goal} {by}: {used:?}"
        );
    }
    assert_eq!(fixture.audited("approval-not-asker"), 3);
    // Another planner goes on with what the first one was allowed.
    fixture
        .spend_as(&asked.id, "q3", "macro.planner.002@global")
        .unwrap();
}

#[test]
fn one_asker_leaves_room_for_the_questions_of_others() {
    let fixture = Fixture::new(store(), "local");
    let task = |number: usize| Question {
        task: format!("t{number}"),
        ..question()
    };
    // The frames' randomness is a byte's, and each is of another conversation for its words.
    let ask = |number, me: &str, with| {
        fixture.signed.set(0);
        fixture.asked(task(number), me, with, &fixture.tenant)
    };
    for number in 0..OPEN_OF_ONE {
        ask(number, PLANNER, &fixture.agent).unwrap();
    }
    let more = ask(OPEN_OF_ONE, PLANNER, &fixture.agent).unwrap_err();
    assert_eq!(
        more.to_string(),
        format!(
            "{PLANNER} would have {} open approvals, allowed are {}; decide some first",
            KEPT / 4 + 1,
            KEPT / 4
        )
    );
    // One it has already is no new one, and somebody else still asks.
    ask(0, PLANNER, &fixture.agent).unwrap();
    let (name, other) = (
        "macro.planner.002@global",
        identity("macro.planner.002@global", 8),
    );
    fixture.register(&other);
    ask(OPEN_OF_ONE, name, &other).unwrap();
    // A decided one makes room.
    let first = fixture.queue.list().unwrap();
    let first = first.iter().find(|one| one.task == "t0").unwrap();
    fixture.accept(&first.id);
    ask(OPEN_OF_ONE + 1, PLANNER, &fixture.agent).unwrap();
}

#[test]
fn a_question_on_record_is_read_and_written_the_same() {
    let read = |bytes: &[u8]| serde_json::from_slice::<super::proof::Record>(bytes).ok();
    let write = |record: &super::proof::Record| serde_json::to_vec(record).unwrap();
    crate::golden::holds("approval", 1, read, write);
}
