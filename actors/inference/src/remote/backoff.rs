//! Whether a call that failed is made again, and when. Pure.

use std::time::Duration;

use crate::EngineError;

/// The first wait; each next one is twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// A server that wants a longer rest is left to it: the router has others to ask.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// How long to wait before a call is made again; none if it is not.
///
/// `attempt` counts from 0, `left` is the time until the asker's deadline, `jitter` is 0 to 1.
pub(super) fn wait(
    error: &EngineError,
    attempt: u32,
    retries: u32,
    left: Duration,
    jitter: f64,
) -> Option<Duration> {
    if attempt >= retries {
        return None;
    }
    let asked = match error {
        EngineError::RateLimited { retry_after_ms, .. } => {
            retry_after_ms.map(Duration::from_millis)
        }
        EngineError::Server { .. } | EngineError::Down { .. } | EngineError::Lost { .. } => None,
        _ => return None,
    };
    let own = FIRST.saturating_mul(1 << attempt.min(8)).min(WAIT_MAX);
    // Half of it is drawn, so that many askers do not come back as one.
    let wait = asked.unwrap_or_else(|| own.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0));
    (wait <= WAIT_MAX && wait < left / 2).then_some(wait)
}

/// What `retry-after-ms` and `retry-after` say, in milliseconds; a date is left alone, because clocks differ.
pub(super) fn retry_after_ms(of_ms: Option<&str>, of_seconds: Option<&str>) -> Option<u64> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite() && *n >= 0.0)
    };
    of_ms
        .and_then(number)
        .or_else(|| of_seconds.and_then(number).map(|seconds| seconds * 1e3))
        .map(|ms| ms.min(86_400_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn limited(retry_after_ms: Option<u64>) -> EngineError {
        EngineError::RateLimited {
            engine: "e".into(),
            said: "slow down".into(),
            retry_after_ms,
        }
    }

    #[test]
    fn a_call_is_made_again_when_that_can_help_and_there_is_time() {
        let down = EngineError::Down {
            reason: "refused".into(),
        };
        let bad = EngineError::BadRequest {
            reason: "odd".into(),
        };
        let ms = Duration::from_millis;
        for (error, attempt, left, expected) in [
            (&down, 0, LONG, Some(ms(250))),
            (&down, 1, LONG, Some(ms(500))),
            (&down, 2, LONG, None),
            (&down, 0, ms(400), None),
            (&bad, 0, LONG, None),
            (&EngineError::Cancelled, 0, LONG, None),
            (&limited(Some(1_500)), 0, LONG, Some(ms(1_500))),
            (&limited(Some(0)), 0, LONG, Some(ms(0))),
            (&limited(Some(20_000)), 0, LONG, None),
            (&limited(None), 1, LONG, Some(ms(500))),
        ] {
            assert_eq!(
                wait(error, attempt, 2, left, 1.0),
                expected,
                "{error} {attempt}"
            );
        }
        assert_eq!(wait(&down, 0, 2, LONG, 0.0), Some(ms(125)));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        for (ms, seconds, expected) in [
            (None, Some("2"), Some(2_000)),
            (Some("150"), Some("2"), Some(150)),
            (None, Some("0.5"), Some(500)),
            (None, Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
            (None, Some("-1"), None),
            (Some("inf"), None, None),
            (None, Some("1e300"), Some(86_400_000)),
            (None, None, None),
        ] {
            assert_eq!(retry_after_ms(ms, seconds), expected);
        }
    }
}
