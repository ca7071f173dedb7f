use aios_protocols::PrincipalId;

use super::*;

fn identity() -> Arc<SigningIdentity> {
    let party: PrincipalId = "service:outbox@local".parse().unwrap();
    Arc::new(SigningIdentity::from_seed(party, [3; 32]))
}

fn open(folder: &Path, limits: OutboxLimits) -> Outbox {
    Outbox::open(folder, limits, identity()).unwrap()
}

async fn accept(outbox: &Outbox, subject: &str, payload: &[u8]) -> Result<OutboxId, OutboxError> {
    let payload = Bytes::copy_from_slice(payload);
    outbox
        .accept(subject.to_owned(), Timestamp::ZERO, None, payload)
        .await
}

#[tokio::test]
async fn what_was_accepted_is_there_again_in_order_until_it_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let trace: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        .parse()
        .unwrap();
    let name = {
        let outbox = open(folder.path(), OutboxLimits::default());
        for at in 0..10_u8 {
            accept(&outbox, "aios.events.task.1", &[at]).await.unwrap();
        }
        let time = Timestamp::since_epoch(Duration::from_secs(7));
        outbox
            .accept("aios.events.task.2".into(), time, Some(trace), Bytes::new())
            .await
            .unwrap();
        for at in 0..4_u8 {
            let waiting = outbox.take().unwrap();
            assert_eq!((&waiting.payload[..], waiting.found), (&[at][..], false));
            outbox.settle(&waiting, Settled::Stored);
        }
        // Nothing says yet that four have left: after a crash they are looked up.
        assert_eq!(outbox.counts().waiting, 7);
        outbox.name().to_owned()
    };
    let outbox = open(folder.path(), OutboxLimits::default());
    assert_eq!(outbox.name(), name, "an outbox keeps its name");
    assert_eq!(outbox.counts().found, 11);
    let mut sequences = Vec::new();
    while let Some(waiting) = outbox.take() {
        assert!(waiting.found);
        if waiting.subject.ends_with('2') {
            assert_eq!(waiting.trace, Some(trace));
            assert_eq!(waiting.time, Timestamp::since_epoch(Duration::from_secs(7)));
        }
        sequences.push(waiting.sequence);
        outbox.settle(&waiting, Settled::Found);
    }
    assert!(sequences.is_sorted() && sequences.len() == 11);
    outbox.close();
    drop(outbox);
    let outbox = open(folder.path(), OutboxLimits::default());
    assert_eq!(
        outbox.counts().found,
        0,
        "it was written down that all left"
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = OutboxLimits {
        messages: 2,
        bytes: 100,
    };
    let outbox = open(folder.path(), limits);
    let large = accept(&outbox, "aios.events.task.1", &[0; 101]).await;
    assert!(matches!(
        large,
        Err(OutboxError::TooLarge { asked: 101, .. })
    ));
    accept(&outbox, "aios.events.task.1", &[0; 60])
        .await
        .unwrap();
    let full = accept(&outbox, "aios.events.task.1", &[0; 60]).await;
    assert_eq!(
        full,
        Err(OutboxError::Full {
            waiting: 1,
            allowed: 2
        })
    );
    accept(&outbox, "aios.events.task.1", &[0; 9])
        .await
        .unwrap();
    let full = accept(&outbox, "aios.events.task.1", &[]).await;
    assert!(matches!(full, Err(OutboxError::Full { waiting: 2, .. })));
    assert_eq!(outbox.counts().refused, 2);
    // What is out counts until it has left.
    let waiting = outbox.take().unwrap();
    assert!(accept(&outbox, "aios.events.task.1", &[]).await.is_err());
    outbox.settle(&waiting, Settled::Stored);
    accept(&outbox, "aios.events.task.1", &[]).await.unwrap();
}

