//! What a node thinks with: its own engine, or that and others behind servers, as one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aios_inference::router::{Decision, EngineSlot, Policy, Router, RouterConfig, Size};
use aios_inference::{CallLimits, Engine, EngineHandle, LocalEngine, Purpose};
use aios_protocols::Subject;
use aios_protocols::ports::DataBus;
use aios_protocols::subject::EventTopic;
use bytes::Bytes;

use crate::config::engines::{LOCAL, RoutesConfig};
use crate::config::{Config, ConfigError};
use crate::generate::Named;
use crate::power;

/// What everybody on the node asks, and each engine by itself. Without engines in the configuration both are the node's own, with nothing
/// between.
pub(crate) fn engine(
    config: &Config,
    local: &LocalEngine,
    probes: Option<&Path>,
    bus: &Arc<dyn DataBus>,
) -> Result<(EngineHandle, Vec<Named>), ConfigError> {
    if config.engines.is_empty() {
        return Ok((local.handle(), vec![(LOCAL.to_owned(), local.handle())]));
    }
    let bus = Arc::clone(bus);
    let observer = move |decision: &Decision| publish(&bus, decision);
    let slots = slots(config, Arc::new(local.clone()), probes)?;
    let handle = |engine: Arc<dyn Engine>| EngineHandle::new(engine, CallLimits::default());
    let each = slots
        .iter()
        .map(|slot| (slot.name.clone(), handle(Arc::clone(&slot.engine))));
    let each = each.collect();
    Ok((handle(Arc::new(over(config, slots, observer))), each))
}

/// The engines of a configuration beside an engine of this machine, as one. What was found out about them by probing lies in
/// `probes`.
///
/// # Errors
/// Which engine cannot be what its settings say.
pub fn router(
    config: &Config,
    local: Arc<dyn Engine>,
    probes: Option<&Path>,
    observer: impl Fn(&Decision) + Send + Sync + 'static,
) -> Result<Router, ConfigError> {
    Ok(over(config, slots(config, local, probes)?, observer))
}

/// An engine of this machine, and those of the configuration.
fn slots(
    config: &Config,
    local: Arc<dyn Engine>,
    probes: Option<&Path>,
) -> Result<Vec<EngineSlot>, ConfigError> {
    let mut slots = vec![EngineSlot {
        name: LOCAL.to_owned(),
        engine: local,
        local: true,
        private: true,
        size: Size::Small,
        price_micros: config.model.price_micros,
    }];
    slots.extend(remote(config, probes)?);
    Ok(slots)
}

fn over(
    config: &Config,
    slots: Vec<EngineSlot>,
    observer: impl Fn(&Decision) + Send + Sync + 'static,
) -> Router {
    Router::new(
        slots,
        routes(&config.routes),
        Arc::new(power::now),
        Arc::new(observer),
    )
}

fn routes(routes: &RoutesConfig) -> RouterConfig {
    let chains = [
        (Purpose::Plan, &routes.plan),
        (Purpose::Write, &routes.write),
        (Purpose::Judge, &routes.judge),
        (Purpose::Embed, &routes.embed),
    ];
    let policies: BTreeMap<Purpose, Policy> =
        Purpose::ALL.map(|purpose| (purpose, routes.policy)).into();
    RouterConfig {
        policies,
        chains: chains
            .into_iter()
            .filter(|(_, chain)| !chain.is_empty())
            .map(|(purpose, chain)| (purpose, chain.clone()))
            .collect(),
    }
}

#[cfg(feature = "remote")]
fn remote(config: &Config, probes: Option<&Path>) -> Result<Vec<EngineSlot>, ConfigError> {
    use aios_inference::remote::RemoteEngine;

    let slot = |(name, settings): (&String, &crate::config::engines::EngineSettings)| {
        let mut remote = settings
            .remote(name)
            .map_err(|message| ConfigError::Invalid {
                place: format!("engines.{name}"),
                message,
            })?;
        remote.honours = probes
            .and_then(|folder| crate::probes::read(folder, name))
            // What was found out about another server or model says nothing about this one.
            .filter(|probe| {
                probe.address == remote.address.to_string() && probe.model == remote.model
            });
        Ok(EngineSlot {
            name: name.clone(),
            local: remote.address.is_loopback(),
            private: settings.is_private(),
            size: settings.size,
            price_micros: settings.price_micros,
            engine: Arc::new(RemoteEngine::new(remote)),
        })
    };
    config.engines.iter().map(slot).collect()
}

#[cfg(not(feature = "remote"))]
fn remote(config: &Config, _probes: Option<&Path>) -> Result<Vec<EngineSlot>, ConfigError> {
    let place = config.engines.keys().next().cloned().unwrap_or_default();
    Err(ConfigError::Invalid {
        place: format!("engines.{place}"),
        message: "this build reaches no servers; build it with the feature `remote`".to_owned(),
    })
}

/// A decision as an event, beside whoever waits for the answer.
fn publish(bus: &Arc<dyn DataBus>, decision: &Decision) {
    let what = decision.engine.as_deref().unwrap_or("none");
    let subject = Subject::event(EventTopic::Model, what);
    let (Ok(payload), Ok(runtime)) = (
        serde_json::to_vec(decision),
        tokio::runtime::Handle::try_current(),
    ) else {
        return;
    };
    let bus = Arc::clone(bus);
    runtime.spawn(async move {
        if let Err(error) = bus.publish(subject, Bytes::from(payload)).await {
            tracing::debug!(%error, "a routing decision was not published");
        }
    });
}
