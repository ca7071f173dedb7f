//! A supervisor as data, and what makes a tree sound before one actor runs.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    child_spec::ChildSpec,
    fault::SpecError,
    intensity::Intensity,
    policy::Policy,
    strategy::{AutoShutdown, Restart, Shutdown, Strategy},
};

/// A supervisor and its children as data.
#[derive(Clone, Debug)]
pub struct SupervisorSpec {
    /// Its name: the first part of its path, or its id under its parent.
    pub name: Arc<str>,
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// How many restarts before it gives up.
    pub intensity: Intensity,
    /// Whether significant children end it.
    pub auto_shutdown: AutoShutdown,
    /// Started in this order, stopped in reverse.
    pub children: Vec<ChildSpec>,
    pub(crate) template: Option<crate::dynamic::AnyTemplate>,
}

impl SupervisorSpec {
    /// A supervisor without children: one_for_one, one restart in five seconds, no auto-shutdown.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::default(),
            intensity: Intensity::default(),
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
            template: None,
        }
    }

    /// Who is restarted with whom.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// At most `restarts` within `within`, else it gives up.
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.intensity = Intensity::new(restarts, within);
        self
    }

    /// Whether significant children end it.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child after those there are.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Adds children after those there are.
    pub fn children(mut self, children: impl IntoIterator<Item = ChildSpec>) -> Self {
        self.children.extend(children);
        self
    }

    /// Checks this supervisor and every one below it.
    pub fn check(&self) -> Result<(), SpecError> {
        let fault = |id: &Arc<str>, what: &'static str| SpecError::Child {
            supervisor: Arc::clone(&self.name),
            id: Arc::clone(id),
            what,
        };
        if !name_is_sound(&self.name) {
            return Err(SpecError::Name {
                name: Arc::clone(&self.name),
            });
        }
        if self.intensity.restarts > 0 && self.intensity.within.is_zero() {
            return Err(SpecError::Window {
                supervisor: Arc::clone(&self.name),
                restarts: self.intensity.restarts,
            });
        }
        if (self.strategy == Strategy::Dynamic) != self.template.is_some() {
            return Err(SpecError::Template {
                supervisor: Arc::clone(&self.name),
                what: match self.template {
                    None => "needs a template; make it with `SupervisorSpec::dynamic`",
                    Some(_) => "has a template, so it needs the strategy `Dynamic`",
                },
            });
        }
        if self.strategy == Strategy::Dynamic && !self.children.is_empty() {
            return Err(SpecError::DynamicWithChildren {
                supervisor: Arc::clone(&self.name),
                children: self.children.len(),
            });
        }
        let mut ids = HashSet::with_capacity(self.children.len());
        for child in &self.children {
            if !ids.insert(&child.id) {
                return Err(SpecError::DuplicateChild {
                    supervisor: Arc::clone(&self.name),
                    id: Arc::clone(&child.id),
                });
            }
            check_child(child, self.auto_shutdown).map_err(|what| fault(&child.id, what))?;
            if let Some(nested) = child.nested() {
                nested.check()?;
            }
        }
        match &self.template {
            Some(template) => check_policy(&template.policy, self.auto_shutdown)
                .map_err(|what| fault(&template.prefix, what)),
            None => Ok(()),
        }
    }
}

/// What is wrong with one child, under a supervisor with this auto-shutdown.
pub(crate) fn check_child(
    child: &ChildSpec,
    auto_shutdown: AutoShutdown,
) -> Result<(), &'static str> {
    if !name_is_sound(&child.id) {
        return Err("an id is 1 to 256 characters without `/` and control characters");
    }
    check_policy(&child.policy, auto_shutdown)
}

pub(crate) fn check_policy(
    policy: &Policy,
    auto_shutdown: AutoShutdown,
) -> Result<(), &'static str> {
    if policy.significant && policy.restart == Restart::Permanent {
        return Err(
            "a significant child must be transient or temporary, for a permanent one never ends",
        );
    }
    if policy.significant && auto_shutdown == AutoShutdown::Never {
        return Err("a significant child needs a supervisor with auto-shutdown");
    }
    if policy.shutdown == Shutdown::Timeout(Duration::ZERO) {
        return Err("a shutdown timeout of zero is a brutal kill; say `Shutdown::BrutalKill`");
    }
    if policy
        .intensity
        .is_some_and(|own| own.restarts > 0 && own.within.is_zero())
    {
        return Err("its restart window must be longer than zero");
    }
    if policy.start_within.is_some_and(|limit| limit.is_zero()) {
        return Err("its start limit must be longer than zero");
    }
    match policy.backoff.as_ref().and_then(crate::Backoff::fault) {
        Some(what) => Err(what),
        None => Ok(()),
    }
}

