//! The actor that keeps the door: it opens the socket, lets visitors in, and takes the socket away when it leaves.
//!
//! A visitor is served by a task of its own, so that none waits for another; all of them end with the keeper. Who may stay is decided
//! in [`connections`](super::connections); besides, everything that is waited for has its time: a first request, the rest of one that was
//! begun, the node's answer, its taking up.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use std::{fmt, fs, io};

use aios_supervisor::ChildSpec;
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::connections::{Doing, Leave, Place, Visitors};
use super::folder::{DoorFolder, PlaceError, own_user};
use super::protocol::{self, LINE_MAX, Reply};
use crate::node::{Node, Parts};
use crate::swarm::Sockets;

/// How long a visitor may stay without asking anything more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the first request may take, and any other from its first byte to its last.
const REQUEST: Duration = Duration::from_secs(5);
/// How long the node may take over an answer: as long as a visitor waits for it.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a visitor may take to read its answer.
const READING: Duration = Duration::from_secs(5);
/// The longest request: names and numbers, and a signed decision.
const REQUEST_MAX: u64 = 256 * 1024;
/// Wait before a door that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Wait after a visitor could not be let in, so that a process without free descriptors does not spin.
const BREATH: Duration = Duration::from_millis(50);

pub(crate) struct Keeper;

#[derive(Clone)]
pub(crate) struct KeeperArguments {
    pub(crate) folder: DoorFolder,
    /// Filled when the node is whole; weak, because the node's tree holds this actor.
    pub(crate) node: Arc<OnceLock<Weak<Parts>>>,
    pub(crate) state: DoorState,
    pub(crate) sockets: Sockets,
}

impl KeeperArguments {
    /// The keeper as a child; what it shows in the tree is where the door is, or why there is none.
    pub(crate) fn child_spec(self) -> ChildSpec {
        let state = self.state.clone();
        ChildSpec::worker("door", move || (Keeper, self.clone()))
            .shows_note(move || state.to_string())
    }
}

/// How the door is.
#[derive(Clone, Default)]
pub(crate) struct DoorState(Arc<Mutex<Option<Result<PathBuf, String>>>>);

impl DoorState {
    fn set(&self, state: Option<Result<PathBuf, String>>) {
        *self.0.lock() = state;
    }

    /// Where it is, or why it is not open; none while it is being opened, or when there is to be none.
    pub(crate) fn get(&self) -> Option<Result<PathBuf, String>> {
        self.0.lock().clone()
    }
}

impl fmt::Display for DoorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.lock() {
            None => f.write_str("closed"),
            Some(Ok(socket)) => write!(f, "open at {}", socket.display()),
            Some(Err(why)) => write!(f, "cannot open: {why}"),
        }
    }
}

/// The open door; dropped, it is closed and gone.
pub(crate) struct Open {
    socket: PathBuf,
    /// Device and file number: a file of this name that is not this one is somebody else's door.
    file: (u64, u64),
    work: JoinHandle<()>,
    state: DoorState,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.work.abort();
        if number(&self.socket).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.socket);
        }
        self.state.set(None);
    }
}

/// What the keeper tells itself.
pub(crate) enum Msg {
    /// It is time to open the door.
    Open,
    /// The listener failed for good.
    Failed(io::Error),
}

impl Actor for Keeper {
    type Msg = Msg;
    type State = (KeeperArguments, Option<Open>);
    type Arguments = KeeperArguments;

    async fn pre_start(
        &self,
        me: ActorRef<Msg>,
        arguments: KeeperArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        me.send_message(Msg::Open)?;
        Ok((arguments, None))
    }

    /// A node goes on without a door: somebody who takes the folder's name must not be able to keep it from starting.
    async fn handle(
        &self,
        me: ActorRef<Msg>,
        message: Msg,
        (arguments, open): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Msg::Open = message else {
            let Msg::Failed(error) = message else {
                return Ok(());
            };
            return Err(Box::new(error));
        };
        match bind(&arguments.folder) {
            Ok((listener, socket)) => {
                let file = number(&socket)?;
                arguments.state.set(Some(Ok(socket.clone())));
                let (me, visited) = (me.clone(), arguments.clone());
                let work = tokio::spawn(async move {
                    let error = receive(listener, visited).await;
                    let _ = me.send_message(Msg::Failed(error));
                });
                *open = Some(Open {
                    socket,
                    file,
                    work,
                    state: arguments.state.clone(),
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the door cannot be opened; it is tried again");
                arguments.state.set(Some(Err(error.to_string())));
                me.send_after(AGAIN, || Msg::Open);
            }
        }
        Ok(())
    }
}

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
enum BindError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("{socket}: {source}")]
    Socket { socket: PathBuf, source: io::Error },
}

/// A listener, under a name that nobody else answers by. It listens before it has that name, so a door that can be seen and refuses is a
/// remnant and may be cleared away.
fn bind(folder: &DoorFolder) -> Result<(UnixListener, PathBuf), BindError> {
    folder.prepare()?;
    let hidden = folder.hidden();
    let failed = |socket: &Path| {
        let socket = socket.to_owned();
        move |source| BindError::Socket { socket, source }
    };
    // Of this process, and of a door that was not finished.
    let _ = fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden).map_err(failed(&hidden))?;
    let named = fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600))
        .map_err(failed(&hidden))
        .and_then(|()| name(folder, &hidden));
    let _ = fs::remove_file(&hidden);
    Ok((listener, named?))
}

