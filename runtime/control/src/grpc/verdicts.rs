//! What the Critic is asked and what it says, as messages. Pure.

use std::fmt::Write as _;

use aios_wire::Any;
use aios_wire::generated::critic as wire;
use aios_wire::prost::Message as _;
use aios_work::content::GoalStatus;
use aios_work::{Issue, PASS, Severity, Status, Verdict, WorkKind};
use serde_json::{Value, json};
use wire::ValidationVerdict::{Approved, ApprovedWithWarnings, NeedsRevision, Rejected};

use crate::{ControlError, GivenFile, GoalState, Judge, Report};

/// The type of a text on its own.
const TEXT: &str = "google.protobuf.StringValue";

/// What is to be judged; `goal` is what was asked of whoever wrote it, if the message does not say it.
pub(super) fn judge(
    asked: wire::ValidationRequest,
    goal: Option<String>,
) -> Result<Judge, ControlError> {
    let answer = text(asked.output_to_validate)?;
    let named = asked.criteria.as_ref().map(criteria).transpose()?;
    let file = (!asked.criteria_file.is_empty()).then_some(asked.criteria_file);
    let (is_json, criteria) = match (named, file) {
        (Some(_), Some(_)) => {
            let message = "`criteria` and `criteria_file` both say what a good one is";
            return Err(ControlError::invalid(message).advise("leave one of them out"));
        }
        (Some((is_json, criteria)), None) => (is_json, Some(criteria)),
        (None, file) => (false, file),
    };
    let kind = match asked.kind.as_str() {
        "" if is_json => WorkKind::Json,
        "" => WorkKind::Text,
        kind => serde_json::from_value(json!(kind)).map_err(|_| {
            let shown: String = kind.chars().take(50).collect();
            ControlError::invalid(format!("kind is {shown:?}; there are text, json and patch"))
        })?,
    };
    let files = asked.files.into_iter();
    Ok(Judge {
        kind,
        criteria,
        files: files
            .map(|file| GivenFile::new(file.name, file.content))
            .collect(),
        deadline_ms: match asked.timeout_ms {
            0 => Judge::DEADLINE_MS,
            given => given.into(),
        },
        ..Judge::new(goal.unwrap_or(asked.goal), answer)
    })
}

/// A text as it travels; nothing for one that is not there.
pub(super) fn text(any: Option<Any>) -> Result<String, ControlError> {
    let Some(any) = any else {
        return Ok(String::new());
    };
    let kind = any.type_url.rsplit('/').next().unwrap_or_default();
    if kind != TEXT {
        let shown: String = kind.chars().take(100).collect();
        let message = format!("what is to be judged is a {shown:?}, and only texts are judged");
        return Err(ControlError::invalid(message).advise(format!("pack it as a {TEXT}")));
    }
    String::decode(&*any.value)
        .map_err(|error| ControlError::invalid(format!("the text cannot be read: {error}")))
}

/// Criteria as a file has them, and whether the work is JSON by them.
fn criteria(asked: &wire::ValidationCriteria) -> Result<(bool, String), ControlError> {
    if asked.require_code_review {
        let message = "the Critic reviews no code by itself";
        return Err(ControlError::invalid(message)
            .advise("name a command that tries it in `criteria_file`, and leave `criteria` out"));
    }
    let least = f64::from(asked.min_quality_score);
    if !(0.0..=1.0).contains(&least) {
        let message = format!("min_quality_score is {least}, allowed is 0 to 1");
        return Err(ControlError::invalid(message));
    }
    // A text in a file of criteria is written as one in JSON is.
    let quoted = |text: &str| Value::from(text).to_string();
    let mut file = String::new();
    if least > PASS {
        // Shorter than as the wider number, which has digits that nobody wrote.
        let _ = writeln!(file, "pass = {:?}", asked.min_quality_score);
    }
    if !asked.forbidden_patterns.is_empty() {
        let texts: Vec<String> = asked
            .forbidden_patterns
            .iter()
            .map(|text| quoted(text))
            .collect();
        let _ = writeln!(file, "forbidden = [{}]", texts.join(", "));
    }
    let is_json = !asked.schema_ref.is_empty();
    if is_json {
        let schema = quoted(&asked.schema_ref);
        let _ = writeln!(file, "[[checks]]\nkind = \"schema\"\nschema = {schema}");
    }
    Ok((is_json, file))
}

