//! What clients of OpenAI's form say to a node and hear, kept as files and compared byte for byte.
//!
//! A file holds a request, a line `===` and the answer: its status, the headers that clients act on, its body. What differs from run to run
//! is replaced: identifiers, times, durations. `AIOS_WRITE_TRANSCRIPTS=1` writes the answers anew; read what changed before it is committed,
//! because it changed for every client, too.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aios_control::access::Token;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::House;

const SOON: Duration = Duration::from_secs(60);
const BETWEEN: &str = "\n===\n";
/// What clients act on, besides the status.
const HEADERS: [&str; 4] = [
    "content-type",
    "retry-after",
    "www-authenticate",
    "x-should-retry",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control/openai")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_openais_form_hear_what_is_on_record() {
    let house = House::open().await;
    let (running, token, _) = house.serves().await;
    let writes = std::env::var_os("AIOS_WRITE_TRANSCRIPTS").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let mut differ = Vec::new();
    for file in &files {
        let kept = fs::read_to_string(file).unwrap();
        let (asked, _) = kept.split_once(BETWEEN).unwrap();
        let heard = ask(running.address(), &token, asked).await;
        let whole = format!("{asked}{BETWEEN}{heard}");
        if writes {
            fs::write(file, whole).unwrap();
        } else if whole != kept {
            differ.push(format!(
                "{}: expected\n{kept}\nheard\n{heard}",
                file.display()
            ));
        }
    }
    assert!(files.len() >= 12, "{files:?}");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    running.drain().await;
    house.close().await;
}

/// Sends what a file says, and returns what is kept of the answer.
async fn ask(address: SocketAddr, token: &Token, asked: &str) -> String {
    let (head, body) = asked.split_once("\n\n").unwrap_or((asked, ""));
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let body = body.trim_end();
    // The older version closes the connection behind the answer and knows no pieces.
    let mut request = format!("{line} HTTP/1.0\r\nHost: {address}\r\n");
    for header in headers.lines() {
        request += &format!("{}\r\n", header.replace("TOKEN", token.reveal()));
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let whole = tokio::time::timeout(SOON, stream.read_to_end(&mut read));
    whole.await.unwrap().unwrap();
    let text = String::from_utf8(read).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut told = format!("{}\n", status.unwrap());
    let mut kept: Vec<&str> = lines
        .filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            HEADERS.iter().any(|kept| kept.eq_ignore_ascii_case(name))
        })
        .collect();
    kept.sort_unstable();
    for line in kept {
        told += &format!("{line}\n");
    }
    told.push('\n');
    for line in body.split_inclusive('\n') {
        told += &masked(line);
    }
    told
}

/// A line whose JSON holds what differs from run to run, with words for that.
fn masked(line: &str) -> String {
    let Some(from) = line.find('{').filter(|from| {
        let before = &line[..*from];
        matches!(before, "" | "data: " | ": ")
    }) else {
        return line.to_owned();
    };
    let json = line[from..].trim_end();
    let mut value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(value.to_string(), json, "written without a space too many");
    mask(&mut value);
    let end = &line[from + json.len()..];
    format!("{}{value}{end}", &line[..from])
}

fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), &*value) {
                    ("id", Value::String(id)) if id.starts_with("chatcmpl-") => {
                        assert_eq!(id.len(), "chatcmpl-".len() + 24, "{id}");
                        *value = "chatcmpl-ID".into();
                    }
                    ("created", Value::Number(at)) if at.as_u64() > Some(1_700_000_000) => {
                        *value = "TIME".into();
                    }
                    _ => mask(value),
                }
            }
        }
        _ => {}
    }
}
