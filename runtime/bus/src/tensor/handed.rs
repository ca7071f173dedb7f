//! Memory that is handed to another process over a unix socket: sealed where the system has that, with a name elsewhere.
//!
//! The address or grant goes by message; the memory itself by [`hand_over`] at the one end and [`Handed::receive`] at the other,
//! one byte on the socket each. The socket must be one that only the two have, or that only one user can enter.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{PartyHash, PoolAddress, StreamGrant};

use super::{PoolShape, RANDOM_BYTES, Ring, Segment, TensorPool, system};

#[cfg(target_os = "linux")]
use super::memfd as made;
#[cfg(not(target_os = "linux"))]
use super::shared_memory as made;

/// The byte that the memory travels with; another says that both ends have lost each other on the socket.
const BYTE: u8 = b'T';

/// What has memory that can be handed over.
pub trait Shared {
    /// The memory.
    fn memory(&self) -> &dyn Segment;
}

impl Shared for TensorPool {
    fn memory(&self) -> &dyn Segment {
        self.segment().as_ref()
    }
}

impl Shared for Ring {
    fn memory(&self) -> &dyn Segment {
        self.segment().as_ref()
    }
}

/// Makes a pool that can be handed over.
///
/// # Errors
/// If the shape is larger than allowed or the system refuses.
pub fn create_pool(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
) -> Result<TensorPool, TensorBusError> {
    made::create_pool(shape, random)
}

/// Makes a ring from a sender to a receiver that can be handed over.
///
/// # Errors
/// If the shape is larger than allowed or the system refuses.
pub fn create_ring(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
    sender: PartyHash,
    receiver: PartyHash,
) -> Result<Ring, TensorBusError> {
    made::create_ring(shape, random, sender, receiver)
}

/// Hands memory to whoever is at the other end of a socket.
///
/// # Errors
/// [`TensorBusError::Unreachable`] if nobody is there to take it.
pub fn hand_over(socket: &UnixStream, what: &impl Shared) -> Result<(), TensorBusError> {
    system::send(socket, BYTE, what.memory().descriptor())
        .map_err(|error| TensorBusError::Unreachable(format!("it was not handed over: {error}")))
}

/// Memory that was handed over, until it is known what it is.
#[derive(Debug)]
pub struct Handed(Option<OwnedFd>);

impl Handed {
    /// Takes what the other end hands over. Waits for it as long as the socket's read timeout says.
    ///
    /// # Errors
    /// [`TensorBusError::Unreachable`] if nothing comes, or something else.
    pub fn receive(socket: &UnixStream) -> Result<Self, TensorBusError> {
        let unreachable = |why: String| TensorBusError::Unreachable(why);
        match system::receive(socket) {
            Ok((BYTE, descriptor)) => Ok(Self(descriptor)),
            Ok((other, _)) => Err(unreachable(format!(
                "no memory was handed over, but the byte {other:#04x}"
            ))),
            Err(error) => Err(unreachable(format!("no memory was handed over: {error}"))),
        }
    }

    /// Joins it as a pool, with a secret of one's own for the frames one will write.
    ///
    /// # Errors
    /// If the memory is not what the address says, or could be shortened.
    pub fn pool(
        self,
        address: &PoolAddress,
        secret: [u8; 32],
    ) -> Result<TensorPool, TensorBusError> {
        match self.0 {
            #[cfg(target_os = "linux")]
            Some(memory) => made::join_pool(memory, address, secret),
            // Memory that has a name can be shortened under its readers.
            #[cfg(target_os = "linux")]
            None => Err(not_handed_over()),
            #[cfg(not(target_os = "linux"))]
            _ => made::join_pool(address, secret),
        }
    }

    /// Joins it as a ring.
    ///
    /// # Errors
    /// If the memory is not what the grant says, or could be shortened.
    pub fn ring(self, grant: &StreamGrant) -> Result<Ring, TensorBusError> {
        match self.0 {
            #[cfg(target_os = "linux")]
            Some(memory) => made::join_ring(memory, grant),
            #[cfg(target_os = "linux")]
            None => Err(not_handed_over()),
            #[cfg(not(target_os = "linux"))]
            _ => made::join_ring(grant),
        }
    }
}

#[cfg(target_os = "linux")]
fn not_handed_over() -> TensorBusError {
    TensorBusError::WrongGrant("its memory was not handed over".into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use aios_protocols::ports::{StreamReader as _, StreamWriter as _, TensorBus as _};

    const SHAPE: PoolShape = PoolShape {
        slots: 4,
        slot_bytes: 64,
    };

    fn party(name: &str) -> PartyHash {
        PartyHash::of(&name.parse().unwrap())
    }

    fn random() -> [u8; RANDOM_BYTES] {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).unwrap();
        random
    }

    #[test]
    fn what_is_handed_over_is_the_same_memory() {
        let (here, there) = UnixStream::pair().unwrap();
        let pool = create_pool(SHAPE, &random()).unwrap();
        let parties = (party("meso.state.001@here"), party("meso.state.001@there"));
        let ring = create_ring(SHAPE, &random(), parties.0, parties.1).unwrap();
        hand_over(&here, &pool).unwrap();
        hand_over(&here, &ring).unwrap();
        let joined = Handed::receive(&there).unwrap();
        let joined = joined.pool(pool.address(), [2; 32]).unwrap();
        let open = joined.allocate(8).unwrap();
        assert_eq!(pool.view().in_use, 1);
        drop(open);
        assert_eq!(pool.view().in_use, 0);
        let joined = Handed::receive(&there).unwrap().ring(ring.grant()).unwrap();
        let (mut writer, mut reader) = (ring.writer().unwrap(), joined.reader().unwrap());
        writer.write(b"over there", 0).unwrap();
        let mut read = Vec::new();
        reader.read(&mut read).unwrap().unwrap();
        assert_eq!(read, b"over there");
    }

    #[test]
    fn what_is_no_memory_is_refused_with_a_reason() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"xT").unwrap();
        let said = Handed::receive(&there).unwrap_err().to_string();
        assert!(said.contains("0x78"), "{said}");
        // A byte without memory, for memory without a name.
        let pool = create_pool(SHAPE, &random()).unwrap();
        let handed = Handed::receive(&there).unwrap();
        if cfg!(target_os = "linux") {
            let refused = handed.pool(pool.address(), [2; 32]);
            assert!(matches!(refused, Err(TensorBusError::WrongGrant(_))));
        }
        drop(here);
        let said = Handed::receive(&there).unwrap_err().to_string();
        assert!(said.contains("no memory was handed over"), "{said}");
    }
}
