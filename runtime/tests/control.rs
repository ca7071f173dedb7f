//! The contract, kept by a whole node, over each way there is to it.
#![allow(clippy::unwrap_used)]

#[path = "control/judged.rs"]
mod judged;
#[path = "control/models.rs"]
mod models;
#[path = "control/openai.rs"]
mod openai;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::{Sleep, async_trait};
use aios_control::access::{Principals, Rights, Scope, Token};
use aios_control::conformance::{Shelf, Stage, conforms};
use aios_control::grpc::{GrpcClient, GrpcServer, GrpcService};
use aios_control::http::{HttpClient, HttpServer, HttpService, Running};
use aios_control::socket::{Server, Service, SocketFolder};
use aios_control::{
    Ask, AuditAsked, CallTool, Caller, Client, ClientError, Control, ErrorKind, EventKind,
    GoalPhase, Local, Place, Request, Submit, TreeAsked, TreePage, Watch,
};
use aios_inference::Scripts;
use aios_protocols::{AgentCard, PrincipalId, PrincipalKind};
use aios_runtime::{Config, Node, SpawnOptions};
use aios_tools::{Toolbox, Workspaces};
use aios_work::{Stopped, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde_json::json;

/// Reading a file takes as long as the test wants.
struct Endless {
    over: Arc<AtomicBool>,
}

#[async_trait]
impl Tool for Endless {
    fn spec(&self) -> ToolSpec {
        let standard = Toolbox::standard(&Workspaces::default(), None);
        ToolSpec {
            name: "read_document".to_owned(),
            input: serde_json::json!({}),
            ..Arc::unwrap_or_clone(standard.spec("read_file").unwrap())
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        while Instant::now() < call.deadline && !self.over.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Stopped::DeadlinePassed.into())
    }
}

/// Says what is said to it, and to `hush` nothing.
struct Echo;

#[async_trait]
impl Agent for Echo {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let word = incoming.content.as_str().unwrap_or_default().to_owned();
        if word == "hush" {
            ctx.spawn(incoming, |incoming, _| async move {
                incoming.cancelled().await;
                Ok(incoming.inform("woken")?)
            });
            return Ok(());
        }
        Ok(incoming.inform(word)?)
    }
}

