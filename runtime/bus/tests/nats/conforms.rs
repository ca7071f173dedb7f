//! The suite of every data bus, and what this one does beyond it.

use std::time::Duration;

use aios_bus::data::conformance;
use aios_bus::data::nats::{self, Credentials, NatsDataBus, streams};
use aios_protocols::ports::{BusError, DataBus};
use bytes::Bytes;

use crate::rig;

#[test]
fn the_bus_on_a_server_keeps_the_contract() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        conformance::check(&rig::bus(&server, rig::own(1, &[1])).await).await;
        // Through the outbox too, which takes what lasts.
        let link = rig::link(&rig::settings(&server)).await;
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let own = rig::own(1, &[1]);
        let drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        conformance::check(&NatsDataBus::new(link, own, Some(outbox))).await;
        drain.abort();
        // And where several tenants share the server.
        let prefixed = Credentials {
            prefixed: true,
            ..rig::own(1, &[1])
        };
        conformance::check(&rig::bus(&server, prefixed).await).await;
    });
}

#[test]
fn two_processes_hear_each_other_and_other_tenants_are_not_heard() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(folder.path());
        let one = rig::bus(&server, rig::own(1, &[1, 2])).await;
        let two = rig::bus(&server, rig::own(2, &[1, 2])).await;
        let mut heard = two
            .subscribe("aios.data.metrics.>".parse().unwrap(), 16)
            .await
            .unwrap();
        for at in 0..3_u8 {
            let payload = Bytes::from(vec![at]);
            one.publish("aios.data.metrics.a".parse().unwrap(), payload)
                .await
                .unwrap();
        }
        for at in 0..3_u8 {
            let delivery = heard.next().await.unwrap();
            assert_eq!(delivery.payload, vec![at]);
            assert_eq!(delivery.subject.as_str(), "aios.data.metrics.a");
        }
        // Signed and known, but of another tenant.
        let mut other = rig::own(1, &[1]);
        other.tenant = aios_protocols::TenantId::new("other").unwrap();
        let three = rig::bus(&server, other).await;
        let subject: aios_protocols::Subject = "aios.data.metrics.a".parse().unwrap();
        three
            .publish(subject.clone(), Bytes::from_static(b"theirs"))
            .await
            .unwrap();
        rig::until("the refusal", || two.refused() == 1).await;
        one.publish(subject, Bytes::from_static(b"ours"))
            .await
            .unwrap();
        assert_eq!(heard.next().await.unwrap().payload, "ours");
    });
}

#[test]
fn a_server_that_is_away_is_said_at_once_and_a_closed_bus_is_closed() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut server = rig::server(folder.path());
        let bus = rig::bus(&server, rig::own(1, &[1])).await;
        let mut heard = bus
            .subscribe("aios.data.logs.>".parse().unwrap(), 4)
            .await
            .unwrap();
        server.kill();
        rig::until("the loss", || !bus.link().is_up()).await;
        let begun = std::time::Instant::now();
        let outcome = bus
            .publish("aios.data.logs.x".parse().unwrap(), Bytes::new())
            .await;
        assert!(
            matches!(outcome, Err(BusError::Unreachable(_))),
            "{outcome:?}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "nobody is held up"
        );
        server.start_again().unwrap();
        assert!(bus.link().up_within(Duration::from_secs(10)).await);
        let counts = bus.link().counts();
        assert_eq!((counts.connects, counts.disconnects), (2, 1));
        // The subscription is there again without anybody's doing.
        rig::until_heard(&bus, "aios.data.logs.x", &mut heard).await;
        bus.close();
        while heard.next().await.is_some() {}
        let outcome = bus
            .publish("aios.data.logs.x".parse().unwrap(), Bytes::new())
            .await;
        assert_eq!(outcome, Err(BusError::Closed));
    });
}

#[test]
fn the_streams_are_made_once_and_keep_what_lasts() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(folder.path());
        let link = rig::link(&rig::settings(&server)).await;
        nats::ensure(&link).await;
        nats::ensure(&link).await;
        for spec in &streams::ALL {
            let stream = link.context().get_stream(spec.name).await.unwrap();
            let config = &stream.cached_info().config;
            assert_eq!(config.subjects, spec.all_subjects());
            assert_eq!(config.max_age, spec.age_max);
        }
    });
}
