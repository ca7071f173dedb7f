//! What somebody alive offers to do, as the registry found it.

use std::collections::{BTreeMap, BTreeSet};

use aios_work::content::{Found, ToolOffer};
use aios_work::{Capabilities, ToolSpec};

/// Skills that are offered, and of those that are tools what calling them takes.
pub(crate) struct Offers {
    names: Vec<String>,
    tools: BTreeMap<String, ToolOffer>,
}

impl Offers {
    /// What was found. A card is written when its agent starts; what the node's tools have become since, is offered too.
    pub(crate) fn of<'s>(found: Vec<Found>, since: impl IntoIterator<Item = &'s ToolSpec>) -> Self {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut tools: BTreeMap<String, ToolOffer> = BTreeMap::new();
        if !found.is_empty() {
            for spec in since {
                names.insert(spec.name.clone());
                tools.insert(spec.name.clone(), ToolOffer::of(spec));
            }
        }
        for one in found {
            names.extend(one.skills);
            for tool in one.tools {
                tools.entry(tool.name.clone()).or_insert(tool);
            }
        }
        Self {
            names: names.into_iter().collect(),
            tools,
        }
    }

    /// All of it.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// What calling a tool takes; none if nobody said so.
    pub(crate) fn needs(&self, tool: &str) -> Option<&Capabilities> {
        self.tools.get(tool).map(|tool| &tool.needs)
    }
}

#[cfg(test)]
mod tests {
    use aios_work::{Capability, Effect};
    use serde_json::json;

    use super::*;

    fn spec(name: &str, needs: Capability) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            input: json!({}),
            output: json!({}),
            needs: [needs].into(),
            effect: Effect::Pure,
        }
    }

    fn found(spec: &ToolSpec) -> Found {
        let offer = ToolOffer::read(&spec.name, &ToolOffer::properties(spec));
        Found {
            agent: "macro.executor.001@local".to_owned(),
            skills: vec![spec.name.clone()],
            status: "active".to_owned(),
            tools: offer.into_iter().collect(),
        }
    }

    #[test]
    fn what_is_called_is_granted_what_its_offer_says() {
        let (there, here) = (
            spec("there", Capability::FILES_READ),
            spec("here", Capability::MODEL_USE),
        );
        let offers = Offers::of(vec![found(&there)], [&here]);
        assert_eq!(offers.names(), ["here", "there"]);
        assert_eq!(offers.needs("there"), Some(&there.needs));
        assert_eq!(offers.needs("here"), Some(&here.needs), "it came since");
        assert_eq!(offers.needs("neither"), None);
        let nobody = Offers::of(Vec::new(), [&here]);
        assert!(
            nobody.names().is_empty(),
            "tools without anybody to call them"
        );
    }
}
