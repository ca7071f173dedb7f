use std::collections::HashSet;

use aios_supervisor::{Supervisor, SupervisorRef};

use super::*;
use crate::testing::{COUNT, Counter, DEPOSIT, PANIC, SLEEP};
use crate::zone::{KindConfig, Source, Zone};

const SOON: Duration = Duration::from_secs(5);

async fn zone(shards: u8, source: Source) -> (SupervisorRef, Population) {
    let config = KindConfig {
        shards,
        capacity: 1_000,
        source,
        inbox: 256,
        near: 64,
        far: 64,
        ..KindConfig::of::<Counter>()
    };
    let zone = Zone::builder("numa-0")
        .first_shard(7)
        .kind::<Counter>(config)
        .build()
        .unwrap();
    (Supervisor::start(zone.spec).await.unwrap(), zone.population)
}

async fn handle_of(population: &Population, resource: u64) -> Handle {
    population
        .find("counter", resource, SOON)
        .await
        .unwrap()
        .unwrap()
}

fn told(population: &Population, to: Handle, code: u8, value: u32) {
    population
        .tell(&mut vec![Event::inform(to, code, value)])
        .unwrap();
}

async fn state_of(population: &Population, handle: Handle) -> String {
    population
        .look(handle)
        .unwrap()
        .within(SOON)
        .await
        .unwrap()
        .state
}

#[tokio::test]
async fn agents_are_born_told_looked_at_and_ended_through_the_population() {
    let (tree, population) = zone(2, Source::Orders).await;
    let first = population
        .spawn("counter", 11)
        .unwrap()
        .within(SOON)
        .await
        .unwrap();
    let second = population
        .spawn("counter", 22)
        .unwrap()
        .within(SOON)
        .await
        .unwrap();
    let mut events: Vec<Event> = (0..10)
        .map(|i| Event::inform(if i < 7 { first } else { second }, COUNT, i))
        .collect();
    population.tell(&mut events).unwrap();
    assert!(events.is_empty());
    assert!(state_of(&population, first).await.contains("counted: 7"));
    assert!(state_of(&population, second).await.contains("counted: 3"));
    assert_eq!(
        population.find("counter", 22, SOON).await.unwrap(),
        Some(second)
    );
    assert_eq!(population.find("counter", 33, SOON).await.unwrap(), None);
    population.free(first).unwrap().within(SOON).await.unwrap();
    let gone = population.look(first).unwrap().within(SOON).await;
    assert_eq!(gone.err(), Some(DoorError::Refused(Refusal::Stale(first))));
    tree.stop().await;
}

#[tokio::test]
async fn many_are_born_and_ended_in_one_order_to_each_shard() {
    let (tree, population) = zone(2, Source::Orders).await;
    let resources: Vec<u64> = (100..201).collect();
    let born = population
        .spawn_many("counter", &resources, SOON)
        .await
        .unwrap();
    let born: Vec<Handle> = born.into_iter().map(Result::unwrap).collect();
    assert_eq!(born.len(), 101);
    assert_eq!(
        HashSet::<u8>::from_iter(born.iter().map(|handle| handle.shard())),
        HashSet::from([7, 8])
    );
    for at in [0, 50, 51, 100] {
        let seen = population
            .look(born[at])
            .unwrap()
            .within(SOON)
            .await
            .unwrap();
        assert_eq!(seen.resource, resources[at], "in the order asked for");
    }
    let foreign = Handle::new(3, 0, 1).unwrap();
    let refused = population.free_many(&[born[0], foreign], SOON).await;
    assert!(matches!(refused, Err(DoorError::ForeignHandles(1, _))));
    let mut leaving = born[..60].to_vec();
    leaving.push(born[5]);
    let refused = population.free_many(&leaving, SOON).await.unwrap();
    assert_eq!(refused, [Refusal::Stale(born[5])]);
    assert_eq!(population.free_many(&[], SOON).await, Ok(Vec::new()));
    assert_eq!(
        population.spawn_many("counter", &[], SOON).await,
        Ok(Vec::new())
    );
    population
        .look(born[60])
        .unwrap()
        .within(SOON)
        .await
        .unwrap();
    assert_eq!(population.totals().kinds[0].active, 41);
    let most = population
        .spawn_many("counter", &[1; 10_000], SOON)
        .await
        .unwrap();
    let full = most.iter().filter(|born| born.is_err()).count();
    assert_eq!(full, 10_000 - (1_000 - 41), "a full arena says so for each");
    tree.stop().await;
}

