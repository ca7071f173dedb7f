//! Who waits for whom, and which of them wait in a circle: the report that explains a freeze.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

/// The waits of a system, as far as they were told. Pure: whoever asks and waits adds an edge and takes it away.
#[derive(Clone, Debug)]
pub struct WaitGraph<K> {
    waits: BTreeMap<K, BTreeMap<K, Wait>>,
}

/// One wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// For what.
    pub what: String,
    /// Since when.
    pub since: Duration,
    /// When it ends by itself; a circle with a deadline in it is no deadlock, only slow.
    pub until: Option<Duration>,
    /// Asks that wait on this edge at once.
    pub count: u32,
}

/// Some who wait for each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deadlock<K> {
    /// Each waits for the next, the last for the first.
    pub circle: Vec<K>,
    /// For what, in the same order.
    pub waits: Vec<Wait>,
    /// The earliest deadline among them, which will break the circle.
    pub breaks_at: Option<Duration>,
}

impl<K> Default for WaitGraph<K> {
    fn default() -> Self {
        Self {
            waits: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> WaitGraph<K> {
    /// `who` waits for `whom`.
    pub fn wait(&mut self, who: K, whom: K, what: &str, since: Duration, until: Option<Duration>) {
        let fresh = Wait {
            what: what.to_string(),
            since,
            until,
            count: 0,
        };
        self.waits
            .entry(who)
            .or_default()
            .entry(whom)
            .or_insert(fresh)
            .count += 1;
    }

    /// It waits no longer.
    pub fn done(&mut self, who: &K, whom: &K) {
        let Some(of) = self.waits.get_mut(who) else {
            return;
        };
        if let Some(wait) = of.get_mut(whom) {
            wait.count -= 1;
            if wait.count == 0 {
                of.remove(whom);
            }
        }
        if of.is_empty() {
            self.waits.remove(who);
        }
    }

    /// `who` is gone, and with it all that it waited for. Those who wait for it still do.
    pub fn gone(&mut self, who: &K) {
        self.waits.remove(who);
    }

    /// Whether `who` waits for anybody.
    pub fn waits(&self, who: &K) -> bool {
        self.waits.contains_key(who)
    }

    /// Edges there are.
    pub fn len(&self) -> usize {
        self.waits.values().map(BTreeMap::len).sum()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// The shortest circle that `who` waits in, if it does.
    pub fn circle(&self, who: &K) -> Option<Vec<K>> {
        self.circle_through(who)
    }

    /// Every circle there is, one for each way back found: where several overlap, the shortest through each member
    /// that is in none yet.
    pub fn deadlocks(&self) -> Vec<Deadlock<K>> {
        let mut found: Vec<Deadlock<K>> = Vec::new();
        for start in self.waits.keys() {
            if found.iter().any(|deadlock| deadlock.circle.contains(start)) {
                continue;
            }
            if let Some(circle) = self.circle_through(start) {
                found.push(self.describe(circle));
            }
        }
        found
    }

    /// The shortest way from `start` back to itself, breadth first.
    fn circle_through<'a>(&'a self, start: &'a K) -> Option<Vec<K>> {
        let mut came_from: BTreeMap<&K, &K> = BTreeMap::new();
        let mut edge = vec![start];
        while !edge.is_empty() {
            let mut next = Vec::new();
            for who in edge {
                for whom in self.waits.get(who).into_iter().flat_map(BTreeMap::keys) {
                    if whom == start {
                        let mut circle = vec![who.clone()];
                        let mut at = who;
                        while let Some(before) = came_from.get(at) {
                            circle.push((*before).clone());
                            at = before;
                        }
                        circle.reverse();
                        return Some(circle);
                    }
                    if !came_from.contains_key(whom) {
                        came_from.insert(whom, who);
                        next.push(whom);
                    }
                }
            }
            edge = next;
        }
        None
    }

    fn describe(&self, circle: Vec<K>) -> Deadlock<K> {
        let nexts = circle.iter().skip(1).chain(circle.first());
        let waits: Vec<Wait> = circle
            .iter()
            .zip(nexts)
            .filter_map(|(who, whom)| self.waits.get(who)?.get(whom).cloned())
            .collect();
        let breaks_at = waits.iter().filter_map(|wait| wait.until).min();
        Deadlock {
            circle,
            waits,
            breaks_at,
        }
    }
}

impl<K: fmt::Display> fmt::Display for Deadlock<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, wait) in self.circle.iter().zip(&self.waits) {
            write!(f, "{who} waits ({}) for ", wait.what)?;
        }
        match self.circle.first() {
            Some(first) => first.fmt(f),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &'static str)]) -> WaitGraph<&'static str> {
        let mut graph = WaitGraph::default();
        for (who, whom) in edges {
            graph.wait(*who, *whom, "ask", Duration::ZERO, None);
        }
        graph
    }

    /// Rows: who waits for whom, the circles.
    #[test]
    fn only_those_who_wait_in_a_circle_are_reported() {
        type Row = (
            &'static [(&'static str, &'static str)],
            &'static [&'static [&'static str]],
        );
        let rows: &[Row] = &[
            (&[], &[]),
            (&[("a", "b"), ("b", "c"), ("x", "c")], &[]),
            (&[("a", "a")], &[&["a"]]),
            (&[("a", "b"), ("b", "a"), ("x", "a")], &[&["a", "b"]]),
            (
                &[("a", "b"), ("b", "c"), ("c", "a"), ("b", "d")],
                &[&["a", "b", "c"]],
            ),
            (
                &[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")],
                &[&["a", "b"], &["c", "d"]],
            ),
            (
                &[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")],
                &[&["a", "b"], &["c", "b"]],
            ),
        ];
        for (edges, circles) in rows {
            let edges: Vec<_> = edges.to_vec();
            let mut graph = WaitGraph::default();
            for (who, whom) in &edges {
                graph.wait(*who, *whom, "ask", Duration::ZERO, None);
            }
            let found: Vec<Vec<&str>> = graph
                .deadlocks()
                .into_iter()
                .map(|deadlock| deadlock.circle)
                .collect();
            assert_eq!(
                found,
                circles
                    .iter()
                    .map(|circle| circle.to_vec())
                    .collect::<Vec<_>>(),
                "{edges:?}"
            );
        }
    }

    #[test]
    fn a_wait_that_ended_breaks_the_circle_and_two_asks_need_two_answers() {
        let mut graph = graph(&[("a", "b"), ("a", "b"), ("b", "a")]);
        graph.done(&"a", &"b");
        assert_eq!(graph.deadlocks().len(), 1);
        graph.done(&"a", &"b");
        assert!(graph.deadlocks().is_empty());
        graph.wait("a", "b", "ask", Duration::ZERO, None);
        graph.gone(&"b");
        assert!(graph.deadlocks().is_empty());
    }

    #[test]
    fn the_report_reads_as_a_sentence_and_tells_when_a_deadline_will_break_it() {
        let mut graph = WaitGraph::default();
        graph.wait(
            "planner",
            "executor",
            "result of t1",
            Duration::ZERO,
            Some(Duration::from_secs(9)),
        );
        graph.wait("executor", "planner", "budget", Duration::ZERO, None);
        let deadlock = graph.deadlocks().remove(0);
        assert_eq!(deadlock.breaks_at, Some(Duration::from_secs(9)));
        assert_eq!(
            deadlock.to_string(),
            "executor waits (budget) for planner waits (result of t1) for executor"
        );
    }
}
