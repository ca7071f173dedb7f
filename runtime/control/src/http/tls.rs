//! What a server shows beyond this machine, and whom it lets in: TLS 1.3 and nothing older, and a client shows a certificate of an authority
//! that is named. Who has none is not spoken with, whatever token it holds.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};

/// Certificates of one file; more is no chain.
const CERTIFICATES_MAX: usize = 64;

/// What a server shows, and whom it lets in.
#[derive(Debug, Clone)]
pub struct Tls(pub(super) Arc<ServerConfig>);

/// Why a server cannot be reached from elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not named.
    #[error("serve.tls.{0} is not set; beyond this machine a server needs cert, key and client_ca")]
    Missing(&'static str),
    /// A file cannot be read.
    #[error("serve.tls.{name}, {path}: {why}")]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// They do not go together.
    #[error("the certificate, its key and the authority of clients do not go together: {0}")]
    Refused(String),
}

impl Tls {
    /// From files in PEM form: the server's certificate with those between it and its authority, its key, and the authority whose
    /// certificates clients show.
    ///
    /// # Errors
    /// Which file is missing or wrong.
    pub fn load(cert: &str, key: &str, client_ca: &str) -> Result<Self, TlsError> {
        let cert = named("cert", cert)?;
        let key = named("key", key)?;
        let client_ca = named("client_ca", client_ca)?;
        let chain = certificates("cert", cert)?;
        private(key)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("key", key, &error))?;
        let mut roots = RootCertStore::empty();
        for root in certificates("client_ca", client_ca)? {
            roots
                .add(root)
                .map_err(|error| wrong("client_ca", client_ca, &error))?;
        }
        let refused = |error: &dyn std::fmt::Display| TlsError::Refused(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .map_err(|error| refused(&error))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| refused(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| refused(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

fn named<'p>(name: &'static str, path: &'p str) -> Result<&'p Path, TlsError> {
    match path {
        "" => Err(TlsError::Missing(name)),
        path => Ok(Path::new(path)),
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
fn private(path: &Path) -> Result<(), TlsError> {
    let found = fs::metadata(path).map_err(|error: io::Error| wrong("key", path, &error))?;
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(wrong(
            "key",
            path,
            &"it can be read by others; set its mode to 600",
        )),
    }
}
