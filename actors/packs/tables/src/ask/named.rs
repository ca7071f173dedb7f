//! Columns that tell who, where and when, named or hinted at.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::{Column as Id, Filter, Group, Measure, Order, Question, Test, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::Role;

impl Reader<'_> {
    /// What several files' rows are told by: by their names where something of them is measured, and by what has several rows where rows
    /// are counted.
    pub(super) fn of_files(&self, wanted: &Wanted, groups: &mut [Group]) {
        let Wanted::Figures(figures) = wanted else {
            return;
        };
        let counts = figures.iter().all(|figure| figure.of == Measure::Rows);
        for group in groups {
            if !counts {
                *group = self.by_name(group.clone());
                continue;
            }
            let Group::By(id) = &group else { continue };
            let several = self.schema.columns.iter().find(|column| {
                column.id.table != id.table
                    && column.id.name == id.name
                    && column.distinct + column.missing < column.rows
            });
            if let Some(several) = several.filter(|_| self.is_unique(group)) {
                *group = Group::By(several.id.clone());
            }
        }
    }

    /// "Which customer spent most" of a number: whose name another column tells one by one, is told by it.
    pub(super) fn by_name(&self, group: Group) -> Group {
        let Group::By(id) = &group else { return group };
        let number = |column: &super::schema::Column| {
            column.words.len() > 1
                && column.words.last().is_some_and(|word| {
                    ["id", "no", "nr", "key", "number"].contains(&word.as_str())
                })
        };
        let known = self.schema.columns.iter().find(|column| column.id == *id);
        if !known.is_some_and(number) {
            return group;
        }
        let one_by_one = |column: &&super::schema::Column| {
            column.distinct + column.missing >= column.rows && column.missing == 0
        };
        if let [_] = self.schema.tables.as_slice() {
            let mut names = self.schema.columns.iter().filter(|column| {
                matches!(column.words.as_slice(), [only] if only == "name" || only == "nam")
            });
            let name = names.next().filter(one_by_one);
            return name.map_or(group, |name| Group::By(name.id.clone()));
        }
        let tables = self
            .schema
            .columns
            .iter()
            .filter(|column| column.id.name == id.name)
            .filter(one_by_one)
            .map(|column| &column.id.table);
        let mut names = tables.flat_map(|table| {
            self.schema.columns.iter().filter(move |column| {
                column.id.table == *table
                    && column
                        .words
                        .iter()
                        .any(|word| word == "name" || word == "nam")
            })
        });
        match names.next().filter(one_by_one) {
            Some(name) => Group::By(name.id.clone()),
            None => group,
        }
    }

    /// "What is part 7A called?": the column of names, of a row that another column tells.
    pub(super) fn called_so(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        filters: &[Filter],
    ) -> Option<Question> {
        let at = (from..to).filter(|_| asks.has(Ask::Which)).find(|at| {
            self.mark(*at).is_some_and(|mark| {
                matches!(mark.what, What::Ask(Ask::Filler) | What::Unknown)
                    && hints(Hint::Naming, self.words.text(mark.from))
            })
        })?;
        let known = |column: &Id| {
            filters
                .iter()
                .any(|filter| filter.column == *column && !filter.not)
        };
        let title = self.title()?;
        let told = filters.iter().any(|filter| {
            matches!(filter.test, Test::In(_) | Test::Number(_))
                && !filter.not
                && filter.column.table == title.table
        });
        if !told || known(&title) {
            return None;
        }
        self.take(at);
        Some(Question {
            wanted: Wanted::Values(title),
            filters: filters.to_vec(),
            groups: Vec::new(),
            order: None,
            having: None,
        })
    }

    /// "Who won?", "who finished third?" of a column of places: whoever has that one.
    pub(super) fn place_of(&mut self, from: usize, to: usize, asks: &Asks, out: &mut Vec<Filter>) {
        if !asks.any(&[Ask::Who, Ask::Which]) {
            return;
        }
        let mut places = self.schema.columns.iter().filter(|column| {
            self.is_a_place(&column.id)
                && column.least == Some(1.0)
                && column.distinct >= column.rows
        });
        let (Some(place), None) = (places.next(), places.next()) else {
            return;
        };
        let id = place.id.clone();
        let most = place.most.unwrap_or(1.0);
        let said = |hint: Hint| {
            (from..to).find(|at| {
                self.mark(*at).is_some_and(|mark| {
                    matches!(
                        mark.what,
                        What::Unknown | What::Kin(_) | What::Ask(Ask::Filler) | What::Concept(_)
                    ) && hints(hint, self.words.text(mark.from))
                })
            })
        };
        let nth = (from..to).find_map(|at| match self.mark(at)?.what {
            What::Ordinal(number) => Some((at, f64::from(number))),
            What::Ask(Ask::First) => Some((at, 1.0)),
            What::Ask(Ask::Last) => Some((at, most)),
            _ => None,
        });
        let (marks, number) = match (said(Hint::Winning), said(Hint::Ranked), nth) {
            (Some(won), _, None) => (vec![won], 1.0),
            (None, Some(verb), Some((at, number))) => (vec![verb, at], number),
            _ => return,
        };
        marks.into_iter().for_each(|at| self.take(at));
        out.push(Filter {
            column: id,
            test: Test::Number(number),
            not: false,
            part: false,
        });
    }

    /// "Who finished last?" of a table that holds how long each took and no places: by that time.
    pub(super) fn finished(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
    ) -> Option<(Measure, Order)> {
        let places = self
            .schema
            .columns
            .iter()
            .any(|column| self.is_a_place(&column.id));
        if places || !asks.any(&[Ask::Who, Ask::Which]) || asks.has(Ask::Count) {
            return None;
        }
        let of_time = |column: &&super::schema::Column| {
            column.is_measure() && self.lasts(&column.id) && column.distinct + column.missing > 1
        };
        let mut times = self.schema.columns.iter().filter(of_time);
        let time = times.next().filter(|_| times.next().is_none())?;
        let id = time.id.clone();
        self.naming().or_else(|| self.doer().map(|_| id.clone()))?;
        let said = |hint: Hint| {
            (from..to).find(|at| {
                self.mark(*at)
                    .is_some_and(|mark| hints(hint, self.words.text(mark.from)))
            })
        };
        let nth = (from..to).find_map(|at| match self.mark(at)?.what {
            What::Ordinal(number) => Some((at, false, number.saturating_sub(1))),
            What::Ask(Ask::First) => Some((at, false, 0)),
            What::Ask(Ask::Last) => Some((at, true, 0)),
            _ => None,
        });
        let (marks, largest, skip) = match (said(Hint::Winning), said(Hint::Ranked), nth) {
            (Some(won), _, None) => (vec![won], false, 0),
            (None, Some(verb), Some((at, last, skip))) => (vec![verb, at], last, skip),
            _ => return None,
        };
        // Something that is named beside it is what is asked for: "who finished the most races".
        let named = (from..to).any(|at| !self.measured(at).is_empty());
        if named {
            return None;
        }
        marks.into_iter().for_each(|at| self.take(at));
        let told = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(told);
        let order = Order {
            largest,
            limit: Some(1),
            skip,
        };
        Some((Measure::Of(id), order))
    }

    /// Whether rows would be put together or counted by cells that hold several names; that no figure is given for each is said.
    pub(super) fn is_listed(&mut self, groups: &[Group], counted: Option<&Measure>) -> bool {
        let grouped = groups.iter().filter_map(|group| match group {
            Group::By(id) => Some(id),
            _ => None,
        });
        let counted = match counted {
            Some(Measure::Distinct(id)) => Some(id),
            _ => None,
        };
        let lists = |id: &&Id| {
            let mut columns = self.schema.columns.iter();
            columns.any(|column| column.id == **id && column.lists)
        };
        let Some(listed) = grouped.chain(counted).find(lists) else {
            return false;
        };
        let said = self
            .speech
            .say("no_lists", &[("column", listed.name.trim())]);
        self.absent.push(said);
        true
    }

    /// Whether the table tells of one thing: what is asked of it needs no condition.
    pub(super) fn is_one_row(&self) -> bool {
        matches!(self.schema.tables.as_slice(), [(_, _, 1)])
    }

    /// "What engine does it have?" of a table that tells of one thing.
    pub(super) fn cell_of_one_row(
        &self,
        asks: &Asks,
        groups: &[Group],
        measures: &[(Measure, Option<String>)],
        filters: &[Filter],
    ) -> Option<Question> {
        let [Group::By(column)] = groups else {
            return None;
        };
        let asked = asks.any(&[Ask::Which, Ask::Who, Ask::Where]);
        (asked && self.is_one_row() && measures.is_empty()).then(|| Question {
            wanted: Wanted::Values(column.clone()),
            filters: filters.to_vec(),
            groups: Vec::new(),
            order: None,
            having: None,
        })
    }

    /// The only column whose heading says that it holds what rows are called.
    fn title(&self) -> Option<Id> {
        let mut titles = self.schema.columns.iter().filter(|column| {
            matches!(column.role, Role::Groups | Role::Names)
                && column.least.is_none()
                && matches!(column.words.as_slice(), [only] if hints(Hint::Titling, only))
        });
        let only = titles.next()?.id.clone();
        titles.next().is_none().then_some(only)
    }

    /// "Which episode" of a number that each row has once: what the row is called is told beside it.
    pub(super) fn with_its_title(&self, groups: &mut Vec<Group>) {
        let [Group::By(id)] = groups.as_slice() else {
            return;
        };
        let number = self.schema.columns.iter().any(|column| {
            column.id == *id && column.least.is_some() && column.distinct >= column.rows
        });
        let title = self.title().filter(|title| {
            number && title.table == id.table && self.is_unique(&Group::By(title.clone()))
        });
        groups.extend(title.map(Group::By));
    }

    /// A column that says where something lies or stands.
    pub(super) fn place(&self) -> Option<Id> {
        const PLACES: [&str; 14] = [
            "shelf", "bin", "room", "rack", "box", "locatio", "place", "seat", "hall", "floor",
            "regal", "lager", "rayon", "estant",
        ];
        let mut places = self.schema.columns.iter().filter(|column| {
            matches!(column.role, Role::Groups | Role::Names)
                && column
                    .words
                    .iter()
                    .any(|word| PLACES.contains(&word.as_str()))
        });
        let id = places.next().map(|column| column.id.clone());
        id.filter(|_| places.next().is_none())
    }

    /// "where does shipment 9 go", "where did it come from": the column that is called after that end of the way.
    pub(super) fn end_of_the_way(&self, from: usize, to: usize) -> Option<Id> {
        let said = |hint: Hint| {
            (from..to).any(|at| {
                self.mark(at)
                    .is_some_and(|mark| hints(hint, self.words.text(mark.from)))
            })
        };
        let heading = if said(Hint::Coming) {
            Hint::Origin
        } else if said(Hint::Going) {
            Hint::Destination
        } else {
            return None;
        };
        let mut columns = self.schema.columns.iter().filter(|column| {
            matches!(column.role, Role::Groups | Role::Names)
                && matches!(column.words.as_slice(), [only] if hints(heading, only))
        });
        let id = columns.next().map(|column| column.id.clone());
        id.filter(|_| columns.next().is_none())
    }

    /// A column that is called as people ask for it: `who`, `what`.
    pub(super) fn called(&self, names: &[&str]) -> Option<Group> {
        let mut columns = self.schema.columns.iter().filter(|column| {
            matches!(column.role, Role::Groups | Role::Names)
                && matches!(column.words.as_slice(), [only] if names.contains(&only.as_str()))
        });
        columns.next().map(|column| Group::By(column.id.clone()))
    }

    /// The only column that is called by whom or for whom something was done: `Sold to`, `Gebucht von`.
    pub(super) fn done_by(&self) -> Option<Group> {
        let mut columns = self.schema.columns.iter().filter(|column| {
            let words = super::words::spaced(&column.id.name);
            matches!(column.role, Role::Groups | Role::Names)
                && matches!(words.as_slice(), [.., before, last] if hints(Hint::ByWhom, &last.text)
                    // `Team A` is no word like `Vendu à`.
                    && (last.text.len() > 1
                        || ["fr", "es"].iter().any(|of| super::heard::is_participle(&before.text, of))))
        });
        let only = columns.next().filter(|_| columns.next().is_none())?;
        Some(Group::By(only.id.clone()))
    }

    /// The only column of names that is called after what somebody does: `Swimmer`, `Grower`.
    pub(super) fn doer(&self) -> Option<Group> {
        let mut columns = self.schema.columns.iter().filter(|column| {
            let words = super::words::spaced(&column.id.name);
            matches!(column.role, Role::Groups | Role::Names)
                && column.least.is_none()
                && words.last().is_some_and(|word| is_a_doer(&word.text))
        });
        let only = columns.next().filter(|_| columns.next().is_none())?;
        Some(Group::By(only.id.clone()))
    }

    /// "who is the manager of Sales": the column's name stands right behind.
    pub(super) fn is_called_by_who(&self, from: usize, to: usize, id: &Id) -> bool {
        (from..to).any(|at| {
            let next = self
                .next(at + 1, to)
                .filter(|_| self.is_ask(at, Ask::Who));
            next.is_some_and(|next| {
                matches!(self.mark(next).map(|mark| &mark.what), Some(What::Column(all, true)) if all
                    .iter()
                    .any(|column| self.column(*column).is_some_and(|column| column.id == *id)))
            })
        })
    }

    /// "which films", "list", "who", and not "what did we take in".
    pub(super) fn asks_for_names(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_ask(at, Ask::Who)
                || self.is_ask(at, Ask::List)
                || self.is_ask(at, Ask::Which)
                    && self.mark(at).is_some_and(|mark| {
                        !["what", "whats", "was", "que", "quoi"]
                            .contains(&self.words.text(mark.from))
                    })
        })
    }

    /// "Who directed Nightfall?" of a column of directors: the only name that a word of the clause hints at.
    pub(super) fn hinted_name(&mut self, from: usize, to: usize) -> Option<Id> {
        let names = |column: &usize| {
            self.column(*column)
                .is_some_and(|column| matches!(column.role, Role::Groups | Role::Names))
        };
        let mut hints = (from..to).filter_map(|at| match &self.mark(at)?.what {
            What::Kin(all) if !self.is_used(at) => match all.as_slice() {
                [only] if names(only) => Some((at, *only)),
                _ => None,
            },
            // "owns" of a column `owner`
            What::Ask(Ask::Filler) => {
                let text = self.words.text(self.mark(at)?.from);
                let columns = self.schema.columns.iter().enumerate();
                let mut of = columns.filter(|(_, column)| {
                    column.core().iter().any(|word| super::kin::kin(text, word))
                });
                let only = of.next().map(|(column, _)| column).filter(names)?;
                of.next().is_none().then_some((at, only))
            }
            _ => None,
        });
        let (at, column) = hints.next().filter(|_| hints.next().is_none())?;
        let id = self.column(column)?.id.clone();
        self.take(at);
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(id)
    }

    /// "How many tickets were closed?": those that have the date. Of several dates one that has no part in the answer stays unheard.
    pub(super) fn named_dates(
        &mut self,
        from: usize,
        to: usize,
        asks: &BTreeSet<Ask>,
        groups: &[Group],
        filters: &mut Vec<Filter>,
    ) {
        let counts = [Ask::Count, Ask::Share, Ask::List]
            .iter()
            .any(|ask| asks.contains(ask));
        // "who closed the most tickets"
        let ranks = [Ask::Who, Ask::Which].iter().any(|ask| asks.contains(ask))
            && [Ask::Highest, Ask::Lowest]
                .iter()
                .any(|ask| asks.contains(ask));
        for at in from..to {
            let Some(What::Column(all, true)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            let date = all
                .iter()
                .filter_map(|at| self.column(*at))
                .find(|column| column.role == Role::Date)
                .cloned();
            let done = ranks
                && !counts
                && self.mark(at).is_some_and(|mark| {
                    super::heard::is_participle(self.words.text(mark.from), &self.words.language)
                });
            let Some(date) =
                date.filter(|date| (counts || done && date.missing > 0) && !self.is_used(at))
            else {
                continue;
            };
            let grouped = groups.iter().any(
                |group| matches!(group, Group::Each(id, _) | Group::Weekday(id) | Group::Hour(id) | Group::By(id) if *id == date.id),
            );
            if grouped || filters.iter().any(|filter| filter.column == date.id) {
                continue;
            }
            self.take(at);
            if date.missing > 0 {
                filters.push(Filter {
                    column: date.id,
                    test: Test::Missing,
                    not: true,
                    part: false,
                });
            } else if self
                .schema
                .columns
                .iter()
                .filter(|column| column.role == Role::Date)
                .count()
                > 1
                && let Some(used) = self.used.get_mut(at)
            {
                *used = false;
                self.unheard.push(at);
            }
        }
    }
}

