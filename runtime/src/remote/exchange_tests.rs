//! What an exchange does, as tables.

use std::sync::Arc;

use aios_protocols::{
    AgentId, Draft, Limits, PrincipalId, Sealed, Sealer, SigningIdentity, TenantId,
};

use super::*;

fn now() -> Timestamp {
    Timestamp::since_epoch(Duration::from_secs(1_000_000))
}

/// Somebody who signs.
struct Speaker {
    sealer: Sealer,
    identity: Arc<SigningIdentity>,
    drawn: u8,
}

impl Speaker {
    fn new(party: impl Into<Party>) -> Self {
        let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
        let tenant = TenantId::new("local").unwrap();
        Self {
            sealer: Sealer::new(Arc::clone(&identity), tenant, 1),
            identity,
            drawn: 0,
        }
    }

    fn asker() -> Self {
        Self::new("user:ann@local".parse::<PrincipalId>().unwrap())
    }

    fn agent() -> Self {
        Self::new(agent())
    }

    fn says(&mut self, draft: Draft) -> (Message, Sealed) {
        self.drawn += 1;
        let message = self.sealer.stamp(draft, now(), [self.drawn; 10]).unwrap();
        let frame = self.identity.seal(&message, &Limits::default()).unwrap();
        (message, frame)
    }

    fn letter(&mut self, draft: Draft) -> Letter {
        let (message, frame) = self.says(draft);
        Letter {
            frame,
            message: Arc::new(message),
            key: self.identity.public_key(),
        }
    }
}

fn agent() -> AgentId {
    "macro.clerk.001@local".parse().unwrap()
}

/// An exchange with so many questions under way, of which all were sent.
fn exchange(questions: usize) -> (Exchange, Vec<Letter>) {
    let (mut exchange, mut asker) = (Exchange::new(3), Speaker::asker());
    exchange.arrive(None).unwrap();
    let letters: Vec<Letter> = (0..questions)
        .map(|_| asker.letter(Draft::request(agent(), "?")))
        .collect();
    for letter in &letters {
        exchange.offer(letter.clone(), now());
    }
    assert_eq!(
        sent(&mut exchange),
        (1..=questions as u64).collect::<Vec<_>>()
    );
    (exchange, letters)
}

fn sent(exchange: &mut Exchange) -> Vec<u64> {
    std::iter::from_fn(|| exchange.next())
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn whoever_goes_on_is_sent_what_it_does_not_have_and_whoever_begins_anew_all_that_is_not_answered()
{
    // Acknowledged, answered (by their place), resumes; what is sent again.
    type Row = (u64, &'static [usize], Option<u64>, &'static [u64]);
    let rows: [Row; 7] = [
        (0, &[], Some(0), &[1, 2, 3]),
        (1, &[], Some(2), &[3]),
        (3, &[], Some(3), &[]),
        (3, &[], None, &[1, 2, 3]),
        (3, &[0, 2], None, &[2]),
        (0, &[1], Some(1), &[3]),
        // A number that was never sent is none that it has.
        (0, &[], Some(99), &[]),
    ];
    for (acknowledged, answered, resumes, expected) in rows {
        let (mut exchange, letters) = exchange(3);
        assert!(exchange.ack(acknowledged));
        let mut clerk = Speaker::agent();
        for at in answered {
            let reply = letters[*at].message.reply(Performative::Inform, "!");
            assert_eq!(exchange.heard(&clerk.says(reply).0), Said::GoesOn);
        }
        assert!(exchange.lose(1));
        assert_eq!(sent(&mut exchange), [0; 0], "nobody is there");
        let arrived = exchange.arrive(resumes).unwrap();
        assert_eq!((arrived.session, arrived.displaced), (2, None));
        assert!(arrived.given_up.is_empty());
        assert_eq!(
            sent(&mut exchange),
            expected,
            "{acknowledged} {answered:?} {resumes:?}"
        );
    }
}

#[test]
fn what_ends_three_processes_is_given_up_and_what_breaks_a_connection_is_not() {
    let (mut exchange, letters) = exchange(1);
    for fall in 1..=2 {
        exchange.lose(fall);
        assert!(exchange.arrive(None).unwrap().given_up.is_empty(), "{fall}");
        assert_eq!(sent(&mut exchange), [1]);
    }
    exchange.lose(3);
    let given_up = exchange.arrive(None).unwrap().given_up;
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].frame, letters[0].frame);
    assert_eq!(exchange.held(), 0);

    let (mut exchange, _) = self::exchange(1);
    for break_ in 1..=20 {
        exchange.lose(break_);
        assert!(exchange.arrive(Some(0)).unwrap().given_up.is_empty());
        assert_eq!(sent(&mut exchange), [1]);
    }
    // What never went out is nobody's fall.
    let mut exchange = Exchange::new(1);
    exchange.arrive(None).unwrap();
    exchange.offer(Speaker::asker().letter(Draft::request(agent(), "?")), now());
    exchange.lose(1);
    assert!(exchange.arrive(None).unwrap().given_up.is_empty());
    assert_eq!(sent(&mut exchange), [1]);
}

