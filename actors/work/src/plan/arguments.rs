//! Whether each task is called with what its tool takes, as far as that can be known before anything runs.
//!
//! What stands in the plan is validated against the tool's input schema. What another task will give is not there yet: its type is known
//! from that task's output schema, and compared with what is taken in its place. What then remains is checked again when the call is made.

use serde_json::Value;

use super::{Each, Plan, PlanError, Task};
use crate::schema::Place;
use crate::{Effect, Hole, ToolSpec, holes};

/// What is wrong with a value by its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the value, as a JSON pointer.
    pub at: String,
    /// Whether it says of what lies below that it fits none of several forms: then what is not there yet may be to blame.
    pub of_alternatives: bool,
    /// In a few words.
    pub says: String,
}

/// Knows JSON Schema.
pub trait Validate: Send + Sync {
    /// Everything that is wrong with a value.
    fn problems(&self, schema: &Value, value: &Value) -> Vec<Problem>;
}

impl Plan {
    /// Whether each task's arguments are what its tool takes: values by its schema, references by what the other tool says it gives. For
    /// plans whose arguments are whole; a domain that puts in more when a task is due knows itself what it puts in.
    ///
    /// Ask after [`Plan::check`], which sees to it that what is referred to is there.
    ///
    /// # Errors
    /// The first rule broken, in the order of the tasks.
    pub fn check_arguments(
        &self,
        specs: &[ToolSpec],
        schemas: &dyn Validate,
    ) -> Result<(), PlanError> {
        let typing = Typing {
            plan: self,
            specs,
            schemas,
        };
        self.tasks.iter().try_for_each(|task| typing.check(task))
    }
}

struct Typing<'a> {
    plan: &'a Plan,
    specs: &'a [ToolSpec],
    schemas: &'a dyn Validate,
}

