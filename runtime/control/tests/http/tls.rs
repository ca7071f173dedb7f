//! Beyond this machine: who shows which certificate, and who hears what.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_control::access::{Principals, Token};
use aios_control::http::{HttpClient, HttpServer, HttpService, Refusal, Running};
use aios_control::tls::{ClientTls, Tls, TlsError};
use aios_control::{Client, Control, Request};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authority::Authority;
use crate::fake::{Answer, Fake, SOON, until};

async fn serve(servers: &Authority, clients: &Authority) -> (Running, Token) {
    let (cert, key) = servers.signs("server");
    let tls = Tls::load(text(&cert), text(&key), text(&clients.path("ca.pem"))).unwrap();
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let server = HttpServer::bind_tls(any, tls).await.unwrap();
    let token = Token::fresh().unwrap();
    let node: Arc<dyn Control> = Arc::new(Fake::default());
    let owner = "user:owner@local".parse().unwrap();
    let running = server.serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&node))),
        principals: Principals::new([(token.clone(), owner)], None),
        out: "/out".into(),
        page: None,
    });
    (running.unwrap(), token)
}

/// Somebody who shows a certificate, or none.
fn client(
    servers: &Authority,
    shown: Option<(PathBuf, PathBuf)>,
    version: &'static SupportedProtocolVersion,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(servers.path("ca.pem")).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some((cert, key)) => {
            let cert = CertificateDer::from_pem_file(cert).unwrap();
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            config.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// What is heard, or nothing from a server that does not speak with one.
async fn asks(running: &Running, client: TlsConnector, more: &str) -> Option<Answer> {
    let port = running.address().port();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, stream).await.ok()?;
    let head = format!(
        "GET /v1/view HTTP/1.1\r\nHost: node.example:{port}\r\nConnection: close\r\n{more}\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut read = Vec::new();
    // A server that hangs up does so in the middle of what it never said.
    let heard = tokio::time::timeout(SOON, stream.read_to_end(&mut read));
    heard.await.unwrap().ok()?;
    (!read.is_empty()).then(|| Answer::read(&read))
}

#[tokio::test]
async fn beyond_this_machine_only_whoever_shows_a_certificate_and_a_token_is_answered() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (running, token) = serve(&servers, &clients).await;
    assert!(running.url().starts_with("https://0.0.0.0:"));
    let bearer = format!("Authorization: Bearer {}\r\n", token.reveal());
    let own = || Some(clients.signs("client"));
    let heard = asks(&running, client(&servers, own(), &TLS13), &bearer).await;
    assert_eq!(heard.unwrap().status, 200);
    let heard = asks(&running, client(&servers, own(), &TLS13), "").await;
    assert_eq!(heard.unwrap().status, 401, "a certificate is no token");
    let strange = || Some(others.signs("client"));
    for (shown, version) in [(None, &TLS13), (strange(), &TLS13), (own(), &TLS12)] {
        let heard = asks(&running, client(&servers, shown, version), &bearer).await;
        assert!(heard.is_none(), "{heard:?}");
    }
    let plain = TcpStream::connect(("127.0.0.1", running.address().port())).await;
    let mut plain = plain.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut read = Vec::new();
    let heard = tokio::time::timeout(SOON, plain.read_to_end(&mut read)).await;
    let _ = heard.unwrap();
    assert!(!read.starts_with(b"HTTP"), "nothing is said in the clear");
    until("each is counted", || {
        running.refused(Refusal::Certificate) == 4
    })
    .await;
    // A browser's cookie goes nowhere in the clear.
    let linked = asks(&running, client(&servers, own(), &TLS13), &bearer).await;
    assert_eq!(linked.unwrap().status, 200);
}

#[tokio::test]
async fn the_client_shows_its_certificate_and_goes_by_name_to_nobody_else() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (running, token) = serve(&servers, &clients).await;
    let port = running.address().port();
    let shown = |by: &Authority, ca: &Authority| {
        let (cert, key) = by.signs("client");
        ClientTls::load(text(&cert), text(&key), text(&ca.path("ca.pem"))).unwrap()
    };
    let asks = async |address: &str, tls: &ClientTls| {
        let client = HttpClient::certified(address, token.clone(), tls).unwrap();
        let mut client = Client::over(client);
        client.ask::<serde_json::Value>(&Request::View {}).await
    };
    let own = shown(&clients, &servers);
    for host in ["localhost", "127.0.0.1"] {
        asks(&format!("https://{host}:{port}"), &own).await.unwrap();
    }
    let address = format!("https://localhost:{port}");
    // A client of another authority, and a server of another.
    for tls in [shown(&others, &servers), shown(&clients, &others)] {
        let refused = asks(&address, &tls).await.unwrap_err();
        assert!(refused.refusal().is_none(), "{refused}");
    }
    until("each is counted", || {
        running.refused(Refusal::Certificate) == 2
    })
    .await;
}

#[test]
fn what_is_shown_is_whole_and_nobody_elses() {
    let authority = Authority::new();
    let (cert, key) = authority.signs("server");
    let (_, other) = authority.signs("other");
    let ca = authority.path("ca.pem");
    let load = |cert: &Path, key: &Path, ca: &Path| Tls::load(text(cert), text(key), text(ca));
    load(&cert, &key, &ca).unwrap();
    let none = Path::new("");
    for (outcome, name) in [
        (load(none, &key, &ca), "serve.tls.cert is not set"),
        (load(&cert, none, &ca), "serve.tls.key is not set"),
        (load(&cert, &key, none), "serve.tls.client_ca is not set"),
        (load(&authority.path("no"), &key, &ca), "serve.tls.cert"),
        (load(&key, &key, &ca), "it holds no certificate"),
        (load(&cert, &cert, &ca), "can be read by others"),
        (load(&cert, &other, &ca), "do not go together"),
    ] {
        let error: TlsError = outcome.unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    let error = ClientTls::load(text(&cert), text(&key), "").unwrap_err();
    assert!(
        error.to_string().starts_with("AIOS_TLS_CA is not set"),
        "{error}"
    );
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
