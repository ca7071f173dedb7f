//! What a clause asks for, by its words of asking.

use std::collections::BTreeSet;

use aios_languages::Ask;

/// What a clause asks for, by its words.
#[derive(Debug, Default)]
pub(super) struct Asks(pub(super) BTreeSet<Ask>);

impl Asks {
    pub(super) fn has(&self, ask: Ask) -> bool {
        self.0.contains(&ask)
    }

    pub(super) fn any(&self, asks: &[Ask]) -> bool {
        asks.iter().any(|ask| self.has(*ask))
    }

    pub(super) fn add(&mut self, ask: Ask) {
        self.0.insert(ask);
    }

    pub(super) fn leave(&mut self, asks: &[Ask]) {
        self.0.retain(|ask| !asks.contains(ask));
    }

    /// Whether a figure of the values themselves is asked for: their sum, their middle, their ends.
    pub(super) fn reckons(&self) -> bool {
        self.any(&[
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Highest,
            Ask::Lowest,
        ])
    }

    /// Whether names are asked for, and no figure.
    pub(super) fn plain_names(&self) -> bool {
        self.any(&[Ask::Which, Ask::Who, Ask::List])
            && !self.any(&[
                Ask::Count,
                Ask::Share,
                Ask::Growth,
                Ask::Change,
                Ask::Compare,
            ])
            && !self.reckons()
    }
}
