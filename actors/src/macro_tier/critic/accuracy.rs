//! Accuracy: every numeric claim is looked up in the facts, with the subject, period, measure, statistic, unit and direction its
//! clause gives it.
//!
//! A claim is *supported* when a fact of that description has its value within the rounding shown; *contradicted* when such a fact
//! exists with another value; otherwise *unsupported*. The last two are critical alike: a number without a source is not delivered.

use std::collections::BTreeSet;

use aios_tools::Value;

use super::claims::{Claim, Shape, claims};
use super::known::{FoundPeriod, FoundSubject, Known, Library, Statistic, place_of};
use super::statements::{Direction, direction_at, statements};
use super::{Category, Evidence, Issue, Severity};
use crate::macro_tier::figures::readable;
use crate::macro_tier::period::{Span, mentions};
use crate::macro_tier::prose::{Stretch, Word, clauses, content_stems, find_phrase, has_phrase, sentences, words};

/// What the check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Supported share of everything checkable that was said; 1 when nothing was.
    pub score: f64,
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// Numeric claims.
    pub claims: usize,
    /// Of these, supported ones.
    pub supported: usize,
    /// Names of the facts that were stated.
    pub stated: BTreeSet<String>,
}

/// Checks every claim of a text.
#[must_use]
pub fn check(text: &str, evidence: &Evidence) -> Checked {
    let library = Library::new(evidence);
    let reading = Reading::new(text, &library, evidence);
    let mut issues = Vec::new();
    let mut stated = BTreeSet::new();
    let mut supported = 0;
    for (index, claim) in reading.claims.iter().enumerate() {
        match reading.judge(index, claim) {
            Ok(names) => {
                supported += 1;
                stated.extend(names);
            }
            Err(issue) => issues.push(issue),
        }
    }
    let mut said = reading.claims.len();
    for found in statements(text, &library, &reading.subjects, &reading.periods) {
        said += 1;
        issues.push(found);
    }
    for issue in reading.astray(evidence) {
        said += 1;
        issues.push(issue);
    }
    for fact in &evidence.facts {
        if let Value::Text(value) = &fact.value
            && value.chars().count() > 2
            && has_phrase(text, value)
        {
            stated.insert(fact.name.clone());
        }
    }
    let wrong = issues.len();
    let score = if said == 0 { 1.0 } else { said.saturating_sub(wrong) as f64 / said as f64 };
    Checked {
        score,
        issues,
        claims: reading.claims.len(),
        supported,
        stated,
    }
}

/// A text with everything in it that matters for numbers.
struct Reading<'a> {
    text: &'a str,
    lower: String,
    library: &'a Library<'a>,
    passages: &'a [String],
    claims: Vec<Claim>,
    subjects: Vec<FoundSubject>,
    periods: Vec<FoundPeriod>,
    sentences: Vec<Stretch>,
    /// Pairs (claim, subject) of sentences that list names first and numbers after.
    paired: Vec<(usize, Stretch)>,
}

/// What a clause says a number is about; `None` when it says nothing of the sort.
struct About {
    subjects: Named,
    periods: Named,
}

