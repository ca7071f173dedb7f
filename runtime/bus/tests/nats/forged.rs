//! Frames that are not what they say: each is refused and counted, and what is sound goes on.

use std::sync::{Arc, Mutex};

use aios_bus::data::nats::frame::{Frame, header};
use aios_bus::{BusRefusal, RefusalSink, Refusals};
use aios_protocols::TenantId;
use aios_protocols::ports::DataBus;
use async_nats::HeaderMap;
use bytes::Bytes;

use crate::rig;

/// Keeps what was refused.
#[derive(Default)]
struct Trail(Mutex<Vec<BusRefusal>>);

impl RefusalSink for Trail {
    fn refused(&self, refusal: BusRefusal) {
        self.0.lock().unwrap().push(refusal);
    }
}

#[test]
fn forged_stale_moved_and_truncated_frames_are_refused_and_counted() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(folder.path());
        let trail = Arc::new(Trail::default());
        let mut own = rig::own(1, &[1]);
        own.refusals = Refusals::to(Arc::clone(&trail) as _);
        let bus = rig::bus(&server, own).await;
        let mut heard = bus
            .subscribe("aios.data.metrics.>".parse().unwrap(), 64)
            .await
            .unwrap();
        // A stranger with a connection of its own, who has seen a sound frame.
        let stranger = rig::link(&rig::settings(&server)).await;
        let now = rig::clock()();
        let sound = Frame {
            subject: "aios.data.metrics.n".into(),
            tenant: TenantId::new("local").unwrap(),
            id: "n-1".into(),
            time: now,
            trace: None,
            payload: Bytes::from_static(b"{\"cpu\":1}"),
        };
        let headers = |frame: &Frame, seed: u8| {
            let mut map = HeaderMap::new();
            for (name, value) in frame.headers(&rig::identity(seed)) {
                map.insert(name, value.as_str());
            }
            map
        };
        let good = headers(&sound, 1);
        let changed = |name: &'static str, value: &str| {
            let mut map = good.clone();
            map.insert(name, value);
            map
        };
        let stale = Frame {
            time: now - std::time::Duration::from_secs(7_200),
            ..sound.clone()
        };
        let ahead = Frame {
            time: now + std::time::Duration::from_secs(7_200),
            ..sound.clone()
        };
        let whole = sound.payload.clone();
        let subject = "aios.data.metrics.n";
        let table: Vec<(&str, &str, HeaderMap, Bytes)> = vec![
            ("unsigned", subject, HeaderMap::new(), whole.clone()),
            ("truncated", subject, good.clone(), whole.slice(..4)),
            (
                "longer",
                subject,
                good.clone(),
                Bytes::from_static(b"{\"cpu\":1} "),
            ),
            (
                "moved",
                "aios.data.metrics.other",
                good.clone(),
                whole.clone(),
            ),
            ("another's key", subject, headers(&sound, 9), whole.clone()),
            ("stale", subject, headers(&stale, 1), whole.clone()),
            ("ahead", subject, headers(&ahead, 1), whole.clone()),
            (
                "made younger",
                subject,
                changed(header::TIME, "1"),
                whole.clone(),
            ),
            (
                "no number",
                subject,
                changed(header::TIME, "soon"),
                whole.clone(),
            ),
            (
                "half a signature",
                subject,
                changed(header::SIGNATURE, "00"),
                whole.clone(),
            ),
            (
                "another name",
                subject,
                changed(header::MESSAGE_ID, "n-2"),
                whole.clone(),
            ),
            (
                "another tenant",
                subject,
                changed(header::TENANT, "other"),
                whole.clone(),
            ),
            (
                "no party",
                subject,
                changed(header::SIGNER, "nobody"),
                whole.clone(),
            ),
            (
                "a trace that is none",
                subject,
                changed(header::TRACE, "00-0"),
                whole.clone(),
            ),
        ];
        let count = table.len() as u64;
        for (_, subject, headers, payload) in table {
            let client = stranger.client();
            client
                .publish_with_headers(subject, headers, payload)
                .await
                .unwrap();
        }
        stranger.client().flush().await.unwrap();
        rig::until("all refusals", || bus.refused() >= count).await;
        // The sound one is still taken.
        let client = stranger.client();
        client
            .publish_with_headers(subject, good.clone(), whole.clone())
            .await
            .unwrap();
        let delivery = heard.next().await.unwrap();
        assert_eq!(delivery.payload, whole);
        assert_eq!(bus.refused(), count, "each is counted once");
        let trail = trail.0.lock().unwrap();
        assert_eq!(trail.len() as u64, count, "and entered once: {trail:?}");
        assert!(trail.iter().all(|entry| entry.bus == "data"));
        let forged = trail.iter().filter(|it| it.label == "bad-signature");
        assert!(forged.clone().count() >= 6);
        for entry in forged {
            assert!(entry.from.is_some() && entry.reason.contains("aios.data.metrics."));
        }
        assert!(heard.try_next().is_none());
    });
}
