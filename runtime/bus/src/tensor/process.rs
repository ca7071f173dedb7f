//! Who is alive: a process is its number and the time it started, so that a number that was given out again is not taken
//! for the one that died.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::*};

/// A process. A start of 0 means it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) number: u32,
    pub(super) start: u64,
}

impl Process {
    pub(super) fn own() -> Self {
        // The same in every node of the process, and it never changes.
        static OWN: OnceLock<Process> = OnceLock::new();
        *OWN.get_or_init(|| {
            let number = std::process::id();
            let start = start_of(number).unwrap_or(0);
            Process { number, start }
        })
    }

    pub(super) fn is_alive(self) -> bool {
        let own = Self::own();
        if self.number == own.number {
            return self.start == own.start || self.start == 0;
        }
        match start_of(self.number) {
            Some(start) => self.start == start || self.start == 0,
            None => !cfg!(target_os = "linux"),
        }
    }
}

/// When a process started, in the kernel's ticks; `None` if there is none, or only its remains are. On systems without
/// `/proc` nobody is known and nobody is taken for dead.
fn start_of(number: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything, a bracket too.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

const FREE: u64 = 0;
const CLAIMING: u64 = 1;
const LIVE: u64 = 2;
const NUMBER_SHIFT: u32 = 8;

/// A place that one process holds until it leaves or dies: two words, the number with a state and the start.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) holder: &'a AtomicU64,
    pub(super) start: &'a AtomicU64,
}

/// Who sits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sitter {
    Nobody,
    Alive,
    Dead,
}

impl Seat<'_> {
    /// Sits down if the seat is as it was `seen`; `seen` is 0 for a free one.
    pub(super) fn take(self, seen: u64) -> bool {
        let own = Process::own();
        let number = u64::from(own.number) << NUMBER_SHIFT;
        // Until the start is written too, only the number counts: whoever looks meanwhile must not compare it with the
        // start of the holder before.
        if self
            .holder
            .compare_exchange(seen, number | CLAIMING, AcqRel, Relaxed)
            .is_err()
        {
            return false;
        }
        self.start.store(own.start, Release);
        self.holder.store(number | LIVE, Release);
        true
    }

    /// Sits down again if somebody wrote over the seat. For whoever holds it; one who took it meanwhile keeps it.
    /// `judged` is the holder's word for which the system was asked last: whoever writes one that lasts must not make
    /// every chunk cost a question.
    pub(super) fn keep(self, judged: &mut Option<u64>) {
        if self.is_own() || *judged == Some(self.holder.load(Acquire)) {
            return;
        }
        let (seen, sitter) = self.look();
        if sitter == Sitter::Alive {
            *judged = Some(seen);
        } else {
            self.take(seen);
        }
    }

    fn is_own(self) -> bool {
        let own = Process::own();
        let word = u64::from(own.number) << NUMBER_SHIFT | LIVE;
        self.holder.load(Acquire) == word && self.start.load(Relaxed) == own.start
    }

    /// Gets up, unless somebody else sits there by now.
    pub(super) fn leave(self) {
        let own = u64::from(Process::own().number);
        let seen = self.holder.load(Acquire);
        if seen >> NUMBER_SHIFT == own {
            let _ = self.holder.compare_exchange(seen, FREE, AcqRel, Relaxed);
        }
    }

    /// Clears the seat, whoever sits there. Whoever calls it has the right to.
    pub(super) fn clear(self) {
        self.start.store(0, Relaxed);
        self.holder.store(FREE, Release);
    }

    /// The holder's word and what it means.
    pub(super) fn look(self) -> (u64, Sitter) {
        let seen = self.holder.load(Acquire);
        let number = u32::try_from(seen >> NUMBER_SHIFT);
        let start = match seen & 0xFF {
            FREE if seen == FREE => return (seen, Sitter::Nobody),
            LIVE => self.start.load(Acquire),
            CLAIMING => 0,
            _ => return (seen, Sitter::Dead), // written over: nobody of ours
        };
        let alive = number.is_ok_and(|number| Process { number, start }.is_alive());
        (seen, if alive { Sitter::Alive } else { Sitter::Dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_its_number_and_its_start() {
        let own = Process::own();
        assert!(own.is_alive());
        let rows = [
            (
                Process {
                    start: own.start + 1,
                    ..own
                },
                false,
            ),
            (Process { start: 0, ..own }, true),
            (
                Process {
                    number: u32::MAX,
                    start: 1,
                },
                false,
            ),
        ];
        for (process, alive) in rows {
            assert_eq!(process.is_alive(), alive, "{process:?}");
        }
    }

    #[test]
    fn a_child_is_dead_as_soon_as_it_was_killed_even_before_it_was_waited_for() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let start = start_of(child.id()).unwrap();
        let process = Process {
            number: child.id(),
            start,
        };
        assert!(process.is_alive());
        child.kill().unwrap();
        let patience = std::time::Instant::now();
        while process.is_alive() {
            assert!(patience.elapsed().as_secs() < 10, "still alive");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn a_seat_has_one_sitter_and_a_dead_ones_can_be_taken() {
        let words = [AtomicU64::new(0), AtomicU64::new(0)];
        let seat = Seat {
            holder: &words[0],
            start: &words[1],
        };
        assert_eq!(seat.look(), (0, Sitter::Nobody));
        assert!(seat.take(0));
        assert!(!seat.take(0), "one sitter");
        assert_eq!(seat.look().1, Sitter::Alive);
        words[1].store(12_345, Relaxed);
        let (seen, sitter) = seat.look();
        assert_eq!(sitter, Sitter::Dead, "the number was given out again");
        assert!(seat.take(seen));
        assert_eq!(seat.look().1, Sitter::Alive);
        seat.clear();
        assert_eq!(seat.look(), (0, Sitter::Nobody));
        words[0].store(0xDEAD_BEEF_DEAD_BEEF, Relaxed);
        assert_eq!(seat.look().1, Sitter::Dead, "garbage is nobody");
        for damaged in [0, 0xDEAD_BEEF_DEAD_BEEF] {
            words[0].store(damaged, Relaxed);
            seat.keep();
            assert_eq!(seat.look().1, Sitter::Alive, "it is sat in again");
        }
    }
}
