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

#[cfg(all(test, feature = "remote"))]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::config::Sources;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aios.toml");
        fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        Config::load(&sources).map_err(|error| error.to_string())
    }

    /// All that an engine is made of.
    fn engine(settings: &str) -> Result<String, String> {
        let config = load(&format!("[engines.e]\n{settings}\n"))?;
        let settings = &config.engines["e"];
        let made = settings.remote("e")?;
        let slots = remote(&config, None).map_err(|error| error.to_string())?;
        let EngineSlot {
            local,
            private,
            size,
            price_micros,
            ..
        } = &slots[0];
        Ok(format!(
            "{made:?} {local} {private} {size:?} {price_micros}"
        ))
    }

    /// Rows: a setting, what it is usually, what else it can be, what it cannot be, and what is said of that.
    #[test]
    fn each_setting_of_an_engine_is_read_and_refuses_what_is_wrong() {
        let rows = [
            (
                "kind",
                "\"openai\"",
                "\"anthropic\"",
                "\"other\"",
                "expected",
            ),
            (
                "address",
                "\"http://127.0.0.1:9/v1\"",
                "\"https://e.org/v1\"",
                "\"nowhere\"",
                "engines.e",
            ),
            (
                "model",
                "\"m\"",
                "\"n\"",
                "\"a\\u0007b\"",
                "no control characters",
            ),
            (
                "embed_model",
                "",
                "\"e\"",
                "\"a\\u0007b\"",
                "no control characters",
            ),
            (
                "key_env",
                "",
                "\"KEY\"",
                "\"a\\u0007b\"",
                "no control characters",
            ),
            (
                "key_file",
                "",
                "\"/key\"",
                "\"a\\u0007b\"",
                "no control characters",
            ),
            ("price_micros", "", "7", "-1", "price_micros"),
            (
                "context",
                "",
                "4096",
                "255",
                "context is 255, allowed is 256 to",
            ),
            ("private", "", "false", "\"no\"", "expected a boolean"),
            ("size", "", "\"large\"", "\"huge\"", "expected one of"),
            ("at_once", "", "3", "0", "at_once is 0, allowed is 1 to"),
            (
                "retries",
                "",
                "0",
                "11",
                "retries is 11, allowed is 0 to 10",
            ),
            (
                "connect_ms",
                "",
                "60",
                "1",
                "connect_ms is 1, allowed is 50 to",
            ),
            (
                "first_token_ms",
                "",
                "60",
                "1",
                "first_token_ms is 1, allowed is 50 to",
            ),
            (
                "between_tokens_ms",
                "",
                "60",
                "1",
                "between_tokens_ms is 1, allowed is 50 to",
            ),
        ];
        let usual = |left_out: &str| -> String {
            let set = rows
                .iter()
                .filter(|row| !row.1.is_empty() && row.0 != left_out);
            set.map(|row| format!("{} = {}\n", row.0, row.1)).collect()
        };
        let plain = engine(&usual("")).unwrap();
        for (name, _, right, wrong, why) in rows {
            let with = |value: &str| engine(&format!("{}{name} = {value}\n", usual(name)));
            assert_ne!(with(right).unwrap(), plain, "{name} changes something");
            let refused = with(wrong).unwrap_err();
            assert!(refused.contains(why), "{name}: {refused}");
        }
        let named: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
        let config = load(&format!("[engines.e]\n{}private = true\n", usual(""))).unwrap();
        let table = toml::Table::try_from(&config.engines["e"]).unwrap();
        let known: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(named, known, "each has a row");
        let page = include_str!("../../docs/guide/engines.md");
        for name in named {
            let told = [format!("`{name}`"), format!("{name} = ")];
            assert!(
                told.iter().any(|told| page.contains(told)),
                "{name} stands in the guide"
            );
        }
        let misspelt = engine(&format!("{}modell = \"m\"", usual("model"))).unwrap_err();
        assert!(misspelt.contains("modell"), "{misspelt}");
    }

    /// What was found out at this address, about this model, and nothing else, is what the router believes.
    #[tokio::test]
    async fn what_a_probe_found_is_read_by_whoever_chooses() {
        use aios_inference::Platform;
        use aios_inference::remote::Probe;

        let folder = tempfile::tempdir().unwrap();
        let address = "http://127.0.0.1:9/v1";
        let text =
            format!("[engines.e]\nkind = \"openai\"\naddress = {address:?}\nmodel = \"m\"\n");
        let told = async |settings: &str| {
            let config = load(&format!("{text}{settings}")).unwrap();
            let slot = remote(&config, Some(folder.path())).unwrap().remove(0);
            let can = slot.engine.capabilities().await.unwrap();
            (can.grammar, can.context_length, can.platform)
        };
        assert_eq!(told("").await, (true, 8_192, Platform::Server));
        let passed_on = told("private = false\n").await;
        assert_eq!(passed_on, (true, 8_192, Platform::Cloud));
        for (of, model, is_believed_able) in [
            (address, "m", false),
            (address, "another", true),
            ("http://127.0.0.1:10/v1", "m", true),
        ] {
            let probe = Probe {
                address: of.to_owned(),
                model: model.to_owned(),
                context: Some(2_000),
                ..Probe::default()
            };
            crate::probes::keep(folder.path(), "e", &probe).unwrap();
            let context = if is_believed_able { 8_192 } else { 2_000 };
            let expected = (is_believed_able, context, Platform::Server);
            assert_eq!(told("").await, expected, "{of} {model}");
        }
    }

    #[test]
    fn each_setting_of_routes_is_read_and_refuses_what_is_wrong() {
        let engine =
            "[engines.e]\nkind = \"openai\"\naddress = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n";
        let made = |set: &str| {
            let config = load(&format!("{engine}[routes]\n{set}\n"))?;
            Ok::<_, String>(format!("{:?}", routes(&config.routes)))
        };
        let plain = made("").unwrap();
        let names = ["policy", "plan", "write", "judge", "embed"];
        for name in names {
            let (right, wrong) = match name {
                "policy" => ("\"fallback-chain\"", "\"nearest\""),
                _ => ("[\"e\"]", "[\"f\"]"),
            };
            assert_ne!(made(&format!("{name} = {right}")).unwrap(), plain, "{name}");
            let refused = made(&format!("{name} = {wrong}")).unwrap_err();
            assert!(refused.contains("expected"), "{name}: {refused}");
        }
        let table = toml::Table::try_from(Config::default().routes).unwrap();
        let known: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(known, names.into());
    }
}
