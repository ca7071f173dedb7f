//! Longer conversations through the same two doors: contract nets, subscriptions, cancels, and agents that never return.

use std::sync::Arc;

use aios_actors::agent::{AgentError, AgentOptions, AgentState, AskError, Context, Incoming};
use aios_protocols::{
    AgentId, Content, Draft, Party, Performative, Sealed, Sealer, SigningIdentity,
};
use aios_supervisor::{Supervisor, SupervisorSpec};

use crate::house::{Book, House, PATIENCE, SECOND};

type Handled = Result<(), AgentError>;

/// Offers its price for a cfp, refuses when it has none, delivers when accepted.
async fn bidder(price: Option<u32>, incoming: Incoming) -> Handled {
    match (incoming.performative, price) {
        (Performative::Cfp, Some(price)) => incoming.propose(price.to_string())?,
        (Performative::Cfp, None) => {
            incoming.refuse(aios_protocols::ReasonKind::Overloaded, "no price")?
        }
        (Performative::AcceptProposal, Some(price)) => {
            incoming.inform(format!("delivered for {price}"))?
        }
        _ => {}
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_contract_net_gives_the_work_to_the_best_proposal() {
    let house = House::new().await;
    let mut bidders = Vec::new();
    for price in [Some(30), Some(20), None] {
        bidders.push(
            house
                .agent(move |incoming, _, _| bidder(price, incoming))
                .await,
        );
    }
    let draft = Draft::cfp(&bidders, "who does it?").reply_by(house.system.now() + SECOND);
    let mut net = house.driver.open(draft, 8).await.unwrap();
    let mut proposals = Vec::new();
    let mut refused = 0;
    for _ in &bidders {
        match net.next(SECOND).await {
            Ok(proposal) => proposals.push(proposal),
            Err(AskError::Refused { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    let price = |proposal: &aios_protocols::Trusted| {
        proposal.content.as_str().unwrap().parse::<u32>().unwrap()
    };
    proposals.sort_by_key(price);
    net.answer(&proposals[0], Performative::AcceptProposal, "")
        .unwrap();
    net.answer(&proposals[1], Performative::RejectProposal, "")
        .unwrap();
    let delivered = net.next(SECOND).await.unwrap();
    assert_eq!(
        (delivered.content.as_str(), refused),
        (Some("delivered for 20"), 1)
    );
    assert!(net.hear().await.is_none(), "the conversation is over");
    house.settle().await;
    for bidder in &bidders {
        assert_eq!(
            (
                house.view(bidder).conversations,
                house.view(bidder).in_flight
            ),
            (0, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ask_goes_on_from_a_proposal_by_asking_again() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, _, _| bidder(Some(20), incoming))
        .await;
    let proposal = house
        .driver
        .ask(&worker, Draft::cfp([&worker], "who?"), SECOND)
        .await
        .unwrap();
    assert_eq!(proposal.performative, Performative::Propose);
    let accept = proposal.reply(Performative::AcceptProposal, "");
    let delivered = house.driver.ask(&worker, accept, SECOND).await.unwrap();
    assert_eq!(delivered.content.as_str(), Some("delivered for 20"));
}

/// Keeps whoever subscribes and tells them all about each inform it gets.
async fn subscriptions(house: &House) -> AgentId {
    let kept: Arc<std::sync::Mutex<Vec<Incoming>>> = Arc::default();
    house
        .agent(move |incoming, ctx, _| {
            let kept = Arc::clone(&kept);
            async move {
                if incoming.performative == Performative::Subscribe {
                    incoming.agree()?;
                    let mut kept = kept.lock().unwrap();
                    // What a fallen incarnation kept is handed over again.
                    kept.retain(|it| it.conversation_id != incoming.conversation_id);
                    kept.push(incoming);
                    return Ok(());
                }
                assert!(
                    incoming.content.as_str() != Some("fall") || ctx.incarnation() > 1,
                    "falls"
                );
                for subscriber in kept.lock().unwrap().iter() {
                    subscriber.inform(incoming.content.clone())?;
                }
                Ok(())
            }
        })
        .await
}

#[tokio::test(start_paused = true)]
async fn a_subscription_goes_on_across_a_restart_until_it_is_cancelled() {
    let house = House::new().await;
    let source = subscriptions(&house).await;
    let mut news = house
        .driver
        .open(Draft::subscribe(&source, "news"), 8)
        .await
        .unwrap();
    assert_eq!(news.hear().await.unwrap().performative, Performative::Agree);
    for what in ["one", "fall", "three"] {
        house.driver.tell(&source, what).await.unwrap();
        assert_eq!(
            news.next(PATIENCE).await.unwrap().content.as_str(),
            Some(what)
        );
    }
    assert_eq!(house.view(&source).incarnation, 2);
    news.cancel().unwrap();
    assert_eq!(
        news.next(SECOND).await.unwrap().content.as_str(),
        Some("cancelled")
    );
    assert_eq!(house.view(&source).in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_request_that_is_cancelled_stops_and_says_so() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, _, book: Arc<Book>| async move {
            tokio::select! {
                () = incoming.cancelled() => book.write("stopped"),
                () = tokio::time::sleep(PATIENCE) => incoming.inform("done")?,
            }
            Ok(())
        })
        .await;
    let mut work = house
        .driver
        .open(Draft::request(&worker, "work"), 4)
        .await
        .unwrap();
    house.book.wait("work", 1).await;
    work.cancel().unwrap();
    let answer = work.next(SECOND).await.unwrap();
    assert_eq!(
        (answer.performative, answer.content.as_str()),
        (Performative::Inform, Some("cancelled"))
    );
    assert_eq!(
        (house.book.times("stopped"), house.view(&worker).in_flight),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_overtakes_its_request_prevents_it() {
    let house = House::new().await;
    let worker = house
        .agent(|incoming, _, _| async move { Ok(incoming.inform("done")?) })
        .await;
    house.cell(&worker).suspend();
    let mut work = house
        .driver
        .open(Draft::request(&worker, "work"), 4)
        .await
        .unwrap();
    work.cancel().unwrap();
    house.settle().await;
    house.cell(&worker).resume();
    assert_eq!(
        work.next(SECOND).await.unwrap().content.as_str(),
        Some("cancelled")
    );
    assert_eq!(
        (house.book.times("work"), house.refusals("out-of-protocol")),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_an_agent_that_will_not_come_back_hears_so() {
    async fn falls(incoming: Incoming, _: Context, _: Arc<Book>) -> Handled {
        assert_eq!(incoming.content.as_str(), None, "falls on everything");
        Ok(())
    }
    let house = House::new().await;
    let fragile = Supervisor::start(SupervisorSpec::new("fragile").intensity(1, PATIENCE))
        .await
        .unwrap();
    house.system.follow(&fragile);
    house.agent(falls).await; // registers the constructor
    let (worker, _) = house
        .system
        .spawn("macro.executor", &fragile, AgentOptions::default())
        .await
        .unwrap();
    let (first, second) = (house.ask(&worker, "first"), house.ask(&worker, "second"));
    for asking in [first, second] {
        let error = asking.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Failed { .. } | AskError::Refused { .. }),
            "told at once, not by its deadline: {error}"
        );
    }
    assert_eq!(
        (house.view(&worker).state, house.view(&worker).in_flight),
        (AgentState::Offline, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_means_an_agent_that_takes_messages() {
    let house = House::new().await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(
            house
                .agent(|incoming, ctx, _| async move { Ok(incoming.inform(ctx.me().as_str())?) })
                .await,
        );
    }
    house
        .supervisor
        .terminate_child(workers[1].as_str())
        .await
        .unwrap();
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..4 {
        let answer = house
            .driver
            .ask("macro.executor", Content::text("who?"), SECOND)
            .await
            .unwrap();
        heard.push(answer.content.as_str().unwrap().to_owned());
        assert_eq!(
            answer.sender,
            heard[heard.len() - 1].parse::<Party>().unwrap()
        );
    }
    heard.sort();
    heard.dedup();
    assert_eq!(heard, [workers[0].as_str(), workers[2].as_str()]);
}

#[tokio::test(start_paused = true)]
async fn bidders_may_be_called_one_by_one_in_one_conversation() {
    let house = House::new().await;
    let mut bidders = Vec::new();
    for price in [30, 20] {
        let bid = move |incoming, _, _| bidder(Some(price), incoming);
        bidders.push(house.agent(bid).await);
    }
    let first = Draft::cfp([&bidders[0]], "who does it?");
    let mut net = house.driver.open(first, 8).await.unwrap();
    let second = Draft::cfp([&bidders[1]], "who does it?").conversation(net.id());
    house.driver.tell(&bidders[1], second).await.unwrap();
    let mut prices = Vec::new();
    for _ in &bidders {
        let proposal = net.next(SECOND).await.unwrap();
        prices.push(proposal.content.as_str().unwrap().to_owned());
        net.answer(&proposal, Performative::RejectProposal, "")
            .unwrap();
    }
    prices.sort();
    assert_eq!(prices, ["20", "30"]);
    house.settle().await;
    assert_eq!(house.view(house.driver.me()).conversations, 0);
}

/// A request that nobody answers, and what agent management says about it to the asker.
async fn reported_undelivered(configured: bool) -> (Result<String, AskError>, House) {
    let ams: Party = "macro.ams.001@jade".parse().unwrap();
    let platform = configured.then(|| ams.clone());
    let store = Arc::new(aios_memory::InMemoryStore::default());
    let house = House::with(store, |world| world.platform(platform)).await;
    let worker = house
        .agent(|incoming, _, book| async move {
            let failure = incoming.reply(
                Performative::Failure,
                "( (action (agent-identifier :name a) (ACLMessage)) (MTS-error (agent-identifier :name b) gone) )",
            );
            let identity = SigningIdentity::from_seed("macro.ams.001@jade".parse::<Party>().unwrap(), [8; 32]);
            let tenant = incoming.envelope.tenant.clone();
            let at = incoming.envelope.timestamp;
            let mut sealer = Sealer::new(Arc::new(identity), tenant, 1);
            let (_, frame) = sealer.seal(failure, at, [1; 10]).unwrap();
            book.write(format!("frame {}", hex(frame.as_bytes())));
            std::future::pending::<()>().await;
            drop(incoming);
            Ok(())
        })
        .await;
    let identity = SigningIdentity::from_seed(ams, [8; 32]);
    house
        .system
        .key_registry()
        .register(&identity.claim(1), house.system.now())
        .unwrap();
    let asked = house.ask_within(&worker, "work", 20 * SECOND);
    house.book.wait("work", 1).await;
    house.settle().await;
    let lines = house.book.lines();
    let line = lines.iter().find_map(|line| line.strip_prefix("frame "));
    let frame = Sealed::from_bytes(unhex(line.unwrap()));
    let asker = house.cell(house.driver.me());
    asker.post(frame, false).await.unwrap();
    (asked.await.unwrap(), house)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_asker_hears_at_once_that_its_message_did_not_arrive() {
    let begun = tokio::time::Instant::now();
    let (answer, house) = reported_undelivered(true).await;
    let Err(AskError::Failed { by, reason }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(by.as_str(), "macro.ams.001@jade");
    assert!(reason.detail.contains("MTS-error"), "{reason}");
    assert!(begun.elapsed() < SECOND, "before its reply-by");
    assert_eq!(house.refusals("out-of-protocol"), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_but_the_platform_is_believed_that_a_message_did_not_arrive() {
    let begun = tokio::time::Instant::now();
    let (answer, house) = reported_undelivered(false).await;
    assert!(
        matches!(answer, Err(AskError::Deadline { .. })),
        "{answer:?}"
    );
    assert!(begun.elapsed() >= 20 * SECOND);
    assert_eq!(house.refusals("out-of-protocol"), 1);
}
