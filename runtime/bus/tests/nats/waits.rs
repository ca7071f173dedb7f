//! What waits while the server is away, and what nobody will ever take.

use std::time::Duration;

use aios_bus::data::nats::frame::Proven;
use aios_bus::data::nats::{
    self, ApplyError, Follow, FollowCounts, NatsDataBus, Outbox, OutboxLimits, StreamView, streams,
};
use aios_protocols::Subject;
use aios_protocols::ports::{BusError, DataBus};
use bytes::Bytes;
use futures::StreamExt;

use crate::rig;

fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

#[test]
fn what_is_published_while_the_server_is_away_arrives_in_order_when_it_is_back() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut server = rig::server(&folder.path().join("nats"));
        server.kill();
        let link = nats::NatsLink::open(&rig::settings(&server)).await.unwrap();
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let own = rig::own(1, &[1]);
        let _drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        let bus = NatsDataBus::new(link.clone(), own, Some(outbox.clone()));
        for at in 0..20_u8 {
            let payload = Bytes::from(vec![at]);
            bus.publish(subject("aios.data.results.g1"), payload)
                .await
                .unwrap();
        }
        // What need not last is not kept for later.
        let metrics = bus
            .publish(subject("aios.data.metrics.n"), Bytes::new())
            .await;
        assert!(matches!(metrics, Err(BusError::Unreachable(_))));
        assert_eq!(outbox.counts().waiting, 20);
        server.start_again().unwrap();
        rig::until("all has left", || outbox.counts().waiting == 0).await;
        let stream = link.context().get_stream("AIOS_RESULTS").await.unwrap();
        for at in 0..20_u8 {
            let message = stream.get_raw_message(u64::from(at) + 1).await.unwrap();
            assert_eq!(message.payload, vec![at]);
            let id = message.headers.get("Nats-Msg-Id").unwrap().as_str();
            assert!(id.starts_with(outbox.name()), "{id}");
        }
    });
}

/// The answer to an attempt is lost, and the process with it: the message is in the stream, and the outbox does not know.
#[test]
fn an_attempt_whose_answer_was_lost_is_found_and_not_stored_twice() {
    lost_answers(None);
}

#[test]
fn it_is_found_when_the_server_has_long_forgotten_its_name() {
    lost_answers(Some(Duration::from_millis(100)));
}

/// With a server that remembers names for so long, if not for as long as it is asked to.
fn lost_answers(names: Option<Duration>) {
    rig::run(async move {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let link = rig::link(&rig::settings(&server)).await;
        if let Some(duplicate_window) = names {
            let config = async_nats::jetstream::stream::Config {
                name: streams::EVENTS.name.to_owned(),
                subjects: streams::EVENTS.all_subjects(),
                duplicate_window,
                ..Default::default()
            };
            link.context().create_stream(config).await.unwrap();
        }
        let own = rig::own(1, &[1]);
        let copy = folder.path().join("copy");
        {
            let outbox = rig::outbox(&folder.path().join("outbox"));
            for at in 0..3_u8 {
                let payload = Bytes::from(vec![at]);
                let now = rig::clock()();
                outbox
                    .accept("aios.events.task.g".into(), now, None, payload)
                    .await
                    .unwrap();
            }
            // Closed before anything has left: the copy knows of no attempt.
            outbox.close();
            drop(outbox);
            copy_folder(&folder.path().join("outbox"), &copy);
            let outbox = rig::outbox(&folder.path().join("outbox"));
            let drain = nats::drain(link.clone(), outbox.clone(), own.clone());
            rig::until("all has left", || outbox.counts().waiting == 0).await;
            drain.abort();
            let _ = drain.await;
        }
        tokio::time::sleep(names.unwrap_or_default() * 3).await;
        let outbox = rig::outbox(&copy);
        assert_eq!(outbox.counts().found, 3);
        let _drain = nats::drain(link.clone(), outbox.clone(), own);
        rig::until("all has left again", || outbox.counts().waiting == 0).await;
        assert_eq!(outbox.counts().found_stored, 3);
        let mut stream = link.context().get_stream("AIOS_EVENTS").await.unwrap();
        assert_eq!(stream.info().await.unwrap().state.messages, 3);
    });
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Two nodes publish on one subject: neither shuts the other out.
#[test]
fn two_outboxes_share_a_subject() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let mut boxes = Vec::new();
        for seed in [1, 2] {
            let link = rig::link(&rig::settings(&server)).await;
            let path = folder.path().join(seed.to_string());
            let outbox = Outbox::open(&path, OutboxLimits::default(), rig::identity(seed)).unwrap();
            let outbox = std::sync::Arc::new(outbox);
            let drain = nats::drain(link, outbox.clone(), rig::own(seed, &[]));
            boxes.push((outbox, drain));
        }
        for at in 0..50_u8 {
            for (outbox, _) in &boxes {
                let payload = Bytes::from(vec![at]);
                let now = rig::clock()();
                outbox
                    .accept("aios.events.task.g".into(), now, None, payload)
                    .await
                    .unwrap();
            }
        }
        for (outbox, _) in &boxes {
            rig::until("all has left", || outbox.counts().waiting == 0).await;
        }
        let link = rig::link(&rig::settings(&server)).await;
        let stream = link.context().get_stream("AIOS_EVENTS").await.unwrap();
        assert_eq!(stream.cached_info().state.messages, 100);
    });
}

