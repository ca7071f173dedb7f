//! What a file holds, told by how it begins: whether it is a table, where its name says only that it is a text.
//!
//! Nothing is read to its end here. Who reads a table afterwards reads it by its own rules and refuses what is none.

use std::io::Read as _;

use serde_json::{Map, Value};

use super::text;

/// Bytes of a file that are looked at.
const HEAD: u64 = 64 << 10;
/// Lines of them.
const LINES: usize = 30;
/// How deep lists of objects are looked for.
const DEPTH: usize = 4;
/// Brackets within each other that are followed.
const NESTED: usize = 32;
/// Characters that the texts of a table have on average at most; what is longer is prose in a list.
const WORDS: usize = 80;

/// Endings of files that are tables whatever they hold.
const TABLES: [&str; 7] = ["csv", "tsv", "tab", "psv", "dat", "xlsx", "xlsm"];
const JSON: [&str; 4] = ["json", "jsonl", "ndjson", "geojson"];
const TEXTS: [&str; 2] = ["txt", "text"];
const MARKDOWN: [&str; 2] = ["md", "markdown"];

/// Whether a file is a table: by its name where that leaves no choice, else by what it holds. A file that cannot be looked at is none.
pub(crate) fn holds_table(path: &str) -> bool {
    let ending = ending(path);
    if TABLES.contains(&ending.as_str()) {
        return true;
    }
    if JSON.contains(&ending.as_str()) {
        return head(path).is_some_and(|head| is_json_table(&head));
    }
    is_delimited(path)
}

/// Whether a file that is called a text holds cells: most of its first lines have as many of one separator, or its columns stand below each
/// other, or most lines of a Markdown text are rows of one table, or it is JSON that is a table.
pub(crate) fn is_delimited(path: &str) -> bool {
    let ending = ending(path);
    let markdown = MARKDOWN.contains(&ending.as_str());
    if !markdown && !TEXTS.contains(&ending.as_str()) {
        return false;
    }
    let Some(head) = head(path) else {
        return false;
    };
    if markdown {
        return text::is_mostly_a_table(&head.text);
    }
    match head.text.trim_start().starts_with(['[', '{']) {
        true => is_json_table(&head),
        false => has_cells(&head) || text::has_columns(&head.text),
    }
}

fn ending(path: &str) -> String {
    path.rsplit('.').next().unwrap_or_default().to_lowercase()
}

/// How a file begins.
struct Head {
    text: String,
    /// Whether there is more.
    cut: bool,
}

fn head(path: &str) -> Option<Head> {
    let mut bytes = Vec::new();
    // Of a pipe nobody may ever write the other end.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut bytes));
    read.ok()?;
    // A text of two bytes a character says so by its first ones.
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => of_pairs(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => of_pairs(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes)
            .trim_start_matches('\u{feff}')
            .to_owned(),
    };
    Some(Head {
        text,
        cut: bytes.len() as u64 == HEAD,
    })
}

