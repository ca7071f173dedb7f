//! A charter's file read into a [`Charter`].

use serde_json::Value;

use super::fields::{Fields, shown, what};
use super::front_matter::{self, FrontMatterError};
use super::{CHARTER_BYTES, Charter, CharterBudget, Privacy, RestartRule};

/// Every key of the front matter.
const KEYS: &[&str] = &[
    "name",
    "description",
    "role",
    "tools",
    "model",
    "domains",
    "input",
    "output",
    "budget",
    "restart",
    "durable",
    "delegates",
    "criteria",
    "privacy",
];
/// Every key of a budget.
const BUDGET_KEYS: &[&str] = &["tokens", "money", "time", "turns"];
/// Bytes of a name: the longest type of an identity.
pub(super) const NAME_BYTES: usize = 32;
/// Bytes of a description: what a card holds.
pub(super) const DESCRIPTION_BYTES: usize = 1_024;
/// Names in a list.
const NAMES: usize = 32;
/// Bytes of a schema, written as JSON.
const SCHEMA_BYTES: usize = 32 << 10;
/// Most money, in whole units.
const MONEY_MAX: f64 = 1e6;

/// Why a text is no charter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CharterError {
    /// It is larger than a charter may be.
    #[error(
        "the charter has {asked} bytes, {allowed} are allowed; keep what is long in a file that the agent reads"
    )]
    TooLarge {
        /// Its size.
        asked: usize,
        /// The largest there may be.
        allowed: usize,
    },
    /// Its front matter cannot be read.
    #[error(
        "the front matter cannot be read: {why}; write `key: value` lines between two lines of three hyphens"
    )]
    FrontMatter {
        /// What is wrong.
        why: String,
    },
    /// A key that nobody knows, most likely misspelt.
    #[error("no charter has a key `{key}`; nearest is `{nearest}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known one most like it.
        nearest: String,
    },
    /// A key that must be there is not.
    #[error(
        "the charter has no `{key}`; every charter needs a name, a description and instructions below its front matter"
    )]
    Missing {
        /// The key, or `instructions` for the body.
        key: &'static str,
    },
    /// A key's value cannot be meant so.
    #[error("`{key}` cannot be used: {why}")]
    Wrong {
        /// The key.
        key: String,
        /// Why not, and what is expected.
        why: String,
    },
}

impl From<FrontMatterError> for CharterError {
    fn from(error: FrontMatterError) -> Self {
        Self::FrontMatter {
            why: error.to_string(),
        }
    }
}

impl Charter {
    /// Reads a charter's file.
    ///
    /// # Errors
    /// The first thing that is wrong with it, by the name of its key.
    pub fn parse(file: &str) -> Result<Self, CharterError> {
        if file.len() > CHARTER_BYTES {
            return Err(CharterError::TooLarge {
                asked: file.len(),
                allowed: CHARTER_BYTES,
            });
        }
        let (matter, body) = front_matter::split(file)?;
        let mut fields = Fields::new("", front_matter::read(matter)?, KEYS)?;
        let name = fields
            .text("name", NAME_BYTES)?
            .ok_or(CharterError::Missing { key: "name" })?;
        if let Err(why) = check_name(&name) {
            return Err(fields.wrong("name", why));
        }
        let role = match fields.text("role", 64)? {
            None => format!("macro.{name}"),
            Some(role) => checked_role(&fields, role)?,
        };
        let delegates = fields.names("delegates", NAMES)?;
        if let Some(Err(why)) = delegates
            .iter()
            .map(|name| check_name(name))
            .find(Result::is_err)
        {
            return Err(fields.wrong("delegates", why));
        }
        if delegates.contains(&name) {
            return Err(fields.wrong("delegates", "an agent cannot hand work to itself"));
        }
        let charter = Self {
            description: fields
                .text("description", DESCRIPTION_BYTES)?
                .ok_or(CharterError::Missing { key: "description" })?,
            role,
            tools: fields.names("tools", 2 * NAMES)?,
            model: fields
                .text("model", 128)?
                .filter(|model| model != "inherit"),
            domains: fields.names("domains", NAMES)?,
            input: schema(&mut fields, "input")?,
            output: schema(&mut fields, "output")?,
            budget: budget(&mut fields)?,
            restart: restart(&mut fields)?,
            durable: durable(&mut fields)?,
            delegates,
            criteria: criteria(&mut fields)?,
            privacy: privacy(&mut fields)?,
            instructions: body.to_owned(),
            name,
        };
        if charter.instructions.is_empty() {
            return Err(CharterError::Missing {
                key: "instructions",
            });
        }
        Ok(charter)
    }
}

