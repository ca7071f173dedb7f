//! Agents as children of a supervisor, and clients.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aios_protocols::{AgentId, IdentityError, Tier};
use aios_supervisor::{ChildHandle, ChildSpec, SupervisorRef};

use super::{AgentSystem, AgentSystemError};
use crate::agent::{AgentError, AgentOptions, Cell, Client, Host, HostArguments, Maker, Principal};
use crate::factory::Blueprint;

impl AgentSystem {
    /// An agent as a child of any supervisor, made by the constructor of its role. The id of the child is its name.
    ///
    /// The spec is permanent and stops within 5 s unless said otherwise on it.
    pub fn child_spec(
        &self,
        id: &AgentId,
        options: AgentOptions,
    ) -> Result<ChildSpec, AgentSystemError> {
        self.child(id, options).map(|(_, spec)| spec)
    }

    fn child(
        &self,
        id: &AgentId,
        options: AgentOptions,
    ) -> Result<(Arc<Cell>, ChildSpec), AgentSystemError> {
        let make =
            self.0
                .factories
                .get(id.role())
                .ok_or_else(|| AgentSystemError::UnknownRole {
                    role: id.role().to_owned(),
                    known: self.0.factories.roles(),
                })?;
        let cell = self.enrol(id, options)?;
        let of = Arc::clone(&cell);
        let maker = move || {
            let id = of.party().agent().cloned();
            let id = id.ok_or_else(|| AgentError::broken("a principal is made by nobody"))?;
            let config = of.options.config.clone();
            make(&Blueprint { id, config })
        };
        let spec = self.agent_child_spec(&cell, Arc::new(maker));
        Ok((cell, spec))
    }

    /// An agent as a child of any supervisor, made by `make`.
    pub fn agent_child_spec(&self, cell: &Arc<Cell>, make: Maker) -> ChildSpec {
        let system = self.clone();
        let carried = Arc::clone(cell);
        let spec = ChildSpec::from_fn(cell.label(), move |start| {
            let arguments = HostArguments {
                system: system.clone(),
                cell: Arc::clone(&carried),
                maker: Some(Arc::clone(&make)),
            };
            async move {
                Ok(ractor::Actor::spawn_linked(None, Host, arguments, start.supervisor).await?)
            }
        });
        let (system, shown, resumed) = (self.clone(), Arc::clone(cell), Arc::clone(cell));
        spec.shows_depth(move || shown.depth()).warm_when(move || {
            let id = resumed.party().agent();
            id.is_some_and(|id| matches!(system.load_snapshot(id), Ok(Some(_))))
        })
    }

    /// Starts an agent of a role under a supervisor, as the next free instance in this world's zone.
    pub async fn spawn(
        &self,
        role: &str,
        supervisor: &SupervisorRef,
        options: AgentOptions,
    ) -> Result<(AgentId, ChildHandle), AgentSystemError> {
        let id = self.next_instance(role)?;
        let handle = self.spawn_as(&id, supervisor, options).await?;
        Ok((id, handle))
    }

    /// Starts an agent of a chosen name under a supervisor.
    pub async fn spawn_as(
        &self,
        id: &AgentId,
        supervisor: &SupervisorRef,
        options: AgentOptions,
    ) -> Result<ChildHandle, AgentSystemError> {
        let (cell, spec) = self.child(id, options)?;
        match supervisor.start_child(spec).await {
            Ok(handle) => Ok(handle),
            Err(error) => {
                self.take_leave_of(&cell);
                Err(error.into())
            }
        }
    }

    /// The next free name of a role in this world's zone.
    pub fn next_instance(&self, role: &str) -> Result<AgentId, AgentSystemError> {
        let (tier, kind) = role
            .split_once('.')
            .ok_or_else(|| IdentityError::Shape(role.to_owned()))?;
        let tier: Tier = tier.parse()?;
        loop {
            let number = self.0.instances.fetch_add(1, Ordering::Relaxed) + 1;
            let id = AgentId::new(tier, kind, &format!("{number:03}"), &self.0.zone)?;
            if self.directory().get(&(&id).into()).is_none() {
                return Ok(id);
            }
        }
    }

    /// Opens a client for somebody outside: a person or program that signs with a key of its own.
    pub async fn client(
        &self,
        principal: impl Into<Principal>,
    ) -> Result<Client, AgentSystemError> {
        let identity = match principal.into() {
            Principal::Named(id) => Arc::new(self.identity(id.into())),
            Principal::WithKey(identity) => identity,
        };
        let cell = self.enrol_with(identity, AgentOptions::default())?;
        Client::open(self, cell).await
    }
}
