//! The buses beside what they are made of, in one run. Here the data bus on a NATS server beside the bare client: what signing, headers,
//! streams and the outbox add; the tensor bus is in [`tensor`].

mod beside;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_bus::data::nats::rpc::Notification;
use aios_bus::data::nats::server::{Access, NatsServer, ServerOptions, Sync};
use aios_bus::data::nats::{
    self, Credentials, NatsDataBus, NatsLink, NatsSettings, Outbox, OutboxLimits, Told,
};
use aios_inference::models::{NATS_SERVER, program};
use aios_protocols::{KeyRegistry, PrincipalId, SigningIdentity, Subject, TenantId, Timestamp};

use super::{failed, tensor};
use crate::own_node::threads;
use crate::weights;

/// Messages of each subject in a round.
const MESSAGES: usize = 400;
/// Messages that are sent without waiting for each.
const MANY: usize = 4_000;
/// Events that are told as a node tells them, and how many of them are ready at once.
const EVENTS: usize = 200_000;
const READY: usize = 4_096;
/// The fewest events a second that are told, stored and acknowledged.
const EVENTS_PER_S: f64 = 100_000.0;
/// Subjects that they go to.
const SUBJECTS: usize = 64;
/// Bytes of a message: an event.
const BYTES: usize = 256;
/// The most that a stored message may cost beside the bare client and its signature.
const STORED: f64 = 1.3;
/// The most that a signed ask may cost beside a bare one and its signatures.
const ASKED: f64 = 1.5;
const SOON: Duration = Duration::from_secs(20);

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    let mut report = Report::begin("buses");
    tensor::measure(rounds, &mut report)?;
    let cache = weights::cache().map_err(|failure| failed(failure.sentence()))?;
    let env = |name: &str| std::env::var_os(name);
    let program = match program(&NATS_SERVER, &env, &cache, &mut |_| {}) {
        Ok(program) => program,
        Err(error) => {
            report.skip(format!("nats-server: {error}"));
            return Ok(report);
        }
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let server = NatsServer::start(ServerOptions {
        program,
        folder: folder.path().join("nats"),
        address: None,
        access: Access::Anybody,
        tls: None,
        sync: Sync::Soon,
    })
    .map_err(failed)?;
    let runtime = threads().map_err(|failure| failed(failure.sentence()))?;
    runtime.block_on(measure(&server, folder.path(), rounds, &mut report))?;
    Ok(report)
}

async fn measure(
    server: &NatsServer,
    folder: &Path,
    rounds: u32,
    report: &mut Report,
) -> Result<(), BenchError> {
    let settings = NatsSettings {
        address: server.url(),
        ..NatsSettings::default()
    };
    let link = NatsLink::open(&settings).await.map_err(failed)?;
    if !link.up_within(SOON).await {
        return Err(failed("the NATS server is not reached"));
    }
    nats::ensure(&link).await;
    let own = own()?;
    let bus = NatsDataBus::new(link.clone(), own.clone(), None);
    let payload = bytes::Bytes::from(vec![b'x'; BYTES]);
    let signed = [0_u8; BYTES + 128];
    let subject: Subject = "aios.events.task.bench".parse().map_err(failed)?;
    let [mut bare, mut sign, mut stored, mut ask, mut asked] = [const { Samples::new() }; 5];
    let answering = answer(&link, &own).await?;
    for round in 0..rounds {
        for at in 0..MESSAGES {
            let begun = Instant::now();
            let sent = link
                .context()
                .publish("aios.events.task.bare", payload.clone());
            sent.await.map_err(failed)?.await.map_err(failed)?;
            bare.push(begun.elapsed().as_secs_f64());

            let begun = Instant::now();
            std::hint::black_box(own.identity.sign(nats::frame::PURPOSE, &signed));
            sign.push(begun.elapsed().as_secs_f64());

            let id = format!("bench-{round}-{at}");
            let begun = Instant::now();
            bus.publish_stored(&subject, payload.clone(), &id)
                .await
                .map_err(failed)?;
            stored.push(begun.elapsed().as_secs_f64());

            let begun = Instant::now();
            let request = link.client().request("bench.bare", payload.clone());
            request.await.map_err(failed)?;
            ask.push(begun.elapsed().as_secs_f64());

            let begun = Instant::now();
            exchange(&link, &own, &payload, round as usize * MESSAGES + at).await?;
            asked.push(begun.elapsed().as_secs_f64());
        }
    }
    for task in answering {
        task.abort();
    }
    let verify = verifying(&own, &signed);
    let [bare, sign, stored, ask, asked] =
        [bare, sign, stored, ask, asked].map(|samples| samples.median() * 1e6);
    report.figure("bare_publish_ack_us", bare);
    report.figure("sign_us", sign);
    report.figure("verify_us", verify);
    report.figure("signed_publish_ack_us", stored);
    report.figure("bare_request_us", ask);
    report.figure("signed_request_us", asked);
    report.bar(Bar::at_most(
        "stored",
        "a signed message stored and acknowledged, beside the bare client and one signature",
        stored / (bare + sign),
        STORED,
        "times",
    ));
    report.bar(Bar::at_most(
        "asked",
        "a signed question and its signed answer, beside a bare request, two signatures and two proofs",
        asked / (ask + 2.0 * (sign + verify)),
        ASKED,
        "times",
    ));
    many(&link, &own, folder, &payload, report).await?;
    beside::measure(server, folder, rounds, report).await
}

