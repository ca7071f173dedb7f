//! What the system does with memory of several processes: mapping it, sleeping over it, handing its descriptor on.
//!
//! The one file of the product with `unsafe`: a mapping as a slice of atomic words, two system calls to sleep and wake, two
//! to pass a descriptor over a socket. What memory it is, who may map it and how it goes away is decided in
//! [`shared_memory`](super::shared_memory) and `memfd`.
#![allow(
    unsafe_code,
    reason = "memory of two processes cannot be mapped without; each block says why it is sound"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
#[cfg(target_os = "linux")]
use std::time::Duration;

use shared_memory::Shmem;

use super::segment::{Segment, WORD};

/// Memory that several processes map.
pub(super) struct Mapping {
    begin: NonNull<AtomicU64>,
    words: usize,
    held: Held,
}

/// What keeps it mapped.
enum Held {
    /// Memory with a name; the file is there with the one who made it, and locked.
    Named(#[allow(dead_code)] Shmem, #[allow(dead_code)] Option<File>),
    /// Memory without a name, by its descriptor.
    Descriptor(OwnedFd),
}

// SAFETY: the mapping is a pointer, a length and a descriptor that nobody changes after it was made; it is unmapped once,
// when the last owner drops it. All access to the memory goes through `words`, which are atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives out nothing but `&[AtomicU64]`, its descriptor, and system calls on its addresses.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Memory with a name, and the lock of whoever made it.
    pub(super) fn named(memory: Shmem, lock: Option<File>) -> io::Result<Self> {
        let begin = NonNull::new(memory.as_ptr().cast::<AtomicU64>());
        let words = memory.len() / WORD;
        Ok(Self {
            begin: begin.ok_or(io::ErrorKind::InvalidData)?,
            words,
            held: Held::Named(memory, lock),
        })
    }

    /// The first words of a file. It must be so long, and must stay so: whoever touches a page that is gone is ended.
    pub(super) fn of(file: OwnedFd, words: usize) -> io::Result<Self> {
        // SAFETY: a new mapping where the system likes, of a descriptor that is open; nothing that is mapped is replaced.
        let begin = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                words * WORD,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if begin == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            begin: NonNull::new(begin.cast()).ok_or(io::ErrorKind::InvalidData)?,
            words,
            held: Held::Descriptor(file),
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Held::Descriptor(_) = self.held {
            // SAFETY: mapped by `of` with this address and length, and nobody has a slice of it any more: they borrow `self`.
            unsafe { libc::munmap(self.begin.as_ptr().cast(), self.words * WORD) };
        }
    }
}

impl Segment for Mapping {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins at a page, so it is aligned; it is so many words long and lives as long as `self`; any
        // bits are an `AtomicU64`; and this process, like every other, accesses it by 64-bit atomics only, so a write by
        // another process is an atomic write or garbage that arrives as some value, never a data race here.
        unsafe { std::slice::from_raw_parts(self.begin.as_ptr(), self.words) }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.held {
            Held::Named(..) => None,
            Held::Descriptor(file) => Some(file.as_fd()),
        }
    }

    #[cfg(target_os = "linux")]
    fn wait(&self, word: usize, seen: u32, longest: Duration) {
        let Some(address) = low_half(self.words(), word) else {
            return;
        };
        let time = libc::timespec {
            tv_sec: longest.as_secs() as libc::time_t,
            tv_nsec: longest.subsec_nanos() as _,
        };
        // SAFETY: the address is 4-byte aligned memory of a live mapping, and `time` lives across the call. The kernel
        // reads both and writes neither. Not private: the other side is another process.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                address,
                libc::FUTEX_WAIT,
                seen,
                &raw const time,
            );
        }
        // Whatever it returned, the caller looks at the word again.
    }

    #[cfg(target_os = "linux")]
    fn wake(&self, word: usize) {
        let Some(address) = low_half(self.words(), word) else {
            return;
        };
        // SAFETY: only the address is looked at, as the name of a queue.
        unsafe {
            libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAKE, libc::c_int::MAX);
        }
    }

    /// Where there is no futex between processes, sleeping is looking five thousand times a second.
    #[cfg(not(target_os = "linux"))]
    fn wait(&self, _: usize, _: u32, longest: std::time::Duration) {
        std::thread::sleep(longest.min(std::time::Duration::from_micros(200)));
    }

    #[cfg(not(target_os = "linux"))]
    fn wake(&self, _: usize) {}
}

