//! Files of one crate that name each other in a circle: whoever wants to understand one has to understand them all.
//!
//! What is read is `use` and every path that begins with `crate`, `super` or `self`; a name that a module hands on counts for the file that
//! defines it. What a name's methods lead to is not seen, and a part of a module may name the module that it is a part of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::layering::{code, is_test, members, root, sources};

/// Circles that there may be: the bar is a ceiling to come down from, and whoever breaks one lowers it. What the largest are about is in
/// `docs/architecture.md`.
const CIRCLES: usize = 5;

/// A path of names, the last of which may be `*`.
type Names = Vec<String>;

/// A module by its names within the crate; the root has none.
type Module = Vec<String>;

#[derive(Default)]
struct Read {
    /// Paths that it names itself.
    names: Vec<Names>,
    /// What it hands on under which name.
    hands_on: BTreeMap<String, Names>,
    /// Modules of which it hands everything on.
    all_of: Vec<Names>,
}

#[test]
fn few_files_of_a_crate_name_each_other_in_circles() {
    let mut found = Vec::new();
    for member in members() {
        let src = root().join(&member).join("src");
        if !src.is_dir() {
            continue;
        }
        let arrows = arrows(&src);
        found.extend(circles(&arrows).iter().map(|circle| {
            let inside = |to: &&Module| circle.contains(to);
            let arrows = circle.iter().flat_map(|from| {
                let to = arrows[from].iter().filter(inside);
                to.map(move |to| format!("  {} -> {}", from.join("/"), to.join("/")))
            });
            let arrows: Vec<String> = arrows.collect();
            format!("{member}:\n{}", arrows.join("\n"))
        }));
    }
    assert!(
        found.len() <= CIRCLES,
        "{} circles of files, {CIRCLES} are allowed; move what both need below both:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// Which file names what of which other one.
fn arrows(src: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut crate_ = BTreeMap::new();
    for path in sources(src).into_iter().filter(|path| !is_test(path)) {
        let inside = path.strip_prefix(src).unwrap().with_extension("");
        let mut module: Module = inside
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if matches!(module.last().unwrap().as_str(), "lib" | "main" | "mod") {
            module.pop();
        }
        let own: Vec<String> = code(&path).into_iter().map(|(_, line)| line).collect();
        crate_.insert(module, read(&own.join("\n")));
    }
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, own) in &crate_ {
        let to = arrows.entry(module.clone()).or_default();
        to.extend(own.names.iter().filter_map(|names| {
            let found = resolved(&crate_, module, names, 0)?;
            (!module.starts_with(&found)).then_some(found)
        }));
    }
    arrows
}

/// The module that defines what a path names, if it is of this crate.
fn resolved(
    crate_: &BTreeMap<Module, Read>,
    from: &Module,
    names: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = from.clone();
    let mut rest = names;
    match names.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &names[1..];
        }
        "super" | "self" => {
            while let Some(word) = rest.first() {
                match word.as_str() {
                    "super" => drop(at.pop()?),
                    "self" => {}
                    _ => break,
                }
                rest = &rest[1..];
            }
        }
        first => {
            let mut child = from.clone();
            child.push(first.to_owned());
            crate_.get(&child)?;
        }
    }
    for name in rest {
        let mut child = at.clone();
        child.push(name.clone());
        if crate_.contains_key(&child) {
            at = child;
            continue;
        }
        let own = crate_.get(&at)?;
        if depth < 8
            && let Some(further) = own.hands_on.get(name)
        {
            return resolved(crate_, &at, further, depth + 1).or(Some(at));
        }
        break;
    }
    crate_.contains_key(&at).then_some(at)
}

