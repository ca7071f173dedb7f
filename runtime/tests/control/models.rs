//! An engine of a test that loads files, and what becomes of models that were loaded by command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_control::conformance::Shelf;
use aios_control::{
    Client, ClientError, EngineLine, ErrorKind, Generate, Generated, LoadModel, ModelSwapped,
    Request, Speaker, SwapModel, Turn, UnloadModel,
};
use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineError, EngineFactory, Gate,
    Health, InferRequest, Inference, ModelInfo, ModelSource, Script, ScriptedEngine, Scripts,
    TokenSink,
};
use aios_runtime::{Config, Node};

/// Nothing in here takes that long; a test that does is broken.
const SOON: Duration = Duration::from_secs(60);
/// What the engine begins with.
const FIRST: &str = "scripted";

/// The scripted engine, as one that loads weights: a file that says that it is broken is no model.
struct Loads(ScriptedEngine);

impl BlockingEngine for Loads {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        match fs::read(&source.path) {
            Ok(bytes) if bytes == b"broken" => Err(EngineError::ModelBroken {
                name: source.name.clone(),
                reason: "it says so".to_owned(),
            }),
            _ => self.0.load_model(source),
        }
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.0.stream(request, sink)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.0.embed(request)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.0.unload(model)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            quantisations: vec!["F32".to_owned()],
            ..self.0.capabilities()
        }
    }

    fn health(&mut self) -> Health {
        self.0.health()
    }
}

