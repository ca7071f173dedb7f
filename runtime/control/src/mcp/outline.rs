//! A supervision tree as lines of text, which a model reads better than nested objects.

use std::fmt::Write;

use serde_json::Value;

/// Lines that are drawn; a tree of ten thousand agents is no help to anybody.
const LINES: usize = 500;

/// The tree of a view.
pub(super) fn outline(view: &Value) -> String {
    let mut lines = String::new();
    let mut left = LINES;
    draw(&view["tree"], 0, &mut lines, &mut left);
    if left == 0 {
        let _ = writeln!(lines, "...");
    }
    lines
}

fn draw(supervisor: &Value, depth: usize, lines: &mut String, left: &mut usize) {
    let path = supervisor["path"].as_str().unwrap_or("?");
    let name = path.rsplit('/').next().unwrap_or(path);
    line(
        depth,
        name,
        &supervisor["state"],
        &supervisor["restarts"],
        lines,
        left,
    );
    for child in supervisor["children"].as_array().into_iter().flatten() {
        if child["supervisor"].is_object() {
            draw(&child["supervisor"], depth + 1, lines, left);
        } else {
            let id = child["id"].as_str().unwrap_or("?");
            line(
                depth + 1,
                id,
                &child["state"],
                &child["restarts"],
                lines,
                left,
            );
        }
    }
}

fn line(
    depth: usize,
    name: &str,
    state: &Value,
    restarts: &Value,
    lines: &mut String,
    left: &mut usize,
) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    // A state with details is an object of one field.
    let state = match state {
        Value::String(state) => state.clone(),
        Value::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let restarts = restarts.as_u64().unwrap_or_default();
    let indent = "  ".repeat(depth);
    let _ = write!(lines, "{indent}{name}  {state}");
    if restarts > 0 {
        let _ = write!(lines, ", {restarts} restarts");
    }
    lines.push('\n');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_lines_and_a_large_one_is_cut() {
        let view = json!({"tree": {"path": "root", "state": "running", "restarts": 0, "children": [
            {"id": "macro", "supervisor": {"path": "root/macro", "state": "running", "restarts": 2, "children": [
                {"id": "macro.planner.001@local", "state": {"waiting": {"until": 3}}, "restarts": 1, "supervisor": null},
            ]}},
        ]}});
        assert_eq!(
            outline(&view),
            "root  running\n  macro  running, 2 restarts\n    macro.planner.001@local  waiting, 1 restarts\n"
        );
        let child = json!({"id": "a", "state": "running", "restarts": 0});
        let large = json!({"tree": {"path": "root", "children": vec![child; 10_000]}});
        let drawn = outline(&large);
        assert_eq!(drawn.lines().count(), LINES + 1);
        assert!(drawn.ends_with("...\n"));
        assert_eq!(outline(&Value::Null), "?  \n");
    }
}
