//! A Rust function as a tool, beside the function itself.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_tools::{Toolbox, function};
use aios_work::{Capabilities, Effect, ToolCall, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::failed;

/// Calls of each subject in a slice, and slices in a round.
const CALLS: u32 = 50;
const SLICES: u32 = 10;
/// The most a call may cost beside the function, in milliseconds.
const LIMIT_MS: f64 = 0.5;
/// Rows of the large result: some 64 KB of JSON.
const ROWS: u32 = 1_000;

#[derive(Deserialize, JsonSchema)]
struct Order {
    rows: u32,
    name: String,
    factors: Vec<f64>,
}

#[derive(Serialize, JsonSchema)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    name: String,
    at: u32,
    value: f64,
}

async fn table(order: Order, _: ToolCall) -> Result<Table, ToolError> {
    let sum: f64 = order.factors.iter().sum();
    let row = |at| Row {
        name: format!("{} {at}", order.name),
        at,
        value: f64::from(at) * sum,
    };
    Ok(Table {
        rows: (0..order.rows).map(row).collect(),
    })
}

fn call(rows: u32) -> ToolCall {
    let args = json!({"rows": rows, "name": "a row of the table", "factors": [0.5, 1.5, 2.5]});
    ToolCall::new(args, Instant::now() + Duration::from_secs(60))
}

/// The function as somebody would call it who has JSON and wants JSON.
async fn bare(rows: u32) -> Result<Value, BenchError> {
    let call = call(rows);
    let order = Order::deserialize(&call.args).map_err(failed)?;
    serde_json::to_value(table(order, call).await.map_err(failed)?).map_err(failed)
}

pub(super) async fn measure(rounds: u32, report: &mut Report) -> Result<(), BenchError> {
    let tool = function("table", "Makes a table.", table).effect(Effect::Pure);
    let tools = Arc::new(Toolbox::default().with([tool.shared()]));
    let granted = Capabilities::none();
    for (name, rows) in [("small", 1), ("large", ROWS)] {
        let [mut alone, mut called, mut apart] = [const { Samples::new() }; 3];
        for _ in 0..rounds.saturating_mul(SLICES) {
            for _ in 0..CALLS {
                let begun = Instant::now();
                black_box(bare(rows).await?);
                alone.push(begun.elapsed().as_secs_f64());
            }
            for _ in 0..CALLS {
                let begun = Instant::now();
                black_box(
                    tools
                        .call("table", &granted, call(rows))
                        .await
                        .map_err(failed)?,
                );
                called.push(begun.elapsed().as_secs_f64());
            }
            for _ in 0..CALLS {
                let begun = Instant::now();
                black_box(
                    tools
                        .call_apart("table", &granted, call(rows))
                        .await
                        .map_err(failed)?,
                );
                apart.push(begun.elapsed().as_secs_f64());
            }
        }
        let [alone, called, apart] = [alone, called, apart].map(|samples| samples.median() * 1e6);
        report.figure(format!("{name}_function_us"), alone);
        report.figure(format!("{name}_toolbox_us"), called);
        report.figure(format!("{name}_apart_us"), apart);
        if name == "small" {
            report.bar(Bar::at_most(
                "function",
                "the runtime's own share of a call of a Rust tool beside the function itself",
                (apart - alone) / 1e3,
                LIMIT_MS,
                "ms",
            ));
        }
    }
    Ok(())
}
