//! When two numbers of texts say the same.

use crate::numeral::Number;
use crate::text::Text;
use crate::unit::Kind as UnitKind;

/// The minute of the day that a number may mean.
pub(crate) fn clock(text: &Text, number: &Number) -> Option<u16> {
    let digits = text.raw.get(number.start..number.end)?;
    let hours = match &number.unit {
        Some(unit) if unit.kind == UnitKind::Time && unit.factor == 3600.0 => number.value(),
        Some(_) => return None,
        None => {
            let Some((hours, minutes)) = digits.split_once('.') else {
                // "At 9".
                let before = text
                    .words
                    .iter()
                    .rev()
                    .find(|word| word.end <= number.start)?;
                let at = matches!(before.text.as_str(), "at" | "um" | "las");
                let hours: u16 = digits.parse().ok().filter(|hour| *hour < 25 && at)?;
                return Some(hours * 60);
            };
            let minutes: u16 = minutes.parse().ok().filter(|minute| *minute < 60)?;
            let pair = digits.len() - hours.len() == 3;
            let hours: u16 = hours.parse().ok().filter(|hour| *hour < 25 && pair)?;
            return Some(hours * 60 + minutes);
        }
    };
    ((0.0..25.0).contains(&hours) && hours.fract() == 0.0).then(|| hours as u16 * 60)
}

/// Whether two numbers state the same, in units that can be compared.
pub(crate) fn same(stated: &Number, own: &Number) -> bool {
    let value = match (&stated.unit, &own.unit) {
        (Some(unit), Some(source)) => {
            let exactly = source.convert(own.value(), unit);
            let roughly = || source.convert_roughly(own.value(), unit);
            match exactly.or_else(|| roughly().filter(|_| stated.rough)) {
                Some(value) => value,
                None => return false,
            }
        }
        (Some(unit), None) => {
            // "5 days" of a bare "5" in a list; money and shares are written with their signs.
            if unit.is_money() || unit.is_share() {
                return false;
            }
            own.value()
        }
        (None, Some(_)) if stated.spelled && stated.value() <= 3.0 => return false,
        (None, _) => own.value(),
    };
    // "63 litres a minute" of 3,800 an hour.
    let value = match (stated.per, own.per) {
        (Some(one), Some(other)) => value * one / other,
        _ => value,
    };
    let same_unit = stated.unit == own.unit && stated.per == own.per;
    // A source is repeated as it stands: "up to 130" is no 150.
    (same_unit
        && own
            .readings
            .iter()
            .any(|reading| stated.equals(reading.value)))
        || stated.equals(value)
}
