use std::sync::atomic::{AtomicUsize, Ordering};

use aios_work::Capabilities;
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;

use super::*;
use crate::Toolbox;

/// A server on this machine; it ends with the test's runtime.
async fn server() -> SocketAddr {
    async fn page(Path(name): Path<String>) -> impl IntoResponse {
        let typed =
            |kind: &'static str, body: Vec<u8>| ([(CONTENT_TYPE, kind)], body).into_response();
        match name.as_str() {
            "text" => typed("text/plain", b"hello".to_vec()),
            "latin" => typed("text/plain; charset=iso-8859-1", vec![b'g', 0xfc, b'n']),
            "unnamed_latin" => typed("text/html", vec![b'g', 0xfc, b'n']),
            "marked" => typed("text/plain", vec![0xff, 0xfe, b'h', 0, b'i', 0]),
            "json" => typed(
                "application/json; charset=utf-8",
                br#"{"price": 4.5}"#.to_vec(),
            ),
            "deep" => typed(
                "application/json",
                format!("{}{}", "[".repeat(100), "]".repeat(100)).into(),
            ),
            "broken_json" => typed("application/json", b"{".to_vec()),
            "picture" => typed("image/png", vec![137, 80]),
            "zeros" => typed("text/plain", vec![0, 1, 2]),
            "long" => typed("text/plain", vec![b'x'; 3 << 20]),
            "quotes" => typed("text/plain", vec![b'"'; 300_000]),
            "packed" => (
                [("content-encoding", "gzip"), ("content-type", "text/plain")],
                vec![0x1f, 0x8b],
            )
                .into_response(),
            "missing" => StatusCode::NOT_FOUND.into_response(),
            "busy" => StatusCode::TOO_MANY_REQUESTS.into_response(),
            "fallen" => StatusCode::BAD_GATEWAY.into_response(),
            "silent" => std::future::pending().await,
            "nowhere" => StatusCode::FOUND.into_response(),
            _ => StatusCode::BAD_REQUEST.into_response(),
        }
    }
    async fn sent() -> impl IntoResponse {
        (StatusCode::FOUND, [(LOCATION, "/text")])
    }
    async fn round() -> impl IntoResponse {
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/round")])
    }
    async fn inward() -> impl IntoResponse {
        (
            StatusCode::FOUND,
            [(LOCATION, "http://169.254.169.254/latest/meta-data/")],
        )
    }
    async fn to_a_file() -> impl IntoResponse {
        (StatusCode::FOUND, [(LOCATION, "file:///etc/passwd")])
    }
    async fn headers(headers: HeaderMap) -> String {
        let mut names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    }
    async fn cookie(headers: HeaderMap) -> impl IntoResponse {
        let had = headers.contains_key("cookie");
        ([("set-cookie", "a=b")], had.to_string())
    }
    let pages = Router::new()
        .route("/sent", get(sent))
        .route("/round", get(round))
        .route("/inward", get(inward))
        .route("/file", get(to_a_file))
        .route("/headers", get(headers))
        .route("/cookie", get(cookie))
        .route("/{name}", get(page));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, pages).await });
    address
}

fn granted(names: &[String]) -> Capabilities {
    names
        .iter()
        .map(|name| Capability::new(name.as_str()).unwrap())
        .collect()
}

async fn asked(
    tool: HttpGet,
    url: &str,
    grants: &[String],
    within: Duration,
) -> Result<Value, ToolError> {
    let tools = Toolbox::default().with([Arc::new(tool) as Arc<dyn Tool>]);
    let call = ToolCall::new(json!({ "url": url }), Instant::now() + within);
    Ok(tools.call(NAME, &granted(grants), call).await?.value)
}

async fn get_from(server: SocketAddr, path: &str) -> Result<Value, ToolError> {
    let tool = HttpGet::new(&Workspaces::default());
    let url = format!("http://{server}/{path}");
    asked(
        tool,
        &url,
        &[format!("net.http/{server}")],
        Duration::from_secs(60),
    )
    .await
}

#[tokio::test]
async fn a_page_comes_as_text_in_whatever_characters_it_is_written() {
    let server = server().await;
    for (path, text) in [
        ("text", "hello"),
        ("latin", "g\u{fc}n"),
        ("unnamed_latin", "g\u{fc}n"),
        ("marked", "hi"),
        ("sent", "hello"),
        ("headers", "accept host user-agent"),
    ] {
        let page = get_from(server, path).await.unwrap();
        assert_eq!(page["text"], text, "{path}");
        assert_eq!(page["status"], 200);
        assert_eq!(page["truncated"], false);
    }
    let page = get_from(server, "sent#part").await.unwrap();
    assert_eq!(page["url"], format!("http://{server}/text"));
    let page = get_from(server, "json").await.unwrap();
    assert_eq!(page["json"], json!({"price": 4.5}));
    for path in ["deep", "broken_json", "text"] {
        assert_eq!(
            get_from(server, path).await.unwrap()["json"],
            json!(null),
            "{path}"
        );
    }
    for _ in 0..2 {
        assert_eq!(get_from(server, "cookie").await.unwrap()["text"], "false");
    }
}

#[tokio::test]
async fn a_long_page_is_cut_and_says_so() {
    let server = server().await;
    let page = get_from(server, "long").await.unwrap();
    assert_eq!(page["text"].as_str().unwrap().len(), CHARACTERS);
    assert_eq!(page["truncated"], true);
    let page = get_from(server, "quotes").await.unwrap();
    assert!(page.to_string().len() < 400 << 10);
    assert_eq!(page["truncated"], true);
}

