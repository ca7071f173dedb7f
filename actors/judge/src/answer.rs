//! An answer as its reader sees it: sentences, items and cells, each below its headings.

mod json;

use aios_languages::{Lexicon, fold};
use aios_work::shown::is_hidden;

pub(crate) use json::unfenced;

/// A stretch of an answer that is read as one.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// Its words without markup.
    pub text: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
    /// The pieces that stand over it and give it its subject, the outermost first.
    pub labels: Vec<usize>,
    /// Paragraph, item or table it belongs to.
    pub block: usize,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Heading,
    /// A sentence of a paragraph.
    Sentence,
    /// A sentence of a list's item.
    Item,
    /// A line that names what follows it.
    Label,
    /// A table's heading or the first cell of a row.
    Head,
    /// A cell.
    Cell,
    /// Lines within a fence.
    Code,
}

/// An answer in pieces.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub pieces: Vec<Piece>,
    /// What is wrong with its tables, with the line.
    pub broken: Vec<(usize, &'static str)>,
    /// Whether a fence was opened and never closed.
    pub open_fence: bool,
    /// Whether it is one JSON value and nothing else.
    pub is_json: bool,
    blocks: usize,
    headings: Vec<(usize, usize)>,
    lead: Option<usize>,
}

impl Answer {
    /// Reads Markdown. Linear in the text.
    pub(crate) fn read(markdown: &str, lexicon: Option<&Lexicon>) -> Self {
        let seen: String = markdown
            .chars()
            .filter(|c| !is_hidden(*c) || matches!(c, '\n' | '\t'))
            .collect();
        let lines: Vec<&str> = seen.lines().collect();
        let mut answer = Self::default();
        if let Some(value) = json::value(&seen) {
            answer.is_json = true;
            json::read(&mut answer, &value);
            return answer;
        }
        let mut at = 0;
        while at < lines.len() {
            at = answer.block(&lines, at, lexicon);
        }
        answer
    }

    /// Reads the block that begins on a line; gives the line behind it.
    fn block(&mut self, lines: &[&str], at: usize, lexicon: Option<&Lexicon>) -> usize {
        let line = lines[at];
        let bare = line.trim();
        if bare.is_empty() || is_rule(bare) {
            return at + 1;
        }
        self.blocks += 1;
        if let Some(fence) = ["```", "~~~"]
            .into_iter()
            .find(|fence| bare.starts_with(fence))
        {
            return self.fence(lines, at, fence);
        }
        if let Some((level, text)) = heading(bare) {
            self.headings.retain(|(_, other)| *other < level);
            self.lead = None;
            let labels = self.labels();
            let index = self.push(plain(text), at, Kind::Heading, labels);
            self.headings.push((index, level));
            return at + 1;
        }
        if bare.matches('|').count() >= 2 {
            return self.table(lines, at);
        }
        if let Some(text) = item(bare) {
            let mut said = text.to_owned();
            let mut next = at + 1;
            while let Some(more) = lines
                .get(next)
                .filter(|more| goes_on(more) && more.starts_with(' '))
            {
                said.push(' ');
                said.push_str(more.trim());
                next += 1;
            }
            self.sentences(&said, at, Kind::Item, lexicon);
            return next;
        }
        let mut said = bare.trim_start_matches(['>', ' ']).to_owned();
        let mut next = at + 1;
        while let Some(more) = lines.get(next).filter(|more| goes_on(more)) {
            let more = more.trim().trim_start_matches(['>', ' ']);
            // "Total: 12", "Share: 3 %" on lines of their own are read apart.
            let before = said.rsplit('\n').next().unwrap_or("");
            let apart = before.contains(": ") && more.contains(": ");
            said.push(if apart { '\n' } else { ' ' });
            said.push_str(more);
            next += 1;
        }
        let bold = said.starts_with("**")
            && said.ends_with("**")
            && said[2..said.len().max(4) - 2].find("**").is_none();
        let text = plain(&said);
        let names_what_follows = text.ends_with(':') || (bold && !text.ends_with('.'));
        if names_what_follows {
            self.lead = None;
            let labels = self.labels();
            let index = self.push(text, at, Kind::Label, labels);
            self.lead = Some(index);
        } else {
            self.sentences(&said, at, Kind::Sentence, lexicon);
        }
        next
    }

