//! Whether what was remembered can answer a question.

use std::collections::BTreeSet;

use aios_languages::english::prose::content_stems;

/// Whether one of the passages speaks of what a question asks: it has two thirds of the words that carry the question's meaning.
pub(crate) fn is_about(question: &str, passages: &[String]) -> bool {
    let asked: BTreeSet<String> = content_stems(question).into_iter().collect();
    let about = |passage: &String| {
        let said: BTreeSet<String> = content_stems(passage).into_iter().collect();
        asked.intersection(&said).count() * 3 >= asked.len() * 2
    };
    !asked.is_empty() && passages.iter().any(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_from_passages_that_speak_of_it_alone() {
        let passages =
            ["Analyze the sales of the third quarter: revenue grew in the North.".to_owned()];
        let rows = [
            ("How did revenue in the North grow?", true),
            ("Which quarter had the sales?", true),
            ("Plan the release of version 2", false),
            ("Who wrote Faust?", false),
            ("", false),
            ("of the in", false),
        ];
        for (question, expected) in rows {
            assert_eq!(is_about(question, &passages), expected, "{question}");
        }
        assert!(!is_about("sales", &[]));
    }
}