/// Whether something was named, and how firmly it belongs to the number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// In the same clause: indices of subjects or of periods found.
    Firm(Vec<usize>),
    /// Earlier in the sentence or in the one before: it may be meant.
    Loose(Vec<usize>),
    /// Nowhere near.
    Nothing,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str, library: &'a Library<'a>, evidence: &'a Evidence) -> Self {
        let subjects = library.subjects_in(text);
        let (mut periods, astray) = library.periods_in(text);
        // A period inside a name ("Plan 2025") belongs to the name.
        periods.retain(|period| !subjects.iter().any(|subject| subject.place.holds(period.place.start)));
        let mut masked: Vec<Stretch> = subjects.iter().map(|found| found.place).collect();
        masked.extend(periods.iter().map(|found| found.place));
        masked.extend(astray.iter().map(place_of));
        masked.extend(code(text));
        let asked: Vec<f64> = claims(&evidence.goal, &[]).iter().filter(|claim| claim.shape == Shape::Plain).map(|claim| claim.value).collect();
        let mut claims = claims(text, &masked);
        // "the top 5 products" repeats the question, it states nothing.
        claims.retain(|claim| !(claim.shape == Shape::Plain && claim.value.fract() == 0.0 && claim.value.abs() <= 100.0 && asked.contains(&claim.value)));
        let mut reading = Self {
            text,
            lower: without(text, &subjects),
            library,
            passages: &evidence.passages,
            claims,
            subjects,
            periods,
            sentences: sentences(text),
            paired: Vec::new(),
        };
        reading.paired = reading.pair_lists();
        reading
    }

    /// "North, South and East earned 5, 3 and 2": as many names as numbers, all names first.
    fn pair_lists(&self) -> Vec<(usize, Stretch)> {
        let mut out = Vec::new();
        for sentence in &self.sentences {
            let numbers: Vec<usize> = (0..self.claims.len()).filter(|index| self.claims.get(*index).is_some_and(|claim| sentence.holds(claim.place.start))).collect();
            let first = numbers.first().and_then(|index| self.claims.get(*index)).map_or(0, |claim| claim.place.start);
            let names: Vec<Stretch> = self.subjects.iter().map(|found| found.place).filter(|place| sentence.holds(place.start)).collect();
            let times: Vec<Stretch> = self.periods.iter().filter(|found| !found.whole).map(|found| found.place).filter(|place| sentence.holds(place.start)).collect();
            for places in [names, times] {
                if numbers.len() >= 2 && places.len() == numbers.len() && places.iter().all(|place| place.end <= first) {
                    out.extend(numbers.iter().copied().zip(places));
                }
            }
        }
        out
    }

    fn sentence_of(&self, at: usize) -> (usize, Stretch) {
        let whole = Stretch {
            start: 0,
            end: self.text.len(),
        };
        self.sentences.iter().copied().enumerate().find(|(_, sentence)| sentence.holds(at)).unwrap_or((0, whole))
    }

    /// The clause of a claim. Stretches without a number of their own join the next one ("In August, North earned 5"), and
    /// stretches that only continue ("with 5", "earning 5") join the one before.
    fn clause_of(&self, claim: &Claim) -> Stretch {
        let (_, sentence) = self.sentence_of(claim.place.start);
        let mut joined: Vec<Stretch> = Vec::new();
        let mut open: Option<Stretch> = None;
        let counts = |stretch: Stretch| self.claims.iter().any(|claim| stretch.holds(claim.place.start));
        for part in clauses(self.text, sentence) {
            let start = open.map_or(part.start, |before| before.start);
            let stretch = Stretch { start, end: part.end };
            if !counts(part) {
                open = Some(stretch);
                continue;
            }
            open = None;
            let continues = start == part.start && self.continues(part);
            match joined.last_mut() {
                Some(last) if continues => last.end = stretch.end,
                _ => joined.push(stretch),
            }
        }
        // A "North led, with 5" clause: what preceded without a number was joined above by `open`.
        joined.into_iter().find(|stretch| stretch.holds(claim.place.start)).unwrap_or(sentence)
    }

    fn continues(&self, part: Stretch) -> bool {
        let names = self.subjects.iter().any(|found| part.holds(found.place.start)) || self.periods.iter().any(|found| part.holds(found.place.start));
        let whole = words(part.of(self.text)).iter().any(|word| TOTAL.contains(&word.lower().as_str()));
        let first = words(part.of(self.text)).first().map(Word::lower).unwrap_or_default();
        let opens = matches!(first.as_str(), "with" | "which" | "at" | "by" | "that" | "who" | "its" | "or") || (first.len() > 4 && first.ends_with("ing"));
        !names && !whole && opens
    }

    fn about(&self, index: usize, claim: &Claim) -> About {
        let clause = self.clause_of(claim);
        let subjects: Vec<(usize, Stretch)> = self.subjects.iter().map(|found| (found.index, found.place)).collect();
        let mut periods: Vec<(usize, Stretch)> = self.periods.iter().enumerate().map(|(at, found)| (at, found.place)).collect();
        let narrow = self.periods.iter().any(|found| clause.holds(found.place.start) && !found.whole);
        periods.retain(|(at, _)| !narrow || self.periods.get(*at).is_some_and(|found| !found.whole));
        About {
            subjects: self.nearest(index, claim, clause, &subjects),
            periods: self.nearest(index, claim, clause, &periods),
        }
    }

    fn nearest(&self, index: usize, claim: &Claim, clause: Stretch, items: &[(usize, Stretch)]) -> Named {
        if let Some((id, _)) = items.iter().find(|(_, place)| self.paired.iter().any(|(at, with)| *at == index && with == place)) {
            return Named::Firm(vec![*id]);
        }
        let inside: Vec<&(usize, Stretch)> = items.iter().filter(|(_, place)| clause.holds(place.start)).collect();
        if let Some(bound) = self.bound_behind(claim, &inside) {
            return Named::Firm(vec![bound]);
        }
        let before = inside.iter().rev().find(|(_, place)| place.end <= claim.place.start);
        let after = inside.iter().find(|(_, place)| place.start >= claim.place.end);
        if let Some((id, place)) = before.or(after) {
            // "from July to August", "between July and August": both belong to the number.
            let pair = inside.iter().find(|(other, mate)| other != id && self.spans_both(*mate, *place));
            return Named::Firm(pair.map_or(vec![*id], |(other, _)| vec![*other, *id]));
        }
        let (at, sentence) = self.sentence_of(claim.place.start);
        let earlier = |within: Stretch| items.iter().rev().find(|(_, place)| within.holds(place.start) && place.end <= claim.place.start).map(|(id, _)| *id);
        let previous = at.checked_sub(1).and_then(|at| self.sentences.get(at)).copied();
        match earlier(sentence).or_else(|| previous.and_then(earlier)) {
            Some(id) => Named::Loose(vec![id]),
            None => Named::Nothing,
        }
    }

    /// "5 in North", "5 from the North region": only small words between number and name.
    fn bound_behind(&self, claim: &Claim, items: &[&(usize, Stretch)]) -> Option<usize> {
        const BINDING: [&str; 14] = ["in", "for", "from", "at", "by", "of", "the", "during", "on", "was", "came", "is", "region", "revenue"];
        items
            .iter()
            .find(|(_, place)| {
                let between = self.lower.get(claim.place.end..place.start).filter(|_| claim.place.end <= place.start);
                between.is_some_and(|between| {
                    let joined: Vec<_> = words(between).iter().map(Word::lower).collect();
                    let small = |word: &String| BINDING.contains(&word.as_str()) || self.library.measures.contains(word);
                    !between.contains([',', ';', '(', ')', '|']) && !joined.is_empty() && joined.len() <= 4 && joined.iter().all(small)
                })
            })
            .map(|(id, _)| *id)
    }

    /// Whether two names are the ends of one range.
    fn spans_both(&self, one: Stretch, other: Stretch) -> bool {
        let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
        let between = self.lower.get(first.end..second.start).unwrap_or("").trim().to_owned();
        let before = self.lower.get(..first.start).unwrap_or("").trim_end();
        matches!(between.as_str(), "to" | "until" | "till" | "through" | "-" | "–" | "→") || (between == "and" && before.ends_with("between"))
    }

    /// The facts that bear a claim out, or why there are none.
    fn judge(&self, index: usize, claim: &Claim) -> Result<Vec<String>, Issue> {
        let about = self.about(index, claim);
        let clause = self.clause_of(claim);
        let direction = direction_at(self.text, clause, claim);
        let shown = claim.place.of(self.text);
        let place = self.sentence_of(claim.place.start).1.of(self.text).trim();
        if let Some(name) = self.reference(claim) {
            return Ok(vec![name]);
        }
        if claim.shape == Shape::Ratio {
            return self.judge_ratio(claim, &about, place);
        }
        let fits_value = |known: &Known<'_>| same(claim, known, direction);
        let described: Vec<&Known<'_>> = self.library.known.iter().filter(|known| self.describes(known, claim, clause, &about)).collect();
        let right: Vec<&Known<'_>> = described.iter().copied().filter(|known| fits_value(known) && fits_unit(claim, known)).collect();
        if !right.is_empty() {
            return Ok(right.iter().map(|known| known.fact.name.clone()).collect());
        }
        if self.in_passages(claim) {
            return Ok(Vec::new());
        }
        let critical = |description: String, suggestion: String| Issue::new(Category::Accuracy, Severity::Critical, description, suggestion).at(place);
        if let Some(known) = described.iter().find(|known| fits_value(known)) {
            let unit = known.fact.unit.as_deref().unwrap_or("no unit");
            return Err(critical(format!("{shown} has the wrong unit"), format!("{} is given in {unit}", known.fact.name)));
        }
        if let Some(known) = described.iter().find(|known| same(claim, known, None) || same_size(claim, known)) {
            return Err(critical(format!("{shown} has the wrong direction"), format!("Say that {} is {}", known.fact.name, shown_fact(known))));
        }
        // Which fact was meant: of those described, the nearest one of the same kind.
        let distance = |known: &Known<'_>| (known.value.abs() - claim.value.abs()).abs();
        let kind = |known: &&&Known<'_>| known.is_percent() == (claim.shape == Shape::Percent);
        if let Some(meant) = described.iter().filter(kind).min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            let owner = self.library.known.iter().find(|known| same(claim, known, None) && fits_unit(claim, known));
            let whose = owner.map(|known| format!(" ({shown} is {})", known.fact.name)).unwrap_or_default();
            return Err(critical(
                format!("{shown} contradicts the data"),
                format!("{} is {}{whose}", meant.fact.name, shown_fact(meant)),
            ));
        }
        Err(critical(format!("{shown} is in none of the facts"), "Use only numbers that the facts give".to_owned()))
    }

    /// "line 7": a number that is part of a fact's name, behind the same word.
    fn reference(&self, claim: &Claim) -> Option<String> {
        let head = self.lower.get(..claim.place.start)?;
        let word = *words(head).last().filter(|word| head.get(word.end..).is_some_and(|gap| gap == " "))?;
        let phrase = format!("{} {}", word.text, claim.place.of(self.text));
        let known = self.library.known.iter().find(|known| has_phrase(&known.fact.name.to_ascii_lowercase(), &phrase))?;
        Some(known.fact.name.clone())
    }

    /// "doubled": some growth of that ratio must exist in the period named.
    fn judge_ratio(&self, claim: &Claim, about: &About, place: &str) -> Result<Vec<String>, Issue> {
        let factor = |known: &Known<'_>| 1.0 + known.value / 100.0;
        let right: Vec<&Known<'_>> = self
            .library
            .known
            .iter()
            .filter(|known| known.statistic == Statistic::Growth && (factor(known) - claim.value).abs() <= claim.tolerance)
            .filter(|known| self.fits_periods(known, &about.periods) && self.fits_subjects(known, &about.subjects, true))
            .collect();
        let stated = claims_of_value(&self.library.known, claim);
        if !right.is_empty() || !stated.is_empty() {
            return Ok(right.iter().map(|known| known.fact.name.clone()).chain(stated).collect());
        }
        let shown = claim.place.of(self.text);
        Err(Issue::new(Category::Accuracy, Severity::Critical, format!("no growth in the facts bears out {shown:?}"), "Give the growth as the facts have it").at(place))
    }

    /// Whether a fact is of the kind that the clause speaks of.
    fn describes(&self, known: &Known<'_>, claim: &Claim, clause: Stretch, about: &About) -> bool {
        let extreme = has_any(clause.of(&self.lower), &EXTREME);
        self.fits_subjects(known, &about.subjects, extreme)
            && (self.fits_periods(known, &about.periods) || (extreme && about.periods == Named::Nothing && known.periods.len() == 1))
            && self.fits_measure(known, claim, clause)
            && self.fits_statistic(known, claim, clause)
            && (claim.shape == Shape::Percent) == known.is_percent()
    }

    fn fits_subjects(&self, known: &Known<'_>, named: &Named, extreme: bool) -> bool {
        match named {
            Named::Firm(ids) => {
                let kinds: Vec<_> = ids.iter().filter_map(|id| self.library.subjects.get(*id)).map(|subject| &subject.kind).collect();
                ids.iter().all(|id| known.subjects.contains(id)) && known.subjects.iter().all(|id| ids.contains(id) || self.library.subjects.get(*id).is_some_and(|subject| !kinds.contains(&&subject.kind)))
                    // An outlier's fact names a row; what the row is about may be said beside it.
                    || known.statistic == Statistic::Outlier && known.subjects.is_empty()
            }
            Named::Loose(ids) => known.subjects.is_empty() || ids.iter().any(|id| known.subjects.contains(id)) || extreme,
            Named::Nothing => known.subjects.is_empty() || extreme,
        }
    }

    fn fits_periods(&self, known: &Known<'_>, named: &Named) -> bool {
        let span = |id: &usize| self.periods.get(*id).copied();
        let same_span = |found: &FoundPeriod, period: &Span| found.span == *period;
        let single = |found: FoundPeriod| match known.periods.as_slice() {
            [] => found.whole || (known.statistic == Statistic::Outlier),
            [period] => same_span(&found, period) || (known.statistic == Statistic::Outlier && found.span.covers(period)),
            [from, to] => same_span(&found, to) || (same_span(&found, from) && self.comes_after(found.place)) || (found.whole && from.joined(to).covers(&self.library.covers.unwrap_or(*from))),
            _ => false,
        };
        match named {
            Named::Firm(ids) => match ids.iter().filter_map(span).collect::<Vec<_>>().as_slice() {
                [one] => single(*one),
                [one, other] => {
                    let both = one.span.joined(&other.span);
                    known.periods.len() == 2 && known.periods.iter().any(|period| same_span(one, period)) && known.periods.iter().any(|period| same_span(other, period))
                        || known.periods.is_empty() && self.library.covers.is_some_and(|covers| both.covers(&covers))
                        || known.periods.len() == 1 && (single(*one) || single(*other))
                }
                _ => true,
            },
            Named::Loose(ids) => known.periods.is_empty() || ids.iter().filter_map(span).any(single),
            Named::Nothing => known.periods.is_empty() || known.periods.len() == 2 && self.is_overall(known),
        }
    }

    /// "after July", "from July on": the period named is where the change starts.
    fn comes_after(&self, place: Stretch) -> bool {
        let head = self.lower.get(..place.start).unwrap_or("").trim_end();
        ["after", "since", "from"].iter().any(|word| head.ends_with(word))
    }

    /// A change from the first to the last period, or the only one there is.
    fn is_overall(&self, known: &Known<'_>) -> bool {
        let (Some(covers), [from, to]) = (self.library.covers, known.periods.as_slice()) else { return false };
        from.joined(to).covers(&covers)
    }

    /// The measure named nearest to the number in its clause, else before it in its sentence, must be the fact's.
    fn fits_measure(&self, known: &Known<'_>, claim: &Claim, clause: Stretch) -> bool {
        let Some(measure) = known.measure else { return true };
        let (_, sentence) = self.sentence_of(claim.place.start);
        let before = Stretch {
            end: claim.place.start,
            ..sentence
        };
        let named = self.nearest_measure(claim, clause).or_else(|| self.nearest_measure(claim, before));
        named.is_none_or(|index| index == measure)
    }

    fn nearest_measure(&self, claim: &Claim, within: Stretch) -> Option<usize> {
        let body = within.of(&self.lower);
        let mut nearest: Option<(usize, usize)> = None;
        for (index, name) in self.library.measures.iter().enumerate() {
            let mut at = 0;
            while let Some(place) = find_phrase(body, name, at) {
                at = place.end.max(at + 1);
                let (start, end) = (within.start + place.start, within.start + place.end);
                // Right behind the number binds firmest; then the nearest before it; then any behind.
                let distance = if start >= claim.place.end {
                    let between = self.lower.get(claim.place.end..start).unwrap_or("");
                    if words(between).is_empty() { 0 } else { 1000 + start - claim.place.end }
                } else {
                    1 + claim.place.start.saturating_sub(end).min(990)
                };
                let length = |of: usize| self.library.measures.get(of).map_or(0, String::len);
                // A longer name at the same place is the better reading ("net revenue" over "revenue").
                if nearest.is_none_or(|(best, of)| distance < best || (distance == best && name.len() > length(of))) {
                    nearest = Some((distance, index));
                }
            }
        }
        nearest.map(|(_, index)| index)
    }

    fn fits_statistic(&self, known: &Known<'_>, claim: &Claim, clause: Stretch) -> bool {
        let body = clause.of(&self.lower);
        let head = self.lower.get(clause.start..claim.place.start).unwrap_or("");
        // What was said after the number before belongs to this one.
        let after_last = self.claims.iter().filter(|other| clause.holds(other.place.start) && other.place.end <= claim.place.start).map(|other| other.place.end).max();
        let near = after_last.and_then(|end| self.lower.get(end..claim.place.start)).unwrap_or(head);
        let behind = self.lower.get(claim.place.end..clause.end).unwrap_or("");
        let mean = has_any(near, &MEAN);
        let median = has_any(near, &MEDIAN);
        let total = has_any(near, &TOTAL);
        let siblings = |statistic: Statistic| self.library.known.iter().any(|other| other.statistic == statistic && other.measure == known.measure && other.subjects == known.subjects && other.periods == known.periods);
        match known.statistic {
            Statistic::Mean => mean || (!median && !total && !siblings(Statistic::Total)),
            Statistic::Median => median,
            Statistic::Total => !mean && !median && !(has_any(near, &MISSING) || starts_with_any(behind, &ROWS)),
            Statistic::Rows => self.library.measures.is_empty() || has_any(body, &ROWS),
            Statistic::Missing => has_any(body, &MISSING),
            Statistic::Least | Statistic::Greatest => has_any(self.sentence_of(claim.place.start).1.of(&self.lower), &EXTREME),
            Statistic::Outlier => has_any(self.sentence_of(claim.place.start).1.of(&self.lower), &UNUSUAL),
            Statistic::Share => !has_any(near, &CHANGING),
            Statistic::Growth | Statistic::Change | Statistic::Other => true,
        }
    }

    /// Whether a source text has the number, in a sentence that shares a word with the claim's.
    fn in_passages(&self, claim: &Claim) -> bool {
        let (_, sentence) = self.sentence_of(claim.place.start);
        let about: BTreeSet<String> = content_stems(sentence.of(self.text)).into_iter().collect();
        self.passages.iter().any(|passage| {
            sentences(passage).iter().any(|stretch| {
                let said = stretch.of(passage);
                claims(said, &[]).iter().any(|source| source.shape_class() == claim.shape_class() && (source.value - claim.value).abs() <= claim.tolerance * (1.0 + 1e-9))
                    && content_stems(said).iter().any(|stem| about.contains(stem))
            })
        })
    }

    /// Periods that the data does not have.
    fn astray(&self, evidence: &Evidence) -> Vec<Issue> {
        if self.library.covers.is_none() {
            return Vec::new();
        }
        let asked: Vec<_> = mentions(&evidence.goal).into_iter().map(|mention| mention.named).collect();
        let (_, astray) = self.library.periods_in(self.text);
        astray
            .into_iter()
            .filter(|mention| !self.subjects.iter().any(|found| found.place.holds(mention.start)) && !asked.contains(&mention.named))
            .filter(|mention| !evidence.passages.iter().any(|passage| mentions(passage).iter().any(|other| other.named == mention.named)))
            .map(|mention| {
                let shown = place_of(&mention).of(self.text);
                let covers = self.library.covers.map(|covers| covers.to_string()).unwrap_or_default();
                Issue::new(Category::Accuracy, Severity::Critical, format!("the data has no {shown}"), format!("It covers {covers}"))
                    .at(self.sentence_of(mention.start).1.of(self.text).trim())
            })
            .collect()
    }
}

