//! A task that is done once for each element of a list: pure expansion into tasks of their own, and their results put together again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Plan, Task};
use crate::FILLED_BYTES;
use crate::reference::fill_for;

/// Elements of one list that are worked on at the same time: a server gets no flood, and the deadlines of a plan can be added up.
pub const EACH_AT_ONCE: usize = 4;

/// Over which list a task is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// The task that gives the list.
    #[serde(rename = "$from")]
    pub from: String,
    /// Where in its result, as a JSON pointer; empty for all of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// Most elements; a longer list is refused, and nothing is done for any of it.
    pub most: usize,
}

/// Why a task is done for none of the elements.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EachError {
    /// The place is not there.
    #[error("{at:?} is not in what {from:?} gave")]
    Nowhere {
        /// The place.
        at: String,
        /// The task.
        from: String,
    },
    /// There is no list.
    #[error("what {from:?} gave at {at:?} is no list")]
    NoList {
        /// The place.
        at: String,
        /// The task.
        from: String,
    },
    /// It is too long.
    #[error(
        "the list that {from:?} gave has {asked} elements, the plan allows {allowed}: raise its `most` or ask for less"
    )]
    TooMany {
        /// The task.
        from: String,
        /// Elements.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// An element lacks what the arguments take from it, or all arguments together are too large.
    #[error(
        "the arguments for element {index} cannot be made: what they refer to is not there, or they are too large"
    )]
    Unfilled {
        /// Which element, from 0.
        index: usize,
    },
}

impl Task {
    /// The name of the task for one element. No task of a plan has such a name: its brackets are not allowed there.
    #[must_use]
    pub fn element_id(&self, index: usize) -> String {
        format!("{}[{index}]", self.id)
    }

    /// One task for each element, in their order, with all that its arguments refer to filled in. They are tasks like any other, each
    /// with an idempotency key of its own.
    ///
    /// # Errors
    /// When there is no such list, or it is longer than the plan allows.
    pub fn elements(&self, results: &BTreeMap<String, Value>) -> Result<Vec<Self>, EachError> {
        let Some(each) = &self.each else {
            return Ok(Vec::new());
        };
        let (from, at) = (|| each.from.clone(), || each.at.clone());
        let list = results.get(&each.from);
        let list = list.and_then(|result| result.pointer(&each.at));
        let list = list.ok_or_else(|| EachError::Nowhere {
            at: at(),
            from: from(),
        })?;
        let list = list.as_array().ok_or_else(|| EachError::NoList {
            at: at(),
            from: from(),
        })?;
        if list.len() > each.most {
            return Err(EachError::TooMany {
                from: from(),
                asked: list.len(),
                allowed: each.most,
            });
        }
        // All calls together take no more memory than one may.
        let mut left = FILLED_BYTES;
        let element = |(index, element): (usize, &Value)| {
            let args = fill_for(&self.args, results, element, &mut left);
            let args = args.ok_or(EachError::Unfilled { index })?;
            Ok(Self {
                id: self.element_id(index),
                title: Some(format!("{} [{index}]", self.title(&[]))),
                args,
                each: None,
                recheck: None,
                ..self.clone()
            })
        };
        list.iter().enumerate().map(element).collect()
    }
}

impl Plan {
    /// The task that a name of one of its elements belongs to, and which element that is.
    #[must_use]
    pub fn element(&self, id: &str) -> Option<(&Task, usize)> {
        let (task, index) = id.strip_suffix(']')?.split_once('[')?;
        let index: usize = index.parse().ok()?;
        let task = self.task(task).filter(|task| task.each.is_some())?;
        // `[01]` is no name of it.
        (task.element_id(index) == id).then_some((task, index))
    }
}

/// What the elements gave, in their order; null where one gave nothing.
#[must_use]
pub fn gathered(results: Vec<Option<Value>>) -> Value {
    Value::Array(
        results
            .into_iter()
            .map(|result| result.unwrap_or(Value::Null))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn priced(most: usize) -> Task {
        let args = json!({"name": {"$each": "/name"}, "of": {"$from": "head", "at": "/x"}, "all": {"$each": ""}, "n": 1});
        Task {
            each: Some(Each {
                from: "list".to_owned(),
                at: "/items".to_owned(),
                most,
            }),
            needs: vec!["list".to_owned(), "head".to_owned()],
            ..Task::new("price", "shop", args)
        }
    }

    fn results(items: Value) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("list".to_owned(), json!({ "items": items })),
            ("head".to_owned(), json!({"x": "h"})),
        ])
    }

    #[test]
    fn a_task_is_done_once_for_each_element_in_order() {
        let items = json!([{"name": "a"}, {"name": {"$from": "head"}}]);
        let tasks = priced(2).elements(&results(items)).unwrap();
        let shown: Vec<_> = tasks
            .iter()
            .map(|task| (task.id.as_str(), &task.args))
            .collect();
        // What an element holds is data: it refers to nothing.
        assert_eq!(
            shown,
            [
                (
                    "price[0]",
                    &json!({"name": "a", "of": "h", "all": {"name": "a"}, "n": 1})
                ),
                (
                    "price[1]",
                    &json!({"name": {"$from": "head"}, "of": "h", "all": {"name": {"$from": "head"}}, "n": 1})
                ),
            ]
        );
        assert!(tasks.iter().all(|task| task.each.is_none()));
        assert_eq!(priced(2).elements(&results(json!([]))), Ok(vec![]));
        assert_eq!(
            gathered(vec![Some(json!(1)), None, Some(json!({}))]),
            json!([1, null, {}])
        );
    }

    #[test]
    fn a_list_that_is_none_or_too_long_is_refused_with_its_reason() {
        let one = |name: &str| json!([{ "name": name }]);
        let cases = [
            (json!(null), 5, "is no list"),
            (json!({"0": 1}), 5, "is no list"),
            (
                json!(vec![json!({"name": "a"}); 6]),
                5,
                "has 6 elements, the plan allows 5",
            ),
            (json!([{"name": 1}, {}]), 5, "element 1 cannot be made"),
            (
                one(&"x".repeat(FILLED_BYTES)),
                5,
                "element 0 cannot be made",
            ),
        ];
        for (items, most, expected) in cases {
            let refused = priced(most).elements(&results(items)).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        let nowhere = priced(1).elements(&BTreeMap::new()).unwrap_err();
        assert!(nowhere.to_string().contains("is not in what"), "{nowhere}");
        // Each within the limit, and not all of them together.
        let large = json!({"name": "x".repeat(FILLED_BYTES / 5)});
        assert!(priced(9).elements(&results(json!([large]))).is_ok());
        assert!(
            priced(9)
                .elements(&results(json!([large, large, large])))
                .is_err()
        );
    }

    #[test]
    fn a_name_of_an_element_leads_to_its_task_and_no_other() {
        let plain = Task::new("plain", "shop", json!({}));
        let plan = Plan::of("g", "file", vec![priced(2), plain]);
        let found = |id: &str| plan.element(id).map(|(task, at)| (task.id.as_str(), at));
        assert_eq!(found("price[7]"), Some(("price", 7)));
        for id in [
            "price",
            "price[]",
            "price[01]",
            "price[1",
            "price[+1]",
            "plain[0]",
            "other[0]",
            "price[0][0]",
        ] {
            assert_eq!(found(id), None, "{id}");
        }
    }
}
