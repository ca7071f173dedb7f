//! A vector from the words of a text: the hashing trick (Weinberger et al., ICML 2009).

use super::{fnv, words};

/// Length of the vectors; that of a common small embedding model, so that one can replace the other.
pub(super) const DIMENSIONS: usize = 384;

/// Weight of three letters against a whole word: enough to bring `sale` and `sales` together.
const LETTERS: f32 = 0.35;

/// Words that say how, not what.
const COMMON: [&str; 30] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "how", "in",
    "is", "it", "of", "on", "or", "that", "the", "this", "to", "was", "we", "were", "what",
    "which", "with", "you",
];

/// A unit vector. Texts that share words, or parts of words, are near each other.
pub(super) fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0f32; DIMENSIONS];
    let mut add = |feature: &[u8], weight: f32| {
        let hash = fnv(feature);
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        vector[(hash % DIMENSIONS as u64) as usize] += sign * weight;
    };
    for word in words(text) {
        let weight = if COMMON.contains(&word.as_str()) {
            0.1
        } else {
            1.0
        };
        add(word.as_bytes(), weight);
        let letters: Vec<char> = format!("^{word}$").chars().collect();
        for three in letters.windows(3) {
            add(
                three.iter().collect::<String>().as_bytes(),
                weight * LETTERS,
            );
        }
    }
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm < 1e-6 {
        // No words, or words that cancel each other out: a direction of its own rather than none.
        vector.fill(0.0);
        vector[0] = 1.0;
        return vector;
    }
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

#[cfg(test)]
mod tests {
    use super::embed;

    #[test]
    fn texts_that_share_words_or_parts_of_words_are_nearer_than_texts_that_do_not() {
        let cosine = |a: &str, b: &str| {
            embed(a)
                .iter()
                .zip(embed(b))
                .map(|(x, y)| x * y)
                .sum::<f32>()
        };
        for (text, near, far) in [
            ("sales by region", "regional sales", "weather in august"),
            (
                "the quarterly report",
                "a report for the quarter",
                "the supplier of the wheels",
            ),
            ("Umsatz nach Region", "umsatz je region", "Wetter im August"),
        ] {
            let (near, far) = (cosine(text, near), cosine(text, far));
            assert!(near > far + 0.2, "{text}: {near} against {far}");
        }
        assert!((cosine("Sales, by REGION!", "sales by region") - 1.0).abs() < 1e-6);
    }

    #[test]
    fn every_text_has_a_vector_of_length_one() {
        for text in ["", "   ", "...", "a", "the of and", "売上"] {
            let norm = embed(text).iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((norm - 1.0).abs() < 1e-5, "{text:?}: {norm}");
        }
    }
}
