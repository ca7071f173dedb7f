//! Clients hand goals in over HTTP while their node is killed with SIGKILL: each asks again with the key it had, until it hears a name. Each
//! finds the goal it began, and nothing is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_control::GoalPhase;
use aios_control::access::Token;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crash::{PATIENCE, Victim, client, goal};
use crate::shop::{Ledger, TASKS};

/// Between two tries of a client.
const BEAT: Duration = Duration::from_millis(25);
/// How long a client waits for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What is heard of one try; none when the node went away in the middle.
async fn handed_in(folder: &Path, token: &Token, key: usize) -> Option<(u16, Value)> {
    let address = tokio::fs::read_to_string(folder.join("http")).await.ok()?;
    let asked = goal(key, folder);
    // No name of its own: the key is all that a client has.
    let mut body = serde_json::to_value(asked).ok()?;
    body.as_object_mut()?.remove("goal_id");
    let body = body.to_string();
    let (length, token) = (body.len(), token.reveal());
    let said = format!(
        "POST /v1/goals HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: client-{key}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let heard = async {
        let mut stream = TcpStream::connect(&address).await.ok()?;
        stream.write_all(said.as_bytes()).await.ok()?;
        let mut read = String::new();
        stream.read_to_string(&mut read).await.ok()?;
        let status = read.split(' ').nth(1)?.parse().ok()?;
        let (_, body) = read.split_once("\r\n\r\n")?;
        Some((status, serde_json::from_str(body).ok()?))
    };
    tokio::time::timeout(ANSWER, heard).await.ok()?
}

/// One client: asks until it hears the name of its goal, and once more.
async fn stubborn(folder: PathBuf, token: Token, key: usize, heard: Arc<AtomicUsize>) -> String {
    let mut names = BTreeSet::new();
    let begun = Instant::now();
    loop {
        match handed_in(&folder, &token, key).await {
            Some((200, told)) => {
                let name = told["goal_id"].as_str().unwrap().to_owned();
                let again = !names.insert(name.clone());
                assert_eq!(names.len(), 1, "client {key} was told of several goals");
                if again {
                    return name;
                }
                heard.fetch_add(1, Relaxed);
            }
            // Too many are under way, the node goes or has gone, or it did not come to it in time.
            Some((429 | 503 | 504, _)) | None => {}
            Some((status, told)) => panic!("client {key} heard {status}: {told}"),
        }
        assert!(begun.elapsed() < PATIENCE * 2, "client {key} is not heard");
        tokio::time::sleep(BEAT).await;
    }
}

pub(crate) async fn retries(clients: usize) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let token = Token::fresh().unwrap();
    token.write(&folder.join("token")).unwrap();
    let (ledger, address) = Ledger::open();
    let mut victim = Victim::serving(folder, &address);
    client(folder, &mut victim).await;
    let heard = Arc::new(AtomicUsize::new(0));
    let asking: Vec<_> = (0..clients)
        .map(|key| {
            let (folder, token) = (folder.to_owned(), token.clone());
            tokio::spawn(stubborn(folder, token, key, Arc::clone(&heard)))
        })
        .collect();
    let begun = Instant::now();
    // In the middle of it, and again while what was begun is taken up.
    for share in [clients / 4, clients / 2] {
        while heard.load(Relaxed) < share {
            assert!(begun.elapsed() < PATIENCE * 2, "nobody is heard");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        victim.kill();
        victim = Victim::serving(folder, &address);
    }
    let mut names = BTreeSet::new();
    for client in asking {
        names.insert(client.await.unwrap());
    }
    assert_eq!(names.len(), clients, "each has a goal of its own");
    let mut node = client(folder, &mut victim).await;
    let known: BTreeSet<String> = node
        .goals()
        .await
        .unwrap()
        .into_iter()
        .map(|line| line.goal_id)
        .collect();
    assert_eq!(known, names, "there is no goal beside those");
    for name in &names {
        loop {
            let state = node.goal(name).await.unwrap();
            match state.phase {
                GoalPhase::Answered => break,
                GoalPhase::Running => {}
                GoalPhase::Parked => node.resume(name).await.unwrap(),
                other => panic!("goal {name} is {other:?}: {:?}", state.error),
            }
            assert!(begun.elapsed() < PATIENCE * 3, "goal {name} does not end");
            tokio::time::sleep(BEAT).await;
        }
    }
    victim.kill();
    let books = ledger.0.lock().unwrap();
    let mut keys_of: BTreeMap<&str, usize> = BTreeMap::new();
    for key in books.keys() {
        let (goal, _) = key.split_once('/').unwrap();
        *keys_of.entry(goal).or_default() += 1;
    }
    let each: BTreeMap<&str, usize> = names.iter().map(|name| (name.as_str(), TASKS)).collect();
    assert_eq!(keys_of, each, "every effect is made under one key");
}
