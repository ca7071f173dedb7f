//! "by category", "per kind", "nach Art": things told apart by what they are, where no column is called so.

use aios_languages::{Ask, Hint, hints};

use super::clause::is_filler;
use super::marks::What;
use super::question::Group;
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// The only column that can be meant by a word that names none, said.
    pub(super) fn sorted(&mut self, at: usize, to: usize) -> Option<Group> {
        let sorting = |reader: &Self, at: usize| {
            reader
                .mark(at)
                .is_some_and(|mark| hints(Hint::Sorting, reader.words.text(mark.from)))
        };
        let next = (at + 1..to)
            .find(|at| sorting(self, *at) || !self.mark(*at).is_some_and(is_filler))
            .filter(|at| sorting(self, *at) && !self.is_used(*at))?;
        let mark = self.mark(next)?.clone();
        let named = match &mark.what {
            What::Ask(Ask::Filler | Ask::Distinct) | What::Unknown => false,
            What::Concept(concept) => self.schema.standing_for(*concept).iter().any(|column| {
                self.column(*column)
                    .is_some_and(|column| !column.is_measure())
            }),
            _ => true,
        };
        // "by type of tree" says which column.
        let of = hints(Hint::Of, self.words.text(mark.to));
        if named || of || mark.to > mark.from + 1 {
            return None;
        }
        let id = self.only_kind()?.id.clone();
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.take(next);
        self.assume(said);
        Some(Group::By(id))
    }

    /// The only column whose words tell things apart; units, answers and times do not.
    fn only_kind(&self) -> Option<&Column> {
        if self.schema.tables.len() > 1 {
            return None;
        }
        let only = |role: Role| {
            let mut all = self.schema.columns.iter().filter(|column| {
                let unit = self
                    .schema
                    .columns
                    .iter()
                    .any(|other| other.units.as_ref() == Some(&column.id.name));
                column.role == role
                    && column.least.is_none()
                    && column.truth.is_none()
                    && !column.clock
                    && !unit
            });
            (all.next(), all.next().is_some())
        };
        match (only(Role::Groups), only(Role::Names)) {
            ((Some(column), false), _) | ((None, _), (Some(column), false)) => Some(column),
            _ => None,
        }
    }
}
