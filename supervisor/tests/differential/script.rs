//! The language in which both supervisors are told what to do, and the form in which what happened is written down.
//!
//! One record is one line of JSON: `tree` (a node with a `strategy` is a supervisor), `steps`, and, once it has been
//! played, `trace`: `steps[0]` is the start and `steps[i]` belongs to step i-1, with the result `r` and the events `ev` in
//! their order (`async`: what a killed supervisor's children did, in no order). `player.escript` reads the same as
//! Erlang terms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Script {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    /// A restart loop is played: failed starts are not written down, since nobody knows how many there are.
    #[serde(default, rename = "loop", skip_serializing_if = "is_default")]
    pub(crate) looping: bool,
    pub(crate) tree: Node,
    pub(crate) steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
}

/// A child, or, when it has a strategy, a supervisor.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restart: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) significant: bool,
    /// Milliseconds, `brutal_kill` or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shutdown: Option<Value>,
    /// What a worker does when it is asked: `trap`, `ignore`, `{"exit": reason}` or `{"delay_ms": n}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_shutdown: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strategy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intensity: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) period_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auto_shutdown: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Node>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) op: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sup: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Names a child of a dynamic supervisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) child: Option<Node>,
    /// What its next starts come to (`ok`, `fail`, `ignore`), and all after those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starts: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) then: Option<String>,
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub(crate) exits: Option<Vec<Step>>,
    /// `loop`: until starts have failed several times; `none`: go on at once; otherwise until all is calm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Played>,
    #[serde(rename = "final")]
    pub(crate) end: End,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Played {
    pub(crate) r: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ev: Vec<Event>,
    #[serde(default, rename = "async", skip_serializing_if = "Vec::is_empty")]
    pub(crate) late: Vec<Event>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct End {
    pub(crate) alive: Vec<(String, u64)>,
    pub(crate) counts: serde_json::Map<String, Value>,
}

/// `["start", path, n]`, `["stop", path, n, reason, by, "asked"?]`, `["fail" or "ignore" or "begin", path]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Event(pub(crate) Vec<Value>);

impl Event {
    pub(crate) fn start(path: &str, n: u64) -> Self {
        Self(vec!["start".into(), path.into(), n.into()])
    }

    pub(crate) fn word(what: &str, path: &str) -> Self {
        Self(vec![what.into(), path.into()])
    }

    pub(crate) fn stop(path: &str, n: u64, reason: &str, by: &str, asked: bool) -> Self {
        let mut words: Vec<Value> = vec!["stop".into(), path.into(), n.into()];
        words.extend([reason.into(), by.into()]);
        if asked {
            words.push("asked".into());
        }
        Self(words)
    }

    fn text(&self, at: usize) -> &str {
        self.0.get(at).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn what(&self) -> &str {
        self.text(0)
    }

    pub(crate) fn path(&self) -> &str {
        self.text(1)
    }

    pub(crate) fn n(&self) -> Option<u64> {
        self.0.get(2).and_then(Value::as_u64)
    }

    pub(crate) fn reason(&self) -> &str {
        self.text(3)
    }

    pub(crate) fn by(&self) -> &str {
        self.text(4)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The path of a child, given that of its supervisor.
pub(crate) fn join(sup: &str, id: &str) -> String {
    if sup == "/" {
        id.to_string()
    } else {
        format!("{sup}/{id}")
    }
}

/// The path of its supervisor.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(sup, _)| sup)
}

pub(crate) fn is_below(path: &str, sup: &str) -> bool {
    path == sup
        || path
            .strip_prefix(sup)
            .is_some_and(|rest| rest.starts_with('/'))
}

impl Script {
    /// The node at a path, as the script's tree or its steps declare it; the template's for a dynamic child.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        if path == "/" {
            return Some(&self.tree);
        }
        let id = path.rsplit('/').next()?;
        let sup = self.node(parent(path))?;
        if sup.strategy.as_deref() == Some("simple_one_for_one") {
            return sup.children.first();
        }
        let added = self.steps.iter().filter(|step| step.op == "start_child");
        let added = added
            .filter(|step| step.sup.as_deref() == Some(parent(path)))
            .filter_map(|step| step.child.as_ref());
        sup.children.iter().chain(added).find(|node| node.id == id)
    }
}
