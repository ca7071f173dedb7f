//! "starting with +49", "ending in 7": values by the letters and figures at their beginning or end.

use aios_languages::{Hint, hints};

use super::marks::What;
use super::question::{Filter, Test};
use super::resolve::Reader;
use super::schema::Role;

/// Signs that end a question and no value.
const BEHIND: [char; 8] = ['?', '!', '.', ',', ';', ':', '"', '\''];

impl Reader<'_> {
    /// Conditions on how values of a column that is named are written. What stands behind the words is taken as it is, and names nothing else.
    pub(super) fn letters(&mut self, from: usize, to: usize, out: &mut Vec<Filter>) {
        for at in from..to {
            let Some(word) = self.mark(at).map(|mark| mark.from) else {
                continue;
            };
            let said = format!("{} {}", self.words.text(word), self.words.text(word + 1));
            let begins = hints(Hint::Begun, &said);
            if !begins && !hints(Hint::Ended, &said) {
                continue;
            }
            let Some((letters, last)) = self.written_behind(word + 2) else {
                continue;
            };
            let texts = |columns: &[usize]| {
                columns.iter().copied().find(|column| {
                    self.column(*column)
                        .is_some_and(|column| matches!(column.role, Role::Names | Role::Groups))
                })
            };
            let named = (from..at).rev().find_map(|at| match &self.mark(at)?.what {
                What::Column(all, _) | What::Kin(all) => Some((at, texts(all)?)),
                What::Concept(concept) => Some((at, texts(&self.schema.standing_for(*concept))?)),
                _ => None,
            });
            let Some((place, column)) = named else {
                continue;
            };
            let Some(id) = self.column(column).map(|column| column.id.clone()) else {
                continue;
            };
            self.take(place);
            for at in at..to {
                if self.mark(at).is_some_and(|mark| mark.from <= last) {
                    self.take(at);
                    self.literal.push(at);
                }
            }
            out.push(Filter {
                column: id,
                test: if begins {
                    Test::Begins(letters)
                } else {
                    Test::Ends(letters)
                },
                not: false,
                part: false,
            });
        }
    }

    /// What is written from a word on up to the next blank, or between quotes, with the last of its words.
    fn written_behind(&self, word: usize) -> Option<(String, usize)> {
        let start = self.words.all.get(word.checked_sub(1)?)?.end;
        let raw = self.words.raw.get(start..)?;
        let rest = raw.trim_start();
        let skipped = raw.len() - rest.len();
        let quoted = rest.strip_prefix(['"', '\'', '“', '„', '«']);
        let (letters, end) = match quoted {
            Some(inside) => {
                let end = inside.find(['"', '\'', '”', '“', '»'])?;
                (inside.get(..end)?.trim(), rest.len() - inside.len() + end)
            }
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (rest.get(..end)?.trim_end_matches(BEHIND), end)
            }
        };
        let until = start + skipped + end;
        let last = self.words.all.iter().rposition(|word| word.start < until)?;
        (!letters.is_empty() && last >= word).then(|| (letters.to_owned(), last))
    }
}
