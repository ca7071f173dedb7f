//! Those who mean harm, or are broken: the server goes on for everybody else, and each refusal is counted.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aios_control::{ErrorKind, Request};
use aios_wire::generated::control::v1::{AskRequest, WatchRequest};
use aios_wire::generated::orchestration::orchestrator_service_client::OrchestratorServiceClient;
use aios_wire::generated::orchestration::task_execution_message::Content;
use aios_wire::generated::orchestration::{AgentHello, TaskExecutionMessage, TaskProgress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::fake::{House, SOON, known, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_no_token_that_is_known_is_told_nothing() {
    let house = House::open().await;
    let mut raw = house.raw().await;
    for shown in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer x"),
        Some("Basic not the owner's"),
        Some("not the owner's"),
    ] {
        let mut request = tonic::Request::new(AskRequest {
            request: br#"{"ask":"view"}"#.to_vec(),
        });
        if let Some(shown) = shown {
            request
                .metadata_mut()
                .insert("authorization", shown.parse().unwrap());
        }
        let status = raw.ask(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{shown:?}: {status}");
    }
    assert_eq!(house.refused("token"), 6);
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_with_a_reason_and_the_next_one_is_served() {
    let house = House::open().await;
    let mut raw = house.raw().await;
    let deep = "[".repeat(100_000).into_bytes();
    let rows: [(&[u8], Code); 7] = [
        (b"", Code::InvalidArgument),
        (b"{}", Code::InvalidArgument),
        (b"\xff\xfe", Code::InvalidArgument),
        (&deep, Code::InvalidArgument),
        (br#"{"ask":"kill"}"#, Code::InvalidArgument),
        (br#"{"ask":"events","goal_id":"g"}"#, Code::InvalidArgument),
        (br#"{"ask":"kill","agent":"nobody"}"#, Code::NotFound),
    ];
    for (request, code) in rows {
        let request = AskRequest {
            request: request.to_vec(),
        };
        let status = raw.ask(known(request)).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(
            aios_wire::problem_of(status.details()).is_some(),
            "{status}"
        );
    }
    assert_eq!(house.refused("node"), 7);
    let watch = WatchRequest {
        request: br#"{"ask":"view"}"#.to_vec(),
    };
    assert_eq!(
        raw.watch(known(watch)).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    // Longer than a message may be, in both directions.
    let long = AskRequest {
        request: vec![b'x'; 5 * 1024 * 1024],
    };
    let status = raw.ask(known(long)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    let mut client = house.client();
    let about = aios_control::SwarmQuestion::Show {};
    let error = client
        .ask::<String>(&Request::Swarm { about })
        .await
        .unwrap_err();
    assert_eq!(
        error.refusal().map(|error| error.kind),
        Some(ErrorKind::TooLarge),
        "{error}"
    );
    let whole: String = client.ask(&Request::Config {}).await.unwrap();
    assert_eq!(whole.len(), 4_000_000);
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_keep_nobody_out() {
    let house = House::open().await;
    let mut silent = Vec::new();
    for at in 0..400 {
        let mut stream = TcpStream::connect(house.running.address()).await.unwrap();
        if at % 2 == 0 {
            // Half of a greeting.
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nS").await;
        }
        silent.push(stream);
        if at % 100 == 99 {
            house.is_well().await;
        }
    }
    until("places are made", || house.refused("displaced") > 0).await;
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01",
        &[0xff; 1_000],
    ] {
        let mut stream = TcpStream::connect(house.running.address()).await.unwrap();
        let _ = stream.write_all(nonsense).await;
        let mut read = Vec::new();
        let _ = timeout(Duration::from_secs(15), stream.read_to_end(&mut read)).await;
    }
    house.is_well().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_begins_and_takes_back_thousands_of_calls_is_let_go() {
    let house = House::open().await;
    let mut stream = TcpStream::connect(house.running.address()).await.unwrap();
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend(frame(4, 0, 0, &[]));
    // POST http / with an authority, by HPACK's table of names.
    let head = [0x83, 0x86, 0x84, 0x41, 1, b'x'];
    for call in 0..5_000_u32 {
        let stream = 2 * call + 1;
        said.extend(frame(1, 0x4, stream, &head));
        said.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    // The server may hang up before all of it is sent.
    let _ = stream.write_all(&said).await;
    let mut read = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut read)).await;
    assert!(ended.is_ok(), "it is let go");
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_and_does_not_read_is_pushed_back() {
    let house = House::open().await;
    let mut raw = house.raw().await;
    let request = br#"{"ask":"events","goal_id":"endless"}"#.to_vec();
    let watched = raw
        .watch(known(WatchRequest { request }))
        .await
        .unwrap()
        .into_inner();
    let taken = || house.node.taken.load(Relaxed);
    until("the watch has begun", || taken() > 10).await;
    // It stands still when what may be under way is.
    let mut last = 0;
    let stands = async {
        loop {
            let now = taken();
            if now == last {
                return now;
            }
            last = now;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let stood = timeout(SOON, stands).await.unwrap();
    assert!(
        stood < 10_000,
        "{stood} events of 1 kB were taken for nobody"
    );
    house.is_well().await;
    drop(watched);
}

/// A stream of an agent: what it is told, and how it says something.
async fn stream(
    house: &House,
) -> (
    tonic::Streaming<TaskExecutionMessage>,
    mpsc::Sender<TaskExecutionMessage>,
) {
    let (say, said) = mpsc::channel(8);
    let mut service = OrchestratorServiceClient::new(house.channel().await);
    let told = service
        .execute_task(ReceiverStream::new(said))
        .await
        .unwrap();
    (told.into_inner(), say)
}

async fn told(stream: &mut tonic::Streaming<TaskExecutionMessage>) -> Option<Content> {
    let message = timeout(SOON, stream.message()).await.unwrap().unwrap();
    message.and_then(|message| message.content)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_nobody_expects_is_told_so_and_counted() {
    let house = House::open().await;
    let wrong = [
        Content::Hello(AgentHello::default()),
        Content::Progress(TaskProgress::default()),
    ];
    for (at, content) in wrong.into_iter().enumerate() {
        let (mut stream, say) = stream(&house).await;
        let Some(Content::Challenge(challenge)) = told(&mut stream).await else {
            panic!("no challenge");
        };
        assert_eq!(challenge.nonce.len(), 32);
        say.send(TaskExecutionMessage {
            content: Some(content),
        })
        .await
        .unwrap();
        let Some(Content::Bye(bye)) = told(&mut stream).await else {
            panic!("no bye");
        };
        assert!(!bye.problem.unwrap().message.is_empty());
        assert_eq!(told(&mut stream).await, None);
        assert_eq!(house.node.strangers.load(Relaxed), at + 1);
    }
    // Whoever leaves at once costs nothing.
    for _ in 0..50 {
        drop(stream(&house).await);
    }
    house.is_well().await;
}
