//! JSON as a table: a list of objects, wherever it stands; lines of objects; lists of cells; an object of columns or of rows.
//!
//! Objects are read one at a time, so a long list is never held as values. What is nested in an object becomes columns with dotted names.

use std::collections::HashMap;
use std::fmt;

use aios_tools::{Reserved, WorkspaceError};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Cells, Source, Text, Writer};
use crate::Error;
use crate::note::{Note, NoteKind, Place};

/// Columns that are read.
const COLUMNS: usize = 1_000;
/// How deep lists of objects are looked for, and objects are taken apart.
const DEPTH: usize = 5;
/// Bytes of a text that may be held as values at once, where it is no list of objects.
const WHOLE: usize = 16 << 20;
/// Bytes that values take at most for a byte of text.
const VALUES: u64 = 24;
/// Characters of a list within a cell.
const LIST: usize = 2_000;

pub(super) fn is_json(file: &str, text: &str) -> bool {
    let ending = file.rsplit('.').next().unwrap_or_default().to_lowercase();
    match ending.as_str() {
        "json" | "jsonl" | "ndjson" | "geojson" => true,
        "csv" | "tsv" | "tab" | "psv" | "dat" => false,
        _ => text.trim_start().starts_with(['[', '{']),
    }
}

pub(super) fn read(source: &Source<'_>, plain: Text, held: &mut Reserved) -> Result<Text, Error> {
    let mut beside = held.beside();
    let mut notes = plain.notes;
    let (text, place) = table(source, &plain.text, &mut beside, &mut notes)?;
    held.shrink(held.bytes());
    let taken = beside.bytes();
    drop((plain.text, beside));
    held.grow(taken)?;
    Ok(Text {
        text,
        encoding: plain.encoding,
        cells: Cells::Named,
        place,
        notes,
    })
}

fn table(
    source: &Source<'_>,
    text: &str,
    held: &mut Reserved,
    notes: &mut Vec<Note>,
) -> Result<(String, Place), Error> {
    let wrong = |error: &dyn fmt::Display| {
        Error::from(source.refuse(format!("cannot be read as JSON: {error}")))
    };
    if is_lines(source.file, text) {
        return Ok((lines(source, text, held)?, Place::Line));
    }
    let mut found = Vec::new();
    let shape = {
        let mut reader = serde_json::Deserializer::from_str(text);
        let look = Look {
            path: Vec::new(),
            found: &mut found,
        };
        let shape = look
            .deserialize(&mut reader)
            .map_err(|error| wrong(&error))?;
        reader.end().map_err(|error| wrong(&error))?;
        shape
    };
    // The longest list of objects is the table.
    found.sort_by_key(|list: &Found| std::cmp::Reverse(list.objects));
    let mut out = Records::new(held);
    if let Some(list) = found.first() {
        let mut reader = serde_json::Deserializer::from_str(text);
        let failed = Walk {
            source,
            path: &list.path,
            out: &mut out,
        }
        .deserialize(&mut reader);
        out.failed.take().map_or(Ok(()), Err)?;
        failed.map_err(|error| wrong(&error))?;
        if !list.path.is_empty() || found.len() > 1 {
            let others: Vec<String> = found
                .iter()
                .skip(1)
                .take(8)
                .map(|list| format!("{:?}", list.path.join(".")))
                .collect();
            let mut told = match list.path.join(".") {
                path if path.is_empty() => "the list of objects is read".to_owned(),
                path => format!("the list of objects {path:?} is read"),
            };
            if !others.is_empty() {
                told.push_str(&format!("; not read: {}", others.join(", ")));
            }
            notes.push(Note::new(NoteKind::Form, told));
        }
        return Ok((out.finish()?, Place::Record));
    }
    if shape == Shape::Plain {
        return Err(source
            .refuse("is JSON, but neither a list of objects nor an object of columns")
            .into());
    }
    if text.len() > WHOLE {
        return Err(source
            .refuse(
                "is JSON in a form that is read only up to 16 MiB; write it as a list of objects",
            )
            .into());
    }
    out.writer.held.grow(text.len() as u64 * VALUES)?;
    let value: Value = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    whole(source, &value, &mut out)?;
    out.writer.held.shrink(text.len() as u64 * VALUES);
    Ok((out.finish()?, Place::Record))
}

