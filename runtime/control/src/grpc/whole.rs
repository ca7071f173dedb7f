//! `aios.control.v1`: the whole contract.

use aios_wire::generated::control::v1 as wire;
use tonic::{Request as Asked, Response as Answered, Status};

use super::door::{Door, Streamed, written};
use crate::{ControlError, read};

#[tonic::async_trait]
impl wire::control_service_server::ControlService for Door {
    async fn ask(
        &self,
        asked: Asked<wire::AskRequest>,
    ) -> Result<Answered<wire::AskResponse>, Status> {
        let asker = self.asker(&asked)?;
        let request = read(&asked.into_inner().request);
        let request = request.map_err(|error| self.invalid(&error))?;
        let value = self.value(&asker, request).await?;
        let answer = written(&value).map_err(|error| self.invalid(&error))?;
        Ok(Answered::new(wire::AskResponse { answer }))
    }

    type WatchStream = Streamed<wire::Event>;

    async fn watch(
        &self,
        asked: Asked<wire::WatchRequest>,
    ) -> Result<Answered<Self::WatchStream>, Status> {
        let asker = self.asker(&asked)?;
        let request = read(&asked.into_inner().request);
        let request = request.map_err(|error| self.invalid(&error))?;
        if !request.is_watch() {
            let error =
                ControlError::invalid("this is no watch").advise("ask for it by the call `Ask`");
            return Err(self.invalid(&error));
        }
        let events = self.watch(&asker, request).await?;
        let told = self.told(asker, events, |event| {
            Some(wire::Event {
                event: event.json().as_bytes().to_vec(),
            })
        });
        Ok(Answered::new(told))
    }
}
