//! Whose keys are valid when, who may enter one, and that a revoked one never comes back.

use std::time::Duration;

use crate::world::*;
use aios_protocols::*;

const GRACE: Duration = Duration::from_secs(60);

/// The planner's key of this number, endorsed by the one before. The epoch is the number.
fn rotation(number: u8) -> KeyClaim {
    identity(PLANNER, number).claim_after(&identity(PLANNER, number - 1), number.into())
}

fn problem(keys: &KeyRegistry, number: u8, at: Timestamp) -> Option<KeyProblem> {
    keys.key(&party(PLANNER), identity(PLANNER, number).key_id(), at)
        .err()
}

#[test]
fn a_key_names_one_party_only() {
    let keys = World::new().keys;
    // The planner's own secret, so possession is not what is missing.
    let mut seed = [1; 32];
    for (byte, letter) in seed.iter_mut().zip(PLANNER.bytes()) {
        *byte ^= letter;
    }
    let mallory = SigningIdentity::from_seed(party("macro.planner.666@global"), seed);
    assert_eq!(mallory.public_key(), identity(PLANNER, 1).public_key());
    let refused = keys.register(&mallory.claim(1), morning()).unwrap_err();
    assert_eq!(refused, RegistryError::KeyInUse(party(PLANNER)));
    let again = identity(PLANNER, 2).claim(2);
    assert_eq!(
        keys.register(&again, morning()).unwrap_err(),
        RegistryError::AlreadyRegistered(party(PLANNER))
    );
    keys.revoke_party(&party(PLANNER));
    assert_eq!(
        keys.register(&again, morning()).unwrap_err(),
        RegistryError::Revoked(party(PLANNER))
    );
    assert_eq!(
        keys.reinstate(&identity(PLANNER, 1).claim(2), morning())
            .unwrap_err(),
        RegistryError::KeyInUse(party(PLANNER)),
        "only with a new key"
    );
}

#[test]
fn a_key_is_entered_by_whoever_holds_its_secret_half_only() {
    let mallory = party("macro.planner.666@global");
    let stolen = identity(PLANNER, 2).public_key();
    let forger = SigningIdentity::from_seed(mallory.clone(), [9; 32]);
    let honest = forger.claim(1);
    let claim = |party: &Party, key, epoch, by: &Signature| {
        KeyClaim::from_parts(party.clone(), key, epoch, *by, None)
    };
    let own = forger.public_key();
    let rows = [
        (
            "another's public key",
            claim(&mallory, stolen, 1, honest.possession()),
        ),
        (
            "another's party",
            claim(&party(CRITIC), own, 1, honest.possession()),
        ),
        (
            "another epoch",
            claim(&mallory, own, 2, honest.possession()),
        ),
        (
            "a signature for another purpose",
            claim(
                &mallory,
                own,
                1,
                &forger.sign("application/vnd.aios.fipa-acl", b"x"),
            ),
        ),
        (
            "a succession that was not signed for",
            KeyClaim::from_parts(
                mallory.clone(),
                own,
                1,
                *honest.possession(),
                Some((identity(PLANNER, 1).key_id(), *honest.possession())),
            ),
        ),
    ];
    for (what, claim) in rows {
        let refused = RegistryError::NotPossessed(claim.party().clone());
        let keys = KeyRegistry::new();
        assert_eq!(
            keys.register(&claim, morning()),
            Err(refused.clone()),
            "{what}"
        );
        assert!(keys.is_empty(), "{what}");
        // The other doors ask for it too.
        keys.register(&identity(claim.party().as_str(), 7).claim(0), morning())
            .unwrap();
        assert_eq!(keys.rotate(&claim, morning(), GRACE), Err(refused.clone()));
        assert_eq!(keys.replace(&claim, morning(), GRACE), Err(refused.clone()));
        assert_eq!(keys.reinstate(&claim, morning()), Err(refused), "{what}");
    }
    let keys = KeyRegistry::new();
    // As it travels.
    let travelled = KeyClaim::from_parts(
        honest.party().clone(),
        honest.key(),
        honest.epoch(),
        *honest.possession(),
        honest.succession().map(|(id, by)| (id, *by)),
    );
    assert_eq!(travelled, honest);
    keys.register(&travelled, morning()).unwrap();
    assert_eq!((keys.len(), keys.epoch(&mallory)), (1, Some(1)));
    assert!(!keys.is_empty());
}

