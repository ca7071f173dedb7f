//! What stands around the selections that were rewritten: whether it means over the groups what it meant over the rows.
//!
//! Only the selections are rewritten. What is left may name no column of the table, and a result is called as the statement calls it, so
//! each item has a name of its own.

use super::NAMED;
use super::tokens::{Kind, Token, parts, unquoted};

/// Words that a statement may be left with; none of them is a column.
#[rustfmt::skip]
const WORDS: [&str; 55] = [
    "select", "distinct", "all", "from", "where", "group", "by", "having", "order", "asc", "desc", "nulls", "first", "last", "limit", "offset",
    "with", "as", "union", "except", "intersect", "join", "left", "inner", "cross", "on", "case", "when", "then", "else", "end", "and",
    "or", "not", "is", "null", "in", "between", "like", "exists", "cast", "text", "integer", "real", "over", "partition", "window", "rows",
    "range", "unbounded", "preceding", "following", "current", "row", "filter",
];
/// Words that a condition or a label may be written with; all of them are SQLite's own and make something of one row.
#[rustfmt::skip]
pub(super) const PLAIN: [&str; 26] = [
    "cast", "as", "text", "integer", "real", "substr", "lower", "upper", "rtrim", "ltrim", "trim", "strftime", "date", "length", "in", "between",
    "and", "or", "not", "is", "null", "case", "when", "then", "else", "end",
];
/// What a cast makes of a value.
pub(super) const TYPES: [&str; 3] = ["text", "integer", "real"];

/// Whether a token is `name`, however it is written.
pub(super) fn is_called(token: &Token<'_>, name: &str) -> bool {
    match token.kind {
        Kind::Word => token.text.eq_ignore_ascii_case(name),
        Kind::Name | Kind::Text => unquoted(token).eq_ignore_ascii_case(name),
        Kind::Number | Kind::Sign => false,
    }
}

/// Whether a name may be taken for one of ours.
pub(super) fn is_ours(token: &Token<'_>) -> bool {
    let named = match token.kind {
        Kind::Word => token.text.to_ascii_lowercase(),
        Kind::Name | Kind::Text => unquoted(token).to_ascii_lowercase(),
        Kind::Number | Kind::Sign => return false,
    };
    named.starts_with(NAMED)
}

/// What a token is called, where it can be a name.
fn name(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Word => Some(token.text.to_ascii_lowercase()),
        Kind::Name => Some(unquoted(token).to_ascii_lowercase()),
        _ => None,
    }
}

/// Whether a rewritten statement over `table` names nothing but groups and what it has itself given names to, and whether its results are
/// called as they were before.
pub(super) fn is_whole(tokens: &[Token<'_>], table: &str) -> bool {
    let given = given(tokens);
    let is_known = |(at, token): (usize, &Token<'_>)| {
        if is_called(token, table) {
            return false;
        }
        let Some(name) = name(token) else {
            return true;
        };
        let calls = tokens.get(at + 1).is_some_and(|next| next.is_sign("("));
        let is_word = token.kind == Kind::Word
            && (calls
                || name.starts_with(NAMED)
                || WORDS.contains(&name.as_str())
                || is_plain(&name));
        is_word || given.contains(&name)
    };
    let selects = (0..tokens.len()).filter(|at| is_select(tokens, *at));
    tokens.iter().enumerate().all(is_known)
        && selects
            .into_iter()
            .all(|at| has_names(tokens, at) || is_value(tokens, at))
}

fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
}

fn is_select(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.is_word("select"))
}

/// The names that a statement gives: behind AS, and before AS and a bracket.
fn given(tokens: &[Token<'_>]) -> Vec<String> {
    let at = |at: Option<usize>| at.and_then(|at| tokens.get(at));
    let places =
        (0..tokens.len()).filter(|place| at(Some(*place)).is_some_and(|is| is.is_word("as")));
    places
        .filter_map(|place| {
            let behind = at(Some(place + 1))?;
            let named = match behind.is_sign("(") {
                true => at(place.checked_sub(1))?,
                false => behind,
            };
            let is_type = TYPES.iter().any(|word| named.is_word(word));
            name(named).filter(|_| !is_type)
        })
        .collect()
}

/// Whether each item of the selection at `select` says what its column is called.
fn has_names(tokens: &[Token<'_>], select: usize) -> bool {
    let from = match tokens.get(select + 1) {
        Some(word) if word.is_word("distinct") || word.is_word("all") => select + 2,
        _ => select + 1,
    };
    let mut depth = 0;
    let over = [
        "from",
        "where",
        "group",
        "order",
        "limit",
        "union",
        "except",
        "intersect",
    ];
    let end = (from..tokens.len()).find(|at| {
        tokens.get(*at).is_none_or(|token| {
            depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
            depth < 0 || depth == 0 && over.iter().any(|word| token.is_word(word))
        })
    });
    let items = tokens.get(from..end.unwrap_or(tokens.len()));
    parts(items.unwrap_or_default())
        .into_iter()
        .all(|item| match item {
            [one] => one.is_sign("*") || name(one).is_some() && !is_ours(one),
            [.., called, named] => called.is_word("as") && name(named).is_some(),
            [] => false,
        })
}

/// Whether a selection stands in brackets where a value does, so that nobody sees what its columns are called.
fn is_value(tokens: &[Token<'_>], select: usize) -> bool {
    let before = select.checked_sub(1).and_then(|at| tokens.get(at));
    if !before.is_some_and(|before| before.is_sign("(")) {
        return false;
    }
    let mut closed = 0_i32;
    for token in tokens.get(..select).unwrap_or_default().iter().rev() {
        if token.is_sign(")") {
            closed += 1;
        } else if token.is_sign("(") {
            // What this one stands in goes on before it.
            closed = (closed - 1).max(0);
        } else if closed == 0 {
            let is = |words: &[&str]| words.iter().any(|word| token.is_word(word));
            if is(&["select", "where", "by", "having", "limit"]) {
                return true;
            }
            if is(&["from", "join", "on", "with", "union", "except", "intersect"]) {
                return false;
            }
        }
    }
    false
}

/// Whether what stands behind a selection orders it by more than a bare name that is one of `columns` too: within a term SQLite takes the
/// column, and the groups have none of that name.
pub(super) fn orders_by_any(behind: &[Token<'_>], columns: &dyn Fn(&str) -> bool) -> bool {
    let mut depth = 0;
    let end = behind.iter().position(|token| {
        depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
        depth < 0
    });
    let own = behind
        .get(..end.unwrap_or(behind.len()))
        .unwrap_or_default();
    own.iter().enumerate().any(|(at, token)| {
        if !name(token).is_some_and(|name| columns(&name)) {
            return false;
        }
        let next = own.get(at + 1);
        if token.kind == Kind::Word && next.is_some_and(|next| next.is_sign("(")) {
            return false;
        }
        let before = at.checked_sub(1).and_then(|at| own.get(at));
        let starts = before.is_some_and(|before| before.is_word("by") || before.is_sign(","));
        let ends = next.is_none_or(|next| {
            let words = ["asc", "desc", "nulls", "limit"];
            next.is_sign(",") || words.iter().any(|word| next.is_word(word))
        });
        !(starts && ends)
    })
}
