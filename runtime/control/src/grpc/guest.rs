//! A connection as the server holds it: it has a place among all, must begin to speak in time, and must take what is said to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::door::Counts;
use crate::connections::{Doing, Leave, Place};
use crate::stream::{Impatient, Io};

/// How long a client may take to say its first bytes.
pub(super) const FIRST: Duration = Duration::from_secs(10);
/// How long it may take nothing of what is said to it.
const READING: Duration = Duration::from_secs(20);

/// See the module.
pub(super) struct Guest {
    stream: Impatient<Box<dyn Io>>,
    /// Until the first bytes are there.
    silent: Option<Pin<Box<Sleep>>>,
    leave: Option<Leave>,
    seat: Seat,
    counts: Counts,
}

/// A connection's place, as those see it who answer over it.
#[derive(Clone)]
pub(super) struct Seat(Arc<Sitting>);

struct Sitting {
    place: Place,
    answered: AtomicUsize,
}

/// Something is being answered; until it is dropped the connection makes no place for others.
pub(super) struct Busy(Seat);

impl Seat {
    /// Somebody is being answered.
    pub(super) fn busy(&self) -> Busy {
        if self.0.answered.fetch_add(1, Ordering::AcqRel) == 0 {
            self.0.place.turns_to(Doing::Answered);
        }
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let sitting = &self.0.0;
        if sitting.answered.fetch_sub(1, Ordering::AcqRel) == 1 {
            sitting.place.turns_to(Doing::Idle);
        }
    }
}

impl Guest {
    pub(super) fn new(stream: Box<dyn Io>, place: Place, leave: Leave, counts: Counts) -> Self {
        Self {
            stream: Impatient::new(stream, READING),
            silent: Some(Box::pin(sleep(FIRST))),
            leave: Some(leave),
            seat: Seat(Arc::new(Sitting {
                place,
                answered: AtomicUsize::new(0),
            })),
            counts,
        }
    }

    /// Whether its place is another's by now.
    fn is_displaced(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(leave) = &mut self.leave else {
            return true;
        };
        let told = Pin::new(leave).poll(cx).is_ready();
        if told {
            self.leave = None;
            self.counts.add("displaced");
        }
        told
    }

    /// Counts whoever takes too long to take what is said to it.
    fn blame<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &written
            && error.kind() == io::ErrorKind::TimedOut
        {
            self.counts.add("slow");
        }
        written
    }
}

impl Connected for Guest {
    type ConnectInfo = Seat;

    fn connect_info(&self) -> Seat {
        self.seat.clone()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_displaced(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.silent = None;
        }
        if read.is_pending()
            && let Some(silent) = &mut self.silent
            && silent.as_mut().poll(cx).is_ready()
        {
            self.silent = None;
            self.counts.add("silent");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.blame(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.blame(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.blame(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
