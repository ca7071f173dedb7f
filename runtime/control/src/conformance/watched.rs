//! What a node shows of itself: what happens, the tree, conversations, letters nobody took, bills, the trail.

use serde::de::DeserializeOwned;

use super::{BEAT, Stage, done, refused, soon};
use crate::{
    AgentHappened, Ask, AuditAsked, AuditTrail, BreakerLine, BudgetLine, Client, ConversationLine,
    ConversationShown, ConversationsAsked, EndedAgent, ErrorKind, Event, EventKind, Figure,
    FiguresAsked, LetterShown, Letters, MessageHappened, Request, Resent, Told, TreeAsked,
    TreePage, Unusual, Watch,
};

pub(super) async fn a_node_is_watched(stage: &mut Stage) {
    a_fall_is_told_and_kept(stage).await;
    a_conversation_is_seen_and_heard(stage).await;
    the_tree_is_told_in_parts(stage).await;
    an_agent_rests_and_what_comes_too_late_is_a_dead_letter(stage).await;
    bills_breakers_and_the_trail_are_shown(stage).await;
}

async fn ask<T: DeserializeOwned>(client: &mut Client, request: Request) -> T {
    done("an answer", client.ask(&request).await)
}

/// The next event that is meant, and all before it.
async fn until(client: &mut Client, what: &str, mut is: impl FnMut(&Event) -> bool) -> Vec<Told> {
    let heard = async {
        let mut heard = Vec::new();
        loop {
            let event = done(what, client.next_event().await);
            let event = event.unwrap_or_else(|| panic!("{what}: the watch has ended"));
            let found = is(&event);
            heard.push(event);
            if found {
                return heard;
            }
        }
    };
    soon(what, heard).await
}

fn body<T: DeserializeOwned>(event: &Event) -> T {
    event
        .read()
        .unwrap_or_else(|error| panic!("{event:?}: {error}"))
}

async fn a_fall_is_told_and_kept(stage: &mut Stage) {
    let agent = stage.agent.clone();
    let watch = Watch {
        fresh: true,
        agent: Some(agent.clone()),
        kinds: vec![EventKind::Agent],
        ..Watch::default()
    };
    done("a watch", stage.other.watch_node(watch.clone()).await);
    done("a kill", stage.owner.kill(&agent).await);
    let is = |event: &Event, kind: &str| body::<AgentHappened>(event).kind == kind;
    let heard = until(&mut stage.other, "its return", |event| is(event, "started")).await;
    let exit = heard.iter().find(|event| is(event, "exited"));
    let exit = exit.unwrap_or_else(|| panic!("its end is told: {heard:?}"));
    let fell: AgentHappened = body(exit);
    assert_eq!(
        (fell.agent.as_str(), fell.reason.as_deref()),
        (agent.as_str(), Some("killed"))
    );
    let back: AgentHappened = body(&heard[heard.len() - 1]);
    assert!(
        back.incarnation > fell.incarnation,
        "{back:?} after {fell:?}"
    );
    for pair in heard.windows(2) {
        assert!(pair[0].seq < pair[1].seq, "numbers only grow: {heard:?}");
    }
    // Whoever was cut off goes on where it was.
    let again = Watch {
        fresh: false,
        after_seq: exit.seq,
        ..watch
    };
    done("the same watch", stage.other.watch_node(again).await);
    let rest = until(&mut stage.other, "its return", |event| is(event, "started")).await;
    let missed = heard.iter().filter(|event| event.seq > exit.seq);
    assert_eq!(rest, missed.cloned().collect::<Vec<_>>());
    let lost = Watch {
        after_seq: 1,
        kinds: vec![EventKind::Agent],
        ..Watch::default()
    };
    done("a watch", stage.other.watch_node(lost).await);
    let first = until(&mut stage.other, "that it is lost", |_| true).await;
    assert_eq!(first[0].kind, EventKind::Reset, "{first:?}");
    let ended: Vec<EndedAgent> = ask(&mut stage.owner, Request::Ended {}).await;
    let end = ended.iter().find(|end| end.agent == agent);
    let end = end.unwrap_or_else(|| panic!("{agent} is among {ended:?}"));
    assert_eq!(
        (end.how.as_str(), end.then.as_deref()),
        ("killed", Some("restarted"))
    );
    assert!(ended.len() <= 200);
}

