//! Tokens to text as they come: whole characters, stop texts cut off, each token handed out once.

use std::ops::ControlFlow;

use aios_inference::{Token, TokenSink};

/// The text of one answer in the making.
///
/// A token is handed out at once unless its text may still change: the last bytes are half a character, or could be the
/// start of a stop text. Such a token waits for the next one. So the texts handed out, joined, are the answer.
pub(crate) struct AnswerText<'a> {
    stop: &'a [String],
    pub(crate) text: String,
    /// Bytes that are not yet a character.
    bytes: Vec<u8>,
    /// Text that may be the start of a stop text.
    held: String,
    waiting: Option<Token>,
    next_index: u32,
}

impl<'a> AnswerText<'a> {
    pub(crate) fn new(stop: &'a [String]) -> Self {
        Self {
            stop,
            text: String::new(),
            bytes: Vec::new(),
            held: String::new(),
            waiting: None,
            next_index: 0,
        }
    }

    /// Takes a token; says whether a stop text is complete (nothing more may follow).
    pub(crate) fn push(
        &mut self,
        id: u32,
        bytes: &[u8],
        sink: &mut TokenSink<'_>,
    ) -> ControlFlow<End> {
        if let Some(token) = self.waiting.take() {
            hand_out(&token, sink)?;
        }
        self.bytes.extend_from_slice(bytes);
        self.held.push_str(&whole_characters(&mut self.bytes));
        let mut token = Token {
            index: self.next_index,
            id,
            text: String::new(),
        };
        self.next_index += 1;

        let found = self
            .stop
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = found {
            self.held.truncate(at);
            self.bytes.clear();
            token.text = std::mem::take(&mut self.held);
            self.text.push_str(&token.text);
            hand_out(&token, sink)?;
            return ControlFlow::Break(End::StopText);
        }
        let ready = self.held.len() - self.undecided();
        token.text = self.held.drain(..ready).collect();
        self.text.push_str(&token.text);
        if self.held.is_empty() && self.bytes.is_empty() {
            hand_out(&token, sink)
        } else {
            self.waiting = Some(token);
            ControlFlow::Continue(())
        }
    }

    /// Ends the answer: what waited is handed out; half a character becomes U+FFFD.
    pub(crate) fn finish(mut self, sink: &mut TokenSink<'_>) -> String {
        if let Some(mut token) = self.waiting.take() {
            let rest = std::mem::take(&mut self.held) + &String::from_utf8_lossy(&self.bytes);
            token.text.push_str(&rest);
            self.text.push_str(&rest);
            let _ = sink(&token);
        }
        self.text
    }

    /// Length of the longest end of the held text that begins a stop text.
    fn undecided(&self) -> usize {
        let starts = |len: usize| {
            let tail = self.held.len() - len;
            self.held.is_char_boundary(tail)
                && self
                    .stop
                    .iter()
                    .any(|stop| stop.starts_with(&self.held[tail..]))
        };
        let longest = self.stop.iter().map(String::len).max().unwrap_or(0);
        (1..=self.held.len().min(longest))
            .rev()
            .find(|len| starts(*len))
            .unwrap_or(0)
    }
}

/// Why an answer takes no more tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    StopText,
    Refused,
}

fn hand_out(token: &Token, sink: &mut TokenSink<'_>) -> ControlFlow<End> {
    match sink(token) {
        ControlFlow::Continue(()) => ControlFlow::Continue(()),
        ControlFlow::Break(()) => ControlFlow::Break(End::Refused),
    }
}

/// Takes all whole characters from the front; wrong bytes become U+FFFD, the start of a character stays.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let mut out = String::new();
    let mut kept = Vec::new();
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        out.push_str(chunk.valid());
        let invalid = chunk.invalid();
        if invalid.is_empty() {
            continue;
        }
        let unfinished = std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
        if chunks.peek().is_none() && unfinished {
            kept = invalid.to_vec();
        } else {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
    *bytes = kept;
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stop: &[&str], pieces: &[&[u8]]) -> (String, Vec<String>, Option<End>) {
        let stop: Vec<String> = stop.iter().map(|s| (*s).to_owned()).collect();
        let mut tokens = Vec::new();
        let mut end = None;
        let mut sink = |token: &Token| {
            assert_eq!(token.index as usize, tokens.len(), "tokens come in order");
            tokens.push(token.text.clone());
            ControlFlow::Continue(())
        };
        let mut answer = AnswerText::new(&stop);
        for (id, piece) in (0u32..).zip(pieces) {
            if let ControlFlow::Break(reason) = answer.push(id, piece, &mut sink) {
                end = Some(reason);
                break;
            }
        }
        let text = answer.finish(&mut sink);
        assert_eq!(
            tokens.concat(),
            text,
            "the texts of all tokens joined are the answer"
        );
        (text, tokens, end)
    }

    #[test]
    fn text_comes_out_whole() {
        type Case = (
            &'static str,
            &'static [&'static str],
            &'static [&'static [u8]],
            &'static str,
            Option<End>,
        );
        let cases: [Case; 8] = [
            ("plain", &[], &[b"a", b"b"], "ab", None),
            (
                "split character",
                &[],
                &[b"\xE6\x9D", b"\xB1", b"!"],
                "東!",
                None,
            ),
            (
                "half a character at the end",
                &[],
                &[b"a", b"\xE6\x9D"],
                "a\u{FFFD}",
                None,
            ),
            ("wrong byte", &[], &[b"a\xFFb"], "a\u{FFFD}b", None),
            (
                "stop text in one token",
                &["END"],
                &[b"a", b"bENDc", b"d"],
                "ab",
                Some(End::StopText),
            ),
            (
                "stop text over tokens",
                &["END"],
                &[b"aE", b"N", b"D", b"x"],
                "a",
                Some(End::StopText),
            ),
            (
                "start of a stop text only",
                &["END"],
                &[b"aE", b"N", b"x"],
                "aENx",
                None,
            ),
            (
                "start of a stop text at the end",
                &["END"],
                &[b"aE", b"N"],
                "aEN",
                None,
            ),
        ];
        for (name, stop, pieces, text, end) in cases {
            let (got, _, reason) = run(stop, pieces);
            assert_eq!((got.as_str(), reason), (text, end), "{name}");
        }
    }

    #[test]
    fn a_token_is_not_held_back_without_need() {
        let stop = ["zz".to_owned()];
        let mut count = 0;
        let mut sink = |_: &Token| {
            count += 1;
            ControlFlow::Continue(())
        };
        let mut answer = AnswerText::new(&stop);
        assert!(answer.push(0, b"abc", &mut sink).is_continue());
        assert_eq!(count, 1);
    }

    #[test]
    fn a_sink_that_breaks_ends_the_answer() {
        let mut sink = |_: &Token| ControlFlow::Break(());
        assert_eq!(
            AnswerText::new(&[]).push(0, b"a", &mut sink),
            ControlFlow::Break(End::Refused)
        );
    }
}