/// Whether a text is one object a line.
fn is_lines(file: &str, text: &str) -> bool {
    let named = file.ends_with(".jsonl") || file.ends_with(".ndjson");
    let mut heads = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let whole =
        |line: Option<&str>| line.is_some_and(|line| line.starts_with('{') && line.ends_with('}'));
    named || (whole(heads.next()) && whole(heads.next()))
}

fn lines(source: &Source<'_>, text: &str, held: &mut Reserved) -> Result<String, Error> {
    let mut out = Records::new(held);
    for (at, line) in text.lines().enumerate() {
        if at % 1_024 == 0 {
            (source.check)().map_err(WorkspaceError::from)?;
        }
        if line.trim().is_empty() {
            out.writer.end()?;
            continue;
        }
        let value: Value = serde_json::from_str(line).map_err(|error| {
            source.refuse(format!("line {} cannot be read as JSON: {error}", at + 1))
        })?;
        out.row(source, &value)?;
    }
    out.finish()
}

/// Other shapes than a list of objects: lists of cells, an object of columns, an object of rows.
fn whole(source: &Source<'_>, value: &Value, out: &mut Records<'_>) -> Result<(), Error> {
    let none = || {
        Error::from(
            source.refuse("is JSON, but neither a list of objects nor an object of columns"),
        )
    };
    match value {
        Value::Array(rows) => {
            let header = rows.first().and_then(Value::as_array).ok_or_else(none)?;
            cells(header, rows.get(1..).unwrap_or_default(), out)
        }
        Value::Object(members) => {
            let list =
                |names: &[&str]| names.iter().find_map(|name| members.get(*name)?.as_array());
            if let Some(header) = list(&["columns", "fields", "header", "headers"])
                && let Some(rows) = list(&["data", "rows", "values", "records"])
                && rows.iter().all(Value::is_array)
            {
                return cells(header, rows, out);
            }
            let rows = members.values().find_map(|value| {
                let rows = value.as_array()?;
                let lists = rows.len() > 1 && rows.iter().all(Value::is_array);
                lists.then_some(rows)
            });
            if let Some((header, rows)) = rows.and_then(|rows| rows.split_first()) {
                return cells(header.as_array().ok_or_else(none)?, rows, out);
            }
            columns(source, members, out)
        }
        _ => Err(none()),
    }
}

/// Rows of cells under a header.
fn cells(header: &[Value], rows: &[Value], out: &mut Records<'_>) -> Result<(), Error> {
    let names: Vec<String> = header
        .iter()
        .map(|name| match name {
            // `{"name": "amount", "type": "number"}`
            Value::Object(field) => field.get("name").map(plain).unwrap_or_default(),
            name => plain(name),
        })
        .collect();
    for row in rows {
        let row = row.as_array().map_or(&[] as &[Value], Vec::as_slice);
        let cells = names
            .iter()
            .zip(row)
            .map(|(name, cell)| (name.clone(), plain(cell)));
        out.cells(cells.collect())?;
    }
    Ok(())
}

/// So many columns may be.
fn within(source: &Source<'_>, columns: usize) -> Result<(), Error> {
    if columns > COLUMNS {
        return Err(crate::TableError::TooWide {
            file: source.file.to_owned(),
            asked: columns,
            allowed: COLUMNS,
        }
        .into());
    }
    Ok(())
}

/// A row may be short in the file and long in the table: whoever waits is looked after by rows.
fn go_on(source: &Source<'_>, row: usize) -> Result<(), Error> {
    if row.is_multiple_of(256) {
        (source.check)().map_err(WorkspaceError::from)?;
    }
    Ok(())
}

