//! A key is in no log, no error, no picture and no server that it was not meant for.

use std::io::Write;
use std::sync::{Arc, Mutex};

use aios_inference::remote::{Form, KeySource, RemoteConfig, RemoteEngine};
use aios_inference::{Engine, Generate};
use tracing_subscriber::fmt::MakeWriter;

use crate::wire::{Wire, answer, chunk, last, stream};
use crate::{ask, config, within};

const KEY: &str = "sk-test-0123456789abcdef";

const KEY_WITH_SLASH: &str = "sk-/0123456789abcdef";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn with_key(folder: &std::path::Path, form: Form, address: &str) -> RemoteConfig {
    let path = folder.join("key");
    std::fs::write(&path, KEY).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut config = config(form, address);
    config.key = KeySource::File(path);
    config.retries = 1;
    config
}

/// Everything that is logged in this process at any level while the calls are made, the HTTP client's own lines included.
#[test]
fn a_key_is_sent_to_its_server_and_shown_nowhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    runtime.block_on(async {
        for (form, header) in [
            (Form::OpenAi, format!("authorization: Bearer {KEY}")),
            (Form::Anthropic, format!("x-api-key: {KEY}")),
        ] {
            let said_again =
                format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}."}}}}"#);
            let mut wire = Wire::play(vec![
                answer(401, "", &said_again),
                answer(500, "", &format!("trace: key={KEY}")),
                answer(400, "", &said_again),
                answer(200, "", "{}"),
                stream(&[&chunk("a"), &last("stop")]),
            ])
            .await;
            let engine = RemoteEngine::new(with_key(folder.path(), form, &wire.address));
            for _ in 0..3 {
                let result = within(engine.infer(ask())).await;
                shown.push_str(&format!("{result:?} "));
                if let Err(error) = result {
                    shown.push_str(&error.to_string());
                }
            }
            let request = wire.request().await;
            assert!(
                request.to_lowercase().contains(&header.to_lowercase()),
                "the server has it"
            );
            shown.push_str(&format!("{:?} {:?}", engine.config(), engine.status()));
            shown.push_str(&format!("{:?}", within(engine.health()).await));
            shown.push_str(&format!("{:?}", within(engine.capabilities()).await));
            shown.push_str(&format!("{:?}", engine.handle()));
        }
    });
    assert!(
        shown.contains("[key]"),
        "what a server says again is told without it: {shown}"
    );
    assert!(!shown.contains(KEY), "{shown}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.len() > 1_000, "something was logged");
    assert!(!log.contains(KEY), "{log}");
}

/// However the key is written, in a refusal or in the middle of an answer, and wherever what is said is cut.
#[tokio::test]
async fn a_key_that_is_said_again_in_another_manner_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let escaped = KEY_WITH_SLASH.replace('/', r"\/").replace('-', r"\u002d");
    let failed =
        |key: &str| format!(r#"{{"type":"error","error":{{"type":"e","message":"no: {key}."}}}}"#);
    // So that it lies where the words are cut.
    let late = |key: &str| failed(&format!("{}{key}", "w".repeat(285)));
    let mut bodies = Vec::new();
    for key in [KEY_WITH_SLASH, escaped.as_str()] {
        for body in [
            failed(key),
            late(key),
            format!(r#"{{"other": "{key}"}}"#),
            format!("<{key}>"),
        ] {
            bodies.push((401, body));
        }
        bodies.push((200, failed(key)));
        bodies.push((200, late(key)));
        bodies.push((200, format!(r#"{{"type":"{key}","choices":"{key}"}}"#)));
    }
    for form in [Form::OpenAi, Form::Anthropic] {
        for (status, body) in &bodies {
            let wire = Wire::play(vec![match status {
                200 => stream(&[body]),
                status => answer(*status, "", body),
            }])
            .await;
            let mut config = with_key(folder.path(), form, &wire.address);
            std::fs::write(folder.path().join("key"), KEY_WITH_SLASH).unwrap();
            config.retries = 0;
            let result = within(RemoteEngine::new(config).infer(ask())).await;
            let shown = format!("{result:?} {}", result.as_ref().unwrap_err());
            assert!(!shown.contains("0123"), "{body}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_key_follows_no_redirect_and_travels_in_no_clear_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut elsewhere = Wire::play(vec![]).await;
    let location = format!("location: {}/chat/completions\r\n", elsewhere.address);
    let mut first = Wire::play(vec![answer(307, &location, "")]).await;
    let engine = RemoteEngine::new(with_key(folder.path(), Form::OpenAi, &first.address));
    let error = within(engine.infer(ask())).await.unwrap_err();
    assert_eq!(error.label(), "refused", "{error}");
    first.request().await;
    assert!(elsewhere.heard.try_recv().is_err(), "nobody else was asked");

    let engine = RemoteEngine::new(with_key(folder.path(), Form::OpenAi, "http://192.0.2.1/v1"));
    let error = within(engine.infer(ask())).await.unwrap_err();
    assert!(error.to_string().contains("https"), "{error}");
}

#[tokio::test]
async fn a_key_that_is_missing_is_named_by_where_it_should_be() {
    let mut wire = Wire::play(vec![]).await;
    let mut config = config(Form::OpenAi, &wire.address);
    config.key = KeySource::Variable("AIOS_TEST_NO_SUCH_KEY".into());
    let error = within(RemoteEngine::new(config).infer(ask()))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("AIOS_TEST_NO_SUCH_KEY"),
        "{error}"
    );
    assert!(wire.heard.try_recv().is_err());
}
