//! How a cell tells its host that there is something to do.
//!
//! One flag, one ractor message: however many frames arrive before the host looks, it is woken once. While the host
//! starts or stops, ractor hands it no messages; then it waits on the bell instead.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use ractor::ActorRef;
use tokio::sync::Notify;

/// The only message a host understands: look around. What there is to see lies in the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake;

#[derive(Debug, Default)]
pub(crate) struct Notifier {
    rung: AtomicBool,
    host: RwLock<Option<ActorRef<Wake>>>,
    bell: Notify,
}

impl Notifier {
    /// The host of the incarnation that begins.
    pub(crate) fn attach(&self, host: ActorRef<Wake>) {
        *self.host.write() = Some(host);
    }

    pub(crate) fn wake(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(host) = &*self.host.read() {
            // A host that is going away no longer takes messages; it listens to the bell until it is gone.
            let _ = host.send_message(Wake);
        }
        self.bell.notify_one();
    }

    /// The host looks now; whatever comes later rings again.
    pub(crate) fn answer(&self) {
        self.rung.store(false, Ordering::Release);
    }

    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}