/// Whether a word is called after what somebody does: `swimmer`, `Bäckerin`, `vendeur`. Things are called so too, and these are known.
pub(super) fn is_a_doer(word: &str) -> bool {
    #[rustfmt::skip]
    const THINGS: [&str; 66] = [
        "number", "order", "letter", "paper", "quarter", "center", "centre", "corner", "border", "chapter", "layer", "water", "power", "tower",
        "river", "weather", "winter", "summer", "floor", "door", "flavor", "color", "sensor", "motor", "error", "factor", "sector",
        "indicator", "printer", "computer", "server", "folder", "router", "container", "trailer", "tender", "offer", "transfer", "counter",
        "register", "semester", "trimester", "meter", "filter", "butter", "cover", "charter", "parameter", "cluster", "chamber", "poster",
        "dinner", "supper", "fiber", "nummer", "fenster", "zimmer", "monitor", "newsletter", "reactor", "tractor", "tier", "feeder", "booster", "laser", "other",
    ];
    const ENDS: [&str; 11] = [
        "er", "or", "ist", "erin", "istin", "eur", "euse", "trice", "iste", "ora", "ista",
    ];
    let one = word.strip_suffix('s').unwrap_or(word);
    one.chars().count() >= 5 && ENDS.iter().any(|end| one.ends_with(end)) && !THINGS.contains(&one)
}
