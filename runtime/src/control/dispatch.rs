//! What the node does for a visitor.

use serde::Serialize;

use super::protocol::{Reply, Request};
use crate::node::Node;

impl Node {
    pub(crate) async fn attend(&self, request: Request) -> Reply {
        match request {
            Request::View {} => reply(Ok::<_, String>(self.view())),
            Request::Swarm { about } => reply(self.swarm_answer(about).await),
            Request::Kill { agent } => reply(self.kill(&agent).await),
            Request::Approvals {} => reply(self.approvals()),
            Request::Decide {
                id,
                decision,
                reason,
            } => reply(self.decide(&id, decision, &reason, self.owner())),
            Request::Stop { agent } => reply(self.stop_agent(&agent).await),
        }
    }
}

fn reply<T: Serialize, E: ToString>(outcome: Result<T, E>) -> Reply {
    match outcome.map(serde_json::to_value) {
        Ok(Ok(value)) => Reply::Answer(value),
        Ok(Err(error)) => Reply::Refused(format!("the answer cannot be written: {error}")),
        Err(error) => Reply::Refused(error.to_string()),
    }
}
