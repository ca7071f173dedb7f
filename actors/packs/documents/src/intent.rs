//! What a goal wants of documents, and whether it is one about documents.

use aios_work::{Claim, Goal};
use serde_json::Value;

use crate::fields;
use crate::lexicon;

/// Endings of files that are tables and nothing else.
const TABLES: [&str; 5] = ["csv", "tsv", "tab", "psv", "dat"];
/// Endings of files that mostly hold tables, and may hold anything: they are ours to sum up, and theirs to compute. A single value of JSON is
/// looked up by us.
const PERHAPS: [&str; 6] = ["json", "jsonl", "ndjson", "geojson", "xlsx", "xlsm"];

/// What a goal wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Intent {
    /// What the files say, in short.
    Summary,
    /// An answer to a question; whether it is one for certain, or may as well be an order to sum up in words that are not known here.
    Question {
        /// There is a question mark, or the place is asked for.
        certain: bool,
    },
    /// Values by a schema: the one in the goal, or one in a file.
    Fields(Option<Value>),
}

impl Intent {
    /// What the words of a goal ask for.
    pub(crate) fn of(text: &str) -> Self {
        let asks = text.contains(['?', '\u{bf}', '\u{ff1f}', '\u{61f}']);
        if !asks && wants_fields(text) {
            return Self::Fields(fields::in_goal(text));
        }
        if lexicon::has(text, |language| language.summary) && !asks {
            return Self::Summary;
        }
        if asks || lexicon::has(text, |language| language.quoting) {
            return Self::Question { certain: true };
        }
        if lexicon::has(text, |language| language.figures) {
            return Self::Summary;
        }
        Self::Question { certain: false }
    }
}

fn wants_fields(text: &str) -> bool {
    let named = lexicon::has(text, |language| language.extraction);
    has_schema(text) || (named && fields::in_goal(text).is_some())
}

/// Whether the form is told that values are to have: JSON, or a schema.
fn has_schema(text: &str) -> bool {
    let named = lexicon::has(text, |language| language.extraction);
    let json = text.to_lowercase().contains("json");
    (named && json) || (text.contains('{') && fields::in_goal(text).is_some())
}

/// Whether a file is a table by its name.
pub(crate) fn is_table(file: &str) -> bool {
    let ending = file.rsplit('.').next().unwrap_or("").to_lowercase();
    TABLES.contains(&ending.as_str())
}

/// Whether a file may be a table by its name.
fn may_be_table(file: &str) -> bool {
    let ending = file.rsplit('.').next().unwrap_or("").to_lowercase();
    PERHAPS.contains(&ending.as_str())
}

/// How far a goal is about documents. That something be quoted, summed up or taken by a schema is asked of us, whatever the files; what asks
/// for figures is left to whoever finds a table in them.
pub(crate) fn claims(goal: &Goal) -> Claim {
    let text = goal.text();
    let count = |is: fn(&str) -> bool| goal.data().iter().filter(|file| is(file)).count();
    let (tables, perhaps) = (count(is_table), count(may_be_table));
    let all = goal.data().len();
    if all == 0 {
        return Claim::Not;
    }
    let figures = lexicon::has(text, |language| language.figures);
    let quoting = lexicon::has(text, |language| language.quoting);
    let summary = lexicon::has(text, |language| language.summary);
    // "tonnes per hectare over all fields": a field is more than what a form has.
    let fields = has_schema(text) || (wants_fields(text) && !figures);
    if fields || (!figures && (quoting || (summary && tables < all))) {
        return Claim::Asked;
    }
    // What is quoted and computed at once is a table's, where there is one: `the highest of the quotes`.
    if quoting {
        return Claim::Part;
    }
    let json = count(|file| file.to_lowercase().ends_with(".json"));
    match (tables + perhaps == all, figures) {
        (true, false) if json == all => Claim::Part,
        (true, _) => Claim::Not,
        (false, true) => Claim::Can,
        (false, false) => Claim::Part,
    }
}

#[cfg(test)]
mod tests {
    use aios_work::GoalLimits;

    use super::*;

    #[test]
    fn a_goal_is_understood_in_each_language() {
        let question = |certain| Intent::Question { certain };
        for (text, intent) in [
            ("Summarise the notes", Intent::Summary),
            ("Fasse den Bericht zusammen", Intent::Summary),
            ("R\u{e9}sume ce document", Intent::Summary),
            ("Resume el informe", Intent::Summary),
            ("Analyze the report", Intent::Summary),
            ("What did the repair cost?", question(true)),
            ("Was kostete die Reparatur?", question(true)),
            ("\u{bf}Cu\u{e1}nto cost\u{f3}?", question(true)),
            (
                "Find the cost of the repair, with the place quoted",
                question(true),
            ),
            ("Name the members of the board", question(false)),
            ("Riassumi il documento", question(false)),
            ("What does the schema say?", question(true)),
        ] {
            assert_eq!(Intent::of(text), intent, "{text}");
        }
        for (text, schema) in [
            ("Extract number and date as JSON", true),
            ("Extract these fields as JSON by this schema", false),
            ("Extrahiere Nummer und Datum aus dem Brief als JSON", true),
            ("Give me {\"total\": 0}", true),
        ] {
            match Intent::of(text) {
                Intent::Fields(found) => assert_eq!(found.is_some(), schema, "{text}: {found:?}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn figures_of_tables_are_left_to_who_reads_tables() {
        for (text, files, claim) in [
            ("Summarise", &["a.md"][..], Claim::Asked),
            ("Analyze sales", &["a.csv"], Claim::Not),
            ("Summarise", &["a.csv"], Claim::Not),
            ("Quote the row about Oslo", &["a.csv"], Claim::Asked),
            ("Extract name and town as JSON", &["a.csv"], Claim::Asked),
            ("Summarise", &["a.csv", "a.md"], Claim::Asked),
            ("Total revenue", &["a.csv", "a.md"], Claim::Can),
            ("What is the plan?", &["a.csv", "a.md"], Claim::Part),
            ("What is the plan?", &["a.md"], Claim::Part),
            ("How much did the repair cost?", &["a.md"], Claim::Can),
            ("Total revenue per region", &["a.json"], Claim::Not),
            ("Which product sells best?", &["a.xlsx"], Claim::Not),
            ("Summarise", &["a.json"], Claim::Asked),
            ("Summarise", &["a.xlsx"], Claim::Asked),
            ("Which town is Ann in?", &["a.json"], Claim::Part),
            ("Quote the row about Oslo", &["a.xlsx"], Claim::Asked),
            (
                "Tonnes per hectare of wheat, over all the wheat fields together",
                &["a.tsv"],
                Claim::Not,
            ),
            (
                "Which supplier sent the lowest quote?",
                &["a.csv"],
                Claim::Part,
            ),
            ("What is 2 + 2?", &[], Claim::Not),
        ] {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            let goal = Goal::new("g", "t", text, files.clone(), &GoalLimits::default()).unwrap();
            assert_eq!(claims(&goal), claim, "{text} {files:?}");
        }
    }
}
