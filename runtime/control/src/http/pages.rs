//! A long list in pieces: `limit` says how many, `after` the name of the last one that is known, and what comes next is said in `Link`.

use serde_json::Value;

use crate::ControlError;

/// The most of one piece.
pub(super) const LIMIT_MAX: usize = 1_000;

/// Which piece is wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    /// The field that names each.
    field: &'static str,
    limit: Option<usize>,
    after: Option<String>,
}

impl Piece {
    /// What a query says of it, taken out of the query. A list whose names are numbers is asked from one on by itself.
    pub(super) fn take(
        field: &'static str,
        query: &mut Vec<(String, String)>,
    ) -> Result<Self, ControlError> {
        let mut taken = |name: &str| -> Result<Option<String>, ControlError> {
            let mut found = query.extract_if(.., |(given, _)| given == name);
            let value = found.next().map(|(_, value)| value);
            match found.next() {
                None => Ok(value),
                Some(_) => Err(ControlError::invalid(format!("{name:?} is said twice"))),
            }
        };
        let limit = taken("limit")?.map(|limit| {
            let number = limit.parse().ok();
            let fits = number.filter(|number| (1..=LIMIT_MAX).contains(number));
            fits.ok_or_else(|| {
                let message = format!("limit is {limit:?}, allowed is 1 to {LIMIT_MAX}");
                ControlError::invalid(message)
            })
        });
        let limit = limit.transpose()?;
        let after = match field {
            "seq" => None,
            _ => taken("after")?,
        };
        Ok(Self {
            field,
            limit,
            after,
        })
    }

    /// The piece of a list, and the name to ask on from if there is more.
    pub(super) fn of(&self, list: Value) -> Result<(Value, Option<String>), ControlError> {
        let Value::Array(mut list) = list else {
            return Ok((list, None));
        };
        if let Some(after) = &self.after {
            let at = list
                .iter()
                .position(|one| name(one, self.field).as_ref() == Some(after));
            let Some(at) = at else {
                return Err(ControlError::unknown(format!(
                    "nothing in the list is called {after:?}"
                ))
                .advise("it may be gone by now; begin again without `after`"));
            };
            list.drain(..=at);
        }
        let mut next = None;
        if let Some(limit) = self.limit
            && list.len() > limit
        {
            list.truncate(limit);
            next = list.last().and_then(|last| name(last, self.field));
        }
        Ok((Value::Array(list), next))
    }

    /// Where the next piece is, for a `Link`.
    pub(super) fn link(&self, path: &str, next: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        query.append_pair("after", next);
        format!("<{path}?{}>; rel=\"next\"", query.finish())
    }
}

fn name(one: &Value, field: &str) -> Option<String> {
    match &one[field] {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn piece(field: &'static str, query: &str) -> Result<Piece, ControlError> {
        let mut pairs = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Piece::take(field, &mut pairs)
    }

    #[test]
    fn a_list_comes_in_pieces_that_leave_nothing_out() {
        let list: Vec<Value> = (0..5).map(|at| json!({"id": format!("g{at} &")})).collect();
        let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let piece = piece("id", &query).unwrap();
            let (part, next) = piece.of(Value::Array(list.clone())).unwrap();
            seen.extend(part.as_array().unwrap().clone());
            let Some(next) = next else { break };
            let link = piece.link("/v1/goals", &next);
            let told = link.strip_prefix("</v1/goals?").unwrap();
            query = told.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        assert_eq!(seen, list);
        let whole = piece("id", "").unwrap().of(json!(list)).unwrap();
        assert_eq!(whole, (json!(list), None));
    }

    #[test]
    fn what_is_no_piece_is_refused() {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=1&limit=2",
            "limit=",
        ] {
            assert_eq!(
                piece("id", query).unwrap_err().kind,
                ErrorKind::Invalid,
                "{query}"
            );
        }
        let gone = piece("id", "after=x").unwrap().of(json!([{"id": "a"}]));
        assert_eq!(gone.unwrap_err().kind, ErrorKind::Unknown);
        // Events are asked from a number on by the contract itself.
        let mut query = vec![("after".to_owned(), "3".to_owned())];
        Piece::take("seq", &mut query).unwrap();
        assert_eq!(query.len(), 1);
    }
}
