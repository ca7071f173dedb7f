//! An expression's value, worked out while it is read.
//!
//! From the loosest to the tightest: a conversion (`in`, `to`), sums, products and `of`, signs, powers, a percent sign or a unit behind a
//! number.

use std::collections::BTreeMap;

use super::function;
use super::number::{self, Number};
use super::quantity::Quantity;
use super::token::{Token, tokens};
use super::units::{self, Unit};

/// Brackets, signs and powers within each other.
const DEPTH: usize = 64;
/// The largest power of a unit.
const UNIT_POWER: i64 = 100;
/// A hundred decimals; whatever is made of them is rounded.
const PI: &str = "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679";

/// The value of `text`, in which `names` stand for values.
///
/// # Errors
/// What cannot be read or worked out.
pub(super) fn evaluate(
    text: &str,
    names: &BTreeMap<String, Quantity>,
    digits: u64,
) -> Result<Quantity, String> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut reader = Reader {
        tokens,
        at: 0,
        depth: 0,
        names,
        digits,
    };
    let value = reader.conversion()?;
    match reader.peek() {
        None => Ok(value),
        Some(Token::Close) => Err("a bracket is closed that was not opened".to_owned()),
        Some(Token::Comma) => {
            Err("a comma separates arguments of a function; write 1000.5 for a number".to_owned())
        }
        Some(_) => Err(format!("after {} an operator is missing", reader.before())),
    }
}

