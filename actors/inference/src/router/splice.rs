//! How an answer goes on when another engine takes it up in the middle: no word twice.
//!
//! The next engine reads what was told so far as the beginning of its own answer. Some go on from there, some begin anew,
//! some say the last words again; what was told already is taken out of what they say. Pure.

/// Characters of the next engine that are looked at before anything of it is told.
const LOOK: usize = 48;
/// The shortest repetition that is taken for one; a shorter one may be chance.
const OVERLAP_LEAST: usize = 3;

/// What was told, and what of the rest is held back until it is known where it belongs.
#[derive(Debug, Default)]
pub(super) struct Splice {
    told: String,
    held: String,
    decided: bool,
}

impl Splice {
    /// The rest of an answer of which this was told.
    pub(super) fn after(told: &str) -> Self {
        Self {
            told: told.to_owned(),
            held: String::new(),
            decided: told.is_empty(),
        }
    }

    /// Nothing is held back any more.
    pub(super) fn is_open(&self) -> bool {
        self.decided
    }

    /// Takes what the next engine says; gives what of it is new.
    pub(super) fn take(&mut self, text: &str) -> String {
        if self.decided {
            return text.to_owned();
        }
        self.held.push_str(text);
        // It may be telling everything again, however long that takes.
        if self.told.starts_with(&self.held) && self.held.len() < self.told.len() {
            return String::new();
        }
        let again = self.held.starts_with(&self.told);
        if !again && self.held.chars().count() < LOOK {
            return String::new();
        }
        self.decide()
    }

    /// The next engine has said all: what is still held back and new.
    pub(super) fn end(&mut self) -> String {
        if self.decided {
            return String::new();
        }
        // All of it was told before.
        if self.told.starts_with(&self.held) && self.held.len() >= OVERLAP_LEAST {
            self.decided = true;
            return String::new();
        }
        self.decide()
    }

    fn decide(&mut self) -> String {
        self.decided = true;
        let held = std::mem::take(&mut self.held);
        if let Some(rest) = held.strip_prefix(&self.told) {
            return rest.to_owned();
        }
        let longest = held
            .char_indices()
            .map(|(at, letter)| at + letter.len_utf8())
            .filter(|end| self.told.ends_with(&held[..*end]))
            .filter(|end| held[..*end].chars().count() >= OVERLAP_LEAST)
            .max();
        held[longest.unwrap_or(0)..].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(told: &str, next: &[&str]) -> String {
        let mut splice = Splice::after(told);
        let mut out = told.to_owned();
        for text in next {
            out.push_str(&splice.take(text));
        }
        out.push_str(&splice.end());
        out
    }

    #[test]
    fn no_word_is_told_twice_however_the_next_engine_begins() {
        let told = "The capital of France is";
        let rest = " Paris, which lies on the Seine and has two million people.";
        let sentence = format!("{told}{rest}");
        for next in [
            rest.to_owned(),
            sentence.clone(),
            format!("France is{rest}"),
            format!(" is{rest}"),
        ] {
            for size in [1, 2, 7, 1_000] {
                let letters: Vec<char> = next.chars().collect();
                let pieces: Vec<String> =
                    letters.chunks(size).map(|c| c.iter().collect()).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                assert_eq!(
                    whole(told, &pieces),
                    sentence,
                    "{next:?} in pieces of {size}"
                );
            }
        }
        assert_eq!(
            whole(told, &[" Par", "is."]),
            "The capital of France is Paris."
        );
        assert_eq!(
            whole(told, &["The capital of"]),
            told,
            "a shorter answer adds nothing"
        );
        assert_eq!(whole("", &["a", "b"]), "ab");
        assert_eq!(
            whole("東京は", &["京は", "日本"]),
            "東京は京は日本",
            "too short to be a repetition"
        );
        assert_eq!(whole("x", &[]), "x");
    }
}