impl<'a> Typing<'a> {
    fn spec(&self, task: &Task) -> Result<&'a ToolSpec, PlanError> {
        let spec = self.specs.iter().find(|spec| spec.name == task.tool);
        spec.ok_or_else(|| PlanError::unknown_tool(task, self.specs.iter().map(|spec| &spec.name)))
    }

    fn check(&self, task: &Task) -> Result<(), PlanError> {
        let spec = self.spec(task)?;
        if task.prose {
            // What a text is written from is there when it is due, and its domain puts it in.
            return Ok(());
        }
        let element = match &task.each {
            None => None,
            Some(each) => Some(self.list(task, each)?),
        };
        let holes = holes(&task.args);
        let input = Place::of(&spec.input);
        for (place, hole) in &holes {
            self.fits(task, place, hole, &input, element.as_ref())?;
        }
        let wrong = |args: &Value, holes: &[(String, Hole<'_>)]| {
            let problems = self.schemas.problems(&spec.input, args).into_iter();
            let mut told = problems.filter(|problem| !excused(problem, holes));
            told.next()
        };
        let problem = wrong(&task.args, &holes);
        let again = task.recheck.as_ref().and_then(|args| wrong(args, &[]));
        if let Some(problem) = problem.or(again) {
            return Err(PlanError::Arguments {
                task: task.id.clone(),
                tool: task.tool.clone(),
                says: said(&problem),
            });
        }
        if task.recheck.is_some() && spec.effect != Effect::Pure {
            return Err(PlanError::RecheckChanges {
                task: task.id.clone(),
                tool: task.tool.clone(),
            });
        }
        Ok(())
    }

    /// What a task gives: what its tool does, or a list of that.
    fn given(&self, task: &Task, at: &str) -> Result<Result<Place<'a>, String>, PlanError> {
        let output = Place::of(&self.spec(task)?.output);
        if task.each.is_none() {
            return Ok(output.at(at).map_err(|astray| astray.to_string()));
        }
        // The first step leads to one element's result.
        let rest = at.strip_prefix('/').map(|rest| rest.split_once('/'));
        Ok(match rest {
            None => Err("it is a list, one result for each element: refer to a place of it, such as /0, or do a task for each with `each`".to_owned()),
            Some(rest) => {
                let inside = rest.map(|(_, inside)| format!("/{inside}"));
                output
                    .at(&inside.unwrap_or_default())
                    .map_err(|astray| astray.to_string())
            }
        })
    }

    fn list(&self, task: &Task, each: &Each) -> Result<Place<'a>, PlanError> {
        let told = |says: String| PlanError::EachNoList {
            task: task.id.clone(),
            from: each.from.clone(),
            at: each.at.clone(),
            says,
        };
        let Some(source) = self.plan.task(&each.from) else {
            return Err(told("there is no such task".to_owned()));
        };
        // One result for each element is a list without being told so by a tool.
        if source.each.is_some() && each.at.is_empty() {
            return Ok(Place::of(&self.spec(source)?.output));
        }
        let place = self.given(source, &each.at)?.map_err(told)?;
        if place.kinds().is_any() {
            return Err(told("its tool does not say what that is".to_owned()));
        }
        place
            .element()
            .ok_or_else(|| told(format!("that is {}, and a list is wanted", place.kinds())))
    }

    fn fits(
        &self,
        task: &Task,
        place: &str,
        hole: &Hole<'_>,
        input: &Place<'_>,
        element: Option<&Place<'a>>,
    ) -> Result<(), PlanError> {
        let told = |refers: String, says: String| PlanError::Reference {
            task: task.id.clone(),
            place: place.to_owned(),
            refers,
            says,
        };
        let refers = match hole {
            Hole::Task(reference) => {
                format!("{:?} of {:?}", short(reference.at), short(reference.task))
            }
            Hole::Element(at) => format!("{:?} of the element", short(at)),
        };
        let given = match hole {
            Hole::Task(reference) => {
                let Some(source) = self.plan.task(reference.task) else {
                    return Err(told(refers, "there is no such task".to_owned()));
                };
                // All results of a task done for each are a list, whatever its tool gives.
                if source.each.is_some() && reference.at.is_empty() {
                    return self
                        .list_fits(source, place, input)
                        .map_err(|says| told(refers, says));
                }
                self.given(source, reference.at)?
            }
            Hole::Element(at) => match element {
                None => return Err(told(refers, "the task has no `each`".to_owned())),
                Some(element) => element.at(at).map_err(|astray| astray.to_string()),
            },
        };
        let given = match given {
            Ok(given) => given,
            Err(says) => return Err(told(refers, says)),
        };
        // What the input schema does not tell, whoever validates refuses or lets pass.
        let Ok(taken) = input.at(place) else {
            return Ok(());
        };
        given
            .fits(&taken)
            .map_err(|misfit| told(refers, misfit.to_string()))
    }

    fn list_fits(&self, source: &Task, place: &str, input: &Place<'_>) -> Result<(), String> {
        let Ok(taken) = input.at(place) else {
            return Ok(());
        };
        if taken.kinds().is_any() {
            return Ok(());
        }
        let Some(wanted) = taken.element() else {
            return Err(format!(
                "that is one result for each element, and {} is wanted",
                taken.kinds()
            ));
        };
        let output = self.spec(source).map_err(|error| error.to_string())?;
        Place::of(&output.output)
            .fits(&wanted)
            .map_err(|misfit| misfit.to_string())
    }
}

/// Whether a problem is about what is not there yet.
fn excused(problem: &Problem, holes: &[(String, Hole<'_>)]) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    holes.iter().any(|(hole, _)| {
        within(&problem.at, hole) || (problem.of_alternatives && within(hole, &problem.at))
    })
}

