//! Links in one process; two processes are in `tests/link.rs`.

use aios_bus::tensor::{PoolShape, RANDOM_BYTES, Ring, in_process};
use aios_micro::kinds::{Page, buffer, connection, page};
use aios_micro::{Act, Handle, KindConfig, Source, Zone};
use aios_protocols::tensor::PartyHash;
use aios_supervisor::Supervisor;

use super::*;

const SOON: Duration = Duration::from_secs(20);
const CHUNK: u32 = 64 * EVENT_BYTES as u32;

fn ring(slots: u32) -> Ring {
    let hash = |name: &str| PartyHash::of(&name.parse().unwrap());
    let shape = PoolShape {
        slots,
        slot_bytes: CHUNK,
    };
    let (from, to) = (hash("meso.state.001@a"), hash("meso.state.001@b"));
    in_process::ring(shape, &[1; RANDOM_BYTES], from, to).unwrap()
}

/// A zone of 16 pages; with shards that run, or without.
async fn zone(
    inbox: usize,
    runs: bool,
) -> (Population, Handle, Option<aios_supervisor::SupervisorRef>) {
    let pages = KindConfig {
        source: Source::Range(0..16),
        inbox,
        open_to_links: true,
        ..KindConfig::of::<Page>()
    };
    let zone = Zone::builder("b").kind::<Page>(pages).build().unwrap();
    let tree = Supervisor::start(zone.spec).await.unwrap();
    let page = zone
        .population
        .find("page", 3, SOON)
        .await
        .unwrap()
        .unwrap();
    if runs {
        return (zone.population, page, Some(tree));
    }
    tree.stop().await;
    (zone.population, page, None)
}

