//! Many children of one kind, started at run time from a template (OTP's `simple_one_for_one`).

use std::{
    any::Any,
    fmt::{self, Write as _},
    marker::PhantomData,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::BoxFuture;
use ractor::Actor;

use crate::{
    backoff::Backoff,
    child_spec::{ChildSpec, Extras, StartContext, Started, spawn_linked},
    fault::StartError,
    intensity::Intensity,
    order::OrderError,
    policy::Policy,
    reference::{ChildHandle, SupervisorRef},
    spec::SupervisorSpec,
    strategy::{Restart, Shutdown, Strategy},
};

type MakeFn<T> =
    Arc<dyn Fn(&T, StartContext) -> BoxFuture<'static, Result<Started, StartError>> + Send + Sync>;

/// How every child of a dynamic supervisor is made from its argument, and what it is promised.
pub struct Template<T> {
    prefix: Arc<str>,
    policy: Policy,
    make: MakeFn<T>,
}

impl<T> Clone for Template<T> {
    fn clone(&self) -> Self {
        Self {
            prefix: Arc::clone(&self.prefix),
            policy: self.policy.clone(),
            make: Arc::clone(&self.make),
        }
    }
}

impl<T> fmt::Debug for Template<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("prefix", &self.prefix)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A template whose argument type is forgotten until a [`DynamicRef`] asks for it.
#[derive(Clone)]
pub(crate) struct AnyTemplate {
    pub(crate) prefix: Arc<str>,
    pub(crate) policy: Arc<Policy>,
    extras: Option<Arc<Extras>>,
    make: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for AnyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("prefix", &self.prefix)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Template<T> {
    /// Every child is such an actor, made from its argument at each start: `Template::worker("session", |user: &User|
    /// (Session, user.clone()))`. Children are named `session-1`, `session-2`, ... unless they are given a name.
    pub fn worker<A, F>(prefix: impl Into<Arc<str>>, make: F) -> Self
    where
        A: Actor,
        F: Fn(&T) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        Self::build(
            prefix.into(),
            Arc::new(move |argument, context| {
                let (actor, arguments) = make(argument);
                Box::pin(spawn_linked(actor, arguments, context.supervisor))
            }),
        )
    }

    /// Every child is started by this function.
    pub fn from_fn<F, Fut, S>(prefix: impl Into<Arc<str>>, start: F) -> Self
    where
        F: Fn(&T, StartContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, StartError>> + Send + 'static,
        S: Into<Started>,
    {
        Self::build(
            prefix.into(),
            Arc::new(move |argument, context| {
                let starting = start(argument, context);
                Box::pin(async move { starting.await.map(Into::into) })
            }),
        )
    }

    fn build(prefix: Arc<str>, make: MakeFn<T>) -> Self {
        Self {
            prefix,
            policy: Policy::default(),
            make,
        }
    }

    /// When a child comes back (permanent unless said).
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How a child is asked to leave (5 s unless said).
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Wait between restarts (none unless said).
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// A restart limit for each child beside the supervisor's.
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.policy.intensity = Some(Intensity::new(restarts, within));
        self
    }

    /// A start that takes longer is called off and counts as failed.
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.policy.start_within = Some(limit);
        self
    }

    /// A child's end can end the supervisor.
    pub fn significant(mut self) -> Self {
        self.policy.significant = true;
        self
    }
}

impl SupervisorSpec {
    /// A supervisor of children of one kind, started at run time through [`SupervisorRef::dynamic`].
    pub fn dynamic<T: Send + Sync + 'static>(
        name: impl Into<Arc<str>>,
        template: Template<T>,
    ) -> Self {
        let mut spec = Self::new(name).strategy(Strategy::Dynamic);
        spec.template = Some(AnyTemplate {
            prefix: template.prefix,
            policy: Arc::new(template.policy),
            extras: None,
            make: Arc::new(template.make),
        });
        spec
    }
}

/// A dynamic supervisor whose children are made from a `T`.
pub struct DynamicRef<T> {
    supervisor: SupervisorRef,
    template: AnyTemplate,
    make: MakeFn<T>,
    takes: PhantomData<fn(T)>,
}

impl<T> Clone for DynamicRef<T> {
    fn clone(&self) -> Self {
        Self {
            supervisor: self.supervisor.clone(),
            template: self.template.clone(),
            make: Arc::clone(&self.make),
            takes: PhantomData,
        }
    }
}

impl<T> fmt::Debug for DynamicRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicRef").field(&self.supervisor).finish()
    }
}

impl SupervisorRef {
    /// The typed door to a dynamic supervisor; `None` when this is not one, or its children are made from something
    /// other than `T`.
    pub fn dynamic<T: Send + Sync + 'static>(&self) -> Option<DynamicRef<T>> {
        let template = self.shared.template.clone()?;
        let make = Arc::clone(template.make.downcast_ref::<MakeFn<T>>()?);
        Some(DynamicRef {
            supervisor: self.clone(),
            template,
            make,
            takes: PhantomData,
        })
    }
}

impl<T: Send + Sync + 'static> DynamicRef<T> {
    /// The supervisor, for everything but starting.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// Starts a child under the next free name of the template.
    pub async fn start_child(&self, argument: T) -> Result<ChildHandle, OrderError> {
        self.supervisor
            .order_start(self.spec(self.next_id(&mut String::new()), argument))
            .await
    }

    /// Starts a child under a name of its own.
    pub async fn start_child_as(
        &self,
        id: impl Into<Arc<str>>,
        argument: T,
    ) -> Result<ChildHandle, OrderError> {
        self.supervisor
            .order_start(self.spec(id.into(), argument))
            .await
    }

    /// Starts a child for every argument with one order, which is several times cheaper than one by one; the answers
    /// come in the order of the arguments.
    pub async fn start_many(
        &self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Vec<Result<ChildHandle, OrderError>> {
        let mut name = String::new();
        let specs = arguments
            .into_iter()
            .map(|argument| self.spec(self.next_id(&mut name), argument))
            .collect();
        self.supervisor.order_start_many(specs).await
    }

    /// `name` is scratch space.
    fn next_id(&self, name: &mut String) -> Arc<str> {
        let number = self
            .supervisor
            .shared
            .next_number
            .fetch_add(1, Ordering::Relaxed);
        name.clear();
        // Writing to a string cannot fail.
        let _ = write!(name, "{}-{number}", self.template.prefix);
        name.as_str().into()
    }

    fn spec(&self, id: Arc<str>, argument: T) -> ChildSpec {
        let make = Arc::clone(&self.make);
        ChildSpec {
            id,
            policy: Arc::clone(&self.template.policy),
            start: Arc::new(move |context| make(&argument, context)),
            extras: self.template.extras.clone(),
            nested: None,
        }
    }
}
