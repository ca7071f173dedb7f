//! The process that has the device: builds the engine, then runs one call after the other until the node closes the socket.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use aios_bus::tensor::{TensorPool, handed};
use aios_inference::{
    BlockingEngine, CancelFlag, EmbedRequest, Embedding, EngineError, EngineFactory, InferRequest,
    SessionId,
};
use aios_protocols::ports::{TensorBus as _, TensorBusError};
use aios_protocols::tensor::{ContentType, FrameKind, TensorGrant};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::frames::{note, publish, publish_part, take_part};
use super::words::{FromHost, ToHost, trace_id};
use crate::wire::{Ear, WireError, say};

/// Who makes the frames and whom they are for. The socket says which process, and nobody else has it.
pub(super) const HOST: &str = "service:engine@host";
/// See [`HOST`].
pub(super) const NODE: &str = "service:engine@node";
/// Calls that may wait; the node sends the next one when it has heard the end of the last.
const CALLS: usize = 16;

/// Why the process ends before the node wants it to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Whoever started it is no node.
    #[error(
        "standard input is no socket of a node: {0}; a node starts this command itself, with model.process = true"
    )]
    NoNode(io::Error),
    /// The pool cannot be used.
    #[error("the node's memory cannot be used: {0}")]
    Memory(#[from] TensorBusError),
    /// The node said something else than it should.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The engine could not be built; the node was told.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The socket that a node gives the process as its standard input.
///
/// # Errors
/// [`ServeError::NoNode`] if it is none.
pub fn standard_input() -> Result<UnixStream, ServeError> {
    let input = io::stdin().as_fd().try_clone_to_owned();
    let socket = UnixStream::from(input.map_err(ServeError::NoNode)?);
    // Asks for something that only sockets have.
    socket.peer_addr().map_err(ServeError::NoNode)?;
    Ok(socket)
}

/// Serves the node at the other end of the socket until it is closed, which is also when `gone` is called, perhaps in the middle of a call that
/// nobody will hear the end of.
///
/// # Errors
/// Why it ended before.
pub fn serve(
    socket: UnixStream,
    factory: &EngineFactory,
    gone: impl FnOnce() + Send + 'static,
) -> Result<(), ServeError> {
    let memory = handed::Handed::receive(&socket)?;
    let mut ear = Ear::new(socket.try_clone().map_err(WireError::from)?);
    let Some(ToHost::Pool(address)) = ear.next()? else {
        return Err(WireError::Closed.into());
    };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| TensorBusError::Unreachable(format!("no random numbers: {error}")))?;
    let pool = memory.pool(&address, secret)?;
    let engine = match factory() {
        Ok(engine) => engine,
        Err(error) => {
            say(&socket, &FromHost::Failed(error.clone()))?;
            return Err(error.into());
        }
    };
    say(&socket, &FromHost::Ready(engine.capabilities()))?;
    let flags = Arc::new(Mutex::new(HashMap::new()));
    let (sender, calls) = mpsc::sync_channel(CALLS);
    let raised = Arc::clone(&flags);
    std::thread::Builder::new()
        .name("engine-ear".into())
        .spawn(move || {
            hear(ear, &raised, &sender);
            gone();
        })
        .map_err(WireError::from)?;
    let mut host = Host {
        socket,
        engine,
        pool,
        flags,
        parts: Parts::default(),
        told: Vec::new(),
    };
    while let Ok(call) = calls.recv() {
        match host.run(call) {
            Ok(()) => {}
            // The node is gone, and nobody waits for anything.
            Err(WireError::Closed | WireError::Socket(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

type Flagged = Arc<Mutex<HashMap<u64, CancelFlag>>>;

/// Hears beside the calls, so that one can be called off.
fn hear(mut ear: Ear, flags: &Flagged, calls: &mpsc::SyncSender<ToHost>) {
    loop {
        match ear.next::<ToHost>() {
            Ok(None) => {}
            Ok(Some(ToHost::Cancel { call })) => {
                if let Some(flag) = flags.lock().get(&call) {
                    flag.cancel();
                }
            }
            Ok(Some(said)) => {
                if let ToHost::Infer { call, .. } | ToHost::Embed { call, .. } = &said {
                    flags.lock().insert(*call, CancelFlag::new());
                }
                if calls.send(said).is_err() {
                    return;
                }
            }
            Err(_) => {
                flags.lock().values().for_each(CancelFlag::cancel);
                return;
            }
        }
    }
}

struct Host {
    socket: UnixStream,
    engine: Box<dyn BlockingEngine>,
    pool: TensorPool,
    flags: Flagged,
    parts: Parts,
    /// The frames of the session that was saved last.
    told: Vec<TensorGrant>,
}

/// A session on its way back.
#[derive(Default)]
struct Parts {
    number: u64,
    bytes: Zeroizing<Vec<u8>>,
    refused: Option<String>,
}

impl Host {
    fn run(&mut self, said: ToHost) -> Result<(), WireError> {
        let answer = match said {
            // The one comes first, the other never here.
            ToHost::Pool(_) | ToHost::Cancel { .. } => return Ok(()),
            ToHost::Part {
                parts,
                grant,
                of,
                traceparent,
            } => {
                self.part(parts, &grant, of, traceparent.as_deref());
                return Ok(());
            }
            ToHost::Close { session } => {
                self.engine.close_session(&session);
                return Ok(());
            }
            ToHost::Save {
                call,
                session,
                traceparent,
            } => self.save(call, &session, traceparent.as_deref())?,
            ToHost::Restore {
                call,
                parts,
                session,
                traceparent,
            } => self.restore((call, parts), &session, traceparent.as_deref()),
            ToHost::Infer {
                call,
                request,
                left_ms,
                stream,
            } => self.infer(call, *request, left_ms, stream)?,
            ToHost::Embed {
                call,
                texts,
                left_ms,
                traceparent,
            } => self.embed(call, texts, left_ms, traceparent)?,
            ToHost::Load { call, source } => match self.engine.load_model(&source) {
                Ok(model) => FromHost::Loaded {
                    call,
                    model,
                    capabilities: self.engine.capabilities(),
                },
                Err(error) => FromHost::Refused { call, error },
            },
            ToHost::Unload { call, model } => match self.engine.unload(&model) {
                Ok(()) => FromHost::Unloaded {
                    call,
                    capabilities: self.engine.capabilities(),
                },
                Err(error) => FromHost::Refused { call, error },
            },
            ToHost::Health { call } => FromHost::Health {
                call,
                health: self.engine.health(),
            },
        };
        if let Some(call) = answer.call() {
            self.flags.lock().remove(&call);
        }
        say(&self.socket, &answer)
    }

    fn flag(&self, call: u64) -> CancelFlag {
        self.flags.lock().get(&call).cloned().unwrap_or_default()
    }

    fn infer(
        &mut self,
        call: u64,
        mut request: InferRequest,
        left_ms: Option<u64>,
        stream: bool,
    ) -> Result<FromHost, WireError> {
        request.deadline = left_ms.map(|left| Instant::now() + Duration::from_millis(left));
        request.cancel = self.flag(call);
        let _said = said_in("infer", call, request.traceparent.as_deref());
        let socket = &self.socket;
        let mut lost = None;
        let outcome = if stream {
            self.engine.stream(&request, &mut |token| {
                let token = token.clone();
                match say(socket, &FromHost::Token { call, token }) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        lost = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })
        } else {
            self.engine.infer(&request)
        };
        if let Some(lost) = lost {
            return Err(lost);
        }
        Ok(match outcome {
            Ok(inference) => FromHost::Inferred {
                call,
                inference: Box::new(inference),
            },
            Err(error) => FromHost::Refused { call, error },
        })
    }

    fn embed(
        &mut self,
        call: u64,
        texts: Vec<String>,
        left_ms: Option<u64>,
        traceparent: Option<String>,
    ) -> Result<FromHost, WireError> {
        let _said = said_in("embed", call, traceparent.as_deref());
        let trace = trace_id(traceparent.as_deref());
        let request = EmbedRequest {
            deadline: left_ms.map(|left| Instant::now() + Duration::from_millis(left)),
            cancel: self.flag(call),
            traceparent,
            ..EmbedRequest::new(texts)
        };
        let vectors = match self.engine.embed(&request) {
            Ok(vectors) => vectors,
            Err(error) => return Ok(FromHost::Refused { call, error }),
        };
        let dimensions = vectors.first().map_or(0, |first| first.vector.len());
        let at_once = self.pool.address().slot_bytes as usize / (4 * dimensions.max(1));
        if at_once == 0 {
            let error = EngineError::Unsupported {
                what: format!("vectors of {dimensions} numbers from another process"),
            };
            return Ok(FromHost::Refused { call, error });
        }
        for part in vectors.chunks(at_once) {
            let granted = self.publish(part, dimensions, (call, trace));
            let grant = match granted {
                Ok(grant) => grant,
                Err(error) => {
                    let error = EngineError::Lost {
                        reason: format!("its vectors could not be handed over: {error}"),
                    };
                    return Ok(FromHost::Refused { call, error });
                }
            };
            let read = part.iter().map(|it| (it.bytes_read, it.bytes)).collect();
            say(&self.socket, &FromHost::Vectors { call, grant, read })?;
        }
        Ok(FromHost::Embedded { call })
    }

    /// Vectors as one frame of a call in a trace.
    fn publish(
        &self,
        vectors: &[Embedding],
        dimensions: usize,
        of: (u64, [u8; 16]),
    ) -> Result<TensorGrant, TensorBusError> {
        let shape = vec![vectors.len() as u64, dimensions as u64];
        let what = (FrameKind::Tensor, ContentType::F32, shape);
        let numbers = vectors.iter().map(|it| {
            let numbers = it.vector.iter().flat_map(|it| it.to_le_bytes());
            numbers.collect::<Vec<u8>>()
        });
        let length = vectors.len() * dimensions * 4;
        publish(&self.pool, length, numbers, &note(what, (HOST, NODE), of)?)
    }

    /// What is remembered of a session, in frames.
    fn save(
        &mut self,
        call: u64,
        session: &SessionId,
        traceparent: Option<&str>,
    ) -> Result<FromHost, WireError> {
        let _said = said_in("save", call, traceparent);
        let saved = match self.engine.save_session(session) {
            Ok(saved) => Zeroizing::new(saved.unwrap_or_default()),
            Err(error) => return Ok(FromHost::Refused { call, error }),
        };
        // What was refused of the one before lies there still, and its reader is through with it by now.
        for left in self.told.drain(..) {
            let _ = self.pool.release(&left);
        }
        let of = saved.len();
        for part in saved.chunks(self.pool.address().slot_bytes as usize) {
            let which = (call, trace_id(traceparent));
            match publish_part(&self.pool, part, (HOST, NODE), which) {
                Ok(grant) => {
                    self.told.push(grant.clone());
                    say(&self.socket, &FromHost::Part { call, grant, of })?;
                }
                Err(error) => {
                    let reason = format!("a session could not be handed over: {error}");
                    let error = EngineError::BadRequest { reason };
                    return Ok(FromHost::Refused { call, error });
                }
            }
        }
        Ok(FromHost::Saved { call, bytes: of })
    }

    /// Some bytes of a session that comes back. What is wrong with one of them is told when all are there.
    fn part(&mut self, parts: u64, grant: &TensorGrant, of: usize, traceparent: Option<&str>) {
        if self.parts.number != parts {
            self.parts = Parts {
                number: parts,
                ..Parts::default()
            };
            // At once, so that growing leaves no copy behind that nobody wipes.
            let room = self.parts.bytes.try_reserve_exact(of);
            self.parts.refused = room.err().map(|error| error.to_string());
        }
        let taken = take_part(
            &self.pool,
            grant,
            (NODE, HOST),
            (parts, trace_id(traceparent)),
        );
        match taken {
            Ok(_) if self.parts.refused.is_some() => {}
            Ok(bytes) if self.parts.bytes.len() + bytes.len() <= of => {
                self.parts.bytes.extend_from_slice(&bytes);
            }
            Ok(_) => self.parts.refused = Some("it is longer than it was said to be".to_owned()),
            Err(error) => self.parts.refused = Some(error.to_string()),
        }
    }

    fn restore(
        &mut self,
        (call, number): (u64, u64),
        session: &SessionId,
        traceparent: Option<&str>,
    ) -> FromHost {
        let _said = said_in("restore", call, traceparent);
        let parts = std::mem::take(&mut self.parts);
        let refused = match parts.refused {
            None if parts.number != number => Some("its parts did not come".to_owned()),
            refused => refused,
        };
        if let Some(reason) = refused {
            let error = EngineError::BadRequest { reason };
            return FromHost::Refused { call, error };
        }
        match self.engine.restore_session(session, &parts.bytes) {
            Ok(tokens) => FromHost::Restored { call, tokens },
            Err(error) => FromHost::Refused { call, error },
        }
    }
}

/// Whatever the engine logs while this is held stands in a span with the trace of the call, as an agent's does in the node.
fn said_in(what: &str, call: u64, traceparent: Option<&str>) -> tracing::span::EnteredSpan {
    tracing::info_span!("engine_call", what, call, traceparent).entered()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_bus::tensor::{PoolShape, RANDOM_BYTES};

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// What a process of the tests says its vectors are.
    const ROLE: &str = "AIOS_TEST_VECTORS";

    fn pool() -> TensorPool {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).unwrap();
        let shape = PoolShape {
            slots: 2,
            slot_bytes: 64 * 1024,
        };
        handed::create_pool(shape, &random).unwrap()
    }

    /// What the process does; nothing when the tests are run as usual.
    #[test]
    fn the_process_whose_vectors_are_of_something_else() {
        let Ok(role) = std::env::var(ROLE) else {
            return;
        };
        let socket = standard_input().unwrap();
        let memory = handed::Handed::receive(&socket).unwrap();
        let mut ear = Ear::new(socket.try_clone().unwrap());
        let Some(ToHost::Pool(address)) = ear.next().unwrap() else {
            panic!("no pool");
        };
        let engine = crate::engines::scripted()().unwrap();
        say(&socket, &FromHost::Ready(engine.capabilities())).unwrap();
        let mut host = Host {
            pool: memory.pool(&address, [7; 32]).unwrap(),
            flags: Flagged::default(),
            parts: Parts::default(),
            told: Vec::new(),
            socket,
            engine,
        };
        while let Ok(Some(said)) = ear.next::<ToHost>() {
            let ToHost::Embed {
                call,
                texts,
                traceparent,
                ..
            } = said
            else {
                continue;
            };
            let vectors = host.engine.embed(&EmbedRequest::new(texts)).unwrap();
            let trace = trace_id(traceparent.as_deref());
            let (of, within) = match role.as_str() {
                "another call" => (call + 1, trace),
                "another trace" => (call, [7; 16]),
                _ => (call, trace),
            };
            let dimensions = vectors[0].vector.len();
            let grant = host.publish(&vectors, dimensions, (of, within)).unwrap();
            let read = vectors.iter().map(|it| (it.bytes_read, it.bytes)).collect();
            for said in [
                FromHost::Vectors { call, grant, read },
                FromHost::Embedded { call },
            ] {
                say(&host.socket, &said).unwrap();
            }
        }
    }

    #[test]
    fn vectors_of_another_call_or_trace_are_refused() {
        let path = concat!(
            module_path!(),
            "::the_process_whose_vectors_are_of_something_else"
        );
        let (_, name) = path.split_once("::").unwrap();
        for (role, refused) in [
            ("this call", false),
            ("another call", true),
            ("another trace", true),
        ] {
            let this = std::env::current_exe().unwrap();
            let mut command = super::super::HostCommand::new(this, ["--exact", name]);
            command.variables = vec![(ROLE.into(), role.into())];
            let pool = Arc::new(pool());
            let kept = Arc::new(super::super::Kept::new(command.kept_bytes));
            let told = (kept, aios_bus::Refusals::default());
            let started = super::super::Proxy::start(&command, Arc::clone(&pool), told);
            let mut proxy = started.unwrap();
            let mut request = EmbedRequest::new(["sales"]);
            request.traceparent = Some(TRACE.to_owned());
            let outcome = proxy.embed(&request);
            match outcome {
                Ok(vectors) => assert_eq!((vectors.len(), refused), (1, false), "{role}"),
                Err(error) => {
                    let says = error.to_string().contains("are another call's");
                    assert!(refused && says, "{role}: {error}");
                }
            }
            assert_eq!(pool.view().in_use, 0, "{role}: its slot is free again");
        }
    }

    #[test]
    fn a_frame_names_the_call_it_answers_and_the_trace_of_whoever_asked() {
        let (here, there) = UnixStream::pair().unwrap();
        let pool = pool();
        handed::hand_over(&here, &pool).unwrap();
        say(&here, &ToHost::Pool(pool.address().clone())).unwrap();
        let serving = std::thread::spawn(move || serve(there, &crate::engines::scripted(), || {}));
        let mut ear = Ear::new(here.try_clone().unwrap());
        let mut next = || ear.next::<FromHost>().unwrap().unwrap();
        assert!(matches!(next(), FromHost::Ready(_)));
        let parsed: aios_protocols::TraceContext = TRACE.parse().unwrap();
        let rows = [
            (3, Some(TRACE), *parsed.trace_id()),
            (4, None, [0; 16]),
            (5, Some("no trace at all"), [0; 16]),
        ];
        for (call, traceparent, trace) in rows {
            let ask = ToHost::Embed {
                call,
                texts: vec!["sales".to_owned()],
                left_ms: None,
                traceparent: traceparent.map(str::to_owned),
            };
            say(&here, &ask).unwrap();
            let FromHost::Vectors { grant, .. } = next() else {
                panic!("no vectors");
            };
            let header = pool.read(&grant, &mut Vec::new()).unwrap();
            assert_eq!((header.sequence, header.conversation), (call, trace));
            pool.release(&grant).unwrap();
            assert!(matches!(next(), FromHost::Embedded { .. }));
        }
        drop(ear);
        here.shutdown(std::net::Shutdown::Both).unwrap();
        serving.join().unwrap().unwrap();
    }
}
