//! Beyond this machine: who shows which certificate, and who hears what.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use aios_control::access::{Principals, Token};
use aios_control::grpc::{GrpcBindError, GrpcClient, GrpcServer, GrpcService};
use aios_control::tls::{ClientTls, Tls};
use aios_control::{Client, Control, ErrorKind, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::fake::{Fake, SOON, token, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_this_machine_only_whoever_shows_a_certificate_and_a_token_is_answered() {
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = GrpcServer::bind(any).await.unwrap_err();
    assert!(
        matches!(refused, GrpcBindError::BeyondLoopback(_)),
        "{refused}"
    );
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (cert, key) = servers.signs("server");
    let tls = Tls::load(text(&cert), text(&key), text(&clients.path("ca.pem"))).unwrap();
    let server = GrpcServer::bind_tls(any, tls).await.unwrap();
    let node: Arc<dyn Control> = Arc::new(Fake::default());
    let running = server
        .serve(GrpcService {
            node: Arc::new(move || Some(Arc::clone(&node))),
            principals: Principals::new([(token(), "user:owner@local".parse().unwrap())], None),
            agents: None,
            out: "/out".into(),
        })
        .unwrap();
    assert!(running.url().starts_with("grpcs://0.0.0.0:"));
    let port = running.address().port();
    let shown = |by: &Authority, ca: &Authority| {
        let (cert, key) = by.signs("client");
        ClientTls::load(text(&cert), text(&key), text(&ca.path("ca.pem"))).unwrap()
    };
    let asks = async |token: &Token, tls: &ClientTls| {
        let address = format!("grpcs://localhost:{port}");
        let mut client = Client::over(GrpcClient::certified(&address, token, tls).unwrap());
        client.ask::<serde_json::Value>(&Request::View {}).await
    };
    let own = shown(&clients, &servers);
    let seen = asks(&token(), &own).await.unwrap();
    assert_eq!(seen["dead_letters"], 3);
    let stranger = asks(&Token::fresh().unwrap(), &own).await.unwrap_err();
    let kind = stranger.refusal().map(|error| error.kind);
    assert_eq!(
        kind,
        Some(ErrorKind::Forbidden),
        "a certificate is no token"
    );
    for tls in [shown(&others, &servers), shown(&clients, &others)] {
        let refused = asks(&token(), &tls).await.unwrap_err();
        assert!(refused.refusal().is_none(), "{refused}");
    }
    // In the clear nothing is said.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let mut read = Vec::new();
    let heard = tokio::time::timeout(SOON, plain.read_to_end(&mut read)).await;
    let _ = heard.unwrap();
    assert!(!read.starts_with(&[0, 0]), "no frame of HTTP/2: {read:?}");
    until("each is counted", || {
        // A client may try a second time by itself.
        let counted = running.refused();
        counted.get("certificate").is_some_and(|count| *count >= 3)
    })
    .await;
    // Whoever stays silent in the middle of showing who it is keeps nobody out.
    let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    asks(&token(), &own).await.unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
