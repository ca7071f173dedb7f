//! A model in a process of its own, supervised as if it were in this one.
//!
//! The node starts the process with one end of a socket pair as its standard input, hands it the memory of a tensor pool, and asks it
//! over the socket; vectors come back as frames of the pool, words over the socket. To the engine's actor the process is a device
//! ([`BlockingEngine`](aios_inference::BlockingEngine)): when it dies, the actor falls and its supervisor's strategy starts the next one, which
//! takes up the calls that wait; the slots of the dead one are taken back. A process that does not stop a call that was called off is
//! killed. When the node dies the socket is closed, and the process ends.
//!
//! What the process remembers of a session (keys and values of what was read) is handed to the node in frames when nobody asks anything,
//! and given back to the next process before the session's next call. So a session goes on after a kill without reading its prompt
//! again. Sessions of private goals are not handed over.
//!
//! Read on: [`words`] is what is said, [`frames`] how bytes go, [`host`] the process, [`proxy`] the node's side of it, [`kept`] what the
//! node has of sessions.

mod frames;
mod host;
mod kept;
mod proxy;
#[cfg(all(test, feature = "burn"))]
mod tests;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use aios_bus::Refusals;
use aios_bus::tensor::{PoolShape, RANDOM_BYTES, TensorPool, handed};
use aios_inference::{EngineError, EngineFactory};
use aios_protocols::ports::TensorBus as _;
use parking_lot::Mutex;

pub use host::{ServeError, serve, standard_input};
use kept::Kept;
pub use kept::{KeptView, METRIC_SESSIONS};
use proxy::Proxy;

/// Vectors on their way: eight frames of 256 KiB, some 170 vectors of 384 numbers each. While all are full the process waits for the node
/// to read one.
const POOL: PoolShape = PoolShape {
    slots: 8,
    slot_bytes: 256 * 1024,
};

/// Some 2,900 tokens of the small model, which takes 45 KiB for each; a larger model's sessions are fewer tokens.
const KEPT_BYTES: usize = 128 << 20;

/// How the process is started. It must call [`serve`] with its standard input.
#[derive(Debug, Clone)]
pub struct HostCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables it has beside those of this process.
    pub variables: Vec<(OsString, OsString)>,
    /// Whether what it writes to its standard error is written to this process's too.
    pub speaks: bool,
    /// How long it may take to stop a call that was called off, or whose time is over, before it is killed.
    pub patience: Duration,
    /// Bytes of sessions that the node keeps for it at most; 0 keeps none.
    pub kept_bytes: usize,
}

impl HostCommand {
    /// A program with its arguments, silent, killed five seconds after it should have stopped a call.
    pub fn new<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            variables: Vec::new(),
            speaks: false,
            patience: Duration::from_secs(5),
            kept_bytes: KEPT_BYTES,
        }
    }
}

/// An engine whose device is another process. Clones are the same.
#[derive(Clone)]
pub struct EngineProcess(Arc<Inner>);

struct Inner {
    command: HostCommand,
    /// The memory outlives the processes that it is handed to.
    pool: Mutex<Option<Arc<TensorPool>>>,
    process: AtomicU32,
    reclaimed: AtomicU32,
    /// As the memory, what is kept outlives the processes.
    kept: Arc<Kept>,
    refusals: Mutex<Refusals>,
}

impl EngineProcess {
    /// An engine that is started by its factory.
    pub fn new(command: HostCommand) -> Self {
        Self(Arc::new(Inner {
            kept: Arc::new(Kept::new(command.kept_bytes)),
            refusals: Mutex::default(),
            command,
            pool: Mutex::new(None),
            process: AtomicU32::new(0),
            reclaimed: AtomicU32::new(0),
        }))
    }

    /// Tells of each frame and session that is refused, from the next process on; of frames from before the first.
    pub fn telling(&self, refusals: Refusals) {
        *self.0.refusals.lock() = refusals;
    }

    /// The sessions that are kept for it, in numbers.
    pub fn kept(&self) -> KeptView {
        self.0.kept.view()
    }

    /// Starts a process; called by the engine's actor, once for each incarnation.
    pub fn factory(&self) -> EngineFactory {
        let inner = Arc::clone(&self.0);
        Arc::new(move || {
            let pool = inner.pool()?;
            // Of the one before, if it was killed over them.
            let freed = pool.reclaim().unwrap_or(0);
            inner.reclaimed.fetch_add(freed as u32, Relaxed);
            let refusals = inner.refusals.lock().clone();
            let proxy = Proxy::start(&inner.command, pool, (Arc::clone(&inner.kept), refusals))?;
            inner.process.store(proxy.process(), Relaxed);
            Ok(Box::new(proxy))
        })
    }

    /// The number of the process that was started last; none before the first.
    pub fn process(&self) -> Option<u32> {
        Some(self.0.process.load(Relaxed)).filter(|process| *process != 0)
    }

    /// Slots that were taken back from processes that died.
    pub fn reclaimed(&self) -> u32 {
        self.0.reclaimed.load(Relaxed)
    }

    /// Slots that somebody has now.
    pub fn slots_in_use(&self) -> usize {
        let pool = self.0.pool.lock();
        pool.as_ref().map_or(0, |pool| pool.view().in_use)
    }
}

impl Inner {
    fn pool(&self) -> Result<Arc<TensorPool>, EngineError> {
        let mut made = self.pool.lock();
        if let Some(pool) = &*made {
            return Ok(Arc::clone(pool));
        }
        let device = |reason: String| EngineError::Device { reason };
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)
            .map_err(|error| device(format!("the system gives no random numbers: {error}")))?;
        let pool = handed::create_pool(POOL, &random).map_err(|error| device(error.to_string()))?;
        let pool = Arc::new(pool.telling(self.refusals.lock().clone()));
        *made = Some(Arc::clone(&pool));
        Ok(pool)
    }
}
