//! Results as Markdown: whatever a tool gave, shown as what it is. Pure, and bounded in what it writes.

use aios_work::shown::markdown;
use serde_json::{Map, Value};

/// Bytes of one page. It leaves in one message of 1 MB together with its facts.
const PAGE: usize = 160 << 10;
/// Rows of one table, and lines of one text.
const ROWS: usize = 100;
/// Columns of one table.
const COLUMNS: usize = 8;
/// Characters of one cell or line.
const CELL: usize = 240;
/// How deep a result is taken apart; what lies deeper is shown as JSON.
const DEPTH: usize = 8;
/// What stands where something is left out.
const MORE: &str = "…";

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// Something was left out for want of room.
    pub(super) cut: bool,
}

impl Page {
    pub(super) fn text(self) -> String {
        self.text
    }

    /// A line, if there is room for it.
    pub(super) fn line(&mut self, line: &str) {
        if self.text.len() + line.len() >= PAGE {
            self.cut = true;
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A paragraph with a blank line before it.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.line("");
        }
    }

    /// What a task gave.
    pub(super) fn result(&mut self, value: &Value) {
        self.gap();
        match value {
            Value::String(text) if text.contains('\n') || text.chars().count() > CELL => {
                self.quote(text);
            }
            Value::Array(items) if items.is_empty() => self.line("| – |\n| --- |"),
            Value::Array(items) => match columns(items) {
                Some(columns) => self.records(items, &columns),
                None => self.leaves(value),
            },
            value => self.leaves(value),
        }
    }

    /// A text as it stands, as a quotation.
    fn quote(&mut self, text: &str) {
        let mut lines = text.lines();
        for line in lines.by_ref().take(ROWS) {
            self.line(format!("> {}", markdown(&cut(line))).trim_end());
        }
        if lines.next().is_some() {
            self.line(&format!("> {MORE}"));
            self.cut = true;
        }
    }

    /// One row for each object.
    fn records(&mut self, items: &[Value], columns: &[&str]) {
        let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        self.line(&row(columns.iter().map(|name| markdown(name)).collect()));
        self.line(&row(columns.iter().map(|_| "---".to_owned()).collect()));
        for item in items.iter().take(ROWS) {
            let cell = |name: &&str| item.get(name).map_or_else(String::new, cell);
            self.line(&row(columns.iter().map(cell).collect()));
        }
        if items.len() > ROWS {
            self.line(&row(columns.iter().map(|_| MORE.to_owned()).collect()));
            self.cut = true;
        }
    }

    /// One row for each value that holds no others, with the way to it. Longer texts follow.
    fn leaves(&mut self, value: &Value) {
        let mut found = Leaves::default();
        let whole = found.collect(value, &mut Vec::new());
        let Leaves {
            leaves,
            tables,
            texts,
        } = found;
        self.cut |= !whole;
        if let [(name, value)] = leaves.as_slice()
            && name.is_empty()
        {
            self.line(&format!("| {value} |\n| --- |"));
        } else if !leaves.is_empty() {
            self.line("| | |\n| --- | --- |");
            for (name, value) in &leaves {
                self.line(&format!("| {name} | {value} |"));
            }
            if !whole {
                self.line(&format!("| {MORE} | {MORE} |"));
            }
        }
        for (name, items, columns) in tables {
            self.paragraph(&format!("**{name}**"));
            self.gap();
            self.records(items, &columns);
        }
        for (name, text) in texts {
            if !name.is_empty() {
                self.paragraph(&format!("**{name}**"));
            }
            self.gap();
            self.quote(text);
        }
    }
}

/// The names of the fields of a list of plain records, if it is one.
fn columns(items: &[Value]) -> Option<Vec<&str>> {
    let mut names: Vec<&str> = Vec::new();
    for item in items {
        let fields: &Map<String, Value> = item.as_object()?;
        for (name, value) in fields {
            if value.is_array() || value.is_object() || is_long(value) {
                return None;
            }
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
            if names.len() > COLUMNS {
                return None;
            }
        }
    }
    (!names.is_empty()).then_some(names)
}

fn is_long(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.contains('\n') || text.chars().count() > CELL)
}

/// What a value holds: plain values, lists of records and longer texts, each with the names on the way to it.
#[derive(Default)]
struct Leaves<'v> {
    leaves: Vec<(String, String)>,
    tables: Vec<(String, &'v [Value], Vec<&'v str>)>,
    texts: Vec<(String, &'v str)>,
}

