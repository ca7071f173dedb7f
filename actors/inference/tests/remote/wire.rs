//! A server that plays what it is told on each connection, and tells what it was sent and when its caller hung up.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One step of an answer.
#[derive(Clone)]
pub(crate) enum Act {
    /// These bytes.
    Send(Vec<u8>),
    /// Nothing for a while.
    Wait(Duration),
    /// Nothing until the caller hangs up, which the test is told.
    UntilHungUp,
}

/// What the test hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// A request, whole.
    Request(String),
    /// The caller hung up.
    HungUp,
}

pub(crate) struct Wire {
    pub(crate) address: String,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
}

/// The head of a stream.
pub(crate) fn stream_head() -> Act {
    Act::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec(),
    )
}

/// A whole answer of any status.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status} Something\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    vec![Act::Send(format!("{head}{body}").into_bytes())]
}

/// A stream of these events, then the end of the connection.
pub(crate) fn stream(events: &[&str]) -> Vec<Act> {
    let mut acts = vec![stream_head()];
    acts.extend(events.iter().map(|data| said(data)));
    acts
}

/// One event.
pub(crate) fn said(data: &str) -> Act {
    Act::Send(format!("data: {data}\n\n").into_bytes())
}

/// A chunk of OpenAI's form with this text.
pub(crate) fn chunk(text: &str) -> String {
    serde_json::json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "a-model",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
    .to_string()
}

/// The last chunk.
pub(crate) fn last(reason: &str) -> String {
    serde_json::json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "a-model",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    .to_string()
}

impl Wire {
    /// Plays one script for each connection, in order; further ones are hung up on.
    pub(crate) async fn play(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let script = scripts.next().unwrap_or_default();
                tokio::spawn(one(stream, script, tell.clone()));
            }
        });
        Self { address, heard }
    }

    /// The next thing that is heard.
    pub(crate) async fn next(&mut self) -> Heard {
        crate::within(self.heard.recv()).await.unwrap()
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> String {
        match self.next().await {
            Heard::Request(text) => text,
            Heard::HungUp => panic!("the caller hung up"),
        }
    }
}

async fn one(mut stream: TcpStream, script: Vec<Act>, tell: mpsc::UnboundedSender<Heard>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length:")
                    .map(str::to_owned)
            })
            .and_then(|length| length.trim().parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            let _ = tell.send(Heard::Request(text.into_owned()));
            break;
        }
    }
    for act in script {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    let _ = tell.send(Heard::HungUp);
                    return;
                }
            }
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::UntilHungUp => {
                while stream.read(&mut buffer).await.unwrap_or(0) > 0 {}
                let _ = tell.send(Heard::HungUp);
            }
        }
    }
}
