//! `aios route explain`: which engines would be asked about a goal, in which order, and why the others would not.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aios_inference::router::{Ask, Route};
use aios_inference::{EngineActor, EngineConfig, Purpose};
use aios_runtime::thinking;
use serde_json::json;

use crate::arguments::RouteExplain;
use crate::failure::{Failure, Kind};
use crate::{console, own_node, settings, weights};

/// Bytes that are counted as one token, as the router counts them.
const BYTES_PER_TOKEN: u64 = 3;
/// How long the engine of this machine may take to load.
const LOAD: Duration = Duration::from_secs(120);

pub(crate) fn explain(arguments: &RouteExplain) -> Result<ExitCode, Failure> {
    let config = settings::load(&arguments.settings, &[])?;
    let factory = own_node::engine(&config)?.factory;
    let probes = weights::probes()?;
    let runtime = own_node::threads()?;
    let routes = runtime.block_on(async {
        let (local, _actor) = EngineActor::spawn(EngineConfig::default(), factory)
            .await
            .map_err(|error| Failure::plain(error.to_string()))?;
        local
            .ready(LOAD)
            .await
            .map_err(|error| Failure::new(Kind::Model, error.to_string()))?;
        let engine = Arc::clone(local.engine());
        let router = thinking::router(&config, engine, Some(&probes), |_| {})
            .map_err(|error| Failure::new(Kind::Settings, error.to_string()))?;
        let mut routes = Vec::new();
        for purpose in Purpose::ALL {
            let ask = Ask {
                purpose,
                prompt_tokens: (arguments.goal.len() as u64).div_ceil(BYTES_PER_TOKEN),
                max_tokens: u64::from(arguments.max_tokens),
                private: arguments.private,
                schema: purpose == Purpose::Plan,
                tools: false,
                money_micros: None,
            };
            let route = router.explain(&ask).await;
            routes.push((purpose, router.policy(purpose), ask, route));
        }
        Ok::<_, Failure>(routes)
    })?;
    if arguments.json {
        let routes: Vec<_> = routes
            .into_iter()
            .map(|(purpose, policy, ask, route)| {
                json!({
                    "purpose": purpose,
                    "policy": policy,
                    "prompt_tokens": ask.prompt_tokens,
                    "max_tokens": ask.max_tokens,
                    "private": ask.private,
                    "order": route.order,
                    "because": route.because,
                    "passed_over": route.passed_over.iter()
                        .map(|(engine, reason)| json!({"engine": engine, "reason": reason}))
                        .collect::<Vec<_>>(),
                })
            })
            .collect();
        console::json(&json!({ "routes": routes }))?;
    } else {
        for (purpose, policy, _, route) in &routes {
            let text = told(purpose.as_str(), policy.as_str(), route);
            console::text(&text)?;
        }
    }
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

fn told(purpose: &str, policy: &str, route: &Route) -> String {
    let mut text = match route.order.split_first() {
        None => format!("{purpose}: nobody ({policy})\n"),
        Some((first, [])) => format!("{purpose}: {first} ({policy}: {})\n", route.because),
        Some((first, rest)) => format!(
            "{purpose}: {first}, then {} ({policy}: {})\n",
            rest.join(", "),
            route.because
        ),
    };
    for (engine, reason) in &route.passed_over {
        text.push_str(&format!("  not {engine}: {reason}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_told_in_words() {
        let route = Route {
            order: vec!["local".into(), "cloud".into()],
            passed_over: vec![("far".into(), "it is down: gone".into())],
            because: "engines of this machine come first".into(),
        };
        assert_eq!(
            told("write", "local-first", &route),
            "write: local, then cloud (local-first: engines of this machine come first)\n  not far: it is down: gone\n"
        );
        assert_eq!(
            told("embed", "local-first", &Route::default()),
            "embed: nobody (local-first)\n"
        );
    }
}