impl Claim {
    /// Percentages, and everything else.
    fn shape_class(&self) -> bool {
        self.shape == Shape::Percent
    }
}

const TOTAL: [&str; 9] = ["total", "totalled", "totaled", "totals", "overall", "sum", "altogether", "combined", "all"];
const MEAN: [&str; 6] = ["average", "averaged", "averages", "mean", "averaging", "typical"];
const MEDIAN: [&str; 3] = ["median", "middle", "typical"];
const ROWS: [&str; 14] = [
    "row", "rows", "record", "records", "entries", "entry", "orders", "transactions", "observations", "lines", "items", "count", "counted", "values",
];
const MISSING: [&str; 7] = ["missing", "empty", "blank", "without", "absent", "lack", "lacks"];
const EXTREME: [&str; 26] = [
    "highest", "lowest", "best", "worst", "top", "largest", "smallest", "biggest", "strongest", "weakest", "leading", "led", "peak", "peaked", "maximum",
    "minimum", "max", "min", "most", "least", "greatest", "ranged", "ranges", "ranging", "between", "bottom",
];
const UNUSUAL: [&str; 16] = [
    "outlier", "outliers", "unusual", "unusually", "stands", "stood", "exception", "exceptional", "anomaly", "anomalous", "extreme", "spike", "single", "row", "far", "apart",
];
const CHANGING: [&str; 12] = ["rose", "grew", "fell", "dropped", "declined", "increased", "decreased", "gained", "climbed", "growth", "decline", "shrank"];