fn of_pairs(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn has_cells(head: &Head) -> bool {
    let mut lines: Vec<&str> = head
        .text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if head.cut {
        lines.pop();
    }
    lines.truncate(LINES);
    ['\t', ';', '|', ','].into_iter().any(|sign| {
        let counts: Vec<usize> = lines.iter().map(|line| outside(line, sign)).collect();
        let of = |count: usize| counts.iter().filter(|other| **other == count).count();
        let Some(usual) = counts.iter().copied().max_by_key(|count| of(*count)) else {
            return false;
        };
        let alike = of(usual);
        // A sentence may hold a comma; that every line holds as many is no prose. A title above and a remark below have none.
        let fewest = if sign == ',' { 4 } else { 3 };
        let strict = sign == ',' && usual == 1;
        // Where one comma a line is all there is, a line that ends as sentences do is none of a table.
        if strict
            && lines
                .iter()
                .any(|line| line.trim_end().ends_with(['.', '!', '?']))
        {
            return false;
        }
        let enough = if strict {
            alike == lines.len()
        } else {
            alike * 10 >= lines.len() * 8
        };
        usual > 0 && alike >= fewest && enough
    })
}

/// How often a sign stands outside quotes.
fn outside(line: &str, sign: char) -> usize {
    let (mut quoted, mut count) = (false, 0);
    for c in line.chars() {
        quoted ^= c == '"';
        count += usize::from(c == sign && !quoted);
    }
    count
}

fn is_json_table(head: &Head) -> bool {
    let text = head.text.trim_start();
    if is_lines(text) {
        return true;
    }
    let whole = if head.cut {
        closed(text)
    } else {
        text.to_owned()
    };
    serde_json::from_str(&whole).is_ok_and(|value| is_table(&value))
}

/// Two objects or more, one a line.
fn is_lines(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut objects = lines
        .take(2)
        .map(|line| serde_json::from_str::<Map<String, Value>>(line).is_ok());
    objects.next() == Some(true) && objects.next() == Some(true)
}

/// The beginning of a JSON text, without what was cut off within it and closed where it is.
fn closed(text: &str) -> String {
    let (mut open, mut whole) = (Vec::new(), (0, Vec::new()));
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            // Deeper than any table, and than what is read at all.
            b'[' | b'{' if open.len() >= NESTED => return String::new(),
            b'[' => open.push(']'),
            b'{' => open.push('}'),
            b']' | b'}' => {
                open.pop();
            }
            b',' => whole = (at, open.clone()),
            _ => {}
        }
    }
    let (at, open) = whole;
    let kept = text.get(..at).unwrap_or_default();
    kept.chars().chain(open.into_iter().rev()).collect()
}

/// Whether a value is a list of records in one of the ways in which people write it: objects, lists under a header, an object of columns,
/// an object of records that are alike, or an object most of which is such a list. A single record is none.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Array(list) => is_list(list) && !is_prose(value),
        Value::Object(members) => {
            let in_lists = listed(value, 0);
            let mostly = in_lists > 0 && in_lists * 2 >= leaves(value);
            (mostly || are_columns(members) || are_alike(members)) && !is_prose(value)
        }
        _ => false,
    }
}

fn is_list(list: &[Value]) -> bool {
    let objects = list.iter().filter(|item| item.is_object()).count();
    let width = list.first().and_then(Value::as_array).map_or(0, Vec::len);
    let same = |item: &Value| item.as_array().is_some_and(|cells| cells.len() == width);
    (objects > 1 && objects * 2 > list.len())
        || (list.len() > 1 && width > 1 && list.iter().all(same))
}

