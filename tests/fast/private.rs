//! A private goal on a whole node never opens a socket beyond the machine. Each goal runs in a process of its own, whose sockets are
//! watched while it works; a goal that is not private shows that there is something to be seen.
#![cfg(target_os = "linux")]
// The watched process tells what it saw in this way.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aios_inference::router::Policy;
use aios_runtime::config::engines::EngineSettings;
use aios_runtime::{Config, Goal, Node};
use aios_work::content::GoalStatus;

use crate::house::{example, pursue, soon};

/// Tells a process that this test starts which goal it is to work on.
const GOAL: &str = "AIOS_TEST_PRIVATE_GOAL";

/// Before a program that shall have a network of its own, with nobody else on it: an address that is this machine's and not of its loopback.
const NET_OF_ITS_OWN: [&str; 6] = [
    "--user",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    "ip link set lo up && ip addr add 192.0.2.1/32 dev lo && exec \"$0\" \"$@\"",
];
const NO_ADDRESS: &str = "this machine has no address but its loopback's, and `unshare` and `ip` (util-linux, iproute2) could not give the \
    test one; run it where there is a network, or give the machine one: ip addr add 192.0.2.1/32 dev lo";

/// An address of this machine that is not its own only: what is sent there could as well be sent on.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Nothing is sent: connecting a datagram socket only chooses a way.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// A server elsewhere that counts who comes and serves nobody.
fn far(at: IpAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((at, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            std::thread::sleep(Duration::from_millis(50));
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (address, count)
}

/// The far ends of this process's connections that are not on this machine alone. The server's own ends, whose near end is its address, are
/// none of the node's.
fn beyond(server: SocketAddr) -> BTreeSet<SocketAddr> {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap();
    let own: BTreeSet<String> = fds
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter_map(|link| {
            let link = link.to_string_lossy().into_owned();
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(near), Some(remote), Some(inode)) =
                (fields.get(1), fields.get(2), fields.get(9))
            else {
                continue;
            };
            let (near, remote) = (address(near), address(remote));
            if near == server {
                continue;
            }
            let is_beyond = !remote.ip().is_loopback() && !remote.ip().is_unspecified();
            if own.contains(*inode) && is_beyond {
                found.insert(remote);
            }
        }
    }
    found
}

/// As the kernel writes it: words of four bytes, each in the machine's own order, then the port.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let words: Vec<u8> = (0..ip.len())
        .step_by(8)
        .flat_map(|at| {
            u32::from_str_radix(&ip[at..at + 8], 16)
                .unwrap()
                .to_ne_bytes()
        })
        .collect();
    let ip = match <[u8; 16]>::try_from(words.as_slice()) {
        Ok(six) => IpAddr::V6(Ipv6Addr::from(six)).to_canonical(),
        Err(_) => IpAddr::V4(Ipv4Addr::from(
            <[u8; 4]>::try_from(words.as_slice()).unwrap(),
        )),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).unwrap())
}

async fn work_and_tell(private: bool) {
    let (address, called) = far(own_address().unwrap());
    let mut config = Config::default();
    let far: EngineSettings = toml::from_str(&format!(
        "kind = \"openai\"\naddress = \"http://{address}/v1\"\nmodel = \"m\"\nembed_model = \"e\"\nretries = 0"
    ))
    .unwrap();
    config.engines.insert("far".to_owned(), far);
    // Whoever may be asked elsewhere is asked there first.
    config.routes.policy = Policy::FallbackChain;
    let both = || vec!["far".to_owned(), "local".to_owned()];
    (config.routes.plan, config.routes.write) = (both(), both());
    (config.routes.judge, config.routes.embed) = (both(), both());

    let node = Node::builder().config(config).start().await.unwrap();
    // A node may look round for its engines before anybody asks for anything; that is not the goal's doing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = called.load(Ordering::SeqCst);
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let watcher = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !is_over.load(Ordering::SeqCst) {
            seen.extend(beyond(address));
            std::thread::sleep(Duration::from_millis(2));
        }
        seen
    });
    let folder = tempfile::tempdir().unwrap();
    let goal = Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .out(folder.path())
        .private(private);
    let answer = soon("the goal", pursue(&node, goal)).await.unwrap();
    over.store(true, Ordering::SeqCst);
    let seen = watcher.join().unwrap();
    node.stop().await;
    assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
    assert!(seen.iter().all(|remote| *remote == address), "{seen:?}");
    let calls = called.load(Ordering::SeqCst) - before;
    println!("calls={calls} seen={}", seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_goal_opens_no_socket_beyond_the_machine() {
    if let Ok(goal) = std::env::var(GOAL) {
        return work_and_tell(goal == "private").await;
    }
    // A machine that reaches nobody is given an address, for these processes alone.
    let program = std::env::current_exe().unwrap();
    let (command, before): (_, &[&str]) = match own_address() {
        Some(_) => (program.clone(), &[]),
        None => ("unshare".into(), &NET_OF_ITS_OWN),
    };
    let run = |goal: &str| {
        let mut command = Command::new(&command);
        if !before.is_empty() {
            command.args(before).arg(&program);
        }
        let output = command
            .args([
                "--exact",
                "private::a_private_goal_opens_no_socket_beyond_the_machine",
                "--nocapture",
            ])
            .env(GOAL, goal)
            .output()
            .unwrap_or_else(|error| panic!("{NO_ADDRESS}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{goal}: {said} {error}{}",
            if before.is_empty() { "" } else { NO_ADDRESS }
        );
        said
    };
    let private = run("private");
    assert!(private.contains("calls=0 seen=0"), "{private}");
    let public = run("public");
    let told = public.split("calls=").nth(1).unwrap();
    assert!(
        !told.starts_with('0') && !told.contains("seen=0"),
        "{public}"
    );
}