fn said(problem: &Problem) -> String {
    if problem.at.is_empty() {
        problem.says.clone()
    } else {
        format!("at {}: {}", short(&problem.at), problem.says)
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Capabilities, PlanFile, PlanLimits};

    /// Knows types, required fields and closed objects of the first level, as a validator of ours would say it.
    struct Simple;

    impl Validate for Simple {
        fn problems(&self, schema: &Value, value: &Value) -> Vec<Problem> {
            let mut problems = Vec::new();
            let empty = serde_json::Map::new();
            let fields = schema["properties"].as_object().unwrap_or(&empty);
            let problem = |at: String, says: String| Problem {
                at,
                of_alternatives: false,
                says,
            };
            for required in schema["required"].as_array().into_iter().flatten() {
                let name = required.as_str().unwrap();
                if value.get(name).is_none() {
                    problems.push(problem(String::new(), format!("{name:?} is missing")));
                }
            }
            for (name, value) in value.as_object().unwrap() {
                match fields.get(name) {
                    None => problems.push(problem(String::new(), format!("{name:?} is unknown"))),
                    Some(schema) => {
                        let place = Place::of(schema);
                        let given = json!({ "const": value });
                        if let Err(misfit) = Place::of(&given).fits(&place) {
                            problems.push(problem(format!("/{name}"), misfit.to_string()));
                        }
                    }
                }
            }
            problems
        }
    }

    fn tool(name: &str, input: Value, output: Value) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            input,
            output,
            needs: Capabilities::none(),
            effect: if name == "send" {
                Effect::Ask
            } else {
                Effect::Pure
            },
        }
    }

    fn specs() -> Vec<ToolSpec> {
        let item = json!({"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}});
        let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required});
        vec![
            tool(
                "list",
                closed(json!({"folder": {"type": "string"}}), json!(["folder"])),
                json!({"type": "object", "properties": {"items": {"type": "array", "items": item}, "count": {"type": "integer"}}}),
            ),
            tool(
                "price",
                closed(
                    json!({"name": {"type": "string"}, "times": {"type": "integer"}}),
                    json!(["name"]),
                ),
                json!({"type": "object", "properties": {"price": {"type": "number"}}}),
            ),
            tool(
                "sum",
                closed(
                    json!({"of": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}}}),
                    json!(["of"]),
                ),
                json!({"type": "number"}),
            ),
            tool(
                "send",
                closed(json!({"text": {"type": "string"}}), json!([])),
                json!({}),
            ),
        ]
    }

    fn checked(tasks: Value) -> Result<(), String> {
        let file = json!({"goal": "x", "tasks": tasks}).to_string();
        let plan = PlanFile::read(file.as_bytes()).unwrap().plan("g");
        let specs = specs();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        plan.check(Some(&names), &PlanLimits::default())
            .and_then(|()| plan.check_arguments(&specs, &Simple))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_that_is_typed_throughout_passes() {
        let all = json!([
            {"id": "list", "tool": "list", "args": {"folder": "x"}},
            {"id": "one", "tool": "price", "args": {"name": {"$from": "list", "at": "/items/0/name"}, "times": {"$from": "list", "at": "/count"}}},
            {"id": "each", "tool": "price", "args": {"name": {"$each": "/name"}},
             "each": {"$from": "list", "at": "/items", "most": 10}},
            {"id": "sum", "tool": "sum", "args": {"of": {"$from": "each"}}},
            {"id": "again", "tool": "price", "args": {"name": "x"}, "each": {"$from": "each", "most": 10}},
            {"id": "third", "tool": "sum", "args": {"of": [{"price": {"$from": "each", "at": "/2/price"}}]}},
            {"id": "say", "tool": "send", "args": {"text": "done"}}
        ]);
        assert_eq!(checked(all), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_runs() {
        let list = json!({"id": "list", "tool": "list", "args": {"folder": "x"}});
        let each = json!({"id": "each", "tool": "price", "args": {"name": "x"}, "each": {"$from": "list", "at": "/items", "most": 10}});
        let price = |name: Value| json!({"id": "p", "tool": "price", "args": {"name": name}});
        let for_each = |from: &str, at: &str, name: Value| json!({"id": "p", "tool": "price", "args": {"name": name}, "each": {"$from": from, "at": at, "most": 3}});
        let cases = [
            (
                json!({"id": "p", "tool": "prise", "args": {}}),
                "the tool \"prise\", known are",
            ),
            (
                json!({"id": "p", "tool": "price", "args": {}}),
                "task \"p\" cannot call price: \"name\" is missing",
            ),
            (
                json!({"id": "p", "tool": "price", "args": {"name": "x", "nam": 1}}),
                "\"nam\" is unknown",
            ),
            (
                price(json!(3)),
                "at /name: that is integer, and string is wanted",
            ),
            (
                price(json!({"$from": "list", "at": "/count"})),
                "argument /name of task \"p\" refers to \"/count\" of \"list\": that is integer, and string is wanted",
            ),
            (
                price(json!({"$from": "list", "at": "/items/0/nam"})),
                "there is no field \"nam\", known are name, price",
            ),
            (
                price(json!({"$from": "list", "at": "/items/x"})),
                "a list has no place \"x\"",
            ),
            (
                price(json!({"$from": "list", "at": "items"})),
                "a JSON pointer is empty or begins",
            ),
            (
                price(json!({"$from": "said", "at": "/x"})),
                "its tool does not say what lies there",
            ),
            (
                price(json!({"$from": "said"})),
                "its tool does not say what that is, and string is wanted",
            ),
            (
                price(json!({"$each": "/name"})),
                "refer to an element, and it has no `each`",
            ),
            (
                price(json!({"$from": "each"})),
                "one result for each element, and string is wanted",
            ),
            (
                price(json!({"$from": "each", "at": "/0"})),
                "that is object, and string is wanted",
            ),
            (
                price(json!({"$from": "each", "at": "/0/nam"})),
                "there is no field \"nam\", known are price",
            ),
            (
                for_each("list", "/count", json!("x")),
                "that is integer, and a list is wanted",
            ),
            (
                for_each("list", "/nothing", json!("x")),
                "there is no field \"nothing\"",
            ),
            (
                for_each("said", "", json!("x")),
                "its tool does not say what that is",
            ),
            (
                for_each("list", "/items", json!({"$each": "/price"})),
                "refers to \"/price\" of the element: that is number, and string is wanted",
            ),
            (
                for_each("list", "/items", json!({"$each": "/nam"})),
                "there is no field \"nam\"",
            ),
            (
                json!({"id": "p", "tool": "send", "args": {}, "recheck": {}}),
                "cannot be asked a second time",
            ),
            (
                json!({"id": "p", "tool": "price", "args": {"name": "x"}, "recheck": {"name": 4}}),
                "that is integer, and string is wanted",
            ),
            (
                json!({"id": "p", "tool": "price", "args": {"name": {"$from": "p", "at": "/price"}}}),
                "waits for itself",
            ),
            (
                price(json!({"$from": "nobody"})),
                "needs \"nobody\", which is not in the plan",
            ),
        ];
        let said = json!({"id": "said", "tool": "send", "args": {}});
        for (task, expected) in cases {
            let tasks = json!([list, each, said, task]);
            let refused = checked(tasks).unwrap_err();
            assert!(refused.contains(expected), "{task}: {refused}");
        }
    }

    #[test]
    fn what_is_not_there_yet_is_not_to_blame() {
        let args = json!({"a": {"$from": "t"}, "b": 1});
        let holes = holes(&args);
        let problem = |at: &str, of_alternatives| Problem {
            at: at.to_owned(),
            of_alternatives,
            says: String::new(),
        };
        let cases = [
            ("/a", false, true),
            ("/a/x", false, true),
            ("/ab", false, false),
            ("/b", false, false),
            ("", false, false),
            ("", true, true),
            ("/b", true, false),
        ];
        for (at, alternatives, expected) in cases {
            assert_eq!(
                excused(&problem(at, alternatives), &holes),
                expected,
                "{at}"
            );
        }
    }
}
