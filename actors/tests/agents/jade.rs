//! Conversations with agents of a JADE platform, through the gateway and in JADE's own strings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentError, AskError, Context, Incoming};
use aios_actors::outside::{Gateway, GatewayError, GatewayOptions, Outgoing};
use aios_protocols::fipa_string::{Acl, AgentName, Expression, parse};
use aios_protocols::{AgentId, Content, Draft, Performative, ReasonKind};
use tokio::sync::mpsc;

use crate::house::{Book, House, PATIENCE, SECOND};

mod hostile;

const PLATFORM: &str = "192.168.1.5:1099/JADE";
const BUYER: &str = "buyer@192.168.1.5:1099/JADE";

/// The side of JADE: hands strings in and looks at what comes out.
struct Jade {
    gateway: Gateway,
    carried: mpsc::Receiver<Outgoing>,
    /// The last string out, by who said it and to whom.
    last: HashMap<(String, String), Acl>,
}

impl Jade {
    fn new(house: &House, options: GatewayOptions) -> Self {
        let (gateway, carried) = Gateway::open(&house.system, options);
        Self {
            gateway,
            carried,
            last: HashMap::new(),
        }
    }

    async fn next(&mut self) -> (Acl, Outgoing) {
        let carried = tokio::time::timeout(PATIENCE, self.carried.recv()).await;
        let outgoing = carried.expect("nothing comes out").unwrap();
        let acl = parse(&outgoing.text).unwrap();
        let key = (acl.sender.clone().unwrap().name, outgoing.to.name.clone());
        self.last.insert(key, acl.clone());
        (acl, outgoing)
    }

    async fn hear(&mut self) -> Acl {
        self.next().await.0
    }

    /// Nothing comes out any more.
    async fn is_quiet(&mut self, house: &House) {
        house.settle().await;
        if let Ok(outgoing) = self.carried.try_recv() {
            panic!("{}", String::from_utf8_lossy(&outgoing.text));
        }
    }

    /// A string of JADE's, with what it answers filled in.
    async fn say(&self, text: &str) -> Result<(), GatewayError> {
        let draft = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut text = text.to_owned();
        if let (Some(sender), Some(receiver)) = (&draft.sender, draft.receivers.first()) {
            let key = (receiver.name.clone(), sender.name.clone());
            if let Some(last) = self.last.get(&key) {
                for (name, value) in [
                    ("{reply-with}", &last.reply_with),
                    ("{conversation}", &last.conversation_id),
                ] {
                    let value = value.as_ref().and_then(Expression::as_str).unwrap_or("-");
                    text = text.replace(name, &format!("\"{value}\""));
                }
            }
        }
        assert!(!text.contains("{reply-with}") && !text.contains("{conversation}"));
        self.gateway.receive(text.as_bytes()).await
    }
}

async fn seller(price: Option<u32>, incoming: Incoming) -> Result<(), AgentError> {
    match (incoming.performative, price) {
        (Performative::Cfp, Some(price)) => incoming.propose(price.to_string())?,
        (Performative::Cfp, None) => incoming.refuse(ReasonKind::Overloaded, "sold out")?,
        (Performative::AcceptProposal, _) => incoming.inform("yours")?,
        _ => {}
    }
    Ok(())
}

async fn shop(incoming: Incoming, ctx: Context, book: Arc<Book>) -> Result<(), AgentError> {
    let hex: String = incoming
        .content
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    book.write(format!("{} {hex}", incoming.performative));
    for (name, value) in &incoming.envelope.metadata {
        book.write(format!("{name}={value}"));
    }
    match incoming.performative {
        Performative::Request if incoming.content.as_str() == Some("nothing of this kind") => {
            incoming.refuse(ReasonKind::UnsupportedFunction, "order")?;
        }
        Performative::Request => {
            incoming.agree()?;
            incoming.inform("((done it))")?;
        }
        Performative::QueryRef => incoming.inform("((= 1 1))")?,
        Performative::Propose => incoming.respond(Performative::AcceptProposal, "come")?,
        Performative::Subscribe => ctx.spawn(incoming, |incoming, _| async move {
            incoming.agree()?;
            incoming.inform("1")?;
            incoming.inform("2")?;
            incoming.cancelled().await;
            Ok(())
        }),
        _ => {}
    }
    Ok(())
}

