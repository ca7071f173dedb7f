//! Logs for whoever looks for a fault: off unless `AIOS_LOG` asks, JSON lines on standard error.

use std::io::{self, Write};
use std::sync::OnceLock;

use aios_work::shown;
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// Lines that may wait to be told elsewhere; beyond it the newest are on standard error alone.
const WAITING: usize = 1_024;
/// What writes of its own work while it tells: told too, it would tell of that.
const TELLING: [&str; 2] = ["\"target\":\"aios_bus", "\"target\":\"async_nats"];

/// Where else the lines go. One for the process, as the log is.
static TOLD: OnceLock<mpsc::Sender<String>> = OnceLock::new();

/// The lines of the log from now on, for whoever tells them elsewhere too; none if nothing is logged.
pub(crate) fn lines() -> Option<mpsc::Receiver<String>> {
    std::env::var_os("AIOS_LOG")?;
    let (sender, lines) = mpsc::channel(WAITING);
    TOLD.set(sender).ok()?;
    Some(lines)
}

/// Starts logging as `AIOS_LOG` says (`info`, `aios_supervisor=debug`, ...); without it nothing is logged.
pub(crate) fn start() {
    let Ok(wanted) = std::env::var("AIOS_LOG") else {
        return;
    };
    match EnvFilter::try_new(&wanted) {
        Ok(filter) => {
            let _ = tracing_subscriber::fmt()
                .json()
                .with_env_filter(filter)
                .with_writer(Harmless::default)
                .try_init();
        }
        Err(error) => crate::console::note(&format!(
            "AIOS_LOG={wanted:?} is not understood ({error}); logging stays off"
        )),
    }
}

/// A line of the log on its way to standard error: names, reasons and paths in it may hold anything, and the log is read on terminals.
#[derive(Default)]
struct Harmless(Vec<u8>);

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.0);
        let written = io::stderr().lock().write_all(shown::json(&line).as_bytes());
        if let Some(told) = TOLD.get()
            && !line.is_empty()
            && !TELLING.iter().any(|own| line.contains(own))
        {
            let _ = told.try_send(line.into_owned());
        }
        self.0.clear();
        written
    }
}

impl Drop for Harmless {
    fn drop(&mut self) {
        // A line that cannot be written is lost, as it would be in any log.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_whole_until_it_is_written() {
        let mut line = Harmless::default();
        line.write_all(b"{\"a\":").unwrap();
        line.write_all("\"\u{9b}\"}\n".as_bytes()).unwrap();
        assert_eq!(
            shown::json(&String::from_utf8_lossy(&line.0)),
            "{\"a\":\"\\u009b\"}\n"
        );
        line.0.clear();
    }
}