#[tokio::test]
async fn what_goes_wrong_is_of_a_kind() {
    let server = server().await;
    for (path, kind, again, says) in [
        ("missing", ToolErrorKind::Provider, false, "404"),
        ("busy", ToolErrorKind::RateLimited, true, "429"),
        ("fallen", ToolErrorKind::Provider, true, "502"),
        (
            "picture",
            ToolErrorKind::InvalidArguments,
            false,
            "image/png",
        ),
        ("zeros", ToolErrorKind::InvalidArguments, false, "no text"),
        (
            "packed",
            ToolErrorKind::InvalidArguments,
            false,
            "packed bytes",
        ),
        (
            "nowhere",
            ToolErrorKind::Provider,
            false,
            "without saying where to",
        ),
        ("round", ToolErrorKind::Provider, false, "more than 5 times"),
        (
            "file",
            ToolErrorKind::Provider,
            false,
            "only http and https",
        ),
        (
            "inward",
            ToolErrorKind::Permission,
            false,
            "169.254.169.254",
        ),
    ] {
        let error = get_from(server, path).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (kind, again),
            "{path}: {error}"
        );
        assert!(error.message().contains(says), "{path}: {error}");
    }
    let tool = HttpGet::new(&Workspaces::default());
    let url = format!("http://{server}/silent");
    let grants = [format!("net.http/{server}")];
    let late = asked(tool, &url, &grants, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(late.kind(), ToolErrorKind::Timeout);
    // Nobody listens there any more.
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let error = get_from(gone, "text").await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Network);
}

#[tokio::test]
async fn nothing_is_asked_that_was_not_granted() {
    let server = server().await;
    let url = format!("http://{server}/text");
    for grants in [
        &["net.http"][..],
        &["net.http/example.org"],
        &["net.http/127.0.0.1"],
        &["net"],
    ] {
        let tool = HttpGet::new(&Workspaces::default());
        let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
        let error = asked(tool, &url, &grants, Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Permission, "{grants:?}");
        assert!(error.message().contains("tools.grants"), "{error}");
    }
}

fn naming(addresses: Vec<Vec<SocketAddr>>, looked: &Arc<AtomicUsize>) -> HttpGet {
    let looked = Arc::clone(looked);
    HttpGet {
        workspaces: Workspaces::default(),
        lookup: Arc::new(move |_, _| {
            let turn = looked.fetch_add(1, Ordering::SeqCst);
            Ok(addresses.get(turn).cloned().unwrap_or_default())
        }),
    }
}

/// A name may mean a public server while it is checked and this machine when it is connected to.
#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let server = server().await;
    let url = format!("http://named.example:{}/text", server.port());
    let grants = [
        format!("net.http/named.example:{}", server.port()),
        format!("net.http/{server}"),
    ];
    // Looked up once: what the name means afterwards is not asked.
    let looked = Arc::new(AtomicUsize::new(0));
    let elsewhere = SocketAddr::new("127.0.0.2".parse().unwrap(), server.port());
    let tool = naming(vec![vec![server], vec![elsewhere]], &looked);
    let page = asked(tool, &url, &grants, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(page["text"], "hello");
    assert_eq!(looked.load(Ordering::SeqCst), 1);
    // Once the name leads into this machine, the grant for the name is not enough.
    for inward in [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
    ] {
        let address = SocketAddr::new(inward.parse().unwrap(), server.port());
        let tool = naming(vec![vec![address]], &Arc::default());
        let error = asked(tool, &url, &grants[..1], Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Permission, "{inward}");
        assert!(
            error.message().contains("named.example leads to"),
            "{error}"
        );
    }
    let error = asked(
        naming(vec![vec![]], &Arc::default()),
        &url,
        &grants,
        Duration::from_secs(60),
    )
    .await;
    assert_eq!(error.unwrap_err().kind(), ToolErrorKind::Network);
}

/// A redirection to the same name is looked up and checked anew.
#[tokio::test]
async fn each_redirection_is_checked_again() {
    let server = server().await;
    let url = format!("http://named.example:{}/sent", server.port());
    let grants = [
        format!("net.http/named.example:{}", server.port()),
        format!("net.http/{server}"),
    ];
    let inward = SocketAddr::new("192.168.0.1".parse().unwrap(), server.port());
    let looked = Arc::new(AtomicUsize::new(0));
    let tool = naming(vec![vec![server], vec![inward]], &looked);
    let error = asked(tool, &url, &grants, Duration::from_secs(60))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Permission);
    assert!(error.message().contains("192.168.0.1"), "{error}");
    assert_eq!(looked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_content_type_says_whether_it_is_text() {
    for (told, is_text, is_json, charset) in [
        ("text/html; charset=\"UTF-8\"", true, false, Some("UTF-8")),
        ("application/ld+json", true, true, None),
        (
            "Application/JSON;q=1; Charset=latin1",
            true,
            true,
            Some("latin1"),
        ),
        ("image/svg+xml", true, false, None),
        ("application/pdf", false, false, None),
        ("application/octet-stream", false, false, None),
        ("", false, false, None),
    ] {
        let media = Media::of(Some(told));
        let charset = charset.map(str::to_owned);
        assert_eq!(
            media,
            Media {
                is_text,
                is_json,
                charset
            },
            "{told}"
        );
    }
    assert!(Media::of(None).is_text);
}
