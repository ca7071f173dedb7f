//! A node whose own engine is a real one, with a model that is small enough for a test: which model it holds is changed from the page.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_control::Control;
use aios_control::access::{Known, Principals};
use aios_control::http::{HttpServer, HttpService, PageFile, Running};
use aios_inference::{BlockingEngine, EngineFactory, ModelRole, ModelSource};
use aios_runtime::{Config, Node};

use crate::drives;

/// Model files that the readers of such files are tested with.
fn seed(name: &str) -> PathBuf {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/gguf");
    seeds.join(name)
}

/// A folder of models that nobody else may write to, and a file beside it.
fn shelf(folder: &Path) -> PathBuf {
    let models = folder.join("models");
    fs::create_dir(&models).unwrap();
    let mode = |path: &Path, bits| {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    };
    mode(&models, 0o755);
    for (file, of) in [
        ("models/first.gguf", "model"),
        ("models/other.gguf", "model_version_2"),
        ("models/torn.gguf", "cut"),
        ("outside.gguf", "model"),
    ] {
        let file = folder.join(file);
        fs::copy(seed(of), &file).unwrap();
        mode(&file, 0o644);
    }
    models
}

fn engine(model: PathBuf) -> EngineFactory {
    Arc::new(move || {
        let mut engine = BurnEngine::new(BurnConfig {
            device: DeviceChoice::Cpu,
            threads: Some(1),
        })?;
        engine.load_model(&ModelSource {
            name: "tiny".to_owned(),
            role: ModelRole::Generate,
            path: model.clone(),
        })?;
        Ok(Box::new(engine))
    })
}

async fn served(folder: &Path, models: &Path) -> (Node, Running, String) {
    let mut config = Config::default();
    config.door.open = false;
    config.model.folder = models.to_str().unwrap().to_owned();
    let node = Node::builder()
        .config(config)
        .engine(engine(models.join("first.gguf")))
        .start()
        .await
        .unwrap();
    let control: Arc<dyn Control> = Arc::new(node.clone());
    let service = HttpService {
        node: Arc::new(move || Some(Arc::clone(&control))),
        principals: Principals::new([], None),
        out: folder.to_owned(),
        page: Some(Arc::new(|path: &str| {
            let file = aios_dashboard::file(path)?;
            let headers = aios_dashboard::HEADERS.iter();
            Some(PageFile {
                content_type: file.content_type,
                bytes: file.bytes,
                headers: headers
                    .map(|(name, value)| (*name, (*value).to_owned()))
                    .collect(),
            })
        })),
    };
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap());
    let running = server.await.unwrap().serve(service).unwrap();
    let owner = Known {
        principal: node.owner_name().clone(),
        rights: None,
    };
    let link = running.link(owner).unwrap();
    (node, running, link)
}

#[test]
fn the_model_of_an_engine_is_changed_from_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let models = shelf(&root);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (node, running, link) = runtime.block_on(served(&root, &models));
    drives(
        "models.mjs",
        &[
            ("AIOS_NODE", running.url()),
            ("AIOS_LINK", link),
            ("AIOS_MODELS", models.to_str().unwrap().to_owned()),
        ],
        |what| panic!("nobody knows how to {what}"),
    );
    drop(running);
    runtime.block_on(node.stop());
}