fn name(folder: &DoorFolder, hidden: &Path) -> Result<PathBuf, BindError> {
    let mut number = 0;
    loop {
        let socket = folder.socket(number);
        match fs::hard_link(hidden, &socket) {
            Ok(()) => return Ok(socket),
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(BindError::Socket { socket, source });
            }
            Err(_) => match std::os::unix::net::UnixStream::connect(&socket) {
                Ok(_) => number += 1,
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(&socket)
                        .map_err(|source| BindError::Socket { socket, source })?;
                }
                Err(source) => return Err(BindError::Socket { socket, source }),
            },
        }
    }
}

fn number(file: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(file)?;
    Ok((found.dev(), found.ino()))
}

/// Lets visitors in until the listener itself fails.
async fn receive(listener: UnixListener, arguments: KeeperArguments) -> io::Error {
    let places = Visitors::default();
    let mut visits = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "a visitor could not be let in");
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Err(error) => return error,
        };
        while visits.try_join_next().is_some() {}
        let Some(process) = of_own_user(&stream) else {
            continue;
        };
        let Some((place, leave)) = places.enter(process) else {
            tracing::warn!(process, "a visitor found no place");
            say(
                &stream,
                "all places at the node's door are taken; ask again",
            );
            continue;
        };
        let arguments = arguments.clone();
        visits.spawn(visit(stream, place, leave, arguments));
    }
}

/// The process at the other end, if it is the same user's.
fn of_own_user(stream: &UnixStream) -> Option<i32> {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_user() => Some(peer.pid().unwrap_or(0)),
        Ok(peer) => {
            tracing::warn!(
                user = peer.uid(),
                "a visitor of another user was turned away"
            );
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a visitor whose user is unknown was turned away");
            None
        }
    }
}

/// One sentence for somebody who is shown out, if it can be said without waiting.
fn say(stream: &UnixStream, sentence: &str) {
    let _ = stream.try_write(&Reply::Refused(sentence.to_owned()).line());
}

/// A visitor stays until it leaves, its time is over or its place is another's.
async fn visit(mut stream: UnixStream, place: Place, leave: Leave, arguments: KeeperArguments) {
    let doing = tokio::select! {
        () = serve(&mut stream, &place, &arguments) => return,
        doing = leave => doing,
    };
    // In the middle of an answer a sentence would be read as part of it.
    if matches!(doing, Ok(Doing::Silent | Doing::Idle)) {
        say(&stream, "others wait at the node's door; ask again");
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

async fn serve(stream: &mut UnixStream, place: &Place, arguments: &KeeperArguments) {
    let mut guest = arguments.sockets.opened().await;
    let mut stream = BufReader::new(stream);
    let mut patience = REQUEST;
    loop {
        let Some(line) = request(&mut stream, patience).await else {
            break;
        };
        place.turns_to(Doing::Answered);
        patience = PATIENCE;
        let whole = line.ends_with(b"\n");
        let reply = match whole {
            true => answer(&line, arguments).await,
            false => Reply::Refused(format!(
                "a request is one line of at most {REQUEST_MAX} bytes"
            )),
        };
        let read = line.len();
        let line = reply.line();
        debug_assert!(line.len() <= LINE_MAX);
        place.turns_to(Doing::Reading);
        let written = timeout(READING, stream.get_mut().write_all(&line)).await;
        let written = matches!(written, Ok(Ok(())));
        place.turns_to(Doing::Idle);
        // The visitor has its answer by then: it does not wait for the agent that counts it.
        let sent = if written { line.len() } else { 0 };
        guest.traffic(read, sent).await;
        if !whole || !written {
            break;
        }
    }
}

/// The next request, with the end of its line if it has one; none if the visitor has left or its time is over. It may think for a while,
/// and must go on once it has begun.
async fn request(stream: &mut BufReader<&mut UnixStream>, patience: Duration) -> Option<Vec<u8>> {
    let begun = timeout(patience, stream.fill_buf()).await;
    if begun.ok()?.ok()?.is_empty() {
        return None;
    }
    let mut line = Vec::new();
    let mut limited = stream.take(REQUEST_MAX);
    let read = timeout(REQUEST, limited.read_until(b'\n', &mut line)).await;
    read.ok()?.ok()?;
    Some(line)
}

async fn answer(line: &[u8], arguments: &KeeperArguments) -> Reply {
    let request = match protocol::read(line) {
        Ok(request) => request,
        Err(sentence) => return Reply::Refused(sentence),
    };
    let node = arguments
        .node
        .get()
        .and_then(Weak::upgrade)
        .map(Node::from_parts);
    match node {
        Some(node) => timeout(ANSWER, node.attend(request))
            .await
            .unwrap_or_else(|_| {
                Reply::Refused(format!(
                    "the node did not come to it within {} s, and may do it yet; look and ask again",
                    ANSWER.as_secs()
                ))
            }),
        None => Reply::Refused("the node is starting or stopping; ask again".to_owned()),
    }
}