pub(super) fn has_any(text: &str, list: &[&str]) -> bool {
    words(text).iter().any(|word| list.contains(&word.lower().as_str()))
}

fn starts_with_any(text: &str, list: &[&str]) -> bool {
    words(text).first().is_some_and(|word| list.contains(&word.lower().as_str()))
}

fn within(claim: &Claim, value: f64) -> bool {
    // The slack takes up what binary fractions lose at exactly half a place.
    (claim.value - value).abs() <= claim.tolerance * (1.0 + 1e-6) + value.abs() * 1e-12
}

/// Whether value (and, for changes, sign) agree. A direction word gives an unsigned change its sign.
fn same(claim: &Claim, known: &Known<'_>, direction: Option<Direction>) -> bool {
    let moves = matches!(known.statistic, Statistic::Growth | Statistic::Change);
    match direction {
        Some(direction) if moves && !claim.signed => {
            let signed = Claim {
                value: claim.value.abs() * direction.sign(),
                ..claim.clone()
            };
            within(&signed, known.value)
        }
        // "a change of -12 %, that is down": a sign and a word must agree.
        Some(direction) if moves => within(claim, known.value) && (known.value == 0.0 || direction.sign() == known.value.signum() || claim.value.signum() != direction.sign()),
        _ => within(claim, known.value),
    }
}

