//! The methods of Python's texts and dictionaries that chat templates call. Those that make something are the built-in
//! filters, which pay for what they make; the others make less than there was.

use minijinja::value::{Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let unknown = || Err(Error::from(ErrorKind::UnknownMethod));
    let with_value = || {
        let all = std::iter::once(value.clone());
        all.chain(args.iter().cloned()).collect::<Vec<_>>()
    };
    match (value.kind(), method) {
        (ValueKind::String, "strip") => state.apply_filter("trim", &with_value()),
        (ValueKind::String, "upper" | "lower" | "title" | "capitalize" | "replace" | "split") => {
            state.apply_filter(method, &with_value())
        }
        (ValueKind::String, "startswith") => state
            .perform_test("startingwith", &with_value())
            .map(Value::from),
        (ValueKind::String, "endswith") => state
            .perform_test("endingwith", &with_value())
            .map(Value::from),
        (ValueKind::String, "lstrip" | "rstrip") => {
            let (chars,): (Option<String>,) = from_args(args)?;
            let is_stripped = |c: char| match &chars {
                Some(chars) => chars.contains(c),
                None => c.is_whitespace(),
            };
            let text = value.as_str().unwrap_or_default();
            Ok(Value::from(match method {
                "lstrip" => text.trim_start_matches(is_stripped),
                _ => text.trim_end_matches(is_stripped),
            }))
        }
        (ValueKind::Map, "items") => state.apply_filter("items", &with_value()),
        (ValueKind::Map, "keys") => state.apply_filter("list", &with_value()),
        (ValueKind::Map, "get") => {
            let (key, other): (Value, Option<Value>) = from_args(args)?;
            let found = value.get_item(&key)?;
            Ok(if found.is_undefined() {
                other.unwrap_or(Value::from(()))
            } else {
                found
            })
        }
        _ => unknown(),
    }
}
