//! Who may come in: nkeys, tokens, TLS.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aios_bus::data::nats::server::{Access, NatsServer, ServerOptions, Tls};
use aios_bus::data::nats::{NatsLink, NatsSettings};

use crate::rig;

/// A pair that anybody may know.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const SOON: Duration = Duration::from_secs(10);
const A_WHILE: Duration = Duration::from_millis(600);

fn start(options: ServerOptions) -> NatsServer {
    NatsServer::start(options).unwrap_or_else(|error| panic!("{error}"))
}

async fn comes_in(settings: &NatsSettings, longest: Duration) -> bool {
    let link = NatsLink::open(settings).await.unwrap();
    link.up_within(longest).await
}

#[test]
fn who_holds_the_nkey_comes_in_and_nobody_else() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let seed = folder.path().join("user.nk");
        fs::write(&seed, format!("{SEED}\n")).unwrap();
        let server = start(ServerOptions {
            access: Access::Nkeys(vec![PUBLIC.to_owned()]),
            ..rig::options(&folder.path().join("nats"))
        });
        let mut settings = rig::settings(&server);
        assert!(!comes_in(&settings, A_WHILE).await, "without a key");
        settings.nkey = Some(seed);
        assert!(comes_in(&settings, SOON).await);
    });
}

#[test]
fn who_knows_the_token_comes_in_and_nobody_else() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        let server = start(ServerOptions {
            access: Access::Token("a \"quoted\" token".into()),
            ..rig::options(&folder.path().join("nats"))
        });
        let mut settings = rig::settings(&server);
        settings.token = Some(token.clone());
        fs::write(&token, "another\n").unwrap();
        assert!(!comes_in(&settings, A_WHILE).await, "with another token");
        fs::write(&token, "a \"quoted\" token\n").unwrap();
        assert!(comes_in(&settings, SOON).await);
    });
}

/// The operator, its accounts and this user are made up for these tests, and last for ever.
#[test]
fn who_holds_credentials_comes_in_and_publishes_and_nobody_else() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nats/accounts");
        // What the server includes lies beside its configuration.
        let home = folder.path().join("nats");
        fs::create_dir_all(&home).unwrap();
        fs::copy(accounts.join("accounts.conf"), home.join("accounts.conf")).unwrap();
        let server = start(ServerOptions {
            access: Access::Accounts("accounts.conf".into()),
            ..rig::options(&home)
        });
        let mut settings = rig::settings(&server);
        assert!(!comes_in(&settings, A_WHILE).await, "without credentials");
        settings.credentials = Some(accounts.join("node.creds"));
        let link = NatsLink::open(&settings).await.unwrap();
        assert!(link.up_within(SOON).await);
        aios_bus::data::nats::ensure(&link).await;
        let stored = link
            .context()
            .publish("aios.events.task.g", "x".into())
            .await;
        assert_eq!(stored.unwrap().await.unwrap().sequence, 1);
    });
}

/// A certificate for this machine, and its key, in a folder.
fn certificate(folder: &Path, name: &str) {
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap();
    fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).unwrap();
    fs::write(
        folder.join(format!("{name}.key")),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
}

#[test]
fn over_tls_the_server_is_known_by_its_authority() {
    rig::run(async {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), "server");
        certificate(folder.path(), "other");
        let at = |name: &str| folder.path().join(name);
        let server = start(ServerOptions {
            tls: Some(Tls {
                certificate: at("server.pem"),
                key: at("server.key"),
                clients: None,
            }),
            ..rig::options(&at("nats"))
        });
        let mut settings = rig::settings(&server);
        assert!(settings.address.starts_with("tls://"));
        settings.authorities = Some(at("other.pem"));
        assert!(!comes_in(&settings, A_WHILE).await, "signed by another");
        settings.authorities = Some(at("server.pem"));
        assert!(comes_in(&settings, SOON).await);
    });
}

#[test]
fn a_server_that_does_not_stand_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let first = rig::server(&folder.path().join("one"));
    let error = NatsServer::start(ServerOptions {
        address: Some(first.address()),
        ..rig::options(&folder.path().join("two"))
    });
    // Somebody greets at that address, but it is not this one: it must not be taken for it.
    let said = error.map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("does not stand"), "{said}");
    let error = NatsServer::start(ServerOptions {
        program: "/nowhere/nats-server".into(),
        ..rig::options(&folder.path().join("three"))
    });
    let said = error.map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("NATS_SERVER_BIN"), "{said}");
}
