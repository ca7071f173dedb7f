//! "Which trainer", "per trainer": whoever or whatever is asked for has to stand in the data. Where no heading and no file is called so, an
//! answer that names something else answers another question.

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::resolve::Reader;
use super::schema::Role;

impl Reader<'_> {
    /// Says of a thing behind "which" that the data does not have it, where no column stands for it and the rows are of something else.
    pub(super) fn asked_noun_is_absent(&mut self, from: usize, to: usize) {
        for noun in from + 1..to {
            let Some(mark) = self.mark(noun).cloned() else {
                continue;
            };
            let What::Concept(concept) = mark.what else {
                continue;
            };
            let text = self.words.text(mark.from);
            let asked = self.is_ask(noun - 1, Ask::Which) && !self.is_relative(from, noun - 1)
                || self.is_chosen(noun, to);
            let told = self.is_ask(noun - 1, Ask::Per) && super::named::is_a_doer(text);
            if !(asked || told)
                || self.is_used(noun)
                || mark.to != mark.from + 1
                || self.is_weak(concept)
                    && !["event", "employee"]
                        .iter()
                        .any(|name| Self::concept(name) == concept)
                || self.is_the_file(noun)
                || !self.measured(noun).is_empty()
                || self.names_rows(concept, text)
            {
                continue;
            }
            let name = self.written(&mark);
            self.take(noun);
            self.say_absent(&name);
        }
    }

    /// Whether rows may be called so: by a column that stands for it, by what each row is called, or by one heading of its family.
    fn names_rows(&self, concept: u32, text: &str) -> bool {
        let told = |column: &super::schema::Column| {
            let words = column.words.as_slice();
            let titled = words.iter().any(|word| hints(Hint::Titling, word))
                || words
                    .last()
                    .is_some_and(|last| ["id", "nr", "no", "code", "key"].contains(&last.as_str()));
            let kin = words.iter().any(|word| super::kin::kin(text, word));
            titled || kin || column.concepts.contains(&concept)
        };
        let mut columns = self.schema.columns.iter();
        let stands = columns.any(|column| column.role != Role::Nothing && told(column));
        let person = super::named::is_a_doer(text);
        let employee = Self::concept("employee");
        let somebody =
            (person || concept == employee) && (self.doer().is_some() || self.done_by().is_some());
        // What trips and parcels have in common is that they come about: where rows have a name, it says which of these they are.
        let named = concept == Self::concept("event") && self.naming().is_some();
        let about = self.schema.about_things.contains(&concept) && !person && !named;
        stands || somebody || about
    }

    /// "the trainer with the most participants"
    fn is_chosen(&self, noun: usize, to: usize) -> bool {
        let article = self.mark(noun).is_some_and(|mark| {
            mark.from
                .checked_sub(1)
                .is_some_and(|before| hints(Hint::Article, self.words.text(before)))
        });
        let with = self
            .mark(noun + 1)
            .is_some_and(|mark| hints(Hint::Along, self.words.text(mark.from)));
        let end = self.next(noun + 2, to).and_then(|end| self.mark(end));
        article && with && end.is_some_and(super::clause::is_an_end)
    }
}