#[tokio::test]
async fn what_is_too_much_for_memory_is_read_again_and_what_has_left_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), OutboxLimits::default());
    let bytes = vec![7; 1 << 20];
    for at in 0..30_u8 {
        let mut payload = bytes.clone();
        payload[0] = at;
        accept(&outbox, "aios.data.results.1", &payload)
            .await
            .unwrap();
    }
    assert!(outbox.state.lock().held <= HELD_BYTES);
    for at in 0..30_u8 {
        let waiting = outbox.take().unwrap();
        assert_eq!((waiting.payload[0], waiting.payload.len()), (at, 1 << 20));
        outbox.settle(&waiting, Settled::Stored);
    }
    assert!(outbox.take().is_none());
    let before = outbox.journal.state().bytes;
    outbox.sweep();
    let after = outbox.journal.state().bytes;
    assert!(after < before / 2, "{before} bytes before, {after} after");
    assert_eq!(outbox.state.lock().bytes, 0);
}

/// Of what was said once its name stays, and not its bytes.
#[tokio::test]
async fn what_has_left_is_taken_away_and_its_name_is_known_to_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let once = async |outbox: &Outbox, at: u8| {
        let said = Bytes::from(vec![at; 1 << 20]);
        let subject = "aios.data.results.g".to_owned();
        let name = format!("g@{at}");
        let taken = outbox.accept_once(&name, subject, Timestamp::ZERO, None, said);
        taken.await.unwrap().is_some()
    };
    {
        let outbox = open(folder.path(), OutboxLimits::default());
        for at in 0..30 {
            assert!(once(&outbox, at).await);
            let waiting = outbox.take().unwrap();
            outbox.settle(&waiting, Settled::Stored);
        }
        let before = outbox.journal.state().bytes;
        for _ in 0..2 {
            outbox.sweep();
        }
        let after = outbox.journal.state().bytes;
        assert!(after < before / 2, "{before} bytes before, {after} after");
        outbox.close();
    }
    let outbox = open(folder.path(), OutboxLimits::default());
    assert_eq!(outbox.counts().waiting, 0);
    for at in 0..30 {
        assert!(!once(&outbox, at).await, "{at}");
    }
    assert!(once(&outbox, 30).await);
}

#[tokio::test]
async fn many_at_once_keep_the_order_of_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Arc::new(open(folder.path(), OutboxLimits::default()));
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..64_u8 {
        let outbox = Arc::clone(&outbox);
        tasks.spawn(async move { accept(&outbox, "aios.events.task.1", &[at]).await.unwrap() });
    }
    let mut accepted: Vec<_> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|id| id.sequence)
        .collect();
    accepted.sort_unstable();
    let taken: Vec<_> = std::iter::from_fn(|| outbox.take().map(|it| it.sequence)).collect();
    assert_eq!(taken, accepted);
}

/// Whoever is killed after it was accepted and before it wrote that down says it again.
#[tokio::test]
async fn what_is_said_once_is_accepted_once_whatever_process_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let once = async |outbox: &Outbox, name: &str| {
        let said = Bytes::from_static(b"the answer");
        let subject = "aios.data.results.g".to_owned();
        let taken = outbox.accept_once(name, subject, Timestamp::ZERO, None, said);
        taken.await.map(|id| id.is_some())
    };
    let full = OutboxLimits {
        messages: 0,
        ..OutboxLimits::default()
    };
    // What was not accepted was not said.
    let refused = once(&open(folder.path(), full), "g@1").await;
    assert!(refused.is_err());
    {
        let outbox = open(folder.path(), OutboxLimits::default());
        assert_eq!(once(&outbox, "g@1").await, Ok(true));
        assert_eq!(once(&outbox, "g@1").await, Ok(false));
        let waiting = outbox.take().unwrap();
        outbox.settle(&waiting, Settled::Stored);
        assert_eq!(outbox.counts().waiting, 0);
        outbox.close();
    }
    let outbox = open(folder.path(), OutboxLimits::default());
    assert_eq!(once(&outbox, "g@1").await, Ok(false), "by the next process");
    assert_eq!(
        once(&outbox, "g@2").await,
        Ok(true),
        "handed in anew it is another"
    );
    accept(&outbox, "aios.data.results.g", b"x").await.unwrap();
    assert_eq!(outbox.counts().waiting, 2);
}