/// Where the low half of a word lies: a futex has 32 bits.
#[cfg(target_os = "linux")]
fn low_half(words: &[AtomicU64], word: usize) -> Option<*const u32> {
    let halves = words.get(word)?.as_ptr().cast::<u32>().cast_const();
    Some(halves.wrapping_add(usize::from(cfg!(target_endian = "big"))))
}

/// Room for a message's descriptors, aligned as the system wants it. Two fit, as one fills no whole word.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

const CONTROL: usize = 24;

/// Sends one byte over a socket, and a descriptor with it if there is one.
pub(super) fn send(
    socket: &UnixStream,
    byte: u8,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let mut control = Control([0; CONTROL]);
    let mut bytes = [byte];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: a message header of zeros is one without name, parts, control and flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(descriptor) = descriptor {
        let number: libc::c_int = descriptor.as_raw_fd();
        let length = size_of::<libc::c_int>() as libc::c_uint;
        message.msg_control = (&raw mut control).cast();
        // SAFETY: `CMSG_SPACE` and `CMSG_LEN` compute, and read nothing.
        let (space, whole) = unsafe { (libc::CMSG_SPACE(length), libc::CMSG_LEN(length)) };
        debug_assert!(space as usize <= CONTROL);
        message.msg_controllen = space as _;
        // SAFETY: the control buffer is aligned, of zeros, and has the `space` bytes that the header says, so a first control
        // message with room for one number lies in it; the number is written without regard to its alignment.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(&raw const message);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = whole as _;
            libc::CMSG_DATA(first)
                .cast::<libc::c_int>()
                .write_unaligned(number);
        }
    }
    loop {
        // SAFETY: the header points at parts and control that live across the call, which reads them.
        let sent =
            unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
        match sent {
            1 => return Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// Receives one byte from a socket, and the descriptor that came with it. More than one are closed again.
pub(super) fn receive(socket: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let mut control = Control([0; CONTROL]);
    let mut bytes = [0_u8];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: a message header of zeros is one without name, parts, control and flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL as _;
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = 0;
    loop {
        // SAFETY: the header points at a byte and at control bytes that live across the call, which writes no more than
        // their lengths say.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
        match received {
            1 => break,
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    let mut first_of_all = None;
    // SAFETY: the header is as `recvmsg` left it, and the control bytes that it points at are still there.
    let mut each = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !each.is_null() {
        // SAFETY: `each` is a control message within the control bytes, by the two functions that find them.
        let (level, kind, whole) = unsafe {
            (
                (*each).cmsg_level,
                (*each).cmsg_type,
                (*each).cmsg_len as usize,
            )
        };
        if level == libc::SOL_SOCKET && kind == libc::SCM_RIGHTS {
            // SAFETY: it computes, and reads nothing.
            let head = unsafe { libc::CMSG_LEN(0) } as usize;
            let count = whole.saturating_sub(head) / size_of::<libc::c_int>();
            for at in 0..count {
                // SAFETY: the control message says that so many numbers follow its head, and the system wrote it. Each is a
                // descriptor that this process has from now on and that nobody else here knows.
                let descriptor = unsafe {
                    let number = libc::CMSG_DATA(each)
                        .cast::<libc::c_int>()
                        .add(at)
                        .read_unaligned();
                    OwnedFd::from_raw_fd(number)
                };
                first_of_all.get_or_insert(descriptor);
            }
        }
        // SAFETY: as for the first.
        each = unsafe { libc::CMSG_NXTHDR(&raw const message, each) };
    }
    Ok((bytes[0], first_of_all))
}