/// What came of judging.
pub(super) fn result(request_id: String, report: &Report) -> wire::ValidationResult {
    let verdict = match (report.status, report.verdict) {
        (Status::Rejected, Verdict::NeedsRevision) => NeedsRevision,
        (Status::Rejected, _) => Rejected,
        (Status::Approved, Verdict::Approved) => Approved,
        (Status::Approved | Status::Unverified, _) => ApprovedWithWarnings,
    };
    // A check that could not run is no fault of the work, and whoever reads this must know of it.
    let unable = report.unable.iter().map(|unable| wire::ValidationIssue {
        category: "accuracy".to_owned(),
        severity: word(Severity::Warning),
        description: format!("{} could not run: {}", unable.check, unable.why),
        ..Default::default()
    });
    wire::ValidationResult {
        request_id,
        verdict: verdict.into(),
        quality_score: report.score as f32,
        issues: report.issues.iter().map(issue).chain(unable).collect(),
        feedback: report.feedback(),
        sub_scores: report
            .dimensions
            .by_name()
            .into_iter()
            .map(|(name, score)| (name, score as f32))
            .collect(),
    }
}

fn issue(issue: &Issue) -> wire::ValidationIssue {
    wire::ValidationIssue {
        category: word(issue.category),
        severity: word(issue.severity),
        description: issue.description.clone(),
        suggestion: issue.suggestion.clone(),
        location: issue.location.clone().unwrap_or_default(),
    }
}

/// The contract's word, as JSON has it.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// What the Critic said of a goal's answer.
pub(super) fn of_goal(goal: &GoalState) -> Option<wire::ValidationResult> {
    let answer = goal.answer.as_deref()?;
    let verdict = match answer.status {
        GoalStatus::Approved => Approved,
        GoalStatus::Unverified => ApprovedWithWarnings,
        GoalStatus::Partial => NeedsRevision,
        GoalStatus::Failed => Rejected,
    };
    let scores = &answer.critic.dimensions;
    Some(wire::ValidationResult {
        request_id: goal.goal_id.clone(),
        verdict: verdict.into(),
        quality_score: answer.critic.score as f32,
        issues: answer
            .gaps
            .iter()
            .map(|gap| wire::ValidationIssue {
                category: "completeness".to_owned(),
                severity: "warning".to_owned(),
                description: gap.clone(),
                ..Default::default()
            })
            .collect(),
        feedback: answer.reason.clone().unwrap_or_default(),
        sub_scores: scores
            .iter()
            .map(|(name, score)| (name.clone(), *score as f32))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use aios_wire::text_any;

    use super::*;
    use crate::ErrorKind;

    fn asked(criteria: wire::ValidationCriteria) -> wire::ValidationRequest {
        wire::ValidationRequest {
            goal: "Say it.".to_owned(),
            output_to_validate: Some(text_any("It is \"so\".")),
            criteria: Some(criteria),
            ..Default::default()
        }
    }

    #[test]
    fn criteria_of_a_message_are_those_of_a_file() {
        for (given, kind, file) in [
            (wire::ValidationCriteria::default(), WorkKind::Text, ""),
            // Less than what always counts asks for nothing.
            (
                wire::ValidationCriteria {
                    min_quality_score: 0.5,
                    require_fact_check: true,
                    ..Default::default()
                },
                WorkKind::Text,
                "",
            ),
            (
                wire::ValidationCriteria {
                    min_quality_score: 0.9,
                    schema_ref: "{\"type\": \"object\"}".to_owned(),
                    forbidden_patterns: vec!["a \"b\"\n".to_owned()],
                    ..Default::default()
                },
                WorkKind::Json,
                "pass = 0.9\nforbidden = [\"a \\\"b\\\"\\n\"]\n[[checks]]\nkind = \"schema\"\nschema = \"{\\\"type\\\": \\\"object\\\"}\"\n",
            ),
        ] {
            let judge = judge(asked(given), None).unwrap();
            assert_eq!(
                (judge.goal.as_str(), judge.answer.as_str()),
                ("Say it.", "It is \"so\".")
            );
            assert_eq!((judge.kind, judge.criteria.as_deref()), (kind, Some(file)));
        }
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let usual = wire::ValidationCriteria::default;
        let wrong = [
            asked(wire::ValidationCriteria {
                require_code_review: true,
                ..usual()
            }),
            asked(wire::ValidationCriteria {
                min_quality_score: f32::NAN,
                ..usual()
            }),
            wire::ValidationRequest {
                criteria_file: "pass = 0.9".to_owned(),
                ..asked(usual())
            },
            wire::ValidationRequest {
                kind: "poem".to_owned(),
                ..asked(usual())
            },
            wire::ValidationRequest {
                output_to_validate: Some(Any {
                    type_url: "type.googleapis.com/aios.critic.ValidationRequest".to_owned(),
                    value: Vec::new(),
                }),
                ..asked(usual())
            },
            wire::ValidationRequest {
                output_to_validate: Some(Any {
                    value: vec![0xff; 3],
                    ..text_any("")
                }),
                ..asked(usual())
            },
        ];
        for asked in wrong {
            let refused = judge(asked.clone(), None).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{asked:?}");
        }
    }
}
