//! What came of each row, asked for by its verb: "did Kaya win" of a column that holds `won` and `lost`.
//!
//! Only a column that tells both ends of a contest is one of outcomes; of a column that names winners nothing is learned here.

use aios_languages::{Ask, Hint, fold, hints};

use super::marks::What;
use super::question::{Column as Id, Filter, Test};
use super::resolve::{Asks, Reader};
use super::schema::Role;

/// How a contest ends, or an examination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Won,
    Lost,
    Drawn,
    Passed,
    Failed,
}

const ALL: [Outcome; 5] = [
    Outcome::Won,
    Outcome::Lost,
    Outcome::Drawn,
    Outcome::Passed,
    Outcome::Failed,
];

impl Reader<'_> {
    /// The rows with the outcome that a verb or a noun of the clause names; of a share they are its part.
    pub(super) fn outcomes(
        &mut self,
        from: usize,
        to: usize,
        asks: &mut Asks,
        filters: &mut Vec<Filter>,
    ) {
        self.whose(from, to);
        let said = (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            let free = matches!(
                mark.what,
                What::Unknown | What::Kin(_) | What::Concept(_) | What::Ask(Ask::Filler)
            ) && mark.to == mark.from + 1
                && !self.is_used(at);
            let text = self.words.text(mark.from);
            let outcome = ALL.into_iter().find(|outcome| free && outcome.says(text))?;
            Some((at, outcome))
        });
        let Some((at, outcome)) = said else { return };
        let Some((column, values)) = self.outcomes_of(outcome) else {
            return;
        };
        if filters.iter().any(|filter| filter.column == column) {
            return;
        }
        self.take(at);
        // "win rate", "Kaya's losing percentage"
        if asks.has(Ask::Ratio)
            && let Some(rate) = self
                .next(at + 1, to)
                .filter(|at| self.is_ask(*at, Ask::Ratio))
        {
            self.take(rate);
            asks.0.remove(&Ask::Ratio);
            asks.0.insert(Ask::Share);
        }
        filters.push(Filter {
            column,
            test: Test::In(values),
            not: false,
            part: false,
        });
    }

    /// "ihrer Spiele": whose they are is told by who is named.
    fn whose(&mut self, from: usize, to: usize) {
        for at in from..to {
            let owns = self.mark(at).is_some_and(|mark| {
                mark.what == What::Unknown && hints(Hint::Owning, self.words.text(mark.from))
            });
            if owns {
                self.take(at);
            }
        }
    }

    /// The only column that tells how each row ended, with its values of one such end.
    fn outcomes_of(&self, outcome: Outcome) -> Option<(Id, Vec<String>)> {
        let mut columns = self.schema.columns.iter().filter(|column| {
            let has = |outcome: Outcome| column.few.iter().any(|value| outcome.is_told_by(value));
            let contest = has(Outcome::Won) && has(Outcome::Lost);
            let examination = has(Outcome::Passed) && has(Outcome::Failed);
            column.role == Role::Groups && (contest || examination)
        });
        let column = columns.next().filter(|_| columns.next().is_none())?;
        let values: Vec<String> = column
            .few
            .iter()
            .filter(|value| outcome.is_told_by(value))
            .cloned()
            .collect();
        (!values.is_empty()).then(|| (column.id.clone(), values))
    }
}

impl Outcome {
    /// Whether a word of a goal speaks of it.
    fn says(self, text: &str) -> bool {
        match self {
            Self::Won => {
                hints(Hint::Winning, text)
                    || [
                        "winning",
                        "victory",
                        "victories",
                        "sieg",
                        "siege",
                        "siegen",
                        "gewinnen",
                        "gagner",
                        "gagnes",
                        "gagnee",
                        "gagnees",
                        "victoire",
                        "victoires",
                        "ganar",
                        "ganaron",
                        "gana",
                        "gano",
                        "victoria",
                        "victorias",
                    ]
                    .contains(&text)
            }
            Self::Lost => {
                hints(Hint::Losing, text)
                    || [
                        "loss",
                        "losses",
                        "defeat",
                        "defeats",
                        "verlieren",
                        "niederlage",
                        "niederlagen",
                        "perdre",
                        "perdus",
                        "perdue",
                        "perdues",
                        "defaite",
                        "defaites",
                        "perder",
                        "perdieron",
                        "perdido",
                        "derrota",
                        "derrotas",
                    ]
                    .contains(&text)
            }
            Self::Drawn => [
                "draw",
                "draws",
                "drew",
                "drawn",
                "tie",
                "ties",
                "tied",
                "unentschieden",
                "remis",
                "nul",
                "nuls",
                "empate",
                "empates",
                "empato",
            ]
            .contains(&text),
            Self::Passed => [
                "pass",
                "passes",
                "passed",
                "bestehen",
                "bestand",
                "bestanden",
                "besteht",
                "reussir",
                "reussi",
                "reussit",
                "reussis",
                "aprobar",
                "aprobo",
                "aprobado",
                "aprobada",
                "aprueba",
            ]
            .contains(&text),
            Self::Failed => [
                "fail",
                "fails",
                "failed",
                "failure",
                "failures",
                "durchgefallen",
                "echouer",
                "echoue",
                "suspender",
                "suspendio",
                "suspenso",
                "suspendido",
                "reprobado",
                "reprobo",
            ]
            .contains(&text),
        }
    }

    /// Whether a cell tells it.
    fn is_told_by(self, value: &str) -> bool {
        let value = fold(value.trim());
        let letter = match self {
            Self::Won => "w",
            Self::Lost => "l",
            Self::Drawn => "d",
            Self::Passed => "p",
            Self::Failed => "f",
        };
        self.says(&value) || value == letter || self == Self::Failed && value == "nicht bestanden"
    }
}