/// Many at once: the bare client with its acknowledgements behind, and through the outbox into the streams.
async fn many(
    link: &NatsLink,
    own: &Credentials,
    folder: &Path,
    payload: &bytes::Bytes,
    report: &mut Report,
) -> Result<(), BenchError> {
    let begun = Instant::now();
    let mut behind = Vec::new();
    for at in 0..MANY {
        let subject = format!("aios.events.task.many{}", at % SUBJECTS);
        let sent = link.context().publish(subject, payload.clone());
        behind.push(sent.await.map_err(failed)?);
        if behind.len() == 256 {
            for sent in behind.drain(..) {
                sent.await.map_err(failed)?;
            }
        }
    }
    for sent in behind {
        sent.await.map_err(failed)?;
    }
    let bare = MANY as f64 / begun.elapsed().as_secs_f64();
    let outbox = Outbox::open(
        &folder.join("outbox"),
        OutboxLimits::default(),
        Arc::clone(&own.identity),
    );
    let outbox = Arc::new(outbox.map_err(failed)?);
    let begun = Instant::now();
    let mut accepting = tokio::task::JoinSet::new();
    for task in 0..SUBJECTS {
        let (outbox, payload, clock) = (Arc::clone(&outbox), payload.clone(), own.clock.clone());
        accepting.spawn(async move {
            for _ in 0..MANY / SUBJECTS {
                let subject = format!("aios.events.task.outbox{task}");
                outbox
                    .accept(subject, clock(), None, payload.clone())
                    .await?;
            }
            Ok::<(), nats::OutboxError>(())
        });
    }
    while let Some(accepted) = accepting.join_next().await {
        accepted.map_err(failed)?.map_err(failed)?;
    }
    let count = (MANY / SUBJECTS * SUBJECTS) as f64;
    report.figure(
        "outbox_accepted_per_s",
        count / begun.elapsed().as_secs_f64(),
    );
    let begun = Instant::now();
    let draining = nats::drain(link.clone(), Arc::clone(&outbox), own.clone());
    while outbox.counts().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    draining.abort();
    report.figure(
        "outbox_drained_per_s",
        count / begun.elapsed().as_secs_f64(),
    );
    report.figure("bare_stored_per_s", bare);
    events(link, own, folder, report).await
}

/// Events as a node tells them: what is ready goes together, is accepted by the outbox, and stored in the streams while more is told.
async fn events(
    link: &NatsLink,
    own: &Credentials,
    folder: &Path,
    report: &mut Report,
) -> Result<(), BenchError> {
    let outbox = Outbox::open(
        &folder.join("events"),
        OutboxLimits::default(),
        Arc::clone(&own.identity),
    );
    let outbox = Arc::new(outbox.map_err(failed)?);
    let bus = NatsDataBus::new(link.clone(), own.clone(), Some(Arc::clone(&outbox)));
    let sender = own.identity.party().as_str();
    let content = format!("{{\"what\":\"{}\"}}", "x".repeat(BYTES - 11));
    let before = stored(link).await?;
    let begun = Instant::now();
    let draining = nats::drain(link.clone(), Arc::clone(&outbox), own.clone());
    for first in (0..EVENTS).step_by(READY) {
        let mut ready = Vec::with_capacity(READY);
        for at in first..(first + READY).min(EVENTS) {
            let subject: Subject = format!("aios.events.task.burst{}", at % SUBJECTS)
                .parse()
                .map_err(failed)?;
            let name = subject.as_str();
            ready.push(Told {
                notification: Notification::inform(sender, name, at as u64, content.as_bytes()),
                trace: None,
                subject,
            });
        }
        for (_, outcome) in bus.publish_together(ready).await {
            outcome.map_err(failed)?;
        }
    }
    while outbox.counts().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = EVENTS as f64 / begun.elapsed().as_secs_f64();
    draining.abort();
    report.figure("events_per_s", rate);
    report.figure(
        "events_per_message",
        EVENTS as f64 / (stored(link).await? - before) as f64,
    );
    report.bar(Bar::at_least(
        "events",
        "events told, signed, accepted on this machine's disk, stored and acknowledged, in a second",
        rate,
        EVENTS_PER_S,
        "a second",
    ));
    Ok(())
}

