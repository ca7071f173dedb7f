//! Who is alive: a process is its number, the time it started, so that a number that was given out again is not taken for the
//! one that died, and the namespace its number counts in, so that a number of a container is not taken for one of here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::*};

use aios_protocols::tensor::FrameKey;

/// A process. A start or a namespace of 0 means it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) number: u32,
    pub(super) start: u64,
    /// The low 24 bits of the inode of its process namespace.
    pub(super) namespace: u32,
}

impl Process {
    pub(super) fn own() -> Self {
        // The same in every node of the process, and it never changes.
        static OWN: OnceLock<Process> = OnceLock::new();
        *OWN.get_or_init(|| {
            let number = std::process::id();
            let start = start_of(number).unwrap_or(0);
            Process {
                number,
                start,
                namespace: namespace(),
            }
        })
    }

    /// Whether its number means here what it means where it was written.
    fn is_of_here(self) -> bool {
        let own = Self::own();
        self.namespace == own.namespace || self.namespace == 0 || own.namespace == 0
    }

    /// Of another namespace it cannot be told, and whoever cannot be told dead is alive.
    pub(super) fn is_alive(self) -> bool {
        if !self.is_of_here() {
            return true;
        }
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

/// In which namespace this process's numbers count.
#[cfg(target_os = "linux")]
fn namespace() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    let inode = std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino());
    inode as u32 & NAMESPACE
}

#[cfg(not(target_os = "linux"))]
fn namespace() -> u32 {
    0
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
const NAMESPACE_SHIFT: u32 = 40;
const NAMESPACE: u32 = 0xFF_FFFF;

/// Words of a seat in its line: namespace, number and state; start; the guard. The word between is not the seat's.
const HOLDER: usize = 0;
const START: usize = 1;
const GUARD: usize = 3;

/// A place that one process holds until it leaves or dies. What stands there is believed as far as its guard fits, a keyed
/// hash over holder, start and which seat it is; who wrote over the seat has no guard for it.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    line: &'a [AtomicU64],
    key: &'a FrameKey,
    place: u64,
}

/// Who sits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sitter {
    Nobody,
    Alive(Process),
    /// Proven to have sat there, and dead.
    Dead(Process),
    /// Proven to sit there, in a namespace that cannot be looked into.
    Elsewhere,
    /// Written over, or the remains of one who died while it sat down.
    Unclear,
}

impl Sitter {
    /// Whether somebody else may sit down.
    pub(super) fn is_gone(self) -> bool {
        matches!(self, Self::Nobody | Self::Dead(_) | Self::Unclear)
    }
}

/// What a holder has written into its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sat {
    holder: u64,
    start: u64,
    guard: u64,
}

/// What an end knows of the other one: the process that was last seen alive in its seat.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peer(Option<Process>);

impl Peer {
    /// Whether whoever had the seat has died. A seat that was written over, with nothing or with the dead, says nothing
    /// about one who was seen there and lives.
    pub(super) fn is_gone(&mut self, seat: Seat<'_>) -> bool {
        let known_dead = self.0.is_some_and(|known| !known.is_alive());
        match seat.look().1 {
            Sitter::Alive(process) => {
                self.0 = Some(process);
                false
            }
            Sitter::Dead(process) => {
                // Another sat there since, and no look fell into its time.
                known_dead || self.0.is_none_or(|known| known == process)
            }
            Sitter::Unclear => known_dead,
            Sitter::Nobody | Sitter::Elsewhere => false,
        }
    }
}

impl<'a> Seat<'a> {
    /// The seat in a line, guarded by a key; `place` tells it from the other seats of that key.
    pub(super) fn new(line: &'a [AtomicU64], key: &'a FrameKey, place: usize) -> Self {
        Self {
            line,
            key,
            place: place as u64,
        }
    }

