//! Which subjects last, and the streams they last in. Pure.

use std::time::Duration;

use aios_protocols::{Subject, TenantId};

/// A stream of the server: a name, the subjects it keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSpec {
    /// Its name on the server.
    pub name: &'static str,
    /// What it keeps, without a tenant's prefix.
    pub subjects: &'static [&'static str],
    /// For how long.
    pub age_max: Duration,
    /// Bytes it may take; the oldest leave first.
    pub bytes_max: i64,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const GIB: i64 = 1 << 30;

/// Events: what happened to tasks, agents, models and breakers.
pub const EVENTS: StreamSpec = StreamSpec {
    name: "AIOS_EVENTS",
    subjects: &["aios.events.>"],
    age_max: DAY.saturating_mul(7),
    bytes_max: GIB,
};

/// Results and feedback.
pub const RESULTS: StreamSpec = StreamSpec {
    name: "AIOS_RESULTS",
    subjects: &["aios.data.results.>", "aios.data.feedback.>"],
    age_max: DAY.saturating_mul(30),
    bytes_max: GIB,
};

/// What nobody could work on, with the reason.
pub const DEAD_LETTERS: StreamSpec = StreamSpec {
    name: "AIOS_DEAD_LETTERS",
    subjects: &["dlq.>"],
    age_max: DAY.saturating_mul(30),
    bytes_max: GIB / 4,
};

/// What is paid for.
pub const METERING: StreamSpec = StreamSpec {
    name: "AIOS_METERING",
    subjects: &["metering.>"],
    age_max: DAY.saturating_mul(400),
    bytes_max: GIB / 4,
};

/// All of them.
pub const ALL: [StreamSpec; 4] = [EVENTS, RESULTS, DEAD_LETTERS, METERING];

/// The same message is stored once within this time, whoever sends it again. It covers an attempt that was made and whose answer was lost;
/// beyond it the outbox looks into the stream before it sends again.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);

impl StreamSpec {
    /// What the server is told: its own subjects, and the same of every tenant.
    pub fn all_subjects(&self) -> Vec<String> {
        let of_tenants = self
            .subjects
            .iter()
            .map(|subject| format!("tenant.*.{subject}"));
        let own = self.subjects.iter().map(|subject| (*subject).to_owned());
        own.chain(of_tenants).collect()
    }
}

/// The stream that keeps a subject; none for what does not last: metrics, logs, control and requests.
pub fn stream_of(subject: &str) -> Option<&'static StreamSpec> {
    let plain = without_tenant(subject);
    ALL.iter().find(|spec| {
        spec.subjects
            .iter()
            .any(|pattern| within(plain, pattern.trim_end_matches('>')))
    })
}

fn within(subject: &str, prefix: &str) -> bool {
    subject.len() > prefix.len() && subject.starts_with(prefix)
}

/// A subject without the prefix of a tenant.
pub fn without_tenant(subject: &str) -> &str {
    subject
        .strip_prefix("tenant.")
        .and_then(|rest| rest.split_once('.'))
        .map_or(subject, |(_, plain)| plain)
}

/// A subject as it goes over the wire: with the tenant's prefix where several tenants share a server.
pub fn on_the_wire(subject: &Subject, tenant: &TenantId, prefixed: bool) -> String {
    if prefixed {
        subject.of_tenant(tenant).as_str().to_owned()
    } else {
        subject.as_str().to_owned()
    }
}

/// A pattern the same way.
pub fn pattern_on_the_wire(pattern: &str, tenant: &TenantId, prefixed: bool) -> String {
    if prefixed {
        format!("tenant.{}.{pattern}", tenant.as_str())
    } else {
        pattern.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_last_lies_in_a_stream_and_nothing_else_does() {
        for (subject, stream) in [
            ("aios.events.task.g1", Some("AIOS_EVENTS")),
            ("tenant.acme.aios.events.task.g1", Some("AIOS_EVENTS")),
            ("aios.data.results.g1", Some("AIOS_RESULTS")),
            ("aios.data.feedback.g1", Some("AIOS_RESULTS")),
            ("tenant.acme.dlq.events", Some("AIOS_DEAD_LETTERS")),
            ("metering.tokens", Some("AIOS_METERING")),
            ("aios.data.metrics.node", None),
            ("aios.data.logs.node", None),
            ("aios.control.broadcast", None),
            ("aios.events", None),
            ("aios.events.", None),
            ("aios.eventsandmore.x", None),
            ("tenant.acme", None),
        ] {
            assert_eq!(
                stream_of(subject).map(|spec| spec.name),
                stream,
                "{subject}"
            );
        }
    }

    #[test]
    fn no_subject_lies_in_two_streams() {
        let mut seen = std::collections::BTreeSet::new();
        for subject in ALL.iter().flat_map(StreamSpec::all_subjects) {
            assert!(seen.insert(subject.clone()), "{subject}");
        }
    }

    #[test]
    fn a_tenant_has_a_prefix_where_several_share_a_server() {
        let tenant = TenantId::new("acme").unwrap();
        let subject: Subject = "aios.events.task.g1".parse().unwrap();
        assert_eq!(on_the_wire(&subject, &tenant, false), "aios.events.task.g1");
        let long = on_the_wire(&subject, &tenant, true);
        assert_eq!(long, "tenant.acme.aios.events.task.g1");
        assert_eq!(without_tenant(&long), "aios.events.task.g1");
        assert_eq!(
            pattern_on_the_wire("aios.events.>", &tenant, true),
            "tenant.acme.aios.events.>"
        );
    }
}
