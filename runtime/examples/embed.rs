//! A node inside a service: give it a goal, watch it, read the answer.
//!
//! `cargo run -p aios-runtime --example embed`

#![allow(clippy::print_stdout)]

use aios_runtime::{Goal, GoalEvent, Node};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without an engine of its own a node thinks with the scripted one: no weights, right figures, plain prose.
    let node = Node::builder().start().await?;
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/q3_sales.csv");
    let goal = Goal::new("Analyze Q3 sales")
        .data([table])
        .out(std::env::temp_dir().join("aios-embed"));

    let mut run = node.run(goal).await?;
    while let Some(event) = run.next().await {
        if let GoalEvent::Task(task) = event {
            println!("{:<10} {:<14} {:?}", task.task_id, task.tool, task.status);
        }
    }
    let answer = run.answer().await?;
    println!(
        "\n{}\n{:?} after {:.0} ms",
        answer.answer, answer.status, answer.duration_ms
    );
    node.stop().await;
    Ok(())
}
