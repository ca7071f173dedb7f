//! "the truck with the largest load": one thing of several, chosen by an end that is named behind it.

use aios_languages::{Ask, Hint, hints};

use super::marks::{Mark, What, is_an_end, is_filler};
use super::schema::Schema;
use super::words::Words;

/// Whether marks begin with a thing that is chosen so: "the truck with the largest load", "le camion ayant la plus grande charge".
pub(super) fn is_chosen_by_an_end(words: &Words, marks: &[Mark], schema: &Schema) -> bool {
    let mut rest = marks
        .iter()
        .skip_while(|mark| is_filler(mark) || mark.what == What::Ask(Ask::Only));
    let thing = rest.next();
    let is_thing = thing.is_some_and(|mark| match &mark.what {
        What::Column(all, _) => all
            .first()
            .and_then(|place| schema.columns.get(*place))
            .is_some_and(|column| !column.is_measure()),
        What::Ask(Ask::Day | Ask::Week | Ask::Month | Ask::Quarter | Ask::Year | Ask::Weekday) => {
            true
        }
        _ => false,
    });
    let Some(joined) = rest.next().filter(|_| is_thing) else {
        return false;
    };
    let text = words.text(joined.from);
    let having = [
        "having", "ayant", "that", "which", "who", "carrying", "qui", "que",
    ];
    if !hints(Hint::Along, text) && !having.contains(&text) {
        return false;
    }
    rest.find(|mark| !is_filler(mark)).is_some_and(is_an_end)
}
