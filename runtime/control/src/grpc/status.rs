//! A refusal as gRPC writes one: a code that every library knows, and the contract's error in its details.

use aios_wire::generated::common::Problem;
use aios_wire::{problem_of, status_details};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::{ControlError, ErrorKind};

/// Which code says which kind. The first of a code is what a code without details is read as.
const TABLE: [(ErrorKind, Code); 10] = [
    (ErrorKind::Invalid, Code::InvalidArgument),
    // What the library itself says of a message that is too long.
    (ErrorKind::TooLarge, Code::OutOfRange),
    (ErrorKind::Unknown, Code::NotFound),
    (ErrorKind::Forbidden, Code::PermissionDenied),
    (ErrorKind::Conflict, Code::FailedPrecondition),
    (ErrorKind::Busy, Code::ResourceExhausted),
    (ErrorKind::Unavailable, Code::Unavailable),
    (ErrorKind::Late, Code::DeadlineExceeded),
    (ErrorKind::Failed, Code::Aborted),
    (ErrorKind::Other, Code::Unknown),
];

fn code(kind: ErrorKind) -> Code {
    TABLE
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or(Code::Unknown, |(_, code)| *code)
}

fn kind(code: Code) -> Option<ErrorKind> {
    match code {
        Code::Unauthenticated => Some(ErrorKind::Forbidden),
        // Nothing was asked that is there, and nothing will be by asking again.
        Code::Unimplemented => Some(ErrorKind::Unknown),
        Code::Unknown => None,
        code => TABLE
            .iter()
            .find(|(_, known)| *known == code)
            .map(|(kind, _)| *kind),
    }
}

/// The contract's word for a kind, as JSON has it.
fn word(kind: ErrorKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

/// An error as a message.
pub(super) fn problem(error: &ControlError) -> Problem {
    Problem {
        kind: word(error.kind),
        message: error.message.clone(),
        what_to_do: error.what_to_do.clone(),
    }
}

/// And back.
pub(super) fn error(problem: &Problem) -> ControlError {
    let kind = serde_json::from_value(json!(problem.kind)).unwrap_or(ErrorKind::Other);
    ControlError::new(kind, problem.message.clone()).advise(problem.what_to_do.clone())
}

/// An error as a status.
pub(super) fn status(error: &ControlError) -> Status {
    with(code(error.kind), error)
}

/// The same with another code than its kind has.
pub(super) fn with(code: Code, error: &ControlError) -> Status {
    let details = status_details(code as i32, &problem(error));
    Status::with_details(code, error.message.clone(), details.into())
}

/// The refusal that a status is; none for one that no node has said.
pub(super) fn refusal(status: &Status) -> Option<ControlError> {
    if let Some(problem) = problem_of(status.details()) {
        return Some(error(&problem));
    }
    // A library on the way says this of itself too.
    if matches!(status.code(), Code::Unavailable | Code::Aborted) {
        return None;
    }
    kind(status.code()).map(|kind| ControlError::new(kind, status.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_code_of_its_own_and_comes_back_with_all_its_words() {
        for (kind, code) in TABLE {
            let said = ControlError::new(kind, "no \u{fc}").advise("wait");
            let status = status(&said);
            assert_eq!((status.code(), status.message()), (code, "no \u{fc}"));
            assert_eq!(refusal(&status), Some(said), "{kind:?}");
        }
        let mut codes: Vec<i32> = TABLE.iter().map(|(_, code)| *code as i32).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
    }

    #[test]
    fn a_status_without_details_is_read_by_its_code_or_is_nobodys_refusal() {
        for (code, expected) in [
            (Code::OutOfRange, Some(ErrorKind::TooLarge)),
            (Code::DeadlineExceeded, Some(ErrorKind::Late)),
            (Code::Unauthenticated, Some(ErrorKind::Forbidden)),
            (Code::Unavailable, None),
            (Code::Cancelled, None),
            (Code::Internal, None),
            (Code::Unknown, None),
        ] {
            let read = refusal(&Status::new(code, "x")).map(|error| error.kind);
            assert_eq!(read, expected, "{code:?}");
        }
    }
}
