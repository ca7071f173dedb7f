//! Judging results that are not prose: a query by a second query, a chart by its values.

use aios_work::shown::markup;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use aios_languages::english::figures::exact;
use aios_work::quoted;
use aios_work::{Category, Issue, Opinion, Severity};

/// Labels that a chart must show each.
const LABELS: usize = 24;

/// What a task's result is judged against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResultEvidence {
    /// The result of the task's `recheck`: the same question, asked in another way.
    Recomputed {
        /// `value` of the second call's output.
        again: Value,
    },
    /// A chart: the file's text and what it had to show.
    Chart {
        /// The SVG.
        svg: String,
        /// Its alt text.
        description: String,
        /// The labels it was given.
        labels: Vec<String>,
    },
    /// A table's profile; it must have rows and columns.
    Profile,
    /// Nothing to compare with: the result only has to be there.
    Present,
}

/// Rows of a query's result, in the shapes a tool may give: `{columns, rows: [[..]]}`, `{rows: [{..}]}` or a list of either.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Column names, if they were given.
    pub columns: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<Value>>,
    /// Where the rows stand in the value: `/rows`, or nothing where it is the list itself.
    base: &'static str,
    /// Whether the cells of a row stand under their columns' names.
    named: bool,
}

impl Rows {
    /// Reads a tool's value.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let list = value.get("rows").unwrap_or(value).as_array()?;
        let mut columns: Vec<String> = match value.get("columns").and_then(Value::as_array) {
            Some(names) => names
                .iter()
                .map(|name| {
                    name.as_str()
                        .or_else(|| name.get("name").and_then(Value::as_str))
                        .unwrap_or("")
                        .to_owned()
                })
                .collect(),
            None => Vec::new(),
        };
        if columns.is_empty()
            && let Some(first) = list.first().and_then(Value::as_object)
        {
            columns = first.keys().cloned().collect();
        }
        let mut rows = Vec::with_capacity(list.len());
        for row in list {
            rows.push(match row {
                Value::Array(cells) => cells.clone(),
                Value::Object(cells) => columns
                    .iter()
                    .map(|name| cells.get(name).cloned().unwrap_or(Value::Null))
                    .collect(),
                _ => return None,
            });
        }
        Some(Self {
            columns,
            rows,
            base: value.get("rows").map_or("", |_| "/rows"),
            named: list.iter().any(Value::is_object),
        })
    }

    /// Where in the tool's value a cell stands, as a JSON pointer; none where there is no such cell.
    #[must_use]
    pub fn pointer(&self, row: usize, column: &str) -> Option<String> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(at)?;
        let cell = if self.named {
            column.replace('~', "~0").replace('/', "~1")
        } else {
            at.to_string()
        };
        Some(format!("{}/{row}/{cell}", self.base))
    }

    /// The cell in a row under a column's name.
    #[must_use]
    pub fn cell(&self, row: usize, column: &str) -> &Value {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.rows.get(row)?.get(at))
            .unwrap_or(&Value::Null)
    }

    /// The number in a row under a column's name.
    #[must_use]
    pub fn number(&self, row: usize, column: &str) -> Option<f64> {
        self.cell(row, column).as_f64()
    }
}

/// Whether two cells agree: numbers within 1e-9 of their size, everything else exactly.
fn agree(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => a == b || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1e-6),
        _ => a == b,
    }
}