/// Whether a name can be that of a charter and the type of an identity.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |(at, c): (usize, char)| {
        c.is_ascii_lowercase() || (at > 0 && (c.is_ascii_digit() || matches!(c, '-' | '_')))
    };
    if name.is_empty() || name.len() > NAME_BYTES || !name.chars().enumerate().all(fits) {
        return Err(format!(
            "{:?} is no name; write a lower-case letter, then lower-case letters, digits, - and _, {NAME_BYTES} bytes at most",
            super::fields::short(name)
        ));
    }
    // It would read as the border between a server and its tool.
    if name.contains("__") {
        return Err(format!(
            "{name:?} has two underscores beside each other; write one"
        ));
    }
    Ok(())
}

fn checked_role(fields: &Fields, role: String) -> Result<String, CharterError> {
    match role.strip_prefix("macro.").map(check_name) {
        Some(Ok(())) => Ok(role),
        Some(Err(why)) => Err(fields.wrong("role", why)),
        None => Err(fields.wrong(
            "role",
            format!("{role:?} is not of the macro tier, where agents think; write macro.NAME"),
        )),
    }
}

/// A JSON schema: an object, or `true` for anything.
fn schema(fields: &mut Fields, key: &str) -> Result<Option<Value>, CharterError> {
    let Some(value) = fields.take(key) else {
        return Ok(None);
    };
    if !value.is_object() {
        let what = what(&value);
        return Err(fields.wrong(
            key,
            format!("it is {what}, expected a JSON schema such as {{type: object}}"),
        ));
    }
    let asked = value.to_string().len();
    if asked > SCHEMA_BYTES {
        return Err(fields.wrong(
            key,
            format!("it has {asked} bytes, {SCHEMA_BYTES} are allowed"),
        ));
    }
    Ok(Some(value))
}

fn budget(fields: &mut Fields) -> Result<CharterBudget, CharterError> {
    let usual = CharterBudget::default();
    let written = match fields.take("budget") {
        None => return Ok(usual),
        Some(Value::Object(written)) => written,
        Some(other) => {
            let what = what(&other);
            return Err(fields.wrong(
                "budget",
                format!("it is {what}, expected keys such as tokens"),
            ));
        }
    };
    let mut fields = Fields::new("budget.", written, BUDGET_KEYS)?;
    let tokens = fields.whole("tokens", 1, CharterBudget::TOKENS_MAX)?;
    let turns = fields.whole("turns", 1, CharterBudget::TURNS_MAX.into())?;
    Ok(CharterBudget {
        tokens: tokens.unwrap_or(usual.tokens),
        money_micros: money(&mut fields)?,
        time_ms: time(&mut fields)?.unwrap_or(usual.time_ms),
        // Bounded just now by what fits.
        turns: turns.map_or(usual.turns, |turns| turns as u32),
    })
}

fn money(fields: &mut Fields) -> Result<Option<u64>, CharterError> {
    let Some(value) = fields.take("money") else {
        return Ok(None);
    };
    match value
        .as_f64()
        .filter(|money| (0.0..=MONEY_MAX).contains(money))
    {
        Some(money) => Ok(Some((money * 1e6).round() as u64)),
        None => Err(fields.wrong(
            "money",
            format!(
                "it is {}, expected an amount from 0 to {MONEY_MAX}",
                shown(&value)
            ),
        )),
    }
}

