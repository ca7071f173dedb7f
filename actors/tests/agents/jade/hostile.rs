//! What one outside agent may not do to others.

use super::*;

/// A request to the shop, answered to whom `reply_to` names.
fn answered_to(sender: &str, reply_to: &[&str]) -> String {
    let named: String = reply_to
        .iter()
        .map(|name| {
            format!(
                "(agent-identifier :name {name}@{PLATFORM} :addresses (sequence http://evil/acc)) "
            )
        })
        .collect();
    let rest = format!(":reply-to (set {named})");
    request(&format!("{sender}@{PLATFORM}"), "shop@aios", &rest)
}

async fn reached_at(jade: &mut Jade, house: &House, agent: &AgentId) -> Vec<String> {
    house.driver.tell(agent, "good morning").await.unwrap();
    loop {
        let (acl, outgoing) = jade.next().await;
        if acl.sender.unwrap().name == "planner@aios" {
            return outgoing.to.addresses;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_says_where_another_is_reached() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let mut anna = AgentName::new(format!("Anna@{PLATFORM}"));
    anna.addresses = vec!["http://anna/acc".to_owned()];
    let anna = jade.gateway.invite(anna).unwrap();
    jade.say(&answered_to("mallory", &["Anna", "Otto"]))
        .await
        .unwrap();
    assert_eq!(
        reached_at(&mut jade, &house, &anna).await,
        ["http://anna/acc"]
    );
    // Of a stranger only the name is taken.
    let otto: AgentId = "macro.outside.Otto_40192_2e168_2e1_2e5_3a1099_2fJADE@jade"
        .parse()
        .unwrap();
    assert!(reached_at(&mut jade, &house, &otto).await.is_empty());
    // Each says where it is reached itself.
    for (name, agent) in [("Anna", &anna), ("Otto", &otto)] {
        let address = format!("http://{name}.new/acc");
        let own = format!("{name}@{PLATFORM} :addresses (sequence {address})");
        jade.say(&request(&own, "shop@aios", "")).await.unwrap();
        assert_eq!(reached_at(&mut jade, &house, agent).await, [address]);
    }
}

#[tokio::test(start_paused = true)]
async fn invented_names_take_few_places_and_none_of_others() {
    let house = House::new().await;
    let jade = Jade::new(
        &house,
        GatewayOptions {
            guests: 8,
            ..options()
        },
    );
    market(&house, &jade.gateway).await;
    let agent = |name: &str| AgentName::new(format!("{name}@{PLATFORM}"));
    let invited = jade.gateway.invite(agent("friend")).unwrap();
    // What is not let in brings nobody along.
    for text in [
        answered_to("mallory", &["a"]).replace("shop@aios", "nobody@aios"),
        answered_to("mallory", &["a"]).replace("REQUEST", "AGREE"),
        answered_to("mallory", &["a"]).replace("\"x\"", "\"x\" :protocol odd"),
    ] {
        assert!(jade.say(&text).await.is_err());
        assert_eq!(
            jade.gateway.envoys(),
            std::slice::from_ref(&invited),
            "{text}"
        );
    }
    let many: Vec<String> = (0..1_023).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (names, allowed) in [(&many[..], 16), (&many[..5], 4)] {
        let error = jade.say(&answered_to("mallory", names)).await;
        assert!(
            matches!(error, Err(GatewayError::Strangers { allowed: it, .. }) if it == allowed),
            "{error:?}"
        );
        assert_eq!(jade.gateway.envoys().len(), 1);
    }
    // Two of eight places are for names alone.
    jade.say(&answered_to("mallory", &["a", "b"]))
        .await
        .unwrap();
    let full = jade.say(&answered_to("mallory", &["c"])).await;
    assert!(matches!(full, Err(GatewayError::TooManyGuests { .. })));
    for name in ["anna", "otto", "nina", "emil"] {
        let own = request(&format!("{name}@{PLATFORM}"), "shop@aios", "");
        jade.say(&own).await.unwrap();
    }
    let spoke = jade.gateway.envoys();
    assert_eq!(spoke.len(), 8);
    // To be named again and again is no sign of life; who spoke gives way to nobody's invention.
    tokio::time::advance(Duration::from_secs(599)).await;
    jade.say(&answered_to("mallory", &["a", "b"]))
        .await
        .unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    jade.say(&answered_to("mallory", &["c", "d"]))
        .await
        .unwrap();
    let now = jade.gateway.envoys();
    let left: Vec<_> = spoke.iter().filter(|it| !now.contains(it)).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter()
            .all(|it| { it.instance().starts_with("a_") || it.instance().starts_with("b_") })
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    let full = jade.say(&answered_to("mallory", &["e"])).await;
    assert!(matches!(full, Err(GatewayError::TooManyGuests { .. })));
    assert_eq!(jade.gateway.envoys(), now);
}

#[tokio::test(start_paused = true)]
async fn one_sender_names_sixteen_strangers_at_most() {
    let house = House::new().await;
    let jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    let names = |from: usize| {
        (from..from + 4)
            .map(|n| format!("n{n}"))
            .collect::<Vec<_>>()
    };
    for round in 0..5 {
        let names = names(4 * round);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let taken = jade.say(&answered_to("mallory", &names)).await;
        assert_eq!(taken.is_ok(), round < 4, "{taken:?}");
    }
    assert_eq!(jade.gateway.envoys().len(), 17);
    jade.say(&answered_to("otto", &["other"])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn strangers_have_a_tenant_of_their_own() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    let witness = house
        .agent(|incoming, ctx: Context, book: Arc<Book>| async move {
            book.write(ctx.tenant().to_string());
            incoming.agree()?;
            incoming.inform("done")?;
            Ok(())
        })
        .await;
    jade.gateway.export_as(&witness, "shop@aios");
    let ask = request(BUYER, "shop@aios", ":protocol fipa-request");
    jade.say(&ask).await.unwrap();
    assert_eq!(jade.hear().await.performative, Performative::Agree);
    assert_eq!(jade.hear().await.performative, Performative::Inform);
    let theirs = options().tenant;
    assert_ne!(&theirs, house.system.tenant());
    assert_ne!(theirs, GatewayOptions::new("192.168.1.6:1099/JADE").tenant);
    house.book.wait(theirs.as_str(), 1).await;
    assert_eq!(house.system.audit().counts().values().sum::<u64>(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_objection_is_short_and_for_the_sender_alone() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    let long = "c".repeat(100_000);
    for text in [
        request(BUYER, "shop@aios", &format!(":conversation-id {long}")),
        request(BUYER, "shop@aios", &format!(":reply-with {long}")),
        request(
            BUYER,
            "nobody@aios",
            &format!(":ontology {long} :protocol {long}"),
        ),
        request(BUYER, &long, ""),
        request(BUYER, "shop@aios", &format!(":protocol {long}")),
        request(
            BUYER,
            "shop@aios",
            &format!(":reply-to (set (agent-identifier :name {long}))"),
        ),
    ] {
        let text = if text.contains(":reply-to") {
            text
        } else {
            format!(
                "{} :reply-to (set (agent-identifier :name victim@{PLATFORM})))",
                &text[..text.len() - 1]
            )
        };
        assert!(jade.say(&text).await.is_err());
        let (acl, outgoing) = jade.next().await;
        assert!(outgoing.text.len() < 8_192, "{} bytes", outgoing.text.len());
        assert_eq!(outgoing.to.name, BUYER);
        assert_eq!(acl.receivers, [AgentName::new(BUYER)]);
    }
    // Bytes that are no text count as much.
    let before = request(BUYER, "shop@aios", "");
    let before = before.trim_end_matches([' ', ')']);
    let mut bytes = format!("{before} :conversation-id #100000\"").into_bytes();
    bytes.extend([0xff; 100_000]);
    bytes.push(b')');
    let refused = jade.gateway.receive(&bytes).await;
    assert!(
        matches!(refused, Err(GatewayError::TooLong { asked: 100_000, .. })),
        "{refused:?}"
    );
    assert!(jade.next().await.1.text.len() < 8_192);
    // An answer that its sender could not get in few bytes is not given.
    let own = format!("{BUYER} :addresses (sequence {long})");
    assert!(jade.say(&request(&own, "nobody@aios", "")).await.is_err());
    jade.is_quiet(&house).await;
}

#[tokio::test(start_paused = true)]
async fn strings_that_wait_are_bounded_in_bytes() {
    let house = House::new().await;
    let mut jade = Jade::new(
        &house,
        GatewayOptions {
            outgoing_bytes: 3_000,
            ..options()
        },
    );
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let anna = AgentName::new(format!("Anna@{PLATFORM}"));
    let anna = jade.gateway.invite(anna).unwrap();
    let long = "x".repeat(2_000);
    let first = house.ask(&anna, long.clone());
    let (_, waits) = jade.next().await;
    let Err(AskError::Failed { reason, .. }) = house.ask(&anna, long.clone()).await.unwrap() else {
        panic!("no failure");
    };
    assert!(reason.detail.contains("3000 bytes"), "{reason}");
    // Carried away, it makes room.
    drop(waits);
    let third = house.ask(&anna, long.clone());
    jade.hear().await;
    first.abort();
    third.abort();
}

#[tokio::test(start_paused = true)]
async fn an_envoy_without_a_place_takes_nobody_elses() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    // Somebody here has the name already.
    let taken: AgentId = "macro.outside.a_40192_2e168_2e1_2e5_3a1099_2fJADE@jade"
        .parse()
        .unwrap();
    house.system.enrol(&taken, Default::default()).unwrap();
    let error = jade.say(&answered_to("mallory", &["a", "b"])).await;
    assert!(
        matches!(error, Err(GatewayError::AgentSystem(_))),
        "{error:?}"
    );
    jade.hear().await;
    assert_eq!(jade.gateway.envoys().len(), 2);
    assert!(!jade.gateway.envoys().contains(&taken));
    jade.say(&answered_to("mallory", &["b"])).await.unwrap();
    let agree = jade.hear().await;
    assert_eq!(agree.receivers[0].name, format!("b@{PLATFORM}"));
    // It was not remembered as one that is known.
    assert!(jade.say(&answered_to("mallory", &["a"])).await.is_err());
}