fn same_size(claim: &Claim, known: &Known<'_>) -> bool {
    matches!(known.statistic, Statistic::Growth | Statistic::Change)
        && within(
            &Claim {
                value: claim.value.abs(),
                ..claim.clone()
            },
            known.value.abs(),
        )
}

fn fits_unit(claim: &Claim, known: &Known<'_>) -> bool {
    let unit = known.fact.unit.as_deref().unwrap_or("");
    match &claim.shape {
        Shape::Plain | Shape::Ratio | Shape::Percent => true,
        Shape::Currency(said) => canonical(said) == canonical(unit),
        Shape::Unit(said) => canonical(said) == canonical(unit) || has_phrase(&known.fact.name.to_lowercase(), &said.to_lowercase()),
    }
}

fn canonical(unit: &str) -> String {
    let lower = unit.trim().to_lowercase();
    let name = match lower.as_str() {
        "$" | "us$" | "dollar" | "dollars" => "usd",
        "€" | "euro" | "euros" => "eur",
        "£" | "pound" | "pounds" => "gbp",
        "¥" => "jpy",
        "₹" => "inr",
        "hour" | "hours" => "h",
        "second" | "seconds" => "s",
        "litres" | "liters" => "l",
        "metres" | "meters" => "m",
        "miles" => "mi",
        "tons" | "tonnes" => "t",
        "lbs" => "lb",
        "celsius" => "°c",
        "fahrenheit" => "°f",
        other => other,
    };
    name.to_owned()
}

