//! Each figure with its subject, statistic, unit and period has a source: a signed fact, a cell, a figure over rows, a document's words.

use std::collections::HashSet;

use aios_work::{Category, Issue, Severity};

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::moment::{Moment, MomentAt};
use crate::paper::weekdays;
use crate::reading::{Claim, Reading};
use crate::text::Text;

pub(crate) struct Numbers;

impl Look for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let claims: Vec<&Claim> = reading
            .claims
            .iter()
            .filter(|claim| !claim.casual || !claim.found.is_empty())
            .collect();
        if reading.ground.is_bare() {
            let left = claims
                .iter()
                .filter(|claim| claim.found.is_empty() && !claim.casual)
                .count();
            return match (left, reading.ground.unread.first()) {
                (_, Some(why)) => Finding::unable(why.clone()),
                (0, None) => Finding::default(),
                (_, None) => Finding::unable(
                    "there is no source to compare the figures with; give one with the goal",
                ),
            };
        }
        let mut finding = Finding {
            claims: claims.len(),
            ..Finding::default()
        };
        let spent = reading.ground.grids.iter().any(crate::grid::Grid::is_spent);
        for claim in claims {
            if spent && claim.found.is_empty() && claim.against.is_none() {
                finding.unable =
                    Some("the table is too large to look for every figure in it".to_owned());
            } else if claim.found.is_empty() || claim.against.is_some() {
                finding.issues.push(wrong(reading, claim));
            } else {
                finding.supported += 1;
            }
        }
        moments(reading, &mut finding);
        unknown(reading, &mut finding);
        finding
    }
}

/// "T-4191" where every ticket is called so and none has this number: a name of nothing.
fn unknown(reading: &Reading<'_>, finding: &mut Finding) {
    let ground = reading.ground;
    let shapes: Vec<(&str, &std::collections::HashSet<String>)> = ground
        .grids
        .iter()
        .flat_map(|grid| &grid.columns)
        .filter_map(|column| column.numbered.as_ref())
        .map(|(head, all)| (head.as_str(), all))
        .collect();
    if shapes.is_empty() {
        return;
    }
    for piece in reading.said() {
        let raw = reading.texts[piece].raw.as_str();
        let words = raw.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '/'));
        for word in words.filter(|word| word.ends_with(|c: char| c.is_ascii_digit())) {
            let head = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let mut alike = shapes.iter().filter(|(own, _)| *own == head).peekable();
            if alike.peek().is_none()
                || alike.any(|(_, all)| all.contains(word))
                || ground.goal.contains(word)
            {
                continue;
            }
            finding.issues.push(at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                format!("no source has {word}"),
                "Name what the source has",
            ));
        }
    }
}

