//! The few statistics that SQLite lacks: `median`, `quantile`, `stddev`, `sqrt`.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use super::exact;
use super::gathered::Gathered;
use aios_tools::Reserved;

pub(crate) fn register(connection: &Connection, gathered: &Gathered) -> Result<()> {
    exact::register(connection, gathered)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("median", 1, flags, Quantile(gathered.clone()))?;
    connection.create_aggregate_function("quantile", 2, flags, Quantile(gathered.clone()))?;
    connection.create_aggregate_function("stddev", 1, flags, Deviation)?;
    connection.create_scalar_function("sqrt", 1, flags, |context| {
        Ok(number(context, 0)?
            .map(f64::sqrt)
            .filter(|root| root.is_finite()))
    })
}

/// The number in an argument; NULL is none, text is a mistake.
fn number(context: &Context<'_>, at: usize) -> Result<Option<f64>> {
    match context.get_raw(at) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number as f64)),
        ValueRef::Real(number) => Ok(Some(number)),
        ValueRef::Text(_) | ValueRef::Blob(_) => Err(Error::UserFunctionError(
            "this function takes numbers, not text".into(),
        )),
    }
}

/// The value below which a share of the numbers lies, between two neighbours in proportion; the median is the half.
struct Quantile(Gathered);

struct Numbers {
    all: Vec<f64>,
    share: f64,
    held: Reserved,
}

impl Aggregate<Numbers, Option<f64>> for Quantile {
    fn init(&self, context: &mut Context<'_>) -> Result<Numbers> {
        let share = if context.len() > 1 {
            number(context, 1)?.unwrap_or(f64::NAN)
        } else {
            0.5
        };
        if (0.0..=1.0).contains(&share) {
            Ok(Numbers {
                all: Vec::new(),
                share,
                held: self.0.room()?,
            })
        } else {
            Err(Error::UserFunctionError(
                "the share of a quantile lies between 0 and 1".into(),
            ))
        }
    }

    fn step(&self, context: &mut Context<'_>, numbers: &mut Numbers) -> Result<()> {
        if let Some(number) = number(context, 0)? {
            let pushed = numbers.held.push(&mut numbers.all, number);
            pushed.map_err(|refused| self.0.refuse(refused))?;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, numbers: Option<Numbers>) -> Result<Option<f64>> {
        // `_held` goes last: what was set aside is there as long as the numbers.
        let Some(Numbers {
            held: _held,
            all: mut numbers,
            share,
        }) = numbers
        else {
            return Ok(None);
        };
        // In place: a stable sort would take half as much again.
        numbers.sort_unstable_by(f64::total_cmp);
        let Some(last) = numbers.len().checked_sub(1) else {
            return Ok(None);
        };
        let place = share * last as f64;
        let below = numbers.get(place.floor() as usize).copied();
        let above = numbers.get(place.ceil() as usize).copied();
        Ok(below
            .zip(above)
            .map(|(below, above)| below + (above - below) * place.fract()))
    }
}

/// The standard deviation of a sample (divided by n - 1), by Welford's recurrence, which does not cancel.
struct Deviation;

#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Aggregate<Moments, Option<f64>> for Deviation {
    fn init(&self, _: &mut Context<'_>) -> Result<Moments> {
        Ok(Moments::default())
    }

    fn step(&self, context: &mut Context<'_>, moments: &mut Moments) -> Result<()> {
        if let Some(number) = number(context, 0)? {
            moments.count += 1.0;
            let off = number - moments.mean;
            moments.mean += off / moments.count;
            moments.squares += off * (number - moments.mean);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, moments: Option<Moments>) -> Result<Option<f64>> {
        let spread = moments
            .filter(|moments| moments.count > 1.0)
            .map(|moments| (moments.squares / (moments.count - 1.0)).sqrt());
        Ok(spread.filter(|spread| spread.is_finite()))
    }
}
