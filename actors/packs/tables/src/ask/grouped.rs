//! The answer that is a figure for each group: which is first, those that pass, or all of them.

use aios_work::{Grain, Period, When};

use super::answer::{Answered, Cell, NAMED, Reader, Shown};
use super::facts::{What, label_of, subject, unit};
use super::question::{Figure, Group, Make, Measure, Order};
use crate::page::capital;
use aios_languages::english::shown_name;

impl Reader<'_> {
    /// A group's name as it is shown: a week by its number.
    fn label(&self, row: usize, at: usize) -> String {
        let key = self.key(row, at);
        match self.question.groups.get(at) {
            Some(Group::Each(_, Grain::Week)) => super::say::week(&key).unwrap_or(key),
            _ => key,
        }
    }

    /// A group's name as facts have it.
    fn key(&self, row: usize, at: usize) -> String {
        let column = if at == 0 { "label" } else { "label2" };
        let text = self.text(row, column);
        match (self.question.groups.get(at), text) {
            (Some(Group::Weekday(_)), Some(day)) => day
                .parse()
                .map_or_else(|_| day.clone(), |day| self.speech.weekday(day)),
            (_, Some(text)) => text,
            (_, None) => self.speech.say("no_value", &[]),
        }
    }

    fn labels(&self, row: usize) -> String {
        let labels: Vec<String> = (0..self.question.groups.len())
            .map(|at| shown_name(&self.label(row, at)))
            .collect();
        labels.join(", ")
    }

    pub(super) fn grouped(&self, figures: &[Figure]) -> Answered {
        let mut out = Answered::default();
        let groups: Vec<String> = self
            .question
            .groups
            .iter()
            .map(|group| self.speech.group(group))
            .collect();
        let group = groups.join(", ");
        let Some(first) = figures.first() else {
            return out;
        };
        let shown = self.speech.figure(first);
        let all = self.given.rows.rows.len();
        let value = |row: usize, at: usize| {
            let unit = figures.get(at).and_then(unit);
            self.number(row, &format!("f{}", at + 1)).map_or_else(
                || "-".to_owned(),
                |value| self.speech.number(value, unit.as_deref()),
            )
        };
        let order = self.question.order.as_ref();
        let asked = order.and_then(|order| order.limit);
        let skip = order.map_or(0, |order| order.skip as usize);
        let told = asked.map_or(all, |limit| (skip + limit as usize).min(all));
        if all == 0 {
            let test = self
                .question
                .having
                .as_ref()
                .map(|test| self.speech.test(test))
                .unwrap_or_default();
            let key = if test.is_empty() {
                "none"
            } else {
                "none_having"
            };
            out.sentence = capital(&self.speech.say(
                key,
                &[
                    ("scope", &self.scope),
                    ("figure", &shown),
                    ("group", &group),
                    ("test", &test),
                ],
            ));
            return out;
        }
        for row in 0..all {
            for (at, figure) in figures.iter().enumerate() {
                let what = self.grouped_what(row, figure);
                out.facts
                    .extend(self.fact(what, row, &format!("f{}", at + 1)));
                if let (Make::Over(over, _), true) = (&figure.make, row < NAMED * 2) {
                    for (column, of) in [("p", &figure.of), ("w", over.as_ref())] {
                        let part = Figure {
                            make: Make::Total,
                            of: of.clone(),
                            called: None,
                        };
                        let what = self.grouped_what(row, &part);
                        out.facts
                            .extend(self.fact(what, row, &format!("{column}{}", at + 1)));
                    }
                }
            }
        }
        let list = |from: usize, to: usize| {
            let lines: Vec<String> = (from..to.min(from + NAMED))
                .map(|row| {
                    let values: Vec<String> = (0..figures.len()).map(|at| value(row, at)).collect();
                    format!("{} {}", self.labels(row), values.join(" / "))
                })
                .collect();
            let more = to.saturating_sub(from + NAMED);
            let mut list = lines.join("; ");
            if more > 0 {
                list.push_str("; ");
                list.push_str(&self.speech.say("more", &[("n", &more.to_string())]));
            }
            list
        };
        let names: Vec<String> = figures
            .iter()
            .map(|figure| self.speech.figure(figure))
            .collect();
        let names = names.join(" / ");
        let filled = |list: &str| {
            self.speech.say(
                "each",
                &[
                    ("figure", &names),
                    ("group", &group),
                    ("scope", &self.scope),
                    ("list", list),
                ],
            )
        };
        let sentence = match (order, asked) {
            (Some(Order { largest, .. }), Some(1)) => {
                let row = skip.min(all - 1);
                let best = value(row, 0);
                let same = |other: usize| {
                    let (one, two) = (self.number(row, "f1"), self.number(other, "f1"));
                    one.is_some() && one == two
                };
                let ties: Vec<usize> = (row..all).filter(|other| same(*other)).collect();
                let labels = self.labels(row);
                // "the highest price", not "the highest highest price".
                let extreme = matches!(first.make, Make::Greatest | Make::Least);
                let shown = if extreme {
                    self.speech.measure(&first.of, first.called.as_deref())
                } else {
                    shown.clone()
                };
                let mut filled = vec![
                    ("group", group.clone()),
                    ("label", labels),
                    ("figure", shown.clone()),
                    ("scope", self.scope.clone()),
                    ("value", best),
                    ("n", (skip + 1).to_string()),
                ];
                let key = match (largest, skip) {
                    (_, 1..) => "nth",
                    (true, _) if ties.len() > 1 => "best_tie",
                    (false, _) if ties.len() > 1 => "worst_tie",
                    (true, _) => "best",
                    (false, _) => "worst",
                };
                let tied: Vec<String> = ties.iter().map(|row| self.labels(*row)).collect();
                filled.push(("labels", self.speech.list(&tied, "and")));
                let filled: Vec<(&str, &str)> = filled
                    .iter()
                    .map(|(key, value)| (*key, value.as_str()))
                    .collect();
                self.speech.say(key, &filled)
            }
            (Some(Order { largest, .. }), Some(limit)) => self.speech.say(
                if *largest { "top" } else { "bottom" },
                &[
                    ("n", &limit.to_string()),
                    ("figure", &shown),
                    ("scope", &self.scope),
                    ("list", &list(skip, told)),
                ],
            ),
            _ if self.question.having.is_some() => {
                let test = self
                    .question
                    .having
                    .as_ref()
                    .map(|test| self.speech.test(test))
                    .unwrap_or_default();
                // How many they are is what may have been asked.
                let members = Figure {
                    make: Make::Total,
                    of: Measure::Rows,
                    called: Some(group.clone()),
                };
                let count = self.number(0, "members").unwrap_or_default();
                out.facts
                    .extend(self.fact(What::of(&members), 0, "members"));
                self.speech.say(
                    "having",
                    &[
                        ("n", &self.speech.number(count, None)),
                        ("group", &group),
                        ("figure", &shown),
                        ("test", &test),
                        ("scope", &self.scope),
                        ("list", &list(0, all)),
                    ],
                )
            }
            _ => filled(&list(0, all)),
        };
        out.sentence = capital(&sentence);
        let in_time = self
            .question
            .groups
            .iter()
            .any(|group| matches!(group, Group::Each(..)));
        let mut columns: Vec<String> = groups.iter().map(|group| capital(group)).collect();
        columns.extend(
            figures
                .iter()
                .map(|figure| capital(&self.speech.figure(figure))),
        );
        let rows = (0..all)
            .map(|row| {
                let mut cells: Vec<Cell> =
                    (0..groups.len()).map(|at| self.label(row, at)).collect();
                cells.extend((0..figures.len()).map(|at| value(row, at)));
                cells
            })
            .collect();
        out.shown = Some(Shown {
            heading: capital(&format!("{names} · {group}")),
            columns,
            names: groups.len(),
            rows,
            points: (0..all)
                .map(|row| (self.labels(row), self.number(row, "f1")))
                .collect(),
            in_time,
            axes: (group, shown),
        });
        out
    }

    fn grouped_what(&self, row: usize, figure: &Figure) -> What {
        let mut what = What::of(figure);
        for (at, group) in self.question.groups.iter().enumerate() {
            let label = self.key(row, at);
            match group {
                Group::Each(_, grain) => match Period::read(*grain, &label) {
                    Some(period) => what.period = Some(When::During(period)),
                    None => what.subject.push(subject(grain.as_str(), &label)),
                },
                Group::By(column) => what.subject.push(subject(&label_of(column), &label)),
                Group::Hour(_) => what.subject.push(subject("hour", &label)),
                Group::Weekday(_) => what.subject.push(subject("weekday", &label)),
            }
        }
        what
    }
}
