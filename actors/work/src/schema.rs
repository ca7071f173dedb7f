//! What a JSON schema says of one place: enough to tell before anything runs whether a value that another tool will give can stand there.
//!
//! A walk, no validator: it follows properties, items, local `$ref`s and alternatives, and knows which kinds of values they allow. What a
//! value must be beside that (lengths, patterns, bounds) is for whoever has the value. Schemas come from outside: how deep and how
//! far a walk goes is bounded by what it may look at, never by what a schema claims.

use std::fmt;

use serde_json::{Map, Value};

/// Places of a schema that one question may look at. The largest schemas of tools have a few hundred.
const LOOKS: usize = 4_096;
/// `$ref`s that may lead on to another.
const HOPS: usize = 16;
/// How deep two schemas are compared.
const DEPTH: usize = 16;
/// Names that a refusal lists.
const NAMED: usize = 12;

/// Kinds of JSON values; any of them where a schema says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    const NAMES: [&'static str; 7] = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ];
    const NONE: Self = Self(0);
    const INTEGER: Self = Self(1 << 2);
    const NUMBER: Self = Self(1 << 2 | 1 << 3);
    const ARRAY: Self = Self(1 << 5);
    const OBJECT: Self = Self(1 << 6);
    const ANY: Self = Self(0x7f);

    fn named(name: &str) -> Self {
        match name {
            // Every integer is a number.
            "number" => Self::NUMBER,
            name => Self::NAMES
                .iter()
                .position(|known| *known == name)
                .map_or(Self::ANY, |at| Self(1 << at)),
        }
    }

    /// The kind of a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::named("null"),
            Value::Bool(_) => Self::named("boolean"),
            Value::Number(number) if number.is_f64() => Self::NUMBER,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::named("string"),
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without_null(self) -> Self {
        Self(self.0 & !1)
    }

    /// Whether nothing is known: it may be of any kind.
    #[must_use]
    pub fn is_any(self) -> bool {
        self == Self::ANY
    }

    fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("anything");
        }
        let is = |at: &usize| {
            let number = self.0 & Self::NUMBER.0 == Self::NUMBER.0;
            // What may have decimals is a number, and that it may be an integer goes without saying.
            let said = *at != 2 || !number;
            let there = if *at == 3 {
                number
            } else {
                self.0 & (1 << at) != 0
            };
            said && there
        };
        let names: Vec<&str> = (0..7).filter(is).map(|at| Self::NAMES[at]).collect();
        match names.as_slice() {
            [] => f.write_str("nothing"),
            names => f.write_str(&names.join(" or ")),
        }
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a schema says of one place.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    root: &'a Value,
    /// The schemas that a value there may follow; none where nothing is said.
    branches: Vec<&'a Value>,
}

/// Why there is no such place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Astray {
    /// A value with these fields has none of that name.
    NoField {
        /// The name.
        asked: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// It is in a value of another kind than an object or list.
    Inside {
        /// The step.
        asked: String,
        /// What the value is.
        kinds: Kinds,
    },
    /// A list has no place of that name.
    NoIndex {
        /// The name.
        asked: String,
    },
    /// Nothing is said of what lies there.
    Untold,
    /// It is no JSON pointer.
    NoPointer,
}

impl fmt::Display for Astray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoField { asked, known } if known.is_empty() => {
                write!(f, "there is no field {asked:?}: it has none")
            }
            Self::NoField { asked, known } => {
                let more = if known.len() > NAMED { ", ..." } else { "" };
                let named = &known[..known.len().min(NAMED)];
                write!(
                    f,
                    "there is no field {asked:?}, known are {}{more}",
                    named.join(", ")
                )
            }
            Self::Inside { asked, kinds } => {
                write!(f, "{asked:?} would lie inside {kinds}")
            }
            Self::NoIndex { asked } => write!(f, "a list has no place {asked:?}, but 0, 1, 2 ..."),
            Self::Untold => f.write_str("its tool does not say what lies there"),
            Self::NoPointer => f.write_str("a JSON pointer is empty or begins with a slash"),
        }
    }
}

