//! The actor that keeps the door: it opens the socket, lets visitors in, and takes the socket away when it leaves.
//!
//! A visitor is served by a task of its own, so that none waits for another; all of them end with the keeper. There are at most
//! [`VISITORS`] at a time, and one that says nothing for [`PATIENCE`] is shown out.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::place::{DoorFolder, own_user};
use super::words::{self, LINE_MAX, Reply};
use crate::node::{Node, Parts};
use crate::swarm::Sockets;

/// Visitors at a time; each may hold one request and one answer of at most [`LINE_MAX`] bytes.
const VISITORS: usize = 16;
/// How long a visitor may stay without asking anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest request: names and numbers, and a signed decision.
const REQUEST_MAX: u64 = 256 * 1024;
/// Wait after a visitor could not be let in, so that a process without free descriptors does not spin.
const BREATH: Duration = Duration::from_millis(50);

pub(crate) struct Keeper;

#[derive(Clone)]
pub(crate) struct KeeperArguments {
    pub(crate) folder: DoorFolder,
    /// Filled when the node is whole; weak, because the node's tree holds this actor.
    pub(crate) node: Arc<OnceLock<Weak<Parts>>>,
    pub(crate) sockets: Sockets,
}

/// The open door; dropped, it is closed and gone.
pub(crate) struct Open {
    socket: PathBuf,
    work: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.work.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Actor for Keeper {
    /// The listener failed for good.
    type Msg = io::Error;
    type State = Open;
    type Arguments = KeeperArguments;

    async fn pre_start(
        &self,
        me: ActorRef<io::Error>,
        arguments: KeeperArguments,
    ) -> Result<Open, ActorProcessingErr> {
        arguments.folder.prepare()?;
        let socket = free_socket(&arguments.folder);
        let listener = UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        let work = tokio::spawn(async move {
            let error = receive(listener, arguments).await;
            let _ = me.send_message(error);
        });
        Ok(Open { socket, work })
    }

    async fn handle(
        &self,
        _: ActorRef<io::Error>,
        error: io::Error,
        _: &mut Open,
    ) -> Result<(), ActorProcessingErr> {
        Err(Box::new(error))
    }
}

/// A name nobody answers by. What lies there all the same is a remnant of an earlier process of this number.
fn free_socket(folder: &DoorFolder) -> PathBuf {
    let mut number = 0;
    loop {
        let socket = folder.socket(number);
        if std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let _ = std::fs::remove_file(&socket);
            return socket;
        }
        number += 1;
    }
}

/// Lets visitors in until the listener itself fails.
async fn receive(listener: UnixListener, arguments: KeeperArguments) -> io::Error {
    let places = Arc::new(Semaphore::new(VISITORS));
    let mut visitors = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return io::Error::other("the door's places are closed");
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "a visitor could not be let in");
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Err(error) => return error,
        };
        let arguments = arguments.clone();
        visitors.spawn(async move {
            serve(stream, &arguments).await;
            drop(place);
        });
        while visitors.try_join_next().is_some() {}
    }
}

/// The visitor's fault or a shortage, not the listener's end.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, OutOfMemory};
    /// Too many open files, in this process and in the system.
    const SHORT: [i32; 2] = [24, 23];
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | OutOfMemory
    ) || error
        .raw_os_error()
        .is_some_and(|code| SHORT.contains(&code))
}

async fn serve(stream: UnixStream, arguments: &KeeperArguments) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_user() => {}
        Ok(peer) => {
            tracing::warn!(
                user = peer.uid(),
                "a visitor of another user was turned away"
            );
            return;
        }
        Err(error) => {
            tracing::warn!(%error, "a visitor whose user is unknown was turned away");
            return;
        }
    }
    let mut guest = arguments.sockets.opened().await;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(REQUEST_MAX);
        let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await;
        let Ok(Ok(read)) = read else { break };
        if read == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        let reply = match whole {
            true => answer(&line, arguments).await,
            false => Reply::Refused(format!(
                "a request is one line of at most {REQUEST_MAX} bytes"
            )),
        };
        let line = reply.line();
        debug_assert!(line.len() <= LINE_MAX);
        let written = tokio::time::timeout(PATIENCE, stream.get_mut().write_all(&line)).await;
        let written = matches!(written, Ok(Ok(())));
        // The visitor has its answer by then: it does not wait for the agent that counts it.
        let sent = if written { line.len() } else { 0 };
        guest.traffic(read, sent).await;
        if !whole || !written {
            break;
        }
    }
}

async fn answer(line: &[u8], arguments: &KeeperArguments) -> Reply {
    let request = match words::read(line) {
        Ok(request) => request,
        Err(sentence) => return Reply::Refused(sentence),
    };
    let node = arguments
        .node
        .get()
        .and_then(Weak::upgrade)
        .map(Node::from_parts);
    match node {
        Some(node) => node.attend(request).await,
        None => Reply::Refused("the node is starting or stopping; ask again".to_owned()),
    }
}
