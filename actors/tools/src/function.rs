//! A tool that is one async function: its arguments and its result are types, and the types say what they look like.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use aios_work::{
    Capability, Effect, Stopped, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{WorkspaceError, args};

/// Characters of what is told of an error, its causes included.
const ERROR_CHARACTERS: usize = 2_000;

type Work = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>;

/// An async function as a tool; made by [`function`].
pub struct Function {
    spec: ToolSpec,
    work: Box<dyn Fn(ToolCall) -> Work + Send + Sync>,
}

/// The tool `name` that does what `work` does.
///
/// `work` takes its arguments and the [`ToolCall`] they came in (whose goal it is, its files and folder, what was granted, until when), and
/// gives its result or any error that can be boxed: a [`ToolError`] travels as it is, anything else becomes one of kind
/// [`Other`](ToolErrorKind::Other). The schemas of both come from their types; a field that the arguments' type does not have is refused.
///
/// Unless it is told otherwise the tool needs nothing and its effect is [`Effect::Ask`]: nobody knows what the function does but its author.
///
/// ```
/// # use aios_tools::function;
/// # use aios_work::{Effect, ToolCall, ToolError};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Box3 { width_m: f64, depth_m: f64, height_m: f64 }
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Volume { cubic_metres: f64 }
///
/// async fn volume(of: Box3, _: ToolCall) -> Result<Volume, ToolError> {
///     Ok(Volume { cubic_metres: of.width_m * of.depth_m * of.height_m })
/// }
///
/// let tool = function("volume", "The volume of a box.", volume).effect(Effect::Pure);
/// ```
pub fn function<I, O, E, W, F>(
    name: impl Into<String>,
    description: impl Into<String>,
    work: W,
) -> Function
where
    I: DeserializeOwned + JsonSchema,
    O: Serialize + JsonSchema,
    E: Into<Box<dyn Error + Send + Sync>>,
    W: Fn(I, ToolCall) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, E>> + Send + 'static,
{
    let name = name.into();
    let called = name.clone();
    let given = schema_of::<I>(SchemaSettings::draft2020_12().for_deserialize());
    let takes_nothing = given.get("type") == Some(&Value::from("null"));
    let work = move |mut call: ToolCall| -> Work {
        if takes_nothing {
            // To serde nothing is null, while arguments are an object.
            call.args = Value::Null;
        }
        let begun = args::parse(&called, &call).map(|input: I| work(input, call));
        Box::pin(async move {
            let output = begun?.await.map_err(|error| told(error.into()))?;
            serde_json::to_value(output).map_err(|error| told(error.into()))
        })
    };
    Function {
        spec: ToolSpec {
            name,
            description: description.into(),
            input: closed(given),
            output: schema_of::<O>(SchemaSettings::draft2020_12().for_serialize()),
            needs: [].into(),
            effect: Effect::Ask,
        },
        work: Box::new(work),
    }
}

impl Function {
    /// The same tool, which needs these capabilities to be granted and no others.
    #[must_use]
    pub fn needs(mut self, needs: impl IntoIterator<Item = Capability>) -> Self {
        self.spec.needs = needs.into_iter().collect();
        self
    }

    /// The same tool with this effect.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.spec.effect = effect;
        self
    }

    /// The same tool, as a toolbox takes it.
    #[must_use]
    pub fn shared(self) -> Arc<dyn Tool> {
        Arc::new(self)
    }
}

#[async_trait]
impl Tool for Function {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let value = (self.work)(call).await?;
        Ok(ToolOutput {
            value,
            ..ToolOutput::default()
        })
    }
}

