//! A number with what it measures, and what may be done with two of them.

use bigdecimal::num_traits::{One, Signed, Zero};

use super::number::{self, Number};
use super::units::{Dimension, Unit, called};

/// Powers of all units of a quantity together; a unit's factor has at most some sixty bits.
const POWERS: u64 = 100;

/// A number in base units, what it measures, and how it is shown.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    number: Number,
    dimension: Dimension,
    /// Units and their powers, in the order in which they came in.
    shown: Vec<(Unit, i32)>,
    kind: Kind,
    /// The significant digits that are right, where something was rounded on the way.
    pub(super) rounded: Option<u64>,
}

/// What a number is beside its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// `15%` as it stands there: a part of something.
    Percent,
    /// A temperature on a scale, not an amount of it.
    OnScale,
    /// What lies between two of those.
    Difference,
}

impl Quantity {
    pub(super) fn bare(number: Number) -> Self {
        Self {
            number,
            dimension: Dimension::new(),
            shown: Vec::new(),
            kind: Kind::Plain,
            rounded: None,
        }
    }

    /// So many of a unit.
    pub(super) fn of(number: Number, unit: Unit) -> Result<Self, String> {
        let kind = if unit.zero.is_some() {
            Kind::OnScale
        } else {
            Kind::Plain
        };
        let zero = unit.zero.clone().unwrap_or_else(Number::zero);
        Ok(Self {
            number: number::bounded(number * &unit.factor + zero)?,
            dimension: unit.dimension.clone(),
            shown: vec![(unit, 1)],
            kind,
            rounded: None,
        })
    }

    /// A part of a hundred.
    pub(super) fn percent(self) -> Result<Self, String> {
        if !self.dimension.is_empty() {
            return Err(format!("{} is no percentage", self.named()));
        }
        let number = self.number / number::whole(100);
        Ok(Self {
            number,
            kind: Kind::Percent,
            ..self
        })
    }

    /// The number in the units in which it is shown.
    pub(super) fn shown(&self) -> Number {
        match self.shown.as_slice() {
            [(unit, 1)] if self.kind == Kind::OnScale => {
                let zero = unit.zero.clone().unwrap_or_else(Number::zero);
                (&self.number - zero) / &unit.factor
            }
            units => &self.number / factor(units),
        }
    }

    /// The same with another number in the units in which it is shown.
    pub(super) fn with_shown(&self, number: Number) -> Result<Self, String> {
        let base = match self.shown.as_slice() {
            [(unit, 1)] if self.kind == Kind::OnScale => {
                number * &unit.factor + unit.zero.clone().unwrap_or_else(Number::zero)
            }
            units => number * factor(units),
        };
        Ok(Self {
            number: number::bounded(base)?,
            ..self.clone()
        })
    }

    /// The units in which it is shown, such as `km/h`; none of a bare number.
    pub(super) fn unit(&self) -> Option<String> {
        let part = |sign: i32| {
            let parts: Vec<String> = self
                .shown
                .iter()
                .filter(|(_, power)| power.signum() == sign)
                .map(|(unit, power)| match power.abs() {
                    1 => unit.symbol.clone(),
                    power => format!("{}^{power}", unit.symbol),
                })
                .collect();
            (parts.join("*"), parts.len())
        };
        match (part(1), part(-1)) {
            ((_, 0), (_, 0)) => None,
            ((above, _), (_, 0)) => Some(above),
            ((_, 0), (below, _)) => Some(format!("1/{below}")),
            ((above, _), (below, 1)) => Some(format!("{above}/{below}")),
            ((above, _), (below, _)) => Some(format!("{above}/({below})")),
        }
    }

    /// As an error names it: its unit, or that it has none.
    fn named(&self) -> String {
        self.unit().unwrap_or_else(|| "a bare number".to_owned())
    }

    /// The number of a quantity without a unit.
    pub(super) fn number(&self, what: &str) -> Result<&Number, String> {
        if self.dimension.is_empty() {
            Ok(&self.number)
        } else {
            Err(format!(
                "{what} has the unit {}, it must be a bare number",
                self.named()
            ))
        }
    }

    fn same_as(&self, other: &Self, done: &str) -> Result<(), String> {
        if self.dimension == other.dimension {
            return Ok(());
        }
        Err(format!(
            "{} and {} cannot be {done}: one is {}, the other {}",
            self.named(),
            other.named(),
            called(&self.dimension),
            called(&other.dimension)
        ))
    }

    /// Which is less.
    pub(super) fn compare(&self, other: &Self) -> Result<std::cmp::Ordering, String> {
        self.same_as(other, "compared")?;
        Ok(self.number.cmp(&other.number))
    }