#[test]
fn a_rotation_is_signed_by_the_key_before() {
    let keys = World::new().keys;
    let not_endorsed = Err(RegistryError::NotEndorsed(party(PLANNER)));
    let second = identity(PLANNER, 2);
    let rotate = |claim: &KeyClaim| keys.rotate(claim, morning(), GRACE);
    assert_eq!(rotate(&second.claim(2)), not_endorsed, "by nobody");
    let stranger = identity(CRITIC, 1);
    assert_eq!(
        rotate(&second.claim_after(&stranger, 2)),
        not_endorsed,
        "by another's key"
    );
    let good = rotation(2);
    let (_, other) = rotation(3).succession().map(|(id, by)| (id, *by)).unwrap();
    let mixed = KeyClaim::from_parts(
        party(PLANNER),
        good.key(),
        good.epoch(),
        *good.possession(),
        Some((identity(PLANNER, 1).key_id(), other)),
    );
    assert_eq!(
        rotate(&mixed),
        not_endorsed,
        "by a signature over another claim"
    );
    assert_eq!(rotate(&good), Ok(()));
    assert_eq!(
        rotate(&identity(PLANNER, 3).claim_after(&identity(PLANNER, 1), 3)),
        Ok(()),
        "the first is in its time of grace"
    );
    assert_eq!(
        keys.rotate(
            &identity(PLANNER, 4).claim_after(&identity(PLANNER, 2), 4),
            later(61),
            GRACE
        ),
        not_endorsed,
        "the second has expired"
    );
    assert!(keys.revoke_key(&party(PLANNER), identity(PLANNER, 3).key_id()));
    assert_eq!(
        keys.rotate(&rotation(4), morning(), GRACE),
        not_endorsed,
        "the third was revoked"
    );
    // Whoever runs the registry vouches for a party whose key is lost.
    assert_eq!(
        keys.replace(&identity(PLANNER, 4).claim(4), morning(), GRACE),
        Ok(())
    );
    assert_eq!(problem(&keys, 4, morning()), None);
    let unknown = identity("macro.planner.404@global", 1);
    let not_registered = Err(RegistryError::NotRegistered(unknown.party().clone()));
    assert_eq!(
        keys.rotate(&unknown.claim(1), morning(), GRACE),
        not_registered
    );
    assert_eq!(
        keys.replace(&unknown.claim(1), morning(), GRACE),
        not_registered
    );
    assert_eq!(keys.reinstate(&unknown.claim(1), morning()), not_registered);
    keys.revoke_party(&party(PLANNER));
    let revoked = Err(RegistryError::Revoked(party(PLANNER)));
    assert_eq!(keys.rotate(&rotation(5), morning(), GRACE), revoked);
    assert_eq!(
        keys.replace(&identity(PLANNER, 5).claim(5), morning(), GRACE),
        revoked
    );
}

#[test]
fn a_claim_is_good_once_and_its_epoch_grows() {
    let keys = World::new().keys;
    let stale = |asked, current| Err(RegistryError::StaleClaim { asked, current });
    let second = identity(PLANNER, 2);
    for epoch in [0, 1] {
        let claim = second.claim_after(&identity(PLANNER, 1), epoch);
        assert_eq!(keys.rotate(&claim, morning(), GRACE), stale(epoch, 1));
        assert_eq!(
            keys.replace(&second.claim(epoch), morning(), GRACE),
            stale(epoch, 1)
        );
        assert_eq!(
            keys.reinstate(&second.claim(epoch), morning()),
            stale(epoch, 1)
        );
    }
    assert_eq!(
        problem(&keys, 1, later(3_600)),
        None,
        "a refused claim changes nothing"
    );
    assert_eq!(keys.rotate(&rotation(2), morning(), GRACE), Ok(()));
    assert_eq!(keys.epoch(&party(PLANNER)), Some(2));
    assert_eq!(keys.epoch(&party("macro.planner.404@global")), None);
}

#[test]
fn each_key_ends_with_the_first_grace_it_was_given() {
    let keys = World::new().keys;
    keys.rotate(&rotation(2), morning(), GRACE).unwrap();
    // A later rotation with a longer grace does not lengthen the first key's.
    keys.rotate(&rotation(3), later(30), 10 * GRACE).unwrap();
    assert_eq!(problem(&keys, 1, later(60)), None);
    assert_eq!(
        problem(&keys, 1, later(61)),
        Some(KeyProblem::Expired { until: later(60) })
    );
    assert_eq!(
        problem(&keys, 2, later(631)),
        Some(KeyProblem::Expired { until: later(630) })
    );
    assert_eq!(problem(&keys, 3, later(1_000_000)), None);
    assert_eq!(
        problem(&keys, 3, later(29)),
        Some(KeyProblem::NotYetValid { from: later(30) })
    );
    assert_eq!(problem(&keys, 3, later(30)), None);
}

