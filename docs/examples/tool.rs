use aios_control::CallTool;
use aios_runtime::Node;
use aios_tools::function;
use aios_work::{Effect, ToolCall, ToolError};
use serde_json::json;

/// A parcel, in centimetres.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Parcel { width: f64, depth: f64, height: f64 }

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Volume { litres: f64 }

async fn volume(parcel: Parcel, _: ToolCall) -> Result<Volume, ToolError> {
    Ok(Volume { litres: parcel.width * parcel.depth * parcel.height / 1_000.0 })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tool = function("volume", "The volume of a parcel.", volume).effect(Effect::Pure);
    let node = Node::builder().tool(tool).start().await?;
    let call = CallTool::new("volume", json!({"width": 20, "depth": 30, "height": 10}));
    let called = node.control().call_tool(call).await?;
    assert_eq!(called.value, json!({"litres": 6.0}));
    node.stop().await;
    Ok(())
}