    fn fence(&mut self, lines: &[&str], at: usize, fence: &str) -> usize {
        let behind = lines[at + 1..]
            .iter()
            .position(|line| line.trim().starts_with(fence));
        let end = behind.map_or(lines.len(), |count| at + 1 + count);
        self.open_fence |= behind.is_none();
        let labels = self.labels();
        self.push(lines[at + 1..end].join("\n"), at, Kind::Code, labels);
        end + 1
    }

    fn table(&mut self, lines: &[&str], at: usize) -> usize {
        let mut end = at;
        while lines
            .get(end)
            .is_some_and(|line| line.matches('|').count() >= 2)
        {
            end += 1;
        }
        let rows: Vec<Vec<&str>> = lines[at..end].iter().map(|line| cells(line)).collect();
        let ruled = rows.get(1).is_some_and(|row| is_separator(row));
        if !ruled {
            self.broken
                .push((at + 1, "a table has no line below its heading"));
        } else if rows.iter().any(|row| row.len() != rows[0].len()) {
            self.broken.push((
                at + 1,
                "the rows of a table have different numbers of cells",
            ));
        } else if rows.len() == 2 {
            self.broken.push((at + 1, "a table has no rows"));
        }
        let over = self.labels();
        let head: Vec<usize> = match ruled {
            true => rows[0]
                .iter()
                .map(|cell| self.push(plain(cell), at, Kind::Head, over.clone()))
                .collect(),
            false => Vec::new(),
        };
        let body = rows.iter().enumerate().skip(if ruled { 2 } else { 0 });
        for (row, found) in body {
            let mut labels = over.clone();
            for (column, cell) in found.iter().enumerate() {
                let mut own = labels.clone();
                own.extend(head.get(column));
                let kind = if column == 0 { Kind::Head } else { Kind::Cell };
                let index = self.push(plain(cell), at + row, kind, own);
                if column == 0 {
                    labels.push(index);
                }
            }
        }
        self.lead = None;
        end
    }

    fn sentences(&mut self, said: &str, line: usize, kind: Kind, lexicon: Option<&Lexicon>) {
        let text = plain(said);
        let labels = self.labels();
        let found: Vec<String> = sentences(&text, lexicon)
            .into_iter()
            .map(str::to_owned)
            .collect();
        for one in found {
            self.push(one, line, kind, labels.clone());
        }
    }

    fn labels(&self) -> Vec<usize> {
        self.headings
            .iter()
            .map(|(index, _)| *index)
            .chain(self.lead)
            .collect()
    }

    fn push(&mut self, text: String, line: usize, kind: Kind, labels: Vec<usize>) -> usize {
        self.pieces.push(Piece {
            text,
            line: line + 1,
            kind,
            labels,
            block: self.blocks,
        });
        self.pieces.len() - 1
    }
}

fn goes_on(line: &str) -> bool {
    let bare = line.trim();
    !bare.is_empty()
        && heading(bare).is_none()
        && item(bare).is_none()
        && !bare.starts_with("```")
        && bare.matches('|').count() < 2
}

fn heading(bare: &str) -> Option<(usize, &str)> {
    let text = bare.trim_start_matches('#');
    let level = bare.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' '))
        .then(|| (level, text.trim().trim_end_matches('#').trim()))
}

/// The text of a list's item.
pub(crate) fn item(bare: &str) -> Option<&str> {
    if let Some(text) = ["- ", "* ", "+ ", "• "]
        .into_iter()
        .find_map(|mark| bare.strip_prefix(mark))
    {
        return Some(text.trim());
    }
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let rest = bare.get(digits..)?;
    let text = rest
        .strip_prefix(". ")
        .or_else(|| rest.strip_prefix(") "))?;
    (1..=3).contains(&digits).then(|| text.trim())
}

fn is_rule(bare: &str) -> bool {
    bare.len() >= 3
        && ["-", "*", "_", "="].iter().any(|sign| {
            bare.replace([' ', '\t'], "")
                .chars()
                .all(|c| sign.starts_with(c))
        })
}

