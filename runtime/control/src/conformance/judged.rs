//! Texts are judged without a goal: as a whole, and piece by piece while they grow.

use std::time::Instant;

use super::{SOON, Stage, done, refused};
use crate::{ErrorKind, GivenFile, Judge, JudgeMore, Report, WorkKind};
use aios_work::Status;

const GOAL: &str = "How long does the contract run?";
const RIGHT: &str = "The contract runs for 12 months.";
const WRONG: &str = "The contract runs for 18 months.";

fn terms() -> GivenFile {
    let text = "# Terms\n\nThe contract runs for 12 months. It ends by notice in writing.\n";
    GivenFile::new("terms.md", text.as_bytes().to_vec())
}

fn judge(answer: &str) -> Judge {
    Judge {
        files: vec![terms()],
        ..Judge::new(GOAL, answer)
    }
}

fn piece(stream: &str, more: &str) -> JudgeMore {
    JudgeMore {
        stream: stream.to_owned(),
        begin: None,
        more: more.to_owned(),
        last: false,
        dropped: false,
        deadline_ms: Judge::DEADLINE_MS,
    }
}

pub(super) async fn a_text_is_judged_as_a_whole_and_while_it_grows(stage: &mut Stage) {
    as_a_whole(stage).await;
    what_cannot_be_judged_is_refused(stage).await;
    while_it_grows(stage).await;
}

async fn as_a_whole(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let schema =
        "[[checks]]\nkind = \"schema\"\nschema = '{\"type\":\"object\",\"required\":[\"months\"]}'";
    let object = |answer: &str| Judge {
        kind: WorkKind::Json,
        criteria: Some(schema.to_owned()),
        ..Judge::new("Give the term as JSON.", answer)
    };
    let private = Judge {
        private: true,
        ..judge(RIGHT)
    };
    let forbids = Judge {
        criteria: Some("forbidden = [\"12 MONTHS\"]".to_owned()),
        ..judge(RIGHT)
    };
    // Nobody lets commands be run here, so nobody knows.
    let commands = Judge {
        criteria: Some("[[checks]]\nkind = \"command\"\nrun = [\"true\"]".to_owned()),
        ..judge(RIGHT)
    };
    for (text, status) in [
        (judge(RIGHT), Status::Approved),
        (judge(WRONG), Status::Rejected),
        (private, Status::Approved),
        (object("{\"months\": 12}"), Status::Approved),
        (object("{\"weeks\": 12}"), Status::Rejected),
        (forbids, Status::Rejected),
        (commands, Status::Unverified),
    ] {
        let what = format!("a judgement of {:?}", text.answer);
        let report = done(&what, owner.judge(text).await);
        assert_eq!(report.status, status, "{what}: {report:?}");
        assert!((0.0..=1.0).contains(&report.score), "{report:?}");
    }
    // What rests on a file alone that nobody can read is not known to be right.
    let unread = Judge {
        files: vec![GivenFile::new("scan.bin", vec![0xff; 64])],
        ..judge(RIGHT)
    };
    let report: Report = done("a judgement", owner.judge(unread).await);
    assert_ne!(report.status, Status::Approved, "{report:?}");
}

