//! What the guide shows is what runs here: a code block under `<!-- file: NAME -->` is the file `docs/examples/NAME`, letter by letter, and
//! the programs among those files are compiled into these tests and run.
//!
//! A page more: write the file, put the mark and the block into the page, and give the program a module below.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A program of the guide, as its reader has it, and its run.
macro_rules! program {
    ($name:ident, $file:literal) => {
        #[allow(clippy::print_stdout, clippy::unwrap_used)]
        mod $name {
            include!(concat!("../../docs/examples/", $file));

            #[test]
            fn the_program_of_the_page_runs() {
                main().unwrap();
            }
        }
    };
}

program!(tool, "tool.rs");
program!(agent, "agent.rs");
program!(charter, "charter.rs");
program!(team, "team.rs");

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Every block of a page that says which file it is: the file's name, and the block.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let name = line.trim().strip_prefix("<!-- file: ");
        let Some(name) = name.and_then(|name| name.strip_suffix(" -->")) else {
            continue;
        };
        let opened = lines.by_ref().find(|line| !line.trim().is_empty());
        let fence: String = opened
            .unwrap_or_default()
            .chars()
            .take_while(|c| *c == '`')
            .collect();
        assert!(fence.len() >= 3, "no block stands under the mark of {name}");
        let body: String = lines
            .by_ref()
            .take_while(|line| line.trim_end() != fence)
            .flat_map(|line| [line, "\n"])
            .collect();
        blocks.push((name.to_owned(), body));
    }
    blocks
}

#[test]
fn what_a_page_shows_is_the_file_that_is_run() {
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(docs().join("guide")).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_none_or(|kind| kind != "md") {
            continue;
        }
        for (name, block) in blocks(&fs::read_to_string(&page).unwrap()) {
            let file = docs().join("examples").join(&name);
            let text = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert_eq!(block, text, "{} shows {name} as it is not", page.display());
            shown.insert(name);
        }
    }
    // A program that no page shows is a page that was forgotten.
    for entry in fs::read_dir(docs().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !name.ends_with(".rs") || shown.contains(&name),
            "{name} stands on no page"
        );
    }
}

/// What a stranger writes is short: everything but imports, attributes, comments and what only closes something.
#[test]
fn a_program_of_the_guide_is_fifteen_lines_of_ones_own() {
    for entry in fs::read_dir(docs().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let own = text.lines().map(str::trim).filter(|line| {
            let closes = line.chars().all(|c| "{}();,".contains(c));
            let given = ["use ", "#[", "//", "#!["]
                .iter()
                .any(|start| line.starts_with(start));
            !closes && !given
        });
        let count = own.count();
        assert!(
            count <= 15,
            "{} has {count} lines of its own",
            path.display()
        );
    }
}

#[test]
fn a_block_is_found_under_its_mark_alone() {
    let page = "text\n\n<!-- file: a.rs -->\n\n```rust\nfn a() {}\n\n```\n```rust\nother\n```\n<!-- file: b.md -->\n````markdown\n```\nin\n```\n````\n";
    let found = blocks(page);
    let expected = [("a.rs", "fn a() {}\n\n"), ("b.md", "```\nin\n```\n")];
    assert_eq!(
        found,
        expected.map(|(name, body)| (name.to_owned(), body.to_owned()))
    );
}
