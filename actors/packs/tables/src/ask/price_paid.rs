//! "Total price" of rows that have a price and a count each: whether the one is for all of the other.

use aios_languages::{Hint, hints};

use super::marks::What;
use super::question::Column as Id;
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// Whether the prices of rows are added up as they stand, though each has a count beside it: a goal that names the column asks for what it
    /// holds. A heading or a goal that tells a price for one, and a list with one row for each thing, are of what one piece costs.
    pub(super) fn adds_up_as_named(&mut self, price: &Id, quantity: &Id) -> bool {
        let each = |text: &str| {
            hints(Hint::ForOne, text)
                || [
                    "unit", "piece", "item", "single", "apiece", "stuck", "einzel", "unitaire",
                    "unitario", "unidad", "unite", "piezas", "pieza",
                ]
                .contains(&text)
                || text.starts_with("stuckpreis")
                || text.starts_with("einzelpreis")
        };
        let headed = super::words::spaced(&price.name)
            .iter()
            .any(|word| each(&word.text));
        // "per service" tells groups apart, and "each" at the end what a price is for.
        let (last, all) = self
            .words
            .all
            .split_last()
            .map_or(("", &[][..]), |(last, all)| (last.text.as_str(), all));
        let said = hints(Hint::ForOne, last)
            || each(last)
            || all
                .iter()
                .any(|word| each(&word.text) && !hints(Hint::ForOne, &word.text));
        let named = self.marks.all.iter().any(|mark| {
            matches!(&mark.what, What::Column(all, _) if all
                .iter()
                .any(|at| self.column(*at).is_some_and(|column| column.id == *price)))
        });
        // A row for each thing that can be bought is no purchase.
        let bought = |column: &Column| {
            column.id.table == price.table
                && (column.role == Role::Date
                    || column.role == Role::Groups && column.distinct < column.rows)
        };
        let sums = named && !headed && !said && self.schema.columns.iter().any(bought);
        if sums {
            let told = self.speech.say(
                "not_times",
                &[("one", price.name.trim()), ("other", quantity.name.trim())],
            );
            self.assume(told);
        }
        sums
    }
}
