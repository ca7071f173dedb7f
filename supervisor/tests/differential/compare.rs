//! Compares our trace with OTP's, and says which of the declared differences explains a deviation. Each has a predicate of
//! its own, which looks at the first event that deviates and at what led to it; what none explains is undeclared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::script::{Event, Played, Script, Step, Trace, is_below, join, parent};

pub(crate) const GIVING_UP: &str = "giving-up-is-a-failure";
pub(crate) const STOP_ORDER: &str = "a-stop-order-stands";
pub(crate) const GOES_ON: &str = "a-group-goes-on-without-the-terminated";
pub(crate) const ONE_RESTART: &str = "overlapping-group-restarts-are-one";
pub(crate) const WAITS: &str = "a-start-waits-for-what-is-left";
pub(crate) const TURN: &str = "a-start-keeps-its-turn";
pub(crate) const DRIFT: &str = "a-dynamic-count-does-not-drift";

/// The names by which `docs/supervision-rules.md` declares them.
pub(crate) const DIFFERENCES: [&str; 7] = [
    GIVING_UP,
    STOP_ORDER,
    GOES_ON,
    ONE_RESTART,
    WAITS,
    TURN,
    DRIFT,
];

pub(crate) enum Comparison {
    /// Equal but for these differences.
    Equal(BTreeSet<&'static str>),
    /// Something deviates and nothing explains it.
    Undeclared(String),
}

/// What follows for the rest of the script.
enum After {
    /// Both are where they would have been without the difference.
    Same,
    /// From here on they go ways of their own.
    Apart,
}

/// One side of a step, in a form that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Side {
    r: Value,
    ev: Vec<Event>,
    late: Vec<(String, u64)>,
}

/// The latest generation of each path before a step; numbers are compared relative to it.
#[derive(Default)]
struct Bases(BTreeMap<String, u64>);

impl Bases {
    fn relative(&self, path: &str, n: u64) -> u64 {
        n.saturating_sub(self.0.get(path).copied().unwrap_or(0))
    }

    fn side(&self, script: &Script, step: Option<&Step>, played: &Played) -> Side {
        let mut ev: Vec<Event> = played
            .ev
            .iter()
            .filter(|event| event.what() != "begin")
            .map(|event| self.event(event))
            .collect();
        sort_dynamic_stops(script, &mut ev);
        let mut late: Vec<(String, u64)> = played
            .late
            .iter()
            .map(|event| {
                let n = event.n().unwrap_or(0);
                (event.path().to_string(), self.relative(event.path(), n))
            })
            .collect();
        late.sort();
        Side {
            r: self.result(script, step, &played.r),
            ev,
            late,
        }
    }

    fn event(&self, event: &Event) -> Event {
        let mut event = event.clone();
        if let Some(n) = event.n() {
            event.0[2] = self.relative(event.path(), n).into();
        }
        event
    }

    fn result(&self, script: &Script, step: Option<&Step>, r: &Value) -> Value {
        let Some(step) = step else { return r.clone() };
        let sup = step.sup.as_deref().unwrap_or("/");
        let mut r = r.clone();
        match step.op.as_str() {
            "which_children" => {
                let dynamic = strategy(script, sup) == "simple_one_for_one";
                let Value::Array(rows) = &mut r else { return r };
                for row in rows.iter_mut() {
                    let name = row[0].as_str().unwrap_or_default().to_string();
                    let path = if dynamic { name } else { join(sup, &name) };
                    if let Some(n) = row[1].as_u64() {
                        row[1] = self.relative(&path, n).into();
                    }
                }
                if dynamic {
                    rows.sort_by_key(ToString::to_string);
                }
            }
            "start_child" | "restart_child" => {
                let id = step.child.as_ref().map(|child| child.id.as_str());
                let id = id.or(step.label.as_deref()).or(step.id.as_deref());
                let path = join(sup, id.unwrap_or_default());
                if let Some(n) = r.get(1).and_then(Value::as_u64) {
                    r[1] = self.relative(&path, n).into();
                }
            }
            _ => {}
        }
        r
    }

    fn learn(&mut self, played: &Played) {
        for event in played.ev.iter().chain(&played.late) {
            if let Some(n) = event.n() {
                let known = self.0.entry(event.path().to_string()).or_default();
                *known = n.max(*known);
            }
        }
    }
}

