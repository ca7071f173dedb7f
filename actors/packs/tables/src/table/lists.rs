//! Cells that hold several names each: `gluten; milk; egg`.

/// What stands between the names of a cell.
const BETWEEN: [char; 4] = [';', '|', ',', '/'];
/// Different cells that are looked at.
const LOOKED_AT: usize = 2_000;
/// Letters of a name; longer ones are sentences.
const LETTERS: usize = 40;

/// The sign between the names of a column's cells, if they hold several: a good part of the cells does, and names come back in other cells.
pub(crate) fn between<'t>(cells: impl Iterator<Item = &'t str>) -> Option<char> {
    let cells: Vec<&str> = cells.take(LOOKED_AT).collect();
    BETWEEN.into_iter().find(|sign| {
        let mut known: std::collections::BTreeMap<String, usize> =
            std::collections::BTreeMap::new();
        let (mut all, mut several, mut names) = (0_usize, 0_usize, 0_usize);
        for cell in &cells {
            all += 1;
            if !cell.contains(*sign) {
                *known.entry(cell.trim().to_lowercase()).or_default() += 1;
                names += 1;
                continue;
            }
            several += 1;
            for name in of(cell, *sign) {
                // A date or a number is written with such signs too.
                if name.is_empty()
                    || name.chars().count() > LETTERS
                    || !name.contains(char::is_alphabetic)
                {
                    return false;
                }
                *known.entry(name.to_lowercase()).or_default() += 1;
                names += 1;
            }
        }
        let again: usize = known.values().filter(|count| **count > 1).sum();
        several > 1 && several * 4 >= all && again * 2 >= names
    })
}

/// The names of a cell.
pub(crate) fn of(cell: &str, sign: char) -> impl Iterator<Item = &str> {
    cell.split(sign).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_in_the_cells_of_lists() {
        let rows: [(&[&str], Option<char>); 5] = [
            (&["gluten; milk; egg", "milk", "egg; milk"], Some(';')),
            (&["red, blue", "blue", "red, green", "green"], Some(',')),
            (&["Smith, John", "Doe, Jane", "Park, Ann"], None),
            (&["1/2", "2/3", "3/4"], None),
            (&["Berlin", "Paris"], None),
        ];
        for (cells, wanted) in rows {
            assert_eq!(between(cells.iter().copied()), wanted, "{cells:?}");
        }
    }
}
