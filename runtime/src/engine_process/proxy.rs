//! The node's side: the process as a device that does one thing at a time.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_bus::tensor::{TensorPool, handed};
use aios_bus::{BusRefusal, Refusals};
use aios_inference::{
    BlockingEngine, CancelFlag, Capabilities, EmbedRequest, Embedding, EngineError, Health,
    HealthState, InferRequest, Inference, ModelInfo, ModelSource, SessionId, TokenSink,
};
use aios_protocols::ports::TensorBus as _;
use aios_protocols::tensor::{ContentType, TensorGrant};
use zeroize::Zeroizing;

use super::HostCommand;
use super::frames::{party, publish_part, take_part};
use super::host::{HOST, NODE};
use super::kept::Kept;
use super::words::{FromHost, ToHost, trace_id};
use crate::wire::{Ear, WireError, say};

/// How often is looked whether a call is called off while nothing comes.
const LOOK: Duration = Duration::from_millis(10);
/// How often is looked whether the process is still there while nobody asks it.
const PULSE: Duration = Duration::from_millis(250);
/// How long a process whose socket is closed may take to be gone.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Tokens from which on a session is handed over: reading fewer again takes no longer than carrying them about.
const WORTH: u64 = 64;
/// How long a session may be on its way.
const CARRIED: Duration = Duration::from_secs(30);
/// How long the process may take to build its engine.
const BUILT: Duration = Duration::from_secs(120);

/// A process that ends with this; it keeps nothing that would have to be put away.
struct Process(Child);