/// Why what one place gives cannot stand at another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is of another kind.
    Kind {
        /// What is given.
        gives: Kinds,
        /// What is taken.
        takes: Kinds,
        /// Where inside, as a JSON pointer; empty for the whole.
        at: String,
    },
    /// It need not have a field that must be there.
    Lacks {
        /// The field, as a JSON pointer.
        at: String,
    },
    /// Nothing is said of what it is, and something is asked of it.
    Untold {
        /// What is taken.
        takes: Kinds,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { gives, takes, at } if at.is_empty() => {
                write!(f, "that is {gives}, and {takes} is wanted")
            }
            Self::Kind { gives, takes, at } => {
                write!(f, "at {at} that is {gives}, and {takes} is wanted")
            }
            Self::Lacks { at } => write!(f, "that has no {at}, which is wanted"),
            Self::Untold { takes } => write!(
                f,
                "its tool does not say what that is, and {takes} is wanted"
            ),
        }
    }
}

/// The steps of a JSON pointer (RFC 6901); none if it is none.
#[must_use]
pub fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    Some(
        rest.split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

/// A step of a JSON pointer, as it stands in one.
#[must_use]
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a> Place<'a> {
    /// A whole schema.
    #[must_use]
    pub fn of(schema: &'a Value) -> Self {
        let mut looks = LOOKS;
        let branches = spread(schema, schema, &mut looks);
        Self {
            root: schema,
            branches,
        }
    }

    /// What it says of a place inside.
    ///
    /// # Errors
    /// When there can be none, or nothing is said of it.
    pub fn at(&self, pointer: &str) -> Result<Self, Astray> {
        let steps = steps(pointer).ok_or(Astray::NoPointer)?;
        let mut place = self.clone();
        for step in steps {
            place = place.inside(&step)?;
        }
        Ok(place)
    }

    fn inside(&self, step: &str) -> Result<Self, Astray> {
        let mut looks = LOOKS;
        let (mut found, mut known, mut said) = (Vec::new(), Vec::new(), false);
        let is_index = step == "0" || (!step.starts_with('0') && is_digits(step));
        let (mut untold, mut list) = (self.branches.is_empty(), false);
        for branch in &self.branches {
            let Some(fields) = branch.as_object() else {
                untold = true;
                continue;
            };
            let kinds = kinds_of(branch);
            if kinds.is_any() {
                untold = true;
            }
            if !kinds.and(Kinds::OBJECT).is_none() {
                said = true;
                match field(fields, step) {
                    Field::Is(schema) => found.push(spread(self.root, schema, &mut looks)),
                    Field::May => untold = true,
                    Field::None => known.extend(names(fields)),
                }
            }
            if !kinds.and(Kinds::ARRAY).is_none() && !kinds.is_any() {
                list = true;
                match item(fields, step) {
                    _ if !is_index => {}
                    Some(schema) => found.push(spread(self.root, schema, &mut looks)),
                    None => untold = true,
                }
            }
        }
        if !found.is_empty() {
            return Ok(Self {
                root: self.root,
                branches: together(found),
            });
        }
        let asked = step.chars().take(80).collect();
        Err(match () {
            () if untold => Astray::Untold,
            () if said => Astray::NoField { asked, known },
            () if list => Astray::NoIndex { asked },
            () => Astray::Inside {
                asked,
                kinds: self.kinds(),
            },
        })
    }

    /// What it says of each element of a list; none where no list can be.
    #[must_use]
    pub fn element(&self) -> Option<Self> {
        let mut looks = LOOKS;
        let lists = self
            .branches
            .iter()
            .filter(|branch| !kinds_of(branch).and(Kinds::ARRAY).is_none());
        let (mut found, mut any) = (Vec::new(), false);
        for list in lists {
            any = true;
            let items = list.get("items").into_iter();
            let first = list.get("prefixItems").and_then(Value::as_array);
            for schema in items.chain(first.into_iter().flatten()) {
                found.push(spread(self.root, schema, &mut looks));
            }
        }
        (any || self.branches.is_empty()).then_some(Self {
            root: self.root,
            branches: together(found),
        })
    }

    /// The kinds of values that it allows.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        if self.branches.is_empty() {
            return Kinds::ANY;
        }
        self.branches
            .iter()
            .map(|branch| kinds_of(branch))
            .fold(Kinds::NONE, Kinds::or)
    }

    /// Whether what this place gives can stand where the other one takes it.
    ///
    /// # Errors
    /// Why it never can, or why nobody can say.
    pub fn fits(&self, taken: &Place<'_>) -> Result<(), Misfit> {
        self.fits_at(taken, "", DEPTH)
    }

    fn fits_at(&self, taken: &Place<'_>, at: &str, depth: usize) -> Result<(), Misfit> {
        let (gives, takes) = (self.kinds(), taken.kinds());
        if takes.is_any() || depth == 0 {
            return Ok(());
        }
        if gives.is_any() {
            return Err(Misfit::Untold { takes });
        }
        let both = gives.without_null().and(takes.without_null());
        // What is nothing but null fits where null does.
        let nulls = gives.without_null().is_none() && !gives.and(takes).is_none();
        if both.is_none() && !nulls {
            let at = at.to_owned();
            return Err(Misfit::Kind { gives, takes, at });
        }
        // Inside, one kind alone is compared: of several nobody knows which it will be.
        if both == Kinds::ARRAY
            && let (Some(given), Some(taken)) = (self.element(), taken.element())
            && !given.kinds().is_any()
        {
            return given.fits_at(&taken, &format!("{at}/0"), depth - 1);
        }
        if both == Kinds::OBJECT
            && let ([_], [wanted]) = (self.branches.as_slice(), taken.branches.as_slice())
        {
            let required = wanted.get("required").and_then(Value::as_array);
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                let pointer = format!("/{}", step(name));
                let at = format!("{at}{pointer}");
                let Ok(wanted) = taken.at(&pointer) else {
                    continue;
                };
                match self.at(&pointer) {
                    Ok(given) if given.kinds().is_any() => {}
                    Ok(given) => given.fits_at(&wanted, &at, depth - 1)?,
                    Err(Astray::Untold) => {}
                    Err(_) => return Err(Misfit::Lacks { at }),
                }
            }
        }
        Ok(())
    }
}