fn claims_of_value(known: &[Known<'_>], claim: &Claim) -> Vec<String> {
    known
        .iter()
        .filter(|known| known.statistic == Statistic::Other && known.fact.name.contains("ratio") && within(claim, known.value))
        .map(|known| known.fact.name.clone())
        .collect()
}

fn shown_fact(known: &Known<'_>) -> String {
    readable(known.value, known.fact.unit.as_deref())
}

/// The text in lower case with the subjects' names blanked, so that a product called "Total" says nothing of a statistic.
fn without(text: &str, subjects: &[FoundSubject]) -> String {
    let mut bytes = text.to_ascii_lowercase().into_bytes();
    for found in subjects {
        // A name's bytes become spaces: offsets stay, and whole characters go, so it stays text.
        if let Some(name) = bytes.get_mut(found.place.start..found.place.end) {
            name.fill(b' ');
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_ascii_lowercase())
}

/// Code spans, link targets and image sources hold no claims.
fn code(text: &str) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('`', None) => open = Some(at),
            ('`', Some(start)) => {
                out.push(Stretch { start, end: at + 1 });
                open = None;
            }
            ('\n', Some(_)) if !text.get(at..).is_some_and(|rest| rest.contains("```")) => open = None,
            _ => {}
        }
    }
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("](")) {
        let start = at + found + 1;
        let end = text.get(start..).and_then(|rest| rest.find([')', '\n'])).map_or(text.len(), |len| start + len);
        out.push(Stretch { start, end });
        at = start + 1;
    }
    out
}
