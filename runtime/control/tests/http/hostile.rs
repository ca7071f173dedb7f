//! Those who mean harm, or are broken: the server goes on for everybody else, and each refusal is counted.

use std::time::{Duration, Instant};

use aios_control::http::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{Answer, House, SOON, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_and_the_next_one_is_served() {
    let house = House::open().await;
    let long = "x".repeat(4 * 1024 * 1024 + 1);
    let deep = "[".repeat(200_000);
    let post = |body: &[u8]| {
        let head = house.head(
            "POST /v1/ask",
            &format!("Content-Length: {}\r\n", body.len()),
        );
        [format!("{head}\r\n").as_bytes(), body].concat()
    };
    let get = |more: &str| format!("{}\r\n", house.head("GET /v1/view", more)).into_bytes();
    let bomb: String = (0..1_000).map(|at| format!("X-{at}: y\r\n")).collect();
    let rows: [(&str, Vec<u8>, u16, Option<Refusal>); 11] = [
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            400,
            Some(Refusal::Head),
        ),
        (
            "another protocol",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            0,
            None,
        ),
        ("many headers", get(&bomb), 431, Some(Refusal::Head)),
        (
            "a long header",
            get(&format!("X: {}\r\n", "y".repeat(64 * 1024))),
            431,
            Some(Refusal::Head),
        ),
        (
            "a long path",
            format!(
                "{}\r\n",
                house.head(&format!("GET /{}", "y".repeat(70_000)), "")
            )
            .into_bytes(),
            0,
            None,
        ),
        (
            "a large body",
            post(long.as_bytes()),
            413,
            Some(Refusal::Body),
        ),
        (
            "a deep body",
            post(deep.as_bytes()),
            400,
            Some(Refusal::Node),
        ),
        (
            "no UTF-8",
            post(b"{\"ask\": \"\xff\xfe\"}"),
            400,
            Some(Refusal::Node),
        ),
        (
            "half a character",
            post("{\"ask\":\"kill\",\"agent\":\"\\ud800\"}".as_bytes()),
            400,
            Some(Refusal::Node),
        ),
        (
            "a key twice",
            post(b"{\"ask\":\"kill\",\"agent\":\"a\",\"agent\":\"b\"}"),
            400,
            Some(Refusal::Node),
        ),
        (
            "a path that is no UTF-8",
            format!("{}\r\n", house.head("GET /v1/goals/%ff%fe", "")).into_bytes(),
            400,
            Some(Refusal::Node),
        ),
    ];
    for (what, bytes, status, counted) in rows {
        let before = counted.map(|why| house.running.refused(why));
        let answer = house.raw(&bytes).await;
        // Somebody who is still sending may be hung up on before the answer is read.
        let cut = answer.status == 0 && bytes.len() > 60_000;
        assert!(
            status == 0 || cut || answer.status == status,
            "{what}: {:.300}",
            format!("{answer:?}")
        );
        if let (Some(why), Some(before)) = (counted, before) {
            until(what, || house.running.refused(why) > before).await;
        }
        house.is_well().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_end_ends() {
    let house = House::open().await;
    let mut stream = house.connect().await;
    let head = house.head("POST /v1/ask", "Transfer-Encoding: chunked\r\n");
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0_usize;
    let endless = async {
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
    };
    tokio::time::timeout(SOON, endless).await.unwrap();
    assert!(sent < 64 * 1024 * 1024, "somebody keeps all of it: {sent}");
    assert_eq!(house.running.refused(Refusal::Body), 1);
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_drip_say_nothing_or_read_nothing_keep_nobody_out_and_are_let_go() {
    let house = House::open().await;
    // More than there are places.
    let mut silent = Vec::new();
    for at in 0..300 {
        let mut stream = house.connect().await;
        if at % 2 == 0 {
            stream
                .write_all(b"GET /v1/view HTTP/1.1\r\nHost: ")
                .await
                .unwrap();
        }
        silent.push(stream);
    }
    let asked = Instant::now();
    house.is_well().await;
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "before anybody's time was over: {:?}",
        asked.elapsed()
    );
    // Counted when they have left, which on a busy machine is a moment later.
    until("those who gave way", || {
        house.running.refused(Refusal::Displaced) >= 44
    })
    .await;

    let mut dripping = house.connect().await;
    let begun = Instant::now();
    let drip = tokio::spawn(async move {
        // A byte now and then: each by itself is in time, the head never is.
        while dripping.write_all(b"G").await.is_ok() && begun.elapsed() < SOON {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        begun.elapsed()
    });
    let mut slow = house.connect().await;
    let head = house.head("POST /v1/ask", "Content-Length: 100\r\n");
    slow.write_all(format!("{head}\r\n{{").as_bytes())
        .await
        .unwrap();
    assert!(drip.await.unwrap() < Duration::from_secs(30));
    let mut said = Vec::new();
    tokio::time::timeout(SOON, slow.read_to_end(&mut said))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Answer::read(&said).status, 408);
    // The silent and the dripping by then, and the one with half a body.
    until("the slow", || house.running.refused(Refusal::Slow) >= 3).await;
    let before = house.running.refused(Refusal::Slow);
    // Answers as long as they may be, of which nothing is read.
    let mut deaf = house.connect().await;
    let head = house
        .head("GET /v1/config", "")
        .replace("Connection: close\r\n", "");
    for _ in 0..8 {
        deaf.write_all(format!("{head}\r\n").as_bytes())
            .await
            .unwrap();
    }
    until("the deaf one's leave", || {
        house.running.refused(Refusal::Slow) > before
    })
    .await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(SOON, deaf.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(
        rest.len() < 8 * 4_000_000,
        "it was not held for without end"
    );
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_that_come_and_go_cost_nobody_anything() {
    let house = House::open().await;
    for _ in 0..5_000 {
        drop(house.connect().await);
    }
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_tokens_is_slowed_down_and_the_owner_is_not() {
    let house = House::open().await;
    let address = house.running.address();
    let guess = format!(
        "GET /v1/view HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer 00\r\nConnection: close\r\n\r\n"
    );
    let mut statuses = Vec::new();
    for _ in 0..200 {
        statuses.push(house.raw(guess.as_bytes()).await);
    }
    let slowed: Vec<&Answer> = statuses
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert!(
        !slowed.is_empty()
            && slowed
                .iter()
                .all(|answer| answer.header("retry-after").is_some())
    );
    assert_eq!(house.running.refused(Refusal::Rate), slowed.len() as u64);
    assert_eq!(
        house.running.refused(Refusal::Token),
        (200 - slowed.len()) as u64
    );
    house.is_well().await;
}
