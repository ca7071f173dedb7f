//! What a server serves, and to whom.

use std::path::PathBuf;
use std::sync::Arc;

use crate::Control;
use crate::access::Principals;
use crate::remote::AgentDoor;

/// What a server serves, and to whom.
pub struct GrpcService {
    /// The node; none while it starts and stops.
    pub node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    /// Who may come in, by the token that is shown.
    pub principals: Principals,
    /// Where agents in other processes come in; none for a node that takes none.
    pub agents: Option<Arc<dyn AgentDoor>>,
    /// Where what is made is put, when whoever asks does not say; absolute.
    pub out: PathBuf,
}