fn foreign() -> Handle {
    Handle::from_bits(1 << 32 | 0x77 << 24).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_said_arrives_and_the_rest_is_refused_by_name() {
    let (zone, page, tree) = zone(4_096, true).await;
    let ring = ring(8);
    let mut raw = ring.writer().unwrap();
    let event = |act| Event::new(page, act, page::TOUCH, 0, 0);
    let mut nonsense = event(Act::Inform).to_bytes();
    nonsense[23] = 9;
    let chunks: [&[u8]; 6] = [
        &event(Act::Request).to_bytes(),
        &event(Act::Cancel).to_bytes(),
        &nonsense,
        &event(Act::Inform).to_bytes()[..23],
        &[],
        &Event::inform(foreign(), page::TOUCH, 0).to_bytes(),
    ];
    for chunk in chunks {
        raw.write(chunk, 0).unwrap();
    }
    let mut out = LinkOut::new(raw, CHUNK).unwrap();
    let mut said: Vec<Event> = [Act::Inform, Act::QueryIf, Act::QueryRef, Act::Request]
        .map(event)
        .to_vec();
    out.send(&mut said, 0).unwrap();
    assert_eq!((said.len(), out.sent(), out.forbidden()), (0, 2, 2));
    let mut link = LinkIn::new(ring.reader().unwrap(), zone.clone());
    while link.pump(1, Duration::ZERO).unwrap() != Pumped::Empty {}
    let expected = LinkCounts {
        told: 2,
        malformed: 3,
        forbidden: 2,
        foreign: 1,
        ..LinkCounts::default()
    };
    assert_eq!(link.counts(), expected);
    assert_eq!(link.counts().refused(), 6);
    let view = zone.look(page).unwrap().within(SOON).await.unwrap();
    assert!(view.state.contains("touches: 2"), "{}", view.state);
    tree.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_no_voice_with_the_nodes_own_agents() {
    // The node's own zone, as it runs: a socket's agent, a slot's agent, pages.
    let mut config = crate::config::Config::default();
    config.swarm.pages = 4;
    let crate::swarm::Swarm { zone, sockets } = crate::swarm::describe(&config).unwrap();
    let tree = Supervisor::start(zone.spec).await.unwrap();
    let zone = zone.population;
    let _socket = sockets.opened().await;
    let connection = zone.find("connection", 1, SOON).await.unwrap().unwrap();
    let slot = zone.spawn("buffer", 0).unwrap();
    let slot = slot.within(SOON).await.unwrap();
    let page = zone.find("page", 3, SOON).await.unwrap().unwrap();
    let before = zone.look(slot).unwrap().within(SOON).await.unwrap().state;

    let ring = ring(8);
    let mut out = LinkOut::new(ring.writer().unwrap(), CHUNK).unwrap();
    let mut said = vec![
        Event::inform(connection, connection::CLOSED, 0),
        Event::inform(slot, buffer::LEASE, 7),
        Event::new(slot, Act::QueryIf, buffer::RELEASE, 0, 7),
        Event::inform(page, page::TOUCH, 0),
    ];
    out.send(&mut said, 0).unwrap();
    let mut link = LinkIn::new(ring.reader().unwrap(), zone.clone());
    while link.pump(1, Duration::ZERO).unwrap() != Pumped::Empty {}
    let expected = LinkCounts {
        closed: 4,
        ..LinkCounts::default()
    };
    assert_eq!((link.counts(), link.counts().refused()), (expected, 4));
    assert!(zone.look(connection).unwrap().within(SOON).await.is_ok());
    let after = zone.look(slot).unwrap().within(SOON).await.unwrap().state;
    assert_eq!(after, before, "nobody has told the slot anything");
    let why = zone.open_to_links(connection).unwrap_err().to_string();
    assert!(
        why.contains("`connection`") && why.contains("open_to_links"),
        "{why}"
    );
    tree.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_ring_leaves_the_rest_with_the_sender() {
    let (_zone, page, tree) = zone(8, true).await;
    let ring = ring(2);
    let mut out = LinkOut::new(ring.writer().unwrap(), CHUNK).unwrap();
    let mut events: Vec<Event> = (0..200)
        .map(|at| Event::inform(page, page::TOUCH, at))
        .collect();
    let full = TensorBusError::Full {
        asked: 3,
        allowed: 2,
    };
    assert_eq!(out.send(&mut events, 0), Err(full));
    assert_eq!((out.sent(), events.len(), events[0].value), (128, 72, 128));
    assert!(matches!(
        LinkOut::new(Never, 23),
        Err(TensorBusError::TooLarge {
            asked: 24,
            allowed: 23,
            ..
        })
    ));
    tree.unwrap().stop().await;
}

/// A ring that is never used.
struct Never;

impl StreamWriter for Never {
    fn write_of(&mut self, _: [u8; 16], _: &[u8], _: u64) -> Result<u64, TensorBusError> {
        Err(TensorBusError::EndHeld)
    }

    fn wait(&mut self, _: Wait, _: Duration) -> Result<(), TensorBusError> {
        Err(TensorBusError::EndHeld)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_zone_has_no_room_for_is_tried_again_until_it_has() {
    let (zone, page, tree) = zone(8, true).await;
    let ring = ring(4);
    let mut out = LinkOut::new(ring.writer().unwrap(), CHUNK).unwrap();
    let mut events = vec![Event::inform(page, page::TOUCH, 0); 256];
    out.send(&mut events, 0).unwrap();
    let mut link = LinkIn::new(ring.reader().unwrap(), zone.clone());
    let begin = Instant::now();
    while link.pump(1, Duration::ZERO).unwrap() != Pumped::Empty {
        assert!(begin.elapsed() < SOON, "{:?}", link.counts());
    }
    let counts = link.counts();
    assert_eq!((counts.told, counts.given_up), (256, 0));
    assert!(counts.retried > 0, "{counts:?}");
    while zone.totals().counts().handled < 256 {
        assert!(begin.elapsed() < SOON, "{:?}", zone.totals());
        tokio::task::yield_now().await;
    }
    tree.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_up_within_the_patience_is_given_up_and_counted() {
    let (zone, page, _) = zone(8, false).await;
    let ring = ring(4);
    let mut out = LinkOut::new(ring.writer().unwrap(), CHUNK).unwrap();
    out.send(&mut vec![Event::inform(page, page::TOUCH, 0); 64], 0)
        .unwrap();
    let mut link = LinkIn::new(ring.reader().unwrap(), zone);
    assert_eq!(link.pump(9, Duration::ZERO), Ok(Pumped::ZoneFull));
    let almost = PATIENCE - Duration::from_millis(1);
    assert_eq!(link.pump(9, almost), Ok(Pumped::ZoneFull));
    assert_eq!(link.pump(9, PATIENCE), Ok(Pumped::Empty));
    let counts = link.counts();
    assert_eq!((counts.told, counts.given_up), (8, 56));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_in_a_trace_names_it_and_what_follows_in_none_does_not_hide_it() {
    let (zone, page, tree) = zone(4_096, true).await;
    let ring = ring(8);
    let mut out = LinkOut::new(ring.writer().unwrap(), CHUNK).unwrap();
    let mut link = LinkIn::new(ring.reader().unwrap(), zone);
    let touch = || vec![Event::inform(page, page::TOUCH, 0)];
    for (told, last) in [
        (NO_TRACE, NO_TRACE),
        ([7; 16], [7; 16]),
        (NO_TRACE, [7; 16]),
        ([9; 16], [9; 16]),
    ] {
        out.send_in(told, &mut touch(), 0).unwrap();
        assert_eq!(link.pump(9, Duration::ZERO), Ok(Pumped::Empty));
        assert_eq!(link.last_trace(), last);
    }
    assert_eq!(link.counts().told, 4);
    tree.unwrap().stop().await;
}