    fn guard(self, holder: u64, start: u64) -> u64 {
        let mut said = [0; 28];
        said[..4].copy_from_slice(b"seat");
        for (at, number) in [self.place, holder, start].into_iter().enumerate() {
            said[4 + 8 * at..12 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        let hash = blake3::keyed_hash(self.key.as_bytes(), &said);
        let mut guard = [0; 8];
        guard.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(guard)
    }

    /// What this process writes there.
    fn own(self) -> Sat {
        let own = Process::own();
        let holder = u64::from(own.namespace) << NAMESPACE_SHIFT
            | u64::from(own.number) << NUMBER_SHIFT
            | LIVE;
        Sat {
            holder,
            start: own.start,
            guard: self.guard(holder, own.start),
        }
    }

    /// Sits down if the seat is as it was `seen`; `seen` is 0 for a free one.
    pub(super) fn take(self, seen: u64) -> Option<Sat> {
        let own = self.own();
        // Until the rest is written too, only the number counts: whoever looks meanwhile must not compare it with the
        // start of the holder before.
        let claiming = own.holder & !0xFF | CLAIMING;
        self.line[HOLDER]
            .compare_exchange(seen, claiming, AcqRel, Relaxed)
            .ok()?;
        self.line[START].store(own.start, Release);
        self.line[GUARD].store(own.guard, Release);
        self.line[HOLDER].store(own.holder, Release);
        Some(own)
    }

    /// Sits down again if somebody wrote over the seat. For whoever holds it; one who took it meanwhile keeps it.
    /// `judged` are the words of the seat for which the system was asked last: whoever writes some that last must not
    /// make every chunk cost a question.
    pub(super) fn keep(self, sat: &Sat, judged: &mut Option<[u64; 2]>) {
        let words = [
            self.line[HOLDER].load(Acquire),
            self.line[START].load(Acquire),
        ];
        if words == [sat.holder, sat.start] {
            if self.line[GUARD].load(Relaxed) != sat.guard {
                self.line[GUARD].store(sat.guard, Release);
            }
            return;
        }
        if *judged == Some(words) {
            return;
        }
        match self.look() {
            (_, Sitter::Alive(_) | Sitter::Elsewhere) => *judged = Some(words),
            (seen, _) => drop(self.take(seen)),
        }
    }

    /// Clears the seat, whoever sits there. Whoever calls it has the right to.
    pub(super) fn clear(self) {
        self.line[START].store(0, Relaxed);
        self.line[GUARD].store(0, Relaxed);
        self.line[HOLDER].store(FREE, Release);
    }

    /// The holder's word and what it means.
    pub(super) fn look(self) -> (u64, Sitter) {
        let seen = self.line[HOLDER].load(Acquire);
        (seen, self.sitter(seen))
    }

    fn sitter(self, seen: u64) -> Sitter {
        let mut process = Process {
            number: (seen >> NUMBER_SHIFT) as u32,
            start: 0,
            namespace: (seen >> NAMESPACE_SHIFT) as u32,
        };
        match seen & 0xFF {
            FREE if seen == FREE => Sitter::Nobody,
            CLAIMING if process.is_of_here() && process.is_alive() => Sitter::Alive(process),
            LIVE => {
                process.start = self.line[START].load(Acquire);
                let alive = process.is_alive();
                if alive && process.is_of_here() {
                    return Sitter::Alive(process);
                }
                if self.line[GUARD].load(Acquire) != self.guard(seen, process.start) {
                    return Sitter::Unclear;
                }
                if alive {
                    Sitter::Elsewhere
                } else {
                    Sitter::Dead(process)
                }
            }
            _ => Sitter::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn a_process_is_its_number_its_start_and_its_namespace() {
        let own = Process::own();
        assert!(own.is_alive());
        let later = Process {
            start: own.start + 1,
            ..own
        };
        let nobody = Process {
            number: u32::MAX,
            start: 1,
            namespace: own.namespace,
        };
        let elsewhere = Process {
            namespace: own.namespace ^ 1,
            ..nobody
        };
        let rows = [
            (later, false),
            (Process { start: 0, ..own }, true),
            (nobody, false),
            (elsewhere, true),
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
            namespace: namespace(),
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

    /// Sits somebody else down, as its own process would.
    fn seat_somebody(seat: Seat<'_>, number: u32, start: u64, namespace: u32) {
        let holder =
            u64::from(namespace) << NAMESPACE_SHIFT | u64::from(number) << NUMBER_SHIFT | LIVE;
        seat.line[HOLDER].store(holder, Relaxed);
        seat.line[START].store(start, Relaxed);
        seat.line[GUARD].store(seat.guard(holder, start), Relaxed);
    }

    #[test]
    fn a_seat_has_one_sitter_and_a_dead_ones_can_be_taken() {
        let line: [AtomicU64; 8] = Default::default();
        let key = FrameKey::from_bytes(KEY);
        let seat = Seat::new(&line, &key, 1);
        let own = Process::own();
        assert_eq!(seat.look(), (0, Sitter::Nobody));
        let sat = seat.take(0).unwrap();
        assert!(seat.take(0).is_none(), "one sitter");
        assert_eq!(seat.look().1, Sitter::Alive(own));
        seat_somebody(seat, own.number, 12_345, own.namespace);
        let (seen, sitter) = seat.look();
        assert!(
            matches!(sitter, Sitter::Dead(_)) && sitter.is_gone(),
            "the number was given out again"
        );
        assert_eq!(seat.take(seen), Some(sat));
        assert_eq!(seat.look().1, Sitter::Alive(own));
        seat.clear();
        assert_eq!(seat.look(), (0, Sitter::Nobody));
        for damaged in [0, 0xDEAD_BEEF_DEAD_BEEF, 0xDEAD_BEEF_DEAD_BE02] {
            line[HOLDER].store(damaged, Relaxed);
            assert!(seat.look().1.is_gone(), "garbage is nobody");
            seat.keep(&sat, &mut None);
            assert_eq!(seat.look().1, Sitter::Alive(own), "it is sat in again");
        }
        line[GUARD].store(1, Relaxed);
        seat.keep(&sat, &mut None);
        assert_eq!(line[GUARD].load(Relaxed), sat.guard, "and guarded again");
        // The first process lives as long as the system.
        seat_somebody(seat, 1, 0, own.namespace);
        let another = line[HOLDER].load(Relaxed);
        let mut judged = None;
        seat.keep(&sat, &mut judged);
        assert_eq!(judged, Some([another, 0]), "asked for once");
        assert_eq!(
            line[HOLDER].load(Relaxed),
            another,
            "another keeps its seat"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_of_another_namespace_is_neither_one_of_here_nor_dead() {
        let line: [AtomicU64; 8] = Default::default();
        let key = FrameKey::from_bytes(KEY);
        let seat = Seat::new(&line, &key, 1);
        let own = Process::own();
        assert_ne!(own.namespace, 0);
        // Once a number that nobody has here, once one that this very process has.
        for number in [u32::MAX, own.number] {
            seat_somebody(seat, number, own.start, own.namespace ^ 1);
            let (seen, sitter) = seat.look();
            assert_eq!(sitter, Sitter::Elsewhere, "{number}");
            assert!(!sitter.is_gone(), "nobody takes its seat");
            assert!(!Peer::default().is_gone(seat), "nobody calls it dead");
            // Without its proof it is what somebody wrote over the seat.
            line[GUARD].store(0, Relaxed);
            assert_eq!(seat.look(), (seen, Sitter::Unclear), "{number}");
        }
    }

    /// Where the process in another namespace says that it is meant.
    #[cfg(target_os = "linux")]
    const ELSEWHERE: &str = "AIOS_TEST_ELSEWHERE";

    /// What that process does; nothing when the tests are run as usual. It says which process it is, judges one that it is told of and waits to
    /// be killed.
    #[cfg(target_os = "linux")]
    #[test]
    #[allow(clippy::print_stdout)] // what the parent reads
    fn a_process_in_another_namespace() {
        let Ok(told) = std::env::var(ELSEWHERE) else {
            return;
        };
        let numbers: Vec<u64> = told.split(' ').map(|it| it.parse().unwrap()).collect();
        let parent = Process {
            number: numbers[0] as u32,
            start: numbers[1],
            namespace: numbers[2] as u32,
        };
        let own = Process::own();
        println!(
            "@{} {} {} {}",
            own.number,
            own.start,
            own.namespace,
            parent.is_alive()
        );
        std::thread::sleep(std::time::Duration::from_secs(120));
    }

    /// A real process whose numbers count in a namespace of its own. Where this machine lets nobody make one, that is said, and the test above
    /// stands alone.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_a_real_other_namespace_is_alive_however_its_number_looks_here() {
        use std::io::{BufRead as _, BufReader, Write as _};
        use std::process::{Command, Stdio};

        let own = Process::own();
        let test = "tensor::process::tests::a_process_in_another_namespace";
        // `--kill-child` ends the one inside with `unshare` itself.
        let mut child = match Command::new("unshare")
            .args(["-U", "-p", "--fork", "--kill-child"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(
                ELSEWHERE,
                format!("{} {} {}", own.number, own.start, own.namespace),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        {
            Ok(child) => child,
            Err(error) => {
                let said = format!("no process in another namespace: {error}");
                let mut shown = std::io::stderr().lock();
                writeln!(shown, "{said}").unwrap();
                return;
            }
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.ok()?.split_once('@')?.1.to_owned()));
        let Some(said) = said else {
            // A test that falls there has said nothing either; whether there can be a namespace at all is asked by something that cannot fall.
            let probe = std::process::Command::new("unshare")
                .args(["-U", "-p", "--fork", "true"])
                .status();
            assert!(!probe.is_ok_and(|probe| probe.success()), "it fell there");
            let why = "no process in another namespace: this machine does not allow one";
            let mut shown = std::io::stderr().lock();
            writeln!(shown, "{why}").unwrap();
            child.wait().unwrap();
            return;
        };
        let said: Vec<&str> = said.split(' ').collect();
        let there = Process {
            number: said[0].parse().unwrap(),
            start: said[1].parse().unwrap(),
            namespace: said[2].parse().unwrap(),
        };
        assert_ne!(there.namespace, own.namespace);
        assert!(there.number < 10, "it is among the first there: {there:?}");
        assert_eq!(said[3], "true", "nor does it call one of here dead");
        let line: [AtomicU64; 8] = Default::default();
        let key = FrameKey::from_bytes(KEY);
        let seat = Seat::new(&line, &key, 1);
        seat_somebody(seat, there.number, there.start, there.namespace);
        assert_eq!(seat.look().1, Sitter::Elsewhere);
        assert!(there.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        // That it is gone now nobody here can know.
        assert!(there.is_alive());
        assert_eq!(seat.look().1, Sitter::Elsewhere);
    }

    #[test]
    fn a_seat_that_was_written_over_does_not_make_its_holder_dead() {
        let line: [AtomicU64; 8] = Default::default();
        let key = FrameKey::from_bytes(KEY);
        let seat = Seat::new(&line, &key, 1);
        let own = Process::own();
        let (mut seen_alive, mut never_seen) = (Peer::default(), Peer::default());
        seat.take(0).unwrap();
        assert!(!seen_alive.is_gone(seat));
        let dead = u64::from(own.namespace) << NAMESPACE_SHIFT
            | u64::from(u32::MAX) << NUMBER_SHIFT
            | LIVE;
        for over in [0, 0xDEAD_BEEF, dead] {
            line[HOLDER].store(over, Relaxed);
            assert!(!seen_alive.is_gone(seat), "{over:x}");
            assert!(!never_seen.is_gone(seat), "{over:x}");
        }
        // Who was there before, with its proof, put back by somebody.
        seat_somebody(seat, u32::MAX, 1, own.namespace);
        assert!(!seen_alive.is_gone(seat), "it was seen since, and lives");
        assert!(never_seen.is_gone(seat), "a death that is proven counts");
        // Of another seat the proof is none.
        let other = Seat::new(&line, &key, 2);
        assert!(!never_seen.is_gone(other));
    }
}
