//! What comes in from other agents and other platforms: frames, FIPA strings, names, orders of acts, tensor headers.

use std::time::Duration;

use aios_protocols::conversation::{ConversationKey, Conversations};
use aios_protocols::tensor::{StreamGrant, TensorGrant, TensorHandle, TensorHeader};
use aios_protocols::{
    ConversationId, Draft, KeyRegistry, Limits, Party, Performative, ProtocolName, Reason, Refusal,
    Sealed, Sealer, SigningIdentity, Subject, SubjectPattern, Timestamp, TraceContext, Verifier,
    authenticate, fipa_string,
};

fn party(name: &str) -> Party {
    name.parse().expect("it is an identifier")
}

/// Frames as they come, and bodies that their own sender signed: what opens is written and opens again as the same.
pub fn open_frame(data: &[u8]) {
    let (sender, receiver) = (party("macro.a.1@x"), party("macro.b.1@x"));
    let identity = SigningIdentity::from_seed(sender.clone(), [1; 32]);
    let keys = KeyRegistry::new();
    keys.register(&identity.claim(1), Timestamp::ZERO)
        .expect("the registry is empty");

    let raw = Sealed::from_bytes(data.to_vec());
    let refused = authenticate(&raw, &keys, &Limits::default(), Timestamp::ZERO)
        .expect_err("nobody signed this");
    assert!(!refused.to_string().is_empty());

    // Behind a good signature, so that the protobuf decoder is reached.
    let mut body = vec![0x0a, sender.as_str().len() as u8];
    body.extend_from_slice(sender.as_str().as_bytes());
    body.extend_from_slice(&[0x12, 8]);
    body.extend_from_slice(identity.key_id().as_bytes());
    body.extend_from_slice(data);
    let signature = identity.sign("application/vnd.aios.fipa-acl", &body);
    let mut frame = b"AIM\x01".to_vec();
    frame.extend_from_slice(&signature.to_bytes());
    frame.extend_from_slice(&body);
    let mut verifier = Verifier::new(Timestamp::ZERO).with_max_age(Duration::MAX);
    let opened = verifier.open(&Sealed::from_bytes(frame), &keys, &receiver, Timestamp::MAX);
    assert!(!matches!(opened, Err(Refusal::BadSignature { .. })));
    if let Ok(trusted) = opened {
        let again = identity
            .seal(&trusted, &Limits::default())
            .expect("it was within the limits");
        let read =
            authenticate(&again, &keys, &Limits::default(), Timestamp::ZERO).expect("just sealed");
        assert_eq!(*read, *trusted);
        // Whatever it says, it can be read as a grant or is refused as one.
        for refused in [
            TensorGrant::open(&trusted, &receiver).err(),
            StreamGrant::open(&trusted, &receiver).err(),
        ]
        .into_iter()
        .flatten()
        {
            assert!(!refused.to_string().is_empty());
        }
    }
}

