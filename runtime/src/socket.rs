//! The actor that opens the node's control socket, and takes it away when it leaves.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use std::{fmt, io};

use aios_control::Control;
use aios_control::socket::{Observed, Observer, OpenSocket, Server, Service, SocketFolder};
use aios_protocols::PrincipalId;
use aios_supervisor::ChildSpec;
use async_trait::async_trait;
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use crate::node::{Node, Parts};
use crate::swarm::{Socket, Sockets};

/// Wait before a socket that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct ControlSocket;

#[derive(Clone)]
pub(crate) struct ControlSocketArguments {
    pub(crate) folder: SocketFolder,
    /// Filled when the node is whole; weak, because the node's tree holds this actor.
    pub(crate) node: Arc<OnceLock<Weak<Parts>>>,
    /// Whoever comes in is this user by the operating system's word, and this user is the owner.
    pub(crate) owner: PrincipalId,
    pub(crate) state: SocketState,
    pub(crate) sockets: Sockets,
}

impl ControlSocketArguments {
    /// The actor as a child; what it shows in the tree is where the socket is, or why there is none.
    pub(crate) fn child_spec(self) -> ChildSpec {
        let state = self.state.clone();
        ChildSpec::worker("door", move || (ControlSocket, self.clone()))
            .shows_note(move || state.to_string())
    }

    fn service(&self) -> Service {
        let node = Arc::clone(&self.node);
        Service {
            node: Arc::new(move || {
                let parts = node.get()?.upgrade()?;
                Some(Arc::new(Node::from_parts(parts)) as Arc<dyn Control>)
            }),
            principal: self.owner.clone(),
            observer: Arc::new(self.sockets.clone()),
        }
    }
}

/// How the socket is.
#[derive(Clone, Default)]
pub(crate) struct SocketState(Arc<Mutex<Option<Result<PathBuf, String>>>>);

impl SocketState {
    fn set(&self, state: Option<Result<PathBuf, String>>) {
        *self.0.lock() = state;
    }

    /// Where it is, or why it is not open; none while it is being opened, or when there is to be none.
    pub(crate) fn get(&self) -> Option<Result<PathBuf, String>> {
        self.0.lock().clone()
    }
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.lock() {
            None => f.write_str("closed"),
            Some(Ok(socket)) => write!(f, "open at {}", socket.display()),
            Some(Err(why)) => write!(f, "cannot open: {why}"),
        }
    }
}

/// The open socket; dropped, it is closed and gone.
pub(crate) struct Open {
    _socket: OpenSocket,
    work: JoinHandle<()>,
    state: SocketState,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.work.abort();
        self.state.set(None);
    }
}

/// What the actor tells itself.
pub(crate) enum Msg {
    /// It is time to open the socket.
    Open,
    /// The listener failed for good.
    Failed(io::Error),
}

impl Actor for ControlSocket {
    type Msg = Msg;
    type State = (ControlSocketArguments, Option<Open>);
    type Arguments = ControlSocketArguments;

    async fn pre_start(
        &self,
        me: ActorRef<Msg>,
        arguments: ControlSocketArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        me.send_message(Msg::Open)?;
        Ok((arguments, None))
    }

    /// A node goes on without a socket: somebody who takes the folder's name must not be able to keep it from starting.
    async fn handle(
        &self,
        me: ActorRef<Msg>,
        message: Msg,
        (arguments, open): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Msg::Failed(error) = message {
            return Err(Box::new(error));
        }
        match Server::open(&arguments.folder) {
            Ok((server, socket)) => {
                let path = socket.path().to_owned();
                arguments.state.set(Some(Ok(path)));
                let (me, service) = (me.clone(), arguments.service());
                let work = tokio::spawn(async move {
                    let error = server.serve(service).await;
                    let _ = me.send_message(Msg::Failed(error));
                });
                *open = Some(Open {
                    _socket: socket,
                    work,
                    state: arguments.state.clone(),
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot be opened; it is tried again");
                arguments.state.set(Some(Err(error.to_string())));
                me.send_after(AGAIN, || Msg::Open);
            }
        }
        Ok(())
    }
}

/// Every connection is a micro agent.
#[async_trait]
impl Observer for Sockets {
    async fn opened(&self) -> Box<dyn Observed> {
        Box::new(Sockets::opened(self).await)
    }
}

#[async_trait]
impl Observed for Socket {
    async fn traffic(&mut self, received: usize, sent: usize) {
        Socket::traffic(self, received, sent).await;
    }
}
