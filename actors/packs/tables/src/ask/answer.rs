//! From the results of a question's statements to facts, sentences and tables.
//!
//! Each figure is a fact first: what it is of, which statistic, when, and where in which result it stands. Sentences and tables are made
//! of the same numbers, so that what is said and what is proved cannot differ.

use aios_languages::english::figures::dusted;
use aios_work::{Fact, Source, Statistic, Value, When};
use serde_json::Value as Json;

use super::facts::{What, label_of, rows_of, subject, unit};
use super::question::{
    Figure, Filter, Make, Measure, Order, Question, Test, Understood, Versus, Wanted,
};
use super::say::{Speech, name};
use crate::page::capital;
use crate::results::Rows;
use aios_languages::english::shown_name;

/// Groups that the first sentence names.
pub(super) const NAMED: usize = 12;

/// One figure of a table, ready to be shown.
pub(crate) type Cell = String;

/// A table of figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// What it is of.
    pub heading: String,
    /// Its columns; the first ones hold names.
    pub columns: Vec<String>,
    /// How many of them hold names.
    pub names: usize,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
    /// Names and values for a drawing.
    pub points: Vec<(String, Option<f64>)>,
    /// Whether the names follow each other in time.
    pub in_time: bool,
    /// What along the drawing's axes stands.
    pub axes: (String, String),
}

/// What came of one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    /// The answer, in one or two sentences.
    pub sentence: String,
    /// Its figures.
    pub facts: Vec<Fact>,
    /// Its table, where there are several.
    pub shown: Option<Shown>,
    /// What was left out.
    pub notes: Vec<String>,
}

/// The result of a question's statement.
pub(crate) struct Given<'a> {
    pub rows: &'a Rows,
    pub source: Source,
}

/// Reads one question's result.
pub(crate) fn answer(understood: &Understood, question: &Question, given: &Given<'_>) -> Answered {
    let reader = Reader {
        speech: Speech::of(&understood.language),
        question,
        given,
        scope: Speech::of(&understood.language).scope(&question.filters),
    };
    let mut answered = match &question.wanted {
        Wanted::Figures(figures) if question.groups.is_empty() => reader.scalar(figures),
        Wanted::Figures(figures) => reader.grouped(figures),
        Wanted::Row { measure, by } => reader.row(measure, by),
        Wanted::Values(column) => reader.values(column),
        Wanted::Versus(figure, versus) => reader.versus(figure, versus),
    };
    if let Some(unmatched) = reader.number(0, "unmatched").filter(|count| *count > 0.0)
        && let [(first, _), (second, _), ..] = understood.tables.all.as_slice()
    {
        let file = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
        answered.notes.push(reader.speech.say(
            "joined",
            &[
                ("n", &reader.speech.number(unmatched, None)),
                ("first", &file(first)),
                ("second", &file(second)),
            ],
        ));
    }
    answered
}

pub(super) struct Reader<'a> {
    pub speech: Speech,
    pub question: &'a Question,
    pub given: &'a Given<'a>,
    pub scope: String,
}

