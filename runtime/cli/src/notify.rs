//! What whoever manages services is told: that the node is ready, that it is alive, that it stops. A datagram to the socket that systemd names.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever manages this process, if anybody does.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How often it is to hear that the process is alive.
    pub(crate) every: Option<Duration>,
}

impl Manager {
    /// As the environment says.
    pub(crate) fn of_environment() -> Option<Self> {
        let read = |name: &str| std::env::var(name).ok();
        let process = std::process::id().to_string();
        let every = watchdog(read("WATCHDOG_USEC"), read("WATCHDOG_PID"), &process);
        let found = Self::at(&read("NOTIFY_SOCKET")?, every);
        found
            .inspect_err(|error| tracing::warn!(%error, "the service manager is not reached"))
            .ok()
    }

    fn at(name: &str, every: Option<Duration>) -> io::Result<Self> {
        let address = match name.strip_prefix('@') {
            Some(abstracted) => SocketAddr::from_abstract_name(abstracted)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // It is told again, and nobody waits for it to listen.
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            address,
            every,
        })
    }

    /// Tells it, such as `READY=1`.
    pub(crate) fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.address) {
            tracing::warn!(%error, state, "the service manager does not hear");
        }
    }
}

/// Twice as often as it asks for, if it asks this process.
fn watchdog(micros: Option<String>, process: Option<String>, own: &str) -> Option<Duration> {
    if process.is_some_and(|process| process != own) {
        return None;
    }
    let micros: u64 = micros?.parse().ok()?;
    (micros > 1).then(|| Duration::from_micros(micros / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let unique = format!("aios-notify-{}", std::process::id());
        let abstracted = SocketAddr::from_abstract_name(&unique).unwrap();
        for (listener, name) in [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.display().to_string(),
            ),
            (
                UnixDatagram::bind_addr(&abstracted).unwrap(),
                format!("@{unique}"),
            ),
        ] {
            let patience = Some(Duration::from_secs(10));
            listener.set_read_timeout(patience).unwrap();
            Manager::at(&name, None).unwrap().tell("READY=1");
            let mut heard = [0; 64];
            let count = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..count], b"READY=1");
        }
        assert!(Manager::at("", None).is_ok_and(|manager| {
            manager.tell("READY=1");
            true
        }));
    }

    #[test]
    fn it_hears_twice_as_often_as_it_asks() {
        let text = |text: &str| Some(text.to_owned());
        let every = Some(Duration::from_secs(15));
        assert_eq!(watchdog(text("30000000"), None, "7"), every);
        assert_eq!(watchdog(text("30000000"), text("7"), "7"), every);
        assert_eq!(watchdog(text("30000000"), text("8"), "7"), None);
        assert_eq!(watchdog(None, None, "7"), None);
        assert_eq!(watchdog(text("x"), None, "7"), None);
    }
}