async fn a_conversation_is_seen_and_heard(stage: &mut Stage) {
    let watch = Watch {
        fresh: true,
        agent: Some(stage.echo.clone()),
        kinds: vec![EventKind::Message],
        ..Watch::default()
    };
    done("a watch", stage.other.watch_node(watch).await);
    let question = Ask {
        agent: stage.echo.clone(),
        content: "do not tell".to_owned(),
        deadline_ms: 20_000,
    };
    let said = done("a question", stage.owner.ask_agent(question).await);
    let is_answer = |event: &Event| {
        let message: MessageHappened = body(event);
        message.what == "verified" && message.act.as_deref() == Some("inform")
    };
    let heard = until(&mut stage.other, "the answer", is_answer).await;
    let messages: Vec<MessageHappened> = heard.iter().map(|event| body(event)).collect();
    for message in &messages {
        let both = [message.sender.as_deref(), Some(message.receiver.as_str())];
        assert!(
            both.contains(&Some(said.agent.as_str())),
            "only those of the agent: {message:?}"
        );
        assert!(message.content_bytes > 0 && !format!("{message:?}").contains("do not tell"));
    }
    let steps: Vec<_> = messages
        .iter()
        .map(|it| (it.act.as_deref().unwrap_or_default(), it.what.as_str()))
        .collect();
    for step in [
        ("request", "sent"),
        ("request", "verified"),
        ("inform", "sent"),
    ] {
        assert!(steps.contains(&step), "{step:?} in {steps:?}");
    }
    let id = messages[0].conversation.clone().unwrap_or_default();
    let asked = ConversationsAsked {
        agent: Some(stage.echo.clone()),
        goal_id: None,
    };
    let lines: Vec<ConversationLine> = ask(&mut stage.owner, Request::Conversations(asked)).await;
    assert!(
        lines.iter().any(|line| line.conversation == id),
        "{id} in {lines:?}"
    );
    let shown = Request::Conversation { conversation: id };
    let shown: ConversationShown = ask(&mut stage.owner, shown).await;
    assert!(shown.said.len() >= 4, "{shown:?}");
    assert_eq!(shown.line.messages, 2, "{shown:?}");
    let nothing = Request::Conversation {
        conversation: "none".to_owned(),
    };
    let outcome = stage.owner.ask::<ConversationShown>(&nothing).await;
    refused("a conversation", outcome, ErrorKind::Unknown);
}

async fn the_tree_is_told_in_parts(stage: &mut Stage) {
    let all = TreeAsked::default();
    let whole: TreePage = ask(&mut stage.owner, Request::Tree(all.clone())).await;
    assert_eq!(whole.lines[0].level, 0);
    assert!(whole.lines[0].supervisor.is_some(), "{:?}", whole.lines[0]);
    let line = whole.lines.iter().find(|line| line.id == stage.agent);
    let line = line.unwrap_or_else(|| panic!("{} is in {whole:?}", stage.agent));
    assert_eq!(line.state, "running");
    assert!(
        line.restarts > 0 && line.agent.is_some() && line.mailbox.is_some(),
        "{line:?}"
    );
    let above = line
        .path
        .rsplit_once('/')
        .map(|(above, _)| above.to_owned());
    let asked = TreeAsked {
        under: above,
        search: Some(stage.agent.to_uppercase()),
        most: 1,
        ..all.clone()
    };
    let part: TreePage = ask(&mut stage.owner, Request::Tree(asked)).await;
    assert_eq!((part.total, part.lines.len()), (1, 1), "{part:?}");
    for (wrong, kind) in [
        (
            TreeAsked {
                most: 0,
                ..all.clone()
            },
            ErrorKind::Invalid,
        ),
        (
            TreeAsked {
                most: 1_000_000,
                ..all.clone()
            },
            ErrorKind::Invalid,
        ),
        (
            TreeAsked {
                under: Some("nowhere".to_owned()),
                ..all.clone()
            },
            ErrorKind::Unknown,
        ),
    ] {
        let outcome = stage
            .owner
            .ask::<TreePage>(&Request::Tree(wrong.clone()))
            .await;
        refused("a tree", outcome, kind);
        refused("a watch", stage.owner.watch_tree(wrong).await, kind);
    }
    done("a watch", stage.other.watch_tree(all).await);
    let is_page = |event: &Event| event.kind == EventKind::Tree;
    until(&mut stage.other, "the tree", is_page).await;
    done("a kill", stage.owner.kill(&stage.agent.clone()).await);
    let agent = stage.agent.clone();
    let before = line.restarts;
    let restarted = move |event: &Event| {
        let page: TreePage = body(event);
        let line = page.lines.iter().find(|line| line.id == agent);
        line.is_some_and(|line| line.restarts > before)
    };
    until(&mut stage.other, "the restart", restarted).await;
}

