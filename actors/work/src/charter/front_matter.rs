//! The part of a file between two lines of three hyphens, and the YAML in it, kept within bounds: what a charter needs is small, flat and
//! plain, and what is not is refused before it costs anything.

use serde_json::{Map, Value};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy};

/// Bytes of the front matter.
const BYTES: usize = 64 << 10;
/// How deep it may nest: a schema of a charter's input stands below two levels of its own.
const DEPTH: usize = 32;
/// Values in it.
const NODES: usize = 8_192;
/// The line that opens and closes it.
const FENCE: &str = "---";

/// Why there is no front matter to be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrontMatterError {
    #[error("it does not begin with a line of three hyphens")]
    NotThere,
    #[error("no second line of three hyphens ends it")]
    NotEnded,
    #[error("it has {asked} bytes, {BYTES} are allowed")]
    TooLarge { asked: usize },
    #[error("{0}")]
    NotYaml(String),
}

/// A file's two parts: the text of the front matter, and the body without the blank lines around it.
pub(super) fn split(file: &str) -> Result<(&str, &str), FrontMatterError> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let (first, rest) = file.split_once('\n').unwrap_or((file, ""));
    if first.trim_end() != FENCE {
        return Err(FrontMatterError::NotThere);
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            let matter = &rest[..at];
            if matter.len() > BYTES {
                return Err(FrontMatterError::TooLarge {
                    asked: matter.len(),
                });
            }
            return Ok((matter, rest[at + line.len()..].trim()));
        }
        at += line.len();
    }
    Err(FrontMatterError::NotEnded)
}

/// The values of the front matter, in their order. Anchors, aliases, merges, tags, a second document and a key twice are refused.
pub(super) fn read(matter: &str) -> Result<Map<String, Value>, FrontMatterError> {
    if matter
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Map::new());
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_nodes: NODES,
            max_events: 4 * NODES,
            max_total_scalar_bytes: BYTES,
            max_aliases: 0,
            max_anchors: 0,
            max_merge_keys: 0,
            max_documents: 1,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        // `no` and `on` are words that people write, not truths.
        strict_booleans: true,
        with_snippet: false,
    };
    let read: Result<Value, _> = serde_saphyr::from_str_with_options(matter, options);
    match read {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(FrontMatterError::NotYaml(
            "it is no list of `key: value` lines".to_owned(),
        )),
        Err(error) => Err(FrontMatterError::NotYaml(one_line(&error.to_string()))),
    }
}

/// What a library says, on one line and short.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_at_its_fences_and_nowhere_else() {
        let rows = [
            ("---\na: 1\n---\nbody\n", Ok(("a: 1\n", "body"))),
            (
                "\u{feff}---\r\na: 1\r\n---\r\n\r\nbody",
                Ok(("a: 1\r\n", "body")),
            ),
            ("---\n---\n", Ok(("", ""))),
            ("---\na: 1\n---\n---\nrule\n", Ok(("a: 1\n", "---\nrule"))),
            ("a: 1\n---\n", Err(FrontMatterError::NotThere)),
            ("", Err(FrontMatterError::NotThere)),
            ("---\na: 1\n----\n", Err(FrontMatterError::NotEnded)),
            ("---", Err(FrontMatterError::NotEnded)),
        ];
        for (file, expected) in rows {
            assert_eq!(split(file), expected, "{file:?}");
        }
        let long = format!("---\na: {}\n---\n", "x".repeat(BYTES));
        assert!(matches!(
            split(&long),
            Err(FrontMatterError::TooLarge { .. })
        ));
    }

    #[test]
    fn hostile_yaml_is_refused_in_words_and_at_once() {
        let deep = format!("a: {}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let block: String = (0..2_000)
            .map(|at| format!("{}a:\n", " ".repeat(at.min(1_000))))
            .collect();
        let wide = format!("a: [{}]", "1,".repeat(20_000));
        let laughs = (1..12).fold("a0: &a0 [lol, lol, lol, lol]\n".to_owned(), |text, at| {
            let below = format!("*a{}", at - 1);
            format!("{text}a{at}: &a{at} [{below}, {below}, {below}, {below}]\n")
        });
        for hostile in [
            deep.as_str(),
            &block,
            &wide,
            &laughs,
            "a: &x 1\nb: *x",
            "a: 1\na: 2",
            "a: {b: 1, b: 2}",
            "a: !!python/object:os.system x",
            "a: !thing x",
            "<<: {a: 1}",
            "a: 1\n--- \nb: 2",
            "a: .nan",
            "a: [1, 2",
            "- a\n- b",
            "just words",
            "\u{0}: 1",
            "? [a, b]\n: 1",
        ] {
            let begun = std::time::Instant::now();
            let refused = read(hostile);
            assert!(
                matches!(&refused, Err(FrontMatterError::NotYaml(why)) if why.len() < 1_300),
                "{:?}: {refused:?}",
                &hostile[..hostile.len().min(60)]
            );
            assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        }
    }

    #[test]
    fn plain_yaml_reads_as_it_was_meant() {
        let fields = read(
            "# a comment\nname: clerk\nsay: no\nsteps: 7\nprice: 0.25\nsure: true\nlist: [a, b]\nmore:\n  - c\ntext: |\n  two\n  lines\nnone:\n",
        )
        .unwrap();
        let expected = serde_json::json!({
            "name": "clerk", "say": "no", "steps": 7, "price": 0.25, "sure": true,
            "list": ["a", "b"], "more": ["c"], "text": "two\nlines\n", "none": null
        });
        assert_eq!(Value::Object(fields), expected);
        assert_eq!(read("# nothing\n\n"), Ok(Map::new()));
    }
}
