//! Logs for whoever looks for a fault: off unless `AIOS_LOG` asks, JSON lines on standard error.

use tracing_subscriber::EnvFilter;

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
                .with_writer(std::io::stderr)
                .try_init();
        }
        Err(error) => crate::console::note(&format!(
            "AIOS_LOG={wanted:?} is not understood ({error}); logging stays off"
        )),
    }
}