/// Three sellers and a shop, exported under names such as a platform of FIPA's gives.
async fn market(house: &House, gateway: &Gateway) -> Vec<AgentId> {
    let mut agents = Vec::new();
    for (name, price) in [
        ("seller1", Some(30)),
        ("seller2", Some(20)),
        ("seller3", None),
    ] {
        let agent = house
            .agent(move |incoming, _, _| seller(price, incoming))
            .await;
        gateway.export_as(&agent, format!("{name}@aios"));
        agents.push(agent);
    }
    for name in ["shop", "df"] {
        let agent = house.agent(shop).await;
        gateway.export_as(&agent, format!("{name}@aios"));
        agents.push(agent);
    }
    agents
}

fn options() -> GatewayOptions {
    GatewayOptions {
        zone: "jade".to_owned(),
        addresses: vec!["http://[2001:db8::1]:80/acc".to_owned()],
        ..GatewayOptions::new(PLATFORM)
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_run_of_jade_is_exchanged_without_a_refusal() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    let mut strings = 0;
    let mut text = String::new();
    for line in include_str!("jade_run.acl").lines().chain([""]) {
        if line.starts_with(';') {
            continue;
        }
        if let Some(expected) = line.strip_prefix("<= ") {
            let acl = jade.hear().await;
            let shown = |value: &Option<Expression>| {
                value
                    .as_ref()
                    .map_or("-".to_owned(), |value| value.as_str().unwrap().to_owned())
            };
            let sender = acl.sender.clone().unwrap();
            let mut found = [
                acl.performative.to_string(),
                sender.name,
                acl.receivers[0].name.clone(),
                shown(&acl.conversation_id),
                shown(&acl.in_reply_to),
            ];
            if expected.ends_with(" *") {
                found[4] = "*".to_owned();
            }
            assert_eq!(found.join(" "), expected, "{acl}");
            assert_eq!(sender.addresses, ["http://[2001:db8::1]:80/acc"]);
            assert!(
                acl.user.iter().all(|(name, _)| name.starts_with("X-JADE")),
                "{acl}"
            );
            continue;
        }
        if !line.is_empty() {
            text.push_str(line);
            text.push('\n');
            continue;
        }
        if !text.is_empty() {
            strings += 1;
            if let Err(error) = jade.say(&text).await {
                panic!("{text}: {error}");
            }
            text.clear();
            house.settle().await;
        }
    }
    jade.is_quiet(&house).await;
    assert_eq!(strings, 23);
    // No agent here refused anything.
    let refusals: u64 = house.system.audit().counts().values().sum();
    assert_eq!(refusals, 0, "{:?}", house.system.audit().counts());
    assert_eq!(
        house
            .system
            .dead_letters()
            .counts()
            .by_reason
            .values()
            .sum::<u64>(),
        0
    );
    // What they were told is what was said.
    house.book.wait("request aced000574000568656c6c6f", 1).await;
    house.book.wait("X-JADE-trace=yes please", 1).await;
    house.book.wait("thank\nyou", 1).await;
    house.book.wait("good bye", 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_here_buys_from_sellers_of_jade() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let mut sellers = Vec::new();
    for name in ["Anna", "Otto", "Gone"] {
        let mut agent = AgentName::new(format!("{name}@{PLATFORM}"));
        agent.addresses = vec!["http://pc5.example.org:7778/acc".to_owned()];
        sellers.push(jade.gateway.invite(agent).unwrap());
    }
    let draft = Draft::cfp(&sellers, "Faust").reply_by(house.system.now() + PATIENCE);
    let mut net = house.driver.open(draft, 8).await.unwrap();
    let id = net.id().to_string();
    for _ in 0..3 {
        let acl = jade.hear().await;
        assert_eq!(acl.performative, Performative::Cfp);
        assert_eq!(acl.sender.unwrap().name, "planner@aios");
        assert_eq!(acl.receivers.len(), 1);
        assert_eq!(
            acl.receivers[0].addresses,
            ["http://pc5.example.org:7778/acc"]
        );
        assert_eq!(acl.conversation_id, Some(id.as_str().into()));
        assert_eq!(acl.protocol.as_deref(), Some("fipa-contract-net"));
        assert!(acl.reply_by.is_some() && acl.reply_with.is_some());
    }
    let from = |name: &str, act: &str, rest: &str| {
        format!(
            "({act}\n :sender  ( agent-identifier :name {name}@{PLATFORM}  :addresses (sequence http://pc5.example.org:7778/acc ))\n :receiver  (set ( agent-identifier :name planner@aios ) )\n {rest} )"
        )
    };
    let answer = ":reply-with  r1 :in-reply-to  {reply-with} :protocol  fipa-contract-net\n :conversation-id  {conversation}";
    jade.say(&from(
        "Anna",
        "PROPOSE",
        &format!(":content  \"25\" {answer}"),
    ))
    .await
    .unwrap();
    jade.say(&from(
        "Otto",
        "REFUSE",
        &format!(":content  \"(sold-out)\" {answer}"),
    ))
    .await
    .unwrap();
    // The AMS says that the third cannot be reached. It has no part in the conversation; the failure is that seller's.
    let asked = &jade.last[&("planner@aios".to_owned(), format!("Gone@{PLATFORM}"))];
    let token = asked
        .reply_with
        .as_ref()
        .and_then(Expression::as_str)
        .unwrap();
    let failure = format!(
        ":content  \"( (action ( agent-identifier :name planner@aios ) (ACLMessage) ) (MTS-error ( agent-identifier :name Gone@{PLATFORM}  :addresses (sequence http://pc5.example.org:7778/acc )) (internal-error \\\"Agent not found: getContainerID() failed to find agent Gone@{PLATFORM}\\\")) )\"  :reply-with ams1 :in-reply-to  \"{token}\" :language  fipa-sl  :protocol  fipa-contract-net\n :conversation-id  \"{id}\""
    );
    jade.say(&from("ams", "FAILURE", &failure)).await.unwrap();

    let proposal = net.next(SECOND).await.unwrap();
    assert_eq!(proposal.content.as_str(), Some("25"));
    assert_eq!(proposal.sender, (&sellers[0]).into());
    let Err(AskError::Refused { by, .. }) = net.next(SECOND).await else {
        panic!("not refused");
    };
    assert_eq!(by, (&sellers[1]).into());
    // A contract net has no failure yet; by refuse it is as final.
    let third = net.next(SECOND).await;
    let Err(AskError::Refused { by, reason }) = third else {
        panic!("no refusal but {third:?}");
    };
    assert!(reason.detail.contains("MTS-error"), "{reason}");
    assert_eq!(
        by,
        (&sellers[2]).into(),
        "it is known at once, not at reply-by"
    );

    net.answer(&proposal, Performative::AcceptProposal, "25")
        .unwrap();
    let accepted = jade.hear().await;
    assert_eq!(accepted.in_reply_to, Some("r1".into()));
    assert_eq!(accepted.receivers[0].name, format!("Anna@{PLATFORM}"));
    jade.say(&from(
        "Anna",
        "INFORM",
        &format!(":content  \"sold\" {answer}"),
    ))
    .await
    .unwrap();
    assert_eq!(
        net.next(SECOND).await.unwrap().content.as_str(),
        Some("sold")
    );
    jade.is_quiet(&house).await;
    assert_eq!(house.system.audit().counts().values().sum::<u64>(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_df_of_jade_is_asked() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let df = jade
        .gateway
        .invite(AgentName::new(format!("df@{PLATFORM}")))
        .unwrap();
    let search = format!(
        "((action (agent-identifier :name df@{PLATFORM}) (search (df-agent-description :services (set (service-description :type book-selling))) (search-constraints :max-results -1))))"
    );
    let draft = Draft::new(Performative::Request, search.as_str())
        .protocol(aios_protocols::ProtocolName::FipaRequest)
        .language("fipa-sl0")
        .ontology("FIPA-Agent-Management");
    let asked = house.ask(&df, draft);
    let acl = jade.hear().await;
    assert_eq!(acl.content, Some(Content::text(search)));
    assert_eq!(acl.ontology, Some("FIPA-Agent-Management".into()));
    let result = format!(
        "((result (action) (sequence (df-agent-description :name (agent-identifier :name \\\"An na@{PLATFORM}\\\")))))"
    );
    jade.say(&format!(
        "(INFORM\n :sender  ( agent-identifier :name df@{PLATFORM} )\n :receiver  (set ( agent-identifier :name planner@aios ) )\n :content  \"{result}\" \n :reply-with  planner@aios1 :in-reply-to  {{reply-with}} :language  fipa-sl0  :ontology  FIPA-Agent-Management  :protocol  fipa-request\n :conversation-id  {{conversation}} )"
    ))
    .await
    .unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), result.replace("\\\"", "\""));
}

#[tokio::test(start_paused = true)]
async fn an_agent_here_subscribes_to_one_of_jade_and_cancels() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let stock = jade
        .gateway
        .invite(AgentName::new(format!("stock@{PLATFORM}")))
        .unwrap();
    let draft = Draft::subscribe(&stock, "((iota ?x (stock ?x)))");
    let mut news = house.driver.open(draft, 8).await.unwrap();
    assert_eq!(jade.hear().await.performative, Performative::Subscribe);
    let from = |act: &str, content: &str| {
        format!(
            "({act}\n :sender  ( agent-identifier :name stock@{PLATFORM} )\n :receiver  (set ( agent-identifier :name planner@aios ) )\n :content  \"{content}\" \n :in-reply-to  {{reply-with}} :protocol  fipa-subscribe\n :conversation-id  {{conversation}} )"
        )
    };
    for (act, content) in [("AGREE", ""), ("INFORM", "1"), ("INFORM", "2")] {
        jade.say(&from(act, content)).await.unwrap();
    }
    for expected in ["1", "2"] {
        let said = news.next(SECOND).await.unwrap();
        assert_eq!(said.content.as_str(), Some(expected));
    }
    news.cancel().unwrap();
    let cancel = jade.hear().await;
    assert_eq!(cancel.performative, Performative::Cancel);
    jade.say(&from("INFORM", "cancelled")).await.unwrap();
    let last = news.next(SECOND).await.unwrap();
    assert_eq!(last.content.as_str(), Some("cancelled"));
    jade.is_quiet(&house).await;
    assert_eq!(house.system.audit().counts().values().sum::<u64>(), 0);
}

fn request(sender: &str, receiver: &str, rest: &str) -> String {
    format!(
        "(REQUEST :sender (agent-identifier :name {sender}) :receiver (set (agent-identifier :name {receiver})) :content \"x\" {rest})"
    )
}

#[tokio::test(start_paused = true)]
async fn what_is_not_let_in_is_said_so() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    let agents = market(&house, &jade.gateway).await;

    // Nobody of this name: a failure, as an AMS says it.
    let error = jade
        .say(&request(
            BUYER,
            "nobody@aios",
            ":reply-with r1 :conversation-id c1",
        ))
        .await;
    assert!(matches!(error, Err(GatewayError::Unknown(_))));
    let failure = jade.hear().await;
    assert_eq!(failure.performative, Performative::Failure);
    assert_eq!(failure.sender.as_ref().unwrap().name, "ams@aios");
    assert_eq!(
        (failure.in_reply_to, failure.conversation_id),
        (Some("r1".into()), Some("c1".into()))
    );
    let content = failure.content.unwrap();
    assert!(
        content.as_str().unwrap().contains(
            "(MTS-error (agent-identifier :name nobody@aios) (internal-error \"Agent not found\"))"
        ),
        "{content:?}"
    );
    // An agent that is here and was not exported is nobody outside.
    let hidden = house.driver.me().to_string();
    assert!(jade.say(&request(BUYER, &hidden, "")).await.is_err());
    jade.hear().await;

    for (text, objected) in [
        // An answer to nothing.
        (
            request(BUYER, "shop@aios", ":conversation-id c2").replace("REQUEST", "AGREE"),
            true,
        ),
        (
            request(BUYER, "shop@aios", ":in-reply-to x").replace("REQUEST", "INFORM"),
            true,
        ),
        // A protocol that is not enforced here.
        (
            request(BUYER, "shop@aios", ":protocol fipa-auction-english"),
            true,
        ),
        (
            request(BUYER, "shop@aios", ":X-JADE-Encoding Base64")
                .replace("\"x\"", "\"no base64!\""),
            true,
        ),
        // Agents of other platforms, and names of ours.
        (request("spy@elsewhere", "shop@aios", ""), false),
        (request("seller1@aios", "shop@aios", ""), false),
        (request(agents[0].as_str(), "shop@aios", ""), false),
        ("(REQUEST :content x)".to_owned(), false),
        // What objects itself is not answered.
        (
            request(BUYER, "shop@aios", ":conversation-id c3").replace("REQUEST", "NOT-UNDERSTOOD"),
            false,
        ),
    ] {
        let refused = jade.gateway.receive(text.as_bytes()).await;
        assert!(refused.is_err(), "{text}");
        if objected {
            assert_eq!(
                jade.hear().await.performative,
                Performative::NotUnderstood,
                "{text}"
            );
        }
        jade.is_quiet(&house).await;
    }
    assert!(matches!(
        jade.gateway.receive(b"(request").await,
        Err(GatewayError::Text(_))
    ));
    let many: String = (0..20).map(|n| format!(" :X-{n} a")).collect();
    let error = jade.say(&request(BUYER, "shop@aios", &many)).await;
    assert!(matches!(
        error,
        Err(GatewayError::Parameters {
            asked: 17,
            allowed: 16
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_carried_is_said_so() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let anna = jade
        .gateway
        .invite(AgentName::new(format!("Anna@{PLATFORM}")))
        .unwrap();
    let asked = house.ask(&anna, "buy");
    let (_, outgoing) = jade.next().await;
    jade.gateway.undelivered(outgoing, "no route to host").await;
    let Err(AskError::Failed { by, reason }) = asked.await.unwrap() else {
        panic!("no failure");
    };
    assert_eq!(
        (by, reason.detail.as_str()),
        ((&anna).into(), "no route to host")
    );

    // A gateway that is gone takes its envoys along, and the asker hears that at once.
    drop(jade);
    house.settle().await;
    assert!(matches!(
        house.ask(&anna, "buy").await.unwrap(),
        Err(AskError::NotSent(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn an_ams_that_reports_a_report_is_not_answered_again() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    jade.gateway.export_as(house.driver.me(), "planner@aios");
    let gone = jade
        .gateway
        .invite(AgentName::new(format!("Gone@{PLATFORM}")))
        .unwrap();
    house.driver.tell(&gone, "good morning").await.unwrap();
    let told = jade.hear().await;
    // The inform stands alone, so nobody here waits for a failure; the objection would come back for ever.
    let failure = format!(
        "(FAILURE :sender (agent-identifier :name ams@{PLATFORM}) :receiver (set (agent-identifier :name planner@aios)) :content \"( (action x (ACLMessage) ) (MTS-error ( agent-identifier :name Gone@{PLATFORM} ) (internal-error \\\"Agent not found\\\")) )\" :conversation-id \"{}\")",
        told.conversation_id.unwrap().as_str().unwrap()
    );
    jade.say(&failure).await.unwrap();
    jade.is_quiet(&house).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_names_what_it_answers_as_it_was_written() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    let odd = request(
        BUYER,
        "shop@aios",
        ":reply-with (r 1 \"(\") :conversation-id (c (2))",
    );
    jade.say(&odd).await.unwrap();
    let agree = jade.hear().await;
    let asked = parse(&odd).unwrap();
    assert_eq!(agree.in_reply_to, asked.reply_with);
    assert_eq!(agree.conversation_id, asked.conversation_id);
}

#[tokio::test(start_paused = true)]
async fn the_silent_give_way_and_the_busy_do_not() {
    let house = House::new().await;
    let jade = Jade::new(
        &house,
        GatewayOptions {
            guests: 2,
            ..options()
        },
    );
    market(&house, &jade.gateway).await;
    let from = |name: &str| request(&format!("{name}@{PLATFORM}"), "shop@aios", "");
    let invited = jade
        .gateway
        .invite(AgentName::new(format!("friend@{PLATFORM}")))
        .unwrap();
    jade.say(&from("a")).await.unwrap();
    let full = jade.say(&from("b")).await;
    assert!(matches!(
        full,
        Err(GatewayError::TooManyGuests { allowed: 2 })
    ));
    assert_eq!(jade.gateway.envoys().len(), 2);
    tokio::time::advance(Duration::from_secs(600)).await;
    jade.say(&from("b")).await.unwrap();
    assert_eq!(jade.gateway.envoys().len(), 2);
    assert!(jade.gateway.envoys().contains(&invited));
    // The one that gave way is welcome again, later.
    tokio::time::advance(Duration::from_secs(600)).await;
    jade.say(&from("a")).await.unwrap();
}

/// JADE sends a message to several agents once for each, and each copy names all.
#[tokio::test(start_paused = true)]
async fn a_copy_reaches_whom_it_is_meant_for() {
    let house = House::new().await;
    let mut jade = Jade::new(&house, options());
    market(&house, &jade.gateway).await;
    let text = format!(
        "(CFP :sender (agent-identifier :name {BUYER}) :receiver (set (agent-identifier :name seller1@aios) (agent-identifier :name seller2@aios)) :content \"Faust\" :reply-with r :conversation-id c)"
    );
    for intended in ["seller1@aios", "seller2@aios"] {
        jade.gateway
            .receive_for(text.as_bytes(), &[intended])
            .await
            .unwrap();
        assert_eq!(jade.hear().await.sender.unwrap().name, intended);
    }
    jade.is_quiet(&house).await;
}
