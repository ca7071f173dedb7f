//! Why something was not done, in the details of a gRPC status: as a `google.rpc.Status` that holds one [`Problem`], which is where every
//! library looks for details.

use prost::Message;
use prost_types::Any;

use crate::generated::common::Problem;

/// The name of the type, as `Any` writes it.
const PROBLEM: &str = "type.googleapis.com/aios.common.Problem";

/// `google.rpc.Status`, of which no crate is needed for three fields.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// The details of a status of this code.
#[must_use]
pub fn status_details(code: i32, problem: &Problem) -> Vec<u8> {
    let any = Any {
        type_url: PROBLEM.to_owned(),
        value: problem.encode_to_vec(),
    };
    let status = RpcStatus {
        code,
        message: problem.message.clone(),
        details: vec![any],
    };
    status.encode_to_vec()
}

/// The problem that details hold, if they hold one.
#[must_use]
pub fn problem_of(details: &[u8]) -> Option<Problem> {
    let status = RpcStatus::decode(details).ok()?;
    let any = status
        .details
        .into_iter()
        .find(|any| any.type_url == PROBLEM)?;
    Problem::decode(any.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_found_in_the_details_it_was_put_in_and_in_no_others() {
        let problem = Problem {
            kind: "conflict".to_owned(),
            message: "no".to_owned(),
            what_to_do: "wait".to_owned(),
        };
        let details = status_details(9, &problem);
        assert_eq!(problem_of(&details), Some(problem));
        assert_eq!(problem_of(&[]), None);
        for cut in 1..details.len() {
            let _ = problem_of(&details[..cut]);
        }
        assert_eq!(problem_of(&[0xff; 64]), None);
    }
}