fn strategy<'a>(script: &'a Script, path: &str) -> &'a str {
    let node = script.node(path);
    node.and_then(|node| node.strategy.as_deref())
        .unwrap_or_default()
}

fn keeps_an_order(script: &Script, path: &str) -> bool {
    matches!(strategy(script, path), "one_for_all" | "rest_for_one")
}

/// Children of a dynamic supervisor are all asked at once, so they leave in any order.
fn sort_dynamic_stops(script: &Script, events: &mut [Event]) {
    let asked = |event: &Event| {
        event.what() == "stop"
            && event.by() == "sup"
            && strategy(script, parent(event.path())) == "simple_one_for_one"
    };
    let same = |one: &Event, two: &Event| {
        asked(one) && asked(two) && parent(one.path()) == parent(two.path())
    };
    for run in events.chunk_by_mut(same) {
        run.sort_by_key(|event| format!("{event:?}"));
    }
}

/// What a deviation is judged by.
struct Case<'a> {
    script: &'a Script,
    step: Option<&'a Step>,
    /// Children that were terminated and not asked to run again.
    held_down: &'a BTreeSet<String>,
    ours: Side,
    theirs: Side,
}

type Explained = (Vec<&'static str>, After);

impl Case<'_> {
    /// The events that both have, up to the first that deviates.
    fn same(&self) -> usize {
        let both = self.ours.ev.iter().zip(&self.theirs.ev);
        both.take_while(|(ours, theirs)| ours == theirs).count()
    }

    /// One difference, or one that changes what is started within a step and then another.
    fn explained(&self) -> Option<Explained> {
        if let Some(name) = self.goes_apart() {
            return Some((vec![name], After::Apart));
        }
        let alike = [
            (ONE_RESTART, self.as_one_restart()),
            (WAITS, self.without_later_starts()),
        ];
        for (name, case) in alike {
            let Some(case) = case else { continue };
            if case.ours == case.theirs {
                return Some((vec![name], After::Same));
            }
            if let Some(other) = case.goes_apart() {
                return Some((vec![name, other], After::Apart));
            }
        }
        None
    }

    fn goes_apart(&self) -> Option<&'static str> {
        if self.gave_up_before() {
            Some(GIVING_UP)
        } else if self.revives_the_terminated() {
            Some(STOP_ORDER)
        } else if self.frees_the_group() {
            Some(GOES_ON)
        } else if self.keeps_its_turn() {
            Some(TURN)
        } else if self.starts_from_the_earlier() {
            Some(ONE_RESTART)
        } else {
            None
        }
    }

    /// OTP's supervisor that gives up leaves with `shutdown`, so its parent takes a transient one for done.
    fn gave_up_before(&self) -> bool {
        self.theirs.ev[..self.same()].iter().any(|event| {
            event.what() == "stop"
                && event.by() == "intensity"
                && event.path() != "/"
                && self.restart(event.path()) == "transient"
        })
    }

    fn restart(&self, path: &str) -> &str {
        let node = self.script.node(path);
        node.and_then(|node| node.restart.as_deref())
            .unwrap_or("permanent")
    }

    /// OTP's group restart starts a child that was terminated by order.
    fn revives_the_terminated(&self) -> bool {
        self.theirs.ev.get(self.same()).is_some_and(|event| {
            matches!(event.what(), "start" | "fail" | "ignore")
                && self.held_down.iter().any(|down| {
                    is_below(event.path(), down) && keeps_an_order(self.script, parent(down))
                })
        })
    }

    /// In OTP those that were to start after a child that cannot start stay down for good when that one is terminated.
    fn frees_the_group(&self) -> bool {
        let Some(step) = self.step else { return false };
        let sup = step.sup.as_deref().unwrap_or("/");
        let same = self.same();
        self.script.looping
            && step.op == "terminate_child"
            && keeps_an_order(self.script, sup)
            && self.theirs.ev.len() == same
            && self.ours.ev[same..].iter().all(|event| {
                matches!(event.what(), "start" | "fail" | "ignore")
                    && (sup == "/" || is_below(event.path(), sup))
            })
    }

    /// OTP starts one that is to start after a child that cannot, and stops it again with that one's next try.
    fn keeps_its_turn(&self) -> bool {
        self.script.looping
            && self.step.is_some_and(|step| {
                let sup = step.sup.as_deref().unwrap_or("/");
                step.op == "restart_child" && keeps_an_order(self.script, sup)
            })
            && self.ours.r == serde_json::json!(["error", "restarting"])
            && self.theirs.r.get(0).is_some_and(|word| word == "ok")
    }

    /// The same difference when somebody's start is due to fail: the larger restart makes tries that OTP makes in the
    /// smaller one.
    fn starts_from_the_earlier(&self) -> bool {
        let Some(step) = self.step.filter(|step| step.op == "batch") else {
            return false;
        };
        let sup = step.sup.as_deref().unwrap_or("/");
        let place = |side: &Side| {
            let event = side.ev.get(self.same())?;
            let starts = matches!(event.what(), "start" | "fail" | "ignore");
            let children = &self.script.node(sup)?.children;
            let mut of_child = children.iter();
            starts
                .then(|| of_child.position(|child| is_below(event.path(), &join(sup, &child.id))))?
        };
        let fails = self.theirs.ev.iter().any(|event| event.what() == "fail");
        strategy(self.script, sup) == "rest_for_one"
            && fails
            && matches!((place(&self.ours), place(&self.theirs)), (Some(ours), Some(theirs)) if ours < theirs)
    }

    fn with(&self, change: impl Fn(&Side) -> Vec<Event>) -> Self {
        let changed = |side: &Side| Side {
            ev: change(side),
            ..side.clone()
        };
        Case {
            ours: changed(&self.ours),
            theirs: changed(&self.theirs),
            ..*self
        }
    }

    /// OTP finishes one group restart before it hears of an exit that needs a larger one: whoever is started for the
    /// first is stopped again for the second.
    fn as_one_restart(&self) -> Option<Self> {
        let step = self.step.filter(|step| step.op == "batch")?;
        let sup = step.sup.as_deref().unwrap_or("/");
        let (_, undone) = without_undone_starts(&self.theirs.ev, sup);
        let applies = strategy(self.script, sup) == "rest_for_one" && undone > 0;
        applies.then(|| self.with(|side| without_undone_starts(&side.ev, sup).0))
    }

    /// A killed supervisor starts again when all below it is gone; OTP's at once. Meanwhile its siblings go on, or a later
    /// exit makes the start needless.
    fn without_later_starts(&self) -> Option<Self> {
        let killed: Vec<&str> = self
            .theirs
            .ev
            .iter()
            .filter(|event| event.what() == "stop" && event.reason() == "killed")
            .map(Event::path)
            .filter(|path| !strategy(self.script, path).is_empty())
            .collect();
        let later = |event: &&Event| {
            let again = event.what() != "stop" || event.n() > Some(0);
            again && killed.iter().any(|sup| is_below(event.path(), sup))
        };
        let others = |side: &Side| {
            let left = side.ev.iter().filter(|event| !later(event));
            left.cloned().collect()
        };
        (!killed.is_empty()).then(|| self.with(others))
    }
}