struct Reader<'n> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    names: &'n BTreeMap<String, Quantity>,
    digits: u64,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn ahead(&self, places: usize) -> Option<&Token> {
        self.tokens.get(self.at + places)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is = self.peek() == Some(token);
        self.at += usize::from(is);
        is
    }

    fn before(&self) -> String {
        match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            Some(Token::Word(word)) => format!("{word:?}"),
            Some(Token::Number(number)) => number::write(number, 20).0,
            _ => "the last part".to_owned(),
        }
    }

    /// Goes one level down, no deeper than what the stack holds.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth == DEPTH {
            return Err(format!("it is more than {DEPTH} levels deep"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn conversion(&mut self) -> Result<Quantity, String> {
        let mut value = self.sum()?;
        while let Some(Token::Word(word)) = self.peek()
            && is_conversion(word)
        {
            self.at += 1;
            let units = self.units()?;
            value = value.convert(units)?;
        }
        Ok(value)
    }

    fn sum(&mut self) -> Result<Quantity, String> {
        let mut value = self.product()?;
        loop {
            if self.takes(&Token::Plus) {
                value = value.add(self.product()?)?;
            } else if self.takes(&Token::Minus) {
                value = value.subtract(self.product()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<Quantity, String> {
        let mut value = self.signed()?;
        loop {
            let of = matches!(self.peek(), Some(Token::Word(word)) if word == "of");
            if of || self.peek() == Some(&Token::Times) {
                self.at += 1;
                value = value.multiply(self.signed()?)?;
            } else if self.takes(&Token::Over) {
                value = value.divide(self.signed()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Result<Quantity, String> {
        if self.takes(&Token::Minus) {
            return self.deeper(|reader| reader.signed()?.negate());
        }
        if self.takes(&Token::Plus) {
            return self.deeper(Self::signed);
        }
        self.power()
    }

    fn power(&mut self) -> Result<Quantity, String> {
        let base = self.single()?;
        if self.takes(&Token::Power) {
            // From the right, and a sign may stand in it: 2^-1.
            let exponent = self.deeper(Self::signed)?;
            return base.power(&exponent);
        }
        Ok(base)
    }

    /// A number with its unit, a name, a call, or something in brackets; a percent sign behind it.
    fn single(&mut self) -> Result<Quantity, String> {
        let mut value = match self.peek().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                self.literal(number)?
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                self.word(&word)?
            }
            Some(Token::Open) => {
                self.at += 1;
                let value = self.deeper(Self::conversion)?;
                self.close()?;
                value
            }
            Some(Token::Comma) => return Err("a comma stands where a value should be".to_owned()),
            Some(Token::Close) => {
                return Err("a bracket is closed where a value should be".to_owned());
            }
            Some(_) => return Err("an operator stands where a value should be".to_owned()),
            None => return Err("it ends where a value should be".to_owned()),
        };
        while self.takes(&Token::Percent) {
            if matches!(self.peek(), Some(Token::Number(_) | Token::Open)) {
                return Err("% is percent; write mod(7, 3) for what remains".to_owned());
            }
            value = value.percent()?;
        }
        Ok(value)
    }

    fn close(&mut self) -> Result<(), String> {
        if self.takes(&Token::Close) {
            return Ok(());
        }
        match self.peek() {
            None => Err("a bracket is not closed".to_owned()),
            Some(Token::Comma) => Err(
                "a comma separates arguments of a function; write 1000.5 for a number".to_owned(),
            ),
            Some(_) => Err(format!("after {} an operator is missing", self.before())),
        }
    }

    /// A number, and the unit behind it if there is one.
    fn literal(&mut self, number: Number) -> Result<Quantity, String> {
        let Some(Token::Word(word)) = self.peek() else {
            return Ok(Quantity::bare(number));
        };
        if self.names.contains_key(word) || (is_conversion(word) && !self.is_inch(word)) {
            return Ok(Quantity::bare(number));
        }
        let Some(unit) = units::find(word) else {
            return match word.as_str() {
                "of" => Ok(Quantity::bare(number)),
                word => Err(unknown(word)),
            };
        };
        self.at += 1;
        let power = self.unit_power()?;
        if power == 1 {
            return Quantity::of(number, unit);
        }
        // Two square metres: the power is the unit's.
        let powers = Quantity::bare(number::whole(power));
        Quantity::bare(number).multiply(Quantity::of(number::whole(1), unit)?.power(&powers)?)
    }

    /// `in` behind a number is an inch unless a unit to convert to follows.
    fn is_inch(&self, word: &str) -> bool {
        let follows = match self.ahead(1) {
            Some(Token::Word(next)) => !is_conversion(next) && units::find(next).is_some(),
            Some(Token::Percent) => true,
            _ => false,
        };
        word == "in" && !follows
    }

    fn word(&mut self, word: &str) -> Result<Quantity, String> {
        if self.peek() == Some(&Token::Open)
            && let Some(name) = function::canonical(word)
        {
            self.at += 1;
            let args = self.deeper(Self::arguments)?;
            return function::call(name, args, self.digits);
        }
        if let Some(value) = self.names.get(word) {
            return Ok(value.clone());
        }
        if word == "pi" || word == "\u{3c0}" {
            let mut pi = Quantity::bare(number::read(PI)?);
            pi.rounded = Some(self.digits);
            return Ok(pi);
        }
        if self.peek() == Some(&Token::Open) {
            return Err(format!(
                "there is no function {word:?}; there are {}",
                function::NAMES.join(", ")
            ));
        }
        let unit = units::find(word).ok_or_else(|| unknown(word))?;
        Quantity::of(number::whole(1), unit)
    }

    fn arguments(&mut self) -> Result<Vec<Quantity>, String> {
        let mut args = Vec::new();
        if self.takes(&Token::Close) {
            return Ok(args);
        }
        loop {
            args.push(self.conversion()?);
            if !self.takes(&Token::Comma) {
                self.close()?;
                return Ok(args);
            }
        }
    }

    /// Units to convert to: `km/h`, `m^2`, `%`.
    fn units(&mut self) -> Result<Vec<(Unit, i32)>, String> {
        let mut units: Vec<(Unit, i32)> = Vec::new();
        let mut sign = 1;
        loop {
            let name = match self.peek().cloned() {
                Some(Token::Word(word)) => word,
                Some(Token::Percent) => "%".to_owned(),
                _ => return Err("a unit is missing after the word that converts".to_owned()),
            };
            self.at += 1;
            let unit = units::find(&name).ok_or_else(|| unknown(&name))?;
            let power = self.unit_power()?;
            units.push((unit, sign * i32::try_from(power).unwrap_or(1)));
            if self.takes(&Token::Times) {
                sign = 1;
            } else if self.takes(&Token::Over) {
                sign = -1;
            } else {
                return Ok(units);
            }
        }
    }

    /// The power behind a unit; one if there is none.
    fn unit_power(&mut self) -> Result<i64, String> {
        if !self.takes(&Token::Power) {
            return Ok(1);
        }
        let sign = if self.takes(&Token::Minus) { -1 } else { 1 };
        let wrong = || format!("the power of a unit is a whole number up to {UNIT_POWER}");
        let Some(Token::Number(power)) = self.peek().cloned() else {
            return Err(wrong());
        };
        self.at += 1;
        let power = power
            .is_integer()
            .then(|| i64::try_from(power.to_integer()).ok())
            .flatten();
        let power = power
            .filter(|power| (0..=UNIT_POWER).contains(power))
            .ok_or_else(wrong)?;
        Ok(sign * power)
    }
}

fn is_conversion(word: &str) -> bool {
    matches!(word, "in" | "to" | "as")
}

fn unknown(word: &str) -> String {
    let word: String = word.chars().take(40).collect();
    match word.as_str() {
        "month" | "months" | "year" | "years" => {
            "a month or a year has no fixed length; write days or weeks".to_owned()
        }
        _ => format!(
            "{word:?} is no unit, function or value here; write a value into `values`, a unit as km, kg, h, MB, degC or EUR"
        ),
    }
}