fn cells(line: &str) -> Vec<&str> {
    let bare = line.trim();
    let bare = bare.strip_prefix('|').unwrap_or(bare);
    let bare = bare.strip_suffix('|').unwrap_or(bare);
    bare.split('|').map(str::trim).collect()
}

fn is_separator(row: &[&str]) -> bool {
    row.iter()
        .all(|cell| cell.contains('-') && cell.chars().all(|c| matches!(c, '-' | ':' | ' ')))
}

/// A line without its markup: the words a reader sees.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '<' {
            // Tags and comments are not seen; "< 5" and "<40" are.
            let tag =
                rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
            if let Some(end) = rest.find('>').filter(|end| tag && *end < 400) {
                rest = &rest[end + 1..];
                continue;
            }
        }
        if let Some((shown, behind)) = link(rest) {
            out.push_str(shown);
            rest = behind;
            continue;
        }
        let len = c.len_utf8();
        let marks = matches!(c, '*' | '`') || (c == '_' && edge(&out, &rest[len..]));
        let escaped = c == '\\' && rest[len..].starts_with(|c: char| c.is_ascii_punctuation());
        if escaped && let Some(next) = rest[len..].chars().next() {
            out.push(next);
            rest = &rest[len + next.len_utf8()..];
            continue;
        }
        if !marks {
            out.push(c);
        }
        rest = &rest[len..];
    }
    out.trim().to_owned()
}

/// Whether an underscore stands at the edge of a word and not in a name.
fn edge(before: &str, behind: &str) -> bool {
    !before.ends_with(char::is_alphanumeric) || !behind.starts_with(char::is_alphanumeric)
}

/// The words of a link that a text begins with, and what follows it.
fn link(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("![").or_else(|| text.strip_prefix('['))?;
    let from = text.len() - inner.len();
    let near = &inner[..floor(inner, 2_000)];
    let end = near.find("](")?;
    let close = near[end..].find(')')?;
    Some((&text[from..from + end], &text[from + end + close + 1..]))
}

fn floor(text: &str, most: usize) -> usize {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// The sentences of a line.
pub(crate) fn sentences<'t>(text: &'t str, lexicon: Option<&Lexicon>) -> Vec<&'t str> {
    let mut out = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if at < start || !matches!(c, '.' | '!' | '?' | '…' | '\n') {
            continue;
        }
        let behind = at + c.len_utf8();
        let closing = ['"', '”', '“', '’', ')', '»', '*', '!', '?', '.'];
        let mut rest = text[behind..].trim_start_matches(closing);
        // "« ... liste. » Les": a space stands before the mark.
        if let Some(behind) = rest
            .trim_start_matches([' ', '\u{a0}', '\u{202f}'])
            .strip_prefix('»')
        {
            rest = behind;
        }
        let space = rest.starts_with(char::is_whitespace);
        let next = rest.trim_start().chars().next();
        if !(space || rest.is_empty() || c == '\n') {
            continue;
        }
        if c == '.' {
            let word = text[start..at]
                .rsplit(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or("");
            // A small letter begins a sentence only behind a word that is surely whole.
            let whole = word.chars().count() > 3 && word.chars().all(char::is_alphabetic);
            if next.is_some_and(char::is_lowercase) && !whole {
                continue;
            }
            let token = text[start..at]
                .rsplit(char::is_whitespace)
                .next()
                .unwrap_or("");
            let token = fold(token.trim_start_matches(['(', '"']));
            let short = lexicon.is_some_and(|lexicon| {
                lexicon.is_abbreviation(&fold(word)) || lexicon.is_abbreviation(&token)
            });
            // "9. März", "1. Platz": a number in German and its kin; "ends at 12. Then" is told by its next word only if small.
            let ordinal = !word.is_empty()
                && word.len() <= 2
                && word.bytes().all(|byte| byte.is_ascii_digit())
                && lexicon.is_some_and(|lexicon| lexicon.code == "de")
                && next.is_some_and(char::is_alphabetic);
            // "Kern comes to 12. Die Dauer ...": an article or the like begins a sentence and follows no place in an order.
            let begins = lexicon.is_some_and(|lexicon| {
                let next = rest.trim_start();
                let word = next.split(|c: char| !c.is_alphanumeric()).next();
                word.is_some_and(|word| lexicon.is_stop(&fold(word)))
            });
            let ordinal = ordinal && !begins;
            if (short || ordinal) && !rest.is_empty() {
                continue;
            }
        }
        let end = text.len() - rest.len();
        push(&mut out, &text[start..end]);
        start = end;
    }
    push(&mut out, &text[start..]);
    out
}