#[tokio::test]
async fn identities_are_made_from_handles_and_lead_back_to_them() {
    let (tree, population) = zone(1, Source::Orders).await;
    let handle = population
        .spawn("counter", 1)
        .unwrap()
        .within(SOON)
        .await
        .unwrap();
    let id = population.identity(handle).unwrap();
    assert_eq!(id.as_str(), "micro.counter.0x0000000107000000@numa-0");
    assert_eq!(population.resolve(&id), Ok(handle));
    let refused = |text: &str| population.resolve(&text.parse().unwrap()).unwrap_err();
    assert!(matches!(
        refused("micro.counter.0x0000000107000000@numa-1"),
        DoorError::Elsewhere { .. }
    ));
    assert!(matches!(
        refused("meso.counter.0x0000000107000000@numa-0"),
        DoorError::Elsewhere { .. }
    ));
    assert!(matches!(
        refused("micro.counter.17@numa-0"),
        DoorError::NoHandle(_)
    ));
    assert!(matches!(
        refused("micro.page.0x0000000107000000@numa-0"),
        DoorError::WrongKind {
            found: "counter",
            ..
        }
    ));
    assert!(matches!(
        refused("micro.counter.0x0000000103000000@numa-0"),
        DoorError::ForeignHandles(1, _)
    ));
    assert!(matches!(
        population.spawn("pages", 1),
        Err(DoorError::NoSuchKind { .. })
    ));
    tree.stop().await;
}

#[tokio::test]
async fn what_finds_no_room_or_no_shard_stays_with_the_teller() {
    let (tree, population) = zone(1, Source::Range(0..1)).await;
    let handle = handle_of(&population, 0).await;
    tree.terminate_child("counter-0").await.unwrap();
    let mut events: Vec<Event> = (0..300).map(|i| Event::inform(handle, COUNT, i)).collect();
    assert_eq!(
        population.tell(&mut events),
        Err(DoorError::Full {
            asked: 300,
            taken: 256
        })
    );
    assert_eq!(
        (events.len(), events[0].value),
        (44, 256),
        "the first 256 were taken, in order"
    );
    let foreign = Handle::new(3, 0, 1).unwrap();
    let mut events = vec![Event::inform(foreign, COUNT, 0)];
    assert!(matches!(
        population.tell(&mut events),
        Err(DoorError::ForeignHandles(1, _))
    ));
    assert_eq!(events.len(), 1);
    tree.stop().await;
}

#[tokio::test]
async fn a_shard_that_falls_comes_back_with_its_resources_and_refuses_old_handles() {
    for kill in [false, true] {
        let (tree, population) = zone(2, Source::Range(100..200)).await;
        assert_eq!(population.totals().active(), 100);
        let (old, other) = (
            handle_of(&population, 120).await,
            handle_of(&population, 180).await,
        );
        told(&population, other, COUNT, 0);
        let shard = tree.child("counter-0").unwrap();
        let incarnation = shard.incarnation().unwrap();
        if kill {
            tree.kill_child("counter-0").await.unwrap();
        } else {
            population.make_fall(0);
        }
        shard.newer_than(incarnation, SOON).await.unwrap();
        let new = handle_of(&population, 120).await;
        assert!(new != old && new.generation() > old.generation());
        assert_eq!(
            population.look(old).unwrap().within(SOON).await.err(),
            Some(DoorError::Refused(Refusal::Stale(old)))
        );
        assert!(
            state_of(&population, other).await.contains("counted: 1"),
            "the other shard never fell"
        );
        let totals = population.totals();
        assert_eq!(
            (
                totals.active(),
                totals.counts().falls,
                totals.counts().spawned
            ),
            (100, 1, 150)
        );
        tree.stop().await;
    }
}

#[tokio::test]
async fn panics_of_agents_never_reach_the_shard_and_show_in_the_totals() {
    let (tree, population) = zone(1, Source::Range(0..10)).await;
    let mut handles = Vec::new();
    for resource in 0..10 {
        handles.push(handle_of(&population, resource).await);
    }
    let mut events: Vec<Event> = handles
        .iter()
        .map(|handle| Event::inform(*handle, PANIC, 0))
        .collect();
    population.tell(&mut events).unwrap();
    let view = population
        .look(handles[3])
        .unwrap()
        .within(SOON)
        .await
        .unwrap();
    assert_eq!(view.restarts, 1);
    population
        .look(handles[3])
        .unwrap()
        .within(SOON)
        .await
        .unwrap(); // the round before this one is published
    let counts = population.totals().counts();
    assert_eq!((counts.panics, counts.restarted, counts.falls), (10, 10, 0));
    let notes = population.last_panics("counter", SOON).await.unwrap();
    assert_eq!(notes[0].message, "asked to panic");
    tree.stop().await;
}

