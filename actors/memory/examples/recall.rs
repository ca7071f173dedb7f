//! Remembers three documents and recalls them by meaning and by words: `cargo run -p aios-memory --example recall`.
//!
//! The vectors here are written by hand; a node takes them from its engine's `embed`.

use std::io::Write;

use aios_memory::{Document, Provenance, Query, VectorLimits, VectorMemory};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = VectorMemory::in_memory(VectorLimits {
        dimensions: 3,
        ..VectorLimits::default()
    });
    for (id, text, embedding) in [
        (
            "q3",
            "Bicycle sales fell by 4 % in the third quarter",
            [0.9, 0.1, 0.0],
        ),
        (
            "why",
            "Turnover shrank because a supplier failed",
            [0.8, 0.3, 0.0],
        ),
        ("rain", "It rained for most of August", [0.0, 0.1, 0.9]),
    ] {
        let provenance = Provenance {
            source: format!("notes/{id}.md"),
            confidence: 1.0,
            ..Provenance::default()
        };
        memory.add(
            "acme",
            Document {
                id: id.into(),
                text: text.into(),
                embeddings: vec![embedding.to_vec()],
                provenance,
            },
        )?;
    }

    let query = Query {
        text: "why did sales fall".into(),
        embeddings: vec![vec![1.0, 0.2, 0.0]],
        k: 2,
    };
    let mut out = std::io::stdout();
    for hit in memory.recall("acme", &query)? {
        writeln!(
            out,
            "{:.3}  {}  ({})",
            hit.score, hit.text, hit.provenance.source
        )?;
    }
    Ok(())
}