async fn an_agent_rests_and_what_comes_too_late_is_a_dead_letter(stage: &mut Stage) {
    let question = |content: &str, deadline_ms| Ask {
        agent: stage.echo.clone(),
        content: content.to_owned(),
        deadline_ms,
    };
    let awake = done(
        "a question",
        stage.owner.ask_agent(question("hello", 20_000)).await,
    );
    let agent = awake.agent;
    let rest = Request::Suspend {
        agent: agent.clone(),
    };
    ask::<()>(&mut stage.owner, rest).await;
    let resting = TreeAsked {
        state: Some("suspended".to_owned()),
        ..TreeAsked::default()
    };
    let page: TreePage = ask(&mut stage.other, Request::Tree(resting)).await;
    assert!(
        page.lines.iter().any(|line| line.id == agent),
        "{agent} in {page:?}"
    );
    let outcome = stage.owner.ask_agent(question("too late", 100)).await;
    refused("a question to one that rests", outcome, ErrorKind::Late);
    let on = Request::ResumeAgent {
        agent: agent.clone(),
    };
    ask::<()>(&mut stage.owner, on).await;
    done(
        "a question",
        stage.owner.ask_agent(question("hello", 20_000)).await,
    );
    let other = &mut stage.other;
    let letters: Letters = soon("the dead letter", async {
        loop {
            let letters: Letters = ask(other, Request::DeadLetters {}).await;
            if !letters.kept.is_empty() {
                break letters;
            }
            tokio::time::sleep(BEAT).await;
        }
    })
    .await;
    let letter = letters.kept.iter().find(|it| it.receivers.contains(&agent));
    let letter = letter.unwrap_or_else(|| panic!("one to {agent} in {letters:?}"));
    assert_eq!(letter.reason, "expired", "{letter:?}");
    let number = letter.number;
    let shown: LetterShown = ask(&mut stage.owner, Request::DeadLetter { number }).await;
    assert_eq!(
        (&shown.line, shown.content.as_deref()),
        (letter, Some("too late"))
    );
    let resend = |number| Request::Resend { number };
    let outcome = stage.owner.ask::<Resent>(&resend(number)).await;
    refused("what nobody waits for", outcome, ErrorKind::Conflict);
    ask::<()>(&mut stage.owner, Request::Discard { number }).await;
    for gone in [number, u64::MAX] {
        let outcome = stage.owner.ask::<Resent>(&resend(gone)).await;
        refused("a letter", outcome, ErrorKind::Unknown);
        let outcome = stage
            .owner
            .ask::<()>(&Request::Discard { number: gone })
            .await;
        refused("a letter", outcome, ErrorKind::Unknown);
        let shown = Request::DeadLetter { number: gone };
        let outcome = stage.owner.ask::<LetterShown>(&shown).await;
        refused("a letter", outcome, ErrorKind::Unknown);
    }
    for unknown in ["macro.nobody.001@nowhere", "", "nobody"] {
        let agent = unknown.to_owned();
        let outcome = stage.owner.ask::<()>(&Request::Suspend { agent }).await;
        refused("a rest", outcome, ErrorKind::Unknown);
    }
}

async fn bills_breakers_and_the_trail_are_shown(stage: &mut Stage) {
    let breakers: Vec<BreakerLine> = ask(&mut stage.owner, Request::Breakers {}).await;
    assert!(breakers.iter().all(|breaker| !breaker.state.is_empty()));
    let asked = FiguresAsked {
        prefix: "aios_agent".to_owned(),
    };
    let figures: Vec<Figure> = ask(&mut stage.owner, Request::Figures(asked)).await;
    let chosen = |figure: &Figure| figure.name.starts_with("aios_agent");
    assert!(figures.iter().all(chosen), "only those that are asked for");
    let _: Vec<Unusual> = ask(&mut stage.owner, Request::Unusual {}).await;
    let _: Vec<BudgetLine> = ask(&mut stage.owner, Request::Budgets {}).await;
    let trail = |after_seq| Request::Audit(AuditAsked { after_seq });
    let before: AuditTrail = ask(&mut stage.owner, trail(0)).await;
    assert!(before.chain_holds);
    let watch = Watch {
        fresh: true,
        kinds: vec![EventKind::Audit],
        ..Watch::default()
    };
    done("a watch", stage.other.watch_node(watch).await);
    let nobody = "macro.nobody.001@nowhere";
    refused("a kill", stage.owner.kill(nobody).await, ErrorKind::Unknown);
    until(&mut stage.other, "the command", |_| true).await;
    let last = before.entries.last().map_or(0, |line| line.seq);
    let after: AuditTrail = ask(&mut stage.owner, trail(last)).await;
    let line = &after.entries[0];
    assert_eq!(
        (line.sort.as_str(), line.label.as_str()),
        ("command", "unknown")
    );
    assert!(
        line.what.contains("kill") && !line.by.is_empty(),
        "{line:?}"
    );
    assert_eq!(line.before, before.head, "it names the one before it");
    assert_ne!(after.head, before.head);
}