#[test]
fn a_slow_reader_is_given_no_more_until_it_acknowledges() {
    let (mut exchange, mut asker) = (Exchange::new(3), Speaker::asker());
    assert!(!exchange.has_room(), "nobody is there");
    exchange.arrive(None).unwrap();
    let mut taken = 0;
    while exchange.has_room() {
        exchange.offer(asker.letter(Draft::inform(agent(), "news")), now());
        taken += 1;
    }
    assert_eq!(taken, UNACKNOWLEDGED);
    assert_eq!(sent(&mut exchange).len() as u64, UNACKNOWLEDGED);
    assert!(exchange.ack(10));
    assert_eq!(
        exchange.held() as u64,
        UNACKNOWLEDGED - 10,
        "news wants no answer"
    );
    let more = (0..100)
        .take_while(|_| {
            let room = exchange.has_room();
            if room {
                exchange.offer(asker.letter(Draft::inform(agent(), "news")), now());
            }
            room
        })
        .count();
    assert_eq!(more, 10);
    assert!(!exchange.ack(75), "it was not sent that one yet");
    assert!(exchange.ack(64));
}

#[test]
fn a_message_opens_goes_on_or_was_said_before() {
    let (mut exchange, letters) = exchange(1);
    let mut clerk = Speaker::agent();
    let agree = clerk
        .says(letters[0].message.reply(Performative::Agree, ""))
        .0;
    assert_eq!(exchange.heard(&agree), Said::GoesOn);
    assert_eq!(exchange.held(), 1, "a promise is no answer");
    assert_eq!(exchange.heard(&agree), Said::Again);
    let inform = clerk
        .says(letters[0].message.reply(Performative::Inform, "!"))
        .0;
    assert_eq!(exchange.heard(&inform), Said::GoesOn);
    assert_eq!(exchange.held(), 0);
    let planner: AgentId = "macro.planner.001@local".parse().unwrap();
    let (question, _) = clerk.says(Draft::request(&planner, "may I?"));
    assert_eq!(exchange.heard(&question), Said::Opens);
    let (cancel, _) = clerk.says(question.cancel());
    assert_eq!(exchange.heard(&cancel), Said::GoesOn);
    let (refuse, _) = clerk.says(Draft::new(Performative::Refuse, "no").to(&planner));
    assert_eq!(
        exchange.heard(&refuse),
        Said::GoesOn,
        "it opens nothing; its receiver says what it thinks of it"
    );
}

#[test]
fn nobody_waits_for_ever_and_an_end_hands_everything_out() {
    let (mut exchange, mut asker) = (Exchange::new(3), Speaker::asker());
    exchange.arrive(None).unwrap();
    let soon = now() + Duration::from_secs(5);
    exchange.offer(
        asker.letter(Draft::request(agent(), "?").reply_by(soon)),
        now(),
    );
    exchange.offer(asker.letter(Draft::request(agent(), "?")), now());
    sent(&mut exchange);
    assert!(exchange.ack(2));
    assert!(exchange.expire(soon).is_empty());
    assert_eq!(exchange.expire(soon + Duration::from_secs(1)).len(), 1);
    assert_eq!(exchange.expire(now() + PATIENCE).len(), 0);
    assert_eq!(
        exchange
            .expire(now() + PATIENCE + Duration::from_secs(1))
            .len(),
        1
    );

    let (mut exchange, letters) = self::exchange(2);
    let (session, rest) = exchange.end();
    assert_eq!((session, rest.len()), (Some(1), letters.len()));
    assert!(exchange.arrive(None).is_none() && exchange.arrive(Some(1)).is_none());
    assert!(!exchange.has_room() && !exchange.lose(1));
}

#[test]
fn one_connection_takes_the_place_of_another() {
    let (mut exchange, _) = exchange(1);
    let arrived = exchange.arrive(Some(1)).unwrap();
    assert_eq!((arrived.session, arrived.displaced), (2, Some(1)));
    assert!(
        !exchange.lose(1),
        "the old one has nothing to lose any more"
    );
    assert_eq!(exchange.phase(), Phase::Here(2));
}
