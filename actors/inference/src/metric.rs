//! Names of the figures this crate reports. Labels are bounded: the engine's name, the kind of call, the outcome.

/// Calls by `engine`, `call` and `outcome`.
pub const REQUESTS_TOTAL: &str = "aios_inference_requests_total";
/// From admission to answer, in seconds, by `engine` and `call`.
pub const DURATION_SECONDS: &str = "aios_inference_duration_seconds";
/// From admission to the device's first look, in seconds, by `engine`.
pub const QUEUE_WAIT_SECONDS: &str = "aios_inference_queue_wait_seconds";
/// Calls that wait for the device, by `engine`.
pub const QUEUE_WAITING: &str = "aios_inference_queue_waiting";
/// From the device's first look to the first new token, in seconds, by `engine`.
pub const TIME_TO_FIRST_TOKEN_SECONDS: &str = "aios_inference_time_to_first_token_seconds";
/// New tokens by `engine`.
pub const TOKENS_TOTAL: &str = "aios_inference_tokens_total";
/// New tokens per second of the last generation, by `engine`.
pub const TOKENS_PER_SECOND: &str = "aios_inference_tokens_per_second";
/// Decisions of the router by `purpose`, `policy`, `engine` and `outcome`.
pub const ROUTES_TOTAL: &str = "aios_inference_routes_total";
/// Changes of an engine's own breaker, by `engine`.
pub const ENGINE_BREAKER_CHANGES_TOTAL: &str = "aios_inference_engine_breaker_changes_total";
/// Engines built after the first, by `engine`.
pub const RESTARTS_TOTAL: &str = "aios_inference_restarts_total";

/// Describes every figure to the installed recorder, once at start.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(REQUESTS_TOTAL, "calls by kind and outcome");
    describe_histogram!(DURATION_SECONDS, Unit::Seconds, "from admission to answer");
    describe_histogram!(
        QUEUE_WAIT_SECONDS,
        Unit::Seconds,
        "from admission to the device"
    );
    describe_gauge!(QUEUE_WAITING, "calls that wait for the device");
    describe_histogram!(
        TIME_TO_FIRST_TOKEN_SECONDS,
        Unit::Seconds,
        "from the device's first look to the first token"
    );
    describe_counter!(TOKENS_TOTAL, "new tokens");
    describe_gauge!(
        TOKENS_PER_SECOND,
        "new tokens per second of the last generation"
    );
    describe_counter!(ROUTES_TOTAL, "decisions of the router");
    describe_counter!(
        ENGINE_BREAKER_CHANGES_TOTAL,
        "changes of an engine's breaker"
    );
    describe_counter!(RESTARTS_TOTAL, "engines built after the first");
}
