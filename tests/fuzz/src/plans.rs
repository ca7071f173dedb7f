//! Plans from outside: a file of anybody's, and what is done with its arguments and with results before anything is believed.

use std::collections::{BTreeMap, BTreeSet};

use aios_tools::Validator;
use aios_work::{Capabilities, Effect, Plan, PlanFile, PlanLimits, Slots, ToolSpec, figures};
use serde_json::{Value, json};

/// Tools whose schemas have what schemas have: references, alternatives, lists, closed and open objects.
fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, input: Value, output: Value| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        input,
        output,
        needs: Capabilities::none(),
        effect: Effect::Pure,
    };
    let row = json!({"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/row"}}});
    vec![
        tool(
            "t",
            json!({"type": "object", "properties": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "n": {"type": "integer", "maximum": 9}}, "additionalProperties": false}),
            json!({"type": "object", "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/row"}}, "n": {"type": "number"}}, "$defs": {"row": row}}),
        ),
        tool(
            "u",
            json!({"type": "object", "properties": {"of": {"type": "array", "items": {"type": "string"}}}, "required": ["of"]}),
            json!({}),
        ),
    ]
}

/// A plan file: what reads is written and reads the same again; what passes its checks has an order in which it can be done, and the
/// arguments of every element can be made or are refused. A refusal has words, and not more than a screen of them.
pub fn plan_file(data: &[u8]) {
    let file = match PlanFile::read(data) {
        Ok(file) => file,
        Err(error) => {
            let said = error.to_string();
            return assert!(!said.is_empty() && said.len() < 2_000, "{said}");
        }
    };
    let again = PlanFile::read(file.written().as_bytes());
    assert_eq!(
        again.as_ref(),
        Ok(&file),
        "what was read is written and reads the same"
    );
    let plan = file.plan("g");
    let (tools, limits) = (tools(), PlanLimits::default());
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    let checked = plan
        .check(Some(&names), &limits)
        .and_then(|()| plan.check_arguments(&tools, &Validator));
    match checked {
        Ok(()) => done(&plan),
        Err(error) => assert!(error.to_string().len() < 4_000, "{error}"),
    }
    said(&file.meaning, &file.goal);
}

fn done(plan: &Plan) {
    let planned: usize = plan.waves().iter().map(Vec::len).sum();
    assert_eq!(planned, plan.tasks.len(), "a checked plan gets stuck");
    let rows =
        json!({"rows": [{"name": "a"}, {"name": "b", "next": {"name": {"$from": "t"}}}], "n": 1.5});
    let ids = plan.tasks.iter().map(|task| task.id.clone());
    let results: BTreeMap<String, Value> = ids.map(|id| (id, rows.clone())).collect();
    for task in &plan.tasks {
        let Ok(elements) = task.elements(&results) else {
            continue;
        };
        let most = task.each.as_ref().map_or(0, |each| each.most);
        assert!(elements.len() <= most);
        let ids: BTreeSet<&str> = elements.iter().map(|element| element.id.as_str()).collect();
        assert_eq!(ids.len(), elements.len(), "each has a name of its own");
        assert!(ids.iter().all(|id| plan.element(id).is_some()));
    }
}

/// Any value as a result, any text as a model's: figures have their places, and nothing but figures is put into slots.
fn said(result: &Value, text: &str) {
    let (facts, _) = figures("task", "t", result);
    for fact in &facts {
        let at = fact.source.at.as_deref().unwrap_or("?");
        assert!(result.pointer(at).is_some(), "{at} is in {result}");
    }
    let slots = Slots::of(&facts);
    if slots.problems(text).is_empty() && slots.used(text) == 0 {
        assert!(!slots.fill(text).contains(char::is_numeric), "{text}");
    }
}
