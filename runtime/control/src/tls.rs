//! What both sides show beyond this machine: TLS 1.3 and nothing older, a certificate of the server's and one of the client's, each of an
//! authority that the other names. Who has none is not spoken with, whatever token it holds.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Certificates of one file; more is no chain.
const CERTIFICATES_MAX: usize = 64;

/// What a server's files are called in its configuration: its certificate, its key, and the authority of its clients.
const SERVER: [&str; 3] = ["serve.tls.cert", "serve.tls.key", "serve.tls.client_ca"];
/// What a client's files are called in its environment: its certificate, its key, and the authority of the servers.
pub const CLIENT: [&str; 3] = ["AIOS_TLS_CERT", "AIOS_TLS_KEY", "AIOS_TLS_CA"];

/// What a server shows, and whom it lets in.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ServerConfig>);

/// What a client shows, and whose servers it speaks with.
#[derive(Debug, Clone)]
pub struct ClientTls(Arc<ClientConfig>);

/// Why nobody is spoken with beyond this machine.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not named.
    #[error("{name} is not set; beyond this machine {} are needed, each a file in PEM form", of.join(", "))]
    Missing {
        /// The setting.
        name: &'static str,
        /// All of its kind.
        of: [&'static str; 3],
    },
    /// A file cannot be read.
    #[error("{name}, {path}: {why}")]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// They do not go together.
    #[error("the certificate, its key and the authority of the other side do not go together: {0}")]
    Refused(String),
}

impl Tls {
    /// From files in PEM form: the server's certificate with those between it and its authority, its key, and the authority whose
    /// certificates clients show.
    ///
    /// # Errors
    /// Which file is missing or wrong.
    pub fn load(cert: &str, key: &str, client_ca: &str) -> Result<Self, TlsError> {
        let Files { chain, key, roots } = Files::read([cert, key, client_ca], SERVER)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .map_err(refused)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(refused)?;
        Ok(Self(Arc::new(config)))
    }

    /// The same for a protocol that both sides name, such as `h2`.
    pub(crate) fn speaking(&self, protocol: &[u8]) -> Self {
        let mut config = ServerConfig::clone(&self.0);
        config.alpn_protocols = vec![protocol.to_vec()];
        Self(Arc::new(config))
    }

    /// Somebody who has come.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<server::TlsStream<TcpStream>> {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await
    }
}

impl ClientTls {
    /// From files in PEM form: the client's certificate with those between it and its authority, its key, and the authority whose
    /// certificates servers show.
    ///
    /// # Errors
    /// Which file is missing or wrong.
    pub fn load(cert: &str, key: &str, ca: &str) -> Result<Self, TlsError> {
        let Files { chain, key, roots } = Files::read([cert, key, ca], CLIENT)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(refused)?;
        Ok(Self(Arc::new(config)))
    }

    /// The same for a protocol that both sides name, such as `h2`.
    pub(crate) fn speaking(&self, protocol: &[u8]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = vec![protocol.to_vec()];
        Self(Arc::new(config))
    }

    /// The server of this name.
    pub(crate) async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.0))
            .connect(name, stream)
            .await
    }
}

fn refused(error: impl std::fmt::Display) -> TlsError {
    TlsError::Refused(error.to_string())
}

/// What one side's files hold.
struct Files {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: RootCertStore,
}

impl Files {
    /// A certificate, its key and the authority of the other side, each with the name it goes by.
    fn read(paths: [&str; 3], names: [&'static str; 3]) -> Result<Self, TlsError> {
        for (name, path) in names.into_iter().zip(paths) {
            if path.is_empty() {
                return Err(TlsError::Missing { name, of: names });
            }
        }
        let [cert, key, ca] = paths.map(Path::new);
        let chain = certificates(names[0], cert)?;
        private(names[1], key)?;
        let key =
            PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(names[1], key, &error))?;
        let mut roots = RootCertStore::empty();
        for root in certificates(names[2], ca)? {
            roots
                .add(root)
                .map_err(|error| wrong(names[2], ca, &error))?;
        }
        Ok(Self { chain, key, roots })
    }
}

fn wrong(name: &'static str, path: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        name,
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn certificates(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(name, path, &error))?;
    let found: Result<Vec<_>, _> = read.take(CERTIFICATES_MAX).collect();
    let found = found.map_err(|error| wrong(name, path, &error))?;
    match found.is_empty() {
        true => Err(wrong(name, path, &"it holds no certificate")),
        false => Ok(found),
    }
}

/// A key that others can read is no proof of who answers.
fn private(name: &'static str, path: &Path) -> Result<(), TlsError> {
    let found = fs::metadata(path).map_err(|error: io::Error| wrong(name, path, &error))?;
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(wrong(
            name,
            path,
            &"it can be read by others; set its mode to 600",
        )),
    }
}