#[test]
fn old_keys_are_forgotten_beyond_eight() {
    let keys = World::new().keys;
    for number in 2..=8 {
        keys.rotate(&rotation(number), morning(), GRACE).unwrap();
    }
    assert_eq!(problem(&keys, 1, morning()), None, "eight are remembered");
    keys.rotate(&rotation(9), morning(), GRACE).unwrap();
    assert_eq!(
        problem(&keys, 1, morning()),
        Some(KeyProblem::UnknownKey),
        "the first of nine is not"
    );
    assert_eq!(problem(&keys, 2, morning()), None);
    // It was never revoked, so it may come again.
    keys.rotate(
        &identity(PLANNER, 1).claim_after(&identity(PLANNER, 9), 10),
        morning(),
        GRACE,
    )
    .unwrap();
    assert_eq!(problem(&keys, 1, morning()), None);
}

/// Every way of revoking, then every way back in.
#[test]
fn a_revoked_key_is_never_admitted_again() {
    type Revoke = fn(&KeyRegistry);
    let ways: [(&str, Revoke); 4] = [
        ("the key", |keys| {
            assert!(keys.revoke_key(&party(PLANNER), identity(PLANNER, 1).key_id()));
            keys.replace(&identity(PLANNER, 2).claim(2), morning(), GRACE)
                .unwrap();
        }),
        ("the party, which is let in again", |keys| {
            assert!(keys.revoke_party(&party(PLANNER)));
            keys.reinstate(&identity(PLANNER, 2).claim(2), morning())
                .unwrap();
        }),
        ("a new start without cutting off", |keys| {
            keys.reinstate(&identity(PLANNER, 2).claim(2), morning())
                .unwrap();
        }),
        ("the party, which goes and comes as a new one", |keys| {
            assert!(keys.revoke_party(&party(PLANNER)));
            assert!(keys.remove(&party(PLANNER)));
            keys.register(&identity(PLANNER, 2).claim(2), morning())
                .unwrap();
        }),
    ];
    for (way, revoke) in ways {
        let keys = World::new().keys;
        revoke(&keys);
        assert_eq!(
            problem(&keys, 1, morning()),
            Some(KeyProblem::RevokedKey),
            "{way}"
        );
        for number in 3..=20 {
            keys.rotate(&rotation(number), morning(), GRACE).unwrap();
        }
        let id = identity(PLANNER, 1).key_id();
        assert_eq!(
            problem(&keys, 1, morning()),
            Some(KeyProblem::RevokedKey),
            "{way}: after eighteen rotations"
        );
        let first = identity(PLANNER, 1);
        let back = first.claim_after(&identity(PLANNER, 20), 21);
        let refused = Err(RegistryError::KeyRevoked(id));
        assert_eq!(keys.rotate(&back, morning(), GRACE), refused, "{way}");
        assert_eq!(keys.replace(&back, morning(), GRACE), refused, "{way}");
        assert_eq!(keys.reinstate(&back, morning()), refused, "{way}");
        assert_eq!(
            problem(&keys, 20, morning()),
            None,
            "{way}: a refused claim revokes nothing"
        );
        keys.remove(&party(PLANNER));
        assert_eq!(keys.register(&back, morning()), refused, "{way}");
        assert!(keys.key(&party(PLANNER), id, morning()).is_err());
    }
}

#[test]
fn a_key_nobody_has_can_be_revoked_and_anothers_cannot() {
    let keys = World::new().keys;
    let leaked = identity(PLANNER, 2);
    assert!(!keys.revoke_key(&party(PLANNER), leaked.key_id()));
    assert_eq!(
        keys.rotate(&rotation(2), morning(), GRACE),
        Err(RegistryError::KeyRevoked(leaked.key_id()))
    );
    let critics = identity(CRITIC, 1).key_id();
    assert!(!keys.revoke_key(&party(PLANNER), critics));
    assert!(keys.key(&party(CRITIC), critics, morning()).is_ok());
    let nobody = party("macro.planner.404@global");
    assert!(!keys.revoke_party(&nobody) && !keys.remove(&nobody));
    assert!(!keys.revoke_key(&nobody, identity(PLANNER, 9).key_id()));
}

