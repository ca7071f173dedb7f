//! Tools of a process that is killed again and again, and the ledger outside it that notes every call and key.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_control::{ApprovalStatus, Client, ClientError, Decision};
use aios_work::{
    Capabilities, Effect, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use serde_json::json;

/// Tasks of a goal.
pub(crate) const TASKS: usize = 3;
/// Whoever charges so much ends the process.
pub(crate) const FATAL: i64 = 666;
/// Between what was done and the word of it, of tools that may not be called twice: who is killed meanwhile leaves a doubt.
const SLOW: Duration = Duration::from_millis(20);

/// Books an amount with the ledger, under the call's key.
pub(crate) struct Shop {
    name: &'static str,
    effect: Effect,
    ledger: String,
}

impl Shop {
    /// One that may be called again under its key.
    pub(crate) const CHARGE: &str = "shop__charge";
    /// One that can be asked by its key whether it was called.
    pub(crate) const ORDER: &str = "shop__order";
    /// One of which nobody but a person can know.
    pub(crate) const WIRE: &str = "shop__wire";

    /// One of each effect.
    pub(crate) fn all(ledger: &str) -> [Self; 3] {
        [
            (Self::CHARGE, Effect::Repeatable),
            (Self::ORDER, Effect::Query),
            (Self::WIRE, Effect::Ask),
        ]
        .map(|(name, effect)| Self {
            name,
            effect,
            ledger: ledger.to_owned(),
        })
    }
}

#[async_trait]
impl Tool for Shop {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_owned(),
            description: "Charges an amount.".to_owned(),
            input: json!({"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}),
            output: json!({"type": "object", "properties": {"charged": {"type": "integer"}}, "required": ["charged"]}),
            needs: Capabilities::none(),
            effect: self.effect,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let amount = call.args["amount"].as_i64().unwrap_or_default();
        if amount == FATAL {
            std::process::abort();
        }
        let (ledger, key) = (self.ledger.clone(), call.idempotency_key);
        let asks = call.again && self.effect == Effect::Query;
        let slow = self.effect != Effect::Repeatable;
        let booked = tokio::task::spawn_blocking(move || {
            if asks && is_booked(&ledger, &key)? {
                return Ok(());
            }
            book(&ledger, &key)?;
            if slow {
                std::thread::sleep(SLOW);
            }
            Ok::<(), std::io::Error>(())
        });
        match booked.await {
            Ok(Ok(())) => Ok(ToolOutput {
                value: json!({ "charged": amount }),
                ..ToolOutput::default()
            }),
            _ => Err(ToolError::new(ToolErrorKind::Network, "no ledger")),
        }
    }
}

/// The tools of the tasks of an order: which of them may be repeated goes by its number.
pub(crate) const fn tools_of(order: usize) -> [&'static str; TASKS] {
    match order % 3 {
        0 => [Shop::CHARGE; TASKS],
        1 => [Shop::ORDER; TASKS],
        _ => [Shop::CHARGE, Shop::ORDER, Shop::WIRE],
    }
}

/// Whether a person may have to be asked about an order, and may have said no.
pub(crate) const fn may_ask(order: usize) -> bool {
    order % 3 == 2
}

/// Books under this key.
pub(crate) fn book(ledger: &str, key: &str) -> std::io::Result<()> {
    asked(ledger, key).map(drop)
}

/// Whether something was booked under this key, or under one that begins with it and `/`.
fn is_booked(ledger: &str, key: &str) -> std::io::Result<bool> {
    Ok(asked(ledger, &format!("?{key}"))? == "yes\n")
}

/// Whether a key is this one or one below it.
fn is_of(it: &str, key: &str) -> bool {
    it.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn asked(ledger: &str, what: &str) -> std::io::Result<String> {
    let mut line = TcpStream::connect(ledger)?;
    writeln!(line, "{what}")?;
    let mut said = String::new();
    BufReader::new(line).read_line(&mut said)?;
    Ok(said)
}

/// Decides what waits for a person, as one does who looks it up: what was booked is not done once more, what was not is.
pub(crate) async fn decide(node: &mut Client, ledger: &str) -> Result<(), ClientError> {
    for approval in node.approvals().await? {
        if approval.status != ApprovalStatus::Open {
            continue;
        }
        let key = format!("{}/{}", approval.goal, approval.task);
        let decision = match is_booked(ledger, &key).unwrap() {
            true => Decision::Reject,
            false => Decision::Accept,
        };
        match node.decide(&approval.id, decision, "I looked it up").await {
            // Its goal may be over by now.
            Ok(_) | Err(ClientError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Every call that was made, by key, as nobody who is killed can forget it.
#[derive(Clone, Default)]
pub(crate) struct Ledger(pub(crate) Arc<Mutex<BTreeMap<String, u32>>>);

impl Ledger {
    /// The effects of these orders are there, each by itself and under one key, and none was made twice that may not be.
    pub(crate) fn has_each_once<'g>(
        &self,
        orders: impl Iterator<Item = (usize, &'g str)>,
        seed: u64,
    ) {
        let books = self.0.lock().unwrap();
        for (order, goal) in orders {
            let below = format!("{goal}/");
            let made = books.iter().filter(|(key, _)| key.starts_with(&below));
            let made: Vec<_> = made.collect();
            assert_eq!(
                made.len(),
                TASKS,
                "seed {seed}: the effects of {goal}: {made:?}"
            );
            for (task, tool) in ["first", "second", "third"].iter().zip(tools_of(order)) {
                let key = format!("{below}{task}");
                // What a person lets be done once more has a key below the first one's.
                let mut of_task = made.iter().filter(|(made, _)| is_of(made, &key));
                let called = of_task.next().map(|(_, calls)| **calls);
                let once = called.is_some_and(|calls| calls == 1 || tool == Shop::CHARGE);
                let alone = of_task.next().is_none();
                assert!(once && alone, "seed {seed}: {task} of {goal}: {made:?}");
            }
        }
    }

    pub(crate) fn open() -> (Self, String) {
        let ledger = Self::default();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        let books = ledger.clone();
        std::thread::spawn(move || {
            // One after the other: what somebody sent who is dead by now is booked before the next one asks for it.
            for line in port.incoming().flatten() {
                books.answer(line);
            }
        });
        (ledger, address)
    }

    fn answer(&self, mut line: TcpStream) {
        let mut said = String::new();
        let read = BufReader::new(&line).read_line(&mut said);
        // A caller that was killed before it said its key has booked nothing.
        if read.is_err() || !said.ends_with('\n') {
            return;
        }
        let mut books = self.0.lock().unwrap();
        let answer = match said.trim().strip_prefix('?') {
            Some(key) => {
                let known = books.keys().any(|it| is_of(it, key));
                if known { "yes" } else { "no" }
            }
            None => {
                *books.entry(said.trim().to_owned()).or_default() += 1;
                "booked"
            }
        };
        let _ = writeln!(line, "{answer}");
    }
}