#[tokio::test]
async fn surveys_and_sweeps_reach_every_agent_of_the_kind() {
    let (tree, population) = zone(2, Source::Range(0..500)).await;
    let strong = handle_of(&population, 321).await;
    told(&population, strong, DEPOSIT, 1_000_000);
    population
        .sweep("counter", Act::Request, COUNT, 5, SOON)
        .await
        .unwrap();
    let found = population
        .survey("counter", SurveyRequest { top: 2, every: 1 }, SOON)
        .await
        .unwrap();
    assert_eq!(
        (found.seen, found.asleep, found.top[0].resource),
        (500, 0, 321)
    );
    let totals = population.totals();
    let kind = totals.kind("counter").unwrap();
    assert_eq!(
        (kind.counts.handled, kind.expected, kind.fragmentation),
        (501, Some(500), 0.0)
    );
    assert!(kind.mean_pheromone > 1_000.0);
    tree.stop().await;
}

#[tokio::test]
async fn a_range_of_agents_is_born_over_all_shards_and_sleepers_refuse_events() {
    let (tree, population) = zone(2, Source::Orders).await;
    assert_eq!(
        population.spawn_range("counter", 0..900, SOON).await,
        Ok(900)
    );
    let refused = population.spawn_range("counter", 0..200, SOON).await;
    assert!(matches!(
        refused,
        Err(DoorError::Refused(Refusal::Exhausted { allowed: 500, .. }))
    ));
    let (one, two) = (
        handle_of(&population, 10).await,
        handle_of(&population, 890).await,
    );
    assert_eq!(
        HashSet::from([one.shard(), two.shard()]),
        HashSet::from([7, 8])
    );
    told(&population, one, SLEEP, 0);
    told(&population, one, COUNT, 0);
    assert!(state_of(&population, one).await.contains("counted: 0"));
    population.resume(one).unwrap().within(SOON).await.unwrap();
    told(&population, one, COUNT, 0);
    assert!(state_of(&population, one).await.contains("counted: 1"));
    tree.stop().await;
}

#[tokio::test]
async fn people_see_the_zone_its_strongest_and_one_agent_as_json() {
    let (tree, population) = zone(2, Source::Range(0..500)).await;
    let strong = handle_of(&population, 321).await;
    told(&population, strong, DEPOSIT, 1_000);
    let top = population.top("counter", 2, SOON).await.unwrap();
    let id = top.strongest[0].id.clone();
    assert_eq!((top.seen, top.strongest[0].resource), (500, 321));
    assert_eq!(id, population.identity(strong).unwrap().as_str());
    assert_eq!(
        top.pheromone.iter().map(|class| class.agents).sum::<u64>(),
        500
    );
    let view = serde_json::to_value(population.agent(&id, SOON).await.unwrap()).unwrap();
    assert_eq!(view["id"], id.as_str());
    assert_eq!(
        (&view["resource"], &view["life"]),
        (&321.into(), &"active".into())
    );
    population.free(strong).unwrap().within(SOON).await.unwrap();
    let shown = serde_json::to_value(population.show()).unwrap();
    assert_eq!(shown["zone"], "numa-0");
    assert_eq!(shown["rates"][0]["kind"], "counter");
    assert_eq!(shown["alerts"], serde_json::json!([]));

    let mistakes = [
        (id.as_str(), "names an agent that has ended"),
        ("counter 321", "write {tier}.{type}"),
        ("micro.counter.321@numa-0", "`top` lists agents that live"),
        (
            "meso.router.001@global",
            "ask the population of its own zone",
        ),
        (
            "micro.page.0x0000000107000000@numa-0",
            "one of kind `counter`",
        ),
    ];
    for (id, says) in mistakes {
        let said = population.agent(id, SOON).await.unwrap_err().to_string();
        assert!(said.contains(says), "{id}: {said}");
    }
    tree.stop().await;
}

#[tokio::test]
async fn a_zone_is_one_node_of_its_tree_and_shows_its_totals_there() {
    let config = KindConfig {
        source: Source::Range(0..300),
        inbox: 8,
        near: 8,
        far: 8,
        ..KindConfig::of::<Counter>()
    };
    let zone = Zone::builder("numa-0").kind::<Counter>(config).build();
    let (child, population) = zone.unwrap().into_child();
    let spec = aios_supervisor::SupervisorSpec::new("node").child(child);
    let tree = Supervisor::start(spec).await.unwrap();
    let handle = handle_of(&population, 7).await;
    told(&population, handle, PANIC, 0);
    for _ in 0..2 {
        // The second look is answered after the first one's round was published.
        population.look(handle).unwrap().within(SOON).await.unwrap();
    }
    let view = tree.view();
    let node = view.find("zone-numa-0").unwrap();
    let note = node.note.as_deref().unwrap();
    assert_eq!(
        note,
        "300 agents, 0 handled, 1 panics, 1 restarted, 0 refused, 0 falls"
    );
    let shard = view.find("zone-numa-0/counter-0").unwrap();
    assert_eq!(
        shard.note.as_deref(),
        Some("300 agents, 0 handled, 1 panics, 0 waiting")
    );
    tree.stop().await;
}
