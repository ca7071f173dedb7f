//! Those who come in crowds and want nothing: the node goes on for everybody else, and nothing of them stays.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aios_control::Control;
use aios_control::access::{Principals, Token};
use aios_control::http::{HttpServer, HttpService};
use aios_runtime::{Config, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Those who come at once.
const CROWD: usize = 16;
/// What a hundred thousand may leave in bytes: a hundredth of what each has while it is there, and what the allocator keeps at hand.
const LEFT: u64 = 32 << 20;

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let all = std::fs::read_to_string("/proc/self/statm").unwrap();
    all.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Somebody from one of many addresses of this machine: one address has not so many ports.
async fn from(number: usize, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let own = Ipv4Addr::new(127, 0, 1, 1 + (number % 200) as u8);
    socket.bind(SocketAddr::new(IpAddr::V4(own), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// So many come and go: some say nothing, some begin to, some ask without a token and do not wait for what they hear.
async fn come_and_go(many: usize, to: SocketAddr) {
    let crowd = (0..CROWD).map(|first| {
        tokio::spawn(async move {
            for number in (first..many).step_by(CROWD) {
                let mut stream = from(number, to).await;
                let said: &[u8] = match number % 4 {
                    0 => b"",
                    1 => b"GET /v1/view HT",
                    2 => b"GET /v1/view HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                    _ => b"\x16\x03\x01",
                };
                // It may have been hung up on.
                let _ = stream.write_all(said).await;
            }
        })
    });
    for one in crowd.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_that_come_and_go_leave_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let node = Node::builder().config(Config::default()).start().await;
    let node = node.unwrap();
    let token = Token::fresh().unwrap();
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let running = server.unwrap().serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([(token.clone(), node.owner_name().clone())], None),
        out: place.path().join("out"),
        page: None,
    });
    let running = running.unwrap();
    let address = running.address();
    let is_well = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let token = token.reveal();
        let asked = format!(
            "GET /v1/goals HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(
            told.starts_with("HTTP/1.1 200") && told.ends_with("[]"),
            "{told}"
        );
    };
    come_and_go(10_000, address).await;
    is_well().await;
    let before = resident();
    for _ in 0..10 {
        come_and_go(10_000, address).await;
        is_well().await;
    }
    let left = resident().saturating_sub(before);
    eprintln!("{left} bytes more after 100,000 connections");
    assert!(left < LEFT, "{left} bytes");
    running.drain().await;
    node.stop().await;
}
