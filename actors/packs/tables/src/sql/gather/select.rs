//! What a statement gathers of a table: which rows, told apart by what, and of each group how many and how much.

use super::outside::{PLAIN, TYPES, orders_by_any};
use super::tokens::{Joined, Kind, Token, closed, parts, text, unquoted};
use crate::table::{Column, Table};

/// Labels that a group can have, and figures.
const LABELS: usize = 8;
const FIGURES: usize = 64;

/// A part of a statement that makes something of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formula {
    pub(super) sql: String,
    /// The column it is made of; none where it is the same for all rows.
    pub(super) column: Option<usize>,
    /// What it compares the column with, where it does nothing else.
    pub(super) plain: Option<Plain>,
    /// How SQLite compares what comes of it.
    pub(super) compared: Compared,
}

/// Whether what is compared with a value is first made a text or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// It is taken as it is.
    Bare,
    /// As with the column.
    Column,
    /// As with this type.
    Cast(&'static str),
}

/// A condition that needs no statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Missing(bool),
    /// Between two numbers, as they are written, or beside one.
    Compared(&'static str, String),
    Between(String, String),
}

/// What is taken of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The row itself.
    One,
    Column(usize),
}

/// What is made of all that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Count,
    Distinct,
    Sum,
    Mean,
    Least,
    Greatest,
}

/// One figure of each group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) fold: Fold,
    pub(super) of: Taken,
    /// Only of rows for which all of these hold.
    pub(super) held: Vec<Formula>,
}

/// A selection of figures of groups.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) held: Vec<Formula>,
    pub(super) labels: Vec<Formula>,
    pub(super) grouped: bool,
    pub(super) figures: Vec<Figure>,
}

/// Where in a statement the selection of a table stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    select: usize,
    from: usize,
    pub(super) end: usize,
}

/// The first selection of `table` that holds no other.
pub(super) fn place(tokens: &[Token<'_>], table: &str) -> Option<Place> {
    let all = tokens.windows(2).enumerate();
    let mut found = all.filter(|(_, two)| two[0].is_word("from") && two[1].is_word(table));
    found.find_map(|(from, _)| {
        let mut depth = 0;
        let select = (0..from).rev().find(|at| {
            depth += match tokens.get(*at) {
                Some(token) if token.is_sign(")") => 1,
                Some(token) if token.is_sign("(") => -1,
                _ => 0,
            };
            depth < 0 || depth == 0 && tokens.get(*at).is_some_and(|token| token.is_word("select"))
        })?;
        if !tokens.get(select)?.is_word("select") {
            return None;
        }
        let mut depth = 0;
        let end = (from..tokens.len()).find(|at| {
            let Some(token) = tokens.get(*at) else {
                return true;
            };
            depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
            let over = ["order", "limit", "union", "except", "intersect", "window"];
            depth < 0 || depth == 0 && over.iter().any(|word| token.is_word(word))
        });
        let end = end.unwrap_or(tokens.len());
        let within = tokens.get(select + 1..end)?;
        let others = within.iter().filter(|token| token.is_word(table)).count();
        (others == 1).then_some(Place { select, from, end })
    })
}

/// Reads the selection at a place; gives it with the text that asks a table of its groups, called `name`, for the same. None where it
/// gathers something that is not gathered here.
pub(super) fn read(
    tokens: &[Token<'_>],
    place: Place,
    table: &Table,
    name: &str,
) -> Option<(Selection, String)> {
    let items = tokens.get(place.select + 1..place.from)?;
    let tail = tokens.get(place.from + 2..place.end)?;
    if items.first()?.is_word("distinct") || items.first()?.is_word("all") {
        return None;
    }
    let (held, by, having) = clauses(tail)?;
    let items = parts(items);
    let mut selection = Selection {
        held: conditions(held, table)?,
        grouped: !by.is_empty(),
        ..Selection::default()
    };
    let mut labels: Vec<&[Token<'_>]> = Vec::new();
    if !by.is_empty() {
        for number in parts(by) {
            let [number] = number else {
                return None;
            };
            let at: usize = number.text.parse().ok()?;
            let label = expression(items.get(at.checked_sub(1)?)?);
            selection.labels.push(formula(label, table)?);
            labels.push(label);
        }
    }
    let mut asked = Asked {
        table,
        name,
        labels: &labels,
        selection: &mut selection,
    };
    let mut out = String::from("SELECT ");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(&asked.of_groups(item)?);
    }
    out.push_str(&format!(" FROM {name}"));
    if !having.is_empty() {
        out.push_str(&format!(" WHERE {}", asked.of_groups(having)?));
    }
    let gathers = selection.grouped || !selection.figures.is_empty();
    if !gathers || selection.labels.len() > LABELS || selection.figures.len() > FIGURES {
        return None;
    }
    let before = tokens.get(..place.select)?;
    let behind = tokens.get(place.end..)?;
    let is_column = |name: &str| {
        let mut columns = table.columns.iter();
        columns.any(|column| column.profile.name.eq_ignore_ascii_case(name))
    };
    if orders_by_any(behind, &is_column) {
        return None;
    }
    Some((
        selection,
        format!("{} {out} {}", text(before), text(behind))
            .trim()
            .to_owned(),
    ))
}

/// What stands behind WHERE, GROUP BY and HAVING.
type Clauses<'t, 's> = (&'t [Token<'s>], &'t [Token<'s>], &'t [Token<'s>]);