/// Bytes of a sentence that are read as one: what has no end is cut, so that reading it costs what it is long.
const SENTENCE: usize = 2_000;

fn push<'t>(out: &mut Vec<&'t str>, text: &'t str) {
    let mut text = text.trim();
    while text.len() > SENTENCE {
        let near = floor(text, SENTENCE);
        let cut = text[..near].rfind(char::is_whitespace).filter(|at| *at > 0);
        let (head, rest) = text.split_at(cut.unwrap_or(near));
        out.push(head);
        text = rest.trim_start();
    }
    if text.chars().any(char::is_alphanumeric) || text.chars().count() > 3 {
        out.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_languages::lexicon;

    #[test]
    fn an_answer_is_read_below_its_headings() {
        let text = "# Title\n\nAll by sensor:\n\n| Sensor | Mean |\n|---|---:|\n| CR-1 | 72.3 % |\n\n- **Door:** open. Twice.\n\n```\ncode\n```\n";
        let answer = Answer::read(text, lexicon("en").as_deref());
        let shown: Vec<(Kind, &str, Vec<&str>)> = answer
            .pieces
            .iter()
            .map(|piece| {
                let labels = piece
                    .labels
                    .iter()
                    .map(|label| answer.pieces[*label].text.as_str());
                (piece.kind, piece.text.as_str(), labels.collect())
            })
            .collect();
        let wanted = vec![
            (Kind::Heading, "Title", vec![]),
            (Kind::Label, "All by sensor:", vec!["Title"]),
            (Kind::Head, "Sensor", vec!["Title", "All by sensor:"]),
            (Kind::Head, "Mean", vec!["Title", "All by sensor:"]),
            (
                Kind::Head,
                "CR-1",
                vec!["Title", "All by sensor:", "Sensor"],
            ),
            (
                Kind::Cell,
                "72.3 %",
                vec!["Title", "All by sensor:", "CR-1", "Mean"],
            ),
            (Kind::Item, "Door: open.", vec!["Title"]),
            (Kind::Item, "Twice.", vec!["Title"]),
            (Kind::Code, "code", vec!["Title"]),
        ];
        assert_eq!(shown, wanted);
        assert!(answer.broken.is_empty());
    }

    #[test]
    fn a_table_that_is_none_is_told() {
        let rows = [
            ("| a | b || c | d |", true),
            ("| a | b |\n|---|---|\n| c | d |", false),
            ("| a | b |\n| c | d |", true),
            ("| a | b |\n|---|---|\n| c |", true),
            ("a | b", false),
        ];
        for (text, broken) in rows {
            assert_eq!(
                !Answer::read(text, None).broken.is_empty(),
                broken,
                "{text}"
            );
        }
    }

    #[test]
    fn sentences_end_where_a_reader_stops() {
        let rows = [
            ("en", "It fell. It rose!", vec!["It fell.", "It rose!"]),
            (
                "en",
                "It was 4.5 vs. 3. Then",
                vec!["It was 4.5 vs. 3.", "Then"],
            ),
            (
                "de",
                "Am 9. März z. B. Jena. Dann",
                vec!["Am 9. März z. B. Jena.", "Dann"],
            ),
            ("en", "no end", vec!["no end"]),
            ("en", "", vec![]),
        ];
        for (code, text, wanted) in rows {
            assert_eq!(sentences(text, lexicon(code).as_deref()), wanted);
        }
    }

    #[test]
    fn markup_is_not_read() {
        let rows = [
            ("**a** _b_ `c` sensor_id", "a b c sensor_id"),
            ("[x](http://y) ![alt](z) z", "x alt z"),
            ("a <b>c</b> <!-- d --> < 5", "a c  < 5"),
            ("5 \\* 3", "5 * 3"),
            ("[open", "[open"),
        ];
        for (text, wanted) in rows {
            assert_eq!(plain(text), wanted);
        }
    }
}
