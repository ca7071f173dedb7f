//! Models are loaded, freed and exchanged by command, and whatever is refused leaves the engine as it is.

use super::{Stage, done, generate, refused};
use crate::{
    EngineLine, ErrorKind, Generated, LoadModel, ModelFreed, ModelLine, ModelSwapped, Request,
    SwapModel, UnloadModel,
};

/// Model files of the node's machine, and the model that its own engine begins with.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// What the engine begins with.
    pub first: String,
    /// A file that may be loaded, whose name without its ending may be a model's.
    pub whole: String,
    /// A file that may be loaded and is no model.
    pub broken: String,
    /// A file that lies where no model may be loaded from.
    pub outside: String,
}

fn load(model: &str) -> Request {
    Request::LoadModel(LoadModel {
        model: model.to_owned(),
        name: None,
        engine: None,
    })
}

fn unload(model: &str) -> Request {
    Request::UnloadModel(UnloadModel {
        model: model.to_owned(),
        engine: None,
    })
}

fn swap(current: &str, model: &str, name: Option<&str>) -> Request {
    Request::SwapModel(SwapModel {
        current: current.to_owned(),
        model: model.to_owned(),
        name: name.map(str::to_owned),
        engine: None,
    })
}

/// The engine's models by their names, and its own.
async fn models(stage: &mut Stage) -> (String, Vec<String>) {
    let mut engines: Vec<EngineLine> = done("engines", stage.other.ask(&Request::Engines {}).await);
    let own = engines.swap_remove(0);
    (own.name, own.models)
}

async fn writes(stage: &mut Stage, engine: &str) -> Generated {
    let asked = Request::Generate(generate(engine));
    done("what is written", stage.other.ask(&asked).await)
}

pub(super) async fn models_are_loaded_exchanged_and_freed_by_command(stage: &mut Stage) {
    let shelf = stage.shelf.clone();
    let (engine, before) = models(stage).await;
    assert!(before.contains(&shelf.first), "{before:?}");
    nothing_else_is_loaded(stage, &shelf, &engine).await;

    let asked = swap(&shelf.first, &shelf.whole, Some("second"));
    let swapped: ModelSwapped = done("a swap", stage.owner.ask(&asked).await);
    assert_eq!(
        (swapped.before, swapped.now.name),
        (shelf.first.clone(), "second".to_owned())
    );
    assert_eq!(writes(stage, &engine).await.model, "second");
    let (_, now) = models(stage).await;
    assert!(
        now.contains(&"second".to_owned()) && !now.contains(&shelf.first),
        "{now:?}"
    );

    let freed: ModelFreed = done("a model is freed", stage.owner.ask(&unload("second")).await);
    assert_eq!(
        (freed.name.as_str(), freed.engine.as_str()),
        ("second", engine.as_str())
    );
    let asked = Request::Generate(generate(&engine));
    let nobody = stage.other.ask::<Generated>(&asked).await;
    refused("an engine without a model", nobody, ErrorKind::Unknown);
    let again = stage.owner.ask::<ModelFreed>(&unload("second")).await;
    refused("what was freed", again, ErrorKind::Unknown);

    let loaded: ModelLine = done("a model", stage.owner.ask(&load(&shelf.whole)).await);
    assert_eq!(loaded.engine, engine);
    assert!(shelf.whole.contains(&loaded.name), "{loaded:?}");
    let wrote = writes(stage, &engine).await;
    assert_eq!(wrote.model, loaded.name);
}

/// Each is refused, and the engine writes with what it had.
async fn nothing_else_is_loaded(stage: &mut Stage, shelf: &Shelf, engine: &str) {
    let first = shelf.first.as_str();
    let of = |engine: &str| {
        Request::SwapModel(SwapModel {
            current: first.to_owned(),
            model: shelf.whole.clone(),
            name: None,
            engine: Some(engine.to_owned()),
        })
    };
    let embeds = "all-minilm-l6-v2";
    let climbs = format!("{}/../{}", shelf.whole, "x");
    for (what, request, kind) in [
        ("a second one", load(&shelf.whole), ErrorKind::Conflict),
        ("another engine", of("nobody"), ErrorKind::Unknown),
        ("what is not there", unload("nobody"), ErrorKind::Unknown),
        (
            "in the place of what is not there",
            swap("nobody", &shelf.whole, None),
            ErrorKind::Unknown,
        ),
        (
            "a file that is no model",
            swap(first, &shelf.broken, None),
            ErrorKind::Failed,
        ),
        (
            "a file elsewhere",
            swap(first, &shelf.outside, None),
            ErrorKind::Forbidden,
        ),
        (
            "a way out",
            swap(first, &climbs, None),
            ErrorKind::Forbidden,
        ),
        (
            "a system's file",
            swap(first, "/etc/passwd", None),
            ErrorKind::Forbidden,
        ),
        ("no file", swap(first, "", None), ErrorKind::Forbidden),
        (
            "one that embeds",
            swap(first, embeds, None),
            ErrorKind::Conflict,
        ),
        (
            "a name that is none",
            swap(first, &shelf.whole, Some("a\nb")),
            ErrorKind::Invalid,
        ),
        (
            "a name that an engine has",
            swap(first, &shelf.whole, Some(engine)),
            ErrorKind::Conflict,
        ),
    ] {
        let outcome = stage.owner.ask::<serde_json::Value>(&request).await;
        refused(what, outcome, kind);
        assert_eq!(writes(stage, engine).await.model, first, "{what}");
    }
}
