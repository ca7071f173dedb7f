//! What a node remembers and who decides there: what is opened before anything else of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use aios_memory::{InMemoryStore, Store};
use aios_protocols::SigningIdentity;
use aios_tools::Witness;

use crate::builder::StartError;
use crate::config::Config;
use crate::durable::JournalStore;
use crate::{durable, owner};

/// The file in the storage folder that says whose tool is being worked on.
const WITNESS: &str = "witness";

/// What a node remembers, and who decides.
pub(crate) struct State {
    pub(crate) owner: Arc<SigningIdentity>,
    pub(crate) store: Arc<dyn Store>,
    /// What was not in order.
    pub(crate) found: Vec<String>,
    /// Who writes down whose tool is being worked on, and whose was when the process before this one ended.
    pub(crate) witness: Option<Arc<Witness>>,
    pub(crate) at_work: BTreeSet<String>,
    /// The journal, where there is one.
    pub(crate) journal: Weak<JournalStore>,
}

impl State {
    /// The owner and the state: in the storage folder, with the journal on this disk if it is another than the folder's, or of this process
    /// alone.
    pub(crate) async fn of(
        config: &Config,
        disk: Option<durable::Over>,
    ) -> Result<Self, StartError> {
        let tenant = config.node.tenant.clone();
        let Some(folder) = config.storage.path() else {
            return Ok(Self {
                owner: owner::identity(None, &tenant)?,
                store: Arc::new(InMemoryStore::default()),
                found: Vec::new(),
                witness: None,
                at_work: BTreeSet::new(),
                journal: Weak::new(),
            });
        };
        // It may wait a while for whoever is letting go of the folder, perhaps a task of this very thread.
        let opened = tokio::task::spawn_blocking(move || {
            durable::prepare(&folder)?;
            let owner = owner::identity(Some(&folder), &tenant)?;
            let identity = Arc::clone(&owner);
            let (store, found) = match disk {
                Some(over) => durable::open_over(&folder, identity, over)?,
                None => durable::open(&folder, identity)?,
            };
            // The folder is this process's alone from here on.
            let (witness, at_work) = match Witness::over(&folder.join(WITNESS)) {
                Ok((witness, at_work)) => (Some(witness), at_work),
                Err(error) => {
                    tracing::warn!(%error, "should this process end, it will not be known over whose tool");
                    (None, BTreeSet::new())
                }
            };
            let store = Arc::new(store);
            Ok(Self {
                owner,
                journal: Arc::downgrade(&store),
                store,
                found,
                witness,
                at_work,
            })
        });
        opened.await.unwrap_or(Err(StartError::Interrupted))
    }
}
