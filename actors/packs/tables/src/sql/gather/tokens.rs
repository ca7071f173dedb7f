//! A statement as words, names, texts, numbers and signs, each with its place.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `SELECT`, `substr`, `label`.
    Word,
    /// `"region"`.
    Name,
    /// `'North'`.
    Text,
    Number,
    /// One character of a sign.
    Sign,
}

/// A part of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
}

impl Token<'_> {
    /// Whether it is this word, in small letters or large ones.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// The tokens of a statement; none where something stands in it that is not read here: a remark, a parameter, a second statement.
pub(super) fn tokens(statement: &str) -> Option<Vec<Token<'_>>> {
    let bytes = statement.as_bytes();
    let (mut at, mut out) = (0, Vec::new());
    while let Some(first) = bytes.get(at) {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let rest = bytes.get(at..)?;
        let run = |of: fn(&u8) -> bool| rest.iter().take_while(|byte| of(byte)).count();
        let (kind, length) = match first {
            b'"' => (Kind::Name, quoted(rest, b'"')?),
            b'\'' => (Kind::Text, quoted(rest, b'\'')?),
            b'0'..=b'9' => (
                Kind::Number,
                run(|byte| byte.is_ascii_digit() || *byte == b'.'),
            ),
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                let length = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                // `x'41'` is a text in another form.
                if rest.get(length) == Some(&b'\'') {
                    return None;
                }
                (Kind::Word, length)
            }
            b'-' if rest.get(1) == Some(&b'-') => return None,
            b'/' if rest.get(1) == Some(&b'*') => return None,
            b'(' | b')' | b',' | b'*' | b'/' | b'+' | b'-' | b'%' | b'=' | b'<' | b'>' | b'!'
            | b'|' => (Kind::Sign, 1),
            _ => return None,
        };
        let text = statement.get(at..at + length)?;
        out.push(Token { kind, text });
        at += length;
    }
    Some(out)
}

/// How long a quoted part is, its quotes among it; a quote within is doubled.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == quote)? + 1;
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Parts of a statement put together.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) text: String,
    last: String,
}

impl Joined {
    /// Sets a part behind the others; two signs that are one are not set apart.
    pub(super) fn push(&mut self, part: &str) {
        let pair = [self.last.as_str(), part].concat();
        if !self.text.is_empty() && !["<=", ">=", "<>", "!=", "==", "||"].contains(&pair.as_str()) {
            self.text.push(' ');
        }
        self.text.push_str(part);
        part.clone_into(&mut self.last);
    }
}

/// Tokens as a text again.
pub(super) fn text(tokens: &[Token<'_>]) -> String {
    let mut out = Joined::default();
    for token in tokens {
        out.push(token.text);
    }
    out.text
}

/// What a quoted name or text says.
pub(super) fn unquoted(token: &Token<'_>) -> String {
    let quote = token.text.get(..1).unwrap_or_default();
    let inner = token
        .text
        .get(1..token.text.len().max(2) - 1)
        .unwrap_or_default();
    inner.replace(&quote.repeat(2), quote)
}

/// The parts between commas that stand in no brackets.
pub(super) fn parts<'t, 's>(tokens: &'t [Token<'s>]) -> Vec<&'t [Token<'s>]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            depth += match token.text {
                "(" if token.kind == Kind::Sign => 1,
                ")" if token.kind == Kind::Sign => -1,
                _ => 0,
            };
            depth == 0 && token.is_sign(",")
        })
        .collect()
}

/// The place behind the bracket that the one at `open` is closed by.
pub(super) fn closed(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_put_together_again_as_it_was_meant() {
        for (statement, again) in [
            (
                "SELECT SUM(\"a \"\"b\") AS f1 FROM data WHERE \"c\">=-1.5",
                Some("SELECT SUM ( \"a \"\"b\" ) AS f1 FROM data WHERE \"c\" >= - 1.5"),
            ),
            ("select 'it''s' || \"x\"", Some("select 'it''s' || \"x\"")),
            ("SELECT 1 -- remark", None),
            ("SELECT 1; SELECT 2", None),
            ("SELECT x'41'", None),
            ("SELECT 'open", None),
            ("SELECT ?1", None),
            ("SELECT - - 1 || 2", Some("SELECT - - 1 || 2")),
        ] {
            let read = tokens(statement);
            assert_eq!(read.map(|all| text(&all)).as_deref(), again, "{statement}");
        }
        let all = tokens("f(a, b), (c, d), e").unwrap();
        let parts: Vec<String> = parts(&all).into_iter().map(text).collect();
        assert_eq!(parts, ["f ( a , b )", "( c , d )", "e"]);
        assert_eq!(unquoted(&tokens("\"a \"\"b\"").unwrap()[0]), "a \"b");
    }
}
