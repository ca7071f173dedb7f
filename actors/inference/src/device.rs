//! What runs on the device thread: build the engine, then one call after the other.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::queue::{DeviceCall, Job, Queue, Reply};
use crate::{Engine, EngineError, EngineFactory, Inference, metric};

pub(crate) struct Device<'a> {
    pub(crate) queue: &'a Queue,
    pub(crate) incarnation: u64,
    pub(crate) name: String,
}

/// Why a device thread ends before its time.
type Crash = String;

impl Device<'_> {
    /// Runs until the incarnation is over; an error says why the engine must be rebuilt.
    pub(crate) fn run(&self, factory: &EngineFactory) -> Result<(), Crash> {
        let mut engine = factory().map_err(|error| error.to_string())?;
        self.queue.ready(self.incarnation, engine.capabilities());
        while let Some(job) = self.queue.take(self.incarnation) {
            self.job(&mut *engine, job)?;
            self.queue.done(self.incarnation);
        }
        Ok(())
    }

    fn job(&self, engine: &mut dyn Engine, job: Job) -> Result<(), Crash> {
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
                let answer = engine.infer(&request)?;
                self.measure(&answer);
                Ok(answer)
            }),
            DeviceCall::Stream(request, tokens, reply) => self.answer(reply, || {
                let begun = Instant::now();
                let mut first = true;
                let answer = engine.stream(&request, &mut |token| {
                    if std::mem::take(&mut first) {
                        metrics::histogram!(metric::TIME_TO_FIRST_TOKEN_SECONDS, "engine" => self.name.clone())
                            .record(begun.elapsed().as_secs_f64());
                    }
                    // The channel has room for every token allowed, so this fails only when the reader has gone.
                    match tokens.try_send(token.clone()) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    }
                })?;
                self.measure(&answer);
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
            Ok(Err(EngineError::Device { reason })) => (
                Err(EngineError::Device {
                    reason: reason.clone(),
                }),
                Err(reason),
            ),
            Ok(result) => (result, Ok(())),
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

    fn measure(&self, answer: &Inference) {
        metrics::counter!(metric::TOKENS_TOTAL, "engine" => self.name.clone())
            .increment(answer.ids.len() as u64);
        metrics::gauge!(metric::TOKENS_PER_SECOND, "engine" => self.name.clone())
            .set(answer.timings.tokens_per_second);
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}
