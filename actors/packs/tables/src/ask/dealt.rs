//! "How many books were sold?" of a list of books with what they cost: what somebody did with things is not told by a list of them.

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::{Filter, Group, Measure, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::Column;
use super::words::canon;

impl Reader<'_> {
    /// Says that a verb of dealing has no part in the data, where rows would be counted in its place.
    pub(super) fn dealt(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        counted: Option<&Measure>,
        measures: &[(Measure, Option<String>)],
        filters: &[Filter],
    ) {
        if self.sold_untold(from, to, measures) {
            return;
        }
        self.nobody_of_goods(from, to, asks, counted);
        let rows = |measure: &Measure| matches!(measure, Measure::Rows | Measure::Distinct(_));
        let counts = counted.is_none_or(rows) && measures.iter().all(|(measure, _)| rows(measure));
        if !asks.has(Ask::Count) || !counts || !filters.is_empty() || !self.lists_things() {
            return;
        }
        let Some(at) = (from..to).find(|at| self.is_dealing(*at)) else {
            return;
        };
        if let Some(name) = self.mark(at).map(|mark| self.written(mark)) {
            self.take(at);
            self.say_absent(&name);
        }
    }

    /// "Which book sold best?" of books in stock: neither what is still there nor how large it is says so.
    fn sold_untold(
        &mut self,
        from: usize,
        to: usize,
        measures: &[(Measure, Option<String>)],
    ) -> bool {
        let told = |name: &str| {
            let columns = self.schema.standing_for(Self::concept(name));
            columns
                .into_iter()
                .any(|at| self.column(at).is_some_and(Column::is_measure))
        };
        let left = self.schema.standing_for(Self::concept("stock"));
        let stocks = |measure: &Measure| matches!(measure, Measure::Of(id) if left.iter().any(|at| self.column(*at).is_some_and(|column| column.id == *id)));
        let sold = Self::concept("sold");
        let said = (from..to).find(|at| matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Superlative(_, concept)) if *concept == sold));
        let known = ["sold", "revenue", "quantity", "amount", "order"]
            .into_iter()
            .any(told);
        let Some(at) = said.filter(|_| {
            self.lists_things() && !known && measures.iter().all(|(measure, _)| stocks(measure))
        }) else {
            return false;
        };
        let name = self.mark(at).map(|mark| self.written(mark));
        self.say_absent(&name.unwrap_or_default());
        true
    }

    /// "How many customers are there?" of a list of goods: its rows are nobody.
    fn nobody_of_goods(&mut self, from: usize, to: usize, asks: &Asks, counted: Option<&Measure>) {
        if !asks.has(Ask::Count) || counted != Some(&Measure::Rows) || !self.lists_things() {
            return;
        }
        let persons = ["customer", "employee", "student", "patient"].map(Self::concept);
        let said = (from..to).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            Some(What::Concept(concept)) => {
                persons.contains(concept) && !self.schema.about_things.contains(concept)
            }
            _ => false,
        });
        if let Some(name) = said
            .and_then(|at| self.mark(at))
            .map(|mark| self.written(mark))
        {
            self.say_absent(&name);
        }
    }

    /// "Number of players per team" of a list of teams: each has one row, which counts nothing.
    pub(super) fn one_row_each(
        &mut self,
        (from, to): (usize, usize),
        groups: &[Group],
        wanted: &Wanted,
        filters: &[Filter],
    ) {
        let rows = matches!(wanted, Wanted::Figures(figures) if figures
            .iter()
            .all(|figure| figure.of == Measure::Rows));
        let [group] = groups else { return };
        if !rows || !filters.is_empty() || !self.is_unique(group) || !self.is_ask_per(from, to) {
            return;
        }
        // What is counted stands before "per".
        let per = (from..to)
            .find(|at| self.is_ask(*at, Ask::Per))
            .unwrap_or(from);
        let thing = (from..per).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            Some(What::Concept(concept)) => self.schema.standing_for(*concept).is_empty(),
            Some(What::Unknown) => true,
            _ => false,
        });
        if let Some(name) = thing
            .and_then(|at| self.mark(at))
            .map(|mark| self.written(mark))
        {
            self.say_absent(&name);
        }
    }

    fn is_ask_per(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| self.is_ask(at, Ask::Per))
    }

    /// Whether the rows are things with a price or a stock, and nothing that came about on a day or was done by somebody.
    fn lists_things(&self) -> bool {
        let of = |name: &str, measure: bool| {
            let columns = self.schema.standing_for(Self::concept(name));
            columns.into_iter().any(|at| {
                self.column(at)
                    .is_some_and(|column| column.is_measure() || !measure)
            })
        };
        (of("price", true) || of("stock", true))
            && !of("customer", false)
            && !self.schema.columns.iter().any(Column::is_time)
    }

    /// "were sold", "se vendieron": a verb that neither a column nor the table's name knows.
    fn is_dealing(&self, at: usize) -> bool {
        let Some(mark) = self.mark(at) else {
            return false;
        };
        let text = self.words.text(mark.from);
        let known = match &mark.what {
            What::Concept(concept) => !self.schema.standing_for(*concept).is_empty(),
            What::Ask(Ask::Filler) | What::Unknown => false,
            _ => true,
        };
        let helped = (mark.from.saturating_sub(4)..mark.from).any(|at| {
            let before = self.words.text(at);
            // "people visited": whoever did it.
            hints(Hint::Helping, before) || hints(Hint::Anybody, before) || before == "se"
        });
        let stem = canon(text);
        let told = |word: &String| {
            *word == stem || super::kin::kin(text, word) || super::kin::same_root(text, word)
        };
        let mut headings = self.schema.columns.iter().flat_map(|column| &column.words);
        hints(Hint::Dealt, text)
            && helped
            && !known
            && !headings.any(told)
            && !self.schema.about.iter().any(told)
    }
}