async fn what_cannot_be_judged_is_refused(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let by = |criteria: &str| Judge {
        criteria: Some(criteria.to_owned()),
        ..judge(RIGHT)
    };
    let with = |name: &str, bytes: Vec<u8>| Judge {
        files: vec![GivenFile::new(name, bytes)],
        ..judge(RIGHT)
    };
    for (what, text, kind) in [
        ("no goal", Judge::new(" ", RIGHT), ErrorKind::Invalid),
        ("no criteria", by("[[checks]"), ErrorKind::Invalid),
        ("lowered criteria", by("pass = 0.1"), ErrorKind::Invalid),
        (
            "a file in another folder",
            with("../../etc/passwd", b"x".to_vec()),
            ErrorKind::Invalid,
        ),
        (
            "a file that is too large",
            with("x.md", vec![b'x'; Judge::FILES_BYTES_MAX + 1]),
            ErrorKind::TooLarge,
        ),
        (
            "too many files",
            Judge {
                files: vec![terms(); Judge::FILES_MAX + 1],
                ..judge(RIGHT)
            },
            ErrorKind::TooLarge,
        ),
        (
            "a text that is too long",
            judge(&"x".repeat(Judge::ANSWER_CHARS_MAX + 1)),
            ErrorKind::TooLarge,
        ),
        (
            "no time",
            Judge {
                deadline_ms: 0,
                ..judge(RIGHT)
            },
            ErrorKind::Invalid,
        ),
        (
            "too much time",
            Judge {
                deadline_ms: Judge::DEADLINE_MS_MAX + 1,
                ..judge(RIGHT)
            },
            ErrorKind::Invalid,
        ),
    ] {
        refused(what, owner.judge(text).await, kind);
    }
    // Figures without end, each of which may follow from any of a thousand sentences.
    let sentences = (0..1_000).map(|at| format!("Part {at} of {} costs EUR {}. ", at % 50, at * 7));
    let terms = sentences.collect::<String>().into_bytes();
    let heavy = Judge {
        files: vec![GivenFile::new("terms.md", terms)],
        deadline_ms: 20,
        ..judge(&"1 2 3 4 5 6 7 8 9 ".repeat(7_000))
    };
    let begun = Instant::now();
    for _ in 0..3 {
        let outcome = owner.judge(heavy.clone()).await;
        let kind = outcome
            .as_ref()
            .err()
            .and_then(|error| error.refusal())
            .map(|error| error.kind);
        // Where there is one processor, the one before may be on it still.
        let ended = matches!(kind, Some(ErrorKind::Late | ErrorKind::Busy));
        assert!(ended, "no end: {outcome:?}");
    }
    let report = done("a judgement", owner.judge(judge(RIGHT)).await);
    assert_eq!(report.status, Status::Approved, "and it still judges");
    assert!(
        begun.elapsed() < SOON,
        "what nobody waits for is in nobody's way"
    );
}

async fn while_it_grows(stage: &mut Stage) {
    let owner = &mut stage.owner;
    let begun = |stream: &str, more: &str| JudgeMore {
        begin: Some(Box::new(judge(""))),
        ..piece(stream, more)
    };
    let said = done("a beginning", owner.judge_more(begun("right", "")).await);
    assert_eq!((said.stop, said.report), (false, None));
    let more = piece("right", &format!("{RIGHT}\n\n"));
    let said = done("a piece", owner.judge_more(more).await);
    assert_eq!((said.stop, said.report), (false, None));
    let last = JudgeMore {
        last: true,
        ..piece("right", "It ends by notice in writing.\n")
    };
    let said = done("the end", owner.judge_more(last.clone()).await);
    let report = said.report.expect("the whole is judged");
    assert_eq!(
        (said.stop, report.status),
        (false, Status::Approved),
        "{report:?}"
    );
    let after = owner.judge_more(last).await;
    refused("a piece after the end", after, ErrorKind::Unknown);

    let wrong = format!("{WRONG}\n\n");
    let said = done(
        "a beginning",
        owner.judge_more(begun("wrong", &wrong)).await,
    );
    let report = said.report.expect("it says why");
    assert_eq!(
        (said.stop, report.status),
        (true, Status::Rejected),
        "{report:?}"
    );
    let after = owner.judge_more(piece("wrong", "x")).await;
    refused("a piece of what was stopped", after, ErrorKind::Unknown);

    for (what, more, kind) in [
        (
            "a text nobody began",
            piece("none", "x"),
            ErrorKind::Unknown,
        ),
        ("no name", begun("", "x"), ErrorKind::Invalid),
        (
            "a name that is a path",
            begun("a/../b", "x"),
            ErrorKind::Invalid,
        ),
        (
            "a text that has begun already",
            JudgeMore {
                begin: Some(Box::new(judge(RIGHT))),
                ..piece("twice", "x")
            },
            ErrorKind::Invalid,
        ),
        (
            "a piece that is too long",
            begun("long", &"x".repeat(Judge::ANSWER_CHARS_MAX + 1)),
            ErrorKind::TooLarge,
        ),
    ] {
        refused(what, owner.judge_more(more).await, kind);
    }
}
