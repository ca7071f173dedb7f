//! Arithmetic in a goal ("what is 17 * 23", "15 percent of 240"): read into a checked expression, computed by SQL, computed again here.

use serde::{Deserialize, Serialize};

use aios_languages::english::figures::exact;

/// Deepest nesting of brackets and longest expression: arithmetic a person types.
const DEPTH: usize = 16;
const SYMBOLS: usize = 64;

/// An expression of numbers, `+ - * /`, and brackets, written by this module alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// For SQL: numbers as REAL, every operation in brackets.
    pub sql: String,
    /// For people: as asked, tidied.
    pub shown: String,
    /// Its value; none when it divides by zero or leaves the range of a double.
    pub value: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Symbol {
    Number(f64),
    Sign(char),
    /// `15 percent of`
    PercentOf,
}

/// The arithmetic a goal asks for, if that is all it asks.
#[must_use]
pub fn find(goal: &str) -> Option<Expression> {
    if goal.len() > 400 {
        return None;
    }
    let symbols = symbols(&goal.to_lowercase())?;
    let operations = symbols
        .iter()
        .filter(|symbol| {
            matches!(
                symbol,
                Symbol::Sign('+' | '-' | '*' | '/' | '^') | Symbol::PercentOf
            )
        })
        .count();
    if operations == 0 || symbols.len() > SYMBOLS {
        return None;
    }
    let mut parser = Parser {
        symbols: &symbols,
        at: 0,
    };
    let node = parser.sum(0)?;
    if parser.at != symbols.len() {
        return None;
    }
    Some(Expression {
        sql: node.sql,
        shown: node.shown,
        value: node.value.filter(|value| value.is_finite()),
    })
}

/// Words of asking are skipped; any other word means that this is not plain arithmetic.
fn symbols(text: &str) -> Option<Vec<Symbol>> {
    const ASKING: [&str; 22] = [
        "what",
        "what's",
        "is",
        "are",
        "calculate",
        "compute",
        "evaluate",
        "the",
        "result",
        "of",
        "how",
        "much",
        "equals",
        "equal",
        "to",
        "please",
        "solve",
        "value",
        "sum",
        "product",
        "find",
        "tell",
    ];
    let mut out = Vec::new();
    let mut rest = text.trim().trim_end_matches(['?', '.', '!', '=']);
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() || c == '=' || c == '?' || c == ':' {
            rest = rest.get(c.len_utf8()..)?;
        } else if c.is_ascii_digit()
            || (c == '.'
                && rest
                    .get(1..2)
                    .is_some_and(|next| next.bytes().all(|b| b.is_ascii_digit())))
        {
            let len = rest
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
                .unwrap_or(rest.len());
            let run = rest.get(..len)?.trim_end_matches(['.', ',']);
            out.push(Symbol::Number(number(run)?));
            rest = rest.get(run.len()..)?;
        } else if let Some(sign) = sign(c) {
            let double = sign == '*' && rest.get(1..2) == Some("*");
            out.push(Symbol::Sign(if double { '^' } else { sign }));
            rest = rest.get(c.len_utf8() + usize::from(double)..)?;
        } else if c == '%' {
            rest = rest.get(1..)?;
            rest = rest.trim_start().strip_prefix("of ")?;
            out.push(Symbol::PercentOf);
        } else if c.is_alphabetic() {
            let len = rest
                .find(|c: char| !(c.is_alphabetic() || c == '\''))
                .unwrap_or(rest.len());
            let word = rest.get(..len)?;
            rest = rest.get(len..)?;
            match word {
                "plus" | "add" => out.push(Symbol::Sign('+')),
                "minus" | "less" => out.push(Symbol::Sign('-')),
                "times" | "x" => out.push(Symbol::Sign('*')),
                "multiplied" | "divided" => {
                    rest = rest.trim_start().strip_prefix("by")?;
                    out.push(Symbol::Sign(if word == "divided" { '/' } else { '*' }));
                }
                "over" => out.push(Symbol::Sign('/')),
                "squared" => out.extend([Symbol::Sign('^'), Symbol::Number(2.0)]),
                "cubed" => out.extend([Symbol::Sign('^'), Symbol::Number(3.0)]),
                "percent" => {
                    rest = rest.trim_start().strip_prefix("of ")?;
                    out.push(Symbol::PercentOf);
                }
                _ if ASKING.contains(&word) => {}
                _ => return None,
            }
        } else {
            return None;
        }
    }
    Some(out)
}

fn sign(c: char) -> Option<char> {
    match c {
        '+' | '-' | '*' | '/' | '^' | '(' | ')' => Some(c),
        '−' | '–' => Some('-'),
        '×' | '·' => Some('*'),
        '÷' => Some('/'),
        _ => None,
    }
}

fn number(run: &str) -> Option<f64> {
    let grouped = run.contains(',')
        && run
            .split('.')
            .next()?
            .split(',')
            .enumerate()
            .all(|(at, group)| {
                if at == 0 {
                    (1..=3).contains(&group.len())
                } else {
                    group.len() == 3
                }
            });
    let plain = if grouped {
        run.replace(',', "")
    } else {
        run.to_owned()
    };
    plain
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && value.abs() < 1e15)
}

struct Node {
    sql: String,
    shown: String,
    value: Option<f64>,
}

