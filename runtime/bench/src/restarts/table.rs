//! The audit for people: a row a case, a column a runtime, in words.

use std::fmt::Write as _;

use super::{Case, Observation, Runtime};

/// Widest observation in a cell; the object has all of it.
const WIDEST: usize = 26;

/// Cells as wide as the widest of their column.
pub(super) fn draw(cases: &[Case], runtimes: &[Runtime]) -> String {
    let mut rows = vec![
        std::iter::once("case".to_owned())
            .chain(
                runtimes
                    .iter()
                    .map(|runtime| format!("{} {}", runtime.name, runtime.version)),
            )
            .collect::<Vec<_>>(),
    ];
    for case in cases {
        let right = case.right(runtimes);
        let cell = |runtime: &Runtime| match runtime.answers.get(&case.id) {
            Some(Observation::Seen(seen)) if seen == right => "holds".to_owned(),
            Some(Observation::Seen(seen)) => {
                let seen = if seen.is_empty() { "nothing" } else { seen };
                format!("differs: {}", cut(seen))
            }
            Some(Observation::Broke(why)) => format!("broke off: {}", cut(why)),
            Some(Observation::NotOffered(_)) | None => "not offered".to_owned(),
        };
        rows.push(
            std::iter::once(case.id.clone())
                .chain(runtimes.iter().map(cell))
                .collect(),
        );
    }
    let columns = runtimes.len() + 1;
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
    out.push('\n');
    for case in cases {
        let right = case.right(runtimes);
        let _ = writeln!(out, "{}: {}. {}", case.id, case.what, case.done);
        let _ = writeln!(out, "    to be seen: {right}");
        if let Some(why) = &case.why {
            let _ = writeln!(out, "    {why}");
        }
        for runtime in runtimes {
            if let Some(Observation::NotOffered(why)) = runtime.answers.get(&case.id) {
                let _ = writeln!(out, "    not offered by {}: {why}", runtime.name);
            }
        }
    }
    out
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(WIDEST - 3).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ä".repeat(40);
        assert_eq!(cut(&long), format!("{}...", "ä".repeat(23)));
    }
}