    pub(super) fn add(self, other: Self) -> Result<Self, String> {
        // Of one it is the same either way.
        let of_one = self.dimension.is_empty() && self.number.is_one();
        if other.kind == Kind::Percent && self.kind != Kind::Percent && !of_one {
            return Err(
                "a percentage is added to something that is none; write 200 * (1 + 10%), or 200 + 10% of 200"
                    .to_owned(),
            );
        }
        self.same_as(&other, "added or subtracted")?;
        let kind = match (self.kind, other.kind) {
            (Kind::OnScale, Kind::OnScale) => {
                return Err(
                    "two temperatures on a scale cannot be added; write the difference in K"
                        .to_owned(),
                );
            }
            (Kind::OnScale, _) | (_, Kind::OnScale) => Kind::OnScale,
            (Kind::Percent, Kind::Percent) => Kind::Percent,
            (Kind::Difference, _) | (_, Kind::Difference) => Kind::Difference,
            _ => Kind::Plain,
        };
        let shown = if other.kind == Kind::OnScale {
            other.shown
        } else {
            self.shown
        };
        Ok(Self {
            number: number::bounded(self.number + other.number)?,
            dimension: self.dimension,
            shown,
            kind,
            rounded: fewer(self.rounded, other.rounded),
        })
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, String> {
        if self.kind == Kind::OnScale && other.kind == Kind::OnScale {
            let kelvin = super::units::find("K").ok_or("there is no kelvin")?;
            return Ok(Self {
                number: self.number - other.number,
                dimension: self.dimension,
                shown: vec![(kelvin, 1)],
                kind: Kind::Difference,
                rounded: fewer(self.rounded, other.rounded),
            });
        }
        if other.kind == Kind::OnScale {
            return Err(format!(
                "a temperature in {} cannot be taken from an amount of it",
                other.named()
            ));
        }
        let number = -other.number;
        self.add(Self { number, ..other })
    }

    pub(super) fn negate(self) -> Result<Self, String> {
        if self.kind == Kind::OnScale {
            return self.with_shown(-self.shown());
        }
        Ok(Self {
            number: -self.number,
            ..self
        })
    }

    pub(super) fn magnitude(self) -> Result<Self, String> {
        if self.shown().is_negative() {
            self.negate()
        } else {
            Ok(self)
        }
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, String> {
        self.off_scale()?;
        other.off_scale()?;
        let mut shown = self.shown;
        for (unit, power) in other.shown {
            add_power(&mut shown, unit, power);
        }
        let mut dimension = self.dimension;
        for (name, power) in other.dimension {
            *dimension.entry(name).or_default() += power;
        }
        Self {
            number: number::bounded(self.number * other.number)?,
            dimension,
            shown,
            kind: Kind::Plain,
            rounded: fewer(self.rounded, other.rounded),
        }
        .tidy()
    }

    pub(super) fn divide(self, other: Self) -> Result<Self, String> {
        other.off_scale()?;
        if other.number.is_zero() {
            return Err("it divides by zero".to_owned());
        }
        let inverse = Self {
            number: other.number.recip(),
            dimension: other
                .dimension
                .into_iter()
                .map(|(name, power)| (name, -power))
                .collect(),
            shown: other
                .shown
                .into_iter()
                .map(|(unit, power)| (unit, -power))
                .collect(),
            ..other
        };
        self.multiply(inverse)
    }

    pub(super) fn power(self, exponent: &Self) -> Result<Self, String> {
        self.off_scale()?;
        let rounded = fewer(self.rounded, exponent.rounded);
        let exponent = exponent.number("the power")?;
        let number = number::power(&self.number, exponent)?;
        let times = if self.shown.is_empty() {
            1
        } else {
            i32::try_from(exponent.to_integer()).map_err(|_| "the power is too large".to_owned())?
        };
        let raised = |power: i32| power.checked_mul(times).ok_or("the power is too large");
        let mut dimension = Dimension::new();
        for (name, power) in self.dimension {
            dimension.insert(name, raised(power)?);
        }
        let mut shown = Vec::new();
        for (unit, power) in self.shown {
            shown.push((unit, raised(power)?));
        }
        Self {
            number,
            dimension,
            shown,
            kind: Kind::Plain,
            rounded,
        }
        .tidy()
    }

    pub(super) fn square_root(self, digits: u64) -> Result<Self, String> {
        self.off_scale()?;
        let odd = self.dimension.values().any(|power| power % 2 != 0);
        if odd {
            return Err(format!("{} has no square root", called(&self.dimension)));
        }
        let (whole, exact) = number::square_root(&self.number, digits)?;
        let root = Self {
            number: whole,
            dimension: self
                .dimension
                .iter()
                .map(|(name, power)| (*name, power / 2))
                .collect(),
            shown: Vec::new(),
            kind: Kind::Plain,
            rounded: fewer(self.rounded, (!exact).then_some(digits)),
        };
        let halved = self.shown.iter().all(|(_, power)| power % 2 == 0);
        let shown = if halved {
            self.shown
                .into_iter()
                .map(|(unit, power)| (unit, power / 2))
                .collect()
        } else {
            base_units(&root.dimension)
        };
        Self { shown, ..root }.tidy()
    }

    /// The same in other units.
    pub(super) fn convert(self, to: Vec<(Unit, i32)>) -> Result<Self, String> {
        within_powers(&to)?;
        let mut dimension = Dimension::new();
        for (unit, power) in &to {
            for (name, of_unit) in &unit.dimension {
                *dimension.entry(name).or_default() += of_unit * power;
            }
        }
        dimension.retain(|_, power| *power != 0);
        let target = Self {
            number: Number::zero(),
            dimension,
            shown: to,
            kind: Kind::Plain,
            rounded: None,
        };
        self.same_as(&target, "converted")?;
        let on_scale = matches!(target.shown.as_slice(), [(unit, 1)] if unit.zero.is_some());
        let elsewhere = target.shown.iter().any(|(unit, _)| unit.zero.is_some());
        let kind = match self.kind {
            _ if elsewhere && !on_scale => {
                return Err("a temperature on a scale has no powers; write K".to_owned());
            }
            Kind::Difference if on_scale => {
                return Err(format!(
                    "this is a difference of {} K, not a temperature on the scale of {}",
                    number::write(&self.number, 10).0,
                    target.named()
                ));
            }
            Kind::Difference => Kind::Difference,
            _ if on_scale => Kind::OnScale,
            _ => Kind::Plain,
        };
        Ok(Self {
            shown: target.shown,
            kind,
            ..self
        })
    }

    fn off_scale(&self) -> Result<(), String> {
        if self.kind == Kind::OnScale {
            return Err(format!(
                "a temperature in {} can be compared and differences taken, not multiplied; convert it to K first",
                self.named()
            ));
        }
        Ok(())
    }

    /// Without units that came to nothing: kilometres by metres are a bare number.
    fn tidy(mut self) -> Result<Self, String> {
        self.dimension.retain(|_, power| *power != 0);
        self.shown.retain(|(_, power)| *power != 0);
        if self.dimension.is_empty() {
            self.shown.clear();
        }
        within_powers(&self.shown)?;
        Ok(self)
    }

    /// The mean of several, temperatures on a scale included.
    pub(super) fn mean(all: Vec<Self>) -> Result<Self, String> {
        let count = number::whole(i64::try_from(all.len()).unwrap_or(i64::MAX));
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Err("there is nothing to take the mean of".to_owned());
        };
        let mut sum = first.number.clone();
        let mut rounded = first.rounded;
        for other in all {
            first.same_as(&other, "added or subtracted")?;
            sum = number::bounded(sum + other.number)?;
            rounded = fewer(rounded, other.rounded);
        }
        Ok(Self {
            number: number::bounded(sum / count)?,
            rounded,
            ..first
        })
    }
}

/// Whether the units can be multiplied out: their powers are few.
fn within_powers(units: &[(Unit, i32)]) -> Result<(), String> {
    let powers = units
        .iter()
        .map(|(_, power)| u64::from(power.unsigned_abs()));
    let sum = powers.fold(0_u64, u64::saturating_add);
    if sum > POWERS {
        return Err(format!(
            "its units have powers of {sum} in all, allowed are {POWERS}"
        ));
    }
    Ok(())
}

/// The digits that are right of something made of two.
pub(super) fn fewer(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn factor(units: &[(Unit, i32)]) -> Number {
    units
        .iter()
        .fold(number::whole(1), |product, (unit, power)| {
            product * unit.factor.pow(*power)
        })
}

fn add_power(shown: &mut Vec<(Unit, i32)>, unit: Unit, power: i32) {
    match shown
        .iter_mut()
        .find(|(known, _)| known.symbol == unit.symbol)
    {
        Some((_, known)) => *known += power,
        None => shown.push((unit, power)),
    }
}

fn base_units(dimension: &Dimension) -> Vec<(Unit, i32)> {
    let base = [
        ("length", "m"),
        ("mass", "kg"),
        ("time", "s"),
        ("temperature", "K"),
        ("data", "bit"),
        ("current", "A"),
        ("angle", "deg"),
        ("amount", "mol"),
    ];
    dimension
        .iter()
        .filter_map(|(name, power)| {
            let symbol = base
                .iter()
                .find(|(known, _)| known == name)
                .map_or(*name, |(_, symbol)| *symbol);
            Some((super::units::find(symbol)?, *power))
        })
        .collect()
}
