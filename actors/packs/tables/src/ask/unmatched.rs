//! Rows of one file that have no match in another: companies without an order, orders of an unknown customer.

use aios_languages::{Ask, all_asks};

use super::join::key_of;
use super::marks::What;
use super::question::{Column as Id, Filter, Question, Test, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role, file_words};
use super::words::spaced;

impl Reader<'_> {
    /// A question for rows of one of two files without a match in the other; none where it asks for something else.
    pub(super) fn unmatched(&mut self, from: usize, to: usize, asks: &Asks) -> Option<Question> {
        let [(first, one, _), (second, other, _)] = self.schema.tables.as_slice() else {
            return None;
        };
        let reckons = asks.any(&[
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Share,
            Ask::Growth,
            Ask::Highest,
            Ask::Lowest,
            Ask::Per,
        ]);
        let at = (from..to)
            .find(|at| self.is_ask(*at, Ask::Without) || self.is_ask(*at, Ask::Missing))?;
        if reckons {
            return None;
        }
        let tables = [
            (first.clone(), one.clone()),
            (second.clone(), other.clone()),
        ];
        let missing = self.is_ask(at, Ask::Missing);
        let sides: Vec<(usize, usize)> = (from..to)
            .filter_map(|place| Some((place, self.table_of(place, &tables)?)))
            .collect();
        let before = sides.iter().find(|(place, _)| *place < at).copied();
        let (of, others) = if missing {
            // "orders whose customer is unknown"
            let of = before?.1;
            (of, 1 - of)
        } else {
            // "companies have no order"
            let behind = sides.iter().find(|(place, _)| *place > at)?.1;
            let asked = asks.any(&[Ask::Which, Ask::Who, Ask::List, Ask::Count]);
            if before.is_some_and(|(_, table)| table == behind) || before.is_none() && !asked {
                return None;
            }
            (1 - behind, behind)
        };
        let (of, others) = (tables.get(of)?.clone(), tables.get(others)?.clone());
        let (own, foreign) = key_of(self.schema, &of.1, &others.1, false)?;
        if missing && !self.names(from, at, &own) && !self.names(from, at, &foreign) {
            return None;
        }
        let shown = self.telling_of(&of.1, from, to, &own)?;
        let said = self.speech.say(
            "unmatched_is",
            &[
                ("first", file(&of.0)),
                ("second", file(&others.0)),
                ("key", own.name.trim()),
            ],
        );
        self.assume(said);
        for place in from..to {
            let named = !matches!(
                self.mark(place).map(|mark| &mark.what),
                Some(What::Unknown | What::Number(_) | What::Period(_) | What::Value(..))
            );
            // "which companies": whoever the rows are of.
            let subject = place < at
                && before.is_none()
                && self.previous(from, place).is_some_and(|before| {
                    self.is_ask(before, Ask::Which) || self.is_ask(before, Ask::Count)
                });
            if named || subject {
                self.take(place);
            }
        }
        let filter = Filter {
            column: foreign,
            test: Test::Missing,
            not: false,
            part: false,
        };
        Some(Question {
            wanted: Wanted::Values(shown),
            filters: vec![filter],
            groups: Vec::new(),
            order: None,
            having: None,
        })
    }

    /// Which of the tables a mark speaks of: by the file's name, by a column that only one of them has, by a thing that stands for either.
    fn table_of(&self, at: usize, tables: &[(String, String); 2]) -> Option<usize> {
        let mark = self.mark(at)?;
        let only = |is: &dyn Fn(&(String, String)) -> bool| match (is(&tables[0]), is(&tables[1])) {
            (true, false) => Some(0),
            (false, true) => Some(1),
            _ => None,
        };
        let stem = super::words::canon(self.words.text(mark.from));
        let text = self.words.text(mark.from);
        let file = |table: &(String, String)| {
            file_words(&table.0)
                .iter()
                .any(|word| *word == stem || super::kin::same_root(text, word))
        };
        match &mark.what {
            What::File => only(&file),
            What::Concept(concept) => {
                let stands = |table: &(String, String)| {
                    let spoken = spaced(file_stem(&table.0));
                    let of_file = all_asks()
                        .iter()
                        .any(|asks| asks.concepts(&spoken).contains(concept));
                    let columns = self.schema.columns.iter();
                    let mut own = columns.filter(|column| column.id.table == table.1);
                    of_file || own.any(|column| column.concepts.contains(concept))
                };
                let of_file = |table: &(String, String)| {
                    let spoken = spaced(file_stem(&table.0));
                    all_asks()
                        .iter()
                        .any(|asks| asks.concepts(&spoken).contains(concept))
                };
                only(&of_file)
                    .or_else(|| only(&file))
                    .or_else(|| only(&stands))
            }
            What::Column(all, _) | What::Kin(all) => {
                let has = |table: &(String, String)| {
                    all.iter()
                        .filter_map(|at| self.column(*at))
                        .any(|column| column.id.table == table.1)
                };
                only(&file).or_else(|| only(&has))
            }
            _ => None,
        }
    }

    /// Whether a column, or what it stands for, is named.
    fn names(&self, from: usize, to: usize, id: &Id) -> bool {
        let is = |column: &Column| column.id.name == id.name;
        (from..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Column(all, _) | What::Kin(all)) => {
                all.iter().filter_map(|at| self.column(*at)).any(is)
            }
            Some(What::Concept(concept)) => {
                let all = self.schema.standing_for(*concept);
                all.iter().filter_map(|at| self.column(*at)).any(is)
            }
            _ => false,
        })
    }

    /// The column that tells which rows of a table are meant: one that is named, one that names rows, or the key.
    fn telling_of(&self, table: &str, from: usize, to: usize, key: &Id) -> Option<Id> {
        let names = |column: &&Column| {
            column.id.table == table && matches!(column.role, Role::Names | Role::Groups)
        };
        let named = (from..to).find_map(|at| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Column(all, _)) => all
                .iter()
                .filter_map(|at| self.column(*at))
                .filter(names)
                .find(|column| column.id != *key)
                .map(|column| column.id.clone()),
            _ => None,
        });
        let unique = |column: &&Column| column.distinct + column.missing >= column.rows;
        let own = self
            .schema
            .columns
            .iter()
            .filter(names)
            .filter(unique)
            .find(|column| column.id != *key)
            .map(|column| column.id.clone());
        Some(named.or(own).unwrap_or_else(|| key.clone()))
    }
}

fn file(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn file_stem(path: &str) -> &str {
    let base = file(path);
    base.rsplit_once('.').map_or(base, |(stem, _)| stem)
}
