//! The packs and tools that were compiled in.

use std::sync::Arc;

use aios_actors::recovery::{Policies, TaskPolicy};
#[cfg(feature = "documents")]
use aios_inference::EmbedRequest;
use aios_inference::EngineHandle;
use aios_tools::Workspaces;
use aios_work::{Pack, Tool};

/// The packs, in the order in which they are asked for a plan.
pub(crate) fn packs() -> Vec<Pack> {
    vec![
        #[cfg(feature = "documents")]
        aios_documents::pack(),
        #[cfg(feature = "tables")]
        aios_tables::pack(),
    ]
}

/// What stands behind all packs, whichever there are: plans from files and of models, whose answers the general writer puts into words.
pub(crate) fn plans() -> Pack {
    aios_orchestrator::plans::pack(Some(aios_tools::WRITING_TOOL))
}

/// The tools of those packs. The engine compares what texts mean.
pub(crate) fn pack_tools(workspaces: &Workspaces, engine: &EngineHandle) -> Vec<Arc<dyn Tool>> {
    let _ = (workspaces, engine);
    let tools: Vec<Vec<Arc<dyn Tool>>> = vec![
        #[cfg(feature = "documents")]
        aios_documents::tools(workspaces, Some(Arc::new(Meanings::of(engine)))),
        #[cfg(feature = "tables")]
        aios_tables::tools(workspaces),
    ];
    tools.concat()
}

/// The engine's embeddings, for tools.
#[cfg(feature = "documents")]
struct Meanings {
    engine: EngineHandle,
    runtime: tokio::runtime::Handle,
}

#[cfg(feature = "documents")]
impl Meanings {
    /// Must be made inside the runtime whose blocking threads will ask.
    fn of(engine: &EngineHandle) -> Self {
        Self {
            engine: engine.clone(),
            runtime: tokio::runtime::Handle::current(),
        }
    }
}

#[cfg(feature = "documents")]
impl aios_documents::Embedder for Meanings {
    fn embed(
        &self,
        texts: &[String],
        cancel: &aios_work::CancelFlag,
        deadline: std::time::Instant,
    ) -> Option<Vec<Vec<f32>>> {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let request = EmbedRequest::new(texts.iter().cloned()).within(left);
        let embedded = self.runtime.block_on(self.engine.embed(request));
        match embedded {
            Ok(embedded) if !cancel.is_cancelled() => {
                Some(embedded.into_iter().map(|one| one.vector).collect())
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "passages are ranked by words alone: no embedding");
                None
            }
        }
    }
}

/// The names of the tools, each with whether it only looks at a file.
fn tools() -> impl Iterator<Item = (&'static str, bool)> {
    let general = aios_tools::TOOLS.into_iter();
    let general = general.map(|tool| (tool, aios_tools::LOOKS.contains(&tool)));
    #[cfg(feature = "documents")]
    let general = general.chain(
        aios_documents::TOOLS
            .into_iter()
            .map(|tool| (tool, aios_documents::LOOKS.contains(&tool))),
    );
    #[cfg(feature = "tables")]
    let general = general.chain(
        aios_tables::TOOLS
            .into_iter()
            .map(|tool| (tool, aios_tables::LOOKS.contains(&tool))),
    );
    general
}

/// The names of the tools that every node of this build has, for whoever checks a charter without a node.
#[must_use]
pub fn standard_tools() -> Vec<String> {
    tools().map(|(name, _)| name.to_owned()).collect()
}

/// Whether a tool of this name was compiled in.
pub(crate) fn is_standard(name: &str) -> bool {
    tools().any(|(tool, _)| tool == name)
}

/// A policy for each tool and one for all others.
pub(crate) fn policies() -> Policies {
    let mut policies = Policies::default();
    *policies.of_mut("default") = TaskPolicy::USUAL;
    for (tool, looks) in tools() {
        *policies.of_mut(tool) = if looks {
            TaskPolicy::LOOK
        } else {
            TaskPolicy::USUAL
        };
    }
    policies
}

/// The first policy whose name is that of a tool misspelt, with the tool. A name that is like none may be one that a service brings.
pub(crate) fn misspelt(policies: &Policies) -> Option<(&str, &'static str)> {
    policies
        .tools()
        .filter(|name| !is_standard(name))
        .find_map(|name| {
            let nearest = aios_work::nearest(name, tools().map(|(tool, _)| tool))?;
            aios_work::is_misspelt(name, nearest).then_some((name, nearest))
        })
}

#[cfg(all(test, feature = "tables"))]
mod tests {
    use super::*;

    #[test]
    fn a_policy_under_a_misspelt_name_is_found_and_one_for_a_tool_of_ones_own_is_not() {
        let cases = [
            ("sqll", Some("sql")),
            ("profile_tabel", Some("profile_table")),
            ("read_files", Some("read_file")),
            ("fetch", None),
            ("time__now", None),
            ("sql", None),
        ];
        for (name, meant) in cases {
            let mut policies = policies();
            policies.of_mut(name).retries = 1;
            assert_eq!(misspelt(&policies).map(|(_, meant)| meant), meant, "{name}");
        }
    }
}
