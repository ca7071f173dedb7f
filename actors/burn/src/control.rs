//! The names of a vocabulary's control tokens, and where a text holds one.

use std::ops::Range;

use crate::error::LoadError;

/// Longest name; real ones have some twenty bytes, and a search looks at this many for each byte of a text.
const NAME_BYTES_MAX: usize = 256;

/// Names in order, so that the longest one at a place is found by halving whatever a file calls its tokens.
pub(crate) struct Controls {
    names: Vec<Name>,
    /// Bytes that begin a name.
    first_bytes: [bool; 256],
}

struct Name {
    text: String,
    id: u32,
    /// The longest other name that this one begins with.
    within: Option<usize>,
}

impl Controls {
    /// `tokens` are ids and names, each name once; a token without a name is none that a text can hold.
    pub(crate) fn new<'a>(tokens: impl Iterator<Item = (u32, &'a str)>) -> Result<Self, LoadError> {
        let mut names = Vec::new();
        for (id, text) in tokens.filter(|(_, text)| !text.is_empty()) {
            if text.len() > NAME_BYTES_MAX {
                let reason = format!(
                    "control token {id} has a name of {} bytes, at most {NAME_BYTES_MAX} are read",
                    text.len()
                );
                return Err(LoadError::Tokenizer { reason });
            }
            names.push(Name {
                text: text.to_owned(),
                id,
                within: None,
            });
        }
        names.sort_by(|a, b| a.text.cmp(&b.text));
        let mut first_bytes = [false; 256];
        let mut open: Vec<usize> = Vec::new();
        for i in 0..names.len() {
            while let Some(&last) = open.last()
                && !names[i].text.starts_with(&names[last].text)
            {
                open.pop();
            }
            names[i].within = open.last().copied();
            open.push(i);
            first_bytes[usize::from(names[i].text.as_bytes()[0])] = true;
        }
        Ok(Self { names, first_bytes })
    }

    /// Names and ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names.iter().map(|name| (name.text.as_str(), name.id))
    }

    /// Length and id of the longest name that a text begins with.
    pub(crate) fn at_start(&self, text: &[u8]) -> Option<(usize, u32)> {
        if !self.first_bytes[usize::from(*text.first()?)] {
            return None;
        }
        // Whatever begins the text and is a name lies before it, and the last one before it begins with all the others.
        let after = self
            .names
            .partition_point(|name| name.text.as_bytes() <= text);
        let mut place = after.checked_sub(1);
        while let Some(i) = place {
            let name = &self.names[i];
            if text.starts_with(name.text.as_bytes()) {
                return Some((name.text.len(), name.id));
            }
            place = name.within;
        }
        None
    }

    /// Places, lengths and ids of the names in a text, from left to right, the longest at each place.
    pub(crate) fn find<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < text.len() {
                let start = at;
                if let Some((len, id)) = self.at_start(&text.as_bytes()[start..]) {
                    at += len;
                    return Some((start, len, id));
                }
                at += 1;
            }
            None
        })
    }

    /// The same, outside these ranges (ascending, apart) and across none of their edges.
    pub(crate) fn find_outside<'a>(
        &'a self,
        text: &'a str,
        ranges: &'a [Range<usize>],
    ) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
        let ends = ranges.iter().map(|range| range.start).chain([text.len()]);
        starts.zip(ends).flat_map(move |(start, end)| {
            self.find(&text[start..end])
                .map(move |(at, len, id)| (start + at, len, id))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn controls(names: &[&str]) -> Controls {
        Controls::new((0u32..).zip(names.iter().copied())).unwrap()
    }

    #[test]
    fn the_longest_name_at_a_place_is_found() {
        let some = controls(&["<s>", "</s>", "<s", "<|im_end|>", "", "<s>>"]);
        for (text, found) in [
            ("a<s>b", vec![(1, 3, 0)]),
            ("<s>>", vec![(0, 4, 5)]),
            ("<s <s>", vec![(0, 2, 2), (3, 3, 0)]),
            ("<|im_end|</s>", vec![(9, 4, 1)]),
            ("é<|im_end|>é", vec![(2, 10, 3)]),
            ("<", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(some.find(text).collect::<Vec<_>>(), found, "{text:?}");
        }
        assert!(controls(&[]).at_start(b"a").is_none());
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let error = Controls::new([(7, long.as_str())].into_iter())
            .err()
            .unwrap();
        assert!(error.to_string().contains("control token 7"), "{error}");
    }

    proptest! {
        #[test]
        fn halving_finds_what_looking_at_each_name_finds(
            names in proptest::collection::btree_set("[ab]{1,4}", 0..8),
            text in "[abc]{0,8}",
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let longest = names.iter().filter(|name| text.starts_with(**name)).map(|name| name.len()).max();
            prop_assert_eq!(controls(&names).at_start(text.as_bytes()).map(|(len, _)| len), longest);
        }
    }
}
