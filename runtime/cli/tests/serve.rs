//! `aios serve` as a person and a script meet it; `clients` is the part for programs that others have written. All with the scripted engine.
#![allow(clippy::unwrap_used)]

#[path = "../../control/tests/http/authority.rs"]
mod authority;
#[path = "serve/clients.rs"]
mod clients;
#[cfg(target_os = "linux")]
#[path = "serve/engine.rs"]
mod engine;
#[path = "serve/line.rs"]
mod line;
mod python;
#[path = "serve/served.rs"]
mod served;

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Output;
use std::time::{Duration, Instant};

use aios_wire::generated::registry::WatchRequest;
use aios_wire::generated::registry::registry_service_client::RegistryServiceClient;
use aios_wire::generated::supervision::v1::DeadLettersRequest;
use aios_wire::generated::supervision::v1::supervision_service_client::SupervisionServiceClient;
use serde_json::{Value, json};

use authority::Authority;
use served::{Served, aios, docs, text, visit};

#[test]
fn a_node_is_served_to_this_user_and_goes_when_it_is_told() {
    let mut served = Served::begin(&[]);
    let mode = fs::metadata(&served.token_file)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = fs::read_to_string(&served.token_file).unwrap();
    let code = served
        .link
        .strip_prefix(&format!("{}/?token=", served.http));
    assert!(code.unwrap().len() == 64 && code.unwrap() != token.trim());

    // What goes by the socket goes by HTTP.
    let http = served.http.clone();
    let object = |output: &Output| -> Value {
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
    };
    let tree = object(&served.aios(&["--node", &http, "tree", "--json"]));
    let agents = |view: &Value| -> Vec<Value> {
        view["agents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["id"].clone())
            .collect()
    };
    let by_socket = object(&served.aios(&["tree", "--json"]));
    assert_eq!(agents(&tree), agents(&by_socket));
    let planner = "macro.planner.001@local";
    assert!(
        served
            .aios(&["kill", planner, "--node", &http])
            .status
            .success()
    );
    let spawned = served.aios(&[
        "agent",
        "spawn",
        "macro.executor",
        "--node",
        &http,
        "--json",
    ]);
    let spawned = object(&spawned)["agent"].as_str().unwrap().to_owned();
    assert!(
        served
            .aios(&["agent", "stop", &spawned, "--node", &http])
            .status
            .success()
    );
    let called = served.aios(&[
        "tool",
        "call",
        "calc",
        "--args",
        "{\"expression\": \"6 * 7\"}",
        "--node",
        &http,
        "--json",
    ]);
    assert_eq!(object(&called)["value"]["value"], "42");
    let nobody = served.aios(&["kill", "macro.nobody.001@local", "--node", &http]);
    assert!(
        !nobody.status.success()
            && text(&nobody.stderr).contains("no agent macro.nobody.001@local")
    );
    let strange = aios(served.folder.path())
        .args(["tree", "--node", &http])
        .env("AIOS_TOKEN", "0".repeat(64))
        .output()
        .unwrap();
    assert!(
        text(&strange.stderr).contains("no token that is known"),
        "{}",
        text(&strange.stderr)
    );
    for (node, says) in [
        ("http://192.0.2.1:80", "is not on this machine"),
        ("http://node.example:80", "is a name"),
        ("grpc://node.example:80", "is a name"),
        (
            "https://node.example:443",
            "there is no token for https://node.example:443",
        ),
    ] {
        let elsewhere = served.aios(&["tree", "--node", node]);
        let said = text(&elsewhere.stderr);
        assert!(!elsewhere.status.success() && said.contains(says), "{said}");
    }

    let took = served.asked_to_stop();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(!served.token_file.exists(), "its token ends with it");
    let address = served.http.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).is_err());
}

