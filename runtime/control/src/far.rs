//! A node elsewhere, as its askers see it: where it is, how it is reached, and how long it is waited for. In the clear that is this machine
//! alone; beyond it both sides show certificates.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ClientError;
use crate::address::{Address, AddressError, Host, Scheme};
use crate::stream::Io;
#[cfg(feature = "tls")]
use crate::tls::ClientTls;

/// How much longer than the node's own patience is waited for its answer.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How long a connection may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// See the module. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Far {
    name: Arc<str>,
    address: Arc<Address>,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
}

impl Far {
    /// A node in the clear on this machine.
    pub(crate) fn here(asked: &str, scheme: &Scheme) -> Result<Self, AddressError> {
        let address = Address::read(asked, scheme)?;
        if address.is_secure {
            let asked = asked.to_owned();
            return Err(AddressError::NoCertificates { asked });
        }
        Ok(Self {
            name: format!("{}{}", scheme.plain, address.authority()).into(),
            address: Arc::new(address),
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// A node anywhere that is spoken with by certificates, or one in the clear on this machine.
    #[cfg(feature = "tls")]
    pub(crate) fn anywhere(
        asked: &str,
        scheme: &Scheme,
        tls: &ClientTls,
    ) -> Result<Self, AddressError> {
        let address = Address::read(asked, scheme)?;
        if !address.is_secure {
            return Self::here(asked, scheme);
        }
        Ok(Self {
            name: format!("{}{}", scheme.secure, address.authority()).into(),
            address: Arc::new(address),
            tls: Some(tls.speaking(scheme.protocol)),
        })
    }

    /// Its address.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.address.authority()
    }

    /// A connection to it, on which both sides have shown what they must.
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Io>> {
        let late = || {
            let sentence = format!("no connection within {} s", CONNECT.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, sentence)
        };
        timeout(CONNECT, self.opened())
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn opened(&self) -> io::Result<Box<dyn Io>> {
        let port = self.address.port;
        let stream = match &self.address.host {
            Host::Ip(ip) => TcpStream::connect((*ip, port)).await?,
            Host::Name(name) => TcpStream::connect((name.as_str(), port)).await?,
        };
        let _ = stream.set_nodelay(true);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            use rustls::pki_types::ServerName;

            let name = match &self.address.host {
                Host::Ip(ip) => ServerName::from(*ip),
                Host::Name(name) => ServerName::try_from(name.clone()).map_err(io::Error::other)?,
            };
            return Ok(Box::new(tls.connect(name, stream).await?));
        }
        Ok(Box::new(stream))
    }

    /// It went away.
    pub(crate) fn gone(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        ClientError::Gone {
            name: self.name.to_string(),
            source: io::Error::other(error),
        }
    }

    /// What it said is not what the contract says.
    pub(crate) fn strange(&self, error: impl ToString) -> ClientError {
        ClientError::Strange {
            name: self.name.to_string(),
            error: error.to_string(),
        }
    }

    /// Waits as long as the node may take, and a little longer.
    pub(crate) async fn in_time<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let waited = patience + GRACE;
        timeout(waited, work).await.unwrap_or_else(|_| {
            Err(ClientError::Silent {
                name: self.name.to_string(),
                waited_s: waited.as_secs(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::tests::SCHEME;

    #[test]
    fn an_address_with_certificates_is_not_gone_to_without_any() {
        let refused = Far::here("https://127.0.0.1:1", &SCHEME).unwrap_err();
        assert!(refused.to_string().contains("AIOS_TLS_CA"), "{refused}");
    }
}