/// Days and times that an answer names about documents stand in one of them, or in the goal.
fn moments(reading: &Reading<'_>, finding: &mut Finding) {
    let ground = reading.ground;
    if !ground.grids.is_empty() || ground.papers.is_empty() {
        return;
    }
    let clocks: std::collections::HashSet<u16> = ground
        .papers
        .iter()
        .flat_map(|paper| &paper.sentences)
        .flat_map(|sentence| sentence.clocks.iter().map(|(_, minute)| *minute))
        .collect();
    let known: Vec<_> = ground
        .papers
        .iter()
        .flat_map(|paper| &paper.sentences)
        .flat_map(|sentence| &sentence.text.moments)
        .chain(&ground.asked.text.moments)
        .map(|found| found.moment)
        .collect();
    // "In June and July" of what is so in July and August.
    let dated = ground
        .papers
        .iter()
        .flat_map(|paper| &paper.sentences)
        .map(|sentence| &sentence.text)
        .filter(|text| {
            text.moments
                .iter()
                .any(|found| found.moment.month.is_some())
        });
    let lasting: Vec<&Text> = dated
        .filter(|text| {
            let mut units = text
                .numbers
                .iter()
                .filter_map(|number| number.unit.as_ref());
            units.any(crate::of_it::timed)
        })
        .collect();
    let months: Vec<Option<u8>> = known.iter().map(|moment| moment.month).collect();
    for piece in reading.said() {
        let text = &reading.texts[piece];
        for found in &text.moments {
            let month = found.moment.month.filter(|_| found.moment.day.is_none());
            // What begins in November and lasts six months ends in April.
            let lasts = lasting.iter().any(|source| {
                let mut stems = source.stems.iter();
                stems.any(|(_, stem)| text.stems.iter().any(|(_, own)| own == stem))
            });
            let foreign = month.is_some() && !months.contains(&month) && !lasts;
            // The months of winter are told by their first and last, whatever those of summer are called.
            let ranged = text.moments.len() > 1
                && text.has(aios_languages::Sense::From)
                && text.has(aios_languages::Sense::To);
            let foreign = foreign && !ranged;
            if foreign && months.iter().any(Option::is_some) {
                finding.claims += 1;
                let shown = text.raw.get(found.start..found.end).unwrap_or("");
                finding.issues.push(at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    format!("no source has the date or time {shown}"),
                    "Use only dates and times that the sources give",
                ));
                continue;
            }
            // A weekday alone is a name; a month may be told of a day.
            if found.moment.minute.is_none()
                && found.moment.day.is_none()
                && found.moment.year.is_none()
            {
                continue;
            }
            finding.claims += 1;
            let told = found.moment.minute.filter(|_| found.moment.day.is_none());
            // A time of day that the source gives of other days only is none of these.
            let clause = text.clause(found.start);
            let days = weekdays(text, |place| text.clause(place) == clause);
            let elsewhere = told.is_some_and(|minute| {
                !days.is_empty() && {
                    let sentences = ground.papers.iter().flat_map(|paper| &paper.sentences);
                    let mut of = sentences
                        .flat_map(|sentence| {
                            let here = sentence
                                .clocks
                                .iter()
                                .filter(move |(_, own)| *own == minute);
                            here.map(move |(place, _)| sentence.days_at(*place))
                        })
                        .peekable();
                    of.peek().is_some()
                        && of.all(|theirs| !theirs.is_empty() && theirs.is_disjoint(&days))
                }
            });
            if told.is_some_and(|minute| {
                !clocks.contains(&minute) && crate::hours::follows(reading, piece, minute)
            }) {
                finding.supported += 1;
                continue;
            }
            let there = !elsewhere && told.is_some_and(|minute| clocks.contains(&minute))
                || known.iter().any(|moment| {
                    found.moment.holds(moment)
                        || moment.holds(&found.moment)
                            && found.moment.minute == moment.minute
                            && moment.day == found.moment.day
                });
            if let (true, Some(other)) = (
                there && !elsewhere,
                belongs_elsewhere(reading, piece, found)
                    .or_else(|| exchanged(reading, piece, found)),
            ) {
                let mut issue = at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    format!(
                        "{} is not what the source says here",
                        text.raw.get(found.start..found.end).unwrap_or("")
                    ),
                    "State what the source says of this",
                );
                issue.evidence = Some(other);
                finding.issues.push(issue);
                continue;
            }
            if there && !elsewhere {
                finding.supported += 1;
                continue;
            }
            let shown = text.raw.get(found.start..found.end).unwrap_or("");
            finding.issues.push(at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                format!("no source has the date or time {shown}"),
                "Use only dates and times that the sources give",
            ));
        }
    }
}

/// "It must arrive by 30 April" where one clause of a sentence says so of 15 February, and another one says 30 April of something else: the
/// sentence that has both, if the words of the answer's clause are those of the other one alone.
fn exchanged(reading: &Reading<'_>, piece: usize, found: &MomentAt) -> Option<String> {
    let text = &reading.texts[piece];
    let clause = text.clause(found.start);
    let mut beside = text.moments.iter();
    if beside.any(|other| other.start != found.start && text.clause(other.start) == clause) {
        return None;
    }
    let words = |text: &Text, clause: usize| -> HashSet<String> {
        let outside = |place: usize| {
            let mut moments = text.moments.iter();
            !moments.any(|own| own.start <= place && place < own.end)
        };
        let here = text.stems.iter().filter(|(word, _)| {
            let place = text.words[*word].start;
            text.clause(place) == clause && outside(place)
        });
        here.map(|(_, stem)| stem.clone()).collect()
    };
    let said = words(text, clause);
    for paper in reading.ground.papers.iter() {
        let held = |sentence: &&crate::paper::Sentence| {
            let mut moments = sentence.text.moments.iter();
            moments.any(|own| own.moment == found.moment)
        };
        let mut holders = paper.sentences.iter().enumerate();
        let mut held = holders.by_ref().filter(|(_, sentence)| held(sentence));
        let (Some((at, sentence)), None) = (held.next(), held.next()) else {
            continue;
        };
        let source = &sentence.text;
        let own = source
            .moments
            .iter()
            .find(|own| own.moment == found.moment)?;
        let ours = words(source, source.clause(own.start));
        let fits =
            |words: &HashSet<String>| said.iter().filter(|stem| words.contains(*stem)).count();
        let other = source.moments.iter().any(|other| {
            let theirs = source.clause(other.start);
            theirs != source.clause(own.start) && fits(&words(source, theirs)) > 0
        });
        if other && fits(&ours) == 0 {
            return Some(paper.quoted(at));
        }
    }
    None
}

/// Whether a sentence names several days or times.
fn text_has_more(reading: &Reading<'_>, piece: usize) -> bool {
    reading.texts[piece].moments.len() > 1
}