/// A node that other machines reach, and somebody with a certificate who gives it a file of its own.
#[test]
fn beyond_this_machine_a_node_is_asked_with_certificates_by_http_and_by_grpc() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let (cert, key) = servers.signs("server");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("aios.toml");
    let tls = format!(
        "[serve.tls]\ncert = {cert:?}\nkey = {key:?}\nclient_ca = {:?}\n",
        clients.path("ca.pem")
    );
    fs::write(&config, tls).unwrap();
    let config = config.to_str().unwrap();
    let served = Served::at(
        "0.0.0.0:0",
        &["--grpc", "0.0.0.0:0", "--config", config],
        &[],
    );
    let port = |address: &str| address.rsplit_once(':').unwrap().1.to_owned();
    assert!(
        served.http.starts_with("https://0.0.0.0:"),
        "{}",
        served.http
    );
    let grpc = served.grpc.as_str().unwrap();
    assert!(grpc.starts_with("grpcs://0.0.0.0:"), "{grpc}");
    let (cert, key) = clients.signs("me");
    let asks = |arguments: &[&str], certified: bool| {
        let mut command = aios(served.folder.path());
        command
            .args(arguments)
            .env("AIOS_TOKEN_FILE", &served.token_file);
        if certified {
            command
                .env("AIOS_TLS_CERT", &cert)
                .env("AIOS_TLS_KEY", &key)
                .env("AIOS_TLS_CA", servers.path("ca.pem"));
        }
        command.output().unwrap()
    };
    let nodes = [
        format!("https://localhost:{}", port(&served.http)),
        format!("grpcs://localhost:{}", port(grpc)),
    ];
    for node in &nodes {
        let seen = asks(&["tree", "--node", node], true);
        assert!(seen.status.success(), "{}", text(&seen.stderr));
        let refused = asks(&["tree", "--node", node], false);
        let said = text(&refused.stderr);
        assert!(
            !refused.status.success() && said.contains("AIOS_TLS_CERT"),
            "{said}"
        );
    }
    // A file of this machine goes there by what is in it, and what is made is put where the server says.
    let data = docs().join("examples/q3_sales.csv");
    let goal = [
        "goal",
        "submit",
        "Analyze Q3 sales",
        "--id",
        "sent",
        "--wait",
        "--json",
        "--data",
    ];
    let goal = [&goal[..], &[data.to_str().unwrap(), "--node", &nodes[1]]].concat();
    let answered = asks(&goal, true);
    let said = text(&answered.stdout);
    assert!(
        answered.status.success() && said.contains("approved"),
        "{said}{}",
        text(&answered.stderr)
    );
    let given = served.folder.path().join("aios-out/sent/given");
    let hashed = fs::read_dir(&given)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let kept = hashed.join("q3_sales.csv");
    assert_eq!(fs::read(&kept).unwrap(), fs::read(&data).unwrap());
    let mode = fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Somebody of another tenant, by every way in.
