//! The form that programs written for OpenAI's API speak: what they call a model is here `aios`, to which a conversation is a goal, an
//! engine, which writes, or an agent, which is asked. It is a translation of the contract and nothing else.

mod chat;
mod embeddings;
mod error;
mod said;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(super) use error::Refused;

use super::service::Door;
use crate::{AgentLine, Caller, EngineLine, ErrorKind, Request};

/// The model that takes a conversation for a goal.
const GOAL: &str = "aios";
/// Where these paths begin.
const PATHS: [&str; 3] = ["/v1/chat/", "/v1/models", "/v1/embeddings"];

/// Whether a path is of this form, and so are its refusals.
pub(super) fn is_own(path: &str) -> bool {
    PATHS.iter().any(|own| path.starts_with(own))
}

pub(super) fn router() -> Router<Door> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{*model}", get(model))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/embeddings", post(embeddings::embeddings))
}

/// What a model is here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Model {
    /// A conversation is a goal.
    Goal,
    /// It writes.
    Engine(String),
    /// It is asked.
    Agent(String),
}

impl Model {
    /// What is meant by a name. What is neither a goal's nor an engine's is an agent's; whether there is one is seen when it is asked.
    async fn of(door: &Door, caller: &Caller, name: &str) -> Result<Self, Refused> {
        if name == GOAL {
            return Ok(Self::Goal);
        }
        let engines: Vec<EngineLine> = ask(door, caller, Request::Engines {}).await?;
        let engine = engines
            .into_iter()
            .find(|engine| engine.name == name || engine.models.iter().any(|model| model == name));
        Ok(match engine {
            Some(engine) => Self::Engine(engine.name),
            None => Self::Agent(name.to_owned()),
        })
    }
}

/// Asks the node something whose answer has a known form.
async fn ask<T: DeserializeOwned>(
    door: &Door,
    caller: &Caller,
    request: Request,
) -> Result<T, Refused> {
    let value = door.value(caller, request).await?;
    serde_json::from_value(value).map_err(|error| Refused::strange(&error))
}

fn listed(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
}

/// `aios`, the engines, and the agents of charters that may be asked; other agents go by their name or role too.
async fn all(door: &Door, caller: &Caller) -> Result<Vec<Value>, Refused> {
    let engines: Vec<EngineLine> = ask(door, caller, Request::Engines {}).await?;
    let agents: Vec<AgentLine> = match door.value(caller, Request::Agents {}).await {
        Ok(agents) => serde_json::from_value(agents).map_err(|error| Refused::strange(&error))?,
        // To a guest there are none.
        Err(error) if error.kind == ErrorKind::Forbidden => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut models = vec![listed(GOAL, "aios")];
    models.extend(engines.iter().map(|engine| listed(&engine.name, "engine")));
    let mut charters: Vec<String> = agents
        .into_iter()
        .filter_map(|agent| agent.charter)
        .collect();
    charters.sort();
    charters.dedup();
    models.extend(charters.iter().map(|charter| listed(charter, "agent")));
    Ok(models)
}

async fn models(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let data = all(&door, &caller).await?;
    Ok(Json(json!({"object": "list", "data": data})).into_response())
}

async fn model(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    if let Some(known) = all(&door, &caller)
        .await?
        .into_iter()
        .find(|known| known["id"] == *name)
    {
        return Ok(Json(known).into_response());
    }
    match Model::of(&door, &caller, &name).await? {
        Model::Engine(_) => Ok(Json(listed(&name, "engine")).into_response()),
        _ => {
            let agent = name.clone();
            door.value(&caller, Request::Agent { agent })
                .await
                .map_err(|error| Refused::of_model(error, &name))?;
            Ok(Json(listed(&name, "agent")).into_response())
        }
    }
}