/// The events less those starts that the supervisor took back within the step, and how many those were. Numbers go, since
/// whoever was started once more has a higher one.
fn without_undone_starts(events: &[Event], sup: &str) -> (Vec<Event>, usize) {
    let mut left: Vec<Event> = events.to_vec();
    let mut undone = 0;
    let mut at = 0;
    while at < left.len() {
        let event = &left[at];
        let stop = (event.what() == "start" && (sup == "/" || is_below(event.path(), sup)))
            .then(|| {
                left[at..].iter().position(|later| {
                    later.what() == "stop"
                        && later.path() == event.path()
                        && later.n() == event.n()
                        && later.by() == "sup"
                })
            })
            .flatten();
        match stop {
            Some(stop) => {
                left.remove(at + stop);
                left.remove(at);
                undone += 1;
            }
            None => at += 1,
        }
    }
    for event in &mut left {
        if event.n().is_some() {
            event.0[2] = Value::Null;
        }
    }
    (left, undone)
}

/// Keeps count of who was terminated by order and not asked to run again, by OTP's answers.
fn note_orders(held_down: &mut BTreeSet<String>, step: &Step, theirs: &Played) {
    let sup = step.sup.as_deref().unwrap_or("/");
    let id = step.child.as_ref().map(|child| child.id.as_str());
    let path = join(sup, id.or(step.id.as_deref()).unwrap_or_default());
    match step.op.as_str() {
        "terminate_child" if theirs.r == "ok" => {
            held_down.insert(path);
        }
        "restart_child" | "start_child" | "delete_child" => {
            held_down.remove(&path);
        }
        _ => {}
    }
    // A supervisor that starts anew knows of no orders.
    for event in theirs.ev.iter().filter(|event| event.what() == "start") {
        held_down.retain(|down| down == event.path() || !is_below(down, event.path()));
    }
}