/// The schema of a type, everything in its place: only a type that holds itself is referred to.
fn schema_of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// The same schema of arguments without room for unknown ones, unless the type says what those are: serde would pass over a misspelt name
/// in silence. Arguments are an object: a type without fields takes an empty one.
fn closed(mut schema: Value) -> Value {
    if schema.get("type") == Some(&Value::from("null")) {
        schema = Value::Object(Map::from_iter([("type".to_owned(), "object".into())]));
    }
    let beside = ["oneOf", "anyOf", "allOf", "$ref"];
    if let Some(fields) = schema.as_object_mut()
        && fields.get("type") == Some(&Value::from("object"))
        && !fields.contains_key("additionalProperties")
        // What is beside these has fields of its own.
        && !beside.iter().any(|word| fields.contains_key(*word))
    {
        fields.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

/// Whatever a function fails with, as what a caller understands.
fn told(error: Box<dyn Error + Send + Sync>) -> ToolError {
    let error = match error.downcast::<ToolError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    let error = match error.downcast::<WorkspaceError>() {
        Ok(error) => return (*error).into(),
        Err(error) => error,
    };
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return (*stopped).into();
    }
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if told.len() > ERROR_CHARACTERS {
            break;
        }
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    let told = told.chars().take(ERROR_CHARACTERS).collect::<String>();
    ToolError::new(ToolErrorKind::Other, told)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::Toolbox;

    /// What is greeted.
    #[derive(Deserialize, JsonSchema)]
    struct Greet {
        /// A name.
        name: String,
        times: Option<u32>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Greeting {
        text: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Tree {
        branches: Vec<Tree>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Shape {
        Circle { r: f64 },
        Square { side: f64 },
    }

    #[derive(Deserialize, JsonSchema)]
    struct Open {
        #[serde(flatten)]
        rest: Map<String, Value>,
    }

    async fn greet(input: Greet, _: ToolCall) -> Result<Greeting, ToolError> {
        let text = format!("hello {}. ", input.name);
        Ok(Greeting {
            text: text.repeat(input.times.unwrap_or(1) as usize),
        })
    }

    async fn called(tool: Function, args: Value) -> Result<Value, ToolError> {
        let name = tool.spec.name.clone();
        let tools = Toolbox::default().with([tool.shared()]);
        let call = ToolCall::new(args, Instant::now() + Duration::from_secs(60));
        let granted = tools.needs();
        Ok(tools.call(&name, &granted, call).await?.value)
    }

    #[test]
    fn the_schemas_are_those_of_the_types() {
        let spec = function("greet", "Greets.", greet).spec;
        assert_eq!(
            spec.input,
            json!({
                "title": "Greet",
                "description": "What is greeted.",
                "type": "object",
                "properties": {
                    "name": {"description": "A name.", "type": "string"},
                    "times": {"type": ["integer", "null"], "format": "uint32", "minimum": 0}
                },
                "required": ["name"],
                "additionalProperties": false
            })
        );
        assert_eq!(spec.output["properties"]["text"], json!({"type": "string"}));
        assert!(spec.needs.is_empty());
        assert_eq!(spec.effect, Effect::Ask);
        let spec = function("greet", "Greets.", greet)
            .needs([Capability::FILES_READ])
            .effect(Effect::Pure)
            .spec;
        assert_eq!(spec.needs, [Capability::FILES_READ].into());
        assert_eq!(spec.effect, Effect::Pure);
    }

    #[tokio::test]
    async fn arguments_come_in_as_their_type_and_the_result_goes_out_as_its_own() {
        let greet = || function("greet", "Greets.", greet);
        let said = called(greet(), json!({"name": "Ada", "times": 2})).await;
        assert_eq!(said.unwrap(), json!({"text": "hello Ada. hello Ada. "}));
        for (args, wrong) in [
            (json!({}), "name"),
            (json!({"name": 1}), "name"),
            (json!({"name": "Ada", "time": 2}), "time"),
            (json!({"name": "Ada", "times": -1}), "times"),
        ] {
            let error = called(greet(), args).await.unwrap_err();
            assert_eq!(error.kind(), ToolErrorKind::InvalidArguments);
            assert!(error.message().contains(wrong), "{error}");
        }

        let area = |shape: Shape, _: ToolCall| async move {
            Ok::<f64, ToolError>(match shape {
                Shape::Circle { r } => 3.0 * r * r,
                Shape::Square { side } => side * side,
            })
        };
        let area = || function("area", "About the area.", area);
        for (args, area_of) in [
            (json!({"kind": "circle", "r": 2}), Some(12.0)),
            (json!({"kind": "square", "side": 3.0}), Some(9.0)),
            (json!({"kind": "square", "r": 3.0}), None),
        ] {
            let said = called(area(), args).await.ok();
            assert_eq!(said, area_of.map(Value::from));
        }

        let mirror = |tree: Tree, _: ToolCall| async move { Ok::<Tree, ToolError>(tree) };
        let tree = json!({"branches": [{"branches": []}, {"branches": [{"branches": []}]}]});
        let mirror = || function("mirror", "The same.", mirror);
        assert_eq!(called(mirror(), tree.clone()).await.unwrap(), tree);
        let crooked = json!({"branches": [{"branches": [{}]}]});
        assert!(called(mirror(), crooked).await.is_err());

        let open = |open: Open, _: ToolCall| async move { Ok::<usize, ToolError>(open.rest.len()) };
        let said = called(function("open", "Counts.", open), json!({"a": 1, "b": 2})).await;
        assert_eq!(said.unwrap(), json!(2));

        let nothing = |(): (), _: ToolCall| async { Ok::<(), ToolError>(()) };
        let nothing = || function("nothing", "Nothing.", nothing);
        assert_eq!(called(nothing(), json!({})).await.unwrap(), json!(null));
    }

    #[tokio::test]
    async fn whatever_a_function_fails_with_is_a_tool_error() {
        let broken = |kind: u8, _: ToolCall| async move {
            let error: Box<dyn Error + Send + Sync> = match kind {
                0 => ToolError::new(ToolErrorKind::RateLimited, "later").into(),
                1 => Stopped::DeadlinePassed.into(),
                2 => "just words".into(),
                3 => std::io::Error::other("the disk").into(),
                _ => "long ".repeat(10_000).into(),
            };
            Err::<(), _>(error)
        };
        let of = |kind: u8| {
            let asked = move |(): (), call| broken(kind, call);
            called(function("broken", "Fails.", asked), json!({}))
        };
        for (kind, told, message) in [
            (0, ToolErrorKind::RateLimited, "later"),
            (1, ToolErrorKind::Timeout, "the deadline passed"),
            (2, ToolErrorKind::Other, "just words"),
            (3, ToolErrorKind::Other, "the disk"),
            (4, ToolErrorKind::Other, "long long"),
        ] {
            let error = of(kind).await.unwrap_err();
            assert_eq!(error.kind(), told);
            assert!(error.message().starts_with(message), "{error}");
            assert!(error.message().len() <= ERROR_CHARACTERS);
        }
    }
}