/// A time: a number of seconds, or a number with its unit such as `90s` or `5m`.
fn time(fields: &mut Fields) -> Result<Option<u64>, CharterError> {
    let Some(value) = fields.take("time") else {
        return Ok(None);
    };
    let ms = match &value {
        Value::Number(seconds) => seconds.as_f64().map(|seconds| seconds * 1e3),
        Value::String(text) => with_unit(text),
        _ => None,
    };
    match ms.filter(|ms| (1.0..=CharterBudget::TIME_MS_MAX as f64).contains(ms)) {
        Some(ms) => Ok(Some(ms.round() as u64)),
        None => Err(fields.wrong(
            "time",
            format!(
                "it is {}, expected a time up to a day such as 90s, 5m or 1h",
                shown(&value)
            ),
        )),
    }
}

fn with_unit(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let ms = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3_600e3,
        _ => return None,
    };
    number.trim().parse::<f64>().ok().map(|number| number * ms)
}

fn restart(fields: &mut Fields) -> Result<RestartRule, CharterError> {
    match fields.text("restart", 64)?.as_deref() {
        None => Ok(RestartRule::default()),
        Some("permanent") => Ok(RestartRule::Permanent),
        Some("transient") => Ok(RestartRule::Transient),
        Some("temporary") => Ok(RestartRule::Temporary),
        Some(other) => Err(fields.wrong(
            "restart",
            format!("{other:?} is none of permanent, transient, temporary"),
        )),
    }
}

fn durable(fields: &mut Fields) -> Result<bool, CharterError> {
    match fields.take("durable") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(durable)) => Ok(durable),
        Some(other) => Err(fields.wrong(
            "durable",
            format!("it is {}, expected true or false", what(&other)),
        )),
    }
}

/// The name of a file of criteria, and no way to another.
fn criteria(fields: &mut Fields) -> Result<Option<String>, CharterError> {
    let Some(name) = fields.text("criteria", 64)? else {
        return Ok(None);
    };
    match check_name(&name) {
        Ok(()) => Ok(Some(name)),
        Err(why) => Err(fields.wrong("criteria", why)),
    }
}

