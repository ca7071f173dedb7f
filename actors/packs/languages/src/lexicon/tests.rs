//! Every language can be read, and its words mean what they should.

use super::*;

#[test]
fn every_language_that_is_shipped_can_be_read() {
    for file in [
        include_str!("../../words/english.toml"),
        include_str!("../../words/german.toml"),
        include_str!("../../words/french.toml"),
        include_str!("../../words/spanish.toml"),
    ] {
        let lexicon = Lexicon::read(file).unwrap();
        assert!(!lexicon.code.is_empty());
    }
    assert_eq!(lexicons().len(), 4);
}

#[test]
fn words_have_the_meanings_of_their_language() {
    let rows = [
        ("en", "the highest reading", Tag::Sense(Sense::Highest)),
        ("en", "prices climbed", Tag::Sense(Sense::Up)),
        ("en", "twenty of them", Tag::Number(20.0)),
        ("en", "working days", Tag::Unit(UnitName::Day)),
        ("de", "am schwächsten war Kassel", Tag::Sense(Sense::Lowest)),
        ("de", "im März", Tag::Month(3)),
        ("de", "drei Millionen", Tag::Scale(1e6)),
        (
            "fr",
            "la température la plus élevée",
            Tag::Sense(Sense::Highest),
        ),
        ("fr", "en août", Tag::Month(8)),
        ("es", "el promedio", Tag::Sense(Sense::Mean)),
        ("es", "por debajo de", Tag::Sense(Sense::Below)),
    ];
    for (code, text, wanted) in rows {
        let tags = lexicon(code).unwrap().tags(&folded(text));
        assert!(
            tags.iter().any(|found| found.tag == wanted),
            "{text}: {tags:?}"
        );
    }
}

#[test]
fn a_concept_is_the_same_in_every_language() {
    let concept = |code: &str, text: &str| {
        let tags = lexicon(code).unwrap().tags(&folded(text));
        tags.iter().find_map(|found| match found.tag {
            Tag::Concept(number) => Some(number),
            _ => None,
        })
    };
    let turnover = concept("en", "turnover");
    assert!(turnover.is_some());
    assert_eq!(turnover, concept("de", "Umsatz"));
    assert_eq!(turnover, concept("fr", "chiffre d'affaires"));
    assert_eq!(turnover, concept("es", "facturación"));
}

#[test]
fn a_text_tells_its_language() {
    let rows = [
        ("How long is the warranty?", Some("en")),
        (
            "Wie lange gilt die Garantie und wer zahlt den Versand?",
            Some("de"),
        ),
        ("Quelle est la durée de la garantie ?", Some("fr")),
        (
            "¿Cuánto dura la garantía y quién paga el envío?",
            Some("es"),
        ),
        ("12 34", None),
    ];
    for (text, code) in rows {
        assert_eq!(language_of(text), code, "{text}");
    }
}
