//! The six kinds that stand for the machine's own resources. Each file is a kind as a user would write one: a state, a
//! vocabulary of codes, one function.

pub mod buffer;
pub mod connection;
pub mod core;
pub mod device;
pub mod page;
pub mod route;

pub use self::buffer::Buffer;
pub use self::connection::Connection;
pub use self::core::Core;
pub use self::device::Device;
pub use self::page::Page;
pub use self::route::Route;

use crate::kind::Kind;
use crate::slot::Slot;

const fn proved<K: Kind>(bytes: usize, alignment: usize) -> bool {
    let () = Slot::<K>::PROVED;
    size_of::<Slot<K>>() == bytes && align_of::<Slot<K>>() == alignment
}

const _: () = assert!(
    proved::<Page>(64, 64)
        && proved::<Core>(256, 64)
        && proved::<Connection>(128, 64)
        && proved::<Device>(512, 64)
        && proved::<Buffer>(32, 32)
        && proved::<Route>(96, 32)
);