/// Judges a task's result. Accuracy says whether it holds; a result that does not is critical.
#[must_use]
pub fn check_result(output: &Value, evidence: &ResultEvidence) -> Opinion {
    let mut issues = Vec::new();
    let (right, all) = match evidence {
        ResultEvidence::Recomputed { again } => recomputed(output, again, &mut issues),
        ResultEvidence::Chart {
            svg,
            description,
            labels,
        } => chart(svg, description, labels, &mut issues),
        ResultEvidence::Profile => {
            let rows = output.get("rows").and_then(Value::as_u64).unwrap_or(0);
            let columns = output
                .get("columns")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            present(
                rows > 0 && columns > 0,
                "the table has no rows or columns",
                "Give a table with a header and rows",
                &mut issues,
            )
        }
        ResultEvidence::Present => present(
            !output.is_null(),
            "the task gave no result",
            "Run it again",
            &mut issues,
        ),
    };
    let accuracy = if all == 0 {
        1.0
    } else {
        right as f64 / all as f64
    };
    let missing = issues
        .iter()
        .any(|issue| issue.category == Category::Completeness);
    Opinion {
        scores: vec![
            (Category::Accuracy, accuracy),
            (Category::Completeness, if missing { 0.0 } else { 1.0 }),
        ],
        issues,
        claims: all,
        supported: right,
    }
}

fn present(
    there: bool,
    description: &str,
    suggestion: &str,
    issues: &mut Vec<Issue>,
) -> (usize, usize) {
    if !there {
        issues.push(Issue::new(
            Category::Completeness,
            Severity::Critical,
            description,
            suggestion,
        ));
    }
    (usize::from(there), 1)
}

/// Rows are matched by position: both queries state their order.
fn recomputed(output: &Value, again: &Value, issues: &mut Vec<Issue>) -> (usize, usize) {
    let (Some(first), Some(second)) = (Rows::read(output), Rows::read(again)) else {
        return present(
            false,
            "the result holds no rows to compare",
            "Run the query again",
            issues,
        );
    };
    if first.rows.len() != second.rows.len() {
        issues.push(Issue::new(
            Category::Accuracy,
            Severity::Critical,
            format!(
                "the result has {} rows, computed again it has {}",
                first.rows.len(),
                second.rows.len()
            ),
            "Run the query again",
        ));
        return (0, first.rows.len().max(1));
    }
    let (mut right, mut all) = (0, 0);
    for (at, (row, other)) in first.rows.iter().zip(&second.rows).enumerate() {
        if row.len() != other.len() {
            issues.push(Issue::new(
                Category::Accuracy,
                Severity::Critical,
                format!("row {} has other columns when computed again", at + 1),
                "Run the query again",
            ));
            all += 1;
            continue;
        }
        for (column, (cell, twin)) in row.iter().zip(other).enumerate() {
            all += 1;
            if agree(cell, twin) {
                right += 1;
            } else if issues.len() < 8 {
                let name = first.columns.get(column).map_or("value", String::as_str);
                issues.push(Issue::new(
                    Category::Accuracy,
                    Severity::Critical,
                    format!(
                        "{name} in row {} is {}, computed again it is {}",
                        at + 1,
                        shown(cell),
                        shown(twin)
                    ),
                    "Run the query again",
                ));
            }
        }
    }
    (right, all)
}

fn shown(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => exact(number),
        None => quoted(&value.to_string(), 40),
    }
}

