//! Keeping agents' panics out of the log: they are counted, and the last one is kept for whoever looks.

use std::cell::Cell;
use std::panic;

thread_local! {
    static STEPPING: Cell<bool> = const { Cell::new(false) };
}

/// Wraps the process's panic hook so that panics of agents are not printed; all others are as before.
///
/// The hook belongs to the process, so only a program may call this, once at its start; the library never does.
pub fn quiet_agent_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !STEPPING.get() {
            before(info);
        }
    }));
}

/// Marks this thread as running agents until dropped.
pub(crate) struct Stepping(());

impl Stepping {
    pub(crate) fn begin() -> Self {
        STEPPING.set(true);
        Self(())
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        STEPPING.set(false);
    }
}