/// The sentence that names another day or time for what is said, if it fits the words much better than those that name this one.
fn belongs_elsewhere(reading: &Reading<'_>, piece: usize, found: &MomentAt) -> Option<String> {
    let [paper] = reading.ground.papers.as_slice() else {
        return None;
    };
    let kind = |moment: &Moment| (moment.day.is_some(), moment.minute.is_some());
    let own = kind(&found.moment);
    // A letter names the days of what it answers in words of its own.
    let letter = reading
        .ground
        .asked
        .text
        .has(aios_languages::Sense::FormLetter);
    let beside_others = text_has_more(reading, piece);
    if own == (false, false) || (letter && !beside_others) {
        return None;
    }
    let names = |at: usize| {
        let sentence = &paper.sentences[at];
        let days = sentence.text.moments.iter().map(|found| found.moment);
        let clocks = sentence.clocks.iter().map(|(_, minute)| Moment {
            minute: Some(*minute),
            ..Moment::default()
        });
        days.chain(clocks).collect::<Vec<Moment>>()
    };
    let is = |moment: &Moment| match own.0 {
        true => {
            moment.day == found.moment.day
                && (moment.month == found.moment.month || found.moment.month.is_none())
        }
        false => moment.minute == found.moment.minute,
    };
    let text = &reading.texts[piece];
    // "From 02:40 to 05:15": begin and end may stand in sentences of their own.
    let spanned = text.moments.windows(2).any(|two| {
        let ends = two[0].moment.minute.zip(two[1].moment.minute);
        let here = two.iter().any(|own| own.start == found.start);
        let asked = &reading.ground.asked.text;
        here && ends.is_some_and(|(from, to)| crate::hours::is_span(paper, asked, from, to))
    });
    if spanned {
        return None;
    }
    let clause = text.clause(found.start);
    let stems = |within: &dyn Fn(usize) -> bool| -> HashSet<String> {
        let all = text.stems.iter();
        let here = all.filter(|(word, _)| within(text.words[*word].start));
        here.map(|(_, stem)| stem.clone()).collect()
    };
    let outside = |place: usize| {
        let mut moments = text.moments.iter();
        !moments.any(|own| own.start <= place && place < own.end)
    };
    let near = stems(&|place| outside(place) && text.clause(place) == clause);
    let mut all = stems(&outside);
    for label in reading.labels(piece) {
        all.extend(label.stems.iter().map(|(_, stem)| stem.clone()));
    }
    let goal: HashSet<String> = reading
        .ground
        .asked
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem.clone())
        .collect();
    let beside: Vec<Moment> = text
        .moments
        .iter()
        .filter(|other| other.start != found.start)
        .map(|other| other.moment)
        .collect();
    let weight = |at: usize| {
        let sentence = &paper.sentences[at];
        let told = names(at);
        // What is told with it stands there too.
        let shared = beside.iter().filter(|other| told.contains(other)).count() as f64;
        paper.overlap(sentence, &near) * 2.0
            + paper.overlap(sentence, &all)
            + paper.overlap(sentence, &goal) * 0.7
            + shared * 2.0
    };
    let (mut held, mut rival): (Option<f64>, Option<(usize, f64)>) = (None, None);
    for at in 0..paper.sentences.len() {
        let told = names(at);
        if told.iter().any(is) {
            held = Some(held.unwrap_or(0.0).max(weight(at)));
        } else if told.iter().any(|moment| kind(moment) == own)
            && rival.is_none_or(|(_, best)| weight(at) > best)
        {
            rival = Some((at, weight(at)));
        }
    }
    let ((at, fits), held) = (rival?, held?);
    (fits > held * 1.6 + 1.0).then(|| paper.quoted(at))
}

fn wrong(reading: &Reading<'_>, claim: &Claim) -> Issue {
    let shown = reading.shown(claim);
    if let Some(against) = &claim.against {
        let mut issue = at(
            reading,
            claim.piece,
            Category::Accuracy,
            Severity::Critical,
            format!("{shown} is not what the source says here"),
            "State what the source says of this",
        );
        issue.evidence = Some(against.clone());
        return issue;
    }
    let mut issue = at(
        reading,
        claim.piece,
        Category::Accuracy,
        Severity::Critical,
        format!("{shown} follows from nothing that is known"),
        "Use only figures that the sources give or that follow from them",
    );
    // The nearest figure of the description is most likely the one that was meant.
    let value = reading.number(claim).value().abs();
    let nearest = claim.instead.iter().min_by(|a, b| {
        (a.1.abs() - value)
            .abs()
            .total_cmp(&(b.1.abs() - value).abs())
    });
    issue.evidence = nearest.map(|(what, value)| format!("{what}: {}", readable(*value)));
    issue
}

/// A value as people read it: at most six digits behind the point.
fn readable(value: f64) -> String {
    let shown = format!("{value:.6}");
    match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => shown,
    }
}