/// A chart must be a whole SVG, be described, and name every label it was given.
fn chart(
    svg: &str,
    description: &str,
    labels: &[String],
    issues: &mut Vec<Issue>,
) -> (usize, usize) {
    let body = svg.trim();
    let start = body.find("<svg");
    let whole = start.is_some() && body.ends_with("</svg>");
    let mut right = 0;
    let mut judge = |there: bool, severity: Severity, description: String, suggestion: &str| {
        right += usize::from(there);
        if !there {
            issues.push(Issue::new(
                Category::Accuracy,
                severity,
                description,
                suggestion,
            ));
        }
    };
    judge(
        whole,
        Severity::Critical,
        "the chart is not a whole SVG".to_owned(),
        "Draw it again",
    );
    judge(
        description.chars().filter(|c| c.is_alphanumeric()).count() >= 10,
        Severity::Error,
        "the chart has no description".to_owned(),
        "Describe what it shows",
    );
    judge(
        body.contains("<title") || body.contains("aria-label"),
        Severity::Warning,
        "the chart has no title for screen readers".to_owned(),
        "Add a title element",
    );
    // A long axis names only some of its labels, but where it begins and ends.
    let named: Vec<&String> = if labels.len() > LABELS {
        labels.first().into_iter().chain(labels.last()).collect()
    } else {
        labels.iter().collect()
    };
    let all = 3 + named.len();
    for label in named {
        // Long labels may be shortened where they are drawn.
        let head: String = label.chars().take(8).collect();
        judge(
            body.contains(markup(&head).trim()),
            Severity::Error,
            format!("the chart does not show {:?}", quoted(label, 40)),
            "Draw every value",
        );
    }
    (right, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Assessment, Verdict};
    use serde_json::json;

    fn check_result(output: &Value, evidence: &ResultEvidence) -> Assessment {
        Assessment::of([super::check_result(output, evidence)])
    }

    #[test]
    fn a_cell_is_found_where_its_pointer_says_whatever_shape_the_rows_have() {
        for value in [
            json!({"columns": ["a/b", "n"], "rows": [["x", 1], ["y", 2]]}),
            json!({"columns": [{"name": "a/b"}, {"name": "n"}], "rows": [["x", 1], ["y", 2]]}),
            json!({"rows": [{"a/b": "x", "n": 1}, {"a/b": "y", "n": 2}]}),
            json!([{"a/b": "x", "n": 1}, {"a/b": "y", "n": 2}]),
        ] {
            let rows = Rows::read(&value).unwrap();
            for (row, column) in [(0, "a/b"), (0, "n"), (1, "a/b"), (1, "n")] {
                let at = rows.pointer(row, column).unwrap();
                let cell = value.pointer(&at);
                assert_eq!(cell, Some(rows.cell(row, column)), "{at} of {value}");
                assert!(cell.is_some_and(|cell| !cell.is_null()), "{at} of {value}");
            }
            assert_eq!(rows.pointer(2, "n"), None);
            assert_eq!(rows.pointer(0, "m"), None);
        }
    }

    #[test]
    fn a_result_passes_only_if_computing_it_again_agrees() {
        let first = json!({"columns": ["label", "total"], "rows": [["North", 0.3], ["South", 7]]});
        let cases = [
            (
                json!({"columns": ["label", "total"], "rows": [["North", 0.1 + 0.2], ["South", 7.0]]}),
                true,
            ),
            (
                json!({"rows": [{"label": "North", "total": 0.3}, {"label": "South", "total": 7}]}),
                true,
            ),
            (json!({"rows": [["North", 0.31], ["South", 7]]}), false),
            (json!({"rows": [["South", 7], ["North", 0.3]]}), false),
            (json!({"rows": [["North", 0.3]]}), false),
            (json!({"rows": [["North", null], ["South", 7]]}), false),
            (json!("text"), false),
        ];
        for (again, passes) in cases {
            let judged = check_result(
                &first,
                &ResultEvidence::Recomputed {
                    again: again.clone(),
                },
            );
            assert_eq!(judged.verdict.passes(), passes, "{again}");
        }
        let huge = json!({"rows": [[9_007_199_254_740_993i64]]});
        assert!(
            check_result(
                &huge,
                &ResultEvidence::Recomputed {
                    again: huge.clone()
                }
            )
            .verdict
            .passes()
        );
    }

    #[test]
    fn a_chart_must_be_whole_described_and_show_its_labels() {
        let svg = "<svg><title>Revenue</title><text>2025-07</text><text>A &amp; B</text></svg>";
        let chart = |svg: &str, labels: &[&str]| ResultEvidence::Chart {
            svg: svg.into(),
            description: "Bar chart of revenue per month".into(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        assert_eq!(
            check_result(&json!({}), &chart(svg, &["2025-07", "A & B"])).verdict,
            Verdict::Approved
        );
        assert!(
            !check_result(&json!({}), &chart("<svg>", &[]))
                .verdict
                .passes()
        );
    }
}