fn is_digits(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a schema says of a field.
enum Field<'a> {
    Is(&'a Value),
    /// It may be there, and nothing more is said.
    May,
    None,
}

fn field<'a>(schema: &'a Map<String, Value>, name: &str) -> Field<'a> {
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
        return Field::Is(schema);
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => Field::None,
        Some(Value::Bool(true)) => Field::May,
        Some(schema) => Field::Is(schema),
        None if schema.contains_key("patternProperties") => Field::May,
        // A tool that names its fields and leaves this word out means those it names.
        None if properties.is_some_and(|properties| !properties.is_empty()) => Field::None,
        None => Field::May,
    }
}

fn names(schema: &Map<String, Value>) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(Map::keys);
    names
        .take(NAMED + 1)
        .map(|name| name.chars().take(80).collect())
        .collect()
}

fn item<'a>(schema: &'a Map<String, Value>, index: &str) -> Option<&'a Value> {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    let place = index.parse::<usize>().ok();
    first
        .and_then(|first| first.get(place?))
        .or_else(|| schema.get("items"))
}

/// The kinds that one schema allows, its alternatives aside.
fn kinds_of(schema: &Value) -> Kinds {
    let Some(fields) = schema.as_object() else {
        return if schema == &Value::Bool(false) {
            Kinds::NONE
        } else {
            Kinds::ANY
        };
    };
    let values = |key: &str| fields.get(key).and_then(Value::as_array);
    match fields.get("type") {
        Some(Value::String(kind)) => return Kinds::named(kind),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str).map(Kinds::named);
            return kinds.fold(Kinds::NONE, Kinds::or);
        }
        _ => {}
    }
    if let Some(value) = fields.get("const") {
        return Kinds::of(value);
    }
    if let Some(values) = values("enum") {
        return values.iter().map(Kinds::of).fold(Kinds::NONE, Kinds::or);
    }
    // Words that are about one kind of value alone, from whoever leaves the type out.
    if fields.contains_key("properties") {
        Kinds::OBJECT
    } else if fields.contains_key("items") || fields.contains_key("prefixItems") {
        Kinds::ARRAY
    } else {
        Kinds::ANY
    }
}