fn privacy(fields: &mut Fields) -> Result<Privacy, CharterError> {
    match fields.text("privacy", 64)?.as_deref() {
        None | Some("any") => Ok(Privacy::Any),
        Some("local") => Ok(Privacy::Local),
        Some(other) => Err(fields.wrong("privacy", format!("{other:?} is none of any, local"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE: &str = "---\nname: clerk\ndescription: Adds up what it is given.\nrole: macro.counter\ntools: sum, read_it\nmodel: inherit\n\
domains: [sums]\ninput: {type: object, properties: {of: {type: array}}}\noutput: {type: number}\n\
budget: {tokens: 5000, money: 0.25, time: 90s, turns: 6}\nrestart: transient\ndurable: true\ndelegates: [checker]\ncriteria: plain\nprivacy: local\n---\n\nAdd it up.\n";

    #[test]
    fn every_key_is_read() {
        let charter = Charter::parse(WHOLE).unwrap();
        let expected = Charter {
            name: "clerk".into(),
            description: "Adds up what it is given.".into(),
            role: "macro.counter".into(),
            tools: vec!["sum".into(), "read_it".into()],
            model: None,
            domains: vec!["sums".into()],
            input: Some(json!({"type": "object", "properties": {"of": {"type": "array"}}})),
            output: Some(json!({"type": "number"})),
            budget: CharterBudget {
                tokens: 5_000,
                money_micros: Some(250_000),
                time_ms: 90_000,
                turns: 6,
            },
            restart: RestartRule::Transient,
            durable: true,
            delegates: vec!["checker".into()],
            criteria: Some("plain".into()),
            privacy: Privacy::Local,
            instructions: "Add it up.".into(),
        };
        assert_eq!(charter, expected);
        assert_eq!(charter.tool_name(), "agent__clerk");
        assert_eq!(charter.skills().collect::<Vec<_>>(), ["clerk", "sums"]);
        let told = serde_json::to_value(&charter).unwrap();
        assert_eq!(serde_json::from_value::<Charter>(told).unwrap(), charter);
    }

    #[test]
    fn three_lines_are_a_charter_that_is_granted_nothing() {
        let charter = Charter::parse("---\nname: poet\ndescription: Writes.\n---\nRhyme.").unwrap();
        assert_eq!(charter.role, "macro.poet");
        assert!(charter.tools.is_empty() && charter.delegates.is_empty());
        assert_eq!(charter.budget, CharterBudget::default());
        assert_eq!(
            (charter.restart, charter.durable, charter.privacy),
            (RestartRule::Permanent, false, Privacy::Any)
        );
    }

    /// Rows: what is put into the front matter, and a part of the sentence that follows.
    #[test]
    fn a_mistake_is_named_by_its_key() {
        let rows = [
            (
                "tool: sum",
                "no charter has a key `tool`; nearest is `tools`",
            ),
            ("Model: x", "nearest is `model`"),
            ("maxTurns: 3", "no charter has a key `maxTurns`"),
            (
                "budget: {token: 5}",
                "`budget.token`; nearest is `budget.tokens`",
            ),
            ("budget: 5", "`budget` cannot be used: it is a number"),
            (
                "budget: {tokens: 0}",
                "`budget.tokens` cannot be used: it is 0, expected a whole number from 1",
            ),
            ("budget: {tokens: -5}", "it is -5"),
            ("budget: {turns: 501}", "from 1 to 500"),
            ("budget: {money: -1}", "`budget.money`"),
            ("budget: {money: lots}", "it is \"lots\""),
            ("budget: {time: 2d}", "such as 90s, 5m or 1h"),
            ("budget: {time: 1e300}", "`budget.time`"),
            ("budget: {time: 25h}", "up to a day"),
            ("restart: always", "none of permanent, transient, temporary"),
            ("durable: often", "`durable` cannot be used: it is text"),
            ("privacy: secret", "none of any, local"),
            ("role: meso.clerk", "not of the macro tier"),
            ("role: macro.Clerk", "is no name"),
            (
                "tools: {sum: true}",
                "`tools` cannot be used: it is a mapping",
            ),
            ("tools: [sum, sum]", "stands there twice"),
            ("tools: [1, 2]", "expected a list of names"),
            ("delegates: [poet]", "hand work to itself"),
            ("delegates: [Other]", "is no name"),
            (
                "input: text",
                "`input` cannot be used: it is text, expected a JSON schema",
            ),
            ("name: again", "front matter cannot be read"),
            ("domains: &a [x]", "front matter cannot be read"),
        ];
        for (line, said) in rows {
            let file = format!("---\nname: poet\ndescription: Writes.\n{line}\n---\nRhyme.\n");
            let error = Charter::parse(&file).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
        for (file, said) in [
            ("---\ndescription: x\n---\nb", "no `name`"),
            ("---\nname: a\n---\nb", "no `description`"),
            (
                "---\nname: a\ndescription: x\n---\n \n",
                "no `instructions`",
            ),
            ("---\nname: A b\ndescription: x\n---\nb", "is no name"),
            ("---\nname: a__b\ndescription: x\n---\nb", "write one"),
            ("name: a", "three hyphens"),
        ] {
            let error = Charter::parse(file).unwrap_err().to_string();
            assert!(error.contains(said), "{file:?}: {error}");
        }
        let huge = format!(
            "---\nname: a\ndescription: x\n---\n{}",
            "x".repeat(CHARTER_BYTES)
        );
        assert!(matches!(
            Charter::parse(&huge),
            Err(CharterError::TooLarge { .. })
        ));
    }
}