/// A dynamic child that is terminated between two tries stays among those that OTP 25 takes off its count of active ones.
#[derive(Default)]
struct Drift(BTreeMap<String, i64>);

impl Drift {
    fn note(&mut self, script: &Script, step: &Step, theirs: &Played) {
        let sup = step.sup.as_deref().unwrap_or("/");
        let failing = script.looping && step.op == "terminate_child" && step.label.is_some();
        if failing && strategy(script, sup) == "simple_one_for_one" && theirs.r == "ok" {
            *self.0.entry(sup.to_string()).or_default() += 1;
        }
    }

    fn correct(&self, sup: &str, counts: &mut Value) -> bool {
        match (self.0.get(sup), counts.get(1).and_then(Value::as_i64)) {
            (Some(drift), Some(active)) => {
                counts[1] = (active + drift).into();
                true
            }
            _ => false,
        }
    }
}

pub(crate) fn compare(script: &Script, ours: &Trace, theirs: &Trace) -> Comparison {
    let mut explained = BTreeSet::new();
    let mut held_down = BTreeSet::new();
    let mut drift = Drift::default();
    let (mut our_bases, mut their_bases) = (Bases::default(), Bases::default());
    if ours.steps.len() != theirs.steps.len() {
        return Comparison::Undeclared("not the same number of steps".into());
    }
    for (at, (our_step, their_step)) in ours.steps.iter().zip(&theirs.steps).enumerate() {
        let step = at.checked_sub(1).map(|at| &script.steps[at]);
        let our_side = our_bases.side(script, step, our_step);
        let mut their_side = their_bases.side(script, step, their_step);
        if step.is_some_and(|step| step.op == "count_children") {
            let sup = step.and_then(|step| step.sup.as_deref());
            if drift.correct(sup.unwrap_or("/"), &mut their_side.r) {
                explained.insert(DRIFT);
            }
        }
        if our_side != their_side {
            let case = Case {
                script,
                step,
                held_down: &held_down,
                ours: our_side,
                theirs: their_side,
            };
            match case.explained() {
                Some((names, After::Same)) => explained.extend(names),
                Some((names, After::Apart)) => {
                    explained.extend(names);
                    return Comparison::Equal(explained);
                }
                None => {
                    let (ours, theirs) = (tell(our_step), tell(their_step));
                    let what = format!("step {at} parts\nours {ours}\nOTP  {theirs}");
                    return Comparison::Undeclared(what);
                }
            };
        }
        our_bases.learn(our_step);
        their_bases.learn(their_step);
        if let Some(step) = step {
            note_orders(&mut held_down, step, their_step);
            drift.note(script, step, their_step);
        }
    }
    let alive = |bases: &Bases, trace: &Trace| -> Vec<(String, u64)> {
        let alive = trace.end.alive.iter();
        alive
            .map(|(path, n)| (path.clone(), bases.relative(path, *n)))
            .collect()
    };
    let mut their_counts = theirs.end.counts.clone();
    for (sup, counts) in &mut their_counts {
        if drift.correct(sup, counts) {
            explained.insert(DRIFT);
        }
    }
    if alive(&our_bases, ours) != alive(&their_bases, theirs) || ours.end.counts != their_counts {
        let what = format!("the end parts\nours {:?}\nOTP  {:?}", ours.end, theirs.end);
        return Comparison::Undeclared(what);
    }
    Comparison::Equal(explained)
}

fn tell(played: &Played) -> String {
    serde_json::to_string(played).unwrap_or_default()
}