/// An object whose members are the columns, or the rows.
fn columns(
    source: &Source<'_>,
    members: &Map<String, Value>,
    out: &mut Records<'_>,
) -> Result<(), Error> {
    let lists: Option<Vec<&Vec<Value>>> = members.values().map(Value::as_array).collect();
    if let Some(lists) = lists.filter(|lists| lists.len() > 1) {
        within(source, lists.len())?;
        let rows = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        for row in 0..rows {
            go_on(source, row)?;
            let cell = |list: &&Vec<Value>| list.get(row).map(plain).unwrap_or_default();
            out.cells(
                members
                    .keys()
                    .cloned()
                    .zip(lists.iter().map(cell))
                    .collect(),
            )?;
        }
        return Ok(());
    }
    let objects: Option<Vec<&Map<String, Value>>> =
        members.values().map(Value::as_object).collect();
    if let Some(objects) = objects.filter(|objects| !objects.is_empty()) {
        let counted = objects.first().is_some_and(|first| {
            !first.is_empty()
                && first
                    .keys()
                    .all(|key| key.bytes().all(|byte| byte.is_ascii_digit()))
        });
        if counted {
            // `{"region": {"0": "North"}, "sales": {"0": 5}}`
            let keys: Vec<String> = objects
                .first()
                .map(|first| first.keys().cloned().collect())
                .unwrap_or_default();
            within(source, objects.len())?;
            for (row, key) in keys.into_iter().enumerate() {
                go_on(source, row)?;
                let cell =
                    |column: &&Map<String, Value>| column.get(&key).map(plain).unwrap_or_default();
                out.cells(
                    members
                        .keys()
                        .cloned()
                        .zip(objects.iter().map(cell))
                        .collect(),
                )?;
            }
            return Ok(());
        }
        for (key, object) in members.keys().zip(objects) {
            let mut cells = vec![("key".to_owned(), key.clone())];
            flatten("", object, 0, &mut cells);
            out.cells(cells)?;
        }
        return Ok(());
    }
    // `{"North": 5, "South": 7}`
    if members
        .values()
        .all(|value| !value.is_array() && !value.is_object())
    {
        for (key, value) in members {
            out.cells(vec![
                ("key".to_owned(), key.clone()),
                ("value".to_owned(), plain(value)),
            ])?;
        }
        return Ok(());
    }
    out.row(source, &Value::Object(members.clone()))
}

/// The records of a table on their way into a text. Columns are added as they come, so earlier records may be shorter.
struct Records<'h> {
    writer: Writer<'h>,
    names: Vec<String>,
    known: HashMap<String, usize>,
    row: Vec<String>,
    seen: usize,
    /// Why a walk ended, where it was not the text's fault.
    failed: Option<Error>,
}

impl<'h> Records<'h> {
    fn new(held: &'h mut Reserved) -> Self {
        Self {
            writer: Writer::new(held),
            names: Vec::new(),
            known: HashMap::new(),
            row: Vec::new(),
            seen: 0,
            failed: None,
        }
    }

    fn row(&mut self, source: &Source<'_>, value: &Value) -> Result<(), Error> {
        self.seen += 1;
        if self.seen.is_multiple_of(1_024) {
            (source.check)().map_err(WorkspaceError::from)?;
        }
        let mut cells = Vec::new();
        match value {
            Value::Object(members) => flatten("", members, 0, &mut cells),
            other => cells.push(("value".to_owned(), plain(other))),
        }
        if self.names.len() > COLUMNS {
            return Err(crate::TableError::TooWide {
                file: source.file.to_owned(),
                asked: self.names.len(),
                allowed: COLUMNS,
            }
            .into());
        }
        self.cells(cells)
    }