/// Strings of other platforms: what is read is written, and reads the same again.
pub fn parse_fipa_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match fipa_string::parse(text) {
        Ok(acl) => {
            let written = acl.to_string();
            assert_eq!(fipa_string::parse(&written), Ok(acl), "{written}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Identifiers, subjects, dates, traces and reasons: what parses prints the same.
pub fn parse_identity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(party) = text.parse::<Party>() {
        assert_eq!(party.as_str(), text);
    }
    if let Ok(subject) = text.parse::<Subject>() {
        assert_eq!(subject.as_str(), text);
    }
    if let Ok(pattern) = text.parse::<SubjectPattern>() {
        assert_eq!(pattern.as_str(), text);
    }
    if let Ok(moment) = Timestamp::from_fipa(text) {
        assert_eq!(Timestamp::from_fipa(&moment.to_fipa()), Ok(moment));
    }
    if let Ok(trace) = text.parse::<TraceContext>() {
        assert_eq!(trace.to_string(), text);
    }
    if let Ok(reason) = text.parse::<Reason>() {
        assert_eq!(reason.to_string().parse(), Ok(reason));
    }
}

/// Conversations that a party of a script can hold at once.
const PLACES: usize = 6;

/// Acts in any order, two bytes each: who says what in which conversation. Bounded whatever comes, and what is expected is taken.
pub fn conversation(data: &[u8]) {
    let me = party("macro.planner.1@x");
    let others = [
        "macro.executor.1@x",
        "macro.executor.2@x",
        "meso.router.1@x",
    ]
    .map(party);
    let tenant: aios_protocols::TenantId = "local".parse().expect("it is a tenant");
    let sealer = |who: &Party| {
        let identity = std::sync::Arc::new(SigningIdentity::from_seed(who.clone(), [7; 32]));
        Sealer::new(identity, tenant.clone(), 1)
    };
    let mut mine = sealer(&me);
    let mut theirs = others.clone().map(|who| sealer(&who));
    let mut book = Conversations::new(PLACES);
    let mut now = Timestamp::since_epoch(Duration::from_secs(1_000_000));
    for pair in data.chunks_exact(2).take(200) {
        let (who, what) = (pair[0], pair[1]);
        let other = usize::from(who >> 1) % others.len();
        let id = ConversationId::new(Timestamp::ZERO, [(who >> 3) % 12; 10]);
        let act = Performative::ALL[usize::from(what) % Performative::ALL.len()];
        now = now + Duration::from_millis(u64::from(who) * 50);
        let mut draft = Draft::new(act, "x").conversation(id);
        let names = ProtocolName::ALL;
        if let Some(name) = names.get(usize::from(what >> 3) % (names.len() + 1)) {
            draft = draft.protocol(*name);
        }
        if what & 0x80 != 0 {
            draft = draft.reply_by(now + Duration::from_secs(1));
        }
        let outward = who & 1 == 0;
        let speaker = if outward { &me } else { &others[other] };
        let hearer = if outward { &others[other] } else { &me };
        let key = |initiator: &Party| ConversationKey {
            id,
            initiator: initiator.clone(),
        };
        // Whoever opened it may bring in another; to one who is in it already only what is expected goes.
        let in_it = |key: &ConversationKey| {
            book.get(key)
                .is_some_and(|talk| talk.state(hearer).is_some())
        };
        let own = key(speaker);
        let unexpected = in_it(&own)
            && ![own, key(hearer)]
                .iter()
                .any(|key| book.expected(key, speaker).contains(&act));
        let taken = if outward {
            let draft = draft.to(others[other].clone());
            let message = mine.stamp(draft, now, [who; 10]).expect("not to itself");
            book.send(&me, &message, now)
        } else {
            let draft = draft.to(me.clone());
            let message = theirs[other]
                .stamp(draft, now, [what; 10])
                .expect("not to itself");
            book.receive(&me, &message, now)
        };
        match taken {
            Ok(step) => {
                assert!(!unexpected, "{act} was taken though nobody expected it");
                assert!(!step.finished || book.get(&step.key).is_none());
            }
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
        assert!(book.len() <= PLACES);
        if what == 0xff {
            book.close_overdue(now);
        }
    }
}

/// Headers of frames in shared memory, and the JSON of handles: what decodes is written as the same bytes.
pub fn tensor_header(data: &[u8]) {
    if let Some((bytes, content)) = data.split_first_chunk::<{ TensorHeader::BYTES }>() {
        match TensorHeader::decode(bytes) {
            Ok(header) => {
                assert_eq!(header.encode(), *bytes);
                if header.check(content).is_ok() {
                    assert_eq!(header.content_length, content.len() as u64);
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    if let Ok(handle) = serde_json::from_slice::<TensorHandle>(data) {
        let text = serde_json::to_vec(&handle).expect("numbers and text");
        let again: TensorHandle = serde_json::from_slice(&text).expect("just written");
        assert_eq!(again, handle);
        if handle.check().is_ok() {
            let elements: u64 = handle.shape.iter().product();
            assert_eq!(elements * handle.dtype.bytes(), handle.length);
        }
    }
}
