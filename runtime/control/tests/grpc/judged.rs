//! Texts that are judged by the messages of `aios.critic`.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aios_wire::generated::critic::critic_service_client::CriticServiceClient;
use aios_wire::generated::critic::{
    SourceFile, ValidationCriteria, ValidationRequest, ValidationVerdict,
};
use aios_wire::text_any;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::fake::{House, SOON, known};

async fn critic(house: &House) -> CriticServiceClient<Channel> {
    CriticServiceClient::new(house.channel().await)
}

fn asked(text: &str) -> ValidationRequest {
    ValidationRequest {
        request_id: "r-1".to_owned(),
        goal: "Say it.".to_owned(),
        output_to_validate: Some(text_any(text)),
        files: vec![SourceFile {
            name: "a.md".to_owned(),
            content: b"It is so.".to_vec(),
        }],
        ..ValidationRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_judged_or_its_refusal_says_why() {
    let house = House::open().await;
    let mut critic = critic(&house).await;
    for (text, verdict) in [
        ("It is so.", ValidationVerdict::Approved),
        ("It is wrong.", ValidationVerdict::NeedsRevision),
    ] {
        let said = critic.validate(known(asked(text))).await.unwrap();
        let said = said.into_inner();
        assert_eq!(said.verdict(), verdict, "{said:?}");
        assert_eq!(
            (said.request_id.as_str(), said.sub_scores.len()),
            ("r-1", 5)
        );
        let done = format!("judge {text:?} for \"Say it.\"");
        assert_eq!(house.node.last_done(), done);
    }
    let reviewed = ValidationRequest {
        criteria: Some(ValidationCriteria {
            require_code_review: true,
            ..ValidationCriteria::default()
        }),
        ..asked("It is so.")
    };
    let status = critic.validate(known(reviewed)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let unshown = tonic::Request::new(asked("It is so."));
    let status = critic.validate(unshown).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_judged_for_the_goal_that_is_named_unless_nobody_can_read_what_it_asks() {
    let house = House::open().await;
    let mut critic = critic(&house).await;
    let of = |task_id: &str| ValidationRequest {
        goal: String::new(),
        task_id: task_id.to_owned(),
        ..asked("It is so.")
    };
    critic.validate(known(of("whole"))).await.unwrap();
    let done = "judge \"It is so.\" for \"Count.\"";
    assert_eq!(house.node.last_done(), done);
    for (goal, code, why) in [
        ("torn", Code::Aborted, "form 2"),
        ("none", Code::NotFound, "no goal \"none\""),
    ] {
        let status = critic.validate(known(of(goal))).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(why), "{status}");
    }
    assert_eq!(house.node.last_done(), done, "nothing more was judged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_grows_is_stopped_early_or_judged_at_its_end() {
    let house = House::open().await;
    let mut critic = critic(&house).await;
    // Its writer has more to say, and need not.
    let (pieces, sent) = mpsc::channel(4);
    pieces.send(asked("It is ")).await.unwrap();
    pieces.send(asked("wrong.")).await.unwrap();
    let stream = known(ReceiverStream::new(sent));
    let mut said = critic.validate_stream(stream).await.unwrap().into_inner();
    let stopped = timeout(SOON, said.message()).await.unwrap().unwrap();
    let stopped = stopped.unwrap();
    assert_eq!(stopped.verdict(), ValidationVerdict::NeedsRevision);
    assert_eq!(stopped.request_id, "r-1");
    assert_eq!(
        house.node.last_done(),
        "judge more, begun false, last false"
    );
    assert!(said.message().await.unwrap().is_none(), "nothing follows");
    drop(pieces);

    let whole = tokio_stream::iter([asked("It is "), asked("so.")]);
    let mut said = critic.validate_stream(known(whole)).await.unwrap();
    let ended = said.get_mut().message().await.unwrap().unwrap();
    assert_eq!(ended.verdict(), ValidationVerdict::Approved);
    assert_eq!(house.node.last_done(), "judge more, begun false, last true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_piece_that_there_is_no_room_for_is_brought_again_within_its_time() {
    let house = House::open().await;
    let mut critic = critic(&house).await;
    let mut grown = async |busy: usize, timeout_ms: u32| {
        house.node.busy.store(busy, Relaxed);
        let first = ValidationRequest {
            timeout_ms,
            ..asked("It is ")
        };
        let whole = tokio_stream::iter([first, asked("so.")]);
        let mut said = critic.validate_stream(known(whole)).await.unwrap();
        said.get_mut().message().await
    };
    let ended = grown(3, 60_000).await.unwrap().unwrap();
    assert_eq!(ended.verdict(), ValidationVerdict::Approved);
    assert_eq!(house.node.busy.load(Relaxed), 0);
    let status = grown(usize::MAX, 100).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_off_is_ended_at_the_critic() {
    let house = House::open().await;
    let address = format!("http://{}", house.running.address());
    // The client's threads, which are gone at once with all that it has open.
    let client = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (pieces, sent) = mpsc::channel(1);
    pieces.send(asked("It is ")).await.unwrap();
    client.spawn(async move {
        let channel = Endpoint::from_shared(address).unwrap().connect().await;
        let mut critic = CriticServiceClient::new(channel.unwrap());
        let stream = known(ReceiverStream::new(sent));
        let mut said = critic.validate_stream(stream).await.unwrap().into_inner();
        said.message().await
    });
    let done = async |what: &str| {
        while house.node.last_done() != what {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let begun = done("judge more, begun true, last false");
    timeout(SOON, begun).await.unwrap();
    client.shutdown_background();
    timeout(SOON, done("judge no more")).await.unwrap();
    drop(pieces);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_empty_or_never_ends_is_not_waited_for() {
    let house = House::open().await;
    let mut critic = critic(&house).await;
    let nothing = known(tokio_stream::iter(Vec::<ValidationRequest>::new()));
    let mut said = critic.validate_stream(nothing).await.unwrap();
    let status = said.get_mut().message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    // Whoever says nothing more is not in the way of a server that goes.
    let (pieces, sent) = mpsc::channel(1);
    pieces.send(asked("It is ")).await.unwrap();
    let mut said = critic
        .validate_stream(known(ReceiverStream::new(sent)))
        .await
        .unwrap()
        .into_inner();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let House { running, .. } = house;
    let drained = tokio::spawn(running.drain());
    let status = timeout(SOON, said.message()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    timeout(SOON, drained).await.unwrap().unwrap();
}
