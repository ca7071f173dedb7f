//! Plans that no pack's rules made: from a file, or of a model.
//!
//! Such a plan is about anything, so nothing is known of its results but what they say of themselves. [`Results`] reads them: what each task
//! gave, point by point, every number a fact. [`Figures`] judges what is written of them, and [`ModelPlans`] has a model make a plan where no
//! rules do.

mod check;
mod model;
mod page;
mod results;
mod schema;

use std::sync::Arc;

use aios_work::{MadeBy, Pack};

pub use check::Figures;
pub use model::ModelPlans;
pub use results::Results;

/// Everything about such plans, as a pack: it stands behind all others, so that it is asked for what no rules claim. With `writer`, a tool
/// that writes text by instruction, answers begin with a paragraph in words.
#[must_use]
pub fn pack(writer: Option<&str>) -> Pack {
    let results = |name| Arc::new(Results::new(name, writer.map(str::to_owned)));
    Pack {
        sources: vec![Arc::new(ModelPlans)],
        domains: vec![results(MadeBy::FILE), results(MadeBy::MODEL)],
        checks: vec![Arc::new(Figures)],
        ..Pack::default()
    }
}