#[test]
fn a_guest_works_on_goals_of_its_own_and_sees_nothing_else_by_any_way() {
    let served = Served::begin(&["--grpc", "127.0.0.1:0"]);
    let folder = docs().join("examples");
    let issued = served.aios(&[
        "key",
        "issue",
        "eve",
        "--tenant",
        "acme",
        "--scope",
        "operate",
        "--json",
        "--folder",
        folder.to_str().unwrap(),
    ]);
    let issued: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let token = issued["token"].as_str().unwrap();
    let plan = served.folder.path().join("plan.json");
    let sum = r#"{"goal": "Add", "tasks": [{"id": "sum", "tool": "calc", "args": {"expression": "1 + 1"}}]}"#;
    fs::write(&plan, sum).unwrap();
    let own = served.aios(&[
        "goal",
        "submit",
        "--id",
        "mine",
        "--plan",
        "plan.json",
        "--node",
        &served.http,
    ]);
    assert!(own.status.success(), "{}", text(&own.stderr));
    for path in [
        "agents",
        "agents/macro.planner.001@local",
        "conversations",
        "conversations/c",
        "dead-letters",
        "dead-letters/1",
        "view",
        "tree",
        "events",
        "audit",
        "budgets",
        "ended",
        "config",
    ] {
        let more = format!("Authorization: Bearer {token}\r\n");
        let answer = visit(&served.http, &format!("GET /v1/{path}"), &more);
        assert!(answer.starts_with("HTTP/1.1 403"), "{path}: {answer}");
    }
    // By the protocol of coding agents.
    let calls = |tool: &str, arguments: Value| -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        let body = body.to_string();
        let more = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = visit(&served.http, "POST /mcp", &more);
        // Whether or not it comes in pieces, it is one object.
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let (begin, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
        serde_json::from_str(&body[begin..=end]).unwrap_or_else(|error| panic!("{error}: {answer}"))
    };
    let asked = calls("goal_status", json!({"goal_id": "mine", "wait_s": 5}));
    assert_eq!(
        asked["result"]["structuredContent"]["kind"], "unknown",
        "{asked}"
    );
    let goal = json!({"goal": "Analyze Q3 sales", "goal_id": "mine", "files": [folder.join("q3_sales.csv")], "wait_s": 60});
    let answered = calls("submit_goal", goal);
    let told = &answered["result"]["structuredContent"];
    assert_eq!(
        (&told["goal_id"], &told["phase"]),
        (&"acme..mine".into(), &"answered".into()),
        "{answered}"
    );
    let again = calls("goal_status", json!({"goal_id": "mine"}));
    assert_eq!(
        again["result"]["structuredContent"]["goal_id"], "acme..mine",
        "{again}"
    );
    let listed = calls("list_goals", json!({})).to_string();
    assert!(
        listed.contains("acme..mine") && !listed.contains("Add"),
        "{listed}"
    );
    for (tool, arguments) in [
        ("list_agents", json!({})),
        ("tree", json!({})),
        (
            "ask_agent",
            json!({"agent": "macro.planner", "content": "hello"}),
        ),
    ] {
        let refused = calls(tool, arguments);
        assert_eq!(
            refused["result"]["structuredContent"]["kind"], "forbidden",
            "{tool}: {refused}"
        );
    }
    // By gRPC, where whoever watches hears at once that it may not.
    let address = served.grpc.as_str().unwrap().replace("grpc://", "http://");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        fn shown<T>(token: &str, message: T) -> tonic::Request<T> {
            let mut request = tonic::Request::new(message);
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", bearer);
            request
        }
        let mut registry = RegistryServiceClient::new(channel.clone());
        let watched = registry
            .watch_agents(shown(token, WatchRequest::default()))
            .await;
        assert_eq!(watched.unwrap_err().code(), tonic::Code::PermissionDenied);
        let mut supervision = SupervisionServiceClient::new(channel);
        let letters = supervision
            .dead_letters(shown(token, DeadLettersRequest {}))
            .await;
        assert_eq!(letters.unwrap_err().code(), tonic::Code::PermissionDenied);
    });
}

/// Whichever port it has: programs that were given the token go on where the node is then.
#[test]
fn a_node_that_is_started_again_over_its_folder_takes_the_same_token() {
    let place = tempfile::tempdir().unwrap();
    let storage = place.path().join("state");
    let file = storage.join("serve.token");
    let set = format!("storage.folder={}", storage.display());
    let mut known = None;
    for _ in 0..2 {
        let mut served = Served::begin(&["--set", &set]);
        assert_eq!(served.token_file, file);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let token = fs::read_to_string(&file).unwrap();
        let before = known.get_or_insert_with(|| token.clone());
        assert_eq!(*before, token);
        let whoami = served::get(&served.http, token.trim(), "/v1/whoami");
        assert!(whoami["principal"].is_string(), "{whoami}");
        // This user's commands find it by the port, as long as the node is there.
        let http = served.http.clone();
        assert!(served.aios(&["tree", "--node", &http]).status.success());
        served.asked_to_stop();
        assert!(file.exists());
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = aios(place.path());
    let serve = [
        "serve",
        "--json",
        "--engine",
        "scripted",
        "--http",
        "127.0.0.1:0",
        "--set",
        &set,
    ];
    let refused = text(&command.args(serve).output().unwrap().stdout);
    assert!(refused.contains("can be read by others"), "{refused}");
}

#[test]
fn a_token_file_of_ones_own_lasts_and_one_that_others_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let named = file.to_str().unwrap();
    let first = Served::begin(&["--token-file", named]);
    let token = fs::read_to_string(&file).unwrap();
    drop(first);
    let second = Served::begin(&["--token-file", named]);
    assert_eq!(second.token_file, file);
    assert_eq!(fs::read_to_string(&file).unwrap(), token);
    drop(second);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let serve = |more: &[&str]| {
        let mut command = aios(folder.path());
        let command = command
            .args(["serve", "--json", "--engine", "scripted"])
            .args(more);
        command.output().unwrap()
    };
    for (more, said) in [
        (
            &["--http", "127.0.0.1:0", "--token-file", named][..],
            "can be read by others",
        ),
        (
            &["--http", "0.0.0.0:0"],
            "can be reached from other machines",
        ),
    ] {
        let refused = serve(more);
        assert_eq!(refused.status.code(), Some(1));
        let object: Value = serde_json::from_slice(&refused.stdout).unwrap();
        assert!(
            object["error"]["message"].as_str().unwrap().contains(said),
            "{object}"
        );
    }
}