fn clauses<'t, 's>(tail: &'t [Token<'s>]) -> Option<Clauses<'t, 's>> {
    let mut depth = 0;
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let words = ["where", "group", "having"];
    for (at, token) in tail.iter().enumerate() {
        depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
        if let Some(word) = words
            .iter()
            .position(|word| token.is_word(word))
            .filter(|_| depth == 0)
        {
            if starts.last().is_some_and(|(last, _)| *last >= word) {
                return None;
            }
            starts.push((word, at));
        }
    }
    // Nothing else stands between the table and these: no other name for it and no other table.
    if starts.first().map_or(tail.len(), |(_, at)| *at) > 0 {
        return None;
    }
    let clause = |word: usize| {
        let Some(place) = starts.iter().position(|(known, _)| *known == word) else {
            return Some(&tail[..0]);
        };
        let from = starts.get(place)?.1 + 1;
        let to = starts.get(place + 1).map_or(tail.len(), |(_, at)| *at);
        tail.get(from..to)
    };
    let by = match clause(1)? {
        [] => &tail[..0],
        [by, numbers @ ..] if by.is_word("by") => numbers,
        _ => return None,
    };
    Some((clause(0)?, by, clause(2)?))
}

/// An item without what it is called.
fn expression<'t, 's>(item: &'t [Token<'s>]) -> &'t [Token<'s>] {
    match item {
        [expression @ .., called, name] if called.is_word("as") && name.kind == Kind::Word => {
            expression
        }
        _ => item,
    }
}