struct House {
    node: Node,
    folder: tempfile::TempDir,
    over: Arc<AtomicBool>,
    shelf: Shelf,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let mut config = Config::default();
        config.door.open = true;
        config.door.folder = text(&folder.path().join("sockets"));
        let (models, shelf) = models::shelf(folder.path());
        config.model.folder = models;
        let tool = Endless {
            over: Arc::clone(&over),
        };
        let builder = Node::builder().config(config).tool(Arc::new(tool));
        let builder = builder.engine(models::loads(&Scripts::default()));
        let builder = builder.factory("macro.echo", |_| Ok(Echo));
        let node = builder.start().await.unwrap();
        let options = SpawnOptions::default();
        node.spawn("macro.echo", options).await.unwrap();
        node.control_socket().await.unwrap().unwrap();
        Self {
            node,
            folder,
            over,
            shelf,
        }
    }

    fn folder(&self) -> SocketFolder {
        SocketFolder::of(&self.node.config().door.folder)
    }

    fn stage(&self, owner: Client, other: Client, stranger: Client) -> Stage {
        let submit = |words: &str, file: &str| Submit {
            goal_id: None,
            text: words.to_owned(),
            data: vec![text(&example(file))],
            files: Vec::new(),
            out: text(&self.folder.path().join("out")),
            private: false,
            plan: None,
        };
        Stage {
            owner,
            other,
            stranger,
            agent: "macro.planner.001@local".to_owned(),
            role: "macro.executor".to_owned(),
            echo: "macro.echo".to_owned(),
            closed: "macro.memory.001@local".to_owned(),
            goal: submit("Analyze Q3 sales", "q3_sales.csv"),
            endless: submit("Summarise the notes", "notes.md"),
            shelf: self.shelf.clone(),
            tool: {
                let call = CallTool::new("calc", json!({"expression": "2 km + 300 m"}));
                let result = json!({"value": "2.3", "number": 2.3, "unit": "km", "exact": true, "text": "2.3 km"});
                (call, result)
            },
        }
    }

    /// The node over HTTP, with a token of the owner and one of somebody else.
    async fn serves(&self) -> (Running, Token, Token) {
        let (own, strange) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        let server = HttpServer::bind("127.0.0.1:0".parse().unwrap());
        let node = self.node.clone();
        let running = server.await.unwrap().serve(HttpService {
            node: Arc::new(move || Some(Arc::new(node.clone()) as Arc<dyn Control>)),
            principals: Principals::new(
                [
                    (own.clone(), self.node.owner_name().clone()),
                    (strange.clone(), stranger()),
                ],
                None,
            ),
            out: self.folder.path().join("out"),
            page: None,
        });
        (running.unwrap(), own, strange)
    }

    async fn close(self) {
        self.over.store(true, Relaxed);
        self.node.stop().await;
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn example(name: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
    examples.join(name).canonicalize().unwrap()
}

fn stranger() -> PrincipalId {
    "user:mallory@local".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_process_a_node_keeps_the_contract() {
    let house = House::open().await;
    let mut stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control_as(stranger()),
    );
    conforms(&mut stage).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_its_socket_a_node_keeps_the_contract() {
    let house = House::open().await;
    // A second socket, of somebody who is not the owner.
    let elsewhere = SocketFolder::of(&text(&house.folder.path().join("strangers")));
    let (server, socket) = Server::open(&elsewhere).unwrap();
    let node = house.node.clone();
    let serving = tokio::spawn(server.serve(Service {
        node: Arc::new(move || Some(Arc::new(node.clone()) as Arc<dyn Control>)),
        principal: stranger(),
        observer: Arc::new(()),
    }));
    let own = house.folder();
    let connect = || Client::connect(&own, None);
    let mut stage = house.stage(
        connect().await.unwrap(),
        connect().await.unwrap(),
        Client::connect(&elsewhere, None).await.unwrap(),
    );
    conforms(&mut stage).await;
    serving.abort();
    drop(socket);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_a_node_keeps_the_contract() {
    let house = House::open().await;
    let (running, own, strange) = house.serves().await;
    let address = format!("http://{}", running.address());
    let client = |token: &Token| HttpClient::client(&address, token.clone()).unwrap();
    let mut stage = house.stage(client(&own), client(&own), client(&strange));
    conforms(&mut stage).await;
    drop(stage);
    running.drain().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_a_node_keeps_the_contract() {
    let house = House::open().await;
    let node = house.node.clone();
    let (own, strange) = (Token::fresh().unwrap(), Token::fresh().unwrap());
    let owner = house.node.owner_name().clone();
    let known = [(own.clone(), owner), (strange.clone(), stranger())];
    let server = GrpcServer::bind("127.0.0.1:0".parse().unwrap());
    let running = server.await.unwrap().serve(GrpcService {
        node: Arc::new(move || Some(Arc::new(node.clone()) as Arc<dyn Control>)),
        principals: Principals::new(known, None),
        agents: Some(house.node.agent_door()),
        out: house.folder.path().join("out"),
    });
    let running = running.unwrap();
    let address = format!("grpc://{}", running.address());
    let client = |token: &Token| GrpcClient::client(&address, token).unwrap();
    let mut stage = house.stage(client(&own), client(&own), client(&strange));
    conforms(&mut stage).await;
    let mut nobody = client(&Token::fresh().unwrap());
    let refused = nobody.goals().await.unwrap_err();
    let kind = refused.refusal().map(|error| error.kind);
    assert_eq!(kind, Some(ErrorKind::Forbidden), "{refused}");
    assert_eq!(running.refused().get("token"), Some(&1));
    drop(stage);
    running.drain().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_from_another_process_says_nothing_unless_it_is_absolute() {
    let house = House::open().await;
    let mut client = Client::connect(&house.folder(), None).await.unwrap();
    let data = text(&example("q3_sales.csv"));
    let sound = Submit {
        goal_id: None,
        text: "Analyze Q3 sales".to_owned(),
        data: vec![data.clone()],
        files: Vec::new(),
        out: text(&house.folder.path().join("out")),
        private: false,
        plan: None,
    };
    for (data, out) in [
        (vec![data.clone(), "q3_sales.csv".to_owned()], None),
        (vec![data], Some("out".to_owned())),
    ] {
        let goal = Submit {
            data,
            out: out.unwrap_or_else(|| sound.out.clone()),
            ..sound.clone()
        };
        let Err(ClientError::Refused(error)) = client.submit(goal).await else {
            panic!("it was taken up");
        };
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("is not absolute"), "{error}");
    }
    assert_eq!(client.goals().await.unwrap(), []);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_makes_place_and_goes_on_when_it_comes_again() {
    let house = House::open().await;
    let folder = house.folder();
    let mut owner = house.node.control();
    let stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control(),
    );
    let id = owner.submit(stage.endless).await.unwrap().goal_id;
    let mut watcher = Client::connect(&folder, None).await.unwrap();
    watcher.watch(&id, 0).await.unwrap();
    let mut last = watcher.next_event().await.unwrap().unwrap().seq;
    // The places of this process are taken up. Whoever has waited longest makes place first, and that is the watcher as soon as the goal
    // has no more to tell: others keep coming until it is.
    let watching = tokio::spawn(async move {
        loop {
            match watcher.next_event().await {
                Ok(Some(event)) => last = event.seq,
                Ok(None) => panic!("the goal runs, and its watch has ended"),
                Err(error) => break (error, last),
            }
        }
    });
    let mut others = Vec::new();
    while !watching.is_finished() {
        let mut other = Client::connect(&folder, None).await.unwrap();
        other.goals().await.unwrap();
        others.push(other);
    }
    let (let_go, last) = watching.await.unwrap();
    let kind = let_go.refusal().map(|error| error.kind);
    assert_eq!(kind, Some(ErrorKind::Busy), "{let_go}");
    drop(others);
    let mut again = Client::connect(&folder, None).await.unwrap();
    again.watch(&id, last).await.unwrap();
    owner.kill("macro.critic.001@local").await.unwrap();
    let event = again.next_event().await.unwrap().unwrap();
    assert_eq!(event.seq, last + 1, "what it has seen is not told again");
    drop(again);
    owner.cancel(&id).await.unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_says_so_and_ends_what_is_watched() {
    let house = House::open().await;
    let mut owner = house.node.control();
    let stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control(),
    );
    let id = owner.submit(stage.endless.clone()).await.unwrap().goal_id;
    owner.watch(&id, 0).await.unwrap();
    let node = house.node.clone();
    house.close().await;
    let drained = async { while owner.next_event().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), drained)
        .await
        .unwrap();
    let error = owner.goal(&id).await.unwrap().error.unwrap();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    let mut late = node.control();
    let refused = late.submit(stage.endless).await.unwrap_err();
    let kind = refused.refusal().map(|error| error.kind);
    assert_eq!(kind, Some(ErrorKind::Unavailable), "{refused}");
    let kill = late
        .ask::<()>(&Request::Kill {
            agent: "macro.planner.001@local".to_owned(),
        })
        .await
        .unwrap_err();
    assert!(kill.refusal().is_some(), "{kill}");
}

fn keyed(principal: &str, scope: Scope, folders: &[&Path]) -> Caller {
    let folders = folders.iter().map(|folder| text(folder)).collect();
    Caller {
        rights: Some(Arc::new(Rights {
            scope,
            folders,
            key: Some("k-1".to_owned()),
        })),
        ..Caller::named(principal.parse().unwrap(), Place::Elsewhere)
    }
}

fn as_caller(node: &Node, caller: Caller) -> Client {
    Client::over(Local::by(Arc::new(node.clone()), caller))
}

fn kind<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> ErrorKind {
    match outcome {
        Err(ClientError::Refused(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_allows_what_its_scope_says_and_names_files_of_its_folders_alone() {
    let house = House::open().await;
    let examples = example("q3_sales.csv").parent().unwrap().to_owned();
    let out = house.folder.path().join("out");
    let stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control(),
    );
    let goal = stage.goal;
    let client = |scope, folders: &[&Path]| {
        let caller = keyed("user:ann@local", scope, folders);
        as_caller(&house.node, caller)
    };
    let mut reads = client(Scope::Read, &[&examples, &out]);
    assert!(!reads.agents().await.unwrap().is_empty());
    assert_eq!(reads.goals().await.unwrap(), []);
    let refused = reads.submit(goal.clone()).await;
    assert_eq!(kind(refused), ErrorKind::Forbidden);
    assert_eq!(kind(reads.kill(&stage.agent).await), ErrorKind::Forbidden);
    let config = reads.ask::<serde_json::Value>(&Request::Config {}).await;
    assert_eq!(kind(config), ErrorKind::Forbidden);

    let mut operates = client(Scope::Operate, &[&examples, &out]);
    let config = operates.ask::<serde_json::Value>(&Request::Config {}).await;
    assert_eq!(kind(config), ErrorKind::Forbidden);
    let decides = operates
        .decide("a-1", aios_control::Decision::Accept, "")
        .await;
    assert_eq!(kind(decides), ErrorKind::Forbidden, "the owner decides");
    let begun = operates.submit(goal.clone()).await.unwrap();
    operates.watch(&begun.goal_id, 0).await.unwrap();
    while operates.next_event().await.unwrap().is_some() {}
    assert!(
        operates
            .goal(&begun.goal_id)
            .await
            .unwrap()
            .answer
            .is_some()
    );
    for (data, out) in [
        (vec!["/etc/passwd".to_owned()], goal.out.clone()),
        (goal.data.clone(), "/tmp".to_owned()),
        (
            vec![text(&examples.join("../guide/serve.md"))],
            goal.out.clone(),
        ),
    ] {
        let stray = Submit {
            data,
            out,
            ..goal.clone()
        };
        assert_eq!(kind(operates.submit(stray).await), ErrorKind::Forbidden);
    }
    let call = CallTool {
        data: vec!["/etc/passwd".to_owned()],
        ..CallTool::new("read_file", json!({"path": "/etc/passwd"}))
    };
    assert_eq!(kind(operates.call_tool(call).await), ErrorKind::Forbidden);

    // A fork works with the files of the goal that it goes on from, whoever handed that in.
    let fork = Request::Fork(aios_control::Fork {
        goal_id: begun.goal_id.clone(),
        at: "none".to_owned(),
        plan: None,
        new_id: None,
    });
    let mut narrow = client(Scope::Operate, &[&out]);
    let refused = narrow.ask::<serde_json::Value>(&fork).await;
    assert_eq!(kind(refused), ErrorKind::Forbidden);
    let refused = operates.ask::<serde_json::Value>(&fork).await;
    assert_eq!(kind(refused), ErrorKind::Unknown, "there is no such task");
    let import = Request::Import {
        run: json!({}),
        new_id: None,
    };
    let refused = operates.ask::<serde_json::Value>(&import).await;
    assert_eq!(kind(refused), ErrorKind::Forbidden);

    let mut administers = client(Scope::Admin, &[]);
    administers
        .ask::<serde_json::Value>(&Request::Config {})
        .await
        .unwrap();
    assert_eq!(administers.goals().await.unwrap().len(), 1, "of its tenant");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_its_own_goals_and_nothing_of_anothers() {
    let house = House::open().await;
    let mut owner = house.node.control();
    let out = house.folder.path().join("out");
    let examples = example("q3_sales.csv").parent().unwrap().to_owned();
    let stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control(),
    );
    let own = Submit {
        goal_id: Some("mine".to_owned()),
        ..stage.endless.clone()
    };
    owner.submit(own).await.unwrap();
    for scope in [Scope::Operate, Scope::Admin] {
        let caller = keyed("user:eve@acme", scope, &[&examples, &out]);
        let mut other = as_caller(&house.node, caller);
        assert_eq!(kind(other.goal("mine").await), ErrorKind::Unknown);
        assert_eq!(kind(other.history("mine", 0).await), ErrorKind::Unknown);
        assert_eq!(kind(other.watch("mine", 0).await), ErrorKind::Unknown);
        assert_eq!(kind(other.explain("mine").await), ErrorKind::Unknown);
        assert_eq!(kind(other.cancel("mine").await), ErrorKind::Unknown);
        assert_eq!(kind(other.pause("mine").await), ErrorKind::Unknown);
        assert_eq!(kind(other.resume("mine").await), ErrorKind::Unknown);
        assert_eq!(other.approvals().await.unwrap(), []);
        // The node is not its own.
        assert_eq!(kind(other.kill(&stage.agent).await), ErrorKind::Forbidden);
        assert_eq!(kind(other.agents().await), ErrorKind::Forbidden);
        let view = other.ask::<serde_json::Value>(&Request::View {}).await;
        assert_eq!(kind(view), ErrorKind::Forbidden);
    }
    // What it has done is its own: asked for in its name, and shown to nobody else.
    let caller = keyed("user:eve@acme", Scope::Operate, &[&examples, &out]);
    let mut other = as_caller(&house.node, caller);
    // It takes any name, and whether somebody else has that one is not told.
    let taken = Submit {
        goal_id: Some("mine".to_owned()),
        ..stage.endless.clone()
    };
    for _ in 0..2 {
        let named = other.submit(taken.clone()).await.unwrap().goal_id;
        assert_eq!(named, "acme..mine");
    }
    assert_eq!(other.goal("mine").await.unwrap().goal_id, "acme..mine");
    other.cancel("mine").await.unwrap();
    let running = owner.goal("mine").await.unwrap().phase;
    assert_eq!(running, GoalPhase::Running, "another goal of that name");
    let guests = Submit {
        goal_id: Some("acme..mine".to_owned()),
        ..stage.endless.clone()
    };
    assert_eq!(kind(owner.submit(guests).await), ErrorKind::Invalid);
    let id = other.submit(stage.goal.clone()).await.unwrap().goal_id;
    other.watch(&id, 0).await.unwrap();
    while other.next_event().await.unwrap().is_some() {}
    let state = other.goal(&id).await.unwrap();
    assert!(state.answer.is_some(), "{state:?}");
    assert_eq!(other.goals().await.unwrap().len(), 2);
    assert_eq!(kind(owner.goal(&id).await), ErrorKind::Unknown);
    let seen = owner.goals().await.unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    owner.cancel("mine").await.unwrap();
    // Nor does it come by in what happens on the node.
    let kinds = vec![EventKind::Goal, EventKind::Task];
    let watch = Watch {
        kinds,
        ..Watch::default()
    };
    owner.watch_node(watch).await.unwrap();
    let mut told = String::new();
    while !told.contains("cancelled") {
        let event = owner.next_event().await.unwrap().unwrap();
        told.push_str(&event.body.to_string());
    }
    assert!(told.contains("mine") && !told.contains(&id), "{told}");
    // Nor is it named in what is kept of the node, but to its owner.
    let caller = keyed("user:eve@acme", Scope::Operate, &[&examples, &out]);
    let mut other = as_caller(&house.node, caller);
    let theirs = Submit {
        goal_id: Some("theirs".to_owned()),
        ..stage.endless.clone()
    };
    other.submit(theirs).await.unwrap();
    let mut owner = house.node.control();
    let caller = keyed("user:ann@local", Scope::Admin, &[]);
    let mut colleague = as_caller(&house.node, caller);
    let audit = Request::Audit(AuditAsked::default());
    let until = Instant::now() + Duration::from_secs(30);
    for request in [Request::Budgets {}, audit] {
        loop {
            let all: serde_json::Value = owner.ask(&request).await.unwrap();
            if all.to_string().contains("theirs") {
                break;
            }
            assert!(Instant::now() < until, "{all}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let seen: serde_json::Value = colleague.ask(&request).await.unwrap();
        assert!(!seen.to_string().contains("theirs"), "{seen}");
    }
    other.cancel("theirs").await.unwrap();
    house.close().await;
}

/// While it is under way too, and to those alone who may ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_ready_of_a_goal_is_what_would_be_answered() {
    let house = House::open().await;
    let stage = house.stage(
        house.node.control(),
        house.node.control(),
        house.node.control(),
    );
    let owner = Caller::named(house.node.owner_name().clone(), Place::Elsewhere);
    let examples = example("q3_sales.csv").parent().unwrap().to_owned();
    let out = house.folder.path().join("out");
    let guest = keyed("user:eve@acme", Scope::Operate, &[&examples, &out]);
    let mut client = house.node.control();
    for (goal, ends) in [(&stage.goal, true), (&stage.endless, false)] {
        let goal_id = client.submit(goal.clone()).await.unwrap().goal_id;
        if ends {
            client.watch(&goal_id, 0).await.unwrap();
            while client.next_event().await.unwrap().is_some() {}
        }
        let asked = Request::Goal {
            goal_id: goal_id.clone(),
        };
        // It may stand otherwise from one moment to the next.
        let begun = Instant::now();
        loop {
            let ready = house.node.lies_ready(&owner, &asked).unwrap();
            let answer = house.node.answer(&owner, asked.clone()).await.unwrap();
            let aios_control::Response::Value(answer) = answer else {
                panic!("a watch");
            };
            if ready.json() == &serde_json::to_vec(&answer).unwrap() {
                break;
            }
            assert!(
                !ends && begun.elapsed() < Duration::from_secs(30),
                "{answer}"
            );
        }
        let stranger = Caller::named(stranger(), Place::Elsewhere);
        for caller in [&stranger, &guest] {
            assert!(house.node.lies_ready(caller, &asked).is_none());
        }
        let cancel = Request::Cancel { goal_id };
        assert!(house.node.lies_ready(&owner, &cancel).is_none());
        if !ends {
            house.node.answer(&owner, cancel).await.unwrap();
        }
    }
    house.close().await;
}

#[tokio::test]
async fn agents_that_sleep_are_told_of_as_counts() {
    let builder = Node::builder().factory("macro.echo", |_| Ok(Echo));
    let node = builder.sleeping(Sleep::default()).start().await.unwrap();
    for instance in ["901", "902", "903"] {
        let id = format!("macro.echo.{instance}@local").parse().unwrap();
        node.system().register_asleep(&id).unwrap();
    }
    let mut control = node.control();
    let all = Request::Tree(TreeAsked::default());
    let page: TreePage = control.ask(&all).await.unwrap();
    let sleepers = page.sleepers.unwrap();
    assert_eq!((sleepers.asleep, sleepers.awake), (3, 0));
    let named = |page: &TreePage| {
        page.lines
            .iter()
            .any(|line| line.id.starts_with("macro.echo"))
    };
    assert!(!named(&page), "they stand nowhere");
    let woken = Ask {
        agent: "macro.echo.902@local".to_owned(),
        content: "good morning".to_owned(),
        deadline_ms: 30_000,
    };
    let said = control.ask_agent(woken).await.unwrap();
    assert_eq!(said.content, "good morning");
    let page: TreePage = control.ask(&all).await.unwrap();
    let sleepers = page.sleepers.unwrap();
    assert_eq!((sleepers.asleep, sleepers.awake, sleepers.woken), (2, 1, 1));
    assert!(named(&page));
    node.stop().await;
}
