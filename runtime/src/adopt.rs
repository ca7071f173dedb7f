//! What a version before this one left unsigned in a storage folder, signed with its owner's key because a person says so. No node runs there
//! meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_actors::{Adopted, AgentSystem, NotAdopted};
use aios_memory::{Store, StoreError};
use aios_protocols::{AgentId, IdentityError, TenantId};

use crate::durable::{self, OpenError};
use crate::owner::{self, OwnerError};

/// Why nothing can be adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// No state of a node lies there.
    #[error(
        "no state of a node with an owner.key lies in {}; name a storage folder with --folder FOLDER",
        .0.display()
    )]
    None(PathBuf),
    /// The folder cannot be used, because a node runs there say.
    #[error(transparent)]
    State(#[from] OpenError),
    /// The key that it would be signed with cannot be read.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The tenant is no name.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// It was done before, or the agent's state cannot be read or written.
    #[error(transparent)]
    Agent(#[from] NotAdopted),
    /// The folder cannot be made ready.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs what an earlier version has left unsigned of these agents: checkpoints, messages without an outcome, and outcomes. Each is found by
/// its agent when the next node starts over the folder. Of an agent of which it was done before only if `again` is said.
///
/// # Errors
/// No node's state lies there, another process has it, or it was done before of one of them, which then is done of none, or it fails; what
/// was adopted until then stays so.
pub fn adopt(
    folder: &Path,
    tenant: &str,
    agents: &[AgentId],
    again: bool,
) -> Result<Vec<(AgentId, Adopted)>, AdoptError> {
    let none = || AdoptError::None(folder.to_path_buf());
    if !durable::journal(folder).is_dir() {
        return Err(none());
    }
    let owner = owner::known(folder, tenant)?.ok_or_else(none)?;
    durable::prepare(folder)?;
    let (store, _) = durable::open(folder, Arc::clone(&owner))?;
    let system = AgentSystem::builder()
        .store(Arc::new(store) as Arc<dyn Store>)
        .tenant(TenantId::new(tenant)?)
        .signer(Arc::clone(&owner))
        .durable_keys(move |agent| owner.derive(agent))
        .build();
    if !again {
        agents.iter().try_for_each(|it| system.never_adopted(it))?;
    }
    let adopted = agents.iter().map(|agent| {
        let adopted = system.adopt_unsigned(agent, again)?;
        Ok::<_, AdoptError>((agent.clone(), adopted))
    });
    adopted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first versions wrote of one agent, beside another's.
    #[test]
    fn what_is_unsigned_of_the_agents_that_are_named_is_signed_once_and_where_no_node_runs() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state");
        let clerk: AgentId = "macro.clerk.001@global".parse().unwrap();
        let other: AgentId = "macro.clerk.002@global".parse().unwrap();
        let named = std::slice::from_ref(&clerk);
        assert!(matches!(
            adopt(&folder, "local", named, false),
            Err(AdoptError::None(_))
        ));
        durable::prepare(&folder).unwrap();
        let owner = owner::identity(Some(&folder), "local").unwrap();
        let open = || durable::open(&folder, Arc::clone(&owner)).unwrap().0;
        let snapshot = include_bytes!("../../actors/tests/golden/checkpoint/1.bin");
        let message = include_bytes!("../../actors/tests/golden/mail/kept-1.bin");
        let keys = |agent: &AgentId| {
            [
                format!("snapshot/{agent}"),
                format!("mail/{agent}/{:020}", 1),
            ]
        };
        {
            let store = open();
            for agent in [&clerk, &other] {
                let [of_checkpoint, of_message] = keys(agent);
                store.put(of_checkpoint.as_bytes(), snapshot).unwrap();
                store.put(of_message.as_bytes(), message).unwrap();
            }
            store.flush().unwrap();
            // Somebody has the folder: nothing is done behind its back.
            assert!(matches!(
                adopt(&folder, "local", named, false),
                Err(AdoptError::State(_))
            ));
        }
        let adopted = |again| -> Adopted {
            let adopted = adopt(&folder, "local", named, again).unwrap();
            assert_eq!(adopted.len(), 1);
            assert_eq!(adopted[0].0, clerk);
            adopted[0].1.clone()
        };
        let first = adopted(false);
        assert_eq!((first.checkpoints, first.messages), (1, 1));
        for (said, key) in first.signed.iter().zip(keys(&clerk)) {
            assert!(said.starts_with(&format!("{key}: ")), "{said}");
        }
        // Once: what is unsigned from now on came there otherwise. Named beside another, nothing is done of either.
        let both = [other.clone(), clerk.clone()];
        for agents in [named, &both] {
            let refused = adopt(&folder, "local", agents, false).unwrap_err();
            assert!(refused.to_string().contains("--again"), "{refused}");
        }
        let again = adopted(true);
        assert_eq!((again.checkpoints, again.messages), (0, 0));
        assert!(again.signed.is_empty());
        let store = open();
        let get = |key: &str| store.get(key.as_bytes()).unwrap().unwrap();
        let [of_checkpoint, of_message] = keys(&clerk);
        let signed = String::from_utf8(get(&of_checkpoint)).unwrap();
        assert!(signed.contains(&owner.public_key().to_string()), "{signed}");
        assert_eq!(get(&of_message)[4], 2, "the form that is signed");
        let [of_checkpoint, of_message] = keys(&other);
        assert_eq!(get(&of_checkpoint), snapshot, "nobody spoke of it");
        assert_eq!(get(&of_message), message);
        let on_record = store.scan_prefix(b"adopted/", None, 9).unwrap();
        assert_eq!(on_record.len(), 2, "each time it was done");
    }
}
