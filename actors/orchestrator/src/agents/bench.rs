//! Where texts are judged that somebody brings: so many at a time, and none for longer than somebody waits.

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::AgentError;
use aios_protocols::ReasonKind;
use aios_work::CancelFlag;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a text is looked at, and how long it waits for that, together.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Where texts are judged, which is work for a processor and not for the threads that messages wait for: as many at a time as there are
/// processors, and none longer than its asker waits.
pub(crate) struct Bench(Arc<Semaphore>);

impl Default for Bench {
    fn default() -> Self {
        let places = std::thread::available_parallelism().map_or(2, NonZero::get);
        Self(Arc::new(Semaphore::new(places)))
    }
}

impl Bench {
    pub(super) async fn judges<T: Send + 'static>(
        &self,
        left: Duration,
        look: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T, AgentError> {
        let begun = Instant::now();
        let allowed = left.min(LONGEST);
        let place = timeout(allowed, Arc::clone(&self.0).acquire_owned());
        let busy = |_| AgentError::refuse(ReasonKind::Overloaded, "other texts are being judged");
        let Ok(place) = place.await.map_err(busy)? else {
            return Err(AgentError::failure("nothing is judged any more"));
        };
        let flag = CancelFlag::new();
        // Whoever does not wait any more drops this future, and what is looked at with it.
        let _gone = Gone(flag.clone());
        let looked = tokio::task::spawn_blocking(move || {
            // It is taken for as long as it is looked, whether or not somebody waits.
            let _place = place;
            look(&flag)
        });
        match timeout(allowed.saturating_sub(begun.elapsed()), looked).await {
            Ok(Ok(found)) => Ok(found),
            // What is wrong is with the text: whoever brought it hears so, and the Critic stays.
            Ok(Err(panic)) => {
                let why = format!("the judgement panicked: {panic}");
                Err(AgentError::failure(why))
            }
            Err(_) => {
                let ms = allowed.as_millis();
                let why =
                    format!("it takes longer than {ms} ms to judge this; have it judged in parts");
                let kind = match left < LONGEST {
                    true => ReasonKind::DeadlinePassed,
                    false => ReasonKind::UnsupportedValue,
                };
                Err(AgentError::refuse(kind, why))
            }
        }
    }
}

/// Says that nobody waits, when it is dropped.
pub(super) struct Gone(pub(super) CancelFlag);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
