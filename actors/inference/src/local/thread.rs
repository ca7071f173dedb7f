//! What runs on the device thread: build the engine, then one call after the other.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::queue::{DeviceCall, Job, Queue, Reply, Taken};
use crate::meter::Meter;
use crate::{BlockingEngine, EngineError, EngineFactory, InferRequest, metric};

pub(super) struct DeviceThread<'a> {
    pub(super) queue: &'a Queue,
    pub(super) incarnation: u64,
    pub(super) name: String,
}

/// Why a device thread ends before its time.
type Crash = String;

impl DeviceThread<'_> {
    /// Runs until the incarnation is over; an error says why the engine must be rebuilt.
    pub(super) fn run(&self, factory: &EngineFactory) -> Result<(), Crash> {
        let mut engine = factory().map_err(|error| error.to_string())?;
        self.queue.ready(self.incarnation, engine.capabilities());
        loop {
            match self.queue.take(self.incarnation, engine.pulse()) {
                Taken::Over => return Ok(()),
                Taken::Nothing => engine.idle().map_err(|error| error.to_string())?,
                Taken::Ended(sessions) => {
                    for session in &sessions {
                        engine.close_session(session);
                    }
                }
                Taken::Job(job) => {
                    if let Err(error) = engine.check() {
                        self.queue.put_back(self.incarnation, *job);
                        return Err(error.to_string());
                    }
                    self.job(&mut *engine, *job)?;
                    self.queue.done(self.incarnation);
                }
            }
        }
    }

    fn job(&self, engine: &mut dyn BlockingEngine, job: Job) -> Result<(), Crash> {
        let waited = job.admitted.elapsed();
        metrics::gauge!(metric::QUEUE_WAITING, "engine" => self.name.clone())
            .set(self.queue.waiting() as f64);
        metrics::histogram!(metric::QUEUE_WAIT_SECONDS, "engine" => self.name.clone())
            .record(waited.as_secs_f64());
        if job.cancel.is_cancelled() {
            job.work.refuse(EngineError::Cancelled);
            return Ok(());
        }
        if Instant::now() >= job.deadline {
            job.work.refuse(EngineError::late(
                waited,
                job.deadline.saturating_duration_since(job.admitted),
            ));
            return Ok(());
        }
        match job.work {
            DeviceCall::Infer(request, reply) => self.answer(reply, || {
                allowed(engine, &request)?;
                let answer = engine.infer(&request)?;
                Meter::new(&self.name).answered(&answer);
                Ok(answer)
            }),
            DeviceCall::Stream(request, tokens, reply) => self.answer(reply, || {
                allowed(engine, &request)?;
                let begun = Instant::now();
                let mut first = true;
                let answer = engine.stream(&request, &mut |token| {
                    if std::mem::take(&mut first) {
                        Meter::new(&self.name).first_token(begun);
                    }
                    // The channel has room for every token allowed, so this fails only when the reader has gone.
                    match tokens.try_send(token.clone()) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    }
                })?;
                Meter::new(&self.name).answered(&answer);
                Ok(answer)
            }),
            DeviceCall::Embed(request, reply) => self.answer(reply, || engine.embed(&request)),
            DeviceCall::Load(source, reply) => {
                let end = self.answer(reply, || engine.load_model(&source));
                self.queue.refresh(self.incarnation, engine.capabilities());
                end
            }
            DeviceCall::Unload(model, reply) => {
                let end = self.answer(reply, || engine.unload(&model));
                self.queue.refresh(self.incarnation, engine.capabilities());
                end
            }
            DeviceCall::Health(reply) => self.answer(reply, || Ok(engine.health())),
        }
    }

    /// Runs one call and answers it. A panic or a failed device answers too, and then costs the engine.
    fn answer<T>(
        &self,
        reply: Reply<T>,
        call: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<(), Crash> {
        let (result, end) = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => {
                let end = result.as_ref().err().and_then(fatal).map_or(Ok(()), Err);
                (result, end)
            }
            Err(panic) => {
                let reason = panic_text(&*panic);
                (
                    Err(EngineError::Lost {
                        reason: reason.clone(),
                    }),
                    Err(reason),
                )
            }
        };
        // An asker that has gone needs no answer.
        let _ = reply.send(result);
        end
    }
}

/// A device that takes no tools must not answer as if it had been given none.
fn allowed(engine: &dyn BlockingEngine, request: &InferRequest) -> Result<(), EngineError> {
    if request.tools.is_empty() || engine.capabilities().tools {
        return Ok(());
    }
    Err(EngineError::Unsupported {
        what: "tools".into(),
    })
}

/// Why an error costs the engine, if it does.
fn fatal(error: &EngineError) -> Option<Crash> {
    match error {
        EngineError::Device { reason } | EngineError::Lost { reason } => Some(reason.clone()),
        _ => None,
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}