impl Node {
    fn join(self, sign: char, other: Self) -> Self {
        let both = self.value.zip(other.value);
        let value = both.and_then(|(a, b)| match sign {
            '+' => Some(a + b),
            '-' => Some(a - b),
            '*' => Some(a * b),
            _ if b == 0.0 => None,
            _ => Some(a / b),
        });
        Self {
            sql: format!("({} {sign} {})", self.sql, other.sql),
            shown: format!("{} {sign} {}", self.shown, other.shown),
            value: value.filter(|value| value.is_finite()),
        }
    }
}

struct Parser<'a> {
    symbols: &'a [Symbol],
    at: usize,
}

impl Parser<'_> {
    fn sign(&mut self, among: &[char]) -> Option<char> {
        match self.symbols.get(self.at) {
            Some(Symbol::Sign(sign)) if among.contains(sign) => {
                self.at += 1;
                Some(*sign)
            }
            _ => None,
        }
    }

    fn sum(&mut self, depth: usize) -> Option<Node> {
        let mut node = self.product(depth)?;
        while let Some(sign) = self.sign(&['+', '-']) {
            node = node.join(sign, self.product(depth)?);
        }
        Some(node)
    }

    fn product(&mut self, depth: usize) -> Option<Node> {
        let mut node = self.power(depth)?;
        loop {
            if let Some(sign) = self.sign(&['*', '/']) {
                node = node.join(sign, self.power(depth)?);
            } else if self.symbols.get(self.at) == Some(&Symbol::PercentOf) {
                self.at += 1;
                let whole = self.power(depth)?;
                let shown = format!("{}% of {}", node.shown, whole.shown);
                let hundred = Node {
                    sql: "100.0".into(),
                    shown: String::new(),
                    value: Some(100.0),
                };
                node = node.join('*', whole).join('/', hundred);
                node.shown = shown;
            } else {
                return Some(node);
            }
        }
    }

    /// Whole powers up to 16 become products; others are not plain arithmetic.
    fn power(&mut self, depth: usize) -> Option<Node> {
        let base = self.unit(depth)?;
        if self.sign(&['^']).is_none() {
            return Some(base);
        }
        let Some(Symbol::Number(exponent)) = self.symbols.get(self.at) else {
            return None;
        };
        self.at += 1;
        if exponent.fract() != 0.0 || !(1.0..=16.0).contains(exponent) || base.sql.len() > 64 {
            return None;
        }
        let factors = vec![base.sql.as_str(); *exponent as usize];
        Some(Node {
            sql: format!("({})", factors.join(" * ")),
            shown: format!("{}^{}", base.shown, exact(*exponent)),
            value: base
                .value
                .map(|value| value.powi(*exponent as i32))
                .filter(|value| value.is_finite()),
        })
    }

    fn unit(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        if self.sign(&['-']).is_some() {
            let node = self.unit(depth + 1)?;
            return Some(Node {
                sql: format!("(-{})", node.sql),
                shown: format!("-{}", node.shown),
                value: node.value.map(|value| -value),
            });
        }
        if self.sign(&['(']).is_some() {
            let node = self.sum(depth + 1)?;
            self.sign(&[')'])?;
            return Some(Node {
                shown: format!("({})", node.shown),
                ..node
            });
        }
        let Some(Symbol::Number(number)) = self.symbols.get(self.at) else {
            return None;
        };
        self.at += 1;
        let plain = exact(*number);
        Some(Node {
            sql: if plain.contains('.') {
                plain.clone()
            } else {
                format!("{plain}.0")
            },
            shown: plain,
            value: Some(*number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_arithmetic_is_read_and_everything_else_is_not() {
        let cases = [
            ("What is 17 * 23?", Some("(17.0 * 23.0)"), Some(391.0)),
            ("17 times 23", Some("(17.0 * 23.0)"), Some(391.0)),
            (
                "compute (1,200 + 34.5) / 2",
                Some("((1200.0 + 34.5) / 2.0)"),
                Some(617.25),
            ),
            (
                "15 percent of 240",
                Some("((15.0 * 240.0) / 100.0)"),
                Some(36.0),
            ),
            (
                "what is 15% of 240",
                Some("((15.0 * 240.0) / 100.0)"),
                Some(36.0),
            ),
            (
                "2^10",
                Some("(2.0 * 2.0 * 2.0 * 2.0 * 2.0 * 2.0 * 2.0 * 2.0 * 2.0 * 2.0)"),
                Some(1024.0),
            ),
            ("7 divided by 0", Some("(7.0 / 0.0)"), None),
            ("2 - -3", Some("(2.0 - (-3.0))"), Some(5.0)),
            ("What is the capital of France?", None, None),
            ("42", None, None),
            ("17 * revenue", None, None),
            ("1 +", None, None),
            ("(1 + 2", None, None),
        ];
        for (goal, sql, value) in cases {
            let found = find(goal);
            assert_eq!(found.as_ref().map(|e| e.sql.as_str()), sql, "{goal}");
            assert_eq!(found.and_then(|e| e.value), value, "{goal}");
        }
    }

    proptest! {
        #[test]
        fn any_goal_can_be_read(goal in "([0-9+*/()^%. -]|\\PC|percent of|times){0,80}") {
            if let Some(found) = find(&goal) {
                prop_assert!(found.sql.chars().all(|c| c.is_ascii_digit() || " .+-*/()".contains(c)), "{}", found.sql);
            }
        }
    }
}