    fn cells(&mut self, cells: Vec<(String, String)>) -> Result<(), Error> {
        for cell in &mut self.row {
            cell.clear();
        }
        for (name, value) in cells {
            let at = match self.known.get(&name) {
                Some(at) => *at,
                None => {
                    let at = self.names.len();
                    self.writer.held.grow(2 * name.len() as u64 + 128)?;
                    self.known.insert(name.clone(), at);
                    self.names.push(name);
                    self.row.push(String::new());
                    at
                }
            };
            if let Some(cell) = self.row.get_mut(at) {
                *cell = value;
            }
        }
        let row = std::mem::take(&mut self.row);
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                self.writer.next()?;
            }
            self.writer.cell(cell)?;
        }
        // A record of one empty cell would be a blank line.
        if row.len() == 1 {
            self.writer.next()?;
        }
        self.row = row;
        self.writer.end()?;
        Ok(())
    }

    /// The text, its header first.
    fn finish(self) -> Result<String, Error> {
        let mut header = Writer::new(self.writer.held);
        for (at, name) in self.names.iter().enumerate() {
            if at > 0 {
                header.next()?;
            }
            header.cell(name)?;
        }
        if self.names.len() == 1 {
            header.next()?;
        }
        header.end()?;
        let head = header.text;
        let mut text = self.writer.text;
        self.writer.held.grow(head.len() as u64)?;
        text.insert_str(0, &head);
        Ok(text)
    }
}

/// The members of an object, those of objects within it under dotted names.
fn flatten(
    above: &str,
    members: &Map<String, Value>,
    depth: usize,
    cells: &mut Vec<(String, String)>,
) {
    for (name, value) in members {
        let name = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        match value {
            Value::Object(inner) if depth < DEPTH && !inner.is_empty() => {
                flatten(&name, inner, depth + 1, cells);
            }
            value => cells.push((name, plain(value))),
        }
    }
}

/// A value as a cell.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => {
            let text = number.to_string();
            // Written by a program, so no part number.
            match text.split_once('e') {
                Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                    format!("{mantissa}e+{exponent}")
                }
                _ => text,
            }
        }
        Value::String(text) => text.clone(),
        Value::Array(list)
            if list
                .iter()
                .all(|item| !item.is_array() && !item.is_object()) =>
        {
            let items: Vec<String> = list.iter().map(plain).collect();
            items.join(", ").chars().take(LIST).collect()
        }
        deep => deep.to_string().chars().take(LIST).collect(),
    }
}

/// A list of objects that was found.
struct Found {
    path: Vec<String>,
    objects: usize,
}

/// What a value is, looked at from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    List,
    Object,
}

/// Looks for lists of objects without holding a value.
struct Look<'f> {
    path: Vec<String>,
    found: &'f mut Vec<Found>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Shape, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let (mut objects, mut others) = (0_usize, 0_usize);
        // What is in the objects of a list belongs to the list.
        let mut inner = Vec::new();
        loop {
            inner.clear();
            let look = Look {
                path: vec![String::new(); DEPTH + 1],
                found: &mut inner,
            };
            match list.next_element_seed(look)? {
                Some(Shape::Object) => objects += 1,
                Some(_) => others += 1,
                None => break,
            }
        }
        if objects > others && self.path.len() <= DEPTH {
            self.found.push(Found {
                path: self.path,
                objects,
            });
        }
        Ok(Shape::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        if self.path.len() > DEPTH {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Shape::Object);
        }
        while let Some(name) = members.next_key::<String>()? {
            let mut path = self.path.clone();
            path.push(name);
            members.next_value_seed(Look {
                path,
                found: self.found,
            })?;
        }
        Ok(Shape::Object)
    }
}

/// Walks to a list and writes its objects.
struct Walk<'w, 's, 'h> {
    source: &'w Source<'s>,
    path: &'w [String],
    out: &'w mut Records<'h>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<Value>()? {
            if let Err(error) = self.out.row(self.source, &value) {
                self.out.failed = Some(error);
                return Err(de::Error::custom("the walk was ended"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.path.split_first() else {
            return Err(de::Error::custom("an object where a list was"));
        };
        let mut done = false;
        while let Some(name) = members.next_key::<String>()? {
            if name == *wanted && !done {
                done = true;
                members.next_value_seed(Walk {
                    source: self.source,
                    path: rest,
                    out: &mut *self.out,
                })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
