use super::*;

#[test]
fn the_latest_so_many_are_remembered_each_under_its_id_and_initiator() {
    let parties: Vec<Party> = (0..4)
        .map(|number| format!("macro.seller.{number}@p").parse().unwrap())
        .collect();
    let mut past = Past::default();
    let mut plain: VecDeque<(ConversationKey, BTreeSet<Party>)> = VecDeque::new();
    for round in 0..2_000_usize {
        // Few ids of many initiators, in no order.
        let key = ConversationKey {
            id: ConversationId::from_bytes([(round * 7 % 11) as u8; 16]),
            initiator: parties[round * 5 / 3 % 4].clone(),
        };
        let with = parties[round % 4].clone();
        if let Some(before) = past.get_mut(key.id, &key.initiator) {
            before.add([with.clone()]);
        } else {
            past.push(&key, [with.clone()].into(), 20);
        }
        match plain.iter_mut().find(|(other, _)| *other == key) {
            Some((_, all)) => drop(all.insert(with)),
            None => {
                plain.truncate(19);
                plain.push_front((key, [with].into()));
            }
        }
        for id in (0..11).map(|byte| ConversationId::from_bytes([byte; 16])) {
            let found = past
                .of(id)
                .map(|it| (&it.initiator, it.participants.iter()));
            let there = plain.iter().filter(|(key, _)| key.id == id);
            let found: Vec<_> = found.map(|(who, all)| (who, all.collect())).collect();
            let there: Vec<_> = there
                .map(|(key, all)| (&key.initiator, all.iter().collect::<Vec<_>>()))
                .collect();
            assert_eq!(found, there, "{round}");
            assert_eq!(past.latest.contains_key(&id), !there.is_empty());
        }
    }
    assert_eq!((past.all.len(), plain.len()), (20, 20));
}