impl<'v> Leaves<'v> {
    /// Says whether that is all of them.
    fn collect(&mut self, value: &'v Value, path: &mut Vec<String>) -> bool {
        if self.leaves.len() + self.tables.len() + self.texts.len() >= ROWS {
            return false;
        }
        let name = markdown(&cut(&path.join(" ")));
        let inside = path.len() < DEPTH;
        match value {
            Value::Object(fields) if !fields.is_empty() && inside => {
                let mut whole = true;
                for (key, value) in fields {
                    path.push(key.clone());
                    whole &= self.collect(value, path);
                    path.pop();
                }
                return whole;
            }
            Value::Array(items) if !items.is_empty() && inside => {
                if let Some(columns) = columns(items).filter(|_| !path.is_empty()) {
                    self.tables.push((name, items, columns));
                    return true;
                }
                let plain = |item: &Value| !item.is_array() && !item.is_object() && !is_long(item);
                if items.iter().all(plain) {
                    let cells: Vec<String> = items.iter().take(ROWS).map(cell).collect();
                    self.leaves.push((name, cells.join(", ")));
                    return items.len() <= ROWS;
                }
                let mut whole = true;
                for (index, value) in items.iter().enumerate() {
                    path.push(label(value, index));
                    whole &= self.collect(value, path);
                    path.pop();
                }
                return whole;
            }
            Value::String(text) if is_long(value) => self.texts.push((name, text)),
            value => self.leaves.push((name, cell(value))),
        }
        true
    }
}

/// What an element is called: by the first short text in it, else by a letter. A number would look like a figure.
fn label(item: &Value, index: usize) -> String {
    let own = item.as_object().into_iter().flatten();
    let mut texts = own.filter_map(|(_, value)| value.as_str());
    if let Some(text) = texts.find(|text| !text.is_empty() && text.chars().count() <= 40) {
        return text.to_owned();
    }
    let (mut letters, mut left) = (String::new(), index);
    loop {
        letters.insert(0, char::from(b'a' + u8::try_from(left % 26).unwrap_or(0)));
        left = match (left / 26).checked_sub(1) {
            Some(left) => left,
            None => return letters,
        };
    }
}

/// A value in a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => markdown(&cut(text)),
        value => markdown(&cut(&value.to_string())),
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(CELL).collect();
    if short.len() < text.len() {
        short.push_str(MORE);
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Value) -> String {
        let mut page = Page::default();
        page.result(value);
        page.text()
    }

    #[test]
    fn a_result_is_shown_as_what_it_is() {
        let cases = [
            (json!(12.5), "| 12.5 |\n| --- |\n"),
            (json!("yes"), "| yes |\n| --- |\n"),
            (json!([]), "| – |\n| --- |\n"),
            (
                json!({"total": {"price": 3}, "tags": ["a", 1]}),
                "| | |\n| --- | --- |\n| total price | 3 |\n| tags | a, 1 |\n",
            ),
            (
                json!([{"city": "Rome", "n": 1}, {"city": "a|b"}]),
                "| city | n |\n| --- | --- |\n| Rome | 1 |\n| a\\|b |  |\n",
            ),
            (json!("one\n# two"), "> one\n> # two\n"),
            (
                json!({"n": 1, "text": "a\nb"}),
                "| | |\n| --- | --- |\n| n | 1 |\n\n**text**\n\n> a\n> b\n",
            ),
            (
                json!({"items": [{"name": "x", "n": 2}], "count": 1}),
                "| | |\n| --- | --- |\n| count | 1 |\n\n**items**\n\n| name | n |\n| --- | --- |\n| x | 2 |\n",
            ),
            (
                json!([{"a": [{"b": 1}]}, {}]),
                "| | |\n| --- | --- |\n| b | {} |\n\n**a a**\n\n| b |\n| --- |\n| 1 |\n",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_page_is_bounded_whatever_a_result_holds() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([{ "x": deep }]);
        }
        let values = [
            json!(vec![json!({"a": "x".repeat(10_000)}); 10_000]),
            json!("x\n".repeat(100_000)),
            json!(vec![json!([[1]]); 10_000]),
            json!(vec!["y".repeat(200); 5_000]),
            deep,
        ];
        for value in &values {
            let mut page = Page::default();
            page.result(value);
            assert!(page.text.len() < PAGE, "{}", page.text.len());
        }
        let mut page = Page::default();
        for _ in 0..20 {
            page.result(&values[3]);
        }
        assert!(page.cut && page.text.len() < PAGE);
    }
}