/// Values that stand in lists of records.
fn listed(value: &Value, depth: usize) -> usize {
    match value {
        Value::Array(list) if is_list(list) => leaves(value),
        Value::Object(members) if depth < DEPTH => {
            members.values().map(|value| listed(value, depth + 1)).sum()
        }
        _ => 0,
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

/// `{"region": ["North", "South"], "sales": [5, 7]}`
fn are_columns(members: &Map<String, Value>) -> bool {
    let length = |value: &Value| {
        let list = value.as_array()?;
        let plain = list
            .iter()
            .all(|cell| !cell.is_array() && !cell.is_object());
        plain.then_some(list.len())
    };
    let first = members.values().next().and_then(length);
    members.len() > 1
        && first.is_some_and(|first| first > 1)
        && members.values().all(|value| length(value) == first)
}

/// `{"North": {"sales": 5}, "South": {"sales": 7}, "West": {"sales": 6}}`
fn are_alike(members: &Map<String, Value>) -> bool {
    let names = |value: &Value| -> Option<Vec<String>> {
        let inner = value.as_object()?;
        let plain = inner
            .values()
            .all(|cell| !cell.is_array() && !cell.is_object());
        plain.then(|| inner.keys().cloned().collect())
    };
    let first = members.values().next().and_then(names);
    members.len() > 2
        && first.as_ref().is_some_and(|first| !first.is_empty())
        && members.values().all(|value| names(value) == first)
}

/// Whether the texts within are long on average.
fn is_prose(value: &Value) -> bool {
    fn count(value: &Value, texts: &mut usize, characters: &mut usize) {
        match value {
            Value::String(text) => {
                *texts += 1;
                *characters += text.chars().count();
            }
            Value::Array(list) => list.iter().for_each(|item| count(item, texts, characters)),
            Value::Object(members) => {
                members
                    .values()
                    .for_each(|item| count(item, texts, characters));
            }
            _ => {}
        }
    }
    let (mut texts, mut characters) = (0, 0);
    count(value, &mut texts, &mut characters);
    characters > texts * WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, cut: bool) -> bool {
        is_json_table(&Head {
            text: text.to_owned(),
            cut,
        })
    }

    #[test]
    fn what_is_nested_without_end_is_looked_at_no_further() {
        let deep = format!("{}{}", "[".repeat(32_768), ",".repeat(32_768));
        assert_eq!(closed(&deep), "");
        assert!(!json(&deep, true));
    }

    #[test]
    fn json_that_lists_records_is_a_table_and_one_record_is_none() {
        let long = "The repair of the crane took longer than planned because parts had to come by ship from afar, and so it went on.";
        for (text, is) in [
            (
                r#"[{"town":"Oslo","sales":5},{"town":"Bergen","sales":7}]"#,
                true,
            ),
            (r#"[["town","sales"],["Oslo",5],["Bergen",7]]"#, true),
            (
                r#"{"orders":[{"id":1,"sum":5},{"id":2,"sum":7}],"exported":"2024-01-01"}"#,
                true,
            ),
            (r#"{"data":{"rows":[{"id":1},{"id":2}]}}"#, true),
            (r#"{"town":["Oslo","Bergen"],"sales":[5,7]}"#, true),
            (r#"{"a":{"sales":5},"b":{"sales":7},"c":{"sales":6}}"#, true),
            ("{\"id\":1}\n{\"id\":2}\n", true),
            (r#"{"name":"Ann","town":"Oslo","age":41}"#, false),
            (
                r#"{"name":"crane","parts":[{"id":1},{"id":2}],"owner":"port","built":1998,"lift":40,"height":12}"#,
                false,
            ),
            (
                r#"{"server":{"host":"a","port":1},"client":{"retries":3},"log":{"level":"info"}}"#,
                false,
            ),
            (r#"[{"town":"Oslo"}]"#, false),
            (r#"["a","b","c"]"#, false),
            ("{ not json", false),
        ] {
            assert_eq!(json(text, false), is, "{text}");
        }
        let prose = format!(r#"[{{"text":"{long}"}},{{"text":"{long}"}}]"#);
        assert!(!json(&prose, false));
    }

    #[test]
    fn what_was_cut_off_is_left_away() {
        let text =
            r#"{"note":"a, \"b\" [","orders":[{"id":1,"who":"x"},{"id":2,"who":"y"},{"id":3,"wh"#;
        assert!(json(text, true));
        assert!(!json(text, false));
        assert!(!json(r#"{"name":"Ann","notes":["a","b","c"#, true));
    }

    #[test]
    fn lines_of_cells_are_told_from_lines_of_words() {
        for (text, is) in [
            ("a;b\n1;2\n3;4", true),
            ("Members, spring\na;b;c\n1;2;3\n3;4;5\n5;6;7\n7;8;9", true),
            ("name,\"a, b\",c\nx,y,z\n\"p, q\",r,s\nt,u,v", true),
            (
                "Dear Ann,\nthe crane is mended, at last.\nIt lifts, as before.\nYours, Ben",
                false,
            ),
            (
                "Oslo, Norway\nParis, France\nRome, Italy\nNothing else.",
                false,
            ),
            ("One line only", false),
        ] {
            let head = Head {
                text: text.to_owned(),
                cut: false,
            };
            assert_eq!(has_cells(&head), is, "{text}");
        }
    }
}