impl Reader<'_> {
    pub(super) fn number(&self, row: usize, column: &str) -> Option<f64> {
        self.given.rows.number(row, column).map(dusted)
    }

    pub(super) fn text(&self, row: usize, column: &str) -> Option<String> {
        match self.given.rows.cell(row, column) {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(super) fn fact(&self, what: What, row: usize, column: &str) -> Option<Fact> {
        let cell = self.given.rows.cell(row, column);
        let value = match (cell.as_i64(), cell.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(real)) if real.is_finite() => Value::from(dusted(real)),
            _ => return None,
        };
        let (mut subject, mut period) = rows_of(&self.question.filters, &self.speech, what.share);
        subject.extend(what.subject);
        period = what.period.or(period);
        Some(Fact {
            subject,
            measure: what.measure,
            statistic: what.statistic,
            period,
            value,
            unit: what.unit,
            source: Source {
                at: self.given.rows.pointer(row, column),
                row: what.line,
                ..self.given.source.clone()
            },
        })
    }

    /// A fact of what is no number: the day on which something came about.
    fn text_fact(&self, what: What, row: usize, column: &str) -> Option<Fact> {
        let text = self.text(row, column)?;
        let (subject, _) = rows_of(&self.question.filters, &self.speech, false);
        Some(Fact {
            subject: subject.into_iter().chain(what.subject).collect(),
            measure: what.measure,
            statistic: what.statistic,
            period: None,
            value: Value::Text(text),
            unit: None,
            source: Source {
                at: self.given.rows.pointer(row, column),
                row: what.line,
                ..self.given.source.clone()
            },
        })
    }

    fn scalar(&self, figures: &[Figure]) -> Answered {
        let mut out = Answered::default();
        let mut sentences = Vec::new();
        for (at, figure) in figures.iter().enumerate() {
            let at = at + 1;
            let column = format!("f{at}");
            let unit = unit(figure);
            let shown = self.speech.figure(figure);
            let measure = self.speech.measure(&figure.of, figure.called.as_deref());
            let Some(value) = self.number(0, &column) else {
                sentences.push(capital(
                    &self
                        .speech
                        .say("none", &[("scope", &self.scope), ("figure", &shown)]),
                ));
                continue;
            };
            out.facts.extend(self.fact(What::of(figure), 0, &column));
            let value = self.speech.number(value, unit.as_deref());
            let beside = |name: &str| {
                self.number(0, &format!("{name}{at}"))
                    .map(|value| self.speech.number(value, None))
            };
            let filled = [
                ("figure", shown.as_str()),
                ("measure", measure.as_str()),
                ("scope", self.scope.as_str()),
                ("value", value.as_str()),
            ];
            let sentence = match (&figure.make, beside("p"), beside("w")) {
                (Make::Share, Some(part), Some(whole)) => {
                    for column in ["p", "w"] {
                        let what = What {
                            share: column == "w",
                            ..What::of(&Figure {
                                make: Make::Total,
                                ..figure.clone()
                            })
                        };
                        out.facts
                            .extend(self.fact(what, 0, &format!("{column}{at}")));
                    }
                    let more = [("part", part.as_str()), ("whole", whole.as_str())];
                    self.speech
                        .say("is_share", &[&filled[..], &more[..]].concat())
                }
                (Make::Over(over, _), Some(part), Some(whole)) => {
                    let part_of = Figure {
                        make: Make::Total,
                        of: figure.of.clone(),
                        called: None,
                    };
                    let whole_of = Figure {
                        make: Make::Total,
                        of: over.as_ref().clone(),
                        called: None,
                    };
                    out.facts
                        .extend(self.fact(What::of(&part_of), 0, &format!("p{at}")));
                    out.facts
                        .extend(self.fact(What::of(&whole_of), 0, &format!("w{at}")));
                    let more = [("part", part.as_str()), ("whole", whole.as_str())];
                    self.speech
                        .say("is_over", &[&filled[..], &more[..]].concat())
                }
                _ => self.speech.say("is", &filled),
            };
            sentences.push(capital(&sentence));
        }
        if let Some(missing) = self.number(0, "missing").filter(|missing| *missing > 0.0)
            && let Some(figure) = figures.first()
            && figure.make != Make::Share
        {
            let measure = self.speech.measure(&figure.of, None);
            out.notes.push(self.speech.say(
                "left_out",
                &[
                    ("n", &self.speech.number(missing, None)),
                    ("measure", &measure),
                ],
            ));
        }
        // Of people who are named twice as many as there are rows may be meant.
        if let [figure] = figures
            && matches!(figure.of, Measure::Distinct(_))
            && figure.make == Make::Total
            && !self.question.filters.is_empty()
            && let (Some(count), Some(rows)) = (self.number(0, "f1"), self.number(0, "row_count"))
            && rows > count
        {
            let rows = self.speech.number(rows, None);
            sentences.push(self.speech.say("in_rows", &[("n", &rows)]));
        }
        // What the figures rest on, where they are no count of rows themselves.
        let counts = figures.iter().any(|figure| figure.of == Measure::Rows);
        if !counts {
            let rows = Figure {
                make: Make::Total,
                of: Measure::Rows,
                called: None,
            };
            out.facts.extend(self.fact(What::of(&rows), 0, "row_count"));
        }
        out.sentence = sentences.join(" ");
        out
    }

    fn row(&self, measure: &super::question::Column, by: &[super::question::Column]) -> Answered {
        let mut out = Answered::default();
        let order = self.question.order.clone().unwrap_or(Order {
            largest: true,
            limit: Some(1),
            skip: 0,
        });
        let shown = name(measure);
        let all = self.given.rows.rows.len();
        if all == 0 {
            out.sentence = capital(
                &self
                    .speech
                    .say("none", &[("scope", &self.scope), ("figure", &shown)]),
            );
            return out;
        }
        let told = (order.limit.unwrap_or(1) as usize).min(all);
        let joined = self.given.rows.cell(0, "line").is_null();
        let place = |row: usize| {
            let mut parts: Vec<String> = by
                .iter()
                .enumerate()
                .filter_map(|(at, column)| {
                    let text = self.text(row, &format!("c{}", at + 1))?;
                    // An abbreviation's point would end the sentence.
                    let called = name(column);
                    Some(format!(
                        "{} {}",
                        called.trim_end_matches('.'),
                        shown_name(&text)
                    ))
                })
                .collect();
            if let Some(line) = self.text(row, "line").filter(|_| !joined) {
                parts.push(self.speech.say("line", &[("n", &line)]));
            }
            parts.join(", ")
        };
        let mut sentences = Vec::new();
        for row in 0..told {
            let value = match (self.number(row, "value"), self.text(row, "value")) {
                (Some(year), _) if measure.year => format!("{year}"),
                (Some(value), _) => self.speech.number(value, measure.unit.as_deref()),
                (None, Some(text)) if measure.year => text.chars().take(4).collect(),
                (None, Some(text)) => shown_name(&text),
                (None, None) => continue,
            };
            let figure = Figure {
                make: if order.largest {
                    Make::Greatest
                } else {
                    Make::Least
                },
                of: Measure::Of(measure.clone()),
                called: None,
            };
            let mut what = What::of(&figure);
            what.line = self.number(row, "line").map(|line| line as u64);
            if row > 0 || order.skip > 0 {
                what.statistic = Statistic::Other("value".to_owned());
            }
            if row > 0 || told > 1 {
                for (at, column) in by.iter().enumerate().take(1) {
                    let text = self.text(row, &format!("c{}", at + 1));
                    what.subject
                        .extend(text.map(|text| subject(&label_of(column), &text)));
                }
            }
            let line = what.line;
            let told_as = what.clone();
            match self.fact(what, row, "value") {
                Some(fact) => out.facts.push(fact),
                None => out.facts.extend(self.text_fact(told_as, row, "value")),
            }
            // What tells which row it is are facts too.
            for (at, column) in by.iter().enumerate() {
                let key = format!("c{}", at + 1);
                let Some(text) = self.text(row, &key) else {
                    continue;
                };
                out.facts.push(Fact {
                    subject: Vec::new(),
                    measure: Some(label_of(column)),
                    statistic: Statistic::Other("value".to_owned()),
                    period: None,
                    value: Value::Text(text),
                    unit: None,
                    source: Source {
                        at: self.given.rows.pointer(row, &key),
                        row: line,
                        ..self.given.source.clone()
                    },
                });
            }
            let in_time = self.number(row, "value").is_none() || measure.year;
            let key = match (order.largest, row + order.skip as usize) {
                (true, 0) if in_time => "row_last",
                (false, 0) if in_time => "row_first",
                (true, 0) => "row_highest",
                (false, 0) => "row_lowest",
                _ => "row_nth",
            };
            sentences.push(capital(&self.speech.say(
                key,
                &[
                    ("measure", &shown),
                    ("scope", &self.scope),
                    ("value", &value),
                    ("where", &place(row)),
                    ("n", &(row + order.skip as usize + 1).to_string()),
                ],
            )));
        }
        let last = self.given.rows.cell(told - 1, "value");
        let more = (told..all)
            .filter(|row| self.given.rows.cell(*row, "value") == last)
            .count();
        if more > 0 {
            sentences.push(self.speech.say("row_more", &[("n", &more.to_string())]));
        }
        out.sentence = sentences.join(" ");
        out
    }

    fn values(&self, column: &super::question::Column) -> Answered {
        let mut out = Answered::default();
        let all = self.given.rows.rows.len();
        let shown = name(column);
        let Some(members) = self.number(0, "members").filter(|_| all > 0) else {
            out.sentence = self.speech.say("values_none", &[("scope", &self.scope)]);
            return out;
        };
        let names: Vec<String> = (0..all)
            .filter_map(|row| self.text(row, "label"))
            .map(|text| match text.get(..4) {
                Some(year) if column.year => year.to_owned(),
                _ => shown_name(&text),
            })
            .collect();
        let mut list = names
            .iter()
            .take(NAMED * 2)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if names.len() > NAMED * 2 {
            list.push_str(", ");
            list.push_str(
                &self
                    .speech
                    .say("more", &[("n", &(names.len() - NAMED * 2).to_string())]),
            );
        }
        out.sentence = capital(&self.speech.say(
            "values",
            &[
                ("n", &self.speech.number(members, None)),
                ("column", &shown),
                ("scope", &self.scope),
                ("list", &list),
            ],
        ));
        let figure = Figure {
            make: Make::Total,
            of: Measure::Distinct(column.clone()),
            called: None,
        };
        out.facts.extend(self.fact(What::of(&figure), 0, "members"));
        let rows_name = self.speech.say("rows", &[]);
        for row in 0..all {
            let rows = Figure {
                make: Make::Total,
                of: Measure::Rows,
                called: None,
            };
            let mut what = What::of(&rows);
            let label = self.text(row, "label").unwrap_or_default();
            what.subject.push(subject(&label_of(column), &label));
            out.facts.extend(self.fact(what, row, "row_count"));
        }
        out.shown = Some(Shown {
            heading: capital(&shown),
            columns: vec![capital(&shown), capital(&rows_name)],
            names: 1,
            rows: (0..all)
                .map(|row| {
                    let count = self.number(row, "row_count").unwrap_or_default();
                    vec![
                        self.text(row, "label").unwrap_or_default(),
                        self.speech.number(count, None),
                    ]
                })
                .collect(),
            ..Shown::default()
        });
        out
    }

    fn versus(&self, figure: &Figure, versus: &Versus) -> Answered {
        let mut out = Answered::default();
        let shown = self.speech.figure(figure);
        let unit = unit(figure);
        let (Some(before), Some(after)) = (self.number(0, "a"), self.number(0, "b")) else {
            out.sentence = capital(
                &self
                    .speech
                    .say("none", &[("scope", &self.scope), ("figure", &shown)]),
            );
            return out;
        };
        let side = |filter: &Filter, figure: &Figure| {
            let mut what = What::of(figure);
            let (subject, period) = rows_of(std::slice::from_ref(filter), &self.speech, false);
            what.subject.extend(subject);
            what.period = period;
            what
        };
        out.facts
            .extend(self.fact(side(&versus.from.1, figure), 0, "a"));
        out.facts
            .extend(self.fact(side(&versus.to.1, figure), 0, "b"));
        let between = |statistic: Statistic, unit: Option<String>| {
            let mut what = What {
                statistic,
                unit,
                ..What::of(figure)
            };
            let (one, other) = (side(&versus.from.1, figure), side(&versus.to.1, figure));
            match (one.period, other.period) {
                (Some(When::During(from)), Some(When::During(to))) => {
                    what.period = Some(When::Between { from, to });
                }
                _ => what
                    .subject
                    .extend([subject("from", &versus.from.0), subject("to", &versus.to.0)]),
            }
            what
        };
        out.facts
            .extend(self.fact(between(Statistic::Change, unit.clone()), 0, "change"));
        out.facts.extend(self.fact(
            between(Statistic::Growth, Some("%".to_owned())),
            0,
            "growth",
        ));
        let signed = |value: f64, unit: Option<&str>| {
            let shown = self.speech.number(value, unit);
            if value > 0.0 {
                format!("+{shown}")
            } else {
                shown
            }
        };
        let growth = self.number(0, "growth").map_or_else(
            || self.speech.say("versus_undefined", &[]),
            |growth| signed(growth, Some("%")),
        );
        let change = self.number(0, "change").unwrap_or(after - before);
        let percent = versus.percent && self.number(0, "growth").is_some();
        // Of two that are no times which of them has more is what is asked.
        let timeless = |filter: &Filter| matches!(filter.test, Test::In(_));
        let both = timeless(&versus.from.1) && timeless(&versus.to.1) && !percent;
        out.sentence = capital(&self.speech.say(
            match (percent, both, change) {
                (true, ..) => "versus_percent",
                (_, true, change) if change > 0.0 => "versus_more",
                (_, true, change) if change < 0.0 => "versus_less",
                (_, true, _) => "versus_same",
                _ => "versus",
            },
            &[
                ("figure", &shown),
                ("scope", &self.scope),
                ("from", &shown_name(&versus.from.0)),
                ("to", &shown_name(&versus.to.0)),
                ("before", &self.speech.number(before, unit.as_deref())),
                ("after", &self.speech.number(after, unit.as_deref())),
                ("change", &signed(change, unit.as_deref())),
                ("growth", &growth),
            ],
        ));
        out
    }
}