impl Process {
    /// How it ended. One whose socket is closed has ended, or is about to.
    fn last_words(&mut self) -> String {
        let begun = Instant::now();
        let status = loop {
            match self.0.try_wait() {
                Ok(None) if begun.elapsed() < LAST_WORDS => std::thread::sleep(LOOK / 10),
                Ok(None) => {
                    let _ = self.0.kill();
                    break self.0.wait();
                }
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            }
        };
        match status {
            Ok(status) => format!("its process has ended: {status}"),
            Err(error) => format!("its process has ended: {error}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process with its engine built, and the way to it.
pub(super) struct Proxy {
    process: Process,
    socket: UnixStream,
    ear: Ear,
    pool: Arc<TensorPool>,
    capabilities: Capabilities,
    patience: Duration,
    calls: u64,
    kept: Arc<Kept>,
    refusals: Refusals,
    /// Those that this process remembers, unless it forgot them for want of room.
    sessions: HashMap<SessionId, Remembered>,
}

/// A session as the process has it.
struct Remembered {
    used: Instant,
    /// Whether the node does not have it yet as it is now.
    unsaved: bool,
    traceparent: Option<String>,
}

/// What a message does to a call.
enum Heard<T> {
    More,
    /// More, and the asker wants no more of it.
    Enough,
    End(T),
}

impl Proxy {
    /// Starts the process and waits until its engine is built.
    pub(super) fn start(
        command: &HostCommand,
        pool: Arc<TensorPool>,
        (kept, refusals): (Arc<Kept>, Refusals),
    ) -> Result<Self, EngineError> {
        let device = |reason: String| EngineError::Device { reason };
        let no_socket = |error| device(format!("no socket for its process: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(no_socket)?;
        ours.set_read_timeout(Some(LOOK)).map_err(no_socket)?;
        // It reads between two calls at least; one that does not is lost.
        let patience = command.patience.max(LOOK);
        ours.set_write_timeout(Some(patience)).map_err(no_socket)?;
        let mut ear = Ear::new(ours.try_clone().map_err(no_socket)?);
        let stderr = if command.speaks {
            Stdio::inherit()
        } else {
            Stdio::null()
        };
        let child = Command::new(&command.program)
            .args(&command.arguments)
            .envs(command.variables.iter().cloned())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(stderr)
            // Who ends the node at a terminal ends it first: it may still have something to ask.
            .process_group(0)
            .spawn();
        let child = child.map_err(|error| {
            let program = command.program.display();
            device(format!("{program} cannot be started: {error}"))
        })?;
        let mut process = Process(child);
        let handed = handed::hand_over(&ours, &*pool);
        let said = say(&ours, &ToHost::Pool(pool.address().clone()));
        if handed.is_err() || said.is_err() {
            return Err(device(process.last_words()));
        }
        let begun = Instant::now();
        let capabilities = loop {
            match ear.next() {
                Ok(Some(FromHost::Ready(capabilities))) => break capabilities,
                Ok(Some(FromHost::Failed(error))) => return Err(error),
                Ok(None) if begun.elapsed() < BUILT => {}
                Ok(None) => {
                    let ms = BUILT.as_millis();
                    return Err(device(format!("its process built nothing in {ms} ms")));
                }
                Ok(Some(_)) | Err(_) => return Err(device(process.last_words())),
            }
        };
        let number = process.0.id();
        tracing::info!(process = number, device = %capabilities.device, "the engine's process is there");
        let mut proxy = Self {
            process,
            socket: ours,
            ear,
            pool,
            capabilities: capabilities.clone(),
            patience: command.patience,
            calls: 0,
            kept,
            refusals,
            sessions: HashMap::new(),
        };
        proxy.can(capabilities);
        Ok(proxy)
    }

    /// What it can do from now on, and where.
    fn can(&mut self, capabilities: Capabilities) {
        let device = format!("{}, process {}", capabilities.device, self.process());
        self.capabilities = Capabilities {
            device,
            ..capabilities
        };
    }

    pub(super) fn process(&self) -> u32 {
        self.process.0.id()
    }

    /// The engine is lost: why, as far as its end says.
    fn lost(&mut self, error: &WireError) -> EngineError {
        let reason = match error {
            WireError::Closed | WireError::Socket(_) => self.process.last_words(),
            // It says what nobody here understands, so it is not believed any more.
            error => {
                let _ = self.process.0.kill();
                format!("its process was ended: {error}")
            }
        };
        EngineError::Lost { reason }
    }

    /// Makes a call and hears what comes of it until its end.
    fn call<T>(
        &mut self,
        ask: impl FnOnce(u64) -> ToHost,
        deadline: Option<Instant>,
        cancel: &CancelFlag,
        mut on: impl FnMut(&mut Self, FromHost) -> Result<Heard<T>, EngineError>,
    ) -> Result<T, EngineError> {
        self.calls += 1;
        let number = self.calls;
        match say(&self.socket, &ask(number)) {
            Ok(()) => {}
            Err(error @ (WireError::TooLong { .. } | WireError::Malformed(_))) => {
                let reason = error.to_string();
                return Err(EngineError::BadRequest { reason });
            }
            Err(error) => return Err(self.lost(&error)),
        }
        let mut enough = false;
        let mut called_off = None;
        loop {
            match self.ear.next::<FromHost>() {
                Ok(None) => {}
                Ok(Some(FromHost::Refused { call, error })) if call == number => return Err(error),
                Ok(Some(said)) if said.call() == Some(number) => match on(self, said)? {
                    Heard::More => {}
                    Heard::Enough => enough = true,
                    Heard::End(end) => return Ok(end),
                },
                Ok(Some(_)) => {
                    let _ = self.process.0.kill();
                    let reason = "its process was ended: it speaks of a call that is not under way";
                    return Err(EngineError::Lost {
                        reason: reason.into(),
                    });
                }
                Err(error) => return Err(self.lost(&error)),
            }
            match called_off {
                None => {
                    let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                    if enough || over || cancel.is_cancelled() {
                        called_off = Some(Instant::now());
                        // Whether it hears that shows below.
                        let _ = say(&self.socket, &ToHost::Cancel { call: number });
                    }
                }
                Some(since) if since.elapsed() >= self.patience => {
                    let _ = self.process.0.kill();
                    let ms = self.patience.as_millis();
                    let reason = format!(
                        "its process was killed: it did not stop within {ms} ms of being called off"
                    );
                    return Err(EngineError::Lost { reason });
                }
                Some(_) => {}
            }
        }
    }

    /// A call that nobody calls off.
    fn plain<T>(
        &mut self,
        ask: impl FnOnce(u64) -> ToHost,
        mut on: impl FnMut(&mut Self, FromHost) -> Option<T>,
    ) -> Result<T, EngineError> {
        let on = |proxy: &mut Self, said: FromHost| match on(proxy, said) {
            Some(end) => Ok(Heard::End(end)),
            None => Err(confused()),
        };
        self.call(ask, None, &CancelFlag::new(), on)
    }

    /// Lets the process write, once it remembers what the node has kept of the session.
    fn generate(
        &mut self,
        request: &InferRequest,
        sink: Option<&mut TokenSink<'_>>,
    ) -> Result<Inference, EngineError> {
        let Some(session) = &request.session else {
            return self.write(request, sink);
        };
        self.give_back(session, request.traceparent.as_deref())?;
        let outcome = self.write(request, sink);
        match &outcome {
            Ok(answer) => {
                let keeps = !request.private && self.kept.most() > 0;
                let worth = keeps && answer.usage.total() >= WORTH;
                let remembered = Remembered {
                    used: Instant::now(),
                    unsaved: worth,
                    traceparent: request.traceparent.clone(),
                };
                self.sessions.insert(session.clone(), remembered);
            }
            // Whatever it began to read is forgotten there.
            Err(_) => drop(self.sessions.remove(session)),
        }
        if request.private {
            self.kept.close(session);
        }
        outcome
    }

    /// Gives a session back that the process does not remember and the node has. Of one that is refused the prompt is read again.
    fn give_back(
        &mut self,
        session: &SessionId,
        traceparent: Option<&str>,
    ) -> Result<(), EngineError> {
        if self.sessions.contains_key(session) {
            return Ok(());
        }
        // Out of what is kept while it is on its way: one that the process falls over is not given to the next.
        let Some(bytes) = self.kept.take(session) else {
            return Ok(());
        };
        match self.restore(session, &bytes, traceparent) {
            Ok(tokens) => {
                tracing::debug!(session = session.0, tokens, "a session was given back");
                self.kept.taken_up(session.clone(), bytes);
                Ok(())
            }
            Err(error @ (EngineError::Lost { .. } | EngineError::Device { .. })) => Err(error),
            Err(error) => {
                self.kept.refused();
                self.refusals.tell(|| BusRefusal {
                    bus: "tensor",
                    from: None,
                    label: "session",
                    reason: format!(
                        "a session was not taken up, its prompt is read again: {error}"
                    ),
                });
                Ok(())
            }
        }
    }

    fn restore(
        &mut self,
        session: &SessionId,
        bytes: &[u8],
        traceparent: Option<&str>,
    ) -> Result<u64, EngineError> {
        self.calls += 1;
        let parts = self.calls;
        let traceparent = traceparent.map(str::to_owned);
        let which = (parts, trace_id(traceparent.as_deref()));
        let mut told = Vec::new();
        for part in bytes.chunks(self.pool.address().slot_bytes as usize) {
            let grant = publish_part(&self.pool, part, (NODE, HOST), which);
            let grant = grant.map_err(|error| EngineError::BadRequest {
                reason: error.to_string(),
            })?;
            told.push(grant.clone());
            let part = ToHost::Part {
                parts,
                grant,
                of: bytes.len(),
                traceparent: traceparent.clone(),
            };
            if let Err(error) = say(&self.socket, &part) {
                return Err(self.lost(&error));
            }
        }
        let session = session.clone();
        let ask = |call| ToHost::Restore {
            call,
            parts,
            session,
            traceparent,
        };
        let due = Some(Instant::now() + CARRIED);
        let outcome = self.call(ask, due, &CancelFlag::new(), |_, said| match said {
            FromHost::Restored { tokens, .. } => Ok(Heard::End(tokens)),
            _ => Err(confused()),
        });
        if outcome.is_err() {
            // What was refused is its writer's to take back.
            for grant in &told {
                let _ = self.pool.release(grant);
            }
        }
        outcome
    }

    /// Has the session that waits for it longest handed over, if one does.
    fn keep_one(&mut self) -> Result<bool, EngineError> {
        if self.kept.gave_up() {
            return Ok(false);
        }
        let unsaved = self.sessions.iter_mut().filter(|(_, it)| it.unsaved);
        let Some((session, remembered)) = unsaved.min_by_key(|(_, it)| it.used) else {
            return Ok(false);
        };
        remembered.unsaved = false;
        let (session, traceparent) = (session.clone(), remembered.traceparent.clone());
        let trace = trace_id(traceparent.as_deref());
        let most = self.kept.most();
        let (mut bytes, mut whole) = (Zeroizing::new(Vec::new()), true);
        let ask = |call| ToHost::Save {
            call,
            session: session.clone(),
            traceparent,
        };
        let on = |proxy: &mut Self, said| match said {
            FromHost::Part { call, grant, of } => {
                let taken = take_part(&proxy.pool, &grant, (HOST, NODE), (call, trace));
                match taken {
                    Ok(part) if of <= most && bytes.len() + part.len() <= of => {
                        // All of it the first time.
                        let missing = of - bytes.len();
                        bytes.reserve_exact(missing);
                        bytes.extend_from_slice(&part);
                    }
                    // The bus has told of it.
                    Ok(_) | Err(_) => whole = false,
                }
                Ok(Heard::More)
            }
            FromHost::Saved { bytes, .. } => Ok(Heard::End(bytes)),
            _ => Err(confused()),
        };
        // Nobody watches over this but the deadline: it is no call of anybody's.
        let due = Some(Instant::now() + CARRIED);
        let outcome = self.call(ask, due, &CancelFlag::new(), on);
        let ended = matches!(
            outcome,
            Err(EngineError::Lost { .. } | EngineError::Device { .. })
        );
        self.kept.handed_over(ended);
        match outcome {
            Ok(length) if whole && length > 0 && length == bytes.len() => {
                self.kept.save(session, bytes);
            }
            Ok(_) => {}
            Err(error @ (EngineError::Lost { .. } | EngineError::Device { .. })) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "a session is not kept"),
        }
        Ok(true)
    }

    /// Before its model goes: what is remembered goes with it.
    fn keep_all(&mut self) -> Result<(), EngineError> {
        while self.keep_one()? {}
        self.sessions.clear();
        Ok(())
    }

    fn write(
        &mut self,
        request: &InferRequest,
        mut sink: Option<&mut TokenSink<'_>>,
    ) -> Result<Inference, EngineError> {
        let left_ms = left(request.deadline);
        let stream = sink.is_some();
        let ask = |call| ToHost::Infer {
            call,
            request: Box::new(request.clone()),
            left_ms,
            stream,
        };
        let mut enough = false;
        let mut handed = (0, String::new());
        let answer = self.call(
            ask,
            request.deadline,
            &request.cancel,
            |_, said| match said {
                FromHost::Inferred { inference, .. } => Ok(Heard::End(inference)),
                FromHost::Token { token, .. } => {
                    if let (Some(sink), false) = (sink.as_mut(), enough) {
                        handed.0 += 1;
                        handed.1.push_str(&token.text);
                        enough = (*sink)(&token) == ControlFlow::Break(());
                    }
                    Ok(if enough { Heard::Enough } else { Heard::More })
                }
                _ => Err(confused()),
            },
        );
        let mut answer = *answer?;
        if enough {
            // The process ran ahead of whoever reads; what nobody was handed is not part of the answer.
            let (tokens, text) = handed;
            answer.ids.truncate(tokens);
            answer.text = text;
            answer.finish = aios_inference::Finish::Cancelled;
        }
        Ok(answer)
    }

    /// The vectors of a frame of a call in a trace.
    fn vectors(
        &self,
        (call, trace): (u64, [u8; 16]),
        grant: &TensorGrant,
        read: &[(usize, usize)],
        into: &mut Vec<Embedding>,
    ) -> Result<(), EngineError> {
        let lost = |reason: String| EngineError::Lost { reason };
        let refused = |error: aios_protocols::ports::TensorBusError| {
            lost(format!("its vectors are refused: {error}"))
        };
        let ours = grant.sender == party(HOST).map_err(refused)?
            && grant.receiver == party(NODE).map_err(refused)?
            && grant.handle.dtype == ContentType::F32;
        let &[count, dimensions] = grant.handle.shape.as_slice() else {
            return Err(lost("its vectors have no two dimensions".into()));
        };
        if !ours || count != read.len() as u64 || dimensions == 0 {
            return Err(lost("its vectors are not what it says of them".into()));
        }
        let mut bytes = Vec::new();
        let header = self.pool.read(grant, &mut bytes).map_err(refused)?;
        self.pool.release(grant).map_err(refused)?;
        if (header.sequence, header.conversation) != (call, trace) {
            return Err(lost("its vectors are another call's".into()));
        }
        // The bus has looked that shape and length agree.
        let (numbers, _) = bytes.as_chunks::<4>();
        for (vector, (bytes_read, bytes)) in
            numbers.chunks_exact(dimensions as usize).zip(read.iter())
        {
            into.push(Embedding {
                vector: vector.iter().map(|it| f32::from_le_bytes(*it)).collect(),
                bytes_read: *bytes_read,
                bytes: *bytes,
            });
        }
        Ok(())
    }
}

/// The process answered something else than it was asked.
fn confused() -> EngineError {
    EngineError::Lost {
        reason: "its process answers something else than it was asked".into(),
    }
}

fn left(deadline: Option<Instant>) -> Option<u64> {
    let left = deadline?.saturating_duration_since(Instant::now());
    Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

impl BlockingEngine for Proxy {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.keep_all()?;
        let source = source.clone();
        self.plain(
            |call| ToHost::Load { call, source },
            |proxy, said| match said {
                FromHost::Loaded {
                    model,
                    capabilities,
                    ..
                } => {
                    proxy.can(capabilities);
                    Some(model)
                }
                _ => None,
            },
        )
    }

    fn infer(&mut self, request: &InferRequest) -> Result<Inference, EngineError> {
        self.generate(request, None)
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.generate(request, Some(sink))
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let left_ms = left(request.deadline);
        let texts = request.texts.clone();
        let wanted = texts.len();
        let traceparent = request.traceparent.clone();
        let trace = trace_id(traceparent.as_deref());
        let mut vectors = Vec::with_capacity(wanted);
        let ask = |call| ToHost::Embed {
            call,
            texts,
            left_ms,
            traceparent,
        };
        self.call(
            ask,
            request.deadline,
            &request.cancel,
            |proxy, said| match said {
                FromHost::Vectors { call, grant, read } => {
                    proxy.vectors((call, trace), &grant, &read, &mut vectors)?;
                    Ok(Heard::More)
                }
                FromHost::Embedded { .. } => Ok(Heard::End(())),
                _ => Err(confused()),
            },
        )?;
        if vectors.len() != wanted {
            return Err(confused());
        }
        Ok(vectors)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.keep_all()?;
        let model = model.to_owned();
        self.plain(
            |call| ToHost::Unload { call, model },
            |proxy, said| match said {
                FromHost::Unloaded { capabilities, .. } => {
                    proxy.can(capabilities);
                    Some(())
                }
                _ => None,
            },
        )
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn health(&mut self) -> Health {
        let heard = self.plain(
            |call| ToHost::Health { call },
            |_, said| match said {
                FromHost::Health { health, .. } => Some(health),
                _ => None,
            },
        );
        // That it is gone shows at the next call, which the next process takes up.
        heard.unwrap_or_else(|error| Health {
            state: HealthState::Unhealthy,
            reason: Some(error.to_string()),
            models: Vec::new(),
        })
    }

    fn close_session(&mut self, session: &SessionId) {
        self.kept.close(session);
        if self.sessions.remove(session).is_some() {
            let session = session.clone();
            // That it is gone shows at the next call.
            let _ = say(&self.socket, &ToHost::Close { session });
        }
    }

    /// A session is handed over when nobody has asked for a pulse: a killed process says nothing any more.
    fn idle(&mut self) -> Result<(), EngineError> {
        self.check()?;
        self.keep_one().map(drop)
    }

    fn pulse(&self) -> Option<Duration> {
        Some(PULSE)
    }

    fn check(&mut self) -> Result<(), EngineError> {
        match self.process.0.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(self.lost(&WireError::Closed)),
        }
    }
}
