//! Looks at a table, asks it one question and draws the answer:
//! `cargo run -p aios-tables --example profile -- docs/examples/q3_sales.csv`

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use aios_languages::english::name;
use aios_tables::{ColumnKind, TableProfile};
use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "docs/examples/q3_sales.csv".to_owned());
    let inputs = InputFile::all(&[&file])?;
    let workspaces = Workspaces::default();
    let toolbox = Toolbox::new(&workspaces).with(aios_tables::tools(&workspaces));
    let ask = async |tool: &str, args: Value| {
        let deadline = Instant::now() + Duration::from_secs(30);
        let call = ToolCall {
            idempotency_key: "example".to_owned(),
            inputs: inputs.clone(),
            out_dir: "target/example-profile".to_owned(),
            ..ToolCall::new(args, deadline)
        };
        toolbox.call(tool, &toolbox.needs(), call).await
    };
    let mut out = io::stdout().lock();

    let profile: TableProfile =
        serde_json::from_value(ask("profile_table", json!({})).await?.value)?;
    writeln!(out, "{}: {} rows", profile.file, profile.rows)?;
    for column in &profile.columns {
        writeln!(
            out,
            "  {:<16} {:<9} {} distinct, {} missing",
            column.name,
            format!("{:?}", column.kind),
            column.distinct,
            column.missing
        )?;
    }
    for warning in &profile.warnings {
        writeln!(out, "  note: {warning}")?;
    }

    let of_kind = |kind| {
        profile
            .columns
            .iter()
            .rev()
            .find(|column| column.kind == kind)
    };
    let (Some(group), Some(measure)) = (of_kind(ColumnKind::Category), of_kind(ColumnKind::Number))
    else {
        return Ok(());
    };
    let query = format!(
        "SELECT {0} AS label, sum({1}) AS total FROM data WHERE {0} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
        group.quoted(),
        measure.quoted()
    );
    let totals = ask(
        "sql",
        json!({"query": query, "facts": {"name": format!("{} of {{label}}", measure.name), "value": "total"}}),
    )
    .await?;
    for fact in &totals.facts {
        writeln!(out, "{} = {}", name(fact), fact.value)?;
    }
    let title = format!("{} by {}", measure.name, group.name);
    let chart = ask(
        "chart",
        json!({"kind": "bar", "title": title, "y_label": measure.name, "series": [{"points": totals.value["rows"]}]}),
    )
    .await?;
    for artifact in &chart.artifacts {
        writeln!(out, "{}: {}", artifact.path.display(), artifact.description)?;
    }
    Ok(())
}