fn read(text: &str) -> Read {
    let mut read = Read::default();
    let mut rest = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let said = trimmed.strip_prefix("pub").map_or(trimmed, |behind| {
            let behind = behind.trim_start();
            match behind.strip_prefix('(') {
                Some(inside) => inside.split_once(')').map_or("", |(_, behind)| behind),
                None => behind,
            }
        });
        let Some(used) = said.trim_start().strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut used = used.to_owned();
        while !used.contains(';') {
            used.push_str(lines.next().unwrap_or(";"));
        }
        let hands_on = trimmed.starts_with("pub");
        for (names, known_as) in spread(used.split(';').next().unwrap()) {
            match (hands_on, known_as.as_str()) {
                (true, "*") => read.all_of.push(names),
                (true, _) => drop(read.hands_on.insert(known_as, names)),
                (false, _) => read.names.push(names),
            }
        }
    }
    read.names.extend(inline(&rest));
    read
}

/// Every path of a `use`, with the name under which it is known.
fn spread(used: &str) -> Vec<(Names, String)> {
    let used = used.trim();
    let names = |path: &str| -> Names {
        let words = path.split("::").map(|word| word.trim().to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    let Some((head, inside)) = used.split_once('{') else {
        let (path, known_as) = match used.split_once(" as ") {
            Some((path, known_as)) => (names(path), known_as.trim().to_owned()),
            None => {
                let path = names(used);
                let last = path.last().cloned().unwrap_or_default();
                (path, last)
            }
        };
        return vec![(path, known_as)];
    };
    let head = names(head);
    let inside = &inside[..inside.rfind('}').unwrap_or(inside.len())];
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(spread)
        .map(|(tail, known_as)| {
            let whole = head.iter().cloned().chain(tail);
            (whole.filter(|word| word != "self").collect(), known_as)
        })
        .collect()
}

/// Paths in the code itself, such as `crate::unit::Kind`.
fn inline(text: &str) -> Vec<Names> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("::") {
        let head = text[..at].trim_end_matches(is_word);
        let first = &text[head.len()..at];
        if !matches!(first, "crate" | "super") || head.ends_with("::") {
            continue;
        }
        let mut names = vec![first.to_owned()];
        let mut rest = &text[at..];
        while let Some(behind) = rest.strip_prefix("::") {
            let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
            if end == 0 {
                break;
            }
            names.push(behind[..end].to_owned());
            rest = &behind[end..];
        }
        found.push(names);
    }
    found
}

/// Sets of files each of which leads to every other one.
fn circles(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reach = |from: &Module| {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            for next in arrows.get(module).into_iter().flatten() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = arrows
        .keys()
        .map(|module| (module, reach(module)))
        .collect();
    let mut found: Vec<Vec<Module>> = Vec::new();
    for (module, from) in &reached {
        if !from.contains(module) || found.iter().any(|circle| circle.contains(module)) {
            continue;
        }
        let circle = from.iter().filter(|other| {
            reached
                .get(*other)
                .is_some_and(|back| back.contains(module))
        });
        found.push(circle.map(|module| (*module).clone()).collect());
    }
    found
}

#[test]
fn a_circle_is_seen_through_what_a_module_hands_on() {
    let read = [
        ("", "pub use upper::Upper;"),
        ("lower", "use crate::Upper;"),
        ("upper", "use crate::{middle::{Middle}, Other};"),
        ("middle", "fn of() -> super::lower::Lower {}"),
        ("beside", "use super::middle::Middle as Between;"),
    ];
    let crate_: BTreeMap<Module, Read> = read
        .into_iter()
        .map(|(module, text)| {
            let module = module.split('/').filter(|name| !name.is_empty());
            (
                module.map(str::to_owned).collect(),
                super::circles::read(text),
            )
        })
        .collect();
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, own) in &crate_ {
        let to = own.names.iter();
        let to = to.filter_map(|names| resolved(&crate_, module, names, 0));
        arrows.insert(
            module.clone(),
            to.filter(|to| !module.starts_with(to)).collect(),
        );
    }
    let found = circles(&arrows);
    let names: Vec<Vec<String>> = found
        .into_iter()
        .map(|circle| circle.into_iter().map(|module| module.join("/")).collect())
        .collect();
    assert_eq!(names, [["lower", "middle", "upper"]]);
}