/// Whether what stands from one place to another is an expression of its own, and not a part of a longer one.
fn is_apart(tokens: &[Token<'_>], from: usize, to: usize) -> bool {
    let before = from.checked_sub(1).and_then(|at| tokens.get(at));
    let starts = before
        .is_none_or(|before| before.is_sign(",") || before.is_sign("(") || before.is_word("by"));
    let words = ["as", "asc", "desc"];
    let ends = tokens.get(to).is_none_or(|next| {
        next.is_sign(",") || next.is_sign(")") || words.iter().any(|word| next.is_word(word))
    });
    starts && ends
}

/// The conditions that hold together.
fn conditions(tokens: &[Token<'_>], table: &Table) -> Option<Vec<Formula>> {
    if tokens.is_empty() {
        return Some(Vec::new());
    }
    let (mut depth, mut between, mut cases) = (0, false, 0);
    let (mut all, mut from, mut whole) = (Vec::new(), 0, false);
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
        cases += i32::from(token.is_word("case")) - i32::from(token.is_word("end"));
        if depth > 0 || cases > 0 {
            continue;
        }
        // Of two of which one holds, or none, there is no telling apart.
        whole |= token.is_word("or") || token.is_word("not") && !is_of(tokens, at, "is");
        if token.is_word("between") {
            between = true;
        } else if token.is_word("and") {
            if !between {
                all.push(tokens.get(from..at)?);
                from = at + 1;
            }
            between = false;
        }
    }
    all.push(tokens.get(from..)?);
    let all = if whole { vec![tokens] } else { all };
    all.into_iter().map(|one| formula(one, table)).collect()
}

/// Whether the word before the one at `at` is this one.
fn is_of(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    before.is_some_and(|before| before.is_word(word))
}

/// What makes something of one column of a row.
fn formula(tokens: &[Token<'_>], table: &Table) -> Option<Formula> {
    let mut column = None;
    for token in tokens {
        match token.kind {
            Kind::Name => {
                let named = named(token, table)?;
                if column.is_some_and(|other| other != named) {
                    return None;
                }
                column = Some(named);
            }
            Kind::Word if !PLAIN.iter().any(|word| token.is_word(word)) => return None,
            _ => {}
        }
    }
    if tokens.is_empty() {
        return None;
    }
    Some(Formula {
        sql: text(tokens),
        column,
        plain: plain(tokens),
        compared: compared(tokens),
    })
}

fn compared(tokens: &[Token<'_>]) -> Compared {
    match tokens {
        [open, inner @ .., _] if open.is_sign("(") && closed(tokens, 0) == Some(tokens.len()) => {
            compared(inner)
        }
        [name] if name.kind == Kind::Name => Compared::Column,
        [cast, _, .., called, kind, _]
            if cast.is_word("cast")
                && called.is_word("as")
                && closed(tokens, 1) == Some(tokens.len()) =>
        {
            let known = TYPES.iter().find(|word| kind.is_word(word));
            known.map_or(Compared::Bare, |known| Compared::Cast(known))
        }
        _ => Compared::Bare,
    }
}

/// The column that a quoted name means.
fn named(token: &Token<'_>, table: &Table) -> Option<usize> {
    let name = unquoted(token);
    let is = |column: &Column| column.profile.name.eq_ignore_ascii_case(&name);
    table.columns.iter().position(is)
}

/// A condition on the bare value of a column.
fn plain(tokens: &[Token<'_>]) -> Option<Plain> {
    let (first, rest) = tokens.split_first()?;
    if first.kind != Kind::Name {
        return None;
    }
    let words: Vec<&str> = rest.iter().map(|token| token.text).collect();
    let number = |tokens: &[Token<'_>]| match tokens {
        [number] if number.kind == Kind::Number => Some(number.text.to_owned()),
        [minus, number] if minus.is_sign("-") && number.kind == Kind::Number => {
            Some(format!("-{}", number.text))
        }
        _ => None,
    };
    let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    match upper.as_slice() {
        ["IS", "NULL"] => return Some(Plain::Missing(true)),
        ["IS", "NOT", "NULL"] => return Some(Plain::Missing(false)),
        ["BETWEEN", ..] => {
            let and = rest.iter().position(|token| token.is_word("and"))?;
            return Some(Plain::Between(
                number(rest.get(1..and)?)?,
                number(rest.get(and + 1..)?)?,
            ));
        }
        _ => {}
    }
    for (signs, sign) in [
        (&["<", "="] as &[&str], "<="),
        (&[">", "="], ">="),
        (&["<"], "<"),
        (&[">"], ">"),
        (&["="], "="),
    ] {
        if words.starts_with(signs)
            && let Some(number) = number(rest.get(signs.len()..)?)
        {
            return Some(Plain::Compared(sign, number));
        }
    }
    None
}

/// A selection whose items are read one by one.
struct Asked<'a, 't, 's> {
    table: &'a Table,
    name: &'a str,
    labels: &'a [&'t [Token<'s>]],
    selection: &'a mut Selection,
}

impl Asked<'_, '_, '_> {
    /// An expression over rows as one over groups, its figures and labels by their names there.
    fn of_groups(&mut self, tokens: &[Token<'_>]) -> Option<String> {
        let (mut out, mut at) = (Joined::default(), 0);
        while let Some(token) = tokens.get(at) {
            let rest = tokens.get(at..)?;
            let label = self.labels.iter().position(|label| {
                rest.starts_with(label) && is_apart(tokens, at, at + label.len())
            });
            if let Some(label) = label {
                // In brackets, as what it stands for may be more than a name.
                out.push("(");
                out.push(&format!("{}_label{label}", self.name));
                out.push(")");
                at += self.labels.get(label)?.len();
                continue;
            }
            let fold = [
                ("count", Fold::Count),
                ("sum", Fold::Sum),
                ("avg", Fold::Mean),
                ("min", Fold::Least),
                ("max", Fold::Greatest),
            ];
            let fold = fold.iter().find(|(word, _)| token.is_word(word));
            let calls = tokens.get(at + 1).is_some_and(|next| next.is_sign("("));
            if let (Some((_, fold)), true) = (fold, calls) {
                let end = closed(tokens, at + 1)?;
                // Over the groups, and not over their rows.
                let windowed = tokens.get(end).is_some_and(|next| next.is_word("over"));
                let inner = tokens.get(at + 2..end - 1)?;
                if windowed {
                    if *fold != Fold::Count || !matches!(inner, [all] if all.is_sign("*")) {
                        return None;
                    }
                    out.push("COUNT(*)");
                } else {
                    let figure = self.figure(*fold, inner)?;
                    let known = self
                        .selection
                        .figures
                        .iter()
                        .position(|other| *other == figure);
                    let place = known.unwrap_or_else(|| {
                        self.selection.figures.push(figure);
                        self.selection.figures.len() - 1
                    });
                    out.push(&format!("{}_figure{place}", self.name));
                }
                at = end;
                continue;
            }
            // What is left of a row has no meaning for a group.
            if token.kind == Kind::Name {
                return None;
            }
            let known = [
                "nullif", "coalesce", "over", "by", "order", "lag", "select", "from", "desc", "asc",
            ];
            let ours = super::outside::is_ours(token);
            let called = is_of(tokens, at, "as");
            let is = |words: &[&str]| words.iter().any(|word| token.is_word(word));
            if token.kind == Kind::Word && !ours && !called && !is(&known) && !is(&PLAIN) {
                return None;
            }
            out.push(token.text);
            at += 1;
        }
        Some(out.text)
    }

    fn figure(&self, fold: Fold, tokens: &[Token<'_>]) -> Option<Figure> {
        let (fold, tokens) = match tokens {
            [first, rest @ ..] if first.is_word("distinct") && fold == Fold::Count => {
                (Fold::Distinct, rest)
            }
            _ => (fold, tokens),
        };
        let taken = |tokens: &[Token<'_>]| match tokens {
            [one] if one.kind == Kind::Number && one.text == "1" => Some(Taken::One),
            [column] if column.kind == Kind::Name => {
                Some(Taken::Column(named(column, self.table)?))
            }
            _ => None,
        };
        let (of, held) = match tokens {
            [all] if all.is_sign("*") && fold == Fold::Count => (Taken::One, Vec::new()),
            [case, when, middle @ .., end]
                if case.is_word("case") && when.is_word("when") && end.is_word("end") =>
            {
                let then = middle.iter().position(|token| token.is_word("then"))?;
                let plain = middle
                    .iter()
                    .all(|token| !token.is_word("case") && !token.is_word("else"));
                if !plain {
                    return None;
                }
                (
                    taken(middle.get(then + 1..)?)?,
                    conditions(middle.get(..then)?, self.table)?,
                )
            }
            _ => (taken(tokens)?, Vec::new()),
        };
        Some(Figure { fold, of, held })
    }
}