/// Names are joined by `/` to paths and printed in trees.
fn name_is_sound(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.chars().any(|c| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backoff, Kind, Template};
    use ractor::{Actor, ActorProcessingErr, ActorRef};

    struct Nobody;

    impl Actor for Nobody {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
    }

    fn child(id: &str) -> ChildSpec {
        ChildSpec::worker(id, || (Nobody, ()))
    }

    /// Rows: what is wrong with the tree, and the words that say so. OTP's `child_specs`, `sup_flags` and
    /// `significant_*` checks, with ours beside them.
    #[test]
    fn an_unsound_spec_is_refused_with_what_to_do() {
        let spec = || SupervisorSpec::new("root");
        let with = |child: ChildSpec| spec().child(child);
        let significant = |auto| spec().auto_shutdown(auto).child(child("a").significant());
        let backoff = |backoff| with(child("a").backoff(backoff));
        let rows = [
            (SupervisorSpec::new(""), "1 to 256 characters"),
            (SupervisorSpec::new("a/b"), "without `/`"),
            (with(child("a\n")), "without `/` and control"),
            (
                spec().child(child("a")).child(child("a")),
                "two children with the id `a`",
            ),
            (
                spec().intensity(1, Duration::ZERO),
                "within a window of zero",
            ),
            (
                with(child("a").intensity(1, Duration::ZERO)),
                "longer than zero",
            ),
            (
                with(child("a").start_within(Duration::ZERO)),
                "longer than zero",
            ),
            (
                with(child("a").shutdown(Shutdown::Timeout(Duration::ZERO))),
                "BrutalKill",
            ),
            (
                significant(AutoShutdown::AnySignificant),
                "a permanent one never ends",
            ),
            (
                with(child("a").temporary().significant()),
                "needs a supervisor with auto-shutdown",
            ),
            (
                backoff(Backoff {
                    factor: 0.5,
                    ..Backoff::default()
                }),
                "factor",
            ),
            (
                backoff(Backoff {
                    factor: f64::NAN,
                    ..Backoff::default()
                }),
                "factor",
            ),
            (
                backoff(Backoff {
                    jitter: 1.5,
                    ..Backoff::default()
                }),
                "jitter",
            ),
            (
                backoff(Backoff {
                    warm: -0.1,
                    ..Backoff::default()
                }),
                "warm",
            ),
            (
                backoff(Backoff {
                    max: Duration::ZERO,
                    ..Backoff::default()
                }),
                "max",
            ),
            (spec().strategy(Strategy::Dynamic), "needs a template"),
            (
                SupervisorSpec::dynamic("d", Template::worker("c", |(): &()| (Nobody, ())))
                    .child(child("a")),
                "started at run time only",
            ),
            (
                SupervisorSpec::dynamic("d", Template::worker("c", |(): &()| (Nobody, ())))
                    .strategy(Strategy::OneForAll),
                "needs the strategy `Dynamic`",
            ),
            (
                with(ChildSpec::supervisor(
                    SupervisorSpec::new("n").intensity(1, Duration::ZERO),
                )),
                "`n` allows 1",
            ),
        ];
        for (spec, words) in rows {
            let error = spec.check().expect_err(words).to_string();
            assert!(error.contains(words), "`{error}` should say `{words}`");
        }
    }

    /// OTP's defaults: permanent, five seconds to leave, and without limit for a supervisor.
    #[test]
    fn a_spec_left_alone_promises_what_otp_does() {
        let worker = child("a").policy;
        assert_eq!(
            (worker.restart, worker.shutdown, worker.kind),
            (
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_secs(5)),
                Kind::Worker
            )
        );
        let nested = ChildSpec::supervisor(SupervisorSpec::new("n"));
        assert_eq!(
            (
                nested.policy.restart,
                nested.policy.shutdown,
                nested.policy.kind
            ),
            (Restart::Permanent, Shutdown::Infinity, Kind::Supervisor)
        );
        let SupervisorSpec {
            strategy,
            intensity,
            auto_shutdown,
            ..
        } = SupervisorSpec::new("root");
        assert_eq!(
            (strategy, intensity, auto_shutdown),
            (
                Strategy::OneForOne,
                crate::Intensity::new(1, Duration::from_secs(5)),
                AutoShutdown::Never
            )
        );
    }

    #[test]
    fn a_sound_tree_passes() {
        let pool = SupervisorSpec::dynamic("pool", Template::worker("c", |(): &()| (Nobody, ())));
        let tree = SupervisorSpec::new("root")
            .intensity(0, Duration::ZERO)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(
                child("a")
                    .transient()
                    .significant()
                    .backoff(Backoff::default()),
            )
            .child(ChildSpec::supervisor(pool));
        assert_eq!(tree.check(), Ok(()));
    }
}