#[test]
fn keys_are_issued_listed_rotated_and_revoked_beside_a_node_that_runs() {
    let served = Served::begin(&["--read-only-link"]);
    let key = |arguments: &[&str]| -> Value {
        let mut all = vec!["key"];
        all.extend(arguments);
        all.push("--json");
        let output = served.aios(&all);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
    };
    let first = key(&["init"]);
    assert_eq!(
        (&first["principal"], &first["scope"]),
        (&"user:owner@local".into(), &"admin".into())
    );
    let mode = fs::metadata(first["file"].as_str().unwrap()).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    assert_eq!(key(&["init"])["error"]["kind"], "failed", "it is there");
    let ci = key(&["issue", "ci", "--scope", "read", "--expires-in", "30d"]);
    let as_ci = |token: &Value, arguments: &[&str]| {
        let output = aios(served.folder.path())
            .args(["--node", &served.http])
            .args(arguments)
            .env("AIOS_TOKEN", token.as_str().unwrap())
            .output()
            .unwrap();
        (output.status.success(), text(&output.stderr))
    };
    assert!(as_ci(&ci["token"], &["tree", "--json"]).0);
    let (done, said) = as_ci(&ci["token"], &["kill", "macro.planner.001@local"]);
    assert!(
        !done && said.contains("may read, and this takes operate"),
        "{said}"
    );
    let rotated = key(&["rotate", "ci"]);
    assert!(
        as_ci(&ci["token"], &["tree"])
            .1
            .contains("no token that is known")
    );
    assert!(as_ci(&rotated["token"], &["tree"]).0);
    let listed = key(&["list"]);
    let scopes: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["scope"])
        .collect();
    assert_eq!(scopes, ["admin", "read"]);
    let kept = listed.to_string();
    for token in [&first["token"], &rotated["token"]] {
        assert!(!kept.contains(token.as_str().unwrap()));
    }
    key(&["revoke", rotated["id"].as_str().unwrap()]);
    assert!(!as_ci(&rotated["token"], &["tree"]).0);
    let soon = key(&["issue", "soon", "--scope", "read", "--expires-in", "1s"]);
    let begun = Instant::now();
    while as_ci(&soon["token"], &["tree"]).0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it ends");
    }
    assert!(as_ci(&soon["token"], &["tree"]).1.contains("has expired"));
    // A link opens once, and the one that only looks does nothing.
    let linked = key(&["link", "--read-only", "--node", &served.http]);
    for link in [&linked["link"], &served.read_only_link] {
        let path = link.as_str().unwrap().strip_prefix(&served.http).unwrap();
        let answer = visit(&served.http, &format!("GET {path}"), "");
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap().split(';').next().unwrap();
        let again = visit(&served.http, &format!("GET {path}"), "");
        assert!(again.starts_with("HTTP/1.1 401"), "{again}");
        let origin = &served.http;
        let more = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n");
        let seen = visit(&served.http, "GET /v1/agents", &more);
        assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
        let killed = visit(
            &served.http,
            "POST /v1/agents/macro.planner.001@local/kill",
            &more,
        );
        assert!(killed.starts_with("HTTP/1.1 403"), "{killed}");
    }
}

#[test]
fn a_service_manager_hears_that_the_node_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let heard = || {
        let mut said = [0; 256];
        let count = manager.recv(&mut said).unwrap();
        text(&said[..count])
    };
    let mut served = Served::beside(
        &[],
        &[
            ("NOTIFY_SOCKET", path.to_str().unwrap()),
            ("WATCHDOG_USEC", "200000"),
        ],
    );
    assert_eq!(heard(), "READY=1");
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(heard(), "WATCHDOG=1");
    served.asked_to_stop();
    let last = std::iter::repeat_with(heard).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.unwrap(), "STOPPING=1");
}
