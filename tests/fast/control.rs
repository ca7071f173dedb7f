//! The control socket of a node: who comes in, what is answered, what a client breaks.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use aios_control::socket::SocketFolder;
use aios_control::{Client, ClientError, Request, SwarmQuestion};
use aios_runtime::{Config, Node, NodeView};
use serde_json::Value;

use crate::house::soon;

async fn node(folder: &Path) -> Node {
    let mut config = Config::default();
    config.door.open = true;
    config.door.folder = doors(folder).path().to_str().unwrap().to_owned();
    let node = Node::builder().config(config).start().await.unwrap();
    node.control_socket().await.unwrap().unwrap();
    node
}

fn doors(folder: &Path) -> SocketFolder {
    SocketFolder::of(folder.join("doors").to_str().unwrap())
}

async fn view(client: &mut Client) -> NodeView {
    client.ask(&Request::View {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_sees_the_tree_and_kills_an_agent_that_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let mut client = Client::connect(&doors(folder.path()), None).await.unwrap();
    let seen = view(&mut client).await;
    assert_eq!(
        seen.agents
            .iter()
            .map(|agent| &agent.id)
            .collect::<Vec<_>>(),
        node.view()
            .agents
            .iter()
            .map(|agent| &agent.id)
            .collect::<Vec<_>>(),
    );
    let planner = "macro.planner.001@local";
    let kill = Request::Kill {
        agent: planner.into(),
    };
    client.ask::<()>(&kill).await.unwrap();
    let back = async {
        loop {
            let tree = view(&mut client).await.tree;
            let child = tree.find(&format!("macro/{planner}")).unwrap();
            if child.restarts == 1 && child.state == aios_supervisor::ChildState::Running {
                assert!(child.last_exit.is_some(), "why it fell is shown");
                assert!(child.mailbox.is_some_and(|depth| depth.capacity > 0));
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the planner's return", back).await;

    let stop = Request::Stop {
        agent: planner.into(),
    };
    client.ask::<()>(&stop).await.unwrap();
    let tree = view(&mut client).await.tree;
    let child = tree.find(&format!("macro/{planner}")).unwrap();
    assert_eq!(child.state, aios_supervisor::ChildState::Stopped);

    let nobody = Request::Kill {
        agent: "macro.planner.999@local".into(),
    };
    let refused = client.ask::<()>(&nobody).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no agent macro.planner.999@local runs on this node"
    );
    node.stop().await;
    let gone = client.ask::<NodeView>(&Request::View {}).await.unwrap_err();
    assert!(matches!(gone, ClientError::Gone { .. }), "{gone}");
    let none = Client::connect(&doors(folder.path()), None)
        .await
        .unwrap_err();
    assert!(
        matches!(none, ClientError::NoNode),
        "the socket is taken away: {none}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_in_words_and_costs_nobody_else_anything() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (name, socket) = doors(folder.path()).sockets().unwrap().remove(0);
    assert_eq!(name, std::process::id().to_string());
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let table: [(&[u8], &str); 4] = [
        (b"\n", "this is no request"),
        (b"{\"ask\":\"everything\"}\n", "this is no request"),
        (b"\xff\xfe\n", "this is no request"),
        (&[b'x'; 300 * 1024], "a request is one line of at most"),
    ];
    let lines = tokio::task::spawn_blocking(move || {
        table.map(|(line, _)| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            // The server may hang up before it has read a line that is too long.
            let _ = stream.write_all(line);
            let mut answer = String::new();
            let _ = BufReader::new(stream).read_line(&mut answer);
            answer
        })
    });
    let answers = soon("the refusals", lines).await.unwrap();
    for (answer, (_, expected)) in answers.iter().zip(table) {
        assert!(
            answer.starts_with(r#"{"refused":"#) && answer.contains(expected),
            "{answer}"
        );
    }
    let mut client = Client::connect(&doors(folder.path()), None).await.unwrap();
    assert!(!view(&mut client).await.agents.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_nodes_one_has_to_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (node(folder.path()).await, node(folder.path()).await);
    // A remnant of a process that was killed.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("doors/1.sock")).unwrap());
    let doors = doors(folder.path());
    let ClientError::SeveralNodes(names) = Client::connect(&doors, None).await.unwrap_err() else {
        panic!("two nodes run");
    };
    assert_eq!(names.len(), 2);
    assert!(!folder.path().join("doors/1.sock").exists(), "cleared away");
    let mut client = Client::connect(&doors, Some(&names[1])).await.unwrap();
    assert!(!view(&mut client).await.agents.is_empty());
    let unknown = Client::connect(&doors, Some("1")).await.unwrap_err();
    assert!(
        unknown
            .to_string()
            .starts_with("no node 1 is running; running are: ")
    );
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_is_a_connection_agent_and_leaves_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let doors = doors(folder.path());
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Client::connect(&doors, None).await.unwrap());
    }
    for client in &mut clients {
        view(client).await;
    }
    let connections = || {
        node.population()
            .totals()
            .kind("connection")
            .unwrap()
            .active
    };
    assert_eq!(connections(), 3);
    let top: Value = clients[0]
        .ask(&Request::Swarm {
            about: SwarmQuestion::Top {
                kind: "connection".into(),
                most: 3,
            },
        })
        .await
        .unwrap();
    let id = top["strongest"][0]["id"].as_str().unwrap().to_owned();
    let agent: Value = clients[0]
        .ask(&Request::Swarm {
            about: SwarmQuestion::Agent { id },
        })
        .await
        .unwrap();
    let state = agent["state"].as_str().unwrap();
    assert!(
        state.contains("open: true") && !state.contains("received: (0, 0)"),
        "{state}"
    );
    drop(clients);
    let left = async {
        while connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the agents' leave", left).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_others_may_enter_costs_the_node_its_socket_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("doors");
    std::fs::create_dir(&taken).unwrap();
    std::fs::set_permissions(&taken, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut config = Config::default();
    config.door.open = true;
    config.door.folder = taken.to_str().unwrap().to_owned();
    let node = Node::builder().config(config).start().await.unwrap();
    let why = node.control_socket().await.unwrap().unwrap_err();
    assert!(why.contains("can be entered by other users"), "{why}");
    let tree = node.view().tree;
    let note = tree.find("doors/door").unwrap().note.clone().unwrap();
    assert!(note.starts_with("cannot open: the folder "), "{note}");
    node.stop().await;
}

/// Somebody who keeps a place without asking anything that makes sense.
fn connect(folder: &Path) -> UnixStream {
    let (_, socket) = doors(folder).sockets().unwrap().remove(0);
    let stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// What is said until the connection is closed on a client.
fn last_words(stream: UnixStream) -> Vec<String> {
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let mut idle = Client::connect(&doors(folder.path()), None).await.unwrap();
    view(&mut idle).await;
    let silent: Vec<UnixStream> = (0..64).map(|_| connect(folder.path())).collect();
    let mut begun = connect(folder.path());
    begun.write_all(b"{\"ask\":").unwrap();
    let asked = std::time::Instant::now();
    let mut client = Client::connect(&doors(folder.path()), None).await.unwrap();
    assert!(!view(&mut client).await.agents.is_empty());
    let waited = asked.elapsed();
    assert!(
        waited < Duration::from_secs(4),
        "before anybody's time was over: {waited:?}"
    );
    // Those who made place are told so; the client that was answered before asks again.
    let mut silent = silent.into_iter();
    let first = tokio::task::spawn_blocking(move || last_words(silent.next().unwrap()));
    let told = soon("the first one's leave", first).await.unwrap();
    assert!(
        told.iter().any(|line| line.contains("others wait")),
        "{told:?}"
    );
    if idle.ask::<NodeView>(&Request::View {}).await.is_err() {
        let mut again = Client::connect(&doors(folder.path()), None).await.unwrap();
        assert!(!view(&mut again).await.agents.is_empty());
    }
    drop(begun);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_drips_and_an_answer_that_nobody_reads_have_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (mut slow, mut deaf) = (connect(folder.path()), connect(folder.path()));
    let dripping = tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        // A byte now and then: each by itself is in time, the line never is.
        while slow.write_all(b" ").is_ok() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(200));
        }
        begun.elapsed()
    });
    let not_reading = tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        deaf.set_write_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // Answers are not read, so the node stops reading too: what waits in between has a bound.
        let mut asked = 0_usize;
        while deaf.write_all(b"{\"ask\":\"view\"}\n").is_ok() {
            asked += 1;
            assert!(asked < 1_000_000, "somebody keeps all of it");
        }
        begun.elapsed()
    });
    for (who, shown_out) in [("who drips", dripping), ("who does not read", not_reading)] {
        let after = soon(who, shown_out).await.unwrap();
        assert!(after < Duration::from_secs(20), "{who}: {after:?}");
    }
    let mut client = Client::connect(&doors(folder.path()), None).await.unwrap();
    assert!(!view(&mut client).await.agents.is_empty());
    node.stop().await;
}