/// Such an engine, led by a script.
pub(crate) fn loads(scripts: &Scripts) -> EngineFactory {
    let scripts = scripts.clone();
    Arc::new(move || {
        let engine = ScriptedEngine::scripted_by(scripts.clone());
        Ok(Box::new(Loads(engine)))
    })
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Files of models below a folder; `models` in it is the one that they may be loaded from.
pub(crate) fn shelf(folder: &Path) -> (String, Shelf) {
    let models = folder.join("models");
    fs::create_dir_all(&models).unwrap();
    mode(&models, 0o755);
    let file = |path: &Path, text: &str| {
        fs::write(path, text).unwrap();
        mode(path, 0o644);
        path.to_str().unwrap().to_owned()
    };
    let shelf = Shelf {
        first: FIRST.to_owned(),
        whole: file(&models.join("third.gguf"), "whole"),
        broken: file(&models.join("torn.gguf"), "broken"),
        outside: file(&folder.join("secret.gguf"), "whole"),
    };
    (models.to_str().unwrap().to_owned(), shelf)
}

fn generate() -> Generate {
    Generate {
        engine: "local".to_owned(),
        turns: vec![Turn {
            who: Speaker::User,
            text: "Say hello.".to_owned(),
        }],
        max_tokens: 16,
        temperature: None,
        top_p: None,
        seed: None,
        stop: Vec::new(),
        schema: None,
        deadline_ms: 30_000,
        watch: false,
    }
}

async fn writes(client: &mut Client) -> Result<Generated, ClientError> {
    client.ask(&Request::Generate(generate())).await
}

async fn models(client: &mut Client) -> Vec<String> {
    let mut engines: Vec<EngineLine> = client.ask(&Request::Engines {}).await.unwrap();
    engines.swap_remove(0).models
}

fn swap(current: &str, model: &str) -> Request {
    Request::SwapModel(SwapModel {
        current: current.to_owned(),
        model: model.to_owned(),
        name: None,
        engine: None,
    })
}

struct House {
    node: Node,
    scripts: Scripts,
    shelf: Shelf,
    _folder: tempfile::TempDir,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (models, shelf) = shelf(folder.path());
        let mut config = Config::default();
        config.door.open = false;
        config.model.folder = models;
        let scripts = Scripts::default();
        let builder = Node::builder().config(config).engine(loads(&scripts));
        Self {
            node: builder.start().await.unwrap(),
            scripts,
            shelf,
            _folder: folder,
        }
    }

    /// The engine falls, and its supervisor builds it anew.
    async fn falls(&self) {
        self.scripts.push(Script::Panic("it fell".to_owned()));
        writes(&mut self.node.control()).await.unwrap_err();
        let begun = Instant::now();
        while writes(&mut self.node.control()).await.is_err_and(|error| {
            // It writes nothing and is there.
            error
                .refusal()
                .is_none_or(|error| error.kind != ErrorKind::Unknown)
        }) {
            assert!(begun.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_by_command_is_there_again_when_the_engine_is_built_anew() {
    let house = House::open().await;
    let mut owner = house.node.control();
    assert_eq!(house.node.model().name, FIRST);
    let swapped: ModelSwapped = owner.ask(&swap(FIRST, &house.shelf.whole)).await.unwrap();
    assert_eq!(swapped.now.name, "third");
    assert_eq!(house.node.model().name, "third", "reports name it");
    house.falls().await;
    assert_eq!(writes(&mut owner).await.unwrap().model, "third");
    // Its file was taken away meanwhile: an engine that thinks otherwise is better than none.
    fs::remove_file(&house.shelf.whole).unwrap();
    house.falls().await;
    assert_eq!(writes(&mut owner).await.unwrap().model, FIRST);
    fs::write(&house.shelf.whole, "whole").unwrap();
    mode(Path::new(&house.shelf.whole), 0o644);
    let again: ModelSwapped = owner.ask(&swap(FIRST, &house.shelf.whole)).await.unwrap();
    let unload = Request::UnloadModel(UnloadModel {
        model: again.now.name,
        engine: None,
    });
    owner.ask::<serde_json::Value>(&unload).await.unwrap();
    assert_eq!(models(&mut owner).await, ["scripted-embed"]);
    house.scripts.push(Script::Panic("it fell".to_owned()));
    house.falls().await;
    assert_eq!(
        models(&mut owner).await,
        ["scripted-embed"],
        "what was freed stays away"
    );
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_by_command_is_not_loaded_again_from_where_others_may_write() {
    let house = House::open().await;
    let mut owner = house.node.control();
    owner
        .ask::<ModelSwapped>(&swap(FIRST, &house.shelf.whole))
        .await
        .unwrap();
    // Others may choose meanwhile what lies there.
    mode(Path::new(&house.shelf.whole).parent().unwrap(), 0o777);
    house.falls().await;
    assert_eq!(writes(&mut owner).await.unwrap().model, FIRST);
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished_by_the_old_model_and_what_waits_by_the_new_one() {
    let house = House::open().await;
    let gate = Gate::new();
    house.scripts.push(Script::Hang(gate.clone()));
    let node = house.node.clone();
    let old = tokio::spawn(async move { writes(&mut node.control()).await });
    let reached = gate.clone();
    tokio::task::spawn_blocking(move || reached.reached())
        .await
        .unwrap();
    let (node, file) = (house.node.clone(), house.shelf.whole.clone());
    // Whoever asked leaves: the command is carried out all the same.
    // It is begun as soon as it is asked for, which is here and not when another thread comes to it.
    let (mut owner, swap) = (node.control(), swap(FIRST, &file));
    let asked = owner.ask::<ModelSwapped>(&swap);
    let left = tokio::time::timeout(Duration::from_millis(50), asked).await;
    assert!(left.is_err(), "it waits for what is under way: {left:?}");
    gate.open();
    assert_eq!(old.await.unwrap().unwrap().model, FIRST);
    let begun = Instant::now();
    while writes(&mut house.node.control()).await.unwrap().model != "third" {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_loads_no_weights_says_so_and_no_folder_is_no_file() {
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await.unwrap();
    let mut owner = node.control();
    let load = Request::LoadModel(LoadModel {
        model: "smollm2-135m-instruct".to_owned(),
        name: None,
        engine: None,
    });
    let unload = Request::UnloadModel(UnloadModel {
        model: FIRST.to_owned(),
        engine: None,
    });
    for asked in [load, unload, swap(FIRST, "/etc/passwd")] {
        let error = owner.ask::<serde_json::Value>(&asked).await.unwrap_err();
        let refused = error.refusal().unwrap();
        assert_eq!(refused.kind, ErrorKind::Conflict, "{refused:?}");
        assert!(refused.message.contains("loads no weights"), "{refused:?}");
    }
    assert_eq!(models(&mut owner).await, [FIRST, "scripted-embed"]);
    node.stop().await;

    let scripts = Scripts::default();
    let mut config = Config::default();
    config.door.open = false;
    let builder = Node::builder().config(config).engine(loads(&scripts));
    let node = builder.start().await.unwrap();
    let mut owner = node.control();
    let error = owner
        .ask::<serde_json::Value>(&swap(FIRST, "/etc/passwd"))
        .await;
    let error = error.unwrap_err();
    let refused = error.refusal().unwrap();
    assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused:?}");
    assert!(refused.what_to_do.contains("model.folder"), "{refused:?}");
    node.stop().await;
}