/// A schema as the alternatives that it leaves open, each with its references followed. Empty where it says nothing.
fn spread<'a>(root: &'a Value, schema: &'a Value, looks: &mut usize) -> Vec<&'a Value> {
    let mut branches = Vec::new();
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        let Some(rest) = looks.checked_sub(1) else {
            // What is too large to be looked through says nothing that could be relied on.
            return Vec::new();
        };
        *looks = rest;
        let Some(schema) = followed(root, schema) else {
            return Vec::new();
        };
        let lists = ["anyOf", "oneOf", "allOf"].map(|word| schema.get(word));
        let mut inner: Vec<&Value> = lists
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
            .collect();
        if inner.is_empty() || !kinds_of(schema).is_any() {
            branches.push(schema);
        }
        inner.reverse();
        left.extend(inner);
    }
    // One alternative that may be anything makes the whole of it anything.
    if branches.iter().any(|branch| kinds_of(branch).is_any()) {
        return Vec::new();
    }
    branches
}

/// What several places say together. One that says nothing leaves everything open.
fn together(places: Vec<Vec<&Value>>) -> Vec<&Value> {
    if places.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    places.into_iter().flatten().collect()
}

/// The schema that a local `$ref` means; none of one that leads nowhere or in a circle.
fn followed<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..HOPS {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else {
            return Some(schema);
        };
        schema = root.pointer(target.strip_prefix('#')?)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn library() -> Value {
        json!({
            "type": "object",
            "properties": {
                "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "type": "array"},
                "open": {"type": "object"},
                "map": {"type": "object", "additionalProperties": {"type": "number"}},
                "loose": {},
                "loop": {"$ref": "#/properties/loop"},
                "either": {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}},
                                     {"type": "object", "properties": {"b": {"type": "boolean"}}}]},
                "a/b": {"const": 3},
                "level": {"enum": ["low", "high"]}
            },
            "$defs": {"row": {"type": "object", "properties": {"price": {"type": "number"}, "next": {"$ref": "#/$defs/row"}}}}
        })
    }

    #[test]
    fn a_pointer_leads_to_what_the_schema_says_there_or_is_refused() {
        let schema = library();
        let place = Place::of(&schema);
        let cases = [
            ("", Ok("object")),
            ("/rows", Ok("array")),
            ("/rows/3/price", Ok("number")),
            ("/rows/0/next/next/price", Ok("number")),
            ("/note", Ok("null or string")),
            ("/pair/1", Ok("integer")),
            ("/map/anything", Ok("number")),
            ("/either/b", Ok("boolean")),
            ("/a~1b", Ok("integer")),
            ("/level", Ok("string")),
            ("/loose", Ok("anything")),
            ("/loop", Ok("anything")),
            (
                "/rows/price",
                Err("a list has no place \"price\", but 0, 1, 2 ..."),
            ),
            (
                "/rows/01",
                Err("a list has no place \"01\", but 0, 1, 2 ..."),
            ),
            ("/rows/-", Err("a list has no place \"-\", but 0, 1, 2 ...")),
            (
                "/rows/0/prise",
                Err("there is no field \"prise\", known are price, next"),
            ),
            ("/level/0", Err("\"0\" would lie inside string")),
            ("/open/x", Err("its tool does not say what lies there")),
            ("/loose/x", Err("its tool does not say what lies there")),
            ("/loop/x", Err("its tool does not say what lies there")),
            (
                "rows",
                Err("a JSON pointer is empty or begins with a slash"),
            ),
        ];
        for (pointer, expected) in cases {
            let found = place.at(pointer).map(|place| place.kinds().to_string());
            let found = found.map_err(|astray| astray.to_string());
            assert_eq!(
                found.as_ref().map(String::as_str).map_err(String::as_str),
                expected,
                "{pointer}"
            );
        }
        let element = place.at("/rows").unwrap().element().unwrap();
        assert_eq!(element.at("/price").unwrap().kinds().to_string(), "number");
        assert!(place.at("/level").unwrap().element().is_none());
    }

    #[test]
    fn what_is_given_fits_what_is_taken_or_the_difference_is_told() {
        let (string, integer) = (json!({"type": "string"}), json!({"type": "integer"}));
        let number = json!({"type": "number"});
        let list = |of: &Value| json!({"type": "array", "items": of});
        let record = |fields: Value, required: Value| json!({"type": "object", "properties": fields, "required": required});
        let cases = [
            (string.clone(), string.clone(), None),
            (integer.clone(), number.clone(), None),
            // It may be whole, and whether it is the call shows.
            (number.clone(), integer.clone(), None),
            (json!({"type": ["string", "null"]}), string.clone(), None),
            (json!({}), json!({}), None),
            (string.clone(), json!(true), None),
            (
                string.clone(),
                integer.clone(),
                Some("that is string, and integer is wanted"),
            ),
            (
                json!({}),
                string.clone(),
                Some("its tool does not say what that is, and string is wanted"),
            ),
            (list(&integer), list(&number), None),
            (list(&json!({})), list(&number), None),
            (
                list(&string),
                list(&number),
                Some("at /0 that is string, and number is wanted"),
            ),
            (
                record(json!({"a": {"type": "string"}}), json!([])),
                record(json!({"a": {"type": "string"}}), json!(["a"])),
                None,
            ),
            (
                record(json!({"b": {"type": "string"}}), json!([])),
                record(json!({"a": {"type": "string"}}), json!(["a"])),
                Some("that has no /a, which is wanted"),
            ),
            (
                record(json!({"a": {"type": "boolean"}}), json!([])),
                record(json!({"a": {"type": "string"}}), json!(["a"])),
                Some("at /a that is boolean, and string is wanted"),
            ),
            (
                json!({"type": "null"}),
                string.clone(),
                Some("that is null, and string is wanted"),
            ),
        ];
        for (given, taken, expected) in cases {
            let said = Place::of(&given).fits(&Place::of(&taken));
            let said = said.err().map(|misfit| misfit.to_string());
            assert_eq!(said.as_deref(), expected, "{given} for {taken}");
        }
    }

    #[test]
    fn a_hostile_schema_ends_the_walk_and_says_nothing() {
        let wide = json!({"anyOf": vec![json!({"type": "string"}); 100_000]});
        assert!(Place::of(&wide).kinds().is_any());
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"anyOf": [deep.clone(), {"type": "null"}]});
        }
        assert_eq!(Place::of(&deep).kinds().to_string(), "null or string");
        let mut doubling = json!({"type": "string"});
        for _ in 0..20 {
            doubling = json!({"anyOf": [doubling.clone(), doubling.clone()]});
        }
        assert!(Place::of(&doubling).kinds().is_any());
        for circle in [
            json!({"$ref": "#"}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            json!({"$ref": "https://example.org/schema"}),
            json!({"anyOf": [{"$ref": "#"}]}),
            json!("no schema"),
        ] {
            assert!(Place::of(&circle).kinds().is_any(), "{circle}");
        }
    }
}
