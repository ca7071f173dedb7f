//! Which end of what is measured a word means: the best scrap rate is the lowest one, who fell most changed by the least.

use aios_languages::{Ask, folded};

use super::marks::What;
use super::question::{Figure, Make, Measure, Question, Wanted};
use super::resolve::Reader;

/// Words that judge instead of naming an end.
const BEST: [&str; 14] = [
    "best",
    "beste",
    "besten",
    "bester",
    "bestes",
    "meilleur",
    "meilleure",
    "meilleurs",
    "meilleures",
    "mejor",
    "mejores",
    "strongest",
    "starkste",
    "leading",
];
const WORST: [&str; 13] = [
    "worst",
    "schlechteste",
    "schlechtesten",
    "schlechtester",
    "pire",
    "pires",
    "peor",
    "peores",
    "weakest",
    "schwachste",
    "schlimmste",
    "schlimmsten",
    "moins",
];
/// Beginnings of words for what one wants little of.
const UNWANTED: &[&str] = &[
    "scrap",
    "defect",
    "error",
    "fail",
    "fault",
    "loss",
    "lost",
    "late",
    "delay",
    "wait",
    "complain",
    "churn",
    "absen",
    "sick",
    "cost",
    "expens",
    "price",
    "fee",
    "debt",
    "overdue",
    "return",
    "refund",
    "cancel",
    "reject",
    "accident",
    "incident",
    "injur",
    "death",
    "mortal",
    "crime",
    "pollut",
    "noise",
    "emission",
    "co2",
    "waste",
    "downtime",
    "bug",
    "violat",
    "penalt",
    "rank",
    "place",
    "time",
    "duration",
    "response",
    "latenc",
    "runtime",
    "missing",
    "dropout",
    "attrition",
    "unemploy",
    "poverty",
    "infection",
    "outage",
    "spoil",
    "damage",
    "shrinkage",
    "ausschuss",
    "fehler",
    "verlust",
    "verspat",
    "kosten",
    "preis",
    "warte",
    "kranken",
    "fehltag",
    "reklamation",
    "storno",
    "retoure",
    "unfall",
    "platz",
    "rang",
    "zeit",
    "dauer",
    "schulden",
    "defaut",
    "erreur",
    "perte",
    "retard",
    "cout",
    "prix",
    "attente",
    "rebut",
    "fallo",
    "perdida",
    "retraso",
    "coste",
    "precio",
    "espera",
    "ausencia",
    "merma",
    "absences",
];
/// Beginnings of words for what one wants much of.
const WANTED: &[&str] = &[
    "revenue",
    "sale",
    "sold",
    "profit",
    "margin",
    "score",
    "rating",
    "star",
    "point",
    "mark",
    "goal",
    "win",
    "won",
    "yield",
    "harvest",
    "efficien",
    "satisf",
    "nps",
    "income",
    "earning",
    "turnover",
    "growth",
    "signup",
    "conversion",
    "click",
    "visit",
    "attend",
    "customer",
    "order",
    "vote",
    "quality",
    "accura",
    "success",
    "pass",
    "occup",
    "quantit",
    "qty",
    "unit",
    "amount",
    "collected",
    "subscrib",
    "member",
    "umsatz",
    "gewinn",
    "punkt",
    "bewertung",
    "ertrag",
    "ernte",
    "tore",
    "besuch",
    "venta",
    "beneficio",
    "punto",
    "ingreso",
    "chiffre",
    "benefice",
    "recette",
    "donation",
    "output",
    "production",
    "germinat",
    "sieg",
    "victoire",
    "victoria",
    "pts",
];

/// Verbs of growth that go down.
const DOWN: &[&str] = &[
    "decreas",
    "fall",
    "fell",
    "declin",
    "drop",
    "shrank",
    "shrink",
    "shrunk",
    "go down",
    "went down",
    "loss",
    "gesunken",
    "gefallen",
    "fiel",
    "sank",
    "ruckgang",
    "abnahme",
    "baiss",
    "diminu",
    "bajo",
    "descenso",
    "caida",
    "disminu",
];

impl Reader<'_> {
    /// The word that judges, and whether it means the good end.
    pub(super) fn judged(&self, from: usize, to: usize) -> Option<(usize, bool)> {
        (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            let ranks = matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest));
            let text = self.words.text(mark.from);
            let best = BEST.contains(&text);
            (ranks && mark.to == mark.from + 1 && (best || WORST.contains(&text)))
                .then_some((at, best))
        })
    }

    /// "the worst scrap rate": which end that is depends on what is measured. Where its name does not tell, that is said.
    pub(super) fn judge_ends(&mut self, from: usize, to: usize, question: &mut Question) {
        let Some((at, best)) = self.judged(from, to) else {
            return;
        };
        let both = (from..to).any(|at| self.is_ask(at, Ask::Highest))
            && (from..to).any(|at| self.is_ask(at, Ask::Lowest));
        if both {
            return;
        }
        let figure = match &question.wanted {
            Wanted::Figures(figures) => figures.first().cloned(),
            Wanted::Row { measure, .. } => Some(Figure {
                make: Make::Total,
                of: Measure::Of(measure.clone()),
                called: None,
            }),
            Wanted::Values(_) | Wanted::Versus(..) => None,
        };
        let Some(figure) = figure else { return };
        let name = self.speech.measure(&figure.of, figure.called.as_deref());
        let words = folded(&name);
        let begins = |all: &[&str]| {
            words
                .iter()
                .any(|word| all.iter().any(|known| word.text.starts_with(known)))
        };
        let unwanted = begins(UNWANTED);
        let wanted = begins(WANTED) && !unwanted;
        let largest = best != unwanted;
        if !unwanted && !wanted {
            let said = self
                .mark(at)
                .map(|mark| self.written(mark))
                .unwrap_or_default();
            let end = self
                .speech
                .say(if largest { "highest" } else { "lowest" }, &[]);
            let told = self.speech.say(
                "best_is",
                &[("said", &said), ("measure", &name), ("end", &end)],
            );
            self.assume(told);
        }
        if let Some(order) = &mut question.order {
            order.largest = largest;
        }
        if let Wanted::Figures(figures) = &mut question.wanted {
            for figure in figures {
                match figure.make {
                    Make::Greatest if !largest => figure.make = Make::Least,
                    Make::Least if largest => figure.make = Make::Greatest,
                    _ => {}
                }
            }
        }
    }

    /// Whether what grew is said to have gone down.
    pub(super) fn goes_down(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            let Some(mark) = self.mark(at) else {
                return false;
            };
            let text = self.written(mark).to_lowercase();
            let moves = matches!(mark.what, What::Ask(Ask::Growth | Ask::Change));
            moves && DOWN.iter().any(|begin| text.starts_with(begin))
        })
    }
}
