//! Whether two words are of one family: "germination" and "germinated", "climbed" and "climbs", "ran" and "run".
//!
//! It is for what nothing else answers to: a word of a goal and a word of a heading that share a stem. What it finds is weaker than a name,
//! and whoever uses it says so.

use aios_languages::{Asking, all_asks, folded};
use aios_work::Grain;

use super::period::grain_of;
use super::words::canon;

/// What may stand behind a shared stem, as [`canon`] leaves it.
const ENDINGS: &[&str] = &[
    "", "e", "s", "es", "ed", "d", "ing", "er", "or", "io", "atio", "ated", "at", "ating", "ator",
    "itio", "al", "anc", "enc", "ant", "ent", "ment", "ag", "i", "ied", "ier", "iti", "ur", "atur",
    "sed", "c", "sing", "cing", "r", "t", "th", "abl", "ful", "li", "ist", "ism", "ship", "ung",
    "et", "st", "ier", "ert", "iert", "ada", "ado", "ida", "ido", "ar", "ir", "ante", "eur", "eus",
    "a", "o", "as", "os", "ee", "iv", "ic", "ical", "y", "eli", "itor", "isatio", "izatio",
    "ified",
];

/// Forms that share no stem with what they are forms of.
const IRREGULAR: &[(&str, &str)] = &[
    ("ran", "run"),
    ("sold", "sell"),
    ("bought", "buy"),
    ("paid", "pay"),
    ("payment", "pay"),
    ("payments", "pay"),
    ("borrowed", "loan"),
    ("borrow", "loan"),
    ("borrows", "loan"),
    ("author", "write"),
    ("owns", "own"),
    ("owner", "own"),
    ("owners", "own"),
    ("owned", "own"),
    ("buyer", "buy"),
    ("buyers", "buy"),
    ("spent", "spend"),
    ("drove", "drive"),
    ("driven", "drive"),
    ("flew", "fly"),
    ("flown", "fly"),
    ("flight", "fly"),
    ("rode", "ride"),
    ("swam", "swim"),
    ("won", "win"),
    ("lost", "loss"),
    ("lose", "loss"),
    ("caught", "catch"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("growth", "grow"),
    ("wrote", "write"),
    ("sent", "send"),
    ("production", "produce"),
    ("consumption", "consume"),
    ("reduction", "reduce"),
    ("reception", "receive"),
    ("eingetreten", "eintritt"),
    ("ausgetreten", "austritt"),
    ("beigetreten", "beitritt"),
    ("angemeldet", "anmeldung"),
    ("begonnen", "beginn"),
    ("geboren", "geburt"),
    ("lent", "lend"),
    ("slept", "sleep"),
    ("weighed", "weight"),
    ("weigh", "weight"),
    ("laid", "lay"),
    ("born", "birth"),
    ("died", "death"),
    ("fell", "fall"),
    ("turned", "attend"),
    ("showed", "attend"),
];

/// Short forms that headings have, beside those that only leave letters out.
const SHORT: &[(&str, &str)] = &[
    ("hc", "headcount"),
    ("ot", "overtime"),
    ("hr", "hour"),
    ("yr", "year"),
    ("mo", "month"),
    ("wk", "week"),
    ("wt", "weight"),
    ("ht", "height"),
    ("amt", "amount"),
    ("avg", "average"),
    ("occ", "occupancy"),
    ("occ", "occupied"),
    ("temp", "temperature"),
    ("dist", "distance"),
    ("exp", "expense"),
    ("rev", "revenue"),
    ("vol", "volume"),
    ("pop", "population"),
    ("ppl", "people"),
    ("adm", "admission"),
    ("disch", "discharge"),
    ("emp", "employee"),
    ("cust", "customer"),
    ("inv", "inventory"),
    ("ret", "return"),
    ("del", "delivery"),
    ("sat", "satisfaction"),
    ("util", "utilisation"),
    ("util", "utilization"),
    ("resp", "response"),
    ("ext", "extension"),
    ("tel", "telephone"),
    ("desc", "description"),
    ("cat", "category"),
    ("ref", "reference"),
    ("addr", "address"),
    ("loc", "location"),
    ("alt", "altitude"),
    ("lat", "latitude"),
    ("reg", "region"),
    ("freq", "frequency"),
    ("std", "stunde"),
    ("anz", "anzahl"),
    ("ums", "umsatz"),
];

/// Whether a word of a heading, as [`canon`] leaves it, is a short form of a word of a goal, folded: `qty`, `hrs`, `dept`.
pub(super) fn abbreviates(short: &str, long: &str) -> bool {
    let stem = canon(long);
    let bare = short.strip_suffix('s').unwrap_or(short);
    let known = |one: &str| {
        SHORT
            .iter()
            .any(|(known, word)| *known == one && canon(word) == stem)
    };
    if known(short) || known(bare) {
        return true;
    }
    // Without its vowels: at least three letters, in order, from the first to the last.
    let letters: Vec<char> = bare.chars().collect();
    let vowel = |c: &char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u');
    let (Some(first), Some(last)) = (letters.first(), letters.last()) else {
        return false;
    };
    let ends = stem.trim_end_matches(['s', 'e', 'n', 'i', 'y']);
    let mut all = long.chars();
    letters.len() >= 3
        && long.chars().count() >= letters.len() + 2
        && !letters.iter().skip(1).any(vowel)
        && long.starts_with(*first)
        && (ends.ends_with(*last) || *last == 'y' && long.ends_with('y'))
        && letters.iter().all(|letter| all.any(|c| c == *letter))
}

/// What a word is a form of, as [`canon`] leaves it.
fn base(word: &str) -> String {
    let known = IRREGULAR.iter().find(|(form, _)| *form == word);
    known.map_or_else(|| canon(word), |(_, base)| canon(base))
}

/// Whether two words, folded, are known forms of one: "paid", "payment".
pub(super) fn same_root(one: &str, other: &str) -> bool {
    one != other && base(one) == base(other)
}

/// Whether two words, folded, are of one family and not the same.
pub(super) fn kin(one: &str, other: &str) -> bool {
    let (one, other) = (base(one), base(other));
    if one == other || cognate(&one) == cognate(&other) && one.chars().count() >= 5 {
        return true;
    }
    if one.bytes().chain(other.bytes()).any(|b| b.is_ascii_digit()) {
        return false;
    }
    let shared: usize = one
        .chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let letters = one.get(..shared).map_or(0, |stem| stem.chars().count());
    let last = one.get(..shared).and_then(|stem| stem.chars().last());
    let rest = |word: &str| {
        let rest = word.get(shared..).unwrap_or_default();
        // "shipped": a doubled letter is of the spelling, not of the stem.
        let doubled = last.is_some_and(|last| rest.starts_with(last) && rest.len() > 1);
        let rest = if doubled {
            rest.chars().skip(1).collect()
        } else {
            rest.to_owned()
        };
        ENDINGS.contains(&rest.as_str()).then_some(rest)
    };
    let (Some(a), Some(b)) = (rest(&one), rest(&other)) else {
        return false;
    };
    let verb = |rest: &str| matches!(rest, "ed" | "ing" | "er");
    let forms = |rest: &str| matches!(rest, "ed" | "ing");
    letters >= 3 && forms(&a) && forms(&b)
        || letters >= 5
        || (letters == 4 && (verb(&a) || verb(&b)) && a != "io" && b != "io")
}

/// A word as languages of one script share it: `Konzert` and `concert`, `Kategorie` and `category`.
fn cognate(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.replace("ph", "f").replace("th", "t").chars() {
        let c = match c {
            'k' | 'z' => 'c',
            'y' => 'i',
            other => other,
        };
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// Whether one word is another with something before it, as German writes: `gesamtumsatz`, `umsatz`.
pub(super) fn compound(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() > other.len() {
        (one, other)
    } else {
        (other, one)
    };
    short.chars().count() >= 5 && long.len() >= short.len() + 3 && long.ends_with(short)
}

/// The period that stands before a word in one with it, as German writes: `monatsmiete`.
pub(super) fn period_before(long: &str, word: &str) -> Option<Grain> {
    let before = long.strip_suffix(word)?;
    let bare = [
        before,
        before.trim_end_matches('s'),
        before.trim_end_matches('n'),
    ];
    bare.into_iter()
        .filter(|bare| bare.len() >= 3)
        .find_map(|bare| {
            let words = folded(bare);
            let found = all_asks().iter().flat_map(|asks| asks.find(&words));
            found
                .filter_map(|asked| match asked.asking {
                    Asking::Ask(ask) => grain_of(ask),
                    _ => None,
                })
                .next()
        })
}

/// "the fill weight" of `filling.csv`: two forms of an English verb.
pub(super) fn same_verb(one: &str, other: &str) -> bool {
    let bare = |word: &str| {
        let stem = word.strip_suffix("ing").or(word.strip_suffix("ed"));
        stem.unwrap_or(word).trim_end_matches('e').to_owned()
    };
    let (stem, known) = (bare(one), bare(other));
    stem == known && stem.len() >= 4
}

/// Whether a word is the plain form of what a value says was done: "did not finish" of `Finished`.
pub(crate) fn did(word: &str, done: &str) -> bool {
    // "permit" of `permitted`: the last letter is doubled.
    let doubled = done.strip_suffix("ed").is_some_and(|stem| {
        let last = word.chars().last();
        last.is_some_and(|last| stem.strip_suffix(last) == Some(word)) && word.len() >= 3
    });
    let regular =
        done.ends_with("ed") && (same_verb(word, done) || doubled) && !word.ends_with("ed");
    word != done && (regular || !word.ends_with('s') && same_root(word, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_known_and_other_words_are_none() {
        for (short, long) in [
            ("qty", "quantity"),
            ("hrs", "hours"),
            ("ot", "overtime"),
            ("hc", "headcount"),
            ("amt", "amounts"),
            ("mgr", "manager"),
            ("pct", "percent"),
        ] {
            assert!(abbreviates(short, long), "{short} {long}");
        }
        for (short, long) in [
            ("cost", "costume"),
            ("kg", "king"),
            ("st", "street"),
            ("net", "network"),
            ("day", "delivery"),
        ] {
            assert!(!abbreviates(short, long), "{short} {long}");
        }
    }

    #[test]
    fn words_of_one_family_meet_and_others_do_not() {
        for (one, other) in [
            ("germination", "germinated"),
            ("vaccinations", "vaccinated"),
            ("practised", "practice"),
            ("ran", "run"),
            ("climbed", "climbs"),
            ("shipped", "shipping"),
            ("signed", "signatures"),
            ("remotely", "remote"),
            ("attended", "attendance"),
            ("concert", "konzert"),
        ] {
            assert!(kin(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("price", "prize"),
            ("port", "portion"),
            ("store", "story"),
            ("cost", "costume"),
            ("sales", "salary"),
            ("country", "county"),
            ("product", "profit"),
        ] {
            assert!(!kin(one, other), "{one} {other}");
        }
    }
}