#[test]
fn when_revocations_cannot_be_remembered_no_new_key_is_entered() {
    let keys = KeyRegistry::with_revocations(2);
    keys.register(&identity(PLANNER, 1).claim(1), morning())
        .unwrap();
    for number in 2..=4 {
        keys.rotate(&rotation(number), morning(), GRACE).unwrap();
    }
    let revoke = |number| {
        assert!(keys.revoke_key(&party(PLANNER), identity(PLANNER, number).key_id()));
        assert_eq!(
            problem(&keys, number, morning()),
            Some(KeyProblem::RevokedKey),
            "revoking itself never fails"
        );
    };
    revoke(1);
    revoke(1);
    revoke(2);
    keys.rotate(&rotation(5), morning(), GRACE).unwrap();
    revoke(3);
    let full = Err(RegistryError::RevocationsFull {
        asked: 3,
        allowed: 2,
    });
    assert_eq!(keys.rotate(&rotation(6), morning(), GRACE), full);
    assert_eq!(
        keys.register(&identity(CRITIC, 1).claim(1), morning()),
        full,
        "nor another's: any key may be the one that was forgotten"
    );
    assert_eq!(problem(&keys, 5, morning()), None, "the others stay valid");
}

/// An epoch that has not come would shut the owner out for good: the next one must be above it.
#[test]
fn no_epoch_is_ahead_of_the_time_by_more_than_a_clock_may_be() {
    let now = morning();
    let highest = (now + Timestamp::CLOCK_SKEW).as_micros();
    let second = identity(PLANNER, 2);
    let newcomer = identity("macro.planner.404@global", 1);
    for asked in [highest + 1, u64::MAX - 1, u64::MAX] {
        let keys = World::new().keys;
        let future = Err(RegistryError::FutureEpoch {
            asked,
            allowed: highest,
        });
        let rotation = second.claim_after(&identity(PLANNER, 1), asked);
        assert_eq!(keys.rotate(&rotation, now, GRACE), future, "{asked}");
        assert_eq!(keys.replace(&second.claim(asked), now, GRACE), future);
        assert_eq!(keys.register(&newcomer.claim(asked), now), future);
        assert!(keys.revoke_party(&party(PLANNER)));
        assert_eq!(keys.reinstate(&second.claim(asked), now), future);
        // The owner comes back with the present moment.
        let back = second.claim(now.as_micros());
        assert_eq!(keys.reinstate(&back, now), Ok(()), "{asked}");
    }
    let keys = World::new().keys;
    let rotation = second.claim_after(&identity(PLANNER, 1), highest);
    assert_eq!(keys.rotate(&rotation, now, GRACE), Ok(()));
    // Even that one is over as soon as the clock has moved.
    keys.revoke_party(&party(PLANNER));
    let (soon, third) = (now + Duration::from_micros(1), identity(PLANNER, 3));
    assert_eq!(keys.reinstate(&third.claim(highest + 1), soon), Ok(()));
    // A clock that is set back takes no epoch away that was good before.
    let before = now - Duration::from_secs(86_400);
    assert_eq!(keys.register(&newcomer.claim(highest), before), Ok(()));
    assert_eq!(keys.epochs(newcomer.party(), before), highest..=highest + 1);
}

#[test]
fn no_claim_comes_back_after_its_party_was_removed() {
    let keys = KeyRegistry::new();
    let first = identity(PLANNER, 1).claim(1);
    keys.register(&first, morning()).unwrap();
    keys.rotate(&rotation(2), morning(), GRACE).unwrap();
    assert_eq!(keys.removed_epoch(), None);
    assert!(keys.remove(&party(PLANNER)));
    let forgotten = |asked| Err(RegistryError::ForgottenEpoch { asked, floor: 2 });
    assert_eq!(keys.register(&first, morning()), forgotten(1));
    assert_eq!(keys.register(&rotation(2), morning()), forgotten(2));
    assert_eq!(keys.removed_epoch(), Some(2));
    assert!(keys.is_empty());
    // The floor is one for all, and does not sink.
    let critic = identity(CRITIC, 1);
    assert_eq!(keys.register(&critic.claim(2), morning()), forgotten(2));
    assert_eq!(keys.register(&critic.claim(4), morning()), Ok(()));
    assert_eq!(
        keys.register(&identity(PLANNER, 1).claim(3), morning()),
        Ok(())
    );
    assert!(keys.remove(&party(PLANNER)) && keys.remove(&party(CRITIC)));
    assert_eq!(keys.removed_epoch(), Some(4));
}
