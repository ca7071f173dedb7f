//! Random scripts: nested trees, dynamic supervisors, batches, restart loops. A seed is a script.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::script::{Node, Script, Step, join};

pub(crate) fn script(seed: u64) -> Script {
    let make = Make {
        rng: SmallRng::seed_from_u64(seed),
        sups: Vec::new(),
        workers: Vec::new(),
        labels: Vec::new(),
        extras: 0,
    };
    match seed % 8 {
        0..3 => make.ordinary(seed, "single", 2, 0),
        3..6 => make.ordinary(seed, "together", 2, 4),
        6 => make.ordinary(seed, "deep", 3, 2),
        _ => make.restart_loop(seed),
    }
}

struct Make {
    rng: SmallRng,
    /// Path, strategy and ids of all supervisors.
    sups: Vec<(String, String, Vec<String>)>,
    workers: Vec<String>,
    /// Dynamic children that have been started: supervisor and label.
    labels: Vec<(String, String)>,
    extras: u32,
}

fn op(op: &str) -> Step {
    Step {
        op: op.into(),
        ..Step::default()
    }
}

impl Make {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.rng.random_range(0..of.len())]
    }

    fn in_100(&mut self, chance: u32) -> bool {
        self.rng.random_range(0..100) < chance
    }

    fn ordinary(mut self, seed: u64, group: &str, depth: u32, batches: u32) -> Script {
        let tree = self.supervisor(String::new(), "/", depth);
        let steps = self.rng.random_range(1..9);
        let steps = (0..steps).map(|_| self.step(batches)).collect();
        Script {
            id: format!("{group}-{seed}"),
            group: format!("random/{group}"),
            tree,
            steps,
            ..Script::default()
        }
    }

    fn supervisor(&mut self, id: String, path: &str, depth: u32) -> Node {
        let strategy = match self.rng.random_range(0..10) {
            0..4 => "one_for_one",
            4..6 => "one_for_all",
            6..9 => "rest_for_one",
            _ => "simple_one_for_one",
        };
        let auto_shutdown = match self.rng.random_range(0..8) {
            0 => Some("any_significant"),
            1 => Some("all_significant"),
            _ => None,
        };
        let mut node = Node {
            id,
            strategy: Some(strategy.into()),
            intensity: Some([0, 1, 1, 2, 2, 3, 4, 8][self.rng.random_range(0..8)]),
            period_s: Some(3600),
            auto_shutdown: auto_shutdown.map(Into::into),
            ..Node::default()
        };
        if strategy == "simple_one_for_one" {
            self.sups.push((path.into(), strategy.into(), Vec::new()));
            let template = self.worker("t".into(), auto_shutdown.is_some());
            node.children = vec![template];
            return node;
        }
        let mut ids = Vec::new();
        for number in 1..=self.rng.random_range(1..5) {
            let child = if depth > 1 && self.in_100(30) {
                let id = format!("s{number}");
                let below = join(path, &id);
                let mut child = self.supervisor(id, &below, depth - 1);
                self.promise(&mut child, auto_shutdown.is_some());
                child
            } else {
                let child = self.worker(format!("c{number}"), auto_shutdown.is_some());
                self.workers.push(join(path, &child.id));
                child
            };
            ids.push(child.id.clone());
            node.children.push(child);
        }
        self.sups.push((path.into(), strategy.into(), ids));
        node
    }

    fn promise(&mut self, node: &mut Node, significant: bool) {
        let restart = match self.rng.random_range(0..6) {
            0..3 => "permanent",
            3..5 => "transient",
            _ => "temporary",
        };
        node.restart = Some(restart.into());
        node.significant = significant && restart != "permanent" && self.in_100(50);
    }

    fn worker(&mut self, id: String, significant: bool) -> Node {
        let mut node = Node {
            id,
            ..Node::default()
        };
        self.promise(&mut node, significant);
        let (on_shutdown, shutdown): (Value, Value) = match self.rng.random_range(0..40) {
            0..3 => ("trap".into(), Value::Null),
            3..5 => (json!({"exit": "normal"}), Value::Null),
            5 => (json!({"exit": "error"}), Value::Null),
            6 => ("ignore".into(), 20.into()),
            7 => (json!({"delay_ms": 15}), "infinity".into()),
            8 => (json!({"delay_ms": 200}), 20.into()),
            9..12 => (Value::Null, "brutal_kill".into()),
            12 => ("trap".into(), "brutal_kill".into()),
            13 => (Value::Null, "infinity".into()),
            _ => (Value::Null, Value::Null),
        };
        node.on_shutdown = Some(on_shutdown).filter(|value| !value.is_null());
        node.shutdown = Some(shutdown).filter(|value| !value.is_null());
        node
    }

    fn reason(&mut self) -> String {
        self.one(&[
            "normal",
            "shutdown",
            "shutdown:x",
            "error",
            "error",
            "error",
            "kill",
            "kill",
        ])
        .into()
    }

    fn reason_of_supervisor(&mut self) -> String {
        self.one(&["normal", "shutdown", "shutdown:x", "kill", "kill"])
            .into()
    }

    /// Somebody ends: a child of that supervisor, if there is one given.
    fn exit(&mut self, below: Option<usize>) -> Step {
        let mut paths: Vec<(String, bool)> = Vec::new();
        match below {
            Some(at) => {
                let (path, _, ids) = &self.sups[at];
                for id in ids {
                    let child = join(path, id);
                    let is_supervisor = self.sups.iter().any(|(sup, ..)| *sup == child);
                    paths.push((child, is_supervisor));
                }
                let labels = self.labels.iter().filter(|(sup, _)| sup == path);
                paths.extend(labels.map(|(sup, label)| (join(sup, label), false)));
            }
            None => {
                paths.extend(self.workers.iter().map(|path| (path.clone(), false)));
                paths.extend(
                    self.sups
                        .iter()
                        .filter(|(path, ..)| path != "/")
                        .map(|(path, ..)| (path.clone(), true)),
                );
                paths.extend(
                    self.labels
                        .iter()
                        .map(|(sup, label)| (join(sup, label), false)),
                );
            }
        }
        if paths.is_empty() {
            return Step {
                sup: Some("/".into()),
                ..op("which_children")
            };
        }
        let (path, is_supervisor) = paths.swap_remove(self.rng.random_range(0..paths.len()));
        let reason = if is_supervisor {
            self.reason_of_supervisor()
        } else {
            self.reason()
        };
        Step {
            id: Some(path),
            reason: Some(reason),
            ..op("exit")
        }
    }

    fn step(&mut self, batches: u32) -> Step {
        match self.rng.random_range(0..20 + batches * 4) {
            0..7 => self.exit(None),
            7..9 => self.plan(),
            9..19 => self.order(),
            19 => match self.in_100(20) {
                true => Step {
                    reason: Some("shutdown".into()),
                    ..op("stop")
                },
                false => self.order(),
            },
            _ => self.batch(),
        }
    }

    fn plan(&mut self) -> Step {
        let mut paths = self.workers.clone();
        paths.extend(self.labels.iter().map(|(sup, label)| join(sup, label)));
        let Some(path) =
            (!paths.is_empty()).then(|| paths.swap_remove(self.rng.random_range(0..paths.len())))
        else {
            return self.order();
        };
        // A dynamic child that declines to run again leaves OTP 25 with a pid `undefined`, which it cannot stop.
        let dynamic = self
            .labels
            .iter()
            .any(|(sup, label)| join(sup, label) == path);
        let hows: &[&str] = if dynamic {
            &["ok", "fail"]
        } else {
            &["ok", "fail", "fail", "ignore"]
        };
        let starts = (0..self.rng.random_range(1..4))
            .map(|_| self.one(hows).into())
            .collect();
        let then = if self.in_100(15) { "fail" } else { "ok" };
        Step {
            id: Some(path),
            starts: Some(starts),
            then: Some(then.into()),
            ..op("set")
        }
    }

    fn batch(&mut self) -> Step {
        let at = self.rng.random_range(0..self.sups.len());
        let mut exits: Vec<Step> = Vec::new();
        for _ in 0..self.rng.random_range(2..5) {
            let exit = self.exit(Some(at));
            if exit.op == "exit" && exits.iter().all(|other| other.id != exit.id) {
                exits.push(exit);
            }
        }
        if exits.is_empty() {
            return self.order();
        }
        Step {
            sup: Some(self.sups[at].0.clone()),
            exits: Some(exits),
            ..op("batch")
        }
    }

    fn order(&mut self) -> Step {
        let at = self.rng.random_range(0..self.sups.len());
        let (sup, strategy, ids) = self.sups[at].clone();
        let what = self.one(&[
            "which_children",
            "count_children",
            "start_child",
            "start_child",
            "terminate_child",
            "terminate_child",
            "restart_child",
            "restart_child",
            "delete_child",
        ]);
        let mut step = Step {
            sup: Some(sup.clone()),
            ..op(what)
        };
        if matches!(what, "which_children" | "count_children") {
            return step;
        }
        if strategy == "simple_one_for_one" {
            let labels: Vec<String> = self
                .labels
                .iter()
                .filter(|(of, _)| *of == sup)
                .map(|(_, label)| label.clone())
                .collect();
            if what == "start_child" || labels.is_empty() && what == "terminate_child" {
                step.op = "start_child".into();
                let label = format!("d{}", self.labels.len() + 1);
                self.labels.push((sup, label.clone()));
                step.label = Some(label);
            } else if what == "terminate_child" && self.in_100(85) {
                step.label = Some(labels[self.rng.random_range(0..labels.len())].clone());
            } else {
                step.id = Some("t".into());
            }
            return step;
        }
        let mut id = match self.in_100(92) && !ids.is_empty() {
            true => ids[self.rng.random_range(0..ids.len())].clone(),
            false => "nobody".into(),
        };
        if what == "start_child" {
            let is_supervisor = self.sups.iter().any(|(path, ..)| *path == join(&sup, &id));
            if is_supervisor || id == "nobody" || self.in_100(50) {
                self.extras += 1;
                id = format!("x{}", self.extras);
                self.workers.push(join(&sup, &id));
                self.sups[at].2.push(id.clone());
            }
            let mut child = self.worker(id, false);
            child.on_shutdown = None;
            child.shutdown = None;
            step.child = Some(child);
        } else {
            step.id = Some(id);
        }
        step
    }

    /// A child that cannot start again, and what is asked meanwhile.
    fn restart_loop(mut self, seed: u64) -> Script {
        let strategy = self.one(&[
            "one_for_one",
            "one_for_all",
            "rest_for_one",
            "simple_one_for_one",
        ]);
        let dynamic = strategy == "simple_one_for_one";
        let restart = self.one(&["permanent", "transient"]);
        let plain = |id: String| Node {
            id,
            restart: Some(restart.into()),
            ..Node::default()
        };
        let ids: Vec<String> = (1..=self.rng.random_range(1..4))
            .map(|n| format!("c{n}"))
            .collect();
        let tree = Node {
            strategy: Some(strategy.into()),
            intensity: Some(1_000_000_000),
            period_s: Some(1),
            children: match dynamic {
                true => vec![plain("t".into())],
                false => ids.iter().cloned().map(plain).collect(),
            },
            ..Node::default()
        };
        let mut steps = Vec::new();
        if dynamic {
            steps.extend(ids.iter().map(|id| Step {
                sup: Some("/".into()),
                label: Some(id.clone()),
                ..op("start_child")
            }));
        }
        // In a group it is the first, so that nobody is started and stopped with every try.
        let failing = match strategy {
            "one_for_one" | "simple_one_for_one" => {
                ids[self.rng.random_range(0..ids.len())].clone()
            }
            _ => ids[0].clone(),
        };
        let set = |then: &str| Step {
            id: Some(failing.clone()),
            starts: Some(Vec::new()),
            then: Some(then.into()),
            ..op("set")
        };
        steps.push(set("fail"));
        steps.push(Step {
            id: Some(failing.clone()),
            reason: Some("error".into()),
            settle: Some("loop".into()),
            ..op("exit")
        });
        for _ in 0..self.rng.random_range(1..6) {
            let mut step = Step {
                sup: Some("/".into()),
                settle: Some("none".into()),
                ..op(self.one(&[
                    "which_children",
                    "count_children",
                    "start_child",
                    "restart_child",
                    "delete_child",
                ]))
            };
            match step.op.as_str() {
                "which_children" | "count_children" => {}
                "start_child" if dynamic => {
                    step.op = "which_children".into();
                }
                "start_child" => step.child = Some(plain(failing.clone())),
                _ if dynamic => step.id = Some("t".into()),
                // One that does not wait for the failing child, or one of its group that does.
                _ => step.id = Some(ids[self.rng.random_range(0..ids.len())].clone()),
            }
            steps.push(step);
        }
        steps.push(match self.rng.random_range(0..3) {
            0 => set("ok"),
            1 => Step {
                reason: Some("shutdown".into()),
                ..op("stop")
            },
            _ => Step {
                sup: Some("/".into()),
                id: (!dynamic).then(|| failing.clone()),
                label: dynamic.then(|| failing.clone()),
                ..op("terminate_child")
            },
        });
        steps.push(Step {
            sup: Some("/".into()),
            ..op("count_children")
        });
        Script {
            id: format!("loop-{seed}"),
            group: "random/restart_loops".into(),
            looping: true,
            tree,
            steps,
            ..Script::default()
        }
    }
}
