//! The tensor header, handles, and who is let at a frame.

use crate::world::*;
use aios_protocols::tensor::*;
use aios_protocols::*;

pub(crate) fn header() -> TensorHeader {
    let mut header = TensorHeader::of(
        b"sixteen bytes...",
        FrameKind::KvCache,
        ContentType::Bf16,
        PartyHash::of(&party(PLANNER)),
        PartyHash::of(&party(EXECUTOR)),
    );
    header.flags = Flags::COMPRESSED.with(Flags::ACK);
    header.conversation = *b"0123456789abcdef";
    header.sequence = 0x0102_0304_0506_0708;
    header.timestamp_ns = 1_795_420_800_123_456_789;
    header
}

pub(crate) fn grant() -> TensorGrant {
    let id = PoolId::from_bytes([0xA5; 16]);
    TensorGrant {
        pool: PoolAddress {
            id,
            segment: Some(PoolAddress::segment_name([0x3C; 12])),
            slots: 64,
            slot_bytes: 4096,
        },
        handle: TensorHandle {
            pool: id,
            offset: 4_480,
            length: 48,
            shape: vec![2, 3, 4],
            dtype: ContentType::F16,
            generation: 7,
        },
        key: FrameKey::from_bytes([0x11; 32]),
        sender: PartyHash::of(&party(PLANNER)),
        receiver: PartyHash::of(&party(EXECUTOR)),
    }
}

#[test]
fn a_header_gives_back_its_fields_and_every_unsound_byte_is_named() {
    let good = header().encode();
    assert_eq!(TensorHeader::decode(&good), Ok(header()));
    let with = |at: usize, byte: u8| {
        let mut bytes = good;
        bytes[at] = byte;
        TensorHeader::decode(&bytes)
    };
    let rows = [
        (
            0,
            1,
            HeaderError::Version {
                found: 1,
                expected: 2,
            },
        ),
        (1, 0, HeaderError::Kind(0)),
        (1, 5, HeaderError::Kind(5)),
        (2, 8, HeaderError::Flags(8)),
        (3, 0, HeaderError::ContentType(0)),
        (3, 6, HeaderError::ContentType(6)),
    ];
    for (at, byte, expected) in rows {
        assert_eq!(with(at, byte), Err(expected), "byte {at}");
    }
    for (at, byte) in good.iter().enumerate().skip(4) {
        let other = with(at, byte ^ 1).unwrap();
        assert_ne!(other, header(), "byte {at} is part of some field");
        assert_eq!(other.encode()[at], byte ^ 1);
    }
}

#[test]
fn a_header_belongs_to_its_content_only() {
    let header = header();
    assert_eq!(header.check(b"sixteen bytes..."), Ok(()));
    assert!(matches!(
        header.check(b"sixteen bytes..!"),
        Err(HeaderError::Checksum { .. })
    ));
    assert_eq!(
        header.check(b"fifteen bytes.."),
        Err(HeaderError::Length {
            found: 16,
            expected: 15
        })
    );
    // The check value of CRC-32/ISO-HDLC.
    let nine = TensorHeader::of(
        b"123456789",
        FrameKind::Tensor,
        ContentType::Raw,
        header.sender,
        header.receiver,
    );
    assert_eq!(nine.crc32, 0xCBF4_3926);
}

#[test]
fn a_handle_agrees_with_itself_or_is_refused() {
    let good = grant().handle;
    assert_eq!(good.check(), Ok(()));
    type Spoil = fn(&mut TensorHandle);
    let rows: &[(Spoil, &str)] = &[
        (|handle| handle.shape = vec![1; 9], "9 dimensions, 8"),
        (|handle| handle.length = 47, "does not fill 47 bytes"),
        (|handle| handle.shape.clear(), "does not fill 48 bytes"),
        (|handle| handle.dtype = ContentType::F32, "does not fill"),
        (
            |handle| handle.shape = vec![u64::MAX, u64::MAX],
            "does not fill",
        ),
        (|handle| handle.generation = 0, "generation 0"),
        (
            |handle| handle.generation = LAST_GENERATION + 1,
            "never given out",
        ),
    ];
    for (spoil, expected) in rows {
        let mut handle = good.clone();
        spoil(&mut handle);
        let error = handle.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn open(from: &str, draft: Draft, me: &str) -> Result<TensorGrant, GrantError> {
    let (_, sealed) = seal(from, draft);
    let trusted = World::new().open(&mut verifier(), &sealed, me).unwrap();
    TensorGrant::open(&trusted, &party(me))
}

#[test]
fn a_grant_is_a_signed_message_from_the_frames_sender_to_its_receiver() {
    let grant = grant();
    let draft = || grant.draft(&party(EXECUTOR)).unwrap();
    assert_eq!(open(PLANNER, draft(), EXECUTOR).unwrap(), grant);
    assert!(
        matches!(grant.draft(&party(CRITIC)), Err(GrantError::NotYours)),
        "the sender cannot address it to somebody else"
    );
    let rows = [
        ("another signer", open(CRITIC, draft(), EXECUTOR)),
        (
            "another reader beside the receiver",
            open(PLANNER, draft().to(party(CRITIC)), CRITIC),
        ),
    ];
    for (what, outcome) in rows {
        assert!(matches!(outcome, Err(GrantError::NotYours)), "{what}");
    }
    let other = draft().ontology("aios.tasks");
    assert!(matches!(
        open(PLANNER, other, EXECUTOR),
        Err(GrantError::NotAGrant(_))
    ));
    type Spoil = fn(&mut TensorGrant);
    let rows: &[(Spoil, &str)] = &[
        (
            |grant| grant.pool.segment = Some("/dev/shm/../../etc".into()),
            "not a name of ours",
        ),
        (
            |grant| grant.pool.segment = Some("/aios-3c3c3c3c3c3c3c3c3c3c3c3C".into()),
            "not a name of ours",
        ),
        (
            |grant| grant.pool.id = PoolId::from_bytes([0; 16]),
            "the grant describes pool",
        ),
        (|grant| grant.handle.length = 1, "does not fill 1 bytes"),
    ];
    for (spoil, expected) in rows {
        let mut spoiled = grant.clone();
        spoil(&mut spoiled);
        let error = open(PLANNER, spoiled.draft(&party(EXECUTOR)).unwrap(), EXECUTOR).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn an_altered_or_repeated_grant_is_no_message() {
    let (_, sealed) = seal(PLANNER, grant().draft(&party(EXECUTOR)).unwrap());
    let world = World::new();
    let mut once = verifier();
    let mut altered = sealed.as_bytes().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(
        world.open(&mut once, &Sealed::from_bytes(altered), EXECUTOR),
        Err(Refusal::BadSignature { .. })
    ));
    assert!(world.open(&mut once, &sealed, EXECUTOR).is_ok());
    assert!(world.open(&mut once, &sealed, EXECUTOR).is_err());
}

#[test]
fn a_key_is_never_printed() {
    let shown = format!("{:?}", grant());
    assert!(
        shown.contains("FrameKey(..)") && !shown.contains("1111"),
        "{shown}"
    );
}
