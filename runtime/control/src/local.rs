//! The way to a node in the same process: none. A request is handed over as it is.

use std::fmt;
use std::sync::Arc;

use aios_protocols::PrincipalId;
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    Caller, Client, ClientError, Control, EventStream, Place, Request, Response, Told, Transport,
};

/// A node in this process, asked in somebody's name.
pub struct Local {
    node: Arc<dyn Control>,
    caller: Caller,
    watch: Option<Box<dyn EventStream>>,
}

impl Local {
    /// The node, asked in the name of `principal`. Whoever holds the node may say whose name that is.
    pub fn new(node: Arc<dyn Control>, principal: PrincipalId) -> Self {
        Self::by(node, Caller::named(principal, Place::Here))
    }

    /// The node, asked as by somebody who showed a key elsewhere.
    pub fn by(node: Arc<dyn Control>, caller: Caller) -> Self {
        Self {
            node,
            caller,
            watch: None,
        }
    }

    /// A client over it.
    pub fn client(node: Arc<dyn Control>, principal: PrincipalId) -> Client {
        Client::over(Self::new(node, principal))
    }

    fn strange(&self, error: &str) -> ClientError {
        ClientError::Strange {
            name: self.node().to_owned(),
            error: error.to_owned(),
        }
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = &self.caller;
        f.debug_struct("Local")
            .field("caller", caller)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Local {
    fn node(&self) -> &str {
        "in this process"
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.watch = None;
        match self.node.answer(&self.caller, request.clone()).await {
            Ok(Response::Value(value)) => Ok(value),
            Ok(Response::Watch(_)) => Err(self.strange("a watch instead of an answer")),
            Err(error) => Err(ClientError::Refused(error)),
        }
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.watch = None;
        match self.node.answer(&self.caller, request.clone()).await {
            Ok(Response::Watch(watch)) => {
                self.watch = Some(watch);
                Ok(())
            }
            Ok(Response::Value(_)) => Err(self.strange("an answer instead of a watch")),
            Err(error) => Err(ClientError::Refused(error)),
        }
    }

    async fn next_event(&mut self) -> Result<Option<Told>, ClientError> {
        let Some(watch) = &mut self.watch else {
            return Ok(None);
        };
        let event = watch.next().await;
        if event.is_none() {
            self.watch = None;
        }
        Ok(event)
    }
}