#[test]
fn what_the_server_will_never_take_is_told_among_the_dead_letters() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let link = rig::link(&rig::settings(&server)).await;
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let own = rig::own(1, &[1]);
        let _drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        let now = rig::clock()();
        let large = Bytes::from(vec![0; 12 << 20]);
        outbox
            .accept("aios.data.results.large".into(), now, None, large)
            .await
            .unwrap();
        outbox
            .accept("aios.data.results.large".into(), now, None, Bytes::new())
            .await
            .unwrap();
        rig::until("all has left", || outbox.counts().waiting == 0).await;
        let counts = outbox.counts();
        assert_eq!((counts.given_up, counts.delivered), (1, 2));
        let stream = link
            .context()
            .get_stream("AIOS_DEAD_LETTERS")
            .await
            .unwrap();
        let letter = stream.get_raw_message(1).await.unwrap();
        let letter: serde_json::Value = serde_json::from_slice(&letter.payload).unwrap();
        assert_eq!(letter["reason"], "too-large");
        assert_eq!(letter["subject"], "aios.data.results.large");
        assert_eq!(letter["bytes"], 12 << 20);
    });
}

/// A view that cannot do one message, and needs three attempts for another.
#[derive(Default)]
struct Fussy {
    applied: u64,
    attempts: u32,
    done: Vec<Bytes>,
}

impl StreamView for Fussy {
    fn applied(&self) -> Result<u64, ApplyError> {
        Ok(self.applied)
    }

    fn apply(&mut self, sequence: u64, message: &Proven) -> Result<(), ApplyError> {
        match &message.frame.payload[..] {
            b"nonsense" => return Err(ApplyError::Never("nonsense".into())),
            b"hard" if self.attempts < 2 => {
                self.attempts += 1;
                return Err(ApplyError::NotNow("busy".into()));
            }
            b"hopeless" => return Err(ApplyError::NotNow("always busy".into())),
            _ => {}
        }
        self.done.push(message.frame.payload.clone());
        self.applied = sequence;
        Ok(())
    }

    fn pass_over(&mut self, sequence: u64) -> Result<(), ApplyError> {
        self.applied = sequence;
        Ok(())
    }
}

#[test]
fn what_a_follower_cannot_do_goes_to_the_dead_letters_and_the_rest_goes_on() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let link = rig::link(&rig::settings(&server)).await;
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let own = rig::own(1, &[1]);
        let _drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        let now = rig::clock()();
        for payload in ["one", "nonsense", "hard", "hopeless", "two"] {
            let payload = Bytes::from(payload);
            outbox
                .accept("aios.events.task.g".into(), now, None, payload)
                .await
                .unwrap();
        }
        rig::until("all has left", || outbox.counts().waiting == 0).await;
        // And one that nobody signed.
        link.context()
            .publish("aios.events.task.g", "forged".into())
            .await
            .unwrap()
            .await
            .unwrap();
        let what = Follow {
            stream: &streams::EVENTS,
            pattern: "aios.events.>".into(),
            name: "fussy".into(),
            attempts_max: 3,
        };
        let (mut view, mut counts) = (Fussy::default(), FollowCounts::default());
        let lags = std::sync::Mutex::new(Vec::new());
        let all = |counts: &FollowCounts| {
            lags.lock().unwrap().push(counts.lag);
            counts.applied + counts.dead == 6
        };
        nats::follow(&link, &own, &what, &mut view, &mut counts, &all).await;
        // How far behind it was, of six that were there before it came.
        let mut lags = lags.into_inner().unwrap();
        lags.retain(|lag| *lag > 0);
        assert_eq!((lags.first(), counts.lag), (Some(&5), 0), "{lags:?}");
        assert!(lags.is_sorted_by(|a, b| a >= b), "{lags:?}");
        assert_eq!(view.done, ["one", "hard", "two"]);
        assert_eq!((counts.applied, counts.dead, counts.refused), (3, 3, 1));
        let stream = link
            .context()
            .get_stream("AIOS_DEAD_LETTERS")
            .await
            .unwrap();
        let mut reasons = Vec::new();
        for at in 1..=3 {
            let letter = stream.get_raw_message(at).await.unwrap();
            assert_eq!(letter.subject.as_str(), "dlq.fussy");
            let value: serde_json::Value = serde_json::from_slice(&letter.payload).unwrap();
            reasons.push((value["reason"].clone(), value["payload"].clone()));
        }
        assert_eq!(
            reasons,
            [
                ("not-applied".into(), "nonsense".into()),
                ("not-applied".into(), "hopeless".into()),
                ("unsigned".into(), "forged".into()),
            ]
        );
    });
}

/// Whoever asks for more than it takes loses what does not fit, and that is counted; the others lose nothing.
#[test]
fn a_subscription_that_overflows_is_counted_and_delays_nobody() {
    /// What the client holds for one subscription.
    const HELD: usize = 65_536;
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(folder.path());
        let link = rig::link(&rig::settings(&server)).await;
        let mut idle = link.client().subscribe("flood").await.unwrap();
        let mut other = link.client().subscribe("quiet").await.unwrap();
        link.client().flush().await.unwrap();
        assert_eq!(link.counts().slow, 0);
        let stranger = rig::link(&rig::settings(&server)).await;
        let publish = async |subject: &'static str| {
            let published = stranger.client().publish(subject, "x".into());
            published.await.unwrap();
        };
        for _ in 0..HELD + 100 {
            publish("flood").await;
        }
        publish("quiet").await;
        stranger.client().flush().await.unwrap();
        assert!(other.next().await.is_some(), "it hears on");
        rig::until("what did not fit is counted", || link.counts().slow >= 100).await;
        let mut heard = 0;
        while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(200), idle.next()).await
        {
            heard += 1;
        }
        let slow = link.counts().slow;
        assert_eq!(heard + usize::try_from(slow).unwrap(), HELD + 100);
        assert_eq!(stranger.counts().slow, 0);
    });
}