/// Messages that the events' stream ever had.
async fn stored(link: &NatsLink) -> Result<u64, BenchError> {
    let name = nats::streams::EVENTS.name;
    let stream = link.context().get_stream(name).await.map_err(failed)?;
    Ok(stream.cached_info().state.last_sequence)
}

/// Whoever answers the bare request, and the signed one.
async fn answer(
    link: &NatsLink,
    own: &Credentials,
) -> Result<[tokio::task::JoinHandle<()>; 2], BenchError> {
    use futures::StreamExt;

    let client = link.client().clone();
    let mut bare = client.subscribe("bench.bare").await.map_err(failed)?;
    let mut signed = client.subscribe("bench.signed").await.map_err(failed)?;
    client.flush().await.map_err(failed)?;
    let (mine, own) = (client.clone(), own.clone());
    let bare = tokio::spawn(async move {
        while let Some(message) = bare.next().await {
            if let Some(reply) = message.reply {
                let _ = mine.publish(reply, message.payload).await;
            }
        }
    });
    let signed = tokio::spawn(async move {
        while let Some(message) = signed.next().await {
            let Some(reply) = message.reply.clone() else {
                continue;
            };
            let Ok(proven) = nats::open_message(&message, &own) else {
                continue;
            };
            let frame = nats::frame::Frame {
                subject: reply.to_string(),
                ..proven.frame
            };
            let headers = nats::header_map(&frame, &own.identity);
            let _ = client
                .publish_with_headers(reply, headers, frame.payload)
                .await;
        }
    });
    Ok([bare, signed])
}

/// A signed question and its signed answer.
async fn exchange(
    link: &NatsLink,
    own: &Credentials,
    payload: &bytes::Bytes,
    at: usize,
) -> Result<(), BenchError> {
    let frame = nats::frame::Frame {
        subject: "bench.signed".to_owned(),
        tenant: own.tenant.clone(),
        id: format!("ask-{at}"),
        time: (own.clock)(),
        trace: None,
        payload: payload.clone(),
    };
    let headers = nats::header_map(&frame, &own.identity);
    let answer = link
        .client()
        .request_with_headers("bench.signed", headers, frame.payload)
        .await
        .map_err(failed)?;
    nats::open_message(&answer, own).map_err(failed)?;
    Ok(())
}

fn verifying(own: &Credentials, signed: &[u8]) -> f64 {
    let (key, signature) = (
        own.identity.public_key(),
        own.identity.sign(nats::frame::PURPOSE, signed),
    );
    let mut samples = Samples::new();
    for _ in 0..MESSAGES {
        let begun = Instant::now();
        std::hint::black_box(key.verifies(nats::frame::PURPOSE, signed, &signature));
        samples.push(begun.elapsed().as_secs_f64());
    }
    samples.median() * 1e6
}

fn own() -> Result<Credentials, BenchError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(failed)?;
    let party: PrincipalId = "service:bench@local".parse().map_err(failed)?;
    let identity = Arc::new(SigningIdentity::from_seed(party, seed));
    let clock = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::since_epoch(now.unwrap_or_default())
    };
    let keys = KeyRegistry::new();
    keys.register(&identity.claim(0), clock()).map_err(failed)?;
    Ok(Credentials {
        identity,
        keys: Arc::new(keys),
        tenant: TenantId::new("local").map_err(failed)?,
        prefixed: false,
        clock: Arc::new(clock),
        refusals: aios_bus::Refusals::default(),
    })
}
