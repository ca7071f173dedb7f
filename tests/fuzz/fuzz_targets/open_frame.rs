//! Frames as they come, and bodies that their own sender signed.

#![no_main]

use aios_protocols::{
    KeyRegistry, Limits, Party, Refusal, Sealed, SigningIdentity, Timestamp, Verifier, authenticate,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (Ok(sender), Ok(receiver)) = (
        "macro.a.1@x".parse::<Party>(),
        "macro.b.1@x".parse::<Party>(),
    ) else {
        unreachable!("both are identifiers");
    };
    let identity = SigningIdentity::from_seed(sender.clone(), [1; 32]);
    let keys = KeyRegistry::new();
    keys.register(&identity.claim(1), Timestamp::ZERO)
        .expect("the registry is empty");

    let raw = Sealed::from_bytes(data.to_vec());
    assert!(authenticate(&raw, &keys, &Limits::default(), Timestamp::ZERO).is_err());

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
    let mut verifier = Verifier::new(Timestamp::ZERO).with_max_age(std::time::Duration::MAX);
    let opened = verifier.open(
        &Sealed::from_bytes(frame),
        &keys,
        &receiver,
        Timestamp::MAX,
    );
    assert!(!matches!(opened, Err(Refusal::BadSignature { .. })));
    if let Ok(trusted) = opened {
        // What was read can be written and read again.
        let again = identity
            .seal(&trusted, &Limits::default())
            .expect("it was within the limits");
        let read =
            authenticate(&again, &keys, &Limits::default(), Timestamp::ZERO).expect("just sealed");
        assert_eq!(*read, *trusted);
    }
});
