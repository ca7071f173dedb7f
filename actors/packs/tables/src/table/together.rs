//! Work on the columns of a large table, shared among the processor's cores.
//!
//! A caller's clock and cancel flag are looked at by the caller's thread alone; the others are told to stop when it says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aios_tools::Check;
use aios_work::Stopped;

use crate::Error;

/// Threads that work on one table, the caller's among them: there are other goals too.
const THREADS: usize = 4;
/// How long the caller's thread waits between two looks at its clock when it has nothing to do.
const LOOK: Duration = Duration::from_millis(5);

/// How many cells are worth another thread; in tests a small table is a large one.
const CELLS: usize = if cfg!(test) { 2_000 } else { 500_000 };

/// The threads that work on a table of so many cells.
pub(crate) fn threads(cells: usize) -> usize {
    if cells < CELLS {
        return 1;
    }
    thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS))
}

/// What `work` makes of each number below `count`, in their order. Of several errors the one of the least number is given, as if one had been
/// done after the other.
pub(crate) fn each<R: Send>(
    count: usize,
    threads: usize,
    check: Check<'_>,
    work: impl Fn(usize, Check<'_>) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    if threads < 2 || count < 2 {
        return (0..count).map(|at| work(at, check)).collect();
    }
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let share = |check: Check<'_>| {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return done;
            }
            let made = work(at, check);
            if made.is_err() {
                // Nothing behind it is begun; what was begun before it is done to its end.
                next.store(count, Ordering::Relaxed);
            }
            done.push((at, made));
        }
    };
    let caller = thread::current();
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(count))
            .map_while(|_| {
                beside(scope, || {
                    let told = || match stop.load(Ordering::Relaxed) {
                        true => Err(Stopped::Cancelled),
                        false => Ok(()),
                    };
                    let done = share(&told);
                    caller.unpark();
                    done
                })
            })
            .collect();
        let asked = || check().inspect_err(|_| stop.store(true, Ordering::Relaxed));
        let mut done = share(&asked);
        while !helpers.iter().all(thread::ScopedJoinHandle::is_finished) {
            // Asked for what it says to the others.
            let _ = asked();
            thread::park_timeout(LOOK);
        }
        for helper in helpers {
            match helper.join() {
                Ok(other) => done.extend(other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    if stop.load(Ordering::Relaxed) {
        check()?;
    }
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

/// Starts work on another thread; none where the system has no thread left, and those that there are do it.
pub(super) fn beside<'s, R: Send + 's>(
    scope: &'s thread::Scope<'s, '_>,
    work: impl FnOnce() -> R + Send + 's,
) -> Option<thread::ScopedJoinHandle<'s, R>> {
    let builder = thread::Builder::new();
    #[cfg(test)]
    let builder = match tests::NO_THREAD.get() {
        // No system has room for such a stack.
        true => builder.stack_size(1 << 60),
        false => builder,
    };
    builder.spawn_scoped(scope, work).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::TableError;

    thread_local! {
        /// Whether a test wants no thread to be started from its own.
        pub(in crate::table) static NO_THREAD: Cell<bool> = const { Cell::new(false) };
    }

    fn fails(at: usize) -> Error {
        TableError::NoRows {
            file: at.to_string(),
        }
        .into()
    }

    #[test]
    fn what_is_shared_comes_back_in_order_and_the_first_failure_counts() {
        for threads in [1, 2, 4] {
            let made = each(100, threads, &|| Ok(()), |at, _| Ok(at * 2)).unwrap();
            assert_eq!(made, (0..100).map(|at| at * 2).collect::<Vec<_>>());
            let failed = each(100, threads, &|| Ok(()), |at, _| match at {
                30 | 31 | 70 => Err(fails(at)),
                at => Ok(at),
            });
            assert_eq!(failed.unwrap_err().to_string(), fails(30).to_string());
        }
    }

    #[test]
    fn where_no_thread_can_be_started_the_callers_does_all() {
        NO_THREAD.set(true);
        let made = each(100, 4, &|| Ok(()), |at, _| Ok((at, thread::current().id()))).unwrap();
        NO_THREAD.set(false);
        let own = thread::current().id();
        assert_eq!(made, (0..100).map(|at| (at, own)).collect::<Vec<_>>());
    }

    #[test]
    fn who_has_no_time_left_stops_all() {
        for threads in [1, 2] {
            let left = Cell::new(20);
            let check = || {
                left.set(left.get() - 1);
                match left.get() {
                    1.. => Ok(()),
                    _ => Err(Stopped::DeadlinePassed),
                }
            };
            let failed = each(8, threads, &check, |_, check| {
                loop {
                    check()?;
                    thread::yield_now();
                }
                #[allow(unreachable_code)]
                Ok(())
            });
            let says = failed.unwrap_err().to_string();
            assert_eq!(says, Error::from(Stopped::DeadlinePassed).to_string());
        }
    }
}
