//! Calls of which nobody but a person can know whether they were carried out, whoever made them: an executor or an agent of a charter.
//!
//! Either way the reason's kind says so; whether it is a refusal or a failure says whether the tool was called, which its breaker hears.

use aios_actors::agent::AgentError;
use aios_protocols::{Reason, ReasonKind};

/// What is said of such a call.
pub(crate) fn doubt(what: &str) -> String {
    format!("{what}; nobody knows whether it was carried out")
}

/// A call that was made and left in doubt.
pub(crate) fn failed(what: &str) -> AgentError {
    AgentError::Failed(Reason::new(ReasonKind::InDoubt, doubt(what)))
}

/// A call that is not made because an earlier one of the same name was cut short. It is refused and has not failed: nothing was called, so the
/// tool's breaker hears nothing of it, and what others ask of its service goes on.
pub(crate) fn not_repeated(tool: &str) -> AgentError {
    let what = format!("an earlier call of tool {tool} was cut short");
    AgentError::refuse(ReasonKind::InDoubt, doubt(&what))
}

/// What is said of a call in doubt, refused or failed; none of any other error.
pub(crate) fn of(error: &AgentError) -> Option<&str> {
    let reason = error.reason()?;
    (reason.kind == ReasonKind::InDoubt).then_some(reason.detail.as_str())
}

#[cfg(test)]
mod tests {
    use aios_actors::agent::AskError;
    use aios_actors::recovery::FailureKind;

    use super::*;

    /// What whoever asked for it is told.
    fn told(error: AgentError) -> AskError {
        let by = || "macro.executor.001@global".parse().unwrap();
        match error {
            AgentError::Refused(reason) => AskError::Refused { by: by(), reason },
            AgentError::Failed(reason) => AskError::Failed { by: by(), reason },
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_call_in_doubt_that_is_not_made_says_nothing_against_its_service() {
        for (error, blames) in [
            (not_repeated("wire"), None),
            (failed("tool wire failed"), Some(true)),
        ] {
            let said = of(&error).unwrap().to_owned();
            assert!(said.ends_with("nobody knows whether it was carried out"));
            let error = told(error);
            // A person is asked about both.
            assert_eq!(FailureKind::of(&error), FailureKind::InDoubt, "{error}");
            assert_eq!(FailureKind::blames_service(&error), blames, "{error}");
        }
        assert_eq!(of(&AgentError::failure("no")), None);
        assert_eq!(of(&AgentError::broken("no")), None);
    }
}
